//! Shapes: how two of them fit, and rearranging axes.

use ndarray::{Axis, IxDyn};

use super::{Arr, ArrayError, ArrayResult, Grid, MAX_RANK, Work};

/// `480x640`; a single number has no axes.
pub fn text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "of a single number".to_owned();
    }
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    lengths.join("x")
}

/// Number of values; `None` when that is beyond counting.
pub fn size(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, length| n.checked_mul(*length))
}

/// Asks for room for an array of this shape.
///
/// # Errors
/// [`ArrayError::Shape`] with too many axes; [`ArrayError::NoRoom`].
pub fn require_room<T>(shape: &[usize], work: &dyn Work) -> ArrayResult<usize> {
    if shape.len() > MAX_RANK {
        return Err(ArrayError::Shape(format!(
            "{} has {} axes, at most {MAX_RANK} are possible",
            text(shape),
            shape.len()
        )));
    }
    let n = size(shape).filter(|n| n.checked_mul(std::mem::size_of::<T>()).is_some_and(|n| n <= isize::MAX as usize));
    let Some(n) = n else {
        return Err(ArrayError::NoRoom(format!(
            "an array of shape {} does not fit into memory; work on a part",
            text(shape)
        )));
    };
    work.room(n * std::mem::size_of::<T>())?;
    Ok(n)
}

/// The shape that both stretch to: axes are compared from the last; a length of 1 stretches.
///
/// # Errors
/// [`ArrayError::Shape`].
pub fn broadcast(a: &[usize], b: &[usize]) -> ArrayResult<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(ArrayError::Shape(format!(
                "shapes {} and {} do not fit; from the last axis on, lengths must be equal or 1",
                text(a),
                text(b)
            ))),
        })
        .collect()
}

/// An axis counted from the end when negative.
///
/// # Errors
/// [`ArrayError::Index`].
pub fn axis(axis: i64, rank: usize) -> ArrayResult<usize> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| ArrayError::Index(format!("axis is {axis}, but the array has {rank} axes")))
}

/// A shape with at most one `-1`, which stands for what is left of `n` values.
///
/// # Errors
/// [`ArrayError::Shape`].
pub fn resolved(wanted: &[i64], n: usize) -> ArrayResult<Vec<usize>> {
    let n_open = wanted.iter().filter(|length| **length == -1).count();
    let known: Option<usize> = wanted
        .iter()
        .filter(|length| **length != -1)
        .try_fold(1usize, |n, length| n.checked_mul(usize::try_from(*length).ok()?));
    let wrong = || ArrayError::Shape(format!("{n} values do not fill the shape {wanted:?}"));
    let known = known.ok_or_else(wrong)?;
    if n_open > 1 || (n_open == 1 && (known == 0 || !n.is_multiple_of(known))) || (n_open == 0 && known != n) {
        return Err(wrong());
    }
    Ok(wanted.iter().map(|length| usize::try_from(*length).unwrap_or_else(|_| n / known.max(1))).collect())
}

impl<T: Clone> Grid<T> {
    /// Stretched to `shape`.
    ///
    /// # Errors
    /// [`ArrayError::Shape`].
    pub fn stretched(&self, shape: &[usize], work: &dyn Work) -> ArrayResult<Grid<T>> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        require_room::<T>(shape, work)?;
        match self.data.broadcast(IxDyn(shape)) {
            Some(view) => Ok(Grid::of_array(view.to_owned())),
            None => Err(ArrayError::Shape(format!("shape {} does not stretch to {}", text(self.shape()), text(shape)))),
        }
    }

    /// Axes in another order; reversed when none is given.
    ///
    /// # Errors
    /// [`ArrayError::Index`] unless `order` names every axis once.
    pub fn transposed(&self, order: &[usize]) -> ArrayResult<Grid<T>> {
        let reversed: Vec<usize> = (0..self.rank()).rev().collect();
        let order = if order.is_empty() { &reversed } else { order };
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if sorted != (0..self.rank()).collect::<Vec<_>>() {
            return Err(ArrayError::Index(format!(
                "axes are {order:?}, wanted each of {sorted:?} once",
                sorted = (0..self.rank()).collect::<Vec<_>>()
            )));
        }
        if self.rank() < 2 {
            return Ok(self.clone());
        }
        Ok(Grid::of_array(self.data.view().permuted_axes(IxDyn(order)).as_standard_layout().into_owned()))
    }

    /// Without axes of length 1.
    ///
    /// # Errors
    /// None in practice.
    pub fn squeezed(&self) -> ArrayResult<Grid<T>> {
        let shape: Vec<usize> = self.shape().iter().copied().filter(|length| *length != 1).collect();
        self.reshaped(&shape)
    }

    /// With an axis of length 1 before `at`.
    ///
    /// # Errors
    /// [`ArrayError::Shape`] with too many axes.
    pub fn widened(&self, at: usize) -> ArrayResult<Grid<T>> {
        let mut shape = self.shape().to_vec();
        shape.insert(at.min(shape.len()), 1);
        self.reshaped(&shape)
    }

    /// In reverse order along an axis.
    ///
    /// # Errors
    /// [`ArrayError::Index`].
    pub fn flipped(&self, along: i64) -> ArrayResult<Grid<T>> {
        let mut view = self.data.view();
        view.invert_axis(Axis(axis(along, self.rank())?));
        Ok(Grid::of_array(view.as_standard_layout().into_owned()))
    }

    /// Moved by `by` places along an axis; what leaves at one end comes back at the other.
    ///
    /// # Errors
    /// [`ArrayError::Index`].
    pub fn rolled(&self, by: i64, along: i64) -> ArrayResult<Grid<T>> {
        let along = Axis(axis(along, self.rank())?);
        let n = self.data.len_of(along) as i64;
        let positions: Vec<usize> = (0..n).map(|i| (i - by).rem_euclid(n.max(1)) as usize).collect();
        Ok(Grid::of_array(self.data.select(along, &positions)))
    }

    /// Each value along an axis `n` times.
    ///
    /// # Errors
    /// [`ArrayError::Index`], [`ArrayError::NoRoom`].
    pub fn repeated(&self, n: usize, along: i64, work: &dyn Work) -> ArrayResult<Grid<T>> {
        let along = Axis(axis(along, self.rank())?);
        work.room(self.n_bytes().saturating_mul(n))?;
        let positions: Vec<usize> = (0..self.data.len_of(along)).flat_map(|i| std::iter::repeat_n(i, n)).collect();
        Ok(Grid::of_array(self.data.select(along, &positions)))
    }
}

/// Arrays one after the other along an axis.
///
/// # Errors
/// [`ArrayError::Shape`] when the other axes differ.
pub fn concatenated<T: Clone>(parts: &[Grid<T>], along: i64, work: &dyn Work) -> ArrayResult<Grid<T>> {
    let Some(first) = parts.first() else {
        return Err(ArrayError::Shape("there are 0 arrays, wanted at least 1".to_owned()));
    };
    let along = axis(along, first.rank())?;
    // ndarray panics when an array has no such axis.
    if parts.iter().any(|part| part.rank() != first.rank()) {
        return Err(differing(parts, "beside the joined axis"));
    }
    work.room(parts.iter().map(Grid::n_bytes).fold(0, usize::saturating_add))?;
    let views: Vec<_> = parts.iter().map(|part| part.data.view()).collect();
    ndarray::concatenate(Axis(along), &views)
        .map(Grid::of_array)
        .map_err(|_| differing(parts, "beside the joined axis"))
}

/// Arrays of one shape along a new axis.
///
/// # Errors
/// [`ArrayError::Shape`] when the shapes differ.
pub fn stacked<T: Clone>(parts: &[Grid<T>], along: i64, work: &dyn Work) -> ArrayResult<Grid<T>> {
    let Some(first) = parts.first() else {
        return Err(ArrayError::Shape("there are 0 arrays, wanted at least 1".to_owned()));
    };
    if first.rank() == MAX_RANK {
        return Err(ArrayError::Shape(format!("arrays of {MAX_RANK} axes cannot be stacked; concatenate them")));
    }
    let along = axis(along, first.rank() + 1)?;
    work.room(parts.iter().map(Grid::n_bytes).fold(0, usize::saturating_add))?;
    let views: Vec<_> = parts.iter().map(|part| part.data.view()).collect();
    ndarray::stack(Axis(along), &views).map(Grid::of_array).map_err(|_| differing(parts, ""))
}

fn differing<T: Clone>(parts: &[Grid<T>], where_: &str) -> ArrayError {
    let shapes: Vec<String> = parts.iter().take(6).map(|part| text(part.shape())).collect();
    ArrayError::Shape(format!("shapes are {}, wanted equal ones {where_}", shapes.join(", ")).trim_end().to_owned())
}

impl Arr {
    /// See [`concatenated`].
    ///
    /// # Errors
    /// See [`concatenated`].
    pub fn concatenated(parts: &[Arr], along: i64, work: &dyn Work) -> ArrayResult<Arr> {
        let grids: Vec<Grid<f64>> = parts.iter().map(|part| part.grid.clone()).collect();
        Ok(Arr::from(concatenated(&grids, along, work)?).counted_as_whole(parts.iter().all(Arr::is_whole)))
    }

    /// See [`stacked`].
    ///
    /// # Errors
    /// See [`stacked`].
    pub fn stacked(parts: &[Arr], along: i64, work: &dyn Work) -> ArrayResult<Arr> {
        let grids: Vec<Grid<f64>> = parts.iter().map(|part| part.grid.clone()).collect();
        Ok(Arr::from(stacked(&grids, along, work)?).counted_as_whole(parts.iter().all(Arr::is_whole)))
    }

    /// Filled with one value.
    ///
    /// # Errors
    /// [`ArrayError::NoRoom`], [`ArrayError::Shape`].
    pub fn filled(shape: &[usize], value: f64, work: &dyn Work) -> ArrayResult<Arr> {
        let n = require_room::<f64>(shape, work)?;
        Arr::new(shape, vec![value; n])
    }

    /// `n` values from `start` in equal steps.
    ///
    /// # Errors
    /// [`ArrayError::NoRoom`].
    pub fn steps(start: f64, step: f64, n: usize, work: &dyn Work) -> ArrayResult<Arr> {
        require_room::<f64>(&[n], work)?;
        Ok(Arr::of_vec((0..n).map(|i| start + i as f64 * step).collect()))
    }

    /// `n` values from `start` to `stop`, both included unless `is_open`.
    ///
    /// # Errors
    /// [`ArrayError::NoRoom`].
    pub fn between(start: f64, stop: f64, n: usize, is_open: bool, work: &dyn Work) -> ArrayResult<Arr> {
        require_room::<f64>(&[n], work)?;
        let n_steps = if is_open { n } else { n.saturating_sub(1) };
        let step = (stop - start) / n_steps.max(1) as f64;
        let mut values: Vec<f64> = (0..n).map(|i| i as f64 * step + start).collect();
        if !is_open
            && n > 1
            && let Some(last) = values.last_mut()
        {
            *last = stop;
        }
        Ok(Arr::of_vec(values))
    }

    /// Ones on the diagonal that begins `offset` columns to the right.
    ///
    /// # Errors
    /// [`ArrayError::NoRoom`].
    pub fn eye(n_rows: usize, n_columns: usize, offset: i64, work: &dyn Work) -> ArrayResult<Arr> {
        let mut eye = Arr::filled(&[n_rows, n_columns], 0.0, work)?;
        let values = eye.as_mut_slice();
        for row in 0..n_rows {
            if let Some(column) = usize::try_from(row as i64 + offset).ok().filter(|column| *column < n_columns) {
                values[row * n_columns + column] = 1.0;
            }
        }
        Ok(eye)
    }

    /// The diagonal of a matrix, or a matrix with this diagonal.
    ///
    /// # Errors
    /// [`ArrayError::Shape`], [`ArrayError::NoRoom`].
    pub fn diagonal(&self, work: &dyn Work) -> ArrayResult<Arr> {
        let values = self.as_slice();
        let diagonal = match self.shape() {
            [n] => {
                let mut matrix = Arr::filled(&[*n, *n], 0.0, work)?;
                let out = matrix.as_mut_slice();
                for (i, value) in values.iter().enumerate() {
                    out[i * (n + 1)] = *value;
                }
                matrix
            }
            [n_rows, n_columns] => {
                Arr::of_vec((0..(*n_rows).min(*n_columns)).map(|i| values[i * (n_columns + 1)]).collect())
            }
            other => return Err(ArrayError::Shape(format!("the shape is {}, wanted 1 or 2 axes", text(other)))),
        };
        Ok(diagonal.counted_as_whole(self.is_whole()))
    }
}
