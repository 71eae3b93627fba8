//! `Mask`: one object's pixels in one frame.

use rhai::{Array, Dynamic};

use super::{
    FrameValue, ValueSpec,
    numbers::{bools_of, mask_of},
    per_frame::require_same_frame,
    point_map::pixel,
};
use crate::{
    array::{Arr, Bools},
    geometry::{Mask, PixelBox},
    tools::{Library, RhaiResult, ToolError, arguments::describe},
};

/// Most pixels that a mask is grown or shrunk by.
const MAX_STEPS: i64 = 200;

/// One object's pixels in one frame.
#[derive(Clone)]
pub struct MaskValue {
    /// The frame.
    pub frame: FrameValue,
    /// Its pixels.
    pub mask: Mask,
    /// The object's name.
    pub label: String,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Mask",
    doc: "Pixels of one object in one frame. Masks of different frames do not mix.",
    members: &[
        ("a & b, a | b, a ^ b, !a", "another Mask of the same frame; b may be HxW Bools"),
        (".area .n_pixels", "number of pixels"),
        (".box", "[u_min, v_min, u_max, v_max], both ends included; () when empty"),
        (".centroid", "[u, v], median of columns and of rows; () when empty"),
        (".contains(u, v)", "whether the pixel belongs to it"),
        (".iou(mask)", "intersection over union, 0 when both are empty"),
        (".erode(px) .dilate(px)", "smaller or larger by that many pixels"),
        (".arr", "HxW Bools"),
        (".label .index .stamp .camera .width .height .shape", "whose, and which image"),
    ],
};

/// `[u_min, v_min, u_max, v_max]`.
pub fn list_of_box(b: &PixelBox) -> Array {
    [b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px].map(|v| Dynamic::from_int(i64::from(v))).to_vec()
}

impl MaskValue {
    /// Another mask, or HxW Bools, over the same frame.
    ///
    /// # Errors
    /// Another frame, another size, or something else.
    pub fn same_frame_mask(&self, other: &Dynamic, what: &str) -> Result<(Mask, String), ToolError> {
        if let Some(other) = other.read_lock::<MaskValue>() {
            require_same_frame(&other.frame, what, &self.frame, "the mask")?;
            return Ok((other.mask.clone(), other.label.clone()));
        }
        let Some(bools) = other.read_lock::<Bools>() else {
            return Err(ToolError::argument(format!("{what} is {}, wanted a Mask or HxW Bools", describe(other))));
        };
        let mask = mask_of(&bools, what)?;
        if (mask.width_px(), mask.height_px()) != (self.mask.width_px(), self.mask.height_px()) {
            return Err(ToolError::argument(format!(
                "{what} is {}x{} and the mask {}x{} pixels (width x height)",
                mask.width_px(),
                mask.height_px(),
                self.mask.width_px(),
                self.mask.height_px()
            )));
        }
        Ok((mask, "bools".to_owned()))
    }

    fn combined(&self, other: &Dynamic, sign: &str, of: fn(bool, bool) -> bool) -> RhaiResult<MaskValue> {
        let (other, label) = self.same_frame_mask(other, &format!("the right side of `{sign}`"))?;
        let mask = self.mask.combined(&other, of).ok_or_else(|| ToolError::argument("the masks differ in size"))?;
        Ok(MaskValue { frame: self.frame.clone(), mask, label: format!("{} {sign} {label}", self.label) })
    }

    fn changed(&self, n_px: i64, of: fn(&Mask, u32) -> Mask) -> RhaiResult<MaskValue> {
        let steps = u32::try_from(n_px).ok().filter(|_| n_px <= MAX_STEPS);
        let steps = steps
            .ok_or_else(|| ToolError::argument(format!("the number of pixels is {n_px}, wanted 0 to {MAX_STEPS}")))?;
        Ok(MaskValue { mask: of(&self.mask, steps), ..self.clone() })
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let place = match self.mask.bounding_box() {
            Some(b) => format!(", box [{}, {}, {}, {}]", b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px),
            None => ", empty".to_owned(),
        };
        format!("Mask of {} in {}, {} pixels{place}", self.label, self.frame.name(), self.mask.n_pixels())
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<MaskValue>("Mask")
        .register_get("n_pixels", |m: &mut MaskValue| m.mask.n_pixels() as i64)
        .register_get("area", |m: &mut MaskValue| m.mask.n_pixels() as i64)
        .register_get("label", |m: &mut MaskValue| m.label.clone())
        .register_get("box", |m: &mut MaskValue| match m.mask.bounding_box() {
            Some(b) => Dynamic::from(list_of_box(&b)),
            None => Dynamic::UNIT,
        })
        .register_get("centroid", |m: &mut MaskValue| match m.mask.median_pixel() {
            Some((u, v)) => Dynamic::from(Arr::of_vec(vec![u, v])),
            None => Dynamic::UNIT,
        })
        .register_get("arr", |m: &mut MaskValue| bools_of(&m.mask))
        .register_get("width", |m: &mut MaskValue| i64::from(m.mask.width_px()))
        .register_get("height", |m: &mut MaskValue| i64::from(m.mask.height_px()))
        .register_get("shape", |m: &mut MaskValue| {
            [m.mask.height_px(), m.mask.width_px()].map(|n| Dynamic::from_int(i64::from(n))).to_vec() as Array
        })
        .register_get("index", |m: &mut MaskValue| m.frame.index() as i64)
        .register_get("stamp", |m: &mut MaskValue| m.frame.view().stamp.as_secs_f64())
        .register_get("camera", |m: &mut MaskValue| m.frame.view().camera.to_string())
        .register_fn("contains", |m: &mut MaskValue, u: Dynamic, v: Dynamic| -> RhaiResult<bool> {
            let (u, v) = pixel(&u, &v, m.frame.size_px())?;
            Ok(m.mask.contains(u, v))
        })
        .register_fn("iou", |m: &mut MaskValue, other: Dynamic| -> RhaiResult<f64> {
            let (other, _) = m.same_frame_mask(&other, "the other mask")?;
            Ok(m.mask.iou(&other).unwrap_or(0.0))
        })
        .register_fn("erode", |m: &mut MaskValue, n_px: i64| m.changed(n_px, Mask::eroded))
        .register_fn("dilate", |m: &mut MaskValue, n_px: i64| m.changed(n_px, Mask::dilated))
        .register_fn("&", |m: MaskValue, other: MaskValue| m.combined(&Dynamic::from(other), "&", |a, b| a && b))
        .register_fn("|", |m: MaskValue, other: MaskValue| m.combined(&Dynamic::from(other), "|", |a, b| a || b))
        .register_fn("^", |m: MaskValue, other: MaskValue| m.combined(&Dynamic::from(other), "^", |a, b| a != b))
        .register_fn("&", |m: MaskValue, other: Bools| m.combined(&Dynamic::from(other), "&", |a, b| a && b))
        .register_fn("|", |m: MaskValue, other: Bools| m.combined(&Dynamic::from(other), "|", |a, b| a || b))
        .register_fn("^", |m: MaskValue, other: Bools| m.combined(&Dynamic::from(other), "^", |a, b| a != b))
        .register_fn("!", |m: MaskValue| MaskValue {
            mask: m.mask.inverted(),
            label: format!("not {}", m.label),
            frame: m.frame,
        })
        .register_fn("to_string", |m: &mut MaskValue| m.text())
        .register_fn("to_debug", |m: &mut MaskValue| m.text());
}
