//! Calculations value by value, with stretching of axes of length 1.

use ndarray::{IxDyn, Zip};

use super::{Arr, ArrayResult, Bools, Grid, Work, shape};

/// `f` of each pair of values.
///
/// # Errors
/// Shapes that do not fit; no room.
pub fn zip<A: Copy, B: Copy, C: Clone>(
    a: &Grid<A>,
    b: &Grid<B>,
    work: &dyn Work,
    f: impl Fn(A, B) -> C,
) -> ArrayResult<Grid<C>> {
    let shape = shape::broadcast(a.shape(), b.shape())?;
    shape::require_room::<C>(&shape, work)?;
    let (x, y) = (a.as_slice(), b.as_slice());
    let values = match (x, y) {
        (x, y) if a.shape() == b.shape() => x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect(),
        (x, [y]) if b.rank() == 0 => x.iter().map(|x| f(*x, *y)).collect(),
        ([x], y) if a.rank() == 0 => y.iter().map(|y| f(*x, *y)).collect(),
        _ => {
            let (Some(x), Some(y)) = (a.data.broadcast(IxDyn(&shape)), b.data.broadcast(IxDyn(&shape))) else {
                return Err(super::ArrayError::Shape("the shapes do not fit".to_owned()));
            };
            return Ok(Grid::of_array(Zip::from(x).and(y).map_collect(|x, y| f(*x, *y))));
        }
    };
    Grid::new(&shape, values)
}

/// `f` of each value.
///
/// # Errors
/// No room.
pub fn map<A: Copy, C: Clone>(a: &Grid<A>, work: &dyn Work, f: impl Fn(A) -> C) -> ArrayResult<Grid<C>> {
    work.room(a.len().saturating_mul(std::mem::size_of::<C>()))?;
    Grid::new(a.shape(), a.as_slice().iter().map(|value| f(*value)).collect())
}

/// Whether the numbers of an operator's result are integers when both operands are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// As in `+`.
    Kept,
    /// As in `/`.
    Lost,
}

impl Arr {
    /// `f` of each pair of values.
    ///
    /// # Errors
    /// See [`zip`].
    pub fn zip(&self, other: &Arr, whole: Whole, work: &dyn Work, f: impl Fn(f64, f64) -> f64) -> ArrayResult<Arr> {
        let is_whole = whole == Whole::Kept && self.is_whole() && other.is_whole();
        Ok(Arr::from(zip(self, other, work, f)?).counted_as_whole(is_whole))
    }

    /// `f` of each value.
    ///
    /// # Errors
    /// See [`map`].
    pub fn map(&self, whole: Whole, work: &dyn Work, f: impl Fn(f64) -> f64) -> ArrayResult<Arr> {
        let is_whole = whole == Whole::Kept && self.is_whole();
        Ok(Arr::from(map(self, work, f)?).counted_as_whole(is_whole))
    }

    /// `yes` where `condition` holds, else `no`.
    ///
    /// # Errors
    /// See [`zip`].
    pub fn chosen(condition: &Bools, yes: &Arr, no: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
        let both = zip(yes, no, work, |yes, no| (yes, no))?;
        let chosen = zip(condition, &both, work, |holds, (yes, no)| if holds { yes } else { no })?;
        Ok(Arr::from(chosen).counted_as_whole(yes.is_whole() && no.is_whole()))
    }
}

/// Remainder with the sign of the divisor, as Python's `%`.
pub fn remainder(x: f64, y: f64) -> f64 {
    if y == 0.0 {
        return f64::NAN;
    }
    let rest = x % y;
    if rest == 0.0 {
        return 0.0f64.copysign(y);
    }
    if (rest < 0.0) == (y < 0.0) { rest } else { rest + y }
}

/// Quotient rounded down, as Python's `//`.
pub fn floor_quotient(x: f64, y: f64) -> f64 {
    if y == 0.0 {
        return x / y;
    }
    let quotient = (x - remainder(x, y)) / y;
    let below = quotient.floor();
    if quotient - below > 0.5 { below + 1.0 } else { below }
}

/// Rounded to `digits` after the point; halves go to the even neighbour.
pub fn rounded(x: f64, digits: i32) -> f64 {
    if digits == 0 {
        return x.round_ties_even();
    }
    let scale = 10f64.powi(digits.abs());
    let found = if digits > 0 { (x * scale).round_ties_even() / scale } else { (x / scale).round_ties_even() * scale };
    if found.is_finite() { found } else { x }
}

/// -1, 0 or 1; NaN stays.
pub fn sign(x: f64) -> f64 {
    if x.is_nan() || x == 0.0 { x } else { x.signum() }
}

/// The smaller one; NaN if either is.
pub fn minimum(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) }
}

/// The larger one; NaN if either is.
pub fn maximum(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) }
}

/// A power; integers to a negative power are no integers.
pub fn power(x: f64, y: f64) -> f64 {
    if y == 2.0 {
        return x * x;
    }
    x.powf(y)
}
