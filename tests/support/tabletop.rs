//! A tabletop with known truth, seen twice by a robot's camera, and the way to ask about it.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each including test uses a part")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use image::RgbImage;
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use spatialclaw::{
    agent::{Agent, Event, EventSink, Goal, Interface, Outcome},
    answer::AnswerKind,
    geometry::{DepthNoise, Intrinsics, PoseSigma},
    llm::offline::OfflineBrain,
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::{
        FrameId, InputProblem, LabelImage, LabelNames, PosedCamera, Snapshot, Stamp, StampedTransform, TfBuffer, View,
    },
};
use tokio_util::sync::CancellationToken;

use super::analytic_scene::{AnalyticScene, Random, RenderedView, Shape, look_at, vga_camera};

pub const TABLE_TOP_M: f64 = 0.7;
pub const FIRST_SECS: i64 = 10;
pub const SECOND_SECS: i64 = 15;
/// Between the two images the mug moves by this.
pub const MUG_SHIFT_M: f64 = 0.20;

const NAMES: [(u32, &str); 11] = [
    (1, "floor"),
    (2, "table"),
    (3, "mug"),
    (4, "box"),
    (5, "book"),
    (6, "red_cup"),
    (7, "bowl"),
    (8, "lemon"),
    (9, "lamp"),
    (10, "cone"),
    (11, "cone"),
];

pub fn id_of(name: &str) -> u32 {
    NAMES.iter().find(|(_, known)| *known == name).unwrap().0
}

/// Everything in the robot's frame: x forward, y left, z up, floor at 0.
pub fn bodies(mug_shift_m: f64) -> AnalyticScene {
    let block = |x, y, z, size: [f64; 3]| Shape::standing_block(Point3::new(x, y, z), Vector3::from(size), 0.0);
    let cylinder =
        |x, y, z, radius_m, height_m| Shape::Cylinder { base_center_m: Point3::new(x, y, z), radius_m, height_m };
    let top = TABLE_TOP_M;
    AnalyticScene::new()
        .with(1, Shape::floor(0.0))
        .with(2, block(1.5, 0.0, 0.0, [1.0, 1.2, top]))
        .with(3, cylinder(1.2, 0.35 - MUG_SHIFT_M + mug_shift_m, top, 0.04, 0.10))
        .with(4, block(1.6, 0.1, top, [0.20, 0.12, 0.15]))
        .with(5, block(1.2, -0.45, top, [0.24, 0.17, 0.03]))
        .with(6, cylinder(1.2, -0.45, top + 0.03, 0.04, 0.17))
        .with(7, block(1.5, -0.25, top, [0.24, 0.24, 0.01]))
        .with(7, block(1.5, -0.365, top, [0.24, 0.01, 0.04]))
        .with(7, block(1.5, -0.135, top, [0.24, 0.01, 0.04]))
        .with(7, block(1.385, -0.25, top, [0.01, 0.24, 0.04]))
        .with(7, block(1.615, -0.25, top, [0.01, 0.24, 0.04]))
        .with(8, Shape::sphere(Point3::new(1.5, -0.25, top + 0.04), 0.03))
        .with(9, Shape::sphere(Point3::new(1.6, 0.1, 1.15), 0.08))
        .with(10, cylinder(1.0, -0.85, 0.0, 0.05, 0.20))
        .with(11, cylinder(1.9, -1.1, 0.0, 0.05, 0.30))
}

/// Where the robot stands: turned and away from the origin, so that frames cannot be mixed up unnoticed.
pub fn map_from_robot() -> Isometry3<f64> {
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 2.0);
    Isometry3::from_parts(Translation3::new(3.0, -1.0, 0.0), turn)
}

pub fn robot_from_camera() -> Isometry3<f64> {
    look_at(Point3::new(-0.6, 0.0, 1.4), Point3::new(1.4, 0.0, 0.65))
}

pub fn intrinsics() -> Intrinsics {
    vga_camera()
}

static RENDERED: LazyLock<[RenderedView; 2]> = LazyLock::new(|| {
    let mut random = Random(7);
    [0.0, MUG_SHIFT_M].map(|shift_m| {
        bodies(shift_m).render(&intrinsics(), &robot_from_camera()).with_noise(&DepthNoise::default(), &mut random)
    })
});

/// The smallest distance between what the camera sees of two things now, without noise.
pub fn visible_distance_m(a: u32, b: u32) -> f64 {
    let (a, b) = (visible_points(a), visible_points(b));
    let nearest = |p: &Point3<f64>| b.iter().map(|q| (p - q).norm_squared()).fold(f64::INFINITY, f64::min);
    a.iter().map(nearest).fold(f64::INFINITY, f64::min).sqrt()
}

/// The smallest distance from a point in the robot's frame to what the camera sees of a thing now, without noise.
pub fn visible_distance_from_m(origin_m: Point3<f64>, a: u32) -> f64 {
    visible_points(a).iter().map(|p| (p - origin_m).norm()).fold(f64::INFINITY, f64::min)
}

fn visible_points(id: u32) -> Vec<Point3<f64>> {
    bodies(MUG_SHIFT_M).dense_points(&intrinsics(), &robot_from_camera(), id, 1)
}

/// Both images.
pub fn snapshot() -> Snapshot {
    let names = LabelNames { by_id: NAMES.iter().map(|(id, name)| (*id, ((*name).to_owned(), 0.9))).collect() };
    snapshot_with(&names)
}

/// Both images, with other names.
pub fn snapshot_with(names: &LabelNames) -> Snapshot {
    let names = Arc::new(names.clone());
    let views = RENDERED
        .iter()
        .zip([FIRST_SECS, SECOND_SECS])
        .enumerate()
        .map(|(view_idx, (rendered, secs))| {
            let fixed_from_camera = map_from_robot() * robot_from_camera();
            view(rendered, &names, view_idx, Stamp { nanos: secs * 1_000_000_000 }, fixed_from_camera)
        })
        .collect();
    Snapshot {
        taken_at: Stamp { nanos: SECOND_SECS * 1_000_000_000 },
        fixed_frame: FrameId::new("map"),
        robot_frame: FrameId::new("base_link"),
        views,
        transforms: transforms(true),
        tf_sigma: PoseSigma::default(),
        memory: Default::default(),
        imu: Default::default(),
    }
}

/// Static transforms: the robot in the map (or not), a gripper on the robot.
pub fn transforms(with_robot: bool) -> spatialclaw::scene::TransformSet {
    let mut buffer = TfBuffer::default();
    let mut insert = |parent: &str, child: &str, parent_from_child: Isometry3<f64>| {
        let q = parent_from_child.rotation;
        let transform = StampedTransform {
            parent: FrameId::new(parent),
            child: FrameId::new(child),
            stamp: Stamp { nanos: 0 },
            translation_m: parent_from_child.translation.vector.into(),
            rotation_xyzw: [q.i, q.j, q.k, q.w],
        };
        buffer.insert(&transform, true).unwrap();
    };
    if with_robot {
        insert("map", "base_link", map_from_robot());
        insert("base_link", "gripper", Isometry3::translation(0.5, 0.0, 1.0));
    }
    insert("map", "camera_optical_frame", map_from_robot() * robot_from_camera());
    buffer.freeze()
}

pub fn view(
    rendered: &RenderedView,
    names: &Arc<LabelNames>,
    view_idx: usize,
    stamp: Stamp,
    fixed_from_camera: Isometry3<f64>,
) -> View {
    let Intrinsics { width_px, height_px, .. } = rendered.intrinsics;
    View {
        camera: "front".into(),
        view_idx,
        stamp,
        optical_frame: FrameId::new("camera_optical_frame"),
        intrinsics: rendered.intrinsics,
        depth_noise: DepthNoise::default(),
        depth_range_m: (0.2, 8.0),
        image: Arc::new(RgbImage::new(width_px, height_px)),
        depth: Ok(Arc::new(rendered.depth_map())),
        labels: Ok(Arc::new(LabelImage {
            width_px,
            height_px,
            ids: rendered.label_ids.clone().into(),
            names: names.clone(),
        })),
        posed: Ok(PosedCamera { fixed_from_camera, sigma: PoseSigma::default() }),
    }
}

pub fn goal(question: &str) -> Goal {
    Goal {
        session_id: "test".into(),
        question: question.into(),
        choices: vec![],
        answer_kind: AnswerKind::Any,
        target_frame: FrameId::new("map"),
        deadline: Instant::now() + Duration::from_secs(120),
        max_steps: 4,
        window_secs: None,
        interface: Interface::Code,
        conversation_id: String::new(),
        earlier: String::new(),
    }
}

pub fn perception() -> Perception {
    Perception::new(Arc::new(LabelImageSegmenter))
}

pub fn offline_agent() -> Agent {
    Agent::new(Arc::new(OfflineBrain), perception())
}

/// Keeps all events.
pub fn recorder() -> (EventSink, Arc<Mutex<Vec<Event>>>) {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let sink = events.clone();
    (Arc::new(move |event| sink.lock().unwrap().push(event)), events)
}

/// Asks, and shows the conversation's cells when the answer is looked at in a failing test.
pub fn solve(agent: &Agent, goal: &Goal, snapshot: &Arc<Snapshot>) -> (Outcome, Vec<Event>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (sink, events) = recorder();
    let outcome = runtime.block_on(agent.solve(goal, snapshot.clone(), &sink, CancellationToken::new()));
    let events = events.lock().unwrap().clone();
    (outcome, events)
}

/// What ran, for the message of a failing test.
pub fn story(events: &[Event]) -> String {
    events
        .iter()
        .map(|event| format!("[{:?} {}]\n{}\n{}\n", event.stage, event.step, event.code, event.output))
        .collect()
}

pub fn problem(code: spatialclaw::error_code::ErrorCode, message: &str) -> InputProblem {
    InputProblem { code, message: message.into() }
}

pub fn label_names(names: &[(u32, &str)]) -> LabelNames {
    LabelNames { by_id: names.iter().map(|(id, name)| (*id, ((*name).to_owned(), 1.0))).collect::<BTreeMap<_, _>>() }
}
