//! What tools measure, against an analytic scene in which every length is known, and what they answer when they cannot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::analytic_scene;
use crate::support::table_world;

use std::sync::Arc;

use analytic_scene::{look_at, vga_camera};
use nalgebra::{Point3, Vector3};
use spatialclaw::{
    answer::{Answer, AnswerKind, AnswerValue},
    error_code::ErrorCode,
    geometry::{DepthMap, Quantity, Unit},
    kernel::Submission,
    scene::{FrameId, LabelImage, LabelNames},
};
use table_world::*;

const MUG_AND_BOWL: &str = "let mug = tools.Scene.find(\"mug\"); let bowl = tools.Scene.find(\"bowl\"); \
                            let table = tools.Scene.find(\"table\"); let book = tools.Scene.find(\"book\"); \
                            let crate = tools.Scene.find(\"box\");";

fn answer(bench: &mut Bench, source: &str) -> Answer {
    match bench.submits(source) {
        Submission::Answer(answer) => answer,
        other => panic!("{source}: {other:?}"),
    }
}

fn number(bench: &mut Bench, source: &str) -> Quantity {
    match answer(bench, source).value {
        AnswerValue::Number(quantity) => quantity,
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn every_example_of_the_manual_runs() {
    for spec in spatialclaw::tools::all().chain(spatialclaw::tools::values::methods()) {
        let report = Bench::new().run(spec.example);
        assert_eq!(report.status, spatialclaw::kernel::CellStatus::Completed, "{}", spec.path);
        assert!(
            report.submission.is_some() || !report.stdout.is_empty() || !report.pictures.is_empty(),
            "the example of {} shows nothing",
            spec.path
        );
    }
}

#[test]
fn the_manual_is_this() {
    insta::assert_snapshot!(spatialclaw::tools::manual());
}

#[test]
fn lengths_are_true_within_their_sigma() {
    let mut bench = Bench::new();
    bench.prints(MUG_AND_BOWL);
    let robot_to_mug_m = Vector3::new(1.3f64, 0.45, 0.0).norm() - 0.04;
    let truths = [
        ("tools.Geometry.surface_distance(mug, bowl)", 0.45 - 0.04 - 0.08),
        ("tools.Geometry.surface_distance(bowl, mug)", 0.33),
        ("tools.Geometry.height(mug)", 0.10),
        ("tools.Geometry.height(bowl)", 0.06),
        ("tools.Geometry.height(crate)", 0.08),
        ("tools.Geometry.length(table)", 1.4),
        ("tools.Geometry.length(crate)", 0.20),
        ("tools.Geometry.width(crate)", 0.10),
        ("tools.Geometry.distance_to_edge(mug, table)", 0.26),
        ("tools.Geometry.height_above(mug, table, \"top\")", 0.10),
        ("tools.Geometry.height_above(mug, table, \"bottom\")", 0.0),
        ("tools.Geometry.height_above(book, table, \"bottom\")", 0.08),
        ("tools.Geometry.height_above(mug, crate, \"top\")", 0.02),
        ("tools.Geometry.height_above(bowl, crate, \"top\")", -0.02),
        ("tools.Geometry.height_above(bowl, \"floor\", \"bottom\")", 0.7),
        ("tools.Geometry.height_above(table, \"floor\", \"top\")", 0.7),
        ("tools.Geometry.distance_from(\"robot\", mug)", robot_to_mug_m.hypot(0.7)),
        ("tools.Geometry.distance_from(\"base_link\", mug)", robot_to_mug_m.hypot(0.7)),
        ("tools.Geometry.distance_from([1.4, 0.25, 2.8], mug)", 2.0),
    ];
    for (source, truth) in truths {
        let found = number(&mut bench, &format!("ReturnAnswer({source})"));
        assert_eq!(found.unit(), Unit::Metre);
        assert!(found.sigma() > 0.0 && found.sigma() < 0.012, "{source}: {found}");
        assert!((found.value() - truth).abs() <= 3.0 * found.sigma(), "{source}: {found}, truth {truth}");
    }
}

#[test]
fn the_camera_itself_is_an_origin_without_placement_error() {
    let mut bench = Bench::new();
    bench.prints("let cup = tools.Scene.find(\"red cup\");");
    let camera = number(&mut bench, "ReturnAnswer(tools.Geometry.distance_from(\"camera\", cup))");
    let optical = number(&mut bench, "ReturnAnswer(tools.Geometry.distance_from(\"front_optical_frame\", cup))");
    // From (0.3, 0, 1.4) to the nearest rim of the cup at (1.7, 0.5), radius 0.04, top at 0.79.
    let truth = (1.4f64.hypot(0.5) - 0.04).hypot(1.4 - 0.79);
    for found in [camera, optical] {
        assert!((found.value() - truth).abs() <= 3.0 * found.sigma().max(0.0015), "{found}, truth {truth}");
    }
    // The optical frame's origin is the camera itself, so its placement cancels as well.
    assert!((camera.sigma() - optical.sigma()).abs() < 1e-12, "{camera} {optical}");
}

#[test]
fn bearings_are_taken_in_the_asked_frame() {
    let mut bench = Bench::new();
    bench.prints("let mug = tools.Scene.find(\"mug\");");
    let in_map = (0.25f64).atan2(1.4);
    let in_robot = (0.45f64).atan2(1.3) - 0.3;
    for (source, truth, frame) in [
        ("tools.Geometry.bearing(mug)", in_robot, "base_link"),
        ("tools.Geometry.bearing(mug, \"robot\")", in_robot, "base_link"),
        ("tools.Geometry.bearing(mug, \"map\")", in_map, "map"),
    ] {
        let answer = answer(&mut bench, &format!("ReturnAnswer({source})"));
        let AnswerValue::Number(found) = answer.value else { panic!("{source}") };
        assert_eq!(found.unit(), Unit::Radian);
        assert!((found.value() - truth).abs() <= 3.0 * found.sigma(), "{source}: {found}, truth {truth}");
        assert!(answer.evidence.iter().all(|e| e.frame.as_str() == frame), "{source}: {:?}", answer.evidence);
    }
}

#[test]
fn relations_hold_as_the_scene_is_built() {
    let mut bench = Bench::new();
    bench.prints(MUG_AND_BOWL);
    let truths = [
        ("tools.Geometry.side_of(mug, \"left\", bowl, \"robot\")", true),
        ("tools.Geometry.side_of(mug, \"right\", bowl, \"robot\")", false),
        ("tools.Geometry.side_of(mug, \"right\", bowl, [3, 0, 1])", true),
        ("tools.Geometry.side_of(bowl, \"right\", mug, \"camera\")", true),
        ("tools.Geometry.side_of(crate, \"behind\", mug, \"robot\")", true),
        ("tools.Geometry.side_of(mug, \"front\", crate, \"robot\")", true),
        ("tools.Geometry.side_of(mug, \"left\", bowl, crate)", false),
        ("tools.Geometry.side_of_frame(mug, \"front\", \"robot\")", true),
        ("tools.Geometry.side_of_frame(mug, \"left\", \"map\")", true),
        ("tools.Geometry.side_of_frame(bowl, \"left\", \"map\")", false),
        ("tools.Geometry.on_top_of(mug, table)", true),
        ("tools.Geometry.on_top_of(book, crate)", true),
        ("tools.Geometry.on_top_of(book, table)", false),
        ("tools.Geometry.inside(mug, bowl)", false),
        ("!tools.Geometry.inside(mug, bowl)", true),
        ("tools.Geometry.surface_distance(mug, bowl).less_than(0.5)", true),
        ("tools.Geometry.surface_distance(mug, bowl).greater_than(0.5)", false),
        ("tools.Geometry.height(mug).greater_than(tools.Geometry.height(bowl))", true),
    ];
    for (source, truth) in truths {
        let answer = answer(&mut bench, &format!("ReturnAnswer({source})"));
        assert_eq!(answer.value, AnswerValue::Bool(truth), "{source}: {}", answer.text);
        assert!(answer.text.starts_with(if truth { "yes (" } else { "no (" }), "{}", answer.text);
        assert!(!answer.evidence.is_empty(), "{source}");
    }
}

#[test]
fn things_are_ordered_and_supported_as_the_scene_is_built() {
    let mut bench = Bench::new();
    bench.prints("let all = tools.Scene.objects();");
    let list = |bench: &mut Bench, source: &str| match answer(bench, &format!("ReturnAnswer({source})")).value {
        AnswerValue::List { mut items, .. } => {
            if !source.contains("left_to_right") {
                items.sort();
            }
            items
        }
        other => panic!("{source}: {other:?}"),
    };
    let order = "tools.Geometry.order_left_to_right(tools.Scene.find_together([\"bowl\", \"red cup\", \"blue cup\", \"mug\"]), \"robot\")";
    assert_eq!(list(&mut bench, order), ["red cup", "mug", "bowl", "blue cup"]);
    assert_eq!(
        list(&mut bench, "tools.Geometry.resting_on(tools.Scene.find(\"table\"), all)"),
        ["blue cup", "bowl", "box", "mug", "red cup"]
    );
    assert_eq!(
        list(&mut bench, "tools.Geometry.stacked_on(tools.Scene.find(\"table\"), all)"),
        ["blue cup", "book", "bowl", "box", "mug", "red cup"]
    );
    assert_eq!(list(&mut bench, "tools.Geometry.resting_on(tools.Scene.find(\"box\"), all)"), ["book"]);
    assert_eq!(list(&mut bench, "tools.Scene.find_all(\"cup\")"), ["blue cup", "red cup"]);
    assert_eq!(list(&mut bench, "tools.Scene.find_all(\"zebra\")"), Vec::<String>::new());
    let says = |bench: &mut Bench, source: &str| bench.prints(&format!("print({source})"));
    assert_eq!(says(&mut bench, "tools.Geometry.support_of(tools.Scene.find(\"book\"), all).label"), "box\n");
    assert_eq!(says(&mut bench, "tools.Geometry.nearest_to(all, tools.Scene.find(\"book\")).label"), "box\n");
    let cups = "[tools.Scene.find(\"red cup\"), tools.Scene.find(\"blue cup\")]";
    assert_eq!(
        says(&mut bench, &format!("tools.Geometry.nearest_to({cups}, tools.Scene.find(\"mug\")).label")),
        "red cup\n"
    );
    let table_on_all =
        bench.fails("tools.Geometry.support_of(tools.Scene.find(\"table\"), [tools.Scene.find(\"mug\")])");
    assert!(table_on_all.contains("NOT_MEASURABLE table#2 rests on none of: mug#5"), "{table_on_all}");
    // The cups stand at y = 0.5 and -0.5, so from y = 0 they are equally far.
    let tie = bench.fails(&format!("tools.Geometry.nearest_to({cups}, [0, 0, 0.7])"));
    assert!(tie.contains("NOT_MEASURABLE which is nearest is too close to call: "), "{tie}");
}

#[test]
fn what_cannot_be_found_is_told_with_what_can() {
    let mut bench = Bench::new();
    let visible = "visible: blue cup, book, bowl, box, floor, mug, pebble, red cup, table";
    assert_eq!(
        bench.fails("tools.Scene.find(\"zebra\")"),
        format!("1:13 NOT_VISIBLE \"zebra\" is not visible to camera front at 12.300; {visible}")
    );
    let two = bench.fails("tools.Scene.find(\"the cups\")");
    assert!(two.starts_with("1:13 AMBIGUOUS_REFERENT \"the cups\" fits 2 things: "), "{two}");
    for place in ["red cup#7 at (1.70, 0.50, 0.7", "blue cup#8 at (1.70, -0.50, 0.7", "m from camera front"] {
        assert!(two.contains(place), "{two}");
    }
    assert!(two.ends_with("name one of them exactly, or use tools.Scene.find_all(\"the cups\")"), "{two}");
    let n_pebble = front_view().labels.unwrap().ids.iter().filter(|id| **id == PEBBLE).count();
    assert!((1..30).contains(&n_pebble));
    assert_eq!(
        bench.fails("tools.Scene.find(\"pebble\")"),
        format!(
            "1:13 TOO_FEW_PIXELS pebble#11 has {n_pebble} pixels with depth between 0.30 and 5.00 m, at least 30 are needed; its mask \
             has {n_pebble} pixels in camera front at 12.300"
        )
    );
    assert!(bench.prints("tools.Scene.objects();").starts_with("left out pebble#11: "));
    assert_eq!(
        bench.fails("tools.SAM3.segment_image_by_text(InputImages[0], \"zebra\")"),
        format!("1:12 NOT_VISIBLE \"zebra\" is not visible to camera front at 12.300; {visible}")
    );
}

#[test]
fn an_inputs_own_problem_is_passed_on_unchanged() {
    let check =
        |code: ErrorCode, change: fn(&mut spatialclaw::scene::View, spatialclaw::scene::InputProblem), works: &str| {
            let mut view = front_view();
            change(&mut view, problem(code, "as the topic says"));
            let mut bench = Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view])));
            for source in [
                "tools.Scene.find(\"mug\")",
                "tools.Scene.find_all(\"mug\")",
                "tools.Scene.find_together([\"mug\", \"bowl\"])",
            ] {
                let failure = bench.fails(source);
                assert!(failure.ends_with(&format!("{code} as the topic says")), "{source}: {failure}");
            }
            assert!(bench.fails("tools.Scene.find_at(\"mug\", 0)").ends_with(&format!("{code} as the topic says")));
            assert!(bench.fails("tools.Scene.objects()").ends_with(&format!("{code} as the topic says")));
            bench.prints(works);
        };
    check(
        ErrorCode::NoDepth,
        |view, problem| view.depth = Err(problem),
        "tools.Scene.labels(); tools.Scene.count(\"cup\");",
    );
    check(ErrorCode::SyncSkew, |view, problem| view.depth = Err(problem), "tools.Scene.count(\"cup\");");
    check(ErrorCode::TfExtrapolation, |view, problem| view.posed = Err(problem), "tools.Scene.count(\"cup\");");
    check(ErrorCode::SegmentationUnavailable, |view, problem| view.labels = Err(problem), "InputImages[0].camera");
}

#[test]
fn no_depth_still_counts() {
    let mut view = front_view();
    view.depth = Err(problem(ErrorCode::NoDepth, "no depth"));
    let mut bench = Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view])));
    let counted = answer(&mut bench, "ReturnAnswer(tools.Scene.count(\"cup\"))");
    assert_eq!(counted.value, AnswerValue::Number(Quantity::count(2)));
    assert_eq!(counted.evidence.len(), 2);
    assert!(counted.evidence.iter().all(|e| e.n_pixels == 0 && e.roi.is_some() && e.covariance[(0, 0)] >= 1e6));
}

#[test]
fn a_thing_without_trusted_depth_is_not_measured() {
    let front = front_view();
    let (depth, ids) = (front.depth.clone().unwrap(), front.labels.clone().unwrap().ids.clone());
    let n_mug = ids.iter().filter(|id| **id == MUG).count();
    let failure = |depth_of_mug_m: f32| {
        let depth_m =
            depth.depth_m().iter().zip(ids.iter()).map(|(z, id)| if *id == MUG { depth_of_mug_m } else { *z });
        let depth_map = DepthMap::new(640, 480, depth_m.collect()).unwrap().trusted_within(0.3..=5.0);
        let view = spatialclaw::scene::View { depth: Ok(Arc::new(depth_map)), ..front.clone() };
        Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view]))).fails("tools.Scene.find(\"mug\")")
    };
    assert_eq!(
        failure(f32::NAN),
        format!(
            "1:13 TOO_FEW_PIXELS mug#5 has 0 pixels with depth between 0.30 and 5.00 m, at least 30 are needed; its mask has {n_mug} \
             pixels in camera front at 12.300"
        )
    );
    assert_eq!(
        failure(9.0),
        format!(
            "1:13 OUT_OF_RANGE mug#5 has 0 pixels nearer than 0.30 m and {n_mug} farther than 5.00 m, outside the depth range that is \
             trusted, and 0 within it; at least 30 are needed in camera front at 12.300"
        )
    );
}

#[test]
fn the_floor_is_the_labelled_one_or_a_plane_below_the_robot() {
    let unlabelled = |keep_floor: bool| {
        let shapes = shapes().into_iter().filter(|(id, _)| keep_floor || *id != FLOOR).collect();
        let rendered = scene_of(shapes).render(&vga_camera(), &fixed_from_camera());
        let mut view = view_of(&rendered, "front", 0, STAMP);
        let mut labels = (*view.labels.clone().unwrap()).clone();
        let mut by_id = labels.names.by_id.clone();
        by_id.remove(&FLOOR);
        labels.names = Arc::new(LabelNames { by_id });
        view.labels = Ok(Arc::new(LabelImage { ..labels }));
        Bench::with(|context| context.snapshot = Arc::new(snapshot_of(vec![view])))
    };
    let source = "ReturnAnswer(tools.Geometry.height_above(tools.Scene.find(\"mug\"), \"floor\", \"bottom\"))";
    let found = answer(&mut unlabelled(true), source);
    let AnswerValue::Number(height) = found.value else { panic!("{found:?}") };
    assert!((height.value() - 0.7).abs() <= 3.0 * height.sigma(), "{height}");
    assert!(found.text.contains("lowest large horizontal plane in view, not labelled"), "{}", found.text);
    let refused = unlabelled(false).fails(source);
    assert!(
        refused.contains("NOT_MEASURABLE no floor is visible: nothing is labelled floor or ground and "),
        "{refused}"
    );
}

#[test]
fn transforms_answer_as_tf_does() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.prints("print(tools.TF.frames());"),
        "[\"base_link\", \"elsewhere\", \"front_optical_frame\", \"island\", \"map\"]\n"
    );
    let yaw = bench.prints("let t = tools.TF.lookup(\"map\", \"robot\"); print(t.position); print(fmt(t.yaw, 6));");
    assert_eq!(yaw, "[0.1, -0.2, 0.0]\n0.300000\n");
    let origin = bench.prints("let p = tools.TF.transform([0.1, -0.2, 0], \"base_link\"); print(fmt(norm(p), 6));");
    assert_eq!(origin, "0.000000\n");
    let check = |bench: &mut Bench, source: &str, code: &str| {
        let failure = bench.fails(source);
        assert!(failure.contains(code), "{source}: {failure}");
    };
    check(
        &mut bench,
        "tools.TF.lookup(\"map\", \"bass_link\")",
        "TF_UNKNOWN_FRAME frame \"bass_link\" is not in the transform tree",
    );
    check(&mut bench, "tools.TF.lookup(\"map\", \"island\")", "TF_DISCONNECTED");
    check(&mut bench, "tools.TF.lookup(\"map\", \"base_link\", 500)", "TF_EXTRAPOLATION");
    check(&mut bench, "tools.Geometry.bearing(tools.Scene.find(\"mug\"), \"nowhere\")", "TF_UNKNOWN_FRAME");
    check(
        &mut bench,
        "tools.Geometry.surface_distance(tools.Scene.find(\"mug\"), tools.TF.transform(tools.Scene.find(\"bowl\"), \"robot\"))",
        "mug#5 is in frame map and bowl#3 in frame base_link; bring both into one with tools.TF.transform",
    );
}

#[test]
fn an_answer_carries_its_evidence() {
    let mut bench = Bench::new();
    let source = "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); ReturnAnswer(tools.Geometry.surface_distance(both[0], both[1]))";
    let found = answer(&mut bench, source);
    let AnswerValue::Number(distance) = &found.value else { panic!("{found:?}") };
    assert_eq!(found.text, format!("{distance} (surface to surface, mug#5 to bowl#3, frame map, stamp 12.300)"));
    assert!(!found.forced);
    let told: Vec<(&str, &str, Option<u32>)> =
        found.evidence.iter().map(|e| (e.id.as_str(), e.role.as_str(), e.instance)).collect();
    assert_eq!(
        told,
        [
            ("mug#5@front", "from", Some(MUG)),
            ("bowl#3@front", "to", Some(BOWL)),
            ("distance mug#5 to bowl#3", "distance", None)
        ]
    );
    for item in &found.evidence {
        assert_eq!((item.stamp, item.frame.as_str(), item.camera.as_str(), item.view_idx), (STAMP, "map", "front", 0));
        assert!(item.n_pixels >= 30 && item.covariance[(0, 0)] > 0.0);
    }
    let mug = &found.evidence[0];
    let center = mug.frame_from_object.translation.vector;
    assert!((center - Vector3::new(1.4, 0.25, 0.75)).norm() < 0.006, "{center}");
    assert!((mug.size_m - Vector3::new(0.08, 0.08, 0.10)).norm() < 0.006, "{}", mug.size_m);
    let measured = &found.evidence[2];
    assert_eq!(measured.quantity, Some(*distance));
    let [from, to] = measured.points_m.as_slice() else { panic!("{:?}", measured.points_m) };
    assert!(((from - to).norm() - distance.value()).abs() < 0.005);
    assert!((from - Point3::new(1.4, 0.21, 0.73)).xy().norm() < 0.02, "{from}");
    assert!((to - Point3::new(1.4, -0.12, 0.73)).xy().norm() < 0.02, "{to}");
}

#[test]
fn a_position_is_given_in_the_target_frame() {
    let mut bench = Bench::with(|context| context.target_frame = FrameId::new("base_link"));
    let in_robot = fixed_from_robot().inverse() * Point3::new(1.4, 0.25, 0.75);
    let found = answer(&mut bench, "ReturnAnswer(tools.Scene.find(\"mug\"))");
    let AnswerValue::Point(placed) = &found.value else { panic!("{found:?}") };
    assert_eq!((placed.frame.as_str(), placed.stamp), ("base_link", STAMP));
    let position = placed.frame_from_object.translation.vector;
    assert!((position - in_robot.coords).norm() < 0.006, "{position} truth {in_robot}");
    assert_eq!(placed.frame_from_object.rotation.angle(), 0.0);

    // The same covariance seen along the robot's axes: the turn changes the split, not the sum.
    let mut in_map = Bench::new();
    let AnswerValue::Point(map) = answer(&mut in_map, "ReturnAnswer(tools.Scene.find(\"mug\"))").value else {
        panic!()
    };
    let turn = fixed_from_robot().rotation.inverse().to_rotation_matrix().into_inner();
    let expected = turn * map.covariance.fixed_view::<3, 3>(0, 0) * turn.transpose();
    assert!((placed.covariance.fixed_view::<3, 3>(0, 0) - expected).norm() < 1e-12);
    assert!(map.covariance[(0, 0)] > 4e-6, "at least the camera's own 2 mm: {}", map.covariance[(0, 0)]);

    let because =
        answer(&mut bench, "let mug = tools.Scene.find(\"mug\"); ReturnAnswer(mug.center, #{because: [mug]})");
    let AnswerValue::Point(bare) = because.value else { panic!() };
    assert!((bare.frame_from_object.translation.vector - position).norm() < 1e-9);
    assert!((bare.covariance - placed.covariance).norm() < 1e-12);

    let mut pose = Bench::with(|context| context.answer_kind = AnswerKind::Pose);
    let AnswerValue::Pose(placed) = answer(&mut pose, "ReturnAnswer(tools.Scene.find(\"box\"))").value else {
        panic!()
    };
    let yaw = placed.frame_from_object.rotation.euler_angles().2;
    assert!(yaw.abs() < 0.03, "the box's long side lies along x: {yaw}");

    let mut lost = Bench::with(|context| context.target_frame = FrameId::new("island"));
    assert!(lost.fails("ReturnAnswer(tools.Scene.find(\"mug\"))").contains("TF_DISCONNECTED"));
}

#[test]
fn an_answer_must_be_what_the_goal_wants() {
    let kind = |kind: AnswerKind| Bench::with(|context| context.answer_kind = kind);
    let refused = |mut bench: Bench, source: &str, expected: &str| {
        let failure = bench.fails(source);
        assert!(failure.ends_with(expected), "{source}: {failure}");
    };
    refused(
        kind(AnswerKind::Number),
        "ReturnAnswer(\"far\")",
        "WRONG_ANSWER_KIND the goal wants an answer of kind Number, got Text; submit a Measurement, or a number with #{unit, sigma}",
    );
    refused(
        kind(AnswerKind::Bool),
        "ReturnAnswer(tools.Scene.count(\"mug\"))",
        "WRONG_ANSWER_KIND the goal wants an answer of kind Bool, got Number; submit a Relation, a Displacement or true/false",
    );
    refused(
        kind(AnswerKind::Any),
        "ReturnAnswer(0.41)",
        "0.41 comes without unit and sigma; submit the Measurement itself, or #{unit: \"m\", sigma: ...}",
    );
    refused(
        kind(AnswerKind::Any),
        "let h = tools.Geometry.height(tools.Scene.find(\"mug\")); ReturnAnswer(h.value * 100, #{because: [h]})",
        "in because; submit the Measurement itself, or #{unit: \"m\", sigma: ...}",
    );
    refused(
        kind(AnswerKind::Any),
        "ReturnAnswer([1, 2, 3])",
        "a bare position has no uncertainty; submit the Object itself, or #{because: [object]}, or #{sigma: metres}",
    );
    refused(
        kind(AnswerKind::Any),
        "ReturnAnswer(\" \")",
        "the answer is an empty string; submit words, or use Refuse(code, message)",
    );
    refused(
        kind(AnswerKind::Any),
        "ReturnAnswer(1, #{unti: \"m\"})",
        "option \"unti\" is unknown, wanted text, because, unit, sigma, frame",
    );
    refused(
        kind(AnswerKind::Any),
        "ReturnAnswer(())",
        "the answer is nothing, (), wanted a Measurement, Relation, Object, bool, string or list",
    );

    let quantity = number(&mut kind(AnswerKind::Number), "ReturnAnswer(0.41, #{unit: \"m\", sigma: 0.01})");
    assert_eq!(quantity, Quantity::new(0.41, 0.01, Unit::Metre).unwrap());
    let quantity = number(&mut kind(AnswerKind::Number), "ReturnAnswer(41.0, #{unit: \"cm\", sigma: 1.0})");
    assert!((quantity.value() - 0.41).abs() < 1e-12 && (quantity.sigma() - 0.01).abs() < 1e-12);
    assert_eq!(quantity.unit(), Unit::Metre);
    assert_eq!(number(&mut kind(AnswerKind::Any), "ReturnAnswer(3)"), Quantity::count(3));
    let like = number(
        &mut kind(AnswerKind::Number),
        "let h = tools.Geometry.height(tools.Scene.find(\"mug\")); ReturnAnswer(h.value, #{because: [h]})",
    );
    assert_eq!(like.unit(), Unit::Metre);
    assert!(like.sigma() > 0.0);
    let named = answer(
        &mut kind(AnswerKind::Any),
        "ReturnAnswer(true, #{text: \" it is \", because: tools.Scene.find(\"mug\")})",
    );
    assert_eq!((named.value, named.text.as_str(), named.evidence.len()), (AnswerValue::Bool(true), " it is ", 1));
}

#[test]
fn an_unclear_verdict_is_not_submitted() {
    let mut bench = Bench::new();
    let source =
        "let d = tools.Geometry.height(tools.Scene.find(\"mug\")); ReturnAnswer(d.less_than(d.value + d.sigma))";
    let failure = bench.fails(source);
    assert!(failure.contains("NOT_MEASURABLE too close to call: mug#5 has margin "), "{failure}");
    assert!(failure.contains("less than two sigma from zero"), "{failure}");
}

#[test]
fn choices_are_met_or_told() {
    let choices = |kind: AnswerKind, choices: &[&str]| {
        let choices: Vec<String> = choices.iter().map(|choice| (*choice).to_owned()).collect();
        Bench::with(|context| {
            context.answer_kind = kind;
            context.choices = choices;
        })
    };
    let chosen = |text: &str, index| AnswerValue::Choice { text: text.to_owned(), index };
    let said = |mut bench: Bench, source: &str| answer(&mut bench, source).value;
    let sides = || choices(AnswerKind::Any, &["left", "right"]);
    assert_eq!(said(sides(), "ReturnAnswer(\"Right\")"), chosen("right", Some(1)));
    assert_eq!(
        said(choices(AnswerKind::Choice, &["A) mug", "B) bowl"]), "ReturnAnswer(\"b\")"),
        chosen("B) bowl", Some(1))
    );
    assert_eq!(
        said(choices(AnswerKind::Choice, &["bowl", "mug"]), "ReturnAnswer(tools.Scene.find(\"mug\"))"),
        chosen("mug", Some(1))
    );
    assert_eq!(said(choices(AnswerKind::Any, &["yes", "no"]), "ReturnAnswer(false)"), chosen("no", Some(1)));
    assert_eq!(said(choices(AnswerKind::Choice, &[]), "ReturnAnswer(\"any\")"), chosen("any", None));
    assert_eq!(
        sides().fails("ReturnAnswer(\"up\")"),
        "1:1 WRONG_ANSWER_KIND \"up\" is none of the goal's choices; submit one of \"left\", \"right\""
    );
    assert!(
        sides()
            .fails("ReturnAnswer(3)")
            .contains("WRONG_ANSWER_KIND the goal wants an answer of kind Choice, got Number")
    );
}

#[test]
fn a_refusal_is_typed() {
    let mut bench = Bench::new();
    let Submission::Refusal(refusal) = bench.submits("Refuse(\"NOT_VISIBLE\", \"no mug\")") else { panic!() };
    assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::NotVisible, "no mug"));
    assert!(
        bench
            .fails("Refuse(\"NOPE\", \"x\")")
            .contains("a cell cannot refuse with code \"NOPE\", wanted one of INVALID_GOAL, NO_IMAGE")
    );
    // Only the node itself can say that it failed, or that the client went away.
    for code in ["INTERNAL_ERROR", "CANCELED", "MODEL_UNAVAILABLE", "BUDGET_EXCEEDED"] {
        let message = bench.fails(&format!("Refuse(\"{code}\", \"pretended\")"));
        assert!(message.contains(&format!("a cell cannot refuse with code \"{code}\"")), "{message}");
    }
    assert!(bench.fails("Refuse(\"NOT_VISIBLE\", \"  \")").contains("a refusal needs a message"));
}

#[test]
fn measurements_calculate_with_sigma() {
    let mut bench = Bench::new();
    bench.prints(MUG_AND_BOWL);
    bench.prints("let h = tools.Geometry.height(mug); let w = tools.Geometry.height(bowl);");
    let (h, w) = (number(&mut bench, "ReturnAnswer(h)"), number(&mut bench, "ReturnAnswer(w)"));
    let near = |found: Quantity, value: f64, sigma: f64, unit: Unit| {
        assert!(
            (found.value() - value).abs() < 1e-12 && (found.sigma() - sigma).abs() < 1e-12 && found.unit() == unit,
            "{found}"
        );
    };
    let both = h.sigma().hypot(w.sigma());
    near(number(&mut bench, "ReturnAnswer(h - w)"), h.value() - w.value(), both, Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(h + w)"), h.value() + w.value(), both, Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(2 * h)"), 2.0 * h.value(), 2.0 * h.sigma(), Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(h / 2)"), h.value() / 2.0, h.sigma() / 2.0, Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(h + 1.5)"), h.value() + 1.5, h.sigma(), Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(-h)"), -h.value(), h.sigma(), Unit::Metre);
    near(number(&mut bench, "ReturnAnswer(min([h, w]))"), w.value(), w.sigma(), Unit::Metre);
    assert_eq!(number(&mut bench, "ReturnAnswer(h * w)").unit(), Unit::SquareMetre);
    assert_eq!(number(&mut bench, "ReturnAnswer(h / w)").unit(), Unit::One);
    assert_eq!(
        bench.run("[h > w, h < 0.5, h >= 1]").value.as_deref(),
        Some("list of 3: the bool true, the bool true, the bool false")
    );
    assert!(bench.fails("h + tools.Geometry.bearing(mug)").ends_with("units are m and rad; `+` needs equal units"));
    let text = bench.prints("print(h.text); print(h);");
    assert_eq!(text, format!("{h} (vertical extent of the visible part, mug#5, frame map, stamp 12.300)\n{h}\n"));
    let sum = answer(&mut bench, "ReturnAnswer(h + w)");
    let labels: Vec<&str> = sum.evidence.iter().map(|e| e.label.as_str()).collect();
    assert_eq!(labels, ["mug", "", "bowl", ""]);
}

#[test]
fn masks_points_and_reconstructions_agree_with_the_image() {
    let mut bench = Bench::new();
    bench.prints(
        "let image = InputImages[-1]; let recon = tools.Reconstruct.Reconstruct(InputImages); \
         let masks = tools.SAM3.segment_image_by_text(image, \"mug\"); let points = masks.get_masked_points(recon, 0);",
    );
    let n_mug = front_view().labels.unwrap().ids.iter().filter(|id| **id == MUG).count();
    assert_eq!(bench.run("masks.get_mask(0).n_pixels").value, Some(format!("int {n_mug}")));
    assert_eq!(bench.run("points.len()").value, Some(format!("int {n_mug}")));
    let inside = "let ok = true; for i in range(points.len()) { let p = points[i]; \
                  if norm([p[0] - 1.4, p[1] - 0.25]) > 0.0401 || p[2] < 0.6999 || p[2] > 0.8001 { ok = false; } } ok";
    assert_eq!(bench.run(inside).value.as_deref(), Some("bool true"), "every point lies on or in the mug");
    assert_eq!(
        bench.run("norm([points.mean()[0] - 1.38, points.mean()[1] - 0.245]) < 0.03").value.as_deref(),
        Some("bool true")
    );
    assert_eq!(
        bench.run("np.array_equal(masks.get_centroid_3d(recon, 0), points.median())").value.as_deref(),
        Some("bool true")
    );
    let centre_depth = bench.prints("print(fmt(recon.depth[0].at(320, 100), 3));");
    let expected = front_view().depth.unwrap().at(320, 100).unwrap();
    assert_eq!(centre_depth, format!("{expected:.3}\n"));
    assert_eq!(bench.run("recon.points[0].points.len()").value.as_deref(), Some("int 307200"));
    let nearest = bench
        .prints("let n = points.nearest([1.4, 0.25, 2.8]); print(fmt(n.distance, 3)); print(n.index < points.len());");
    assert_eq!(nearest, "2.000\ntrue\n");
    let gap = bench.prints("print(fmt(points.min_distance(tools.Scene.find(\"bowl\")), 2));");
    assert_eq!(gap, "0.33\n");
    assert!(bench.fails("masks.get_mask(3)").ends_with("frame 3 is not in PerFrameMask, which holds frames 0"));
    assert!(bench.fails("masks.get_mask(0, 4)").ends_with("object is 4, but there are only 1: mug"));
    assert_eq!(
        bench.prints("print(tools.SAM3.segment_video_by_text([\"mug\", \"cup\"]).labels);"),
        "[\"mug\", \"red cup\", \"blue cup\"]\n"
    );
    assert_eq!(
        bench.prints("let e = tools.SAM3.is_object_exist(image, \"cup\"); print(e.exists, e.counts, e.summary);"),
        "[true] [2] cup is visible in 1 of 1 frames\n"
    );
    // Most of what is seen of the table is its front, at x = 1.1.
    let front = "let p = tools.Geometry.fit_plane(tools.Scene.find(\"table\")); print(fmt(p.normal[0], 3), fmt(p.offset.value, 3));";
    assert_eq!(bench.prints(front), "-1.000 -1.100\n");
}

#[test]
fn metadata_says_what_was_asked() {
    let mut bench = Bench::with(|context| context.choices = vec!["near".to_owned(), "far".to_owned()]);
    let told = bench.prints(
        "print(Metadata.question, Metadata.choices, Metadata.answer_kind); print(Metadata.num_images, Metadata.cameras, \
         Metadata.fixed_frame, Metadata.robot_frame, Metadata.target_frame, Metadata.newest_stamp, Metadata.window_secs);",
    );
    assert_eq!(
        told,
        "how far is the mug from the bowl? [\"near\", \"far\"] Any\n1 [\"front\"] map base_link map 12.3 0.0\n"
    );
    assert_eq!(
        bench.prints(
            "let f = InputImages[0]; print(f.camera, f.stamp, f.index, f.width, f.height, f.frame, f.age_secs);"
        ),
        "front 12.3 0 640 480 front_optical_frame 0.0\n"
    );
}

/// Cameras and moments beyond the one image.
mod several_images {
    use spatialclaw::scene::{Snapshot, Stamp, View};

    use super::*;

    const SECS_AGO: f64 = 8.0;

    fn bench_of(views: Vec<View>) -> Bench {
        Bench::with(|context| context.snapshot = Arc::new(snapshot_of(views)))
    }

    fn moved_by(label: u32, by_m: Vector3<f64>) -> Vec<(u32, analytic_scene::Shape)> {
        let mut shapes = shapes();
        for (id, shape) in &mut shapes {
            if *id == label {
                *shape = shape.moved(by_m);
            }
        }
        shapes
    }

    fn seen(
        shapes: Vec<(u32, analytic_scene::Shape)>,
        eye_m: Point3<f64>,
        camera: &str,
        view_idx: usize,
        stamp: Stamp,
    ) -> View {
        let fixed_from_camera = look_at(eye_m, Point3::new(1.5, 0.0, TABLE_TOP_M));
        view_of(&scene_of(shapes).render(&vga_camera(), &fixed_from_camera), camera, view_idx, stamp)
    }

    fn front_eye() -> Point3<f64> {
        Point3::new(0.3, 0.0, 1.4)
    }

    #[test]
    fn a_moved_thing_is_told_from_a_still_one() {
        let earlier =
            seen(moved_by(MUG, Vector3::new(0.0, 0.12, 0.0)), front_eye(), "front", 0, STAMP.plus_secs(-SECS_AGO));
        let later = seen(shapes(), Point3::new(0.35, -0.1, 1.45), "front", 1, STAMP);
        let mut bench = bench_of(vec![earlier, later]);
        let moved = |name: &str| {
            format!(
                "let d = tools.Geometry.displacement(tools.Scene.find_at(\"{name}\", 8), tools.Scene.find(\"{name}\"));"
            )
        };
        let mug = answer(&mut bench, &format!("{} ReturnAnswer(d)", moved("mug")));
        assert_eq!(mug.value, AnswerValue::Bool(true), "{}", mug.text);
        assert!(mug.text.starts_with("moved: "), "{}", mug.text);
        let distance = number(&mut bench, "ReturnAnswer(d.distance)");
        assert!((distance.value() - 0.12).abs() <= 3.0 * distance.sigma().max(0.003), "{distance}");
        let ids: Vec<&str> = mug.evidence.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids[..2], ["mug#5@front", "mug#5@front@12.300"]);
        let crate_ = answer(&mut bench, &format!("{} ReturnAnswer(d)", moved("box")));
        assert_eq!(crate_.value, AnswerValue::Bool(false), "{}", crate_.text);
        assert!(
            bench
                .fails("tools.Geometry.displacement(tools.Scene.find(\"mug\"), tools.Scene.find_at(\"mug\", 8))")
                .ends_with("swap them")
        );
    }

    #[test]
    fn the_past_is_looked_up_or_refused() {
        let views: Vec<View> = (0..3)
            .map(|i| View { view_idx: i, stamp: STAMP.plus_secs(4.0 * (i as f64 - 2.0)), ..front_view() })
            .collect();
        let mut bench = bench_of(views);
        let stamp = |bench: &mut Bench, secs: f64| {
            bench.prints(&format!("print(fmt(tools.Scene.find_at(\"mug\", {secs}).stamp, 1));"))
        };
        assert_eq!(stamp(&mut bench, 0.0), "12.3\n");
        assert_eq!(stamp(&mut bench, 3.5), "8.3\n");
        assert_eq!(stamp(&mut bench, 9.5), "4.3\n");
        let refused = bench.fails("tools.Scene.find_at(\"mug\", 60)");
        assert!(refused.contains("NOT_BUFFERED no image is near -47.700 (60 s before the newest); the buffer has 3 images from 4.300 to 12.300, so ask for at most 8.0 s"), "{refused}");
        assert!(bench.fails("tools.Scene.find_at(\"mug\", -1)").contains("wanted 0 or more seconds"));
        assert!(bench.fails("tools.Scene.find_at(\"zebra\", 4)").contains("NOT_VISIBLE"));
    }

    #[test]
    fn one_thing_seen_by_two_cameras_is_one_thing() {
        let left = seen(shapes(), Point3::new(0.6, 0.9, 1.5), "left", 1, STAMP.plus_secs(0.01));
        let mut bench = bench_of(vec![front_view(), left]);
        assert_eq!(number(&mut bench, "ReturnAnswer(tools.Scene.count(\"mug\"))"), Quantity::count(1));
        assert_eq!(number(&mut bench, "ReturnAnswer(tools.Scene.count(\"cup\"))"), Quantity::count(2));
        assert_eq!(bench.prints("print(tools.Scene.find_all(\"cup\").len());"), "2\n");
        let n_labels = bench.prints("let o = tools.Scene.objects(); print(o.len());");
        assert!(n_labels.ends_with("7\n"), "{n_labels}");
        // The nearer camera has more pixels on it.
        assert_eq!(bench.prints("print(tools.Scene.find(\"mug\").camera);"), "left\n");
    }

    #[test]
    fn two_things_of_one_name_in_two_cameras_are_ambiguous() {
        let elsewhere =
            seen(moved_by(MUG, Vector3::new(0.4, -0.7, 0.0)), front_eye(), "rear", 1, STAMP.plus_secs(0.01));
        let mut bench = bench_of(vec![front_view(), elsewhere]);
        let failure = bench.fails("tools.Scene.find(\"mug\")");
        assert!(failure.contains("AMBIGUOUS_REFERENT \"mug\" fits 2 things"), "{failure}");
        assert!(failure.contains("from camera front") && failure.contains("from camera rear"), "{failure}");
        assert_eq!(number(&mut bench, "ReturnAnswer(tools.Scene.count(\"mug\"))"), Quantity::count(2));
    }

    #[test]
    fn what_a_blind_camera_might_show_is_not_absent() {
        let mut blind = front_view();
        blind.camera = "rear".into();
        blind.view_idx = 1;
        blind.labels = Err(problem(ErrorCode::SegmentationUnavailable, "no labels on rear"));
        let mut bench = bench_of(vec![front_view(), blind]);
        assert!(bench.fails("tools.Scene.find(\"zebra\")").ends_with("SEGMENTATION_UNAVAILABLE no labels on rear"));
        assert!(bench.fails("tools.Scene.count(\"zebra\")").ends_with("SEGMENTATION_UNAVAILABLE no labels on rear"));
        assert!(bench.fails("tools.Scene.find_all(\"zebra\")").ends_with("SEGMENTATION_UNAVAILABLE no labels on rear"));
        assert_eq!(bench.prints("print(tools.Scene.find(\"mug\").camera);"), "front\n");
        let count = answer(&mut bench, "ReturnAnswer(tools.Scene.count(\"mug\"))");
        assert!(count.text.contains("counted in the newest image of front"), "{}", count.text);
    }

    #[test]
    fn things_are_found_together_in_one_image_where_one_shows_all() {
        let mut without_bowl =
            seen(shapes().into_iter().filter(|(id, _)| *id != BOWL).collect(), front_eye(), "front", 2, STAMP);
        without_bowl.view_idx = 2;
        let oldest = View { view_idx: 0, stamp: STAMP.plus_secs(-2.0), ..front_view() };
        let side = seen(shapes(), Point3::new(0.6, 0.9, 1.5), "side", 1, STAMP.plus_secs(-0.1));
        let mut bench = bench_of(vec![oldest.clone(), side, without_bowl.clone()]);
        let together =
            "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); print(both[0].camera, both[1].camera);";
        assert_eq!(bench.prints(together), "side side\n");
        assert_eq!(bench.prints("print(tools.Scene.find(\"bowl\").camera);"), "side\n");

        // What one camera saw earlier is not taken for what is there now.
        let older = View { view_idx: 1, stamp: STAMP.plus_secs(-1.0), ..front_view() };
        let mut bench = bench_of(vec![oldest, older, without_bowl]);
        assert!(bench.fails(together).contains("NOT_VISIBLE \"bowl\" is not visible to camera front at 12.300"));
        assert_eq!(bench.prints("print(tools.Scene.find_at(\"bowl\", 1).stamp);"), "11.3\n");
        let masks = "let masks = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]); \
                     print(masks.labels, masks.frame_indices, [0, 1, 2].map(|f| masks.get_mask(f, 1).n_pixels > 0));";
        assert_eq!(bench.prints(masks), "[\"mug\", \"bowl\"] [0, 1, 2] [true, true, false]\n");
    }

    #[test]
    fn distances_between_images_count_the_cameras_placement() {
        let later = seen(shapes(), Point3::new(0.35, -0.1, 1.45), "front", 1, STAMP);
        let earlier = View { stamp: STAMP.plus_secs(-1.0), ..front_view() };
        let mut bench = bench_of(vec![earlier, later]);
        let same = number(
            &mut bench,
            "let m = tools.Scene.find(\"mug\"); let b = tools.Scene.find(\"bowl\"); ReturnAnswer(tools.Geometry.surface_distance(m, b))",
        );
        let across = number(
            &mut bench,
            "let b = tools.Scene.find_at(\"bowl\", 1); ReturnAnswer(tools.Geometry.surface_distance(m, b))",
        );
        assert!(across.sigma() > same.sigma() + 0.001, "{same} {across}");
        assert!((across.value() - 0.33).abs() <= 3.0 * across.sigma(), "{across}");
    }

    #[test]
    fn the_snapshot_is_never_changed() {
        let snapshot: Arc<Snapshot> = Arc::new(snapshot_of(vec![front_view()]));
        let before = format!("{:?}", snapshot.views[0].labels).len();
        let shared = snapshot.clone();
        let mut bench = Bench::with(|context| context.snapshot = shared);
        bench.prints("let m = tools.SAM3.segment_image_by_text(InputImages[0], \"mug\"); m.visualize();");
        assert_eq!(format!("{:?}", snapshot.views[0].labels).len(), before);
        assert!(snapshot.views[0].image.pixels().all(|pixel| pixel.0 == [90, 90, 90]));
    }
}
