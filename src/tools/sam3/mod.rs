//! `tools.SAM3`: pixels by words, points and boxes, under the names that models know from the Segment Anything family. Any segmenter answers;
//! what it cannot take is refused with what it can.

mod follow;
mod image;
mod video;
mod window;

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{
    Kind, Param, Session, TEXT, ToolError, ToolSpec, Toolbox,
    arguments::{frame, names, text},
    input_images::{self, frames},
    measure::segments,
    pixel_shapes as shapes,
    values::{FrameValue, PerFrameMaskValue, mask::threshold},
};
use crate::perception::Prompt;

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Sam3;

/// Confidence that an instance needs when the cell does not say.
const MIN_SCORE: f64 = 0.3;

const IMAGE: Param = Param::required("image", Kind::Value("Frame"));
const LABEL: Param = Param::optional("label", TEXT, "\"object\"").about("name of the result");
const SCORE: Param = Param::optional("confidence_threshold", Kind::Number, "0.3");
const POINTS: Kind = Kind::ListOf(&Kind::Pixel);
const FRAME_INDICES: Param =
    Param::optional("frame_indices", Kind::ListOf(&Kind::Int), "").about("positions in InputImages");
const START: Param = Param::optional("start_frame", Kind::Int, "the first").about("position in InputImages, inclusive");
const END: Param =
    Param::optional("end_frame", Kind::Int, "behind the last").about("position in InputImages, exclusive");
const CAMERA: Param = Param::optional("camera", Kind::Text("camera name"), "");
const PROMPT_FRAME: Param =
    Param::optional("prompt_frame_idx", Kind::AnyOf(&[Kind::Int, Kind::Value("Frame")]), "the window's first")
        .about("position in InputImages of the frame that the prompt is on");

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.SAM3.segment_image_by_text",
        params: &[IMAGE, Param::required("prompt", TEXT), Param::optional("label", TEXT, "its own name"), SCORE],
        returns: "PerFrameMask",
        doc: "Every instance of the name in one frame. NOT_VISIBLE lists what is visible.",
        example: "let masks = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"); print(masks.num_objects);",
    },
    ToolSpec {
        path: "tools.SAM3.segment_image_by_points",
        params: &[
            IMAGE,
            Param::required("points", Kind::AnyOf(&[Kind::Pixel, POINTS])),
            Param::optional("point_labels", Kind::ListOf(&Kind::Int), "all 1").about("1 on the thing, 0 off it"),
            LABEL,
        ],
        returns: "PerFrameMask",
        doc: "The one thing that holds the points labelled 1 and none labelled 0. AMBIGUOUS_REFERENT when two hold as many.",
        example: "let mug = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\").get_mask(-1); print(tools.SAM3.segment_image_by_points(InputImages[-1], mug.centroid).get_mask(-1).iou(mug));",
    },
    ToolSpec {
        path: "tools.SAM3.segment_image_by_box",
        params: &[IMAGE, Param::required("box", Kind::PixelBox), LABEL],
        returns: "PerFrameMask",
        doc: "The one thing whose own box overlaps this one best (intersection over union, at least 0.1).",
        example: "let mug = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\").get_mask(-1); print(tools.SAM3.segment_image_by_box(InputImages[-1], mug.box).get_mask(-1).iou(mug));",
    },
    ToolSpec {
        path: "tools.SAM3.segment_video_by_text",
        params: &[
            Param::required("prompts", Kind::AnyOf(&[TEXT, Kind::ListOf(&TEXT)])),
            Param::optional("labels", Kind::ListOf(&TEXT), "their own names").about("one per prompt"),
            FRAME_INDICES,
            START,
            END,
            CAMERA,
            SCORE,
        ],
        returns: "PerFrameMask",
        doc: "All instances of all names over the frames, each followed from frame to frame; where one is absent its mask is empty.",
        example: "let masks = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]); print(masks.labels);",
    },
    ToolSpec {
        path: "tools.SAM3.segment_video_by_points",
        params: &[
            Param::required("points_per_object", Kind::AnyOf(&[Kind::Pixel, POINTS, Kind::ListOf(&POINTS)])),
            Param::optional("point_labels_per_object", Kind::ListOf(&Kind::ListOf(&Kind::Int)), "all 1"),
            Param::optional("labels", Kind::ListOf(&TEXT), "").about("one per object"),
            PROMPT_FRAME,
            FRAME_INDICES,
            START,
            END,
            CAMERA,
        ],
        returns: "PerFrameMask",
        doc: "The things under the points of one frame, followed to the camera's other frames.",
        example: "let mug = tools.SAM3.segment_image_by_text(InputImages[0], \"mug\").get_mask(0); print(tools.SAM3.segment_video_by_points([[mug.centroid]], #{labels: [\"mug\"]}).frames_of(\"mug\"));",
    },
    ToolSpec {
        path: "tools.SAM3.segment_video_by_box",
        params: &[
            Param::required("boxes", Kind::AnyOf(&[Kind::PixelBox, Kind::ListOf(&Kind::PixelBox)])),
            Param::optional("labels", Kind::ListOf(&TEXT), "").about("one per box"),
            PROMPT_FRAME,
            FRAME_INDICES,
            START,
            END,
            CAMERA,
        ],
        returns: "PerFrameMask",
        doc: "The things in the boxes of one frame, followed to the camera's other frames.",
        example: "let mug = tools.SAM3.segment_image_by_text(InputImages[0], \"mug\").get_mask(0); print(tools.SAM3.segment_video_by_box(mug.box, #{labels: [\"mug\"]}).frames_of(\"mug\"));",
    },
    ToolSpec {
        path: "tools.SAM3.is_object_exist",
        params: &[Param::required("images", input_images::KIND), Param::required("object_name", TEXT), SCORE],
        returns: "#{exists: list of bool | (), counts: list of int | (), states: list of \"yes\" | \"no\" | \"unknown\", reasons: list of string | (), summary: string}",
        doc: "Whether the name is visible in each frame. A frame that could not be looked at is unknown, with its reason, never absent.",
        example: "print(tools.SAM3.is_object_exist(InputImages, \"mug\").summary);",
    },
    ToolSpec {
        path: "tools.SAM3.labels",
        params: &[IMAGE],
        returns: "list of string",
        doc: "Sorted names of everything visible in one frame.",
        example: "print(tools.SAM3.labels(InputImages[-1]));",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Sam3>) {
    tools.add("segment_image_by_text", |session, [image, prompt, label, score]| {
        let asked = image::ByText {
            prompt: text(&prompt, "prompt")?,
            label: optional_text(&label, "label")?,
            min_score: threshold(&score, MIN_SCORE)?,
        };
        image::by_text(session, &frame(&image, "image")?, &asked)
    });
    tools.add("segment_image_by_points", |session, [image, points, labels, label]| {
        let frame = frame(&image, "image")?;
        let prompt = shapes::points_prompt(&points, &labels, frame.size_px())?;
        let label = optional_text(&label, "label")?;
        image::of_segment(&frame, image::one(session, &frame, &prompt)?, label)
    });
    tools.add("segment_image_by_box", |session, [image, wanted, label]| {
        let frame = frame(&image, "image")?;
        let prompt = Prompt::Box(shapes::one_box(&wanted, "box", frame.size_px())?);
        let label = optional_text(&label, "label")?;
        image::of_segment(&frame, image::one(session, &frame, &prompt)?, label)
    });
    tools.add("segment_video_by_text", |session, [prompts, labels, indices, start, end, camera, score]| {
        let prompts = names(&prompts, "prompts")?;
        let labels = optional_names(&labels, prompts.len(), "prompts")?;
        let frames = window::frames(session, &window::Asked { indices, start, end, camera })?;
        video::by_text(session, frames, &video::Named { prompts, labels, min_score: threshold(&score, MIN_SCORE)? })
    });
    tools.add("segment_video_by_points", |session, [points, point_labels, labels, on, indices, start, end, camera]| {
        let names = if labels.is_unit() { None } else { Some(names(&labels, "labels")?) };
        let (frames, at) = window::of_prompt(session, &on, window::Asked { indices, start, end, camera })?;
        let size_px = frames.get(at).map_or((0, 0), FrameValue::size_px);
        let prompts = shapes::point_prompts(&points, &point_labels, names.as_deref(), size_px)?;
        video::by_prompts(session, frames, at, &prompts, names)
    });
    tools.add("segment_video_by_box", |session, [boxes, labels, on, indices, start, end, camera]| {
        let names = if labels.is_unit() { None } else { Some(names(&labels, "labels")?) };
        let (frames, at) = window::of_prompt(session, &on, window::Asked { indices, start, end, camera })?;
        let size_px = frames.get(at).map_or((0, 0), FrameValue::size_px);
        let boxes = shapes::boxes(&boxes, size_px)?;
        let prompts: Vec<Prompt> = boxes.into_iter().map(Prompt::Box).collect();
        video::by_prompts(session, frames, at, &prompts, names)
    });
    tools.add("is_object_exist", |session, [images, name, score]| {
        let name = text(&name, "object_name")?;
        image::exists(session, &frames(&images, "images")?, &name, threshold(&score, MIN_SCORE)?)
    });
    tools.add("labels", |session, [image]| {
        Ok(labels(session, &frame(&image, "image")?)?.into_iter().map(Dynamic::from).collect::<Array>())
    });
}

fn optional_text(value: &Dynamic, what: &str) -> Result<Option<String>, ToolError> {
    if value.is_unit() { Ok(None) } else { text(value, what).map(Some) }
}

/// One name for each of `expected` things, or none at all.
fn optional_names(value: &Dynamic, expected: usize, of: &str) -> Result<Option<Vec<String>>, ToolError> {
    if value.is_unit() {
        return Ok(None);
    }
    let found = names(value, "labels")?;
    if found.len() == expected {
        return Ok(Some(found));
    }
    Err(ToolError::argument(format!("there are {} labels for {expected} {of}; give one for each", found.len())))
}

/// All instances of names over frames.
///
/// # Errors
/// `NOT_VISIBLE` when there is none; an outage when no frame could be looked at.
pub fn follow_names(
    session: &Arc<Session>,
    frames: Vec<FrameValue>,
    prompts: Vec<String>,
) -> Result<PerFrameMaskValue, ToolError> {
    video::by_text(session, frames, &video::Named { prompts, labels: None, min_score: MIN_SCORE })
}

/// Sorted names of everything in one frame.
fn labels(session: &Arc<Session>, frame: &FrameValue) -> Result<Vec<String>, ToolError> {
    let mut labels: Vec<String> =
        segments(session, frame.view(), &Prompt::Everything)?.into_iter().map(|segment| segment.label).collect();
    labels.sort();
    labels.dedup();
    Ok(labels)
}

/// Labels of several instances, made different: `cup` and `cup` become `cup#7` and `cup#8`, or `cup_0` and `cup_1` without ids.
fn distinct(labels: &[String], instances: &[Option<u32>]) -> Vec<String> {
    let named: Vec<String> = labels
        .iter()
        .zip(instances)
        .map(|(label, instance)| {
            let n_alike = labels.iter().filter(|other| *other == label).count();
            match instance {
                Some(instance) if n_alike > 1 => format!("{label}#{instance}"),
                _ => label.clone(),
            }
        })
        .collect();
    let numbered = |at: usize, label: &String| {
        let n_alike = named.iter().filter(|other| *other == label).count();
        let n_before = named.iter().take(at).filter(|other| *other == label).count();
        if n_alike > 1 { format!("{label}_{n_before}") } else { label.clone() }
    };
    named.iter().enumerate().map(|(at, label)| numbered(at, label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_labels_are_made_different() {
        let check = |labels: &[&str], ids: &[Option<u32>], expected: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            assert_eq!(distinct(&labels, ids), expected);
        };
        check(&["mug", "cup"], &[Some(5), None], &["mug", "cup"]);
        check(&["cup", "cup"], &[Some(7), Some(8)], &["cup#7", "cup#8"]);
        check(&["cup", "cup"], &[None, None], &["cup_0", "cup_1"]);
        check(&["cup", "mug", "cup"], &[Some(7), None, None], &["cup#7", "mug", "cup"]);
    }
}
