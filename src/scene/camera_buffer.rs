//! Everything received from one camera, bounded in seconds and bytes.

use std::sync::Arc;

use super::{
    CameraConfig, FrameId, InputProblem, LabelNames, SceneConfig, Stamp,
    camera_model::CameraModel,
    frame_buffer::BufferedImage,
    raw_message::RawCameraInfo,
    stream::{Stream, StreamKind},
    sync::PartnerRule,
};
use crate::error_code::ErrorCode;

/// Images of the last moments are never thinned out: the newest complete set is among them.
const RECENT_SECS: f64 = 0.5;

#[derive(Debug)]
pub(super) struct CameraBuffer {
    pub config: Arc<CameraConfig>,
    pub name: Arc<str>,
    pub color: Stream,
    pub depth: Stream,
    pub labels: Stream,
    names: Option<Arc<LabelNames>>,
    names_problem: Option<InputProblem>,
    info: Option<(FrameId, RawCameraInfo)>,
    model: Option<Result<Arc<CameraModel>, InputProblem>>,
}

impl CameraBuffer {
    pub fn new(config: CameraConfig) -> CameraBuffer {
        CameraBuffer {
            name: config.name.as_str().into(),
            color: Stream::new(StreamKind::Color, &config.image_topic),
            depth: Stream::new(StreamKind::Depth, &config.depth_topic),
            labels: Stream::new(StreamKind::Labels, &config.labels_topic),
            config: Arc::new(config),
            names: None,
            names_problem: None,
            info: None,
            model: None,
        }
    }

    pub fn stream_mut(&mut self, kind: StreamKind) -> &mut Stream {
        match kind {
            StreamKind::Color => &mut self.color,
            StreamKind::Depth => &mut self.depth,
            StreamKind::Labels => &mut self.labels,
        }
    }

    pub fn keep(&mut self, kind: StreamKind, image: BufferedImage, config: &SceneConfig) {
        let names = if kind == StreamKind::Labels { self.names.clone().unwrap_or_default() } else { Arc::default() };
        self.stream_mut(kind).keep(image, names);
        self.forget_old(config.buffer_secs);
        self.thin_out(config.buffer_bytes);
    }

    pub fn set_names(&mut self, names: LabelNames) {
        self.names = Some(Arc::new(names));
        self.names_problem = None;
    }

    /// Names that cannot be read: what label images mean that arrive from now on is not known until better ones come.
    pub fn set_names_problem(&mut self, problem: InputProblem) {
        self.names = None;
        self.names_problem = Some(problem);
    }

    /// Takes a calibration; one that is equal to the last costs nothing.
    pub fn set_info(&mut self, frame: FrameId, info: RawCameraInfo) -> Result<(), InputProblem> {
        let is_known = self.info.as_ref().is_some_and(|(known_frame, known)| *known_frame == frame && *known == info);
        if !is_known {
            self.model = Some(CameraModel::new(&info, frame.clone(), &self.config).map(Arc::new));
            self.info = Some((frame, info));
        }
        match &self.model {
            Some(Err(problem)) => Err(problem.clone()),
            _ => Ok(()),
        }
    }

    /// A calibration that cannot even be looked at stands in the way as much as an unusable one.
    pub fn set_info_problem(&mut self, problem: InputProblem) {
        self.info = None;
        self.model = Some(Err(problem));
    }

    pub fn model(&self) -> Result<&Arc<CameraModel>, InputProblem> {
        match &self.model {
            Some(Ok(model)) => Ok(model),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(InputProblem {
                code: ErrorCode::NoCameraInfo,
                message: format!("no calibration was received on \"{}\"", self.config.camera_info_topic),
            }),
        }
    }

    /// What the ids of a label image mean: by the names known when it arrived, and for ids they lack by the newest.
    ///
    /// # Errors
    /// `SEGMENTATION_UNAVAILABLE` when no name is known, `BAD_INPUT` when the newest names could not be read.
    pub fn names_of(&self, labels: &BufferedImage) -> Result<Arc<LabelNames>, InputProblem> {
        let newest = self.names.clone().unwrap_or_default();
        let names = if labels.names.by_id.is_empty() || Arc::ptr_eq(&labels.names, &newest) {
            newest
        } else {
            let mut names = (*newest).clone();
            names.by_id.extend(labels.names.by_id.clone());
            Arc::new(names)
        };
        if names.by_id.is_empty() {
            return Err(self.names_problem.clone().unwrap_or_else(|| InputProblem {
                code: ErrorCode::SegmentationUnavailable,
                message: format!(
                    "no label names were received on \"{}\" for the label image on \"{}\"",
                    self.config.label_names_topic, self.config.labels_topic
                ),
            }));
        }
        Ok(names)
    }

    pub fn depth_rule(&self, config: &SceneConfig) -> PartnerRule<'_> {
        PartnerRule {
            camera: &self.name,
            color_topic: &self.config.image_topic,
            slop_secs: self.config.sync_slop_secs,
            max_age_secs: config.max_depth_age_secs,
            missing: ErrorCode::NoDepth,
            stale: ErrorCode::StaleDepth,
        }
    }

    pub fn labels_rule(&self, config: &SceneConfig) -> PartnerRule<'_> {
        PartnerRule {
            missing: ErrorCode::SegmentationUnavailable,
            stale: ErrorCode::SegmentationUnavailable,
            ..self.depth_rule(config)
        }
    }

    /// Forgets images, not the calibration and the names: those are latched.
    pub fn clear(&mut self) {
        self.streams_mut().into_iter().for_each(Stream::clear);
    }

    pub fn n_bytes(&self) -> usize {
        [&self.color, &self.depth, &self.labels].iter().map(|stream| stream.buffer.n_bytes()).sum()
    }

    fn streams_mut(&mut self) -> [&mut Stream; 3] {
        [&mut self.color, &mut self.depth, &mut self.labels]
    }

    fn newest_stamp(&self) -> Option<Stamp> {
        let streams = [&self.color, &self.depth, &self.labels];
        streams.iter().filter_map(|stream| stream.buffer.newest()).map(|image| image.stamp).max()
    }

    /// The newest image of each topic stays, so that its age can be told.
    fn forget_old(&mut self, buffer_secs: f64) {
        let Some(newest) = self.newest_stamp() else { return };
        let horizon = newest.plus_secs(-buffer_secs);
        for stream in self.streams_mut() {
            let newest = stream.buffer.newest().map(|image| image.stamp);
            if stream.buffer.oldest().is_some_and(|oldest| oldest.stamp < horizon) {
                stream.buffer.retain(|image| image.stamp >= horizon || Some(image.stamp) == newest);
            }
        }
    }

    /// Drops colour images where they are most crowded, with the depth and labels that only they used, so that what is left
    /// still spans the whole window. Then, if that is not enough, the oldest of anything.
    fn thin_out(&mut self, max_bytes: usize) {
        while self.n_bytes() > max_bytes {
            let n_bytes = self.n_bytes();
            if let Some(newest) = self.newest_stamp() {
                let recent = newest.plus_secs(-RECENT_SECS);
                if let Some(crowded) = self.color.buffer.most_crowded(recent) {
                    self.color.buffer.retain(|image| image.stamp != crowded);
                }
                self.drop_unused(recent);
            }
            if self.n_bytes() == n_bytes && !self.drop_oldest() {
                return;
            }
        }
    }

    fn drop_unused(&mut self, before: Stamp) {
        let slop_secs = self.config.sync_slop_secs;
        for stream in [&mut self.depth, &mut self.labels] {
            let newest = stream.buffer.newest().map(|image| image.stamp);
            let color = &self.color.buffer;
            stream.buffer.retain(|image| {
                let is_used = || {
                    let nearest = color.nearest(image.stamp);
                    nearest.is_some_and(|color| color.stamp.is_within(slop_secs, image.stamp))
                };
                image.stamp >= before || Some(image.stamp) == newest || is_used()
            });
        }
    }

    /// Of all images but the newest of each topic; false when there is none.
    fn drop_oldest(&mut self) -> bool {
        let droppable = self.streams_mut().into_iter().filter(|stream| stream.buffer.len() > 1);
        let Some(stream) = droppable.min_by_key(|stream| stream.buffer.oldest().map(|image| image.stamp)) else {
            return false;
        };
        let oldest = stream.buffer.oldest().map(|image| image.stamp);
        stream.buffer.retain(|image| Some(image.stamp) != oldest);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scene::{image_decode::ImageSize, raw_message::CompressedImage};

    const MILLI: i64 = 1_000_000;

    fn image(millis: i64, n_bytes: usize) -> BufferedImage {
        BufferedImage {
            stamp: Stamp { nanos: millis * MILLI },
            frame: FrameId::new("optical"),
            size: ImageSize { width_px: 1, height_px: 1 },
            message: Arc::new(CompressedImage { format: String::new(), bytes: vec![0; n_bytes] }.into()),
            names: Arc::default(),
        }
    }

    fn millis(stream: &Stream) -> Vec<i64> {
        stream.buffer.iter().map(|image| image.stamp.nanos / MILLI).collect()
    }

    fn kept(buffer_secs: f64, buffer_bytes: usize, images: &[(StreamKind, i64, usize)]) -> CameraBuffer {
        let config = SceneConfig { buffer_secs, buffer_bytes, ..SceneConfig::default() };
        let mut camera = CameraBuffer::new(CameraConfig::named("front"));
        for (kind, millis, n_bytes) in images {
            camera.keep(*kind, image(*millis, *n_bytes), &config);
        }
        camera
    }

    #[test]
    fn seconds_bound_the_buffer_and_the_newest_of_each_topic_stays() {
        let images = [
            (StreamKind::Depth, 1000, 1),
            (StreamKind::Color, 1000, 1),
            (StreamKind::Color, 1900, 1),
            (StreamKind::Color, 2500, 1),
            (StreamKind::Color, 3000, 1),
        ];
        let camera = kept(1.0, 1000, &images);
        assert_eq!(millis(&camera.color), [2500, 3000]);
        assert_eq!(millis(&camera.depth), [1000]);
    }

    /// 30 Hz over 10 s in a tenth of the memory: the window is still covered, and every colour image kept has its depth.
    #[test]
    fn a_full_buffer_is_thinned_out_evenly() {
        let images: Vec<_> = (0..300)
            .flat_map(|i| [(StreamKind::Color, 1000 + i * 100 / 3, 30), (StreamKind::Depth, 1005 + i * 100 / 3, 20)])
            .collect();
        let camera = kept(10.0, 30 * 50, &images);
        assert!(camera.n_bytes() <= 30 * 50);
        let color = millis(&camera.color);
        assert_eq!((color[0], color[color.len() - 1]), (1000, 1000 + 299 * 100 / 3));
        let old: Vec<i64> = color.iter().copied().filter(|stamp| *stamp < 10_466).collect();
        let widest = old.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 2 * 9500 / old.len() as i64 + 100, "{widest} ms among {}", old.len());
        assert!(old.len() >= 10, "{}", old.len());
        let with_depth = color.iter().filter(|stamp| millis(&camera.depth).contains(&(*stamp + 5))).count();
        assert_eq!(with_depth, color.len());
    }

    proptest! {
        #[test]
        fn bytes_stay_bounded_whatever_arrives(
            arrivals in prop::collection::vec((0usize..3, 0i64..20_000, 0usize..40), 0..150),
            max_bytes in 0usize..400,
        ) {
            let kinds = [StreamKind::Color, StreamKind::Depth, StreamKind::Labels];
            let images: Vec<_> = arrivals.iter().map(|(kind, millis, n_bytes)| (kinds[*kind], *millis, *n_bytes)).collect();
            let camera = kept(10.0, max_bytes, &images);
            let streams = [&camera.color, &camera.depth, &camera.labels];
            let newest_only = streams.iter().all(|stream| stream.buffer.len() <= 1);
            prop_assert!(camera.n_bytes() <= max_bytes || newest_only);
            for (kind, stream) in kinds.iter().zip(streams) {
                let newest = images.iter().filter(|image| image.0 == *kind).map(|image| image.1).max();
                prop_assert_eq!(millis(stream).last().copied(), newest);
            }
        }
    }

    #[test]
    fn names_known_at_arrival_win_and_later_ones_fill_in() {
        let names = |entries: &[(u32, &str)]| LabelNames {
            by_id: entries.iter().map(|(id, name)| (*id, ((*name).to_owned(), 1.0))).collect(),
        };
        let config = SceneConfig::default();
        let mut camera = CameraBuffer::new(CameraConfig::named("front"));
        camera.keep(StreamKind::Labels, image(1000, 1), &config);
        let first = camera.labels.buffer.newest().unwrap().clone();
        let problem = camera.names_of(&first).unwrap_err();
        assert_eq!(problem.code, ErrorCode::SegmentationUnavailable);
        assert!(problem.message.contains("\"front/label_names\""), "{problem}");
        camera.set_names(names(&[(1, "mug"), (2, "table")]));
        camera.keep(StreamKind::Labels, image(2000, 1), &config);
        let second = camera.labels.buffer.newest().unwrap().clone();
        camera.set_names(names(&[(1, "bowl"), (3, "chair")]));
        assert_eq!(*camera.names_of(&first).unwrap(), names(&[(1, "bowl"), (3, "chair")]));
        assert_eq!(*camera.names_of(&second).unwrap(), names(&[(1, "mug"), (2, "table"), (3, "chair")]));
    }

    #[test]
    fn names_that_cannot_be_read_stand_in_the_way_until_better_ones_come() {
        let mug = || LabelNames { by_id: [(1, ("mug".to_owned(), 1.0))].into() };
        let config = SceneConfig::default();
        let mut camera = CameraBuffer::new(CameraConfig::named("front"));
        camera.set_names(mug());
        camera.keep(StreamKind::Labels, image(1000, 1), &config);
        let before = camera.labels.buffer.newest().unwrap().clone();
        let problem = InputProblem { code: ErrorCode::BadInput, message: "2 ids, 1 name".to_owned() };
        camera.set_names_problem(problem.clone());
        camera.keep(StreamKind::Labels, image(2000, 1), &config);
        let after = camera.labels.buffer.newest().unwrap().clone();
        assert_eq!(*camera.names_of(&before).unwrap(), mug());
        assert_eq!(camera.names_of(&after), Err(problem));
        camera.set_names(mug());
        assert_eq!(*camera.names_of(&after).unwrap(), mug());
    }
}
