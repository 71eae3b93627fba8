//! Suggestions from the text of a cell.

/// Names after `let`, `const` and `for`, roughly: for suggestions only.
pub fn declared_names(source: &str) -> impl Iterator<Item = &str> {
    let mut words = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            if matches!(word, "let" | "const" | "for") {
                return words.next();
            }
        }
    })
}
