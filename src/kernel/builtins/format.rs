//! Formats of Python: `.2f`, `>8`, `+d`, `,`, `%`, and templates such as `"{} is {:.2f}"`.

use rhai::{Dynamic, ImmutableString, Map, NativeCallContext};

use super::{mistake, support::str_of};
use crate::{
    kernel::plain_values,
    tools::{
        RhaiResult,
        arguments::{describe, number},
    },
};

/// Characters that one format may widen a text to.
pub const MAX_WIDTH: usize = 10_000;

struct Spec {
    fill: char,
    align: Option<char>,
    sign: char,
    is_alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
fn parsed(text: &str) -> Option<Spec> {
    let mut chars: Vec<char> = text.chars().collect();
    let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
    let (mut fill, mut align) = (' ', None);
    if chars.get(1).is_some_and(is_align) {
        fill = chars.first().copied()?;
        align = chars.get(1).copied();
        chars.drain(..2);
    } else if chars.first().is_some_and(is_align) {
        align = chars.first().copied();
        chars.remove(0);
    }
    let mut rest = chars.into_iter().peekable();
    let sign = rest.next_if(|c| matches!(c, '+' | '-' | ' ')).unwrap_or('-');
    let is_alternate = rest.next_if_eq(&'#').is_some();
    if rest.next_if_eq(&'0').is_some() && align.is_none() {
        (fill, align) = ('0', Some('='));
    }
    let digits = |rest: &mut std::iter::Peekable<std::vec::IntoIter<char>>| {
        let mut text = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            text.push(digit);
        }
        text
    };
    let width = digits(&mut rest);
    let width = if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= MAX_WIDTH)? };
    let grouping = rest.next_if(|c| matches!(c, ',' | '_'));
    let precision = match rest.next_if_eq(&'.') {
        Some(_) => Some(digits(&mut rest).parse().ok().filter(|precision| *precision <= 300)?),
        None => None,
    };
    let kind = rest.next();
    rest.next().is_none().then_some(Spec { fill, align, sign, is_alternate, width, grouping, precision, kind })
}

/// `value` by a format of Python.
pub fn formatted(context: &NativeCallContext<'_>, value: &Dynamic, spec_text: &str) -> RhaiResult<String> {
    let Some(spec) = parsed(spec_text) else {
        return mistake(format!("{spec_text:?} is no format; write for instance .2f, >8 or +.1f"));
    };
    let is_text = value.is_string() || !is_number(value);
    let (text, is_right) = match spec.kind {
        None | Some('s') if is_text => {
            let text = str_of(context, value);
            let cut = spec.precision.map_or(text.clone(), |n| text.chars().take(n).collect());
            (cut, false)
        }
        Some('d' | 'x' | 'X' | 'o' | 'b' | 'c') => (whole(&spec, value, spec_text)?, true),
        None if value.is_int() => (whole(&spec, value, spec_text)?, true),
        None | Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%' | 'n') => {
            if is_text && !value.is::<crate::tools::values::MeasurementValue>() {
                return mistake(format!(
                    "{} does not take the format {spec_text:?}, which is for numbers",
                    describe(value)
                ));
            }
            (decimal(&spec, plain_number(value)?), true)
        }
        _ => return mistake(format!("{} does not take the format {spec_text:?}", describe(value))),
    };
    Ok(padded(&spec, text, is_right))
}

fn is_number(value: &Dynamic) -> bool {
    value.is_int() || value.is_float() || value.is::<crate::tools::values::MeasurementValue>()
}

/// Also NaN and infinity, which have a text.
fn plain_number(value: &Dynamic) -> RhaiResult<f64> {
    match value.as_float() {
        Ok(float) => Ok(float),
        Err(_) => Ok(number(value, "the value")?),
    }
}

fn whole(spec: &Spec, value: &Dynamic, spec_text: &str) -> RhaiResult<String> {
    let Ok(int) = value.as_int() else {
        return mistake(format!(
            "{} does not take the format {spec_text:?}, which is for whole numbers; use .0f",
            describe(value)
        ));
    };
    let size = int.unsigned_abs();
    let (digits, prefix) = match spec.kind {
        Some('x') => (format!("{size:x}"), "0x"),
        Some('X') => (format!("{size:X}"), "0X"),
        Some('o') => (format!("{size:o}"), "0o"),
        Some('b') => (format!("{size:b}"), "0b"),
        _ => (size.to_string(), ""),
    };
    let prefix = if spec.is_alternate { prefix } else { "" };
    Ok(format!("{}{prefix}{}", sign(spec, int < 0), grouped(&digits, spec.grouping)))
}

fn sign(spec: &Spec, is_negative: bool) -> &'static str {
    match (is_negative, spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    }
}

fn decimal(spec: &Spec, x: f64) -> String {
    let size = x.abs();
    let sign = sign(spec, x.is_sign_negative() && !x.is_nan());
    if !x.is_finite() {
        return format!("{sign}{}", if x.is_nan() { "nan" } else { "inf" });
    }
    let text = match spec.kind {
        Some('e' | 'E') => scientific(size, spec.precision.unwrap_or(6)),
        Some('%') => format!("{:.*}%", spec.precision.unwrap_or(6), size * 100.0),
        Some('f' | 'F') => format!("{size:.*}", spec.precision.unwrap_or(6)),
        Some(_) => general(size, spec.precision.unwrap_or(6)),
        None => match spec.precision {
            Some(precision) => {
                let text = general(size, precision);
                if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
            }
            None => {
                let text = size.to_string();
                if text.contains('.') { text } else { format!("{text}.0") }
            }
        },
    };
    let text = if matches!(spec.kind, Some('E' | 'G')) { text.to_uppercase() } else { text };
    let (whole, tail) = match text.find(['.', 'e', '%']) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    format!("{sign}{}{tail}", grouped(whole, spec.grouping))
}

/// `1.23e-05`.
fn scientific(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As short as it gets with so many significant digits.
fn general(size: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let exponent =
        scientific(size, precision - 1).split_once('e').and_then(|(_, e)| e.parse::<i64>().ok()).unwrap_or(0);
    let text = if exponent < -4 || exponent >= precision as i64 {
        scientific(size, precision - 1)
    } else {
        let digits = usize::try_from(precision as i64 - 1 - exponent).unwrap_or(0);
        format!("{size:.digits$}")
    };
    let (digits, tail) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let short = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{short}{tail}")
}

fn grouped(digits: &str, grouping: Option<char>) -> String {
    let Some(mark) = grouping else { return digits.to_owned() };
    let n = digits.chars().count();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (n - i).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

fn padded(spec: &Spec, text: String, is_right: bool) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    let fill = |n: usize| String::from_iter(std::iter::repeat_n(spec.fill, n));
    match spec.align.unwrap_or(if is_right { '>' } else { '<' }) {
        '<' => format!("{text}{}", fill(missing)),
        '^' => format!("{}{text}{}", fill(missing / 2), fill(missing - missing / 2)),
        '=' => {
            let at = usize::from(text.starts_with(['-', '+', ' ']));
            let (sign, digits) = text.split_at(at);
            format!("{sign}{}{digits}", fill(missing))
        }
        _ => format!("{}{text}", fill(missing)),
    }
}

/// `"{} {1:.2f} {name}"` with its values; a map at the end holds those with names.
pub fn template(context: &NativeCallContext<'_>, template: &str, values: &[Dynamic]) -> RhaiResult<String> {
    let names = values.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone()));
    let mut out = String::new();
    let mut rest = template;
    let mut next = 0usize;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if after.starts_with("{{") || after.starts_with("}}") {
            out.push_str(after.get(..1).unwrap_or_default());
            rest = after.get(2..).unwrap_or_default();
            continue;
        }
        let Some(end) = after.find('}').filter(|_| after.starts_with('{')) else {
            return mistake("a brace in the format has no partner; write {{ or }} for the brace itself");
        };
        let field = after.get(1..end).unwrap_or_default();
        rest = after.get(end + 1..).unwrap_or_default();
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let value = if name.is_empty() {
            next += 1;
            values.get(next - 1).cloned()
        } else if let Ok(place) = name.parse::<usize>() {
            values.get(place).cloned()
        } else {
            names.as_ref().and_then(|names| names.get(name).cloned())
        };
        let Some(value) = value else {
            return mistake(format!(
                "the format wants {{{field}}}, which is not given; there are {} values",
                values.len()
            ));
        };
        out.push_str(&match spec {
            "" => str_of(context, &value),
            spec => formatted(context, &value, spec)?,
        });
    }
    out.push_str(rest);
    Ok(out)
}

/// `"%.2f %s" % [x, y]`.
pub fn percent(context: &NativeCallContext<'_>, template: &ImmutableString, values: &Dynamic) -> RhaiResult<String> {
    let values = values.read_lock::<rhai::Array>().map_or_else(|| vec![values.clone()], |list| list.clone());
    let mut values = values.into_iter();
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut spec = String::new();
        while let Some(c) = chars.next_if(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | ' ' | '#')) {
            spec.push(c);
        }
        let Some(kind) = chars.next() else { return mistake("the format ends within `%`") };
        let Some(value) = values.next() else { return mistake("the format has more places than there are values") };
        let spec = if let Some(width) = spec.strip_prefix('-') { format!("<{width}") } else { spec };
        match kind {
            's' | 'r' => {
                let text = if kind == 'r' { plain_values::repr(context, &value) } else { str_of(context, &value) };
                out.push_str(&formatted(context, &Dynamic::from(text), &spec.replace('+', ""))?);
            }
            'd' | 'i' => {
                let whole = value.as_int().or_else(|_| number(&value, "the value").map(|x| x.trunc() as i64))?;
                out.push_str(&formatted(context, &Dynamic::from_int(whole), &format!("{spec}d"))?);
            }
            kind => out.push_str(&formatted(context, &value, &format!("{spec}{kind}"))?),
        }
    }
    if values.next().is_some() {
        return mistake("the format has fewer places than there are values");
    }
    Ok(out)
}
