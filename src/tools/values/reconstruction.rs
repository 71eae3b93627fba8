//! `Reconstruction`: what depth cameras and transforms say about where each pixel is.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine};

use super::{FrameValue, PointsValue, ValueSpec};
use crate::{
    geometry::{DepthMap, Intrinsics},
    scene::FrameId,
};

/// Frames with depth and place.
#[derive(Clone)]
pub struct ReconstructionValue(Arc<Inner>);

/// What a reconstruction holds; all lists have one entry per frame.
pub struct Inner {
    /// Frames.
    pub frames: Vec<FrameValue>,
    /// All points of each frame, in the fixed frame.
    pub points: Vec<PointsValue>,
    /// Frame of the points.
    pub fixed_frame: FrameId,
}

impl std::ops::Deref for ReconstructionValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A depth image in a cell.
#[derive(Clone)]
pub struct DepthImage(pub Arc<DepthMap>);

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Reconstruction",
    doc: "Depth and place of frames; every list has one entry per frame.",
    members: &[
        (".num_frames .frame_indices", "how many, and their positions in InputImages"),
        (".points", "list of Points in the fixed frame, from sensor depth"),
        (".depth", "list of DepthImage"),
        (".intrinsics", "list of 3x3 lists, pixels"),
        (".extrinsics", "list of 4x4 lists, fixed frame from camera"),
        (".gravity_direction", "[0, 0, 1]: up in the fixed frame"),
        (".metric_scale", "1.0: sensor depth is in metres"),
    ],
};

/// The manual's entry.
pub const DEPTH_SPEC: ValueSpec = ValueSpec {
    name: "DepthImage",
    doc: "Depth along the optical axis in metres.",
    members: &[(".at(u, v)", "metres, or () where unknown"), (".width .height", "pixels")],
};

impl ReconstructionValue {
    /// From its parts.
    pub fn new(inner: Inner) -> ReconstructionValue {
        ReconstructionValue(Arc::new(inner))
    }

    fn text(&self) -> String {
        format!("Reconstruction of {} frames in {}", self.frames.len(), self.fixed_frame)
    }
}

fn row(values: &[f64]) -> Dynamic {
    values.iter().map(|v| Dynamic::from_float(*v)).collect::<Array>().into()
}

fn intrinsics(i: &Intrinsics) -> Dynamic {
    Dynamic::from(vec![row(&[i.fx_px, 0.0, i.cx_px]), row(&[0.0, i.fy_px, i.cy_px]), row(&[0.0, 0.0, 1.0])])
}

/// Makes the types known to `engine`.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<ReconstructionValue>("Reconstruction")
        .register_get("num_frames", |r: &mut ReconstructionValue| r.frames.len() as i64)
        .register_get("frame_indices", |r: &mut ReconstructionValue| {
            r.frames.iter().map(|f| Dynamic::from_int(f.view().view_idx as i64)).collect::<Array>()
        })
        .register_get("points", |r: &mut ReconstructionValue| {
            r.points.iter().map(|p| Dynamic::from(p.clone())).collect::<Array>()
        })
        .register_get("depth", |r: &mut ReconstructionValue| {
            let depths = r.frames.iter().filter_map(|f| f.view().depth.as_ref().ok());
            depths.map(|depth| Dynamic::from(DepthImage(depth.clone()))).collect::<Array>()
        })
        .register_get("intrinsics", |r: &mut ReconstructionValue| {
            r.frames.iter().map(|f| intrinsics(&f.view().intrinsics)).collect::<Array>()
        })
        .register_get("extrinsics", |r: &mut ReconstructionValue| {
            let posed = r.frames.iter().filter_map(|f| f.view().posed.as_ref().ok());
            posed
                .map(|posed| {
                    let m = posed.fixed_from_camera.to_homogeneous();
                    Dynamic::from((0..4).map(|i| row(&[m[(i, 0)], m[(i, 1)], m[(i, 2)], m[(i, 3)]])).collect::<Array>())
                })
                .collect::<Array>()
        })
        .register_get("gravity_direction", |_: &mut ReconstructionValue| {
            [0.0, 0.0, 1.0].map(Dynamic::from_float).to_vec()
        })
        .register_get("metric_scale", |_: &mut ReconstructionValue| 1.0)
        .register_fn("to_string", |r: &mut ReconstructionValue| r.text())
        .register_fn("to_debug", |r: &mut ReconstructionValue| r.text());
    engine
        .register_type_with_name::<DepthImage>("DepthImage")
        .register_get("width", |d: &mut DepthImage| i64::from(d.0.width_px()))
        .register_get("height", |d: &mut DepthImage| i64::from(d.0.height_px()))
        .register_fn("at", |d: &mut DepthImage, u: i64, v: i64| {
            let at = u32::try_from(u).ok().zip(u32::try_from(v).ok()).and_then(|(u, v)| d.0.at(u, v));
            at.map_or(Dynamic::UNIT, |depth| Dynamic::from_float(f64::from(depth)))
        })
        .register_fn("to_string", |d: &mut DepthImage| format!("DepthImage {}x{}", d.0.width_px(), d.0.height_px()))
        .register_fn("to_debug", |d: &mut DepthImage| format!("DepthImage {}x{}", d.0.width_px(), d.0.height_px()));
}
