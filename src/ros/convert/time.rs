//! `builtin_interfaces/Time`, `builtin_interfaces/Duration` and `std_msgs/Header`.

use std::time::Duration;

use r2r::{builtin_interfaces::msg, std_msgs::msg::Header};

use super::text::clean;
use crate::scene::{FrameId, Stamp};

/// The stamp of a message.
pub fn stamp(time: &msg::Time) -> Stamp {
    Stamp::from_parts(time.sec, time.nanosec)
}

/// A stamp as a message.
pub fn time_msg(stamp: Stamp) -> msg::Time {
    let (sec, nanosec) = stamp.to_parts();
    msg::Time { sec, nanosec }
}

/// A length of time as a message; saturates at 68 years.
pub fn duration_msg(duration: Duration) -> msg::Duration {
    match i32::try_from(duration.as_secs()) {
        Ok(sec) => msg::Duration { sec, nanosec: duration.subsec_nanos() },
        Err(_) => msg::Duration { sec: i32::MAX, nanosec: 0 },
    }
}

/// Seconds of a message; `None` when it is negative or its nanoseconds are not below one second.
pub fn duration(duration: &msg::Duration) -> Option<Duration> {
    let sec = u64::try_from(duration.sec).ok()?;
    (duration.nanosec < 1_000_000_000).then(|| Duration::new(sec, duration.nanosec))
}

/// A header.
pub fn header(stamp: Stamp, frame: &FrameId) -> Header {
    Header { stamp: time_msg(stamp), frame_id: clean(frame.as_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_keep_every_nanosecond_both_ways() {
        let message = msg::Time { sec: 12, nanosec: 345_678_901 };
        assert_eq!(stamp(&message), Stamp { nanos: 12_345_678_901 });
        assert_eq!(time_msg(Stamp { nanos: 12_345_678_901 }), message);
    }

    #[test]
    fn negative_and_malformed_durations_are_refused() {
        assert_eq!(duration(&msg::Duration { sec: 1, nanosec: 500_000_000 }), Some(Duration::from_millis(1500)));
        assert_eq!(duration(&msg::Duration { sec: -1, nanosec: 999_999_999 }), None);
        assert_eq!(duration(&msg::Duration { sec: 0, nanosec: 1_000_000_000 }), None);
    }

    #[test]
    fn durations_saturate() {
        assert_eq!(duration_msg(Duration::from_millis(2250)), msg::Duration { sec: 2, nanosec: 250_000_000 });
        assert_eq!(duration_msg(Duration::MAX), msg::Duration { sec: i32::MAX, nanosec: 0 });
    }

    #[test]
    fn headers_carry_stamp_and_frame() {
        let header = header(Stamp { nanos: 1_000_000_002 }, &FrameId::new("/map"));
        let expected = Header { stamp: msg::Time { sec: 1, nanosec: 2 }, frame_id: "map".to_owned() };
        assert_eq!(header, expected);
    }
}
