//! Sizes and heights.

use std::sync::Arc;

use nalgebra::{Point3, Vector3};
use rhai::{Dynamic, ImmutableString};

use crate::{
    geometry::{
        Plane, PointCloud, Quantity, Unit, UprightBox,
        plane::{fit_plane, height_above_plane},
    },
    perception::Prompt,
    tools::{
        Session, ToolError,
        arguments::object,
        measure::{all_points, object_of, segments},
        values::{MeasurementValue, ObjectValue},
        viewpoint::{same_frame, transform},
    },
};

/// How far a floor or a table top may lean in a fixed frame whose +z is up: 10°.
const MAX_TILT_RAD: f64 = 0.175;

/// Share of the points that a plane must hold to be taken for a thing's top surface.
const MIN_TOP_SHARE: f64 = 0.3;

/// Points used to look for an unlabelled floor; a plane needs far fewer than an image has.
const MAX_FLOOR_POINTS: usize = 20_000;

/// Share of all points that a plane must hold to be taken for the floor.
const MIN_FLOOR_SHARE: f64 = 0.05;

/// A robot stands on the floor, so a surface this much above its base is something else.
const MAX_ABOVE_ROBOT_M: f64 = 0.1;

/// Planes looked at before giving up on finding the floor.
const MAX_PLANES: usize = 6;

fn vertical_ends(fitted: &UprightBox) -> Vec<Point3<f64>> {
    let (x, y) = (fitted.center_m.x, fitted.center_m.y);
    vec![Point3::new(x, y, fitted.bottom_m.value()), Point3::new(x, y, fitted.top_m.value())]
}

/// Vertical extent of the visible part.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn height(a: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    let fitted = a.upright_box()?;
    let points = vertical_ends(fitted);
    MeasurementValue::of_objects(
        a.whole_side(fitted.height, &Vector3::z(), "its height")?,
        "height",
        "vertical extent of the visible part",
        &[(a, "target")],
        points,
    )
}

/// Shorter horizontal side.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn width(a: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    let fitted = a.upright_box()?;
    side(a, fitted.width, std::f64::consts::FRAC_PI_2, "width", "shorter horizontal side of the visible part")
}

/// Longer horizontal side.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn length(a: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    let fitted = a.upright_box()?;
    side(a, fitted.length, 0.0, "length", "longer horizontal side of the visible part")
}

fn side(
    a: &ObjectValue,
    quantity: Quantity,
    turn_rad: f64,
    role: &str,
    method: &str,
) -> Result<MeasurementValue, ToolError> {
    let fitted = a.upright_box()?;
    let (sin, cos) = (fitted.yaw_rad + turn_rad).sin_cos();
    let along = Vector3::new(cos, sin, 0.0);
    let half = along * (quantity.value() / 2.0);
    let points = vec![fitted.center_m - half, fitted.center_m + half];
    let quantity = a.whole_side(quantity, &along, &format!("its {role}"))?;
    MeasurementValue::of_objects(quantity, role, method, &[(a, "target")], points)
}

/// Height of `a`'s bottom or top above the floor or above another thing's top surface.
///
/// # Errors
/// `NOT_MEASURABLE` when there is no such surface.
pub fn height_above(
    session: &Arc<Session>,
    a: &ObjectValue,
    reference: &Dynamic,
    part: &str,
) -> Result<MeasurementValue, ToolError> {
    let fitted = a.upright_box()?;
    let (level, height_m) = match part {
        "bottom" => (fitted.bottom_m, fitted.bottom_m.value()),
        "top" => (fitted.top_m, fitted.top_m.value()),
        other => return Err(ToolError::argument(format!("part is {other:?}, wanted \"bottom\" or \"top\""))),
    };
    let at = Point3::new(fitted.center_m.x, fitted.center_m.y, height_m);
    let words = reference.read_lock::<ImmutableString>().map(|words| words.to_string());
    match words.as_deref() {
        Some("floor" | "ground") => {
            let Floor { object, plane, how } = floor(session, a)?;
            let found = above(&plane, &at, &level)?;
            let method = format!("{part} above the floor ({how})");
            let foot = at - Vector3::z() * found.value();
            MeasurementValue::of_objects(
                found,
                "height",
                &method,
                &[(a, "target"), (&object, "surface")],
                vec![foot, at],
            )
        }
        Some(other) => Err(ToolError::argument(format!(
            "the reference is {other:?}, wanted \"floor\" or an Object from tools.Scene.find"
        ))),
        None => {
            let below = object(reference, "the reference")?;
            same_frame(a, &below)?;
            let (found, how) = match top_plane(&below)? {
                // A plane is known where it was seen, and the more it is carried on the less.
                Some(plane) => (above(&plane, &below.upright_box()?.nearest_over(&at), &level)?, "plane of its top"),
                None => {
                    let top = below.upright_box()?.top_m;
                    (difference(&level, &top)?, "its highest part")
                }
            };
            let method = format!("{part} above {how}");
            let foot = at - Vector3::z() * found.value();
            MeasurementValue::of_objects(
                found,
                "height",
                &method,
                &[(a, "target"), (&below, "surface")],
                vec![foot, at],
            )
        }
    }
}

fn above(plane: &Plane, at: &Point3<f64>, level: &Quantity) -> Result<Quantity, ToolError> {
    height_above_plane(plane, at, level.sigma())
        .ok_or_else(|| ToolError::not_measurable("the reference surface is too steep to stand above it"))
}

fn difference(high: &Quantity, low: &Quantity) -> Result<Quantity, ToolError> {
    Quantity::new(high.value() - low.value(), high.sigma().hypot(low.sigma()), Unit::Metre)
        .ok_or_else(|| ToolError::not_measurable("the heights are not finite"))
}

/// The plane of a flat top such as a table's; `None` when the thing has none.
fn top_plane(below: &ObjectValue) -> Result<Option<Plane>, ToolError> {
    let fitted = below.upright_box()?;
    let cloud = &below.points.cloud;
    let Ok(plane) = fit_plane(cloud, &Vector3::z_axis(), MAX_TILT_RAD) else { return Ok(None) };
    let level_m =
        height_above_plane(&plane, &fitted.center_m, 0.0).map_or(f64::INFINITY, |h| fitted.center_m.z - h.value());
    let slack_m = 3.0 * fitted.top_m.sigma() + 0.02;
    let is_top = (fitted.top_m.value() - level_m).abs() <= slack_m + fitted.length.value() * MAX_TILT_RAD / 2.0;
    let is_wide = plane.n_inliers as f64 >= MIN_TOP_SHARE * cloud.len() as f64;
    Ok((is_top && is_wide).then_some(plane))
}

struct Floor {
    object: ObjectValue,
    plane: Plane,
    how: &'static str,
}

/// The labelled floor if one is visible, else the lowest large horizontal plane in the view of `a`.
fn floor(session: &Arc<Session>, a: &ObjectValue) -> Result<Floor, ToolError> {
    let snapshot = &session.context.snapshot;
    let mut labelled: Vec<ObjectValue> = Vec::new();
    for view in snapshot.newest_views() {
        for name in ["floor", "ground"] {
            let Ok(found) = segments(session, view, &Prompt::Text(name.to_owned())) else { continue };
            labelled.extend(found.iter().filter_map(|segment| object_of(session, view, segment).ok()));
        }
    }
    labelled.sort_by_key(|object| std::cmp::Reverse(object.points.cloud.len()));
    for object in labelled {
        if object.points.frame != a.points.frame {
            continue;
        }
        if let Ok(plane) = fit_plane(&object.points.cloud, &Vector3::z_axis(), MAX_TILT_RAD) {
            return Ok(Floor { object, plane, how: "plane of the labelled floor" });
        }
    }
    lowest_plane(session, a)
}

fn lowest_plane(session: &Arc<Session>, a: &ObjectValue) -> Result<Floor, ToolError> {
    let snapshot = &session.context.snapshot;
    let no_floor = |why: &str| {
        ToolError::not_measurable(format!(
            "no floor is visible: nothing is labelled floor or ground and {why}; turn the camera down or ask for the height above \
             the thing beneath"
        ))
    };
    let Some(view) = snapshot.views.get(a.points.view_idx) else { return Err(no_floor("the image is gone")) };
    let mut all = all_points(view, &snapshot.fixed_frame)?;
    let stride = all.cloud.len().div_ceil(MAX_FLOOR_POINTS).max(1);
    let kept: Vec<usize> = (0..all.cloud.len()).step_by(stride).collect();
    all.cloud = all.cloud.select(&kept);
    let n_all = all.cloud.len();
    let mut rest = all.cloud.clone();
    let mut lowest: Option<(f64, Plane, PointCloud)> = None;
    for _ in 0..MAX_PLANES {
        let Ok(plane) = fit_plane(&rest, &Vector3::z_axis(), MAX_TILT_RAD) else { break };
        if (plane.n_inliers as f64) < MIN_FLOOR_SHARE * n_all as f64 {
            break;
        }
        let band_m = (3.0 * plane.residual_m).max(0.02);
        let (on, off): (Vec<usize>, Vec<usize>) =
            (0..rest.len()).partition(|i| distance_m(&plane, &rest, *i).is_some_and(|d| d.abs() <= band_m));
        if on.is_empty() {
            break;
        }
        let plane_points = rest.select(&on);
        let level_m = plane_points.points_m.iter().map(|p| f64::from(p[2])).sum::<f64>() / on.len() as f64;
        if lowest.as_ref().is_none_or(|(lowest_m, ..)| level_m < *lowest_m) {
            lowest = Some((level_m, plane, plane_points));
        }
        rest = rest.select(&off);
    }
    let Some((level_m, plane, cloud)) = lowest else { return Err(no_floor("no large horizontal surface is in view")) };
    let n_below = (0..n_all).filter(|i| distance_m(&plane, &all.cloud, *i).is_some_and(|d| d < -0.1)).count();
    if n_below as f64 > 0.02 * n_all as f64 {
        return Err(no_floor(&format!(
            "{n_below} of {n_all} points lie below the lowest horizontal surface at z = {level_m:.2} m"
        )));
    }
    let robot_m = match transform(session, &a.points.frame, &snapshot.robot_frame, a.points.stamp) {
        Ok(fixed_from_robot) => fixed_from_robot.translation.z,
        Err(error) => return Err(no_floor(&format!("the robot's own height is not known: {}", error.message))),
    };
    if level_m > robot_m + MAX_ABOVE_ROBOT_M {
        return Err(no_floor(&format!(
            "the lowest large horizontal surface is at z = {level_m:.2} m, above the robot's base at z = {robot_m:.2} m"
        )));
    }
    let object = ObjectValue::new("floor", None, crate::tools::values::PointsValue { cloud, ..all }, 1.0, None);
    Ok(Floor { object, plane, how: "lowest large horizontal plane in view, not labelled" })
}

fn distance_m(plane: &Plane, cloud: &PointCloud, index: usize) -> Option<f64> {
    let p = cloud.points_m.get(index)?;
    Some(plane.signed_distance_m(&Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]))))
}
