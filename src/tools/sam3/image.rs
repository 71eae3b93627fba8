//! One frame: by words, points or box, and whether something is there at all.

use std::sync::Arc;

use rhai::{Array, Dynamic, Map};

use super::{distinct, labels};
use crate::{
    error_code::ErrorCode,
    geometry::PixelBox,
    perception::{
        Prompt, Segment,
        prompt::{box_iou, n_points_held},
    },
    tools::{
        Session, ToolError,
        measure::{segment_name, segments},
        values::{FrameValue, PerFrameMaskValue, mask, per_frame::FrameSeries},
    },
};

/// What to look for by words.
pub struct ByText {
    /// The name.
    pub prompt: String,
    /// Name of the result; its own name otherwise.
    pub label: Option<String>,
    /// Least confidence.
    pub min_score: f64,
}

/// Every instance of a name.
pub fn by_text(session: &Arc<Session>, frame: &FrameValue, asked: &ByText) -> Result<PerFrameMaskValue, ToolError> {
    let ByText { prompt, label, min_score } = asked;
    let found = segments(session, frame.view(), &Prompt::Text(prompt.clone()))?;
    let best = found.iter().map(|segment| segment.score).fold(f32::NEG_INFINITY, f32::max);
    let n_found = found.len();
    let kept: Vec<Segment> = found.into_iter().filter(|s| f64::from(s.score) >= *min_score && has_pixels(s)).collect();
    if kept.is_empty() {
        let view = frame.view();
        let message = match n_found {
            0 => {
                let visible = labels(session, frame).map(|labels| format!("; visible: {}", labels.join(", ")));
                let visible = visible.unwrap_or_default();
                format!("{prompt:?} is not visible to camera {} at {}{visible}", view.camera, view.stamp)
            }
            n => format!(
                "{n} of {prompt:?} in {} have a confidence of at most {best:.2}, below the threshold {min_score}; lower \
                 confidence_threshold to see them",
                frame.name()
            ),
        };
        return Err(ToolError::new(ErrorCode::NotVisible, message));
    }
    let instances: Vec<Option<u32>> = match label {
        // One's own name needs no ids to tell its instances apart.
        Some(_) => kept.iter().map(|_| None).collect(),
        None => kept.iter().map(|segment| segment.instance).collect(),
    };
    let names: Vec<String> =
        kept.iter().map(|segment| label.clone().unwrap_or_else(|| segment.label.clone())).collect();
    Ok(PerFrameMaskValue::new(mask::Inner {
        labels: distinct(&names, &instances),
        instances: kept.iter().map(|segment| segment.instance).collect(),
        scores: kept.iter().map(|segment| segment.score).collect(),
        series: FrameSeries::new(vec![frame.clone()]),
        masks: vec![kept.into_iter().map(|segment| segment.mask).collect()],
    }))
}

fn has_pixels(segment: &Segment) -> bool {
    segment.mask.as_slice().contains(&true)
}

/// The one thing that a point or box prompt means.
///
/// # Errors
/// `NOT_VISIBLE` when nothing fits, with what is near; `AMBIGUOUS_REFERENT` when two things fit points equally.
pub fn one(session: &Arc<Session>, frame: &FrameValue, prompt: &Prompt) -> Result<Segment, ToolError> {
    let mut found = segments(session, frame.view(), prompt)?.into_iter().filter(has_pixels);
    let Some(best) = found.next() else {
        return Err(ToolError::new(ErrorCode::NotVisible, nothing_fits(session, frame, prompt)));
    };
    if let Prompt::Points(points) = prompt
        && let Some(second) = found.next()
        && let (Some(n), Some(n_second)) = (n_points_held(&best.mask, points), n_points_held(&second.mask, points))
        && n == n_second
    {
        return Err(ToolError::new(
            ErrorCode::AmbiguousReferent,
            format!(
                "{n} of the points lie on {} and {n} on {} in {}; give points on one thing, or label those off it 0",
                segment_name(&best),
                segment_name(&second),
                frame.name()
            ),
        ));
    }
    Ok(best)
}

fn nothing_fits(session: &Arc<Session>, frame: &FrameValue, prompt: &Prompt) -> String {
    let all = segments(session, frame.view(), &Prompt::Everything).unwrap_or_default();
    match prompt {
        Prompt::Points(points) => {
            let under = |wanted: bool| -> Vec<String> {
                let on = |segment: &&Segment| {
                    points.iter().any(|p| p.is_foreground == wanted && segment.mask.contains(p.u_px, p.v_px))
                };
                all.iter().filter(on).map(segment_name).collect()
            };
            let (on, off) = (under(true), under(false));
            if on.is_empty() {
                return format!("no named thing lies under the points labelled 1 in {}", frame.name());
            }
            format!(
                "in {} the points labelled 1 lie on {}, but those labelled 0 on {} too, so nothing is left",
                frame.name(),
                on.join(", "),
                off.join(", ")
            )
        }
        Prompt::Box(wanted) => {
            let mut near: Vec<(f64, &Segment, PixelBox)> = all
                .iter()
                .filter_map(|segment| segment.mask.bounding_box().map(|b| (box_iou(&b, wanted), segment, b)))
                .filter(|(iou, ..)| *iou > 0.0)
                .collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            match near.first() {
                Some((iou, segment, b)) => format!(
                    "no thing fills the box in {}; the nearest is {} with box [{}, {}, {}, {}], overlap {iou:.2}",
                    frame.name(),
                    segment_name(segment),
                    b.u_min_px,
                    b.v_min_px,
                    b.u_max_px,
                    b.v_max_px
                ),
                None => format!("no named thing is in the box in {}", frame.name()),
            }
        }
        Prompt::Text(_) | Prompt::Everything => format!("nothing is visible in {}", frame.name()),
    }
}

/// A result of one segment in one frame.
pub fn of_segment(frame: &FrameValue, segment: Segment, label: Option<String>) -> Result<PerFrameMaskValue, ToolError> {
    Ok(PerFrameMaskValue::new(mask::Inner {
        labels: vec![label.unwrap_or_else(|| segment.label.clone())],
        instances: vec![segment.instance],
        scores: vec![segment.score],
        series: FrameSeries::new(vec![frame.clone()]),
        masks: vec![vec![segment.mask]],
    }))
}

/// Whether a name is visible in each frame.
pub fn exists(session: &Arc<Session>, frames: &[FrameValue], name: &str, min_score: f64) -> Result<Map, ToolError> {
    let (mut exists, mut counts, mut states, mut reasons) = (Array::new(), Array::new(), Array::new(), Array::new());
    let (mut n_seeing, mut n_unknown, mut first_reason) = (0usize, 0usize, None);
    for frame in frames {
        match segments(session, frame.view(), &Prompt::Text(name.to_owned())) {
            Ok(found) => {
                let n = found.iter().filter(|s| f64::from(s.score) >= min_score && has_pixels(s)).count();
                n_seeing += usize::from(n > 0);
                exists.push(Dynamic::from_bool(n > 0));
                counts.push(Dynamic::from_int(n as i64));
                states.push(Dynamic::from(if n > 0 { "yes" } else { "no" }.to_owned()));
                reasons.push(Dynamic::UNIT);
            }
            Err(error) => {
                n_unknown += 1;
                let reason = error.code.map_or_else(String::new, |code| format!("{code} ")) + error.message.as_str();
                first_reason = first_reason.or_else(|| Some(reason.clone()));
                exists.push(Dynamic::UNIT);
                counts.push(Dynamic::UNIT);
                states.push(Dynamic::from("unknown".to_owned()));
                reasons.push(Dynamic::from(reason));
            }
        }
    }
    let mut summary = format!("{name} is visible in {n_seeing} of {} frames", frames.len());
    if let Some(reason) = first_reason {
        summary += &format!("; unknown in {n_unknown}: {reason}");
    }
    Ok([
        ("exists".into(), exists.into()),
        ("counts".into(), counts.into()),
        ("states".into(), states.into()),
        ("reasons".into(), reasons.into()),
        ("summary".into(), summary.into()),
    ]
    .into())
}
