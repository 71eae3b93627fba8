//! Looking for a name in one view, and telling whether two sightings are one thing.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    error_code::ErrorCode,
    perception::{Prompt, Segment},
    scene::View,
    tools::{
        Session, ToolError,
        measure::{object_of, segment_name, segments},
        values::ObjectValue,
    },
};

/// One instance that a view shows, measured where possible.
pub struct Sighting<'a> {
    /// The view.
    pub view: &'a View,
    /// Its pixels.
    pub segment: Segment,
    /// The object, or why it was not measured.
    pub object: Result<ObjectValue, ToolError>,
}

/// Every instance of `name` in `view`.
///
/// # Errors
/// When the segmenter could not look.
pub fn sightings<'a>(session: &Arc<Session>, view: &'a View, name: &str) -> Result<Vec<Sighting<'a>>, ToolError> {
    let found = segments(session, view, &Prompt::Text(name.to_owned()))?;
    Ok(found
        .into_iter()
        .map(|segment| Sighting { view, object: object_of(session, view, &segment), segment })
        .collect())
}

/// The one instance of `name` in `view`; `None` when there is none.
///
/// # Errors
/// `AMBIGUOUS_REFERENT`, and what keeps it from being seen or measured.
pub fn only(session: &Arc<Session>, view: &View, name: &str) -> Result<Option<ObjectValue>, ToolError> {
    let mut found = sightings(session, view, name)?;
    if found.len() > 1 {
        return Err(ambiguous(name, &found));
    }
    found.pop().map(|sighting| sighting.object).transpose()
}

/// Lists the candidates with where they are.
pub fn ambiguous(name: &str, candidates: &[Sighting<'_>]) -> ToolError {
    let where_they_are: Vec<String> = candidates
        .iter()
        .map(|sighting| match sighting.object.as_ref().map_err(Clone::clone).and_then(place_text) {
            Ok(place) => place,
            Err(_) => match sighting.segment.mask.bounding_box() {
                Some(roi) => {
                    let (u, v) = ((roi.u_min_px + roi.u_max_px) / 2, (roi.v_min_px + roi.v_max_px) / 2);
                    format!(
                        "{} at pixel ({u}, {v}) of camera {}",
                        segment_name(&sighting.segment),
                        sighting.view.camera
                    )
                }
                None => segment_name(&sighting.segment),
            },
        })
        .collect();
    let labels: BTreeSet<&str> = candidates.iter().map(|sighting| sighting.segment.label.as_str()).collect();
    let hint = if labels.len() > 1 { "name one of them exactly, or use" } else { "say which one, or use" };
    ToolError::new(
        ErrorCode::AmbiguousReferent,
        format!(
            "{name:?} fits {} things: {}; {hint} tools.Scene.find_all({name:?})",
            candidates.len(),
            where_they_are.join(", ")
        ),
    )
}

fn place_text(object: &ObjectValue) -> Result<String, ToolError> {
    let center = object.upright_box()?.center_m;
    let range_m = (center - object.points.cloud.viewpoint_m).norm();
    Ok(format!(
        "{} at ({:.2}, {:.2}, {:.2}) m in {}, {range_m:.2} m from camera {}",
        object.name(),
        center.x,
        center.y,
        center.z,
        object.points.frame,
        object.points.camera
    ))
}

/// Whether two cameras see one thing: the boxes' centres are nearer than the larger box's half diagonal.
pub fn is_one_thing(a: &ObjectValue, b: &ObjectValue) -> bool {
    let (Ok(box_a), Ok(box_b)) = (a.upright_box(), b.upright_box()) else { return true };
    let radius_m = |o: &crate::geometry::UprightBox| {
        (o.length.value().powi(2) + o.width.value().powi(2) + o.height.value().powi(2)).sqrt() / 2.0
    };
    let sigma_m = (box_a.covariance_m2 + box_b.covariance_m2).trace().max(0.0).sqrt();
    (box_a.center_m - box_b.center_m).norm() <= radius_m(box_a).max(radius_m(box_b)) + 3.0 * sigma_m
}

/// The names visible in `views`, sorted; `None` when no segmenter can list them.
pub fn visible_labels(session: &Arc<Session>, views: &[&View]) -> Option<BTreeSet<String>> {
    let mut labels = BTreeSet::new();
    let mut has_looked = false;
    for view in views {
        if let Ok(found) = segments(session, view, &Prompt::Everything) {
            has_looked = true;
            labels.extend(found.into_iter().map(|segment| segment.label));
        }
    }
    has_looked.then_some(labels)
}

/// Says that nothing fits, where it was looked for, and what is there instead.
pub fn not_visible(session: &Arc<Session>, name: &str, views: &[&View]) -> ToolError {
    let looked: Vec<String> = views.iter().map(|view| format!("camera {} at {}", view.camera, view.stamp)).collect();
    let visible = match visible_labels(session, views) {
        Some(labels) if labels.is_empty() => "; nothing named is visible".to_owned(),
        Some(labels) => format!("; visible: {}", labels.into_iter().collect::<Vec<_>>().join(", ")),
        None => String::new(),
    };
    let remembered = super::recall::hint(session, name);
    ToolError::new(
        ErrorCode::NotVisible,
        format!("{name:?} is not visible to {}{visible}{remembered}", looked.join(", ")),
    )
}
