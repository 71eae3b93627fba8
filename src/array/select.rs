//! Picking and writing parts of an array, as `x[1:, 0]`, `x[mask]` or `x[[2, 0]]` do.

use super::{Arr, ArrayError, ArrayResult, Bools, Grid, MAX_RANK, Work, shape};

/// One entry between the brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// One position; the axis goes away.
    At(i64),
    /// From, to (not included), step.
    Range(Option<i64>, Option<i64>, i64),
    /// Positions.
    Many(Vec<i64>),
    /// Where it holds; covers as many axes as it has.
    Where(Bools),
    /// A new axis of length 1.
    NewAxis,
}

impl Index {
    /// Everything along one axis.
    pub const ALL: Index = Index::Range(None, None, 1);
}

/// Which values, as sums of one offset of each kind.
struct Selection {
    base: usize,
    offsets: Vec<Vec<usize>>,
}

/// Position on an axis, counted from the end when negative.
fn position(i: i64, length: usize, axis: usize) -> ArrayResult<usize> {
    let from_start = if i < 0 { i.saturating_add(length as i64) } else { i };
    usize::try_from(from_start)
        .ok()
        .filter(|i| *i < length)
        .ok_or_else(|| ArrayError::Index(format!("index {i} is out of range: axis {axis} has {length} values")))
}

/// Positions of `start:stop:step` on an axis, as in Python.
fn positions(start: Option<i64>, stop: Option<i64>, step: i64, length: usize) -> ArrayResult<Vec<usize>> {
    if step == 0 {
        return Err(ArrayError::Index("the step of a range is 0, wanted another number".to_owned()));
    }
    let length = length as i64;
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |i: i64| (if i < 0 { i.saturating_add(length) } else { i }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, bound);
    let stop = stop.map_or(if step > 0 { high } else { low }, bound);
    let mut found = Vec::new();
    let mut i = start;
    while (step > 0 && i < stop) || (step < 0 && i > stop) {
        found.push(i as usize);
        i = i.saturating_add(step);
    }
    Ok(found)
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Positions where a mask holds, one list for each of its axes.
fn places(mask: &Bools) -> Vec<Vec<usize>> {
    let strides = strides(mask.shape());
    let flat: Vec<usize> = mask.as_slice().iter().enumerate().filter_map(|(i, holds)| holds.then_some(i)).collect();
    let lengths = mask.shape();
    strides
        .iter()
        .zip(lengths)
        .map(|(stride, length)| flat.iter().map(|i| i / stride % length.max(&1)).collect())
        .collect()
}

impl Selection {
    fn new(shape: &[usize], index: &[Index]) -> ArrayResult<Selection> {
        let strides = strides(shape);
        let n_used: usize = index
            .iter()
            .map(|entry| match entry {
                Index::NewAxis => 0,
                Index::Where(mask) => mask.rank(),
                _ => 1,
            })
            .sum();
        if n_used > shape.len() {
            return Err(ArrayError::Index(format!(
                "{n_used} indices were given, the array has {} axes (shape {})",
                shape.len(),
                shape::text(shape)
            )));
        }
        let has_lists = index.iter().any(|entry| matches!(entry, Index::Many(_) | Index::Where(_)));
        let mut base = 0;
        let mut offsets: Vec<Vec<usize>> = Vec::new();
        // Lists and masks go together, one result axis for all of them, as numpy does it.
        let mut together: Option<Vec<usize>> = None;
        let mut together_at: Option<usize> = None;
        let mut is_apart = false;
        let mut last_was_list = false;
        let mut axis = 0;
        for entry in index {
            let is_list = has_lists && matches!(entry, Index::At(_) | Index::Many(_) | Index::Where(_));
            if is_list {
                is_apart |= together_at.is_some() && !last_was_list;
                together_at.get_or_insert(offsets.len());
            }
            last_was_list = is_list;
            match entry {
                Index::NewAxis => offsets.push(vec![0]),
                Index::At(i) => {
                    base += position(*i, shape[axis], axis)? * strides[axis];
                    axis += 1;
                }
                Index::Range(start, stop, step) => {
                    let found = positions(*start, *stop, *step, shape[axis])?;
                    offsets.push(found.into_iter().map(|i| i * strides[axis]).collect());
                    axis += 1;
                }
                Index::Many(list) => {
                    let found: ArrayResult<Vec<usize>> =
                        list.iter().map(|i| Ok(position(*i, shape[axis], axis)? * strides[axis])).collect();
                    together = Some(joined(together, found?)?);
                    axis += 1;
                }
                Index::Where(mask) => {
                    if mask.shape() != &shape[axis..axis + mask.rank()] {
                        return Err(ArrayError::Index(format!(
                            "the mask has shape {}, the array {}; they must be equal",
                            shape::text(mask.shape()),
                            shape::text(&shape[axis..axis + mask.rank()])
                        )));
                    }
                    let mut found = vec![0; mask.as_slice().iter().filter(|holds| **holds).count()];
                    for (at, list) in places(mask).into_iter().enumerate() {
                        found.iter_mut().zip(list).for_each(|(sum, i)| *sum += i * strides[axis + at]);
                    }
                    together = Some(joined(together, found)?);
                    axis += mask.rank();
                }
            }
        }
        for axis in axis..shape.len() {
            offsets.push((0..shape[axis]).map(|i| i * strides[axis]).collect());
        }
        if let Some(together) = together {
            offsets.insert(if is_apart { 0 } else { together_at.unwrap_or(0) }, together);
        }
        if offsets.len() > MAX_RANK {
            return Err(ArrayError::Shape(format!(
                "the result has {} axes, at most {MAX_RANK} are possible",
                offsets.len()
            )));
        }
        Ok(Selection { base, offsets })
    }

    fn shape(&self) -> Vec<usize> {
        self.offsets.iter().map(Vec::len).collect()
    }

    /// Calls `visit` with each value's place, in order.
    fn each(&self, mut visit: impl FnMut(usize)) {
        fn descend(base: usize, offsets: &[Vec<usize>], visit: &mut impl FnMut(usize)) {
            match offsets {
                [] => visit(base),
                [last] => last.iter().for_each(|offset| visit(base + offset)),
                [first, rest @ ..] => first.iter().for_each(|offset| descend(base + offset, rest, visit)),
            }
        }
        descend(self.base, &self.offsets, &mut visit);
    }
}

fn joined(known: Option<Vec<usize>>, more: Vec<usize>) -> ArrayResult<Vec<usize>> {
    let Some(known) = known else { return Ok(more) };
    match (known.len(), more.len()) {
        (a, b) if a == b => Ok(known.into_iter().zip(more).map(|(a, b)| a + b).collect()),
        (1, _) => Ok(more.into_iter().map(|b| b + known[0]).collect()),
        (_, 1) => Ok(known.into_iter().map(|a| a + more[0]).collect()),
        (a, b) => Err(ArrayError::Index(format!("two lists of indices have {a} and {b} entries, wanted as many"))),
    }
}

impl<T: Copy> Grid<T> {
    /// The part at `index`.
    ///
    /// # Errors
    /// [`ArrayError::Index`], [`ArrayError::NoRoom`].
    pub fn part(&self, index: &[Index], work: &dyn Work) -> ArrayResult<Grid<T>> {
        let values = self.as_slice();
        if let [Index::Where(mask)] = index
            && mask.shape() == self.shape()
        {
            let n = mask.as_slice().iter().filter(|holds| **holds).count();
            work.room(n.saturating_mul(std::mem::size_of::<T>()))?;
            let mut picked = Vec::with_capacity(n);
            picked.extend(values.iter().zip(mask.as_slice()).filter_map(|(value, holds)| holds.then_some(*value)));
            return Ok(Grid::of_vec(picked));
        }
        let selection = Selection::new(self.shape(), index)?;
        let shape = selection.shape();
        let n = shape::require_room::<T>(&shape, work)?;
        let mut picked = Vec::with_capacity(n);
        selection.each(|at| picked.extend(values.get(at)));
        Grid::new(&shape, picked)
    }

    /// Writes `values`, stretched to the part's shape, at `index`.
    ///
    /// # Errors
    /// [`ArrayError::Index`]; [`ArrayError::Shape`] when the values do not fit.
    pub fn set_part(&mut self, index: &[Index], values: &Grid<T>, work: &dyn Work) -> ArrayResult<()> {
        let selection = Selection::new(self.shape(), index)?;
        let shape = selection.shape();
        let one = values.one();
        let stretched = match one {
            Some(_) => None,
            None => Some(values.stretched(&shape, work).map_err(|_| {
                ArrayError::Shape(format!(
                    "values of shape {} do not fit the part of shape {}",
                    shape::text(values.shape()),
                    shape::text(&shape)
                ))
            })?),
        };
        let mut from = stretched.iter().flat_map(|stretched| stretched.as_slice().iter().copied());
        let out = self.as_mut_slice();
        selection.each(|at| {
            if let (Some(place), Some(value)) = (out.get_mut(at), one.or_else(|| from.next())) {
                *place = value;
            }
        });
        Ok(())
    }
}

impl Arr {
    /// See [`Grid::part`].
    ///
    /// # Errors
    /// See [`Grid::part`].
    pub fn part(&self, index: &[Index], work: &dyn Work) -> ArrayResult<Arr> {
        Ok(Arr::from(self.grid.part(index, work)?).counted_as_whole(self.is_whole()))
    }

    /// See [`Grid::set_part`]. An array of integers that is given other numbers becomes one of floats.
    ///
    /// # Errors
    /// See [`Grid::set_part`].
    pub fn set_part(&mut self, index: &[Index], values: &Arr, work: &dyn Work) -> ArrayResult<()> {
        self.grid.set_part(index, &values.grid, work)?;
        self.is_whole &= values.is_whole;
        Ok(())
    }

    /// Positions, from an array of integers.
    ///
    /// # Errors
    /// [`ArrayError::Index`] when a value is no integer or the rank is above 1.
    pub fn positions(&self) -> ArrayResult<Vec<i64>> {
        if self.rank() > 1 {
            let found = shape::text(self.shape());
            return Err(ArrayError::Index(format!("the indices have shape {found}, wanted one axis; use .flatten()")));
        }
        self.as_slice()
            .iter()
            .map(|value| match value.fract() == 0.0 && value.abs() < 1e15 {
                true => Ok(*value as i64),
                false => Err(ArrayError::Index(format!("the index {value} is no integer"))),
            })
            .collect()
    }
}

/// Positions where `bools` holds, one array for each axis.
pub fn nonzero(bools: &Bools) -> Vec<Arr> {
    places(bools).into_iter().map(Arr::of_counts).collect()
}
