//! Value by value.

use rhai::Dynamic;

use crate::{
    array::{
        Arr, binned,
        elementwise::{self, Whole, floor_quotient, maximum, minimum, power, remainder, rounded, sign},
        select,
    },
    tools::{
        RhaiResult,
        arrays::{
            call::Call,
            convert,
            declaration::{Form, Function, Run},
        },
    },
};

macro_rules! table {
    ($($form:ident [$($name:literal),+] ($($param:literal),*) $example:literal => $result:literal, $run:expr;)*) => {
        &[$(Function {
            names: &[$($name),+],
            params: &[$($param),*],
            form: Form::$form,
            doc: "",
            example: ($example, $result),
            run: $run,
        }),*]
    };
}

/// Declarations.
pub const FUNCTIONS: &[Function] = table! {
    Everywhere ["abs", "absolute", "fabs"] ("x") "np.abs([-1, 2])" => "Arr [1, 2]", Run::EachWhole(f64::abs);
    Everywhere ["sqrt"] ("x") "np.sqrt([4, 9])" => "Arr [2.0, 3.0]", Run::Each(f64::sqrt);
    Everywhere ["square"] ("x") "np.square([2, 3])" => "Arr [4, 9]", Run::EachWhole(|x| x * x);
    Everywhere ["exp"] ("x") "np.exp(0)" => "float 1.0", Run::Each(f64::exp);
    Everywhere ["log"] ("x") "np.log(1)" => "float 0.0", Run::Each(f64::ln);
    Everywhere ["log2"] ("x") "np.log2(8)" => "float 3.0", Run::Each(f64::log2);
    Everywhere ["log10"] ("x") "np.log10(1000)" => "float 3.0", Run::Each(f64::log10);
    Everywhere ["sin"] ("x") "np.sin(np.pi / 2)" => "float 1.0", Run::Each(f64::sin);
    Everywhere ["cos"] ("x") "np.cos(0)" => "float 1.0", Run::Each(f64::cos);
    Everywhere ["tan"] ("x") "np.tan(0)" => "float 0.0", Run::Each(f64::tan);
    Everywhere ["arcsin", "asin"] ("x") "np.arcsin(0)" => "float 0.0", Run::Each(f64::asin);
    Everywhere ["arccos", "acos"] ("x") "np.arccos(1)" => "float 0.0", Run::Each(f64::acos);
    Everywhere ["arctan", "atan"] ("x") "np.arctan(0)" => "float 0.0", Run::Each(f64::atan);
    Everywhere ["arctan2", "atan2"] ("y", "x") "np.degrees(np.arctan2(1, 1))" => "float 45.0", Run::Pair(f64::atan2);
    Everywhere ["hypot"] ("x", "y") "np.hypot(3, 4)" => "float 5.0", Run::Pair(f64::hypot);
    Np ["sinh"] ("x") "np.sinh(0)" => "float 0.0", Run::Each(f64::sinh);
    Np ["cosh"] ("x") "np.cosh(0)" => "float 1.0", Run::Each(f64::cosh);
    Everywhere ["tanh"] ("x") "np.tanh(0)" => "float 0.0", Run::Each(f64::tanh);
    Everywhere ["deg2rad", "radians"] ("x") "np.deg2rad(180)" => "float 3.141592653589793", Run::Each(f64::to_radians);
    Everywhere ["rad2deg", "degrees"] ("x") "np.rad2deg(np.pi)" => "float 180.0", Run::Each(f64::to_degrees);
    Everywhere ["floor"] ("x") "np.floor([1.7, -1.2])" => "Arr [1.0, -2.0]", Run::EachWhole(f64::floor);
    Everywhere ["ceil"] ("x") "np.ceil([1.2, -1.7])" => "Arr [2.0, -1.0]", Run::EachWhole(f64::ceil);
    Np ["trunc", "fix"] ("x") "np.trunc([1.7, -1.7])" => "Arr [1.0, -1.0]", Run::EachWhole(f64::trunc);
    Np ["rint"] ("x") "np.rint([0.5, 1.5])" => "Arr [0.0, 2.0]", Run::Each(f64::round_ties_even);
    Everywhere ["sign"] ("x") "np.sign([-3, 0, 2])" => "Arr [-1, 0, 1]", Run::EachWhole(sign);
    Method ["round", "around"] ("a", "decimals?") "np.round([0.5, 1.5, 2.345], 2)" => "Arr [0.5, 1.5, 2.35]", Run::Call(round);
    Method ["clip"] ("a", "a_min?", "a_max?") "np.clip([1, 5, 9], 2, 6)" => "Arr [2, 5, 6]", Run::Call(clip);
    Everywhere ["minimum"] ("x", "y") "np.minimum([1, 5], 3)" => "Arr [1, 3]", Run::PairWhole(minimum);
    Everywhere ["maximum"] ("x", "y") "np.maximum([1, 5], 3)" => "Arr [3, 5]", Run::PairWhole(maximum);
    Np ["fmin"] ("x", "y") "np.fmin(np.nan, 3)" => "float 3.0", Run::PairWhole(f64::min);
    Np ["fmax"] ("x", "y") "np.fmax(np.nan, 3)" => "float 3.0", Run::PairWhole(f64::max);
    Np ["add"] ("x", "y") "np.add([1, 2], 1)" => "Arr [2, 3]", Run::PairWhole(|x, y| x + y);
    Np ["subtract"] ("x", "y") "np.subtract([1, 2], 1)" => "Arr [0, 1]", Run::PairWhole(|x, y| x - y);
    Np ["multiply"] ("x", "y") "np.multiply([1, 2], 2)" => "Arr [2, 4]", Run::PairWhole(|x, y| x * y);
    Np ["divide", "true_divide"] ("x", "y") "np.divide([1, 2], 2)" => "Arr [0.5, 1.0]", Run::Pair(|x, y| x / y);
    Np ["floor_divide"] ("x", "y") "np.floor_divide([7, -7], 2)" => "Arr [3, -4]", Run::PairWhole(floor_quotient);
    Np ["mod", "remainder"] ("x", "y") "np.mod([7, -7], 3)" => "Arr [1, 2]", Run::PairWhole(remainder);
    Np ["power"] ("x", "y") "np.power([2, 3], 2)" => "Arr [4, 9]", Run::PairWhole(power);
    Np ["negative"] ("x") "np.negative([1, -2])" => "Arr [-1, 2]", Run::EachWhole(|x| -x);
    Everywhere ["isnan"] ("x") "np.isnan([1, np.nan])" => "Bools [false, true]", Run::Test(f64::is_nan);
    Everywhere ["isfinite"] ("x") "np.isfinite([1, np.inf])" => "Bools [true, false]", Run::Test(f64::is_finite);
    Everywhere ["isinf"] ("x") "np.isinf([1, np.inf])" => "Bools [false, true]", Run::Test(f64::is_infinite);
    Everywhere ["nan_to_num"] ("x", "nan?") "np.nan_to_num([1, np.nan])" => "Arr [1.0, 0.0]", Run::Call(nan_to_num);
    Np ["logical_and"] ("x", "y") "np.logical_and([true, false], true)" => "Bools [true, false]", Run::TestPair(|x, y| x != 0.0 && y != 0.0);
    Np ["logical_or"] ("x", "y") "np.logical_or([true, false], true)" => "Bools [true, true]", Run::TestPair(|x, y| x != 0.0 || y != 0.0);
    Np ["logical_xor"] ("x", "y") "np.logical_xor([true, false], true)" => "Bools [false, true]", Run::TestPair(|x, y| (x != 0.0) != (y != 0.0));
    Np ["logical_not"] ("x") "np.logical_not([true, false])" => "Bools [false, true]", Run::Test(|x| x == 0.0);
    Np ["greater"] ("x", "y") "np.greater([1, 3], 2)" => "Bools [false, true]", Run::TestPair(|x, y| x > y);
    Np ["less"] ("x", "y") "np.less([1, 3], 2)" => "Bools [true, false]", Run::TestPair(|x, y| x < y);
    Np ["equal"] ("x", "y") "np.equal([1, 3], 3)" => "Bools [false, true]", Run::TestPair(|x, y| x == y);
    Everywhere ["isclose"] ("a", "b", "rtol?", "atol?") "np.isclose([1, 2], [1.000000001, 3])" => "Bools [true, false]", Run::Call(is_close);
    Everywhere ["allclose"] ("a", "b", "rtol?", "atol?") "np.allclose([1, 2], [1, 2])" => "bool true", Run::Call(all_close);
    Np ["array_equal"] ("a", "b") "np.array_equal([1, 2], [1, 2])" => "bool true", Run::Call(array_equal);
    Np ["where"] ("condition", "x?", "y?") "np.where([true, false], 1, [5, 6])" => "Arr [1, 6]", Run::Call(choose);
    Np ["interp"] ("x", "xp", "fp") "np.interp(1.5, [1, 2], [10, 20])" => "float 15.0", Run::Call(|call| {
        Ok(convert::value(binned::interpolated(&call.arr(0)?, &call.arr(1)?, &call.arr(2)?, &call.work)?))
    });
};

fn round(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let digits = call.optional_int(1)?.unwrap_or(0).clamp(-300, 300) as i32;
    Ok(convert::value(call.arr(0)?.map(Whole::Kept, &call.work, |x| rounded(x, digits))?))
}

fn clip(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let mut a = call.arr(0)?;
    if let Some(low) = call.optional_arr(1)? {
        a = a.zip(&low, Whole::Kept, &call.work, maximum)?;
    }
    if let Some(high) = call.optional_arr(2)? {
        a = a.zip(&high, Whole::Kept, &call.work, minimum)?;
    }
    Ok(convert::value(a))
}

fn nan_to_num(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let fill = call.optional_number(1)?.unwrap_or(0.0);
    let number = |x: f64| if x.is_nan() { fill } else { x.clamp(f64::MIN, f64::MAX) };
    Ok(convert::value(call.arr(0)?.map(Whole::Kept, &call.work, number)?))
}

fn closeness(call: &Call<'_>) -> RhaiResult<crate::array::Bools> {
    let (relative, absolute) = (call.optional_number(2)?.unwrap_or(1e-5), call.optional_number(3)?.unwrap_or(1e-8));
    let near = |x: f64, y: f64| x == y || (x - y).abs() <= absolute + relative * y.abs();
    let (a, b) = (call.arr(0)?, call.arr(1)?);
    Ok(elementwise::zip(&a, &b, &call.work, |x, y| near(x, y) && (x.is_finite() == y.is_finite()))?)
}

fn is_close(call: &Call<'_>) -> RhaiResult<Dynamic> {
    Ok(convert::truth(closeness(call)?))
}

fn all_close(call: &Call<'_>) -> RhaiResult<Dynamic> {
    Ok(Dynamic::from_bool(closeness(call)?.as_slice().iter().all(|holds| *holds)))
}

fn array_equal(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (a, b) = (call.arr(0)?, call.arr(1)?);
    Ok(Dynamic::from_bool(a.shape() == b.shape() && a.as_slice() == b.as_slice()))
}

fn choose(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let condition = call.bools(0)?;
    if !call.has(1) {
        return Ok(Dynamic::from_array(select::nonzero(&condition).into_iter().map(Dynamic::from).collect()));
    }
    if convert::is_of_bools(call.arg(1)) && convert::is_of_bools(call.arg(2)) {
        let chosen = Arr::chosen(&condition, &call.arr(1)?, &call.arr(2)?, &call.work)?;
        return Ok(convert::truth(elementwise::map(&chosen, &call.work, |x| x != 0.0)?));
    }
    Ok(convert::value(Arr::chosen(&condition, &call.arr(1)?, &call.arr(2)?, &call.work)?))
}
