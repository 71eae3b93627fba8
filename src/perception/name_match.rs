//! Which labels a name means.
//!
//! Both sides are folded first: lower case, `_` and `-` are spaces, a leading article is dropped, and the last word loses its
//! plural ending. A name then means a label when the two are equal, when the label is the name followed by a number (`object`
//! and `object 2`), or when the label's last words are the name (`cup` and `red cup`).

/// How closely a label fits a name; a greater value fits better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameMatch {
    /// The label is a kind of what the name says: `red cup` for `cup`, `object 2` for `object`.
    Class,
    /// The label is the name.
    Exact,
}

/// How `label` fits `name`; `None` when it does not.
///
/// ```
/// use spatialclaw::perception::name_match::{NameMatch, match_name};
///
/// assert_eq!(match_name("the Mugs", "mug"), Some(NameMatch::Exact));
/// assert_eq!(match_name("cup", "red_cup"), Some(NameMatch::Class));
/// assert_eq!(match_name("red cup", "cup"), None);
/// ```
pub fn match_name(name: &str, label: &str) -> Option<NameMatch> {
    let (name, label) = (Folded::new(name), Folded::new(label));
    if name.words.is_empty() || label.words.is_empty() {
        return None;
    }
    if name == label {
        return Some(NameMatch::Exact);
    }
    let numberless = label.without_number();
    (label.ends_with(&name) || numberless.is_some_and(|label| label.ends_with(&name))).then_some(NameMatch::Class)
}

/// Positions of the labels that `name` means, in the given order. When any label is the name itself, the merely similar ones are
/// left out: `cup` does not mean `red cup` where a `cup` stands.
pub fn best_matches<'a>(name: &str, labels: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let found: Vec<(usize, NameMatch)> =
        labels.into_iter().enumerate().filter_map(|(index, label)| Some((index, match_name(name, label)?))).collect();
    let best = found.iter().map(|(_, fit)| *fit).max();
    found.into_iter().filter(|(_, fit)| Some(*fit) == best).map(|(index, _)| index).collect()
}

/// The name as it is compared: lower case, without article, plural or punctuation between words.
pub fn folded_name(name: &str) -> String {
    Folded::new(name).words.join(" ")
}

#[derive(PartialEq, Eq)]
struct Folded {
    words: Vec<String>,
}

impl Folded {
    fn new(text: &str) -> Folded {
        let mut words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || c == '_' || c == '-')
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
            .filter(|word| !word.is_empty())
            .collect();
        while words.len() > 1 && words.first().is_some_and(|word| matches!(word.as_str(), "the" | "a" | "an")) {
            words.remove(0);
        }
        if let Some(last) = words.last_mut() {
            *last = singular(last);
        }
        Folded { words }
    }

    fn ends_with(&self, name: &Folded) -> bool {
        self.words.ends_with(&name.words)
    }

    /// `red cups 2` as `red cup`; `None` when the last word is no number or nothing else is left.
    fn without_number(&self) -> Option<Folded> {
        let (last, rest) = self.words.split_last()?;
        if rest.is_empty() || !last.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut words = rest.to_vec();
        if let Some(last) = words.last_mut() {
            *last = singular(last);
        }
        Some(Folded { words })
    }
}

/// The word without a regular English plural ending. Applied to both sides, so a wrong guess (`lens`) still matches itself.
fn singular(word: &str) -> String {
    const IRREGULAR: [(&str, &str); 8] = [
        ("knives", "knife"),
        ("shelves", "shelf"),
        ("loaves", "loaf"),
        ("people", "person"),
        ("men", "man"),
        ("women", "woman"),
        ("children", "child"),
        ("mice", "mouse"),
    ];
    if let Some((_, single)) = IRREGULAR.iter().find(|(plural, _)| *plural == word) {
        return (*single).to_owned();
    }
    let stem = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 2);
    if let Some(stem) = stem("ies").filter(|stem| stem.chars().count() >= 3) {
        return format!("{stem}y");
    }
    for sibilant in ["ss", "sh", "ch", "x", "zz"] {
        if let Some(stem) = stem("es").filter(|stem| stem.ends_with(sibilant)) {
            return stem.to_owned();
        }
    }
    if let Some(stem) = stem("oes") {
        return format!("{stem}o");
    }
    match stem("s") {
        Some(stem) if !["s", "u", "i"].iter().any(|end| stem.ends_with(end)) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use NameMatch::{Class, Exact};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_mean_labels_as_people_expect() {
        let check = |name, label, expected| assert_eq!(match_name(name, label), expected, "{name:?} and {label:?}");
        check("mug", "mug", Some(Exact));
        check("Mug", "MUG", Some(Exact));
        check("the mug", "mug", Some(Exact));
        check("a box", "box", Some(Exact));
        check("an apple", "apple", Some(Exact));
        check("cups", "cup", Some(Exact));
        check("cup", "cups", Some(Exact));
        check("boxes", "box", Some(Exact));
        check("glasses", "glass", Some(Exact));
        check("glass", "glass", Some(Exact));
        check("dishes", "dish", Some(Exact));
        check("benches", "bench", Some(Exact));
        check("plates", "plate", Some(Exact));
        check("oranges", "orange", Some(Exact));
        check("vases", "vase", Some(Exact));
        check("houses", "house", Some(Exact));
        check("berries", "berry", Some(Exact));
        check("toys", "toy", Some(Exact));
        check("potatoes", "potato", Some(Exact));
        check("shelves", "shelf", Some(Exact));
        check("knives", "knife", Some(Exact));
        check("people", "person", Some(Exact));
        check("bus", "bus", Some(Exact));
        check("coffee-table", "coffee_table", Some(Exact));
        check("coffee tables", "coffee_table", Some(Exact));
        check(" red   cup ", "red cup", Some(Exact));
        check("\"mug\"?", "mug", Some(Exact));

        check("object", "object 2", Some(Class));
        check("object", "object_2", Some(Class));
        check("objects", "object 2", Some(Class));
        check("object 2", "object 2", Some(Exact));
        check("cup", "red cup", Some(Class));
        check("cup", "big red cups", Some(Class));
        check("red cup", "big red cup", Some(Class));
        check("cup", "red cup 12", Some(Class));

        check("object 2", "object 3", None);
        check("object 2", "object 12", None);
        check("object 2", "object", None);
        check("red cup", "cup", None);
        check("red", "red cup", None);
        check("cup", "cupboard", None);
        check("cup", "teacup", None);
        check("cup", "cup holder", None);
        check("mug", "muga", None);
        check("", "mug", None);
        check("mug", "", None);
        check("the", "mug", None);
        check("2", "object 2", Some(Class));
    }

    #[test]
    fn the_label_itself_wins_over_its_kinds() {
        let labels = ["red cup", "cup", "cup 2", "table", "cup"];
        assert_eq!(best_matches("cup", labels), vec![1, 4]);
        assert_eq!(best_matches("the red cups", labels), vec![0]);
        assert_eq!(best_matches("object", ["object 1", "box", "object 2"]), vec![0, 2]);
        assert_eq!(best_matches("dog", labels), Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn a_label_always_means_itself(label in "[a-zA-Z]{1,9}([ _-][a-zA-Z0-9]{1,9}){0,3}") {
            prop_assert_eq!(match_name(&label, &label), Some(Exact));
            prop_assert_eq!(match_name(&format!("the {label}"), &label.to_uppercase()), Some(Exact));
        }

        #[test]
        fn no_text_panics(name in "\\PC{0,20}", label in "\\PC{0,20}") {
            let _ = match_name(&name, &label);
        }

        #[test]
        fn a_number_makes_a_kind(word in "[a-z]{2,9}", number in 0u32..1000) {
            prop_assume!(word != "an" && word != "the");
            prop_assert_eq!(match_name(&word, &format!("{word} {number}")), Some(Class));
        }
    }
}
