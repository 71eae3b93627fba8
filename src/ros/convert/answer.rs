//! The result of `spatialclaw/AskSpatial`, and `spatialclaw/SpatialAnswer`.

use r2r::{
    spatialclaw::{
        action::AskSpatial::Result as ResultMsg,
        msg::{Provenance, SpatialAnswer, SpatialValue},
    },
    std_msgs::msg::Header,
};

use super::{
    evidence::evidence_msg,
    text::clean,
    time::{duration_msg, header, time_msg},
    uuid::uuid_msg,
    value::value_msg,
};
use crate::{
    agent::Outcome,
    answer::{Answer, AnswerValue, Refusal},
    error_code::ErrorCode,
    ros::goal_table::GoalId,
    scene::{FrameId, Stamp},
};

/// What an outcome does not say by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The goal.
    pub id: GoalId,
    /// As asked.
    pub question: String,
    /// For logs and records.
    pub session_id: String,
    /// How the model was to act; stands in where none was asked.
    pub interface: String,
    /// Frame in which measurements are made.
    pub fixed_frame: FrameId,
    /// ROS time now; stands in where no snapshot was taken.
    pub now: Stamp,
}

/// The action's result.
pub fn result_msg(about: &About, outcome: &Outcome) -> ResultMsg {
    let provenance = provenance(about, outcome);
    match &outcome.result {
        Ok(answer) => answered(answer, provenance.clone()).unwrap_or_else(|| {
            let message = "the answer holds a number that is not finite".to_owned();
            refused(&Refusal { code: ErrorCode::InternalError, message }, provenance)
        }),
        Err(refusal) => refused(refusal, provenance),
    }
}

/// The latched message that says the same as `result`.
pub fn answer_msg(about: &About, outcome: &Outcome, result: ResultMsg) -> SpatialAnswer {
    SpatialAnswer {
        header: answer_header(about, outcome),
        goal_id: uuid_msg(&about.id),
        question: clean(&about.question),
        success: result.success,
        error_code: result.error_code,
        error_msg: result.error_msg,
        text: result.text,
        value: result.value,
        evidence: result.evidence,
        provenance: result.provenance,
        forced: result.forced,
    }
}

fn answered(answer: &Answer, provenance: Provenance) -> Option<ResultMsg> {
    Some(ResultMsg {
        success: true,
        error_code: ResultMsg::NONE as u16,
        error_msg: String::new(),
        text: clean(&answer.text),
        value: value_msg(&answer.value)?,
        evidence: answer.evidence.iter().filter_map(evidence_msg).collect(),
        provenance,
        forced: answer.forced,
    })
}

fn refused(refusal: &Refusal, provenance: Provenance) -> ResultMsg {
    let message = if refusal.message.is_empty() { refusal.code.name() } else { &refusal.message };
    ResultMsg {
        success: false,
        error_code: refusal.code.as_u16(),
        error_msg: clean(message),
        text: String::new(),
        value: SpatialValue::default(),
        evidence: Vec::new(),
        provenance,
        forced: false,
    }
}

fn provenance(about: &About, outcome: &Outcome) -> Provenance {
    let snapshot = outcome.snapshot.as_ref();
    let mut cameras: Vec<String> = Vec::new();
    for view in snapshot.iter().flat_map(|snapshot| &snapshot.views) {
        if !cameras.iter().any(|known| **known == *view.camera) {
            cameras.push(clean(&view.camera));
        }
    }
    Provenance {
        session_id: clean(&about.session_id),
        taken_at: time_msg(snapshot.map_or(about.now, |snapshot| snapshot.taken_at)),
        elapsed: duration_msg(outcome.elapsed),
        n_steps: outcome.n_steps,
        n_tool_calls: outcome.n_tool_calls,
        interface: clean(if outcome.models.is_empty() { &about.interface } else { outcome.interface.name() }),
        models: outcome.models.iter().map(|model| clean(model)).collect(),
        n_prompt_tokens: outcome.n_prompt_tokens,
        n_completion_tokens: outcome.n_completion_tokens,
        n_sent_bytes: outcome.n_sent_bytes,
        cost: outcome.cost_micro as f64 / 1e6,
        cameras,
        fixed_frame: clean(about.fixed_frame.as_str()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Stamp of the newest image used (of the newest one available, when none was), frame of the answer.
fn answer_header(about: &About, outcome: &Outcome) -> Header {
    let answer = outcome.result.as_ref().ok();
    let newest_used = answer.and_then(|answer| answer.evidence.iter().map(|item| item.stamp).max());
    let newest_seen = || outcome.snapshot.as_ref()?.views.iter().map(|view| view.stamp).max();
    let stamp = newest_used.or_else(newest_seen).unwrap_or(about.now);
    let frame = answer.map(|answer| match &answer.value {
        AnswerValue::Point(placement) | AnswerValue::Pose(placement) => placement.frame.clone(),
        _ => answer.evidence.first().map_or_else(|| about.fixed_frame.clone(), |item| item.frame.clone()),
    });
    header(stamp, frame.as_ref().unwrap_or(&about.fixed_frame))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        agent::Interface,
        geometry::{Quantity, Unit},
        ros::convert::evidence::tests::a_mug,
    };

    fn about() -> About {
        About {
            id: [3; 16],
            question: "how far is the mug?".into(),
            session_id: "0303".into(),
            interface: "code".into(),
            fixed_frame: FrameId::new("map"),
            now: Stamp { nanos: 9_000_000_000 },
        }
    }

    fn outcome(result: Result<Answer, Refusal>) -> Outcome {
        Outcome {
            result,
            n_steps: 2,
            n_tool_calls: 3,
            models: vec!["offline-grammar".into()],
            n_prompt_tokens: 10,
            n_completion_tokens: 20,
            n_sent_bytes: 30,
            cost_micro: 1_500_000,
            interface: Interface::Code,
            prompt_hash: String::new(),
            elapsed: Duration::from_millis(1500),
            snapshot: None,
        }
    }

    fn an_answer() -> Answer {
        Answer {
            value: AnswerValue::Number(Quantity::new(0.4, 0.01, Unit::Metre).unwrap()),
            text: "0.400 ± 0.010 m".into(),
            evidence: vec![a_mug()],
            forced: true,
        }
    }

    #[test]
    fn an_answer_has_value_evidence_and_provenance() {
        let result = result_msg(&about(), &outcome(Ok(an_answer())));
        assert!(result.success && result.forced);
        assert_eq!((result.error_code, result.error_msg.as_str()), (0, ""));
        assert_eq!(result.text, "0.400 ± 0.010 m");
        assert_eq!((result.value.kind, result.value.number.value), (1, 0.4));
        assert_eq!(result.evidence.len(), 1);
        let expected = Provenance {
            session_id: "0303".into(),
            taken_at: r2r::builtin_interfaces::msg::Time { sec: 9, nanosec: 0 },
            elapsed: r2r::builtin_interfaces::msg::Duration { sec: 1, nanosec: 500_000_000 },
            n_steps: 2,
            n_tool_calls: 3,
            interface: "code".into(),
            models: vec!["offline-grammar".into()],
            n_prompt_tokens: 10,
            n_completion_tokens: 20,
            n_sent_bytes: 30,
            cost: 1.5,
            cameras: vec![],
            fixed_frame: "map".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        assert_eq!(result.provenance, expected);
    }

    #[test]
    fn a_refusal_has_code_and_message_and_no_value() {
        let refusal = Refusal { code: ErrorCode::NotVisible, message: "mug\0 is not in view".into() };
        let result = result_msg(&about(), &outcome(Err(refusal)));
        assert!(!result.success);
        assert_eq!(result.error_code, ResultMsg::NOT_VISIBLE as u16);
        assert_eq!(result.error_msg, "mug\u{fffd} is not in view");
        assert_eq!(result.value.kind, SpatialValue::KIND_NONE as u8);
    }

    #[test]
    fn a_message_is_never_empty() {
        let refusal = Refusal { code: ErrorCode::NoAnswer, message: String::new() };
        assert_eq!(result_msg(&about(), &outcome(Err(refusal))).error_msg, "NO_ANSWER");
    }

    #[test]
    fn the_latched_answer_says_the_same_with_the_images_stamp_and_frame() {
        let outcome = outcome(Ok(an_answer()));
        let result = result_msg(&about(), &outcome);
        let answer = answer_msg(&about(), &outcome, result.clone());
        assert_eq!((answer.header.stamp.sec, answer.header.stamp.nanosec), (2, 3));
        assert_eq!(answer.header.frame_id, "map");
        assert_eq!(answer.goal_id.uuid, vec![3; 16]);
        assert_eq!(answer.question, "how far is the mug?");
        assert_eq!((answer.value, answer.evidence), (result.value, result.evidence));
    }

    #[test]
    fn the_latched_refusal_is_stamped_now() {
        let refusal = Refusal { code: ErrorCode::InvalidGoal, message: "question is empty".into() };
        let outcome = outcome(Err(refusal));
        let answer = answer_msg(&about(), &outcome, result_msg(&about(), &outcome));
        assert_eq!(answer.header.stamp.sec, 9);
        assert_eq!(answer.error_code, ResultMsg::INVALID_GOAL as u16);
    }
}
