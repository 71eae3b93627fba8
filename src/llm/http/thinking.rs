//! Keeps thinking that a server left in the text apart from the reply.

/// Marks that open and close thinking.
const MARKS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<|channel>thought", "<channel|>")];

/// Collects a text and cuts the thinking out of it.
#[derive(Debug, Default)]
pub(super) struct ThinkingSplitter {
    text: String,
    /// Bytes of `text` that hold no open or half-read mark.
    n_read: usize,
    /// The mark that would close the thinking at hand.
    open: Option<&'static str>,
}

impl ThinkingSplitter {
    /// Takes more of the text; says whether it is thinking, as far as that can be known now.
    pub fn push(&mut self, more: &str) -> bool {
        self.text.push_str(more);
        loop {
            let rest = self.text.get(self.n_read..).unwrap_or_default();
            let next = match self.open {
                Some(close) => rest.find(close).map(|at| (at + close.len(), None)),
                None => MARKS
                    .iter()
                    .filter_map(|(open, close)| Some((rest.find(open)? + open.len(), Some(*close))))
                    .min_by_key(|(at, _)| *at),
            };
            let Some((n, open)) = next else { break };
            self.n_read += n;
            self.open = open;
        }
        let is_thinking = self.open.is_some();
        // A mark may begin in what has come and end in what will.
        let longest = MARKS.iter().flat_map(|(open, close)| [open.len(), close.len()]).max().unwrap_or(0);
        let settled = self.text.len().saturating_sub(longest).max(self.n_read);
        self.n_read = (self.n_read..=settled).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(self.n_read);
        is_thinking
    }

    /// The text without thinking, and the thinking.
    pub fn finish(self) -> (String, String) {
        split(&self.text)
    }
}

/// Complete pairs of marks are cut out; a lone closing mark ends thinking that began before the reply; an opening mark that is never
/// closed means that the reply is thinking to its end.
fn split(text: &str) -> (String, String) {
    let mut thinking = String::new();
    let mut rest = text;
    let mut kept = String::new();
    let lone_end = MARKS
        .iter()
        .filter_map(|(open, close)| {
            let end = rest.find(close)?;
            rest.find(open).is_none_or(|start| start > end).then_some((end, close.len()))
        })
        .max();
    if let Some((end, len)) = lone_end {
        thinking.push_str(rest.get(..end).unwrap_or_default());
        rest = rest.get(end + len..).unwrap_or_default();
    }
    loop {
        let opened = MARKS.iter().filter_map(|(open, close)| Some((rest.find(open)?, open, close))).min();
        let Some((start, open, close)) = opened else { break };
        kept.push_str(rest.get(..start).unwrap_or_default());
        let inner = rest.get(start + open.len()..).unwrap_or_default();
        let end = inner.find(close).unwrap_or(inner.len());
        thinking.push_str(inner.get(..end).unwrap_or_default());
        rest = inner.get(end + close.len()..).unwrap_or_default();
    }
    kept.push_str(rest);
    if thinking.is_empty() {
        return (text.to_owned(), thinking);
    }
    (kept.trim_start().to_owned(), thinking.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thinking_is_cut_out() {
        let check = |text: &str, kept: &str, thinking: &str| {
            assert_eq!(split(text), (kept.to_owned(), thinking.to_owned()), "{text:?}");
        };
        check("plain", "plain", "");
        check("  plain\n", "  plain\n", "");
        check("<think>\na\n</think>\n\nb", "b", "a");
        check("a</think>b", "b", "a");
        check("<think>cut off", "", "cut off");
        check("<|channel>thought\nso<channel|>b", "b", "so");
        check("<thinking>a</thinking>b<think>c</think>d", "bd", "ac");
        check("", "", "");
    }

    #[test]
    fn pieces_are_told_apart_as_they_come() {
        let mut splitter = ThinkingSplitter::default();
        let told: Vec<bool> =
            ["<thi", "nk>", "hm", "</th", "ink>", "yes"].iter().map(|piece| splitter.push(piece)).collect();
        assert_eq!(told, [false, true, true, true, false, false]);
        assert_eq!(splitter.finish(), ("yes".to_owned(), "hm".to_owned()));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(parts in proptest::collection::vec(
            prop_oneof![Just("<think>"), Just("</think>"), Just("<"), Just("é"), Just("ab "), Just("<channel|>")], 0..12
        ), cut in any::<prop::sample::Index>()) {
            let text: String = parts.concat();
            let at = cut.index(text.chars().count() + 1);
            let (head, tail): (String, String) = (text.chars().take(at).collect(), text.chars().skip(at).collect());
            let mut splitter = ThinkingSplitter::default();
            splitter.push(&head);
            splitter.push(&tail);
            prop_assert_eq!(splitter.finish(), split(&text));
        }
    }
}
