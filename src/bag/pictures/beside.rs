//! What lies beside pictures: intrinsics, names of labels, poses.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
};

use nalgebra::{Matrix3, Rotation3, UnitQuaternion};
use serde_json::Value;

use super::names;
use crate::{
    bag::BagError,
    scene::{LabelNames, Stamp},
};

const POSE_FILES: [&str; 3] = ["poses.txt", "poses_tum.txt", "groundtruth.txt"];
const POSE_SUFFIX: &str = ".pose.txt";
/// Larger files are none of these.
const MAX_BYTES: u64 = 64 << 20;
/// How far columns of a rotation may be from unit length and right angles.
const ROTATION_TOLERANCE: f64 = 0.01;

/// Translation in metres and rotation xyzw of the optical frame.
pub(super) type Pose = ([f64; 3], [f64; 4]);

/// Everything beside the pictures of one folder.
#[derive(Default)]
pub(super) struct Beside {
    /// fx, fy, cx, cy.
    pub intrinsics_px: Option<[f64; 4]>,
    /// Units of depth a metre.
    pub depth_scale: Option<f64>,
    /// Upward direction in the camera.
    pub up: Option<[f64; 3]>,
    /// Names of label values.
    pub label_names: Option<LabelNames>,
    poses: BTreeMap<String, Pose>,
}

impl Beside {
    /// # Errors
    /// [`BagError`] for files that are there and cannot be read.
    pub fn read(folder: &Path) -> Result<Beside, BagError> {
        let mut beside = Beside::default();
        if let Some(json) = json(&folder.join("intrinsics.json"))? {
            let path = folder.join("intrinsics.json");
            beside.intrinsics_px = Some(intrinsics(&json).ok_or_else(|| {
                BagError::damaged(&path, "expected positive numbers fx and fy, and cx and cy, or intrinsic_matrix")
            })?);
            beside.depth_scale = json.get("depth_scale").and_then(Value::as_f64);
            if beside.depth_scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
                return Err(BagError::damaged(&path, "depth_scale is not a positive number"));
            }
            beside.up = json.get("up").and_then(numbers::<3>);
        }
        if let Some(json) = json(&folder.join("labels.json"))? {
            beside.label_names =
                Some(label_names(&json).map_err(|reason| BagError::damaged(&folder.join("labels.json"), reason))?);
        }
        for file in POSE_FILES {
            if let Some(text) = text(&folder.join(file))? {
                beside.poses.extend(trajectory(&text).map_err(|reason| BagError::damaged(&folder.join(file), reason))?);
            }
        }
        let unreadable = |source| BagError::unreadable(folder, source);
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(name) = file.strip_suffix(POSE_SUFFIX)
                && let Some(text) = text(&path)?
            {
                let pose = matrix(&text).ok_or_else(|| BagError::damaged(&path, "expected a rigid 4x4 matrix"))?;
                beside.poses.insert(name.to_owned(), pose);
            }
        }
        Ok(beside)
    }

    /// By the name of a picture, or by its number: `7` stands for `00007`.
    pub fn pose(&self, name: &str) -> Option<Pose> {
        let same_number = || {
            let number: u64 = name.parse().ok()?;
            self.poses.iter().find(|(other, _)| other.parse() == Ok(number)).map(|(_, pose)| *pose)
        };
        self.poses.get(name).copied().or_else(same_number)
    }

    /// Poses at times of their own.
    pub fn timed_poses(&self) -> impl Iterator<Item = (Stamp, Pose)> + '_ {
        self.poses.iter().filter_map(|(name, pose)| Some((names::stamp_in(name)?, *pose)))
    }
}

fn text(path: &Path) -> Result<Option<String>, BagError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BagError::unreadable(path, error)),
    };
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|source| BagError::unreadable(path, source))?;
    Ok(Some(text))
}

fn json(path: &Path) -> Result<Option<Value>, BagError> {
    let Some(text) = text(path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| BagError::damaged(path, format!("it is no JSON: {error}")))
}

fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    numbers.try_into().ok()
}

/// By name, or as Open3D writes them: a matrix, column by column.
fn intrinsics(json: &Value) -> Option<[f64; 4]> {
    let number = |key: &str| json.get(key).and_then(Value::as_f64);
    let by_name = || Some([number("fx")?, number("fy")?, number("cx")?, number("cy")?]);
    let by_matrix = || {
        let [fx, _, _, _, fy, _, cx, cy, _] = numbers::<9>(json.get("intrinsic_matrix")?)?;
        Some([fx, fy, cx, cy])
    };
    by_name().or_else(by_matrix).filter(|[fx, fy, ..]| *fx > 0.0 && *fy > 0.0)
}

fn label_names(json: &Value) -> Result<LabelNames, String> {
    let object = json.as_object().ok_or("expected an object such as {\"1\": \"table\"}")?;
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for (id, name) in object {
        ids.push(id.parse::<u32>().map_err(|_| format!("\"{id}\" is no label value"))?);
        names.push(name.as_str().ok_or(format!("the name of {id} is no text"))?.to_owned());
    }
    LabelNames::from_lists(ids, names, Vec::new()).map_err(|problem| problem.message)
}

/// Lines of a name or time, a translation and a quaternion; `#` begins a comment.
fn trajectory(text: &str) -> Result<BTreeMap<String, Pose>, String> {
    let mut poses = BTreeMap::new();
    for (line_idx, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        let [x, y, z, qx, qy, qz, qw] = <[f64; 7]>::try_from(numbers)
            .map_err(|_| format!("line {} is not NAME tx ty tz qx qy qz qw", line_idx + 1))?;
        poses.insert(name.to_owned(), ([x, y, z], [qx, qy, qz, qw]));
    }
    Ok(poses)
}

/// A 4×4 row by row.
fn matrix(text: &str) -> Option<Pose> {
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let m = <[f64; 16]>::try_from(numbers).ok()?;
    let rotation = Matrix3::new(m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]);
    let is_rigid = (rotation.transpose() * rotation - Matrix3::identity()).norm() < ROTATION_TOLERANCE
        && rotation.determinant() > 0.0;
    if !is_rigid || m.iter().any(|number| !number.is_finite()) {
        return None;
    }
    let turn =
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_eps(&rotation, 1e-9, 20, Rotation3::identity()));
    Some(([m[3], m[7], m[11]], [turn.i, turn.j, turn.k, turn.w]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poses_are_read_from_lines_and_matrices() {
        let poses = trajectory("# frame ...\n00003 1 2 3 0 0 0 1 # end\n\n").unwrap();
        assert_eq!(poses, BTreeMap::from([("00003".to_owned(), ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0]))]));
        assert_eq!(trajectory("a 1 2").unwrap_err(), "line 1 is not NAME tx ty tz qx qy qz qw");
        // A quarter turn about z.
        let (at, [x, y, z, w]) = matrix("0 -1 0 5\n1 0 0 6\n0 0 1 7\n0 0 0 1\n").unwrap();
        let half = 0.5_f64.sqrt();
        assert_eq!(at, [5.0, 6.0, 7.0]);
        assert!((x.abs() + y.abs() + (z - half).abs() + (w - half).abs()) < 1e-9);
        assert_eq!(matrix("2 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"), None);
    }

    #[test]
    fn intrinsics_are_read_by_name_and_as_open3d_writes_them() {
        let by_name = serde_json::json!({"fx": 1.0, "fy": 2.0, "cx": 3.0, "cy": 4});
        assert_eq!(intrinsics(&by_name), Some([1.0, 2.0, 3.0, 4.0]));
        let matrix = serde_json::json!({"intrinsic_matrix": [1, 0, 0, 0, 2, 0, 3, 4, 1]});
        assert_eq!(intrinsics(&matrix), Some([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(intrinsics(&serde_json::json!({"fx": 0.0, "fy": 2.0, "cx": 3.0, "cy": 4})), None);
    }
}
