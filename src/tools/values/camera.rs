//! `CameraIntrinsics`, `CameraPose` and their series: how an image was projected and where it was taken from.

use std::sync::Arc;

use nalgebra::{Isometry3, Matrix4, Point3, Vector3};
use rhai::{Array, Dynamic, ImmutableString};

use super::{
    FrameValue, PointsValue, ValueSpec,
    numbers::arr,
    per_frame::{self, FrameSeries, PerFrame},
};
use crate::{
    array::Arr,
    geometry::{Intrinsics, PoseSigma},
    scene::FrameId,
    tools::{
        Library, RhaiResult, ToolError,
        arguments::{describe, list_of_point, optional_point},
        arrays::{SessionWork, convert},
    },
};

/// How one image was projected.
#[derive(Clone)]
pub struct CameraIntrinsicsValue(FrameValue);

/// Of several images.
#[derive(Clone)]
pub struct PerFrameIntrinsicsValue(pub FrameSeries);

/// Where one camera stood: maps its optical coordinates into the fixed frame, or back when inverted.
#[derive(Clone)]
pub struct CameraPoseValue {
    frame: FrameValue,
    target_from_source: Isometry3<f64>,
    target: FrameId,
    source: FrameId,
    sigma: PoseSigma,
}

/// Of several images.
#[derive(Clone)]
pub struct PerFrameExtrinsicsValue {
    series: FrameSeries,
    poses: Arc<[CameraPoseValue]>,
}

/// The manual's entry.
pub const INTRINSICS_SPEC: ValueSpec = ValueSpec {
    name: "CameraIntrinsics",
    doc: "Pinhole camera of one image; the centre of the top-left pixel is (0, 0).",
    members: &[
        (".fx .fy .cx .cy", "pixels; also by name, as in intrinsics[\"fx\"]"),
        (".K", "3x3 Arr"),
        (".width .height .index .stamp .camera", "which image"),
    ],
};

/// The manual's entry.
pub const POSE_SPEC: ValueSpec = ValueSpec {
    name: "CameraPose",
    doc: "Where a camera stood at its image's stamp: maps optical coordinates (x right, y down, z forward) into the fixed frame.",
    members: &[
        (".position .forward .right .up", "[x, y, z] in the fixed frame"),
        (".rotation .matrix", "3x3 and 4x4 Arr, fixed frame from camera; the pose itself is indexed like its matrix"),
        (".transform(p)", "[x, y, z] or Points of the source frame in the target frame"),
        (".inverse .camera_from_fixed", "the pose the other way round; its 4x4 Arr"),
        (".sigma", "#{position, rotation}: one standard deviation, metres and radians"),
        (".target .source", "frames of the result and of the argument"),
        (".index .stamp .camera", "which image"),
    ],
};

/// The manual's entry.
pub const INTRINSICS_SERIES_SPEC: ValueSpec = ValueSpec {
    name: "PerFrameIntrinsics",
    doc: "CameraIntrinsics for each frame.",
    members: &[per_frame::COMMON_MEMBERS, (".fx .fy .cx .cy", "Arr over the frames, pixels")],
};

/// The manual's entry.
pub const EXTRINSICS_SERIES_SPEC: ValueSpec = ValueSpec {
    name: "PerFrameExtrinsics",
    doc: "A CameraPose for each frame.",
    members: &[
        per_frame::COMMON_MEMBERS,
        (".camera_poses", "Nx4x4 Arr, fixed frame from camera"),
        (".positions", "Nx3 Arr"),
    ],
};

impl CameraIntrinsicsValue {
    fn of(&self) -> Intrinsics {
        self.0.view().intrinsics
    }

    fn named(&self, name: &str) -> RhaiResult<f64> {
        let i = self.of();
        match name {
            "fx" => Ok(i.fx_px),
            "fy" => Ok(i.fy_px),
            "cx" => Ok(i.cx_px),
            "cy" => Ok(i.cy_px),
            other => {
                Err(ToolError::argument(format!("intrinsics have no {other:?}; there are fx, fy, cx, cy and K")).into())
            }
        }
    }

    fn matrix(&self) -> Vec<f64> {
        let i = self.of();
        vec![i.fx_px, 0.0, i.cx_px, 0.0, i.fy_px, i.cy_px, 0.0, 0.0, 1.0]
    }

    fn text(&self) -> String {
        let i = self.of();
        format!(
            "CameraIntrinsics of {}: fx {:.1} fy {:.1} cx {:.1} cy {:.1}, {}x{} px",
            self.0.name(),
            i.fx_px,
            i.fy_px,
            i.cx_px,
            i.cy_px,
            i.width_px,
            i.height_px
        )
    }
}

impl CameraPoseValue {
    /// Of one image.
    ///
    /// # Errors
    /// Why its placement is not known.
    pub fn new(frame: &FrameValue, fixed_frame: &FrameId) -> Result<CameraPoseValue, ToolError> {
        let view = frame.view();
        let posed = view.posed.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
        Ok(CameraPoseValue {
            frame: frame.clone(),
            target_from_source: posed.fixed_from_camera,
            target: fixed_frame.clone(),
            source: view.optical_frame.clone(),
            sigma: posed.sigma,
        })
    }

    /// Maps optical coordinates into the fixed frame, however the value is turned.
    pub fn fixed_from_camera(&self) -> Isometry3<f64> {
        match self.source == self.frame.view().optical_frame {
            true => self.target_from_source,
            false => self.target_from_source.inverse(),
        }
    }

    fn inverse(&self) -> CameraPoseValue {
        CameraPoseValue {
            target_from_source: self.target_from_source.inverse(),
            target: self.source.clone(),
            source: self.target.clone(),
            ..self.clone()
        }
    }

    fn axis(&self, axis: Vector3<f64>) -> Arr {
        list_of_point(&Point3::from(self.fixed_from_camera().rotation * axis))
    }

    fn transform(&self, thing: &Dynamic) -> RhaiResult<Dynamic> {
        if let Some(points) = thing.read_lock::<PointsValue>() {
            if points.frame != self.source {
                return Err(ToolError::argument(format!(
                    "the Points are in frame {} and this pose maps {} to {}; use {}",
                    points.frame,
                    self.source,
                    self.target,
                    if points.frame == self.target { ".inverse.transform(points)" } else { "tools.TF.transform" }
                ))
                .into());
            }
            return Ok(Dynamic::from(points.transformed(&self.target_from_source, &self.target)));
        }
        if let Some(p) = optional_point(thing)? {
            return Ok(Dynamic::from(list_of_point(&(self.target_from_source * p))));
        }
        let found = describe(thing);
        Err(ToolError::argument(format!("transform got {found}, wanted [x, y, z] or Points in frame {}", self.source))
            .into())
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let p = self.fixed_from_camera().translation.vector;
        format!(
            "CameraPose of {}: position [{:.3}, {:.3}, {:.3}] m, maps {} to {}",
            self.frame.name(),
            p.x,
            p.y,
            p.z,
            self.source,
            self.target
        )
    }
}

/// Row by row.
fn values_of(matrix: &Matrix4<f64>) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}

fn matrix_of(transform: &Isometry3<f64>) -> RhaiResult<Arr> {
    arr(&[4, 4], values_of(&transform.to_homogeneous()))
}

impl PerFrame for PerFrameIntrinsicsValue {
    const NAME: &'static str = "PerFrameIntrinsics";

    fn series(&self) -> &FrameSeries {
        &self.0
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        let frame = self.0.frames().get(position).ok_or_else(|| ToolError::argument("there is no such frame"))?;
        Ok(Dynamic::from(CameraIntrinsicsValue(frame.clone())))
    }

    fn coordinate_frame(&self, position: usize) -> String {
        self.0.frames().get(position).map(|frame| frame.view().optical_frame.to_string()).unwrap_or_default()
    }
}

impl PerFrameExtrinsicsValue {
    /// Of frames whose poses are known.
    pub fn new(series: FrameSeries, poses: Vec<CameraPoseValue>) -> PerFrameExtrinsicsValue {
        PerFrameExtrinsicsValue { series, poses: poses.into() }
    }

    /// The pose at a position of the series.
    pub fn pose(&self, position: usize) -> Option<&CameraPoseValue> {
        self.poses.get(position)
    }
}

impl PerFrame for PerFrameExtrinsicsValue {
    const NAME: &'static str = "PerFrameExtrinsics";

    fn series(&self) -> &FrameSeries {
        &self.series
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        let pose = self.pose(position).ok_or_else(|| ToolError::argument("there is no such frame"))?;
        Ok(Dynamic::from(pose.clone()))
    }

    fn coordinate_frame(&self, position: usize) -> String {
        self.pose(position).map(|pose| pose.target.to_string()).unwrap_or_default()
    }
}

/// Makes the types known to cells.
pub fn register(library: &mut Library) {
    register_intrinsics(library);
    register_poses(library);
}

fn register_intrinsics(library: &mut Library) {
    per_frame::register::<PerFrameIntrinsicsValue>(library);
    fn text(s: &mut PerFrameIntrinsicsValue) -> String {
        format!("PerFrameIntrinsics of frames {}; [frame] has fx, fy, cx, cy, K", per_frame::join(&s.0.indices()))
    }
    library.register_fn("to_string", text).register_fn("to_debug", text);
    library
        .register_type_with_name::<CameraIntrinsicsValue>("CameraIntrinsics")
        .register_indexer_get(|i: &mut CameraIntrinsicsValue, name: ImmutableString| -> RhaiResult<Dynamic> {
            if name == "K" {
                return Ok(Dynamic::from(arr(&[3, 3], i.matrix())?));
            }
            Ok(Dynamic::from_float(i.named(&name)?))
        })
        .register_get("K", |i: &mut CameraIntrinsicsValue| arr(&[3, 3], i.matrix()))
        .register_get("width", |i: &mut CameraIntrinsicsValue| i64::from(i.of().width_px))
        .register_get("height", |i: &mut CameraIntrinsicsValue| i64::from(i.of().height_px))
        .register_get("index", |i: &mut CameraIntrinsicsValue| i.0.index() as i64)
        .register_get("stamp", |i: &mut CameraIntrinsicsValue| i.0.view().stamp.as_secs_f64())
        .register_get("camera", |i: &mut CameraIntrinsicsValue| i.0.view().camera.to_string())
        .register_fn("to_string", |i: &mut CameraIntrinsicsValue| i.text())
        .register_fn("to_debug", |i: &mut CameraIntrinsicsValue| i.text());
    for name in ["fx", "fy", "cx", "cy"] {
        library.register_get(name, move |i: &mut CameraIntrinsicsValue| i.named(name)).register_get(
            name,
            move |s: &mut PerFrameIntrinsicsValue| -> RhaiResult<Arr> {
                let frames = s.0.frames().iter();
                let values: RhaiResult<Vec<f64>> =
                    frames.map(|frame| CameraIntrinsicsValue(frame.clone()).named(name)).collect();
                arr(&[s.0.frames().len()], values?)
            },
        );
    }
}

fn register_poses(library: &mut Library) {
    per_frame::register::<PerFrameExtrinsicsValue>(library);
    fn text(s: &mut PerFrameExtrinsicsValue) -> String {
        format!("PerFrameExtrinsics of frames {}; [frame] is a CameraPose", per_frame::join(&s.series.indices()))
    }
    library
        .register_get("camera_poses", |s: &mut PerFrameExtrinsicsValue| {
            let poses = s.poses.iter().flat_map(|pose| values_of(&pose.fixed_from_camera().to_homogeneous()));
            arr(&[s.poses.len(), 4, 4], poses.collect())
        })
        .register_get("positions", |s: &mut PerFrameExtrinsicsValue| {
            let positions =
                s.poses.iter().flat_map(|pose| <[f64; 3]>::from(pose.fixed_from_camera().translation.vector));
            arr(&[s.poses.len(), 3], positions.collect())
        })
        .register_fn("to_string", text)
        .register_fn("to_debug", text);
    library
        .register_type_with_name::<CameraPoseValue>("CameraPose")
        .register_get("position", |p: &mut CameraPoseValue| {
            list_of_point(&Point3::from(p.fixed_from_camera().translation.vector))
        })
        .register_get("forward", |p: &mut CameraPoseValue| p.axis(Vector3::z()))
        .register_get("right", |p: &mut CameraPoseValue| p.axis(Vector3::x()))
        .register_get("up", |p: &mut CameraPoseValue| p.axis(-Vector3::y()))
        .register_get("matrix", |p: &mut CameraPoseValue| matrix_of(&p.target_from_source))
        .register_get("rotation", |p: &mut CameraPoseValue| {
            let rotation = p.target_from_source.rotation.to_rotation_matrix();
            arr(&[3, 3], rotation.matrix().transpose().as_slice().to_vec())
        })
        .register_get("camera_from_fixed", |p: &mut CameraPoseValue| matrix_of(&p.fixed_from_camera().inverse()))
        .register_get("inverse", |p: &mut CameraPoseValue| p.inverse())
        .register_fn("inverse", |p: &mut CameraPoseValue| p.inverse())
        .register_fn("transform", |p: &mut CameraPoseValue, thing: Dynamic| p.transform(&thing))
        .register_indexer_get(|p: &mut CameraPoseValue, row: i64| -> RhaiResult<Arr> {
            let at = crate::tools::arguments::index(row, 4, "the row of a CameraPose's 4x4 matrix")?;
            let values = values_of(&p.target_from_source.to_homogeneous());
            arr(&[4], values.into_iter().skip(4 * at).take(4).collect())
        })
        .register_fn("nd", |p: &mut CameraPoseValue, entries: Array| -> RhaiResult<Dynamic> {
            let index: Result<Vec<_>, ToolError> = entries.iter().map(convert::nd_index).collect();
            Ok(convert::value(matrix_of(&p.target_from_source)?.part(&index?, &SessionWork::none())?))
        })
        .register_get("sigma", |p: &mut CameraPoseValue| -> rhai::Map {
            [
                ("position".into(), Dynamic::from_float(p.sigma.position_m)),
                ("rotation".into(), Dynamic::from_float(p.sigma.rotation_rad)),
            ]
            .into()
        })
        .register_get("target", |p: &mut CameraPoseValue| p.target.to_string())
        .register_get("source", |p: &mut CameraPoseValue| p.source.to_string())
        .register_get("index", |p: &mut CameraPoseValue| p.frame.index() as i64)
        .register_get("stamp", |p: &mut CameraPoseValue| p.frame.view().stamp.as_secs_f64())
        .register_get("camera", |p: &mut CameraPoseValue| p.frame.view().camera.to_string())
        .register_fn("to_string", |p: &mut CameraPoseValue| p.text())
        .register_fn("to_debug", |p: &mut CameraPoseValue| p.text());
}
