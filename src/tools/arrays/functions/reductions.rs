//! From many values to one, over all of an array or along an axis.

use rhai::Dynamic;

use crate::{
    array::{
        Arr, ArrayError, ArrayResult, Grid, Work, binned,
        elementwise::Whole,
        reduce::{self, Over},
    },
    tools::{
        RhaiResult,
        arrays::{
            call::Call,
            convert,
            declaration::{Form, Function, Run},
        },
    },
};

macro_rules! table {
    ($($form:ident [$($name:literal),+] ($($param:literal),*) $doc:literal $example:literal => $result:literal, $run:expr;)*) => {
        &[$(Function {
            names: &[$($name),+],
            params: &[$($param),*],
            form: Form::$form,
            doc: $doc,
            example: ($example, $result),
            run: Run::Call($run),
        }),*]
    };
}

/// Declarations.
pub const FUNCTIONS: &[Function] = table! {
    Method ["sum"] ("a", "axis?", "keepdims?") "" "np.sum([[1, 2], [3, 4]], 0)" => "Arr [4, 6]", |call| whole(call, |v| Ok(reduce::sum(v)));
    Method ["prod"] ("a", "axis?", "keepdims?") "" "np.prod([2, 3])" => "int 6", |call| whole(call, |v| Ok(v.iter().product()));
    Method ["min", "amin"] ("a", "axis?", "keepdims?") "NaN if there is one" "np.min([3, 1, 2])" => "int 1", |call| whole(call, reduce::smallest);
    Method ["max", "amax"] ("a", "axis?", "keepdims?") "NaN if there is one" "np.max([[3, 1], [2, 5]], #{axis: 1})" => "Arr [3, 5]", |call| whole(call, reduce::largest);
    Method ["ptp"] ("a", "axis?", "keepdims?") "" "np.ptp([3, 1, 7])" => "int 6", |call| whole(call, |v| Ok(reduce::largest(v)? - reduce::smallest(v)?));
    Everywhere ["mean"] ("a", "axis?", "keepdims?") "" "np.mean([1, 2, 6])" => "float 3.0", |call| real(call, reduce::mean);
    Everywhere ["median"] ("a", "axis?", "keepdims?") "" "np.median([1, 9, 3, 4])" => "float 3.5", |call| roomy(call, reduce::median);
    Everywhere ["std"] ("a", "axis?", "ddof?", "keepdims?") "" "np.std([1, 3], #{ddof: 1})" => "float 1.4142135623730951", |call| deviation(call, false, f64::sqrt);
    Everywhere ["var"] ("a", "axis?", "ddof?", "keepdims?") "" "np.var([1, 3])" => "float 1.0", |call| deviation(call, false, |v| v);
    Everywhere ["percentile"] ("a", "q", "axis?") "q from 0 to 100, one or a list" "np.percentile([1, 2, 3, 4], [0, 50])" => "Arr [1.0, 2.5]", |call| quantiles(call, 100.0, false);
    Everywhere ["quantile"] ("a", "q", "axis?") "" "np.quantile([1, 2, 3, 4], 0.5)" => "float 2.5", |call| quantiles(call, 1.0, false);
    Everywhere ["average"] ("a", "axis?", "weights?") "" "np.average([1, 3], #{weights: [3, 1]})" => "float 1.5", average;
    Everywhere ["argmin"] ("a", "axis?") "position of the first NaN if there is one" "np.argmin([3, 1, 2])" => "int 1", |call| positions(call, reduce::smallest_at);
    Everywhere ["argmax"] ("a", "axis?") "position of the first NaN if there is one" "np.argmax([3, 1, 2])" => "int 0", |call| positions(call, reduce::largest_at);
    Np ["any"] ("a", "axis?") "" "np.any([false, true])" => "bool true", |call| truths(call, |v| v.iter().any(|holds| *holds));
    Np ["all"] ("a", "axis?") "" "np.all([[true, false], [true, true]], 1)" => "Bools [false, true]", |call| truths(call, |v| v.iter().all(|holds| *holds));
    Everywhere ["count_nonzero"] ("a", "axis?") "" "np.count_nonzero([0, 3, 4])" => "int 2", counted;
    Everywhere ["nansum"] ("a", "axis?", "keepdims?") "" "np.nansum([1, np.nan])" => "float 1.0", |call| whole(call, |v| Ok(reduce::sum(&reduce::numbers(v))));
    Everywhere ["nanmean"] ("a", "axis?", "keepdims?") "" "np.nanmean([1, np.nan, 3])" => "float 2.0", |call| real(call, |v| of_numbers(v, reduce::mean));
    Everywhere ["nanmedian"] ("a", "axis?", "keepdims?") "" "np.nanmedian([1, np.nan, 3])" => "float 2.0", |call| roomy(call, |v| of_numbers(v, reduce::median));
    Everywhere ["nanstd"] ("a", "axis?", "ddof?", "keepdims?") "" "np.nanstd([1, np.nan, 3])" => "float 1.0", |call| deviation(call, true, f64::sqrt);
    Everywhere ["nanvar"] ("a", "axis?", "ddof?", "keepdims?") "" "np.nanvar([1, np.nan, 3])" => "float 1.0", |call| deviation(call, true, |v| v);
    Everywhere ["nanmin"] ("a", "axis?", "keepdims?") "" "np.nanmin([2, np.nan, 3])" => "float 2.0", |call| whole(call, |v| of_numbers(v, reduce::smallest));
    Everywhere ["nanmax"] ("a", "axis?", "keepdims?") "" "np.nanmax([2, np.nan, 3])" => "float 3.0", |call| whole(call, |v| of_numbers(v, reduce::largest));
    Everywhere ["nanpercentile"] ("a", "q", "axis?") "" "np.nanpercentile([1, np.nan, 3], 50)" => "float 2.0", |call| quantiles(call, 100.0, true);
    Everywhere ["nanargmin"] ("a", "axis?") "" "np.nanargmin([np.nan, 2, 1])" => "int 2", |call| positions(call, |v| reduce::best_number_at(v, true));
    Everywhere ["nanargmax"] ("a", "axis?") "" "np.nanargmax([np.nan, 2, 1])" => "int 1", |call| positions(call, |v| reduce::best_number_at(v, false));
    Method ["cumsum"] ("a", "axis?") "" "np.cumsum([1, 2, 3])" => "Arr [1, 3, 6]", |call| running(call, |a, b| a + b);
    Method ["cumprod"] ("a", "axis?") "" "np.cumprod([1, 2, 3])" => "Arr [1, 2, 6]", |call| running(call, |a, b| a * b);
    Np ["diff"] ("a", "n?", "axis?") "" "np.diff([1, 4, 9])" => "Arr [3, 5]", |call| {
        Ok(convert::value(binned::differences(&call.arr(0)?, call.count(1, 1)?.min(64), call.optional_int(2)?.unwrap_or(-1), &call.work)?))
    };
    Np ["cov"] ("m") "one variable a row" "np.cov([[1, 2, 3], [1, 2, 3]])" => "Arr 2x2 [[1.0, 1.0], [1.0, 1.0]]", |call| {
        Ok(convert::value(covariance(call)?))
    };
    Np ["corrcoef"] ("x", "y?") "one variable a row" "np.corrcoef([1, 2, 3], [3, 2, 1])" => "Arr 2x2 [[1.0, -1.0], [-1.0, 1.0]]", correlation;
};

/// Position of `keepdims` among the parameters.
fn kept(call: &Call<'_>, found: Arr) -> RhaiResult<Dynamic> {
    let keeps = (0..5).find(|at| call.param(*at) == "keepdims").map_or(Ok(false), |at| call.flag(at, false))?;
    if !keeps {
        return Ok(convert::value(found));
    }
    let a = call.arr(0)?;
    let shape = reduce::reduced_shape(a.shape(), &call.over(1)?, true)?;
    Ok(Dynamic::from(found.reshaped(&shape)?))
}

fn whole(call: &Call<'_>, f: impl Fn(&[f64]) -> ArrayResult<f64>) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    kept(call, a.reduced(&call.over(1)?, &call.work, f)?.counted_as_whole(a.is_whole()))
}

fn real(call: &Call<'_>, f: impl Fn(&[f64]) -> ArrayResult<f64>) -> RhaiResult<Dynamic> {
    kept(call, call.arr(0)?.reduced(&call.over(1)?, &call.work, f)?)
}

/// The same, for what needs a copy of the values.
fn roomy(call: &Call<'_>, f: impl Fn(&[f64]) -> ArrayResult<f64>) -> RhaiResult<Dynamic> {
    call.work.room(call.arr(0)?.n_bytes())?;
    real(call, f)
}

/// Of the values that are numbers; NaN when there is none.
fn of_numbers(values: &[f64], f: impl Fn(&[f64]) -> ArrayResult<f64>) -> ArrayResult<f64> {
    let numbers = reduce::numbers(values);
    if numbers.is_empty() && !values.is_empty() { Ok(f64::NAN) } else { f(&numbers) }
}

fn deviation(call: &Call<'_>, skips_nan: bool, of_variance: fn(f64) -> f64) -> RhaiResult<Dynamic> {
    let n_less = call.optional_number(2)?.unwrap_or(0.0);
    let f = |v: &[f64]| Ok(of_variance(reduce::variance(v, n_less)?));
    if skips_nan { roomy(call, |v| of_numbers(v, f)) } else { real(call, f) }
}

fn positions(call: &Call<'_>, f: impl Fn(&[f64]) -> ArrayResult<usize>) -> RhaiResult<Dynamic> {
    let found = call.arr(0)?.reduced(&call.over(1)?, &call.work, |v| Ok(f(v)? as f64))?;
    Ok(convert::value(found.counted_as_whole(true)))
}

fn truths(call: &Call<'_>, f: impl Fn(&[bool]) -> bool) -> RhaiResult<Dynamic> {
    Ok(convert::truth(reduce::reduce(&call.bools(0)?, &call.over(1)?, &call.work, |v| Ok(f(v)))?))
}

fn counted(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let count = |v: &[bool]| Ok(v.iter().filter(|holds| **holds).count() as f64);
    let found = reduce::reduce(&call.bools(0)?, &call.over(1)?, &call.work, count)?;
    Ok(convert::value(Arr::from(found).counted_as_whole(true)))
}

fn quantiles(call: &Call<'_>, whole: f64, skips_nan: bool) -> RhaiResult<Dynamic> {
    let (a, q) = (call.arr(0)?, call.arr(1)?);
    let fractions: Vec<f64> = q.as_slice().iter().map(|q| q / whole).collect();
    call.work.room(a.n_bytes())?;
    let mut found = Vec::new();
    for fraction in fractions {
        let one = |v: &[f64]| {
            let numbers;
            let v = if skips_nan {
                numbers = reduce::numbers(v);
                if numbers.is_empty() && !v.is_empty() {
                    return Ok(f64::NAN);
                }
                &numbers
            } else {
                v
            };
            Ok(reduce::quantiles(v, &[fraction])?.first().copied().unwrap_or(f64::NAN))
        };
        found.push(a.reduced(&call.over(2)?, &call.work, one)?);
    }
    if q.rank() == 0 {
        return Ok(found.into_iter().next().map_or(Dynamic::UNIT, convert::value));
    }
    Ok(convert::value(Arr::stacked(&found, 0, &call.work)?))
}

fn average(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (a, over) = (call.arr(0)?, call.over(1)?);
    let Some(weights) = call.optional_arr(2)? else { return real(call, reduce::mean) };
    let weights = match (&over, weights.rank()) {
        (Over::Axes(axes), 1) if a.rank() > 1 => {
            let axis = crate::array::shape::axis(axes.first().copied().unwrap_or(0), a.rank())?;
            let shape: Vec<usize> = (0..a.rank()).map(|at| if at == axis { weights.len() } else { 1 }).collect();
            weights.reshaped(&shape)?
        }
        _ => weights,
    };
    let weights: Arr = Grid::stretched(&weights, a.shape(), &call.work)?.into();
    let weighted = a.zip(&weights, Whole::Lost, &call.work, |a, w| a * w)?;
    let sum = |a: &Arr| a.reduced(&over, &call.work, |v| Ok(reduce::sum(v)));
    let total = sum(&weights)?;
    if total.as_slice().contains(&0.0) {
        return Err(call.mistake("the weights sum to 0"));
    }
    Ok(convert::value(sum(&weighted)?.zip(&total, Whole::Lost, &call.work, |a, w| a / w)?))
}

fn running(call: &Call<'_>, f: impl Fn(f64, f64) -> f64) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    let found = a.along(
        call.optional_int(1)?,
        |n| n,
        &call.work,
        |lane, out| {
            let mut last = None;
            for value in lane {
                let next = last.map_or(*value, |last| f(last, *value));
                out.push(next);
                last = Some(next);
            }
            Ok(())
        },
    )?;
    Ok(convert::value(found.counted_as_whole(a.is_whole())))
}

fn covariance(call: &Call<'_>) -> RhaiResult<Arr> {
    let m = call.arr(0)?;
    if m.rank() == 1 {
        let row = m.reshaped(&[1, m.len()])?;
        return Ok(binned::covariance(&row, 1.0, &call.work)?.reshaped(&[])?);
    }
    Ok(binned::covariance(&m, 1.0, &call.work)?)
}

fn correlation(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let x = call.arr(0)?;
    let rows = match call.optional_arr(1)? {
        Some(y) => Arr::stacked(&[x.reshaped(&[x.len()])?, y.reshaped(&[y.len()])?], 0, &call.work)?,
        None if x.rank() == 1 => x.reshaped(&[1, x.len()])?,
        None => x,
    };
    let mut found = binned::covariance(&rows, 1.0, &call.work)?;
    let n = rows.shape().first().copied().unwrap_or(0);
    let sigmas: Vec<f64> = (0..n).filter_map(|i| found.as_slice().get(i * (n + 1))).map(|v| v.sqrt()).collect();
    if sigmas.contains(&0.0) {
        return Err(ArrayError::NotComputable("a variable that does not vary has no correlation".to_owned()).into());
    }
    for (i, value) in found.as_mut_slice().iter_mut().enumerate() {
        if let (Some(a), Some(b)) = (sigmas.get(i / n), sigmas.get(i % n)) {
            *value = (*value / a / b).clamp(-1.0, 1.0);
        }
    }
    Ok(convert::value(found))
}
