//! What a model most likely meant where Rhai cannot read on.

/// A hint for a syntax error on this line; `previous` is the last line before it with code.
pub fn hint(message: &str, line: &str, previous: Option<(usize, &str)>) -> Option<String> {
    let code = line.trim();
    if message.contains("maximum complexity") {
        return Some("give parts of the expression to variables".to_owned());
    }
    if let Some(hint) = python_construct(line) {
        return Some(hint);
    }
    if message.contains("';'") {
        return Some(match previous {
            Some((number, previous)) if !previous.trim_end().ends_with([';', '{', '}', ',']) => {
                format!("add `;` at the end of line {number}")
            }
            _ => "statements end with `;`".to_owned(),
        });
    }
    if message.contains("reserved keyword") || message.contains("reserved symbol") {
        return Some("choose another name".to_owned());
    }
    if code.contains('\'') {
        return Some("strings are written in double quotes".to_owned());
    }
    if code.contains('{') && code.contains("\":") {
        return Some("maps are written #{key: value}".to_owned());
    }
    None
}

/// A construct of Python that has another form here.
pub fn python_construct(line: &str) -> Option<String> {
    let code = line.trim();
    let starts = |word: &str| code.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '(', ':']));
    if starts("def") {
        return Some("functions are written `fn name(a, b) { ... }`".to_owned());
    }
    if starts("from") || starts("import") {
        return Some("there are no imports; tools, InputImages and Metadata are in scope already".to_owned());
    }
    if starts("elif") {
        return Some("write `else if condition { ... }`".to_owned());
    }
    if starts("class") {
        return Some("there are no classes; use a map #{key: value} and functions".to_owned());
    }
    let is_block =
        ["if", "for", "while", "else", "try", "with"].iter().any(|word| starts(word) || code == format!("{word}:"));
    if is_block && code.ends_with(':') {
        return Some("blocks are written with braces: `if condition { ... }`, `for x in list { ... }`".to_owned());
    }
    if code.contains("f\"") || code.contains("f'") {
        return Some("formatted text is written in back-ticks: `mug at ${fmt(x, 3)} m`".to_owned());
    }
    if starts("lambda") || code.contains(" lambda ") || code.contains("(lambda ") {
        return Some("closures are written |x| x + 1".to_owned());
    }
    if code.contains('[') && code.contains(" for ") && code.contains(" in ") {
        return Some("there are no comprehensions; write list.filter(|x| ...).map(|x| ...)".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_of_python_are_recognised() {
        let check = |message: &str, line: &str, expected: &str| {
            assert_eq!(hint(message, line, None).as_deref(), Some(expected), "{line}");
        };
        check("Expecting ';'", "def f(x):", "functions are written `fn name(a, b) { ... }`");
        check(
            "Expecting '{'",
            "if x > 1:",
            "blocks are written with braces: `if condition { ... }`, `for x in list { ... }`",
        );
        check(
            "Expecting '{'",
            "else:",
            "blocks are written with braces: `if condition { ... }`, `for x in list { ... }`",
        );
        check("Expecting ';'", "print(f\"{x}\")", "formatted text is written in back-ticks: `mug at ${fmt(x, 3)} m`");
        check(
            "Expecting ','",
            "let y = [f(x) for x in xs]",
            "there are no comprehensions; write list.filter(|x| ...).map(|x| ...)",
        );
        check("Invalid character", "let s = 'text';", "strings are written in double quotes");
        check("'go' is a reserved keyword", "let go = 1;", "choose another name");
    }

    #[test]
    fn a_missing_semicolon_is_placed() {
        let found = hint("Expecting ';' to terminate this statement", "let b = 2;", Some((1, "let a = 1")));
        assert_eq!(found.as_deref(), Some("add `;` at the end of line 1"));
    }
}
