//! Other shapes, and putting arrays together.

use rhai::Dynamic;

use crate::{
    array::{Arr, Grid, Work, shape},
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
        names: &["reshape"],
        params: &["a", "shape"],
        form: Form::Method,
        doc: "",
        example: ("np.arange(6).reshape(2, -1)", "Arr 2x3 [[0, 1, 2], [3, 4, 5]]"),
        run: Run::Call(|call| {
            let a = call.arr(0)?;
            let shape = shape::resolved(&call.lengths(call.arg(1))?, a.len())?;
            Ok(convert::value(a.reshaped(&shape)?))
        }),
    },
    Function {
        names: &["flatten", "ravel"],
        params: &["a"],
        form: Form::Method,
        doc: "",
        example: ("np.eye(2).flatten()", "Arr [1.0, 0.0, 0.0, 1.0]"),
        run: Run::Call(|call| {
            let a = call.arr(0)?;
            Ok(convert::value(a.reshaped(&[a.len()])?))
        }),
    },
    Function {
        names: &["transpose"],
        params: &["a", "axes?"],
        form: Form::Method,
        doc: "",
        example: ("np.transpose([[1, 2, 3]]).shape", "list [3, 1]"),
        run: Run::Call(|call| {
            let a = call.arr(0)?;
            let order = if call.has(1) { call.shape(1)? } else { Vec::new() };
            Ok(convert::value(Arr::from(a.transposed(&order)?).counted_as_whole(a.is_whole())))
        }),
    },
    Function {
        names: &["squeeze"],
        params: &["a"],
        form: Form::Method,
        doc: "",
        example: ("np.zeros([1, 3, 1]).squeeze().shape", "list [3]"),
        run: Run::Call(|call| same(call, |a| a.squeezed())),
    },
    Function {
        names: &["expand_dims"],
        params: &["a", "axis"],
        form: Form::Np,
        doc: "",
        example: ("np.expand_dims([1, 2], 0).shape", "list [1, 2]"),
        run: Run::Call(|call| {
            let at = call.optional_int(1)?.unwrap_or(0);
            same(call, |a| a.widened(shape::axis(at, a.rank() + 1)?))
        }),
    },
    Function {
        names: &["atleast_2d"],
        params: &["a"],
        form: Form::Np,
        doc: "",
        example: ("np.atleast_2d([1, 2]).shape", "list [1, 2]"),
        run: Run::Call(|call| {
            same(call, |a| match a.rank() {
                0 => a.reshaped(&[1, 1]),
                1 => a.widened(0),
                _ => Ok(a.clone()),
            })
        }),
    },
    Function {
        names: &["flip"],
        params: &["a", "axis?"],
        form: Form::Np,
        doc: "",
        example: ("np.flip([1, 2, 3])", "Arr [3, 2, 1]"),
        run: Run::Call(|call| {
            let axis = call.optional_int(1)?;
            same(call, |a| match axis {
                Some(axis) => a.flipped(axis),
                None => (0..a.rank() as i64).try_fold(a.clone(), |a, axis| a.flipped(axis)),
            })
        }),
    },
    Function {
        names: &["roll"],
        params: &["a", "shift", "axis?"],
        form: Form::Np,
        doc: "",
        example: ("np.roll([1, 2, 3], 1)", "Arr [3, 1, 2]"),
        run: Run::Call(|call| {
            let (shift, axis) = (call.optional_int(1)?.unwrap_or(0), call.optional_int(2)?);
            same(call, |a| match axis {
                Some(axis) => a.rolled(shift, axis),
                None => a.reshaped(&[a.len()])?.rolled(shift, 0)?.reshaped(a.shape()),
            })
        }),
    },
    Function {
        names: &["repeat"],
        params: &["a", "repeats", "axis?"],
        form: Form::Np,
        doc: "",
        example: ("np.repeat([1, 2], 2)", "Arr [1, 1, 2, 2]"),
        run: Run::Call(|call| {
            let (n, axis) = (call.count(1, 1)?, call.optional_int(2)?);
            same(call, |a| match axis {
                Some(axis) => a.repeated(n, axis, &call.work),
                None => a.reshaped(&[a.len()])?.repeated(n, 0, &call.work),
            })
        }),
    },
    Function {
        names: &["tile"],
        params: &["a", "reps"],
        form: Form::Np,
        doc: "",
        example: ("np.tile([1, 2], [2, 1])", "Arr 2x2 [[1, 2], [1, 2]]"),
        run: Run::Call(tile),
    },
    Function {
        names: &["broadcast_to"],
        params: &["a", "shape"],
        form: Form::Np,
        doc: "",
        example: ("np.broadcast_to([1, 2], [2, 2])", "Arr 2x2 [[1, 2], [1, 2]]"),
        run: Run::Call(|call| {
            let shape = call.shape(1)?;
            same(call, |a| a.stretched(&shape, &call.work))
        }),
    },
    Function {
        names: &["concatenate"],
        params: &["arrays", "axis?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.concatenate([[1, 2], [3]])", "Arr [1, 2, 3]"),
        run: Run::Call(|call| {
            let parts = call.arrays(0)?;
            Ok(convert::value(Arr::concatenated(&parts, call.optional_int(1)?.unwrap_or(0), &call.work)?))
        }),
    },
    Function {
        names: &["stack"],
        params: &["arrays", "axis?"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.stack([[1, 2], [3, 4]], 1)", "Arr 2x2 [[1, 3], [2, 4]]"),
        run: Run::Call(|call| {
            Ok(convert::value(Arr::stacked(&call.arrays(0)?, call.optional_int(1)?.unwrap_or(0), &call.work)?))
        }),
    },
    Function {
        names: &["vstack", "row_stack"],
        params: &["arrays"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.vstack([[1, 2], [[3, 4], [5, 6]]]).shape", "list [3, 2]"),
        run: Run::Call(|call| {
            let parts: Result<Vec<Arr>, _> = call.arrays(0)?.iter().map(|part| at_least(part, false)).collect();
            Ok(convert::value(Arr::concatenated(&parts?, 0, &call.work)?))
        }),
    },
    Function {
        names: &["hstack"],
        params: &["arrays"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.hstack([[1, 2], [3]])", "Arr [1, 2, 3]"),
        run: Run::Call(|call| {
            let parts: Result<Vec<Arr>, _> = call
                .arrays(0)?
                .iter()
                .map(|part| if part.rank() == 0 { part.reshaped(&[1]) } else { Ok(part.clone()) })
                .collect();
            let parts = parts?;
            let axis = i64::from(parts.first().is_some_and(|part| part.rank() > 1));
            Ok(convert::value(Arr::concatenated(&parts, axis, &call.work)?))
        }),
    },
    Function {
        names: &["column_stack"],
        params: &["arrays"],
        form: Form::Everywhere,
        doc: "",
        example: ("np.column_stack([[1, 2], [3, 4]])", "Arr 2x2 [[1, 3], [2, 4]]"),
        run: Run::Call(|call| {
            let parts: Result<Vec<Arr>, _> = call.arrays(0)?.iter().map(|part| at_least(part, true)).collect();
            Ok(convert::value(Arr::concatenated(&parts?, 1, &call.work)?))
        }),
    },
    Function {
        names: &["append"],
        params: &["arr", "values", "axis?"],
        form: Form::Np,
        doc: "",
        example: ("np.append([1, 2], 3)", "Arr [1, 2, 3]"),
        run: Run::Call(|call| {
            let (a, b) = (call.arr(0)?, call.arr(1)?);
            let joined = match call.optional_int(2)? {
                Some(axis) => Arr::concatenated(&[a, b], axis, &call.work)?,
                None => Arr::concatenated(&[a.reshaped(&[a.len()])?, b.reshaped(&[b.len()])?], 0, &call.work)?,
            };
            Ok(convert::value(joined))
        }),
    },
    Function {
        names: &["shape"],
        params: &["a"],
        form: Form::Np,
        doc: "",
        example: ("np.shape([[1, 2]])", "list [1, 2]"),
        run: Run::Call(|call| {
            let lengths = call.arr(0)?.shape().iter().map(|n| Dynamic::from_int(*n as i64)).collect();
            Ok(Dynamic::from_array(lengths))
        }),
    },
];

fn same(call: &Call<'_>, f: impl Fn(&Grid<f64>) -> crate::array::ArrayResult<Grid<f64>>) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    Ok(convert::value(Arr::from(f(&a)?).counted_as_whole(a.is_whole())))
}

/// As a matrix: a vector is a row, or a column.
fn at_least(a: &Arr, is_column: bool) -> crate::array::ArrayResult<Arr> {
    match a.rank() {
        0 => a.reshaped(&[1, 1]),
        1 if is_column => a.reshaped(&[a.len(), 1]),
        1 => a.reshaped(&[1, a.len()]),
        _ => Ok(a.clone()),
    }
}

fn tile(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    let counts = call.shape(1)?;
    let mut shape = a.shape().to_vec();
    while shape.len() < counts.len() {
        shape.insert(0, 1);
    }
    let mut tiled = a.reshaped(&shape)?;
    let first = shape.len() - counts.len();
    for (i, n) in counts.iter().enumerate() {
        call.work.room(tiled.n_bytes().saturating_mul(*n))?;
        let copies = vec![tiled.clone(); *n];
        tiled = match n {
            0 => Arr::new(&[0], Vec::new())?,
            _ => Arr::concatenated(&copies, (first + i) as i64, &call.work)?,
        };
    }
    Ok(convert::value(tiled))
}
