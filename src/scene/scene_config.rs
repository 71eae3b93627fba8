//! Settings of the scene.

use super::{FrameId, MemoryConfig, image_decode::DEFAULT_MAX_PIXELS};
use crate::geometry::{DepthNoise, PoseSigma};

/// Settings that all cameras share.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneConfig {
    /// Frame in which measurements are made; +z is up.
    pub fixed_frame: FrameId,
    /// The robot's body frame.
    pub robot_frame: FrameId,
    /// Seconds of transforms kept.
    pub tf_cache_secs: f64,
    /// One standard deviation of a transform lookup.
    pub tf_sigma: PoseSigma,
    /// One standard deviation of an image's stamp, seconds.
    pub stamp_sigma_secs: f64,
    /// Age above which the newest image is stale, seconds.
    pub max_image_age_secs: f64,
    /// Age above which the newest depth image is stale, seconds. Labels are held to it as well.
    pub max_depth_age_secs: f64,
    /// Seconds of images kept.
    pub buffer_secs: f64,
    /// Bytes of images kept, each camera. Older images are thinned out evenly to stay below.
    pub buffer_bytes: usize,
    /// Seconds looked back when a question names no window.
    pub window_secs: f64,
    /// Images picked from a window at most, each camera.
    pub max_window_views: usize,
    /// Larger images are refused.
    pub max_pixels: u64,
    /// Stamps that fall back by more than this, twice running, mean that time jumped back. Seconds.
    pub jump_back_secs: f64,
    /// Images stamped further ahead of now than this are refused. Seconds.
    pub max_ahead_secs: f64,
    /// How long and how surely objects are remembered.
    pub memory: MemoryConfig,
}

impl Default for SceneConfig {
    fn default() -> Self {
        SceneConfig {
            fixed_frame: FrameId::new("map"),
            robot_frame: FrameId::new("base_link"),
            tf_cache_secs: 10.0,
            tf_sigma: PoseSigma { position_m: 0.002, rotation_rad: 0.002 },
            stamp_sigma_secs: 0.005,
            max_image_age_secs: 1.0,
            max_depth_age_secs: 1.0,
            buffer_secs: 10.0,
            buffer_bytes: 256 << 20,
            window_secs: 5.0,
            max_window_views: 16,
            max_pixels: DEFAULT_MAX_PIXELS,
            jump_back_secs: 2.0,
            max_ahead_secs: 1.0,
            memory: MemoryConfig::default(),
        }
    }
}

/// Whether a camera's images are free of lens distortion already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rectified {
    /// They are when the last part of the image topic contains `rect` (image_pipeline's names, such as `image_rect_color`);
    /// otherwise the calibration tells how to rectify them, which is nothing to do when it has no distortion.
    #[default]
    Auto,
    /// They are, whatever the calibration says.
    Yes,
    /// They are not: the calibration tells how to rectify them.
    No,
}

/// Settings of one camera. A topic that is empty is not subscribed; topics are only used to name them in messages.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// Name, as goals and answers use it.
    pub name: String,
    /// Colour images.
    pub image_topic: String,
    /// Depth images, registered to colour.
    pub depth_topic: String,
    /// Instance-label images, registered to colour.
    pub labels_topic: String,
    /// Names of the labels.
    pub label_names_topic: String,
    /// Calibration of colour.
    pub camera_info_topic: String,
    /// Largest difference between the stamps of colour and depth or labels, seconds; 0 = equal stamps only.
    pub sync_slop_secs: f64,
    /// Depth range that is trusted, metres.
    pub depth_range_m: (f64, f64),
    /// Noise of depth.
    pub depth_noise: DepthNoise,
    /// Whether the images are free of lens distortion already.
    pub rectified: Rectified,
}

impl CameraConfig {
    /// Topics below the camera's name, and defaults for the rest.
    pub fn named(name: &str) -> CameraConfig {
        let topic = |last: &str| format!("{name}/{last}");
        CameraConfig {
            name: name.to_owned(),
            image_topic: topic("image"),
            depth_topic: topic("depth"),
            labels_topic: topic("labels"),
            label_names_topic: topic("label_names"),
            camera_info_topic: topic("camera_info"),
            sync_slop_secs: 0.02,
            depth_range_m: (0.2, 8.0),
            depth_noise: DepthNoise::default(),
            rectified: Rectified::Auto,
        }
    }
}
