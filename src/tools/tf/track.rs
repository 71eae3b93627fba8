//! Where a frame was over time, and how fast.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3, Vector3};
use rhai::{Array, Dynamic, Map};

use crate::{
    error_code::ErrorCode,
    geometry::Unit,
    scene::{FrameId, Stamp},
    tools::{
        Session, ToolError,
        arguments::list_of_point,
        values::{MeasurementValue, measurement::Inner, propagation::finite},
    },
};

/// Places of a path at most.
const MAX_PLACES: usize = 200;
/// Places of a path are this far apart at least.
const STEP_SECS: f64 = 0.05;
/// Half the time over which a velocity is fitted.
const HALF_SPAN_SECS: f64 = 0.25;
/// Places that a velocity is fitted to.
const N_FITTED: usize = 11;

/// A place and its time.
type Placed = (Stamp, Isometry3<f64>);

/// Where a frame was in the fixed frame.
///
/// # Errors
/// `TF_*`.
pub fn path(session: &Arc<Session>, frame: &FrameId, window_secs: f64) -> Result<Map, ToolError> {
    let snapshot = &session.context.snapshot;
    let newest = super::newest(session);
    let (from, to) = buffered(session, frame)?.unwrap_or((newest, newest));
    let to = to.min(newest);
    let from = if window_secs.is_finite() { from.max(to.plus_secs(-window_secs)) } else { from };
    let span_secs = to.secs_since(from).max(0.0);
    let n = ((span_secs / STEP_SECS).ceil() as usize + 1).clamp(1, MAX_PLACES);
    let at = |i: usize| if n == 1 { to } else { from.plus_secs(span_secs * i as f64 / (n - 1) as f64) };
    let places = (0..n).map(|i| Ok((at(i), place(session, frame, at(i))?))).collect::<Result<Vec<_>, ToolError>>()?;
    let moved = |pair: &[(Stamp, Isometry3<f64>)]| match pair {
        [(_, earlier), (_, later)] => (later.translation.vector - earlier.translation.vector).norm(),
        _ => 0.0,
    };
    let turned = |pair: &[(Stamp, Isometry3<f64>)]| match pair {
        [(_, earlier), (_, later)] => (earlier.rotation.inverse() * later.rotation).euler_angles().2,
        _ => 0.0,
    };
    let length_m: f64 = places.windows(2).map(moved).sum();
    let turned_rad: f64 = places.windows(2).map(turned).sum();
    let (Some((_, first)), Some((_, last))) = (places.first(), places.last()) else {
        return Err(ToolError::not_measurable("the path has no places"));
    };
    let displacement = last.translation.vector - first.translation.vector;
    // Both ends are off by the error of a lookup; a path that winds is longer than its samples, by less than that here.
    let sigma_m = if n > 1 { snapshot.tf_sigma.position_m * 2.0f64.sqrt() } else { 0.0 };
    let method = format!("sum of {} steps of at most {:.2} s", n - 1, span_secs / (n.max(2) - 1) as f64);
    let list = |value: fn(&Placed) -> Dynamic| places.iter().map(value).collect::<Array>();
    Ok([
        (
            "positions".into(),
            list(|(_, place)| Dynamic::from(list_of_point(&Point3::from(place.translation.vector)))).into(),
        ),
        ("yaws".into(), list(|(_, place)| Dynamic::from_float(place.rotation.euler_angles().2)).into()),
        ("stamps".into(), list(|(stamp, _)| Dynamic::from_float(stamp.as_secs_f64())).into()),
        ("length".into(), Dynamic::from(measured(session, frame, to, (length_m, sigma_m, Unit::Metre), method)?)),
        ("displacement".into(), Dynamic::from(list_of_point(&Point3::from(displacement)))),
        ("turned".into(), Dynamic::from_float(turned_rad)),
        ("frame".into(), Dynamic::from(snapshot.fixed_frame.to_string())),
    ]
    .into())
}

/// How fast a frame moved in the fixed frame: a line through its places around a time.
///
/// # Errors
/// `TF_*`; `NOT_MEASURABLE` when it is known at one time only.
pub fn velocity(session: &Arc<Session>, frame: &FrameId, at: Stamp) -> Result<Map, ToolError> {
    let snapshot = &session.context.snapshot;
    let (from, to) = match buffered(session, frame)? {
        None => (at.plus_secs(-HALF_SPAN_SECS), at.plus_secs(HALF_SPAN_SECS)),
        Some((from, to)) => (from.max(at.plus_secs(-HALF_SPAN_SECS)), to.min(at.plus_secs(HALF_SPAN_SECS))),
    };
    let now = place(session, frame, at)?;
    let span_secs = to.secs_since(from);
    if span_secs <= 0.0 {
        return Err(ToolError::new(
            ErrorCode::TfExtrapolation,
            format!("frame {frame} is known at one time around {at} only, so its speed is not"),
        ));
    }
    let places = (0..N_FITTED)
        .map(|i| {
            let stamp = from.plus_secs(span_secs * i as f64 / (N_FITTED - 1) as f64);
            let then = place(session, frame, stamp)?;
            let turned = (now.rotation.inverse() * then.rotation).scaled_axis();
            Ok((stamp.secs_since(at), then.translation.vector, now.rotation * turned))
        })
        .collect::<Result<Vec<_>, ToolError>>()?;
    let (linear, linear_sigma) = slope(&places.iter().map(|(secs, p, _)| (*secs, *p)).collect::<Vec<_>>());
    let (turning, turning_sigma) = slope(&places.iter().map(|(secs, _, r)| (*secs, *r)).collect::<Vec<_>>());
    let method = format!("line through places over {span_secs:.2} s");
    let speed = (linear.norm(), linear_sigma, Unit::MetrePerSecond);
    let turn_rate = (turning.z, turning_sigma, Unit::RadianPerSecond);
    Ok([
        ("speed".into(), Dynamic::from(measured(session, frame, at, speed, method.clone())?)),
        ("turn_rate".into(), Dynamic::from(measured(session, frame, at, turn_rate, method)?)),
        ("linear".into(), Dynamic::from(list_of_point(&Point3::from(linear)))),
        ("forward".into(), Dynamic::from_float((now.rotation * Vector3::x()).dot(&linear))),
        ("stamp".into(), Dynamic::from_float(at.as_secs_f64())),
        ("frame".into(), Dynamic::from(snapshot.fixed_frame.to_string())),
    ]
    .into())
}

/// Least squares of a vector over time: rate and one standard deviation of it, from what the line leaves.
fn slope(places: &[(f64, Vector3<f64>)]) -> (Vector3<f64>, f64) {
    let n = places.len() as f64;
    let mean_secs = places.iter().map(|(secs, _)| secs).sum::<f64>() / n;
    let mean = places.iter().map(|(_, place)| place).sum::<Vector3<f64>>() / n;
    let spread = places.iter().map(|(secs, _)| (secs - mean_secs).powi(2)).sum::<f64>().max(1e-12);
    let rate = places.iter().map(|(secs, place)| (place - mean) * (secs - mean_secs)).sum::<Vector3<f64>>() / spread;
    let left: f64 =
        places.iter().map(|(secs, place)| (place - mean - rate * (secs - mean_secs)).norm_squared() / 3.0).sum();
    (rate, (left / (n - 2.0).max(1.0) / spread).sqrt())
}

fn place(session: &Session, frame: &FrameId, at: Stamp) -> Result<Isometry3<f64>, ToolError> {
    let fixed_frame = &session.context.snapshot.fixed_frame;
    Ok(super::placed(session, fixed_frame, frame, at)?.0)
}

fn buffered(session: &Session, frame: &FrameId) -> Result<Option<(Stamp, Stamp)>, ToolError> {
    let snapshot = &session.context.snapshot;
    Ok(snapshot.transforms.range(&snapshot.fixed_frame, frame)?)
}

fn measured(
    session: &Session,
    frame: &FrameId,
    stamp: Stamp,
    (value, sigma, unit): (f64, f64, Unit),
    method: String,
) -> Result<MeasurementValue, ToolError> {
    Ok(MeasurementValue::new(Inner {
        quantity: finite(value, sigma, unit)?,
        frame: session.context.snapshot.fixed_frame.clone(),
        stamp,
        method,
        subject: frame.to_string(),
        evidence: Vec::new(),
    }))
}
