//! Sorting, searching, sets and bins.

use rhai::{Array, Dynamic};

use crate::{
    array::{
        Arr, Work,
        binned::{self, Bins},
        order, select,
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
    Np ["sort"] ("a", "axis?") "a copy; x.sort() sorts x itself and gives it" "np.sort([3, 1, 2])" => "Arr [1, 2, 3]", |call| {
        Ok(convert::value(call.arr(0)?.sorted(axis(call)?, &call.work)?))
    };
    Everywhere ["argsort"] ("a", "axis?") "" "np.argsort([3, 1, 2])" => "Arr [1, 2, 0]", |call| {
        Ok(convert::value(call.arr(0)?.argsorted(axis(call)?, &call.work)?))
    };
    Everywhere ["unique"] ("a", "return_index?", "return_inverse?", "return_counts?", "axis?") "" "np.unique([2, 1, 2], #{return_counts: true})[1]" => "Arr [1, 2]", unique;
    Np ["searchsorted"] ("a", "v", "side?") "" "np.searchsorted([1, 2, 3], 2)" => "int 1", |call| {
        let is_after = call.word(2)?.is_some_and(|side| side == "right");
        let a = call.arr(0)?;
        let found = call.arr(1)?.map(crate::array::elementwise::Whole::Lost, &call.work, |v| {
            order::searchsorted(a.as_slice(), v, is_after) as f64
        })?;
        Ok(convert::value(found.counted_as_whole(true)))
    };
    Np ["digitize"] ("x", "bins") "ascending bins" "np.digitize([0.5, 2.5], [1, 2, 3])" => "Arr [0, 2]", |call| {
        let bins = call.arr(1)?;
        let found = call.arr(0)?.map(crate::array::elementwise::Whole::Lost, &call.work, |v| {
            order::searchsorted(bins.as_slice(), v, true) as f64
        })?;
        Ok(convert::value(found.counted_as_whole(true)))
    };
    Np ["nonzero"] ("a") "one Arr of positions per axis" "np.nonzero([0, 3, 4])[0]" => "Arr [1, 2]", |call| {
        Ok(Dynamic::from_array(select::nonzero(&call.bools(0)?).into_iter().map(Dynamic::from).collect()))
    };
    Np ["argwhere"] ("a") "" "np.argwhere([false, true])" => "Arr 1x1 [[1]]", |call| {
        Ok(convert::value(Arr::stacked(&select::nonzero(&call.bools(0)?), 1, &call.work)?))
    };
    Np ["flatnonzero"] ("a") "" "np.flatnonzero([0, 3, 4])" => "Arr [1, 2]", |call| {
        let bools = call.bools(0)?;
        let flat = bools.reshaped(&[bools.len()])?;
        Ok(select::nonzero(&flat).into_iter().next().map_or(Dynamic::UNIT, Dynamic::from))
    };
    Np ["isin", "in1d"] ("element", "test_elements") "" "np.isin([1, 2], [2, 3])" => "Bools [false, true]", |call| {
        Ok(convert::truth(call.arr(0)?.is_in(&call.arr(1)?, &call.work)?))
    };
    Everywhere ["histogram"] ("a", "bins?", "range?", "weights?") "[counts, edges]" "np.histogram([1, 2, 2, 4], #{bins: 3})[0]" => "Arr [1, 2, 1]", histogram;
    Everywhere ["bincount"] ("x", "weights?", "minlength?") "" "np.bincount([0, 2, 2])" => "Arr [1, 0, 2]", |call| {
        let weights = call.optional_arr(1)?;
        Ok(convert::value(binned::bincount(&call.arr(0)?, weights.as_ref(), call.count(2, 0)?, &call.work)?))
    };
};

/// The last axis unless another is named.
fn axis(call: &Call<'_>) -> RhaiResult<Option<i64>> {
    Ok(Some(call.optional_int(1)?.unwrap_or(-1)))
}

fn unique(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    if let Some(axis) = call.optional_int(4)? {
        if axis != 0 || call.flag(1, false)? || call.flag(2, false)? {
            return Err(call.mistake("along an axis there are only rows (axis 0), without index and inverse"));
        }
        let (rows, counts) = a.unique_rows()?;
        return Ok(match call.flag(3, false)? {
            true => Dynamic::from_array(vec![Dynamic::from(rows), Dynamic::from(Arr::of_counts(counts))]),
            false => Dynamic::from(rows),
        });
    }
    call.work.room(a.n_bytes().saturating_mul(3))?;
    let found = order::unique(a.as_slice());
    let values = Dynamic::from(Arr::of_vec(found.values).counted_as_whole(a.is_whole()));
    let more: Array = [(1, found.first_at), (2, found.inverse), (3, found.counts)]
        .into_iter()
        .map(|(at, list)| Ok(call.flag(at, false)?.then(|| Dynamic::from(Arr::of_counts(list)))))
        .collect::<RhaiResult<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    if more.is_empty() {
        return Ok(values);
    }
    Ok(Dynamic::from_array(std::iter::once(values).chain(more).collect()))
}

fn histogram(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let bins = match call.optional_arr(1)? {
        None => Bins::Count(10),
        Some(bins) if bins.rank() == 0 => Bins::Count(call.count(1, 10)?),
        Some(edges) => Bins::Edges(edges.as_slice().to_vec()),
    };
    let range = call.optional_arr(2)?;
    let range = match range.as_ref().map(|range| range.as_slice()) {
        None => None,
        Some([low, high]) => Some((*low, *high)),
        Some(_) => return Err(call.wanted(2, "[low, high]")),
    };
    let weights = call.optional_arr(3)?;
    let (counts, edges) = binned::histogram(&call.arr(0)?, &bins, range, weights.as_ref(), &call.work)?;
    Ok(Dynamic::from_array(vec![Dynamic::from(counts), Dynamic::from(edges)]))
}
