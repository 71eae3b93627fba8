//! How deep values are nested. Rhai copies, prints and drops values by recursion, so a list in a list in a list... is a danger to the
//! thread's stack that no count of operations or bytes shows.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

use super::builtins::Dict;

/// Deeper than any list of lists that a measurement needs.
pub const MAX_DEPTH: usize = 100;

/// Containers looked at before a value counts as too tangled.
const MAX_CONTAINERS: usize = 1_000_000;

/// Whether lists, maps and closures' captures are nested deeper than [`MAX_DEPTH`]. Recursion ends there by itself.
pub fn is_too_deep(value: &Dynamic) -> bool {
    exceeds(value, MAX_DEPTH, &mut 0)
}

fn exceeds(value: &Dynamic, depth_left: usize, n_containers: &mut usize) -> bool {
    if value.is::<Array>() || value.is::<Map>() || value.is::<FnPtr>() || value.is::<Dict>() {
        *n_containers += 1;
    } else {
        return false;
    }
    if depth_left == 0 || *n_containers > MAX_CONTAINERS {
        return true;
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().any(|item| exceeds(item, depth_left - 1, n_containers));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().any(|item| exceeds(item, depth_left - 1, n_containers));
    }
    if let Some(dict) = value.read_lock::<Dict>().map(|dict| dict.clone()) {
        // Not copied whole: a dict may hold itself a thousand times.
        return dict.rows().any(|(_, item)| exceeds(&item, depth_left - 1, n_containers));
    }
    if let Some(closure) = value.read_lock::<FnPtr>() {
        return closure.curry().iter().any(|item| exceeds(item, depth_left - 1, n_containers));
    }
    // Locked elsewhere: a closure that holds itself.
    true
}

/// Bytes that a copy of the value takes: lists and maps are copied whole; of arrays and the values of tools what they share stays, but each
/// copy has a block of its own.
pub fn copied_bytes(value: &Dynamic) -> usize {
    let mut n_bytes = 0usize;
    add_copied_bytes(value, MAX_DEPTH, &mut n_bytes);
    n_bytes
}

/// Bytes of one block's header and of the allocator's bookkeeping.
const BLOCK_BYTES: usize = 32;

/// Bytes of the block of a native value: its own fields, which none has more of, and a pointer to them.
const NATIVE_BYTES: usize = 256 + 2 * BLOCK_BYTES;

fn is_inline(value: &Dynamic) -> bool {
    value.is_unit() || value.is_bool() || value.is_int() || value.is_float() || value.is_char() || value.is_string()
}

fn add_copied_bytes(value: &Dynamic, depth_left: usize, n_bytes: &mut usize) {
    *n_bytes = n_bytes.saturating_add(std::mem::size_of::<Dynamic>());
    // Shared values are copied as a reference.
    if depth_left == 0 || value.is_shared() {
        return;
    }
    if let Some(list) = value.read_lock::<Array>() {
        *n_bytes = n_bytes.saturating_add(BLOCK_BYTES + std::mem::size_of::<Array>());
        list.iter().for_each(|item| add_copied_bytes(item, depth_left - 1, n_bytes));
    } else if let Some(map) = value.read_lock::<Map>() {
        *n_bytes = n_bytes.saturating_add(BLOCK_BYTES + map.len().saturating_mul(4 * BLOCK_BYTES));
        map.values().for_each(|item| add_copied_bytes(item, depth_left - 1, n_bytes));
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        *n_bytes = n_bytes.saturating_add(2 * BLOCK_BYTES + std::mem::size_of::<FnPtr>());
        closure.curry().iter().for_each(|item| add_copied_bytes(item, depth_left - 1, n_bytes));
    } else if !is_inline(value) {
        *n_bytes = n_bytes.saturating_add(NATIVE_BYTES);
    }
}

/// Bytes of the texts in a value, and a little for everything else.
pub fn text_bytes(value: &Dynamic, depth_left: usize) -> usize {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.len().saturating_add(BLOCK_BYTES);
    }
    if depth_left == 0 {
        return BLOCK_BYTES;
    }
    let sum = |n: usize, item: &Dynamic| n.saturating_add(text_bytes(item, depth_left - 1));
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().fold(BLOCK_BYTES, sum);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.iter().fold(BLOCK_BYTES, |n, (key, item)| sum(n.saturating_add(key.len()), item));
    }
    BLOCK_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Dynamic {
        (0..depth).fold(Dynamic::UNIT, |inner, _| Dynamic::from(vec![inner]))
    }

    #[test]
    fn depth_is_counted_in_containers() {
        assert!(!is_too_deep(&Dynamic::from(1_i64)));
        assert!(!is_too_deep(&nested(MAX_DEPTH)));
        assert!(is_too_deep(&nested(MAX_DEPTH + 1)));
        assert!(!is_too_deep(&Dynamic::from(vec![Dynamic::UNIT; 100_000])));
        let wide = Dynamic::from(vec![nested(3); 1000]);
        assert!(!is_too_deep(&wide));
    }

    #[test]
    fn copies_are_counted_with_what_is_in_them() {
        let row = Dynamic::from(vec![Dynamic::UNIT; 1000]);
        let one = copied_bytes(&row);
        assert!((16_000..17_000).contains(&one), "{one}");
        let many = copied_bytes(&Dynamic::from(vec![row; 10]));
        assert!((10 * one..10 * one + 1000).contains(&many), "{many}");
        assert_eq!(copied_bytes(&Dynamic::from("long ".repeat(100))), 16);
        assert_eq!(text_bytes(&Dynamic::from("abcd"), 3), 36);
    }

    #[test]
    fn copies_of_native_values_take_no_more_than_is_counted() {
        use crate::{
            array::{Arr, Bools},
            memory::Account,
            tools::values::{
                FrameValue, MaskValue, MeasurementValue, ObjectValue, PerFrameMaskValue, PictureValue, PointsValue,
                ReconstructionValue, RelationValue,
            },
        };
        let account = Account::new();
        let _entered = account.enter();
        for value in [
            Dynamic::from(Arr::of_vec(vec![1.0, 2.0])),
            Dynamic::from(Bools::of_vec(vec![true; 9])),
            Dynamic::from(0..3_i64),
            Dynamic::from_float(1.0),
            Dynamic::from("text"),
            Dynamic::from(vec![Dynamic::from(Arr::of_vec(vec![1.0])); 3]),
        ] {
            let before = account.held_bytes();
            let copies = vec![value.clone(); 1000];
            let taken = account.held_bytes() - before;
            assert!(taken <= 1000 * copied_bytes(&value) + 100, "{taken} bytes for 1000 of {}", value.type_name());
            drop(copies);
        }
        for n_bytes in [
            size_of::<FrameValue>(),
            size_of::<MaskValue>(),
            size_of::<MeasurementValue>(),
            size_of::<ObjectValue>(),
            size_of::<PerFrameMaskValue>(),
            size_of::<PictureValue>(),
            size_of::<PointsValue>(),
            size_of::<ReconstructionValue>(),
            size_of::<RelationValue>(),
        ] {
            assert!(n_bytes <= NATIVE_BYTES - 2 * BLOCK_BYTES, "{n_bytes}");
        }
    }

    #[test]
    fn a_value_that_holds_itself_is_too_deep() {
        let mut shared = Dynamic::from(Array::new()).into_shared();
        let own = shared.clone();
        shared.write_lock::<Array>().unwrap().push(own);
        assert!(is_too_deep(&shared));
        shared.write_lock::<Array>().unwrap().clear();
    }
}
