//! Pictures for the model: images, tinted where masks are.

use std::sync::Arc;

use image::RgbImage;

use super::{
    Session,
    values::{MaskValue, mask::ObjectMask},
};
use crate::{geometry::Mask, llm::Picture, scene::View};

/// Far apart in hue, so that neighbours differ (Okabe and Ito 2008).
const TINTS: [[u8; 3]; 7] =
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];

/// Adds a picture, or counts it as left out when the cell has shown enough.
pub fn show_picture(session: &Session, label: String, image: Arc<RgbImage>) {
    let max = session.context.max_pictures;
    let mut cell = session.cell();
    if cell.pictures.len() < max {
        cell.pictures.push(Picture { label, image });
    } else {
        cell.n_pictures_left_out += 1;
    }
}

/// One picture per frame with all its masks.
pub fn show_masks(session: &Session, value: &MaskValue, label: Option<&str>) {
    for (frame, masks) in value.frames.iter().zip(&value.masks) {
        let view = frame.view();
        let names: Vec<&str> = value
            .labels
            .iter()
            .zip(masks)
            .filter(|(_, mask)| mask.bounding_box().is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let title = format!("{} in frame {} ({})", names.join(", "), view.view_idx, view.camera);
        let title = label.map_or(title.clone(), |label| format!("{label}: {title}"));
        show_picture(session, title, Arc::new(tinted(view, masks)));
    }
}

/// One picture with one mask.
pub fn show_object_mask(session: &Session, value: &ObjectMask, label: Option<&str>) {
    let view = value.frame.view();
    let title = label.map_or_else(|| format!("{} in frame {}", value.label, view.view_idx), str::to_owned);
    show_picture(session, title, Arc::new(tinted(view, std::slice::from_ref(&value.mask))));
}

fn tinted(view: &View, masks: &[Mask]) -> RgbImage {
    let mut image = (*view.image).clone();
    for (mask, tint) in masks.iter().zip(TINTS.iter().cycle()) {
        for (x, y, pixel) in image.enumerate_pixels_mut() {
            if mask.contains(x, y) {
                for (channel, tint) in pixel.0.iter_mut().zip(tint) {
                    *channel = ((u16::from(*channel) + u16::from(*tint)) / 2) as u8;
                }
            }
        }
    }
    image
}
