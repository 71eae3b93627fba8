//! A hash that is the same in every process and version, for choices that must not change from run to run.

/// FNV-1a over the bytes, then the finishing steps of SplitMix64, which spread small differences over all bits.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed from the definitions with exact integers.
    #[test]
    fn it_is_what_its_definition_says() {
        assert_eq!(stable_hash(b""), EMPTY);
        assert_eq!(stable_hash(b"a"), LETTER_A);
    }

    const EMPTY: u64 = 0xf52a15e9a9b5e89b;
    const LETTER_A: u64 = 0x2c0bdbf481420f8;
}
