//! Medians, and what lies too far from them.

use crate::tools::median;

/// Median of `values`; NaN when empty.
pub fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    median(&mut values.collect::<Vec<f64>>())
}

/// Median and median absolute deviation from it.
pub fn median_and_mad(values: &[f64]) -> (f64, f64) {
    let middle = median_of(values.iter().copied());
    (middle, median_of(values.iter().map(|v| (v - middle).abs())))
}

/// Positions of the points that are no strays. In each of the two horizontal axes a stray lies beyond three median absolute deviations of
/// the median (Leys et al. 2013) and also clear of the middle 96 %: a table of which mostly one side is seen has a deviation near zero, and its
/// far side is none the less no stray.
pub fn without_strays(points: &[[f64; 3]]) -> Vec<[f64; 3]> {
    const ENOUGH: usize = 10;
    const CLEAR_SHARE: f64 = 0.1;
    if points.len() <= ENOUGH {
        return points.to_vec();
    }
    let limits = [0, 1].map(|axis| {
        let mut values: Vec<f64> = points.iter().map(|p| p[axis]).collect();
        let (middle, mad) = median_and_mad(&values);
        values.sort_by(f64::total_cmp);
        let at =
            |share: f64| values.get((share * (values.len() - 1) as f64).round() as usize).copied().unwrap_or(middle);
        let (low, high) = (at(0.02), at(0.98));
        let clear = CLEAR_SHARE * (high - low);
        ((middle - 3.0 * mad).min(low - clear), (middle + 3.0 * mad).max(high + clear))
    });
    let is_kept = |p: &&[f64; 3]| (0..2).all(|axis| p[axis] >= limits[axis].0 && p[axis] <= limits[axis].1);
    points.iter().filter(is_kept).copied().collect()
}

/// Which of these lengths are no leaps: with five or more, those up to the larger of median + 5 deviations and 5 medians.
pub fn without_leaps(lengths: &[f64]) -> Vec<bool> {
    const ENOUGH: usize = 5;
    let (middle, mad) = median_and_mad(lengths);
    let limit = (middle + 5.0 * mad).max(5.0 * middle);
    lengths.iter().map(|length| lengths.len() < ENOUGH || *length <= limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_go_and_far_sides_stay() {
        // Nine tenths on a front at x = 1, one tenth on a top that reaches to x = 2, two strays.
        let front = (0..900).map(|i| [1.0, f64::from(i) / 900.0, 0.0]);
        let top = (0..100).map(|i| [1.0 + f64::from(i) / 99.0, 0.5, 0.0]);
        let strays = [[9.0, 0.5, 0.0], [1.0, -7.0, 0.0]];
        let points: Vec<[f64; 3]> = front.chain(top).chain(strays).collect();
        let kept = without_strays(&points);
        assert_eq!(kept.len(), 1000 - kept_away(&points, &kept));
        assert!(kept.iter().all(|p| p[0] < 3.0 && p[1] > -1.0));
        assert!(kept.iter().any(|p| p[0] > 1.85), "the far side of the top stays");
    }

    /// Points of the body that were lost; the far end may lose what lies beyond the middle 96 %.
    fn kept_away(points: &[[f64; 3]], kept: &[[f64; 3]]) -> usize {
        let n = points.len() - 2 - kept.len();
        assert!(n <= 20, "{n} lost");
        n
    }

    #[test]
    fn one_leap_among_steps_is_found() {
        assert_eq!(without_leaps(&[0.1, 0.12, 0.09, 3.0, 0.1, 0.11]), [true, true, true, false, true, true]);
        assert_eq!(without_leaps(&[0.1, 3.0]), [true, true], "too few to tell");
        assert_eq!(without_leaps(&[]), Vec::<bool>::new());
    }
}
