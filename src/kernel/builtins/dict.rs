//! `dict()`: any key that is a number, text, bool, nothing or a list of them; in the order of insertion; shared when it is handed on,
//! as in Python.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use rhai::{Array, Dynamic, ImmutableString, Map, NativeCallContext};

use super::{items::items_of, mistake};
use crate::{
    kernel::{meter::Meter, nesting, plain_values},
    tools::{Library, RhaiResult, arguments::describe},
};

/// Lists in keys may be nested so deep.
const MAX_KEY_DEPTH: usize = 8;

/// A dictionary; a copy of it is the same dictionary.
#[derive(Clone)]
pub struct Dict {
    shared: Arc<Shared>,
}

struct Shared {
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    places: HashMap<Key, usize>,
    /// Removed ones are empty until there are too many of them.
    rows: Vec<Option<(Dynamic, Dynamic)>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Nothing,
    /// 1, 1.0 and true are one key in Python.
    Int(i64),
    Float(u64),
    Text(ImmutableString),
    List(Vec<Key>),
}

/// Values seen so far, for those that can be keys.
#[derive(Default)]
pub struct Keys {
    seen: std::collections::HashSet<Key>,
}

impl Keys {
    /// Whether the value is new; `None` when it cannot be a key.
    pub fn insert(&mut self, value: &Dynamic) -> Option<bool> {
        Some(self.seen.insert(key_of(value, MAX_KEY_DEPTH).ok()?))
    }
}

impl Drop for Shared {
    /// Dicts in dicts are taken apart one after the other, not by recursion: a script can nest them as deep as it has operations.
    fn drop(&mut self) {
        thread_local! {
            static WAITING: std::cell::RefCell<Option<Vec<Entries>>> = const { std::cell::RefCell::new(None) };
        }
        let entries = std::mem::take(self.entries.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut own = Some(entries);
        let is_outermost = WAITING
            .try_with(|waiting| {
                let mut waiting = waiting.borrow_mut();
                match waiting.as_mut() {
                    Some(waiting) => {
                        waiting.extend(own.take());
                        false
                    }
                    None => {
                        *waiting = Some(Vec::new());
                        true
                    }
                }
            })
            .unwrap_or(false);
        if !is_outermost {
            return;
        }
        while let Some(entries) = own.take() {
            drop(entries);
            own = WAITING.try_with(|waiting| waiting.borrow_mut().as_mut().and_then(Vec::pop)).unwrap_or(None);
        }
        let _ = WAITING.try_with(|waiting| waiting.borrow_mut().take());
    }
}

/// All dicts of a kernel. One that holds itself would never be freed, so the kernel empties them when it ends.
#[derive(Default)]
pub struct Dicts {
    made: Mutex<Vec<Weak<Shared>>>,
}

impl Dicts {
    /// An empty dict.
    pub fn make(&self) -> Dict {
        let dict = Dict { shared: Arc::new(Shared { entries: RwLock::default() }) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() == made.capacity() {
            made.retain(|dict| dict.strong_count() > 0);
        }
        made.push(Arc::downgrade(&dict.shared));
        dict
    }

    /// Empties every dict.
    pub fn clear(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for dict in made.iter().filter_map(Weak::upgrade) {
            let entries = std::mem::take(&mut *dict.entries.write().unwrap_or_else(PoisonError::into_inner));
            drop(entries);
        }
    }
}

impl Dict {
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.shared.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.shared.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.read().places.len()
    }

    /// Keys and values in order, one copied after the other.
    pub fn rows(&self) -> impl Iterator<Item = (Dynamic, Dynamic)> + '_ {
        let n = self.read().rows.len();
        (0..n).filter_map(|at| self.read().rows.get(at).cloned().flatten())
    }

    /// Keys in order.
    pub fn keys(&self) -> Array {
        self.read().rows.iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    /// Values in order.
    pub fn values(&self) -> Array {
        self.read().rows.iter().flatten().map(|(_, value)| value.clone()).collect()
    }

    /// Keys and values in order.
    pub fn items(&self) -> Vec<(Dynamic, Dynamic)> {
        self.read().rows.iter().flatten().cloned().collect()
    }

    fn get(&self, key: &Key) -> Option<Dynamic> {
        let entries = self.read();
        let at = *entries.places.get(key)?;
        entries.rows.get(at)?.as_ref().map(|(_, value)| value.clone())
    }

    fn set(&self, key: Dynamic, value: Dynamic) -> RhaiResult<()> {
        let place = key_of(&key, MAX_KEY_DEPTH)?;
        let mut entries = self.write();
        let found = entries.places.get(&place).copied();
        let old = match found.and_then(|at| entries.rows.get_mut(at)).and_then(Option::as_mut) {
            Some(row) => Some(std::mem::replace(&mut row.1, value)),
            None => {
                let at = entries.rows.len();
                entries.places.insert(place, at);
                entries.rows.push(Some((key, value)));
                None
            }
        };
        // What is replaced may hold this dict, so it goes only when nothing is locked.
        drop(entries);
        drop(old);
        Ok(())
    }

    fn remove(&self, key: &Dynamic) -> RhaiResult<Option<Dynamic>> {
        let place = key_of(key, MAX_KEY_DEPTH)?;
        let mut entries = self.write();
        let Some(at) = entries.places.remove(&place) else { return Ok(None) };
        let row = entries.rows.get_mut(at).and_then(Option::take);
        if entries.rows.len() > 2 * entries.places.len() + 8 {
            entries.compact();
        }
        drop(entries);
        Ok(row.map(|(_, value)| value))
    }

    fn same(&self, other: &Dict) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Entries {
    fn compact(&mut self) {
        let rows: Vec<Option<(Dynamic, Dynamic)>> =
            std::mem::take(&mut self.rows).into_iter().filter(Option::is_some).collect();
        self.places = rows
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(at, (key, _))| Some((key_of(key, MAX_KEY_DEPTH).ok()?, at)))
            .collect();
        self.rows = rows;
    }
}

fn key_of(value: &Dynamic, depth_left: usize) -> RhaiResult<Key> {
    if let Ok(int) = value.as_int() {
        return Ok(Key::Int(int));
    }
    if let Ok(float) = value.as_float() {
        let is_whole = float.fract() == 0.0 && float.abs() < 9e15;
        return Ok(if is_whole { Key::Int(float as i64) } else { Key::Float(float.to_bits()) });
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Key::Int(i64::from(truth)));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(Key::Text(text.clone()));
    }
    if let Ok(c) = value.as_char() {
        return Ok(Key::Text(c.to_string().into()));
    }
    if value.is_unit() {
        return Ok(Key::Nothing);
    }
    if depth_left > 0
        && let Some(list) = value.read_lock::<Array>()
    {
        return Ok(Key::List(list.iter().map(|item| key_of(item, depth_left - 1)).collect::<RhaiResult<_>>()?));
    }
    mistake(format!("{} cannot be a key; use a text or number of it, such as .id or .label", describe(value)))
}

/// Makes them known.
pub fn register(library: &mut Library) {
    library.register_type_with_name::<Dict>("dict");
    register_makers(library);
    register_access(library);
    register_changes(library);
    library
        .register_items::<Dict, _>(|value| {
            let keys = value.read_lock::<Dict>().map(|dict| dict.keys()).unwrap_or_default();
            keys.into_iter().map(Ok)
        })
        .register_items::<Map, _>(|value| {
            let keys: Array = value
                .read_lock::<Map>()
                .map(|map| map.keys().map(|key| Dynamic::from(key.to_string())).collect())
                .unwrap_or_default();
            keys.into_iter().map(Ok)
        });
}

fn register_makers(library: &mut Library) {
    library.register_fn("dict", |context: NativeCallContext| -> RhaiResult<Dict> {
        Ok(Meter::of(&context)?.dicts.make())
    });
    library.register_fn("dict", |context: NativeCallContext, from: Dynamic| -> RhaiResult<Dict> {
        let dict = Meter::of(&context)?.dicts.make();
        fill(&context, &dict, &from)?;
        Ok(dict)
    });
    library.register_fn("__dict", |context: NativeCallContext, pairs: Dynamic| -> RhaiResult<Dict> {
        let dict = Meter::of(&context)?.dicts.make();
        fill(&context, &dict, &pairs)?;
        Ok(dict)
    });
    library.register_fn("copy", |context: NativeCallContext, dict: &mut Dict| -> RhaiResult<Dict> {
        let copy = Meter::of(&context)?.dicts.make();
        for (key, value) in dict.items() {
            copy.set(key, value)?;
        }
        Ok(copy)
    });
}

/// Puts a dict, a map or a list of pairs into `dict`.
fn fill(context: &NativeCallContext<'_>, dict: &Dict, from: &Dynamic) -> RhaiResult<()> {
    if let Some(other) = from.read_lock::<Dict>().map(|other| other.clone()) {
        for (key, value) in other.items() {
            dict.set(key, value)?;
        }
        return Ok(());
    }
    if let Some(map) = from.read_lock::<Map>() {
        for (key, value) in map.iter() {
            dict.set(Dynamic::from(key.to_string()), value.clone())?;
        }
        return Ok(());
    }
    for (at, pair) in items_of(context, from)?.into_iter().enumerate() {
        match pair.read_lock::<Array>().as_deref().map(Vec::as_slice) {
            Some([key, value]) => dict.set(key.clone(), value.clone())?,
            _ => return mistake(format!("item {at} is {}, wanted [key, value]", describe(&pair))),
        }
    }
    Ok(())
}

fn missing<T>(dict: &Dict, key: &Dynamic) -> RhaiResult<T> {
    let keys: Vec<String> = dict.keys().iter().take(8).map(describe_key).collect();
    let more = if dict.len() > 8 { ", ..." } else { "" };
    let there = if keys.is_empty() { "it is empty".to_owned() } else { format!("it has {}{more}", keys.join(", ")) };
    mistake(format!("the dict has no key {}; {there}; use d.get(key, default)", describe_key(key)))
}

fn describe_key(key: &Dynamic) -> String {
    match key.read_lock::<ImmutableString>() {
        Some(text) => format!("{:?}", text.as_str()),
        None if key.is_array() => describe(key),
        None => key.to_string(),
    }
}

fn register_access(library: &mut Library) {
    library
        .register_indexer_get(|dict: &mut Dict, key: Dynamic| -> RhaiResult<Dynamic> {
            dict.get(&key_of(&key, MAX_KEY_DEPTH)?).map_or_else(|| missing(dict, &key), Ok)
        })
        .register_fn("get", |dict: &mut Dict, key: Dynamic| -> RhaiResult<Dynamic> {
            Ok(dict.get(&key_of(&key, MAX_KEY_DEPTH)?).unwrap_or(Dynamic::UNIT))
        })
        .register_fn("get", |dict: &mut Dict, key: Dynamic, default: Dynamic| -> RhaiResult<Dynamic> {
            Ok(dict.get(&key_of(&key, MAX_KEY_DEPTH)?).unwrap_or(default))
        })
        .register_fn("keys", |dict: &mut Dict| dict.keys())
        .register_fn("values", |dict: &mut Dict| dict.values())
        .register_fn("items", |dict: &mut Dict| pairs(dict.items()))
        .register_fn("len", |dict: &mut Dict| dict.len() as i64)
        .register_fn("contains", |dict: &mut Dict, key: Dynamic| -> RhaiResult<bool> {
            Ok(dict.get(&key_of(&key, MAX_KEY_DEPTH)?).is_some())
        })
        .register_fn("is_empty", |dict: &mut Dict| dict.len() == 0)
        .register_fn("==", |context: NativeCallContext, a: Dict, b: Dict| equal(&context, &a, &b))
        .register_fn("!=", |context: NativeCallContext, a: Dict, b: Dict| equal(&context, &a, &b).map(|equal| !equal));
    for name in ["to_string", "to_debug"] {
        library.register_fn(name, |context: NativeCallContext, dict: Dict| {
            plain_values::text(&context, &Dynamic::from(dict))
        });
    }
    // Maps of Rhai answer to the same names.
    library
        .register_fn("items", |map: &mut Map| {
            pairs(map.iter().map(|(key, value)| (Dynamic::from(key.to_string()), value.clone())).collect())
        })
        .register_fn("get", |map: &mut Map, key: ImmutableString, default: Dynamic| {
            map.get(key.as_str()).cloned().unwrap_or(default)
        })
        .register_fn("update", |map: &mut Map, other: Map| map.extend(other))
        .register_fn("__delete", |map: &mut Map, key: ImmutableString| -> RhaiResult<()> {
            match map.remove(key.as_str()) {
                Some(_) => Ok(()),
                None => mistake(format!("the map has no key {key:?}")),
            }
        });
}

fn pairs(items: Vec<(Dynamic, Dynamic)>) -> Array {
    items.into_iter().map(|(key, value)| Dynamic::from_array(vec![key, value])).collect()
}

fn register_changes(library: &mut Library) {
    library
        .register_indexer_set(|dict: &mut Dict, key: Dynamic, value: Dynamic| dict.set(key, value))
        .register_fn("setdefault", |dict: &mut Dict, key: Dynamic, default: Dynamic| -> RhaiResult<Dynamic> {
            if let Some(found) = dict.get(&key_of(&key, MAX_KEY_DEPTH)?) {
                return Ok(found);
            }
            dict.set(key, default.clone())?;
            Ok(default)
        })
        .register_fn("pop", |dict: &mut Dict, key: Dynamic| -> RhaiResult<Dynamic> {
            dict.remove(&key)?.map_or_else(|| missing(dict, &key), Ok)
        })
        .register_fn("pop", |dict: &mut Dict, key: Dynamic, default: Dynamic| -> RhaiResult<Dynamic> {
            Ok(dict.remove(&key)?.unwrap_or(default))
        })
        .register_fn("remove", |dict: &mut Dict, key: Dynamic| -> RhaiResult<Dynamic> {
            dict.remove(&key)?.map_or_else(|| missing(dict, &key), Ok)
        })
        .register_fn("__delete", |dict: &mut Dict, key: Dynamic| -> RhaiResult<()> {
            dict.remove(&key)?.map_or_else(|| missing(dict, &key), |_| Ok(()))
        })
        .register_fn("update", |context: NativeCallContext, dict: &mut Dict, other: Dynamic| {
            fill(&context, dict, &other)
        })
        .register_fn("clear", |dict: &mut Dict| {
            let entries = std::mem::take(&mut *dict.write());
            drop(entries);
        });
}

fn equal(context: &NativeCallContext<'_>, a: &Dict, b: &Dict) -> RhaiResult<bool> {
    if a.same(b) {
        return Ok(true);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    if a.rows().chain(b.rows()).any(|(_, value)| nesting::is_too_deep(&value)) {
        return mistake(format!("the dicts are nested deeper than {}; keep them flat", nesting::MAX_DEPTH));
    }
    for (key, value) in a.rows() {
        match b.get(&key_of(&key, MAX_KEY_DEPTH)?) {
            Some(other) if plain_values::equal(context, &value, &other)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
