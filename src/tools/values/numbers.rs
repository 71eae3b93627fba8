//! Pixels as arrays.

use rhai::{Array, Dynamic};

use crate::{
    array::{Arr, Bools, Grid},
    geometry::Mask,
    tools::{RhaiResult, ToolError, arguments::describe},
};

/// Most numbers that one array of pixels may hold: 128 MiB.
const MAX_VALUES: usize = 1 << 24;

/// Numbers row by row.
///
/// # Errors
/// When their number does not fit the shape.
pub fn arr(shape: &[usize], values: Vec<f64>) -> RhaiResult<Arr> {
    Arr::new(shape, values).map_err(|error| ToolError::argument(error.to_string()).into())
}

/// Checks that an array over `n_frames` frames of `n_each` values is not too large to make at once.
///
/// # Errors
/// When it is, with what to use instead.
pub fn require_room(n_frames: usize, n_each: usize, instead: &str) -> Result<(), ToolError> {
    let n_values = n_frames.saturating_mul(n_each);
    if n_values <= MAX_VALUES {
        return Ok(());
    }
    Err(ToolError::argument(format!(
        "all {n_frames} frames at once are {n_values} numbers, more than {MAX_VALUES}; go frame by frame: {instead}"
    )))
}

/// A mask as truth values, H×W.
///
/// # Errors
/// Never for a mask that was checked when it was made.
pub fn bools_of(mask: &Mask) -> RhaiResult<Bools> {
    let shape = [mask.height_px() as usize, mask.width_px() as usize];
    Grid::new(&shape, mask.as_slice().to_vec()).map_err(|error| ToolError::argument(error.to_string()).into())
}

/// H×W truth values as a mask.
///
/// # Errors
/// When the rank is not 2.
pub fn mask_of(bools: &Bools, what: &str) -> Result<Mask, ToolError> {
    let [height, width] = bools.shape() else {
        return Err(ToolError::argument(format!(
            "{what} has {} axes, wanted HxW truth values; take one object of one frame: masks.get_mask(frame, object)",
            bools.rank()
        )));
    };
    let size = u32::try_from(*width).ok().zip(u32::try_from(*height).ok());
    let mask = size.and_then(|(width, height)| Mask::new(width, height, bools.as_slice().to_vec()));
    mask.ok_or_else(|| ToolError::argument(format!("{what} is too large for an image")))
}

/// Numbers of a flat list or an Arr; `()` counts as NaN where gaps are allowed.
///
/// # Errors
/// When it is something else.
pub fn numbers(value: &Dynamic, what: &str) -> Result<Vec<f64>, ToolError> {
    if let Some(arr) = value.read_lock::<Arr>() {
        if arr.rank() > 1 {
            return Err(ToolError::argument(format!(
                "{what} has shape {:?}, wanted one row of numbers; choose one, such as {what}[0]",
                arr.shape()
            )));
        }
        return Ok(arr.as_slice().to_vec());
    }
    let Some(list) = value.read_lock::<Array>() else {
        return Err(ToolError::argument(format!("{what} is {}, wanted a list of numbers or an Arr", describe(value))));
    };
    list.iter()
        .enumerate()
        .map(|(i, item)| {
            if item.is_unit() {
                return Ok(f64::NAN);
            }
            item.as_float()
                .or_else(|_| item.as_int().map(|int| int as f64))
                .or_else(|_| crate::tools::arguments::number(item, &format!("{what}[{i}]")))
        })
        .collect()
}
