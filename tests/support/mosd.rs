//! Real tabletop scenes with human labels (mOSD), as snapshots, and the answers that people gave.
//!
//! Data: `../shared/data/mosd_tabletop` beside the repository, or below `$SPATIALCLAW_SHARED_DATA`.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each including test uses a part")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::RgbImage;
use nalgebra::{Isometry3, Matrix3, Point3, Rotation3, Translation3, UnitQuaternion, Vector3};
use serde_json::Value;
use spatialclaw::{
    answer::AnswerValue,
    geometry::{DepthMap, DepthNoise, Intrinsics, PoseSigma},
    scene::{FrameId, LabelImage, LabelNames, PosedCamera, Snapshot, Stamp, StampedTransform, TfBuffer, View},
};

const NOW: Stamp = Stamp { nanos: 1_000_000_000 };

pub fn data() -> Option<PathBuf> {
    let root = std::env::var_os("SPATIALCLAW_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = root.join("mosd_tabletop");
    folder.join("questions.json").is_file().then_some(folder)
}

pub fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn vector(value: &Value) -> Vector3<f64> {
    Vector3::from_fn(|i, _| value[i].as_f64().unwrap())
}

/// The table's normal in the camera gives up; the camera looks along +x of the fixed frame.
fn fixed_from_camera(plane: &Value) -> Isometry3<f64> {
    let up = vector(&plane["normal_cam"]).normalize();
    let forward = (Vector3::z() - up * up.z).normalize();
    let left = up.cross(&forward);
    let fixed_from_camera = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[forward, left, up]).transpose());
    let rotation = UnitQuaternion::from_rotation_matrix(&fixed_from_camera);
    let table = rotation * Point3::from(vector(&plane["point_cam"]));
    Isometry3::from_parts(Translation3::new(0.0, 0.0, 0.7 - table.z), rotation)
}

pub fn snapshot(folder: &Path, scene: &str) -> Snapshot {
    let read = |kind: &str| image::open(folder.join(format!("{scene}_{kind}.png"))).unwrap();
    let depth = read("depth_mm").into_luma16();
    let (width_px, height_px) = depth.dimensions();
    let depth_m = depth.pixels().map(|p| f32::from(p.0[0]) / 1000.0).collect();
    let ids: Vec<u32> = read("instance").into_luma8().pixels().map(|p| u32::from(p.0[0])).collect();
    let names: BTreeMap<u32, (String, f32)> = ids
        .iter()
        .filter(|id| **id != 0)
        .map(|id| (*id, (if *id == 1 { "table".to_owned() } else { format!("object {id}") }, 1.0)))
        .collect();
    let camera = json(&folder.join("intrinsics.json"));
    let number = |key: &str| camera[key].as_f64().unwrap();
    let fixed_from_camera = fixed_from_camera(&json(&folder.join("gt.json"))[scene]["table_plane"]);

    let mut transforms = TfBuffer::default();
    for (child, translation_m, q) in [
        ("base_link", [0.0, 0.0, 0.0], UnitQuaternion::identity()),
        ("optical", fixed_from_camera.translation.vector.into(), fixed_from_camera.rotation),
    ] {
        let rotation_xyzw = [q.i, q.j, q.k, q.w];
        let (parent, child) = (FrameId::new("map"), FrameId::new(child));
        transforms.insert(&StampedTransform { parent, child, stamp: NOW, translation_m, rotation_xyzw }, true).unwrap();
    }
    let view = View {
        camera: "kinect".into(),
        view_idx: 0,
        stamp: NOW,
        optical_frame: FrameId::new("optical"),
        intrinsics: Intrinsics {
            width_px,
            height_px,
            fx_px: number("fx"),
            fy_px: number("fy"),
            cx_px: number("cx"),
            cy_px: number("cy"),
        },
        depth_noise: DepthNoise::default(),
        depth_range_m: (0.3, 5.0),
        image: Arc::new(RgbImage::new(width_px, height_px)),
        depth: Ok(Arc::new(DepthMap::new(width_px, height_px, depth_m).unwrap())),
        labels: Ok(Arc::new(LabelImage {
            width_px,
            height_px,
            ids: ids.into(),
            names: Arc::new(LabelNames { by_id: names }),
        })),
        posed: Ok(PosedCamera { fixed_from_camera, sigma: PoseSigma::default() }),
    };
    Snapshot {
        taken_at: NOW,
        fixed_frame: FrameId::new("map"),
        robot_frame: FrameId::new("base_link"),
        views: vec![view],
        transforms: transforms.freeze(),
        tf_sigma: PoseSigma::default(),
        memory: Default::default(),
        imu: Default::default(),
    }
}

pub fn fits(found: &AnswerValue, truth: &Value) -> bool {
    let name = |id: &Value| format!("object {id}");
    match found {
        AnswerValue::Number(q) => Some(q.value()) == truth.as_f64(),
        AnswerValue::Text(text) | AnswerValue::Choice { text, .. } => *text == name(truth),
        AnswerValue::List { items, .. } => {
            truth.as_array().is_some_and(|ids| items.iter().eq(ids.iter().map(name).collect::<Vec<_>>().iter()))
        }
        _ => false,
    }
}
