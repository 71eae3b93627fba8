//! Nearest neighbours: by kiddo's k-d trees, or by the trees of [`crate::geometry::nearest`] where many places are far from all points.

use std::{num::NonZero, sync::Arc};

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use nalgebra::{Rotation3, Vector3};

use super::{Arr, ArrayError, ArrayResult, Work, parallel, shape};
use crate::geometry::nearest::{BYTES_PER_POINT, BoxTree, Nearest};

/// Widest rows that are searched.
const MAX_WIDTH: usize = 8;

/// Fewer places are asked for one by one.
const MANY: usize = 512;
/// Places whose distance is looked at to tell whether they are far.
const N_SAMPLED: usize = 16;
/// Far is at more than so many times the distance between neighbouring points.
const FAR: f64 = 8.0;

enum Kind {
    Three(ImmutableKdTree<f64, 3>),
    Eight(ImmutableKdTree<f64, MAX_WIDTH>),
}

/// Points that can be asked for those near a place.
#[derive(Clone)]
pub struct Tree {
    kind: Arc<Kind>,
    points: Arr,
    width: usize,
}

/// A point found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Distance.
    pub distance: f64,
    /// Row of the point.
    pub at: usize,
}

impl Near {
    /// Stands where there are fewer points than asked for; position is the number of points, as in scipy.
    fn none(n_points: usize) -> Near {
        Near { distance: f64::INFINITY, at: n_points }
    }
}

fn padded<const N: usize>(row: &[f64]) -> [f64; N] {
    std::array::from_fn(|i| row.get(i).copied().unwrap_or(0.0))
}

/// Rows of up to three coordinates.
fn rows_of(rows: &Arr, width: usize) -> Vec<[f64; 3]> {
    rows.as_slice().chunks(width).map(padded).collect()
}

fn mean_of(rows: &[[f64; 3]]) -> Vector3<f64> {
    rows.iter().map(|row| Vector3::from(*row)).sum::<Vector3<f64>>() / rows.len().max(1) as f64
}

fn build<const N: usize>(points: &Arr, width: usize) -> ArrayResult<ImmutableKdTree<f64, N>> {
    let rows: Vec<[f64; N]> = points.as_slice().chunks(width).map(padded).collect();
    ImmutableKdTree::new_from_slice(&rows)
        .map_err(|error| ArrayError::NotComputable(format!("the points cannot be searched: {error}")))
}

impl Tree {
    /// Of the rows of a matrix.
    ///
    /// # Errors
    /// No points, too wide rows, or values that are not finite.
    pub fn new(points: &Arr, work: &dyn Work) -> ArrayResult<Tree> {
        let [n_points, width] = points.matrix_shape("the points")?;
        if n_points == 0 {
            return Err(ArrayError::NotComputable("there are 0 points, nothing can be near".to_owned()));
        }
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(ArrayError::Shape(format!("the points have {width} coordinates, wanted 1 to {MAX_WIDTH}")));
        }
        if let Some(wrong) = points.as_slice().iter().find(|value| !value.is_finite()) {
            return Err(ArrayError::NotComputable(format!(
                "the points hold {wrong}; drop such rows first: p[np.isfinite(p).all(1)]"
            )));
        }
        let bytes_per_row = if width <= 3 { 64 } else { 160 };
        work.room(n_points.saturating_mul(bytes_per_row))?;
        work.proceed()?;
        let kind = match width {
            1..=3 => Kind::Three(build(points, width)?),
            _ => Kind::Eight(build(points, width)?),
        };
        Ok(Tree { kind: Arc::new(kind), points: points.clone(), width })
    }

    /// The points themselves.
    pub fn points(&self) -> &Arr {
        &self.points
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points.shape().first().copied().unwrap_or(0)
    }

    /// Whether there is no point; never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn rows(&self, queries: &Arr) -> ArrayResult<usize> {
        let [n, width] = queries.matrix_shape("the places")?;
        if width != self.width {
            return Err(ArrayError::Shape(format!(
                "the places have {width} coordinates, the points {}; they must be as many",
                self.width
            )));
        }
        if let Some(wrong) = queries.as_slice().iter().find(|value| !value.is_finite()) {
            return Err(ArrayError::NotComputable(format!("the places hold {wrong}, wanted finite numbers")));
        }
        Ok(n)
    }

    /// The `n_near` nearest points of each row of `queries` that lie within `reach`, nearest first: `n_near` entries a row.
    ///
    /// # Errors
    /// Rows of another width; no room; interrupted.
    pub fn nearest(&self, queries: &Arr, n_near: usize, reach: f64, work: &dyn Work) -> ArrayResult<Vec<Near>> {
        let n = self.rows(queries)?;
        let Some(n_wanted) = NonZero::new(n_near) else {
            return Err(ArrayError::Argument("0 neighbours were asked for, wanted 1 or more".to_owned()));
        };
        let n_found = shape::require_room::<Near>(&[n, n_near], work)?;
        if n_near == 1 && self.are_far(queries) {
            return self.nearest_of_far(queries, reach, work);
        }
        let mut found = vec![Near::none(self.len()); n_found];
        let reach2 = reach * reach;
        let places = queries.as_slice();
        parallel::fill(&mut found, n_near, 500, work, |start, part| {
            for (i, row) in part.chunks_mut(n_near).enumerate() {
                let from = (start / n_near + i) * self.width;
                let Some(place) = places.get(from..from + self.width) else { continue };
                self.nearest_of(place, n_wanted, reach2, row);
            }
        })?;
        Ok(found)
    }

    /// Whether most of many places are much farther from the points than these are from each other.
    fn are_far(&self, queries: &Arr) -> bool {
        let Kind::Three(tree) = &*self.kind else { return false };
        let apart = |rows: &Arr, rank: usize| -> Vec<f64> {
            let n_rows = rows.len() / self.width;
            let sample = rows.as_slice().chunks(self.width).step_by(n_rows.div_ceil(N_SAMPLED).max(1));
            let mut apart: Vec<f64> = sample
                .filter_map(|row| {
                    let wanted = NonZero::new(rank)?;
                    let near = tree.query(&padded(row)).nearest_n::<SquaredEuclidean<f64>>(wanted).execute();
                    near.into_iter().last().map(|near| near.distance.sqrt())
                })
                .collect();
            apart.sort_by(f64::total_cmp);
            apart
        };
        let middle = |apart: Vec<f64>| apart.get(apart.len() / 2).copied().unwrap_or(0.0);
        queries.len() / self.width >= MANY && middle(apart(queries, 1)) > FAR * middle(apart(&self.points, 2))
    }

    fn nearest_of_far(&self, queries: &Arr, reach: f64, work: &dyn Work) -> ArrayResult<Vec<Near>> {
        let n = queries.len() / self.width;
        work.room(n.saturating_add(self.len()).saturating_mul(BYTES_PER_POINT))?;
        let (points, places) = (rows_of(&self.points, self.width), rows_of(queries, self.width));
        // Boxes are thin, and few of them have to be opened, where a surface lies across an axis: that towards the places.
        let towards = mean_of(&places) - mean_of(&points);
        let turn = Rotation3::rotation_between(&towards, &Vector3::x()).unwrap_or_default();
        let turned = |rows: &[[f64; 3]]| -> BoxTree {
            let rows: Vec<[f64; 3]> = rows.iter().map(|row| (turn * Vector3::from(*row)).into()).collect();
            BoxTree::new(&rows)
        };
        let stop = || work.proceed().is_err();
        let found = turned(&points).nearest(&turned(&places), reach, &stop).map_err(|_| ArrayError::Interrupted)?;
        let near = |(place, found): (&[f64; 3], Option<Nearest>)| {
            let at = found?.at;
            // Turning rounds; the distance is that of the points themselves.
            let distance = (Vector3::from(*points.get(at)?) - Vector3::from(*place)).norm();
            Some(Near { distance, at })
        };
        let none = Near::none(self.len());
        Ok(places.iter().zip(found).map(|both| near(both).unwrap_or(none)).collect())
    }

    fn nearest_of(&self, place: &[f64], n_wanted: NonZero<usize>, reach2: f64, out: &mut [Near]) {
        macro_rules! ask {
            ($tree:expr, $width:literal) => {{
                let place = padded::<$width>(place);
                if n_wanted.get() == 1 && reach2 == f64::INFINITY {
                    let near = $tree.query(&place).nearest_one::<SquaredEuclidean<f64>>().execute();
                    if let Some(slot) = out.first_mut() {
                        *slot = Near { distance: near.distance.sqrt(), at: near.item as usize };
                    }
                    return;
                } else if reach2 == f64::INFINITY {
                    let near = $tree.query(&place).nearest_n::<SquaredEuclidean<f64>>(n_wanted).execute();
                    near.into_iter().map(|near| Near { distance: near.distance, at: near.item as usize }).collect()
                } else {
                    let near =
                        $tree.query(&place).nearest_n::<SquaredEuclidean<f64>>(n_wanted).within(reach2).execute();
                    near.into_iter().map(|near| Near { distance: near.distance, at: near.item as usize }).collect()
                }
            }};
        }
        let near: Vec<Near> = match &*self.kind {
            Kind::Three(tree) => ask!(tree, 3),
            Kind::Eight(tree) => ask!(tree, 8),
        };
        for (slot, near) in out.iter_mut().zip(near) {
            *slot = Near { distance: near.distance.sqrt(), at: near.at };
        }
    }

    /// Rows of the points within `reach` of each row of `queries`, ascending.
    ///
    /// # Errors
    /// Rows of another width; no room; interrupted.
    pub fn within(&self, queries: &Arr, reach: f64, work: &dyn Work) -> ArrayResult<Vec<Vec<usize>>> {
        if !(reach >= 0.0 && reach.is_finite()) {
            return Err(ArrayError::Argument(format!("the radius is {reach}, wanted a number from 0 on")));
        }
        self.rows(queries)?;
        let mut all = Vec::new();
        for place in queries.as_slice().chunks(self.width) {
            work.proceed()?;
            // Points exactly at the radius belong to it; squaring may have rounded the wrong way.
            let reach2 = reach * reach * (1.0 + 4.0 * f64::EPSILON);
            macro_rules! ask {
                ($tree:expr, $width:literal) => {
                    $tree
                        .query(&padded::<$width>(place))
                        .within::<SquaredEuclidean<f64>>(reach2)
                        .unsorted()
                        .execute()
                        .into_iter()
                        .map(|near| near.item as usize)
                        .collect::<Vec<usize>>()
                };
            }
            let mut found: Vec<usize> = match &*self.kind {
                Kind::Three(tree) => ask!(tree, 3),
                Kind::Eight(tree) => ask!(tree, 8),
            };
            work.room(found.len().saturating_mul(8))?;
            found.sort_unstable();
            all.push(found);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Unlimited;

    /// A bumpy sheet of 60 × 50 points about 0.02 apart, at a distance of `z`.
    fn sheet(z: f64, width: usize) -> Arr {
        let row = |i: usize| {
            let (x, y) = ((i % 60) as f64 * 0.02, (i / 60) as f64 * 0.02);
            [x, y, z + 0.05 * (5.0 * x).sin() * (7.0 * y).cos()].into_iter().take(width)
        };
        Arr::new(&[3000, width], (0..3000).flat_map(row).collect()).unwrap()
    }

    #[test]
    fn places_far_and_near_get_the_same_answer_as_one_by_one() {
        for width in [2, 3] {
            let tree = Tree::new(&sheet(0.0, width), &Unlimited).unwrap();
            for (z, reach) in [(0.01, f64::INFINITY), (2.0, f64::INFINITY), (2.0, 1.95), (2.0, 0.5)] {
                let queries = sheet(z, width);
                let far = z > 1.0 && width == 3;
                assert_eq!(tree.are_far(&queries), far, "{z} {width}");
                let found = tree.nearest(&queries, 1, reach, &Unlimited).unwrap();
                let rows: Vec<&[f64]> = tree.points().as_slice().chunks(width).collect();
                for (place, near) in queries.as_slice().chunks(width).zip(&found).step_by(37) {
                    let apart = |row: &[f64]| row.iter().zip(place).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    let least = rows.iter().map(|row| apart(row)).fold(f64::INFINITY, f64::min);
                    let expected = if least < reach { least } else { f64::INFINITY };
                    assert!(near.distance == expected || (near.distance - expected).abs() < 1e-12, "{near:?}, {least}");
                    assert_eq!(near.at == 3000, expected.is_infinite());
                }
            }
        }
    }
}
