//! `show(...)`: pictures for the model.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine};

use super::{
    Kind, Param, Session, TEXT, ToolError, ToolSpec,
    arguments::{describe, text},
    overlay::{show_masks, show_object_mask, show_picture},
    register_function,
    values::{FrameValue, ImagesValue, MaskValue, ObjectValue, mask::ObjectMask},
};

/// Declarations.
pub const SPECS: &[ToolSpec; 1] = &[ToolSpec {
    path: "show",
    params: &[
        Param::required(
            "picture",
            Kind::AnyOf(&[
                Kind::Value("Frame"),
                Kind::Value("PerFrameMask"),
                Kind::Value("Mask"),
                Kind::Value("Object"),
                Kind::Value("list of these"),
            ]),
        ),
        Param::optional("label", TEXT, ""),
    ],
    returns: "()",
    doc: "Attaches a picture to the feedback of this cell.",
    example: "show(InputImages[-1], \"now\");",
}];

/// Makes the function known.
pub fn register(engine: &mut Engine, session: &Arc<Session>) {
    register_function(engine, session, &SPECS[0], |session, [picture, label]| {
        let label = if label.is_unit() { None } else { Some(text(&label, "label")?) };
        Ok(show(session, &picture, label.as_deref())?)
    });
}

fn show(session: &Arc<Session>, picture: &Dynamic, label: Option<&str>) -> Result<(), ToolError> {
    if let Some(frame) = picture.read_lock::<FrameValue>() {
        show_frame(session, &frame, label);
    } else if let Some(images) = picture.read_lock::<ImagesValue>() {
        images.frames().iter().for_each(|frame| show_frame(session, frame, label));
    } else if let Some(mask) = picture.read_lock::<MaskValue>() {
        show_masks(session, &mask, label);
    } else if let Some(mask) = picture.read_lock::<ObjectMask>() {
        show_object_mask(session, &mask, label);
    } else if let Some(object) = picture.read_lock::<ObjectValue>() {
        let Some(frame) = FrameValue::new(&session.context.snapshot, object.points.view_idx) else {
            return Err(ToolError::argument(format!("{} was seen in no image of this question", object.name())));
        };
        let label = label.map_or_else(|| object.name(), str::to_owned);
        show_frame(session, &frame, Some(&label));
    } else if let Some(list) = picture.read_lock::<Array>() {
        for item in list.iter() {
            show(session, item, label)?;
        }
    } else {
        let found = describe(picture);
        return Err(ToolError::argument(format!(
            "show got {found}, wanted a Frame, a PerFrameMask, an Object or a list of these"
        )));
    }
    Ok(())
}

fn show_frame(session: &Arc<Session>, frame: &FrameValue, label: Option<&str>) {
    let label = label.map_or_else(|| frame.text(), str::to_owned);
    show_picture(session, label, frame.view().image.clone());
}
