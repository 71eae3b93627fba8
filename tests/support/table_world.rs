//! A table with things on it, seen by a robot's camera: every length is known.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use image::RgbImage;
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use spatialclaw::{
    answer::AnswerKind,
    error_code::ErrorCode,
    geometry::{DepthNoise, Intrinsics, PoseSigma},
    kernel::{Cell, CellReport, CellStatus, Kernel, KernelContext, Limits, Submission},
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::{
        FrameId, InputProblem, LabelImage, LabelNames, PosedCamera, Snapshot, Stamp, StampedTransform, TfBuffer, View,
    },
};
use tokio_util::sync::CancellationToken;

pub use super::seeing_model;

use super::analytic_scene::{AnalyticScene, RenderedView, Shape, look_at, small_camera, vga_camera};

pub const FLOOR: u32 = 1;
pub const TABLE: u32 = 2;
pub const BOWL: u32 = 3;
pub const MUG: u32 = 5;
pub const RED_CUP: u32 = 7;
pub const BLUE_CUP: u32 = 8;
pub const BOX: u32 = 9;
pub const BOOK: u32 = 10;
pub const PEBBLE: u32 = 11;

pub const STAMP: Stamp = Stamp { nanos: 12_300_000_000 };
pub const TABLE_TOP_M: f64 = 0.7;

/// Standing on a table whose top is at 0.7 m: a mug of radius 0.04 and height 0.10 m, a bowl of radius 0.08 and height 0.06 m with
/// 0.45 m between their axes, two cups, and a box of 0.20 x 0.10 x 0.08 m with a book of 0.08 x 0.06 x 0.03 m on it.
pub fn shapes() -> Vec<(u32, Shape)> {
    let cylinder = |x, y, radius_m, height_m| Shape::Cylinder {
        base_center_m: Point3::new(x, y, TABLE_TOP_M),
        radius_m,
        height_m,
    };
    let on_table = |x, y| Point3::new(x, y, TABLE_TOP_M);
    vec![
        (FLOOR, Shape::floor(0.0)),
        (TABLE, Shape::standing_block(Point3::new(1.5, 0.0, 0.0), Vector3::new(0.8, 1.4, TABLE_TOP_M), 0.0)),
        (MUG, cylinder(1.4, 0.25, 0.04, 0.10)),
        (BOWL, cylinder(1.4, -0.20, 0.08, 0.06)),
        (RED_CUP, cylinder(1.7, 0.50, 0.04, 0.09)),
        (BLUE_CUP, cylinder(1.7, -0.50, 0.04, 0.09)),
        (BOX, Shape::standing_block(on_table(1.65, 0.05), Vector3::new(0.20, 0.10, 0.08), 0.0)),
        (BOOK, Shape::standing_block(Point3::new(1.65, 0.05, TABLE_TOP_M + 0.08), Vector3::new(0.08, 0.06, 0.03), 0.0)),
        (PEBBLE, Shape::sphere(Point3::new(1.3, 0.0, TABLE_TOP_M + 0.004), 0.004)),
    ]
}

pub fn names() -> Arc<LabelNames> {
    let names = [
        (FLOOR, "floor"),
        (TABLE, "table"),
        (BOWL, "bowl"),
        (MUG, "mug"),
        (RED_CUP, "red cup"),
        (BLUE_CUP, "blue cup"),
        (BOX, "box"),
        (BOOK, "book"),
        (PEBBLE, "pebble"),
    ];
    let by_id: BTreeMap<u32, (String, f32)> =
        names.into_iter().map(|(id, name)| (id, (name.to_owned(), 0.9))).collect();
    Arc::new(LabelNames { by_id })
}

pub fn scene_of(shapes: Vec<(u32, Shape)>) -> AnalyticScene {
    shapes.into_iter().fold(AnalyticScene::new(), |scene, (label, shape)| scene.with(label, shape))
}

/// The camera's place: 1.4 m high, looking down on the table.
pub fn fixed_from_camera() -> Isometry3<f64> {
    look_at(Point3::new(0.3, 0.0, 1.4), Point3::new(1.5, 0.0, TABLE_TOP_M))
}

/// The robot stands at (0.1, -0.2, 0), turned by 0.3 rad.
pub fn fixed_from_robot() -> Isometry3<f64> {
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 0.3);
    Isometry3::from_parts(Translation3::new(0.1, -0.2, 0.0), turn)
}

pub fn view_of(rendered: &RenderedView, camera: &str, view_idx: usize, stamp: Stamp) -> View {
    let intrinsics: Intrinsics = rendered.intrinsics;
    let (width, height) = (intrinsics.width_px, intrinsics.height_px);
    View {
        camera: camera.into(),
        view_idx,
        stamp,
        optical_frame: FrameId::new(&format!("{camera}_optical_frame")),
        intrinsics,
        depth_noise: DepthNoise::default(),
        depth_range_m: (0.3, 5.0),
        image: Arc::new(RgbImage::from_pixel(width, height, image::Rgb([90, 90, 90]))),
        depth: Ok(Arc::new(rendered.depth_map())),
        labels: Ok(Arc::new(LabelImage {
            width_px: width,
            height_px: height,
            ids: rendered.label_ids.clone().into(),
            names: names(),
        })),
        posed: Ok(PosedCamera {
            fixed_from_camera: rendered.fixed_from_camera,
            sigma: PoseSigma { position_m: 0.002, rotation_rad: 0.001 },
        }),
    }
}

fn link(parent: &str, child: &str, stamp: Stamp, parent_from_child: &Isometry3<f64>) -> StampedTransform {
    let (t, q) = (parent_from_child.translation.vector, parent_from_child.rotation.coords);
    StampedTransform {
        parent: FrameId::new(parent),
        child: FrameId::new(child),
        stamp,
        translation_m: [t.x, t.y, t.z],
        rotation_xyzw: [q.x, q.y, q.z, q.w],
    }
}

pub fn snapshot_of(views: Vec<View>) -> Snapshot {
    let mut buffer = TfBuffer::new(100.0);
    for secs in [-90.0, 0.5] {
        buffer.insert(&link("map", "base_link", STAMP.plus_secs(secs), &fixed_from_robot()), false).unwrap();
    }
    for view in &views {
        let Ok(posed) = &view.posed else { continue };
        let robot_from_camera = fixed_from_robot().inverse() * posed.fixed_from_camera;
        let frame = view.optical_frame.as_str();
        let of_camera = |other: &&View| other.camera == view.camera;
        let is_moving = views
            .iter()
            .filter(of_camera)
            .any(|other| other.posed.as_ref().is_ok_and(|other| other.fixed_from_camera != posed.fixed_from_camera));
        let at = link("base_link", frame, view.stamp, &robot_from_camera);
        // A camera that never moves is known at all times.
        buffer.insert(&at, !is_moving).unwrap();
    }
    buffer.insert(&link("elsewhere", "island", STAMP, &Isometry3::identity()), true).unwrap();
    Snapshot {
        taken_at: STAMP.plus_secs(0.05),
        fixed_frame: FrameId::new("map"),
        robot_frame: FrameId::new("base_link"),
        views,
        transforms: buffer.freeze(),
        tf_sigma: PoseSigma { position_m: 0.005, rotation_rad: 0.002 },
        memory: Default::default(),
        imu: Default::default(),
    }
}

pub fn problem(code: ErrorCode, message: &str) -> InputProblem {
    InputProblem { code, message: message.to_owned() }
}

static RENDERED: LazyLock<RenderedView> =
    LazyLock::new(|| scene_of(shapes()).render(&vga_camera(), &fixed_from_camera()));

/// The one image of camera `front`.
pub fn front_view() -> View {
    view_of(&RENDERED, "front", 0, STAMP)
}

/// Seconds between two of [`moving_views`].
pub const STEP_SECS: f64 = 1.0;
/// The mug moves by this along y from each of [`moving_views`] to the next; in the last it stands where `shapes` has it.
pub const STEP_M: f64 = -0.08;

/// Where the mug's axis is in the frame at `i` of `n`.
pub fn mug_y_m(i: usize, n: usize) -> f64 {
    0.25 - STEP_M * (n - 1 - i) as f64
}

/// Camera `front` at 320x240 px, going slowly forward, while the mug moves to the right.
pub fn moving_views(n: usize) -> Vec<View> {
    (0..n)
        .map(|i| {
            let mut shapes = shapes();
            for (id, shape) in &mut shapes {
                if *id == MUG {
                    *shape = shape.moved(Vector3::new(0.0, mug_y_m(i, n) - 0.25, 0.0));
                }
            }
            let eye = Point3::new(0.2 + 0.04 * i as f64, 0.0, 1.4);
            let rendered = scene_of(shapes).render(&small_camera(), &look_at(eye, Point3::new(1.5, 0.0, TABLE_TOP_M)));
            let before = (n - 1 - i) as f64 * STEP_SECS;
            view_of(&rendered, "front", i, STAMP.plus_secs(-before))
        })
        .collect()
}

pub fn context(snapshot: Snapshot) -> KernelContext {
    let target_frame = snapshot.fixed_frame.clone();
    KernelContext {
        snapshot: Arc::new(snapshot),
        perception: Perception::new(Arc::new(LabelImageSegmenter)),
        vlm: Some(seeing_model::handle(seeing_model::plain_model(), seeing_model::long())),
        question: "how far is the mug from the bowl?".to_owned(),
        answer_kind: AnswerKind::Any,
        choices: Vec::new(),
        target_frame,
        limits: Limits::default(),
        cancel: CancellationToken::new(),
        deadline: Instant::now() + Duration::from_secs(600),
    }
}

/// A kernel on the table world.
pub struct Bench {
    pub kernel: Kernel,
    n_cells: u32,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut KernelContext)) -> Bench {
        let mut context = context(snapshot_of(vec![front_view()]));
        change(&mut context);
        Bench { kernel: Kernel::new(context), n_cells: 0 }
    }

    pub fn run(&mut self, source: &str) -> CellReport {
        self.n_cells += 1;
        self.kernel.run_cell(&Cell { id: self.n_cells, purpose: String::new(), source: source.to_owned() })
    }

    /// Must complete; what it printed.
    pub fn prints(&mut self, source: &str) -> String {
        let report = self.run(source);
        assert_eq!(report.status, CellStatus::Completed, "{source}\n{report:?}");
        report.stdout
    }

    /// `line:column code message` of each mistake.
    pub fn refuses(&mut self, source: &str) -> Vec<String> {
        match self.run(source).status {
            CellStatus::Rejected(errors) => errors.iter().map(error_text).collect(),
            other => panic!("{source}\nis not refused: {other:?}"),
        }
    }

    pub fn fails(&mut self, source: &str) -> String {
        match self.run(source).status {
            CellStatus::Failed(error) => error_text(&error),
            other => panic!("{source}\ndoes not fail: {other:?}"),
        }
    }

    pub fn hits_limit(&mut self, source: &str) -> String {
        match self.run(source).status {
            CellStatus::LimitReached(error) => error.message,
            other => panic!("{source}\nreaches no limit: {other:?}"),
        }
    }

    pub fn submits(&mut self, source: &str) -> Submission {
        let report = self.run(source);
        assert_eq!(report.status, CellStatus::Completed, "{source}\n{report:?}");
        report.submission.unwrap_or_else(|| panic!("{source}\nsubmits nothing"))
    }
}

fn error_text(error: &spatialclaw::kernel::CellError) -> String {
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!("{line}:{column} "),
        (Some(line), None) => format!("{line} "),
        _ => String::new(),
    };
    let code = error.code.map_or(String::new(), |code| format!("{code} "));
    format!("{place}{code}{}", error.message)
}

/// Runs on a thread with the stack that a kernel has.
pub fn on_kernel_thread(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(spatialclaw::kernel::worker::STACK_BYTES).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
