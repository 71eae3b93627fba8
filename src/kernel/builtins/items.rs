//! The items of anything that a loop can go over.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::{Dict, mistake};
use crate::{
    array::Work,
    kernel::nesting,
    tools::{RhaiResult, arguments::describe, arrays::SessionWork},
};

/// Bytes of one item, twice: a list grows by doubling.
const ITEM_BYTES: usize = 2 * std::mem::size_of::<Dynamic>();

/// Bytes of a text of one letter with its place in a list.
const LETTER_BYTES: usize = 112;

/// Asks the goal for room before something large is made.
pub fn room(context: &NativeCallContext<'_>, n_bytes: usize) -> RhaiResult<()> {
    Ok(SessionWork::of(context).room(n_bytes)?)
}

/// Items that a range may be written out to.
pub const MAX_RANGE: i64 = 1_000_000;

/// A copy of a list.
pub fn copied(context: &NativeCallContext<'_>, list: &Array) -> RhaiResult<Array> {
    // Twice: what is made of the items grows beside the copy.
    room(context, list.iter().fold(0usize, |n, item| n.saturating_add(nesting::copied_bytes(item))).saturating_mul(2))?;
    Ok(list.clone())
}

/// The items of a list, dict (its keys), text, range, or of a value with a length and an index.
pub fn items_of(context: &NativeCallContext<'_>, value: &Dynamic) -> RhaiResult<Array> {
    if let Some(list) = value.read_lock::<Array>() {
        return copied(context, &list);
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        room(context, text.len().saturating_mul(LETTER_BYTES))?;
        return Ok(text.chars().map(|c| Dynamic::from(c.to_string())).collect());
    }
    if let Some(dict) = value.read_lock::<Dict>() {
        room(context, dict.len().saturating_mul(ITEM_BYTES))?;
        return Ok(dict.keys());
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Ok(map.keys().map(|key| Dynamic::from(key.to_string())).collect());
    }
    if let Some((start, end)) = range_of(value) {
        let n = end.saturating_sub(start);
        if n > MAX_RANGE {
            return mistake(format!("a range of {n} is too long to be written out; loop over it"));
        }
        room(context, usize::try_from(n).unwrap_or(0).saturating_mul(ITEM_BYTES))?;
        return Ok((start..end).map(Dynamic::from).collect());
    }
    let is_simple = value.is_unit() || value.is_int() || value.is_float() || value.is_bool() || value.is_fnptr();
    if !is_simple && let Some(items) = indexed(context, value) {
        return Ok(items);
    }
    mistake(format!("{} has no items to go over", describe(value)))
}

/// Start and end of a range of whole numbers.
pub fn range_of(value: &Dynamic) -> Option<(i64, i64)> {
    if let Some(range) = value.read_lock::<std::ops::Range<i64>>() {
        return Some((range.start, range.end.max(range.start)));
    }
    let range = value.read_lock::<std::ops::RangeInclusive<i64>>()?;
    Some((*range.start(), range.end().saturating_add(1).max(*range.start())))
}

/// A value of tools: by its own list, or item by item.
fn indexed(context: &NativeCallContext<'_>, value: &Dynamic) -> Option<Array> {
    let mut receiver = value.clone().flatten();
    if let Ok(list) = context.call_native_fn_raw("tolist", true, &mut [&mut receiver])
        && let Ok(list) = list.into_array()
    {
        return Some(list);
    }
    let n = context.call_native_fn_raw("len", true, &mut [&mut receiver]).ok()?.as_int().ok()?;
    (0..n)
        .map(|i| {
            let mut at = Dynamic::from_int(i);
            context.call_native_fn_raw("index$get$", true, &mut [&mut receiver, &mut at]).ok()
        })
        .collect()
}

/// What a closure gives for these arguments.
pub fn call(context: &NativeCallContext<'_>, closure: &FnPtr, arguments: Vec<Dynamic>) -> RhaiResult<Dynamic> {
    closure.call_raw(context, None, arguments)
}

/// Whether a value holds; nothing else than `true` and `false` does.
pub fn truth(value: &Dynamic, what: &str) -> RhaiResult<bool> {
    match value.as_bool() {
        Ok(holds) => Ok(holds),
        Err(_) => {
            mistake(format!("{what} is {}, wanted true or false{}", describe(value), condition_hint(value, "it")))
        }
    }
}

/// How the condition that was meant is written.
pub fn condition_hint(value: &Dynamic, name: &str) -> String {
    let hint = if value.is_array() || value.is_string() || value.is_map() || value.is::<Dict>() {
        format!("{name}.len() > 0")
    } else if value.is_int() || value.is_float() {
        format!("{name} != 0")
    } else if value.is_unit() {
        format!("{name} != None")
    } else {
        return String::new();
    };
    format!("; write `{hint}`")
}
