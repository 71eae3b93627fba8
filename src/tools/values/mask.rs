//! `PerFrameMask`: which pixels belong to which object, in one or more frames.

use std::sync::Arc;

use nalgebra::Point3;
use rhai::{Array, Dynamic, ImmutableString};

use super::{
    FrameValue, MaskValue, PictureValue, PointsValue, ReconstructionValue, ValueSpec,
    depth::confidence,
    method,
    per_frame::{self, FrameSeries, PerFrame, require_same_frame, whole},
    point_map::{PerFramePointMapValue, PointMapValue},
};
use crate::{
    geometry::Mask,
    tools::{
        Kind, Library, Param, RhaiResult, ToolError, ToolSpec,
        arguments::{describe, frame, index, list_of_point, number},
        overlay,
    },
};

/// Objects × frames.
#[derive(Clone)]
pub struct PerFrameMaskValue(Arc<Inner>);

/// What a mask holds.
pub struct Inner {
    /// One name per object; no two are equal.
    pub labels: Vec<String>,
    /// One instance id per object, where it has one.
    pub instances: Vec<Option<u32>>,
    /// The frames looked at.
    pub series: FrameSeries,
    /// `masks[frame][object]`.
    pub masks: Vec<Vec<Mask>>,
    /// Confidence of each object, the best over the frames.
    pub scores: Vec<f32>,
}

impl std::ops::Deref for PerFrameMaskValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Confidence that a point needs to count for a centroid.
pub const CENTROID_CONFIDENCE: f64 = 0.3;

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "PerFrameMask",
    doc: "Pixels of objects in frames. `frame` is a position in InputImages or a Frame, `object` a position in `.labels` or a label.",
    members: &[
        (".labels .object_ids .scores .num_objects", "one per object: name, instance id, best confidence"),
        ("[frame]", "list of Mask, one per object"),
        (".frame_indices .num_frames .stamps .frames .images .validate_alignment(other)", "as of PerFrameDepth"),
        (".frames_of(object)", "positions in InputImages where it is visible"),
    ],
};

const FRAME: Param = Param::required("frame", Kind::AnyOf(&[Kind::Int, Kind::Value("Frame")]));
const OBJECT: Param = Param::optional("object", Kind::AnyOf(&[Kind::Int, Kind::Text("label")]), "0");
const POINTS_OF: Param =
    Param::required("reconstruction", Kind::AnyOf(&[Kind::Value("Reconstruction"), Kind::Value("PerFramePointMap")]));

/// Methods with several arguments.
pub const METHODS: &[ToolSpec] = &[
    ToolSpec {
        path: "masks.get_mask",
        params: &[FRAME, OBJECT],
        returns: "Mask",
        doc: "One object's pixels in one frame.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"); print(masks.get_mask(-1, \"mug\").area);",
    },
    ToolSpec {
        path: "masks.get_masked_points",
        params: &[
            POINTS_OF,
            FRAME,
            OBJECT,
            Param::optional("conf_threshold", Kind::Number, "0").about("see DepthImage.confidence"),
        ],
        returns: "Points",
        doc: "The object's points in the fixed frame, perhaps none.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"); let recon = tools.Reconstruct.Reconstruct(InputImages); print(masks.get_masked_points(recon, -1).mean());",
    },
    ToolSpec {
        path: "masks.get_centroid_3d",
        params: &[
            POINTS_OF,
            FRAME,
            OBJECT,
            Param::optional("conf_threshold", Kind::Number, "0.3").about("see DepthImage.confidence"),
        ],
        returns: "[x, y, z]",
        doc: "Median of the object's confident points; NOT_MEASURABLE when there is none.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"); let recon = tools.Reconstruct.Reconstruct(InputImages); print(masks.get_centroid_3d(recon, -1, \"mug\"));",
    },
    ToolSpec {
        path: "masks.visualize",
        params: &[
            Param::optional("frame", Kind::AnyOf(&[Kind::Int, Kind::Value("Frame")]), "all")
                .about("without it a list, one picture per frame"),
            Param::optional(
                "background",
                Kind::AnyOf(&[Kind::Value("Frame"), Kind::Value("Picture")]),
                "the frame itself",
            ),
        ],
        returns: "Picture",
        doc: "The frame with its masks tinted, outlined and named; for show.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"cup\"); show(masks.visualize(-1));",
    },
];

impl PerFrameMaskValue {
    /// From its parts.
    pub fn new(inner: Inner) -> PerFrameMaskValue {
        PerFrameMaskValue(Arc::new(inner))
    }

    /// Position of an object by position or exact label.
    ///
    /// # Errors
    /// When there is no such object, with those there are.
    pub fn object(&self, object: &Dynamic) -> Result<usize, ToolError> {
        if object.is_unit() {
            return index(0, self.labels.len(), "object");
        }
        if let Some(label) = object.read_lock::<ImmutableString>() {
            let found = self.labels.iter().position(|own| *own == **label);
            return found.ok_or_else(|| {
                ToolError::argument(format!("object is {:?}, this mask has {}", label.as_str(), self.labels.join(", ")))
            });
        }
        let Some(position) = whole(object) else {
            let found = describe(object);
            return Err(ToolError::argument(format!(
                "object is {found}, wanted a position or a label of {}",
                self.labels.join(", ")
            )));
        };
        index(position, self.labels.len(), "object")
            .map_err(|error| ToolError::argument(format!("{}: {}", error.message, self.labels.join(", "))))
    }

    /// One object's mask at a position of the series.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(&self, position: usize, object: usize) -> Result<MaskValue, ToolError> {
        let mask = self.masks.get(position).and_then(|masks| masks.get(object));
        match (self.series.frames().get(position), mask, self.labels.get(object)) {
            (Some(frame), Some(mask), Some(label)) => {
                Ok(MaskValue { frame: frame.clone(), mask: mask.clone(), label: label.clone() })
            }
            _ => Err(ToolError::argument("this mask is empty")),
        }
    }

    fn get(&self, frame: &Dynamic, object: &Dynamic) -> Result<MaskValue, ToolError> {
        self.at(self.series.position(frame, Self::NAME)?, self.object(object)?)
    }

    fn confident(&self, args: &[Dynamic; 4], threshold: f64) -> Result<(MaskValue, PointMapValue, Mask), ToolError> {
        let [reconstruction, frame, object, _] = args;
        let mask = self.get(frame, object)?;
        let map = map_of(reconstruction, &mask.frame)?;
        require_same_frame(&mask.frame, "the mask", map.frame(), "the PointMap")?;
        let kept = confident_part(&mask, threshold);
        Ok((mask, map, kept))
    }

    fn points(&self, args: &[Dynamic; 4]) -> Result<PointsValue, ToolError> {
        let threshold = threshold(&args[3], 0.0)?;
        if threshold <= 0.0 {
            // Points have known depth in any case.
            let mask = self.get(&args[1], &args[2])?;
            return map_of(&args[0], &mask.frame)?.under(&mask);
        }
        let (mask, map, kept) = self.confident(args, threshold)?;
        map.under(&MaskValue { mask: kept, ..mask })
    }

    fn centroid(&self, args: &[Dynamic; 4]) -> Result<Point3<f64>, ToolError> {
        let threshold = threshold(&args[3], CENTROID_CONFIDENCE)?;
        let (mask, map, kept) = self.confident(args, threshold)?;
        let (n_mask, n_kept) = (mask.mask.n_pixels(), kept.n_pixels());
        if n_mask == 0 {
            let seen = self.visible_in(self.object(&args[2])?);
            return Err(ToolError::not_measurable(format!(
                "{} is not visible in {}; it is in frames {}",
                mask.label,
                mask.frame.name(),
                per_frame::join(&seen)
            )));
        }
        if n_kept == 0 {
            return Err(ToolError::not_measurable(format!(
                "of {n_mask} pixels of {} in {} none has depth with confidence {threshold} or more; choose another frame or a lower \
                 conf_threshold",
                mask.label,
                mask.frame.name()
            )));
        }
        map.under(&MaskValue { mask: kept, ..mask })?.median()
    }

    fn visible_in(&self, object: usize) -> Vec<usize> {
        let is_seen = |masks: &Vec<Mask>| masks.get(object).is_some_and(|mask| mask.as_slice().contains(&true));
        let frames = self.series.frames().iter().zip(&self.masks);
        frames.filter(|(_, masks)| is_seen(masks)).map(|(frame, _)| frame.index()).collect()
    }

    fn visualize(&self, frame: &Dynamic, background: &Dynamic) -> Result<Dynamic, ToolError> {
        let picture =
            |position: usize| -> Result<PictureValue, ToolError> { overlay::masks_picture(self, position, background) };
        if !frame.is_unit() {
            return Ok(Dynamic::from(picture(self.series.position(frame, Self::NAME)?)?));
        }
        let n_frames = self.series.frames().len();
        if n_frames == 1 {
            return Ok(Dynamic::from(picture(0)?));
        }
        let pictures: Result<Array, ToolError> = (0..n_frames).map(|at| Ok(Dynamic::from(picture(at)?))).collect();
        Ok(Dynamic::from(pictures?))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        format!("PerFrameMask of {} in frames {}", self.labels.join(", "), per_frame::join(&self.series.indices()))
    }
}

/// The part of a mask whose depth is known with at least this confidence.
pub fn confident_part(mask: &MaskValue, threshold: f64) -> Mask {
    let view = mask.frame.view();
    let Ok(depth) = &view.depth else { return mask.mask.clone() };
    let is_confident = |depth_m: f32| {
        depth_m.is_finite()
            && (threshold <= 0.0 || confidence(view.depth_noise.sigma_m(f64::from(depth_m))) >= threshold)
    };
    let set =
        mask.mask.as_slice().iter().zip(depth.depth_m()).map(|(set, depth_m)| *set && is_confident(*depth_m)).collect();
    Mask::new(mask.mask.width_px(), mask.mask.height_px(), set).unwrap_or_else(|| mask.mask.clone())
}

/// A share of 0 to 1.
///
/// # Errors
/// When it is something else.
pub fn threshold(value: &Dynamic, default: f64) -> Result<f64, ToolError> {
    if value.is_unit() {
        return Ok(default);
    }
    let found = number(value, "the confidence threshold")?;
    if (0.0..=1.0).contains(&found) {
        return Ok(found);
    }
    Err(ToolError::argument(format!("the confidence threshold is {found}, wanted 0 to 1")))
}

/// The point map of `frame` in a reconstruction or in its points.
fn map_of(points: &Dynamic, frame: &FrameValue) -> Result<PointMapValue, ToolError> {
    let of = |maps: &PerFramePointMapValue, name: &str| {
        maps.map(maps.series().position(&Dynamic::from(frame.clone()), name)?).cloned()
    };
    if let Some(reconstruction) = points.read_lock::<ReconstructionValue>() {
        return of(&reconstruction.points, "the reconstruction");
    }
    if let Some(maps) = points.read_lock::<PerFramePointMapValue>() {
        return of(&maps, "the point maps");
    }
    Err(ToolError::argument(format!(
        "reconstruction is {}, wanted a Reconstruction of the same frames: tools.Reconstruct.Reconstruct(masks.images)",
        describe(points)
    )))
}

impl PerFrame for PerFrameMaskValue {
    const NAME: &'static str = "PerFrameMask";

    fn series(&self) -> &FrameSeries {
        &self.series
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        let masks: Result<Array, ToolError> =
            (0..self.labels.len()).map(|object| Ok(Dynamic::from(self.at(position, object)?))).collect();
        Ok(Dynamic::from(masks?))
    }

    fn coordinate_frame(&self, position: usize) -> String {
        self.series.frames().get(position).map(|frame| frame.view().optical_frame.to_string()).unwrap_or_default()
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    per_frame::register::<PerFrameMaskValue>(library);
    library
        .register_get("labels", |m: &mut PerFrameMaskValue| {
            m.labels.iter().map(|l| Dynamic::from(l.clone())).collect::<Array>()
        })
        .register_get("object_ids", |m: &mut PerFrameMaskValue| {
            let id = |id: &Option<u32>| id.map_or(Dynamic::UNIT, |id| Dynamic::from_int(i64::from(id)));
            m.instances.iter().map(id).collect::<Array>()
        })
        .register_get("scores", |m: &mut PerFrameMaskValue| {
            m.scores.iter().map(|score| Dynamic::from_float(f64::from(*score))).collect::<Array>()
        })
        .register_get("num_objects", |m: &mut PerFrameMaskValue| m.labels.len() as i64)
        .register_fn("frames_of", |m: &mut PerFrameMaskValue, object: Dynamic| -> RhaiResult<Array> {
            let frames = m.visible_in(m.object(&object)?);
            Ok(frames.into_iter().map(|frame| Dynamic::from_int(frame as i64)).collect())
        })
        .register_fn("to_string", |m: &mut PerFrameMaskValue| m.text())
        .register_fn("to_debug", |m: &mut PerFrameMaskValue| m.text());
    let [get, points, centroid, visualize] = METHODS else { return };
    method::register(library, get, |_, m: &PerFrameMaskValue, [frame, object]| m.get(&frame, &object));
    method::register(library, points, |_, m: &PerFrameMaskValue, args: [Dynamic; 4]| m.points(&args));
    method::register(library, centroid, |_, m: &PerFrameMaskValue, args: [Dynamic; 4]| {
        Ok(list_of_point(&m.centroid(&args)?))
    });
    method::register(library, visualize, |_, m: &PerFrameMaskValue, [wanted, background]| {
        if !background.is_unit() && !background.is::<PictureValue>() {
            frame(&background, "background")?;
        }
        m.visualize(&wanted, &background)
    });
}
