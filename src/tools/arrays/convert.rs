//! Values of a cell as arrays, and arrays as values of a cell.

use std::ops::{Range, RangeInclusive};

use rhai::{Array, Dynamic, ImmutableString};

use super::SessionWork;
use crate::{
    array::{Arr, ArrayError, Bools, Grid, Index, MAX_RANK, Work, shape},
    tools::{
        ToolError,
        arguments::describe,
        values::{MaskValue, MeasurementValue, PointsValue},
    },
};

/// Numbers, from an Arr, a list (nested for more axes), Points, Bools, a range or a single number.
pub fn arr(value: &Dynamic, what: &str) -> Result<Arr, ToolError> {
    optional_arr(value, what)?
        .ok_or_else(|| ToolError::argument(format!("{what} is {}, wanted numbers: an Arr or a list", describe(value))))
}

/// The same; `None` for what is no collection of numbers and no number.
pub fn optional_arr(value: &Dynamic, what: &str) -> Result<Option<Arr>, ToolError> {
    if let Some(arr) = value.read_lock::<Arr>() {
        return Ok(Some(arr.clone()));
    }
    if let Some(number) = scalar(value) {
        return Ok(Some(number));
    }
    if let Some(list) = value.read_lock::<Array>() {
        return Ok(Some(of_list(&list, what)?));
    }
    if let Some(points) = value.read_lock::<PointsValue>() {
        return Ok(Some(of_points(&points)?));
    }
    if let Some(bools) = value.read_lock::<Bools>() {
        return Ok(Some(Arr::from(bools.clone())));
    }
    if let Some(range) = value.read_lock::<Range<i64>>() {
        let n = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
        return Ok(Some(Arr::steps(range.start as f64, 1.0, n, &SessionWork::none())?.counted_as_whole(true)));
    }
    Ok(None)
}

fn scalar(value: &Dynamic) -> Option<Arr> {
    if let Ok(int) = value.as_int() {
        return Some(Arr::of_one(int as f64).counted_as_whole(true));
    }
    if let Ok(float) = value.as_float() {
        return Some(Arr::of_one(float));
    }
    if let Ok(holds) = value.as_bool() {
        return Some(Arr::of_one(f64::from(holds)).counted_as_whole(true));
    }
    value.read_lock::<MeasurementValue>().map(|measurement| Arr::of_one(measurement.quantity.value()))
}

/// K×3.
pub fn of_points(points: &PointsValue) -> Result<Arr, ToolError> {
    let values = points.cloud.points_m.iter().flatten().map(|value| f64::from(*value)).collect();
    Ok(Arr::new(&[points.cloud.len(), 3], values)?)
}

/// Numbers of a nested list, and the shape that all its lists have.
struct Collected {
    values: Vec<f64>,
    is_whole: bool,
}

fn of_list(list: &Array, what: &str) -> Result<Arr, ToolError> {
    let mut collected = Collected { values: Vec::with_capacity(list.len()), is_whole: true };
    let shape = collected.add(list, what, MAX_RANK)?;
    let is_whole = collected.is_whole && !collected.values.is_empty();
    Ok(Arr::new(&shape, collected.values)?.counted_as_whole(is_whole))
}

impl Collected {
    fn add(&mut self, list: &Array, what: &str, depth_left: usize) -> Result<Vec<usize>, ToolError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(ToolError::argument(format!("{what} is nested deeper than {MAX_RANK} lists")));
        };
        let mut inner: Option<Vec<usize>> = None;
        for (i, item) in list.iter().enumerate() {
            let found = match item.read_lock::<Array>() {
                Some(list) => self.add(&list, what, depth_left)?,
                None => self.add_one(item, &format!("{what}[{i}]"))?,
            };
            if inner.as_ref().is_some_and(|inner| *inner != found) {
                let expected = inner.unwrap_or_default();
                return Err(ToolError::argument(format!(
                    "{what}[{i}] is {}, but {what}[0] is {}; rows of one array must be equally long",
                    counted(&found),
                    counted(&expected)
                )));
            }
            inner = Some(found);
        }
        let mut shape = vec![list.len()];
        shape.extend(inner.unwrap_or_default());
        Ok(shape)
    }

    fn add_one(&mut self, item: &Dynamic, what: &str) -> Result<Vec<usize>, ToolError> {
        if let Ok(int) = item.as_int() {
            self.values.push(int as f64);
            return Ok(Vec::new());
        }
        if let Ok(float) = item.as_float() {
            self.is_whole = false;
            self.values.push(float);
            return Ok(Vec::new());
        }
        let Some(arr) = optional_arr(item, what)? else {
            return Err(ToolError::argument(format!("{what} is {}, wanted a number", describe(item))));
        };
        self.is_whole &= arr.is_whole();
        self.values.extend_from_slice(arr.as_slice());
        Ok(arr.shape().to_vec())
    }
}

fn counted(shape: &[usize]) -> String {
    match shape {
        [] => "a number".to_owned(),
        [n] => format!("{n} numbers"),
        _ => format!("{} numbers", shape::text(shape)),
    }
}

/// Truth values, from Bools, a bool, or a list of bools; numbers count as true unless they are 0.
pub fn bools(value: &Dynamic, what: &str) -> Result<Bools, ToolError> {
    if let Some(bools) = value.read_lock::<Bools>() {
        return Ok(bools.clone());
    }
    if let Some(mask) = value.read_lock::<MaskValue>() {
        let shape = [mask.mask.height_px() as usize, mask.mask.width_px() as usize];
        return Ok(Grid::new(&shape, mask.mask.as_slice().to_vec())?);
    }
    let arr = arr(value, what)?;
    Ok(Grid::new(arr.shape(), arr.as_slice().iter().map(|value| *value != 0.0).collect())?)
}

/// Whether every item is a bool, however deep.
pub fn is_of_bools(value: &Dynamic) -> bool {
    if value.is_bool() || value.is::<Bools>() || value.is::<MaskValue>() {
        return true;
    }
    value.read_lock::<Array>().is_some_and(|list| !list.is_empty() && list.iter().all(is_of_bools))
}

/// A single number comes out as such, everything else as an Arr.
pub fn value(arr: Arr) -> Dynamic {
    if arr.rank() > 0 {
        return Dynamic::from(arr);
    }
    arr.one().map_or(Dynamic::UNIT, |value| item(&arr, value))
}

/// One value of `arr`.
pub fn item(arr: &Arr, value: f64) -> Dynamic {
    arr.whole(value).map_or_else(|| Dynamic::from_float(value), Dynamic::from_int)
}

/// A single truth value comes out as such, everything else as Bools.
pub fn truth(bools: Bools) -> Dynamic {
    match bools.one() {
        Some(holds) if bools.rank() == 0 => Dynamic::from_bool(holds),
        _ => Dynamic::from(bools),
    }
}

/// As nested lists.
pub fn list(arr: &Arr, work: &dyn Work) -> Result<Dynamic, ToolError> {
    work.room(arr.len().saturating_mul(std::mem::size_of::<Dynamic>()))?;
    if arr.rank() == 0 {
        return Ok(value(arr.clone()));
    }
    if arr.rank() == 1 {
        return Ok(Dynamic::from_array(arr.as_slice().iter().map(|value| item(arr, *value)).collect()));
    }
    let n_rows = arr.shape().first().copied().unwrap_or(0);
    let rows: Result<Array, ToolError> = (0..n_rows).map(|i| list(&arr.row(i)?, work)).collect();
    Ok(Dynamic::from_array(rows?))
}

/// What stands between the brackets of `x[...]`.
pub fn index(value: &Dynamic) -> Result<Index, ToolError> {
    if let Ok(i) = value.as_int() {
        return Ok(Index::At(i));
    }
    if let Ok(i) = value.as_float() {
        return match i.fract() == 0.0 && i.abs() < 1e15 {
            true => Ok(Index::At(i as i64)),
            false => Err(ToolError::argument(format!("the index is {i}, wanted an integer; use int(x)"))),
        };
    }
    if let Some(range) = value.read_lock::<Range<i64>>() {
        return Ok(Index::Range(Some(range.start), Some(range.end), 1));
    }
    if let Some(range) = value.read_lock::<RangeInclusive<i64>>() {
        let stop = if *range.end() == -1 { None } else { Some(range.end().saturating_add(1)) };
        return Ok(Index::Range(Some(*range.start()), stop, 1));
    }
    if value.is_unit() {
        return Ok(Index::ALL);
    }
    if value.read_lock::<ImmutableString>().is_some_and(|text| text.as_str() == super::NEW_AXIS) {
        return Ok(Index::NewAxis);
    }
    if is_of_bools(value) {
        return Ok(Index::Where(bools(value, "the mask")?));
    }
    if let Some(arr) = optional_arr(value, "the index")? {
        return Ok(Index::Many(arr.positions()?));
    }
    Err(ToolError::argument(format!(
        "the index is {}, wanted an integer, a range such as 1..3, a mask or a list of integers",
        describe(value)
    )))
}

/// One entry of `.nd([...])`, where a list is `[start, stop, step]`.
pub fn nd_index(value: &Dynamic) -> Result<Index, ToolError> {
    let Some(list) = value.read_lock::<Array>() else { return index(value) };
    if is_of_bools(value) {
        return index(value);
    }
    let bound = |item: Option<&Dynamic>| match item {
        None => Ok(None),
        Some(item) if item.is_unit() => Ok(None),
        Some(item) => match index(item)? {
            Index::At(i) => Ok(Some(i)),
            _ => Err(ToolError::argument(format!("a bound of a range is {}, wanted an integer", describe(item)))),
        },
    };
    if !(2..=3).contains(&list.len()) {
        return Err(ToolError::argument(format!(
            "an entry of nd is a list of {}, wanted [start, stop, step]; for a list of positions use np.array([...])",
            list.len()
        )));
    }
    Ok(Index::Range(bound(list.first())?, bound(list.get(1))?, bound(list.get(2))?.unwrap_or(1)))
}

impl From<ArrayError> for ToolError {
    fn from(error: ArrayError) -> Self {
        match error {
            ArrayError::NotComputable(message) => ToolError::not_measurable(message),
            other => ToolError::argument(other.to_string()),
        }
    }
}
