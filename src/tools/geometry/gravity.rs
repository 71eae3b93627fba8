//! Which way is up, by whom, and whether the others agree.

use std::sync::Arc;

use nalgebra::{UnitVector3, Vector3};

use crate::{
    geometry::plane::fit_plane,
    perception::Prompt,
    scene::{FrameId, imu::up_at_rest},
    tools::{
        Session, ToolError,
        measure::{all_points, object_of, segments},
        values::{GravityValue, plane::facing},
        viewpoint::transform,
    },
};

/// Frames whose +z is up by REP-105, by the last part of their name.
const LEVEL_FRAMES: [&str; 4] = ["map", "odom", "earth", "world"];
/// Surfaces that are level in a room, best first.
const LEVEL_SURFACES: [&str; 5] = ["floor", "ground", "table", "desk", "counter"];
/// Floors and tables are level to this, one standard deviation: half a degree.
const FLOOR_SIGMA_RAD: f64 = 0.009;
/// An unnamed plane may be taken for level when it leans no more against the image's up.
const MAX_TILT_RAD: f64 = 1.05;
/// Two sources disagree beyond this many standard deviations.
const DISAGREEMENT_SIGMAS: f64 = 3.0;
/// Points used to find an unnamed plane.
const MAX_POINTS: usize = 20_000;

/// Names of the sources, in the order in which they are trusted.
pub const SOURCES: [&str; 3] = ["tf", "imu", "ransac"];

/// What one source says.
struct Up {
    up: UnitVector3<f64>,
    sigma_rad: f64,
    how: String,
}

/// Up in the fixed frame, by the first source that knows it or by the one asked for; the others are compared with it.
///
/// # Errors
/// `NOT_MEASURABLE` with why each source does not know.
pub fn gravity(session: &Arc<Session>, asked: Option<&str>) -> Result<GravityValue, ToolError> {
    if let Some(asked) = asked.filter(|asked| !SOURCES.contains(asked)) {
        return Err(ToolError::argument(format!("source is {asked:?}, wanted one of {SOURCES:?}")));
    }
    let mut known: Vec<(&'static str, Up)> = Vec::new();
    let mut reasons = Vec::new();
    for source in SOURCES {
        let found = match source {
            "tf" => by_frame(session),
            "imu" => by_imu(session),
            _ => by_plane(session),
        };
        match found {
            Ok(up) => known.push((source, up)),
            Err(error) => reasons.push(format!("{source}: {}", error.message)),
        }
    }
    let at = known.iter().position(|(source, _)| asked.is_none_or(|asked| asked == *source));
    let Some(at) = at else {
        return Err(ToolError::not_measurable(format!("which way is up is not known; {}", reasons.join("; "))));
    };
    let (source, chosen) = known.remove(at);
    let mut checks = Vec::new();
    for (other, up) in &known {
        let (angle_rad, sigma_rad) = (chosen.up.angle(&up.up), chosen.sigma_rad.hypot(up.sigma_rad));
        let agrees = angle_rad <= DISAGREEMENT_SIGMAS * sigma_rad;
        if !agrees {
            session.print(&format!(
                "warning: {source} and {other} disagree about up by {:.1}° (one standard deviation is {:.1}°): {}; {}",
                angle_rad.to_degrees(),
                sigma_rad.to_degrees(),
                chosen.how,
                up.how
            ));
        }
        checks.push(((*other).to_owned(), angle_rad, sigma_rad, agrees));
    }
    Ok(GravityValue {
        up: chosen.up,
        sigma_rad: chosen.sigma_rad,
        source,
        how: chosen.how,
        frame: session.context.snapshot.fixed_frame.clone(),
        checks,
        missing: reasons,
    })
}

fn by_frame(session: &Arc<Session>) -> Result<Up, ToolError> {
    let snapshot = &session.context.snapshot;
    let frame = &snapshot.fixed_frame;
    let last = frame.as_str().rsplit('/').next().unwrap_or_default();
    if !LEVEL_FRAMES.contains(&last) {
        return Err(ToolError::not_measurable(format!(
            "the fixed frame {frame} is none of {}, whose +z is up by REP-105",
            LEVEL_FRAMES.join(", ")
        )));
    }
    Ok(Up {
        up: Vector3::z_axis(),
        sigma_rad: snapshot.tf_sigma.rotation_rad,
        how: format!("+z of {frame} is up by REP-105"),
    })
}

fn by_imu(session: &Arc<Session>) -> Result<Up, ToolError> {
    let snapshot = &session.context.snapshot;
    let found = up_at_rest(&snapshot.imu, &snapshot.transforms, &snapshot.fixed_frame, snapshot.taken_at)?;
    Ok(Up {
        up: found.up,
        sigma_rad: found.sigma_rad.hypot(snapshot.tf_sigma.rotation_rad),
        how: format!("mean of {} IMU samples at rest, up to {}", found.n_still, found.stamp),
    })
}

fn by_plane(session: &Arc<Session>) -> Result<Up, ToolError> {
    let snapshot = &session.context.snapshot;
    let views = snapshot.newest_views();
    for name in LEVEL_SURFACES {
        for view in &views {
            let Ok(found) = segments(session, view, &Prompt::Text(name.to_owned())) else { continue };
            let Some(largest) = found.iter().max_by_key(|segment| segment.mask.n_pixels()) else { continue };
            let Ok(object) = object_of(session, view, largest) else { continue };
            let cloud = &object.points.cloud;
            let Ok(plane) = fit_plane(cloud, &image_up(session, view.view_idx), MAX_TILT_RAD) else { continue };
            let plane = facing(plane, &cloud.viewpoint_m);
            let sigma_rad = plane.tilt_sigma_rad().hypot(cloud.pose_sigma.rotation_rad).hypot(FLOOR_SIGMA_RAD);
            return Ok(Up { up: plane.normal, sigma_rad, how: format!("normal of the {}", object.name()) });
        }
    }
    let mut problem = ToolError::not_measurable("no image has depth and place");
    for view in &views {
        let mut all = match all_points(view, &snapshot.fixed_frame) {
            Ok(all) => all,
            Err(error) => {
                problem = error;
                continue;
            }
        };
        let stride = all.cloud.len().div_ceil(MAX_POINTS).max(1);
        let kept: Vec<usize> = (0..all.cloud.len()).step_by(stride).collect();
        all.cloud = all.cloud.select(&kept);
        match fit_plane(&all.cloud, &image_up(session, view.view_idx), MAX_TILT_RAD) {
            Ok(plane) => {
                let plane = facing(plane, &all.cloud.viewpoint_m);
                let sigma_rad = plane.tilt_sigma_rad().hypot(all.cloud.pose_sigma.rotation_rad).hypot(FLOOR_SIGMA_RAD);
                let how = format!("normal of the largest plane in view of {}, which has no name", view.camera);
                return Ok(Up { up: plane.normal, sigma_rad, how });
            }
            Err(error) => problem = error.into(),
        }
    }
    Err(problem)
}

/// The image's up in the fixed frame: a camera is seldom mounted upside down.
fn image_up(session: &Session, view_idx: usize) -> UnitVector3<f64> {
    let snapshot = &session.context.snapshot;
    let posed = snapshot.views.get(view_idx).and_then(|view| view.posed.as_ref().ok());
    let up = posed.map_or_else(Vector3::z, |posed| posed.fixed_from_camera.rotation * -Vector3::y());
    UnitVector3::new_normalize(up)
}

/// Up in another frame at the newest image's stamp.
///
/// # Errors
/// `TF_*`.
pub fn up_in(session: &Session, gravity: &GravityValue, frame: &str) -> Result<Vector3<f64>, ToolError> {
    let snapshot = &session.context.snapshot;
    let target = if frame == "robot" { snapshot.robot_frame.clone() } else { FrameId::new(frame) };
    let at = snapshot.views.last().map_or(snapshot.taken_at, |view| view.stamp);
    Ok(transform(session, &target, &gravity.frame, at)?.rotation * gravity.up.into_inner())
}
