//! Sorting, searching, and sets of values.

use std::cmp::Ordering;

use super::{Arr, ArrayResult, Bools, Grid, Work};

/// So few are sorted by insertion.
const FEW: usize = 16;

/// Sorted, equal ones in their order. Unlike the sort of the standard library it may be given a comparison that fails, or that is no order
/// at all: scripts bring both, and neither may end in a panic.
///
/// ```
/// use spatialclaw::array::order::try_sorted;
///
/// let sorted = try_sorted(vec![3, 1, 2], &mut |a, b| Ok::<_, ()>(a.cmp(b)));
/// assert_eq!(sorted, Ok(vec![1, 2, 3]));
/// assert_eq!(try_sorted(vec![3, 1], &mut |_, _| Err("no order")), Err("no order"));
/// ```
///
/// # Errors
/// The first of `compare`.
pub fn try_sorted<T, E>(
    mut items: Vec<T>,
    compare: &mut dyn FnMut(&T, &T) -> Result<Ordering, E>,
) -> Result<Vec<T>, E> {
    if items.len() <= FEW {
        let mut sorted = Vec::with_capacity(items.len());
        for item in items {
            let mut at = sorted.len();
            while let Some(before) = at.checked_sub(1).and_then(|before| sorted.get(before))
                && compare(&item, before)?.is_lt()
            {
                at -= 1;
            }
            sorted.insert(at, item);
        }
        return Ok(sorted);
    }
    let right = items.split_off(items.len() / 2);
    let (left, right) = (try_sorted(items, compare)?, try_sorted(right, compare)?);
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let is_right_first = compare(other, one)?.is_lt();
        sorted.extend(if is_right_first { right.next() } else { left.next() });
    }
    sorted.extend(left.chain(right));
    Ok(sorted)
}

/// NaN stands behind all numbers, as in numpy.
fn order(a: &f64, b: &f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

/// Positions of the values in ascending order; equal ones stay in their order.
pub fn sorted_positions(values: &[f64]) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..values.len()).collect();
    positions.sort_by(|a, b| match (values.get(*a), values.get(*b)) {
        (Some(a), Some(b)) => order(a, b),
        _ => Ordering::Equal,
    });
    positions
}

/// What [`unique`] finds; all lists but `inverse` have one entry per different value.
#[derive(Clone, Debug, PartialEq)]
pub struct Unique {
    /// Different values, ascending.
    pub values: Vec<f64>,
    /// Where each stands first.
    pub first_at: Vec<usize>,
    /// Where each of the given values stands among the different ones.
    pub inverse: Vec<usize>,
    /// How often each stands.
    pub counts: Vec<usize>,
}

/// The different values.
pub fn unique(values: &[f64]) -> Unique {
    let mut found =
        Unique { values: Vec::new(), first_at: Vec::new(), inverse: vec![0; values.len()], counts: Vec::new() };
    for at in sorted_positions(values) {
        let Some(value) = values.get(at) else { continue };
        match (found.values.last(), found.counts.last_mut()) {
            (Some(last), Some(count)) if last == value || (last.is_nan() && value.is_nan()) => *count += 1,
            _ => {
                found.values.push(*value);
                found.first_at.push(at);
                found.counts.push(1);
            }
        }
        if let Some(inverse) = found.inverse.get_mut(at) {
            *inverse = found.values.len() - 1;
        }
    }
    found
}

/// Where each of `wanted` would be put into the ascending `sorted`, before equal values or after them.
pub fn searchsorted(sorted: &[f64], wanted: f64, is_after: bool) -> usize {
    sorted.partition_point(|value| match order(value, &wanted) {
        Ordering::Less => true,
        Ordering::Equal => is_after,
        Ordering::Greater => false,
    })
}

impl Arr {
    /// Ascending along an axis; without one, of the flattened array.
    ///
    /// # Errors
    /// A wrong axis; no room.
    pub fn sorted(&self, axis: Option<i64>, work: &dyn Work) -> ArrayResult<Arr> {
        work.room(self.n_bytes())?;
        let sorted = self.along(
            axis,
            |n| n,
            work,
            |lane, out| {
                let start = out.len();
                out.extend_from_slice(lane);
                if let Some(own) = out.get_mut(start..) {
                    own.sort_by(order);
                }
                Ok(())
            },
        )?;
        Ok(sorted.counted_as_whole(self.is_whole()))
    }

    /// Positions in ascending order along an axis; without one, in the flattened array.
    ///
    /// # Errors
    /// A wrong axis; no room.
    pub fn argsorted(&self, axis: Option<i64>, work: &dyn Work) -> ArrayResult<Arr> {
        work.room(self.n_bytes().saturating_mul(2))?;
        let positions = self.along(
            axis,
            |n| n,
            work,
            |lane, out| {
                out.extend(sorted_positions(lane).into_iter().map(|at| at as f64));
                Ok(())
            },
        )?;
        Ok(positions.counted_as_whole(true))
    }

    /// Which values stand among `wanted`.
    ///
    /// # Errors
    /// No room.
    pub fn is_in(&self, wanted: &Arr, work: &dyn Work) -> ArrayResult<Bools> {
        let known = unique(wanted.as_slice()).values;
        super::elementwise::map(self, work, |value| {
            !value.is_nan() && known.get(searchsorted(&known, value, false)).is_some_and(|found| *found == value)
        })
    }

    /// Rows without repetition, ascending by their values from the first on; with the count of each.
    ///
    /// # Errors
    /// When this is no matrix.
    pub fn unique_rows(&self) -> ArrayResult<(Arr, Vec<usize>)> {
        let [_, n_columns] = self.matrix_shape("the array")?;
        let mut rows: Vec<&[f64]> = self.as_slice().chunks(n_columns.max(1)).collect();
        let compare = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        rows.sort_by(|a, b| compare(a, b));
        let mut counts: Vec<usize> = Vec::new();
        let mut kept: Vec<&[f64]> = Vec::new();
        for row in rows {
            match (kept.last(), counts.last_mut()) {
                (Some(last), Some(count)) if compare(last, row).is_eq() => *count += 1,
                _ => {
                    kept.push(row);
                    counts.push(1);
                }
            }
        }
        let n_rows = kept.len();
        Ok((Arr::from(Grid::new(&[n_rows, n_columns], kept.concat())?).counted_as_whole(self.is_whole()), counts))
    }
}
