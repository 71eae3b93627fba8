//! Everyday functions that models expect: division that does not cut, the sign of `%`, formatting. Sums and the like: `tools::arrays`.

use std::any::TypeId;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use super::plain_values;
use crate::tools::{
    RhaiResult, ToolError,
    arguments::{describe, number},
};

/// Most values that `print` takes.
const MAX_PRINTED: usize = 12;

/// Digits after the point that `fmt` takes.
const MAX_DIGITS: i64 = 15;

/// Makes the functions known.
pub fn register(engine: &mut Engine) {
    register_arithmetic(engine);
    register_text(engine);
}

fn mistake<T>(message: String) -> RhaiResult<T> {
    Err(ToolError::argument(message).into())
}

fn register_arithmetic(engine: &mut Engine) {
    engine
        .register_fn("/", |a: i64, b: i64| -> RhaiResult<f64> {
            if b == 0 { mistake(format!("{a} / 0 has no value")) } else { Ok(a as f64 / b as f64) }
        })
        .register_fn("%", |a: i64, b: i64| -> RhaiResult<i64> {
            // The sign of the divisor, as in Python.
            match a.checked_rem(b) {
                Some(rest) if rest != 0 && (rest < 0) != (b < 0) => Ok(rest + b),
                Some(rest) => Ok(rest),
                None => mistake(format!("{a} % {b} has no value")),
            }
        })
        .register_fn("int_div", |a: i64, b: i64| -> RhaiResult<i64> {
            // Rounds down, as `//` in Python.
            match a.checked_div(b) {
                Some(quotient) => Ok(quotient - i64::from(a % b != 0 && (a < 0) != (b < 0))),
                None => mistake(format!("int_div({a}, {b}) has no value")),
            }
        })
        .register_fn("range", |n: i64| 0..n.max(0))
        .register_fn("int", |x: Dynamic| -> RhaiResult<i64> { Ok(to_number(&x)?.trunc() as i64) })
        .register_fn("float", |x: Dynamic| -> RhaiResult<f64> { Ok(to_number(&x)?) });
}

fn to_number(value: &Dynamic) -> Result<f64, ToolError> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.trim().parse().map_err(|_| ToolError::argument(format!("{text:?} is not a number")));
    }
    number(value, "the value")
}

fn register_text(engine: &mut Engine) {
    engine
        .register_fn("str", |value: Dynamic| value.to_string())
        .register_fn("fmt", |value: Dynamic, digits: i64| -> RhaiResult<String> {
            if !(0..=MAX_DIGITS).contains(&digits) {
                return mistake(format!("digits is {digits}, wanted 0 to {MAX_DIGITS}"));
            }
            Ok(format!("{:.*}", digits as usize, number(&value, "the value")?))
        })
        .register_fn("fmt", |value: Dynamic, _: ImmutableString| -> RhaiResult<String> {
            mistake(format!("fmt({}, ...) wants a number of digits, such as fmt(x, 3)", describe(&value)))
        });
    for n in 2..=MAX_PRINTED {
        // Rhai prints the text that a function of this name gives back.
        engine.register_raw_fn(
            "print",
            vec![TypeId::of::<Dynamic>(); n],
            |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                let texts: Vec<String> = args.iter().map(|value| plain_values::text(&context, value)).collect();
                Ok(Dynamic::from(texts.join(" ")))
            },
        );
    }
}
