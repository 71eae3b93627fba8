//! The variables of a kernel: what changed, in words, and dropping what must not stay.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, Scope};

use super::{
    VariableSummary,
    builtins::{Dict, support::Unset},
    habits, nesting,
};
use crate::{
    array::{Arr, Bools},
    error_code::shortened,
    tools::{
        arguments::{MAX_QUOTED_CHARS, describe, type_name},
        values::{
            DisplacementValue, FrameValue, MeasurementValue, ObjectValue, PointsValue, ReconstructionValue,
            RelationValue,
        },
    },
};

/// Items of a list that are hashed; beyond them only its length counts.
const MAX_HASHED: usize = 100_000;

/// Characters of one summary.
const MAX_SUMMARY_CHARS: usize = 300;

/// Content of every variable after the last cell, by name.
#[derive(Default)]
pub struct Variables {
    content: BTreeMap<String, u64>,
}

impl Variables {
    /// Remembers what is in scope now; tells what is new or has changed, and the names of the others.
    pub fn update(&mut self, scope: &Scope<'_>, n_injected: usize) -> (Vec<VariableSummary>, Vec<String>) {
        let mut content = BTreeMap::new();
        let (mut summaries, mut unchanged) = (Vec::new(), Vec::new());
        for (name, _, value) in own(scope, n_injected) {
            let mut hasher = DefaultHasher::new();
            hash(value, &mut hasher, nesting::MAX_DEPTH, &mut 0);
            let now = hasher.finish();
            let before = self.content.get(name);
            if before == Some(&now) {
                unchanged.push(name.to_owned());
            } else {
                summaries.push(VariableSummary {
                    name: name.to_owned(),
                    summary: summary(value),
                    is_new: before.is_none(),
                });
            }
            content.insert(name.to_owned(), now);
        }
        self.content = content;
        unchanged.sort();
        (summaries, unchanged)
    }

    /// Names known before the running cell.
    pub fn contains(&self, name: &str) -> bool {
        self.content.contains_key(name)
    }

    /// Whether the variable has another content than after the last cell.
    pub fn has_changed(&self, name: &str, value: &Dynamic) -> bool {
        let mut hasher = DefaultHasher::new();
        hash(value, &mut hasher, nesting::MAX_DEPTH, &mut 0);
        self.content.get(name) != Some(&hasher.finish())
    }
}

/// What cells have put into the scope, newest first, above the `n_injected` entries that every cell finds there.
pub fn own<'s>(scope: &'s Scope<'_>, n_injected: usize) -> impl Iterator<Item = (&'s str, bool, &'s Dynamic)> {
    // A scope is listed from its newest entry on.
    scope.iter_raw().take(scope.len().saturating_sub(n_injected))
}

/// Drops shadowed entries: `let x` in a later cell would keep the older `x` alive.
pub fn compact(scope: &mut Scope<'static>, n_injected: usize) {
    let mut seen = BTreeSet::new();
    if own(scope, n_injected).all(|(name, ..)| seen.insert(name)) {
        return;
    }
    seen.clear();
    let newest = own(scope, n_injected).filter(|(name, ..)| seen.insert(name));
    let kept: Vec<(String, bool, Dynamic)> =
        newest.map(|(name, is_constant, value)| (name.to_owned(), is_constant, value.clone())).collect();
    scope.rewind(n_injected);
    for (name, is_constant, value) in kept.into_iter().rev() {
        match is_constant {
            true => scope.push_constant_dynamic(name, value),
            false => scope.push_dynamic(name, value),
        };
    }
}

/// Removes what `habits` put in, and variables that no line has set.
pub fn remove_hidden(scope: &mut Scope<'static>, n_injected: usize) {
    remove_where(scope, n_injected, |name, value| name.starts_with(habits::HIDDEN) || value.is::<Unset>());
}

/// Removes variables of cells and tells their names.
pub fn remove_where(
    scope: &mut Scope<'static>,
    n_injected: usize,
    doomed: impl Fn(&str, &Dynamic) -> bool,
) -> Vec<String> {
    let names: Vec<String> = own(scope, n_injected)
        .filter(|(name, _, value)| doomed(name, value))
        .map(|(name, ..)| name.to_owned())
        .collect();
    for name in &names {
        let _ = scope.remove::<Dynamic>(name);
    }
    names
}

/// Values of tools never change, so the place of their bulk stands for it.
fn hash(value: &Dynamic, hasher: &mut DefaultHasher, depth_left: usize, n_hashed: &mut usize) {
    value.type_name().hash(hasher);
    *n_hashed += 1;
    if *n_hashed > MAX_HASHED || depth_left == 0 {
        return;
    }
    if let Some(list) = value.read_lock::<Array>() {
        list.len().hash(hasher);
        list.iter().for_each(|item| hash(item, hasher, depth_left - 1, n_hashed));
    } else if let Some(map) = value.read_lock::<Map>() {
        map.len().hash(hasher);
        for (key, item) in map.iter() {
            key.as_str().hash(hasher);
            hash(item, hasher, depth_left - 1, n_hashed);
        }
    } else if let Some(dict) = value.read_lock::<Dict>().map(|dict| dict.clone()) {
        dict.len().hash(hasher);
        for (key, item) in dict.rows() {
            hash(&key, hasher, depth_left - 1, n_hashed);
            hash(&item, hasher, depth_left - 1, n_hashed);
        }
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        text.as_str().hash(hasher);
    } else if let Some(points) = value.read_lock::<PointsValue>() {
        points.cloud.points_m.as_ptr().hash(hasher);
        points.cloud.len().hash(hasher);
        points.frame.hash(hasher);
    } else if let Some(arr) = value.read_lock::<Arr>() {
        arr.revision().hash(hasher);
    } else if let Some(bools) = value.read_lock::<Bools>() {
        bools.revision().hash(hasher);
    } else if let Some(object) = value.read_lock::<ObjectValue>() {
        object.id().hash(hasher);
        object.points.cloud.points_m.as_ptr().hash(hasher);
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        closure.fn_name().hash(hasher);
        closure.curry().iter().for_each(|item| hash(item, hasher, depth_left - 1, n_hashed));
    } else if let Ok(x) = value.as_float() {
        x.to_bits().hash(hasher);
    } else if let Ok(x) = value.as_int() {
        x.hash(hasher);
    } else {
        summary(value).hash(hasher);
    }
}

/// Type, shape, range and frame.
pub fn summary(value: &Dynamic) -> String {
    let text = if let Some(list) = value.read_lock::<Array>() {
        list_summary(&list)
    } else if let Some(map) = value.read_lock::<Map>() {
        let keys: Vec<&str> = map.keys().take(8).map(|key| key.as_str()).collect();
        format!("map of {}: {}{}", map.len(), keys.join(", "), if map.len() > 8 { ", ..." } else { "" })
    } else if let Some(dict) = value.read_lock::<Dict>().map(|dict| dict.clone()) {
        dict_summary(&dict)
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        match text.chars().count() {
            n if n <= 60 => format!("string {:?}", text.as_str()),
            n => format!("string of {n}: {:?}", shortened(&text, MAX_QUOTED_CHARS)),
        }
    } else if let Some(arr) = value.read_lock::<Arr>() {
        arr.summary()
    } else if let Some(bools) = value.read_lock::<Bools>() {
        bools.summary()
    } else if let Some(object) = value.read_lock::<ObjectValue>() {
        object.text()
    } else if let Some(points) = value.read_lock::<PointsValue>() {
        points.text()
    } else if let Some(measurement) = value.read_lock::<MeasurementValue>() {
        format!("Measurement {}", measurement.text())
    } else if let Some(relation) = value.read_lock::<RelationValue>() {
        format!("Relation {}, {}", relation.subject, relation.text())
    } else if let Some(displacement) = value.read_lock::<DisplacementValue>() {
        format!("Displacement {}", displacement.text())
    } else if let Some(frame) = value.read_lock::<FrameValue>() {
        frame.text()
    } else if let Some(reconstruction) = value.read_lock::<ReconstructionValue>() {
        reconstruction.text()
    } else if value.is_int() || value.is_float() || value.is_bool() {
        // A variable that a closure has captured is shared, which says nothing of its value.
        format!("{} {}", type_name(value), value.flatten_clone())
    } else if value.is_char() {
        format!("string {:?}", value.flatten_clone().to_string())
    } else if value.is_unit() {
        "nothing, ()".to_owned()
    } else {
        describe(value)
    };
    match text.char_indices().nth(MAX_SUMMARY_CHARS) {
        Some((cut, _)) => format!("{}...", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

fn dict_summary(dict: &Dict) -> String {
    let keys: Vec<String> = dict.keys().iter().take(8).map(ToString::to_string).collect();
    format!("dict of {}: {}{}", dict.len(), keys.join(", "), if dict.len() > 8 { ", ..." } else { "" })
}

fn item_words(item: &Dynamic) -> String {
    match item.read_lock::<Dict>().map(|dict| dict.clone()) {
        Some(dict) => format!("a {}", dict_summary(&dict)),
        None => describe(item),
    }
}

fn list_summary(list: &Array) -> String {
    let n = list.len();
    let numbers: Vec<f64> =
        list.iter().map_while(|item| item.as_float().or_else(|_| item.as_int().map(|i| i as f64)).ok()).collect();
    if n > 4 && numbers.len() == n {
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return format!("list of {n} numbers, {low:.4}..{high:.4}");
    }
    if n > 0 && numbers.len() == n {
        let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
        return format!("list [{}]", shown.join(", "));
    }
    let rows: Vec<usize> = list.iter().filter_map(|item| item.read_lock::<Array>().map(|row| row.len())).collect();
    if n > 0 && rows.len() == n && rows.iter().all(|row| Some(row) == rows.first()) {
        return format!("list {n}x{}", rows.first().copied().unwrap_or(0));
    }
    let shown: Vec<String> = list.iter().take(4).map(item_words).collect();
    format!("list of {n}: {}{}", shown.join(", "), if n > 4 { ", ..." } else { "" })
}
