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

    /// Whether the two are at most `secs` apart, to the nanosecond: 20 ms apart is within 0.02 s.
    pub fn is_within(self, secs: f64, other: Stamp) -> bool {
        self.nanos.abs_diff(other.nanos) <= (secs * 1e9).round() as u64
    }

    /// Whether a publisher left it out.
    pub fn is_unset(self) -> bool {
        self.nanos == 0
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let millis = self.nanos.unsigned_abs() / 1_000_000;
        write!(f, "{sign}{}.{:03}", millis / 1000, millis % 1000)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearness_is_exact_to_the_nanosecond() {
        let check = |millis: i64, secs, expected| {
            let (a, b) = (Stamp { nanos: 1 << 60 }, Stamp { nanos: (1 << 60) + millis * 1_000_000 });
            assert_eq!((a.is_within(secs, b), b.is_within(secs, a)), (expected, expected), "{millis} ms, {secs} s");
        };
        check(0, 0.0, true);
        check(1, 0.0, false);
        for millis in 1..2000 {
            check(millis, millis as f64 * 1e-3, true);
            check(millis + 1, millis as f64 * 1e-3, false);
        }
    }

    #[test]
    fn parts_come_back() {
        let check = |sec, nanosec| assert_eq!(Stamp::from_parts(sec, nanosec).to_parts(), (sec, nanosec));
        check(0, 0);
        check(1_700_000_000, 999_999_999);
        check(-5, 1);
        check(i32::MAX, 999_999_999);
    }
}
