//! From picked images to a snapshot: what was found for each, and the decoding, which needs the buffers no more.

use std::{num::NonZero, sync::Arc, thread};

use super::{
    CameraConfig, CameraFrame, FrameId, ImuSample, InputProblem, LabelImage, LabelNames, MemoryView, PosedCamera,
    SceneConfig, Snapshot, Stamp, TransformSet, View,
    camera_buffer::CameraBuffer,
    camera_model::CameraModel,
    frame_buffer::BufferedImage,
    image_decode::{decode_color, decode_depth, decode_label_ids},
    pick::PickContext,
    registration::{check_calibrated, check_depth_registered, check_labels_registered},
    stream::clock_hint,
    sync::partner,
    tf_sigma::pose_sigma,
};
use crate::{
    error_code::ErrorCode,
    geometry::{DepthMap, PoseSigma},
};

const MAX_THREADS: usize = 4;

/// Everything a snapshot needs, not decoded yet. Holds no lock.
#[derive(Debug)]
pub struct SnapshotPlan {
    pub(super) taken_at: Stamp,
    pub(super) fixed_frame: FrameId,
    pub(super) robot_frame: FrameId,
    pub(super) tf_sigma: PoseSigma,
    pub(super) transforms: TransformSet,
    pub(super) memory: MemoryView,
    pub(super) imu: Arc<[ImuSample]>,
    pub(super) max_pixels: u64,
    /// Oldest first.
    pub(super) views: Vec<PlannedView>,
}

#[derive(Debug)]
pub(super) struct PlannedView {
    name: Arc<str>,
    camera: Arc<CameraConfig>,
    model: Arc<CameraModel>,
    pub color: BufferedImage,
    pub depth: Result<(BufferedImage, f64), InputProblem>,
    pub labels: Result<(BufferedImage, Arc<LabelNames>), InputProblem>,
    pub posed: Result<PosedCamera, InputProblem>,
    /// Stands for the moment asked about: the question cannot do without it.
    is_main: bool,
}

impl PlannedView {
    /// What is at hand for one colour image.
    ///
    /// # Errors
    /// `NO_CAMERA_INFO`, `UNSUPPORTED_CALIBRATION`.
    pub fn new(
        camera: &CameraBuffer,
        color: &BufferedImage,
        is_main: bool,
        ctx: &PickContext<'_>,
    ) -> Result<PlannedView, InputProblem> {
        let (settings, config) = (&camera.config, ctx.config);
        let model = camera.model()?;
        check_calibrated(color, model, settings)?;
        let depth = partner(color.stamp, &camera.depth, &camera.depth_rule(config), ctx.now).and_then(|depth| {
            check_depth_registered(color, depth.image, settings)?;
            Ok((depth.image.clone(), depth.skew_secs))
        });
        let labels = partner(color.stamp, &camera.labels, &camera.labels_rule(config), ctx.now).and_then(|labels| {
            check_labels_registered(color, labels.image, settings)?;
            Ok((labels.image.clone(), camera.names_of(labels.image)?))
        });
        let skew_secs = depth.as_ref().map_or(0.0, |(_, skew_secs)| *skew_secs);
        Ok(PlannedView {
            name: camera.name.clone(),
            camera: settings.clone(),
            model: model.clone(),
            posed: posed(color, skew_secs, &settings.image_topic, config, ctx.transforms),
            color: color.clone(),
            depth,
            labels,
            is_main,
        })
    }

    fn decoded(&self, max_pixels: u64) -> Result<CameraFrame, InputProblem> {
        let CameraConfig { image_topic, depth_topic, labels_topic, .. } = &*self.camera;
        let image = decode_color(&self.color.message, max_pixels)
            .map_err(|error| unreadable(&error.to_string(), self.color.stamp, image_topic))?;
        let image = self.model.rectified_color(image).ok_or_else(|| self.unfit(self.color.stamp, image_topic))?;
        let depth = self.depth.clone().and_then(|(message, _)| {
            let depth = decode_depth(&message.message, max_pixels)
                .map_err(|error| unreadable(&error.to_string(), message.stamp, depth_topic))?;
            let (nearest_m, farthest_m) = self.camera.depth_range_m;
            let trusted = |depth: DepthMap| Arc::new(depth.trusted_within(nearest_m as f32..=farthest_m as f32));
            self.model.rectified_depth(depth).map(trusted).ok_or_else(|| self.unfit(message.stamp, depth_topic))
        });
        let labels = self.labels.clone().and_then(|(message, names)| {
            let labels = decode_label_ids(&message.message, max_pixels)
                .map_err(|error| unreadable(&error.to_string(), message.stamp, labels_topic))?;
            let labels = self.model.rectified_labels(labels).ok_or_else(|| self.unfit(message.stamp, labels_topic))?;
            let (width_px, height_px) = (labels.size.width_px, labels.size.height_px);
            Ok(Arc::new(LabelImage { width_px, height_px, ids: labels.ids.into(), names }))
        });
        Ok(CameraFrame {
            camera: self.name.clone(),
            stamp: self.color.stamp,
            optical_frame: self.color.frame.clone(),
            intrinsics: self.model.intrinsics,
            image: Arc::new(image),
            depth,
            depth_skew_secs: self.depth.as_ref().map_or(0.0, |(_, skew_secs)| *skew_secs),
            labels,
        })
    }

    fn view(&self, frame: CameraFrame) -> View {
        View {
            camera: frame.camera,
            view_idx: 0,
            stamp: frame.stamp,
            optical_frame: frame.optical_frame,
            intrinsics: frame.intrinsics,
            depth_noise: self.camera.depth_noise,
            depth_range_m: self.camera.depth_range_m,
            image: frame.image,
            depth: frame.depth,
            labels: frame.labels,
            posed: self.posed.clone(),
        }
    }

    fn unfit(&self, stamp: Stamp, topic: &str) -> InputProblem {
        let what = format!("decoded image is not the {} of its calibration", self.model.image_size);
        unreadable(&what, stamp, topic)
    }
}

impl SnapshotPlan {
    /// Decodes every image, on a few threads.
    ///
    /// # Errors
    /// `BAD_INPUT` when the image that stands for the moment asked about cannot be decoded. An older one is left out of the window.
    pub fn decode(self) -> Result<Snapshot, InputProblem> {
        let n_threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        let share = self.views.len().div_ceil(n_threads).max(1);
        let max_pixels = self.max_pixels;
        let decoded: Vec<Result<CameraFrame, InputProblem>> = thread::scope(|scope| {
            let decode = |view: &PlannedView| view.decoded(max_pixels);
            let workers: Vec<_> = self
                .views
                .chunks(share)
                .map(|views| (views.len(), scope.spawn(move || views.iter().map(decode).collect::<Vec<_>>())))
                .collect();
            let lost = || InputProblem { code: ErrorCode::InternalError, message: "a decoder ended early".to_owned() };
            let results = |(n_views, worker): (usize, thread::ScopedJoinHandle<'_, _>)| {
                worker.join().unwrap_or_else(|_| vec![Err(lost()); n_views])
            };
            workers.into_iter().flat_map(results).collect()
        });
        let mut views: Vec<View> = Vec::with_capacity(decoded.len());
        for (planned, frame) in self.views.iter().zip(decoded) {
            match frame {
                Ok(frame) => views.push(View { view_idx: views.len(), ..planned.view(frame) }),
                Err(problem) if planned.is_main => return Err(problem),
                Err(problem) => {
                    tracing::debug!(camera = &*planned.name, %problem, "older image is left out of the window");
                }
            }
        }
        Ok(Snapshot {
            taken_at: self.taken_at,
            fixed_frame: self.fixed_frame,
            robot_frame: self.robot_frame,
            views,
            transforms: self.transforms,
            tf_sigma: self.tf_sigma,
            memory: self.memory,
            imu: self.imu,
        })
    }
}

/// Where the camera stood when the image was taken. The depth's skew counts as doubt about the stamp.
pub(super) fn posed(
    color: &BufferedImage,
    depth_skew_secs: f64,
    topic: &str,
    config: &SceneConfig,
    transforms: &TransformSet,
) -> Result<PosedCamera, InputProblem> {
    let looked_up =
        transforms.lookup(&config.fixed_frame, &color.frame, color.stamp).map_err(|error| InputProblem {
            code: error.code(),
            message: format!(
                "{error}; needed for the image on \"{topic}\" stamped {} in frame \"{}\"{}",
                color.stamp,
                color.frame,
                clock_hint(error.distance_secs())
            ),
        })?;
    let sigma = pose_sigma(&config.tf_sigma, &looked_up, config.stamp_sigma_secs.hypot(depth_skew_secs));
    Ok(PosedCamera { fixed_from_camera: looked_up.target_from_source, sigma })
}

fn unreadable(what: &str, stamp: Stamp, topic: &str) -> InputProblem {
    InputProblem { code: ErrorCode::BadInput, message: format!("{what}; stamped {stamp}, on \"{topic}\"") }
}
