//! What the names of pictures say.

use std::path::Path;

use crate::{bag::ImageKind, scene::Stamp};

const COLOR_WORDS: [&str; 6] = ["rgb", "color", "colour", "image", "images", "img"];
const DEPTH_WORDS: [&str; 2] = ["depth", "depths"];
const LABEL_WORDS: [&str; 9] =
    ["label", "labels", "instance", "instances", "seg", "segmentation", "mask", "masks", "ids"];
const SEPARATORS: [char; 3] = ['_', '-', '.'];

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Color,
    Depth,
    Labels,
}

impl Kind {
    pub fn image(self) -> ImageKind {
        match self {
            Kind::Color => ImageKind::Color,
            Kind::Depth => ImageKind::Depth,
            Kind::Labels => ImageKind::Labels,
        }
    }
}

/// `png` or `jpeg`, by the suffix.
pub(super) fn format_of(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_string_lossy().to_lowercase().as_str() {
        "png" => Some("png"),
        "jpg" | "jpeg" => Some("jpeg"),
        _ => None,
    }
}

/// Without folder and suffix.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn kind_of_word(word: &str) -> Option<Kind> {
    let word = word.to_lowercase();
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    if is_in(&COLOR_WORDS) {
        Some(Kind::Color)
    } else if is_in(&DEPTH_WORDS) {
        Some(Kind::Depth)
    } else {
        is_in(&LABEL_WORDS).then_some(Kind::Labels)
    }
}

/// Name and kind of a picture: `learn0_depth_mm.png` is the depth of `learn0`, `depth_7.png` that of `7`, `1.png` the colour of `1`.
/// `None` for other files.
pub(super) fn of_file(path: &Path) -> Option<(String, Kind)> {
    format_of(path)?;
    let stem = stem(path);
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for word in stem.split(SEPARATORS) {
        words.push((start, word));
        start += word.len() + 1;
    }
    let last_of = |is_wanted: &dyn Fn(Kind) -> bool| {
        words.iter().rposition(|(_, word)| kind_of_word(word).is_some_and(is_wanted))
    };
    let Some(at) = last_of(&|kind| kind != Kind::Color).or_else(|| last_of(&|_| true)) else {
        return Some((stem, Kind::Color));
    };
    let kind = words.get(at).and_then(|(_, word)| kind_of_word(word))?;
    let (before, rest) = words.split_at_checked(at)?;
    // `img_7_depth` belongs to `img_7`, whose own word comes first.
    let n_kinds = before.iter().take_while(|(_, word)| kind_of_word(word).is_some()).count();
    let named = match before.get(n_kinds..) {
        Some(named) if !named.is_empty() => named,
        _ => rest.get(1..).unwrap_or_default(),
    };
    let range = named.first().zip(named.last()).map_or(0..0, |(first, last)| first.0..last.0 + last.1.len());
    let name = stem.get(range).unwrap_or_default().to_owned();
    Some((name, kind))
}

/// A name that is a time: digits, a decimal point, digits.
pub(super) fn stamp_in(name: &str) -> Option<Stamp> {
    let (secs, fraction) = name.split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(secs) || !is_digits(fraction) {
        return None;
    }
    let nanos: i64 = format!("{:0<9}", fraction).get(..9)?.parse().ok()?;
    secs.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos).map(|nanos| Stamp { nanos })
}

/// The last number in a name, to sort by.
pub(super) fn number_in(name: &str) -> Option<u64> {
    let digits = name.rsplit(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_read_from_files() {
        let check = |file: &str, name: &str, kind| assert_eq!(of_file(Path::new(file)), Some((name.to_owned(), kind)));
        check("a/learn0_depth_mm.png", "learn0", Kind::Depth);
        check("learn0_rgb.png", "learn0", Kind::Color);
        check("learn0_instance.png", "learn0", Kind::Labels);
        check("frame-000116.color.png", "frame-000116", Kind::Color);
        check("1.png", "1", Kind::Color);
        check("1_depth.png", "1", Kind::Depth);
        check("000000-label.png", "000000", Kind::Labels);
        check("Depth.PNG", "", Kind::Depth);
        check("depth_7.png", "7", Kind::Depth);
        check("rgb_7.png", "7", Kind::Color);
        check("img_0007_depth.png", "0007", Kind::Depth);
        check("img_0007.jpg", "0007", Kind::Color);
        assert_eq!(of_file(Path::new("notes.txt")), None);
    }

    #[test]
    fn times_are_read_to_the_nanosecond_and_counters_are_none() {
        assert_eq!(stamp_in("1305031102.175304"), Some(Stamp { nanos: 1_305_031_102_175_304_000 }));
        assert_eq!(stamp_in("0.5"), Some(Stamp { nanos: 500_000_000 }));
        assert_eq!(
            (stamp_in("000012"), stamp_in("a.b"), stamp_in("1."), stamp_in("99999999999999.1")),
            (None, None, None, None)
        );
        assert_eq!((number_in("frame-000116"), number_in("desk")), (Some(116), None));
    }
}
