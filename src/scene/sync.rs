//! Which depth and label images belong to a colour image.

use super::{
    InputProblem, Stamp,
    frame_buffer::BufferedImage,
    stream::{Stream, clock_hint},
};
use crate::error_code::ErrorCode;

/// When two images belong together, and what it is called when they do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartnerRule<'a> {
    pub camera: &'a str,
    pub color_topic: &'a str,
    pub slop_secs: f64,
    pub max_age_secs: f64,
    /// Nothing was ever received.
    pub missing: ErrorCode,
    /// Nothing is received any more.
    pub stale: ErrorCode,
}

/// An image and how far its stamp is from that of the colour image, in seconds (positive: later).
#[derive(Clone, Debug)]
pub(super) struct Partner<'a> {
    pub image: &'a BufferedImage,
    pub skew_secs: f64,
}

/// The image of `stream` nearest in time to a colour image stamped `color`.
///
/// # Errors
/// `rule.missing` or `rule.stale` when the stream is dead, `BAD_INPUT` when it is alive but its messages are refused, `SYNC_SKEW` when
/// it is alive and never close enough. Each names both topics or the one that matters, the stamps found and the difference allowed.
pub(super) fn partner<'a>(
    color: Stamp,
    stream: &'a Stream,
    rule: &PartnerRule<'_>,
    now: Stamp,
) -> Result<Partner<'a>, InputProblem> {
    let (noun, topic) = (stream.kind.noun(), stream.topic.as_str());
    let problem = |code, message| Err(InputProblem { code, message });
    if topic.is_empty() {
        return problem(rule.missing, format!("camera \"{}\" has no topic for the {noun}", rule.camera));
    }
    let refused = |otherwise| stream.problem.clone().map_or(otherwise, Err);
    let (Some(nearest), Some(newest)) = (stream.buffer.nearest(color), stream.buffer.newest()) else {
        return refused(problem(rule.missing, format!("no {noun} was received on \"{topic}\"")));
    };
    let skew_secs = nearest.stamp.secs_since(color);
    if nearest.stamp.is_within(rule.slop_secs, color) {
        return Ok(Partner { image: nearest, skew_secs });
    }
    let age_secs = now.secs_since(newest.stamp);
    if newest.stamp < color && age_secs > rule.max_age_secs {
        return refused(problem(
            rule.stale,
            format!(
                "newest {noun} on \"{topic}\" is {age_secs:.3} s old (stamp {}, now {now}), at most {} s are allowed{}",
                newest.stamp,
                rule.max_age_secs,
                clock_hint(age_secs)
            ),
        ));
    }
    let (apart_millis, order) = (skew_secs.abs() * 1e3, if skew_secs < 0.0 { "before" } else { "after" });
    problem(
        ErrorCode::SyncSkew,
        format!(
            "nearest {noun} on \"{topic}\" is stamped {}, {apart_millis:.1} ms {order} the image on \"{}\" stamped {color}, at most \
             {:.1} ms are allowed{}",
            nearest.stamp,
            rule.color_topic,
            rule.slop_secs * 1e3,
            clock_hint(skew_secs)
        ),
    )
}
