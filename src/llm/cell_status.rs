//! The line by which the loop tells a model that its cell failed. The loop writes it; the offline brain reads it back.

const START: &str = "error";

/// Where and why a cell failed: `error NOT_VISIBLE at line 2, column 9: no "cup" is visible`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureLine {
    /// Name of the refusal it would be; none when the cell itself is wrong.
    pub code: Option<String>,
    /// `line 2, column 9`, if known.
    pub place: Option<String>,
    /// What was found and what to try next.
    pub message: String,
}

impl FailureLine {
    /// On one line: line breaks in the message become spaces, so nothing in it can be taken for another line.
    pub fn to_line(&self) -> String {
        let code = self.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        let place = self.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let message: Vec<&str> =
            self.message.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
        format!("{START}{code}{place}: {}", message.join(" "))
    }

    /// The first such line in `text`. The loop writes its own lines before anything that a cell printed.
    pub fn find_in(text: &str) -> Option<FailureLine> {
        text.lines().find_map(FailureLine::parse)
    }

    fn parse(line: &str) -> Option<FailureLine> {
        let (head, message) = line.strip_prefix(START)?.split_once(": ")?;
        let (code, place) = match head.split_once(" at ") {
            Some((code, place)) => (code.trim(), Some(place.to_owned())),
            None => (head.trim(), None),
        };
        let is_code = code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let code = if code.is_empty() { None } else { Some(code.to_owned()) };
        is_code.then(|| FailureLine { code, place, message: message.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_as_written() {
        let check = |code: Option<&str>, place: Option<&str>, message: &str, line: &str| {
            let failure =
                FailureLine { code: code.map(Into::into), place: place.map(Into::into), message: message.into() };
            assert_eq!(failure.to_line(), line);
            assert_eq!(FailureLine::find_in(&format!("## Cell 1\n{line}\nprinted:\nerror X: y")), Some(failure));
        };
        check(
            Some("NOT_VISIBLE"),
            Some("line 2, column 9"),
            "no \"cup\": see: mug",
            "error NOT_VISIBLE at line 2, column 9: no \"cup\": see: mug",
        );
        check(Some("NO_DEPTH"), None, "camera \"front\" at 2 m", "error NO_DEPTH: camera \"front\" at 2 m");
        check(None, Some("line 1"), "unknown", "error at line 1: unknown");
        check(None, None, "unknown", "error: unknown");
    }

    #[test]
    fn a_message_stays_on_its_line() {
        let failure = FailureLine { code: None, place: None, message: "one\n\nerror X: two\r\nthree".into() };
        assert_eq!(failure.to_line(), "error: one error X: two three");
    }
}
