//! Text and equality of lists and maps. Rhai's own walk them by recursion without bound; these end where values are nested too deep and
//! where text gets too long.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::{builtins::Dict, nesting};
use crate::{
    array::Bools,
    tools::{Library, RhaiResult, ToolError},
};

/// Characters of one value's text.
const MAX_TEXT_CHARS: usize = 100_000;

/// The text of no value.
const NOTHING: &str = "()";

/// Replaces Rhai's own functions.
pub fn register(library: &mut Library) {
    // Nothing at all would look as if nothing had been printed.
    library
        .register_fn("print", |(): ()| NOTHING)
        .register_fn("to_string", |(): ()| NOTHING)
        .register_fn("+=", |text: &mut ImmutableString, (): ()| *text += NOTHING);
    for name in ["to_string", "to_debug"] {
        library
            .register_fn(name, |context: NativeCallContext, list: Array| text(&context, &Dynamic::from(list)))
            .register_fn(name, |context: NativeCallContext, map: Map| text(&context, &Dynamic::from(map)))
            .register_fn(name, |_: FnPtr| "closure".to_owned());
    }
    library
        .register_fn("==", |context: NativeCallContext, a: Array, b: Array| lists_equal(&context, &a, &b))
        .register_fn("!=", |context: NativeCallContext, a: Array, b: Array| {
            lists_equal(&context, &a, &b).map(|equal| !equal)
        })
        .register_fn("==", |context: NativeCallContext, a: Map, b: Map| maps_equal(&context, &a, &b))
        .register_fn("!=", |context: NativeCallContext, a: Map, b: Map| {
            maps_equal(&context, &a, &b).map(|equal| !equal)
        });
}

/// The refusal of what recursion must not walk.
pub fn too_deep<T>() -> RhaiResult<T> {
    Err(ToolError::argument(format!("the value is nested deeper than {} lists; keep lists flat", nesting::MAX_DEPTH))
        .into())
}

/// As `print` shows it: values of tools have their own text.
pub fn text(context: &NativeCallContext<'_>, value: &Dynamic) -> String {
    let mut out = String::new();
    if let Some(words) = value.read_lock::<rhai::ImmutableString>() {
        return words.to_string();
    }
    write(context, value, nesting::MAX_DEPTH, &mut out);
    out
}

/// As it stands inside a list: texts in quotes.
pub fn repr(context: &NativeCallContext<'_>, value: &Dynamic) -> String {
    let mut out = String::new();
    write(context, value, nesting::MAX_DEPTH, &mut out);
    out
}

fn write(context: &NativeCallContext<'_>, value: &Dynamic, depth_left: usize, out: &mut String) {
    if out.len() > MAX_TEXT_CHARS || depth_left == 0 {
        out.push_str("...");
        return;
    }
    if let Some(list) = value.read_lock::<Array>() {
        out.push('[');
        for (i, item) in list.iter().enumerate() {
            out.push_str(if i == 0 { "" } else { ", " });
            write(context, item, depth_left - 1, out);
            if out.len() > MAX_TEXT_CHARS {
                break;
            }
        }
        out.push(']');
    } else if let Some(map) = value.read_lock::<Map>() {
        out.push_str("#{");
        for (i, (key, item)) in map.iter().enumerate() {
            out.push_str(if i == 0 { "" } else { ", " });
            out.push_str(&format!("{key:?}: "));
            write(context, item, depth_left - 1, out);
            if out.len() > MAX_TEXT_CHARS {
                break;
            }
        }
        out.push('}');
    } else if let Some(dict) = value.read_lock::<Dict>().map(|dict| dict.clone()) {
        out.push('{');
        for (i, (key, item)) in dict.rows().enumerate() {
            out.push_str(if i == 0 { "" } else { ", " });
            write(context, &key, depth_left - 1, out);
            out.push_str(": ");
            write(context, &item, depth_left - 1, out);
            if out.len() > MAX_TEXT_CHARS {
                break;
            }
        }
        out.push('}');
    } else if value.is::<FnPtr>() {
        out.push_str("closure");
    } else {
        let mut item = value.clone().flatten();
        match context.call_native_fn_raw("to_debug", true, &mut [&mut item]) {
            Ok(words) => out.push_str(&words.to_string()),
            Err(_) => out.push_str(value.type_name()),
        }
    }
}

fn lists_equal(context: &NativeCallContext<'_>, a: &Array, b: &Array) -> RhaiResult<bool> {
    if a.iter().chain(b).any(nesting::is_too_deep) {
        return too_deep();
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    for (x, y) in a.iter().zip(b) {
        if !equal(context, x, y)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(context: &NativeCallContext<'_>, a: &Map, b: &Map) -> RhaiResult<bool> {
    if a.values().chain(b.values()).any(nesting::is_too_deep) {
        return too_deep();
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, x) in a {
        let Some(y) = b.get(key) else { return Ok(false) };
        if !equal(context, x, y)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As `==` in a cell; values of different types are not equal.
pub fn equal(context: &NativeCallContext<'_>, x: &Dynamic, y: &Dynamic) -> RhaiResult<bool> {
    let (mut x, mut y) = (x.clone().flatten(), y.clone().flatten());
    if x.type_id() != y.type_id() && !(is_number(&x) && is_number(&y)) {
        return Ok(false);
    }
    if x.is_unit() {
        return Ok(true);
    }
    let found = context.call_native_fn_raw("==", true, &mut [&mut x, &mut y])?;
    // Arrays are compared value by value; lists that hold them are equal when all of their values are.
    let all = found.read_lock::<Bools>().map(|bools| bools.as_slice().iter().all(|equal| *equal));
    Ok(all.unwrap_or_else(|| found.as_bool().unwrap_or(false)))
}

fn is_number(value: &Dynamic) -> bool {
    value.is_int() || value.is_float()
}
