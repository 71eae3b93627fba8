//! How deep values are nested. Rhai copies, prints and drops values by recursion, so a list in a list in a list... is a danger to the
//! thread's stack that no count of operations or bytes shows.

use rhai::{Array, Dynamic, FnPtr, Map};

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
        return dict.values().iter().any(|item| exceeds(item, depth_left - 1, n_containers));
    }
    if let Some(closure) = value.read_lock::<FnPtr>() {
        return closure.curry().iter().any(|item| exceeds(item, depth_left - 1, n_containers));
    }
    // Locked elsewhere: a closure that holds itself.
    true
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
    fn a_value_that_holds_itself_is_too_deep() {
        let mut shared = Dynamic::from(Array::new()).into_shared();
        let own = shared.clone();
        shared.write_lock::<Array>().unwrap().push(own);
        assert!(is_too_deep(&shared));
        shared.write_lock::<Array>().unwrap().clear();
    }
}
