//! Lists with the functions and methods of Python.

use rhai::{Array, Dynamic, FnPtr, INT, Map, NativeCallContext};

use super::{
    dict::Keys,
    items::{call, copied, items_of, range_of, room, truth},
    mistake,
};
use crate::{
    kernel::{nesting, plain_values},
    tools::{Library, RhaiResult, arguments::describe},
};

/// Bytes of one item.
const ITEM_BYTES: usize = std::mem::size_of::<Dynamic>();

/// Bytes of a value in a set while it is made: its key with room to grow, and the value.
const KEY_BYTES: usize = 128;

/// Values that are compared one by one.
const MAX_COMPARED: usize = 2000;

/// Makes them known.
pub fn register(library: &mut Library) {
    register_loops(library);
    register_makers(library);
    register_changes(library);
    register_questions(library);
    register_slices(library);
}

fn pair(a: Dynamic, b: Dynamic) -> Dynamic {
    Dynamic::from_array(vec![a, b])
}

/// Bytes of a list of two.
const PAIR_BYTES: usize = 4 * ITEM_BYTES + 64;

fn enumerated(context: &NativeCallContext<'_>, items: &Dynamic, start: INT) -> RhaiResult<Array> {
    let items = items_of(context, items)?;
    room(context, items.len().saturating_mul(PAIR_BYTES))?;
    let last = INT::try_from(items.len()).ok().and_then(|n| start.checked_add(n));
    let Some(end) = last else {
        return mistake(format!("start is {start}: {} items more are too many to be counted", items.len()));
    };
    Ok((start..end).zip(items).map(|(place, item)| pair(Dynamic::from_int(place), item)).collect())
}

fn register_loops(library: &mut Library) {
    library
        .register_fn("enumerate", |context: NativeCallContext, items: Dynamic| enumerated(&context, &items, 0))
        .register_fn("enumerate", |context: NativeCallContext, items: Dynamic, start: INT| {
            enumerated(&context, &items, start)
        })
        .register_fn("enumerate", |context: NativeCallContext, items: Dynamic, options: Map| {
            let start = options.get("start").and_then(|start| start.as_int().ok()).unwrap_or(0);
            enumerated(&context, &items, start)
        });
    library
        .register_fn("zip", |context: NativeCallContext, a: Dynamic, b: Dynamic| -> RhaiResult<Array> {
            let (a, b) = (items_of(&context, &a)?, items_of(&context, &b)?);
            room(&context, a.len().min(b.len()).saturating_mul(PAIR_BYTES))?;
            Ok(a.into_iter().zip(b).map(|(a, b)| pair(a, b)).collect())
        })
        .register_fn("zip", |context: NativeCallContext, a: Dynamic, b: Dynamic, c: Dynamic| -> RhaiResult<Array> {
            let (a, b, c) = (items_of(&context, &a)?, items_of(&context, &b)?, items_of(&context, &c)?);
            room(&context, a.len().min(b.len()).min(c.len()).saturating_mul(PAIR_BYTES))?;
            Ok(a.into_iter().zip(b).zip(c).map(|((a, b), c)| Dynamic::from_array(vec![a, b, c])).collect())
        })
        .register_fn("map", |context: NativeCallContext, closure: FnPtr, items: Dynamic| -> RhaiResult<Array> {
            items_of(&context, &items)?.into_iter().map(|item| call(&context, &closure, vec![item])).collect()
        })
        .register_fn("map", |context: NativeCallContext, closure: FnPtr, a: Dynamic, b: Dynamic| -> RhaiResult<Array> {
            let (a, b) = (items_of(&context, &a)?, items_of(&context, &b)?);
            a.into_iter().zip(b).map(|(a, b)| call(&context, &closure, vec![a, b])).collect()
        })
        .register_fn("filter", |context: NativeCallContext, closure: FnPtr, items: Dynamic| -> RhaiResult<Array> {
            let mut kept = Array::new();
            for item in items_of(&context, &items)? {
                if truth(&call(&context, &closure, vec![item.clone()])?, "what the closure gives")? {
                    kept.push(item);
                }
            }
            Ok(kept)
        })
        .register_fn("reversed", |context: NativeCallContext, items: Dynamic| -> RhaiResult<Array> {
            let mut items = items_of(&context, &items)?;
            items.reverse();
            Ok(items)
        });
}

fn register_makers(library: &mut Library) {
    library
        .register_fn("range", |n: INT| 0..n.max(0))
        .register_fn("len", |range: std::ops::Range<INT>| range.end.saturating_sub(range.start).max(0))
        .register_fn("list", Array::new)
        .register_fn("list", |context: NativeCallContext, items: Dynamic| items_of(&context, &items))
        .register_fn("tuple", |context: NativeCallContext, items: Dynamic| items_of(&context, &items))
        .register_fn("set", Array::new)
        .register_fn("set", |context: NativeCallContext, items: Dynamic| -> RhaiResult<Array> {
            let items = items_of(&context, &items)?;
            room(&context, items.len().saturating_mul(KEY_BYTES))?;
            let mut seen = Keys::default();
            let mut unique: Array = Array::new();
            for item in items {
                let is_new = match seen.insert(&item) {
                    Some(is_new) => is_new,
                    None if unique.len() > MAX_COMPARED => {
                        return mistake(format!(
                            "a set of more than {MAX_COMPARED} values without a key is too slow; collect their ids"
                        ));
                    }
                    None => position(&context, &unique, &item)?.is_none(),
                };
                if is_new {
                    unique.push(item);
                }
            }
            Ok(unique)
        });
    library.register_fn("range", |context: NativeCallContext, start: INT, end: INT, step: INT| -> RhaiResult<Array> {
        if step == 0 {
            return mistake("the step of a range is 0, wanted any other whole number");
        }
        let span = i128::from(end) - i128::from(start);
        let n =
            if (span > 0) == (step > 0) { (span.unsigned_abs()).div_ceil(i128::from(step).unsigned_abs()) } else { 0 };
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        room(&context, n.saturating_mul(ITEM_BYTES))?;
        // What comes out lies between start and end; what comes between may not.
        Ok((0..n as i64).map(|i| Dynamic::from_int(start.wrapping_add(i.wrapping_mul(step)))).collect())
    });
    library
        .register_fn("*", |context: NativeCallContext, list: Array, n: INT| repeated(&context, &list, n))
        .register_fn("*", |context: NativeCallContext, n: INT, list: Array| repeated(&context, &list, n));
}

fn repeated(context: &NativeCallContext<'_>, list: &Array, n: INT) -> RhaiResult<Array> {
    let n = usize::try_from(n).unwrap_or(0);
    let one = list.iter().fold(0usize, |bytes, item| bytes.saturating_add(nesting::copied_bytes(item)));
    room(context, one.saturating_mul(n))?;
    let mut out = Array::with_capacity(list.len().saturating_mul(n));
    out.extend(std::iter::repeat_n(list, n).flatten().cloned());
    Ok(out)
}

fn register_changes(library: &mut Library) {
    library
        .register_fn("append", |list: &mut Array, item: Dynamic| list.push(item))
        .register_fn("append", |list: &mut Array, item: Array| list.push(Dynamic::from_array(item)))
        .register_fn("extend", |context: NativeCallContext, list: &mut Array, items: Dynamic| -> RhaiResult<()> {
            let items = items_of(&context, &items)?;
            room(&context, list.len().saturating_add(items.len()).saturating_mul(2 * ITEM_BYTES))?;
            list.extend(items);
            Ok(())
        })
        .register_fn("pop", |list: &mut Array| match list.pop() {
            Some(item) => own(item),
            None => mistake("the list is empty, so there is nothing to pop"),
        })
        .register_fn("pop", |list: &mut Array, at: INT| {
            let n = list.len();
            match place(at, n) {
                Some(at) => own(list.remove(at)),
                None => mistake(format!("index {at} is outside a list of {n}")),
            }
        })
        .register_fn("remove_value", |context: NativeCallContext, list: &mut Array, item: Dynamic| {
            remove_value(&context, list, &item)
        })
        .register_fn("__delete", |list: &mut Array, at: INT| -> RhaiResult<()> {
            let n = list.len();
            match place(at, n) {
                Some(at) => drop(list.remove(at)),
                None => return mistake(format!("index {at} is outside a list of {n}")),
            }
            Ok(())
        })
        .register_fn("copy", |context: NativeCallContext, list: &mut Array| copied(&context, list))
        .register_fn("copy", |map: &mut Map| map.clone());
    // By place in Rhai, by value in Python.
    library.register_fn("remove", |context: NativeCallContext, list: &mut Array, item: Dynamic| -> RhaiResult<()> {
        if item.is_int() {
            return mistake(format!(
                "remove({item}) on a list could mean the place {item} or the value {item}; write list.pop({item}) for the place or \
                 list.remove_value({item}) for the value"
            ));
        }
        remove_value(&context, list, &item)
    });
    library.register_fn("remove", |_: &mut Array, at: INT| -> RhaiResult<Dynamic> {
        mistake(format!(
            "remove({at}) on a list could mean the place {at} or the value {at}; write list.pop({at}) for the place or \
             list.remove_value({at}) for the value"
        ))
    });
    library.register_fn(
        "insert",
        |context: NativeCallContext, list: &mut Array, at: INT, item: Dynamic| -> RhaiResult<()> {
            room(&context, list.len().saturating_mul(ITEM_BYTES) / 2)?;
            let n = list.len() as i64;
            let at = if at < 0 { (at.saturating_add(n)).max(0) } else { at.min(n) };
            list.insert(usize::try_from(at).unwrap_or(0), item);
            Ok(())
        },
    );
}

/// A value that leaves its list.
fn own(item: Dynamic) -> RhaiResult<Dynamic> {
    if nesting::is_too_deep(&item) {
        return mistake(format!("the value is nested deeper than {} lists; keep lists flat", nesting::MAX_DEPTH));
    }
    Ok(item)
}

fn remove_value(context: &NativeCallContext<'_>, list: &mut Array, item: &Dynamic) -> RhaiResult<()> {
    match position(context, list, item)? {
        Some(at) => {
            drop(list.remove(at));
            Ok(())
        }
        None => mistake(format!("{} is not in the list", describe(item))),
    }
}

fn position(context: &NativeCallContext<'_>, list: &Array, item: &Dynamic) -> RhaiResult<Option<usize>> {
    for (at, other) in list.iter().enumerate() {
        if plain_values::equal(context, other, item)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn register_questions(library: &mut Library) {
    library
        .register_fn("index", |context: NativeCallContext, list: &mut Array, item: Dynamic| -> RhaiResult<INT> {
            match position(&context, list, &item)? {
                Some(at) => Ok(at as INT),
                None => mistake(format!("{} is not in the list", describe(&item))),
            }
        })
        .register_fn("count", |context: NativeCallContext, list: &mut Array, item: Dynamic| -> RhaiResult<INT> {
            let mut n = 0;
            for other in list.iter() {
                n += INT::from(plain_values::equal(&context, other, &item)?);
            }
            Ok(n)
        });
}

fn place(at: INT, n: usize) -> Option<usize> {
    let at = if at < 0 { at.saturating_add(n as i64) } else { at };
    usize::try_from(at).ok().filter(|at| *at < n)
}

fn register_slices(library: &mut Library) {
    library
        .register_fn("slice", |list: &mut Array, start: Dynamic, end: Dynamic| {
            slice(list, &start, &end, &Dynamic::UNIT)
        })
        .register_fn("slice", |list: &mut Array, start: Dynamic, end: Dynamic, step: Dynamic| {
            slice(list, &start, &end, &step)
        })
        .register_fn(
            "slice",
            |context: NativeCallContext, range: std::ops::Range<INT>, start: Dynamic, end: Dynamic| {
                let items = items_of(&context, &Dynamic::from(range))?;
                slice(&items, &start, &end, &Dynamic::UNIT)
            },
        )
        .register_fn("nd_set", |context: NativeCallContext, list: &mut Array, items: Array, value: Dynamic| {
            set_nd(&context, list, &items, value, nesting::MAX_DEPTH)
        })
        .register_fn("nd", |list: &mut Array, items: Array| nd(list, &items, nesting::MAX_DEPTH));
}

fn slice(list: &Array, start: &Dynamic, end: &Dynamic, step: &Dynamic) -> RhaiResult<Array> {
    Ok(places(start, end, step, list.len())?.into_iter().filter_map(|at| list.get(at).cloned()).collect())
}

fn whole(value: &Dynamic, what: &str) -> RhaiResult<Option<i64>> {
    if value.is_unit() {
        return Ok(None);
    }
    match value.as_int() {
        Ok(int) => Ok(Some(int)),
        Err(_) => mistake(format!("the {what} of a slice is {}, wanted a whole number", describe(value))),
    }
}

/// Start and end of a slice by Python's rules for negative and missing ends.
fn ends(start: &Dynamic, end: &Dynamic, n: usize) -> RhaiResult<(usize, usize)> {
    let length = n as i64;
    let inside = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at.min(length) } as usize;
    Ok((inside(whole(start, "start")?.unwrap_or(0)), inside(whole(end, "end")?.unwrap_or(length))))
}

/// The places that a slice takes, by Python's rules.
pub fn places(start: &Dynamic, end: &Dynamic, step: &Dynamic, n: usize) -> RhaiResult<Vec<usize>> {
    let step = whole(step, "step")?.unwrap_or(1);
    if step == 0 {
        return mistake("the step of a slice is 0, wanted any other whole number");
    }
    if step > 0 {
        let (from, to) = ends(start, end, n)?;
        return Ok((from..to.max(from)).step_by(usize::try_from(step).unwrap_or(usize::MAX)).collect());
    }
    let length = n as i64;
    let inside = |at: i64| if at < 0 { at.saturating_add(length).max(-1) } else { at.min(length - 1) };
    let mut at = whole(start, "start")?.map_or(length - 1, inside);
    let to = whole(end, "end")?.map_or(-1, inside);
    let mut found = Vec::new();
    while at > to {
        found.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    Ok(found)
}

/// `grid[i, j]`, `grid[:, 0]` on a list of lists.
fn nd(list: &Array, items: &[Dynamic], depth_left: usize) -> RhaiResult<Dynamic> {
    let Some((first, rest)) = items.split_first() else { return Ok(Dynamic::from_array(list.clone())) };
    let inner = |item: &Dynamic| -> RhaiResult<Dynamic> {
        if rest.is_empty() {
            return Ok(item.clone());
        }
        match item.read_lock::<Array>() {
            Some(row) if depth_left > 0 => nd(&row, rest, depth_left - 1),
            _ => mistake(format!("{} has no further axis; the list has fewer axes than the index", describe(item))),
        }
    };
    if let Ok(at) = first.as_int() {
        return match place(at, list.len()).and_then(|at| list.get(at)) {
            Some(item) => inner(item),
            None => mistake(format!("index {at} is outside a list of {}", list.len())),
        };
    }
    let unit = Dynamic::UNIT;
    let chosen = if first.is_unit() {
        list.clone()
    } else if let Some(bounds) = first.read_lock::<Array>() {
        let bound = |at: usize| bounds.get(at).unwrap_or(&unit);
        slice(list, bound(0), bound(1), bound(2))?
    } else if let Some((start, end)) = range_of(first) {
        slice(list, &Dynamic::from_int(start), &Dynamic::from_int(end), &unit)?
    } else {
        return mistake(format!("{} cannot be an index of a list", describe(first)));
    };
    Ok(Dynamic::from_array(chosen.iter().map(inner).collect::<RhaiResult<Array>>()?))
}

/// `grid[i, j] = value` on a list of lists, and `list[1:3] = values`.
fn set_nd(
    context: &NativeCallContext<'_>,
    list: &mut Array,
    items: &[Dynamic],
    value: Dynamic,
    depth_left: usize,
) -> RhaiResult<()> {
    let n = list.len();
    match items {
        [only] if only.is_array() => {
            let bounds = only.read_lock::<Array>().map(|bounds| bounds.clone()).unwrap_or_default();
            let [start, end, step @ ..] = bounds.as_slice() else { return mistake("a slice has a start and an end") };
            if step.iter().any(|step| step.as_int().is_ok_and(|step| step != 1)) {
                return mistake("a slice with a step cannot be set in a list; write a loop, or use np.array(list)");
            }
            let values = items_of(context, &value)?;
            let (from, to) = ends(start, end, n)?;
            list.splice(from..to.max(from), values);
            Ok(())
        }
        [first, rest @ ..] if first.is_int() => {
            let at = first.as_int().unwrap_or_default();
            let Some(item) = place(at, n).and_then(|at| list.get_mut(at)) else {
                return mistake(format!("index {at} is outside a list of {n}"));
            };
            if rest.is_empty() {
                *item = value;
                return Ok(());
            }
            match item.write_lock::<Array>() {
                Some(mut row) if depth_left > 0 => set_nd(context, &mut row, rest, value, depth_left - 1),
                _ => mistake("the list has fewer axes than the index"),
            }
        }
        _ => mistake("a list takes one whole number per axis here; make it an array first: np.array(list)"),
    }
}
