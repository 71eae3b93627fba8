//! `math`: of single numbers, as in Python.

use rhai::Dynamic;

use crate::{
    array::reduce,
    tools::{
        RhaiResult,
        arrays::{
            call::Call,
            declaration::{Form, Function, Run},
        },
    },
};

macro_rules! table {
    ($([$($name:literal),+] ($($param:literal),*) $example:literal => $result:literal, $run:expr;)*) => {
        &[$(Function {
            names: &[$($name),+],
            params: &[$($param),*],
            form: Form::Math,
            doc: "",
            example: ($example, $result),
            run: Run::Call($run),
        }),*]
    };
}

/// Declarations.
pub const FUNCTIONS: &[Function] = table! {
    ["sqrt"] ("x") "math.sqrt(2)" => "float 1.4142135623730951", |call| one(call, f64::sqrt);
    ["exp"] ("x") "math.exp(0)" => "float 1.0", |call| one(call, f64::exp);
    ["log"] ("x", "base?") "math.log(8, 2)" => "float 3.0", |call| match call.optional_number(1)? {
        None => one(call, f64::ln),
        Some(base) => checked(call, call.number(0)?.ln() / base.ln()),
    };
    ["log10"] ("x") "math.log10(1000)" => "float 3.0", |call| one(call, f64::log10);
    ["log2"] ("x") "math.log2(8)" => "float 3.0", |call| one(call, f64::log2);
    ["sin"] ("x") "math.sin(0)" => "float 0.0", |call| one(call, f64::sin);
    ["cos"] ("x") "math.cos(0)" => "float 1.0", |call| one(call, f64::cos);
    ["tan"] ("x") "math.tan(0)" => "float 0.0", |call| one(call, f64::tan);
    ["asin"] ("x") "math.asin(1)" => "float 1.5707963267948966", |call| one(call, f64::asin);
    ["acos"] ("x") "math.acos(1)" => "float 0.0", |call| one(call, f64::acos);
    ["atan"] ("x") "math.atan(0)" => "float 0.0", |call| one(call, f64::atan);
    ["atan2"] ("y", "x") "math.degrees(math.atan2(1, 1))" => "float 45.0", |call| {
        Ok(Dynamic::from_float(call.number(0)?.atan2(call.number(1)?)))
    };
    ["hypot"] ("x", "y", "z?") "math.hypot(3, 4)" => "float 5.0", |call| {
        Ok(Dynamic::from_float(call.number(0)?.hypot(call.number(1)?).hypot(call.optional_number(2)?.unwrap_or(0.0))))
    };
    ["dist"] ("p", "q") "math.dist([0, 0, 0], [3, 4, 0])" => "float 5.0", |call| {
        let (p, q) = (call.arr(0)?, call.arr(1)?);
        if p.shape() != q.shape() || p.rank() != 1 {
            return Err(call.mistake("wanted two points of equal length"));
        }
        let apart: Vec<f64> = p.as_slice().iter().zip(q.as_slice()).map(|(p, q)| p - q).collect();
        Ok(Dynamic::from_float(crate::array::linalg::Norm::Euclidean.of(&apart)))
    };
    ["degrees"] ("x") "math.degrees(math.pi)" => "float 180.0", |call| one(call, f64::to_degrees);
    ["radians"] ("x") "math.radians(180)" => "float 3.141592653589793", |call| one(call, f64::to_radians);
    ["floor"] ("x") "math.floor(-1.2)" => "int -2", |call| integer(call, f64::floor);
    ["ceil"] ("x") "math.ceil(1.2)" => "int 2", |call| integer(call, f64::ceil);
    ["trunc"] ("x") "math.trunc(-1.7)" => "int -1", |call| integer(call, f64::trunc);
    ["fabs"] ("x") "math.fabs(-2)" => "float 2.0", |call| one(call, f64::abs);
    ["pow"] ("x", "y") "math.pow(2, 3)" => "float 8.0", |call| checked(call, call.number(0)?.powf(call.number(1)?));
    ["copysign"] ("x", "y") "math.copysign(2, -1)" => "float -2.0", |call| Ok(Dynamic::from_float(call.number(0)?.copysign(call.number(1)?)));
    ["isnan"] ("x") "math.isnan(math.nan)" => "bool true", |call| question(call, f64::is_nan);
    ["isinf"] ("x") "math.isinf(math.inf)" => "bool true", |call| question(call, f64::is_infinite);
    ["isfinite"] ("x") "math.isfinite(1.0)" => "bool true", |call| question(call, f64::is_finite);
    ["isclose"] ("a", "b", "rel_tol?", "abs_tol?") "math.isclose(1.0, 1.0 + 1e-12)" => "bool true", |call| {
        let (a, b) = (call.number(0)?, call.number(1)?);
        let (relative, absolute) = (call.optional_number(2)?.unwrap_or(1e-9), call.optional_number(3)?.unwrap_or(0.0));
        Ok(Dynamic::from_bool(a == b || (a - b).abs() <= absolute.max(relative * a.abs().max(b.abs()))))
    };
    ["fsum"] ("values") "math.fsum([1, 2.5])" => "float 3.5", |call| Ok(Dynamic::from_float(reduce::sum(call.arr(0)?.as_slice())));
    ["sinh"] ("x") "math.sinh(0)" => "float 0.0", |call| one(call, f64::sinh);
    ["cosh"] ("x") "math.cosh(0)" => "float 1.0", |call| one(call, f64::cosh);
    ["tanh"] ("x") "math.tanh(0)" => "float 0.0", |call| one(call, f64::tanh);
};

fn single(call: &Call<'_>) -> RhaiResult<f64> {
    let a = call.arr(0)?;
    a.one().ok_or_else(|| call.mistake("takes a single number; for arrays use np"))
}

fn one(call: &Call<'_>, f: fn(f64) -> f64) -> RhaiResult<Dynamic> {
    let x = single(call)?;
    let found = f(x);
    if found.is_nan() && !x.is_nan() {
        return Err(call.mistake(format!("{x} has no such value")));
    }
    Ok(Dynamic::from_float(found))
}

fn checked(call: &Call<'_>, found: f64) -> RhaiResult<Dynamic> {
    match found.is_nan() {
        true => Err(call.mistake("these numbers have no such value")),
        false => Ok(Dynamic::from_float(found)),
    }
}

fn integer(call: &Call<'_>, f: fn(f64) -> f64) -> RhaiResult<Dynamic> {
    let x = f(single(call)?);
    if x.abs() < 9e15 {
        return Ok(Dynamic::from_int(x as i64));
    }
    Err(call.mistake(format!("{x} is no integer that can be held")))
}

fn question(call: &Call<'_>, f: fn(f64) -> bool) -> RhaiResult<Dynamic> {
    Ok(Dynamic::from_bool(f(single(call)?)))
}
