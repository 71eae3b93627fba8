//! `Remembered`: where an earlier question saw a thing.

use std::sync::Arc;

use nalgebra::{Isometry3, Matrix6, Point3, Translation3, UnitQuaternion, Vector3};
use rhai::{Array, Dynamic};

use super::{MeasurementValue, ValueSpec, measurement, propagation::finite};
use crate::{
    answer::Evidence,
    geometry::Unit,
    scene::{Remembered, memory::Status},
    tools::{
        Library, RhaiResult, Session, ToolError,
        arguments::{list_of_point, object, optional_point},
        viewpoint::{same_place, transform},
    },
};

/// One remembered thing, as this question may recall it.
#[derive(Clone)]
pub struct RememberedValue {
    session: Arc<Session>,
    index: usize,
    is_gone: bool,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Remembered",
    doc: "Where an earlier question saw a thing. It may have moved since: sigma grows with its age.",
    members: &[
        (".label .id", "name; name with instance"),
        (".center .size .frame", "[x, y, z] and [length, width, height] of its box, metres; their frame"),
        (".sigma", "one standard deviation of the centre on each axis, metres, age included"),
        (".age_secs .last_seen .first_seen", "seconds since it was seen; seconds of ROS time"),
        (".times_seen .camera", "images it was measured in; who saw it last"),
        (".status", "\"seen\", or \"gone\": its place was seen empty since"),
        (
            ".distance_to(x)",
            "Measurement from memory: from its centre to an Object's nearest point, another Remembered's centre, [x, y, z] or \"robot\"",
        ),
    ],
};

impl RememberedValue {
    /// `None` when there is no such memory.
    pub fn new(session: &Arc<Session>, index: usize) -> Option<RememberedValue> {
        let snapshot = &session.context.snapshot;
        let object = snapshot.memory.objects.get(index)?;
        let drift = snapshot.memory.drift_m_per_sqrt_s;
        let is_gone = matches!(object.status, Status::Gone(_))
            || snapshot.newest_views().iter().any(|view| object.is_seen_empty_in(view, drift));
        Some(RememberedValue { session: session.clone(), index, is_gone })
    }

    /// The memory itself.
    pub fn object(&self) -> &Remembered {
        &self.session.context.snapshot.memory.objects[self.index]
    }

    fn age_secs(&self) -> f64 {
        self.object().age_secs(self.session.context.snapshot.taken_at)
    }

    fn covariance_m2(&self) -> nalgebra::Matrix3<f64> {
        let snapshot = &self.session.context.snapshot;
        self.object().covariance_m2(snapshot.taken_at, snapshot.memory.drift_m_per_sqrt_s)
    }

    fn sigma_m(&self) -> f64 {
        (self.covariance_m2().trace() / 3.0).max(0.0).sqrt()
    }

    fn status(&self) -> &'static str {
        if self.is_gone { "gone" } else { "seen" }
    }

    /// `mug#5 was last seen 42.0 s ago at (1.40, 0.25, 0.75) m in map`.
    pub fn place_text(&self) -> String {
        let (object, c) = (self.object(), self.object().last.center_m);
        let gone = if self.is_gone { ", and its place is empty now" } else { "" };
        format!(
            "{} was last seen {:.1} s ago at ({:.2}, {:.2}, {:.2}) m in {}{gone}",
            object.name(),
            self.age_secs(),
            c.x,
            c.y,
            c.z,
            object.last.frame
        )
    }

    fn text(&self) -> String {
        format!("Remembered: {} ± {:.3} m, seen in {} images", self.place_text(), self.sigma_m(), self.object().n_seen)
    }

    fn evidence(&self, role: &str) -> Evidence {
        let last = &self.object().last;
        let mut covariance = Matrix6::identity() * (0.5 * std::f64::consts::PI).powi(2);
        covariance.fixed_view_mut::<3, 3>(0, 0).copy_from(&self.covariance_m2());
        Evidence {
            id: format!("{} from memory", last.evidence),
            label: last.label.clone(),
            role: role.to_owned(),
            camera: last.camera.to_string(),
            // Its image is not among those of this question.
            view_idx: usize::MAX,
            instance: last.instance,
            method: format!("from memory, seen {:.1} s ago", self.age_secs()),
            frame: last.frame.clone(),
            stamp: last.stamp,
            frame_from_object: Isometry3::from_parts(
                Translation3::from(last.center_m.coords),
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), last.yaw_rad),
            ),
            covariance,
            size_m: last.size_m,
            points_m: Vec::new(),
            quantity: None,
            n_pixels: last.n_pixels,
            score: 1.0,
            roi: None,
        }
    }

    fn distance_to(&self, to: &Dynamic) -> Result<MeasurementValue, ToolError> {
        let last = &self.object().last;
        let from_m = last.center_m;
        let mut evidence = vec![self.evidence("from")];
        let (to_m, other_variance, words): (Point3<f64>, Option<nalgebra::Matrix3<f64>>, String) =
            if let Some(other) = to.read_lock::<RememberedValue>() {
                same_place(&last.frame, &other.object().last.frame)?;
                evidence.push(other.evidence("to"));
                let words = format!("{}, from memory of {:.1} s ago", other.object().name(), other.age_secs());
                (other.object().last.center_m, Some(other.covariance_m2()), words)
            } else if let Some(p) = optional_point(to)? {
                (p, None, format!("[{:.3}, {:.3}, {:.3}]", p.x, p.y, p.z))
            } else if to.is_string() {
                let snapshot = &self.session.context.snapshot;
                let robot = to.read_lock::<rhai::ImmutableString>().is_some_and(|word| word.as_str() == "robot");
                if !robot {
                    return Err(ToolError::argument(format!(
                        "distance_to got {to:?}, wanted an Object, a Remembered, [x, y, z] or \"robot\""
                    )));
                }
                let at = snapshot.views.last().map_or(snapshot.taken_at, |view| view.stamp);
                let place = transform(&self.session, &last.frame, &snapshot.robot_frame, at)?;
                (Point3::from(place.translation.vector), None, snapshot.robot_frame.to_string())
            } else {
                let thing = object(to, "the thing")?;
                same_place(&last.frame, &thing.points.frame)?;
                let found = crate::geometry::distance::distance_from_origin(from_m, &thing.points.cloud)
                    .map_err(|error| super::object::named(error, &thing.name()))?;
                evidence.push(thing.evidence("to")?);
                let own = nalgebra::Matrix3::identity() * found.distance.sigma().powi(2);
                (found.to_m, Some(own), format!("the surface of {}", thing.name()))
            };
        let offset = to_m - from_m;
        let direction = offset.try_normalize(1e-9).unwrap_or_else(Vector3::x);
        let variance = direction.dot(&((self.covariance_m2() + other_variance.unwrap_or_default()) * direction));
        let quantity = finite(offset.norm(), variance.max(0.0).sqrt(), Unit::Metre)?;
        let snapshot = &self.session.context.snapshot;
        Ok(MeasurementValue::new(measurement::Inner {
            quantity,
            frame: last.frame.clone(),
            stamp: snapshot.views.last().map_or(snapshot.taken_at, |view| view.stamp),
            method: format!("from memory, seen {:.1} s ago: remembered centre to {words}", self.age_secs()),
            subject: self.object().name(),
            evidence,
        }))
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<RememberedValue>("Remembered")
        .register_get("label", |r: &mut RememberedValue| r.object().last.label.clone())
        .register_get("id", |r: &mut RememberedValue| r.object().name())
        .register_get("center", |r: &mut RememberedValue| list_of_point(&r.object().last.center_m))
        .register_get("size", |r: &mut RememberedValue| {
            r.object().last.size_m.iter().map(|side| Dynamic::from_float(*side)).collect::<Array>()
        })
        .register_get("frame", |r: &mut RememberedValue| r.object().last.frame.to_string())
        .register_get("camera", |r: &mut RememberedValue| r.object().last.camera.to_string())
        .register_get("sigma", |r: &mut RememberedValue| r.sigma_m())
        .register_get("age_secs", |r: &mut RememberedValue| r.age_secs())
        .register_get("last_seen", |r: &mut RememberedValue| r.object().last.stamp.as_secs_f64())
        .register_get("first_seen", |r: &mut RememberedValue| r.object().first_seen.as_secs_f64())
        .register_get("times_seen", |r: &mut RememberedValue| i64::from(r.object().n_seen))
        .register_get("status", |r: &mut RememberedValue| r.status())
        .register_fn("distance_to", |r: &mut RememberedValue, to: Dynamic| -> RhaiResult<MeasurementValue> {
            Ok(r.distance_to(&to)?)
        })
        .register_fn("to_string", |r: &mut RememberedValue| r.text())
        .register_fn("to_debug", |r: &mut RememberedValue| r.text());
}
