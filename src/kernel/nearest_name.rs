//! Did you mean ...?

/// No known name is so long, and edits take time by the square of the length.
const MAX_NAME_BYTES: usize = 80;

/// The known name with the fewest edits from `name`, when they are few enough to be a slip.
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .filter(|known| is_name(known) && *known != name)
        .map(|known| (edits(&wanted, &known.to_lowercase()), known))
        .filter(|(edits, known)| *edits <= most_edits(known.len().max(wanted.chars().count())))
        .min_by_key(|(edits, known)| (*edits, known.len()))
        .map(|(_, known)| known)
}

/// Names that a cell can write; Rhai has others with `$` for itself.
fn is_name(known: &str) -> bool {
    known.len() > 1 && known.starts_with(|c: char| c.is_alphabetic() || c == '_') && !known.contains('$')
}

/// In a short word two changes make another word.
fn most_edits(n_chars: usize) -> usize {
    if n_chars <= 5 { 1 } else { 2.max(n_chars / 3) }
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b` (Damerau 1964, each place edited once).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let cell =
                |up: usize, j: usize| rows.get(i + 1 - up).and_then(|row| row.get(j)).copied().unwrap_or(usize::MAX);
            let replaced = cell(1, j).saturating_add(usize::from(from != to));
            let removed = cell(1, j + 1).saturating_add(1);
            let added = row.last().map_or(usize::MAX, |left| left + 1);
            let is_swap = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            let swapped = if is_swap { cell(2, j - 1).saturating_add(1) } else { usize::MAX };
            row.push(replaced.min(removed).min(added).min(swapped));
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
            ("psuh", "push", 1),
        ] {
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
        assert_eq!(nearest_name("oops", ["tools", "ops$", "op"]), None);
        assert_eq!(nearest_name("tols", ["tools"]), Some("tools"));
    }
}
