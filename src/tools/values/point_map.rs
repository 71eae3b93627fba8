//! `PointMap` and `PerFramePointMap`: where each pixel is in the fixed frame.

use std::sync::{Arc, OnceLock};

use nalgebra::{Isometry3, Point3};
use rhai::{Array, Dynamic};

use super::{
    FrameValue, MaskValue, PointsValue, ValueSpec,
    depth::{common_size, confidence, known, over_known},
    numbers::{arr, require_room},
    per_frame::{self, FrameSeries, PerFrame, require_same_frame, whole},
};
use crate::{
    array::Arr,
    geometry::{DepthMap, cloud::position_map},
    scene::FrameId,
    tools::{
        Library, RhaiResult, ToolError,
        arguments::{describe, list_of_point},
        measure::{all_points, points_under},
    },
};

/// Positions of one image's pixels. The list of points is made when it is first asked for.
#[derive(Clone)]
pub struct PointMapValue(Arc<Inner>);

struct Inner {
    frame: FrameValue,
    fixed_frame: FrameId,
    depth: Arc<DepthMap>,
    fixed_from_camera: Isometry3<f64>,
    points: OnceLock<Result<PointsValue, ToolError>>,
}

/// Positions of several images' pixels.
#[derive(Clone)]
pub struct PerFramePointMapValue {
    series: FrameSeries,
    maps: Arc<[PointMapValue]>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "PointMap",
    doc: "Position of each pixel of one image in the fixed frame, metres.",
    members: &[
        (".at(u, v)", "[x, y, z], or () where unknown"),
        ("[mask]", "Points under a Mask of the same frame"),
        (".points", "Points of all known pixels"),
        (".x .y .z", "HxW Arr, NaN where unknown"),
        (".arr", "HxWx3 Arr, NaN where unknown"),
        (".sigma .confidence .valid", "as of DepthImage"),
        (".width .height .shape", "pixels"),
        (".index .stamp .camera .frame", "which image; the fixed frame"),
    ],
};

/// The manual's entry.
pub const SERIES_SPEC: ValueSpec = ValueSpec {
    name: "PerFramePointMap",
    doc: "A PointMap for each frame.",
    members: &[
        per_frame::COMMON_MEMBERS,
        (
            ".frame_indices .num_frames .stamps .frames .images .validate_alignment(other) .left_out",
            "as of PerFrameDepth",
        ),
        (".points .confidence", "NxHxWx3 and NxHxW Arr of all frames, when they are of one size"),
    ],
};

/// A pixel within an image of this size.
///
/// # Errors
/// When it is outside, or no pair of integers.
pub fn pixel(u: &Dynamic, v: &Dynamic, (width, height): (u32, u32)) -> Result<(u32, u32), ToolError> {
    let coordinate = |value: &Dynamic, size: u32, what: &str| {
        // A position between pixels means the pixel it lies in; centres are whole.
        let number = whole(value).or_else(|| value.as_float().ok().filter(|v| v.is_finite()).map(|v| v.round() as i64));
        let number = number
            .ok_or_else(|| ToolError::argument(format!("{what} is {}, wanted a pixel coordinate", describe(value))))?;
        u32::try_from(number).ok().filter(|n| *n < size).ok_or_else(|| {
            ToolError::argument(format!("{what} is {number}, the image is {width}x{height} px, so 0 to {}", size - 1))
        })
    };
    Ok((coordinate(u, width, "u")?, coordinate(v, height, "v")?))
}

impl PointMapValue {
    /// Of one image.
    ///
    /// # Errors
    /// The image's own problem with depth or placement.
    pub fn new(frame: &FrameValue, fixed_frame: &FrameId) -> Result<PointMapValue, ToolError> {
        let view = frame.view();
        let depth = view.depth.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
        let posed = view.posed.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
        Ok(PointMapValue(Arc::new(Inner {
            frame: frame.clone(),
            fixed_frame: fixed_frame.clone(),
            depth: depth.clone(),
            fixed_from_camera: posed.fixed_from_camera,
            points: OnceLock::new(),
        })))
    }

    /// The image.
    pub fn frame(&self) -> &FrameValue {
        &self.0.frame
    }

    /// All points with known depth.
    ///
    /// # Errors
    /// The image's own problem.
    pub fn points(&self) -> Result<PointsValue, ToolError> {
        self.0.points.get_or_init(|| all_points(self.0.frame.view(), &self.0.fixed_frame)).clone()
    }

    /// The points under `mask`, which may be none.
    ///
    /// # Errors
    /// A mask of another image.
    pub fn under(&self, mask: &MaskValue) -> Result<PointsValue, ToolError> {
        require_same_frame(&mask.frame, "the mask", &self.0.frame, "the PointMap")?;
        points_under(self.0.frame.view(), &self.0.fixed_frame, &mask.mask, &mask.label, 0)
    }

    fn shape(&self) -> [usize; 2] {
        [self.0.depth.height_px() as usize, self.0.depth.width_px() as usize]
    }

    fn position(&self, u_px: u32, v_px: u32) -> Option<Point3<f64>> {
        let depth_m = f64::from(self.0.depth.at(u_px, v_px)?);
        let intrinsics = &self.0.frame.view().intrinsics;
        Some(self.0.fixed_from_camera * Point3::from(intrinsics.unproject(f64::from(u_px), f64::from(v_px), depth_m)))
    }

    fn axis(&self, axis: usize) -> RhaiResult<Arr> {
        arr(&self.shape(), self.all_axes().into_iter().skip(axis).step_by(3).collect())
    }

    fn all_axes(&self) -> Vec<f64> {
        position_map(&self.0.depth, &self.0.frame.view().intrinsics, &self.0.fixed_from_camera)
    }

    fn confidences(&self) -> Vec<f64> {
        let noise = self.0.frame.view().depth_noise;
        over_known(&self.0.depth, 0.0, |z| confidence(noise.sigma_m(z)))
    }

    fn text(&self) -> String {
        let n_known = self.0.depth.depth_m().iter().filter(|depth_m| depth_m.is_finite()).count();
        let [height, width] = self.shape();
        format!(
            "PointMap {height}x{width}x3 of {}, {n_known} of {} pixels known, frame {}",
            self.0.frame.name(),
            width * height,
            self.0.fixed_frame
        )
    }
}

impl PerFramePointMapValue {
    /// Of frames whose maps are known.
    pub fn new(series: FrameSeries, maps: Vec<PointMapValue>) -> PerFramePointMapValue {
        PerFramePointMapValue { series, maps: maps.into() }
    }

    /// The map at a position of the series.
    ///
    /// # Errors
    /// When there is no such position.
    pub fn map(&self, position: usize) -> Result<&PointMapValue, ToolError> {
        self.maps.get(position).ok_or_else(|| ToolError::argument("there is no such frame"))
    }

    fn stack(&self, n_axes: usize, values: impl Fn(&PointMapValue) -> Vec<f64>) -> RhaiResult<Arr> {
        let [height, width] = common_size(&self.series, "PerFramePointMap")?;
        let (n_frames, n_each) = (self.maps.len(), height * width * n_axes);
        require_room(n_frames, n_each, "points[frame].arr, or points[frame][mask]")?;
        let mut all = Vec::with_capacity(n_frames * n_each);
        for map in self.maps.iter() {
            all.extend(values(map));
        }
        let shape = [n_frames, height, width, n_axes];
        arr(if n_axes == 1 { &shape[..3] } else { &shape }, all)
    }
}

impl PerFrame for PerFramePointMapValue {
    const NAME: &'static str = "PerFramePointMap";

    fn series(&self) -> &FrameSeries {
        &self.series
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        Ok(Dynamic::from(self.map(position)?.clone()))
    }

    fn coordinate_frame(&self, position: usize) -> String {
        self.maps.get(position).map(|map| map.0.fixed_frame.to_string()).unwrap_or_default()
    }
}

/// Makes the types known to cells.
pub fn register(library: &mut Library) {
    per_frame::register::<PerFramePointMapValue>(library);
    fn text(s: &mut PerFramePointMapValue) -> String {
        format!("PerFramePointMap of frames {}; points[frame] is a PointMap", per_frame::join(&s.series.indices()))
    }
    library
        .register_get("points", |s: &mut PerFramePointMapValue| s.stack(3, PointMapValue::all_axes))
        .register_get("confidence", |s: &mut PerFramePointMapValue| s.stack(1, PointMapValue::confidences))
        .register_fn("to_string", text)
        .register_fn("to_debug", text);
    library
        .register_type_with_name::<PointMapValue>("PointMap")
        .register_get("width", |m: &mut PointMapValue| i64::from(m.0.depth.width_px()))
        .register_get("height", |m: &mut PointMapValue| i64::from(m.0.depth.height_px()))
        .register_get("shape", |m: &mut PointMapValue| {
            let [height, width] = m.shape();
            [height, width, 3].map(|length| Dynamic::from_int(length as i64)).to_vec() as Array
        })
        .register_fn("at", |m: &mut PointMapValue, u: Dynamic, v: Dynamic| -> RhaiResult<Dynamic> {
            let at = pixel(&u, &v, m.0.frame.size_px())?;
            Ok(m.position(at.0, at.1).map_or(Dynamic::UNIT, |p| Dynamic::from(list_of_point(&p))))
        })
        .register_indexer_get(|m: &mut PointMapValue, mask: Dynamic| -> RhaiResult<PointsValue> {
            let Some(mask) = mask.read_lock::<MaskValue>().map(|mask| mask.clone()) else {
                return Err(ToolError::argument(format!(
                    "the index of a PointMap is {}, wanted a Mask of the same frame; for one pixel use .at(u, v), for all .points",
                    describe(&mask)
                ))
                .into());
            };
            Ok(m.under(&mask)?)
        })
        .register_get("points", |m: &mut PointMapValue| -> RhaiResult<PointsValue> { Ok(m.points()?) })
        .register_get("x", |m: &mut PointMapValue| m.axis(0))
        .register_get("y", |m: &mut PointMapValue| m.axis(1))
        .register_get("z", |m: &mut PointMapValue| m.axis(2))
        .register_get("arr", |m: &mut PointMapValue| {
            let [height, width] = m.shape();
            arr(&[height, width, 3], m.all_axes())
        })
        .register_get("sigma", |m: &mut PointMapValue| {
            let noise = m.0.frame.view().depth_noise;
            arr(&m.shape(), over_known(&m.0.depth, f64::NAN, |z| noise.sigma_m(z)))
        })
        .register_get("confidence", |m: &mut PointMapValue| arr(&m.shape(), m.confidences()))
        .register_get("valid", |m: &mut PointMapValue| -> RhaiResult<MaskValue> {
            let mask = known(&m.0.depth).ok_or_else(|| ToolError::argument("the depth image has no size"))?;
            Ok(MaskValue { frame: m.0.frame.clone(), mask, label: "known depth".to_owned() })
        })
        .register_get("index", |m: &mut PointMapValue| m.0.frame.index() as i64)
        .register_get("stamp", |m: &mut PointMapValue| m.0.frame.view().stamp.as_secs_f64())
        .register_get("camera", |m: &mut PointMapValue| m.0.frame.view().camera.to_string())
        .register_get("frame", |m: &mut PointMapValue| m.0.fixed_frame.to_string())
        .register_fn("to_string", |m: &mut PointMapValue| m.text())
        .register_fn("to_debug", |m: &mut PointMapValue| m.text());
}
