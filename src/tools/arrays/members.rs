//! Properties, methods and brackets of `Arr`, `Bools`, `KDTree`, and the constants of `np` and `math`.

use std::any::TypeId;

use rhai::{Array, Dynamic, FnPtr, FuncRegistration, ImmutableString, Module, NativeCallContext};

use super::{Math, NEW_AXIS, Numpy, SessionWork, convert};
use crate::{
    array::{Arr, Bools, Grid, Index, Tree, Work, reduce},
    tools::{RhaiResult, ToolError},
};

/// Adds all of them.
pub fn add(module: &mut Module) {
    constants(module);
    arr_properties(module);
    bools_properties(module);
    brackets(module);
    trees(module);
    module.set_iter(TypeId::of::<Arr>(), |value: Dynamic| {
        let arr = value.cast::<Arr>();
        let n = arr.shape().first().copied().unwrap_or(0);
        Box::new((0..n).map(move |i| arr.row(i).map_or(Dynamic::UNIT, convert::value)))
    });
    module.set_iter(TypeId::of::<Bools>(), |value: Dynamic| {
        let bools = value.cast::<Bools>();
        let n = bools.shape().first().copied().unwrap_or(0);
        Box::new((0..n).map(move |i| bools.row(i).map_or(Dynamic::UNIT, convert::truth)))
    });
}

macro_rules! getters {
    ($module:expr, $($name:expr => $get:expr;)*) => {$(
        FuncRegistration::new_getter($name).in_global_namespace().set_into_module($module, $get);
    )*};
}

macro_rules! methods {
    ($module:expr, $($name:expr => $method:expr;)*) => {$(
        FuncRegistration::new($name).in_global_namespace().set_into_module($module, $method);
    )*};
}

fn constants(module: &mut Module) {
    macro_rules! numbers {
        ($type:ty, $($name:literal $value:expr;)*) => {$(
            FuncRegistration::new_getter($name).in_global_namespace().set_into_module(module, |_: &mut $type| $value);
        )*};
    }
    numbers!(Numpy,
        "pi" std::f64::consts::PI;
        "e" std::f64::consts::E;
        "inf" f64::INFINITY;
        "nan" f64::NAN;
        "newaxis" NEW_AXIS.to_owned();
        "float64" "float".to_owned();
        "float32" "float".to_owned();
        "int64" "int".to_owned();
        "int32" "int".to_owned();
        "uint8" "int".to_owned();
        "bool_" "bool".to_owned();
        "linalg" Numpy;
        "spatial" Numpy;
        "distance" Numpy;
    );
    numbers!(Math,
        "pi" std::f64::consts::PI;
        "e" std::f64::consts::E;
        "tau" std::f64::consts::TAU;
        "inf" f64::INFINITY;
        "nan" f64::NAN;
    );
    getters!(module, "random" => |_: &mut Numpy| -> RhaiResult<Dynamic> {
        Err(ToolError::argument(
            "there is no np.random: answers must be reproducible; sample evenly, as in points[np.linspace(0, points.len() - 1, 500).round()]",
        ).into())
    };);
    for name in ["to_string", "to_debug"] {
        methods!(module, name => |_: &mut Numpy| "np".to_owned(););
        methods!(module, name => |_: &mut Math| "math".to_owned(););
    }
}

fn lengths(shape: &[usize]) -> Array {
    shape.iter().map(|length| Dynamic::from_int(*length as i64)).collect()
}

fn n_rows<T: Clone>(grid: &Grid<T>) -> i64 {
    grid.shape().first().copied().unwrap_or(0) as i64
}

fn arr_properties(module: &mut Module) {
    getters!(module,
        "shape" => |a: &mut Arr| lengths(a.shape());
        "ndim" => |a: &mut Arr| a.rank() as i64;
        "size" => |a: &mut Arr| a.len() as i64;
        "len" => |a: &mut Arr| n_rows(a);
        "dtype" => |a: &mut Arr| if a.is_whole() { "int" } else { "float" }.to_owned();
        "T" => |a: &mut Arr| -> RhaiResult<Arr> { Ok(Arr::from(a.transposed(&[])?).counted_as_whole(a.is_whole())) };
        "x" => |a: &mut Arr| coordinate(a, 0);
        "y" => |a: &mut Arr| coordinate(a, 1);
        "z" => |a: &mut Arr| coordinate(a, 2);
    );
    methods!(module,
        "len" => |a: &mut Arr| n_rows(a);
        "to_string" => |a: &mut Arr| a.text();
        "to_debug" => |a: &mut Arr| a.text();
        "tolist" => |c: NativeCallContext, a: &mut Arr| -> RhaiResult<Dynamic> { Ok(convert::list(a, &SessionWork::of(&c))?) };
        "to_list" => |c: NativeCallContext, a: &mut Arr| -> RhaiResult<Dynamic> { Ok(convert::list(a, &SessionWork::of(&c))?) };
        "copy" => |a: &mut Arr| a.clone();
        "map" => |c: NativeCallContext, a: &mut Arr, f: FnPtr| -> RhaiResult<Array> {
            let n = n_rows(a) as usize;
            SessionWork::of(&c).room(n.saturating_mul(std::mem::size_of::<Dynamic>()))?;
            (0..n).map(|i| f.call_within_context(&c, (convert::value(a.row(i)?),))).collect()
        };
        "item" => |a: &mut Arr| -> RhaiResult<Dynamic> { single(a) };
        "astype" => |a: &mut Arr, kind: ImmutableString| as_kind(a, &kind);
        "sort" => |c: NativeCallContext, a: &mut Arr| -> RhaiResult<Arr> {
            *a = a.sorted(Some(-1), &SessionWork::of(&c))?;
            Ok(a.clone())
        };
        "fill" => |a: &mut Arr, value: Dynamic| -> RhaiResult<()> { Ok(a.set_part(&[Index::ALL], &convert::arr(&value, "the value")?, &SessionWork::none())?) };
        "reshape" => |a: &mut Arr, n: i64| reshaped(a, &[n]);
        "reshape" => |a: &mut Arr, n: i64, m: i64| reshaped(a, &[n, m]);
        "reshape" => |a: &mut Arr, n: i64, m: i64, k: i64| reshaped(a, &[n, m, k]);
        "int" => |a: &mut Arr| -> RhaiResult<i64> { Ok(single_number(a)?.trunc() as i64) };
        "float" => |a: &mut Arr| -> RhaiResult<f64> { single_number(a) };
    );
}

/// Column of an N×3 array, or a number of a vector of 3.
fn coordinate(a: &Arr, at: i64) -> RhaiResult<Dynamic> {
    match a.shape() {
        [3] => Ok(convert::value(a.part(&[Index::At(at)], &SessionWork::none())?)),
        [_, 3] => Ok(convert::value(a.part(&[Index::ALL, Index::At(at)], &SessionWork::none())?)),
        other => Err(ToolError::argument(format!(
            ".x .y .z need 3 coordinates, the shape is {}",
            crate::array::shape::text(other)
        ))
        .into()),
    }
}

fn single_number(a: &Arr) -> RhaiResult<f64> {
    a.one().ok_or_else(|| {
        let shape = crate::array::shape::text(a.shape());
        ToolError::argument(format!("the array has shape {shape}, wanted a single number")).into()
    })
}

fn single(a: &Arr) -> RhaiResult<Dynamic> {
    single_number(a).map(|value| convert::item(a, value))
}

fn reshaped(a: &Arr, lengths: &[i64]) -> RhaiResult<Arr> {
    Ok(a.reshaped(&crate::array::shape::resolved(lengths, a.len())?)?)
}

/// `int` cuts after the point, as numpy does; `bool` asks for what is not 0.
pub fn as_kind(a: &Arr, kind: &str) -> RhaiResult<Dynamic> {
    use crate::array::elementwise::{Whole, map};
    let work = SessionWork::none();
    if kind.contains("bool") {
        return Ok(convert::truth(map(a, &work, |value| value != 0.0)?));
    }
    if kind.contains("float") || kind == "f" || kind == "d" {
        return Ok(convert::value(a.clone().counted_as_whole(false)));
    }
    if kind.contains("int") || kind == "i" {
        if let Some(wrong) = a.as_slice().iter().find(|value| !value.is_finite()) {
            return Err(ToolError::argument(format!("{wrong} is no integer; drop or fill such values first")).into());
        }
        return Ok(convert::value(a.map(Whole::Lost, &work, f64::trunc)?.counted_as_whole(true)));
    }
    Err(ToolError::argument(format!("the kind is {kind:?}, wanted \"float\", \"int\" or \"bool\"")).into())
}

fn bools_properties(module: &mut Module) {
    getters!(module,
        "shape" => |b: &mut Bools| lengths(b.shape());
        "ndim" => |b: &mut Bools| b.rank() as i64;
        "size" => |b: &mut Bools| b.len() as i64;
        "len" => |b: &mut Bools| n_rows(b);
        "dtype" => |_: &mut Bools| "bool".to_owned();
        "T" => |b: &mut Bools| -> RhaiResult<Bools> { Ok(b.transposed(&[])?) };
    );
    methods!(module,
        "len" => |b: &mut Bools| n_rows(b);
        "to_string" => |b: &mut Bools| b.text();
        "to_debug" => |b: &mut Bools| b.text();
        "copy" => |b: &mut Bools| b.clone();
        "tolist" => |c: NativeCallContext, b: &mut Bools| truth_list(b, &SessionWork::of(&c));
        "to_list" => |c: NativeCallContext, b: &mut Bools| truth_list(b, &SessionWork::of(&c));
        "astype" => |b: &mut Bools, kind: ImmutableString| as_kind(&Arr::from(b.clone()), &kind);
        "any" => |b: &mut Bools| b.as_slice().iter().any(|holds| *holds);
        "all" => |b: &mut Bools| b.as_slice().iter().all(|holds| *holds);
        "any" => |c: NativeCallContext, b: &mut Bools, axis: i64| -> RhaiResult<Dynamic> {
            let found = reduce::reduce(b, &reduce::Over::axis(axis), &SessionWork::of(&c), |lane| Ok(lane.iter().any(|holds| *holds)))?;
            Ok(convert::truth(found))
        };
        "all" => |c: NativeCallContext, b: &mut Bools, axis: i64| -> RhaiResult<Dynamic> {
            let found = reduce::reduce(b, &reduce::Over::axis(axis), &SessionWork::of(&c), |lane| Ok(lane.iter().all(|holds| *holds)))?;
            Ok(convert::truth(found))
        };
        "nonzero" => |b: &mut Bools| -> Array { crate::array::select::nonzero(b).into_iter().map(Dynamic::from).collect() };
        "flatten" => |b: &mut Bools| -> RhaiResult<Bools> { Ok(b.reshaped(&[b.len()])?) };
        "ravel" => |b: &mut Bools| -> RhaiResult<Bools> { Ok(b.reshaped(&[b.len()])?) };
    );
}

fn truth_list(bools: &Bools, work: &dyn Work) -> RhaiResult<Dynamic> {
    work.room(bools.len().saturating_mul(std::mem::size_of::<Dynamic>()))?;
    if bools.rank() <= 1 {
        return Ok(Dynamic::from_array(bools.as_slice().iter().map(|holds| Dynamic::from_bool(*holds)).collect()));
    }
    let rows: RhaiResult<Array> = (0..n_rows(bools)).map(|i| truth_list(&bools.row(i as usize)?, work)).collect();
    Ok(Dynamic::from_array(rows?))
}

/// Entries of `.nd([...])`.
fn nd(list: &Array) -> RhaiResult<Vec<Index>> {
    list.iter().map(|entry| Ok(convert::nd_index(entry)?)).collect()
}

fn slice(start: &Dynamic, stop: &Dynamic, step: &Dynamic) -> RhaiResult<Vec<Index>> {
    nd(&vec![Dynamic::from_array(vec![start.clone(), stop.clone(), step.clone()])])
}

fn brackets(module: &mut Module) {
    FuncRegistration::new_index_getter().in_global_namespace().set_into_module(
        module,
        |c: NativeCallContext, a: &mut Arr, at: Dynamic| -> RhaiResult<Dynamic> {
            Ok(convert::value(a.part(&[convert::index(&at)?], &SessionWork::of(&c))?))
        },
    );
    FuncRegistration::new_index_setter().in_global_namespace().set_into_module(
        module,
        |c: NativeCallContext, a: &mut Arr, at: Dynamic, value: Dynamic| -> RhaiResult<()> {
            Ok(a.set_part(&[convert::index(&at)?], &convert::arr(&value, "the value")?, &SessionWork::of(&c))?)
        },
    );
    FuncRegistration::new_index_getter().in_global_namespace().set_into_module(
        module,
        |c: NativeCallContext, b: &mut Bools, at: Dynamic| -> RhaiResult<Dynamic> {
            Ok(convert::truth(b.part(&[convert::index(&at)?], &SessionWork::of(&c))?))
        },
    );
    FuncRegistration::new_index_setter().in_global_namespace().set_into_module(
        module,
        |c: NativeCallContext, b: &mut Bools, at: Dynamic, value: Dynamic| -> RhaiResult<()> {
            Ok(b.set_part(&[convert::index(&at)?], &convert::bools(&value, "the value")?, &SessionWork::of(&c))?)
        },
    );
    methods!(module,
        "nd" => |c: NativeCallContext, a: &mut Arr, at: Array| -> RhaiResult<Dynamic> { Ok(convert::value(a.part(&nd(&at)?, &SessionWork::of(&c))?)) };
        "nd" => |c: NativeCallContext, b: &mut Bools, at: Array| -> RhaiResult<Dynamic> { Ok(convert::truth(b.part(&nd(&at)?, &SessionWork::of(&c))?)) };
        "nd_set" => |c: NativeCallContext, a: &mut Arr, at: Array, value: Dynamic| -> RhaiResult<()> {
            Ok(a.set_part(&nd(&at)?, &convert::arr(&value, "the value")?, &SessionWork::of(&c))?)
        };
        "nd_set" => |c: NativeCallContext, b: &mut Bools, at: Array, value: Dynamic| -> RhaiResult<()> {
            Ok(b.set_part(&nd(&at)?, &convert::bools(&value, "the value")?, &SessionWork::of(&c))?)
        };
        "slice" => |c: NativeCallContext, a: &mut Arr, start: Dynamic, stop: Dynamic| -> RhaiResult<Arr> {
            Ok(a.part(&slice(&start, &stop, &Dynamic::UNIT)?, &SessionWork::of(&c))?)
        };
        "slice" => |c: NativeCallContext, a: &mut Arr, start: Dynamic, stop: Dynamic, step: Dynamic| -> RhaiResult<Arr> {
            Ok(a.part(&slice(&start, &stop, &step)?, &SessionWork::of(&c))?)
        };
        "slice" => |c: NativeCallContext, b: &mut Bools, start: Dynamic, stop: Dynamic| -> RhaiResult<Bools> {
            Ok(b.part(&slice(&start, &stop, &Dynamic::UNIT)?, &SessionWork::of(&c))?)
        };
        "slice" => |c: NativeCallContext, b: &mut Bools, start: Dynamic, stop: Dynamic, step: Dynamic| -> RhaiResult<Bools> {
            Ok(b.part(&slice(&start, &stop, &step)?, &SessionWork::of(&c))?)
        };
    );
}

fn trees(module: &mut Module) {
    getters!(module,
        "n" => |t: &mut Tree| t.len() as i64;
        "data" => |t: &mut Tree| t.points().clone();
    );
    methods!(module,
        "len" => |t: &mut Tree| t.len() as i64;
        "to_string" => |t: &mut Tree| format!("KDTree of {} points", t.len());
        "to_debug" => |t: &mut Tree| format!("KDTree of {} points", t.len());
    );
}
