//! Goals of `spatialclaw/AskSpatial`.

use r2r::{builtin_interfaces::msg::Duration as DurationMsg, spatialclaw::action::AskSpatial::Goal};
use std::time::Duration;

use super::{
    time::{duration, stamp},
    uuid::hex,
};
use crate::{
    answer::{AnswerKind, Refusal},
    app::{Question, When},
    error_code::ErrorCode,
    ros::goal_table::GoalId,
    scene::FrameId,
};

/// The question a goal asks.
///
/// # Errors
/// [`ErrorCode::InvalidGoal`] for numbers that stand for nothing, times that cannot be, and a moment that is given twice.
pub fn question(id: &GoalId, goal: Goal) -> Result<Question, Refusal> {
    let answer_kind = answer_kind(goal.answer_kind)?;
    let window = length("window", &goal.window)?;
    let deadline = length("deadline", &goal.deadline)?;
    let asked_stamp = stamp(&goal.stamp);
    if goal.stamp.nanosec >= 1_000_000_000 {
        return Err(invalid(format!("stamp has {} nanoseconds, expected less than 1000000000", goal.stamp.nanosec)));
    }
    let when = match u32::from(goal.time_mode) {
        TIME_NOW => When::Now,
        TIME_STAMP => When::At(asked_stamp),
        TIME_LAST => When::Last(window),
        other => return Err(invalid(format!("time_mode is {other}, expected 0 (NOW), 1 (STAMP) or 2 (LAST)"))),
    };
    if !asked_stamp.is_unset() && !matches!(when, When::At(_)) {
        return Err(invalid(format!("stamp is set, but time_mode is {}, expected 1 (STAMP)", goal.time_mode)));
    }
    if window.is_some() && !matches!(when, When::Last(_)) {
        return Err(invalid(format!("window is set, but time_mode is {}, expected 2 (LAST)", goal.time_mode)));
    }
    Ok(Question {
        session_id: hex(id),
        text: goal.question,
        choices: goal.choices,
        answer_kind,
        target_frame: FrameId::new(&goal.target_frame),
        when,
        cameras: goal.cameras,
        deadline,
        max_steps: (goal.max_steps > 0).then_some(goal.max_steps),
        interface: goal.interface,
        model: goal.model,
        conversation_id: goal.conversation_id,
        record: goal.record,
    })
}

const TIME_NOW: u32 = 0;
const TIME_STAMP: u32 = 1;
const TIME_LAST: u32 = 2;

fn answer_kind(number: u8) -> Result<AnswerKind, Refusal> {
    const KINDS: [AnswerKind; 8] = [
        AnswerKind::Any,
        AnswerKind::Number,
        AnswerKind::Bool,
        AnswerKind::Choice,
        AnswerKind::Text,
        AnswerKind::Point,
        AnswerKind::Pose,
        AnswerKind::List,
    ];
    let kind = KINDS.get(usize::from(number)).copied();
    kind.ok_or_else(|| invalid(format!("answer_kind is {number}, expected 0 (ANY) to 7 (LIST)")))
}

/// `None` for zero, which stands for the node's parameter.
fn length(field: &str, message: &DurationMsg) -> Result<Option<Duration>, Refusal> {
    match duration(message) {
        Some(Duration::ZERO) => Ok(None),
        Some(length) => Ok(Some(length)),
        None => {
            let (sec, nanosec) = (message.sec, message.nanosec);
            Err(invalid(format!("{field} is {sec} s and {nanosec} ns, expected zero or a positive length of time")))
        }
    }
}

fn invalid(message: String) -> Refusal {
    Refusal { code: ErrorCode::InvalidGoal, message }
}

#[cfg(test)]
mod tests {
    use r2r::builtin_interfaces::msg::Time;

    use super::*;
    use crate::scene::Stamp;

    const ID: GoalId = [0xab; 16];

    fn goal() -> Goal {
        Goal { question: "is the mug left of the box?".into(), ..Goal::default() }
    }

    #[test]
    fn constants_equal_the_action_file() {
        let found = [Goal::TIME_NOW as u32, Goal::TIME_STAMP as u32, Goal::TIME_LAST as u32];
        assert_eq!(found, [TIME_NOW, TIME_STAMP, TIME_LAST]);
        let kinds = [
            (Goal::ANSWER_ANY as u8, AnswerKind::Any),
            (Goal::ANSWER_NUMBER as u8, AnswerKind::Number),
            (Goal::ANSWER_BOOL as u8, AnswerKind::Bool),
            (Goal::ANSWER_CHOICE as u8, AnswerKind::Choice),
            (Goal::ANSWER_TEXT as u8, AnswerKind::Text),
            (Goal::ANSWER_POINT as u8, AnswerKind::Point),
            (Goal::ANSWER_POSE as u8, AnswerKind::Pose),
            (Goal::ANSWER_LIST as u8, AnswerKind::List),
        ];
        for (number, kind) in kinds {
            assert_eq!(answer_kind(number), Ok(kind));
        }
    }

    #[test]
    fn an_empty_goal_takes_the_parameters() {
        let question = question(&ID, goal()).unwrap();
        assert_eq!(question.session_id, "ab".repeat(16));
        assert_eq!(question.when, When::Now);
        assert_eq!((question.deadline, question.max_steps), (None, None));
        assert!(question.target_frame.is_empty());
    }

    #[test]
    fn every_field_arrives() {
        let full = Goal {
            choices: vec!["yes".into(), "no".into()],
            answer_kind: 3,
            target_frame: "/base_link".into(),
            time_mode: 2,
            window: DurationMsg { sec: 2, nanosec: 500_000_000 },
            cameras: vec!["front".into()],
            deadline: DurationMsg { sec: 7, nanosec: 0 },
            max_steps: 5,
            interface: "code".into(),
            model: "m".into(),
            conversation_id: "c".into(),
            record: true,
            ..goal()
        };
        let expected = Question {
            session_id: "ab".repeat(16),
            text: "is the mug left of the box?".into(),
            choices: vec!["yes".into(), "no".into()],
            answer_kind: AnswerKind::Choice,
            target_frame: FrameId::new("base_link"),
            when: When::Last(Some(Duration::from_millis(2500))),
            cameras: vec!["front".into()],
            deadline: Some(Duration::from_secs(7)),
            max_steps: Some(5),
            interface: "code".into(),
            model: "m".into(),
            conversation_id: "c".into(),
            record: true,
        };
        assert_eq!(question(&ID, full), Ok(expected));
        let at = Goal { time_mode: 1, stamp: Time { sec: 3, nanosec: 4 }, ..goal() };
        assert_eq!(question(&ID, at).unwrap().when, When::At(Stamp { nanos: 3_000_000_004 }));
    }

    #[test]
    fn goals_that_cannot_be_are_refused() {
        let check = |goal: Goal, message: &str| {
            let refusal = Refusal { code: ErrorCode::InvalidGoal, message: message.to_owned() };
            assert_eq!(question(&ID, goal), Err(refusal));
        };
        check(Goal { answer_kind: 8, ..goal() }, "answer_kind is 8, expected 0 (ANY) to 7 (LIST)");
        check(Goal { time_mode: 3, ..goal() }, "time_mode is 3, expected 0 (NOW), 1 (STAMP) or 2 (LAST)");
        check(
            Goal { deadline: DurationMsg { sec: -1, nanosec: 0 }, ..goal() },
            "deadline is -1 s and 0 ns, expected zero or a positive length of time",
        );
        check(
            Goal { time_mode: 2, window: DurationMsg { sec: -2, nanosec: 5 }, ..goal() },
            "window is -2 s and 5 ns, expected zero or a positive length of time",
        );
        check(
            Goal { stamp: Time { sec: 1, nanosec: 0 }, ..goal() },
            "stamp is set, but time_mode is 0, expected 1 (STAMP)",
        );
        check(
            Goal { window: DurationMsg { sec: 1, nanosec: 0 }, ..goal() },
            "window is set, but time_mode is 0, expected 2 (LAST)",
        );
        check(
            Goal { time_mode: 1, stamp: Time { sec: 1, nanosec: 2_000_000_000 }, ..goal() },
            "stamp has 2000000000 nanoseconds, expected less than 1000000000",
        );
    }
}
