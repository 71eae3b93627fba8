//! Arithmetic and conversions with the meaning of Python: division that does not cut, the sign of `%`.

use rhai::{Dynamic, FLOAT, INT, ImmutableString, NativeCallContext};

use super::{mistake, support::type_words};
use crate::tools::{
    Library, RhaiResult, ToolError,
    arguments::{describe, number},
};

/// Digits after the point that `fmt` takes.
pub const MAX_DIGITS: i64 = 15;

/// Makes them known.
pub fn register(library: &mut Library) {
    library
        .register_fn("/", |a: INT, b: INT| divided(a as f64, b as f64))
        .register_fn("/", |a: FLOAT, b: FLOAT| divided(a, b))
        .register_fn("/", |a: INT, b: FLOAT| divided(a as f64, b))
        .register_fn("/", |a: FLOAT, b: INT| divided(a, b as f64))
        .register_fn("%", |a: INT, b: INT| -> RhaiResult<INT> {
            // The sign of the divisor, as in Python.
            match a.checked_rem(b) {
                Some(rest) if rest != 0 && (rest < 0) != (b < 0) => Ok(rest + b),
                Some(rest) => Ok(rest),
                None => mistake(format!("{a} % {b} has no value")),
            }
        })
        .register_fn("%", |a: FLOAT, b: FLOAT| rest(a, b))
        .register_fn("%", |a: INT, b: FLOAT| rest(a as f64, b))
        .register_fn("%", |a: FLOAT, b: INT| rest(a, b as f64))
        .register_fn("<<", shifted)
        .register_fn("<<=", |a: &mut INT, n: INT| -> RhaiResult<()> {
            *a = shifted(*a, n)?;
            Ok(())
        })
        .register_fn(">>", |a: INT, n: INT| -> RhaiResult<INT> {
            match u32::try_from(n) {
                Ok(n) => Ok(a >> n.min(63)),
                Err(_) if n > 0 => Ok(a >> 63),
                Err(_) => mistake(format!("{a} >> {n} has no value; shift by 0 or more")),
            }
        })
        .register_fn("**", power)
        .register_fn("int_div", |a: INT, b: INT| -> RhaiResult<INT> {
            // Rounds down, as `//` in Python.
            match a.checked_div(b) {
                Some(quotient) => Ok(quotient - i64::from(a % b != 0 && (a < 0) != (b < 0))),
                None => mistake(format!("int_div({a}, {b}) has no value")),
            }
        })
        .register_fn("int_div", |a: Dynamic, b: Dynamic| -> RhaiResult<FLOAT> {
            let (a, b) = (number(&a, "the first value")?, number(&b, "the second value")?);
            if b == 0.0 { mistake(format!("int_div({a}, 0) has no value")) } else { Ok((a / b).floor()) }
        })
        .register_fn("divmod", |a: INT, b: INT| -> RhaiResult<rhai::Array> {
            let (Some(quotient), Some(rest)) = (a.checked_div_euclid(b), a.checked_rem_euclid(b)) else {
                return mistake(format!("divmod({a}, {b}) has no value"));
            };
            let is_below = b < 0 && rest != 0;
            let pair = if is_below { (quotient - 1, rest + b) } else { (quotient, rest) };
            Ok(vec![Dynamic::from_int(pair.0), Dynamic::from_int(pair.1)])
        })
        .register_fn("pow", |context: NativeCallContext, a: Dynamic, b: Dynamic| -> RhaiResult<Dynamic> {
            context.call_native_fn_raw("**", true, &mut [&mut a.flatten(), &mut b.flatten()])
        })
        // Rhai's own for floats gives a float.
        .register_fn("int", |x: FLOAT| whole(x.trunc()))
        .register_fn("int", |x: Dynamic| -> RhaiResult<INT> { to_int(&x) })
        .register_fn("float", |x: Dynamic| -> RhaiResult<FLOAT> { to_float(&x) })
        .register_fn("bool", |x: Dynamic| -> RhaiResult<bool> { to_bool(&x) })
        .register_fn("is_integer", |x: FLOAT| x.is_finite() && x.fract() == 0.0);
}

fn shifted(a: INT, n: INT) -> RhaiResult<INT> {
    let factor = u32::try_from(n).ok().and_then(|n| 2_i64.checked_pow(n));
    match factor.and_then(|factor| a.checked_mul(factor)) {
        Some(shifted) => Ok(shifted),
        None => mistake(format!("{a} << {n} has no value as a whole number of 64 bits")),
    }
}

fn divided(a: f64, b: f64) -> RhaiResult<f64> {
    if b == 0.0 { mistake(format!("{a} / 0 has no value")) } else { Ok(a / b) }
}

fn rest(a: f64, b: f64) -> RhaiResult<f64> {
    if b == 0.0 {
        return mistake(format!("{a} % 0 has no value"));
    }
    let rest = a % b;
    Ok(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest })
}

fn power(base: INT, exponent: INT) -> RhaiResult<Dynamic> {
    if exponent < 0 {
        return match base {
            0 => mistake("0 to a negative power has no value"),
            _ => Ok(Dynamic::from_float((base as f64).powf(exponent as f64))),
        };
    }
    let result = u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent));
    match result {
        Some(result) => Ok(Dynamic::from_int(result)),
        None => mistake(format!("{base} ** {exponent} is too large for a whole number; write {base}.0 ** {exponent}")),
    }
}

fn whole(x: f64) -> RhaiResult<i64> {
    if x.is_finite() && x.abs() < 9.2e18 { Ok(x as i64) } else { mistake(format!("{x:e} does not fit a whole number")) }
}

fn to_int(value: &Dynamic) -> RhaiResult<i64> {
    if let Ok(int) = value.as_int() {
        return Ok(int);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(i64::from(truth));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        let text = text.trim().replace('_', "");
        return text.parse().map_err(|_| ToolError::argument(format!("{text:?} is no whole number")).into());
    }
    whole(number(value, "the value")?.trunc())
}

fn to_float(value: &Dynamic) -> RhaiResult<f64> {
    if let Ok(float) = value.as_float() {
        return Ok(float);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(f64::from(u8::from(truth)));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        let text = text.trim().to_lowercase();
        return text.parse().map_err(|_| ToolError::argument(format!("{text:?} is not a number")).into());
    }
    Ok(number(value, "the value")?)
}

/// Empty and zero do not hold.
fn to_bool(value: &Dynamic) -> RhaiResult<bool> {
    if let Ok(truth) = value.as_bool() {
        return Ok(truth);
    }
    if value.is_unit() {
        return Ok(false);
    }
    if value.is_int() || value.is_float() {
        return Ok(value.as_float().or_else(|_| value.as_int().map(|int| int as f64)).unwrap_or(0.0) != 0.0);
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(!text.is_empty());
    }
    if let Some(list) = value.read_lock::<rhai::Array>() {
        return Ok(!list.is_empty());
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        return Ok(!map.is_empty());
    }
    if let Some(dict) = value.read_lock::<super::Dict>() {
        return Ok(dict.len() > 0);
    }
    mistake(format!("{} is neither true nor false; compare it ({})", describe(value), type_words(value)))
}
