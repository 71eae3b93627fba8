//! Which way is up on the picture, how large a metre is, and where the cameras stood.

use nalgebra::{Isometry3, Point3, Vector2, Vector3};

use super::thing::{Shape, Thing};
use crate::tools::{
    ToolError,
    values::{FrameValue, ReconstructionValue, per_frame::PerFrame},
};

/// Side of the picture.
pub const SIDE_PX: f64 = 720.0;
/// Rim for words.
pub const RIM_PX: f64 = 44.0;
/// Free space on each side, as a share of the scene.
const PADDING: f64 = 0.15;
/// Smallest width of the scene.
const MIN_SPAN_M: f64 = 1.0;
/// A path shorter than this is a place.
const MIN_PATH_M: f64 = 0.05;

/// Where one camera stood at one moment.
#[derive(Clone)]
pub struct Station {
    /// The image.
    pub frame: FrameValue,
    /// Place in the fixed frame.
    pub at_m: Point3<f64>,
    /// Where it looked, horizontally; a unit vector.
    pub forward: Vector2<f64>,
    /// Half of its horizontal field of view.
    pub half_view_rad: f64,
}

/// All cameras of the picture.
pub struct Cameras {
    /// The one whose forward is up.
    pub reference: Station,
    /// One for each further camera that stood still, and the last place of those that moved.
    pub others: Vec<Station>,
    /// The ways of cameras that moved, oldest place first.
    pub paths: Vec<Vec<Station>>,
}

/// Maps the fixed frame to the picture.
pub struct Layout {
    /// The reference camera's place.
    pub origin_m: Point3<f64>,
    /// Up on the picture, in the fixed frame.
    pub forward: Vector2<f64>,
    /// Right on the picture, in the fixed frame.
    pub right: Vector2<f64>,
    /// Middle of the picture, right and forward of the origin.
    pub middle_m: (f64, f64),
    /// Scale.
    pub px_per_m: f64,
    /// Width of what is shown.
    pub span_m: f64,
}

impl Station {
    fn of(frame: &FrameValue, fixed_from_camera: &Isometry3<f64>) -> Station {
        let intrinsics = frame.view().intrinsics;
        Station {
            frame: frame.clone(),
            at_m: Point3::from(fixed_from_camera.translation.vector),
            forward: horizontal_forward(fixed_from_camera),
            half_view_rad: (f64::from(intrinsics.width_px) / 2.0 / intrinsics.fx_px).atan(),
        }
    }
}

/// Where the camera looks, seen from above; for one that looks straight down or up, where the image's upper edge points.
fn horizontal_forward(fixed_from_camera: &Isometry3<f64>) -> Vector2<f64> {
    const STEEP: f64 = 0.02;
    let forward = fixed_from_camera.rotation * Vector3::z();
    let image_up = fixed_from_camera.rotation * -Vector3::y();
    let chosen = if forward.xy().norm() > STEEP { forward } else { image_up };
    chosen.xy().try_normalize(1e-9).unwrap_or_else(Vector2::x)
}

impl Cameras {
    /// Of a reconstruction.
    ///
    /// # Errors
    /// When it has no pose for the reference frame.
    pub fn of(
        reconstruction: &ReconstructionValue,
        reference: FrameValue,
        wants_path: bool,
    ) -> Result<Cameras, ToolError> {
        let frames = reconstruction.series().frames().iter().enumerate();
        let stations: Vec<Station> = frames
            .filter_map(|(at, frame)| {
                reconstruction.extrinsics.pose(at).map(|pose| Station::of(frame, &pose.fixed_from_camera()))
            })
            .collect();
        let of_reference = stations.iter().find(|station| station.frame.is_same_as(&reference));
        let of_reference = of_reference
            .ok_or_else(|| ToolError::argument(format!("the place of {} is not known", reference.name())))?;
        let mut names: Vec<&str> = stations.iter().map(|station| &*station.frame.view().camera).collect();
        names.sort_unstable();
        names.dedup();
        let (mut others, mut paths) = (Vec::new(), Vec::new());
        for name in names {
            let mut own: Vec<Station> =
                stations.iter().filter(|station| *station.frame.view().camera == *name).cloned().collect();
            own.sort_by_key(|station| station.frame.view().stamp);
            let has_moved = path_length_m(&own) > MIN_PATH_M;
            if let Some(last) = own.last()
                && !last.frame.is_same_as(&reference)
                && (has_moved || *name != *reference.view().camera)
            {
                others.push(last.clone());
            }
            if wants_path && has_moved {
                paths.push(own);
            }
        }
        Ok(Cameras { reference: of_reference.clone(), others, paths })
    }
}

/// Length of the way.
pub fn path_length_m(path: &[Station]) -> f64 {
    path.windows(2).map(|pair| (pair[1].at_m - pair[0].at_m).norm()).sum()
}

impl Layout {
    /// Square around everything, the reference camera's forward up. Seen from above, so right is always right of forward.
    pub fn of(cameras: &Cameras, things: &[Thing]) -> Layout {
        let forward = cameras.reference.forward;
        let mut layout = Layout {
            origin_m: cameras.reference.at_m,
            forward,
            right: Vector2::new(forward.y, -forward.x),
            middle_m: (0.0, 0.0),
            px_per_m: 1.0,
            span_m: MIN_SPAN_M,
        };
        let mut points: Vec<(f64, f64)> = Vec::new();
        let stations = [&cameras.reference].into_iter().chain(&cameras.others).chain(cameras.paths.iter().flatten());
        points.extend(stations.map(|station| layout.relative(station.at_m.x, station.at_m.y)));
        for thing in things {
            match &thing.shape {
                Shape::Still { corners_m, .. } => points.extend(corners_m.iter().map(|[x, y]| layout.relative(*x, *y))),
                Shape::Moving { path } => {
                    let trusted = path.iter().filter(|place| place.is_trusted);
                    points.extend(trusted.map(|place| layout.relative(place.at_m.x, place.at_m.y)));
                }
            }
        }
        let ends = |axis: fn(&(f64, f64)) -> f64| {
            points.iter().map(axis).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
        };
        let (across, along) = (ends(|p| p.0), ends(|p| p.1));
        let span_m = (across.1 - across.0).max(along.1 - along.0) * (1.0 + 2.0 * PADDING);
        layout.span_m = span_m.max(MIN_SPAN_M);
        layout.middle_m = ((across.0 + across.1) / 2.0, (along.0 + along.1) / 2.0);
        layout.px_per_m = (SIDE_PX - 2.0 * RIM_PX) / layout.span_m;
        layout
    }

    /// Right and forward of the reference camera.
    pub fn relative(&self, x_m: f64, y_m: f64) -> (f64, f64) {
        let offset = Vector2::new(x_m - self.origin_m.x, y_m - self.origin_m.y);
        (offset.dot(&self.right), offset.dot(&self.forward))
    }

    /// Where a place of the fixed frame is on the picture.
    pub fn pixel(&self, x_m: f64, y_m: f64) -> (f64, f64) {
        let (right, forward) = self.relative(x_m, y_m);
        let middle_px = SIDE_PX / 2.0;
        (middle_px + (right - self.middle_m.0) * self.px_per_m, middle_px - (forward - self.middle_m.1) * self.px_per_m)
    }

    /// A round length for the scale bar, about a fifth of the picture.
    pub fn scale_bar_m(&self) -> f64 {
        let wanted = self.span_m / 5.0;
        let decade = 10f64.powf(wanted.log10().floor());
        [5.0, 2.0, 1.0].into_iter().map(|step| step * decade).find(|length| *length <= wanted).unwrap_or(decade)
    }
}
