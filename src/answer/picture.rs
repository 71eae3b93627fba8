//! Evidence drawn into the camera image it was measured in: tinted masks, upright boxes, measured points, lengths and labels.

use image::{Rgb, RgbImage};
use nalgebra::{Isometry3, Point3};

use super::{
    Evidence,
    canvas::{Canvas, Lettering, PALETTE, Strip, with_strip},
};
use crate::scene::{Snapshot, View};

const BOX_EDGES: [(usize, usize); 12] =
    [(0, 1), (1, 3), (3, 2), (2, 0), (4, 5), (5, 7), (7, 6), (6, 4), (0, 4), (1, 5), (2, 6), (3, 7)];
const MAX_PIXEL: f64 = 20_000.0;

/// The view's image with all evidence of that view drawn in and `title` on a strip above it (as many lines as it needs).
/// Evidence from other views, or in a frame whose transform is not known, is left out.
pub fn evidence_picture(snapshot: &Snapshot, view: &View, evidence: &[Evidence], title: &str) -> RgbImage {
    let mut canvas = Canvas { image: (*view.image).clone() };
    let of_view: Vec<&Evidence> = evidence.iter().filter(|item| item.view_idx == view.view_idx).collect();
    for (index, item) in of_view.iter().enumerate() {
        canvas.tint_mask(view, item, PALETTE[index % PALETTE.len()]);
    }
    for (index, item) in of_view.iter().enumerate() {
        let color = Rgb(PALETTE[index % PALETTE.len()]);
        let Some(camera_from_evidence) = camera_from_evidence(snapshot, view, item) else { continue };
        let to_pixel = |p: Point3<f64>| {
            let p = camera_from_evidence * p;
            // A point close to the image plane projects far outside: a line to it would take for ever and show nothing.
            let is_near = |c: f64| c.is_finite() && c.abs() < MAX_PIXEL;
            view.intrinsics.project([p.x, p.y, p.z]).filter(|(u, v)| is_near(*u) && is_near(*v))
        };
        canvas.draw_box(item, color, &to_pixel);
        canvas.draw_points(item, &to_pixel);
        if let (Some(roi), true) = (item.roi, item.quantity.is_none()) {
            canvas.text(i64::from(roi.u_min_px), i64::from(roi.v_min_px) - 10, &item.label, &on_black(color));
        }
    }
    with_strip(&canvas.image, title, Strip::Above)
}

fn camera_from_evidence(snapshot: &Snapshot, view: &View, item: &Evidence) -> Option<Isometry3<f64>> {
    let posed = view.posed.as_ref().ok()?;
    let fixed_from_evidence = if item.frame == snapshot.fixed_frame {
        Isometry3::identity()
    } else {
        snapshot.transforms.lookup(&snapshot.fixed_frame, &item.frame, item.stamp).ok()?.target_from_source
    };
    Some(posed.fixed_from_camera.inverse() * fixed_from_evidence)
}

fn on_black(color: Rgb<u8>) -> Lettering {
    Lettering { color, scale: 1, ground: Some((Rgb([0, 0, 0]), 1)) }
}

impl Canvas {
    fn tint_mask(&mut self, view: &View, item: &Evidence, color: [u8; 3]) {
        let (Ok(labels), Some(instance)) = (&view.labels, item.instance) else { return };
        let width = labels.width_px as usize;
        let belongs = |index: usize| labels.ids.get(index) == Some(&instance);
        for index in (0..labels.ids.len()).filter(|index| belongs(*index)) {
            let (u, v) = ((index % width) as u32, (index / width) as u32);
            let inner = u > 0
                && belongs(index - 1)
                && belongs(index + 1)
                && v > 0
                && belongs(index - width)
                && belongs(index + width);
            if let Some(pixel) = self.image.get_pixel_mut_checked(u, v) {
                let share = if inner { 2 } else { 5 };
                for channel in 0..3 {
                    let mixed = (u16::from(pixel[channel]) * (6 - share) + u16::from(color[channel]) * share) / 6;
                    pixel[channel] = mixed as u8;
                }
            }
        }
    }

    fn draw_box(&mut self, item: &Evidence, color: Rgb<u8>, to_pixel: &impl Fn(Point3<f64>) -> Option<(f64, f64)>) {
        if item.size_m.min() <= 0.0 {
            return;
        }
        let half = item.size_m * 0.5;
        let corner = |index: usize| {
            let sign = |bit: usize| if index & bit == 0 { -1.0 } else { 1.0 };
            to_pixel(item.frame_from_object * Point3::new(sign(1) * half.x, sign(2) * half.y, sign(4) * half.z))
        };
        for (from, to) in BOX_EDGES {
            if let (Some(from), Some(to)) = (corner(from), corner(to)) {
                self.line(from, to, color);
            }
        }
    }

    fn draw_points(&mut self, item: &Evidence, to_pixel: &impl Fn(Point3<f64>) -> Option<(f64, f64)>) {
        let white = Rgb([255, 255, 255]);
        let pixels: Vec<(f64, f64)> = item.points_m.iter().filter_map(|p| to_pixel(*p)).collect();
        if let [from, to] = pixels[..] {
            self.line(from, to, white);
            if let Some(quantity) = item.quantity {
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                self.text(middle.0 as i64 + 6, middle.1 as i64 - 4, &quantity.to_string(), &on_black(white));
            }
        }
        for (u, v) in pixels {
            for (du, dv) in (-2..=2).flat_map(|du: i64| (-2..=2).map(move |dv: i64| (du, dv))) {
                let edge = du.abs() == 2 || dv.abs() == 2;
                self.set(
                    u.round() as i64 + du,
                    v.round() as i64 + dv,
                    if edge { Rgb([0, 0, 0]) } else { Rgb([255, 40, 40]) },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nalgebra::{Matrix6, Vector3};

    use super::*;
    use crate::{
        error_code::ErrorCode,
        geometry::{DepthNoise, Intrinsics, PixelBox, PoseSigma, Quantity, Unit},
        scene::{FrameId, InputProblem, LabelImage, LabelNames, PosedCamera, Stamp, TransformSet},
    };

    fn snapshot() -> Snapshot {
        let (width_px, height_px) = (320, 160);
        let mut ids = vec![0; (width_px * height_px) as usize];
        for v in 40..80 {
            for u in 60..120 {
                ids[v * width_px as usize + u] = 5;
            }
        }
        let labels = LabelImage { width_px, height_px, ids: ids.into(), names: Arc::new(LabelNames::default()) };
        let view = View {
            camera: "front".into(),
            view_idx: 0,
            stamp: Stamp { nanos: 1 },
            optical_frame: FrameId::new("optical"),
            intrinsics: Intrinsics { width_px, height_px, fx_px: 100.0, fy_px: 100.0, cx_px: 160.0, cy_px: 80.0 },
            depth_noise: DepthNoise::default(),
            depth_range_m: (0.1, 10.0),
            image: Arc::new(RgbImage::new(width_px, height_px)),
            depth: Err(InputProblem { code: ErrorCode::NoDepth, message: "none".into() }),
            labels: Ok(Arc::new(labels)),
            posed: Ok(PosedCamera { fixed_from_camera: Isometry3::identity(), sigma: PoseSigma::default() }),
        };
        Snapshot {
            taken_at: Stamp { nanos: 1 },
            fixed_frame: FrameId::new("map"),
            robot_frame: FrameId::new("base_link"),
            views: vec![view],
            transforms: TransformSet::default(),
            tf_sigma: PoseSigma::default(),
            memory: Default::default(),
            imu: Default::default(),
        }
    }

    fn evidence(points_m: Vec<Point3<f64>>) -> Evidence {
        Evidence {
            id: "mug#5@front".into(),
            label: "mug".into(),
            role: "target".into(),
            camera: "front".into(),
            view_idx: 0,
            instance: Some(5),
            method: "test".into(),
            frame: FrameId::new("map"),
            stamp: Stamp { nanos: 1 },
            frame_from_object: Isometry3::translation(0.0, 0.0, 2.0),
            covariance: Matrix6::zeros(),
            size_m: Vector3::zeros(),
            points_m,
            quantity: Quantity::new(0.5, 0.01, Unit::Metre),
            n_pixels: 2400,
            score: 1.0,
            roi: Some(PixelBox { u_min_px: 60, v_min_px: 40, u_max_px: 119, v_max_px: 79 }),
        }
    }

    #[test]
    fn masks_are_tinted_and_points_land_on_their_pixels() {
        let snapshot = snapshot();
        let drawn = evidence_picture(&snapshot, &snapshot.views[0], &[evidence(vec![Point3::new(1.0, 0.5, 2.0)])], "");
        assert_eq!(drawn.dimensions(), (320, 160));
        assert_ne!(drawn.get_pixel(80, 60), &Rgb([0, 0, 0]), "inside the mask");
        assert_eq!(drawn.get_pixel(30, 20), &Rgb([0, 0, 0]), "outside the mask");
        // u = 160 + 100 * 1.0 / 2.0, v = 80 + 100 * 0.5 / 2.0
        assert_eq!(drawn.get_pixel(210, 105), &Rgb([255, 40, 40]));
    }

    #[test]
    fn odd_evidence_draws_nothing_and_never_fails() {
        let snapshot = snapshot();
        let behind =
            evidence(vec![Point3::new(0.0, 0.0, -1.0), Point3::new(f64::NAN, 0.0, 1.0), Point3::new(1e9, 0.0, 1e-9)]);
        let mut elsewhere = evidence(vec![Point3::new(0.0, 0.0, 1.0)]);
        elsewhere.view_idx = 7;
        let long_title = "word ".repeat(200) + "é ± ° 漢字";
        let drawn = evidence_picture(&snapshot, &snapshot.views[0], &[behind, elsewhere], &long_title);
        assert!(drawn.height() > 160 && drawn.width() == 320);
    }
}
