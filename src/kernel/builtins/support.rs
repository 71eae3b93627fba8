//! What `habits` puts into cells. A cell never writes these names itself.

use std::any::TypeId;

use rhai::{Array, Blob, Dynamic, ImmutableString, Map, NativeCallContext};

use super::{
    Dict, format,
    items::{items_of, room},
    mistake,
};
use crate::{
    array::{Arr, Bools},
    kernel::{nesting, plain_values},
    tools::{
        Library, RhaiResult,
        arguments::{describe, type_name},
        arrays::convert,
    },
};

/// A variable that is made but not yet set.
#[derive(Clone, Copy)]
pub struct Unset;

/// Most values that `print` takes.
const MAX_PRINTED: usize = 16;

/// An index of several axes: a list is a choice of places, not a slice.
fn places(index: Dynamic) -> RhaiResult<Dynamic> {
    if !index.is_array() {
        return Ok(index);
    }
    if convert::is_of_bools(&index) {
        return Ok(Dynamic::from(convert::bools(&index, "the index")?));
    }
    Ok(Dynamic::from(convert::arr(&index, "the index")?))
}

/// Makes them known.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<Unset>("a variable without a value")
        .register_fn("__unset", || Unset)
        .register_fn("to_string", |_: &mut Unset| "(no value yet)".to_owned())
        .register_fn("to_debug", |_: &mut Unset| "(no value yet)".to_owned())
        .register_fn("__is_none", |value: Dynamic| value.is_unit())
        .register_fn("__own", own)
        .register_fn("__unpack", |context: NativeCallContext, value: Dynamic, n: i64, names: ImmutableString| {
            unpacked(&context, &value, n, &names)
        })
        .register_fn("__pairs", |context: NativeCallContext, items: Dynamic| pairs(&context, &items))
        .register_fn("__str", |context: NativeCallContext, value: Dynamic| str_of(&context, &value))
        .register_fn("__repr", |context: NativeCallContext, value: Dynamic| plain_values::repr(&context, &value))
        .register_fn("__fmt", |context: NativeCallContext, value: Dynamic, spec: ImmutableString| {
            format::formatted(&context, &value, &spec)
        })
        .register_fn("__places", places)
        .register_fn("__type", |value: Dynamic| python_type(&value).to_owned())
        .register_fn("isinstance", |value: Dynamic, name: ImmutableString| is_instance(&value, &name))
        .register_fn("isinstance", |value: Dynamic, names: Array| {
            names.iter().any(|name| is_instance(&value, &name.to_string()))
        })
        .register_fn("__joined", joined);
    for (name, hidden) in [("sum", "__sum"), ("min", "__min"), ("max", "__max"), ("any", "__any"), ("all", "__all")] {
        library.register_fn(hidden, move |context: NativeCallContext, values: Dynamic| of_rows(&context, name, values));
    }
    for n in 2..=MAX_PRINTED {
        // Rhai prints the text that a function of this name gives back.
        library.register_raw_fn(
            "print",
            vec![TypeId::of::<Dynamic>(); n],
            |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                let n_bytes = args.iter().fold(0usize, |n, value| n.saturating_add(nesting::text_bytes(value, 1)));
                room(&context, n_bytes.saturating_mul(2))?;
                let texts: Vec<String> = args.iter().map(|value| str_of(&context, value)).collect();
                Ok(Dynamic::from(texts.join(" ")))
            },
        );
    }
}

/// As `print` shows it.
pub fn str_of(context: &NativeCallContext<'_>, value: &Dynamic) -> String {
    if value.is_array() || value.is_map() || value.is_fnptr() || value.is_string() || value.is::<Dict>() {
        return plain_values::text(context, value);
    }
    let mut plain = value.clone().flatten();
    match context.call_native_fn_raw("to_string", true, &mut [&mut plain]) {
        Ok(text) => text.to_string(),
        Err(_) => plain_values::text(context, value),
    }
}

/// A value that is not shared is another's copy; one that is changed in place would silently differ from Python.
fn own(value: Dynamic, name: ImmutableString, origin: ImmutableString, fix: ImmutableString) -> RhaiResult<Dynamic> {
    let is_copied = value.is::<Array>() || value.is::<Map>() || value.is::<Blob>() || is_array_value(&value);
    if !is_copied {
        return Ok(value);
    }
    mistake(format!(
        "`{name}` is a copy of {origin}, {}, and is changed in place: in Python both would change; write `{fix}` to change only \
         `{name}`, or change {origin} itself",
        describe(&value)
    ))
}

/// Arrays are copied when they are written to.
fn is_array_value(value: &Dynamic) -> bool {
    matches!(type_name(value), "Arr" | "Bools")
}

fn unpacked(context: &NativeCallContext<'_>, value: &Dynamic, n: i64, names: &str) -> RhaiResult<Array> {
    let items = match items_of(context, value) {
        Ok(items) => items,
        Err(_) => return mistake(format!("{} cannot be taken apart into {names}", describe(value))),
    };
    if items.len() as i64 != n {
        return mistake(format!("{} has {} items, wanted {n} for {names}", describe(value), items.len()));
    }
    Ok(items)
}

/// `for (item, place) in list` counts in Rhai and takes pairs apart in Python.
fn pairs(context: &NativeCallContext<'_>, items: &Dynamic) -> RhaiResult<Array> {
    let items = items_of(context, items)?;
    if items.iter().any(|item| item.is_array() || matches!(type_name(item), "Arr")) {
        return mistake(
            "`for (a, b) in list` could take each item apart or count the items; write `for a, b in list` to take them apart, or \
             `for b, a in enumerate(list)` to count",
        );
    }
    Ok(items
        .into_iter()
        .enumerate()
        .map(|(at, item)| Dynamic::from_array(vec![item, Dynamic::from_int(at as i64)]))
        .collect())
}

fn joined(context: NativeCallContext<'_>, values: Array, options: Map) -> RhaiResult<String> {
    let text = |key: &str, otherwise: &str| {
        options.get(key).filter(|value| !value.is_unit()).map_or_else(|| otherwise.to_owned(), ToString::to_string)
    };
    if let Some(key) = options.keys().find(|key| !["sep", "end", "flush"].contains(&key.as_str())) {
        return mistake(format!("print has no option `{key}`; there are sep and end"));
    }
    let n_bytes = values.iter().fold(0usize, |n, value| n.saturating_add(nesting::text_bytes(value, 1)));
    room(&context, n_bytes.saturating_mul(2).saturating_add(text("sep", " ").len().saturating_mul(values.len())))?;
    let texts: Vec<String> = values.iter().map(|value| str_of(&context, value)).collect();
    // Each print is a line here.
    Ok(texts.join(&text("sep", " ")) + text("end", "").trim_end_matches('\n'))
}

/// `sum(a)` of Python adds the rows of an array, and what compares or tests whole rows has no value; numpy's methods of the same
/// names take all values.
fn of_rows(context: &NativeCallContext<'_>, name: &str, values: Dynamic) -> RhaiResult<Dynamic> {
    let mut values = values.flatten();
    let n_axes = values.read_lock::<Arr>().map(|arr| arr.rank());
    let n_axes = n_axes.or_else(|| values.read_lock::<Bools>().map(|bools| bools.rank())).unwrap_or(0);
    if name == "sum" && n_axes > 1 {
        return context.call_native_fn_raw(name, true, &mut [&mut values, &mut Dynamic::from_int(0)]);
    }
    if n_axes > 1 {
        return mistake(format!(
            "{name} of an array of {n_axes} axes is ambiguous; write np.{name}(a) for all values or np.{name}(a, 0) along an axis"
        ));
    }
    let begins_with_list = |list: &Array| list.first().is_some_and(Dynamic::is_array);
    if name == "sum" && values.read_lock::<Array>().is_some_and(|list| begins_with_list(&list)) {
        return mistake(
            "Python cannot add lists to a number; write np.sum(rows) for all values or np.sum(rows, 0) by column",
        );
    }
    context.call_native_fn_raw(name, true, &mut [&mut values])
}

/// The type as Python names it.
pub fn python_type(value: &Dynamic) -> &'static str {
    if value.is_int() {
        "int"
    } else if value.is_float() {
        "float"
    } else if value.is_bool() {
        "bool"
    } else if value.is_string() || value.is_char() {
        "str"
    } else if value.is_array() {
        "list"
    } else if value.is_map() || value.is::<Dict>() {
        "dict"
    } else if value.is_unit() {
        "NoneType"
    } else if value.is_fnptr() {
        "function"
    } else {
        type_name(value)
    }
}

fn is_instance(value: &Dynamic, name: &str) -> bool {
    let own = python_type(value);
    match name {
        "tuple" | "Sequence" | "Iterable" => own == "list",
        "ndarray" => own == "Arr",
        "Number" | "Real" => matches!(own, "int" | "float"),
        "int" => matches!(own, "int" | "bool"),
        "string" | "String" => own == "str",
        name => own == name,
    }
}

/// What a value could be compared with.
pub fn type_words(value: &Dynamic) -> String {
    format!("a {} has properties and methods to compare", type_name(value))
}
