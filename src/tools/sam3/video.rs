//! Several frames: all instances of names, or the things under points and boxes of one frame.

use std::sync::Arc;

use super::{
    distinct,
    follow::{Track, assign},
    image::one,
};
use crate::{
    error_code::ErrorCode,
    geometry::Mask,
    perception::{Prompt, PromptKind, Segment},
    tools::{
        Session, ToolError,
        measure::segments,
        values::{
            FrameValue, PerFrameMaskValue, mask,
            per_frame::{FrameSeries, LeftOut},
        },
    },
};

/// Most bytes of all masks of one call.
const MAX_BYTES: usize = 256 << 20;

/// What to look for by words.
pub struct Named {
    /// The names.
    pub prompts: Vec<String>,
    /// What to call their instances, one for each prompt.
    pub labels: Option<Vec<String>>,
    /// Least confidence.
    pub min_score: f64,
}

/// All instances of all names, followed from frame to frame.
pub fn by_text(session: &Arc<Session>, frames: Vec<FrameValue>, asked: &Named) -> Result<PerFrameMaskValue, ToolError> {
    let mut tracks: Vec<Track> = Vec::new();
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    let n_frames = frames.len();
    for frame in frames {
        let found: Result<Vec<Vec<Segment>>, ToolError> =
            asked.prompts.iter().map(|name| segments(session, frame.view(), &Prompt::Text(name.clone()))).collect();
        match found {
            Ok(found) => {
                let position = kept.len();
                for (prompt, segments) in found.into_iter().enumerate() {
                    let confident = segments.into_iter().filter(|s| f64::from(s.score) >= asked.min_score);
                    // What another prompt has found already is the same thing.
                    let new: Vec<Segment> = confident
                        .filter(|segment| {
                            !tracks.iter().any(|track| {
                                track.prompt != prompt
                                    && track
                                        .masks
                                        .get(position)
                                        .is_some_and(|mask| mask.as_ref() == Some(&segment.mask))
                            })
                        })
                        .collect();
                    let (mut own, others): (Vec<Track>, Vec<Track>) =
                        tracks.into_iter().partition(|track| track.prompt == prompt);
                    for segment in assign(&mut own, position, &frame, new) {
                        let mut track = Track::new(&segment, prompt, n_frames);
                        track.see(position, &frame, segment);
                        own.push(track);
                    }
                    tracks = others;
                    tracks.extend(own);
                }
                kept.push(frame);
            }
            Err(error) => left_out.push(LeftOut { frame, error }),
        }
        require_room(kept.last(), tracks.len(), n_frames)?;
    }
    raise_when_blind(&kept, &left_out)?;
    // Stable: within a prompt the order of first sight stays.
    tracks.sort_by_key(|track| track.prompt);
    let missing: Vec<String> = asked
        .prompts
        .iter()
        .enumerate()
        .filter(|(prompt, _)| !tracks.iter().any(|track| track.prompt == *prompt))
        .map(|(_, name)| format!("{name:?}"))
        .collect();
    if tracks.is_empty() {
        let message = format!("{} is not visible in any of {} frames", missing.join(", "), kept.len());
        return Err(ToolError::new(ErrorCode::NotVisible, message));
    }
    if !missing.is_empty() {
        session.print(&format!(
            "{} is not visible in any of {} frames, so it has no mask",
            missing.join(", "),
            kept.len()
        ));
    }
    say_left_out(session, &left_out);
    let label = |track: &Track| {
        let given = asked.labels.as_ref().and_then(|labels| labels.get(track.prompt));
        given.cloned().unwrap_or_else(|| track.label.clone())
    };
    let labels: Vec<String> = tracks.iter().map(label).collect();
    Ok(value(FrameSeries::with_left_out(kept, left_out), tracks, labels, asked.labels.is_none()))
}

/// The things that the prompts mean in the frame at `at`, followed to the other frames in both directions.
pub fn by_prompts(
    session: &Arc<Session>,
    frames: Vec<FrameValue>,
    at: usize,
    prompts: &[Prompt],
    names: Option<Vec<String>>,
) -> Result<PerFrameMaskValue, ToolError> {
    if let Some(names) = &names
        && names.len() != prompts.len()
    {
        let (found, wanted) = (names.len(), prompts.len());
        return Err(ToolError::argument(format!("there are {found} labels for {wanted} objects; give one for each")));
    }
    let Some(prompt_frame) = frames.get(at).cloned() else {
        return Err(ToolError::argument("there is no prompt frame"));
    };
    let n_frames = frames.len();
    require_room(Some(&prompt_frame), prompts.len(), n_frames)?;
    let mut tracks = Vec::new();
    for (prompt, wanted) in prompts.iter().enumerate() {
        let segment = one(session, &prompt_frame, wanted)?;
        let mut track = Track::new(&segment, prompt, n_frames);
        track.see(at, &prompt_frame, segment);
        tracks.push(track);
    }
    let start = tracks.clone();
    let mut left_out: Vec<LeftOut> = Vec::new();
    for position in at + 1..n_frames {
        follow(session, &mut tracks, &frames, position, &mut left_out);
    }
    // Backwards it starts from the prompt frame again.
    let mut backwards = start;
    for position in (0..at).rev() {
        follow(session, &mut backwards, &frames, position, &mut left_out);
    }
    for (track, earlier) in tracks.iter_mut().zip(backwards) {
        track.score = track.score.max(earlier.score);
        for (slot, mask) in track.masks.iter_mut().zip(earlier.masks) {
            *slot = slot.take().or(mask);
        }
    }
    left_out.sort_by_key(|left_out| left_out.frame.index());
    say_left_out(session, &left_out);
    let is_kept = |frame: &FrameValue| !left_out.iter().any(|left_out| left_out.frame.is_same_as(frame));
    let kept: Vec<bool> = frames.iter().map(is_kept).collect();
    for track in &mut tracks {
        let mut is_kept = kept.iter();
        track.masks.retain(|_| is_kept.next().copied().unwrap_or(false));
    }
    let frames: Vec<FrameValue> =
        frames.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(frame, _)| frame).collect();
    let has_own_names = names.is_none();
    let labels = names.unwrap_or_else(|| tracks.iter().map(|track| track.label.clone()).collect());
    Ok(value(FrameSeries::with_left_out(frames, left_out), tracks, labels, has_own_names))
}

fn follow(
    session: &Arc<Session>,
    tracks: &mut [Track],
    frames: &[FrameValue],
    position: usize,
    left_out: &mut Vec<LeftOut>,
) {
    let Some(frame) = frames.get(position) else { return };
    let takes_everything = session.context.perception.segmenter.takes().contains(&PromptKind::Everything);
    let mut names: Vec<String> = tracks.iter().map(|track| track.label.clone()).collect();
    names.sort();
    names.dedup();
    let found: Result<Vec<Segment>, ToolError> = match takes_everything {
        true => segments(session, frame.view(), &Prompt::Everything),
        false => {
            let each = names.iter().map(|name| segments(session, frame.view(), &Prompt::Text(name.clone())));
            each.collect::<Result<Vec<_>, _>>().map(|found| found.into_iter().flatten().collect())
        }
    };
    match found {
        Ok(mut found) => {
            found.retain(|segment| names.contains(&segment.label));
            // Two prompts may mean one thing, so each looks for itself.
            for track in tracks {
                assign(std::slice::from_mut(track), position, frame, found.clone());
            }
        }
        Err(error) => left_out.push(LeftOut { frame: frame.clone(), error }),
    }
}

fn require_room(frame: Option<&FrameValue>, n_objects: usize, n_frames: usize) -> Result<(), ToolError> {
    let (width, height) = frame.map_or((0, 0), FrameValue::size_px);
    let n_bytes = (width as usize * height as usize).saturating_mul(n_objects).saturating_mul(n_frames);
    if n_bytes <= MAX_BYTES {
        return Ok(());
    }
    let n_fitting = (MAX_BYTES / (width as usize * height as usize * n_objects).max(1)).max(1);
    Err(ToolError::argument(format!(
        "{n_objects} objects in {n_frames} frames of {width}x{height} px do not fit into memory; take at most {n_fitting} frames: give \
         start_frame and end_frame, or frame_indices such as InputImages.every({}).frame_indices",
        n_frames.div_ceil(n_fitting)
    )))
}

fn raise_when_blind(kept: &[FrameValue], left_out: &[LeftOut]) -> Result<(), ToolError> {
    match (kept.is_empty(), left_out.last()) {
        (true, Some(LeftOut { error, .. })) => Err(error.clone()),
        _ => Ok(()),
    }
}

fn say_left_out(session: &Arc<Session>, left_out: &[LeftOut]) {
    for LeftOut { frame, error } in left_out {
        session.print(&format!("left out {}: {}", frame.name(), error.message));
    }
}

/// Absent objects share one empty mask per size.
fn value(series: FrameSeries, tracks: Vec<Track>, labels: Vec<String>, has_own_names: bool) -> PerFrameMaskValue {
    let mut empty: Vec<Mask> = Vec::new();
    let mut empty_of = |(width, height): (u32, u32)| -> Option<Mask> {
        let is_that_size = |mask: &&Mask| (mask.width_px(), mask.height_px()) == (width, height);
        if let Some(known) = empty.iter().find(is_that_size) {
            return Some(known.clone());
        }
        let new = Mask::new(width, height, vec![false; width as usize * height as usize])?;
        empty.push(new.clone());
        Some(new)
    };
    let masks = series.frames().iter().enumerate().map(|(position, frame)| {
        let of = |track: &Track| track.masks.get(position).cloned().flatten();
        tracks.iter().filter_map(|track| of(track).or_else(|| empty_of(frame.size_px()))).collect()
    });
    let masks = masks.collect();
    let instances: Vec<Option<u32>> = tracks.iter().map(|track| track.instance).collect();
    let told_apart: Vec<Option<u32>> = if has_own_names { instances.clone() } else { vec![None; tracks.len()] };
    PerFrameMaskValue::new(mask::Inner {
        labels: distinct(&labels, &told_apart),
        instances,
        scores: tracks.iter().map(|track| track.score).collect(),
        series,
        masks,
    })
}
