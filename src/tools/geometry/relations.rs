//! Relations between things.

use std::sync::Arc;

use rhai::Dynamic;

use crate::{
    geometry::{
        GeometryError, Prepared,
        relations::{self, Relation, Side},
    },
    tools::{
        Session, ToolError,
        values::{MeasurementValue, ObjectValue, RelationValue, object::named},
        viewpoint::{in_frame, same_frame, viewpoint},
    },
};

fn side(word: &str) -> Result<Side, ToolError> {
    match word.trim().to_lowercase().as_str() {
        "left" => Ok(Side::Left),
        "right" => Ok(Side::Right),
        "front" | "in front" => Ok(Side::InFront),
        "behind" | "back" => Ok(Side::Behind),
        other => {
            let wanted = "\"left\", \"right\", \"front\" or \"behind\"";
            Err(ToolError::argument(format!("side is {other:?}, wanted {wanted}")))
        }
    }
}

/// The verdict with its objects and its margin as evidence; `reference` says whose left, right or up is meant.
pub fn value(
    mut relation: Relation,
    words: &str,
    objects: &[(&ObjectValue, &str)],
    reference: &str,
) -> Result<RelationValue, ToolError> {
    if !reference.is_empty() {
        relation.basis = format!("{}; {reference}", relation.basis);
    }
    let names: Vec<String> = objects.iter().map(|(object, _)| object.name()).collect();
    let margin = MeasurementValue::of_objects(relation.margin, "margin", &relation.basis, objects, Vec::new())?;
    let subject = match names.as_slice() {
        [a, b, ..] => format!("{a} {words} {b}"),
        [a] => format!("{a} {words}"),
        [] => words.to_owned(),
    };
    Ok(RelationValue {
        relation,
        subject,
        frame: margin.frame.clone(),
        stamp: margin.stamp,
        evidence: margin.evidence.clone().into(),
    })
}

/// Whether `a` is on that side of `b` for a viewer who looks at `b`.
///
/// # Errors
/// `TF_*` when the viewer's place is not known; `NOT_MEASURABLE` when the viewer stands at `b`.
pub fn side_of(
    session: &Arc<Session>,
    a: &ObjectValue,
    side_word: &str,
    b: &ObjectValue,
    viewer: &Dynamic,
) -> Result<RelationValue, ToolError> {
    let side = side(side_word)?;
    same_frame(a, b)?;
    let from = viewpoint(session, viewer, b)?;
    let relation = relations::side_of_reference(a.upright_box()?, b.upright_box()?, &from.position_m, side)
        .map_err(|error| named(error, &a.name()))?;
    let words = format!("{side_word} of (seen from {})", from.name);
    let mut objects = vec![(a, "target"), (b, "reference")];
    if let Some(viewer) = &from.object {
        objects.push((viewer, "viewpoint"));
    }
    value(relation, &words, &objects, &format!("seen from {}", from.name))
}

/// Whether `a` is on that side of a frame's origin by the frame's own axes.
///
/// # Errors
/// `TF_*`; `NOT_MEASURABLE` straight above or below.
pub fn side_of_frame(
    session: &Arc<Session>,
    a: &ObjectValue,
    side_word: &str,
    frame: &str,
) -> Result<RelationValue, ToolError> {
    let side = side(side_word)?;
    let seen = in_frame(session, a, frame)?;
    let relation = relations::side_of_origin(seen.upright_box()?, side).map_err(|error| named(error, &a.name()))?;
    let reference = format!("by the axes of {}", seen.points.frame);
    value(relation, &format!("{side_word} of frame {}", seen.points.frame), &[(&seen, "target")], &reference)
}

type Compare = fn(&Prepared, &Prepared) -> Result<Relation, GeometryError>;

fn between(compare: Compare, words: &str, a: &ObjectValue, b: &ObjectValue) -> Result<RelationValue, ToolError> {
    same_frame(a, b)?;
    let names = format!("{} or {}", a.name(), b.name());
    let relation = compare(a.prepared()?, b.prepared()?).map_err(|error| named(error, &names))?;
    value(relation, words, &[(a, "target"), (b, "reference")], &format!("up is +z of {}", a.points.frame))
}

/// Whether `a` rests on `b`.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn on_top_of(a: &ObjectValue, b: &ObjectValue) -> Result<RelationValue, ToolError> {
    between(relations::on_top_of, "on top of", a, b)
}

/// Whether `a` is inside `b`.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn inside(a: &ObjectValue, b: &ObjectValue) -> Result<RelationValue, ToolError> {
    between(relations::inside, "inside", a, b)
}

/// Whether `a` is below `b`.
///
/// # Errors
/// `TOO_FEW_PIXELS`.
pub fn under(a: &ObjectValue, b: &ObjectValue) -> Result<RelationValue, ToolError> {
    between(relations::under, "under", a, b)
}

/// Whether `a` clearly rests on `b`.
fn clearly_rests(a: &ObjectValue, b: &ObjectValue) -> Result<bool, ToolError> {
    let found = on_top_of(a, b)?;
    if found.relation.is_clear() {
        return Ok(found.relation.holds);
    }
    let (a, b, text) = (a.name(), b.name(), found.text());
    Err(ToolError::not_measurable(format!("whether {a} rests on {b} is too close to call: {text}")))
}

/// Whether `a` clearly lies inside `b`.
fn clearly_within(a: &ObjectValue, b: &ObjectValue) -> Result<bool, ToolError> {
    let found = inside(a, b)?;
    Ok(found.relation.holds && found.relation.is_clear())
}

/// The candidate directly beneath `a`, be it as a table or as a bowl is.
///
/// # Errors
/// `NOT_MEASURABLE` when it rests on none of them, or that is too close to call.
pub fn support_of(a: &ObjectValue, candidates: &[ObjectValue]) -> Result<ObjectValue, ToolError> {
    let mut best: Option<(f64, &ObjectValue)> = None;
    let mut unclear = None;
    let others: Vec<&ObjectValue> = candidates.iter().filter(|c| !c.is_same_as(a)).collect();
    for candidate in &others {
        match clearly_rests(a, candidate).and_then(|rests| Ok(rests || clearly_within(a, candidate)?)) {
            Ok(true) => {
                let top_m = candidate.upright_box()?.top_m.value();
                if best.is_none_or(|(best_m, _)| top_m > best_m) {
                    best = Some((top_m, candidate));
                }
            }
            Ok(false) => {}
            Err(error) => unclear = unclear.or(Some(error)),
        }
    }
    if let Some((_, support)) = best {
        return Ok(support.clone());
    }
    let names: Vec<String> = others.iter().map(|c| c.name()).collect();
    let names = if names.is_empty() { "no candidate".to_owned() } else { names.join(", ") };
    Err(unclear.unwrap_or_else(|| {
        ToolError::not_measurable(format!("{} rests on none of: {names}; its support may be out of view", a.name()))
    }))
}

/// The candidates that rest directly on `b`. A thing in a flat bowl touches the table below as well, within the tolerance of a contact;
/// then the higher of the two carries it.
///
/// # Errors
/// `NOT_MEASURABLE` when one of them is too close to call.
pub fn resting_on(b: &ObjectValue, candidates: &[ObjectValue]) -> Result<Vec<ObjectValue>, ToolError> {
    let mut found = Vec::new();
    for candidate in candidates.iter().filter(|c| !c.is_same_as(b)) {
        let rests = clearly_rests(candidate, b);
        if matches!(rests, Ok(false)) || has_higher_support(candidate, b, candidates)? {
            continue;
        }
        // What clearly rests on something higher does so, however unclear it is here.
        rests?;
        found.push(candidate.clone());
    }
    Ok(found)
}

fn has_higher_support(a: &ObjectValue, b: &ObjectValue, candidates: &[ObjectValue]) -> Result<bool, ToolError> {
    let level_m = b.upright_box()?.top_m.value();
    for other in candidates.iter().filter(|other| !other.is_same_as(a) && !other.is_same_as(b)) {
        let is_higher = other.upright_box()?.top_m.value() > level_m;
        // What is unclear here cannot take away the clear support.
        let carries = |found: Result<RelationValue, ToolError>| {
            found.is_ok_and(|found| found.relation.holds && found.relation.is_clear())
        };
        if is_higher && (carries(on_top_of(a, other)) || carries(inside(a, other))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The candidates that rest directly on `b` or lie inside it.
fn carried_by(b: &ObjectValue, candidates: &[ObjectValue]) -> Result<Vec<ObjectValue>, ToolError> {
    let mut found = resting_on(b, candidates)?;
    for candidate in candidates.iter().filter(|c| !c.is_same_as(b)) {
        if !found.iter().any(|known| known.is_same_as(candidate)) && clearly_within(candidate, b)? {
            found.push(candidate.clone());
        }
    }
    Ok(found)
}

/// The candidates that rest on `b`, directly, in it, or on one another.
///
/// # Errors
/// As [`resting_on`].
pub fn stacked_on(b: &ObjectValue, candidates: &[ObjectValue]) -> Result<Vec<ObjectValue>, ToolError> {
    let mut stacked: Vec<ObjectValue> = Vec::new();
    let mut next = vec![b.clone()];
    while let Some(below) = next.pop() {
        for candidate in carried_by(&below, candidates)? {
            if !candidate.is_same_as(b) && !stacked.iter().any(|seen| seen.is_same_as(&candidate)) {
                next.push(candidate.clone());
                stacked.push(candidate);
            }
        }
    }
    Ok(stacked)
}
