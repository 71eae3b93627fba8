//! One thing by its name.

use std::sync::Arc;

use super::look::{Sighting, ambiguous, is_one_thing, not_visible, only, sightings};
use crate::{
    error_code::ErrorCode,
    scene::View,
    tools::{Session, ToolError, values::ObjectValue},
};

/// The one visible thing of this name in the newest views.
///
/// # Errors
/// `NOT_VISIBLE`, `AMBIGUOUS_REFERENT`, `TOO_FEW_PIXELS`, or the problem of a view that could have shown it.
pub fn find(session: &Arc<Session>, name: &str) -> Result<ObjectValue, ToolError> {
    let views = session.context.snapshot.newest_views();
    let mut seen: Vec<Sighting<'_>> = Vec::new();
    let mut blind: Option<ToolError> = None;
    for view in &views {
        match sightings(session, view, name) {
            Ok(found) if found.len() > 1 => return Err(ambiguous(name, &found)),
            Ok(found) => seen.extend(found),
            Err(error) => blind = blind.or(Some(error)),
        }
    }
    // The best view first: most pixels with depth, or most pixels.
    seen.sort_by_key(|sighting| {
        let n_measured = sighting.object.as_ref().map_or(0, |object| object.points.cloud.len());
        std::cmp::Reverse((n_measured, sighting.segment.mask.n_pixels()))
    });
    let measured: Vec<&ObjectValue> = seen.iter().filter_map(|sighting| sighting.object.as_ref().ok()).collect();
    if let Some(best) = measured.first()
        && measured.iter().any(|other| !is_one_thing(best, other))
    {
        return Err(ambiguous(name, &seen));
    }
    match seen.into_iter().next() {
        Some(best) => best.object,
        // What a blind camera might have shown is not absent.
        None => Err(blind.unwrap_or_else(|| not_visible(session, name, &views))),
    }
}

/// One object per name: all from one of the newest views where one shows them all, else each from the newest view that shows it
/// best. Never from older views: what was there and is gone must not be measured as if it still were.
///
/// # Errors
/// As [`find`].
pub fn find_together(session: &Arc<Session>, names: &[String]) -> Result<Vec<ObjectValue>, ToolError> {
    if names.is_empty() {
        return Err(ToolError::argument("names is an empty list, wanted at least one name"));
    }
    for view in session.context.snapshot.newest_views() {
        if let Some(all) = all_in(session, view, names)? {
            return Ok(all);
        }
    }
    names.iter().map(|name| find(session, name)).collect()
}

/// All names in one view; `None` when the view does not show or cannot measure one of them.
fn all_in(session: &Arc<Session>, view: &View, names: &[String]) -> Result<Option<Vec<ObjectValue>>, ToolError> {
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        match only(session, view, name) {
            Ok(Some(object)) => all.push(object),
            Err(error) if error.code == Some(ErrorCode::AmbiguousReferent) => return Err(error),
            Ok(None) | Err(_) => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// The thing as it was `secs_ago` before the newest image.
///
/// # Errors
/// `NOT_BUFFERED` when no image is within half the images' spacing or 1 s of that time; otherwise as [`find`].
pub fn find_at(session: &Arc<Session>, name: &str, secs_ago: f64) -> Result<ObjectValue, ToolError> {
    if secs_ago < 0.0 {
        return Err(ToolError::argument(format!(
            "secs_ago is {secs_ago}, wanted 0 or more seconds before the newest image"
        )));
    }
    let views = &session.context.snapshot.views;
    let (Some(oldest), Some(newest)) = (views.first(), views.last()) else {
        return Err(ToolError::new(ErrorCode::NoImage, "there are 0 images in the buffer"));
    };
    let wanted = newest.stamp.plus_secs(-secs_ago);
    let distance_secs = |view: &View| view.stamp.secs_since(wanted).abs();
    let mut near: Vec<&View> = views.iter().collect();
    near.retain(|view| distance_secs(view) <= tolerance_secs(views, view));
    near.sort_by(|a, b| distance_secs(a).total_cmp(&distance_secs(b)));
    if near.is_empty() {
        return Err(ToolError::new(
            ErrorCode::NotBuffered,
            format!(
                "no image is near {wanted} ({secs_ago} s before the newest); the buffer has {} images from {} to {}, so ask for \
                 at most {:.1} s",
                views.len(),
                oldest.stamp,
                newest.stamp,
                newest.stamp.secs_since(oldest.stamp)
            ),
        ));
    }
    let mut problem: Option<ToolError> = None;
    for view in &near {
        match only(session, view, name) {
            Ok(Some(object)) => return Ok(object),
            Ok(None) => {}
            Err(error) if error.code == Some(ErrorCode::AmbiguousReferent) => return Err(error),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    Err(problem.unwrap_or_else(|| not_visible(session, name, &near)))
}

/// Half the spacing between this camera's images, at least 1 s.
fn tolerance_secs(views: &[View], like: &View) -> f64 {
    let stamps: Vec<_> = views.iter().filter(|view| view.camera == like.camera).map(|view| view.stamp).collect();
    let mut gaps: Vec<f64> = stamps.windows(2).map(|pair| pair[1].secs_since(pair[0])).collect();
    let spacing_secs = crate::tools::median(&mut gaps);
    if spacing_secs.is_finite() { (spacing_secs / 2.0).max(1.0) } else { 1.0 }
}
