//! A level frame for recordings whose transforms do not tell which way is up.

use nalgebra::{Isometry3, Matrix3, Point3, Rotation3, Translation3, UnitQuaternion, UnitVector3, Vector3};

use super::fixed_transform;
use crate::{
    geometry::{
        Mask, PointCloud, PoseSigma,
        cloud::CameraPlacement,
        plane::{Plane, fit_plane},
    },
    scene::{FrameId, Snapshot, StampedTransform, View, imu::up_at_rest},
};

/// Floors and tables are level to this, one standard deviation: half a degree.
pub(super) const PLANE_SIGMA_RAD: f64 = 0.009;
/// Nobody holds a camera level to more than this: 15 degrees.
pub(super) const ASSUMED_SIGMA_RAD: f64 = 0.26;
/// Surfaces that are level, best first.
const LEVEL_SURFACES: [&str; 5] = ["floor", "ground", "table", "desk", "counter"];
/// A named surface is level, however it leans against the middle between the image's up and the way to the camera.
const MAX_NAMED_TILT_RAD: f64 = 1.3;
/// An unnamed plane, which may be a wall, is taken for level when it leans no more against the image's up.
const MAX_TILT_RAD: f64 = 1.05;
/// Points used to find an unnamed plane.
const MAX_POINTS: usize = 20_000;

/// How up was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Up {
    /// Somebody said so.
    Told,
    /// Normal of a surface.
    Measured,
    /// The picture's own.
    Assumed,
}

/// The level frame, in terms of the frame that it is put on.
pub(super) struct Level {
    /// How up was found.
    pub up: Up,
    /// For the user.
    pub note: String,
    level_from_anchor: Isometry3<f64>,
    /// Where the camera is in the level frame.
    camera_at_m: Vector3<f64>,
    stamp: crate::scene::Stamp,
}

impl Level {
    /// `anchor` is the frame above all others, or the camera's own. `None` when the camera has no place in it.
    pub fn find(snapshot: &Snapshot, anchor: &FrameId, told: Option<[f64; 3]>) -> Option<Level> {
        let view = snapshot.newest_views().into_iter().next_back()?;
        let anchor_from_camera = if *anchor == view.optical_frame {
            Isometry3::identity()
        } else {
            snapshot.transforms.lookup(anchor, &view.optical_frame, view.stamp).ok()?.target_from_source
        };
        let told = told.and_then(|up| UnitVector3::try_new(Vector3::from(up), 1e-6));
        let by_imu = up_at_rest(&snapshot.imu, &snapshot.transforms, anchor, snapshot.taken_at).ok();
        let (up, up_in_camera, note) = match (told, by_imu) {
            (Some(up), _) => (Up::Told, up, "up is taken as it was given".to_owned()),
            (None, Some(imu)) => {
                let up = UnitVector3::new_unchecked(anchor_from_camera.rotation.inverse() * imu.up.into_inner());
                (Up::Measured, up, format!("up is that of {} IMU samples at rest", imu.n_still))
            }
            (None, None) => match measured(view) {
                Some((normal, what)) => (Up::Measured, normal, format!("up is the normal of {what}, by half a degree")),
                None => {
                    let note = "nothing tells which way is up: the camera is taken to be held level, by 15 degrees; --up X,Y,Z gives it";
                    (Up::Assumed, UnitVector3::new_unchecked(-Vector3::y()), note.to_owned())
                }
            },
        };
        let up_in_anchor = anchor_from_camera.rotation * up_in_camera.into_inner();
        let ahead = |axis: Vector3<f64>| {
            let axis = anchor_from_camera.rotation * axis;
            UnitVector3::try_new(axis - up_in_anchor * up_in_anchor.dot(&axis), 0.05)
        };
        // A camera that looks straight down has the image's up ahead.
        let forward = ahead(Vector3::z()).or_else(|| ahead(-Vector3::y()))?.into_inner();
        let left = up_in_anchor.cross(&forward);
        let axes = Matrix3::from_columns(&[forward, left, up_in_anchor]).transpose();
        let turn = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes));
        let level_from_anchor = Isometry3::from_parts(Translation3::identity(), turn);
        let camera_at_m = (level_from_anchor * anchor_from_camera).translation.vector;
        Some(Level { up, note, level_from_anchor, camera_at_m, stamp: view.stamp })
    }

    /// The transforms to add.
    pub fn transforms(&self, anchor: &FrameId, robot: &FrameId, is_robot_added: bool) -> Vec<StampedTransform> {
        let level = FrameId::new(super::frames::LEVEL);
        let level_from_robot = Isometry3::from_parts(Translation3::from(self.camera_at_m), UnitQuaternion::identity());
        let body = is_robot_added.then(|| fixed_transform(&level, robot, self.stamp, &level_from_robot));
        std::iter::once(fixed_transform(&level, anchor, self.stamp, &self.level_from_anchor)).chain(body).collect()
    }
}

/// The normal of a named surface, else of the largest plane that may be level.
fn measured(view: &View) -> Option<(UnitVector3<f64>, String)> {
    let depth = view.depth.as_ref().ok()?;
    let placement =
        CameraPlacement { target_from_camera: Isometry3::identity(), pose_sigma: PoseSigma::default(), view_id: 0 };
    let cloud =
        |mask: Option<&Mask>| PointCloud::from_depth(depth, mask, &view.intrinsics, &view.depth_noise, &placement);
    // A surface on which things stand shows its upper side, to a camera that looks ahead or straight down.
    let above = UnitVector3::new_normalize(-Vector3::y() - Vector3::z());
    let seen_side = |plane: &Plane| {
        let is_seen_from_above = plane.signed_distance_m(&Point3::origin()) >= 0.0;
        if is_seen_from_above { plane.normal } else { -plane.normal }
    };
    if let Ok(labels) = &view.labels {
        for surface in LEVEL_SURFACES {
            let ids: Vec<u32> =
                labels.names.by_id.iter().filter(|(_, (name, _))| name == surface).map(|(id, _)| *id).collect();
            let set = labels.ids.iter().map(|id| ids.contains(id)).collect();
            let mask = Mask::new(labels.width_px, labels.height_px, set)?;
            if let Ok(plane) = fit_plane(&cloud(Some(&mask)), &above, MAX_NAMED_TILT_RAD) {
                return Some((seen_side(&plane), format!("the {surface}")));
            }
        }
    }
    let all = cloud(None);
    let stride = all.len().div_ceil(MAX_POINTS).max(1);
    let kept: Vec<usize> = (0..all.len()).step_by(stride).collect();
    let image_up = UnitVector3::new_unchecked(-Vector3::y());
    let plane = fit_plane(&all.select(&kept), &image_up, MAX_TILT_RAD).ok()?;
    Some((plane.normal, "the largest plane in view that may be level".to_owned()))
}
