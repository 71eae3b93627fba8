//! The conversation with a model, kept within its budget of tokens and pictures.
//!
//! Its beginning never changes, and what must go goes in large steps, so that a server which keeps the beginning of a conversation can
//! use it again. What goes first: old pictures are shrunk, then dropped; then old turns become one line each.

use image::imageops::{FilterType, resize};
use serde::{Deserialize, Serialize};

use crate::llm::{Message, Picture, Role};

/// What a conversation may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextLimits {
    /// Estimated tokens of a request.
    pub max_tokens: u64,
    /// Pictures of the first message.
    pub max_key_frames: usize,
    /// Pictures shown by cells over the whole goal.
    pub max_shown_pictures: u32,
    /// Pictures of cells that are sent with each request.
    pub max_kept_pictures: usize,
}

impl Default for ContextLimits {
    fn default() -> Self {
        ContextLimits { max_tokens: 60_000, max_key_frames: 8, max_shown_pictures: 64, max_kept_pictures: 12 }
    }
}

/// Turns at the end that are never touched.
const N_RECENT: usize = 2;
/// Share of a limit to which the conversation is brought once it is over it.
const TARGET: f64 = 0.7;
/// Pixels of a picture that make up one token with most encoders of pictures (patches of 28×28).
const PIXELS_PER_TOKEN: u64 = 784;
const CHARS_PER_TOKEN: u64 = 4;
const TOKENS_PER_MESSAGE: u64 = 8;
/// Characters of a turn that became one line.
const MAX_GIST_CHARS: usize = 300;

/// Estimated tokens of a message.
pub fn estimated_tokens(message: &Message) -> u64 {
    // A character beyond ASCII is about a token of its own.
    let n_wide = message.text.chars().filter(|c| !c.is_ascii()).count() as u64;
    let n_narrow = message.text.len() as u64;
    let calls: u64 = message.tool_calls.iter().map(|call| (call.name.len() + call.arguments.len()) as u64).sum();
    let pictures: u64 = message.pictures.iter().map(picture_tokens).sum();
    TOKENS_PER_MESSAGE + n_wide + (n_narrow + calls).div_ceil(CHARS_PER_TOKEN) + pictures
}

fn picture_tokens(picture: &Picture) -> u64 {
    let n_pixels = u64::from(picture.image.width()) * u64::from(picture.image.height());
    n_pixels.div_ceil(PIXELS_PER_TOKEN) + (picture.label.len() as u64).div_ceil(CHARS_PER_TOKEN)
}

/// One turn: what the model said and what it was told.
#[derive(Clone, Debug, Default)]
struct Turn {
    messages: Vec<Message>,
    gist: String,
    has_small_pictures: bool,
    is_gist: bool,
}

/// A conversation. See the module.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    head: Vec<Message>,
    turns: Vec<Turn>,
}

impl Conversation {
    /// A conversation that begins with `head`, after the instructions.
    pub fn new(head: Vec<Message>) -> Conversation {
        Conversation { head, turns: Vec::new() }
    }

    /// Adds to the beginning, before the first turn.
    pub fn extend_head(&mut self, message: Message) {
        self.head.push(message);
    }

    /// Adds a turn; `gist` is what stays of it when there is no room.
    pub fn push(&mut self, messages: Vec<Message>, gist: &str) {
        let gist: Vec<&str> = gist.split_whitespace().collect();
        let gist: String = gist.join(" ").chars().take(MAX_GIST_CHARS).collect();
        self.turns.push(Turn { messages, gist, ..Turn::default() });
    }

    /// Adds a message to the last turn.
    pub fn append(&mut self, message: Message) {
        match self.turns.last_mut() {
            Some(turn) => turn.messages.push(message),
            None => self.head.push(message),
        }
    }

    /// The request's messages after the instructions. Neighbours that both speak for the loop become one.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        let mut gists: Vec<&str> = Vec::new();
        let mut all: Vec<Message> = self.head.clone();
        for turn in &self.turns {
            if turn.is_gist {
                gists.push(&turn.gist);
                continue;
            }
            if !gists.is_empty() {
                all.push(gist_message(&gists));
                gists.clear();
            }
            all.extend(turn.messages.iter().cloned());
        }
        if !gists.is_empty() {
            all.push(gist_message(&gists));
        }
        for message in all {
            match messages.last_mut() {
                Some(last) if last.role == Role::User && message.role == Role::User => {
                    last.text = format!("{}\n\n{}", last.text.trim_end(), message.text);
                    last.pictures.extend(message.pictures);
                }
                _ => messages.push(message),
            }
        }
        messages
    }

    /// Estimated tokens of everything.
    pub fn tokens(&self) -> u64 {
        let head: u64 = self.head.iter().map(estimated_tokens).sum();
        head + self.turns.iter().map(Turn::tokens).sum::<u64>()
    }

    /// Brings the conversation within `limits`, of which `n_reserved_tokens` are taken already. Returns whether anything went.
    pub fn fit(&mut self, limits: &ContextLimits, n_reserved_tokens: u64) -> bool {
        let mut has_changed = self.fit_pictures(limits.max_kept_pictures);
        let room = limits.max_tokens.saturating_sub(n_reserved_tokens);
        if self.tokens() <= room {
            return has_changed;
        }
        let target = (room as f64 * TARGET) as u64;
        let steps: [fn(&mut Turn); 3] = [shrink_pictures, drop_pictures, to_gist];
        for step in steps {
            for at in 0..self.turns.len().saturating_sub(N_RECENT) {
                if self.tokens() <= target {
                    return true;
                }
                if let Some(turn) = self.turns.get_mut(at) {
                    step(turn);
                    has_changed = true;
                }
            }
        }
        has_changed
    }

    /// Makes the conversation much shorter, because a server said that it is too long. Returns whether that was possible.
    pub fn shorten(&mut self) -> bool {
        let before = self.tokens();
        let limits = ContextLimits { max_tokens: before / 2, max_kept_pictures: 0, ..ContextLimits::default() };
        self.fit(&limits, 0);
        if self.tokens() > before / 2 {
            let n_pictures = self.head.iter().map(|message| message.pictures.len()).sum::<usize>();
            for message in self.head.iter_mut().filter(|_| n_pictures > 1) {
                let newest = message.pictures.pop();
                message.pictures = newest.into_iter().collect();
            }
        }
        self.tokens() < before
    }

    fn fit_pictures(&mut self, max: usize) -> bool {
        let mut n_pictures: usize = self.turns.iter().map(Turn::n_pictures).sum();
        if n_pictures <= max {
            return false;
        }
        let target = (max as f64 * TARGET) as usize;
        let n_old = self.turns.len().saturating_sub(1);
        for turn in self.turns.iter_mut().take(n_old) {
            if n_pictures <= target {
                break;
            }
            n_pictures -= turn.n_pictures();
            drop_pictures(turn);
        }
        true
    }
}

impl Turn {
    fn tokens(&self) -> u64 {
        match self.is_gist {
            true => (self.gist.len() as u64 + 3).div_ceil(CHARS_PER_TOKEN),
            false => self.messages.iter().map(estimated_tokens).sum(),
        }
    }

    fn n_pictures(&self) -> usize {
        self.messages.iter().map(|message| message.pictures.len()).sum()
    }
}

fn gist_message(gists: &[&str]) -> Message {
    Message::new(Role::User, format!("(earlier turns in short)\n- {}", gists.join("\n- ")))
}

fn to_gist(turn: &mut Turn) {
    turn.is_gist = true;
}

fn drop_pictures(turn: &mut Turn) {
    for message in turn.messages.iter_mut().filter(|message| !message.pictures.is_empty()) {
        let n_pictures = message.pictures.len();
        message.pictures.clear();
        message.text.push_str(&format!(
            "\n[{n_pictures} pictures of this turn are no longer attached; show them again if needed]"
        ));
    }
}

/// To half their width and height.
fn shrink_pictures(turn: &mut Turn) {
    if std::mem::replace(&mut turn.has_small_pictures, true) {
        return;
    }
    for picture in turn.messages.iter_mut().flat_map(|message| message.pictures.iter_mut()) {
        let (width_px, height_px) = (picture.image.width() / 2, picture.image.height() / 2);
        if width_px > 0 && height_px > 0 {
            picture.image =
                std::sync::Arc::new(resize(picture.image.as_ref(), width_px, height_px, FilterType::Triangle));
            picture.label.push_str(" (half size)");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;

    fn picture() -> Picture {
        Picture { label: "p".into(), image: Arc::new(RgbImage::new(560, 560)) }
    }

    fn conversation(n_turns: usize, n_chars: usize, n_pictures: usize) -> Conversation {
        let question = Message { pictures: vec![picture()], ..Message::new(Role::User, "question") };
        let mut conversation = Conversation::new(vec![question]);
        for turn in 0..n_turns {
            let told =
                Message { pictures: vec![picture(); n_pictures], ..Message::new(Role::User, "t".repeat(n_chars)) };
            conversation.push(vec![Message::new(Role::Assistant, "said"), told], &format!("cell {turn}\nran"));
        }
        conversation
    }

    #[test]
    fn tokens_are_estimated_from_characters_and_pixels() {
        // 400 characters / 4 + 8; a picture of 20 x 20 patches and one token of label.
        assert_eq!(estimated_tokens(&Message::new(Role::User, "a".repeat(400))), 108);
        assert_eq!(estimated_tokens(&Message { pictures: vec![picture()], ..Message::new(Role::User, "") }), 409);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let mut small = conversation(4, 100, 1);
        let before = small.messages().len();
        assert!(!small.fit(&ContextLimits::default(), 0));
        assert_eq!(small.messages().len(), before);
    }

    #[test]
    fn old_pictures_shrink_first_then_go_then_turns_become_one_line() {
        let limits = |max_tokens| ContextLimits { max_tokens, max_kept_pictures: 100, ..ContextLimits::default() };
        let mut shrunk = conversation(6, 40, 1);
        let whole = shrunk.tokens();
        shrunk.fit(&limits(whole - 1), 0);
        let told = shrunk.messages()[2].clone();
        assert_eq!((told.pictures[0].image.width(), told.pictures[0].label.as_str()), (280, "p (half size)"));
        assert_eq!(shrunk.messages().last().unwrap().pictures[0].image.width(), 560);

        let mut dropped = conversation(6, 40, 1);
        dropped.fit(&limits(whole * 3 / 4), 0);
        assert!(dropped.messages()[2].pictures.is_empty());
        assert!(dropped.messages()[2].text.contains("[1 pictures of this turn are no longer attached"));

        let mut gists = conversation(10, 4000, 0);
        let whole = gists.tokens();
        gists.fit(&limits(whole / 2), 0);
        assert!(gists.tokens() <= whole / 2);
        let messages = gists.messages();
        assert!(
            messages[0].text.starts_with("question\n\n(earlier turns in short)\n- cell 0 ran\n- cell 1 ran"),
            "{}",
            messages[0].text
        );
        assert_eq!(messages[0].pictures.len(), 1, "the question keeps its pictures");
        assert_eq!(messages.last().unwrap().text.len(), 4000, "the last turn is whole");
    }

    #[test]
    fn the_beginning_stays_the_same_between_large_steps() {
        let limits = ContextLimits { max_tokens: 12_000, ..ContextLimits::default() };
        let mut growing = conversation(0, 0, 0);
        let (mut n_changes, mut before) = (0, String::new());
        for turn in 0..60 {
            let told = Message::new(Role::User, "t".repeat(4000));
            growing.push(vec![Message::new(Role::Assistant, "said"), told], &format!("cell {turn}"));
            growing.fit(&limits, 0);
            assert!(growing.tokens() <= 12_000);
            let text: Vec<String> = growing.messages().into_iter().map(|message| message.text).collect();
            let text = text.join("|");
            n_changes += usize::from(!text.starts_with(&before));
            before = text;
        }
        assert!(n_changes <= 60 / 3, "{n_changes} of 60 requests could not use their beginning again");
    }

    #[test]
    fn more_pictures_than_may_be_kept_drop_the_oldest() {
        let mut many = conversation(5, 10, 3);
        many.fit(&ContextLimits { max_kept_pictures: 10, ..ContextLimits::default() }, 0);
        let counts: Vec<usize> = many
            .messages()
            .iter()
            .filter(|message| message.role == Role::User)
            .skip(1)
            .map(|m| m.pictures.len())
            .collect();
        assert_eq!(counts, [0, 0, 0, 3, 3]);
    }

    #[test]
    fn a_conversation_that_is_too_long_for_a_server_is_halved() {
        let mut long = conversation(10, 4000, 1);
        let before = long.tokens();
        assert!(long.shorten() && long.tokens() <= before / 2);
    }
}
