//! Cells with their comments, texts, numbers and words told apart.

use super::html::Html;

const KEYWORDS: &[&str] = &[
    "let", "const", "if", "else", "for", "in", "while", "loop", "fn", "return", "break", "continue", "true", "false",
    "switch", "do", "until", "try", "catch", "throw", "this",
];

/// The source, line by line as it is, with classes for the reader's eye. It need not be valid.
pub(super) fn write(html: &mut Html, source: &str) {
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, class) = token(rest, first);
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match class {
            Some(class) => html.raw(class).text(token).raw("</i>"),
            None => html.text(token),
        };
        rest = after;
    }
}

/// Bytes of the next token, never none, and the tag it gets.
fn token(rest: &str, first: char) -> (usize, Option<&'static str>) {
    let run = |is_part: &dyn Fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(first.len_utf8());
    match first {
        '/' if rest.starts_with("//") => (run(&|c| c != '\n'), Some("<i class=\"c\">")),
        '#' if !rest.starts_with("#{") => (run(&|c| c != '\n'), Some("<i class=\"c\">")),
        '"' | '`' => (quoted(rest, first), Some("<i class=\"s\">")),
        c if c.is_ascii_digit() => {
            (run(&|c| c.is_ascii_alphanumeric() || c == '.' || c == '_'), Some("<i class=\"n\">"))
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = run(&|c| c.is_alphanumeric() || c == '_');
            let is_keyword = rest.get(..length).is_some_and(|word| KEYWORDS.contains(&word));
            (length, is_keyword.then_some("<i class=\"k\">"))
        }
        _ => (first.len_utf8(), None),
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(source: &str) -> String {
        let mut html = Html::default();
        write(&mut html, source);
        html.into_string()
    }

    #[test]
    fn words_texts_numbers_and_comments_are_marked() {
        assert_eq!(
            marked("let d = f(\"a\\\"b\", 1.5e3); // <b>"),
            "<i class=\"k\">let</i> d = f(<i class=\"s\">&quot;a\\&quot;b&quot;</i>, <i class=\"n\">1.5e3</i>); \
             <i class=\"c\">// &lt;b&gt;</i>"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_is_written(source in "[ -~\n\u{e4}\u{6f22}]{0,80}") {
            let plain = marked(&source).replace("</i>", "");
            let plain = ["c", "s", "n", "k"].iter().fold(plain, |text, class| text.replace(&format!("<i class=\"{class}\">"), ""));
            let mut expected = Html::default();
            expected.text(&source);
            prop_assert_eq!(plain, expected.into_string());
        }
    }
}
