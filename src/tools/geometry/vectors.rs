//! Plain vector maths for cells.

use nalgebra::{Point3, Vector3};
use rhai::{Dynamic, Map};

use crate::{
    geometry::plane,
    tools::{
        ToolError,
        arguments::list_of_point,
        values::{ObjectValue, object::named},
    },
};

/// Angle between two directions, radians.
///
/// # Errors
/// When one of them has no length.
pub fn angle_between(u: &Point3<f64>, v: &Point3<f64>) -> Result<f64, ToolError> {
    if u.coords.norm() < 1e-12 || v.coords.norm() < 1e-12 {
        return Err(ToolError::argument("a vector of length 0 has no direction"));
    }
    Ok(u.coords.angle(&v.coords))
}

/// The dominant plane of any direction: the best of those near the three axes, which together cover all directions.
///
/// # Errors
/// `NOT_MEASURABLE` when no plane holds enough points.
pub fn fit_plane(points: &ObjectValue) -> Result<Map, ToolError> {
    let axes = [Vector3::z_axis(), Vector3::x_axis(), Vector3::y_axis()];
    let fits = axes.map(|axis| plane::fit_plane(&points.points.cloud, &axis, std::f64::consts::FRAC_PI_3));
    let mut best: Option<plane::Plane> = None;
    let mut problem = None;
    for fit in fits {
        match fit {
            Ok(fit) if best.as_ref().is_none_or(|best| fit.n_inliers > best.n_inliers) => best = Some(fit),
            Ok(_) => {}
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    let best = match (best, problem) {
        (Some(best), _) => best,
        (None, Some(error)) => return Err(named(error, &points.name())),
        (None, None) => return Err(ToolError::not_measurable("no plane was found")),
    };
    Ok([
        ("normal".into(), Dynamic::from(list_of_point(&Point3::from(best.normal.into_inner())))),
        ("offset".into(), Dynamic::from_float(best.offset_m)),
        ("residual".into(), Dynamic::from_float(best.residual_m)),
        ("inliers".into(), Dynamic::from_int(best.n_inliers as i64)),
    ]
    .into())
}
