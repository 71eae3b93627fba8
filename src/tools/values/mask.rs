//! `PerFrameMask`: which pixels belong to which object, in one or more frames.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine};

use super::{FrameValue, PointsValue, ReconstructionValue, ValueSpec};
use crate::{
    array::Arr,
    geometry::Mask,
    tools::{
        RhaiResult, Session, ToolError,
        arguments::{index, list_of_point},
        measure::points_under,
        overlay,
    },
};

/// Objects × frames.
#[derive(Clone)]
pub struct MaskValue(Arc<Inner>);

/// What a mask holds.
pub struct Inner {
    /// One name per object.
    pub labels: Vec<String>,
    /// One instance id per object, where it has one.
    pub instances: Vec<Option<u32>>,
    /// The frames looked at.
    pub frames: Vec<FrameValue>,
    /// `masks[frame][object]`.
    pub masks: Vec<Vec<Mask>>,
}

impl std::ops::Deref for MaskValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// One object's pixels in one frame, for `show`.
#[derive(Clone)]
pub struct ObjectMask {
    /// The frame.
    pub frame: FrameValue,
    /// Its pixels.
    pub mask: Mask,
    /// The object's name.
    pub label: String,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "PerFrameMask",
    doc: "Pixels of objects in frames. `frame` is a position in InputImages, `object` a position in `.labels` (default 0).",
    members: &[
        (".labels .num_objects .frame_indices", "names, how many, positions in InputImages"),
        (".get_mask(frame, object)", "its pixels, with `.n_pixels .box`; usable in show"),
        (".get_masked_points(reconstruction, frame, object)", "Points in the fixed frame"),
        (".get_centroid_3d(reconstruction, frame, object)", "[x, y, z], median of those points"),
        (".visualize()", "shows every frame with its masks"),
    ],
};

impl MaskValue {
    /// From its parts.
    pub fn new(inner: Inner) -> MaskValue {
        MaskValue(Arc::new(inner))
    }

    fn at(&self, frame: i64, object: i64) -> Result<ObjectMask, ToolError> {
        let position = self.frames.iter().position(|f| f.view().view_idx as i64 == frame);
        let Some(position) = position else {
            let found: Vec<String> = self.frames.iter().map(|f| f.view().view_idx.to_string()).collect();
            return Err(ToolError::argument(format!("frame is {frame}, this mask has frames {}", found.join(", "))));
        };
        let object = index(object, self.labels.len(), "object")?;
        let mask = self.masks.get(position).and_then(|masks| masks.get(object));
        let (Some(frame), Some(mask), Some(label)) = (self.frames.get(position), mask, self.labels.get(object)) else {
            return Err(ToolError::argument("this mask is empty"));
        };
        Ok(ObjectMask { frame: frame.clone(), mask: mask.clone(), label: label.clone() })
    }

    fn points(&self, reconstruction: &ReconstructionValue, frame: i64, object: i64) -> Result<PointsValue, ToolError> {
        if !reconstruction.frames.iter().any(|f| f.view().view_idx as i64 == frame) {
            return Err(ToolError::argument(format!("frame {frame} is not in the reconstruction; reconstruct it too")));
        }
        let ObjectMask { frame, mask, label } = self.at(frame, object)?;
        points_under(frame.view(), &reconstruction.fixed_frame, &mask, &label, 1)
    }

    fn text(&self) -> String {
        format!("PerFrameMask of {} in {} frames", self.labels.join(", "), self.frames.len())
    }
}

/// Makes the type known to `engine`.
pub fn register(engine: &mut Engine, session: &Arc<Session>) {
    let session = session.clone();
    engine
        .register_type_with_name::<MaskValue>("PerFrameMask")
        .register_get("labels", |m: &mut MaskValue| {
            m.labels.iter().map(|l| Dynamic::from(l.clone())).collect::<Array>()
        })
        .register_get("num_objects", |m: &mut MaskValue| m.labels.len() as i64)
        .register_get("frame_indices", |m: &mut MaskValue| {
            m.frames.iter().map(|f| Dynamic::from_int(f.view().view_idx as i64)).collect::<Array>()
        })
        .register_fn("get_mask", |m: &mut MaskValue, f: i64| -> RhaiResult<ObjectMask> { Ok(m.at(f, 0)?) })
        .register_fn("get_mask", |m: &mut MaskValue, f: i64, o: i64| -> RhaiResult<ObjectMask> { Ok(m.at(f, o)?) })
        .register_fn(
            "get_masked_points",
            |m: &mut MaskValue, r: ReconstructionValue, f: i64| -> RhaiResult<PointsValue> { Ok(m.points(&r, f, 0)?) },
        )
        .register_fn(
            "get_masked_points",
            |m: &mut MaskValue, r: ReconstructionValue, f: i64, o: i64| -> RhaiResult<PointsValue> {
                Ok(m.points(&r, f, o)?)
            },
        )
        .register_fn("get_centroid_3d", |m: &mut MaskValue, r: ReconstructionValue, f: i64| -> RhaiResult<Arr> {
            Ok(list_of_point(&m.points(&r, f, 0)?.median()?))
        })
        .register_fn(
            "get_centroid_3d",
            |m: &mut MaskValue, r: ReconstructionValue, f: i64, o: i64| -> RhaiResult<Arr> {
                Ok(list_of_point(&m.points(&r, f, o)?.median()?))
            },
        )
        .register_fn("visualize", move |m: &mut MaskValue| overlay::show_masks(&session, m, None))
        .register_fn("to_string", |m: &mut MaskValue| m.text())
        .register_fn("to_debug", |m: &mut MaskValue| m.text());
    engine
        .register_type_with_name::<ObjectMask>("Mask")
        .register_get("n_pixels", |m: &mut ObjectMask| m.mask.n_pixels() as i64)
        .register_get("label", |m: &mut ObjectMask| m.label.clone())
        .register_get("box", |m: &mut ObjectMask| match m.mask.bounding_box() {
            Some(b) => {
                let corners = [b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px];
                Dynamic::from(corners.map(|v| Dynamic::from_int(i64::from(v))).to_vec())
            }
            None => Dynamic::UNIT,
        })
        .register_fn("to_string", |m: &mut ObjectMask| format!("Mask of {}, {} pixels", m.label, m.mask.n_pixels()))
        .register_fn("to_debug", |m: &mut ObjectMask| format!("Mask of {}, {} pixels", m.label, m.mask.n_pixels()));
}
