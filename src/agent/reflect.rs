//! A strict colleague reviews the work: every few cells, and each answer before it goes out. A review can hand an answer back, within
//! its budget. A review that fails or cannot be read changes nothing.

use serde_json::json;

use super::{Stage, reply::json_object, speakers::ask, turns::GoalRun};
use crate::{
    answer::Answer,
    llm::{Message, ResponseSchema, Role},
};

/// Characters of what a review says.
const MAX_CHARS: usize = 2000;

/// What a review found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// A mistake.
    Concern {
        /// What and where.
        explanation: String,
        /// The next step.
        suggestion: String,
    },
}

/// Only a whole JSON object with a known status counts; anything else is no verdict.
fn verdict(text: &str) -> Option<Verdict> {
    let found = json_object(&super::reply::without_thoughts(text)).ok()?.value;
    let words = |key: &str| {
        let text = found.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().trim();
        text.chars().take(MAX_CHARS).collect::<String>()
    };
    match words("status").to_lowercase().as_str() {
        "ok" => Some(Verdict::Fine),
        "concern" if !words("explanation").is_empty() => {
            Some(Verdict::Concern { explanation: words("explanation"), suggestion: words("suggestion") })
        }
        _ => None,
    }
}

impl GoalRun<'_> {
    /// Reviews the work without an answer, when it is time for it.
    pub async fn review_progress(&mut self) {
        let Some(reflection) = self.agent.settings.reflection else { return };
        let every = reflection.every_n_steps.max(1);
        let step = self.progress.n_steps;
        if step < 2 || step / every == self.n_steps_at_review / every || step >= self.goal.max_steps {
            return;
        }
        self.n_steps_at_review = step;
        if let Some(Verdict::Concern { explanation, suggestion }) = self.review("").await {
            let text = format!("## Review\n\nA review of the work so far has a concern: {explanation}\n{suggestion}");
            self.talk.append(Message::new(Role::User, text.trim().to_owned()));
        }
    }

    /// Whether a review hands the answer back; the model is told why.
    pub async fn is_vetoed(&mut self, answer: &Answer) -> bool {
        let Some(reflection) = self.agent.settings.reflection else { return false };
        let n_left = self.goal.max_steps.saturating_sub(self.progress.n_steps);
        if n_left < reflection.min_steps_for_veto || self.n_vetoes >= reflection.max_vetoes {
            return false;
        }
        let about = format!("The answer about to go out: {}", answer.text);
        let Some(Verdict::Concern { explanation, suggestion }) = self.review(&about).await else { return false };
        self.n_vetoes += 1;
        let text = format!(
            "## Review\n\nYour answer \"{}\" was held back: {explanation}\n{suggestion}\nMend the mistake, or show with a measurement \
             that there is none; then submit again.",
            answer.text
        );
        self.talk.append(Message::new(Role::User, text));
        true
    }

    async fn review(&mut self, about: &str) -> Option<Verdict> {
        let speaker = self.speakers.current().ok()?;
        let reviewer = self.agent.reviewer.as_deref().unwrap_or(speaker.model);
        if self.speakers.is_program_writer() || reviewer.abilities().writes_programs_only {
            return None;
        }
        self.progress.doing = "waiting for a review";
        self.emit(Stage::Reflect, "review", "", about, None);
        let prompt = self.agent.settings.prompt.section("reflection");
        let mut request = self.request_without_interface();
        let question = Message::new(Role::User, format!("{prompt}\n\n{about}").trim().to_owned());
        match request.messages.last_mut() {
            // Two messages of one speaker in a row are refused by some servers.
            Some(last) if last.role == Role::User => last.text = format!("{}\n\n{}", last.text, question.text),
            _ => request.messages.push(question),
        }
        if reviewer.abilities().response_schema {
            request.response_schema = Some(ResponseSchema { name: "review".to_owned(), schema: schema() });
        }
        let found = match ask(reviewer, &request, self.progress).await {
            Ok(reply) if !reply.finish.is_cut_off() => verdict(&reply.text),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "no review");
                None
            }
        };
        let words = match &found {
            None => "no verdict".to_owned(),
            Some(Verdict::Fine) => "ok".to_owned(),
            Some(Verdict::Concern { explanation, .. }) => format!("concern: {explanation}"),
        };
        self.emit(Stage::Reflect, "review", "", &words, None);
        found
    }
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["ok", "concern"]},
            "explanation": {"type": "string"},
            "suggestion": {"type": "string"},
        },
        "required": ["status", "explanation", "suggestion"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_verdict_counts() {
        let concern =
            |why: &str| Some(Verdict::Concern { explanation: why.to_owned(), suggestion: "look again".to_owned() });
        assert_eq!(verdict("{\"status\": \"ok\", \"explanation\": \"no concern\"}"), Some(Verdict::Fine));
        assert_eq!(
            verdict(
                "```json\n{\"status\": \"Concern\", \"explanation\": \"wrong frame\", \"suggestion\": \"look again\"}\n```"
            ),
            concern("wrong frame")
        );
        for text in
            ["no concern", "concern", "", "{\"status\": \"maybe\"}", "{\"status\": \"concern\"}", "{\"status\": "]
        {
            assert_eq!(verdict(text), None, "{text}");
        }
    }
}
