//! `tools.OCR`: what is written in an image.

use std::sync::Arc;

use image::Rgb;
use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, Session, ToolError, ToolSpec, Toolbox,
    arguments::frame,
    overlay::color_of,
    values::{FrameValue, PictureValue, picture, pixel_mask::list_of_box},
};
use crate::{
    answer::canvas::{Canvas, Lettering},
    error_code::ErrorCode,
    perception::TextLine,
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Ocr;

/// Declarations.
pub const SPECS: &[ToolSpec] = &[ToolSpec {
    path: "tools.OCR.ocr",
    params: &[Param::required("image", Kind::Value("Frame"))],
    returns: "#{texts: list of string, boxes: list of [u_min, v_min, u_max, v_max], confidences: list of float, visualization: Picture}",
    doc: "Every line of writing in one frame, top to bottom; MODEL_UNAVAILABLE where no text reader is configured.",
    example: "try { print(tools.OCR.ocr(InputImages[-1]).texts); } catch (e) { print(e.message); }",
}];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Ocr>) {
    tools.add("ocr", |session, [image]| read(session, &frame(&image, "image")?));
}

fn read(session: &Arc<Session>, frame: &FrameValue) -> Result<Map, ToolError> {
    let Some(reader) = &session.context.perception.text_reader else {
        return Err(ToolError::new(
            ErrorCode::ModelUnavailable,
            "no text reader is configured, so writing cannot be read by a tool; show(image) and read it yourself",
        ));
    };
    let lines = reader.read(frame.view())?;
    let texts: Array = lines.iter().map(|line| Dynamic::from(line.text.clone())).collect();
    let boxes: Array = lines.iter().map(|line| Dynamic::from(list_of_box(&line.at))).collect();
    let scores: Array = lines.iter().map(|line| Dynamic::from_float(f64::from(line.score))).collect();
    Ok([
        ("texts".into(), texts.into()),
        ("boxes".into(), boxes.into()),
        ("confidences".into(), scores.into()),
        ("visualization".into(), Dynamic::from(drawn(frame, &lines))),
    ]
    .into())
}

fn drawn(frame: &FrameValue, lines: &[TextLine]) -> PictureValue {
    let mut canvas = Canvas { image: (*frame.view().image).clone() };
    for (at, TextLine { text, at: b, .. }) in lines.iter().enumerate() {
        let color = Rgb(color_of(at));
        let corner = |u: u32, v: u32| (i64::from(u), i64::from(v));
        canvas.rectangle(corner(b.u_min_px, b.v_min_px), corner(b.u_max_px, b.v_max_px), color, 2);
        let how = Lettering { color, scale: 1, ground: Some((Rgb([0, 0, 0]), 1)) };
        canvas.text(i64::from(b.u_min_px), i64::from(b.v_min_px) - 10, text, &how);
    }
    let words: Vec<String> = lines.iter().map(|line| format!("{:?}", line.text)).collect();
    let what = if words.is_empty() { "nothing is written".to_owned() } else { words.join(", ") };
    PictureValue::new(picture::Inner {
        image: Arc::new(canvas.image),
        source: "ocr".to_owned(),
        description: format!("{what} in {}", frame.name()),
        frame: Some(frame.clone()),
        meta: Map::new(),
    })
}
