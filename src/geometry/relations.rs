//! Directional relations with an explicit reference frame: each yields a truth value and how clearly it holds. Contact and containment
//! are in [`super::contact`].

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Point3, Vector3};

use super::{GeometryError, Quantity, Unit, UprightBox};

/// A relation's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Whether it holds.
    pub holds: bool,
    /// Signed margin in metres or radians: positive when it holds. `|margin| < 2 sigma` is too close to call.
    pub margin: Quantity,
    /// What was compared, in words.
    pub basis: String,
}

impl Relation {
    /// Whether the margin is beyond two standard deviations.
    pub fn is_clear(&self) -> bool {
        self.margin.value().abs() >= 2.0 * self.margin.sigma()
    }
}

/// Side of a reference as seen by a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Counter-clockwise about +z.
    Left,
    /// Clockwise about +z.
    Right,
    /// Nearer to the viewer.
    InFront,
    /// Farther from the viewer.
    Behind,
}

pub use super::contact::{inside, on_top_of, support_of, under};

/// Closer than this in the horizontal plane, a direction means nothing.
const LEAST_HORIZONTAL_M: f64 = 0.05;

/// Where `target` lies relative to `reference` for somebody at `viewer_m` who looks at the reference (projective relation;
/// Levinson 1996's *relative* frame). All in one frame with +z up. Left and right compare the bearings of the two centres; the margin is
/// the smallest turn about the viewer, in radians, that changes the verdict: to the reference's bearing or to straight behind. In front
/// and behind compare their horizontal distances from the viewer, with the margin in metres.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the viewer stands above or below the target or the reference.
pub fn side_of_reference(
    target: &UprightBox,
    reference: &UprightBox,
    viewer_m: &Point3<f64>,
    side: Side,
) -> Result<Relation, GeometryError> {
    let (target_ray, reference_ray) =
        (Ray::to(target, viewer_m, "target")?, Ray::to(reference, viewer_m, "reference")?);
    let (value, sigma, unit, compared) = match side {
        Side::Left | Side::Right => {
            let turn_rad = wrapped(target_ray.bearing_rad - reference_ray.bearing_rad);
            let sigma = target_ray.bearing_sigma_rad.hypot(reference_ray.bearing_sigma_rad);
            let sign = if side == Side::Left { 1.0 } else { -1.0 };
            let (margin_rad, compared) = if turn_rad.abs() <= FRAC_PI_2 {
                (turn_rad, "bearings of the centres about the up axis")
            } else {
                let short_of_half_rad = (PI - turn_rad.abs()).copysign(turn_rad);
                (
                    short_of_half_rad,
                    "bearings of the centres about the up axis, as a turn from straight behind the viewer",
                )
            };
            (sign * margin_rad, sigma, Unit::Radian, compared)
        }
        Side::InFront | Side::Behind => {
            let nearer_m = reference_ray.range_m - target_ray.range_m;
            let sigma = target_ray.range_sigma_m.hypot(reference_ray.range_sigma_m);
            let sign = if side == Side::InFront { 1.0 } else { -1.0 };
            (sign * nearer_m, sigma, Unit::Metre, "horizontal distances of the centres from the viewer")
        }
    };
    relation(value, sigma, unit, compared.to_owned())
}

/// On which side of the frame's origin `target` lies, by the frame's own axes (*intrinsic* frame; REP-103: x forward, y left): the
/// half-space left of the origin is +y, in front of it +x. The margin is the centre's distance from the dividing plane.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when it is straight above or below.
pub fn side_of_origin(target: &UprightBox, side: Side) -> Result<Relation, GeometryError> {
    Ray::to(target, &Point3::origin(), "target")?;
    let axis = match side {
        Side::Left => Vector3::y(),
        Side::Right => -Vector3::y(),
        Side::InFront => Vector3::x(),
        Side::Behind => -Vector3::x(),
    };
    let sigma = deviation(target, &axis);
    relation(axis.dot(&target.center_m.coords), sigma, Unit::Metre, "side of the frame's own axes".to_owned())
}

/// A horizontal line of sight to a box's centre.
struct Ray {
    bearing_rad: f64,
    bearing_sigma_rad: f64,
    range_m: f64,
    range_sigma_m: f64,
}

impl Ray {
    fn to(seen: &UprightBox, viewer_m: &Point3<f64>, what: &str) -> Result<Ray, GeometryError> {
        let mut offset = seen.center_m - viewer_m;
        offset.z = 0.0;
        let range_m = offset.norm();
        if range_m.is_nan() || range_m < LEAST_HORIZONTAL_M {
            return Err(GeometryError::NotMeasurable(format!(
                "the {what}'s centre is {range_m:.3} m from the viewpoint in the horizontal plane, at least \
                 {LEAST_HORIZONTAL_M} m are needed to tell a direction"
            )));
        }
        let forward = offset / range_m;
        let left = Vector3::new(-forward.y, forward.x, 0.0);
        Ok(Ray {
            bearing_rad: offset.y.atan2(offset.x),
            bearing_sigma_rad: deviation(seen, &left) / range_m,
            range_m,
            range_sigma_m: deviation(seen, &forward),
        })
    }
}

/// One standard deviation of the box's centre along a unit direction.
fn deviation(seen: &UprightBox, direction: &Vector3<f64>) -> f64 {
    direction.dot(&(seen.covariance_m2 * direction)).max(0.0).sqrt()
}

fn wrapped(angle_rad: f64) -> f64 {
    angle_rad.sin().atan2(angle_rad.cos())
}

fn relation(margin: f64, sigma: f64, unit: Unit, basis: String) -> Result<Relation, GeometryError> {
    let margin = Quantity::new(margin, sigma, unit)
        .ok_or_else(|| GeometryError::NotMeasurable("the margin of the relation is not finite".to_owned()))?;
    Ok(Relation { holds: margin.value() > 0.0, margin, basis })
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix3;
    use proptest::prelude::*;

    use super::*;

    fn at(x: f64, y: f64, z: f64) -> UprightBox {
        let zero = Quantity::new(0.1, 0.001, Unit::Metre).unwrap();
        let center_m = Point3::new(x, y, z);
        UprightBox {
            center_m,
            yaw_rad: 0.0,
            length: zero,
            width: zero,
            height: zero,
            bottom_m: zero,
            top_m: zero,
            median_m: center_m,
            covariance_m2: Matrix3::identity() * 1e-4,
            footprint_m: Vec::new(),
        }
    }

    #[test]
    fn sides_turn_with_the_viewer() {
        let (mug, bowl) = (at(2.0, 0.5, 0.7), at(2.0, -0.5, 0.9));
        let holds = |viewer: [f64; 3], side| {
            side_of_reference(&mug, &bowl, &Point3::from(viewer), side).map(|relation| relation.holds)
        };
        assert_eq!(holds([0.0, 0.0, 0.0], Side::Left), Ok(true));
        assert_eq!(holds([0.0, 0.0, 5.0], Side::Right), Ok(false));
        assert_eq!(holds([4.0, 0.0, 0.0], Side::Left), Ok(false));
        assert_eq!(holds([2.0, 3.0, 0.0], Side::InFront), Ok(true));
        assert_eq!(holds([2.0, -3.0, 0.0], Side::Behind), Ok(true));
        assert!(matches!(holds([2.0, -0.5, 0.0], Side::Left), Err(GeometryError::NotMeasurable(_))));
    }

    #[test]
    fn left_and_right_wrap_behind_the_viewer() {
        let (mug, bowl) = (at(-2.0, 0.3, 0.0), at(-2.0, -0.3, 0.0));
        // Facing the bowl behind the origin, the mug at +y is to the right.
        let relation = side_of_reference(&mug, &bowl, &Point3::origin(), Side::Right).unwrap();
        assert!(relation.holds);
        assert!((relation.margin.value() - 2.0 * (0.3f64 / 2.0).atan()).abs() < 1e-12);
        assert!((relation.margin.sigma() - 0.01 / 2.0f64.hypot(0.3) * 2f64.sqrt()).abs() < 1e-12);
    }

    proptest! {
        /// The thing walks around the viewer: by the margin to one of the two ways the verdict changes, by less to neither.
        #[test]
        fn the_margin_is_the_turn_that_changes_the_verdict(
            reference_rad in -3.1f64..3.1, turn_rad in 0.02f64..3.12, to_left in any::<bool>(), side in 0..2,
            range_m in 0.5f64..4.0,
        ) {
            let side = [Side::Left, Side::Right][side as usize];
            let turn_rad = if to_left { turn_rad } else { -turn_rad };
            let bowl = at(2.0 * reference_rad.cos(), 2.0 * reference_rad.sin(), 0.4);
            let verdict = |further_rad: f64| {
                let (sin, cos) = (reference_rad + turn_rad + further_rad).sin_cos();
                side_of_reference(&at(range_m * cos, range_m * sin, 0.4), &bowl, &Point3::origin(), side).unwrap()
            };
            let relation = verdict(0.0);
            let margin_rad = relation.margin.value().abs();
            prop_assert!(margin_rad <= FRAC_PI_2 + 1e-9);
            prop_assert_eq!(relation.holds, relation.margin.value() > 0.0);
            prop_assert_eq!(relation.holds, (side == Side::Left) == to_left);
            for share in [-0.99, -0.5, 0.5, 0.99] {
                prop_assert_eq!(verdict(share * margin_rad).holds, relation.holds, "{}", share);
            }
            let beyond = [-1.01, 1.01].map(|share| verdict(share * margin_rad).holds != relation.holds);
            prop_assert!(beyond.contains(&true), "{beyond:?}");
        }
    }

    #[test]
    fn opposite_sides_of_the_viewer_are_nearly_neither_left_nor_right() {
        let (cup, basket) = (at(-2.0, 0.02, 0.0), at(2.0, 0.0, 0.0));
        let relation = side_of_reference(&cup, &basket, &Point3::origin(), Side::Left).unwrap();
        assert!(relation.holds && !relation.is_clear(), "{relation:?}");
        assert!((relation.margin.value() - 0.01f64.atan()).abs() < 1e-9);
        assert!(relation.basis.contains("straight behind the viewer"), "{}", relation.basis);
    }

    #[test]
    fn a_frame_has_its_own_sides() {
        let check = |x: f64, y: f64, side, expected: bool, margin_m: f64| {
            let relation = side_of_origin(&at(x, y, 1.0), side).unwrap();
            assert_eq!((relation.holds, relation.margin.value()), (expected, margin_m));
        };
        check(2.0, 0.5, Side::Left, true, 0.5);
        check(2.0, 0.5, Side::InFront, true, 2.0);
        check(2.0, 0.5, Side::Right, false, -0.5);
        check(-1.0, 0.5, Side::Behind, true, 1.0);
    }

    #[test]
    fn too_close_to_call_is_not_clear() {
        let relation = side_of_origin(&at(2.0, 0.015, 0.0), Side::Left).unwrap();
        assert!(relation.holds && !relation.is_clear(), "0.015 m at a sigma of 0.01 m");
    }
}
