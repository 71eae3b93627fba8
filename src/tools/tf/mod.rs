//! `tools.TF`: where frames are, at any buffered time.

mod track;

use std::sync::Arc;

use nalgebra::Isometry3;
use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, Session, ToolError, ToolSpec, Toolbox,
    arguments::{describe, list_of_point, number, optional_point, text},
    values::{ObjectValue, PointsValue},
    viewpoint::{in_frame, transform_with_sigma},
};
use crate::{
    error_code::ErrorCode,
    geometry::PoseSigma,
    scene::{FrameId, Stamp},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Tf;

const TARGET: Param = Param::required("target", Kind::Text("frame name"));

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.TF.lookup",
        params: &[
            TARGET,
            Param::required("source", Kind::Text("frame name")),
            Param::optional("stamp_secs", Kind::Number, "the newest image's").about("seconds of ROS time"),
        ],
        returns: "#{position: [x, y, z], quaternion_xyzw: [x, y, z, w], yaw: radians, matrix: 4x4, stamp, sigma: #{position, rotation}}",
        doc: "Place of the source frame in the target frame at any buffered time.",
        example: "print(tools.TF.lookup(\"map\", Metadata.robot_frame).position);",
    },
    ToolSpec {
        path: "tools.TF.transform",
        params: &[
            Param::required("thing", Kind::AnyOf(&[Kind::Value("Object"), Kind::Value("Points"), Kind::Position]))
                .about("bare coordinates are in `source`"),
            TARGET,
            Param::optional("source", Kind::Text("frame name"), "the fixed frame").about("of bare coordinates"),
            Param::optional("stamp_secs", Kind::Number, "the thing's own, or the newest image's"),
            Param::optional("kind", Kind::OneOf(&["position", "direction"]), "\"position\"")
                .about("of bare coordinates"),
        ],
        returns: "the same in the target frame",
        doc: "Coordinates in another frame; a direction is turned and not shifted.",
        example: "print(tools.TF.transform(tools.Scene.find(\"mug\"), \"base_link\").center);",
    },
    ToolSpec {
        path: "tools.TF.frames",
        params: &[],
        returns: "list of string",
        doc: "Every frame of the transform tree, sorted.",
        example: "print(tools.TF.frames());",
    },
    ToolSpec {
        path: "tools.TF.available",
        params: &[TARGET, Param::required("source", Kind::Text("frame name"))],
        returns: "#{from, to}, or () when always",
        doc: "Seconds of ROS time between which the transform is buffered.",
        example: "print(tools.TF.available(\"map\", \"base_link\"));",
    },
    ToolSpec {
        path: "tools.TF.path",
        params: &[
            Param::optional("frame", Kind::Text("\"robot\" | frame name"), "\"robot\""),
            Param::optional("window_secs", Kind::Number, "everything buffered").about("up to the newest image"),
        ],
        returns: "#{positions: list of [x, y, z], yaws, stamps, length: Measurement, displacement: [dx, dy, dz], turned: radians, frame}",
        doc: "Where a frame, such as the robot, was in the fixed frame over the last seconds.",
        example: "print(tools.TF.path(\"robot\").length);",
    },
    ToolSpec {
        path: "tools.TF.velocity",
        params: &[
            Param::optional("frame", Kind::Text("\"robot\" | frame name"), "\"robot\""),
            Param::optional("stamp_secs", Kind::Number, "the newest image's"),
        ],
        returns: "#{speed: Measurement, turn_rate: Measurement, linear: [vx, vy, vz], forward: m/s along its own x, stamp, frame}",
        doc: "How fast a frame moved in the fixed frame around a time.",
        example: "print(tools.TF.velocity().speed);",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Tf>) {
    tools.add("lookup", |session, [target, source, stamp]| {
        let (target, source) = (frame_id(session, &target, "target")?, frame_id(session, &source, "source")?);
        lookup(session, &target, &source, stamp_of(session, &stamp)?)
    });
    tools.add("transform", |session, [thing, target, source, stamp, kind]| {
        let bare = Bare {
            source: match source.is_unit() {
                true => session.context.snapshot.fixed_frame.clone(),
                false => frame_id(session, &source, "source")?,
            },
            at: stamp_of(session, &stamp)?,
            is_direction: !kind.is_unit() && is_direction(&text(&kind, "kind")?)?,
        };
        if !stamp.is_unit() && (thing.is::<ObjectValue>() || thing.is::<PointsValue>()) {
            return Err(ToolError::argument(
                "an Object or Points is moved at its own stamp; leave stamp_secs out, or pass its .center",
            ));
        }
        transformed(session, &thing, &text(&target, "target")?, &bare)
    });
    tools.add("frames", |session, []| {
        let frames = session.context.snapshot.transforms.frames();
        Ok(frames.into_iter().map(|frame| Dynamic::from(frame.to_string())).collect::<Array>())
    });
    tools.add("available", |session, [target, source]| {
        let (target, source) = (frame_id(session, &target, "target")?, frame_id(session, &source, "source")?);
        let range = session.context.snapshot.transforms.range(&target, &source)?;
        Ok(range.map_or(Dynamic::UNIT, |(from, to)| {
            let map: Map = [
                ("from".into(), Dynamic::from_float(from.as_secs_f64())),
                ("to".into(), Dynamic::from_float(to.as_secs_f64())),
            ]
            .into();
            map.into()
        }))
    });
    tools.add("path", |session, [frame, window]| {
        let window_secs = if window.is_unit() { f64::INFINITY } else { number(&window, "window_secs")? };
        track::path(session, &own_frame(session, &frame)?, window_secs)
    });
    tools.add("velocity", |session, [frame, stamp]| {
        track::velocity(session, &own_frame(session, &frame)?, stamp_of(session, &stamp)?)
    });
}

fn own_frame(session: &Session, name: &Dynamic) -> Result<FrameId, ToolError> {
    if name.is_unit() { Ok(session.context.snapshot.robot_frame.clone()) } else { frame_id(session, name, "frame") }
}

fn is_direction(kind: &str) -> Result<bool, ToolError> {
    match kind {
        "position" => Ok(false),
        "direction" => Ok(true),
        other => Err(ToolError::argument(format!("kind is {other:?}, wanted \"position\" or \"direction\""))),
    }
}

fn newest(session: &Session) -> Stamp {
    session.context.snapshot.views.last().map_or(session.context.snapshot.taken_at, |view| view.stamp)
}

/// Seconds of ROS time, or the newest image's.
fn stamp_of(session: &Session, stamp: &Dynamic) -> Result<Stamp, ToolError> {
    if stamp.is_unit() { Ok(newest(session)) } else { Ok(Stamp::default().plus_secs(number(stamp, "stamp_secs")?)) }
}

fn frame_id(session: &Session, name: &Dynamic, what: &str) -> Result<FrameId, ToolError> {
    let name = text(name, what)?;
    Ok(if name == "robot" { session.context.snapshot.robot_frame.clone() } else { FrameId::new(&name) })
}

/// A transform, or why there is none with the times at which there is.
fn placed(
    session: &Session,
    target: &FrameId,
    source: &FrameId,
    at: Stamp,
) -> Result<(Isometry3<f64>, PoseSigma), ToolError> {
    transform_with_sigma(session, target, source, at).map_err(|error| {
        if error.code != Some(ErrorCode::TfExtrapolation) {
            return error;
        }
        let range = session.context.snapshot.transforms.range(target, source).ok().flatten();
        let available = match range {
            Some((from, to)) if from <= to => format!("; available from {from} to {to}"),
            _ => "; its links are never all known at one time".to_owned(),
        };
        ToolError { message: format!("{}{available}", error.message), ..error }
    })
}

fn lookup(session: &Arc<Session>, target: &FrameId, source: &FrameId, at: Stamp) -> Result<Map, ToolError> {
    let (found, sigma) = placed(session, target, source, at)?;
    let quaternion: Array = found.rotation.coords.iter().map(|v| Dynamic::from_float(*v)).collect();
    let matrix = found.to_homogeneous();
    let rows = (0..4).map(|i| (0..4).map(|j| Dynamic::from_float(matrix[(i, j)])).collect::<Array>().into());
    let sigma: Map = [
        ("position".into(), Dynamic::from_float(sigma.position_m)),
        ("rotation".into(), Dynamic::from_float(sigma.rotation_rad)),
    ]
    .into();
    Ok([
        ("position".into(), Dynamic::from(list_of_point(&found.translation.vector.into()))),
        ("quaternion_xyzw".into(), quaternion.into()),
        ("yaw".into(), Dynamic::from_float(found.rotation.euler_angles().2)),
        ("matrix".into(), rows.collect::<Array>().into()),
        ("stamp".into(), Dynamic::from_float(at.as_secs_f64())),
        ("sigma".into(), sigma.into()),
    ]
    .into())
}

/// How bare coordinates are meant.
struct Bare {
    source: FrameId,
    at: Stamp,
    is_direction: bool,
}

fn transformed(session: &Arc<Session>, thing: &Dynamic, target: &str, bare: &Bare) -> Result<Dynamic, ToolError> {
    if let Some(object) = thing.read_lock::<ObjectValue>() {
        return Ok(Dynamic::from(in_frame(session, &object, target)?));
    }
    if let Some(points) = thing.read_lock::<PointsValue>() {
        let moved = in_frame(session, &ObjectValue::unnamed(points.clone()), target)?;
        return Ok(Dynamic::from(moved.points.clone()));
    }
    let Some(p) = optional_point(thing)? else {
        let found = describe(thing);
        return Err(ToolError::argument(format!("thing is {found}, wanted an Object, Points or [x, y, z]")));
    };
    let target = frame_id(session, &Dynamic::from(target.to_owned()), "target")?;
    let (target_from_source, _) = placed(session, &target, &bare.source, bare.at)?;
    let moved = match bare.is_direction {
        true => (target_from_source.rotation * p.coords).into(),
        false => target_from_source * p,
    };
    Ok(Dynamic::from(list_of_point(&moved)))
}
