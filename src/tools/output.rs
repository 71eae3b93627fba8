//! Printed text with a cap: the start and the end are kept, and what was left out is said.

use std::collections::VecDeque;

/// Collects lines up to a number of bytes.
#[derive(Clone, Debug, Default)]
pub struct Output {
    max_bytes: usize,
    head: String,
    tail: VecDeque<u8>,
    n_left_out: usize,
}

impl Output {
    /// Keeps at most `max_bytes`: a quarter from the start, the rest from the end.
    pub fn new(max_bytes: usize) -> Output {
        Output { max_bytes, ..Output::default() }
    }

    /// Adds one line.
    pub fn push_line(&mut self, line: &str) {
        self.push(line);
        self.push("\n");
    }

    fn push(&mut self, text: &str) {
        let mut rest = text;
        let head_room = (self.max_bytes / 4).saturating_sub(self.head.len());
        if self.tail.is_empty() && self.n_left_out == 0 && head_room > 0 {
            let fits = |end: &usize| *end <= head_room;
            let cut = rest.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(fits).last().unwrap_or(0);
            self.head.push_str(&rest[..cut]);
            rest = &rest[cut..];
        }
        let tail_room = self.max_bytes - self.max_bytes / 4;
        let skipped = rest.len().saturating_sub(tail_room);
        self.n_left_out += skipped;
        self.tail.extend(rest.as_bytes()[skipped..].iter());
        while self.tail.len() > tail_room {
            self.tail.pop_front();
            self.n_left_out += 1;
        }
    }

    /// Bytes that are not kept.
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    /// The text, with a notice where something was left out.
    pub fn into_text(mut self) -> String {
        let bytes = self.tail.make_contiguous();
        if self.n_left_out == 0 {
            return format!("{}{}", self.head, String::from_utf8_lossy(bytes));
        }
        // The tail may start inside a character; leave its remains out.
        let start = bytes.iter().position(|byte| (byte & 0xC0) != 0x80).unwrap_or(bytes.len());
        let n_left_out = self.n_left_out + start;
        let tail = String::from_utf8_lossy(&bytes[start..]);
        format!("{}\n[... {n_left_out} bytes left out; print less ...]\n{tail}", self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(max_bytes: usize, lines: &[&str], expected: &str) {
        let mut output = Output::new(max_bytes);
        lines.iter().for_each(|line| output.push_line(line));
        assert_eq!(output.into_text(), expected);
    }

    #[test]
    fn short_output_is_whole() {
        check(100, &["a", "bé"], "a\nbé\n");
        check(4, &["abc"], "abc\n");
        check(100, &[], "");
    }

    #[test]
    fn long_output_keeps_both_ends() {
        check(8, &["abcdef", "ghijkl"], "ab\n[... 6 bytes left out; print less ...]\nhijkl\n");
    }

    #[test]
    fn a_character_is_never_cut() {
        let mut output = Output::new(8);
        output.push_line("ééééééé");
        let text = output.into_text();
        assert!(text.starts_with("é\n[..."), "{text}");
        assert!(text.ends_with("éé\n"), "{text}");
    }
}
