//! Convex polygons in the horizontal plane, corners counter-clockwise, and the rectangles around them.

use std::f64::consts::FRAC_PI_2;

/// Twice the signed area of the triangle o-a-b.
fn turn(o: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

/// Convex hull (Andrew 1979), counter-clockwise, without collinear corners.
pub(crate) fn convex_hull(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let chain = |points: &mut dyn Iterator<Item = &[f64; 2]>| {
        let mut hull: Vec<[f64; 2]> = Vec::new();
        for point in points {
            while let [.., before, last] = hull.as_slice()
                && turn(*before, *last, *point) <= 0.0
            {
                hull.pop();
            }
            hull.push(*point);
        }
        hull.pop();
        hull
    };
    let mut hull = chain(&mut sorted.iter());
    hull.extend(chain(&mut sorted.iter().rev()));
    hull
}

/// A rectangle around a footprint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rectangle {
    /// Of the first side, radians.
    pub(crate) direction_rad: f64,
    /// Ends along the first side and across it.
    low: [f64; 2],
    high: [f64; 2],
    /// Area with the sides moved outward by how far the walls lie from them: what is judged.
    size: f64,
}

impl Rectangle {
    /// Longer side first.
    pub(crate) fn sides_m(&self) -> [f64; 2] {
        let [a, b] = [self.high[0] - self.low[0], self.high[1] - self.low[1]];
        [a.max(b), a.min(b)]
    }

    pub(crate) fn center_m(&self) -> [f64; 2] {
        let (sin, cos) = self.direction_rad.sin_cos();
        let [along, across] = [0.5 * (self.low[0] + self.high[0]), 0.5 * (self.low[1] + self.high[1])];
        [along * cos - across * sin, along * sin + across * cos]
    }

    fn around(hull: &[[f64; 2]], walls: &[[f64; 2]], direction_rad: f64) -> Rectangle {
        let (sin, cos) = direction_rad.sin_cos();
        let turned = |[x, y]: &[f64; 2]| [x * cos + y * sin, y * cos - x * sin];
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for [along, across] in hull.iter().map(turned) {
            low = [low[0].min(along), low[1].min(across)];
            high = [high[0].max(along), high[1].max(across)];
        }
        let off = |[along, across]: [f64; 2]| {
            let nearest = [along - low[0], high[0] - along, across - low[1], high[1] - across];
            nearest.into_iter().fold(f64::INFINITY, f64::min).max(0.0)
        };
        let off_m = walls.iter().map(turned).map(off).sum::<f64>() / walls.len().max(1) as f64;
        let size = judged_size([high[0] - low[0], high[1] - low[1]], off_m);
        Rectangle { direction_rad, low, high, size }
    }

    fn area_m2(&self) -> f64 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }
}

/// Area or volume with every side moved outward by the mean distance of the seen walls from their nearest side. Of outlines that hold the
/// points equally tightly, the one along whose sides they lie is the smaller by it: two walls of a box, its top hidden, fill the rectangle
/// over their diagonal as well as their own, but lie along their own (the closeness of Zhang and others, L-shape fitting, 2017).
pub(crate) fn judged_size<const N: usize>(sides_m: [f64; N], off_m: f64) -> f64 {
    sides_m.into_iter().map(|side_m| side_m + 2.0 * off_m).product()
}

/// How much larger than the smallest outline one may be that is judged at all, for each of its sides.
pub(crate) const LARGER_BY_SIDE: f64 = 1.12;
/// Outlines judged this close to the best may as well be the true one.
pub(crate) const AS_GOOD: f64 = 1.1;
/// Outlines turned by less are the same outline.
pub(crate) const SAME_WITHIN_RAD: f64 = 0.087;

/// The best rectangle around a hull, and those in other directions that are about as good.
pub(crate) struct Rectangles {
    pub(crate) best: Rectangle,
    pub(crate) rivals: Vec<Rectangle>,
}

/// Rectangles around a hull by [`judged_size`]. `walls` are the points known to lie on sides; without them the smallest area holds, which
/// has a side along the hull's (Freeman and Shapira 1975). `None` without corners.
pub(crate) fn rectangles(hull: &[[f64; 2]], walls: &[[f64; 2]]) -> Option<Rectangles> {
    const STEPS: usize = 90;
    const FINE_STEPS: i32 = 10;
    let step_rad = FRAC_PI_2 / STEPS as f64;
    let around = |direction_rad: f64| Rectangle::around(hull, walls, direction_rad);
    let along_hull = edges(hull).filter_map(|(from, to)| {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        (dx.hypot(dy) >= 1e-12).then(|| dy.atan2(dx))
    });
    let all_around = (0..STEPS).map(|step| step as f64 * step_rad);
    let mut found: Vec<Rectangle> = along_hull.chain(all_around).map(around).collect();
    let least_m2 = found.iter().map(Rectangle::area_m2).fold(f64::INFINITY, f64::min);
    found.retain(|rectangle| rectangle.area_m2() <= LARGER_BY_SIDE.powi(2) * least_m2);
    let smaller = |a: &Rectangle, b: &Rectangle| a.size.total_cmp(&b.size);
    let mut best = found.iter().copied().min_by(smaller).filter(|_| !hull.is_empty())?;
    if !walls.is_empty() {
        let finer = (-FINE_STEPS..=FINE_STEPS)
            .map(|step| best.direction_rad + f64::from(step) * step_rad / f64::from(FINE_STEPS));
        best = finer.map(around).chain([best]).min_by(smaller)?;
    }
    found.retain(|other| {
        other.size <= AS_GOOD * best.size && turned_rad(other.direction_rad - best.direction_rad) > SAME_WITHIN_RAD
    });
    Some(Rectangles { best, rivals: found })
}

/// Of an angle, what a rectangle is turned by: it is the same after every quarter.
fn turned_rad(angle_rad: f64) -> f64 {
    let turned = angle_rad.rem_euclid(FRAC_PI_2);
    turned.min(FRAC_PI_2 - turned)
}

/// Direction (radians) of one side of the smallest-area rectangle around a hull. `None` without corners.
pub(crate) fn smallest_rectangle(hull: &[[f64; 2]]) -> Option<f64> {
    rectangles(hull, &[]).map(|found| found.best.direction_rad)
}

#[cfg(test)]
pub(crate) fn area(polygon: &[[f64; 2]]) -> f64 {
    0.5 * edges(polygon).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum::<f64>()
}

/// Part of `subject` inside `clip` (Sutherland and Hodgman 1974); both convex.
pub(crate) fn intersection(subject: &[[f64; 2]], clip: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if clip.len() < 3 {
        return Vec::new();
    }
    let mut left = subject.to_vec();
    for (from, to) in edges(clip) {
        let input = std::mem::take(&mut left);
        for (a, b) in edges(&input) {
            let (side_a, side_b) = (turn(from, to, a), turn(from, to, b));
            if side_a >= 0.0 {
                left.push(a);
            }
            if (side_a > 0.0 && side_b < 0.0) || (side_a < 0.0 && side_b > 0.0) {
                let share = side_a / (side_a - side_b);
                left.push([a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])]);
            }
        }
    }
    left
}

/// The hull of the polygon widened by `by_m` on all sides (corners cut by less than a tenth of it).
pub(crate) fn widened(polygon: &[[f64; 2]], by_m: f64) -> Vec<[f64; 2]> {
    const N_DIRECTIONS: usize = 12;
    let corners: Vec<[f64; 2]> = polygon
        .iter()
        .flat_map(|[x, y]| {
            (0..N_DIRECTIONS).map(move |step| {
                let (sin, cos) = (std::f64::consts::TAU * step as f64 / N_DIRECTIONS as f64).sin_cos();
                [x + by_m * cos, y + by_m * sin]
            })
        })
        .collect();
    convex_hull(&corners)
}

/// Distance from a point to the polygon; 0 inside.
pub(crate) fn distance_to(polygon: &[[f64; 2]], p: [f64; 2]) -> f64 {
    if contains(polygon, p) {
        return 0.0;
    }
    edges(polygon).map(|(a, b)| distance_to_segment(p, a, b)).fold(f64::INFINITY, f64::min)
}

/// Whether a point lies in the polygon, border included.
pub(crate) fn contains(polygon: &[[f64; 2]], p: [f64; 2]) -> bool {
    polygon.len() >= 3 && edges(polygon).all(|(a, b)| turn(a, b, p) >= 0.0)
}

/// Smallest distance between two polygons; 0 when they overlap.
pub(crate) fn gap_between(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    if intersection(a, b).len() >= 3 {
        return 0.0;
    }
    let from_a = a.iter().map(|p| distance_to(b, *p)).fold(f64::INFINITY, f64::min);
    let from_b = b.iter().map(|p| distance_to(a, *p)).fold(f64::INFINITY, f64::min);
    from_a.min(from_b)
}

pub(crate) fn edges(polygon: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}

pub(crate) fn distance_to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let [x, y] = nearest_on_segment(p, a, b);
    (p[0] - x).hypot(p[1] - y)
}

/// The place in the polygon nearest to a point: itself inside, and where there is no polygon.
pub(crate) fn nearest_in(polygon: &[[f64; 2]], p: [f64; 2]) -> [f64; 2] {
    if contains(polygon, p) {
        return p;
    }
    let away_m = |q: &[f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
    let places = edges(polygon).map(|(a, b)| nearest_on_segment(p, a, b));
    places.min_by(|q, r| away_m(q).total_cmp(&away_m(r))).unwrap_or(p)
}

/// The place on a segment nearest to a point.
pub(crate) fn nearest_on_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = dx * dx + dy * dy;
    let share = if length2 > 0.0 { ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2 } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    [a[0] + share * dx, a[1] + share * dy]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rectangle(center: [f64; 2], length: f64, width: f64, yaw: f64) -> Vec<[f64; 2]> {
        let (sin, cos) = yaw.sin_cos();
        [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
            .map(|(x, y)| {
                let (x, y) = (x * length, y * width);
                [center[0] + x * cos - y * sin, center[1] + x * sin + y * cos]
            })
            .to_vec()
    }

    proptest! {
        #[test]
        fn the_rectangle_around_a_rectangle_is_itself(
            yaw in -1.5f64..1.5, length in 0.2f64..2.0, width in 0.05f64..0.19, x in -3.0f64..3.0,
        ) {
            let mut points = rectangle([x, 1.0], length, width, yaw);
            points.extend(rectangle([x, 1.0], 0.5 * length, 0.9 * width, yaw));
            let hull = convex_hull(&points);
            prop_assert!((area(&hull) - length * width).abs() < 1e-9);
            let found = smallest_rectangle(&hull).unwrap() - yaw;
            let quarter = std::f64::consts::FRAC_PI_2;
            let off = (found / quarter - (found / quarter).round()).abs();
            prop_assert!(off < 1e-6, "{found}");
        }

        #[test]
        fn overlap_of_shifted_squares_is_the_product_of_overlaps(dx in 0.0f64..1.5, dy in 0.0f64..1.5) {
            let (a, b) = (rectangle([0.0, 0.0], 1.0, 1.0, 0.0), rectangle([dx, dy], 1.0, 1.0, 0.0));
            let expected = (1.0 - dx).max(0.0) * (1.0 - dy).max(0.0);
            prop_assert!((area(&intersection(&a, &b)) - expected).abs() < 1e-9);
            let expected_gap = (dx - 1.0).max(0.0).hypot((dy - 1.0).max(0.0));
            prop_assert!((gap_between(&a, &b) - expected_gap).abs() < 1e-9);
        }
    }

    #[test]
    fn a_widened_square_grows_on_every_side() {
        let square = rectangle([0.0, 0.0], 1.0, 1.0, 0.0);
        let wide = widened(&square, 0.1);
        assert!(contains(&wide, [0.599, 0.0]) && contains(&wide, [0.0, -0.599]) && !contains(&wide, [0.61, 0.0]));
        assert!((distance_to(&square, [0.8, 0.9]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_nearest_place_lies_on_the_side_that_faces() {
        let polygon = rectangle([1.0, 2.0], 0.6, 0.2, 0.0);
        for (p, expected) in [
            ([1.1, 2.05], [1.1, 2.05]),
            ([2.0, 2.03], [1.3, 2.03]),
            ([0.9, 0.0], [0.9, 1.9]),
            ([-1.0, 5.0], [0.7, 2.1]),
        ] {
            let found = nearest_in(&polygon, p);
            assert!((found[0] - expected[0]).hypot(found[1] - expected[1]) < 1e-12, "{p:?}: {found:?}");
        }
        assert_eq!(nearest_in(&[], [1.0, 2.0]), [1.0, 2.0]);
    }

    #[test]
    fn degenerate_footprints_do_not_break() {
        assert_eq!(convex_hull(&[]), Vec::<[f64; 2]>::new());
        assert_eq!(smallest_rectangle(&[]), None);
        assert_eq!(smallest_rectangle(&convex_hull(&[[1.0, 2.0], [1.0, 2.0]])), Some(0.0));
        let line = convex_hull(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]);
        assert_eq!(line, vec![[0.0, 0.0], [2.0, 2.0]]);
        assert!((distance_to(&line, [2.0, 0.0]) - 2f64.sqrt()).abs() < 1e-12);
    }
}
