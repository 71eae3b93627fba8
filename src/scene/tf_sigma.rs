//! How sure a looked-up transform is.

use super::LookedUp;
use crate::geometry::PoseSigma;

/// Time in which a robot's speed can change by as much as the speed itself, seconds.
const RESPONSE_SECS: f64 = 0.2;

/// One standard deviation of a transform looked up for an image.
///
/// Three independent parts are added in quadrature, each for position and (with turn rate in place of speed) for rotation:
///
/// 1. `tf_sigma`, as configured: calibration and localisation.
/// 2. `speed * stamp_sigma_secs`: the stamp of the image is that much in doubt while the source moves.
/// 3. `speed / max(gap, 0.2 s) * gap² / 8`: a chord leaves an arc of acceleration a by at most `a * gap² / 8`, with the
///    acceleration that changes the speed by itself within the gap, or within 0.2 s where samples are denser.
pub fn pose_sigma(tf_sigma: &PoseSigma, looked_up: &LookedUp, stamp_sigma_secs: f64) -> PoseSigma {
    let LookedUp { gap_secs, speed_m_per_s, turn_rate_rad_per_s, .. } = looked_up;
    let total = |configured: f64, rate: f64| {
        let stamp = rate * stamp_sigma_secs;
        let chord = rate / gap_secs.max(RESPONSE_SECS) * gap_secs * gap_secs / 8.0;
        configured.hypot(stamp).hypot(chord)
    };
    PoseSigma {
        position_m: total(tf_sigma.position_m, *speed_m_per_s),
        rotation_rad: total(tf_sigma.rotation_rad, *turn_rate_rad_per_s),
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Isometry3;

    use super::*;

    #[test]
    fn parts_add_in_quadrature() {
        let check = |gap_secs, speed, turn, stamp, expected: (f64, f64)| {
            let looked_up = LookedUp {
                target_from_source: Isometry3::identity(),
                gap_secs,
                speed_m_per_s: speed,
                turn_rate_rad_per_s: turn,
            };
            let sigma = pose_sigma(&PoseSigma { position_m: 0.003, rotation_rad: 0.004 }, &looked_up, stamp);
            assert!((sigma.position_m - expected.0).abs() < 1e-12, "{sigma:?}");
            assert!((sigma.rotation_rad - expected.1).abs() < 1e-12, "{sigma:?}");
        };
        check(0.0, 0.0, 0.0, 0.01, (0.003, 0.004));
        check(0.0, 0.4, 0.3, 0.01, (0.005, 0.005));
        // 1 m/s gained within 1 s over a gap of 1 s: 1/8 m off at most.
        check(1.0, 1.0, 1.0, 0.0, (0.003f64.hypot(0.125), 0.004f64.hypot(0.125)));
        // Dense samples: 5 m/s² over 20 ms.
        check(0.02, 1.0, 0.0, 0.0, (0.003f64.hypot(0.00025), 0.004));
    }
}
