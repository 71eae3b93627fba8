//! Distances between rows of numbers, all pairs.

use super::{Arr, ArrayError, ArrayResult, Work, parallel, shape};

/// How far apart two rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Root of the sum of squared differences.
    Euclidean,
    /// Sum of squared differences.
    SquaredEuclidean,
    /// Sum of absolute differences.
    Cityblock,
    /// Largest absolute difference.
    Chebyshev,
    /// One less the cosine of the angle.
    Cosine,
}

/// Names of the metrics, as in scipy.
pub const METRICS: [(&str, Metric); 5] = [
    ("euclidean", Metric::Euclidean),
    ("sqeuclidean", Metric::SquaredEuclidean),
    ("cityblock", Metric::Cityblock),
    ("chebyshev", Metric::Chebyshev),
    ("cosine", Metric::Cosine),
];

impl Metric {
    fn of(self, a: &[f64], b: &[f64]) -> f64 {
        let pairs = a.iter().zip(b);
        match self {
            Metric::SquaredEuclidean => pairs.map(|(a, b)| (a - b) * (a - b)).sum(),
            Metric::Euclidean => pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
            Metric::Cityblock => pairs.map(|(a, b)| (a - b).abs()).sum(),
            Metric::Chebyshev => pairs.map(|(a, b)| (a - b).abs()).fold(0.0, super::elementwise::maximum),
            Metric::Cosine => {
                let (dot, aa, bb) =
                    pairs.fold((0.0, 0.0, 0.0), |(dot, aa, bb), (a, b)| (dot + a * b, aa + a * a, bb + b * b));
                1.0 - dot / (aa.sqrt() * bb.sqrt())
            }
        }
    }
}

/// Distance of every row of `a` from every row of `b`.
///
/// # Errors
/// No matrices, or rows of different length; no room; interrupted.
pub fn cdist(a: &Arr, b: &Arr, metric: Metric, work: &dyn Work) -> ArrayResult<Arr> {
    let ([n_a, width], [n_b, width_b]) =
        (a.matrix_shape("the first argument")?, b.matrix_shape("the second argument")?);
    if width != width_b {
        return Err(ArrayError::Shape(format!("rows have {width} and {width_b} numbers, wanted as many")));
    }
    let n = shape::require_room::<f64>(&[n_a, n_b], work)?;
    let mut out = vec![0.0; n];
    if n == 0 || width == 0 {
        return Arr::new(&[n_a, n_b], out);
    }
    let (a, b) = (a.as_slice(), b.as_slice());
    parallel::fill(&mut out, n_b, 3 * width, work, |start, part| {
        for (i, row) in part.chunks_mut(n_b).enumerate() {
            let from = (start / n_b + i) * width;
            let Some(x) = a.get(from..from + width) else { continue };
            if let (Metric::Euclidean, [x0, x1, x2]) = (metric, x) {
                for (value, y) in row.iter_mut().zip(b.as_chunks::<3>().0) {
                    let (d0, d1, d2) = (x0 - y[0], x1 - y[1], x2 - y[2]);
                    *value = (d0 * d0 + d1 * d1 + d2 * d2).sqrt();
                }
            } else {
                row.iter_mut().zip(b.chunks(width)).for_each(|(value, y)| *value = metric.of(x, y));
            }
        }
    })?;
    Arr::new(&[n_a, n_b], out)
}

/// Distance of each pair of rows once: (0, 1), (0, 2), ... (1, 2), ...
///
/// # Errors
/// No matrix; no room; interrupted.
pub fn pdist(a: &Arr, metric: Metric, work: &dyn Work) -> ArrayResult<Arr> {
    let [n, width] = a.matrix_shape("the argument")?;
    let n_pairs = n.saturating_mul(n.saturating_sub(1)) / 2;
    shape::require_room::<f64>(&[n_pairs], work)?;
    let mut out = Vec::with_capacity(n_pairs);
    let rows: Vec<&[f64]> = a.as_slice().chunks(width.max(1)).collect();
    let mut n_since = 0;
    for (i, x) in rows.iter().enumerate() {
        n_since += (n - i) * width;
        if n_since > 1 << 20 {
            n_since = 0;
            work.proceed()?;
        }
        out.extend(rows.iter().skip(i + 1).map(|y| metric.of(x, y)));
    }
    Ok(Arr::of_vec(out))
}

/// The square matrix of distances from the list that [`pdist`] gives, or the list from the matrix.
///
/// # Errors
/// Lengths that belong to no number of points.
pub fn squareform(distances: &Arr, work: &dyn Work) -> ArrayResult<Arr> {
    let values = distances.as_slice();
    match distances.shape() {
        [n_pairs] => {
            let n = ((1.0 + (1.0 + 8.0 * *n_pairs as f64).sqrt()) / 2.0).round() as usize;
            if n * n.saturating_sub(1) / 2 != *n_pairs {
                return Err(ArrayError::Shape(format!("{n_pairs} distances belong to no number of points")));
            }
            let mut square = Arr::filled(&[n, n], 0.0, work)?;
            let out = square.as_mut_slice();
            let mut at = 0;
            for i in 0..n {
                for j in i + 1..n {
                    out[i * n + j] = values[at];
                    out[j * n + i] = values[at];
                    at += 1;
                }
            }
            Ok(square)
        }
        [n, m] if n == m => Ok(Arr::of_vec(
            (0..*n).flat_map(|i| (i + 1..*n).map(move |j| (i, j))).map(|(i, j)| values[i * n + j]).collect(),
        )),
        other => {
            Err(ArrayError::Shape(format!("the shape is {}, wanted one axis or a square matrix", shape::text(other))))
        }
    }
}
