//! Which known names look like a mistyped one.

/// Positions of at most `n_most` names that differ from `wanted` in few letters, or that contain it or are contained in it;
/// nearest first.
pub fn nearest_names<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>, n_most: usize) -> Vec<usize> {
    let limit = wanted.chars().count().div_ceil(3).max(2);
    let contains =
        |name: &str| wanted.len() >= 3 && name.len() >= 3 && (name.contains(wanted) || wanted.contains(name));
    let mut near: Vec<(usize, usize)> = known
        .into_iter()
        .enumerate()
        .map(|(index, name)| (edit_distance(wanted, name), index, contains(name)))
        .filter(|(distance, _, contains)| *distance <= limit || *contains)
        .map(|(distance, index, _)| (distance, index))
        .collect();
    near.sort_unstable();
    near.into_iter().take(n_most).map(|(_, index)| index).collect()
}

/// Letters to insert, delete or replace (Levenshtein 1966).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n_before, letter) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(n_before + 1);
        for ((other, pair), left) in b.iter().zip(row.windows(2)).zip(0..) {
            let [diagonal, above] = pair else { continue };
            let left: usize = next.get::<usize>(left).copied().unwrap_or(usize::MAX);
            next.push((diagonal + usize::from(*other != letter)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_are_those_of_the_textbook() {
        let check = |a, b, expected| assert_eq!(edit_distance(a, b), expected, "{a} {b}");
        check("kitten", "sitting", 3);
        check("", "abc", 3);
        check("abc", "", 3);
        check("flaw", "lawn", 2);
        check("map", "map", 0);
    }

    #[test]
    fn near_names_come_nearest_first() {
        let known = ["base_link", "base_footprint", "map", "odom", "camera_link", "base_lnk2"];
        assert_eq!(nearest_names("base_lnk", known, 3), vec![0, 5]);
        assert_eq!(nearest_names("camera", known, 3), vec![4]);
        assert_eq!(nearest_names("world", known, 3), Vec::<usize>::new());
    }
}
