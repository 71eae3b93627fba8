//! How long the way of a thing was that is seen at some places only.

use nalgebra::Vector3;

/// A way through the places that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Path {
    /// Metres.
    pub(super) length_m: f64,
    /// One standard deviation, metres.
    pub(super) sigma_m: f64,
}

/// A move between two images, and whether it is beyond what counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) translation_m: Vector3<f64>,
    /// One standard deviation of its length, from both images.
    pub(super) sigma_m: f64,
    pub(super) is_counted: bool,
}

impl Path {
    /// Goes on from the place that was counted last, so that small steps add up until they count, and noise about one place never does.
    /// What remains after the last counted place is added as far as it leads on in the last direction: a projection that noise leaves
    /// without bias. `leg(from, to)` compares two of `n` images; an image that cannot be compared is passed over.
    ///
    /// A place's error lengthens one leg and shortens the next where the way is straight, so it enters by the turn there. Corners
    /// between counted places are cut.
    pub(super) fn through(n: usize, mut leg: impl FnMut(usize, usize) -> Option<Leg>) -> Path {
        let mut counted: Vec<Leg> = Vec::new();
        let (mut anchor, mut rest) = (0, None);
        for image in 1..n {
            let Some(found) = leg(anchor, image) else { continue };
            rest = (!found.is_counted).then_some(found);
            if found.is_counted {
                counted.push(found);
                anchor = image;
            }
        }
        let directions: Vec<Vector3<f64>> = counted.iter().map(|leg| leg.translation_m.normalize()).collect();
        let (Some(first), Some(last), Some(ahead)) = (counted.first(), counted.last(), directions.last()) else {
            return Path::default();
        };
        let last = rest.as_ref().unwrap_or(last);
        let on_m = rest.map_or(0.0, |rest| rest.translation_m.dot(ahead).max(0.0));
        // Each of the two places of a leg has half of its variance.
        let ends_m2 = 0.5 * (first.sigma_m.powi(2) + last.sigma_m.powi(2));
        let turns = directions.windows(2).map(|pair| (pair[1] - pair[0]).norm_squared());
        let turns_m2: f64 = turns.zip(&counted).map(|(turn, leg)| 0.5 * leg.sigma_m.powi(2) * turn).sum();
        Path {
            length_m: counted.iter().map(|leg| leg.translation_m.norm()).sum::<f64>() + on_m,
            sigma_m: (ends_m2 + turns_m2).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::analytic_scene::Random;

    const SIGMA_M: f64 = 0.01;

    /// A thing at `places`, each measured with a Gaussian error, counted from three standard deviations of a difference on.
    fn path(places: &[Vector3<f64>], random: &mut Random) -> Path {
        let axis_m = SIGMA_M / 6.0f64.sqrt();
        let seen: Vec<Vector3<f64>> =
            places.iter().map(|place| place + Vector3::from_fn(|_, _| axis_m * random.gaussian())).collect();
        Path::through(seen.len(), |from, to| {
            let translation_m = seen[to] - seen[from];
            Some(Leg { translation_m, sigma_m: SIGMA_M, is_counted: translation_m.norm() > 3.0 * SIGMA_M })
        })
    }

    fn glide(n: usize, step_m: f64) -> Vec<Vector3<f64>> {
        (0..n).map(|i| Vector3::new(0.6, 0.8, 0.0) * (i as f64 * step_m)).collect()
    }

    #[test]
    fn small_steps_add_up() {
        let mut random = Random(5);
        for step_m in [0.008, 0.016, 0.02, 0.05] {
            let paths: Vec<Path> = (0..50).map(|_| path(&glide(9, step_m), &mut random)).collect();
            let truth_m = 8.0 * step_m;
            for path in &paths {
                assert!((path.length_m - truth_m).abs() <= 3.0 * path.sigma_m, "{truth_m} m: {path:?}");
            }
            let mean_m = paths.iter().map(|path| path.length_m).sum::<f64>() / paths.len() as f64;
            assert!((mean_m - truth_m).abs() < SIGMA_M, "{truth_m} m: {mean_m} m on average");
        }
    }

    #[test]
    fn rest_has_no_path() {
        let mut random = Random(9);
        for _ in 0..200 {
            assert_eq!(path(&glide(9, 0.0), &mut random), Path::default());
        }
    }

    #[test]
    fn there_and_back_counts_twice() {
        let mut places = glide(9, 0.02);
        places.extend(glide(8, 0.02).into_iter().rev());
        let mut random = Random(3);
        for _ in 0..50 {
            let path = path(&places, &mut random);
            // The corner may be cut, and the end be left out, by what does not count each.
            assert!(path.length_m < 0.32 + 3.0 * path.sigma_m && path.length_m > 0.32 - 4.0 * 0.03, "{path:?}");
        }
    }

    #[test]
    fn an_image_that_cannot_be_compared_is_passed_over() {
        let places = glide(5, 0.05);
        let path = Path::through(5, |from, to| {
            let translation_m = places[to] - places[from];
            (from != 2 && to != 2).then_some(Leg { translation_m, sigma_m: SIGMA_M, is_counted: true })
        });
        assert!((path.length_m - 0.2).abs() < 1e-12 && (path.sigma_m - SIGMA_M).abs() < 1e-12, "{path:?}");
    }
}
