//! From many values to one, over all of an array or along an axis.

use ndarray::{Axis, Dimension, IxDyn};

use super::{Arr, ArrayError, ArrayResult, Bools, Grid, Work, shape};

/// What is taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// All values.
    All,
    /// Values along these axes; negative ones count from the last.
    Axes(Vec<i64>),
}

impl Over {
    /// One axis.
    pub fn axis(axis: i64) -> Over {
        Over::Axes(vec![axis])
    }

    fn axes(&self, rank: usize) -> ArrayResult<Vec<usize>> {
        match self {
            Over::All => Ok((0..rank).collect()),
            Over::Axes(axes) => {
                let mut found = axes.iter().map(|axis| shape::axis(*axis, rank)).collect::<ArrayResult<Vec<_>>>()?;
                found.sort_unstable();
                found.dedup();
                Ok(found)
            }
        }
    }
}

/// The shape with the axes `over` gone, or of length 1.
///
/// # Errors
/// [`ArrayError::Index`].
pub fn reduced_shape(shape: &[usize], over: &Over, keeps_axes: bool) -> ArrayResult<Vec<usize>> {
    let axes = over.axes(shape.len())?;
    Ok(shape
        .iter()
        .enumerate()
        .filter_map(|(axis, length)| match (axes.contains(&axis), keeps_axes) {
            (false, _) => Some(*length),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect())
}

/// `f` of the values taken together.
///
/// # Errors
/// [`ArrayError::Index`] of a wrong axis; what `f` refuses.
pub fn reduce<A: Copy, C: Clone>(
    a: &Grid<A>,
    over: &Over,
    work: &dyn Work,
    f: impl Fn(&[A]) -> ArrayResult<C>,
) -> ArrayResult<Grid<C>> {
    let axes = over.axes(a.rank())?;
    if axes.len() == a.rank() {
        work.proceed()?;
        return Ok(Grid::of_one(f(a.as_slice())?));
    }
    let kept: Vec<usize> = (0..a.rank()).filter(|axis| !axes.contains(axis)).collect();
    let out_shape: Vec<usize> = kept.iter().map(|axis| a.shape()[*axis]).collect();
    let order: Vec<usize> = kept.iter().chain(&axes).copied().collect();
    let n_lane: usize = axes.iter().map(|axis| a.shape()[*axis]).product();
    let n_out: usize = shape::require_room::<C>(&out_shape, work)?;
    let mut values = Vec::with_capacity(n_out);
    let is_in_order = order.iter().enumerate().all(|(i, axis)| i == *axis);
    if is_in_order && n_lane > 0 {
        for (i, lane) in a.as_slice().chunks(n_lane).enumerate() {
            if i % 1024 == 0 {
                work.proceed()?;
            }
            values.push(f(lane)?);
        }
    } else if n_lane == 0 {
        for _ in 0..n_out {
            values.push(f(&[])?);
        }
    } else {
        let view = a.data.view().permuted_axes(IxDyn(&order));
        let mut lane = Vec::with_capacity(n_lane);
        let all = ndarray::indices(&out_shape[..]);
        for (i, at) in all.into_iter().enumerate() {
            if i % 1024 == 0 {
                work.proceed()?;
            }
            let mut part = view.view();
            for position in at.slice() {
                part.index_axis_inplace(Axis(0), *position);
            }
            lane.clear();
            lane.extend(part.iter().copied());
            values.push(f(&lane)?);
        }
    }
    Grid::new(&out_shape, values)
}

/// Sum by halves, which keeps the rounding error small; numpy's order of additions.
pub fn sum(values: &[f64]) -> f64 {
    sum_of(values, &|value| value)
}

/// Sum of `f` of each value.
fn sum_of(values: &[f64], f: &impl Fn(f64) -> f64) -> f64 {
    const BLOCK: usize = 128;
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |sum, value| sum + f(*value));
    }
    if n <= BLOCK {
        let (eights, rest) = values.as_chunks::<8>();
        let mut partial = [0.0; 8];
        for eight in eights {
            partial.iter_mut().zip(eight).for_each(|(sum, value)| *sum += f(*value));
        }
        let [a, b, c, d, e, f_, g, h] = partial;
        return rest.iter().fold(((a + b) + (c + d)) + ((e + f_) + (g + h)), |sum, value| sum + f(*value));
    }
    let half = n / 2 - (n / 2) % 8;
    let (low, high) = values.split_at(half);
    sum_of(low, f) + sum_of(high, f)
}

fn no_value(what: &str) -> ArrayError {
    ArrayError::NotComputable(format!("{what} of an empty array has no value"))
}

/// Mean.
///
/// # Errors
/// Without values.
pub fn mean(values: &[f64]) -> ArrayResult<f64> {
    if values.is_empty() { Err(no_value("the mean")) } else { Ok(sum(values) / values.len() as f64) }
}

/// Mean squared deviation, over the count less `n_less`; NaN when nothing is left.
///
/// # Errors
/// Without values.
pub fn variance(values: &[f64], n_less: f64) -> ArrayResult<f64> {
    let mean = mean(values)?;
    let n = values.len() as f64 - n_less;
    let squares = sum_of(values, &|value| (value - mean) * (value - mean));
    Ok(if n > 0.0 { squares / n } else { f64::NAN })
}

/// Smallest value; NaN if there is one.
///
/// # Errors
/// Without values.
pub fn smallest(values: &[f64]) -> ArrayResult<f64> {
    if values.is_empty() {
        return Err(no_value("the smallest value"));
    }
    Ok(values.iter().copied().fold(f64::INFINITY, super::elementwise::minimum))
}

/// Largest value; NaN if there is one.
///
/// # Errors
/// Without values.
pub fn largest(values: &[f64]) -> ArrayResult<f64> {
    if values.is_empty() {
        return Err(no_value("the largest value"));
    }
    Ok(values.iter().copied().fold(f64::NEG_INFINITY, super::elementwise::maximum))
}

/// Position of the first of the best values; of the first NaN if there is one.
fn best(values: &[f64], what: &str, is_better: impl Fn(f64, f64) -> bool) -> ArrayResult<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (i, value) in values.iter().enumerate() {
        if value.is_nan() {
            return Ok(i);
        }
        if best.is_none_or(|(_, best)| is_better(*value, best)) {
            best = Some((i, *value));
        }
    }
    best.map(|(i, _)| i).ok_or_else(|| no_value(what))
}

/// Position of the smallest value; of the first NaN if there is one.
///
/// # Errors
/// Without values.
pub fn smallest_at(values: &[f64]) -> ArrayResult<usize> {
    best(values, "the position of the smallest value", |a, b| a < b)
}

/// Position of the largest value; of the first NaN if there is one.
///
/// # Errors
/// Without values.
pub fn largest_at(values: &[f64]) -> ArrayResult<usize> {
    best(values, "the position of the largest value", |a, b| a > b)
}

/// Position of the best of the values that are numbers.
///
/// # Errors
/// Without such values.
pub fn best_number_at(values: &[f64], takes_smallest: bool) -> ArrayResult<usize> {
    let worst = if takes_smallest { f64::INFINITY } else { f64::NEG_INFINITY };
    if values.iter().all(|value| value.is_nan()) {
        return Err(ArrayError::NotComputable("all values are NaN".to_owned()));
    }
    let filled: Vec<f64> = values.iter().map(|value| if value.is_nan() { worst } else { *value }).collect();
    if takes_smallest { smallest_at(&filled) } else { largest_at(&filled) }
}

/// Values below which `fractions` (0 to 1) of all lie, by linear interpolation (numpy's default). NaN if there is one.
///
/// # Errors
/// Without values; fractions beyond 0 to 1.
pub fn quantiles(values: &[f64], fractions: &[f64]) -> ArrayResult<Vec<f64>> {
    if values.is_empty() {
        return Err(no_value("a percentile"));
    }
    if let Some(wrong) = fractions.iter().find(|fraction| !(0.0..=1.0).contains(*fraction)) {
        return Err(ArrayError::Argument(format!("the percentile is {}, wanted 0 to 100", wrong * 100.0)));
    }
    if values.iter().any(|value| value.is_nan()) {
        return Ok(vec![f64::NAN; fractions.len()]);
    }
    let mut scratch = values.to_vec();
    let last = scratch.len() - 1;
    Ok(fractions
        .iter()
        .map(|fraction| {
            let place = fraction * last as f64;
            let below = (place.floor() as usize).min(last);
            let (_, low, above) = scratch.select_nth_unstable_by(below, f64::total_cmp);
            let low = *low;
            let high = above.iter().copied().fold(f64::INFINITY, f64::min);
            let high = if above.is_empty() { low } else { high };
            let (t, apart) = (place - below as f64, high - low);
            if t >= 0.5 { high - apart * (1.0 - t) } else { low + apart * t }
        })
        .collect())
}

/// Middle value, or the mean of the two in the middle. NaN if there is one.
///
/// # Errors
/// Without values.
pub fn median(values: &[f64]) -> ArrayResult<f64> {
    if values.is_empty() {
        return Err(no_value("the median"));
    }
    if values.iter().any(|value| value.is_nan()) {
        return Ok(f64::NAN);
    }
    let mut scratch = values.to_vec();
    let n = scratch.len();
    let (below, middle, _) = scratch.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Ok(*middle);
    }
    Ok((*middle + below.iter().copied().fold(f64::NEG_INFINITY, f64::max)) / 2.0)
}

/// Only the values that are numbers.
pub fn numbers(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| !value.is_nan()).collect()
}

impl Arr {
    /// `f` of the values taken together.
    ///
    /// # Errors
    /// See [`reduce`].
    pub fn reduced(&self, over: &Over, work: &dyn Work, f: impl Fn(&[f64]) -> ArrayResult<f64>) -> ArrayResult<Arr> {
        Ok(Arr::from(reduce(self, over, work, f)?))
    }

    /// `f` along an axis, giving as many values as there were; over all of a flattened array without an axis.
    ///
    /// # Errors
    /// [`ArrayError::Index`].
    pub fn along(
        &self,
        axis: Option<i64>,
        n_out: impl Fn(usize) -> usize,
        work: &dyn Work,
        f: impl Fn(&[f64], &mut Vec<f64>) -> ArrayResult<()>,
    ) -> ArrayResult<Arr> {
        let Some(axis) = axis else {
            work.room(self.n_bytes())?;
            let mut out = Vec::with_capacity(n_out(self.len()));
            f(self.as_slice(), &mut out)?;
            return Ok(Arr::of_vec(out));
        };
        let axis = shape::axis(axis, self.rank())?;
        let mut order: Vec<usize> = (0..self.rank()).filter(|other| *other != axis).collect();
        order.push(axis);
        let last = self.grid.transposed(&order)?;
        let n_lane = self.shape().get(axis).copied().unwrap_or(0);
        let mut lane_shape: Vec<usize> = order.iter().map(|axis| self.shape()[*axis]).collect();
        let mut out = Vec::new();
        if n_lane > 0 {
            for (i, lane) in last.as_slice().chunks(n_lane).enumerate() {
                if i % 1024 == 0 {
                    work.proceed()?;
                }
                f(lane, &mut out)?;
            }
        }
        if let Some(length) = lane_shape.last_mut() {
            *length = n_out(n_lane);
        }
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, axis)| back[*axis] = at);
        Ok(Arr::from(Grid::new(&lane_shape, out)?.transposed(&back)?))
    }
}

impl Bools {
    /// How many hold.
    pub fn n_true(&self) -> usize {
        self.as_slice().iter().filter(|holds| **holds).count()
    }
}
