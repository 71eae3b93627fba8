//! The arrays' section of the manual: what a reader who knows numpy needs to know, and every name.

use std::fmt::Write;

use super::{
    declaration::{Form, Function},
    functions,
};

const ABOUT: &str = "\
`Arr` is a float or int array as in numpy, with up to 4 axes; `Bools` holds truth values. Lists of numbers, Points and ranges are \
taken wherever an Arr is; positions and vectors that tools give are Arr of 3.\n\
- `+ - * / % ** < <= > >= == !=` work elementwise with broadcasting, `& | ^ !` on Bools; plain lists have none of these \
(`[1] + [2]` joins): write `np.array(a) - np.array(b)`.\n\
- `a[i]`, `a[-1]`, `a[1..3]`, `a[mask]`, `a[[0, 2]]`, `a.slice(start, stop, step)`; several axes: `a.nd([(), 0])` for `a[:, 0]`, each \
entry an integer, `()`, `[start, stop, step]`, a mask, an Arr of positions or `np.newaxis`. Assignment works the same: `a[mask] = 0`, \
`a.nd_set([(), 0], 1)`.\n\
- `let b = a` and `a[0]` are copies: writing into them leaves `a` as it was.\n\
- `.shape .ndim .size .len() .T .dtype .tolist() .copy() .astype(\"int\") .sort()`, `.x .y .z` of Kx3; every reduction takes an axis: \
`a.mean(0)` or `a.mean(#{axis: 0})`. An empty array has no mean, median, min or max.\n\
- Functions marked * are also methods (`a.f(...)`), those marked ** also stand alone (`f(a, ...)`). `np.linalg.f` is `np.f`.\n";

/// Markdown, without a heading.
pub fn manual() -> String {
    let mut text = ABOUT.to_owned();
    let prefix = |form: Form| match form {
        Form::Np | Form::Method | Form::Everywhere => "np",
        Form::Math => "math",
        Form::Bare => "alone, as in Python",
    };
    for group in functions::ALL {
        let Some(first) = group.first() else { continue };
        let names: Vec<String> = group.iter().map(entry).collect();
        let _ = writeln!(text, "- {}: {}", prefix(first.form), names.join(", "));
    }
    let constants = "- np: pi, e, inf, nan, newaxis; math: pi, e, tau, inf, nan. There is no np.random.";
    let _ = writeln!(text, "{constants}");
    text
}

fn entry(function: &Function) -> String {
    let mark = match function.form {
        Form::Method => "*",
        Form::Everywhere => "**",
        _ => "",
    };
    let params: Vec<&str> = function.params.to_vec();
    let doc = if function.doc.is_empty() { String::new() } else { format!(" ({})", function.doc) };
    format!("`{}({})`{mark}{doc}", function.names.join("/"), params.join(", "))
}
