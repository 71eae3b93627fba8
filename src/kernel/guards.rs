//! Native functions of Rhai that could take a great deal of memory, or wait, within one operation: each is replaced by one that asks
//! for room first, or closed. Disabling a symbol does not close a native function, only replacing it does.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::{builtins::room, engine::CLOSED, meter::Meter, nesting};
use crate::tools::{Host, Library, RhaiResult, ToolError};

/// Bytes of one [`Dynamic`].
const DYNAMIC_BYTES: usize = std::mem::size_of::<Dynamic>();

/// Bytes of one short string in a list, with its own allocation.
const LIST_ITEM_BYTES: usize = 64;

type Range = std::ops::Range<i64>;
type RangeInclusive = std::ops::RangeInclusive<i64>;

/// Replaces and closes what must not be reached.
pub fn register(library: &mut Library) {
    close(library);
    guard_strings(library);
    guard_lists(library);
}

fn closed<T>(name: &str) -> RhaiResult<T> {
    let instead = CLOSED.iter().find(|(closed, _)| *closed == name).map_or("", |(_, instead)| instead);
    Err(ToolError::argument(format!("`{name}` is not available: {instead}")).into())
}

fn close(library: &mut Library) {
    library
        .register_fn("sleep", |_: i64| closed::<()>("sleep"))
        .register_fn("sleep", |_: f64| closed::<()>("sleep"))
        .register_fn("exit", || closed::<()>("exit"))
        .register_fn("exit", |_: Dynamic| closed::<()>("exit"))
        .register_fn("get_fn_metadata_list", || closed::<()>("get_fn_metadata_list"))
        .register_fn("get_fn_metadata_list", |_: ImmutableString| closed::<()>("get_fn_metadata_list"))
        .register_fn("get_fn_metadata_list", |_: ImmutableString, _: i64| closed::<()>("get_fn_metadata_list"))
        .register_fn("back_trace", || closed::<()>("back_trace"))
        .register_fn("timestamp", || closed::<()>("timestamp"))
        .register_fn("blob", || closed::<()>("blob"))
        .register_fn("blob", |_: i64| closed::<()>("blob"))
        .register_fn("blob", |_: i64, _: i64| closed::<()>("blob"))
        .register_fn("to_blob", |_: ImmutableString| closed::<()>("blob"))
        // These move values out of their container, which would let a loop nest them without copying.
        .register_fn("take", |_: &mut Dynamic| closed::<()>("take"))
        .register_fn("drain", |_: &mut Array, _: FnPtr| closed::<()>("drain"))
        .register_fn("drain", |_: &mut Array, _: Range| closed::<()>("drain"))
        .register_fn("drain", |_: &mut Array, _: RangeInclusive| closed::<()>("drain"))
        .register_fn("drain", |_: &mut Array, _: i64, _: i64| closed::<()>("drain"))
        .register_fn("drain", |_: &mut Map, _: FnPtr| closed::<()>("drain"))
        .register_fn("retain", |_: &mut Array, _: FnPtr| closed::<()>("retain"))
        .register_fn("retain", |_: &mut Array, _: Range| closed::<()>("retain"))
        .register_fn("retain", |_: &mut Array, _: RangeInclusive| closed::<()>("retain"))
        .register_fn("retain", |_: &mut Array, _: i64, _: i64| closed::<()>("retain"))
        .register_fn("retain", |_: &mut Map, _: FnPtr| closed::<()>("retain"));
}

fn count(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

fn guard_strings(library: &mut Library) {
    library.register_fn("pad", |context: NativeCallContext, text: &mut ImmutableString, n: i64, with: char| {
        padded(&*Meter::of(&context)?, text, n, with.encode_utf8(&mut [0; 4]))
    });
    library.register_fn(
        "pad",
        |context: NativeCallContext, text: &mut ImmutableString, n: i64, with: ImmutableString| {
            padded(&*Meter::of(&context)?, text, n, &with)
        },
    );
    library.register_fn(
        "replace",
        |context: NativeCallContext, text: &mut ImmutableString, from: ImmutableString, to: ImmutableString| {
            replaced(&*Meter::of(&context)?, text, &from, &to)
        },
    );
    library.register_fn(
        "replace",
        |context: NativeCallContext, text: &mut ImmutableString, from: ImmutableString, to: char| {
            replaced(&*Meter::of(&context)?, text, &from, to.encode_utf8(&mut [0; 4]))
        },
    );
    library.register_fn(
        "replace",
        |context: NativeCallContext, text: &mut ImmutableString, from: char, to: ImmutableString| {
            replaced(&*Meter::of(&context)?, text, from.encode_utf8(&mut [0; 4]), &to)
        },
    );
    library.register_fn("replace", |context: NativeCallContext, text: &mut ImmutableString, from: char, to: char| {
        replaced(&*Meter::of(&context)?, text, from.encode_utf8(&mut [0; 4]), to.encode_utf8(&mut [0; 4]))
    });
    library.register_fn("split", |context: NativeCallContext, text: &mut ImmutableString, by: ImmutableString| {
        split_at(
            &*Meter::of(&context)?,
            text,
            |text| text.matches(by.as_str()).count(),
            |text| text.split(by.as_str()).map(item).collect(),
        )
    });
    library.register_fn("split", |context: NativeCallContext, text: &mut ImmutableString, by: char| {
        split_at(
            &*Meter::of(&context)?,
            text,
            |text| text.matches(by).count(),
            |text| text.split(by).map(item).collect(),
        )
    });
    library.register_fn("split", |context: NativeCallContext, text: &mut ImmutableString| {
        split_at(
            &*Meter::of(&context)?,
            text,
            |text| text.len() / 2,
            |text| text.split_whitespace().map(item).collect(),
        )
    });
    for (name, is_reversed) in [("split", false), ("split_rev", true)] {
        library.register_fn(
            name,
            move |context: NativeCallContext, text: &mut ImmutableString, by: ImmutableString, n: i64| {
                split_into(&*Meter::of(&context)?, text, &by, count(n), is_reversed)
            },
        );
        library.register_fn(name, move |context: NativeCallContext, text: &mut ImmutableString, by: char, n: i64| {
            split_into(&*Meter::of(&context)?, text, by.encode_utf8(&mut [0; 4]), count(n), is_reversed)
        });
    }
    library.register_fn("split_rev", |context: NativeCallContext, text: &mut ImmutableString, by: ImmutableString| {
        split_into(&*Meter::of(&context)?, text, &by, usize::MAX, true)
    });
    library.register_fn("split_rev", |context: NativeCallContext, text: &mut ImmutableString, by: char| {
        split_into(&*Meter::of(&context)?, text, by.encode_utf8(&mut [0; 4]), usize::MAX, true)
    });
    library.register_fn("to_chars", |context: NativeCallContext, text: &mut ImmutableString| -> RhaiResult<Array> {
        room(&context, text.len().saturating_mul(DYNAMIC_BYTES))?;
        Ok(text.chars().map(Dynamic::from).collect())
    });
    library.register_fn("parse_json", |context: NativeCallContext, text: ImmutableString| -> RhaiResult<Dynamic> {
        room(&context, text.len().saturating_mul(LIST_ITEM_BYTES))?;
        serde_json::from_str(&text).map_err(|error| ToolError::argument(format!("this is no JSON: {error}")).into())
    });
    library
        .register_fn(
            "+",
            |context: NativeCallContext, a: ImmutableString, b: ImmutableString| -> RhaiResult<ImmutableString> {
                Meter::of(&context)?.require_text(a.len().saturating_add(b.len()))?;
                Ok(a + b)
            },
        )
        .register_fn(
            "+=",
            |context: NativeCallContext, a: &mut ImmutableString, b: ImmutableString| -> RhaiResult<()> {
                Meter::of(&context)?.require_text(a.len().saturating_add(b.len()))?;
                *a += b;
                Ok(())
            },
        );
    library.register_fn("*", |context: NativeCallContext, text: ImmutableString, n: i64| -> RhaiResult<String> {
        Meter::of(&context)?.require_text(text.len().saturating_mul(count(n)))?;
        Ok(text.repeat(count(n)))
    });
}

fn item(text: &str) -> Dynamic {
    Dynamic::from(text.to_owned())
}

fn padded(meter: &Meter, text: &mut ImmutableString, n: i64, with: &str) -> RhaiResult<()> {
    let missing = count(n).saturating_sub(text.chars().count());
    if missing == 0 || with.is_empty() {
        return Ok(());
    }
    let times = missing.div_ceil(with.chars().count());
    meter.require_text(text.len().saturating_add(times.saturating_mul(with.len())))?;
    let longer: String = text.chars().chain(with.repeat(times).chars().take(missing)).collect();
    *text = longer.into();
    Ok(())
}

/// A new text, as in Python; Rhai would change the text in place.
fn replaced(meter: &Meter, text: &ImmutableString, from: &str, to: &str) -> RhaiResult<ImmutableString> {
    let grown = text.matches(from).count().saturating_mul(to.len());
    meter.require_text(text.len().saturating_add(grown))?;
    Ok(text.replace(from, to).into())
}

/// At most `n` pieces.
fn split_into(meter: &Meter, text: &ImmutableString, by: &str, n: usize, is_reversed: bool) -> RhaiResult<Array> {
    let n_cuts = |text: &str| text.matches(by).count().min(n);
    match is_reversed {
        false => split_at(meter, text, n_cuts, |text| text.splitn(n, by).map(item).collect()),
        true => split_at(meter, text, n_cuts, |text| text.rsplitn(n, by).map(item).collect()),
    }
}

fn split_at(
    meter: &Meter,
    text: &ImmutableString,
    n_cuts: impl Fn(&str) -> usize,
    split: impl Fn(&str) -> Array,
) -> RhaiResult<Array> {
    meter.require_room(text.len().saturating_add(n_cuts(text).saturating_mul(LIST_ITEM_BYTES)))?;
    Ok(split(text))
}

fn guard_lists(library: &mut Library) {
    library
        .register_fn("+", |context: NativeCallContext, a: Array, b: Array| -> RhaiResult<Array> {
            room(&context, a.len().saturating_add(b.len()).saturating_mul(DYNAMIC_BYTES))?;
            Ok(a.into_iter().chain(b).collect())
        })
        .register_fn("+=", |context: NativeCallContext, a: &mut Array, b: Array| -> RhaiResult<()> {
            room(&context, a.len().saturating_add(b.len()).saturating_mul(2 * DYNAMIC_BYTES))?;
            a.extend(b);
            Ok(())
        });
    library.register_fn(
        "pad",
        |context: NativeCallContext, list: &mut Array, n: i64, with: Dynamic| -> RhaiResult<()> {
            if count(n) > list.len() {
                let each = nesting::copied_bytes(&with);
                room(&context, (count(n) - list.len()).saturating_mul(each))?;
                list.resize(count(n), with);
            }
            Ok(())
        },
    );
    library
        .register_fn(
            "shift",
            |list: &mut Array| if list.is_empty() { Ok(Dynamic::UNIT) } else { moved(list.remove(0)) },
        )
        .register_fn("remove", |map: &mut Map, key: ImmutableString| {
            map.remove(key.as_str()).map_or(Ok(Dynamic::UNIT), moved)
        })
        .register_fn("split", |list: &mut Array, at: i64| -> RhaiResult<Array> {
            let at = if at < 0 { at.saturating_add(list.len() as i64).max(0) } else { at };
            let tail = list.split_off(count(at).min(list.len()));
            match tail.iter().any(nesting::is_too_deep) {
                true => too_deep(),
                false => Ok(tail),
            }
        });
}

/// A value that leaves its container.
fn moved(value: Dynamic) -> RhaiResult<Dynamic> {
    if nesting::is_too_deep(&value) { too_deep() } else { Ok(value) }
}

fn too_deep<T>() -> RhaiResult<T> {
    Err(ToolError::argument(format!("the value is nested deeper than {} lists; keep lists flat", nesting::MAX_DEPTH))
        .into())
}
