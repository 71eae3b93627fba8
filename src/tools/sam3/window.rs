//! Which frames of `InputImages` a video call is about.

use std::sync::Arc;

use rhai::Dynamic;

use crate::tools::{
    Session, ToolError,
    arguments::{describe, list, text},
    input_images,
    values::{
        FrameValue,
        per_frame::{join, whole},
    },
};

/// Most frames of one call.
const MAX_FRAMES: usize = 1000;

/// As the cell wrote it; `()` where it said nothing.
pub struct Asked {
    /// Positions in `InputImages`.
    pub indices: Dynamic,
    /// First position.
    pub start: Dynamic,
    /// Position behind the last.
    pub end: Dynamic,
    /// Name of the only camera.
    pub camera: Dynamic,
}

/// The frames asked for, oldest first.
///
/// # Errors
/// Positions that do not exist, an unknown camera, or an empty or too long window.
pub fn frames(session: &Arc<Session>, asked: &Asked) -> Result<Vec<FrameValue>, ToolError> {
    let all = input_images::value(session).frames();
    let bound = |value: &Dynamic, default: usize, what: &str| -> Result<usize, ToolError> {
        if value.is_unit() {
            return Ok(default);
        }
        let number = whole(value).ok_or_else(|| {
            ToolError::argument(format!("{what} is {}, wanted a position in InputImages", describe(value)))
        })?;
        let from_start = if number < 0 { number.saturating_add(all.len() as i64) } else { number };
        usize::try_from(from_start)
            .ok()
            .filter(|at| *at <= all.len())
            .ok_or_else(|| ToolError::argument(format!("{what} is {number}, but InputImages has {} frames", all.len())))
    };
    let (start, end) = (bound(&asked.start, 0, "start_frame")?, bound(&asked.end, all.len(), "end_frame")?);
    let mut chosen: Vec<FrameValue> = match asked.indices.is_unit() {
        true => all.clone(),
        false => listed(&asked.indices, &all)?,
    };
    chosen.retain(|frame| (start..end).contains(&frame.index()));
    if !asked.camera.is_unit() {
        let camera = text(&asked.camera, "camera")?;
        if !all.iter().any(|frame| *frame.view().camera == *camera) {
            let mut cameras: Vec<String> = all.iter().map(|frame| frame.view().camera.to_string()).collect();
            cameras.sort();
            cameras.dedup();
            return Err(ToolError::argument(format!("camera is {camera:?}, there are {}", cameras.join(", "))));
        }
        chosen.retain(|frame| *frame.view().camera == *camera);
    }
    if chosen.is_empty() {
        return Err(ToolError::argument(format!(
            "no frame is in this window; InputImages has {} frames, end_frame is exclusive",
            all.len()
        )));
    }
    if chosen.len() > MAX_FRAMES {
        return Err(ToolError::argument(format!(
            "the window has {} frames, at most {MAX_FRAMES}; give start_frame and end_frame, or frame_indices",
            chosen.len()
        )));
    }
    Ok(chosen)
}

fn listed(indices: &Dynamic, all: &[FrameValue]) -> Result<Vec<FrameValue>, ToolError> {
    let mut chosen: Vec<FrameValue> = Vec::new();
    for (i, item) in list(indices, "frame_indices")?.iter().enumerate() {
        let frame = match item.read_lock::<FrameValue>() {
            Some(frame) => frame.clone(),
            None => {
                let number = whole(item).map(|n| if n < 0 { n.saturating_add(all.len() as i64) } else { n });
                let at = number.and_then(|n| usize::try_from(n).ok());
                at.and_then(|at| all.get(at)).cloned().ok_or_else(|| {
                    ToolError::argument(format!(
                        "frame_indices[{i}] is {}, InputImages has {} frames",
                        describe(item),
                        all.len()
                    ))
                })?
            }
        };
        if !chosen.iter().any(|seen| seen.is_same_as(&frame)) {
            chosen.push(frame);
        }
    }
    chosen.sort_by_key(FrameValue::index);
    Ok(chosen)
}

/// The frames of a prompt on one of them, and its position among them. Without a camera or a list it is the camera of that frame.
///
/// # Errors
/// See [`frames`]; also a prompt frame outside the window.
pub fn of_prompt(
    session: &Arc<Session>,
    prompt_frame: &Dynamic,
    mut asked: Asked,
) -> Result<(Vec<FrameValue>, usize), ToolError> {
    let first_camera = |frames: &[FrameValue]| frames.first().map(|frame| frame.view().camera.to_string());
    let window = frames(session, &asked)?;
    let on = match prompt_frame.is_unit() {
        true => None,
        false => Some(listed(&Dynamic::from(vec![prompt_frame.clone()]), &input_images::value(session).frames())?),
    };
    let prompted = on.and_then(|frames| frames.into_iter().next());
    if asked.camera.is_unit() && asked.indices.is_unit() {
        let camera = prompted.as_ref().map(|frame| frame.view().camera.to_string()).or_else(|| first_camera(&window));
        asked.camera = camera.map_or(Dynamic::UNIT, Dynamic::from);
    }
    let window = frames(session, &asked)?;
    let Some(prompted) = prompted else { return Ok((window, 0)) };
    match window.iter().position(|frame| frame.is_same_as(&prompted)) {
        Some(at) => Ok((window, at)),
        None => {
            let indices: Vec<usize> = window.iter().map(FrameValue::index).collect();
            Err(ToolError::argument(format!(
                "prompt_frame_idx is {} (a position in InputImages), the window has frames {}",
                prompted.index(),
                join(&indices)
            )))
        }
    }
}
