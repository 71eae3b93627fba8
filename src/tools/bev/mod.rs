//! The scene from above: still things as rectangles, moving ones as paths, cameras and where they went.
//!
//! Masks and points are joined by frame, never by their place in a list. `thing` says from points what stood still and what moved, `layout`
//! where everything comes to lie on the picture, `draw` draws it and `words` says it.

mod draw;
mod layout;
mod robust;
mod thing;
mod words;

use std::sync::Arc;

use rhai::{Array, Dynamic};

use self::{
    layout::{Cameras, Layout},
    thing::{Sighting, Thing, Unseen},
};
use super::{
    Session, ToolError,
    arguments::{describe, names},
    measure::surroundings_of,
    sam3,
    values::{
        FrameValue, MaskValue, PerFrameMaskValue, PictureValue, ReconstructionValue,
        mask::{confident_part, threshold},
        per_frame::{PerFrame, join},
        picture,
    },
};

/// Confidence that a point needs to be drawn.
const MIN_CONFIDENCE: f64 = 0.1;

/// Rim of a mask that is left out, because its pixels mix two depths.
const RIM_PX: u32 = 3;

/// Share of a mask that must remain without its rim; otherwise it stays whole.
const MIN_CORE_SHARE: f64 = 0.1;

/// The picture for `render_bev(masks, labels, prompts, conf_threshold, ref_frame, ego_trajectory)`.
///
/// # Errors
/// Arguments that do not fit; masks that share no frame with the reconstruction; what the segmenter says about `prompts`.
pub fn render(
    session: &Arc<Session>,
    reconstruction: &ReconstructionValue,
    args: &[Dynamic; 6],
) -> Result<PictureValue, ToolError> {
    let [masks, labels, prompts, min_confidence, ref_frame, ego_path] = args;
    let mut all = mask_values(masks)?;
    if !prompts.is_unit() {
        let prompts = names(prompts, "prompts")?;
        all.push(sam3::follow_names(session, reconstruction.series().frames().to_vec(), prompts)?);
    }
    let names = object_names(&all, labels)?;
    let min_confidence = threshold(min_confidence, MIN_CONFIDENCE)?;
    let reference = reference_of(reconstruction, ref_frame)?;
    let wants_path = if ego_path.is_unit() { true } else { ego_path.as_bool().unwrap_or(true) };
    let (mut things, mut unseen) = (Vec::new(), Vec::new());
    let mut names = names.into_iter();
    for masks in &all {
        require_common(masks, reconstruction)?;
        for object in 0..masks.labels.len() {
            let label = names.next().unwrap_or_default();
            let sightings = sightings(reconstruction, masks, object, min_confidence)?;
            match Thing::of(label, &sightings) {
                Ok(thing) => things.push(thing),
                Err(missing) => unseen.push(missing),
            }
            if session.stop.poll().is_some() {
                return Err(ToolError::argument("render_bev was stopped"));
            }
        }
    }
    let cameras = Cameras::of(reconstruction, reference, wants_path)?;
    let layout = Layout::of(&cameras, &things);
    Ok(picture_of(reconstruction, &cameras, &layout, &things, &unseen))
}

fn picture_of(
    reconstruction: &ReconstructionValue,
    cameras: &Cameras,
    layout: &Layout,
    things: &[Thing],
    unseen: &[Unseen],
) -> PictureValue {
    PictureValue::new(picture::Inner {
        image: Arc::new(draw::draw(cameras, layout, things)),
        source: "render_bev".to_owned(),
        description: words::description(reconstruction, cameras, layout, things, unseen),
        frame: None,
        meta: words::meta(reconstruction, cameras, layout, things, unseen),
    })
}

fn mask_values(masks: &Dynamic) -> Result<Vec<PerFrameMaskValue>, ToolError> {
    if masks.is_unit() {
        return Ok(Vec::new());
    }
    if let Some(one) = masks.read_lock::<PerFrameMaskValue>() {
        return Ok(vec![one.clone()]);
    }
    let wrong = |value: &Dynamic, what: &str| {
        ToolError::argument(format!(
            "{what} is {}, wanted a PerFrameMask or a list of them, as tools.SAM3.segment_video_by_text gives",
            describe(value)
        ))
    };
    let Some(list) = masks.read_lock::<Array>() else { return Err(wrong(masks, "masks")) };
    list.iter()
        .enumerate()
        .map(|(i, item)| {
            let masks = item.read_lock::<PerFrameMaskValue>().map(|masks| masks.clone());
            masks.ok_or_else(|| wrong(item, &format!("masks[{i}]")))
        })
        .collect()
}

fn object_names(masks: &[PerFrameMaskValue], labels: &Dynamic) -> Result<Vec<String>, ToolError> {
    let own: Vec<String> = masks.iter().flat_map(|masks| masks.labels.clone()).collect();
    if labels.is_unit() {
        return Ok(own);
    }
    let given = names(labels, "labels")?;
    if given.len() == own.len() {
        return Ok(given);
    }
    Err(ToolError::argument(format!(
        "there are {} labels for {} objects ({}); give one for each, or leave labels out",
        given.len(),
        own.len(),
        own.join(", ")
    )))
}

fn require_common(masks: &PerFrameMaskValue, reconstruction: &ReconstructionValue) -> Result<(), ToolError> {
    if !masks.series().common(reconstruction.series()).is_empty() {
        return Ok(());
    }
    Err(ToolError::argument(format!(
        "the masks are of frames {}, the reconstruction of frames {}: they share none; reconstruct the masks' frames with \
         tools.Reconstruct.Reconstruct(masks.images)",
        join(&masks.series().indices()),
        join(&reconstruction.series().indices())
    )))
}

fn reference_of(reconstruction: &ReconstructionValue, ref_frame: &Dynamic) -> Result<FrameValue, ToolError> {
    let series = reconstruction.series();
    let position = if ref_frame.is_unit() { 0 } else { series.position(ref_frame, "the reconstruction")? };
    let frame = series.frames().get(position).cloned();
    frame.ok_or_else(|| ToolError::argument("the reconstruction has no frame"))
}

/// One object in every frame that both the masks and the reconstruction have.
fn sightings(
    reconstruction: &ReconstructionValue,
    masks: &PerFrameMaskValue,
    object: usize,
    min_confidence: f64,
) -> Result<Vec<Sighting>, ToolError> {
    let mut found = Vec::new();
    for (position, frame) in masks.series().frames().iter().enumerate() {
        let Some(at) = reconstruction.series().find(frame) else { continue };
        let whole = masks.at(position, object)?;
        if !whole.mask.as_slice().contains(&true) {
            continue;
        }
        let core = whole.mask.eroded(RIM_PX);
        let is_enough = core.n_pixels() as f64 >= MIN_CORE_SHARE * whole.mask.n_pixels() as f64;
        let core = MaskValue { mask: if is_enough { core } else { whole.mask.clone() }, ..whole.clone() };
        let core = MaskValue { mask: confident_part(&core, min_confidence), ..core };
        let map = reconstruction.points.map(at)?;
        found.push(Sighting {
            frame: frame.clone(),
            core: map.under(&core)?.cloud,
            whole: map.under(&whole)?.cloud,
            around: surroundings_of(frame.view(), &whole.mask),
        });
    }
    found.sort_by_key(|sighting| sighting.frame.view().stamp);
    Ok(found)
}
