//! Vectors and matrices (decompositions by nalgebra).

use nalgebra::{DMatrix, DVector};
use ndarray::{Ix1, Ix2};

use super::{Arr, ArrayError, ArrayResult, Work, reduce, shape};

/// Largest side of a matrix that is inverted or solved with: it cannot be interrupted.
const MAX_SOLVED: usize = 500;

/// Largest smaller side of a matrix that is decomposed: it cannot be interrupted.
const MAX_DECOMPOSED: usize = 200;

fn matrix(a: &Arr, what: &str) -> ArrayResult<DMatrix<f64>> {
    let [n_rows, n_columns] = a.matrix_shape(what)?;
    Ok(DMatrix::from_row_slice(n_rows, n_columns, a.as_slice()))
}

fn square(a: &Arr, max: usize) -> ArrayResult<DMatrix<f64>> {
    let [n_rows, n_columns] = a.matrix_shape("the matrix")?;
    if n_rows != n_columns {
        return Err(ArrayError::Shape(format!("the matrix is {n_rows}x{n_columns}, wanted a square one")));
    }
    if n_rows > max {
        return Err(ArrayError::NoRoom(format!("the matrix is {n_rows}x{n_rows}, at most {max}x{max} is possible")));
    }
    if let Some(wrong) = a.as_slice().iter().find(|value| !value.is_finite()) {
        return Err(ArrayError::NotComputable(format!("the matrix holds {wrong}, wanted finite numbers")));
    }
    matrix(a, "the matrix")
}

fn arr(matrix: &DMatrix<f64>) -> ArrayResult<Arr> {
    Arr::new(&[matrix.nrows(), matrix.ncols()], matrix.transpose().as_slice().to_vec())
}

fn singular() -> ArrayError {
    ArrayError::NotComputable("the matrix is singular; np.linalg.lstsq gives the nearest solution".to_owned())
}

/// Product of vectors and matrices: the last axis of `a` against the last but one of `b` (or its only one).
///
/// # Errors
/// Shapes that do not fit; no room.
pub fn product(a: &Arr, b: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
    /// Multiplications between two questions to the caller.
    const COST_PER_PIECE: usize = 1 << 23;
    let wrong = || {
        let (a, b) = (shape::text(a.shape()), shape::text(b.shape()));
        ArrayError::Shape(format!(
            "a product of {a} and {b} was asked for; the last axis of the first must be as long as the last but one of the second"
        ))
    };
    let is_whole = a.is_whole() && b.is_whole();
    let fixed = |a: &Arr| a.grid.data.clone().into_dimensionality::<Ix2>().map_err(|_| wrong());
    let line = |a: &Arr| a.grid.data.clone().into_dimensionality::<Ix1>().map_err(|_| wrong());
    let found = match (a.rank(), b.rank()) {
        (1, 1) if a.len() == b.len() => Arr::of_one(line(a)?.dot(&line(b)?)),
        (1, 2) if a.shape().first() == b.shape().first() => Arr::of_vec(line(a)?.dot(&fixed(b)?).to_vec()),
        (2, 1) if a.shape().get(1) == b.shape().first() => Arr::of_vec(fixed(a)?.dot(&line(b)?).to_vec()),
        (2, 2) if a.shape().get(1) == b.shape().first() => {
            let (x, y) = (fixed(a)?, fixed(b)?);
            let (n_rows, n_columns) = (x.nrows(), y.ncols());
            shape::require_room::<f64>(&[n_rows, n_columns], work)?;
            let mut out = Vec::with_capacity(n_rows * n_columns);
            let cost_per_row = x.ncols().saturating_mul(n_columns).max(1);
            for rows in x.axis_chunks_iter(ndarray::Axis(0), (COST_PER_PIECE / cost_per_row).max(1)) {
                work.proceed()?;
                out.extend(rows.dot(&y).as_standard_layout().iter());
            }
            Arr::new(&[n_rows, n_columns], out)?
        }
        (3.., 1..) | (1.., 3..) => {
            let outer = shape::broadcast(
                a.shape().get(..a.rank().saturating_sub(2)).unwrap_or_default(),
                b.shape().get(..b.rank().saturating_sub(2)).unwrap_or_default(),
            )
            .map_err(|_| wrong())?;
            let [outer] = outer[..] else { return Err(wrong()) };
            let pick = |a: &Arr, i: usize| match a.rank() {
                3.. => a.row(if a.shape().first() == Some(&1) { 0 } else { i }),
                _ => Ok(a.clone()),
            };
            let parts: ArrayResult<Vec<Arr>> = (0..outer).map(|i| product(&pick(a, i)?, &pick(b, i)?, work)).collect();
            Arr::stacked(&parts?, 0, work)?
        }
        _ => return Err(wrong()),
    };
    Ok(found.counted_as_whole(is_whole))
}

/// Cross product of vectors of 3, or the scalar one of vectors of 2; one against many too.
///
/// # Errors
/// Other lengths.
pub fn cross(a: &Arr, b: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
    let shape = shape::broadcast(a.shape(), b.shape())?;
    let is_whole = a.is_whole() && b.is_whole();
    let (x, y) = (a.grid.stretched(&shape, work)?, b.grid.stretched(&shape, work)?);
    let rows = |n: usize| x.as_slice().chunks(n).zip(y.as_slice().chunks(n)).collect::<Vec<_>>();
    let found = match (a.shape().last(), b.shape().last()) {
        (Some(3), Some(3)) => {
            let mut out = Vec::with_capacity(x.len());
            for (u, v) in rows(3) {
                if let ([u0, u1, u2], [v0, v1, v2]) = (u, v) {
                    out.extend([u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0]);
                }
            }
            Arr::new(&shape, out)?
        }
        (Some(2), Some(2)) => {
            let out = rows(2)
                .into_iter()
                .map(|(u, v)| if let ([u0, u1], [v0, v1]) = (u, v) { u0 * v1 - u1 * v0 } else { f64::NAN });
            Arr::new(shape.get(..shape.len() - 1).unwrap_or_default(), out.collect())?
        }
        _ => {
            let (a, b) = (shape::text(a.shape()), shape::text(b.shape()));
            return Err(ArrayError::Shape(format!(
                "a cross product of {a} and {b} was asked for, wanted vectors of 3"
            )));
        }
    };
    Ok(found.counted_as_whole(is_whole))
}

/// How long a vector is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Root of the sum of squares.
    Euclidean,
    /// Sum of absolute values.
    Sum,
    /// Largest absolute value.
    Largest,
    /// Smallest absolute value.
    Smallest,
    /// How many are not 0.
    NonZero,
    /// Root of the sum of powers.
    Power(f64),
}

impl Norm {
    /// Of some values.
    pub fn of(self, values: &[f64]) -> f64 {
        let absolute = values.iter().map(|value| value.abs());
        match self {
            // Scaling keeps very large and very small values from leaving the range.
            Norm::Euclidean => {
                let sum: f64 = values.iter().map(|value| value * value).sum();
                if sum.is_normal() || values.iter().all(|value| *value == 0.0) {
                    return sum.sqrt();
                }
                let largest = absolute.fold(0.0, super::elementwise::maximum);
                if largest == 0.0 || !largest.is_finite() {
                    return largest;
                }
                largest * values.iter().map(|value| (value / largest) * (value / largest)).sum::<f64>().sqrt()
            }
            Norm::Sum => absolute.sum(),
            Norm::Largest => absolute.fold(0.0, super::elementwise::maximum),
            Norm::Smallest => absolute.fold(f64::INFINITY, super::elementwise::minimum),
            Norm::NonZero => values.iter().filter(|value| **value != 0.0).count() as f64,
            Norm::Power(p) => absolute.map(|value| value.powf(p)).sum::<f64>().powf(1.0 / p),
        }
    }
}

/// Determinant.
///
/// # Errors
/// No square matrix.
pub fn det(a: &Arr) -> ArrayResult<f64> {
    Ok(square(a, MAX_SOLVED)?.lu().determinant())
}

/// Inverse.
///
/// # Errors
/// No square matrix, or a singular one.
pub fn inv(a: &Arr) -> ArrayResult<Arr> {
    arr(&square(a, MAX_SOLVED)?.lu().try_inverse().ok_or_else(singular)?)
}

/// `x` with `a x = b`.
///
/// # Errors
/// No square matrix, or a singular one; shapes that do not fit.
pub fn solve(a: &Arr, b: &Arr) -> ArrayResult<Arr> {
    let matrix_a = square(a, MAX_SOLVED)?;
    let column = if b.rank() == 1 { b.reshaped(&[b.len(), 1])? } else { b.clone() };
    let matrix_b = matrix(&column, "the right side")?;
    if matrix_b.nrows() != matrix_a.nrows() {
        let (n, m) = (matrix_a.nrows(), matrix_b.nrows());
        return Err(ArrayError::Shape(format!("the matrix has {n} rows and the right side {m}, wanted as many")));
    }
    let lu = matrix_a.lu();
    if !lu.is_invertible() {
        return Err(singular());
    }
    arr(&lu.solve(&matrix_b).ok_or_else(singular)?)?.reshaped(b.shape())
}

/// Eigenvalues of a symmetric matrix, ascending, and the eigenvectors as columns.
///
/// # Errors
/// No square matrix, or one that is not symmetric.
pub fn eigh(a: &Arr) -> ArrayResult<(Arr, Arr)> {
    let symmetric = square(a, MAX_DECOMPOSED)?;
    let scale = symmetric.amax().max(f64::MIN_POSITIVE);
    if (&symmetric - symmetric.transpose()).amax() > 1e-8 * scale {
        return Err(ArrayError::Argument("the matrix is not symmetric; only symmetric ones have eigh".to_owned()));
    }
    let n = symmetric.nrows();
    let found = symmetric.symmetric_eigen();
    let order = super::order::sorted_positions(found.eigenvalues.as_slice());
    let mut vectors = DMatrix::zeros(n, n);
    for (to, from) in order.iter().enumerate() {
        vectors.set_column(to, &found.eigenvectors.column(*from));
    }
    Ok((Arr::of_vec(order.iter().map(|at| found.eigenvalues[*at]).collect()), arr(&vectors)?))
}

/// Singular value decomposition `a = u diag(s) vt`.
#[derive(Clone, Debug)]
pub struct Svd {
    /// As many rows as `a`; one column per singular value.
    pub u: Arr,
    /// Singular values, descending.
    pub s: Arr,
    /// One row per singular value; when whole rows were asked for, as many as `a` has columns.
    pub vt: Arr,
}

struct Decomposed {
    u: DMatrix<f64>,
    s: DVector<f64>,
    vt: DMatrix<f64>,
}

/// The `R` of a tall matrix, by blocks, so that the caller can be asked between them: `R` has the singular values and right vectors of
/// the matrix.
fn triangular(a: &Arr, work: &dyn Work) -> ArrayResult<DMatrix<f64>> {
    const ROWS_PER_BLOCK: usize = 2048;
    let [_, n_columns] = a.matrix_shape("the matrix")?;
    let mut r = DMatrix::<f64>::zeros(0, n_columns);
    for block in a.as_slice().chunks(ROWS_PER_BLOCK * n_columns.max(1)) {
        work.proceed()?;
        let rows = DMatrix::from_row_slice(block.len() / n_columns.max(1), n_columns, block);
        let mut stacked = r.clone().resize_vertically(r.nrows() + rows.nrows(), 0.0);
        stacked.rows_mut(r.nrows(), rows.nrows()).copy_from(&rows);
        r = stacked.qr().r();
    }
    Ok(r)
}

fn decomposed(a: &Arr, work: &dyn Work) -> ArrayResult<Decomposed> {
    let [n_rows, n_columns] = a.matrix_shape("the matrix")?;
    if n_rows.min(n_columns) > MAX_DECOMPOSED {
        return Err(ArrayError::NoRoom(format!(
            "the matrix is {n_rows}x{n_columns}, its smaller side may be at most {MAX_DECOMPOSED}"
        )));
    }
    if let Some(wrong) = a.as_slice().iter().find(|value| !value.is_finite()) {
        return Err(ArrayError::NotComputable(format!(
            "the matrix holds {wrong}, wanted finite numbers; drop such rows first"
        )));
    }
    if n_rows < n_columns {
        let turned = decomposed(&Arr::from(a.grid.transposed(&[])?), work)?;
        return Ok(Decomposed { u: turned.vt.transpose(), s: turned.s, vt: turned.u.transpose() });
    }
    work.room(a.n_bytes().saturating_mul(2))?;
    let is_tall = n_rows > 4 * n_columns.max(1) && n_rows > 64;
    let small = if is_tall { triangular(a, work)? } else { matrix(a, "the matrix")? };
    let svd = small.svd(true, true);
    let (Some(mut u), Some(vt)) = (svd.u, svd.v_t) else { return Err(no_convergence()) };
    let s = svd.singular_values;
    if is_tall {
        u = matrix(a, "the matrix")? * vt.transpose();
        let largest = s.iter().copied().fold(0.0, f64::max);
        for (i, value) in s.iter().enumerate() {
            let mut column = u.column_mut(i);
            if *value > largest * 1e-13 {
                column /= *value;
            } else {
                column.fill(0.0);
            }
        }
        complete_columns(&mut u);
    }
    Ok(Decomposed { u, s, vt })
}

fn no_convergence() -> ArrayError {
    ArrayError::NotComputable("the decomposition does not converge".to_owned())
}

/// Replaces columns of zeros by unit vectors across all others.
fn complete_columns(u: &mut DMatrix<f64>) {
    for i in 0..u.ncols() {
        if u.column(i).norm() > 0.5 {
            continue;
        }
        for axis in 0..u.nrows() {
            let mut candidate = DVector::zeros(u.nrows());
            candidate[axis] = 1.0;
            // Twice, because one pass leaves rounding errors.
            for _ in 0..2 {
                for j in (0..u.ncols()).filter(|j| *j != i) {
                    let overlap = u.column(j).dot(&candidate);
                    candidate -= u.column(j) * overlap;
                }
            }
            let length = candidate.norm();
            if length > 0.1 {
                u.set_column(i, &(candidate / length));
                break;
            }
        }
    }
}

/// Singular value decomposition. With `has_whole_rows`, `vt` is square, so that its last rows span what `a` maps to 0.
///
/// # Errors
/// Too large; not finite.
pub fn svd(a: &Arr, has_whole_rows: bool, work: &dyn Work) -> ArrayResult<Svd> {
    let Decomposed { u, s, mut vt } = decomposed(a, work)?;
    let n_columns = vt.ncols();
    if has_whole_rows && vt.nrows() < n_columns && n_columns <= MAX_DECOMPOSED {
        let mut columns = vt.transpose().resize_horizontally(n_columns, 0.0);
        complete_columns(&mut columns);
        vt = columns.transpose();
    }
    Ok(Svd { u: arr(&u)?, s: Arr::of_vec(s.as_slice().to_vec()), vt: arr(&vt)? })
}

/// What [`lstsq`] finds.
#[derive(Clone, Debug)]
pub struct LeastSquares {
    /// The solution.
    pub x: Arr,
    /// Sums of squared deviations, one per column of the right side; empty unless the columns of `a` are independent and fewer than
    /// its rows.
    pub residuals: Arr,
    /// Number of independent columns.
    pub rank: usize,
    /// Singular values of `a`.
    pub s: Arr,
}

/// The shortest `x` for which `a x` is nearest to `b`.
///
/// # Errors
/// Shapes that do not fit; not finite.
pub fn lstsq(a: &Arr, b: &Arr, work: &dyn Work) -> ArrayResult<LeastSquares> {
    let [n_rows, n_columns] = a.matrix_shape("the matrix")?;
    if b.shape().first() != Some(&n_rows) || b.rank() > 2 {
        return Err(ArrayError::Shape(format!(
            "the matrix is {n_rows}x{n_columns} and the right side {}, wanted as many rows",
            shape::text(b.shape())
        )));
    }
    let Decomposed { u, s, vt } = decomposed(a, work)?;
    let limit = s.iter().copied().fold(0.0, f64::max) * f64::EPSILON * n_rows.max(n_columns) as f64;
    let rank = s.iter().filter(|value| **value > limit).count();
    let n_sides = b.len() / n_rows.max(1);
    let sides = DMatrix::from_row_slice(n_rows, n_sides, b.as_slice());
    let mut scaled = u.transpose() * &sides;
    for (i, value) in s.iter().enumerate() {
        let factor = if *value > limit { 1.0 / value } else { 0.0 };
        scaled.row_mut(i).scale_mut(factor);
    }
    let x = vt.transpose() * scaled;
    let residuals = if rank == n_columns && n_rows > n_columns {
        let off = matrix(a, "the matrix")? * &x - sides;
        off.column_iter().map(|column| column.norm_squared()).collect()
    } else {
        Vec::new()
    };
    let x = arr(&x)?;
    let x = if b.rank() == 1 { x.reshaped(&[n_columns])? } else { x };
    Ok(LeastSquares { x, residuals: Arr::of_vec(residuals), rank, s: Arr::of_vec(s.as_slice().to_vec()) })
}

/// Moore-Penrose inverse.
///
/// # Errors
/// Too large; not finite.
pub fn pinv(a: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
    let Decomposed { u, s, vt } = decomposed(a, work)?;
    let limit = s.iter().copied().fold(0.0, f64::max) * 1e-15;
    let mut scaled = u.transpose();
    for (i, value) in s.iter().enumerate() {
        scaled.row_mut(i).scale_mut(if *value > limit { 1.0 / value } else { 0.0 });
    }
    arr(&(vt.transpose() * scaled))
}

/// Number of independent rows.
///
/// # Errors
/// Too large; not finite.
pub fn rank(a: &Arr, work: &dyn Work) -> ArrayResult<usize> {
    let [n_rows, n_columns] = a.matrix_shape("the matrix")?;
    let s = decomposed(a, work)?.s;
    let limit = s.iter().copied().fold(0.0, f64::max) * f64::EPSILON * n_rows.max(n_columns) as f64;
    Ok(s.iter().filter(|value| **value > limit).count())
}

/// Directions of largest spread.
#[derive(Clone, Debug)]
pub struct Pca {
    /// Mean of the rows.
    pub mean: Arr,
    /// One unit row per direction, by descending spread; the largest coordinate of each is positive.
    pub components: Arr,
    /// Variance along each, over the count less one.
    pub explained_variance: Arr,
    /// Its share of the whole.
    pub explained_variance_ratio: Arr,
}

/// Principal components of the rows of a matrix.
///
/// # Errors
/// Fewer than two rows; not finite.
pub fn pca(points: &Arr, work: &dyn Work) -> ArrayResult<Pca> {
    let [n_rows, n_columns] = points.matrix_shape("the points")?;
    if n_rows < 2 {
        return Err(ArrayError::NotComputable(format!("{n_rows} points have no spread, wanted 2 or more")));
    }
    let mean = points.reduced(&reduce::Over::axis(0), work, reduce::mean)?;
    let centred = points.zip(&mean, super::elementwise::Whole::Lost, work, |value, mean| value - mean)?;
    let Decomposed { s, mut vt, .. } = decomposed(&centred, work)?;
    for mut row in vt.row_iter_mut() {
        let largest =
            row.iter().copied().fold(0.0f64, |best, value| if value.abs() > best.abs() + 1e-12 { value } else { best });
        if largest < 0.0 {
            row.neg_mut();
        }
    }
    let variances: Vec<f64> = s.iter().map(|value| value * value / (n_rows - 1) as f64).collect();
    let all: f64 = variances.iter().sum();
    let ratios = variances.iter().map(|value| if all > 0.0 { value / all } else { 0.0 }).collect();
    debug_assert_eq!(vt.ncols(), n_columns);
    Ok(Pca {
        mean,
        components: arr(&vt)?,
        explained_variance: Arr::of_vec(variances),
        explained_variance_ratio: Arr::of_vec(ratios),
    })
}
