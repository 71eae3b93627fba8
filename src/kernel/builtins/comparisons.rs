//! Comparisons of floats as in Python: exact, and with infinities.
//!
//! Rhai's own take numbers within one part in 10^16 for equal, and nothing for less or greater than an infinity.

use crate::tools::Library;
use rhai::{FLOAT, INT};

/// Makes them known.
pub fn register(library: &mut Library) {
    macro_rules! comparisons {
        ($($name:literal $compare:tt),*) => {$(
            library
                .register_fn($name, |a: FLOAT, b: FLOAT| a $compare b)
                .register_fn($name, |a: INT, b: FLOAT| (a as FLOAT) $compare b)
                .register_fn($name, |a: FLOAT, b: INT| a $compare (b as FLOAT));
        )*};
    }
    comparisons!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
}
