//! One image topic: what is checked when a message arrives, what is kept, and how the topic fares.

use std::{collections::VecDeque, sync::Arc};

use super::{
    InputProblem, LabelNames, SceneConfig, Stamp,
    frame_buffer::{BufferedImage, FrameBuffer},
    image_decode::{ImageError, ImageSize, check_color, check_depth, check_label_ids},
    raw_message::{ImageMessage, MessageHeader},
};
use crate::error_code::ErrorCode;

const N_RECENT: usize = 32;
/// Messages in a row that must lie far back in time before time itself is taken to have jumped.
const N_BEHIND: u32 = 2;

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    Color,
    Depth,
    Labels,
}

impl StreamKind {
    /// As messages call it.
    pub fn noun(self) -> &'static str {
        match self {
            StreamKind::Color => "image",
            StreamKind::Depth => "depth image",
            StreamKind::Labels => "label image",
        }
    }

    fn size(self, message: &ImageMessage, max_pixels: u64) -> Result<ImageSize, ImageError> {
        match self {
            StreamKind::Color => check_color(message, max_pixels),
            StreamKind::Depth => check_depth(message, max_pixels),
            StreamKind::Labels => check_label_ids(message, max_pixels),
        }
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    pub kind: StreamKind,
    pub topic: String,
    pub buffer: FrameBuffer,
    /// Why the last message was refused; `None` when it was not.
    pub problem: Option<InputProblem>,
    pub n_received: u64,
    pub n_refused: u64,
    recent: VecDeque<Stamp>,
    n_behind: u32,
}

/// A message worth keeping.
pub(super) struct Checked {
    pub image: BufferedImage,
    /// Time jumped back: everything older than this message belongs to another time.
    pub jumped_back: bool,
}

impl Stream {
    pub fn new(kind: StreamKind, topic: &str) -> Stream {
        Stream {
            kind,
            topic: topic.to_owned(),
            buffer: FrameBuffer::default(),
            problem: None,
            n_received: 0,
            n_refused: 0,
            recent: VecDeque::new(),
            n_behind: 0,
        }
    }

    /// Looks at the headers of a message without keeping it.
    ///
    /// # Errors
    /// `BAD_INPUT`, naming the topic.
    pub fn check(
        &mut self,
        header: &MessageHeader,
        message: ImageMessage,
        now: Stamp,
        config: &SceneConfig,
    ) -> Result<Checked, InputProblem> {
        self.n_received += 1;
        let checked = self.checked(header, message, now, config);
        self.problem = checked
            .as_ref()
            .err()
            .map(|what| InputProblem { code: ErrorCode::BadInput, message: format!("{what}, on \"{}\"", self.topic) });
        match (checked, &self.problem) {
            (Ok(checked), _) => Ok(checked),
            (Err(what), problem) => {
                self.n_refused += 1;
                Err(problem.clone().unwrap_or(InputProblem { code: ErrorCode::BadInput, message: what }))
            }
        }
    }

    fn checked(
        &mut self,
        header: &MessageHeader,
        message: ImageMessage,
        now: Stamp,
        config: &SceneConfig,
    ) -> Result<Checked, String> {
        let (stamp, noun) = (header.stamp, self.kind.noun());
        if stamp.is_unset() {
            return Err(format!("stamp of the {noun} is not set"));
        }
        if header.frame.is_empty() {
            return Err(format!("frame_id of the {noun} is empty"));
        }
        let ahead_secs = stamp.secs_since(now);
        if !now.is_unset() && ahead_secs > config.max_ahead_secs {
            let allowed_secs = config.max_ahead_secs;
            let hint = clock_hint(ahead_secs);
            return Err(format!(
                "stamp {stamp} of the {noun} lies {ahead_secs:.3} s after now ({now}), at most {allowed_secs} s are allowed{hint}"
            ));
        }
        let size = self.kind.size(&message, config.max_pixels).map_err(|error| error.to_string())?;
        let newest = self.buffer.newest().map_or(stamp, |newest| newest.stamp);
        let behind_secs = newest.secs_since(stamp);
        let is_behind = behind_secs > config.jump_back_secs;
        self.n_behind = if is_behind { self.n_behind + 1 } else { 0 };
        if is_behind && self.n_behind < N_BEHIND {
            return Err(format!(
                "stamp {stamp} of the {noun} lies {behind_secs:.3} s before the newest ({newest}), at most {} s are allowed",
                config.jump_back_secs
            ));
        }
        let (frame, message) = (header.frame.clone(), Arc::new(message));
        let image = BufferedImage { stamp, frame, size, message, names: Arc::default() };
        Ok(Checked { image, jumped_back: is_behind })
    }

    pub fn keep(&mut self, image: BufferedImage, names: Arc<LabelNames>) {
        self.recent.push_back(image.stamp);
        if self.recent.len() > N_RECENT {
            self.recent.pop_front();
        }
        self.buffer.insert(BufferedImage { names, ..image });
    }

    /// Forgets images but not the counts.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.recent.clear();
        self.n_behind = 0;
    }

    /// Over the last messages, by their stamps.
    pub fn rate_hz(&self) -> Option<f64> {
        let (oldest, newest) = (self.recent.iter().min()?, self.recent.iter().max()?);
        let span_secs = newest.secs_since(*oldest);
        (span_secs > 0.0).then(|| (self.recent.len() - 1) as f64 / span_secs)
    }
}

/// What to look for when two times are absurdly far apart.
pub(super) fn clock_hint(apart_secs: f64) -> &'static str {
    if apart_secs.abs() > 3600.0 {
        "; the clocks differ: play bags with --clock, and set use_sim_time on every node or on none"
    } else {
        ""
    }
}
