//! Texts with the methods of Python. Texts never change: each method gives a new one.

use std::any::TypeId;

use rhai::{Array, Dynamic, ImmutableString, NativeCallContext};

use super::{
    format,
    items::{items_of, room},
    lists, mistake,
    support::str_of,
};
use crate::{
    kernel::{meter::Meter, nesting, plain_values},
    tools::{
        Library, RhaiResult,
        arguments::{describe, number},
    },
};

/// Most values of one template.
const MAX_VALUES: usize = 12;

/// Bytes of a line besides its letters, with its place in a list.
const LINE_BYTES: usize = 112;

type Text = ImmutableString;

/// Makes them known.
pub fn register(library: &mut Library) {
    register_parts(library);
    register_questions(library);
    register_formats(library);
}

fn register_parts(library: &mut Library) {
    let blank = |c: char| c.is_whitespace();
    library
        .register_fn("upper", |text: Text| text.to_uppercase())
        .register_fn("lower", |text: Text| text.to_lowercase())
        .register_fn("capitalize", |text: Text| capitalised(&text.to_lowercase()))
        .register_fn("title", |text: Text| {
            text.split(' ').map(|word| capitalised(&word.to_lowercase())).collect::<Vec<_>>().join(" ")
        })
        .register_fn("strip", move |text: Text| text.trim_matches(blank).to_owned())
        .register_fn("trim", move |text: Text| text.trim_matches(blank).to_owned())
        .register_fn("lstrip", move |text: Text| text.trim_start_matches(blank).to_owned())
        .register_fn("rstrip", move |text: Text| text.trim_end_matches(blank).to_owned())
        .register_fn("strip", |text: Text, chars: Text| text.trim_matches(|c| chars.contains(c)).to_owned())
        .register_fn("lstrip", |text: Text, chars: Text| text.trim_start_matches(|c| chars.contains(c)).to_owned())
        .register_fn("rstrip", |text: Text, chars: Text| text.trim_end_matches(|c| chars.contains(c)).to_owned())
        .register_fn("removeprefix", |text: Text, prefix: Text| {
            text.strip_prefix(prefix.as_str()).unwrap_or(&text).to_owned()
        })
        .register_fn("removesuffix", |text: Text, suffix: Text| {
            text.strip_suffix(suffix.as_str()).unwrap_or(&text).to_owned()
        })
        .register_fn("splitlines", |context: NativeCallContext, text: Text| -> RhaiResult<Array> {
            room(&context, text.len().saturating_add(text.lines().count().saturating_mul(LINE_BYTES)))?;
            Ok(text.lines().map(|line| Dynamic::from(line.to_owned())).collect())
        })
        .register_fn("slice", |context: NativeCallContext, text: Text, start: Dynamic, end: Dynamic| {
            slice(&context, &text, &start, &end, &Dynamic::UNIT)
        })
        .register_fn("slice", |context: NativeCallContext, text: Text, start: Dynamic, end: Dynamic, step: Dynamic| {
            slice(&context, &text, &start, &end, &step)
        });
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

fn slice(
    context: &NativeCallContext<'_>,
    text: &Text,
    start: &Dynamic,
    end: &Dynamic,
    step: &Dynamic,
) -> RhaiResult<String> {
    room(context, text.len().saturating_mul(2 * std::mem::size_of::<char>() + std::mem::size_of::<usize>()))?;
    let chars: Vec<char> = text.chars().collect();
    let places = lists::places(start, end, step, chars.len())?;
    Ok(places.into_iter().filter_map(|at| chars.get(at)).collect())
}

fn register_questions(library: &mut Library) {
    let all = |text: &str, is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    library
        .register_fn("startswith", |text: Text, with: Text| text.starts_with(with.as_str()))
        .register_fn("endswith", |text: Text, with: Text| text.ends_with(with.as_str()))
        .register_fn("startswith", |text: Text, any: Array| {
            texts(&any).iter().any(|with| text.starts_with(with.as_str()))
        })
        .register_fn("endswith", |text: Text, any: Array| texts(&any).iter().any(|with| text.ends_with(with.as_str())))
        .register_fn("find", |text: Text, part: Text| place(&text, &part).unwrap_or(-1))
        .register_fn("index", |text: Text, part: Text| -> RhaiResult<i64> {
            place(&text, &part).map_or_else(|| mistake(format!("{part:?} is not in {text:?}")), Ok)
        })
        .register_fn("count", |text: Text, part: Text| text.matches(part.as_str()).count() as i64)
        .register_fn("isdigit", move |text: Text| all(&text, |c| c.is_ascii_digit()))
        .register_fn("isnumeric", move |text: Text| all(&text, char::is_numeric))
        .register_fn("isalpha", move |text: Text| all(&text, char::is_alphabetic))
        .register_fn("isalnum", move |text: Text| all(&text, char::is_alphanumeric))
        .register_fn("isspace", move |text: Text| all(&text, char::is_whitespace))
        .register_fn("isupper", move |text: Text| {
            text.to_uppercase() == text.as_str() && text.to_lowercase() != text.as_str()
        })
        .register_fn("islower", move |text: Text| {
            text.to_lowercase() == text.as_str() && text.to_uppercase() != text.as_str()
        });
}

fn texts(list: &Array) -> Vec<Text> {
    list.iter().filter_map(|item| item.read_lock::<Text>().map(|text| text.clone())).collect()
}

fn place(text: &str, part: &str) -> Option<i64> {
    text.find(part).map(|at| text.get(..at).map_or(0, |before| before.chars().count()) as i64)
}

fn register_formats(library: &mut Library) {
    library
        .register_fn("str", |context: NativeCallContext, value: Dynamic| str_of(&context, &value))
        .register_fn("str", String::new)
        .register_fn("repr", |context: NativeCallContext, value: Dynamic| plain_values::repr(&context, &value))
        .register_fn("fmt", |value: Dynamic, digits: i64| -> RhaiResult<String> {
            let max = super::numbers::MAX_DIGITS;
            if !(0..=max).contains(&digits) {
                return mistake(format!("digits is {digits}, wanted 0 to {max}"));
            }
            Ok(format!("{:.*}", digits as usize, number(&value, "the value")?))
        })
        .register_fn("fmt", |context: NativeCallContext, value: Dynamic, spec: Text| {
            format::formatted(&context, &value, &spec)
        })
        .register_fn("%", |context: NativeCallContext, text: Text, values: Dynamic| {
            room(&context, text.len().saturating_add(nesting::text_bytes(&values, 2)).saturating_mul(2))?;
            format::percent(&context, &text, &values)
        })
        .register_fn("chr", |code: i64| -> RhaiResult<String> {
            let c = u32::try_from(code).ok().and_then(char::from_u32);
            c.map_or_else(|| mistake(format!("there is no character {code}")), |c| Ok(c.to_string()))
        })
        .register_fn("ord", |text: Text| -> RhaiResult<i64> {
            match (text.chars().next(), text.chars().count()) {
                (Some(c), 1) => Ok(i64::from(u32::from(c))),
                (_, n) => mistake(format!("ord takes one character, got {n}")),
            }
        });
    for n in 1..=MAX_VALUES {
        let mut types = vec![TypeId::of::<Text>()];
        types.extend(vec![TypeId::of::<Dynamic>(); n]);
        library.register_raw_fn("format", types, |context: NativeCallContext, args: &mut [&mut Dynamic]| {
            let n_bytes = args.iter().fold(0usize, |n, value| n.saturating_add(nesting::text_bytes(value, 1)));
            room(&context, n_bytes.saturating_mul(2))?;
            let values: Vec<Dynamic> = args.iter().skip(1).map(|value| value.flatten_clone()).collect();
            let text = args.first().map(|text| text.to_string()).unwrap_or_default();
            Ok(Dynamic::from(format::template(&context, &text, &values)?))
        });
    }
    library.register_fn("format", |context: NativeCallContext, value: Dynamic, spec: Text| {
        format::formatted(&context, &value, &spec)
    });
    library.register_fn("join", |context: NativeCallContext, by: Text, items: Dynamic| -> RhaiResult<String> {
        let items = items_of(&context, &items)?;
        joined(&*Meter::of(&context)?, &by, &items)
    });
    for (name, align) in [("ljust", '<'), ("rjust", '>'), ("center", '^'), ("zfill", '=')] {
        library.register_fn(name, move |context: NativeCallContext, text: Text, width: i64| -> RhaiResult<String> {
            if width > format::MAX_WIDTH as i64 {
                return mistake(format!("a width of {width} is too large, at most {}", format::MAX_WIDTH));
            }
            let fill = if align == '=' { "0=" } else { "" };
            let align = if align == '=' { String::new() } else { align.to_string() };
            format::formatted(&context, &Dynamic::from(text), &format!("{fill}{align}{}", width.max(0)))
        });
    }
}

fn joined(meter: &Meter, by: &Text, items: &Array) -> RhaiResult<String> {
    let mut parts: Vec<Text> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match item.read_lock::<Text>() {
            Some(text) => parts.push(text.clone()),
            None => return mistake(format!("item {at} is {}, wanted a text; write str(x)", describe(item))),
        }
    }
    meter.require_text(parts.iter().map(|part| part.len() + by.len()).sum())?;
    Ok(parts.join(by.as_str()))
}
