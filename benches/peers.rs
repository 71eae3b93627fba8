//! Our half of `make bench`: answers timing requests of `scripts/bench/run.py` on standard input, so that both halves take turns.
//!
//! `peers prepare DIR` writes the scene that both halves read. `peers serve DIR` reads one word a line and prints one line of JSON
//! with the milliseconds it took and what came out, so that the peers' results can be compared as well.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark ends at the first surprise"
)]

#[path = "../tests/support/analytic_scene.rs"]
pub mod analytic_scene;
#[path = "../tests/support/seeing_model.rs"]
pub mod seeing_model;
#[path = "../tests/support/table_world.rs"]
mod table_world;

use std::{
    fs,
    io::BufRead,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use analytic_scene::{AnalyticScene, RenderedView, Shape, look_at};
use nalgebra::{Point3, Vector3};
use serde_json::{Value, json};
use spatialclaw::{
    geometry::Intrinsics,
    kernel::{Cell, CellReport, CellStatus, Kernel, KernelContext, Submission},
    scene::{LabelImage, LabelNames, View},
};
use table_world::{BOWL, FLOOR, MUG, STAMP, context, on_kernel_thread, snapshot_of, view_of};

/// Labels of the two separate things; the table world's names for them are `mug` and `bowl`.
const NEAR: u32 = MUG;
const FAR: u32 = BOWL;

/// Kernels held at once to measure what one takes.
const N_KERNELS: usize = 5000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.as_slice() {
        [mode, dir] if mode == "prepare" => prepare(Path::new(dir)),
        [mode] if mode == "serve" => on_kernel_thread(serve),
        _ => println!("this is one half of `make bench`; it takes: prepare DIR | serve"),
    }
}

/// Images of the two spheres and of the room with heater and door, by size.
const IMAGES: [&str; 4] = ["640x480", "1280x720", "room-640x480", "room-1280x720"];

const HEATER_AND_DOOR: &str = include_str!("../examples/heater_and_door.py");

fn camera(image: &str) -> Intrinsics {
    let (width_px, height_px, focal_px) =
        if image.ends_with("640x480") { (640, 480, 450.0) } else { (1280, 720, 900.0) };
    let (cx_px, cy_px) = (f64::from(width_px) / 2.0 - 0.5, f64::from(height_px) / 2.0 - 0.5);
    Intrinsics { width_px, height_px, fx_px: focal_px, fy_px: focal_px, cx_px, cy_px }
}

fn rendered(image: &str) -> RenderedView {
    if image.starts_with("room") { room(image) } else { two_spheres(image) }
}

/// Two spheres of 0.33 m radius with 1.1 m between their surfaces, over a floor.
fn two_spheres(image: &str) -> RenderedView {
    AnalyticScene::new()
        .with(FLOOR, Shape::floor(0.0))
        .with(NEAR, Shape::sphere(Point3::new(1.5, 0.88, 1.3), 0.33))
        .with(FAR, Shape::sphere(Point3::new(1.5, -0.88, 1.3), 0.33))
        .render(&camera(image), &look_at(Point3::new(0.0, 0.0, 1.3), Point3::new(1.5, 0.0, 1.2)))
}

/// As in the demo: a heater and, 0.35 m beside it, a door, before a wall.
fn room(image: &str) -> RenderedView {
    let block = |x, y, z, size| Shape::standing_block(Point3::new(x, y, z), size, 0.0);
    AnalyticScene::new()
        .with(FLOOR, Shape::floor(0.0))
        .with(0, block(3.9, 0.0, 0.0, Vector3::new(0.1, 8.0, 2.6)))
        .with(NEAR, block(3.76, 0.15, 0.1, Vector3::new(0.12, 0.70, 0.60)))
        .with(FAR, block(3.82, 1.25, 0.0, Vector3::new(0.05, 0.80, 2.0)))
        .render(&camera(image), &look_at(Point3::new(1.2, 0.3, 1.3), Point3::new(3.8, 0.6, 0.8)))
}

/// The image as a view, with its own names in the room.
fn view(image: &str) -> View {
    let mut view = view_of(&rendered(image), "front", 0, STAMP);
    if let (true, Ok(labels)) = (image.starts_with("room"), &view.labels) {
        let names = [(FLOOR, "floor"), (NEAR, "heater"), (FAR, "door")];
        let by_id = names.map(|(id, name)| (id, (name.to_owned(), 0.9))).into();
        view.labels = Ok(Arc::new(LabelImage { names: Arc::new(LabelNames { by_id }), ..LabelImage::clone(labels) }));
    }
    view
}

fn prepare(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for image in IMAGES {
        let view = rendered(image);
        let pose = view.fixed_from_camera.to_homogeneous();
        let i = view.intrinsics;
        let about = json!({
            "width": i.width_px,
            "height": i.height_px,
            "k": [i.fx_px, i.fy_px, i.cx_px, i.cy_px],
            "fixed_from_camera": (0..4).map(|r| (0..4).map(|c| pose[(r, c)]).collect::<Vec<f64>>()).collect::<Vec<_>>(),
            "labels": {"floor": FLOOR, "near": NEAR, "far": FAR},
        });
        fs::write(dir.join(format!("{image}.json")), about.to_string()).unwrap();
        let depth: Vec<u8> = view.depth_map().depth_m().iter().flat_map(|d| d.to_le_bytes()).collect();
        fs::write(dir.join(format!("{image}.depth.f32")), depth).unwrap();
        let labels: Vec<u8> = view.label_ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        fs::write(dir.join(format!("{image}.labels.u32")), labels).unwrap();
    }
    println!("{}", PathBuf::from(dir).display());
}

/// A kernel on one image, and how many cells it has run.
struct Bench {
    kernel: Kernel,
    n_cells: u32,
}

/// What a kernel of one image is given; it may be asked for a day.
fn prepared(image: &str) -> KernelContext {
    let deadline = Instant::now() + Duration::from_secs(86_400);
    KernelContext { deadline, ..context(snapshot_of(vec![view(image)])) }
}

impl Bench {
    fn new(image: &str) -> Bench {
        Bench { kernel: Kernel::new(prepared(image)), n_cells: 0 }
    }

    fn run(&mut self, source: &str) -> CellReport {
        self.n_cells += 1;
        let report =
            self.kernel.run_cell(&Cell { id: self.n_cells, purpose: String::new(), source: source.to_owned() });
        assert_eq!(report.status, CellStatus::Completed, "{source}\n{}", report.stdout);
        report
    }

    /// Milliseconds of the cell, and what it printed.
    fn timed(&mut self, source: &str) -> Value {
        let started = Instant::now();
        let report = self.run(source);
        json!({"ms": started.elapsed().as_secs_f64() * 1e3, "printed": report.stdout.trim()})
    }
}

const SET_UP: &str = r#"
let scene = tools.Reconstruct.Reconstruct(InputImages[0]);
let masks = tools.SAM3.segment_image_by_text(InputImages[0], "floor");
let near = tools.Scene.find("mug");
let far = tools.Scene.find("bowl");
let a = near.points;
let b = far.points;
let all = scene.points[0].points;
let shifted = a.arr + [0.004, 0.003, 0.002];
let tree = np.KDTree(b);
"#;

fn serve() {
    let mut small = Bench::new("640x480");
    let mut large = Bench::new("1280x720");
    for bench in [&mut small, &mut large] {
        bench.run(SET_UP);
    }
    println!("{}", json!({"cores": std::thread::available_parallelism().unwrap().get()}));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let reply = match words.as_slice() {
            ["kernel_start"] => kernel_start(),
            ["kernel_memory"] => kernel_memory(),
            ["heater_and_door", image] => heater_and_door(image),
            ["trivial_cells", n] => trivial_cells(n.parse().unwrap()),
            [name, size] => {
                let bench = if *size == "640x480" { &mut small } else { &mut large };
                bench.timed(cell(name))
            }
            other => panic!("unknown request {other:?}"),
        };
        println!("{reply}");
    }
}

/// The cells that are timed print what the peers' results are compared with; those that only check are not timed.
fn cell(name: &str) -> &'static str {
    match name {
        "count" => "print([a.len(), b.len()]);",
        "check_map" => "let sums = np.nansum(scene.points[0].arr.reshape([-1, 3]), 0); print(list(sums));",
        "check_points" => "print([all.len()] + list(np.mean(all.arr, 0)));",
        "check_masked" => "let m = masks.get_masked_points(scene, 0, 0); print([m.len()] + list(np.mean(m.arr, 0)));",
        "points" => "print(tools.Reconstruct.Reconstruct(InputImages[0]).points[0].points.len());",
        "map" => "print(tools.Reconstruct.Reconstruct(InputImages[0]).points[0].arr.shape[0]);",
        "masked" => "print(masks.get_masked_points(scene, 0, 0).len());",
        "query_apart" => "print(np.KDTree(b).query(a)[0].min());",
        "query_near" => "print(np.KDTree(a).query(shifted)[0].mean());",
        "min_distance" => "print(a.min_distance(b));",
        "surface_distance" => "let d = tools.Geometry.surface_distance(a, b); print([d.value, d.sigma]);",
        "ground_plane" => {
            "let found = tools.Geometry.fit_ground_plane_ransac(all); print(list(found[0]) + [sum(found[1])]);"
        }
        "fit_plane" => "print(list(tools.Geometry.fit_plane(all, [0, 0, 1]).normal));",
        other => panic!("unknown cell {other:?}"),
    }
}

/// A kernel with an image, ready for its first cell.
fn kernel_start() -> Value {
    let prepared = prepared("640x480");
    let started = Instant::now();
    let mut kernel = Kernel::new(prepared);
    let ready_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let report = kernel.run_cell(&Cell { id: 1, purpose: String::new(), source: "1 + 1".to_owned() });
    assert_eq!(report.value.as_deref(), Some("int 2"));
    json!({"ms": ready_ms, "first_cell_ms": started.elapsed().as_secs_f64() * 1e3})
}

/// A goal's kernel from its start to the answer of the example, and what was answered.
fn heater_and_door(image: &str) -> Value {
    let prepared = prepared(image);
    let started = Instant::now();
    let mut kernel = Kernel::new(prepared);
    let report = kernel.run_cell(&Cell { id: 1, purpose: String::new(), source: HEATER_AND_DOOR.to_owned() });
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let Some(Submission::Answer(answer)) = &report.submission else {
        panic!("no answer: {:?} {}", report.status, report.stdout)
    };
    json!({"ms": ms, "cell_ms": report.elapsed.as_secs_f64() * 1e3, "printed": report.stdout, "answer": answer.text,
           "pictures": report.pictures.len()})
}

/// The first cells of a new kernel, check and summary included.
fn trivial_cells(n: u32) -> Value {
    let mut bench = Bench::new("640x480");
    let ms: Vec<f64> = (0..n)
        .map(|_| {
            let started = Instant::now();
            bench.run("1 + 1");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    json!({"ms": ms})
}

/// Memory of one kernel, from many of them: what the process grew by, or what the allocator counted for them, whichever is more. Kernels
/// also use again what earlier work had taken.
fn kernel_memory() -> Value {
    let prepared = prepared("640x480");
    let before = resident_kib();
    let mut held_bytes = 0;
    let kernels: Vec<Kernel> = (0..N_KERNELS)
        .map(|_| {
            let mut kernel = Kernel::new(prepared.clone());
            let cell = Cell { id: 1, purpose: String::new(), source: "let x = 1;".to_owned() };
            held_bytes += kernel.run_cell(&cell).memory.held_bytes;
            kernel
        })
        .collect();
    let grown_mib = (resident_kib() - before) as f64 / 1024.0 / kernels.len() as f64;
    let held_mib = held_bytes as f64 / (1 << 20) as f64 / kernels.len() as f64;
    json!({"mib": grown_mib.max(held_mib), "held_mib": held_mib})
}

fn resident_kib() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
