//! What happens when a budget is used up: the last answer that was held back, else one last turn that must submit, else a refusal.

use tracing::Instrument;

use super::{
    Stage,
    turns::{GoalRun, TurnEnd},
};
use crate::{
    answer::{Answer, Refusal},
    kernel::Submission,
    llm::{Message, Role},
};

impl GoalRun<'_> {
    /// Ends a goal whose budget is used up.
    ///
    /// # Errors
    /// `reason`, or the refusal that the model chose in its last turn.
    pub async fn force(&mut self, reason: Refusal) -> Result<Answer, Refusal> {
        if let Some(answer) = self.progress.take_held() {
            return Ok(answer);
        }
        let can_speak = !self.speakers.is_program_writer();
        let wanted = self.agent.settings.forces_answer && can_speak && !self.goal.interface.is_one_turn();
        if !wanted || self.goal.max_steps <= 1 {
            return Err(reason);
        }
        let prompt = self.agent.settings.prompt.section("forced").to_owned();
        self.talk.append(Message::new(Role::User, format!("## Last turn\n\n{} {prompt}", reason.message)));
        if let Some(finisher) = &self.agent.finisher {
            self.speakers.put_first(finisher.as_ref());
        }
        self.emit(Stage::Generate, "last turn: an answer must be submitted", "", &reason.message, None);
        match self.turn(true).instrument(tracing::debug_span!("forced")).await? {
            TurnEnd::Submitted(Submission::Answer(answer)) => Ok(Answer { forced: true, ..answer }),
            TurnEnd::Submitted(Submission::Refusal(refusal)) => Err(refusal),
            TurnEnd::Continues => Err(reason),
        }
    }
}
