//! How a camera's topics fare, for diagnostics.

use super::{InputProblem, Stamp, stream::Stream};

/// One topic.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamHealth {
    /// Empty when none is configured.
    pub topic: String,
    /// Messages since the start.
    pub n_received: u64,
    /// Of these, refused.
    pub n_refused: u64,
    /// By the stamps of the last messages.
    pub rate_hz: Option<f64>,
    /// Newest stamp.
    pub newest: Option<Stamp>,
    /// Now less that stamp, seconds.
    pub age_secs: Option<f64>,
    /// Images kept.
    pub n_buffered: usize,
    /// Why the last message was refused; `None` when it was not.
    pub problem: Option<InputProblem>,
}

impl StreamHealth {
    pub(super) fn new(stream: &Stream, now: Stamp) -> StreamHealth {
        let newest = stream.buffer.newest().map(|image| image.stamp);
        StreamHealth {
            topic: stream.topic.clone(),
            n_received: stream.n_received,
            n_refused: stream.n_refused,
            rate_hz: stream.rate_hz(),
            newest,
            age_secs: newest.map(|newest| now.secs_since(newest)),
            n_buffered: stream.buffer.len(),
            problem: stream.problem.clone(),
        }
    }
}

/// One camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraHealth {
    /// Name as configured.
    pub camera: String,
    /// Colour.
    pub color: StreamHealth,
    /// Depth.
    pub depth: StreamHealth,
    /// Labels.
    pub labels: StreamHealth,
    /// Seconds from the newest colour image to the nearest depth image.
    pub depth_skew_secs: Option<f64>,
    /// Bytes of all images kept.
    pub n_bytes: usize,
    /// What a question about now would run into, worst first; empty when all is well.
    pub problems: Vec<InputProblem>,
}
