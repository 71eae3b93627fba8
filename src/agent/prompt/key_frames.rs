//! Which images a model sees at once: those that differ most, by time and by where the camera stood.

use crate::scene::View;

/// Camera motion that counts as much as a whole window of time.
const SCALE_M: f64 = 0.5;
const SCALE_RAD: f64 = 0.5;
/// Another camera always shows something else.
const OTHER_CAMERA: f64 = 1e6;

/// At most `max` views in their order: the newest first, then again and again the one that differs most from all chosen
/// (farthest-point sampling; Gonzalez 1985).
pub fn choose(views: &[View], max: usize) -> Vec<&View> {
    let (Some(first), Some(last)) = (views.first(), views.last()) else { return Vec::new() };
    if views.len() <= max {
        return views.iter().collect();
    }
    let span_secs = last.stamp.secs_since(first.stamp).abs().max(1e-3);
    let mut chosen: Vec<usize> = if max == 0 { Vec::new() } else { vec![views.len() - 1] };
    let mut nearest = vec![f64::INFINITY; views.len()];
    while let (Some(newest), true) = (chosen.last().and_then(|at| views.get(*at)), chosen.len() < max) {
        for (distance, view) in nearest.iter_mut().zip(views) {
            *distance = distance.min(difference(view, newest, span_secs));
        }
        let farthest = nearest.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        match farthest {
            Some((at, distance)) if *distance > 0.0 => chosen.push(at),
            _ => break,
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().filter_map(|at| views.get(at)).collect()
}

fn difference(a: &View, b: &View, span_secs: f64) -> f64 {
    if a.camera != b.camera {
        return OTHER_CAMERA;
    }
    let time = a.stamp.secs_since(b.stamp).abs() / span_secs;
    let motion = match (&a.posed, &b.posed) {
        (Ok(a), Ok(b)) => {
            let b_from_a = b.fixed_from_camera.inverse() * a.fixed_from_camera;
            b_from_a.translation.vector.norm() / SCALE_M + b_from_a.rotation.angle() / SCALE_RAD
        }
        _ => 0.0,
    };
    time + motion
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};

    use super::*;
    use crate::{
        error_code::ErrorCode,
        geometry::{DepthNoise, Intrinsics, PoseSigma},
        scene::{FrameId, InputProblem, PosedCamera, Stamp},
    };

    fn view(view_idx: usize, camera: &str, secs: f64, x_m: f64) -> View {
        let missing = || InputProblem { code: ErrorCode::NoDepth, message: "none".to_owned() };
        let place = Isometry3::from_parts(Translation3::new(x_m, 0.0, 0.0), UnitQuaternion::identity());
        View {
            camera: camera.into(),
            view_idx,
            stamp: Stamp { nanos: 0 }.plus_secs(secs),
            optical_frame: FrameId::new("optical"),
            intrinsics: Intrinsics { fx_px: 1.0, fy_px: 1.0, cx_px: 0.0, cy_px: 0.0, width_px: 1, height_px: 1 },
            depth_noise: DepthNoise::default(),
            depth_range_m: (0.1, 5.0),
            image: Arc::new(RgbImage::new(1, 1)),
            depth: Err(missing()),
            labels: Err(missing()),
            posed: Ok(PosedCamera { fixed_from_camera: place, sigma: PoseSigma::default() }),
        }
    }

    fn chosen(views: &[View], max: usize) -> Vec<usize> {
        choose(views, max).iter().map(|view| view.view_idx).collect()
    }

    #[test]
    fn a_camera_at_rest_is_spread_evenly_over_time() {
        let views: Vec<View> = (0..9).map(|i| view(i, "front", i as f64, 0.0)).collect();
        assert_eq!(chosen(&views, 3), [0, 4, 8]);
        assert_eq!(chosen(&views, 5), [0, 2, 4, 6, 8]);
        assert_eq!(chosen(&views, 20).len(), 9);
        assert_eq!(chosen(&views, 1), [8]);
        assert_eq!(chosen(&views, 0), [0_usize; 0]);
    }

    #[test]
    fn motion_of_the_camera_draws_pictures() {
        // It stands for 7 s and then moves 3 m in 3 s.
        let views: Vec<View> = (0..10).map(|i| view(i, "front", i as f64, (i as f64 - 6.0).max(0.0))).collect();
        assert_eq!(chosen(&views, 4), [0, 7, 8, 9]);
    }

    #[test]
    fn each_camera_is_seen_before_one_is_seen_twice() {
        let mut views: Vec<View> = (0..8).map(|i| view(i, "front", i as f64, i as f64)).collect();
        views.insert(0, view(8, "wrist", 0.0, 0.0));
        let found = chosen(&views, 2);
        assert!(found.contains(&8) && found.contains(&7), "{found:?}");
    }
}
