//! Everything received, and the snapshots taken of it.
//!
//! Messages are checked when they arrive, kept as they are, and decoded only when a snapshot picks them.

use super::{
    CameraConfig, ImuHealth, ImuSample, InputProblem, LabelNames, SceneConfig, Sighting, Snapshot, SnapshotRequest,
    Stamp, StampedTransform, TfBuffer, TransformSet, When,
    camera_buffer::CameraBuffer,
    health::{CameraHealth, StreamHealth},
    imu::ImuBuffer,
    memory::SceneMemory,
    pick::{PickContext, is_posed, pick},
    raw_message::{ImageMessage, MessageHeader, RawCameraInfo},
    snapshot_plan::{PlannedView, SnapshotPlan, posed},
    stream::{Checked, StreamKind},
};
use crate::error_code::ErrorCode;

/// Calls from several threads may see a `now` that is this much older than the last.
const NOW_JITTER_SECS: f64 = 0.1;

/// When and why everything was forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleared {
    /// The newest time seen before.
    pub before: Stamp,
    /// In words.
    pub reason: String,
}

/// Buffers of all cameras and of the transforms.
#[derive(Debug)]
pub struct SceneBuffer {
    config: SceneConfig,
    cameras: Vec<CameraBuffer>,
    tf: TfBuffer,
    imu: ImuBuffer,
    memory: SceneMemory,
    newest_now: Stamp,
    last_clear: Option<Cleared>,
}

impl SceneBuffer {
    /// Empty buffers for these cameras.
    pub fn new(config: SceneConfig, cameras: Vec<CameraConfig>) -> SceneBuffer {
        SceneBuffer {
            tf: TfBuffer::new(config.tf_cache_secs),
            imu: ImuBuffer::new(config.buffer_secs),
            memory: SceneMemory::new(config.memory),
            cameras: cameras.into_iter().map(CameraBuffer::new).collect(),
            config,
            newest_now: Stamp::default(),
            last_clear: None,
        }
    }

    /// Takes a colour image.
    ///
    /// # Errors
    /// `BAD_INPUT` with found and expected values and the topic: stamp or frame not set, stamp far ahead of now or far behind the
    /// newest, unknown encoding, size or data that do not fit. `INVALID_GOAL` for a camera that is not configured.
    pub fn push_color(
        &mut self,
        camera: &str,
        header: &MessageHeader,
        image: impl Into<ImageMessage>,
        now: Stamp,
    ) -> Result<(), InputProblem> {
        self.push(camera, StreamKind::Color, header, image.into(), now)
    }

    /// Takes a depth image.
    ///
    /// # Errors
    /// As [`SceneBuffer::push_color`].
    pub fn push_depth(
        &mut self,
        camera: &str,
        header: &MessageHeader,
        image: impl Into<ImageMessage>,
        now: Stamp,
    ) -> Result<(), InputProblem> {
        self.push(camera, StreamKind::Depth, header, image.into(), now)
    }

    /// Takes an instance-label image.
    ///
    /// # Errors
    /// As [`SceneBuffer::push_color`].
    pub fn push_labels(
        &mut self,
        camera: &str,
        header: &MessageHeader,
        image: impl Into<ImageMessage>,
        now: Stamp,
    ) -> Result<(), InputProblem> {
        self.push(camera, StreamKind::Labels, header, image.into(), now)
    }

    /// Takes the calibration of the colour images. Its stamp does not matter.
    ///
    /// # Errors
    /// `UNSUPPORTED_CALIBRATION`, also from every snapshot until a better one arrives; `BAD_INPUT` for an empty frame.
    pub fn push_camera_info(
        &mut self,
        camera: &str,
        header: &MessageHeader,
        info: RawCameraInfo,
    ) -> Result<(), InputProblem> {
        let camera = self.camera_mut(camera)?;
        if header.frame.is_empty() {
            let message = format!("frame_id of the calibration is empty, on \"{}\"", camera.config.camera_info_topic);
            let problem = InputProblem { code: ErrorCode::BadInput, message };
            camera.set_info_problem(problem.clone());
            return Err(problem);
        }
        camera.set_info(header.frame.clone(), info)
    }

    /// Takes the names of label values. Label images that are buffered keep the names they arrived with.
    ///
    /// # Errors
    /// `INVALID_GOAL` for a camera that is not configured.
    pub fn set_label_names(&mut self, camera: &str, names: LabelNames) -> Result<(), InputProblem> {
        self.camera_mut(camera)?.set_names(names);
        Ok(())
    }

    /// Label names came that cannot be read: label images that arrive from now on are `BAD_INPUT` until better names come.
    ///
    /// # Errors
    /// `problem` with the topic, for the log; `INVALID_GOAL` for a camera that is not configured.
    pub fn refuse_label_names(&mut self, camera: &str, problem: InputProblem) -> Result<(), InputProblem> {
        let camera = self.camera_mut(camera)?;
        let message = format!("{problem}, on \"{}\"", camera.config.label_names_topic);
        let problem = InputProblem { message, ..problem };
        camera.set_names_problem(problem.clone());
        Err(problem)
    }

    /// Takes transforms; what cannot be used is left out and returned.
    pub fn push_transforms(&mut self, transforms: &[StampedTransform], is_static: bool) -> Vec<InputProblem> {
        transforms.iter().filter_map(|transform| self.tf.insert(transform, is_static).err()).collect()
    }

    /// Takes a sample of the IMU, or what kept it from being read.
    ///
    /// # Errors
    /// See [`ImuBuffer::push`].
    pub fn push_imu(&mut self, sample: Result<ImuSample, InputProblem>, now: Stamp) -> Result<(), InputProblem> {
        self.imu.push(sample, now, self.config.max_ahead_secs)
    }

    /// How the IMU fares.
    pub fn imu_health(&self, now: Stamp) -> ImuHealth {
        self.imu.health(now)
    }

    /// Takes what a question measured; see [`SceneMemory::remember`].
    pub fn remember(&mut self, sightings: Vec<Sighting>, snapshot: &Snapshot) {
        // What was seen before time jumped back must not come in again afterwards.
        if snapshot.taken_at > self.newest_now {
            return;
        }
        self.memory.remember(sightings, snapshot);
    }

    /// Forgets images, transforms and remembered objects; calibrations, label names and static transforms are latched and stay.
    pub fn clear(&mut self, reason: &str) {
        tracing::warn!(reason, "buffers are cleared");
        self.last_clear = Some(Cleared { before: self.newest_now, reason: reason.to_owned() });
        self.cameras.iter_mut().for_each(CameraBuffer::clear);
        self.tf.clear();
        self.imu.clear();
        self.memory.clear(reason);
        self.newest_now = Stamp::default();
    }

    /// When and why everything was forgotten last.
    pub fn last_clear(&self) -> Option<&Cleared> {
        self.last_clear.as_ref()
    }

    /// Tells the time; clears everything when it jumped back. Every other function that takes `now` does this as well.
    pub fn observe_now(&mut self, now: Stamp) {
        let back_secs = self.newest_now.secs_since(now);
        if now.is_unset() || self.newest_now.is_unset() || back_secs <= NOW_JITTER_SECS {
            self.newest_now = self.newest_now.max(now);
            return;
        }
        self.clear(&format!("time jumped back by {back_secs:.3} s to {now}"));
        self.newest_now = now;
    }

    /// All transforms of this moment.
    pub fn transforms(&self) -> TransformSet {
        self.tf.freeze()
    }

    /// What a question may look at, decoded.
    ///
    /// # Errors
    /// See [`SceneBuffer::plan`] and [`SnapshotPlan::decode`].
    pub fn snapshot(&mut self, request: &SnapshotRequest, now: Stamp) -> Result<Snapshot, InputProblem> {
        self.plan(request, now)?.decode()
    }

    /// What a question may look at, not decoded yet: cheap, so that a lock need not be held while images are decoded.
    ///
    /// For [`When::Now`] and [`When::Last`] the newest image no older than `max_image_age_secs` is taken for which most of depth,
    /// labels and transforms are at hand; see [`SceneBuffer::missing_transforms`] for how to wait for those of the very newest.
    ///
    /// # Errors
    /// `INVALID_GOAL` (unknown camera, window that is not positive), `BAD_INPUT` (no time, or messages are refused), `NO_IMAGE`,
    /// `STALE_IMAGE`, `NO_CAMERA_INFO`, `UNSUPPORTED_CALIBRATION`, `NOT_BUFFERED`. One camera that fails fails the request: what it
    /// would have shown cannot be left out in silence.
    pub fn plan(&mut self, request: &SnapshotRequest, now: Stamp) -> Result<SnapshotPlan, InputProblem> {
        self.observe_now(now);
        self.check_request(request, now)?;
        let transforms = self.tf.freeze();
        let ctx = PickContext { config: &self.config, transforms: &transforms, now };
        let mut views = Vec::new();
        for camera in self.requested(request)? {
            views.extend(planned_views(camera, request.when, &ctx)?);
        }
        views.sort_by_key(|view| view.color.stamp);
        Ok(SnapshotPlan {
            taken_at: now,
            fixed_frame: self.config.fixed_frame.clone(),
            robot_frame: self.config.robot_frame.clone(),
            tf_sigma: self.config.tf_sigma,
            memory: self.memory.freeze(now),
            imu: self.imu.freeze(),
            max_pixels: self.config.max_pixels,
            transforms,
            views,
        })
    }

    /// The first transform that the newest image stamped at or before `asked_at` of a requested camera still lacks; `None` when
    /// there is nothing to wait for. A caller asks again, always with the same `asked_at`, until `None` or until its patience
    /// (`tf.wait_secs`) ends, and then takes the snapshot in either case.
    pub fn missing_transforms(&self, request: &SnapshotRequest, asked_at: Stamp) -> Option<InputProblem> {
        let transforms = self.tf.freeze();
        let ctx = PickContext { config: &self.config, transforms: &transforms, now: asked_at };
        let wanted = match request.when {
            When::At(stamp) => stamp,
            When::Now | When::Last(_) => asked_at,
        };
        self.requested(request).ok()?.into_iter().find_map(|camera| {
            let buffer = &camera.color.buffer;
            let newest = buffer.iter().rev().find(|image| image.stamp <= wanted).or(buffer.newest())?;
            if buffer.iter().rev().take_while(|image| image.stamp >= newest.stamp).any(|image| is_posed(image, &ctx)) {
                return None;
            }
            posed(newest, 0.0, &camera.config.image_topic, &self.config, &transforms).err()
        })
    }

    /// How each camera fares.
    pub fn health(&self, now: Stamp) -> Vec<CameraHealth> {
        let transforms = self.tf.freeze();
        let ctx = PickContext { config: &self.config, transforms: &transforms, now };
        let health = |camera: &CameraBuffer| CameraHealth {
            camera: camera.config.name.clone(),
            color: StreamHealth::new(&camera.color, now),
            depth: StreamHealth::new(&camera.depth, now),
            labels: StreamHealth::new(&camera.labels, now),
            depth_skew_secs: camera
                .color
                .buffer
                .newest()
                .and_then(|color| Some(camera.depth.buffer.nearest(color.stamp)?.stamp.secs_since(color.stamp))),
            n_bytes: camera.n_bytes(),
            problems: problems(camera, &ctx),
        };
        self.cameras.iter().map(health).collect()
    }

    fn push(
        &mut self,
        camera: &str,
        kind: StreamKind,
        header: &MessageHeader,
        message: ImageMessage,
        now: Stamp,
    ) -> Result<(), InputProblem> {
        self.observe_now(now);
        let index = self.index_of(camera)?;
        let unknown = || unknown_camera(camera, &[]);
        let stream = self.cameras.get_mut(index).ok_or_else(unknown)?.stream_mut(kind);
        let Checked { image, jumped_back } = stream.check(header, message, now, &self.config)?;
        if jumped_back {
            let (topic, newest_now) = (stream.topic.clone(), self.newest_now);
            self.clear(&format!("stamps on \"{topic}\" jumped back to {}", image.stamp));
            self.newest_now = newest_now;
        }
        let camera = self.cameras.get_mut(index).ok_or_else(unknown)?;
        camera.keep(kind, image, &self.config);
        Ok(())
    }

    fn check_request(&self, request: &SnapshotRequest, now: Stamp) -> Result<(), InputProblem> {
        let problem = |code, message| Err(InputProblem { code, message });
        if now.is_unset() {
            return problem(ErrorCode::BadInput, "ROS time is zero: nothing was received on \"/clock\"".to_owned());
        }
        let When::Last(secs) = request.when else { return Ok(()) };
        if !(secs.is_finite() && secs > 0.0) {
            return problem(ErrorCode::InvalidGoal, format!("window is {secs} s, expected more than 0"));
        }
        let buffer_secs = self.config.buffer_secs;
        if secs > buffer_secs {
            return problem(
                ErrorCode::NotBuffered,
                format!("window is {secs} s, at most {buffer_secs} s are buffered"),
            );
        }
        Ok(())
    }

    fn requested(&self, request: &SnapshotRequest) -> Result<Vec<&CameraBuffer>, InputProblem> {
        if request.cameras.is_empty() {
            return Ok(self.cameras.iter().collect());
        }
        let mut indices = request.cameras.iter().map(|name| self.index_of(name)).collect::<Result<Vec<_>, _>>()?;
        indices.sort_unstable();
        indices.dedup();
        Ok(indices.into_iter().filter_map(|index| self.cameras.get(index)).collect())
    }

    fn camera_mut(&mut self, name: &str) -> Result<&mut CameraBuffer, InputProblem> {
        let index = self.index_of(name)?;
        self.cameras.get_mut(index).ok_or_else(|| unknown_camera(name, &[]))
    }

    fn index_of(&self, name: &str) -> Result<usize, InputProblem> {
        let position = self.cameras.iter().position(|camera| &*camera.name == name);
        position.ok_or_else(|| unknown_camera(name, &self.cameras))
    }
}

fn planned_views(camera: &CameraBuffer, when: When, ctx: &PickContext<'_>) -> Result<Vec<PlannedView>, InputProblem> {
    let picked = pick(camera, when, ctx)?;
    let main = PlannedView::new(camera, picked.main, true, ctx)?;
    let history = picked.history.into_iter();
    // An older image that does not fit the calibration is from before it changed.
    let older = history.filter_map(|image| PlannedView::new(camera, image, false, ctx).ok());
    Ok(older.chain([main]).collect())
}

fn problems(camera: &CameraBuffer, ctx: &PickContext<'_>) -> Vec<InputProblem> {
    let view = pick(camera, When::Now, ctx).and_then(|picked| PlannedView::new(camera, picked.main, true, ctx));
    match view {
        Err(problem) => vec![problem],
        Ok(view) => [view.posed.err(), view.depth.err(), view.labels.err()].into_iter().flatten().collect(),
    }
}

fn unknown_camera(name: &str, known: &[CameraBuffer]) -> InputProblem {
    let known: Vec<_> = known.iter().map(|camera| format!("\"{}\"", camera.name)).collect();
    InputProblem {
        code: ErrorCode::InvalidGoal,
        message: format!("camera \"{name}\" is not configured, known are {}", known.join(", ")),
    }
}
