//! Text that a message can hold.

/// `text` without NUL characters, which end a C string early and make r2r panic.
pub fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_characters_are_replaced() {
        assert_eq!(clean("a\0b"), "a\u{fffd}b");
        assert_eq!(clean("0.4 ± 0.1 m"), "0.4 ± 0.1 m");
    }
}
