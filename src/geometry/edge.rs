//! How far a thing stands from the edge of the surface that carries it.

use nalgebra::Point3;

use super::{GeometryError, Prepared, Quantity, Unit, UprightBox, distance::DistanceMeasurement};

/// Horizontal distance from the footprint of `a` to the nearest edge of `surface`'s footprint, from inside. Negative where `a`
/// overhangs. The edge is that of the convex outline of what is visible; whether it is a real edge or the end of the view is for
/// the caller to check at [`DistanceMeasurement::to_m`]. Both in one frame with +z up.
///
/// The outline's corners and those of `a` are as uncertain as one end of a box side, so each adds its larger side's sigma over √2.
///
/// # Errors
/// [`GeometryError::NotMeasurable`] when the middle of `a` is not above `surface`.
pub fn distance_to_edge(a: &UprightBox, surface: &UprightBox) -> Result<DistanceMeasurement, GeometryError> {
    let inward_m = |p: [f64; 2]| {
        let corners = &surface.footprint_m;
        let next = corners.iter().cycle().skip(1);
        let distances = corners.iter().zip(next).filter_map(|(from, to)| {
            let (along, to_p) = ([to[0] - from[0], to[1] - from[1]], [p[0] - from[0], p[1] - from[1]]);
            let length_m = along[0].hypot(along[1]);
            let outward = [along[1] / length_m, -along[0] / length_m];
            (length_m > 1e-9).then(|| (-(outward[0] * to_p[0] + outward[1] * to_p[1]), outward))
        });
        distances.min_by(|one, other| one.0.total_cmp(&other.0))
    };
    let middle = [a.center_m.x, a.center_m.y];
    let off_surface = || {
        GeometryError::NotMeasurable(
            "the middle of the first thing is not above the visible part of the surface".into(),
        )
    };
    inward_m(middle).filter(|(distance_m, _)| *distance_m > 0.0).ok_or_else(off_surface)?;
    let nearest =
        a.footprint_m.iter().filter_map(|p| inward_m(*p).map(|(distance_m, outward)| (distance_m, outward, *p)));
    let (distance_m, outward, p) = nearest.min_by(|one, other| one.0.total_cmp(&other.0)).ok_or_else(off_surface)?;

    let end_sigma_m =
        |fitted: &UprightBox| fitted.length.sigma().max(fitted.width.sigma()) * std::f64::consts::FRAC_1_SQRT_2;
    let sigma_m = end_sigma_m(a).hypot(end_sigma_m(surface));
    let z_m = surface.top_m.value();
    Ok(DistanceMeasurement {
        distance: Quantity::new(distance_m, sigma_m, Unit::Metre).ok_or_else(off_surface)?,
        from_m: Point3::new(p[0], p[1], z_m),
        to_m: Point3::new(p[0] + outward[0] * distance_m, p[1] + outward[1] * distance_m, z_m),
    })
}

/// At most so far is the footprint of `a` from the nearest edge of a convex `surface`, parts of which may be hidden: the upper bound to
/// [`distance_to_edge`], which is a lower one. Infinite when no end of the surface is seen, `None` when its image is not known.
pub fn most_distant_edge_m(a: &UprightBox, surface: &Prepared) -> Option<f64> {
    let inside_m = a.footprint_m.iter().map(|p| surface.most_inside_m(*p));
    inside_m.reduce(|one, other| Some(one?.min(other?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::silhouette::tests::{COVER, TABLE, THING, block as seen_block, seen};
    use nalgebra::Matrix3;
    use proptest::prelude::*;

    /// An exact box; sides have a sigma of √2 mm.
    fn block(x_m: f64, y_m: f64, length_m: f64, width_m: f64, yaw_rad: f64) -> UprightBox {
        let side = |value| Quantity::new(value, 0.001 * std::f64::consts::SQRT_2, Unit::Metre).unwrap();
        let (sin, cos) = yaw_rad.sin_cos();
        let corner = |along: f64, across: f64| {
            let (u, v) = (along * length_m / 2.0, across * width_m / 2.0);
            [x_m + u * cos - v * sin, y_m + u * sin + v * cos]
        };
        UprightBox {
            center_m: Point3::new(x_m, y_m, 0.5),
            yaw_rad,
            length: side(length_m),
            width: side(width_m),
            height: side(1.0),
            bottom_m: side(0.0),
            top_m: side(1.0),
            median_m: Point3::new(x_m, y_m, 0.5),
            covariance_m2: Matrix3::zeros(),
            footprint_m: vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)],
        }
    }

    #[test]
    fn the_nearest_edge_counts() {
        let table = block(0.0, 0.0, 2.0, 1.0, 0.0);
        let found = distance_to_edge(&block(0.7, 0.0, 0.2, 0.1, 0.0), &table).unwrap();
        assert!((found.distance.value() - 0.2).abs() < 1e-12, "{}", found.distance);
        assert!((found.distance.sigma() - 0.001 * std::f64::consts::SQRT_2).abs() < 1e-9);
        assert!((found.to_m.x - 1.0).abs() < 1e-12 && (found.to_m.z - 1.0).abs() < 1e-12);
        let over = distance_to_edge(&block(0.0, 0.48, 0.2, 0.1, 0.0), &table).unwrap();
        assert!((over.distance.value() + 0.03).abs() < 1e-12, "{}", over.distance);
        assert!(matches!(
            distance_to_edge(&block(1.1, 0.0, 0.2, 0.1, 0.0), &table),
            Err(GeometryError::NotMeasurable(_))
        ));
    }

    /// What is told of a block that stands 0.2 m before the table's left edge: the lower and the upper bound.
    fn bounds(cover: Option<[f64; 2]>) -> (f64, f64) {
        let thing = seen_block([1.3, 0.25, 0.4], [0.1, 0.1, 0.3]);
        let mut bodies = vec![(THING, thing)];
        bodies.extend(cover.map(|[x, y]| (COVER, seen_block([x, y, 0.4], [0.1, 0.36, 0.2]))));
        let (thing, table) = (seen(&bodies, THING, 1), seen(&bodies, TABLE, 1));
        let least = distance_to_edge(thing.upright_box(), table.upright_box()).unwrap();
        (least.distance.value(), most_distant_edge_m(thing.upright_box(), &table).unwrap())
    }

    #[test]
    fn an_edge_that_is_seen_bounds_from_both_sides() {
        for cover in [None, Some([1.1, -0.2]), Some([1.5, -0.2])] {
            let (least_m, most_m) = bounds(cover);
            assert!((least_m - 0.2).abs() < 0.01 && (most_m - 0.2).abs() < 0.015, "{cover:?}: {least_m} {most_m}");
        }
    }

    #[test]
    fn a_corner_behind_a_thing_is_not_the_end_of_the_table() {
        let (least_m, most_m) = bounds(Some([1.1, 0.4]));
        assert!(least_m < 0.1, "the visible part ends at the cover: {least_m}");
        assert!(most_m > 0.19, "the table may go on: {most_m}");
        // Somewhere else hidden, the bounds hold the truth all the same.
        for x in [1.05, 1.1, 1.2] {
            for y in [0.35, 0.4, 0.45] {
                let (least_m, most_m) = bounds(Some([x, y]));
                assert!(least_m < 0.21 && most_m > 0.19, "{x} {y}: {least_m} {most_m}");
            }
        }
    }

    proptest! {
        #[test]
        fn turning_and_shifting_everything_changes_nothing(
            x in -0.8f64..0.8, y in -0.3f64..0.3, yaw in -3.0f64..3.0, turn in -3.0f64..3.0, shift in -5.0f64..5.0
        ) {
            let still = distance_to_edge(&block(x, y, 0.2, 0.1, yaw), &block(0.0, 0.0, 2.0, 1.0, 0.0)).unwrap();
            let (sin, cos) = turn.sin_cos();
            let moved = block(x * cos - y * sin + shift, x * sin + y * cos, 0.2, 0.1, yaw + turn);
            let found = distance_to_edge(&moved, &block(shift, 0.0, 2.0, 1.0, turn)).unwrap();
            prop_assert!((found.distance.value() - still.distance.value()).abs() < 1e-9);
        }
    }
}
