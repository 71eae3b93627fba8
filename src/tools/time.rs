//! `tools.Time`: frames and seconds. By stamps, so that frames that come unevenly are told right.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{
    Kind, Param, Session, ToolError, ToolSpec, Toolbox,
    arguments::{describe, index, number, text},
    input_images,
    values::{FrameValue, per_frame::whole},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Time;

const FRAME: Kind = Kind::AnyOf(&[Kind::Int, Kind::Value("Frame")]);
const AT: &[Param] = &[
    Param::required("seconds", Kind::Number).about("after the oldest image"),
    Param::optional("camera", Kind::Text("camera name"), "any"),
];

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.Time.frame_to_seconds",
        params: &[Param::required("frame", FRAME)],
        returns: "float",
        doc: "Seconds from the oldest image of InputImages to this one, by their stamps.",
        example: "print(tools.Time.frame_to_seconds(-1));",
    },
    ToolSpec {
        path: "tools.Time.seconds_to_frame",
        params: AT,
        returns: "int",
        doc: "Position in InputImages of the image nearest to that time; outside the recording it is the first or last, and that is said.",
        example: "print(tools.Time.seconds_to_frame(0.0));",
    },
    ToolSpec {
        path: "tools.Time.get_frame_at_time",
        params: AT,
        returns: "int",
        doc: "The same as seconds_to_frame.",
        example: "print(InputImages[tools.Time.get_frame_at_time(0)].stamp);",
    },
    ToolSpec {
        path: "tools.Time.frame_range_to_seconds",
        params: &[Param::required("first", FRAME), Param::required("last", FRAME)],
        returns: "[float, float]",
        doc: "Seconds of both frames after the oldest image.",
        example: "print(tools.Time.frame_range_to_seconds(0, -1));",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Time>) {
    tools.add("frame_to_seconds", |session, [frame]| seconds_of(session, &frame, "frame"));
    tools.add("seconds_to_frame", |session, [seconds, camera]| frame_at(session, &seconds, &camera));
    tools.add("get_frame_at_time", |session, [seconds, camera]| frame_at(session, &seconds, &camera));
    tools.add("frame_range_to_seconds", |session, [first, last]| {
        let (first, last) = (seconds_of(session, &first, "first")?, seconds_of(session, &last, "last")?);
        Ok([first, last].map(Dynamic::from_float).to_vec() as Array)
    });
}

fn since_oldest(session: &Session, frame: &FrameValue) -> f64 {
    let oldest = session.context.snapshot.views.first().map_or(0, |oldest| oldest.stamp.nanos);
    // Dividing rounds once, so that 1.2 s is 1.2 and not 1.2000000000000002.
    frame.view().stamp.nanos.saturating_sub(oldest) as f64 / 1e9
}

fn seconds_of(session: &Arc<Session>, frame: &Dynamic, what: &str) -> Result<f64, ToolError> {
    if let Some(frame) = frame.read_lock::<FrameValue>() {
        return Ok(since_oldest(session, &frame));
    }
    let frames = input_images::value(session).frames();
    let Some(position) = whole(frame) else {
        let found = describe(frame);
        return Err(ToolError::argument(format!(
            "{what} is {found}, wanted a whole position in InputImages or a Frame"
        )));
    };
    let at = index(position, frames.len(), what)?;
    Ok(frames.get(at).map_or(0.0, |frame| since_oldest(session, frame)))
}

fn frame_at(session: &Arc<Session>, seconds: &Dynamic, camera: &Dynamic) -> Result<i64, ToolError> {
    let wanted = number(seconds, "seconds")?;
    let mut frames = input_images::value(session).frames();
    if !camera.is_unit() {
        let camera = text(camera, "camera")?;
        frames.retain(|frame| *frame.view().camera == *camera);
        if frames.is_empty() {
            return Err(ToolError::argument(format!("no image is of camera {camera:?}; see Metadata.cameras")));
        }
    }
    let away = |frame: &FrameValue| (since_oldest(session, frame) - wanted).abs();
    let Some(nearest) = frames.iter().min_by(|a, b| away(a).total_cmp(&away(b))) else {
        return Err(ToolError::argument("there is no image"));
    };
    let ends = frames.first().zip(frames.last());
    if let Some((first, last)) = ends {
        let (first, last) = (since_oldest(session, first), since_oldest(session, last));
        if !(first..=last).contains(&wanted) {
            session.print(&format!(
                "{wanted} s is outside the recording of {first:.3} to {last:.3} s; frame {} is nearest",
                nearest.index()
            ));
        }
    }
    Ok(nearest.index() as i64)
}
