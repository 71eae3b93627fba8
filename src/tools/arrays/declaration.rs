//! How a function on arrays is declared: one entry gives its registration, its place in the manual and a tested example.

use rhai::Dynamic;

use super::call::Call;
use crate::tools::RhaiResult;

/// Where a function is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `np.f(...)`; `np.linalg.f(...)` is the same.
    Np,
    /// As `np.f(x, ...)`, and as a method of arrays `x.f(...)`.
    Method,
    /// As `np.f(...)`, as `f(...)`, and as a method of arrays.
    Everywhere,
    /// As `f(...)` and as a method.
    Bare,
    /// As `math.f(...)`.
    Math,
}

/// Declares one function.
pub struct Function {
    /// Its name, then other names for the same.
    pub names: &'static [&'static str],
    /// Parameters in order; `?` marks one that may be left out, `...` as many as one likes.
    pub params: &'static [&'static str],
    /// Where it is found.
    pub form: Form,
    /// What a reader who knows numpy does not expect; empty when there is nothing.
    pub doc: &'static str,
    /// A cell and the value it gives.
    pub example: (&'static str, &'static str),
    /// What it does.
    pub run: Run,
}

/// What a function does.
pub enum Run {
    /// Anything.
    Call(fn(&Call<'_>) -> RhaiResult<Dynamic>),
    /// To each number; integers give floats.
    Each(fn(f64) -> f64),
    /// To each number; integers stay integers.
    EachWhole(fn(f64) -> f64),
    /// To each pair of numbers; integers give floats.
    Pair(fn(f64, f64) -> f64),
    /// To each pair of numbers; integers stay integers.
    PairWhole(fn(f64, f64) -> f64),
    /// A question about each number.
    Test(fn(f64) -> bool),
    /// A question about each pair of numbers.
    TestPair(fn(f64, f64) -> bool),
}

impl Function {
    /// Its first name.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// `np.mean(a, axis?)`.
    pub fn signature(&self) -> String {
        let prefix = match self.form {
            Form::Np | Form::Method | Form::Everywhere => "np.",
            Form::Math => "math.",
            Form::Bare => "",
        };
        format!("{prefix}{}({})", self.name(), self.params.join(", "))
    }

    /// Takes more arguments than it has parameters.
    pub fn is_variadic(&self) -> bool {
        self.params.last().is_some_and(|param| param.ends_with("..."))
    }

    /// Fewest and most arguments; any of them may come as keywords in one map.
    pub fn arity(&self) -> std::ops::RangeInclusive<usize> {
        const MAX_VARIADIC: usize = 6;
        let n_required = self.params.iter().filter(|param| !param.ends_with(['?', '.'])).count();
        let most = if self.is_variadic() { MAX_VARIADIC } else { self.params.len() };
        n_required.min(1)..=most
    }
}
