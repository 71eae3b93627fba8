//! `show(...)`: pictures for the model.

use std::sync::Arc;

use image::{Rgb, RgbImage};
use rhai::{Array, Dynamic};

use super::{
    Kind, Library, Param, Session, TEXT, ToolError, ToolSpec,
    arguments::{describe, list, text},
    overlay::{mask_image, masks_picture, show_picture},
    register_function,
    values::{
        FrameValue, ImagesValue, MaskValue, ObjectValue, PerFrameMaskValue, PictureValue,
        depth::{DepthImageValue, PerFrameDepthValue},
        numbers::mask_of,
        per_frame::PerFrame,
    },
};
use crate::array::{Arr, Bools};

/// What can be shown.
const WANTED: &str =
    "a Frame, PerFrameMask, Mask, Object, Picture, DepthImage, an HxW or HxWx3 Arr, HxW Bools, or a list of these";

/// Most items of one call, lists included.
const MAX_ITEMS: usize = 1000;

/// Declarations.
pub const SPECS: &[ToolSpec; 1] = &[ToolSpec {
    path: "show",
    params: &[
        Param::required(
            "pictures",
            Kind::Many(&Kind::AnyOf(&[
                Kind::Value("Frame"),
                Kind::Value("PerFrameMask"),
                Kind::Value("Mask"),
                Kind::Value("Object"),
                Kind::Value("Picture"),
                Kind::Value("DepthImage"),
                Kind::Value("Arr"),
                Kind::Value("list of these"),
            ])),
        ),
        Param::optional("label", TEXT, "").about("words below the picture; also as the last argument"),
    ],
    returns: "()",
    doc: "Attaches pictures to the feedback of this cell, each with its label on a strip below it: pixel positions stay those of the image.",
    example: "show(InputImages[-1], \"now\");",
}];

/// Makes the function known.
pub fn register(library: &mut Library) {
    register_function(library, &SPECS[0], |session, [pictures, label]| {
        let mut pictures = list(&pictures, "pictures")?;
        let mut label = if label.is_unit() { None } else { Some(text(&label, "label")?) };
        if label.is_none() && pictures.len() > 1 && pictures.last().is_some_and(Dynamic::is_string) {
            label = pictures.pop().map(|label| text(&label, "label")).transpose()?;
        }
        let mut items = Vec::new();
        flatten(&pictures, &mut items)?;
        let n = items.len();
        for (i, item) in items.iter().enumerate() {
            let label =
                label.as_ref().map(|label| if n > 1 { format!("{label} ({}/{n})", i + 1) } else { label.clone() });
            show(session, item, label.as_deref())?;
        }
        Ok(())
    });
}

/// Everything that becomes one picture.
fn flatten(pictures: &Array, items: &mut Vec<Dynamic>) -> Result<(), ToolError> {
    for picture in pictures {
        if let Some(list) = picture.read_lock::<Array>() {
            flatten(&list, items)?;
        } else if let Some(images) = picture.read_lock::<ImagesValue>() {
            items.extend(images.frames().into_iter().map(Dynamic::from));
        } else if let Some(masks) = picture.read_lock::<PerFrameMaskValue>() {
            for position in 0..masks.series().frames().len() {
                items.push(Dynamic::from(masks_picture(&masks, position, &Dynamic::UNIT)?));
            }
        } else if let Some(depths) = picture.read_lock::<PerFrameDepthValue>() {
            for position in 0..depths.series().frames().len() {
                items.push(depths.entry(position)?);
            }
        } else {
            items.push(picture.clone());
        }
        if items.len() > MAX_ITEMS {
            return Err(ToolError::argument(format!("show got more than {MAX_ITEMS} pictures; choose some")));
        }
    }
    Ok(())
}

fn show(session: &Arc<Session>, item: &Dynamic, label: Option<&str>) -> Result<(), ToolError> {
    let named = |own: String| label.map_or(own.clone(), str::to_owned);
    if let Some(frame) = item.read_lock::<FrameValue>() {
        show_picture(session, named(frame.text()), &frame.view().image);
    } else if let Some(picture) = item.read_lock::<PictureValue>() {
        let first_line = picture.description.lines().next().unwrap_or_default();
        let own = match picture.source.as_str() {
            "PerFrameMask.visualize" => first_line.to_owned(),
            source => format!("{source}: {first_line}"),
        };
        let label = label.map_or(own, |label| match picture.frame.is_some() {
            true => format!("{label}: {first_line}"),
            false => label.to_owned(),
        });
        show_picture(session, label, &picture.image);
    } else if let Some(mask) = item.read_lock::<MaskValue>() {
        show_picture(session, named(format!("{} in {}", mask.label, mask.frame.name())), &mask_image(&mask));
    } else if let Some(object) = item.read_lock::<ObjectValue>() {
        let Some(frame) = FrameValue::new(&session.context.snapshot, object.points.view_idx) else {
            return Err(ToolError::argument(format!("{} was seen in no image of this question", object.name())));
        };
        show_picture(session, named(object.name()), &frame.view().image);
    } else if let Some(depth) = item.read_lock::<DepthImageValue>() {
        let values: Vec<f64> = depth.depth().depth_m().iter().map(|depth_m| f64::from(*depth_m)).collect();
        let (image, range) = mapped(depth.depth().width_px(), depth.depth().height_px(), &values)?;
        show_picture(session, format!("{}: {range} m", named(format!("depth of {}", depth.frame().name()))), &image);
    } else if let Some(arr) = item.read_lock::<Arr>() {
        let (image, words) = image_of(&arr)?;
        show_picture(session, format!("{}{words}", named("array".to_owned())), &image);
    } else if let Some(bools) = item.read_lock::<Bools>() {
        let mask = mask_of(&bools, "the array")?;
        let of = |set: bool| if set { Rgb([255, 255, 255]) } else { Rgb([0, 0, 0]) };
        let image = RgbImage::from_fn(mask.width_px(), mask.height_px(), |u, v| of(mask.contains(u, v)));
        show_picture(session, named("truth values, white is true".to_owned()), &image);
    } else {
        return Err(ToolError::argument(format!("show got {}, wanted {WANTED}", describe(item))));
    }
    Ok(())
}

/// An array as a picture, and what its colours mean.
fn image_of(arr: &Arr) -> Result<(RgbImage, String), ToolError> {
    let size = |n: usize| u32::try_from(n).ok().filter(|n| (1..=8192).contains(n));
    match arr.shape() {
        [height, width] => {
            if let (Some(width), Some(height)) = (size(*width), size(*height)) {
                let (image, range) = mapped(width, height, arr.as_slice())?;
                return Ok((image, format!(": {range}")));
            }
        }
        [height, width, 3] => {
            if let (Some(width), Some(height)) = (size(*width), size(*height)) {
                let bytes = arr.as_slice().iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
                if let Some(image) = RgbImage::from_raw(width, height, bytes) {
                    return Ok((image, String::new()));
                }
            }
        }
        _ => {}
    }
    Err(ToolError::argument(format!(
        "show got an Arr of shape {:?}, wanted HxW (coloured by value) or HxWx3 (red, green, blue from 0 to 255)",
        arr.shape()
    )))
}

/// Values as colours from dark to bright; what is not finite is grey.
fn mapped(width: u32, height: u32, values: &[f64]) -> Result<(RgbImage, String), ToolError> {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let words = match low.is_finite() {
        true => format!("dark {low:.3} to bright {high:.3}, grey unknown"),
        false => "grey: nothing is known".to_owned(),
    };
    let span = if high > low { high - low } else { 1.0 };
    let color = |v: &f64| if v.is_finite() { viridis((v - low) / span) } else { [128, 128, 128] };
    let bytes: Vec<u8> = values.iter().flat_map(color).collect();
    let image = RgbImage::from_raw(width, height, bytes)
        .ok_or_else(|| ToolError::argument(format!("{} values do not fill {width}x{height} pixels", values.len())))?;
    Ok((image, words))
}

/// Colours of equal steps in brightness (van der Walt and Smith 2015, "viridis", CC0), by linear interpolation over nine of them.
fn viridis(share: f64) -> [u8; 3] {
    const STOPS: [[f64; 3]; 9] = [
        [68.0, 1.0, 84.0],
        [71.0, 44.0, 122.0],
        [59.0, 81.0, 139.0],
        [44.0, 113.0, 142.0],
        [33.0, 144.0, 141.0],
        [39.0, 173.0, 129.0],
        [92.0, 200.0, 99.0],
        [170.0, 220.0, 50.0],
        [253.0, 231.0, 37.0],
    ];
    let at = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let below = STOPS.get(at.floor() as usize).copied().unwrap_or_default();
    let above = STOPS.get(at.ceil() as usize).copied().unwrap_or(below);
    let mix = |axis: usize| (below[axis] + (above[axis] - below[axis]) * at.fract()).round() as u8;
    [mix(0), mix(1), mix(2)]
}
