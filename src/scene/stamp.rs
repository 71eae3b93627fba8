//! ROS time and coordinate-frame names.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// ROS time in nanoseconds. Zero means *not set*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Nanoseconds since the clock's epoch.
    pub nanos: i64,
}

impl Stamp {
    /// From seconds and nanoseconds, as in `builtin_interfaces/Time`.
    pub fn from_parts(sec: i32, nanosec: u32) -> Stamp {
        Stamp { nanos: i64::from(sec) * 1_000_000_000 + i64::from(nanosec) }
    }

    /// Seconds and nanoseconds, as in `builtin_interfaces/Time`. Saturates where a message cannot hold the time.
    pub fn to_parts(self) -> (i32, u32) {
        let sec = self.nanos.div_euclid(1_000_000_000);
        let nanosec = self.nanos.rem_euclid(1_000_000_000) as u32;
        (sec.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32, nanosec)
    }

    /// Seconds, for display and for cells.
    pub fn as_secs_f64(self) -> f64 {
        self.nanos as f64 * 1e-9
    }

    /// `self - earlier` in seconds.
    pub fn secs_since(self, earlier: Stamp) -> f64 {
        self.nanos.saturating_sub(earlier.nanos) as f64 * 1e-9
    }

    /// This time shifted by `secs`.
    pub fn plus_secs(self, secs: f64) -> Stamp {
        Stamp { nanos: self.nanos.saturating_add((secs * 1e9).round() as i64) }
    }

    /// Whether a publisher left it out.
    pub fn is_unset(self) -> bool {
        self.nanos == 0
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sec, nanosec) = self.to_parts();
        write!(f, "{sec}.{:03}", nanosec / 1_000_000)
    }
}

/// Name of a coordinate frame, without a leading slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameId(Arc<str>);

impl FrameId {
    /// Strips leading slashes, as tf2 does.
    pub fn new(name: &str) -> FrameId {
        FrameId(name.trim_start_matches('/').into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a publisher left it out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for FrameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
