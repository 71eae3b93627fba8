//! Sorting, smallest and largest, by the values themselves or by a key.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext, Variant};

use super::{
    Dict,
    items::{call, copied, items_of, room},
    mistake,
};
use crate::{
    array::order::try_sorted,
    tools::{
        Library, RhaiResult,
        arguments::{describe, number},
        values::MeasurementValue,
    },
};

/// Bytes that sorting takes for each item: keys, pairs, and both halves beside what they become.
const SORT_BYTES: usize = 7 * std::mem::size_of::<Dynamic>();

/// Depth to which lists are compared item by item.
const MAX_DEPTH: usize = 8;

/// Makes them known; those of lists and arrays stand in [`crate::tools::arrays`].
pub fn register(library: &mut Library) {
    library
        .register_fn("sort", |context: NativeCallContext, list: &mut Array| -> RhaiResult<()> {
            // Of a copy: a list that cannot be sorted stays as it is.
            *list = sorted(copied(&context, list)?, &context, &Options::default())?;
            Ok(())
        })
        .register_fn("sort", |context: NativeCallContext, list: &mut Array, options: Map| -> RhaiResult<()> {
            let options = Options::of(&options, &["key", "reverse"])?;
            *list = sorted(copied(&context, list)?, &context, &options)?;
            Ok(())
        });
    of_type::<Dict>(library);
    of_type::<std::ops::Range<i64>>(library);
    of_type::<ImmutableString>(library);
}

/// `sorted`, `min` and `max` of what a loop can go over.
fn of_type<T: Variant + Clone>(library: &mut Library) {
    library
        .register_fn("sorted", |context: NativeCallContext, items: T| {
            sorted(items_of(&context, &Dynamic::from(items))?, &context, &Options::default())
        })
        .register_fn("sorted", |context: NativeCallContext, items: T, options: Map| {
            let options = Options::of(&options, &["key", "reverse"])?;
            sorted(items_of(&context, &Dynamic::from(items))?, &context, &options)
        });
    for (name, wanted) in [("min", Ordering::Less), ("max", Ordering::Greater)] {
        library
            .register_fn(name, move |context: NativeCallContext, items: T| {
                extreme(name, wanted, items_of(&context, &Dynamic::from(items))?, &context, &Options::default())
            })
            .register_fn(name, move |context: NativeCallContext, items: T, options: Map| {
                let options = Options::of(&options, &["key", "default"])?;
                extreme(name, wanted, items_of(&context, &Dynamic::from(items))?, &context, &options)
            });
    }
}

#[derive(Default)]
struct Options {
    key: Option<FnPtr>,
    is_reversed: bool,
    default: Option<Dynamic>,
}

impl Options {
    fn of(map: &Map, allowed: &[&str]) -> RhaiResult<Options> {
        if let Some(key) = map.keys().find(|key| !allowed.contains(&key.as_str())) {
            return mistake(format!("there is no option `{key}`; there are {}", allowed.join(", ")));
        }
        let key = match map.get("key").filter(|key| !key.is_unit()) {
            None => None,
            Some(key) => match key.clone().try_cast::<FnPtr>() {
                Some(key) => Some(key),
                None => return mistake(format!("key is {}, wanted a closure such as |x| x.size", describe(key))),
            },
        };
        let is_reversed = map.get("reverse").is_some_and(|reverse| reverse.as_bool().unwrap_or(false));
        Ok(Options { key, is_reversed, default: map.get("default").cloned() })
    }

    fn keys(&self, items: &Array, context: &NativeCallContext<'_>) -> RhaiResult<Vec<Dynamic>> {
        match &self.key {
            None => Ok(items.clone()),
            Some(key) => items.iter().map(|item| call(context, key, vec![item.clone()])).collect(),
        }
    }
}

/// Python's sort: stable, also backwards.
fn sorted(items: Array, context: &NativeCallContext<'_>, options: &Options) -> RhaiResult<Array> {
    room(context, items.len().saturating_mul(SORT_BYTES))?;
    let keys = options.keys(&items, context)?;
    let keyed: Vec<(Dynamic, Dynamic)> = keys.into_iter().zip(items).collect();
    let sorted = try_sorted(keyed, &mut |a, b| {
        let order = compare(&a.0, &b.0, MAX_DEPTH)?;
        Ok::<_, Box<EvalAltResult>>(if options.is_reversed { order.reverse() } else { order })
    })?;
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

/// The item itself, so that a Measurement keeps its sigma; the first of equal ones.
fn extreme(
    name: &str,
    wanted: Ordering,
    items: Array,
    context: &NativeCallContext<'_>,
    options: &Options,
) -> RhaiResult<Dynamic> {
    let keys = options.keys(&items, context)?;
    let mut best: Option<(Dynamic, Dynamic)> = None;
    for (key, item) in keys.into_iter().zip(items) {
        let is_better = match &best {
            None => {
                compare(&key, &key, MAX_DEPTH)?;
                true
            }
            Some((best, _)) => compare(&key, best, MAX_DEPTH)? == wanted,
        };
        if is_better {
            best = Some((key, item));
        }
    }
    match (best, &options.default) {
        (Some((_, item)), _) => Ok(item),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => {
            mistake(format!("the {name} of an empty list has no value; give a default: {name}(list, default=0)"))
        }
    }
}

/// Numbers (whole or not, Measurements by their value), texts, bools, and lists of them.
pub fn compare(a: &Dynamic, b: &Dynamic, depth_left: usize) -> RhaiResult<Ordering> {
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    let is_number = |v: &Dynamic| v.is_int() || v.is_float() || v.is::<MeasurementValue>();
    if is_number(a) && is_number(b) {
        return Ok(number(a, "the value")?.total_cmp(&number(b, "the value")?));
    }
    if let (Some(a), Some(b)) = (a.read_lock::<ImmutableString>(), b.read_lock::<ImmutableString>()) {
        return Ok(a.as_str().cmp(b.as_str()));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_char(), b.as_char()) {
        return Ok(a.cmp(&b));
    }
    if depth_left > 0
        && let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>())
    {
        for (x, y) in a.iter().zip(b.iter()) {
            let order = compare(x, y, depth_left - 1)?;
            if order != Ordering::Equal {
                return Ok(order);
            }
        }
        return Ok(a.len().cmp(&b.len()));
    }
    mistake(format!("{} and {} have no order; give a key: sorted(list, key=|x| ...)", describe(a), describe(b)))
}
