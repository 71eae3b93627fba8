//! JSON values as Rhai literals. Nothing that a model puts into a string can leave it.

use std::fmt::Write;

use serde_json::{Number, Value};

/// A string in double quotes. Letters, digits, blanks and harmless marks stand as they are; every other character is a numeric
/// escape, so quotes, back-slashes, line breaks and whatever else the language may one day read into a string never appear.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if c.is_alphanumeric() || " _-.,:;/()[]?!+*=%&|<>@".contains(c) {
            out.push(c);
        } else if (c as u32) < 0x80 {
            let _ = write!(out, "\\x{:02x}", c as u32);
        } else if (c as u32) < 0x1_0000 {
            let _ = write!(out, "\\u{:04x}", c as u32);
        } else {
            let _ = write!(out, "\\U{:08x}", c as u32);
        }
    }
    out.push('"');
    out
}

/// A whole number where it is one, else with a decimal point.
pub fn number(number: &Number) -> String {
    if let Some(whole) = number.as_i64() {
        // Rhai reads the sign apart from the digits, and those of the smallest number fit no integer.
        return if whole == i64::MIN { float(whole as f64) } else { whole.to_string() };
    }
    float(number.as_f64().unwrap_or_default())
}

fn float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// A word for what a value is.
pub fn describe(value: &Value) -> String {
    const MAX_SHOWN_CHARS: usize = 60;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) if text.chars().count() > MAX_SHOWN_CHARS => {
            let head: String = text.chars().take(MAX_SHOWN_CHARS).collect();
            format!("the string {head:?}...")
        }
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().take(6).map(String::as_str).collect();
            format!("an object with {}", if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evaluated<T: rhai::Variant + Clone>(literal: &str) -> T {
        rhai::Engine::new_raw().eval_expression::<T>(literal).unwrap_or_else(|error| panic!("{literal}: {error}"))
    }

    #[test]
    fn literals_of_known_values() {
        assert_eq!(text("red_cup 2"), "\"red_cup 2\"");
        assert_eq!(
            text("a\"); f(\\ `${x}` 'é' # \n\u{1F600}"),
            "\"a\\x22); f(\\x5c \\x60\\x24\\x7bx\\x7d\\x60 \\x27é\\x27 \\x23 \\x0a\\U0001f600\""
        );
        let check = |json: &str, expected: &str| {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(value.as_number().map(number).as_deref(), Some(expected));
        };
        check("3", "3");
        check("-3", "-3");
        check("3.0", "3.0");
        check("1e300", "1.0e300");
        check("-2.5e-7", "-2.5e-7");
        check("18446744073709551615", "1.8446744073709552e19");
        check("-9223372036854775808", "-9.223372036854776e18");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_whole(words in any::<String>()) {
            prop_assert_eq!(evaluated::<String>(&text(&words)), words);
        }

        #[test]
        fn no_text_has_a_quote_or_an_escape_of_its_own(words in "\\PC*") {
            let literal = text(&words);
            let inner = literal.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap();
            let is_harmless = !inner.contains(['"', '`', '\n', '$', '{', '#', '\'']);
            prop_assert!(is_harmless);
            prop_assert!(inner.split('\\').skip(1).all(|rest| rest.starts_with(['x', 'u', 'U'])));
        }

        #[test]
        fn every_number_comes_back_whole(value in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            let json = Number::from_f64(value).unwrap();
            prop_assert_eq!(evaluated::<f64>(&number(&json)).to_bits(), value.to_bits());
        }

        #[test]
        fn every_whole_number_comes_back_whole(value in (i64::MIN + 1)..=i64::MAX) {
            prop_assert_eq!(evaluated::<i64>(&number(&Number::from(value))), value);
        }
    }
}
