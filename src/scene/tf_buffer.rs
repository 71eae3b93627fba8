//! A transform buffer with tf2's semantics.

use nalgebra::Isometry3;
use thiserror::Error;

use super::{FrameId, Stamp};

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

fn nearest_text(nearest: &[FrameId]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<_> = nearest.iter().map(|frame| format!("\"{frame}\"")).collect();
    format!("; nearest known: {}", names.join(", "))
}

/// Buffers transforms as they arrive.
#[derive(Clone, Debug, Default)]
pub struct TfBuffer {}

/// All transforms of one moment, immutable.
#[derive(Clone, Debug, Default)]
pub struct TransformSet {}

/// A transform looked up, with what its uncertainty depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct LookedUp {
    /// Maps source coordinates into the target.
    pub target_from_source: Isometry3<f64>,
    /// Largest gap between the samples that were interpolated, seconds; 0 when all were static or exact.
    pub gap_secs: f64,
    /// Linear speed of the source in the target around that time, m/s.
    pub speed_m_per_s: f64,
    /// Angular speed, rad/s.
    pub turn_rate_rad_per_s: f64,
}

impl TransformSet {
    /// `target_from_source` at `at`. Interpolates between samples (linear and slerp); never extrapolates.
    ///
    /// # Errors
    /// See [`TfError`].
    pub fn lookup(&self, target: &FrameId, source: &FrameId, at: Stamp) -> Result<LookedUp, TfError> {
        let _ = (target, source, at);
        todo!()
    }

    /// Every frame in the tree, sorted.
    pub fn frames(&self) -> Vec<FrameId> {
        todo!()
    }
}
