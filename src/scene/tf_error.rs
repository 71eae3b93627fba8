//! Why a transform is not known.

use thiserror::Error;

use super::{FrameId, Stamp};
use crate::error_code::ErrorCode;

/// Why a transform is not known. The kinds are tf2's.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TfError {
    /// The frame has never been heard of.
    #[error("frame \"{frame}\" is not in the transform tree{}", nearest_text(.nearest))]
    UnknownFrame {
        /// As asked.
        frame: FrameId,
        /// Known names that look like it.
        nearest: Vec<FrameId>,
    },
    /// The two frames are in different trees.
    #[error(
        "frames \"{target}\" and \"{source_frame}\" are not connected; their roots are \"{target_root}\" and \"{source_root}\""
    )]
    Disconnected {
        /// As asked.
        target: FrameId,
        /// As asked.
        source_frame: FrameId,
        /// Root of the target's tree.
        target_root: FrameId,
        /// Root of the source's tree.
        source_root: FrameId,
    },
    /// The parents of a frame lead back to it.
    #[error("the transform tree has a loop: {}", loop_text(.frames))]
    Loop {
        /// The loop, child first; its last frame's parent is the first.
        frames: Vec<FrameId>,
    },
    /// Asked for a time after the newest transform.
    #[error("transform \"{parent}\" from \"{child}\" at {asked} lies {ahead_secs:.3} s after the newest at {newest}")]
    ExtrapolationIntoFuture {
        /// The link that is too short.
        parent: FrameId,
        /// The link that is too short.
        child: FrameId,
        /// As asked.
        asked: Stamp,
        /// Newest buffered.
        newest: Stamp,
        /// Distance in seconds.
        ahead_secs: f64,
    },
    /// Asked for a time before the oldest transform.
    #[error("transform \"{parent}\" from \"{child}\" at {asked} lies {behind_secs:.3} s before the oldest at {oldest}")]
    ExtrapolationIntoPast {
        /// The link that is too short.
        parent: FrameId,
        /// The link that is too short.
        child: FrameId,
        /// As asked.
        asked: Stamp,
        /// Oldest buffered.
        oldest: Stamp,
        /// Distance in seconds.
        behind_secs: f64,
    },
    /// A single sample exists and it is not at the time asked for.
    #[error("transform \"{parent}\" from \"{child}\" is known only at {only}, asked for {asked}")]
    NoData {
        /// The link.
        parent: FrameId,
        /// The link.
        child: FrameId,
        /// As asked.
        asked: Stamp,
        /// The only sample.
        only: Stamp,
    },
}

impl TfError {
    /// The refusal it leads to. A loop counts as disconnected: no path has a meaning.
    pub fn code(&self) -> ErrorCode {
        match self {
            TfError::UnknownFrame { .. } => ErrorCode::TfUnknownFrame,
            TfError::Disconnected { .. } | TfError::Loop { .. } => ErrorCode::TfDisconnected,
            TfError::ExtrapolationIntoFuture { .. }
            | TfError::ExtrapolationIntoPast { .. }
            | TfError::NoData { .. } => ErrorCode::TfExtrapolation,
        }
    }

    /// Seconds between the time asked for and the nearest that is known; 0 when time is not what is missing.
    pub fn distance_secs(&self) -> f64 {
        match self {
            TfError::ExtrapolationIntoFuture { ahead_secs, .. } => *ahead_secs,
            TfError::ExtrapolationIntoPast { behind_secs, .. } => *behind_secs,
            TfError::NoData { asked, only, .. } => asked.secs_since(*only).abs(),
            TfError::UnknownFrame { .. } | TfError::Disconnected { .. } | TfError::Loop { .. } => 0.0,
        }
    }
}

fn nearest_text(nearest: &[FrameId]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<_> = nearest.iter().map(|frame| format!("\"{frame}\"")).collect();
    format!("; nearest known: {}", names.join(", "))
}

fn loop_text(frames: &[FrameId]) -> String {
    let names: Vec<_> = frames.iter().chain(frames.first()).map(|frame| format!("\"{frame}\"")).collect();
    names.join(" -> ")
}
