//! Numbers of any shape, as cells hand them in: a number, `[x, y, z]`, lists of these to any depth, Points.

use nalgebra::{Isometry3, Matrix4, Point3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rhai::{Dynamic, Map};

use crate::{
    array::Arr,
    tools::{
        ToolError,
        arguments::{describe, list, number},
        values::PointsValue,
    },
};

/// Numbers in row-major order with their shape; a single number has the shape `[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Length of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// All numbers.
    pub data: Vec<f64>,
}

/// Deeper lists than this are a mistake.
const MAX_RANK: usize = 4;

impl Block {
    /// Reads a value.
    ///
    /// # Errors
    /// Lists of unequal lengths, or of something that is no number.
    pub fn of(value: &Dynamic, what: &str) -> Result<Block, ToolError> {
        if let Some(points) = value.read_lock::<PointsValue>() {
            let data = points.cloud.points_m.iter().flatten().map(|v| f64::from(*v)).collect();
            return Ok(Block { shape: vec![points.cloud.len(), 3], data });
        }
        let mut block = Block { shape: Vec::new(), data: Vec::new() };
        read(value, what, 0, &mut block)?;
        Ok(block)
    }

    /// The same numbers for a cell: one number, or an Arr.
    pub fn into_dynamic(self) -> Dynamic {
        match (self.shape.as_slice(), self.data.first()) {
            ([], Some(only)) => Dynamic::from_float(*only),
            (shape, _) => Arr::new(shape, self.data.clone()).map_or(Dynamic::UNIT, Dynamic::from),
        }
    }

    /// `[2, 3]`.
    pub fn shape_text(&self) -> String {
        format!("{:?}", self.shape)
    }

    /// The last dimension, which must be `n`; the other dimensions are rows.
    ///
    /// # Errors
    /// Another last dimension.
    pub fn rows(&self, n: usize, what: &str) -> Result<Vec<&[f64]>, ToolError> {
        if self.shape.last() != Some(&n) {
            let found = self.shape_text();
            return Err(ToolError::argument(format!("{what} has the shape {found}, wanted {n} numbers in the last")));
        }
        Ok(self.data.chunks_exact(n).collect())
    }

    /// Rows as points.
    ///
    /// # Errors
    /// Another last dimension than 3.
    pub fn points(&self, what: &str) -> Result<Vec<Point3<f64>>, ToolError> {
        let rows = self.rows(3, what)?;
        Ok(rows.into_iter().filter_map(|row| Some(Point3::new(*row.first()?, *row.get(1)?, *row.get(2)?))).collect())
    }
}

fn read(value: &Dynamic, what: &str, depth: usize, block: &mut Block) -> Result<(), ToolError> {
    if !(value.is_array() || value.is::<Arr>()) {
        if depth < block.shape.len() {
            return Err(ToolError::argument(format!("{what} mixes numbers and lists; wanted one shape throughout")));
        }
        block.data.push(number(value, what)?);
        return Ok(());
    }
    let list = list(value, what)?;
    if depth >= MAX_RANK {
        return Err(ToolError::argument(format!("{what} has lists in more than {MAX_RANK} levels")));
    }
    let is_first_visit = block.data.is_empty() && block.shape.len() == depth;
    if is_first_visit {
        block.shape.push(list.len());
    } else if block.shape.get(depth) != Some(&list.len()) {
        return Err(ToolError::argument(format!("{what} has lists of unequal length; wanted one shape throughout")));
    }
    list.iter().try_for_each(|item| read(item, what, depth + 1, block))
}

/// A direction of 3 numbers.
///
/// # Errors
/// Another shape, or no length.
pub fn direction(value: &Dynamic, what: &str) -> Result<Vector3<f64>, ToolError> {
    let block = Block::of(value, what)?;
    let [x, y, z] = block.data.as_slice() else {
        let found = describe(value);
        return Err(ToolError::argument(format!("{what} is {found}, wanted [x, y, z]")));
    };
    let vector = Vector3::new(*x, *y, *z);
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
    let block = Block::of(value, what)?;
    let wanted = || {
        let found = block.shape_text();
        ToolError::argument(format!("{what} has the shape {found}, wanted [4, 4], or what tools.TF.lookup returns"))
    };
    match block.shape.as_slice() {
        [4, 4] => Ok(Matrix4::from_row_slice(&block.data)),
        [3, 4] => {
            let mut data = block.data.clone();
            data.extend([0.0, 0.0, 0.0, 1.0]);
            Ok(Matrix4::from_row_slice(&data))
        }
        _ => Err(wanted()),
    }
}

fn isometry_of(map: &Map, what: &str) -> Result<Isometry3<f64>, ToolError> {
    let numbers = |key: &str, n: usize| -> Result<Vec<f64>, ToolError> {
        let value = map.get(key).ok_or_else(|| {
            ToolError::argument(format!("{what} is a map without {key}, wanted position and quaternion_xyzw"))
        })?;
        let data = Block::of(value, key)?.data;
        if data.len() == n {
            return Ok(data);
        }
        Err(ToolError::argument(format!("{key} of {what} has {} numbers, wanted {n}", data.len())))
    };
    let position = Vector3::from_column_slice(&numbers("position", 3)?);
    let q = numbers("quaternion_xyzw", 4)?;
    let [x, y, z, w] = q.as_slice() else {
        return Err(ToolError::argument(format!("{what} has no quaternion of 4 numbers")));
    };
    let rotation = UnitQuaternion::try_new(Quaternion::new(*w, *x, *y, *z), 1e-9)
        .ok_or_else(|| ToolError::argument(format!("the quaternion of {what} has no length")))?;
    Ok(Isometry3::from_parts(Translation3::from(position), rotation))
}
