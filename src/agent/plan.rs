//! The plan before the first cell. The planner sees no pictures: a sighted one answers instead of planning. It costs no step, and when
//! it fails the question goes on without a plan.

use std::time::{Duration, Instant};

use super::{
    Stage,
    prompt::{planner_instructions, question::blind_question},
    reply::without_thoughts,
    speakers::ask,
    turns::GoalRun,
};
use crate::llm::{ChatRequest, Message, Role};

/// Characters of a plan.
const MAX_CHARS: usize = 6000;
/// Every planner's request begins alike, so they all belong to one session.
const SESSION: &str = "planner";
/// Share of the goal's time that a plan may take.
const MAX_SHARE: f64 = 0.25;

impl GoalRun<'_> {
    /// Asks for a plan and puts it before the first turn.
    pub async fn plan(&mut self) {
        let settings = &self.agent.settings;
        if !settings.plans || self.goal.max_steps <= 1 || self.goal.interface.is_one_turn() {
            return;
        }
        let planner = self.agent.planner.as_ref().unwrap_or(&self.agent.model).clone();
        if self.speakers.is_program_writer() || planner.abilities().writes_programs_only {
            return;
        }
        self.progress.doing = "waiting for the plan";
        self.emit(Stage::Plan, "plan", "", "", None);
        let limit = Duration::from_secs_f64(self.time_left().as_secs_f64() * MAX_SHARE);
        let request = ChatRequest {
            messages: vec![
                Message::new(Role::System, planner_instructions(&settings.prompt)),
                blind_question(&settings.prompt, self.goal, self.snapshot),
            ],
            session_id: SESSION.to_owned(),
            deadline: Some(Instant::now() + limit),
            ..ChatRequest::default()
        };
        let text = match tokio::time::timeout(limit, ask(planner.as_ref(), &request, self.progress)).await {
            Ok(Ok(reply)) if !reply.finish.is_cut_off() => cleaned(&reply.text),
            Ok(Ok(_)) => Err("it was cut off"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the question goes on without a plan");
                Err("the planner is not available")
            }
            Err(_) => Err("it took too long"),
        };
        match text {
            Ok(plan) => {
                self.emit(Stage::Plan, "plan", "", &plan, None);
                let handover = settings.prompt.section("plan_handover");
                self.talk.extend_head(Message::new(Role::User, format!("## Plan\n\n{handover}\n\n{plan}\n")));
            }
            Err(reason) => self.emit(Stage::Plan, "plan", "", &format!("no plan: {reason}"), None),
        }
    }
}

/// Words only: code in a plan would be copied unseen.
fn cleaned(text: &str) -> Result<String, &'static str> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in without_thoughts(text).lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.to_owned());
        }
    }
    let plan: String = lines.join("\n").trim().chars().take(MAX_CHARS).collect();
    if plan.is_empty() { Err("it was empty") } else { Ok(plan) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_words_without_thoughts_and_code() {
        assert_eq!(
            cleaned("<think>x</think>1. Look.\n```rhai\nlet x = 1;\n```\n2. Measure.\n").as_deref(),
            Ok("1. Look.\n2. Measure.")
        );
        assert_eq!(cleaned("<think>hm"), Err("it was empty"));
    }
}
