//! Neighbours, hulls and decompositions against plain definitions; refusals of what is too large or not wanted any more.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use spatialclaw::array::{
    Arr, ArrayError, ArrayResult, Index, Tree, Unlimited, Work,
    distances::{self, Metric},
    elementwise::Whole,
    hull::convex_hull,
    linalg, reduce, shape,
};

fn rows(points: &[Vec<f64>]) -> Arr {
    let width = points.first().map_or(0, Vec::len);
    Arr::new(&[points.len(), width], points.concat()).unwrap()
}

fn point(width: usize) -> impl Strategy<Value = Vec<f64>> {
    // Coordinates on a coarse grid make equal points, lines and planes frequent.
    prop_oneof![prop::collection::vec(-5.0..5.0, width), prop::collection::vec((-3i32..3).prop_map(f64::from), width)]
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

proptest! {
    #[test]
    fn the_nearest_are_those_that_a_full_search_finds(
        points in prop::collection::vec(point(3), 1..80),
        places in prop::collection::vec(point(3), 1..10),
        k in 1usize..6,
    ) {
        let tree = Tree::new(&rows(&points), &Unlimited).unwrap();
        let found = tree.nearest(&rows(&places), k, f64::INFINITY, &Unlimited).unwrap();
        for (place, found) in places.iter().zip(found.chunks(k)) {
            let mut all: Vec<f64> = points.iter().map(|p| apart(p, place)).collect();
            all.sort_by(f64::total_cmp);
            for (i, near) in found.iter().enumerate() {
                match all.get(i) {
                    Some(expected) => {
                        prop_assert!((near.distance - expected).abs() < 1e-12);
                        prop_assert!((apart(&points[near.at], place) - expected).abs() < 1e-12);
                    }
                    None => prop_assert_eq!((near.distance, near.at), (f64::INFINITY, points.len())),
                }
            }
        }
    }

    #[test]
    fn a_hull_holds_all_points_and_its_corners_are_some_of_them(points in prop::collection::vec(point(3), 4..60)) {
        let hull = match convex_hull(&rows(&points), &Unlimited) {
            Ok(hull) => hull,
            Err(ArrayError::NotComputable(_)) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert!(hull.volume >= 0.0 && hull.area > 0.0);
        // A closed surface of triangles: every edge is there once in each direction, and Euler's formula holds.
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for face in &hull.simplices {
            let (a, b, c) = (&points[face[0]], &points[face[1]], &points[face[2]]);
            edges.extend([(face[0], face[1]), (face[1], face[2]), (face[2], face[0])]);
            let (u, v): (Vec<f64>, Vec<f64>) = ((0..3).map(|i| b[i] - a[i]).collect(), (0..3).map(|i| c[i] - a[i]).collect());
            let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
            for p in &points {
                let height: f64 = (0..3).map(|i| normal[i] * (p[i] - a[i])).sum();
                prop_assert!(height <= 1e-9, "{p:?} is {height} outside of {face:?}");
            }
        }
        for (from, to) in &edges {
            prop_assert_eq!(edges.iter().filter(|edge| *edge == &(*to, *from)).count(), 1);
        }
        prop_assert_eq!(hull.vertices.len() + hull.simplices.len(), edges.len() / 2 + 2);
    }

    #[test]
    fn factors_multiply_to_the_matrix(values in prop::collection::vec(-5.0..5.0f64, 1..400), n_columns in 1usize..5) {
        let n_rows = values.len().div_ceil(n_columns);
        let mut values = values;
        values.resize(n_rows * n_columns, 0.0);
        let a = Arr::new(&[n_rows, n_columns], values).unwrap();
        let found = linalg::svd(&a, false, &Unlimited).unwrap();
        let scaled = found.u.zip(&found.s, Whole::Lost, &Unlimited, |u, s| u * s).unwrap();
        let product = linalg::product(&scaled, &found.vt, &Unlimited).unwrap();
        for (x, y) in product.as_slice().iter().zip(a.as_slice()) {
            prop_assert!((x - y).abs() < 1e-9);
        }
    }

    #[test]
    fn a_part_written_back_changes_nothing(
        lengths in prop::collection::vec(1usize..5, 1..4),
        start in -6i64..6, stop in -6i64..6, step in prop_oneof![-3i64..0, 1i64..4],
    ) {
        let n = shape::size(&lengths).unwrap();
        let a = Arr::new(&lengths, (0..n).map(|i| i as f64).collect()).unwrap();
        let index = [Index::Range(Some(start), Some(stop), step)];
        let part = a.part(&index, &Unlimited).unwrap();
        let mut b = a.clone();
        b.set_part(&index, &part, &Unlimited).unwrap();
        prop_assert_eq!(a.as_slice(), b.as_slice());
    }
}

#[test]
fn a_box_has_its_volume_and_surface() {
    let corners: Vec<Vec<f64>> =
        (0..8).map(|i| vec![f64::from(i & 1) * 2.0, f64::from(i >> 1 & 1) * 3.0, f64::from(i >> 2) * 4.0]).collect();
    let hull = convex_hull(&rows(&corners), &Unlimited).unwrap();
    assert!((hull.volume - 24.0).abs() < 1e-12 && (hull.area - 52.0).abs() < 1e-12, "{hull:?}");
    let flat: Vec<Vec<f64>> = corners.iter().map(|p| vec![p[0], p[1], 0.0]).collect();
    let error = convex_hull(&rows(&flat), &Unlimited).unwrap_err();
    assert_eq!(error.to_string(), "the 8 points span no volume, so they have no hull");
}

struct Stops {
    n_left: AtomicUsize,
}

impl Work for Stops {
    fn room(&self, n_bytes: usize) -> ArrayResult<()> {
        if n_bytes > 1 << 24 { Err(ArrayError::NoRoom(format!("{n_bytes} bytes"))) } else { Ok(()) }
    }

    fn proceed(&self) -> ArrayResult<()> {
        self.n_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .map(drop)
            .map_err(|_| ArrayError::Interrupted)
    }
}

#[test]
fn long_work_stops_and_large_results_are_refused_before_they_are_taken() {
    let points = Arr::steps(0.0, 1.0, 3000, &Unlimited).unwrap().reshaped(&[1000, 3]).unwrap();
    let soon = Stops { n_left: AtomicUsize::new(1) };
    assert_eq!(distances::cdist(&points, &points, Metric::Euclidean, &soon).unwrap_err(), ArrayError::Interrupted);
    let tree = Tree::new(&points, &Unlimited).unwrap();
    assert_eq!(
        tree.nearest(&points, 5, f64::INFINITY, &Stops { n_left: 0.into() }).unwrap_err(),
        ArrayError::Interrupted
    );
    let patient = Stops { n_left: AtomicUsize::new(usize::MAX) };
    let many = Arr::filled(&[2_000, 3], 0.0, &Unlimited).unwrap();
    assert!(matches!(distances::cdist(&many, &many, Metric::Euclidean, &patient), Err(ArrayError::NoRoom(_))));
    let (column, row) =
        (Arr::filled(&[3000, 1], 0.0, &Unlimited).unwrap(), Arr::filled(&[3000], 0.0, &Unlimited).unwrap());
    assert!(matches!(column.zip(&row, Whole::Kept, &patient, |x, y| x + y), Err(ArrayError::NoRoom(_))));
    assert!(matches!(Arr::filled(&[1 << 40, 1 << 40], 0.0, &Unlimited), Err(ArrayError::NoRoom(_))));
    let all = reduce::Over::All;
    assert_eq!(points.reduced(&all, &Stops { n_left: 0.into() }, reduce::mean).unwrap_err(), ArrayError::Interrupted);
}

#[test]
fn writing_into_a_copy_leaves_the_original_and_shows_as_a_change() {
    let a = Arr::of_vec(vec![1.0, 2.0]);
    let mut b = a.clone();
    assert_eq!(a.revision(), b.revision());
    b.set_part(&[Index::At(0)], &Arr::of_one(9.0), &Unlimited).unwrap();
    assert_eq!((a.as_slice(), b.as_slice()), (&[1.0, 2.0][..], &[9.0, 2.0][..]));
    assert_ne!(a.revision(), b.revision());
}
