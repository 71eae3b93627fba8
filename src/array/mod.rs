//! Arrays of numbers as numpy has them: float values, rank 0 to 4, shared and copied only when written to.
//!
//! Pure: it knows no scripts, no session and no clock. What can take long or much memory is given a [`Work`] to ask. Values are
//! always stored row by row without gaps, so [`Grid::as_slice`] is the whole array. To add a function: the file of its kind; cells
//! see it once `tools::arrays` declares it.

pub mod binned;
pub mod distances;
pub mod elementwise;
pub mod hull;
pub mod linalg;
pub mod order;
pub mod parallel;
pub mod reduce;

pub mod select;
pub mod shape;
pub mod text;
pub mod tree;

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use ndarray::{ArcArray, ArrayD, IxDyn};
use thiserror::Error;

pub use select::Index;
pub use tree::Tree;

/// Most axes of an array.
pub const MAX_RANK: usize = 4;

/// Whole numbers up to this one are exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Why a calculation with arrays was not made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ArrayError {
    /// Shapes do not fit; found and wanted are in the text.
    #[error("{0}")]
    Shape(String),
    /// An index is beyond the array or of the wrong kind.
    #[error("{0}")]
    Index(String),
    /// An argument has no meaning here.
    #[error("{0}")]
    Argument(String),
    /// The numbers have no such result.
    #[error("{0}")]
    NotComputable(String),
    /// The result would not fit into memory.
    #[error("{0}")]
    NoRoom(String),
    /// Whoever asked does not wait any longer.
    #[error("interrupted")]
    Interrupted,
}

/// Result of a calculation with arrays.
pub type ArrayResult<T> = Result<T, ArrayError>;

/// What a calculation asks whoever wants its result.
pub trait Work: Sync {
    /// Whether `n_bytes` more may be taken at once.
    ///
    /// # Errors
    /// [`ArrayError::NoRoom`].
    fn room(&self, n_bytes: usize) -> ArrayResult<()>;

    /// Asked every few milliseconds.
    ///
    /// # Errors
    /// [`ArrayError::Interrupted`].
    fn proceed(&self) -> ArrayResult<()>;
}

/// Never refuses: for tests and for sizes known to be small.
pub struct Unlimited;

impl Work for Unlimited {
    fn room(&self, _: usize) -> ArrayResult<()> {
        Ok(())
    }

    fn proceed(&self) -> ArrayResult<()> {
        Ok(())
    }
}

/// Values on a grid of up to [`MAX_RANK`] axes, stored row by row.
#[derive(Clone, Debug)]
pub struct Grid<T> {
    data: ArcArray<T, IxDyn>,
    revision: u64,
}

impl<T: PartialEq> PartialEq for Grid<T> {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

/// A number that no other content has had.
fn next_revision() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Truth values.
pub type Bools = Grid<bool>;

/// Numbers.
#[derive(Clone, Debug)]
pub struct Arr {
    grid: Grid<f64>,
    is_whole: bool,
}

impl Deref for Arr {
    type Target = Grid<f64>;

    fn deref(&self) -> &Grid<f64> {
        &self.grid
    }
}

impl<T: Clone> Grid<T> {
    /// From values row by row.
    ///
    /// # Errors
    /// [`ArrayError::Shape`] when their number does not fit or there are too many axes.
    pub fn new(shape: &[usize], values: Vec<T>) -> ArrayResult<Grid<T>> {
        if shape.len() > MAX_RANK {
            return Err(ArrayError::Shape(format!(
                "an array of {} axes was wanted, at most {MAX_RANK} are possible",
                shape.len()
            )));
        }
        let n = values.len();
        match ArrayD::from_shape_vec(IxDyn(shape), values) {
            Ok(data) => Ok(Grid { data: data.into_shared(), revision: next_revision() }),
            Err(_) => Err(ArrayError::Shape(format!("{n} values do not fill the shape {}", shape::text(shape)))),
        }
    }

    /// Of rank 1.
    pub fn of_vec(values: Vec<T>) -> Grid<T> {
        Grid { data: ndarray::Array1::from_vec(values).into_dyn().into_shared(), revision: next_revision() }
    }

    /// Of rank 0.
    pub fn of_one(value: T) -> Grid<T> {
        Grid { data: ndarray::arr0(value).into_dyn().into_shared(), revision: next_revision() }
    }

    fn of_array(data: ArrayD<T>) -> Grid<T> {
        let data = if data.is_standard_layout() { data } else { data.as_standard_layout().into_owned() };
        Grid { data: data.into_shared(), revision: next_revision() }
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.data.shape()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.data.ndim()
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// All values, row by row.
    pub fn as_slice(&self) -> &[T] {
        self.data.as_slice().unwrap_or_default()
    }

    /// All values for writing; copies them first when they are shared.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.revision = next_revision();
        self.data.as_slice_mut().unwrap_or_default()
    }

    /// The value of an array that holds only one.
    pub fn one(&self) -> Option<T> {
        match self.as_slice() {
            [value] => Some(value.clone()),
            _ => None,
        }
    }

    /// As many rows as the first axis is long, each of the other axes' shape.
    ///
    /// # Errors
    /// [`ArrayError::Index`] of rank 0 or beyond the end.
    pub fn row(&self, i: usize) -> ArrayResult<Grid<T>> {
        let Some((n_rows, inner)) = self.shape().split_first() else {
            return Err(ArrayError::Index("a single number has no rows".to_owned()));
        };
        let n_values: usize = inner.iter().product();
        match self.as_slice().get(i * n_values..(i + 1) * n_values) {
            Some(values) if i < *n_rows => Grid::new(inner, values.to_vec()),
            _ => Err(ArrayError::Index(format!("row {i} was wanted, there are {n_rows}"))),
        }
    }

    /// The same values in another shape.
    ///
    /// # Errors
    /// [`ArrayError::Shape`] when the number of values differs.
    pub fn reshaped(&self, shape: &[usize]) -> ArrayResult<Grid<T>> {
        let wrong = || {
            let (from, to) = (shape::text(self.shape()), shape::text(shape));
            ArrayError::Shape(format!("{from} has {} values, they do not fill the shape {to}", self.len()))
        };
        if shape.len() > MAX_RANK || shape::size(shape) != Some(self.len()) {
            return Err(wrong());
        }
        let data = self.data.clone().into_shape_with_order(IxDyn(shape)).map_err(|_| wrong())?;
        Ok(Grid { data, revision: next_revision() })
    }

    /// Bytes of its values.
    pub fn n_bytes(&self) -> usize {
        self.len().saturating_mul(std::mem::size_of::<T>())
    }

    /// A number that changes when the values do; copies share it.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl Arr {
    /// From values row by row.
    ///
    /// # Errors
    /// See [`Grid::new`].
    pub fn new(shape: &[usize], values: Vec<f64>) -> ArrayResult<Arr> {
        Ok(Arr { grid: Grid::new(shape, values)?, is_whole: false })
    }

    /// Of rank 1.
    pub fn of_vec(values: Vec<f64>) -> Arr {
        Arr { grid: Grid::of_vec(values), is_whole: false }
    }

    /// Of rank 0.
    pub fn of_one(value: f64) -> Arr {
        Arr { grid: Grid::of_one(value), is_whole: false }
    }

    /// Counts or positions, of rank 1.
    pub fn of_counts(values: impl IntoIterator<Item = usize>) -> Arr {
        Arr::of_vec(values.into_iter().map(|value| value as f64).collect()).counted_as_whole(true)
    }

    /// Whether its values stand for integers, so that a single one is an integer too.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The same values, taken as integers or not.
    #[must_use]
    pub fn counted_as_whole(mut self, is_whole: bool) -> Arr {
        self.is_whole = is_whole;
        self
    }

    /// All values for writing; copies them first when they are shared.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        self.grid.as_mut_slice()
    }

    /// The integer that a value of this array stands for, if it does.
    pub fn whole(&self, value: f64) -> Option<i64> {
        (self.is_whole && value.fract() == 0.0 && value.abs() <= MAX_WHOLE).then_some(value as i64)
    }

    /// See [`Grid::row`].
    ///
    /// # Errors
    /// See [`Grid::row`].
    pub fn row(&self, i: usize) -> ArrayResult<Arr> {
        Ok(Arr { grid: self.grid.row(i)?, is_whole: self.is_whole })
    }

    /// See [`Grid::reshaped`].
    ///
    /// # Errors
    /// See [`Grid::reshaped`].
    pub fn reshaped(&self, shape: &[usize]) -> ArrayResult<Arr> {
        Ok(Arr { grid: self.grid.reshaped(shape)?, is_whole: self.is_whole })
    }

    /// Rows and columns of a matrix.
    ///
    /// # Errors
    /// [`ArrayError::Shape`] when the rank is not 2.
    pub fn matrix_shape(&self, what: &str) -> ArrayResult<[usize; 2]> {
        match self.shape() {
            [n_rows, n_columns] => Ok([*n_rows, *n_columns]),
            other => Err(ArrayError::Shape(format!(
                "{what} has shape {}, wanted rows and columns (NxM)",
                shape::text(other)
            ))),
        }
    }
}

impl From<Bools> for Arr {
    fn from(bools: Bools) -> Arr {
        let data = bools.data.mapv(f64::from);
        Arr { grid: Grid::of_array(data), is_whole: true }
    }
}

impl From<Grid<f64>> for Arr {
    fn from(grid: Grid<f64>) -> Arr {
        Arr { grid, is_whole: false }
    }
}
