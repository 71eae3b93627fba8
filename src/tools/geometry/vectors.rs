//! Plain vector maths for cells: positions, directions, matrices and pixels of any shape, without sigma.

use std::sync::Arc;

use nalgebra::{Matrix4, Point3, Rotation3, UnitVector3, Vector3};
use rhai::{Array, Dynamic};

use super::shapes::{direction, finite_arr, positions, shape_text, transform_matrix};
use crate::{
    array::{Arr, Bools},
    geometry::plane::fit_points,
    tools::{
        Session, ToolError,
        arguments::{list_of_point, number},
        arrays::convert::{arr, value},
        values::{FrameValue, ObjectValue},
    },
};

/// Fewest points and inliers for which [`fit_ground_plane_ransac`] gives a plane.
const LEAST_POINTS: usize = 100;
const LEAST_INLIERS: usize = 50;

/// Distance between positions: a number for two of them, a list where one or both are lists of positions.
///
/// # Errors
/// Shapes that do not fit.
pub fn euclidean_distance(p: &Dynamic, q: &Dynamic) -> Result<Dynamic, ToolError> {
    for (value, name) in [(p, "p"), (q, "q")] {
        if value.is::<ObjectValue>() {
            return Err(ToolError::argument(format!(
                "{name} is an Object; use its .center here, or tools.Geometry.surface_distance for the distance between surfaces"
            )));
        }
    }
    let (p, q) = (finite_arr(p, "p")?, finite_arr(q, "q")?);
    let mismatch = || {
        let (p, q) = (shape_text(&p), shape_text(&q));
        ToolError::argument(format!(
            "p has the shape {p} and q {q}; wanted equal shapes, or one of them a single position"
        ))
    };
    let Some(n) = p.shape().last().copied().filter(|n| q.shape().last() == Some(n) && *n > 0) else {
        return Err(mismatch());
    };
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let (longer, other) = if p.rank() >= q.rank() { (&p, &q) } else { (&q, &p) };
    if longer.shape() != other.shape() && other.rank() != 1 {
        return Err(mismatch());
    }
    let others = other.as_slice().chunks_exact(n).cycle();
    let distances = longer.as_slice().chunks_exact(n).zip(others).map(|(a, b)| apart(a, b)).collect();
    let shape = longer.shape().split_last().map_or_else(Vec::new, |(_, rest)| rest.to_vec());
    Ok(value(Arr::new(&shape, distances)?))
}

/// Angle between two directions, radians or degrees.
///
/// # Errors
/// When one of them has no length.
pub fn angle_between_vectors(u: &Dynamic, v: &Dynamic, degrees: bool) -> Result<f64, ToolError> {
    let angle_rad = direction(u, "u")?.angle(&direction(v, "v")?);
    Ok(if degrees { angle_rad.to_degrees() } else { angle_rad })
}

/// The camera of [`project_point_to_camera`]: a Frame, or a pose with four numbers.
pub struct ProjectTo<'a> {
    /// A Frame, or the camera's pose (world from camera).
    pub camera: &'a Dynamic,
    /// fx, fy, cx, cy in pixels; `()` with a Frame.
    pub intrinsics: [&'a Dynamic; 4],
}

/// Pixel of a position; `None` behind the camera.
type Projection = Box<dyn Fn(&Point3<f64>) -> Option<(f64, f64)>>;

/// Pixel of a position, or of each of a list; `()` behind the camera.
///
/// # Errors
/// A Frame whose place is not known; shapes that do not fit; a missing intrinsic.
pub fn project_point_to_camera(point: &Dynamic, to: &ProjectTo<'_>) -> Result<Dynamic, ToolError> {
    let point = finite_arr(point, "point")?;
    let points = positions(&point, "point")?;
    let project: Projection = match to.camera.read_lock::<FrameValue>() {
        Some(frame) => {
            let view = frame.view();
            let camera_from_fixed =
                view.posed.as_ref().map_err(|p| ToolError::from(p.clone()))?.fixed_from_camera.inverse();
            let intrinsics = view.intrinsics;
            Box::new(move |p| intrinsics.project((camera_from_fixed * p).into()))
        }
        None => {
            let world_from_camera = transform_matrix(to.camera, "the camera's pose")?;
            let camera_from_world = world_from_camera.try_inverse().ok_or_else(|| {
                ToolError::argument("the camera's pose has no inverse, wanted a 4x4 rotation and position")
            })?;
            let names = ["fx", "fy", "cx", "cy"];
            let mut read = [0.0; 4];
            for ((slot, value), name) in read.iter_mut().zip(to.intrinsics).zip(names) {
                *slot = number(value, name)?;
            }
            let [fx, fy, cx, cy] = read;
            Box::new(move |p| {
                let c = camera_from_world.transform_point(p);
                (c.z > 0.0).then(|| (c.x / c.z * fx + cx, c.y / c.z * fy + cy))
            })
        }
    };
    let pixel = |p: &[f64; 3]| match project(&Point3::from(*p)) {
        Some((u, v)) => vec![Dynamic::from_float(u), Dynamic::from_float(v)].into(),
        None => Dynamic::UNIT,
    };
    Ok(match (point.rank(), points.first()) {
        (1, Some(only)) => pixel(only),
        _ => points.iter().map(pixel).collect::<Array>().into(),
    })
}

/// The smallest rotation that takes one direction to the other, 3×3.
///
/// # Errors
/// When one of them has no length.
pub fn rotation_matrix_from_vectors(from: &Dynamic, to: &Dynamic) -> Result<Dynamic, ToolError> {
    let (from, to) = (direction(from, "from")?.normalize(), direction(to, "to")?.normalize());
    let rotation = Rotation3::rotation_between(&from, &to).unwrap_or_else(|| {
        // Opposite: half a turn about any axis across.
        let helper = if from.x.abs() < 0.9 { Vector3::x() } else { Vector3::y() };
        Rotation3::from_axis_angle(&UnitVector3::new_normalize(from.cross(&helper)), std::f64::consts::PI)
    });
    Ok(Dynamic::from(Arr::new(&[3, 3], rotation.matrix().transpose().as_slice().to_vec())?))
}

/// Positions moved by a 4×4, in their own shape.
///
/// # Errors
/// Shapes that do not fit.
pub fn transform_points(points: &Dynamic, matrix: &Dynamic) -> Result<Dynamic, ToolError> {
    let points = arr(points, "points")?;
    let matrix: Matrix4<f64> = transform_matrix(matrix, "matrix")?;
    let moved = positions(&points, "points")?.iter().flat_map(|p| {
        let moved = matrix * Point3::from(*p).to_homogeneous();
        [moved.x / moved.w, moved.y / moved.w, moved.z / moved.w]
    });
    Ok(Dynamic::from(Arr::new(points.shape(), moved.collect())?))
}

/// What [`fit_ground_plane_ransac`] goes by.
#[derive(Clone, Copy, Debug)]
pub struct GroundPlane {
    /// Points with less confidence are left out.
    pub conf_threshold: f64,
    /// Hypotheses tried at most.
    pub n_iterations: usize,
    /// Distance from the plane that counts as on it, metres.
    pub inlier_threshold_m: f64,
}

/// `[normal, inliers]` of the dominant plane, inliers in the shape of the points; `[(), ()]` when there is none.
///
/// # Errors
/// Shapes that do not fit.
pub fn fit_ground_plane_ransac(
    points: &Dynamic,
    confidence: &Dynamic,
    settings: &GroundPlane,
) -> Result<Array, ToolError> {
    let all = arr(points, "points")?;
    let points = positions(&all, "points")?;
    let confidence = if confidence.is_unit() { None } else { Some(arr(confidence, "confidence")?) };
    if let Some(confidence) = confidence.as_ref().filter(|confidence| confidence.len() != points.len()) {
        let (n, k) = (confidence.len(), points.len());
        return Err(ToolError::argument(format!("confidence has {n} numbers for {k} points, wanted one each")));
    }
    let confidence = confidence.as_ref().map(|confidence| confidence.as_slice());
    let counts = |i: usize, p: &[f64; 3]| {
        p.iter().all(|v| v.is_finite())
            && confidence.is_none_or(|each| each.get(i).is_some_and(|found| *found >= settings.conf_threshold))
    };
    let kept: Vec<Point3<f64>> =
        points.iter().enumerate().filter(|(i, p)| counts(*i, p)).map(|(_, p)| Point3::from(*p)).collect();
    let none = || vec![Dynamic::UNIT, Dynamic::UNIT];
    if kept.len() < LEAST_POINTS {
        return Ok(none());
    }
    let Some((normal, offset_m)) = fit_points(&kept, settings.inlier_threshold_m, settings.n_iterations) else {
        return Ok(none());
    };
    let is_on = |p: &[f64; 3]| (normal.dot(&Vector3::from(*p)) - offset_m).abs() <= settings.inlier_threshold_m;
    let inliers: Vec<bool> = points.iter().enumerate().map(|(i, p)| is_on(p) && counts(i, p)).collect();
    if inliers.iter().filter(|inlier| **inlier).count() < LEAST_INLIERS {
        return Ok(none());
    }
    let shape = all.shape().split_last().map_or_else(Vec::new, |(_, rest)| rest.to_vec());
    let normal = list_of_point(&Point3::from(normal.into_inner()));
    Ok(vec![Dynamic::from(normal), Dynamic::from(Bools::new(&shape, inliers)?)])
}

/// Coordinates of 0..1000, x and y in turn, as pixels. Says so when they look like pixels already.
///
/// # Errors
/// An odd number of coordinates.
pub fn normalized_to_pixel(
    session: &Arc<Session>,
    coords: &Dynamic,
    width_px: f64,
    height_px: f64,
) -> Result<Dynamic, ToolError> {
    let coords = arr(coords, "coords")?;
    if coords.len() % 2 != 0 {
        let n = coords.len();
        return Err(ToolError::argument(format!("coords has {n} numbers, wanted x and y in turn")));
    }
    let largest = coords.as_slice().iter().copied().fold(0.0, f64::max);
    if largest > 1000.0 {
        session.print(&format!(
            "warning: coords go up to {largest}, but 1000 is the image's far side; they may be pixels already"
        ));
    }
    let scale = |(i, v): (usize, &f64)| v / 1000.0 * if i % 2 == 0 { width_px } else { height_px };
    let pixels = coords.as_slice().iter().enumerate().map(scale).collect();
    Ok(value(Arr::new(coords.shape(), pixels)?))
}
