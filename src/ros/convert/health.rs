//! How the inputs fare, as `diagnostic_msgs/DiagnosticStatus`.

use r2r::diagnostic_msgs::msg::{DiagnosticStatus, KeyValue};

use super::text::clean;
use crate::{
    config::Config,
    scene::{CameraHealth, FrameId, ImuHealth, InputProblem, StreamHealth},
    session::record::RecorderHealth,
};

/// How bad a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// All is well.
    Ok = 0,
    /// Degraded.
    Warn = 1,
    /// Questions are refused.
    Error = 2,
}

/// A status; `values` in the order given.
pub fn status(level: Level, name: String, message: &str, values: Vec<(String, String)>) -> DiagnosticStatus {
    DiagnosticStatus {
        level: level as u8,
        name: clean(&name),
        message: clean(message),
        hardware_id: String::new(),
        values: values.into_iter().map(|(key, value)| KeyValue { key: clean(&key), value: clean(&value) }).collect(),
    }
}

/// One camera. `unheard` says why nothing can be heard on a topic.
pub fn camera_status(node: &str, health: &CameraHealth, unheard: impl Fn(&str) -> Option<String>) -> DiagnosticStatus {
    let streams = [("image", &health.color), ("depth", &health.depth), ("labels", &health.labels)];
    let mut values = Vec::new();
    let mut reasons = Vec::new();
    for (name, stream) in streams {
        stream_values(name, stream, &mut values);
        if let Some(reason) = unheard(&stream.topic).filter(|_| !stream.topic.is_empty()) {
            values.push((format!("{name}.unheard"), reason.clone()));
            reasons.push(reason);
        }
    }
    if let Some(skew_secs) = health.depth_skew_secs {
        values.push(("depth_skew_secs".to_owned(), format!("{skew_secs:.4}")));
    }
    values.push(("buffered_megabytes".to_owned(), format!("{:.1}", health.n_bytes as f64 / f64::from(1 << 20))));
    for (index, problem) in health.problems.iter().enumerate() {
        values.push((format!("problem.{index}"), format!("{}: {problem}", problem.code)));
    }
    let refused = || streams.iter().find_map(|(_, stream)| stream.problem.as_ref());
    let (level, message) = match (health.problems.first(), refused()) {
        (Some(problem), _) => (Level::Error, said(problem, &reasons)),
        (None, Some(problem)) => (Level::Warn, format!("the newest message was refused: {problem}")),
        (None, None) => (Level::Ok, "ok".to_owned()),
    };
    status(level, format!("{node}: camera {}", health.camera), &message, values)
}

/// The problem, and why nothing is heard when that is the cause.
fn said(problem: &InputProblem, reasons: &[String]) -> String {
    let mut message = format!("{}: {problem}", problem.code);
    for reason in reasons {
        message.push_str("; ");
        message.push_str(reason);
    }
    message
}

fn stream_values(name: &str, stream: &StreamHealth, values: &mut Vec<(String, String)>) {
    let mut push = |key: &str, value: String| values.push((format!("{name}.{key}"), value));
    if stream.topic.is_empty() {
        push("topic", "none".to_owned());
        return;
    }
    push("topic", stream.topic.clone());
    push("received", stream.n_received.to_string());
    push("refused", stream.n_refused.to_string());
    push("buffered", stream.n_buffered.to_string());
    if let Some(rate_hz) = stream.rate_hz {
        push("rate_hz", format!("{rate_hz:.1}"));
    }
    if let Some(age_secs) = stream.age_secs {
        push("age_secs", format!("{age_secs:.3}"));
    }
    if let Some(problem) = &stream.problem {
        push("problem", format!("{}: {problem}", problem.code));
    }
}

/// Recorded sessions.
pub fn recorder_status(node: &str, health: &RecorderHealth) -> DiagnosticStatus {
    let (level, message) = match &health.problem {
        Some(problem) => (Level::Warn, problem.as_str()),
        None => (Level::Ok, "ok"),
    };
    let mut values =
        vec![("written".to_owned(), health.n_written.to_string()), ("lost".to_owned(), health.n_lost.to_string())];
    values.extend(health.newest.as_ref().map(|path| ("newest".to_owned(), path.display().to_string())));
    status(level, format!("{node}: recorded sessions"), message, values)
}

/// The transforms: whether the frames that every question needs are there.
pub fn transforms_status(node: &str, config: &Config, frames: &[FrameId]) -> DiagnosticStatus {
    let missing: Vec<&str> = [&config.fixed_frame, &config.robot_frame]
        .into_iter()
        .filter(|frame| !frames.contains(frame))
        .map(FrameId::as_str)
        .collect();
    let (level, message) = match missing.is_empty() {
        true => (Level::Ok, "ok".to_owned()),
        false => (Level::Warn, format!("frames {missing:?} are not in the transform tree")),
    };
    let values = vec![
        ("frames".to_owned(), frames.len().to_string()),
        ("fixed_frame".to_owned(), config.fixed_frame.to_string()),
        ("robot_frame".to_owned(), config.robot_frame.to_string()),
    ];
    status(level, format!("{node}: transforms"), &message, values)
}

/// The IMU. Without it questions are answered all the same, so it never rises above a warning.
pub fn imu_status(node: &str, topic: &str, health: &ImuHealth, unheard: Option<String>) -> DiagnosticStatus {
    let mut values = vec![
        ("topic".to_owned(), topic.to_owned()),
        ("received".to_owned(), health.n_received.to_string()),
        ("refused".to_owned(), health.n_refused.to_string()),
        ("buffered".to_owned(), health.n_buffered.to_string()),
    ];
    if let Some(age_secs) = health.age_secs {
        values.push(("age_secs".to_owned(), format!("{age_secs:.3}")));
    }
    let problem = health.problem.as_ref().map(|problem| format!("the newest message was refused: {problem}"));
    let silent = (health.n_received == 0).then(|| format!("nothing was heard on \"{topic}\""));
    let (level, message) = match unheard.or(problem).or(silent) {
        Some(message) => (Level::Warn, message),
        None => (Level::Ok, "ok".to_owned()),
    };
    status(level, format!("{node}: imu"), &message, values)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::error_code::ErrorCode;

    fn stream(topic: &str) -> StreamHealth {
        StreamHealth {
            topic: topic.to_owned(),
            n_received: 30,
            n_refused: 1,
            rate_hz: Some(29.97),
            newest: None,
            age_secs: Some(0.0512),
            n_buffered: 29,
            problem: None,
        }
    }

    #[test]
    fn an_imu_that_is_silent_or_refused_is_a_warning() {
        let level = |health: &ImuHealth, unheard: Option<String>| {
            let status = imu_status("s", "/imu", health, unheard);
            (status.level, status.message)
        };
        let silent = ImuHealth::default();
        assert_eq!(level(&silent, None), (1, "nothing was heard on \"/imu\"".to_owned()));
        let heard = ImuHealth { n_received: 3, n_buffered: 3, age_secs: Some(0.1), ..silent };
        assert_eq!(level(&heard, None), (0, "ok".to_owned()));
        assert_eq!(level(&heard, Some("no publisher".to_owned())), (1, "no publisher".to_owned()));
    }

    fn health() -> CameraHealth {
        CameraHealth {
            camera: "front".to_owned(),
            color: stream("/front/image"),
            depth: stream("/front/depth"),
            labels: stream(""),
            depth_skew_secs: Some(0.004),
            n_bytes: 3 << 20,
            problems: vec![],
        }
    }

    fn value<'a>(status: &'a DiagnosticStatus, key: &str) -> Option<&'a str> {
        status.values.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str())
    }

    #[test]
    fn a_healthy_camera_is_ok_with_its_figures() {
        let status = camera_status("spatialclaw", &health(), |_| None);
        assert_eq!((status.level, status.message.as_str()), (0, "ok"));
        assert_eq!(status.name, "spatialclaw: camera front");
        assert_eq!(value(&status, "image.topic"), Some("/front/image"));
        assert_eq!(value(&status, "depth.rate_hz"), Some("30.0"));
        assert_eq!(value(&status, "image.age_secs"), Some("0.051"));
        assert_eq!(value(&status, "labels.topic"), Some("none"));
        assert_eq!(value(&status, "depth_skew_secs"), Some("0.0040"));
        assert_eq!(value(&status, "buffered_megabytes"), Some("3.0"));
    }

    #[test]
    fn a_problem_is_an_error_that_says_why_nothing_is_heard() {
        let problem = InputProblem { code: ErrorCode::NoDepth, message: "no depth on \"/front/depth\"".to_owned() };
        let health = CameraHealth { problems: vec![problem], ..health() };
        let status =
            camera_status("s", &health, |topic| (topic == "/front/depth").then(|| "nobody publishes it".into()));
        assert_eq!(status.level, 2);
        assert_eq!(status.message, "NO_DEPTH: no depth on \"/front/depth\"; nobody publishes it");
        assert_eq!(value(&status, "problem.0"), Some("NO_DEPTH: no depth on \"/front/depth\""));
        assert_eq!(value(&status, "depth.unheard"), Some("nobody publishes it"));
    }

    #[test]
    fn a_refused_message_is_a_warning() {
        let problem = InputProblem { code: ErrorCode::BadInput, message: "step is 0".to_owned() };
        let color = StreamHealth { problem: Some(problem), ..stream("/front/image") };
        let status = camera_status("s", &CameraHealth { color, ..health() }, |_| None);
        assert_eq!((status.level, status.message.as_str()), (1, "the newest message was refused: step is 0"));
    }

    #[test]
    fn missing_frames_are_named() {
        let config = Config::from_parameters(BTreeMap::new()).unwrap();
        let frames = [FrameId::new("map"), FrameId::new("base_link")];
        assert_eq!(transforms_status("s", &config, &frames).level, 0);
        let status = transforms_status("s", &config, &frames[..1]);
        assert_eq!(
            (status.level, status.message.as_str()),
            (1, "frames [\"base_link\"] are not in the transform tree")
        );
    }
}
