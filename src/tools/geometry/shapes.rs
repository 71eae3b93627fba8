//! Positions, directions and transforms, as cells hand them in.

use nalgebra::{Isometry3, Matrix4, Quaternion, Translation3, UnitQuaternion, Vector3};
use rhai::{Dynamic, Map};

use crate::{
    array::Arr,
    tools::{ToolError, arguments::describe, arrays::convert::arr},
};

/// Numbers of which none is NaN or infinite: what has no depth has no position.
///
/// # Errors
/// What is no array of numbers, or has such a one.
pub fn finite_arr(value: &Dynamic, what: &str) -> Result<Arr, ToolError> {
    let found = arr(value, what)?;
    match found.as_slice().iter().position(|number| !number.is_finite()) {
        None => Ok(found),
        Some(at) => Err(ToolError::argument(format!(
            "{what} holds {} as number {at} of {}, wanted finite numbers; leave out what has no depth",
            found.as_slice().get(at).copied().unwrap_or(f64::NAN),
            found.len()
        ))),
    }
}

/// Rows of an array as positions.
///
/// # Errors
/// Another last dimension than 3.
pub fn positions<'a>(arr: &'a Arr, what: &str) -> Result<&'a [[f64; 3]], ToolError> {
    if arr.shape().last() != Some(&3) {
        let found = shape_text(arr);
        return Err(ToolError::argument(format!("{what} has the shape {found}, wanted 3 numbers in the last")));
    }
    Ok(arr.as_slice().as_chunks().0)
}

/// `[2, 3]`.
pub fn shape_text(arr: &Arr) -> String {
    format!("{:?}", arr.shape())
}

/// A direction of 3 numbers.
///
/// # Errors
/// Another shape, or no length.
pub fn direction(value: &Dynamic, what: &str) -> Result<Vector3<f64>, ToolError> {
    let [x, y, z] = *finite_arr(value, what)?.as_slice() else {
        let found = describe(value);
        return Err(ToolError::argument(format!("{what} is {found}, wanted [x, y, z]")));
    };
    let vector = Vector3::new(x, y, z);
    if vector.norm() < 1e-12 {
        return Err(ToolError::argument(format!("{what} is a vector of length 0, which has no direction")));
    }
    Ok(vector)
}

/// A transform: 4×4 or 3×4 rows, or what `tools.TF.lookup` returns.
///
/// # Errors
/// Anything else.
pub fn transform_matrix(value: &Dynamic, what: &str) -> Result<Matrix4<f64>, ToolError> {
    if let Some(map) = value.read_lock::<Map>() {
        return Ok(isometry_of(&map, what)?.to_homogeneous());
    }
    let matrix = finite_arr(value, what)?;
    match matrix.shape() {
        [4, 4] => Ok(Matrix4::from_row_slice(matrix.as_slice())),
        [3, 4] => Ok(Matrix4::from_row_iterator(matrix.as_slice().iter().copied().chain([0.0, 0.0, 0.0, 1.0]))),
        _ => {
            let found = shape_text(&matrix);
            Err(ToolError::argument(format!(
                "{what} has the shape {found}, wanted [4, 4], or what tools.TF.lookup returns"
            )))
        }
    }
}

fn isometry_of(map: &Map, what: &str) -> Result<Isometry3<f64>, ToolError> {
    let numbers = |key: &str, n: usize| -> Result<Arr, ToolError> {
        let value = map.get(key).ok_or_else(|| {
            ToolError::argument(format!("{what} is a map without {key}, wanted position and quaternion_xyzw"))
        })?;
        let found = finite_arr(value, key)?;
        if found.len() == n {
            return Ok(found);
        }
        Err(ToolError::argument(format!("{key} of {what} has {} numbers, wanted {n}", found.len())))
    };
    let position = Vector3::from_column_slice(numbers("position", 3)?.as_slice());
    let q = numbers("quaternion_xyzw", 4)?;
    let [x, y, z, w] = q.as_slice() else {
        return Err(ToolError::argument(format!("{what} has no quaternion of 4 numbers")));
    };
    let rotation = UnitQuaternion::try_new(Quaternion::new(*w, *x, *y, *z), 1e-9)
        .ok_or_else(|| ToolError::argument(format!("the quaternion of {what} has no length")))?;
    Ok(Isometry3::from_parts(Translation3::from(position), rotation))
}
