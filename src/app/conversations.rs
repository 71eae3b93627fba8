//! Conversations: what a follow-up question is told of the questions before it.
//!
//! Only words are kept: no image, no kernel, no variable. A variable that survived would be a measurement of images that are gone, and
//! nothing in a cell would show its age; an earlier answer that is told has its stamp beside it. Everything is bounded by
//! [`ConversationLimits`]. Time is passed in.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde::Serialize;

use crate::{
    agent::Outcome,
    answer::{Answer, AnswerValue, Refusal},
    config::ConversationLimits,
    error_code::ErrorCode,
};

/// Share of a limit to which a conversation is brought once it is over it: its beginning changes seldom then.
const TARGET: f64 = 0.7;
/// Characters kept of a question.
const MAX_QUESTION_CHARS: usize = 400;
/// Characters kept of an answer or refusal.
const MAX_OUTCOME_CHARS: usize = 400;
/// Things named that an answer rests on.
const MAX_THINGS: usize = 8;

/// All conversations of a service.
pub struct Conversations {
    limits: ConversationLimits,
    kept: Mutex<HashMap<String, Kept>>,
}

/// One conversation between its questions.
struct Kept {
    /// One JSON object a question, the oldest first.
    lines: VecDeque<String>,
    n_left_out: usize,
    last_used: Instant,
    is_busy: bool,
}

/// A question in its conversation, which takes no other until this one has ended or was dropped.
pub struct Talk {
    conversations: Arc<Conversations>,
    id: String,
    question: String,
    begun_at: Instant,
    has_ended: bool,
    /// What the model is told of the questions before it, one JSON object a line.
    pub earlier: String,
    /// How many questions came before it, those no longer told included.
    pub n_earlier: usize,
}

/// A question that has ended, as later ones are told of it.
#[derive(Serialize)]
struct Line {
    asked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_image_s: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    about: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_answer: Option<String>,
}

impl Conversations {
    /// None yet.
    pub fn new(limits: ConversationLimits) -> Arc<Conversations> {
        Arc::new(Conversations { limits, kept: Mutex::default() })
    }

    /// Whether the conversation `id` takes a question now.
    ///
    /// # Errors
    /// [`ErrorCode::ConversationBusy`] while another question of it is being answered.
    pub fn check(&self, id: &str) -> Result<(), Refusal> {
        match self.lock().get(id) {
            Some(kept) if kept.is_busy => Err(busy_with_another(id)),
            _ => Ok(()),
        }
    }

    /// Begins a question in the conversation `id`, or the conversation itself.
    ///
    /// # Errors
    /// [`ErrorCode::ConversationBusy`] while another question of it is being answered.
    pub fn begin(self: &Arc<Self>, id: &str, question: &str, now: Instant) -> Result<Talk, Refusal> {
        let mut all = self.lock();
        let max_age = self.limits.max_age;
        all.retain(|_, kept| kept.is_busy || now.saturating_duration_since(kept.last_used) < max_age);
        if !all.contains_key(id) {
            self.make_room(&mut all)?;
        }
        let kept = all.entry(id.to_owned()).or_insert_with(|| Kept {
            lines: VecDeque::new(),
            n_left_out: 0,
            last_used: now,
            is_busy: false,
        });
        if std::mem::replace(&mut kept.is_busy, true) {
            return Err(busy_with_another(id));
        }
        kept.last_used = now;
        Ok(Talk {
            conversations: self.clone(),
            id: id.to_owned(),
            question: question.to_owned(),
            begun_at: now,
            has_ended: false,
            earlier: kept.told(),
            n_earlier: kept.n_left_out + kept.lines.len(),
        })
    }

    fn make_room(&self, all: &mut HashMap<String, Kept>) -> Result<(), Refusal> {
        while all.len() >= self.limits.max_conversations {
            let idle = all.iter().filter(|(_, kept)| !kept.is_busy);
            let Some(oldest) = idle.min_by_key(|(_, kept)| kept.last_used).map(|(id, _)| id.clone()) else {
                return Err(busy(format!(
                    "questions of {} conversations are being answered, conversation.max_conversations is {}: wait for a result, \
                     then ask again",
                    all.len(),
                    self.limits.max_conversations
                )));
            };
            tracing::debug!(conversation = oldest, "a conversation gives way to a new one");
            all.remove(&oldest);
        }
        Ok(())
    }

    fn end(&self, id: &str, line: &Line, now: Instant) {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(id) else { return };
        kept.is_busy = false;
        kept.last_used = now;
        // Texts and numbers cannot fail to be written.
        kept.lines.push_back(serde_json::to_string(line).unwrap_or_default());
        kept.fit(&self.limits);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn told(&self) -> String {
        let left_out = (self.n_left_out > 0).then(|| format!("{{\"questions_left_out\":{}}}\n", self.n_left_out));
        left_out.into_iter().chain(self.lines.iter().map(|line| format!("{line}\n"))).collect()
    }

    fn n_bytes(&self) -> usize {
        self.lines.iter().map(|line| line.len() + 1).sum()
    }

    /// The newest stays whatever the limits say; it is bounded by itself.
    fn fit(&mut self, limits: &ConversationLimits) {
        if self.lines.len() <= limits.max_turns && self.n_bytes() <= limits.max_bytes {
            return;
        }
        let most = |limit: usize| (limit as f64 * TARGET) as usize;
        while self.lines.len() > 1
            && (self.lines.len() > most(limits.max_turns) || self.n_bytes() > most(limits.max_bytes))
        {
            self.lines.pop_front();
            self.n_left_out += 1;
        }
    }
}

impl Talk {
    /// Keeps what came of the question, and lets the next one in.
    pub fn end(mut self, outcome: &Outcome, now: Instant) {
        self.has_ended = true;
        self.conversations.end(&self.id, &Line::of(&self.question, outcome), now);
    }
}

impl Drop for Talk {
    /// A question that nobody waited for leaves a note, as a cancelled one does.
    fn drop(&mut self) {
        if !self.has_ended {
            let line = Line { no_answer: Some("it was given up".to_owned()), ..Line::asked(&self.question) };
            self.conversations.end(&self.id, &line, self.begun_at);
        }
    }
}

impl Line {
    fn asked(question: &str) -> Line {
        Line {
            asked: condensed(question, MAX_QUESTION_CHARS),
            newest_image_s: None,
            answered: None,
            value: None,
            about: Vec::new(),
            no_answer: None,
        }
    }

    fn of(question: &str, outcome: &Outcome) -> Line {
        let newest = outcome.snapshot.as_ref().and_then(|snapshot| snapshot.views.iter().map(|view| view.stamp).max());
        let line = Line { newest_image_s: newest.map(|stamp| stamp.to_string()), ..Line::asked(question) };
        match &outcome.result {
            Ok(answer) => Line {
                answered: Some(condensed(&answer.text, MAX_OUTCOME_CHARS)),
                value: value(answer).filter(|value| !answer.text.contains(value.as_str())),
                about: things(answer),
                ..line
            },
            Err(refusal) => {
                let text = format!("{}: {}", refusal.code.name(), refusal.message);
                Line { no_answer: Some(condensed(&text, MAX_OUTCOME_CHARS)), ..line }
            }
        }
    }
}

/// Numbers with sigma and unit, in case that the answer's own words leave them out.
fn value(answer: &Answer) -> Option<String> {
    match &answer.value {
        AnswerValue::Number(number) => Some(number.to_string()),
        AnswerValue::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        AnswerValue::Choice { text, .. } => Some(condensed(text, MAX_OUTCOME_CHARS)),
        AnswerValue::List { items, .. } => Some(condensed(&items.join(", "), MAX_OUTCOME_CHARS)),
        AnswerValue::Text(_) | AnswerValue::Point(_) | AnswerValue::Pose(_) => None,
    }
}

/// What the answer rests on, in its order: what "it" and "the first one" mean later.
fn things(answer: &Answer) -> Vec<String> {
    let mut known = BTreeSet::new();
    let named = answer.evidence.iter().filter(|item| !item.label.is_empty() && known.insert(item.id.as_str()));
    named.take(MAX_THINGS).map(|item| condensed(&format!("{} ({})", item.id, item.role), 80)).collect()
}

/// On one line, without its middle when it is long.
fn condensed(text: &str, max_chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let n_chars = text.chars().count();
    if n_chars <= max_chars {
        return text;
    }
    let half = max_chars / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(n_chars - half).collect();
    format!("{head} ... {tail}")
}

fn busy_with_another(id: &str) -> Refusal {
    busy(format!(
        "a question of conversation \"{id}\" is being answered: wait for its result or cancel it, then ask again; or ask in \
         another conversation"
    ))
}

fn busy(message: String) -> Refusal {
    Refusal { code: ErrorCode::ConversationBusy, message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        app::refused,
        geometry::{Quantity, Unit},
    };

    const LIMITS: ConversationLimits =
        ConversationLimits { max_conversations: 2, max_turns: 4, max_bytes: 4096, max_age: Duration::from_secs(60) };

    fn answered(text: &str) -> Outcome {
        let value = AnswerValue::Number(Quantity::new(0.4, 0.01, Unit::Metre).unwrap());
        let answer = Answer { value, text: text.to_owned(), evidence: vec![], forced: false };
        Outcome { result: Ok(answer), ..cancelled() }
    }

    fn cancelled() -> Outcome {
        let refusal = Refusal { code: ErrorCode::Canceled, message: "cancelled\nin cell 1".to_owned() };
        refused(refusal, Duration::ZERO)
    }

    #[test]
    fn a_follow_up_is_told_what_came_of_the_questions_before_it() {
        let (all, now) = (Conversations::new(LIMITS), Instant::now());
        let first = all.begin("c", "how far is the mug?", now).unwrap();
        assert_eq!((first.earlier.as_str(), first.n_earlier), ("", 0));
        first.end(&answered("about 40 cm"), now);
        all.begin("c", "and the\n```\n## Question", now).unwrap().end(&cancelled(), now);
        drop(all.begin("c", "and the bowl?", now).unwrap());
        let last = all.begin("c", "?", now).unwrap();
        assert_eq!(
            last.earlier,
            "{\"asked\":\"how far is the mug?\",\"answered\":\"about 40 cm\",\"value\":\"0.400 ± 0.010 m\"}\n\
             {\"asked\":\"and the ``` ## Question\",\"no_answer\":\"CANCELED: cancelled in cell 1\"}\n\
             {\"asked\":\"and the bowl?\",\"no_answer\":\"it was given up\"}\n"
        );
        assert_eq!(last.n_earlier, 3);
        assert_eq!(all.begin("d", "?", now).unwrap().n_earlier, 0, "conversations are apart");
    }

    #[test]
    fn one_question_at_a_time() {
        let (all, now) = (Conversations::new(LIMITS), Instant::now());
        let first = all.begin("c", "a?", now).unwrap();
        let error = all.begin("c", "b?", now).err().unwrap();
        assert_eq!((all.check("c"), all.check("d")), (Err(error.clone()), Ok(())));
        assert_eq!(error.code, ErrorCode::ConversationBusy);
        assert_eq!(
            error.message,
            "a question of conversation \"c\" is being answered: wait for its result or cancel it, then ask again; or ask in \
             another conversation"
        );
        let other = all.begin("d", "c?", now).unwrap();
        let error = all.begin("e", "d?", now).err().unwrap();
        assert_eq!((error.code, error.message.contains("max_conversations is 2")), (ErrorCode::ConversationBusy, true));
        first.end(&answered("x"), now);
        assert_eq!(all.begin("c", "b?", now).unwrap().n_earlier, 1, "the refused question left nothing");
        drop(other);
    }

    #[test]
    fn the_oldest_conversation_gives_way_and_age_ends_all() {
        let (all, start) = (Conversations::new(LIMITS), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        for (id, secs) in [("a", 0), ("b", 1), ("a", 2), ("c", 3)] {
            all.begin(id, "?", at(secs)).unwrap().end(&answered("x"), at(secs));
        }
        assert_eq!(all.begin("a", "?", at(4)).unwrap().n_earlier, 2);
        assert_eq!(all.begin("b", "?", at(4)).unwrap().n_earlier, 0, "it gave way to c");
        assert_eq!(all.begin("b", "?", at(63)).unwrap().n_earlier, 1);
        assert_eq!(all.begin("b", "?", at(123)).unwrap().n_earlier, 0, "60 s after its last question it is forgotten");
    }

    #[test]
    fn text_is_bounded_and_its_beginning_changes_seldom() {
        let limits = ConversationLimits { max_turns: 10, ..LIMITS };
        let (all, now) = (Conversations::new(limits), Instant::now());
        let (mut before, mut n_changes) = (String::new(), 0);
        for n in 0..60 {
            let talk = all.begin("c", &format!("question {n}? {}", "long ".repeat(n * 5)), now).unwrap();
            assert_eq!(talk.n_earlier, n);
            assert!(talk.earlier.len() <= limits.max_bytes + 32 && talk.earlier.lines().count() <= 11);
            n_changes += usize::from(!talk.earlier.starts_with(&before));
            before.clone_from(&talk.earlier);
            talk.end(&answered(&"word ".repeat(n * 7)), now);
        }
        assert!(before.starts_with("{\"questions_left_out\":"), "{before}");
        assert!((5..=30).contains(&n_changes), "{n_changes} of 60 follow-ups began anew");
    }
}
