//! Python's own functions on collections, which keep what they are given: the smallest Measurement of a list is a Measurement.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, ImmutableString};

use crate::{
    array::{
        Arr, Bools, Work,
        elementwise::{Whole, rounded},
        order::try_sorted,
        reduce::{self, Over},
    },
    tools::{
        RhaiResult,
        arguments::describe,
        arrays::{
            call::Call,
            convert,
            declaration::{Form, Function, Run},
        },
        values::{MeasurementValue, PointsValue},
    },
};

macro_rules! table {
    ($([$($name:literal),+] ($($param:literal),*) $doc:literal $example:literal => $result:literal, $run:expr;)*) => {
        &[$(Function {
            names: &[$($name),+],
            params: &[$($param),*],
            form: Form::Bare,
            doc: $doc,
            example: ($example, $result),
            run: Run::Call($run),
        }),*]
    };
}

/// Declarations.
pub const FUNCTIONS: &[Function] = table! {
    ["sum"] ("values", "axis?", "keepdims?") "of Measurements with sigma" "sum([1, 2.5])" => "float 3.5", sum;
    ["min"] ("values", "axis_or_other?", "key?", "default?", "axis?") "" "min([[2, \"b\"], [1, \"a\"]])[1]" => "string \"a\"", |call| extreme(call, Ordering::Less);
    ["max"] ("values", "axis_or_other?", "key?", "default?", "axis?") "" "max([1, 4, 2], #{key: |x| -x})" => "int 1", |call| extreme(call, Ordering::Greater);
    ["sorted"] ("values", "key?", "reverse?") "" "sorted([3, 1, 2], #{reverse: true})" => "list [3, 2, 1]", sorted;
    ["round"] ("x", "ndigits?") "halves go to the even neighbour; a number without digits gives an int" "round(2.5)" => "int 2", round;
    ["any"] ("values") "" "any([false, true])" => "bool true", |call| Ok(Dynamic::from_bool(call.bools(0)?.as_slice().iter().any(|holds| *holds)));
    ["all"] ("values") "" "all([false, true])" => "bool false", |call| Ok(Dynamic::from_bool(call.bools(0)?.as_slice().iter().all(|holds| *holds)));
};

fn is_array(value: &Dynamic) -> bool {
    value.is::<Arr>() || value.is::<Bools>() || value.is::<PointsValue>()
}

/// Items of a list, a range or an array.
fn items(call: &Call<'_>) -> RhaiResult<Array> {
    if let Some(list) = call.arg(0).read_lock::<Array>() {
        // The list, each item with its key, and the result.
        call.work.room(list.len().saturating_mul(4 * std::mem::size_of::<Dynamic>()))?;
        return Ok(list.clone());
    }
    let arr = call.arr(0)?;
    let n = arr.shape().first().copied().unwrap_or(0);
    call.work.room(n.saturating_mul(std::mem::size_of::<Dynamic>()))?;
    (0..n).map(|i| Ok(convert::value(arr.row(i)?))).collect()
}

fn sum(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let list = call.arg(0).read_lock::<Array>();
    let adds_items = |list: &Array| list.iter().any(|item| item.is::<MeasurementValue>() || item.is::<Arr>());
    if let Some(list) = list.filter(|list| adds_items(list)) {
        let mut sum: Option<Dynamic> = None;
        for item in list.iter() {
            sum = Some(match sum {
                None => item.clone(),
                Some(mut sum) => call.context.call_native_fn_raw("+", true, &mut [&mut sum, &mut item.clone()])?,
            });
        }
        return Ok(sum.unwrap_or(Dynamic::UNIT));
    }
    let a = call.arr(0)?;
    let over = call.over(1)?;
    let found = a.reduced(&over, &call.work, |v| Ok(reduce::sum(v)))?.counted_as_whole(a.is_whole() || a.is_empty());
    if call.flag(2, false)? {
        return Ok(Dynamic::from(found.reshaped(&reduce::reduced_shape(a.shape(), &over, true)?)?));
    }
    Ok(convert::value(found))
}

/// Numbers by value, words by letters, lists by their first difference, as in Python. `None` for what has no order.
fn order(a: &Dynamic, b: &Dynamic) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.read_lock::<ImmutableString>(), b.read_lock::<ImmutableString>()) {
        return Some(a.as_str().cmp(b.as_str()));
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        for (a, b) in a.iter().zip(b.iter()) {
            match order(a, b)? {
                Ordering::Equal => {}
                other => return Some(other),
            }
        }
        return Some(a.len().cmp(&b.len()));
    }
    let number = |value: &Dynamic| match value.read_lock::<Array>().is_some() {
        true => None,
        false => convert::optional_arr(value, "the item").ok().flatten().filter(|arr| arr.rank() == 0)?.one(),
    };
    // NaN stands behind all numbers.
    let (a, b) = (number(a)?, number(b)?);
    Some(a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
}

fn no_order(call: &Call<'_>, a: &Dynamic, b: &Dynamic) -> Box<rhai::EvalAltResult> {
    call.mistake(format!("{} and {} have no order; give a key: #{{key: |x| x.score}}", describe(a), describe(b)))
}

/// Each item with what it is ordered by.
fn keyed(call: &Call<'_>, items: Array, key: &Dynamic) -> RhaiResult<Vec<(Dynamic, Dynamic)>> {
    if key.is_unit() {
        return Ok(items.into_iter().map(|item| (item.clone(), item)).collect());
    }
    let Some(key) = key.read_lock::<FnPtr>() else {
        return Err(call.mistake(format!("key is {}, wanted a closure such as |x| x.score", describe(key))));
    };
    items
        .into_iter()
        .map(|item| Ok((key.call_within_context::<Dynamic>(call.context, (item.clone(),))?, item)))
        .collect()
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> RhaiResult<Dynamic> {
    let first = call.arg(0);
    let axis = if call.has(4) { call.arg(4) } else { call.arg(1) };
    if is_array(first) && !call.has(2) {
        let a = call.arr(0)?;
        if a.is_empty() && call.has(3) {
            return Ok(call.arg(3).clone());
        }
        let over = if axis.is_unit() { Over::All } else { Over::Axes(convert::arr(axis, "axis")?.positions()?) };
        let f = if wanted == Ordering::Less { reduce::smallest } else { reduce::largest };
        return Ok(convert::value(a.reduced(&over, &call.work, f)?.counted_as_whole(a.is_whole())));
    }
    let is_collection = first.is_array() || convert::optional_arr(first, "values")?.is_some_and(|arr| arr.rank() > 0);
    let items = match (is_collection, call.has(1)) {
        (true, false) => items(call)?,
        _ => call.args().iter().take(2).filter(|arg| !arg.is_unit()).cloned().collect(),
    };
    if items.is_empty() && call.has(3) {
        return Ok(call.arg(3).clone());
    }
    let mut best: Option<(Dynamic, Dynamic)> = None;
    for (key, item) in keyed(call, items, call.arg(2))? {
        // As numpy does it, one NaN makes the result unknown.
        if key.as_float().is_ok_and(f64::is_nan) {
            return Ok(item);
        }
        let Some((best_key, _)) = &best else {
            best = Some((key, item));
            continue;
        };
        if order(&key, best_key).ok_or_else(|| no_order(call, &key, best_key))? == wanted {
            best = Some((key, item));
        }
    }
    match best {
        Some((_, item)) => Ok(item),
        None => Err(call.mistake("an empty list has no such value; check its length first, or give default")),
    }
}

fn sorted(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let keyed = keyed(call, items(call)?, call.arg(1))?;
    let is_reverse = call.flag(2, false)?;
    let sorted = try_sorted(keyed, &mut |a, b| {
        let found = order(&a.0, &b.0).ok_or_else(|| no_order(call, &a.0, &b.0))?;
        Ok::<_, Box<EvalAltResult>>(if is_reverse { found.reverse() } else { found })
    })?;
    Ok(Dynamic::from_array(sorted.into_iter().map(|(_, item)| item).collect()))
}

fn round(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let digits = call.optional_int(1)?;
    let a = call.arr(0)?;
    if let (Some(x), Some(digits), 0) = (a.one(), digits, a.rank())
        && !a.is_whole()
    {
        return Ok(Dynamic::from_float(rounded_as_python(x, digits)));
    }
    if a.rank() == 0 && digits.is_none() {
        let found = a.one().unwrap_or(f64::NAN).round_ties_even();
        return match found.abs() < 9e15 {
            true => Ok(Dynamic::from_int(found as i64)),
            false => Err(call.mistake(format!("{found} is no integer"))),
        };
    }
    let digits = digits.unwrap_or(0).clamp(-300, 300) as i32;
    Ok(convert::value(a.map(Whole::Kept, &call.work, |x| rounded(x, digits))?))
}

/// By the exact value of the float, as Python's `round`: 2.675 lies below the half. numpy multiplies first and gets 2.68.
fn rounded_as_python(x: f64, digits: i64) -> f64 {
    match usize::try_from(digits) {
        Ok(digits) if digits < 309 && x.is_finite() => format!("{x:.digits$}").parse().unwrap_or(x),
        Ok(_) => x,
        Err(_) => rounded(x, digits.max(-300) as i32),
    }
}
