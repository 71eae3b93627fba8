//! `+ - * / % ** //` and comparisons of arrays with whatever holds numbers, and `& | ^ !` of truth values.

use std::any::TypeId;

use rhai::{Array, Dynamic, Module};

use super::{SessionWork, add_raw, convert};
use crate::{
    array::{
        Arr, Bools,
        elementwise::{self, Whole, floor_quotient, power, remainder},
    },
    tools::{
        RhaiResult, ToolError,
        arguments::describe,
        values::{MeasurementValue, PointsValue},
    },
};

type Arithmetic = (&'static str, Whole, fn(f64, f64) -> f64);

const ARITHMETIC: [Arithmetic; 7] = [
    ("+", Whole::Kept, |x, y| x + y),
    ("-", Whole::Kept, |x, y| x - y),
    ("*", Whole::Kept, |x, y| x * y),
    ("/", Whole::Lost, |x, y| x / y),
    ("%", Whole::Kept, remainder),
    ("**", Whole::Kept, power),
    ("int_div", Whole::Kept, floor_quotient),
];

type Comparison = (&'static str, fn(f64, f64) -> bool);

const COMPARISONS: [Comparison; 6] = [
    ("<", |x, y| x < y),
    ("<=", |x, y| x <= y),
    (">", |x, y| x > y),
    (">=", |x, y| x >= y),
    ("==", |x, y| x == y),
    ("!=", |x, y| x != y),
];

type Logic = (&'static str, fn(bool, bool) -> bool);

const LOGIC: [Logic; 3] = [("&", |x, y| x & y), ("|", |x, y| x | y), ("^", |x, y| x ^ y)];

/// Adds all operators.
pub fn add(module: &mut Module) {
    let dynamic = TypeId::of::<Dynamic>();
    let (arr, bools, points) = (TypeId::of::<Arr>(), TypeId::of::<Bools>(), TypeId::of::<PointsValue>());
    for own in [arr, bools, points] {
        for types in [[own, dynamic], [dynamic, own]] {
            for (name, whole, f) in ARITHMETIC {
                add_raw(module, name, &types, move |context, args| {
                    let (x, y) = operands(args, name)?;
                    Ok(convert::value(x.zip(&y, whole, &SessionWork::of(&context), f)?))
                });
            }
            for (name, f) in COMPARISONS {
                add_raw(module, name, &types, move |context, args| {
                    if matches!(name, "==" | "!=")
                        && let [x, y] = &*args
                        && (x.is_unit() || y.is_unit())
                    {
                        return Ok(Dynamic::from_bool(name == "!="));
                    }
                    let (x, y) = operands(args, name)?;
                    Ok(convert::truth(elementwise::zip(&x, &y, &SessionWork::of(&context), f)?))
                });
            }
        }
        add_raw(module, "-", &[own], |context, args| {
            let x = operand(args.first().map_or(&Dynamic::UNIT, |x| x), "-")?;
            Ok(convert::value(x.map(Whole::Kept, &SessionWork::of(&context), |x| -x)?))
        });
    }
    for (name, f) in LOGIC {
        for types in [[bools, dynamic], [dynamic, bools]] {
            add_raw(module, name, &types, move |context, args| {
                let [x, y] = &*args else { return Err(two_operands(name)) };
                let (x, y) = (convert::bools(x, "the left side")?, convert::bools(y, "the right side")?);
                Ok(convert::truth(elementwise::zip(&x, &y, &SessionWork::of(&context), f)?))
            });
        }
    }
    for name in ["!", "invert"] {
        add_raw(module, name, &[bools], |context, args| {
            let x = convert::bools(args.first().map_or(&Dynamic::UNIT, |x| x), "the operand")?;
            Ok(convert::truth(elementwise::map(&x, &SessionWork::of(&context), |x| !x)?))
        });
    }
    remainders_of_floats(module);
    refuse_on_lists(module);
}

/// Rhai's own `%` of floats has the sign of the dividend; Python's that of the divisor.
fn remainders_of_floats(module: &mut Module) {
    let (int, float) = (TypeId::of::<i64>(), TypeId::of::<f64>());
    let is_remainder = |name: &str| name == "%" || name == "int_div";
    for (name, _, f) in ARITHMETIC.into_iter().filter(|(name, ..)| is_remainder(name)) {
        for types in [[float, float], [float, int], [int, float]] {
            add_raw(module, name, &types, move |_, args| match operands(args, name)? {
                (x, y) if y.one() == Some(0.0) => {
                    let x = x.one().unwrap_or(f64::NAN);
                    Err(ToolError::argument(format!("{x} {name} 0 has no value")).into())
                }
                (x, y) => Ok(Dynamic::from_float(f(x.one().unwrap_or(f64::NAN), y.one().unwrap_or(f64::NAN)))),
            });
        }
    }
}

fn two_operands(name: &str) -> Box<rhai::EvalAltResult> {
    ToolError::argument(format!("`{name}` needs two operands")).into()
}

fn operand(value: &Dynamic, name: &str) -> RhaiResult<Arr> {
    if value.is::<MeasurementValue>() {
        let message = format!("`{name}` of an array and a Measurement would lose its sigma; use its .value");
        return Err(ToolError::argument(message).into());
    }
    match convert::optional_arr(value, "the operand")? {
        Some(arr) => Ok(arr),
        None => {
            Err(ToolError::argument(format!("`{name}` of an array and {}, wanted numbers", describe(value))).into())
        }
    }
}

fn operands(args: &[&mut Dynamic], name: &str) -> RhaiResult<(Arr, Arr)> {
    let [x, y] = args else { return Err(two_operands(name)) };
    Ok((operand(x, name)?, operand(y, name)?))
}

/// Plain lists have no arithmetic, neither here nor in Python; the model learns what to write.
fn refuse_on_lists(module: &mut Module) {
    let list = TypeId::of::<Array>();
    let (int, float) = (TypeId::of::<i64>(), TypeId::of::<f64>());
    for name in ["-", "/", "**", "*"] {
        for types in [[list, list], [list, float], [float, list], [list, int], [int, list]] {
            let is_repetition = name == "*" && types.contains(&int);
            if is_repetition {
                continue;
            }
            add_raw(module, name, &types, move |_, args| {
                let texts: Vec<String> = args
                    .iter()
                    .map(|arg| if arg.is_array() { "np.array(list)".to_owned() } else { arg.to_string() })
                    .collect();
                let shown = texts.join(&format!(" {name} "));
                Err(ToolError::argument(format!("lists have no `{name}`; write {shown}")).into())
            });
        }
    }
}
