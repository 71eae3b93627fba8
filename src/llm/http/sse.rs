//! Server-sent events (WHATWG HTML, section 9.2), bounded.

/// A line, or the data of one event, grew beyond its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Cuts a stream of bytes into the data of its events. However the bytes are cut into pieces, the same events come out.
#[derive(Debug)]
pub struct EventParser {
    max_bytes: usize,
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    after_cr: bool,
    at_start: bool,
}

impl EventParser {
    /// A parser that refuses a line or an event of more than `max_bytes`.
    pub fn new(max_bytes: usize) -> EventParser {
        EventParser { max_bytes, line: Vec::new(), data: None, after_cr: false, at_start: true }
    }

    /// Takes more bytes; `on_data` gets the data of every event that became complete.
    ///
    /// # Errors
    /// When a line or an event is longer than allowed; the parser is of no further use then.
    pub fn push(&mut self, bytes: &[u8], on_data: &mut dyn FnMut(&[u8])) -> Result<(), TooLong> {
        for &byte in bytes {
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => self.end_line(on_data)?,
                _ if self.line.len() >= self.max_bytes => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// The stream ended. Data of an event without its closing blank line is handed on too: some servers leave it out, and a half one
    /// shows itself when it is read.
    ///
    /// # Errors
    /// As [`EventParser::push`].
    pub fn finish(&mut self, on_data: &mut dyn FnMut(&[u8])) -> Result<(), TooLong> {
        if !self.line.is_empty() {
            self.end_line(on_data)?;
        }
        self.end_line(on_data)
    }

    fn end_line(&mut self, on_data: &mut dyn FnMut(&[u8])) -> Result<(), TooLong> {
        let line = std::mem::take(&mut self.line);
        let text = match std::mem::take(&mut self.at_start) {
            true => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line),
            false => &line,
        };
        if text.is_empty() {
            if let Some(data) = self.data.take() {
                on_data(&data);
            }
        } else if let Some(value) = text.strip_prefix(b"data").and_then(value_of_field) {
            let data = match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data
                }
                None => self.data.insert(Vec::new()),
            };
            if data.len().saturating_add(value.len()) > self.max_bytes {
                return Err(TooLong);
            }
            data.extend_from_slice(value);
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }
}

/// What follows a field's name: `: value`, `:value`, or nothing.
fn value_of_field(rest: &[u8]) -> Option<&[u8]> {
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => rest.is_empty().then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = EventParser::new(1000);
        let mut found = Vec::new();
        let mut keep = |data: &[u8]| found.push(String::from_utf8_lossy(data).into_owned());
        for piece in pieces {
            parser.push(piece, &mut keep).unwrap();
        }
        parser.finish(&mut keep).unwrap();
        found
    }

    /// The examples of the standard, section 9.2.6.
    #[test]
    fn the_standards_examples() {
        let check = |text: &str, expected: &[&str]| assert_eq!(events(&[text.as_bytes()]), expected, "{text:?}");
        check("data: This is the first message.\n\ndata: a\ndata: b\n\n", &["This is the first message.", "a\nb"]);
        check(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &["first event", "second event", " third event"],
        );
        check("data\n\ndata\ndata\n\n", &["", "\n"]);
        check("data:test\n\ndata: test\n\n", &["test", "test"]);
        check("\u{feff}data: x\r\n\r\ndata: y\r\rdatas: z\n\n", &["x", "y"]);
    }

    #[test]
    fn an_event_without_its_end_is_handed_on() {
        assert_eq!(events(&[b"data: a\n\ndata: {\"b\""]), ["a", "{\"b\""]);
        assert_eq!(events(&[b"data: a\n"]), ["a"]);
    }

    #[test]
    fn a_line_or_event_beyond_the_limit_is_refused() {
        let mut parser = EventParser::new(10);
        assert_eq!(parser.push(b"data: 1234", &mut |_| ()), Ok(()));
        assert_eq!(parser.push(b"5", &mut |_| ()), Err(TooLong));
        let mut parser = EventParser::new(10);
        assert_eq!(parser.push(b"data: 123\ndata: 456\ndata: 789\n", &mut |_| ()), Err(TooLong));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            lines in proptest::collection::vec(("(data: ?|: |id: |)", "[a-zé ]{0,8}", "(\n|\r\n|\r)"), 0..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text: String = lines.iter().map(|(field, value, end)| format!("{field}{value}{end}")).collect();
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), events(&[bytes]));
        }
    }
}
