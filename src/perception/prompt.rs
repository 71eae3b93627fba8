//! What a segmenter is asked for, and how well an instance fits.

use crate::geometry::{Mask, PixelBox};

/// Overlap (intersection over union of rectangles) that an instance needs with a box that asks for it.
pub const MIN_BOX_IOU: f64 = 0.1;

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Words, such as "mug".
    Text(String),
    /// Everything the backend can name.
    Everything,
    /// The one thing under these pixels.
    Points(Vec<PromptPoint>),
    /// The one thing in this rectangle.
    Box(PixelBox),
}

/// A pixel that belongs to the thing, or to anything but it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptPoint {
    /// Column.
    pub u_px: u32,
    /// Row.
    pub v_px: u32,
    /// On the thing; otherwise off it.
    pub is_foreground: bool,
}

/// A kind of prompt, for what a backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// [`Prompt::Text`].
    Text,
    /// [`Prompt::Everything`].
    Everything,
    /// [`Prompt::Points`].
    Points,
    /// [`Prompt::Box`].
    Box,
}

impl PromptKind {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            PromptKind::Text => "a text prompt",
            PromptKind::Everything => "a prompt for everything",
            PromptKind::Points => "a point prompt",
            PromptKind::Box => "a box prompt",
        }
    }
}

impl Prompt {
    /// Its kind.
    pub fn kind(&self) -> PromptKind {
        match self {
            Prompt::Text(_) => PromptKind::Text,
            Prompt::Everything => PromptKind::Everything,
            Prompt::Points(_) => PromptKind::Points,
            Prompt::Box(_) => PromptKind::Box,
        }
    }
}

/// How many foreground points the mask holds; `None` when it holds none, or any background point.
///
/// ```
/// use spatialclaw::{geometry::Mask, perception::prompt::{PromptPoint, n_points_held}};
///
/// let mask = Mask::new(3, 1, vec![true, true, false]).unwrap();
/// let at = |u_px, is_foreground| PromptPoint { u_px, v_px: 0, is_foreground };
/// assert_eq!(n_points_held(&mask, &[at(0, true), at(2, true), at(2, false)]), Some(1));
/// assert_eq!(n_points_held(&mask, &[at(0, true), at(1, false)]), None);
/// ```
pub fn n_points_held(mask: &Mask, points: &[PromptPoint]) -> Option<usize> {
    let holds =
        |wanted: bool| points.iter().filter(|p| p.is_foreground == wanted && mask.contains(p.u_px, p.v_px)).count();
    (holds(false) == 0).then(|| holds(true)).filter(|n| *n > 0)
}

/// Intersection over union of two rectangles of pixels.
pub fn box_iou(a: &PixelBox, b: &PixelBox) -> f64 {
    let side = |low: u32, high: u32| (f64::from(high) - f64::from(low) + 1.0).max(0.0);
    let area = |b: &PixelBox| side(b.u_min_px, b.u_max_px) * side(b.v_min_px, b.v_max_px);
    let common = side(a.u_min_px.max(b.u_min_px), a.u_max_px.min(b.u_max_px))
        * side(a.v_min_px.max(b.v_min_px), a.v_max_px.min(b.v_max_px));
    let all = area(a) + area(b) - common;
    if all > 0.0 { common / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_overlap_by_pixels_with_both_ends_included() {
        let of = |u_min_px, v_min_px, u_max_px, v_max_px| PixelBox { u_min_px, v_min_px, u_max_px, v_max_px };
        let check = |a, b, expected: f64| {
            assert_eq!((box_iou(&a, &b), box_iou(&b, &a)), (expected, expected), "{a:?} {b:?}");
        };
        check(of(0, 0, 9, 9), of(0, 0, 9, 9), 1.0);
        check(of(0, 0, 9, 9), of(0, 0, 9, 4), 0.5);
        check(of(0, 0, 9, 9), of(5, 0, 14, 9), 50.0 / 150.0);
        check(of(0, 0, 9, 9), of(10, 0, 19, 9), 0.0);
        check(of(3, 3, 3, 3), of(3, 3, 3, 3), 1.0);
    }
}
