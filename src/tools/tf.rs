//! `tools.TF`: where frames are.

use std::sync::Arc;

use nalgebra::Isometry3;
use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, Session, ToolError, ToolSpec, Toolbox,
    arguments::{describe, list_of_point, number, optional_point, text},
    values::{ObjectValue, PointsValue},
    viewpoint::{in_frame, transform},
};
use crate::scene::{FrameId, Stamp};

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
            Param::optional("stamp_secs", Kind::Number, "the newest image's"),
        ],
        returns: "#{position: [x, y, z], quaternion_xyzw: [x, y, z, w], yaw: radians}",
        doc: "Place of the source frame in the target frame.",
        example: "print(tools.TF.lookup(\"map\", Metadata.robot_frame).position);",
    },
    ToolSpec {
        path: "tools.TF.transform",
        params: &[
            Param::required("thing", Kind::AnyOf(&[Kind::Value("Object"), Kind::Value("Points"), Kind::Position]))
                .about("coordinates are in the fixed frame"),
            TARGET,
        ],
        returns: "the same in the target frame",
        doc: "Coordinates in another frame, at the thing's own stamp ([x, y, z]: at the newest image's).",
        example: "print(tools.TF.transform(tools.Scene.find(\"mug\"), \"base_link\").center);",
    },
    ToolSpec {
        path: "tools.TF.frames",
        params: &[],
        returns: "list of string",
        doc: "Every frame of the transform tree, sorted.",
        example: "print(tools.TF.frames());",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Tf>) {
    tools.add("lookup", |session, [target, source, stamp]| {
        let at = match stamp.is_unit() {
            true => newest(session),
            false => Stamp::default().plus_secs(number(&stamp, "stamp_secs")?),
        };
        lookup(session, &target, &source, at)
    });
    tools.add("transform", |session, [thing, target]| transformed(session, &thing, &text(&target, "target")?));
    tools.add("frames", |session, []| {
        let frames = session.context.snapshot.transforms.frames();
        Ok(frames.into_iter().map(|frame| Dynamic::from(frame.to_string())).collect::<Array>())
    });
}

fn newest(session: &Session) -> Stamp {
    session.context.snapshot.views.last().map_or(session.context.snapshot.taken_at, |view| view.stamp)
}

fn frame_id(session: &Session, name: &Dynamic, what: &str) -> Result<FrameId, ToolError> {
    let name = text(name, what)?;
    Ok(if name == "robot" { session.context.snapshot.robot_frame.clone() } else { FrameId::new(&name) })
}

fn lookup(session: &Arc<Session>, target: &Dynamic, source: &Dynamic, at: Stamp) -> Result<Map, ToolError> {
    let (target, source) = (frame_id(session, target, "target")?, frame_id(session, source, "source")?);
    let found: Isometry3<f64> = transform(session, &target, &source, at)?;
    let q = found.rotation.coords;
    let quaternion: Array = q.iter().map(|v| Dynamic::from_float(*v)).collect();
    Ok([
        ("position".into(), Dynamic::from(list_of_point(&found.translation.vector.into()))),
        ("quaternion_xyzw".into(), quaternion.into()),
        ("yaw".into(), Dynamic::from_float(found.rotation.euler_angles().2)),
    ]
    .into())
}

fn transformed(session: &Arc<Session>, thing: &Dynamic, target: &str) -> Result<Dynamic, ToolError> {
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
    let snapshot = &session.context.snapshot;
    let target = frame_id(session, &Dynamic::from(target.to_owned()), "target")?;
    let target_from_fixed = transform(session, &target, &snapshot.fixed_frame, newest(session))?;
    Ok(Dynamic::from(list_of_point(&(target_from_fixed * p))))
}
