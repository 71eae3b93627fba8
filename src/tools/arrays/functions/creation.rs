//! Making arrays.

use rhai::Dynamic;

use crate::{
    array::{Arr, Grid, elementwise::Whole},
    tools::{
        RhaiResult,
        arrays::{
            call::Call,
            convert,
            declaration::{Form, Function, Run},
        },
    },
};

/// Declarations.
pub const FUNCTIONS: &[Function] = &[
    Function {
        names: &["array", "asarray"],
        params: &["object", "dtype?"],
        form: Form::Everywhere,
        doc: "of a list (nested for more axes), Points, a range or a number",
        example: ("np.array([[1, 2], [3, 4.5]])", "Arr 2x2 [[1.0, 2.0], [3.0, 4.5]]"),
        run: Run::Call(array),
    },
    Function {
        names: &["zeros", "empty"],
        params: &["shape", "dtype?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.zeros([2, 3]).shape", "list [2, 3]"),
        run: Run::Call(|call| filled(call, 0.0)),
    },
    Function {
        names: &["ones"],
        params: &["shape", "dtype?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.ones(2)", "Arr [1.0, 1.0]"),
        run: Run::Call(|call| filled(call, 1.0)),
    },
    Function {
        names: &["full"],
        params: &["shape", "fill_value", "dtype?"],
        form: Form::Np,
        doc: "",
        example: ("np.full(2, 0.5)", "Arr [0.5, 0.5]"),
        run: Run::Call(|call| {
            let like = call.arr(1)?;
            let value = call.number(1)?;
            let full = Arr::filled(&call.shape(0)?, value, &call.work)?.counted_as_whole(like.is_whole());
            kind(call, 2, full)
        }),
    },
    Function {
        names: &["zeros_like", "empty_like"],
        params: &["a", "dtype?"],
        form: Form::Np,
        doc: "",
        example: ("np.zeros_like([1.5, 2])", "Arr [0.0, 0.0]"),
        run: Run::Call(|call| {
            let a = call.arr(0)?;
            kind(call, 1, a.map(Whole::Kept, &call.work, |_| 0.0)?)
        }),
    },
    Function {
        names: &["ones_like"],
        params: &["a", "dtype?"],
        form: Form::Np,
        doc: "",
        example: ("np.ones_like([1.5, 2])", "Arr [1.0, 1.0]"),
        run: Run::Call(|call| {
            let a = call.arr(0)?;
            kind(call, 1, a.map(Whole::Kept, &call.work, |_| 1.0)?)
        }),
    },
    Function {
        names: &["full_like"],
        params: &["a", "fill_value"],
        form: Form::Np,
        doc: "",
        example: ("np.full_like([1.5, 2], 3)", "Arr [3.0, 3.0]"),
        run: Run::Call(|call| {
            let value = call.number(1)?;
            Ok(convert::value(call.arr(0)?.map(Whole::Lost, &call.work, |_| value)?))
        }),
    },
    Function {
        names: &["arange"],
        params: &["start", "stop?", "step?", "dtype?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.arange(3) + np.arange(1, 0, -0.4).len()", "Arr [3, 4, 5]"),
        run: Run::Call(arange),
    },
    Function {
        names: &["linspace"],
        params: &["start", "stop", "num?", "endpoint?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.linspace(0, 1, 5)", "Arr [0.0, 0.25, 0.5, 0.75, 1.0]"),
        run: Run::Call(|call| {
            let is_open = !call.flag(3, true)?;
            Ok(convert::value(Arr::between(call.number(0)?, call.number(1)?, call.count(2, 50)?, is_open, &call.work)?))
        }),
    },
    Function {
        names: &["eye", "identity"],
        params: &["n", "m?", "k?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.eye(2)", "Arr 2x2 [[1.0, 0.0], [0.0, 1.0]]"),
        run: Run::Call(|call| {
            let n = call.count(0, 0)?;
            let offset = call.optional_int(2)?.unwrap_or(0);
            Ok(convert::value(Arr::eye(n, call.count(1, n)?, offset, &call.work)?))
        }),
    },
    Function {
        names: &["diag", "diagonal"],
        params: &["v"],
        form: Form::Method,
        doc: "",
        example: ("np.diag([[1, 2], [3, 4]])", "Arr [1, 4]"),
        run: Run::Call(|call| Ok(convert::value(call.arr(0)?.diagonal(&call.work)?))),
    },
    Function {
        names: &["meshgrid"],
        params: &["x", "y", "indexing?"],
        form: Form::Np,
        doc: "[X, Y], one row per y",
        example: ("np.meshgrid([1, 2], [3, 4])[1]", "Arr 2x2 [[3, 3], [4, 4]]"),
        run: Run::Call(meshgrid),
    },
];

/// Whole numbers when `dtype` says so.
fn kind(call: &Call<'_>, at: usize, arr: Arr) -> RhaiResult<Dynamic> {
    match call.word(at)? {
        None => Ok(convert::value(arr)),
        Some(kind) => super::super::members::as_kind(&arr, &kind),
    }
}

fn array(call: &Call<'_>) -> RhaiResult<Dynamic> {
    if convert::is_of_bools(call.arg(0)) && !call.has(1) {
        return Ok(Dynamic::from(call.bools(0)?));
    }
    kind(call, 1, call.arr(0)?)
}

fn filled(call: &Call<'_>, value: f64) -> RhaiResult<Dynamic> {
    kind(call, 1, Arr::filled(&call.shape(0)?, value, &call.work)?)
}

fn arange(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (start, stop) = match call.has(1) {
        true => (call.arr(0)?, call.arr(1)?),
        false => (Arr::of_one(0.0).counted_as_whole(true), call.arr(0)?),
    };
    let step = call.optional_arr(2)?.unwrap_or_else(|| Arr::of_one(1.0).counted_as_whole(true));
    let is_whole = start.is_whole() && stop.is_whole() && step.is_whole();
    let (Some(from), Some(to), Some(by)) = (start.one(), stop.one(), step.one()) else {
        return Err(call.mistake("start, stop and step must be numbers"));
    };
    if by == 0.0 || !(from.is_finite() && to.is_finite() && by.is_finite()) {
        return Err(call.mistake(format!(
            "start is {from}, stop {to}, step {by}; wanted finite numbers and a step that is not 0"
        )));
    }
    let n = ((to - from) / by).ceil().max(0.0);
    let n = if n < 1e15 { n as usize } else { usize::MAX };
    // As numpy computes them: from the first two values.
    let second = from + by;
    kind(call, 3, Arr::steps(from, second - from, n, &call.work)?.counted_as_whole(is_whole))
}

fn meshgrid(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (x, y) = (call.arr(0)?, call.arr(1)?);
    let (nx, ny) = (x.len(), y.len());
    let is_matrix = call.word(2)?.is_some_and(|word| word == "ij");
    let shape = if is_matrix { [nx, ny] } else { [ny, nx] };
    let lay = |values: &Arr, is_last: bool| -> RhaiResult<Dynamic> {
        let n = values.len();
        let placed = values.reshaped(&if is_last { [1, n] } else { [n, 1] })?;
        let stretched: Grid<f64> = placed.stretched(&shape, &call.work)?;
        Ok(Dynamic::from(Arr::from(stretched).counted_as_whole(values.is_whole())))
    };
    Ok(Dynamic::from_array(vec![lay(&x, !is_matrix)?, lay(&y, is_matrix)?]))
}
