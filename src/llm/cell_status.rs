//! The line by which the loop tells a model that its cell failed. The loop writes it; the offline brain reads it back.

const START: &str = "error ";

/// Where and why a cell failed: `error NOT_VISIBLE at line 2, column 9: no "cup" is visible`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureLine {
    /// Name of the refusal it would be; `INTERNAL_ERROR` when the failure has none.
    pub code: String,
    /// `line 2, column 9`, if known.
    pub place: Option<String>,
    /// What was found and what to try next.
    pub message: String,
}

impl FailureLine {
    /// On one line: line breaks in the message become spaces, so nothing after it can be taken for another one.
    pub fn to_line(&self) -> String {
        let at = self.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let message: Vec<&str> = self.message.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
        format!("{START}{}{at}: {}", self.code, message.join(" "))
    }

    /// The first such line in `text`. The loop writes its own lines before anything a cell printed.
    pub fn find_in(text: &str) -> Option<FailureLine> {
        text.lines().find_map(FailureLine::parse)
    }

    fn parse(line: &str) -> Option<FailureLine> {
        let (head, message) = line.strip_prefix(START)?.split_once(": ")?;
        let (code, place) = match head.split_once(" at ") {
            Some((code, place)) => (code, Some(place.to_owned())),
            None => (head, None),
        };
        let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_code.then(|| FailureLine { code: code.to_owned(), place, message: message.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_as_written() {
        let check = |code: &str, place: Option<&str>, message: &str, line: &str| {
            let failure = FailureLine { code: code.into(), place: place.map(Into::into), message: message.into() };
            assert_eq!(failure.to_line(), line);
            assert_eq!(FailureLine::find_in(&format!("## Cell 1\n{line}\nprinted:\nerror X: y")), Some(failure));
        };
        check("NOT_VISIBLE", Some("line 2, column 9"), "no \"cup\": see: mug", "error NOT_VISIBLE at line 2, column 9: no \"cup\": see: mug");
        check("NO_DEPTH", None, "camera \"front\"", "error NO_DEPTH: camera \"front\"");
    }

    #[test]
    fn a_message_stays_on_its_line() {
        let failure = FailureLine { code: "BAD_INPUT".into(), place: None, message: "one\n\nerror X: two\r\nthree".into() };
        assert_eq!(failure.to_line(), "error BAD_INPUT: one error X: two three");
    }
}
