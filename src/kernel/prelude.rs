//! Everyday functions that models expect: division that does not cut, the sign of `%`, sums, medians, formatting.

use std::any::TypeId;

use rhai::{Array, Dynamic, Engine, ImmutableString, NativeCallContext};

use super::plain_values;
use crate::tools::{
    RhaiResult, ToolError,
    arguments::{describe, number},
    values::MeasurementValue,
};

/// Most values that `print` takes.
const MAX_PRINTED: usize = 12;

/// Digits after the point that `fmt` and `round` take.
const MAX_DIGITS: i64 = 15;

/// Makes the functions known.
pub fn register(engine: &mut Engine) {
    register_arithmetic(engine);
    register_statistics(engine);
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
        .register_fn("round", |x: f64, digits: i64| {
            let scale = 10f64.powi(digits.clamp(-MAX_DIGITS, MAX_DIGITS) as i32);
            (x * scale).round() / scale
        })
        .register_fn("sqrt", |x: i64| (x as f64).sqrt())
        .register_fn("degrees", |x: Dynamic| -> RhaiResult<f64> { Ok(number(&x, "the angle")?.to_degrees()) })
        .register_fn("radians", |x: Dynamic| -> RhaiResult<f64> { Ok(number(&x, "the angle")?.to_radians()) })
        .register_fn("int", |x: Dynamic| -> RhaiResult<i64> { Ok(to_number(&x)?.trunc() as i64) })
        .register_fn("float", |x: Dynamic| -> RhaiResult<f64> { Ok(to_number(&x)?) })
        .register_fn("norm", |v: Array| -> RhaiResult<f64> {
            Ok(numbers(&v)?.iter().map(|x| x * x).sum::<f64>().sqrt())
        })
        .register_fn("dot", |u: Array, v: Array| -> RhaiResult<f64> {
            let (u, v) = (numbers(&u)?, numbers(&v)?);
            if u.len() != v.len() {
                return mistake(format!("the lists have {} and {} numbers, wanted equal lengths", u.len(), v.len()));
            }
            Ok(u.iter().zip(v).map(|(a, b)| a * b).sum())
        });
}

fn to_number(value: &Dynamic) -> Result<f64, ToolError> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.trim().parse().map_err(|_| ToolError::argument(format!("{text:?} is not a number")));
    }
    number(value, "the value")
}

fn numbers(list: &Array) -> Result<Vec<f64>, ToolError> {
    list.iter().enumerate().map(|(i, item)| number(item, &format!("item {i}"))).collect()
}

fn not_empty(list: &Array, what: &str) -> Result<Vec<f64>, ToolError> {
    if list.is_empty() {
        return Err(ToolError::argument(format!("{what} of an empty list has no value")));
    }
    numbers(list)
}

fn register_statistics(engine: &mut Engine) {
    engine
        .register_fn("sum", |list: Array| -> RhaiResult<f64> { Ok(numbers(&list)?.iter().sum()) })
        .register_fn("mean", |list: Array| -> RhaiResult<f64> {
            let values = not_empty(&list, "the mean")?;
            Ok(values.iter().sum::<f64>() / values.len() as f64)
        })
        .register_fn("median", |list: Array| -> RhaiResult<f64> {
            Ok(crate::tools::median(&mut not_empty(&list, "the median")?))
        })
        .register_fn("min", |list: Array| extreme(&list, "the smallest", |a, b| a < b))
        .register_fn("max", |list: Array| extreme(&list, "the largest", |a, b| a > b))
        .register_fn("sorted", |list: Array| -> RhaiResult<Array> {
            let mut keyed: Vec<(f64, Dynamic)> = numbers(&list)?.into_iter().zip(list).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            Ok(keyed.into_iter().map(|(_, item)| item).collect())
        })
        .register_fn(
            "min",
            |a: MeasurementValue, b: MeasurementValue| if b.quantity.value() < a.quantity.value() { b } else { a },
        )
        .register_fn(
            "max",
            |a: MeasurementValue, b: MeasurementValue| if b.quantity.value() > a.quantity.value() { b } else { a },
        );
}

/// The item itself, so that a Measurement keeps its sigma.
fn extreme(list: &Array, what: &str, is_better: fn(f64, f64) -> bool) -> RhaiResult<Dynamic> {
    let values = not_empty(list, what)?;
    let mut best: Option<(f64, &Dynamic)> = None;
    for (value, item) in values.into_iter().zip(list) {
        if best.is_none_or(|(best, _)| is_better(value, best)) {
            best = Some((value, item));
        }
    }
    Ok(best.map_or(Dynamic::UNIT, |(_, item)| item.clone()))
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
