//! What a cell's value is as an answer.

use std::sync::Arc;

use nalgebra::Matrix3;
use rhai::{Array, Dynamic, ImmutableString};

use super::{Draft, options::Options, place};
use crate::{
    answer::{AnswerKind, AnswerValue, Evidence},
    geometry::{Quantity, Unit},
    scene::{FrameId, Stamp},
    tools::{
        Session, ToolError,
        arguments::{describe, optional_point},
        values::{DisplacementValue, MeasurementValue, ObjectValue, RelationValue},
    },
};

/// The value with its words and its own evidence.
///
/// # Errors
/// A number or position without sigma, an unclear verdict, or something that is no answer.
pub fn draft(session: &Arc<Session>, value: &Dynamic, options: &Options) -> Result<Draft, ToolError> {
    if let Some(measurement) = value.read_lock::<MeasurementValue>() {
        return Ok(number(&measurement));
    }
    if let Some(relation) = value.read_lock::<RelationValue>() {
        return verdict(&relation);
    }
    if let Some(displacement) = value.read_lock::<DisplacementValue>() {
        if session.context.answer_kind == AnswerKind::Number {
            return Ok(number(&displacement.distance));
        }
        let mut draft = verdict(&displacement.moved)?;
        let word = if displacement.moved.relation.holds { "moved" } else { "did not move" };
        draft.text = format!("{word}: {}", displacement.distance.text());
        return Ok(draft);
    }
    if let Some(object) = value.read_lock::<ObjectValue>() {
        return placed(session, &object);
    }
    if let Some(said) = value.read_lock::<ImmutableString>() {
        if said.trim().is_empty() {
            return Err(ToolError::argument(
                "the answer is an empty string; submit words, or use Refuse(code, message)",
            ));
        }
        let value = AnswerValue::Text(said.trim().to_owned());
        return Ok(Draft { value, text: said.trim().to_owned(), evidence: Vec::new() });
    }
    if let Ok(holds) = value.as_bool() {
        let text = if holds { "yes" } else { "no" }.to_owned();
        return Ok(Draft { value: AnswerValue::Bool(holds), text, evidence: Vec::new() });
    }
    if value.is_int() || value.is_float() {
        return bare_number(value, options);
    }
    // Three measurements are a list of sizes unless a position is asked for.
    let is_measured = |list: &Array| !list.is_empty() && list.iter().all(|item| item.is::<MeasurementValue>());
    if session.context.answer_kind != AnswerKind::Point
        && let Some(list) = value.read_lock::<Array>().filter(|list| is_measured(list))
    {
        return listed(&list);
    }
    if let Some(position) = optional_point(value)? {
        return bare_position(session, position, options);
    }
    if let Some(list) = value.read_lock::<Array>() {
        return listed(&list);
    }
    let found = describe(value);
    Err(ToolError::argument(format!(
        "the answer is {found}, wanted a Measurement, Relation, Object, bool, string or list"
    )))
}

fn number(measurement: &MeasurementValue) -> Draft {
    Draft {
        value: AnswerValue::Number(measurement.quantity),
        text: measurement.text(),
        evidence: measurement.evidence.clone(),
    }
}

fn verdict(relation: &RelationValue) -> Result<Draft, ToolError> {
    if !relation.relation.is_clear() {
        let (subject, margin, basis) = (&relation.subject, &relation.relation.margin, &relation.relation.basis);
        return Err(ToolError::not_measurable(format!(
            "too close to call: {subject} has margin {margin}, less than two sigma from zero ({basis})"
        )));
    }
    let word = if relation.relation.holds { "yes" } else { "no" };
    let text = format!(
        "{word} ({}, margin {}, {}, frame {}, stamp {})",
        relation.subject, relation.relation.margin, relation.relation.basis, relation.frame, relation.stamp
    );
    Ok(Draft { value: AnswerValue::Bool(relation.relation.holds), text, evidence: relation.evidence.to_vec() })
}

fn placed(session: &Arc<Session>, object: &ObjectValue) -> Result<Draft, ToolError> {
    let evidence = vec![object.evidence("target")?];
    let context = &session.context;
    let wants_name = matches!(context.answer_kind, AnswerKind::Choice | AnswerKind::Text)
        || (context.answer_kind == AnswerKind::Any && !context.choices.is_empty());
    if wants_name {
        let text = object.label.clone();
        return Ok(Draft { value: AnswerValue::Text(text.clone()), text, evidence });
    }
    let value = place::of_object(session, object)?;
    let text = place_text(&value, &object.name());
    Ok(Draft { value, text, evidence })
}

fn place_text(value: &AnswerValue, name: &str) -> String {
    match value {
        AnswerValue::Point(placement) | AnswerValue::Pose(placement) => format!("{name} at {}", place::text(placement)),
        _ => name.to_owned(),
    }
}

/// Whether a bare number is this measurement, rounded perhaps. Anything else, such as the same length in centimetres or a sum, must
/// bring unit and sigma of its own.
fn is_of(found: f64, unit: Option<Unit>, measured: &Quantity) -> bool {
    let tolerance = (0.01 * measured.value().abs()).max(3.0 * measured.sigma());
    unit.is_none_or(|unit| unit == measured.unit()) && (found - measured.value()).abs() <= tolerance
}

fn bare_number(value: &Dynamic, options: &Options) -> Result<Draft, ToolError> {
    let given = crate::tools::arguments::number(value, "the answer")?;
    let scale = options.unit.map_or(1.0, |word| word.scale);
    let found = given * scale;
    let unit = options.unit.map(|word| word.unit);
    let like = options.measurements.iter().map(|of| of.quantity).find(|of| is_of(found, unit, of));
    let sigma = options.sigma.map(|sigma| sigma * scale).or(like.map(|of| of.sigma()));
    let quantity = match (unit.or(like.map(|of| of.unit())), sigma) {
        (Some(unit), Some(sigma)) => Quantity::new(found, sigma, unit)
            .ok_or_else(|| ToolError::argument(format!("sigma is {sigma}, wanted a finite number of at least 0")))?,
        (None | Some(Unit::One), None) if value.is_int() => {
            Quantity::new(found, 0.0, Unit::One).ok_or_else(|| ToolError::argument("the answer is not finite"))?
        }
        (unit, sigma) => {
            let missing = match (unit, sigma) {
                (None, None) => "unit and sigma",
                (None, _) => "a unit",
                _ => "a sigma",
            };
            let beside = match options.measurements.first() {
                Some(measurement) => format!(", and is not {} in because", measurement.quantity),
                None => String::new(),
            };
            return Err(ToolError::argument(format!(
                "{given} comes without {missing}{beside}; submit the Measurement itself, or #{{unit: \"m\", sigma: ...}}"
            )));
        }
    };
    Ok(Draft { value: AnswerValue::Number(quantity), text: quantity.to_string(), evidence: Vec::new() })
}

fn bare_position(
    session: &Arc<Session>,
    position_m: nalgebra::Point3<f64>,
    options: &Options,
) -> Result<Draft, ToolError> {
    let snapshot = &session.context.snapshot;
    let newest = snapshot.views.last().map_or(snapshot.taken_at, |view| view.stamp);
    let covariance_m2 = match (options.sigma, &options.object) {
        (Some(sigma_m), _) if sigma_m >= 0.0 => Matrix3::identity() * sigma_m * sigma_m,
        (Some(sigma_m), _) => return Err(ToolError::argument(format!("sigma is {sigma_m}, wanted at least 0"))),
        (None, Some(object)) => object.covariance()?.fixed_view::<3, 3>(0, 0).into_owned(),
        (None, None) => {
            return Err(ToolError::argument(
                "a bare position has no uncertainty; submit the Object itself, or #{because: [object]}, or #{sigma: metres}",
            ));
        }
    };
    let (own_frame, stamp): (FrameId, Stamp) = match &options.object {
        Some(object) => (object.points.frame.clone(), object.points.stamp),
        None => (snapshot.fixed_frame.clone(), newest),
    };
    let frame = options.frame.as_deref().map_or(own_frame, FrameId::new);
    let value = place::of_position(session, position_m, frame, stamp, covariance_m2)?;
    let text = place_text(&value, "position");
    Ok(Draft { value, text, evidence: Vec::new() })
}

fn listed(list: &Array) -> Result<Draft, ToolError> {
    let mut items = Vec::with_capacity(list.len());
    let mut numbers: Vec<Quantity> = Vec::new();
    // Several measurements of one thing are told apart by what was measured.
    let mut methods: Vec<String> = Vec::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (i, item) in list.iter().enumerate() {
        if let Some(object) = item.read_lock::<ObjectValue>() {
            items.push(object.label.clone());
            evidence.push(object.evidence("item")?);
        } else if let Some(measurement) = item.read_lock::<MeasurementValue>() {
            items.push(measurement.subject.clone());
            methods.push(format!("{}: {}", measurement.subject, measurement.method));
            numbers.push(measurement.quantity);
            evidence.extend(measurement.evidence.iter().cloned());
        } else if let Some(said) = item.read_lock::<ImmutableString>() {
            items.push(said.to_string());
        } else {
            let found = describe(item);
            return Err(ToolError::argument(format!(
                "item {i} of the answer is {found}, wanted strings, Objects or Measurements"
            )));
        }
    }
    if !numbers.is_empty() && numbers.len() != items.len() {
        let (n, all) = (numbers.len(), items.len());
        return Err(ToolError::argument(format!(
            "{n} of {all} items are Measurements; give all items a number or none"
        )));
    }
    if !numbers.is_empty() && items.windows(2).all(|pair| pair[0] == pair[1]) {
        items = methods;
    }
    let text = if items.is_empty() { "nothing".to_owned() } else { list_text(&items, &numbers) };
    Ok(Draft { value: AnswerValue::List { items, numbers }, text, evidence })
}

fn list_text(items: &[String], numbers: &[Quantity]) -> String {
    let shown: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(i, item)| numbers.get(i).map_or_else(|| item.clone(), |number| format!("{item}: {number}")))
        .collect();
    shown.join(", ")
}
