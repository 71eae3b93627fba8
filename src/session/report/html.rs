//! Markup that no recorded text can break out of: tags come from the program alone, everything else is escaped.

use std::fmt::{self, Display, Write};

/// A page, or a part of one, while it is written.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup as it stands in the program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.0.push_str(markup);
        self
    }

    /// Text from anywhere.
    pub fn text(&mut self, text: impl Display) -> &mut Html {
        // Writing into a string does not fail.
        let _ = write!(Escaping(&mut self.0), "{text}");
        self
    }

    /// ` name="value"`, inside a tag.
    pub fn attribute(&mut self, name: &'static str, value: impl Display) -> &mut Html {
        self.raw(" ").raw(name).raw("=\"").text(value).raw("\"")
    }

    /// `open`, the text, `close`.
    pub fn between(&mut self, open: &'static str, text: impl Display, close: &'static str) -> &mut Html {
        self.raw(open).text(text).raw(close)
    }

    /// Another part.
    pub fn part(&mut self, part: Html) -> &mut Html {
        self.0.push_str(&part.0);
        self
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\r' => {}
                other if is_forbidden(other) => self.0.push(char::REPLACEMENT_CHARACTER),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

/// Characters that are errors anywhere in a page: controls and noncharacters.
fn is_forbidden(character: char) -> bool {
    let code = u32::from(character);
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || (0xFDD0..=0xFDEF).contains(&code)
        || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str) -> String {
        let mut html = Html::default();
        html.text(text);
        html.into_string()
    }

    #[test]
    fn everything_that_could_be_markup_is_escaped() {
        assert_eq!(
            escaped("<a href='x' b=\"y\">&amp;\0</a>"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;\u{FFFD}&lt;/a&gt;"
        );
        let mut html = Html::default();
        html.raw("<p").attribute("title", "\"><script>").raw(">");
        assert_eq!(html.into_string(), "<p title=\"&quot;&gt;&lt;script&gt;\">");
    }

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            for (at, _) in escaped.match_indices('&') {
                prop_assert!(["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|entity| escaped[at..].starts_with(entity)));
            }
        }
    }
}
