//! `tools.SAM3`: pixels by name, under the names that models know from the Segment Anything family. Any segmenter answers.

use std::sync::Arc;

use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, Session, TEXT, ToolError, ToolSpec, Toolbox,
    arguments::{frame, names, text},
    input_images::{self, frames},
    measure::segments,
    values::{FrameValue, MaskValue, mask},
};
use crate::{
    error_code::ErrorCode,
    geometry::Mask,
    perception::{Prompt, Segment, name_match::best_matches},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Sam3;

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.SAM3.segment_image_by_text",
        params: &[Param::required("image", Kind::Value("Frame")), Param::required("name", TEXT)],
        returns: "PerFrameMask",
        doc: "Every instance of the name in one frame. NOT_VISIBLE lists what is visible.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"); print(masks.num_objects);",
    },
    ToolSpec {
        path: "tools.SAM3.segment_video_by_text",
        params: &[Param::required("names", Kind::ListOf(&TEXT))],
        returns: "PerFrameMask",
        doc: "The instances of the names over all frames; where one is absent its mask is empty.",
        example: "let masks = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]); print(masks.labels);",
    },
    ToolSpec {
        path: "tools.SAM3.is_object_exist",
        params: &[Param::required("images", input_images::KIND), Param::required("name", TEXT)],
        returns: "#{exists: list of bool, counts: list of int, summary: string}",
        doc: "Whether the name is visible in each frame.",
        example: "print(tools.SAM3.is_object_exist(InputImages, \"mug\").summary);",
    },
    ToolSpec {
        path: "tools.SAM3.labels",
        params: &[Param::required("image", Kind::Value("Frame"))],
        returns: "list of string",
        doc: "Sorted names of everything visible in one frame.",
        example: "print(tools.SAM3.labels(InputImages[-1]));",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Sam3>) {
    tools.add("segment_image_by_text", |session, [image, name]| {
        segment_image(session, &frame(&image, "image")?, &text(&name, "name")?)
    });
    tools.add("segment_video_by_text", |session, [wanted]| segment_video(session, &names(&wanted, "names")?));
    tools.add("is_object_exist", |session, [images, name]| {
        exists(session, &frames(&images, "images")?, &text(&name, "name")?)
    });
    tools.add("labels", |session, [image]| {
        Ok(labels(session, &frame(&image, "image")?)?.into_iter().map(Dynamic::from).collect::<Array>())
    });
}

fn segment_image(session: &Arc<Session>, frame: &FrameValue, name: &str) -> Result<MaskValue, ToolError> {
    let found = segments(session, frame.view(), &Prompt::Text(name.to_owned()))?;
    if found.is_empty() {
        let view = frame.view();
        let visible =
            labels(session, frame).map(|labels| format!("; visible: {}", labels.join(", "))).unwrap_or_default();
        let message = format!("{name:?} is not visible to camera {} at {}{visible}", view.camera, view.stamp);
        return Err(ToolError::new(ErrorCode::NotVisible, message));
    }
    Ok(MaskValue::new(mask::Inner {
        labels: found.iter().map(|segment| segment.label.clone()).collect(),
        instances: found.iter().map(|segment| segment.instance).collect(),
        frames: vec![frame.clone()],
        masks: vec![found.into_iter().map(|segment| segment.mask).collect()],
    }))
}

/// Instances are followed by their id where the segmenter has ids, else by their order within a frame.
fn segment_video(session: &Arc<Session>, names: &[String]) -> Result<MaskValue, ToolError> {
    let frames = super::input_images::value(session).frames();
    let mut objects: Vec<(String, Option<u32>, usize)> = Vec::new();
    let mut found_in: Vec<Vec<Option<Mask>>> = Vec::new();
    for frame in &frames {
        let mut masks: Vec<Option<Mask>> = vec![None; objects.len()];
        for name in names {
            let mut n_of_label: Vec<(String, usize)> = Vec::new();
            for Segment { label, instance, mask, .. } in segments(session, frame.view(), &Prompt::Text(name.clone()))? {
                let nth = match n_of_label.iter_mut().find(|(seen, _)| *seen == label) {
                    Some((_, n)) => {
                        *n += 1;
                        *n
                    }
                    None => {
                        n_of_label.push((label.clone(), 0));
                        0
                    }
                };
                let key = (label, instance, if instance.is_some() { 0 } else { nth });
                let at = objects.iter().position(|object| *object == key).unwrap_or_else(|| {
                    objects.push(key);
                    masks.push(None);
                    objects.len() - 1
                });
                if let Some(slot) = masks.get_mut(at) {
                    *slot = Some(mask);
                }
            }
        }
        found_in.push(masks);
    }
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| best_matches(name, objects.iter().map(|(label, ..)| label.as_str())).is_empty())
        .collect();
    if let Some(name) = missing.first().filter(|_| missing.len() == names.len()) {
        let message = format!("{name:?} is not visible in any of {} frames", frames.len());
        return Err(ToolError::new(ErrorCode::NotVisible, message));
    }
    let masks = found_in.into_iter().zip(&frames).map(|(mut masks, frame)| {
        masks.resize(objects.len(), None);
        masks.into_iter().filter_map(|mask| mask.or_else(|| empty_mask(frame))).collect()
    });
    let masks = masks.collect();
    Ok(MaskValue::new(mask::Inner {
        labels: objects.iter().map(|(label, ..)| label.clone()).collect(),
        instances: objects.iter().map(|(_, instance, _)| *instance).collect(),
        frames,
        masks,
    }))
}

fn empty_mask(frame: &FrameValue) -> Option<Mask> {
    let (width, height) = (frame.view().intrinsics.width_px, frame.view().intrinsics.height_px);
    Mask::new(width, height, vec![false; width as usize * height as usize])
}

fn exists(session: &Arc<Session>, frames: &[FrameValue], name: &str) -> Result<Map, ToolError> {
    let mut counts = Vec::with_capacity(frames.len());
    for frame in frames {
        counts.push(segments(session, frame.view(), &Prompt::Text(name.to_owned()))?.len());
    }
    let n_seeing = counts.iter().filter(|n| **n > 0).count();
    let exists: Array = counts.iter().map(|n| Dynamic::from_bool(*n > 0)).collect();
    let n_each: Array = counts.iter().map(|n| Dynamic::from_int(*n as i64)).collect();
    let summary = format!("{name} is visible in {n_seeing} of {} frames", frames.len());
    Ok([("exists".into(), exists.into()), ("counts".into(), n_each.into()), ("summary".into(), summary.into())].into())
}

fn labels(session: &Arc<Session>, frame: &FrameValue) -> Result<Vec<String>, ToolError> {
    let mut labels: Vec<String> =
        segments(session, frame.view(), &Prompt::Everything)?.into_iter().map(|segment| segment.label).collect();
    labels.sort();
    labels.dedup();
    Ok(labels)
}
