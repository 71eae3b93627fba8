//! What a camera's calibration does to its images.

use std::sync::OnceLock;

use image::RgbImage;

use super::{
    CameraConfig, FrameId, InputProblem,
    image_decode::{ImageSize, label_ids::LabelIds},
    raw_message::RawCameraInfo,
    scene_config::Rectified,
};
use crate::{
    error_code::ErrorCode,
    geometry::{
        DepthMap, Intrinsics,
        calibration::{Calibration, RawCalibration, RegionOfInterest},
        rectify::RectifyMap,
    },
};

/// A checked calibration, and how images become rectified by it.
#[derive(Debug)]
pub struct CameraModel {
    /// Frame that the calibration names.
    pub frame: FrameId,
    /// Size that images must have.
    pub image_size: ImageSize,
    /// Of the rectified image.
    pub intrinsics: Intrinsics,
    calibration: Calibration,
    is_rectified: bool,
    /// Made when the first image needs it, when its size is known to be sane.
    map: OnceLock<Option<RectifyMap>>,
}

impl CameraModel {
    /// Checks a calibration.
    ///
    /// # Errors
    /// `UNSUPPORTED_CALIBRATION`, naming the topic.
    pub fn new(info: &RawCameraInfo, frame: FrameId, camera: &CameraConfig) -> Result<CameraModel, InputProblem> {
        let calibration = Calibration::parse(&numbers(info)).map_err(|error| InputProblem {
            code: ErrorCode::UnsupportedCalibration,
            message: format!("{error}, in the calibration on \"{}\"", camera.camera_info_topic),
        })?;
        let is_rectified = match camera.rectified {
            Rectified::Auto => camera.image_topic.rsplit('/').next().is_some_and(|last| last.contains("rect")),
            Rectified::Yes => true,
            Rectified::No => false,
        };
        let of = if is_rectified { calibration.rectified } else { calibration.raw };
        Ok(CameraModel {
            frame,
            image_size: ImageSize { width_px: of.width_px, height_px: of.height_px },
            intrinsics: calibration.rectified,
            calibration,
            is_rectified,
            map: OnceLock::new(),
        })
    }

    /// Colour, rectified; `None` when the size is not that of the calibration.
    pub fn rectified_color(&self, image: RgbImage) -> Option<RgbImage> {
        let Some(map) = self.map((image.width(), image.height()))? else { return Some(image) };
        let (width_px, height_px) = map.size_px();
        RgbImage::from_raw(width_px, height_px, map.rectify_rgb(image.as_raw())?)
    }

    /// Depth, rectified; `None` when the size is not that of the calibration.
    pub fn rectified_depth(&self, depth: DepthMap) -> Option<DepthMap> {
        let Some(map) = self.map((depth.width_px(), depth.height_px()))? else { return Some(depth) };
        let (width_px, height_px) = map.size_px();
        DepthMap::new(width_px, height_px, map.rectify_depth(depth.depth_m())?)
    }

    /// Labels, rectified; `None` when the size is not that of the calibration.
    pub fn rectified_labels(&self, labels: LabelIds) -> Option<LabelIds> {
        let Some(map) = self.map((labels.size.width_px, labels.size.height_px))? else { return Some(labels) };
        let (width_px, height_px) = map.size_px();
        Some(LabelIds { size: ImageSize { width_px, height_px }, ids: map.rectify_nearest(&labels.ids, 0)? })
    }

    fn map(&self, (width_px, height_px): (u32, u32)) -> Option<Option<&RectifyMap>> {
        if self.image_size != (ImageSize { width_px, height_px }) {
            return None;
        }
        let new = || if self.is_rectified { None } else { RectifyMap::new(&self.calibration) };
        Some(self.map.get_or_init(new).as_ref())
    }
}

fn numbers(info: &RawCameraInfo) -> RawCalibration {
    let [binning_x, binning_y] = info.binning;
    RawCalibration {
        width_px: info.width_px,
        height_px: info.height_px,
        distortion_model: info.distortion_model.clone(),
        d: info.d.clone(),
        k: info.k,
        r: info.r,
        p: info.p,
        binning_x,
        binning_y,
        roi: RegionOfInterest {
            x_offset_px: info.roi.u_px,
            y_offset_px: info.roi.v_px,
            width_px: info.roi.width_px,
            height_px: info.roi.height_px,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::raw_message;

    fn info(d: &[f64]) -> RawCameraInfo {
        RawCameraInfo {
            width_px: 40,
            height_px: 30,
            distortion_model: "plumb_bob".to_owned(),
            d: d.to_vec(),
            k: [30.0, 0.0, 19.5, 0.0, 30.0, 14.5, 0.0, 0.0, 1.0],
            r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p: [25.0, 0.0, 19.5, 0.0, 0.0, 25.0, 14.5, 0.0, 0.0, 0.0, 1.0, 0.0],
            binning: [0, 0],
            roi: raw_message::RegionOfInterest::default(),
        }
    }

    fn model(rectified: Rectified, image_topic: &str, d: &[f64]) -> CameraModel {
        let camera = CameraConfig { rectified, image_topic: image_topic.to_owned(), ..CameraConfig::named("front") };
        CameraModel::new(&info(d), FrameId::new("front_optical"), &camera).unwrap()
    }

    const LENS: [f64; 5] = [-0.2, 0.05, 0.0, 0.0, 0.0];

    #[test]
    fn only_images_that_are_not_rectified_are_resampled() {
        let check = |rectified, topic, d: &[f64], resampled: bool| {
            let model = model(rectified, topic, d);
            let map = model.map((40, 30)).unwrap();
            assert_eq!(map.is_some(), resampled, "{rectified:?} {topic} {d:?}");
            assert_eq!(model.intrinsics.fx_px, 25.0);
        };
        check(Rectified::Auto, "front/image_raw", &LENS, true);
        check(Rectified::Auto, "front/image_rect_color", &LENS, false);
        check(Rectified::Yes, "front/image_raw", &LENS, false);
        check(Rectified::No, "front/image_rect", &LENS, true);
    }

    #[test]
    fn a_pinhole_needs_no_resampling() {
        let mut info = info(&[0.0; 5]);
        info.p = [30.0, 0.0, 19.5, 0.0, 0.0, 30.0, 14.5, 0.0, 0.0, 0.0, 1.0, 0.0];
        let model = CameraModel::new(&info, FrameId::new("f"), &CameraConfig::named("front")).unwrap();
        assert!(model.map((40, 30)).unwrap().is_none());
        let depth = DepthMap::new(40, 30, vec![2.0; 1200]).unwrap();
        assert_eq!(model.rectified_depth(depth.clone()).unwrap().depth_m(), depth.depth_m());
        assert!(model.rectified_depth(DepthMap::new(30, 40, vec![2.0; 1200]).unwrap()).is_none());
    }

    /// A raw pixel shows up at the rectified pixel whose ray the lens bends onto it (plumb_bob written out).
    #[test]
    fn all_three_images_move_alike() {
        let model = model(Rectified::No, "front/image_raw", &LENS);
        let (u, v) = (30.0, 20.0);
        let (x, y) = ((u - 19.5) / 25.0, (v - 14.5) / 25.0);
        let r2: f64 = x * x + y * y;
        let scale = 1.0 - 0.2 * r2 + 0.05 * r2 * r2;
        let (raw_u, raw_v) = ((x * scale * 30.0 + 19.5).round() as u32, (y * scale * 30.0 + 14.5).round() as u32);
        assert_ne!((raw_u, raw_v), (30, 20));
        let raw_index = (raw_v * 40 + raw_u) as usize;
        let mut ids = vec![0; 1200];
        ids[raw_index] = 7;
        let size = ImageSize { width_px: 40, height_px: 30 };
        let labels = model.rectified_labels(LabelIds { size, ids }).unwrap();
        assert_eq!(labels.ids[20 * 40 + 30], 7);
        let mut depth_m = vec![1.0; 1200];
        depth_m[raw_index] = 3.0;
        let depth = model.rectified_depth(DepthMap::new(40, 30, depth_m).unwrap()).unwrap();
        assert_eq!(depth.at(30, 20), Some(3.0));
        let mut color = RgbImage::new(40, 30);
        for (du, dv) in [(0, 0), (1, 0), (0, 1), (1, 1), (-1i32, 0), (0, -1i32), (-1, -1), (1, -1), (-1, 1)] {
            color.put_pixel(raw_u.wrapping_add_signed(du), raw_v.wrapping_add_signed(dv), image::Rgb([200, 100, 50]));
        }
        assert_eq!(model.rectified_color(color).unwrap().get_pixel(30, 20).0, [200, 100, 50]);
    }

    #[test]
    fn an_unusable_calibration_names_its_topic() {
        let mut info = info(&LENS);
        info.distortion_model = "my_lens".to_owned();
        let problem = CameraModel::new(&info, FrameId::new("f"), &CameraConfig::named("front")).unwrap_err();
        assert_eq!(problem.code, ErrorCode::UnsupportedCalibration);
        assert!(
            problem.message.contains("\"my_lens\"") && problem.message.contains("\"front/camera_info\""),
            "{problem}"
        );
    }
}
