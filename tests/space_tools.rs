//! Boxes, planes, room, motion, gravity, memory and transforms as cells use them, on a table world in which every length is known.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::analytic_scene;
use crate::support::table_world;

use std::sync::Arc;

use analytic_scene::{Shape, look_at, vga_camera};
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use spatialclaw::{
    kernel::CellStatus,
    scene::{FrameId, ImuSample, MemoryConfig, Snapshot, Stamp, StampedTransform, TfBuffer, View, memory::SceneMemory},
};
use table_world::*;

const THINGS: &str = "let mug = tools.Scene.find(\"mug\"); let bowl = tools.Scene.find(\"bowl\"); \
                      let table = tools.Scene.find(\"table\"); let crate = tools.Scene.find(\"box\");";

/// The number that a cell prints.
fn value(bench: &mut Bench, expression: &str) -> f64 {
    let printed = bench.prints(&format!("print({expression});"));
    printed.trim().parse().unwrap_or_else(|_| panic!("{expression} is {printed}"))
}

/// Value and sigma of a Measurement.
fn measured(bench: &mut Bench, expression: &str) -> (f64, f64) {
    bench.prints(&format!("let it = {expression};"));
    (value(bench, "it.value"), value(bench, "it.sigma"))
}

fn is_true(bench: &mut Bench, expression: &str, truth: f64, most_sigma: f64) {
    let (found, sigma) = measured(bench, expression);
    assert!(sigma > 0.0 && sigma < most_sigma, "{expression}: {found} ± {sigma}");
    assert!((found - truth).abs() <= 3.0 * sigma, "{expression}: {found} ± {sigma}, truth {truth}");
}

fn says(bench: &mut Bench, expression: &str) -> String {
    bench.prints(&format!("print({expression});")).trim_end().to_owned()
}

fn things() -> Bench {
    let mut bench = Bench::new();
    bench.prints(THINGS);
    bench
}

#[test]
fn an_oriented_box_has_the_sides_of_the_thing() {
    let mut bench = things();
    bench.prints("let fitted = tools.Geometry.oriented_box(crate);");
    for (i, truth) in [0.20, 0.10, 0.08].into_iter().enumerate() {
        is_true(&mut bench, &format!("fitted.sides[{i}]"), truth, 0.012);
    }
    is_true(&mut bench, "fitted.volume", 0.0016, 0.0004);
    // Its long side lies along x, which is square to y.
    is_true(&mut bench, "fitted.angle_to([0, 1, 0])", std::f64::consts::FRAC_PI_2, 0.05);
    assert_eq!(says(&mut bench, "fitted.contains([1.65, 0.05, 0.74])"), "true");
    assert_eq!(says(&mut bench, "fitted.contains([1.65, 0.05, 0.84])"), "false");
    assert_eq!(value(&mut bench, "fitted.corners.len()"), 8.0);
}

#[test]
fn planes_measure_heights_distances_and_angles() {
    let mut bench = things();
    bench.prints("let top = tools.Geometry.fit_plane(table, [0, 0, 1]); let front = tools.Geometry.fit_plane(table, [-1, 0, 0]);");
    is_true(&mut bench, "top.offset", 0.7, 0.01);
    is_true(&mut bench, "front.offset", -1.1, 0.01);
    is_true(&mut bench, "top.height_of(mug)", 0.10, 0.01);
    is_true(&mut bench, "top.distance_to([1.5, 0, 1.0])", 0.3, 0.01);
    is_true(&mut bench, "top.distance_to([1.5, 0, 0.2])", -0.5, 0.01);
    is_true(&mut bench, "front.distance_to(bowl)", -0.22, 0.01);
    is_true(&mut bench, "top.angle_to(front)", std::f64::consts::FRAC_PI_2, 0.02);
    is_true(&mut bench, "tools.Geometry.angle_between(top, [0, 0, 1])", std::f64::consts::FRAC_PI_2, 0.02);
    is_true(&mut bench, "tools.Geometry.angle_between([1, 0, 0], front)", std::f64::consts::FRAC_PI_2, 0.02);
    assert!(value(&mut bench, "top.project([1.5, 0.2, 1.0])[2]") - 0.7 < 0.002);
    assert!(value(&mut bench, "top.normal[2]") > 0.999);
    assert!(value(&mut bench, "top.inlier_share") > 0.1 && value(&mut bench, "top.residual") < 0.004);
    assert!(bench.fails("top.angle_to(\"up\")").contains("wanted a Plane, an OrientedBox, an Object, a Direction or"));
}

#[test]
fn room_between_things_is_the_gap_less_what_stands_in_it() {
    let mut bench = things();
    bench.prints("let space = tools.Geometry.free_space_between(mug, bowl);");
    is_true(&mut bench, "space.gap", 0.33, 0.01);
    is_true(&mut bench, "space.width", 0.33, 0.012);
    assert_eq!(says(&mut bench, "space.obstacle == ()"), "true");
    assert!(value(&mut bench, "space.unknown_share") < 0.02);
    is_true(&mut bench, "tools.Geometry.fits([0.1, 0.2, 0.05], mug, bowl).margin", 0.23, 0.012);
    assert_eq!(says(&mut bench, "tools.Geometry.fits([0.5, 0.4, 0.05], mug, bowl).holds"), "false");
    assert_eq!(says(&mut bench, "tools.Geometry.fits(crate, mug, bowl).holds"), "true");
    // The corner of the box at (1.55, 0.10, 0.78) is nearest to the mug's rim, 2 cm higher.
    is_true(&mut bench, "tools.Geometry.clearance(mug)", (0.15f64.hypot(0.15) - 0.04).hypot(0.02), 0.006);
    assert!(says(&mut bench, "tools.Geometry.clearance(mug).method").contains("(box#9)"));

    // A carton in the gap, from y = -0.02 to 0.04, leaves 0.17 on the mug's side and 0.10 on the bowl's.
    let mut shapes = shapes();
    let in_the_way = Shape::standing_block(Point3::new(1.4, 0.01, TABLE_TOP_M), Vector3::new(0.05, 0.06, 0.09), 0.0);
    shapes.push((PEBBLE, in_the_way));
    let rendered = scene_of(shapes).render(&vga_camera(), &fixed_from_camera());
    let view = view_of(&rendered, "front", 0, STAMP);
    let mut bench = Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view])));
    bench.prints(THINGS);
    bench.prints("let space = tools.Geometry.free_space_between(mug, bowl);");
    is_true(&mut bench, "space.gap", 0.33, 0.01);
    is_true(&mut bench, "space.possible", 0.17, 0.012);
    assert_eq!(says(&mut bench, "space.obstacle.name"), "pebble#11");
    assert_eq!(says(&mut bench, "tools.Geometry.fits([0.3, 0.25, 0.05], mug, bowl).holds"), "false");
}

#[test]
fn directions_name_viewpoint_and_axes() {
    let mut bench = things();
    bench.prints(
        "let d = tools.Geometry.direction_of(mug, \"robot\"); let e = tools.Geometry.direction_of(bowl, mug, \"map\");",
    );
    is_true(&mut bench, "d.angle", 0.45f64.atan2(1.3) - 0.3, 0.02);
    is_true(&mut bench, "d.elevation", 0.75f64.atan2(1.3f64.hypot(0.45)), 0.02);
    assert_eq!(says(&mut bench, "d.word"), "in front");
    assert_eq!(says(&mut bench, "d.frame"), "base_link");
    is_true(&mut bench, "e.angle", -std::f64::consts::FRAC_PI_2, 0.05);
    assert_eq!(says(&mut bench, "e.word + e.clear"), "righttrue");
    assert!(says(&mut bench, "e").ends_with("seen from mug#5, axes of map"), "{}", says(&mut bench, "e"));
    let reference = |bench: &mut Bench, relation: &str| says(bench, &format!("{relation}.basis"));
    assert!(
        reference(&mut bench, "tools.Geometry.side_of(mug, \"left\", bowl, \"robot\")")
            .ends_with("; seen from base_link")
    );
    assert!(
        reference(&mut bench, "tools.Geometry.side_of_frame(mug, \"left\", \"map\")").ends_with("; by the axes of map")
    );
    assert!(reference(&mut bench, "tools.Geometry.on_top_of(mug, table)").ends_with("; up is +z of map"));
}

fn tilted_imu(tilt_rad: f64) -> Arc<[ImuSample]> {
    let force = UnitQuaternion::from_euler_angles(tilt_rad, 0.0, 0.0) * Vector3::new(0.0, 0.0, 9.81);
    (0..40)
        .map(|i| ImuSample {
            stamp: STAMP.plus_secs(-0.4 + 0.01 * f64::from(i)),
            frame: FrameId::new("base_link"),
            acceleration_m_per_s2: force.into(),
            turn_rate_rad_per_s: Some([0.0; 3]),
        })
        .collect()
}

#[test]
fn gravity_says_by_whom_and_whether_the_others_agree() {
    let mut bench = Bench::new();
    assert_eq!(says(&mut bench, "tools.Geometry.gravity().source"), "tf");
    assert_eq!(says(&mut bench, "tools.Geometry.gravity().agrees"), "true");
    bench.prints("let by_plane = tools.Geometry.gravity(\"ransac\");");
    assert!(value(&mut bench, "by_plane.up[2]") > 0.9995);
    assert_eq!(says(&mut bench, "by_plane.how"), "normal of the floor#1");
    assert!(bench.fails("tools.Geometry.gravity(\"imu\")").contains("imu: no IMU was heard; set imu.topic"));

    let with_imu = |tilt_rad: f64, frame: &str| {
        let mut snapshot = snapshot_of(vec![front_view()]);
        snapshot.imu = tilted_imu(tilt_rad);
        snapshot.fixed_frame = FrameId::new(frame);
        Bench::with(|context| context.snapshot = Arc::new(snapshot))
    };
    let mut bench = with_imu(0.0, "map");
    assert_eq!(says(&mut bench, "tools.Geometry.gravity(\"imu\").agrees"), "true");
    // A fixed frame that is not level by its name leaves it to the IMU.
    let mut bench = with_imu(0.0, "base_link");
    assert_eq!(says(&mut bench, "tools.Geometry.gravity().source"), "imu");
    let mut bench = with_imu(0.2, "map");
    let printed = bench.prints("let g = tools.Geometry.gravity(); print(g.agrees, g.source);");
    assert!(printed.starts_with("warning: tf and imu disagree about up by 11.5°"), "{printed}");
    assert!(printed.ends_with("false tf\n"), "{printed}");
}

/// Every 0.5 s, the camera 4 cm further; the mug moves by `mug_step_m` each time.
fn moving_views(mug_step_m: Vector3<f64>) -> Vec<View> {
    (0..4)
        .map(|i| {
            let shapes = shapes().into_iter().map(|(id, shape)| match id {
                MUG => (id, shape.moved(mug_step_m * f64::from(i))),
                _ => (id, shape),
            });
            let eye = Point3::new(0.3, 0.04 * f64::from(i), 1.4);
            let camera = look_at(eye, Point3::new(1.5, 0.0, TABLE_TOP_M));
            let rendered = scene_of(shapes.collect()).render(&vga_camera(), &camera);
            view_of(&rendered, "front", i as usize, STAMP.plus_secs(0.5 * (f64::from(i) - 3.0)))
        })
        .collect()
}

#[test]
fn motion_is_the_things_own_and_not_the_cameras() {
    let views = moving_views(Vector3::new(0.0, -0.05, 0.0));
    let mut bench = Bench::with(|context| context.snapshot = Arc::new(snapshot_of(views)));
    bench.prints("let m = tools.Geometry.motion(\"mug\"); let b = tools.Geometry.motion(\"bowl\");");
    assert_eq!(says(&mut bench, "m.state + \" \" + b.state"), "moving static");
    assert_eq!(says(&mut bench, "m.moving.holds && m.moving_now && !b.moving_now && b.heading == ()"), "true");
    is_true(&mut bench, "m.speed", 0.1, 0.02);
    is_true(&mut bench, "m.path_length", 0.15, 0.02);
    let (vy, sigma) = (value(&mut bench, "m.velocity[1]"), value(&mut bench, "m.velocity_sigma[1]"));
    assert!((vy + 0.1).abs() <= 3.0 * sigma, "{vy} ± {sigma}");
    assert!((value(&mut bench, "m.heading") + std::f64::consts::FRAC_PI_2).abs() < 0.15);
    assert_eq!(value(&mut bench, "b.speed.value"), 0.0);
    assert!((value(&mut bench, "m.displacement[1]") + 0.15).abs() < 0.01);
    bench.prints("let masks = tools.SAM3.segment_video_by_text([\"mug\"]); let n = tools.Geometry.motion(masks);");
    assert_eq!(says(&mut bench, "n.state + n.num_images"), "moving4");
    assert_eq!(says(&mut bench, "tools.Geometry.motion(\"mug\", #{window_secs: 0.6}).num_images"), "2");
    let mut one = Bench::new();
    assert!(one.fails("tools.Geometry.motion(\"mug\")").contains("NOT_BUFFERED only one image"));
    assert!(one.fails("tools.Geometry.motion(\"zebra\")").contains("NOT_VISIBLE \"zebra\" is in none of the images"));
}

#[test]
fn a_covered_side_is_told_and_not_measured_short() {
    // A wall hides the right part of the box from the camera: from y = 0.03 on it is out of sight.
    let mut shapes = shapes();
    let wall = Shape::standing_block(Point3::new(1.2, 0.08, TABLE_TOP_M), Vector3::new(0.02, 0.10, 0.40), 0.0);
    shapes.push((PEBBLE, wall));
    let rendered = scene_of(shapes).render(&vga_camera(), &fixed_from_camera());
    let view = view_of(&rendered, "front", 0, STAMP);
    let mut bench = Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view])));
    let failure = bench.fails("tools.Geometry.width(tools.Scene.find(\"box\"))");
    assert!(failure.contains("NOT_MEASURABLE box#9 is partly covered by pebble#11"), "{failure}");
    is_true(&mut bench, "tools.Geometry.height(tools.Scene.find(\"bowl\"))", 0.06, 0.012);
}

#[test]
fn plain_functions_take_any_shape() {
    let mut bench = Bench::new();
    let checks = [
        ("tools.Geometry.euclidean_distance([0, 0, 0], [3, 4, 0])", "5.0"),
        ("tools.Geometry.euclidean_distance([[0, 0], [3, 4]], [0, 0])", "[0.0, 5.0]"),
        ("tools.Geometry.angle_between_vectors([1, 0, 0], [0, 2, 0], #{degrees: true})", "90.0"),
        ("tools.Geometry.angle_between_vectors([1, 0, 0], [-1, 0, 0])", "3.141592653589793"),
        (
            "tools.Geometry.rotation_matrix_from_vectors([1, 0, 0], [1, 0, 0])",
            "[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]",
        ),
        (
            "tools.Geometry.transform_points([[1, 2, 3]], [[1, 0, 0, 10], [0, 1, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])",
            "[[11.0, 22.0, 33.0]]",
        ),
        (
            "tools.Geometry.project_point_to_camera([0.5, 0, 2], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], 100, 100, 50, 40)",
            "[75.0, 40.0]",
        ),
        (
            "tools.Geometry.project_point_to_camera([0, 0, -2], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], 100, 100, 50, 40) == ()",
            "true",
        ),
        ("tools.Geometry.normalized_to_pixel([500, 250, 1000, 1000], 640, 480)", "[320.0, 120.0, 640.0, 480.0]"),
        ("tools.Geometry.normalized_to_pixel([[500, 250]], 640, 480)", "[[320.0, 120.0]]"),
    ];
    for (source, truth) in checks {
        assert_eq!(says(&mut bench, source), truth, "{source}");
    }
    // Opposite directions: half a turn about an axis across.
    bench.prints("let r = tools.Geometry.rotation_matrix_from_vectors([1, 1, 0], [-1, -1, 0]);");
    let turned = says(
        &mut bench,
        "tools.Geometry.transform_points([1, 1, 0], [r[0].tolist() + [0], r[1].tolist() + [0], r[2].tolist() + [0]])",
    );
    let turned: Vec<f64> = turned.trim_matches(['[', ']']).split(", ").map(|number| number.parse().unwrap()).collect();
    assert!((turned[0] + 1.0).abs() < 1e-9 && (turned[1] + 1.0).abs() < 1e-9 && turned[2].abs() < 1e-9, "{turned:?}");
    assert!(
        bench
            .prints("tools.Geometry.normalized_to_pixel([1200, 0], 640, 480);")
            .starts_with("warning: coords go up to 1200")
    );
    bench.prints("let g = tools.Geometry.fit_ground_plane_ransac(tools.Scene.find(\"floor\").points);");
    assert!(value(&mut bench, "g[0][2]") > 0.9999);
    assert_eq!(says(&mut bench, "g[1].len() == tools.Scene.find(\"floor\").points.len() && g[1].all()"), "true");
    bench.prints(
        "let rows = np.array([[[x * 0.01, y * 0.01, 7.0 if x > 15 else 2.0] for x in range(20)] for y in range(30)]);",
    );
    bench.prints("let level = tools.Geometry.fit_ground_plane_ransac(rows);");
    assert_eq!(
        says(&mut bench, "[level[1].shape, level[1].sum(), rows[level[1]][:, 2].max()]"),
        "[[30, 20], 480, 2.0]"
    );
    bench.prints("let unsure = tools.Geometry.fit_ground_plane_ransac(rows, np.where(rows[:, :, 2] > 3, 1.0, 0.1));");
    assert_eq!(says(&mut bench, "[unsure[1].sum(), rows[unsure[1]][:, 2].min()]"), "[120, 7.0]");
    assert_eq!(
        says(&mut bench, "tools.Geometry.fit_ground_plane_ransac([[0, 0, 0], [1, 0, 0], [0, 1, 0]])[0] == ()"),
        "true"
    );
    let mug =
        says(&mut bench, "tools.Geometry.project_point_to_camera(tools.Scene.find(\"mug\").center, InputImages[-1])");
    let mug: Vec<f64> = mug.trim_matches(['[', ']']).split(", ").map(|number| number.parse().unwrap()).collect();
    let labels = front_view().labels.unwrap();
    assert_eq!(labels.ids[mug[1].round() as usize * 640 + mug[0].round() as usize], MUG);
    for (source, hint) in [
        ("tools.Geometry.euclidean_distance([0, 0], [1, 2, 3])", "p has the shape [2] and q [3]"),
        ("tools.Geometry.euclidean_distance(tools.Scene.find(\"mug\"), [1, 2, 3])", "use its .center here"),
        ("tools.Geometry.angle_between_vectors([0, 0, 0], [1, 0, 0])", "u is a vector of length 0"),
        ("tools.Geometry.euclidean_distance([0, np.nan, 0], [1, 2, 3])", "p holds NaN as number 1 of 3"),
        ("tools.Geometry.rotation_matrix_from_vectors([np.inf, 0, 1], [0, 1, 0])", "from holds inf as number 0"),
        ("tools.Geometry.transform_points([1, 2, 3], [[1, 2], [3, 4]])", "matrix has the shape [2, 2], wanted [4, 4]"),
        ("tools.Geometry.normalized_to_pixel([1, 2, 3], 640, 480)", "coords has 3 numbers"),
        (
            "tools.Geometry.transform_points([[1, 2, 3], [1, 2]], tools.TF.lookup(\"map\", \"base_link\"))",
            "rows of one array must be equally long",
        ),
    ] {
        let failure = bench.fails(source);
        assert!(failure.contains(hint), "{source}: {failure}");
    }
}

#[test]
fn quantities_carry_their_sigma() {
    let mut bench = Bench::new();
    bench.prints("let a = measure(3, 0.3); let b = measure(400, 40, \"cm\");");
    assert_eq!(says(&mut bench, "sqrt(a ** 2 + b ** 2)").split(' ').next(), Some("5.000"));
    assert_eq!(says(&mut bench, "a - b"), "-1.000 ± 0.500 m");
    // The same quantity twice: nothing says that its errors cancel.
    assert_eq!(says(&mut bench, "a + a"), "6.000 ± 0.600 m");
    assert_eq!(says(&mut bench, "a.to(\"cm\")"), "300 ± 30 cm");
    assert_eq!(says(&mut bench, "measure(90, 1, \"deg\").degrees"), "90.0");
    assert_eq!(says(&mut bench, "max(a, b)"), "4.000 ± 0.400 m");
    assert_eq!(says(&mut bench, "min(a, 1)"), "1.000 ± 0.000 m");
    assert_eq!(says(&mut bench, "abs(a - b)"), "1.000 ± 0.500 m");
    assert_eq!(says(&mut bench, "a.to(\"cm\") < 400"), "true");
    for (source, hint) in [
        ("a.to(\"deg\")", "the measurement is in m, which deg does not measure"),
        ("measure(1, -1)", "sigma is -1, wanted 0 or more"),
        ("measure(1, 1, \"furlong\")", "unit \"furlong\" is unknown"),
        ("sqrt(a)", "m to the power of 0.5 has no unit here"),
    ] {
        let failure = bench.fails(source);
        assert!(failure.contains(hint), "{source}: {failure}");
    }
}

fn driving_snapshot() -> Snapshot {
    let mut snapshot = snapshot_of(vec![front_view()]);
    let mut buffer = TfBuffer::new(100.0);
    // Straight ahead along the map's y at 0.4 m/s, turning by 0.1 rad/s about the vertical.
    for i in -40..=4 {
        let secs = 0.1 * f64::from(i);
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2 + 0.1 * secs);
        let place = Isometry3::from_parts(Translation3::new(0.0, 0.4 * secs, 0.0), turn);
        let q = place.rotation.coords;
        let transform = StampedTransform {
            parent: FrameId::new("map"),
            child: FrameId::new("base_link"),
            stamp: STAMP.plus_secs(secs),
            translation_m: place.translation.vector.into(),
            rotation_xyzw: [q.x, q.y, q.z, q.w],
        };
        buffer.insert(&transform, false).unwrap();
    }
    snapshot.transforms = buffer.freeze();
    snapshot
}

#[test]
fn transforms_are_known_at_any_buffered_time() {
    let mut bench = Bench::with(|context| context.snapshot = Arc::new(driving_snapshot()));
    let at = |secs: f64| STAMP.as_secs_f64() + secs;
    let near = |found: f64, truth: f64| assert!((found - truth).abs() < 1e-6, "{found} {truth}");
    near(value(&mut bench, &format!("tools.TF.lookup(\"map\", \"base_link\", {}).position[1]", at(-1.0))), -0.4);
    near(value(&mut bench, "tools.TF.lookup(\"map\", \"robot\").matrix[1][0]"), 1.0);
    near(value(&mut bench, "tools.TF.transform([1, 0, 0], \"map\", #{source: \"robot\"})[1]"), 1.0);
    let direction = format!(
        "tools.TF.transform([1, 0, 0], \"map\", #{{source: \"robot\", kind: \"direction\", stamp_secs: {}}})[1]",
        at(-2.0)
    );
    near(value(&mut bench, &direction), 0.2f64.cos());
    near(value(&mut bench, "tools.TF.available(\"map\", \"robot\").from"), at(-4.0));
    near(value(&mut bench, "tools.TF.path(\"robot\").length.value"), 1.6);
    near(value(&mut bench, "tools.TF.path(\"robot\", 1.0).displacement[1]"), 0.4);
    near(value(&mut bench, "tools.TF.path(\"robot\", 1.0).turned"), 0.1);
    near(value(&mut bench, "tools.TF.velocity().speed.value"), 0.4);
    near(value(&mut bench, "tools.TF.velocity(\"robot\").forward"), 0.4);
    near(value(&mut bench, &format!("tools.TF.velocity(\"robot\", {}).turn_rate.value", at(-2.0))), 0.1);
    let late = bench.fails(&format!("tools.TF.lookup(\"map\", \"base_link\", {})", at(3.0)));
    assert!(late.contains("TF_EXTRAPOLATION") && late.ends_with("; available from 8.300 to 12.700"), "{late}");
    assert!(bench.fails("tools.TF.available(\"map\", \"basel_ink\")").contains("TF_UNKNOWN_FRAME"));
}

/// What the next question recalls after `cell` ran on the table world.
fn remembering(cell: &str, config: MemoryConfig) -> (SceneMemory, Arc<Snapshot>) {
    let snapshot = Arc::new(snapshot_of(vec![front_view()]));
    let shared = snapshot.clone();
    let mut bench = Bench::with(|context| context.snapshot = shared);
    assert_eq!(bench.run(cell).status, CellStatus::Completed);
    let mut memory = SceneMemory::new(config);
    memory.remember(snapshot.memory.take_sightings(), &snapshot);
    (memory, snapshot)
}

/// The table world 42 s later, seen from the same place.
fn later(memory: &mut SceneMemory, shapes: Vec<(u32, Shape)>) -> Bench {
    let stamp: Stamp = STAMP.plus_secs(42.0);
    let rendered = scene_of(shapes).render(&vga_camera(), &fixed_from_camera());
    let mut snapshot = snapshot_of(vec![view_of(&rendered, "front", 0, stamp)]);
    snapshot.taken_at = stamp;
    snapshot.memory = memory.freeze(stamp);
    Bench::with(|context| context.snapshot = Arc::new(snapshot))
}

#[test]
fn what_was_measured_is_remembered_and_never_taken_for_what_is_visible() {
    let config = MemoryConfig { drift_m_per_sqrt_s: 0.001, ..MemoryConfig::default() };
    let (mut memory, _) = remembering("tools.Scene.find(\"mug\"); tools.Scene.find_all(\"cup\");", config);
    // A screen in front of the mug: its place is hidden.
    let mut hidden = shapes();
    let screen = Shape::standing_block(Point3::new(1.2, 0.25, TABLE_TOP_M), Vector3::new(0.02, 0.3, 0.3), 0.0);
    hidden.push((PEBBLE, screen));
    let mut bench = later(&mut memory, hidden);
    let failure = bench.fails("tools.Scene.find(\"mug\")");
    assert!(failure.contains("NOT_VISIBLE \"mug\" is not visible to camera front"), "{failure}");
    assert!(failure.contains("; mug#5 was last seen 42.0 s ago at (1."), "{failure}");
    assert!(failure.ends_with("m in map; tools.Scene.recall(\"mug\") tells more"), "{failure}");
    bench.prints("let old = tools.Scene.recall(\"the mug\");");
    assert_eq!(says(&mut bench, "old.label + old.times_seen + old.status"), "mug1seen");
    assert!((value(&mut bench, "old.age_secs") - 42.05).abs() < 0.1);
    assert!((value(&mut bench, "old.sigma") - 0.001 * 42f64.sqrt()).abs() < 0.004);
    // 0.45 m between the axes; the centre of the visible part lies near the axis.
    let (distance, sigma) = measured(&mut bench, "old.distance_to(tools.Scene.find(\"bowl\"))");
    assert!((distance - 0.37).abs() <= 3.0 * sigma + 0.01, "{distance} ± {sigma}");
    assert!(says(&mut bench, "it.method").starts_with("from memory, seen 42."), "{}", says(&mut bench, "it.method"));
    assert_eq!(says(&mut bench, "tools.Scene.remembered().len()"), "3");
    assert!(bench.fails("tools.Scene.recall(\"cup\")").contains("AMBIGUOUS_REFERENT \"cup\" fits 2 remembered things"));
    assert!(
        bench
            .fails("tools.Scene.recall(\"zebra\")")
            .contains("\"zebra\" was measured by no earlier question; remembered: ")
    );
    assert!(
        bench
            .fails("tools.Geometry.surface_distance(old, tools.Scene.find(\"bowl\"))")
            .contains("wanted an Object or Points")
    );

    let gone = shapes().into_iter().filter(|(id, _)| *id != MUG).collect();
    let mut bench = later(&mut memory, gone);
    assert_eq!(says(&mut bench, "tools.Scene.recall(\"mug\").status"), "gone");
    assert!(bench.fails("tools.Scene.find(\"mug\")").contains(", and its place is empty now"));
}
