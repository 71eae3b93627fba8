//! Did you mean ...?

/// The known name with the fewest edits from `name`, when they are few enough to be a slip.
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .filter(|known| known.len() > 1 && known.starts_with(|c: char| c.is_alphabetic() || c == '_') && *known != name)
        .map(|known| (edits(&wanted, &known.to_lowercase()), known))
        .filter(|(edits, known)| *edits <= 2.max(known.len() / 3) && *edits < wanted.chars().count().max(2))
        .min_by_key(|(edits, known)| (*edits, known.len()))
        .map(|(_, known)| known)
}

/// Insertions, deletions and replacements from `a` to `b` (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (*cell + 1).min(left + 1).min(diagonal + usize::from(from != *to));
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0)]
        {
            assert_eq!(edits(a, b), expected, "{a} {b}");
            assert_eq!(edits(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_slips_are_corrected() {
        let known = ["surface_distance", "height", "bearing", "x", "+"];
        assert_eq!(nearest_name("surface_distnace", known), Some("surface_distance"));
        assert_eq!(nearest_name("Height", known), Some("height"));
        assert_eq!(nearest_name("colour", known), None);
        assert_eq!(nearest_name("xy", known), None);
    }
}
