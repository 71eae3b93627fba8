//! Counting into bins, and what is interpolated or accumulated along a line.

use super::{Arr, ArrayError, ArrayResult, Work, order, reduce};

/// How values are put into bins.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// So many of equal width.
    Count(usize),
    /// Between these ascending edges.
    Edges(Vec<f64>),
}

/// How many values lie in each bin, and the edges. A bin holds its lower edge; the last one both.
///
/// # Errors
/// Bins or range that make no sense; values without a range.
pub fn histogram(
    values: &Arr,
    bins: &Bins,
    range: Option<(f64, f64)>,
    weights: Option<&Arr>,
    work: &dyn Work,
) -> ArrayResult<(Arr, Arr)> {
    if weights.is_some_and(|weights| weights.len() != values.len()) {
        let message = format!("{} values have {} weights", values.len(), weights.map_or(0, |w| w.len()));
        return Err(ArrayError::Shape(message));
    }
    let edges = match bins {
        Bins::Edges(edges) => {
            if edges.len() < 2
                || edges.windows(2).any(|pair| matches!(pair, [a, b] if a > b || a.is_nan() || b.is_nan()))
            {
                return Err(ArrayError::Argument(
                    "the edges of the bins must ascend, and there must be two or more".to_owned(),
                ));
            }
            edges.clone()
        }
        Bins::Count(0) => return Err(ArrayError::Argument("there are 0 bins, wanted 1 or more".to_owned())),
        Bins::Count(n) => {
            work.room(n.saturating_mul(16))?;
            let (low, high) = match range {
                Some(range) => range,
                None if values.is_empty() => (0.0, 1.0),
                None => (reduce::smallest(values.as_slice())?, reduce::largest(values.as_slice())?),
            };
            if !(low.is_finite() && high.is_finite() && low <= high) {
                return Err(ArrayError::Argument(format!(
                    "the range of the bins is {low} to {high}, wanted finite numbers; drop NaN first: x[np.isfinite(x)]"
                )));
            }
            let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
            Arr::between(low, high, n + 1, false, work)?.as_slice().to_vec()
        }
    };
    let n = edges.len() - 1;
    let last = edges.last().copied().unwrap_or(f64::NAN);
    let mut counts = vec![0.0; n];
    for (i, value) in values.as_slice().iter().enumerate() {
        let after = order::searchsorted(&edges, *value, true);
        let bin = if *value == last { Some(n - 1) } else { after.checked_sub(1) };
        if let Some(count) = bin.and_then(|bin| counts.get_mut(bin)) {
            *count += weights.and_then(|weights| weights.as_slice().get(i)).copied().unwrap_or(1.0);
        }
    }
    Ok((Arr::of_vec(counts).counted_as_whole(weights.is_none_or(Arr::is_whole)), Arr::of_vec(edges)))
}

/// How often each integer from 0 on stands, or the sum of its weights.
///
/// # Errors
/// Values that are no integers from 0 on.
pub fn bincount(values: &Arr, weights: Option<&Arr>, min_length: usize, work: &dyn Work) -> ArrayResult<Arr> {
    let positions = values.positions()?;
    if let Some(wrong) = positions.iter().find(|position| **position < 0) {
        return Err(ArrayError::Argument(format!("bincount found {wrong}, wanted integers from 0 on")));
    }
    if weights.is_some_and(|weights| weights.len() != values.len()) {
        let message = format!("{} values have {} weights", values.len(), weights.map_or(0, |w| w.len()));
        return Err(ArrayError::Shape(message));
    }
    let n = positions.iter().max().map_or(0, |largest| *largest as usize + 1).max(min_length);
    work.room(n.saturating_mul(8))?;
    let mut counts = vec![0.0; n];
    for (i, position) in positions.iter().enumerate() {
        if let Some(count) = counts.get_mut(*position as usize) {
            *count += weights.and_then(|weights| weights.as_slice().get(i)).copied().unwrap_or(1.0);
        }
    }
    Ok(Arr::of_vec(counts).counted_as_whole(weights.is_none_or(Arr::is_whole)))
}

/// Piecewise linear through `(at, values)`, `at` ascending; level beyond the ends.
///
/// # Errors
/// Lists of different length or without entries.
pub fn interpolated(x: &Arr, at: &Arr, values: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
    let (at, values) = (at.as_slice(), values.as_slice());
    if at.is_empty() || at.len() != values.len() {
        return Err(ArrayError::Shape(format!(
            "interp has {} positions and {} values, wanted as many",
            at.len(),
            values.len()
        )));
    }
    if at.windows(2).any(|pair| matches!(pair, [a, b] if a > b)) {
        return Err(ArrayError::Argument("the positions of interp must ascend".to_owned()));
    }
    let last = at.len() - 1;
    x.map(super::elementwise::Whole::Lost, work, |x| {
        if x.is_nan() {
            return x;
        }
        let above = order::searchsorted(at, x, true);
        let Some(below) = above.checked_sub(1) else { return values[0] };
        if below >= last {
            return values[last];
        }
        let slope = (values[below + 1] - values[below]) / (at[below + 1] - at[below]);
        slope * (x - at[below]) + values[below]
    })
}

/// Differences of neighbours, `n` times.
///
/// # Errors
/// A wrong axis.
pub fn differences(values: &Arr, n: usize, axis: i64, work: &dyn Work) -> ArrayResult<Arr> {
    let mut values = values.clone();
    for _ in 0..n {
        let is_whole = values.is_whole();
        values = values
            .along(
                Some(axis),
                |n| n.saturating_sub(1),
                work,
                |lane, out| {
                    out.extend(lane.windows(2).filter_map(|pair| if let [a, b] = pair { Some(b - a) } else { None }));
                    Ok(())
                },
            )?
            .counted_as_whole(is_whole);
    }
    Ok(values)
}

/// Covariance of the rows of a matrix, over their count less one.
///
/// # Errors
/// Too few columns.
pub fn covariance(rows: &Arr, n_less: f64, work: &dyn Work) -> ArrayResult<Arr> {
    let [n_rows, n_columns] = rows.matrix_shape("the array")?;
    if n_columns as f64 <= n_less {
        return Err(ArrayError::NotComputable(format!("a covariance of {n_columns} observations has no value")));
    }
    work.room(rows.n_bytes().saturating_add(n_rows.saturating_mul(n_rows).saturating_mul(8)))?;
    let mut centred = rows.as_slice().to_vec();
    for row in centred.chunks_mut(n_columns) {
        let mean = reduce::mean(row)?;
        row.iter_mut().for_each(|value| *value -= mean);
    }
    let mut covariance = vec![0.0; n_rows * n_rows];
    for (i, a) in centred.chunks(n_columns).enumerate() {
        work.proceed()?;
        for (j, b) in centred.chunks(n_columns).enumerate().skip(i) {
            let value = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (n_columns as f64 - n_less);
            covariance[i * n_rows + j] = value;
            covariance[j * n_rows + i] = value;
        }
    }
    Arr::new(&[n_rows, n_rows], covariance)
}
