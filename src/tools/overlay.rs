//! Pictures for the model: what may be shown, and images tinted where masks are.

use std::sync::Arc;

use image::{Rgb, RgbImage};
use rhai::{Dynamic, Map};

use super::{
    Session, ToolError,
    arguments::frame,
    values::{MaskValue, PerFrameMaskValue, PictureValue, per_frame::PerFrame, picture},
};
use crate::{
    answer::canvas::{Canvas, Lettering, PALETTE, Strip, with_strip},
    geometry::Mask,
    llm::Picture,
};

/// Pictures that one question may show.
pub const MAX_SESSION_PICTURES: u32 = 250;

/// Adds a picture with its label on a strip below it, where it moves no pixel. Beyond what the cell or the question may show it is left out,
/// and that is said.
pub fn show_picture(session: &Session, label: String, image: &RgbImage) {
    let max = session.context.max_pictures;
    if session.cell().pictures.len() >= max {
        session.cell().n_pictures_left_out += 1;
        return;
    }
    if !session.count_picture(MAX_SESSION_PICTURES) {
        session.print(&format!(
            "left out the picture {label:?}: this question has shown its {MAX_SESSION_PICTURES}; print descriptions and numbers instead"
        ));
        return;
    }
    let image = Arc::new(with_strip(image, &label, Strip::Below));
    session.cell().pictures.push(Picture { label, image });
}

/// One frame of a PerFrameMask: its image, or another background of the same size, with every visible object tinted, outlined and named.
///
/// # Errors
/// A background of another size.
pub fn masks_picture(
    masks: &PerFrameMaskValue,
    position: usize,
    background: &Dynamic,
) -> Result<PictureValue, ToolError> {
    let objects: Result<Vec<MaskValue>, ToolError> =
        (0..masks.labels.len()).map(|object| masks.at(position, object)).collect();
    let objects = objects?;
    let Some(frame_value) = masks.series().frames().get(position) else {
        return Err(ToolError::argument("there is no such frame"));
    };
    let image = match background.read_lock::<PictureValue>() {
        Some(picture) => picture.image.clone(),
        None if background.is_unit() => frame_value.view().image.clone(),
        None => frame(background, "background")?.view().image.clone(),
    };
    let (width, height) = frame_value.size_px();
    if image.dimensions() != (width, height) {
        let (found_width, found_height) = image.dimensions();
        return Err(ToolError::argument(format!(
            "the background is {found_width}x{found_height} px and the masks {width}x{height} px; leave it out to use the frame itself"
        )));
    }
    let visible: Vec<(usize, &MaskValue)> =
        objects.iter().enumerate().filter(|(_, mask)| mask.mask.as_slice().contains(&true)).collect();
    let drawn = tinted(&image, &visible);
    let names: Vec<String> = visible.iter().map(|(id, mask)| format!("{id}: {}", mask.label)).collect();
    let view = frame_value.view();
    let what = if names.is_empty() { "no object".to_owned() } else { names.join(", ") };
    let description = format!("{what} in frame {} (camera {} at {})", view.view_idx, view.camera, view.stamp);
    Ok(PictureValue::new(picture::Inner {
        image: Arc::new(drawn),
        source: "PerFrameMask.visualize".to_owned(),
        description,
        frame: Some(frame_value.clone()),
        meta: Map::new(),
    }))
}

/// One object over its frame's image.
pub fn mask_image(mask: &MaskValue) -> RgbImage {
    tinted(&mask.frame.view().image, &[(0, mask)])
}

/// The colour of the object at this position.
pub fn color_of(object: usize) -> [u8; 3] {
    PALETTE.get(object % PALETTE.len()).copied().unwrap_or([230, 159, 0])
}

fn tinted(image: &RgbImage, masks: &[(usize, &MaskValue)]) -> RgbImage {
    let mut canvas = Canvas { image: image.clone() };
    for (id, mask) in masks {
        for (u, v) in mask.mask.pixels() {
            match is_edge(&mask.mask, u, v) {
                true => canvas.set(i64::from(u), i64::from(v), Rgb([255, 255, 255])),
                false => canvas.tint(u, v, color_of(*id), 0.5),
            }
        }
    }
    for (id, mask) in masks {
        let Some((u, v)) = mask.mask.median_pixel() else { continue };
        let how = Lettering { color: Rgb(color_of(*id)), scale: 1, ground: Some((Rgb([0, 0, 0]), 1)) };
        canvas.centred_text(u, v, &format!("{id}: {}", mask.label), &how);
    }
    canvas.image
}

fn is_edge(mask: &Mask, u: u32, v: u32) -> bool {
    let is_inside = u > 0 && mask.contains(u - 1, v) && mask.contains(u + 1, v) && v > 0 && mask.contains(u, v - 1);
    !(is_inside && mask.contains(u, v + 1))
}
