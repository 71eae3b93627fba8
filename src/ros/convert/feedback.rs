//! Feedback of `spatialclaw/AskSpatial`.

use std::time::Duration;

use r2r::spatialclaw::action::AskSpatial::{Feedback, FeedbackMessage};

use super::{text::clean, time::duration_msg, uuid::uuid_msg};
use crate::{
    agent::{Event, Stage},
    ros::goal_table::GoalId,
};

/// One thing that happened, for the client of goal `id`.
pub fn feedback_msg(id: &GoalId, event: &Event, elapsed: Duration) -> FeedbackMessage {
    let feedback = Feedback {
        stage: stage_number(event.stage),
        step: event.step,
        purpose: clean(&event.purpose),
        code: clean(&event.code),
        output: clean(&event.output),
        elapsed: duration_msg(elapsed),
        n_prompt_tokens: event.used.n_prompt_tokens,
        n_completion_tokens: event.used.n_completion_tokens,
        n_sent_bytes: event.used.n_sent_bytes,
        cost: event.used.cost_micro as f64 / 1e6,
    };
    FeedbackMessage { goal_id: uuid_msg(id), feedback }
}

fn stage_number(stage: Stage) -> u8 {
    match stage {
        Stage::Queued => Feedback::STAGE_QUEUED as u8,
        Stage::Snapshot => Feedback::STAGE_SNAPSHOT as u8,
        Stage::Plan => Feedback::STAGE_PLAN as u8,
        Stage::Generate => Feedback::STAGE_GENERATE as u8,
        Stage::Check => Feedback::STAGE_CHECK as u8,
        Stage::Run => Feedback::STAGE_RUN as u8,
        Stage::Observe => Feedback::STAGE_OBSERVE as u8,
        Stage::Reflect => Feedback::STAGE_REFLECT as u8,
        Stage::Answer => Feedback::STAGE_ANSWER as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Usage;

    #[test]
    fn an_event_arrives_whole() {
        let event = Event {
            stage: Stage::Run,
            step: 2,
            purpose: "measure".into(),
            code: "let d = 1;".into(),
            output: "a\0b".into(),
            cost: None,
            used: Usage {
                n_prompt_tokens: 10,
                n_completion_tokens: 20,
                n_sent_bytes: 30,
                cost_micro: 250_000,
                ..Usage::default()
            },
        };
        let message = feedback_msg(&[7; 16], &event, Duration::from_millis(1250));
        assert_eq!(message.goal_id.uuid, vec![7; 16]);
        let expected = Feedback {
            stage: 5,
            step: 2,
            purpose: "measure".into(),
            code: "let d = 1;".into(),
            output: "a\u{fffd}b".into(),
            elapsed: r2r::builtin_interfaces::msg::Duration { sec: 1, nanosec: 250_000_000 },
            n_prompt_tokens: 10,
            n_completion_tokens: 20,
            n_sent_bytes: 30,
            cost: 0.25,
        };
        assert_eq!(message.feedback, expected);
    }

    #[test]
    fn stages_are_numbered_as_in_the_action_file() {
        let action = include_str!("../../../action/AskSpatial.action");
        for (stage, name) in [
            (Stage::Queued, "QUEUED"),
            (Stage::Snapshot, "SNAPSHOT"),
            (Stage::Plan, "PLAN"),
            (Stage::Generate, "GENERATE"),
            (Stage::Check, "CHECK"),
            (Stage::Run, "RUN"),
            (Stage::Observe, "OBSERVE"),
            (Stage::Reflect, "REFLECT"),
            (Stage::Answer, "ANSWER"),
        ] {
            assert!(action.contains(&format!("STAGE_{name}={}\n", stage_number(stage))), "{name}");
        }
    }
}
