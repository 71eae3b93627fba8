//! Tells the client of a goal what the model is writing, while it writes.

use std::sync::{Mutex, PoisonError};

use super::{Event, EventSink, Stage};
use crate::llm::{Delta, DeltaSink, Usage};

/// Characters between two events: about one a second for a fast model.
const CHARS_PER_EVENT: usize = 200;
/// Characters of the reply's end that an event shows.
const MAX_SHOWN_CHARS: usize = 1000;

#[derive(Default)]
struct Written {
    /// The last characters; a reply can be megabytes long and is looked at for each event.
    end: String,
    is_cut: bool,
    n_thought_chars: usize,
    n_untold_chars: usize,
}

/// A sink whose events show how far the reply for cell `step` has come; `used` is what the goal has used before it.
pub fn sink(events: &EventSink, step: u32, used: Usage) -> DeltaSink {
    let events = events.clone();
    let written = Mutex::new(Written::default());
    DeltaSink::new(move |delta| {
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        match delta {
            Delta::Restart => *written = Written::default(),
            Delta::Text(text) => {
                written.push(text);
                written.n_untold_chars += text.chars().count();
            }
            Delta::Thinking(text) => {
                let n_chars = text.chars().count();
                written.n_thought_chars += n_chars;
                written.n_untold_chars += n_chars;
            }
        }
        if written.n_untold_chars >= CHARS_PER_EVENT {
            written.n_untold_chars = 0;
            events(Event { step, output: shown(&mut written), used, ..Event::of(Stage::Generate) });
        }
    })
}

impl Written {
    fn push(&mut self, text: &str) {
        self.end.push_str(text);
        if self.end.len() > 8 * MAX_SHOWN_CHARS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if let Some((start, _)) = self.end.char_indices().rev().nth(MAX_SHOWN_CHARS - 1).filter(|(start, _)| *start > 0)
        {
            self.end.drain(..start);
            self.is_cut = true;
        }
    }
}

/// Thoughts are counted, not shown: they are no part of the reply.
fn shown(written: &mut Written) -> String {
    written.cut();
    match (written.end.is_empty(), written.is_cut) {
        (true, _) => format!("thinking: {} characters so far", written.n_thought_chars),
        (false, true) => format!("...{}", written.end),
        (false, false) => written.end.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn events_come_with_the_text_and_begin_anew_on_a_restart() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let hearing = told.clone();
        let events: EventSink = Arc::new(move |event| {
            assert_eq!((event.stage, event.step), (Stage::Generate, 3));
            hearing.lock().unwrap().push(event.output);
        });
        let sink = sink(&events, 3, Usage::default());
        let send = |delta: Delta<'_>| sink.send(delta);
        send(Delta::Thinking(&"t".repeat(199)));
        assert!(told.lock().unwrap().is_empty());
        send(Delta::Thinking("ö"));
        send(Delta::Text(&"a".repeat(200)));
        send(Delta::Restart);
        send(Delta::Text(&"b".repeat(1500)));
        let expected =
            ["thinking: 200 characters so far".to_owned(), "a".repeat(200), format!("...{}", "b".repeat(1000))];
        assert_eq!(*told.lock().unwrap(), expected);
    }

    #[test]
    fn of_a_reply_without_end_only_the_end_is_kept() {
        let mut written = Written::default();
        for n in 0..3000 {
            written.push(&format!("{n:04}").repeat(500));
            assert!(written.end.len() <= 8 * MAX_SHOWN_CHARS + 2000);
        }
        assert_eq!(shown(&mut written), format!("...{}", "2999".repeat(250)));
    }
}
