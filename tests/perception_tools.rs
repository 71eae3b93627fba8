//! What cells see in pixels: per-frame values, segmentation, the view from above, drawings, against a scene in which everything is known.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::analytic_scene;
use crate::support::table_world;

use std::sync::{Arc, LazyLock};

use analytic_scene::{Shape, look_at, small_camera, vga_camera};
use image::RgbImage;
use nalgebra::{Point3, Vector2};
use spatialclaw::{
    error_code::ErrorCode,
    geometry::{DepthNoise, Mask, PixelBox},
    perception::{
        PerceptionError, Prompt, PromptKind, Segment, Segmenter, TextLine, TextReader, label_image::LabelImageSegmenter,
    },
    scene::View,
};
use table_world::*;

const N: usize = 4;

static MOVING: LazyLock<Vec<View>> = LazyLock::new(|| moving_views(N));

/// Four frames in which the mug moves.
fn moving() -> Bench {
    bench_of(MOVING.clone())
}

fn bench_of(views: Vec<View>) -> Bench {
    Bench::with(|context| context.snapshot = Arc::new(snapshot_of(views)))
}

fn label_mask(view: &View, id: u32) -> Mask {
    let labels = view.labels.as_ref().unwrap();
    Mask::new(labels.width_px, labels.height_px, labels.ids.iter().map(|found| *found == id).collect()).unwrap()
}

fn floats(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c)))
        .filter_map(|word| word.parse::<f64>().ok())
        .collect()
}

fn pictures(bench: &mut Bench, source: &str) -> Vec<(String, RgbImage)> {
    let report = bench.run(source);
    assert_eq!(report.status, spatialclaw::kernel::CellStatus::Completed, "{source}\n{report:?}");
    report.pictures.into_iter().map(|picture| (picture.label, (*picture.image).clone())).collect()
}

/// Distance of a point from the surface of a shape, closed form.
fn distance_m(shape: &Shape, p: &Point3<f64>) -> f64 {
    match shape {
        Shape::Sphere { center_m, radius_m } => ((p - center_m).norm() - radius_m).abs(),
        Shape::Plane { normal, offset_m } => (normal.dot(&p.coords) - offset_m).abs(),
        Shape::Block { fixed_from_block, half_size_m } => {
            let q = fixed_from_block.inverse_transform_point(p).coords.abs() - half_size_m;
            (q.map(|c| c.max(0.0)).norm() + q.max().min(0.0)).abs()
        }
        Shape::Cylinder { base_center_m, radius_m, height_m } => {
            let offset = p - base_center_m;
            let q = Vector2::new(offset.xy().norm() - radius_m, (offset.z - height_m / 2.0).abs() - height_m / 2.0);
            (q.map(|c| c.max(0.0)).norm() + q.max().min(0.0)).abs()
        }
    }
}

#[test]
fn every_point_of_a_point_map_lies_on_what_its_pixel_shows() {
    let mut bench = Bench::new();
    let text = bench.prints(
        "let map = tools.Reconstruct.Reconstruct(InputImages).points[0];
         for v in range(0, 480, 20) { for u in range(0, 640, 20) { let p = map.at(u, v);
           if p != () { print(`${u} ${v} ${p[0]} ${p[1]} ${p[2]}`); } } }",
    );
    let (view, shapes) = (front_view(), shapes());
    let ids = view.labels.as_ref().unwrap().ids.clone();
    let mut n = 0;
    for line in text.lines() {
        let [u, v, x, y, z] = floats(line)[..] else { panic!("{line}") };
        let id = ids[v as usize * 640 + u as usize];
        let nearest = shapes.iter().filter(|(own, _)| *own == id).map(|(_, s)| distance_m(s, &Point3::new(x, y, z)));
        let nearest = nearest.fold(f64::INFINITY, f64::min);
        assert!(nearest < 1e-5, "{line} is {nearest} m from body {id}");
        n += 1;
    }
    assert!(n > 500, "{n} points were looked at");
}

#[test]
fn a_depth_image_tells_its_values_and_their_errors() {
    let mut bench = Bench::new();
    bench.prints("let d = tools.Reconstruct.Reconstruct(InputImages).depth[0];");
    let view = front_view();
    let mut known: Vec<f64> =
        view.depth.as_ref().unwrap().depth_m().iter().filter(|d| d.is_finite()).map(|d| f64::from(*d)).collect();
    known.sort_by(f64::total_cmp);
    let median = (known[(known.len() - 1) / 2] + known[known.len() / 2]) / 2.0;
    let found = floats(&bench.prints("print(d.min, d.max, d.median, d.mean, d.min());"));
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    for (found, truth) in found.iter().zip([known[0], known[known.len() - 1], median, mean, known[0]]) {
        assert!((found - truth).abs() < 1e-9, "{found} {truth}");
    }
    assert_eq!(
        bench.prints("print(d.width, d.height, d.shape, d.index, d.camera, d.frame);"),
        "640 480 [480, 640] 0 front front_optical_frame\n"
    );
    let outside = bench.fails("d.at(640, 0)");
    assert!(outside.ends_with("u is 640, the image is 640x480 px, so 0 to 639"), "{outside}");
    assert!(bench.fails("d[3]").contains("the index of a DepthImage is the int 3, wanted a Mask of the same frame"));
    assert!(bench.prints("print(d);").starts_with("DepthImage 640x480 of frame 0 (camera front at 12.300), "));
}

#[test]
fn poses_and_intrinsics_say_where_a_pixel_is() {
    let mut bench = moving();
    bench.prints("let r = tools.Reconstruct.Reconstruct(InputImages);");
    let truth = MOVING[2].posed.as_ref().unwrap().fixed_from_camera;
    let position = floats(&bench.prints("print(r.extrinsics[2].position);"));
    assert!((Point3::from_slice(&position) - Point3::from(truth.translation.vector)).norm() < 1e-6, "{position:?}");
    for (name, axis) in
        [("forward", nalgebra::Vector3::z()), ("right", nalgebra::Vector3::x()), ("up", -nalgebra::Vector3::y())]
    {
        let found = floats(&bench.prints(&format!("print(r.extrinsics[2].{name});")));
        assert!((nalgebra::Vector3::from_column_slice(&found) - truth.rotation * axis).norm() < 1e-6, "{name}");
    }
    // What the intrinsics and the pose make of a pixel's depth is the point map's own point.
    let both = bench.prints(
        "let i = r.intrinsics[2]; let d = r.depth[2].at(200, 150);
         let p = r.extrinsics[2].transform([(200 - i.cx) / i.fx * d, (150 - i[\"cy\"]) / i.fy * d, d]);
         let q = r.points[2].at(200, 150); let back = r.extrinsics[2].inverse.transform(q);
         print(p, q, back[2] - d);",
    );
    let both = floats(&both);
    assert!((0..3).all(|axis| (both[axis] - both[axis + 3]).abs() < 1e-6) && both[6].abs() < 1e-6, "{both:?}");
    assert!(bench.fails("r.intrinsics[2][\"f\"]").contains("intrinsics have no \"f\"; there are fx, fy, cx, cy and K"));
    let mixed = bench.fails("r.extrinsics[2].transform(r.points[2].points)");
    assert!(
        mixed.contains(
            "the Points are in frame map and this pose maps front_optical_frame to map; use .inverse.transform(points)"
        ),
        "{mixed}"
    );
    assert!(bench.fails("r[0]").contains("take .points[0], .depth[0], .intrinsics[0] or .extrinsics[0]"));
}

#[test]
fn frames_are_found_by_their_position_in_input_images_only() {
    let mut bench = moving();
    bench.prints("let r = tools.Reconstruct.Reconstruct([InputImages[1], InputImages[3]]); let d = r.depth;");
    assert_eq!(
        bench.prints("print(d.frame_indices, d.num_frames, d.stamps, d.frames);"),
        "[1, 3] 2 [10.3, 12.3] [\"front_optical_frame\", \"front_optical_frame\"]\n"
    );
    assert_eq!(
        bench.prints("print(d[3].index, d[-1].index, d[InputImages[1]].index, d.get_by_frame_index(3));"),
        "3 3 1 1\n"
    );
    assert_eq!(bench.prints("for image in d { print(image.index); } print(d.items()[1][0]);"), "1\n3\n3\n");
    assert_eq!(
        bench.fails("d[0]").split_once(' ').unwrap().1,
        "frame 0 is not in PerFrameDepth, which holds frames 1, 3; the index is a position in InputImages, not in this list: entry 0 \
         is PerFrameDepth[1]"
    );
    assert!(
        bench
            .fails("d[InputImages[2]]")
            .contains("frame 2 (camera front at 11.300) is not in PerFrameDepth, which holds frames 1, 3")
    );
    assert!(bench.fails("d[\"front\"]").contains("wanted a frame's position in InputImages (1, 3) or a Frame"));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let mut bench = moving();
    bench.prints(
        "let all = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]);
         let some = tools.Reconstruct.Reconstruct([InputImages[1], InputImages[3]]);",
    );
    let check = |bench: &mut Bench, source: &str, expected: &str| {
        let found = bench.fails(source);
        assert!(found.ends_with(expected), "{source}: {found}");
    };
    check(
        &mut bench,
        "all.validate_alignment(some)",
        "PerFrameMask has frames 0, 1, 2, 3, Reconstruction has frames 1, 3; only in PerFrameMask: 0, 2; make both from the same \
         frames, or go over the common ones: 1, 3",
    );
    assert_eq!(bench.prints("print(all.validate_alignment(some, false), all.common_frames(some), some.depth.validate_alignment(some.points));"),
        "true [1, 3] true\n");
    check(
        &mut bench,
        "all.get_masked_points(some, 0, \"mug\")",
        "frame 0 (camera front at 9.300) is not in the reconstruction, which holds frames 1, 3; make it from that frame too",
    );
    let other = "take both from the same frame";
    for (source, what) in [
        (
            "some.depth[1][all.get_mask(3)]",
            "the mask is of frame 3 (camera front at 12.300) and the depth of frame 1 (camera front at 10.300); ",
        ),
        (
            "some.points[1][all.get_mask(3)]",
            "the mask is of frame 3 (camera front at 12.300) and the PointMap of frame 1 (camera front at 10.300); ",
        ),
        (
            "all.get_mask(0) & all.get_mask(1)",
            "the right side of `&` is of frame 1 (camera front at 10.300) and the mask of frame 0 (camera front at 9.300); ",
        ),
        (
            "all.get_mask(0).iou(all.get_mask(1))",
            "the other mask is of frame 1 (camera front at 10.300) and the mask of frame 0 (camera front at 9.300); ",
        ),
        (
            "tools.Mask.iou(all.get_mask(0), all.get_mask(1))",
            "a is of frame 0 (camera front at 9.300) and b of frame 1 (camera front at 10.300); ",
        ),
    ] {
        check(&mut bench, source, &format!("{what}{other}"));
    }
    check(&mut bench, "all.get_mask(0, \"zebra\")", "object is \"zebra\", this mask has mug, bowl");
    check(&mut bench, "all.get_mask(0, 7)", "object is 7, but there are only 2: mug, bowl");
    check(
        &mut bench,
        "tools.Reconstruct.Reconstruct(InputImages, [5, 6, 7, 8])",
        "frame_indices are 5, 6, 7, 8, but these frames are 0, 1, 2, 3; leave frame_indices out: frames know their own",
    );
    check(
        &mut bench,
        "some.render_bev(tools.SAM3.segment_image_by_text(InputImages[0], \"mug\"))",
        "the masks are of frames 0, the reconstruction of frames 1, 3: they share none; reconstruct the masks' frames with \
         tools.Reconstruct.Reconstruct(masks.images)",
    );
}

#[test]
fn pixels_are_arrays_too() {
    let mut bench = moving();
    bench.prints(
        "let r = tools.Reconstruct.Reconstruct(InputImages); let m = tools.SAM3.segment_image_by_text(InputImages[1], \"mug\").get_mask(1);
         let d = r.depth[1]; let p = r.points[1]; let k = r.intrinsics[1].K;",
    );
    let shapes = bench.prints(
        "print(d.arr.shape, d.sigma.shape, p.arr.shape, m.arr.shape, k.shape, r.extrinsics[1].matrix.shape, r.extrinsics[1].rotation.shape);
         print(r.depth.depth.shape, r.points.points.shape, r.points.confidence.shape, r.extrinsics.camera_poses.shape, r.intrinsics.fx.shape);",
    );
    assert_eq!(
        shapes,
        "[240, 320] [240, 320] [240, 320, 3] [240, 320] [3, 3] [4, 4] [3, 3]\n[4, 240, 320] [4, 240, 320, 3] [4, 240, 320] [4, 4, 4] [4]\n"
    );
    let n_mug = label_mask(&MOVING[1], MUG).n_pixels();
    let agree = bench.prints(
        "print(d.arr[m].len(), np.array_equal(d.arr[m], d[m]), np.abs(p.z[m] - p[m].arr.nd([(), 2])).max() < 0.000001,
               np.abs(p.arr.nd([150, 200]) - p.at(200, 150)).max() < 0.000001, np.isnan(d.arr).sum() + d.valid.area);
         print(np.abs(r.extrinsics[1].matrix.dot(r.extrinsics[1].camera_from_fixed) - np.eye(4)).max() < 0.000001,
               np.array_equal(r.extrinsics[1].nd([[0, 3], 3]), r.extrinsics[1].position), k.nd([0, 2]), k[1][1]);",
    );
    assert_eq!(agree, format!("{n_mug} true true true {}\ntrue true 159.5 277.1\n", 320 * 240));
    // One standard deviation of the camera's own model at each depth.
    let sigma = floats(&bench.prints("print(d.sigma.nd([150, 200]), d.at(200, 150));"));
    assert!((sigma[0] - DepthNoise::default().sigma_m(sigma[1])).abs() < 1e-12, "{sigma:?}");
    let both = bench.prints("print((m & (d.arr < 1.5)).area + (m & (d.arr >= 1.5)).area == m.area);");
    assert_eq!(both, "true\n");
    assert!(
        bench.fails("m & (np.zeros([2, 2]) == 0)").contains("the right side of `&` is 2x2 and the mask 320x240 pixels")
    );
}

#[test]
fn too_many_frames_are_refused_with_a_stride() {
    let mut bench = bench_of((0..70).map(|i| View { view_idx: i, ..front_view() }).collect());
    let refused = bench.fails("tools.Reconstruct.Reconstruct(InputImages)");
    assert!(
        refused.ends_with(
            "70 frames are more than 64; take every 2: tools.Reconstruct.Reconstruct(InputImages.every(2)) has 35"
        ),
        "{refused}"
    );
    assert_eq!(bench.prints("print(tools.Reconstruct.Reconstruct(InputImages.every(2)).num_frames);"), "35\n");
}

#[test]
fn a_frame_without_depth_is_left_out_and_said() {
    let mut views = MOVING.clone();
    views[1].depth = Err(problem(ErrorCode::NoDepth, "no depth on /front/depth"));
    let mut bench = bench_of(views.clone());
    assert_eq!(
        bench.prints("let r = tools.Reconstruct.Reconstruct(InputImages); print(r.frame_indices, r.left_out.len());"),
        "left out frame 1 (camera front at 10.300): no depth on /front/depth\n[0, 2, 3] 1\n"
    );
    let refused = bench.fails("r.depth[1]");
    assert!(
        refused.contains(
            "NO_DEPTH frame 1 (camera front at 10.300) was left out of PerFrameDepth: no depth on /front/depth"
        ),
        "{refused}"
    );
    views.iter_mut().for_each(|view| view.depth = Err(problem(ErrorCode::NoDepth, "no depth on /front/depth")));
    assert!(
        bench_of(views)
            .fails("tools.Reconstruct.Reconstruct(InputImages)")
            .ends_with("NO_DEPTH no depth on /front/depth")
    );
}

#[test]
fn up_and_the_floor_are_known_with_their_source() {
    let mut bench = moving();
    bench.prints("let r = tools.Reconstruct.Reconstruct(InputImages);");
    let said = bench.prints("print(r.gravity_direction, r.gravity_source, r.metric_scale, r.metric_scale_source);");
    insta::assert_snapshot!(said);
    let height = floats(&bench.prints("print(r.ground_height.value, r.ground_height.sigma);"));
    assert!(height[0].abs() <= 3.0 * height[1] && height[1] > 0.0 && height[1] < 0.02, "{height:?}");
    let shapes = shapes().into_iter().filter(|(id, _)| *id != FLOOR).collect();
    let rendered = scene_of(shapes).render(&vga_camera(), &fixed_from_camera());
    let mut bench = bench_of(vec![view_of(&rendered, "front", 0, STAMP)]);
    assert!(
        bench
            .fails("tools.Reconstruct.Reconstruct(InputImages).ground_height")
            .contains("NOT_MEASURABLE no floor can be measured")
    );
}

#[test]
fn masks_are_the_rendered_labels() {
    let mut bench = moving();
    bench.prints("let masks = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]);");
    assert_eq!(
        bench.prints("print(masks.labels, masks.object_ids, masks.frame_indices);"),
        "[\"mug\", \"bowl\"] [5, 3] [0, 1, 2, 3]\n"
    );
    for (frame, view) in MOVING.iter().enumerate() {
        for (name, id) in [("mug", MUG), ("bowl", BOWL)] {
            let truth = label_mask(view, id);
            let b = truth.bounding_box().unwrap();
            let found = bench.prints(&format!("let m = masks.get_mask({frame}, \"{name}\"); print(m.area, m.box);"));
            let expected =
                format!("{} [{}, {}, {}, {}]\n", truth.n_pixels(), b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px);
            assert_eq!(found, expected, "{name} in frame {frame}");
        }
    }
    // Set algebra against the labels themselves.
    let (mug, bowl) = (label_mask(&MOVING[3], MUG).n_pixels(), label_mask(&MOVING[3], BOWL).n_pixels());
    let n = 320 * 240;
    let expected = format!("0 {} {} {} 0.0 true false\n", mug + bowl, n - mug, mug + bowl);
    assert_eq!(
        bench.prints(
            "let m = masks.get_mask(3, \"mug\"); let b = masks.get_mask(3, \"bowl\"); let c = m.centroid;
             print((m & b).area, (m | b).area, (!m).area, (m ^ b).area, m.iou(b), m.contains(c[0], c[1]), b.contains(c[0], c[1]));"
        ),
        expected
    );
    assert_eq!(bench.prints("print(m.erode(2).dilate(2).iou(m) > 0.9, (m.erode(1) & m).area == m.erode(1).area, m.dilate(1).area > m.area);"),
        "true true true\n");
}

#[test]
fn a_centroid_lies_on_the_side_that_is_seen() {
    let mut bench = moving();
    bench.prints(
        "let r = tools.Reconstruct.Reconstruct(InputImages); let masks = tools.SAM3.segment_video_by_text(\"mug\");",
    );
    for frame in 0..N {
        let found = floats(&bench.prints(&format!("print(masks.get_centroid_3d(r, {frame}, \"mug\"));")));
        // The median of a cylinder's visible half and top: nearer than its axis, no farther off than its radius, within its height.
        assert!(found[0] > 1.4 - 0.04 && found[0] < 1.4, "{found:?}");
        assert!((found[1] - mug_y_m(frame, N)).abs() < 0.02, "{found:?}");
        assert!(found[2] > TABLE_TOP_M && found[2] <= TABLE_TOP_M + 0.1 + 1e-6, "{found:?}");
    }
    let mut views = MOVING.clone();
    let labels = views[1].labels.clone().unwrap();
    views[1].labels = Ok(Arc::new(spatialclaw::scene::LabelImage {
        ids: labels.ids.iter().map(|id| if *id == MUG { TABLE } else { *id }).collect(),
        ..(*labels).clone()
    }));
    let mut bench = bench_of(views);
    bench.prints(
        "let r = tools.Reconstruct.Reconstruct(InputImages); let masks = tools.SAM3.segment_video_by_text(\"mug\");",
    );
    let refused = bench.fails("masks.get_centroid_3d(r, 1)");
    assert!(
        refused
            .contains("NOT_MEASURABLE mug is not visible in frame 1 (camera front at 10.300); it is in frames 0, 2, 3"),
        "{refused}"
    );
    let unsure = bench.fails("masks.get_centroid_3d(r, 0, 0, 1.0)");
    assert!(unsure.contains("none has depth with confidence 1 or more"), "{unsure}");
    assert!(
        bench.fails("masks.get_centroid_3d(r, 0, 0, 30)").contains("the confidence threshold is 30, wanted 0 to 1")
    );
    assert_eq!(bench.prints("print(masks.frames_of(\"mug\"), masks.get_masked_points(r, 1).len());"), "[0, 2, 3] 0\n");
    let n_mug = label_mask(&MOVING[0], MUG).n_pixels();
    assert_eq!(
        bench.prints("print(masks.get_masked_points(r, 0).len(), r.points[0][masks.get_mask(0)].len());"),
        format!("{n_mug} {n_mug}\n")
    );
}

#[test]
fn points_and_boxes_mean_the_thing_under_them() {
    let mut bench = Bench::new();
    bench.prints(
        "let img = InputImages[0]; fn same(a, b) { a.get_mask(0).iou(b) == 1.0 }
         let mug = tools.SAM3.segment_image_by_text(img, \"mug\").get_mask(0);
         let crate = tools.SAM3.segment_image_by_text(img, \"box\").get_mask(0);
         let book = tools.SAM3.segment_image_by_text(img, \"book\").get_mask(0); let c = mug.centroid;",
    );
    for call in [
        "points(img, c)",
        "points(img, [c])",
        "points(img, [[c[0], c[1]]], [1], \"cup\")",
        "points(img, [c, book.centroid], [1, 0])",
        "points(img, [c, book.centroid], [true, false])",
        "box(img, mug.box)",
        "box(img, [mug.box])",
    ] {
        assert_eq!(bench.prints(&format!("print(same(tools.SAM3.segment_image_by_{call}, mug));")), "true\n", "{call}");
    }
    // The book stands in the middle of the box: a box prompt means the box, not what is at its centre.
    assert_eq!(bench.prints("print(same(tools.SAM3.segment_image_by_box(img, crate.box), crate));"), "true\n");
    let check = |bench: &mut Bench, source: &str, expected: &str| {
        let found = bench.fails(&format!("tools.SAM3.segment_image_by_{source}"));
        assert!(found.contains(expected), "{source}: {found}");
    };
    check(&mut bench, "points(img, [c, book.centroid])", "AMBIGUOUS_REFERENT 1 of the points lie on ");
    check(
        &mut bench,
        "points(img, [c, c], [1, 0])",
        "NOT_VISIBLE in frame 0 (camera front at 12.300) the points labelled 1 lie on mug#5, but those labelled 0 on mug#5 too",
    );
    check(&mut bench, "points(img, [c], [1, 0])", "points has 1 points and 2 labels");
    check(&mut bench, "points(img, [c], [0])", "points has no point labelled 1");
    check(
        &mut bench,
        "points(img, [0.4, 0.5])",
        "points lie between 0 and 1; pixels are wanted: multiply u by the width 640 and v by the height 480",
    );
    check(&mut bench, "points(img, [700, 5])", "[700, 5] of points is outside the image of 640x480 px");
    check(&mut bench, "points(img, \"mug\")", "points is the string \"mug\", wanted a number");
    check(&mut bench, "box(img, [300, 200, 100, 50])", "wanted the upper left corner first: [100, 50, 300, 200]");
    check(&mut bench, "box(img, [0, 1, 2])", "box must be [u_min, v_min, u_max, v_max] in pixels");
    check(
        &mut bench,
        "box(img, [mug.box[0], mug.box[1], mug.box[0] + 2, mug.box[1] + 2])",
        "NOT_VISIBLE no thing fills the box",
    );
    check(
        &mut bench,
        "text(img, \"mug\", (), 0.95)",
        "NOT_VISIBLE 1 of \"mug\" in frame 0 (camera front at 12.300) have a confidence of at most 0.90, below the threshold 0.95",
    );
    assert_eq!(
        bench.prints("print(tools.SAM3.segment_image_by_text(img, \"cup\", \"vessel\").labels);"),
        "[\"vessel_0\", \"vessel_1\"]\n"
    );
    for old in ["segment_image", "segment_video"] {
        let refused = bench.refuses(&format!("tools.SAM3.{old}(img, \"mug\")")).join(" ");
        assert!(refused.contains(&format!("{old}_by_text")), "{refused}");
    }
}

/// Knows things by name only: no ids, no point or box prompts.
struct NamesOnly;

impl Segmenter for NamesOnly {
    fn name(&self) -> &str {
        "names_only"
    }

    fn segment(&self, view: &View, prompt: &Prompt) -> Result<Vec<Segment>, PerceptionError> {
        assert!(matches!(prompt.kind(), PromptKind::Text | PromptKind::Everything));
        let mut found = LabelImageSegmenter.segment(view, prompt)?;
        // In another order in each frame, and the cups under one name.
        if view.view_idx % 2 == 1 {
            found.reverse();
        }
        for segment in &mut found {
            segment.instance = None;
            segment.label = segment.label.replace("red ", "").replace("blue ", "");
        }
        Ok(found)
    }
}

#[test]
fn video_follows_instances() {
    let on_last = label_mask(&MOVING[3], MUG);
    let areas: Vec<usize> = MOVING.iter().map(|view| label_mask(view, MUG).n_pixels()).collect();
    let areas = format!("{areas:?}\n");
    let found = |bench: &mut Bench, call: &str| {
        bench.prints(&format!(
            "let m = tools.SAM3.segment_video_by_{call}; print([0, 1, 2, 3].map(|f| m.get_mask(f, \"mug\").area));"
        ))
    };
    let b = on_last.bounding_box().unwrap();
    let (u, v) = on_last.median_pixel().unwrap();
    let mut bench = moving();
    for call in [
        "text(\"mug\")".to_owned(),
        format!("points([{u}, {v}], #{{labels: [\"mug\"], prompt_frame_idx: 3}})"),
        format!("points([[[{u}, {v}]]], #{{labels: \"mug\", prompt_frame_idx: -1}})"),
        format!("points([[{u}, {v}], [{u}, {}]], [[1, 1]], [\"mug\"], InputImages[3])", v + 1.0),
        format!("box([{}, {}, {}, {}], [\"mug\"], 3)", b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px),
        format!("box([[{}, {}, {}, {}]], #{{prompt_frame_idx: 3}})", b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px),
    ] {
        assert_eq!(found(&mut bench, &call), areas, "{call}");
    }
    let flat =
        bench.fails(&format!("tools.SAM3.segment_video_by_points([[{u}, {v}], [10, 10]], #{{prompt_frame_idx: 3}})"));
    assert!(flat.contains("points_per_object is a flat list of 2 points with no labels; group them"), "{flat}");
    // Without ids the still things are followed by overlap, and both cups although they share a name and change places in the list.
    let mut bench = Bench::with(|context| {
        context.snapshot = Arc::new(snapshot_of(MOVING.clone()));
        context.perception.segmenter = Arc::new(NamesOnly);
    });
    bench.prints("let cups = tools.SAM3.segment_video_by_text([\"bowl\", \"cup\"]);");
    assert_eq!(bench.prints("print(cups.labels, cups.object_ids);"), "[\"bowl\", \"cup_0\", \"cup_1\"] [(), (), ()]\n");
    for frame in 0..N {
        let right = label_mask(&MOVING[frame], RED_CUP).bounding_box().unwrap().u_min_px;
        let first = label_mask(&MOVING[0], RED_CUP);
        let is_red_first = bench.prints("print(cups.get_mask(0, \"cup_0\").area);")
            == format!("{}\n", first.n_pixels())
            && bench.prints("print(cups.get_mask(0, \"cup_0\").box[0]);")
                == format!("{}\n", first.bounding_box().unwrap().u_min_px);
        let name = if is_red_first { "cup_0" } else { "cup_1" };
        assert_eq!(bench.prints(&format!("print(cups.get_mask({frame}, \"{name}\").box[0]);")), format!("{right}\n"));
    }
    let refused = bench.fails("tools.SAM3.segment_image_by_points(InputImages[0], [5, 5])");
    assert!(
        refused.contains(
            "SEGMENTATION_UNAVAILABLE names_only cannot take a point prompt; use a text prompt, a prompt for everything"
        ),
        "{refused}"
    );
}

#[test]
fn windows_choose_frames() {
    let mut bench = moving();
    let check = |bench: &mut Bench, options: &str, expected: &str| {
        let found =
            bench.prints(&format!("print(tools.SAM3.segment_video_by_text(\"mug\", #{{{options}}}).frame_indices);"));
        assert_eq!(found, format!("{expected}\n"), "{options}");
    };
    check(&mut bench, "", "[0, 1, 2, 3]");
    check(&mut bench, "start_frame: 1, end_frame: 3", "[1, 2]");
    check(&mut bench, "start_frame: -2", "[2, 3]");
    check(&mut bench, "frame_indices: [3, 0, 3]", "[0, 3]");
    check(&mut bench, "camera: \"front\"", "[0, 1, 2, 3]");
    let fails = |bench: &mut Bench, options: &str| {
        bench.fails(&format!("tools.SAM3.segment_video_by_text(\"mug\", #{{{options}}})"))
    };
    assert!(fails(&mut bench, "start_frame: 9").ends_with("start_frame is 9, but InputImages has 4 frames"));
    assert!(fails(&mut bench, "start_frame: 2, end_frame: 2").contains("no frame is in this window"));
    assert!(fails(&mut bench, "camera: \"rear\"").ends_with("camera is \"rear\", there are front"));
    assert!(
        bench
            .fails("tools.SAM3.segment_video_by_points([5, 5], #{prompt_frame_idx: 0, start_frame: 2})")
            .ends_with("prompt_frame_idx is 0 (a position in InputImages), the window has frames 2, 3")
    );
    assert!(
        fails(&mut bench, "labels: [\"a\", \"b\"]").ends_with("there are 2 labels for 1 prompts; give one for each")
    );
    assert_eq!(
        bench.prints("print(tools.SAM3.segment_video_by_text([\"mug\", \"zebra\"]).labels);"),
        "\"zebra\" is not visible in any of 4 frames, so it has no mask\n[\"mug\"]\n"
    );
    assert!(
        bench
            .fails("tools.SAM3.segment_video_by_text(\"zebra\")")
            .ends_with("NOT_VISIBLE \"zebra\" is not visible in any of 4 frames")
    );
}

#[test]
fn an_outage_is_unknown_and_never_absent() {
    let mut views = MOVING.clone();
    views[1].labels = Err(problem(ErrorCode::SegmentationUnavailable, "no labels on /front/labels"));
    let mut bench = bench_of(views);
    assert_eq!(
        bench.prints("let e = tools.SAM3.is_object_exist(InputImages, \"mug\"); print(e.states, e.exists, e.counts); print(e.reasons[1]); print(e.summary);"),
        "[\"yes\", \"unknown\", \"yes\", \"yes\"] [true, (), true, true] [1, (), 1, 1]\nSEGMENTATION_UNAVAILABLE no labels on \
         /front/labels\nmug is visible in 3 of 4 frames; unknown in 1: SEGMENTATION_UNAVAILABLE no labels on /front/labels\n"
    );
    assert_eq!(bench.prints("print(tools.SAM3.is_object_exist(InputImages[0], \"zebra\").states);"), "[\"no\"]\n");
    assert!(
        bench
            .prints("print(tools.SAM3.segment_video_by_text(\"mug\").frame_indices);")
            .ends_with("left out frame 1 (camera front at 10.300): no labels on /front/labels\n[0, 2, 3]\n")
    );
}

/// The colours in which the objects at these positions are outlined (Okabe and Ito 2008).
const ORANGE: [u8; 3] = [230, 159, 0];
const SKY_BLUE: [u8; 3] = [86, 180, 233];

fn n_near(image: &RgbImage, (u, v): (f64, f64), radius_px: f64, color: [u8; 3]) -> usize {
    let is_near = |x: u32, y: u32| (f64::from(x) - u).hypot(f64::from(y) - v) <= radius_px;
    image.enumerate_pixels().filter(|(x, y, pixel)| pixel.0 == color && is_near(*x, *y)).count()
}

#[test]
fn the_view_from_above_shows_everything_where_it_is() {
    let mut bench = moving();
    bench.prints(
        "let r = tools.Reconstruct.Reconstruct(InputImages);
         let masks = tools.SAM3.segment_video_by_text([\"box\", \"bowl\", \"mug\"]);
         let bev = r.render_bev(masks); let m = bev.meta;",
    );
    let shown = pictures(&mut bench, "show(bev, \"from above\");");
    let (label, image) = &shown[0];
    assert_eq!(label, "from above");
    let numbers = floats(&bench.prints("print(m.px_per_m, m.cameras[0].pixel, m.forward, m.right);"));
    let [px_per_m, u0, v0, fx, fy, rx, ry] = numbers[..] else { panic!("{numbers:?}") };
    // The camera looks along +x from (0.2, 0), so right is -y.
    assert!((fx - 1.0).abs() < 1e-9 && fy.abs() < 1e-9 && rx.abs() < 1e-9 && (ry + 1.0).abs() < 1e-9, "{numbers:?}");
    let pixel = |x: f64, y: f64| (u0 - y * px_per_m, v0 - (x - 0.2) * px_per_m);
    assert_eq!(
        bench.prints("print(m.objects.map(|o| o.label), m.objects.map(|o| o.kind));"),
        "[\"box\", \"bowl\", \"mug\"] [\"still\", \"still\", \"moving\"]\n"
    );
    // The book hides a part of the box's top, so the truth is the middle of what a perfect camera sees of it.
    let pose = MOVING[3].posed.as_ref().unwrap().fixed_from_camera;
    let visible = scene_of(shapes()).dense_points(&small_camera(), &pose, BOX, 3);
    let middle = |axis: usize| {
        let ends = visible.iter().map(|p| p[axis]).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        (ends.0 + ends.1) / 2.0
    };
    let crate_px = floats(&bench.prints("print(m.objects[0].pixel);"));
    let truth = pixel(middle(0), middle(1));
    assert!((crate_px[0] - truth.0).hypot(crate_px[1] - truth.1) < 0.02 * px_per_m, "{crate_px:?} {truth:?}");
    let sides = floats(&bench.prints("print(m.objects[0].length, m.objects[0].width);"));
    assert!((sides[0] - 0.20).abs() < 0.03 && (sides[1] - 0.10).abs() < 0.03, "{sides:?}");
    assert!(n_near(image, truth, 0.15 * px_per_m, ORANGE) > 40, "the box is outlined where it is");
    assert_eq!(n_near(image, pixel(1.0, 0.5), 0.1 * px_per_m, ORANGE), 0, "and nowhere else");
    assert!(n_near(image, pixel(1.4, -0.2), 0.1 * px_per_m, SKY_BLUE) > 40, "the bowl is outlined where it is");
    // The mug's path ends where it is seen last; its place is the middle of the visible side.
    let path = floats(&bench.prints("print(m.objects[2].path);"));
    for (frame, place) in path.chunks(3).enumerate() {
        assert!((place[0] - 1.385).abs() < 0.025 && (place[1] - mug_y_m(frame, N)).abs() < 0.02, "{frame}: {place:?}");
    }
    let moved = floats(&bench.prints("print(m.objects[2].distance);"))[0];
    assert!((moved - 0.24).abs() < 0.02, "{moved}");
    assert_eq!(bench.prints("print(m.objects[2].direction);"), "right\n");
    let (red, blue) = (pixel(1.385, mug_y_m(0, N)), pixel(1.385, mug_y_m(3, N)));
    assert!(n_near(image, red, 10.0, [230, 30, 0]) > 20, "it starts red");
    assert!(n_near(image, blue, 12.0, [0, 30, 230]) > 10, "it ends blue");
    // The ego path goes forward from the reference camera.
    let green = image.pixels().filter(|pixel| pixel.0[1] == 170 && pixel.0[2] == 0).count();
    assert!(green > 10, "{green} pixels of the ego path");
    insta::assert_snapshot!(bench.prints("print(bev.description);"));
}

#[test]
fn the_view_from_above_joins_by_frame_and_takes_names() {
    let mut bench = moving();
    // Dense masks and a sparse reconstruction: joined by position in the list the mug would be drawn in two wrong places.
    bench.prints(
        "let r = tools.Reconstruct.Reconstruct([InputImages[2], InputImages[3]]); let masks = tools.SAM3.segment_video_by_text(\"mug\");
         let o = r.render_bev(masks, [\"my mug\"]).meta.objects[0];",
    );
    assert_eq!(bench.prints("print(o.label, o.frames, o.kind);"), "my mug [2, 3] moving\n");
    let path = floats(&bench.prints("print(o.path);"));
    assert!((path[1] - mug_y_m(2, N)).abs() < 0.02 && (path[4] - mug_y_m(3, N)).abs() < 0.02, "{path:?}");
    assert_eq!(bench.prints("let b = r.render_bev(#{prompts: [\"bowl\", \"book\"], ref_frame: 3, ego_trajectory: false}); print(b.meta.objects.len(), b.meta.ref_frame);"), "2 3\n");
    assert!(bench.fails("r.render_bev(masks, [\"a\", \"b\"])").contains("there are 2 labels for 1 objects (mug)"));
    assert!(
        bench
            .fails("r.render_bev(#{ref_frame: 0})")
            .contains("frame 0 is not in the reconstruction, which holds frames 2, 3")
    );
    assert!(bench.fails("r.render_bev(5)").contains("masks is the int 5, wanted a PerFrameMask"));
}

#[test]
fn a_still_thing_seen_from_two_sides_has_not_moved() {
    let sides = [Point3::new(0.3, 0.9, 1.3), Point3::new(0.3, -0.9, 1.3)];
    let views = sides.iter().enumerate().map(|(i, eye)| {
        let rendered = scene_of(shapes()).render(&vga_camera(), &look_at(*eye, Point3::new(1.5, 0.0, TABLE_TOP_M)));
        view_of(&rendered, "front", i, STAMP.plus_secs(i as f64 - 1.0))
    });
    let mut bench = bench_of(views.collect());
    let kinds = bench.prints(
        "let r = tools.Reconstruct.Reconstruct(InputImages); let b = r.render_bev(#{prompts: [\"mug\", \"bowl\", \"box\", \"table\"]});
         print(b.meta.objects.map(|o| o.kind));",
    );
    assert_eq!(kinds, "[\"still\", \"still\", \"still\", \"still\"]\n");
}

#[test]
fn masks_are_shown_with_their_names() {
    let mut bench = Bench::new();
    bench.prints("let masks = tools.SAM3.segment_image_by_text(InputImages[0], \"cup\"); let p = masks.visualize();");
    assert_eq!(
        bench.prints("print(p.description, p.width, p.height, p.index);"),
        "0: red cup, 1: blue cup in frame 0 (camera front at 12.300) 640 480 0\n"
    );
    let shown = pictures(
        &mut bench,
        "show(p, masks, masks.get_mask(0, 1), InputImages[0], label: 1);".replace("label: 1", "\"all\"").as_str(),
    );
    let labels: Vec<&str> = shown.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels[1..],
        ["all (2/4): 0: red cup, 1: blue cup in frame 0 (camera front at 12.300)", "all (3/4)", "all (4/4)"]
    );
    let view = front_view();
    let cup = label_mask(&view, RED_CUP);
    let image = &shown[0].1;
    for (u, v) in cup.eroded(1).pixels() {
        let is_under_words = n_near(image, (f64::from(u), f64::from(v)), 12.0, [0, 0, 0]) > 0;
        let tinted = [160, 125, 45];
        assert!(is_under_words || image.get_pixel(u, v).0 == tinted, "({u}, {v}) is {:?}", image.get_pixel(u, v));
    }
    assert_eq!(image.get_pixel(5, 5).0, [90, 90, 90], "what is outside stays");
    assert!(image.height() > 480, "the label stands below");
}

#[test]
fn everything_that_is_a_picture_can_be_shown() {
    let mut bench = moving();
    bench.prints("let r = tools.Reconstruct.Reconstruct(InputImages);");
    let shown = pictures(
        &mut bench,
        "show(r.depth[1]); show([InputImages[0], [InputImages[1]]], #{label: \"two\"}); show(InputImages[2..4]);",
    );
    let labels: Vec<&str> = shown.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels[1..3], ["two (1/2)", "two (2/2)"]);
    assert!(
        labels[0].starts_with("depth of frame 1 (camera front at 10.300): dark ")
            && labels[0].ends_with("grey unknown m"),
        "{}",
        labels[0]
    );
    assert_eq!(shown.len(), 5);
    // Near is dark and far is bright.
    let depth = MOVING[1].depth.clone().unwrap();
    let brightness = |u: u32, v: u32| shown[0].1.get_pixel(u, v).0.iter().map(|c| u32::from(*c)).sum::<u32>();
    let (near, far) = ((160, 230), (20, 20));
    if let (Some(a), Some(b)) = (depth.at(near.0, near.1), depth.at(far.0, far.1)) {
        assert_eq!(a < b, brightness(near.0, near.1) < brightness(far.0, far.1));
    }
    assert!(
        bench
            .fails("show(5)")
            .contains("show got the int 5, wanted a Frame, PerFrameMask, Mask, Object, Picture, DepthImage")
    );
    let told = bench.prints("for i in range(0, 12) { show(InputImages[0]); }");
    assert!(told.contains("[4 pictures left out; one cell shows at most 8]"), "{told}");
    // Five and eight have been shown.
    let mut told = String::new();
    for _ in 0..30 {
        told += &bench.prints("for i in range(0, 8) { show(InputImages[0]); }");
    }
    assert!(told.contains("this question has shown its 250; print descriptions and numbers instead"), "{told}");
}

#[test]
fn mask_functions_count_as_they_should() {
    let mut bench = moving();
    bench.prints("let masks = tools.SAM3.segment_video_by_text([\"mug\", \"bowl\"]); let a = masks.get_mask(3, 0); let b = a.dilate(1); let none = a & !a;");
    let truth = label_mask(&MOVING[3], MUG);
    let b = truth.bounding_box().unwrap();
    let (u, v) = truth.median_pixel().unwrap();
    assert_eq!(
        bench.prints("print(tools.Mask.area(a), tools.Mask.mask_to_bbox(a));"),
        format!("{} [{}, {}, {}, {}]\n", truth.n_pixels(), b.u_min_px, b.v_min_px, b.u_max_px, b.v_max_px)
    );
    assert_eq!(floats(&bench.prints("print(tools.Mask.centroid(a));")), [u, v]);
    let n = bench.prints("print(tools.Mask.area(b));").trim().parse::<f64>().unwrap();
    let iou = floats(&bench.prints("print(tools.Mask.iou(a, b));"))[0];
    assert!((iou - truth.n_pixels() as f64 / n).abs() < 1e-12, "{iou}");
    assert_eq!(bench.prints("print(tools.Mask.intersection(a, b).area == a.area, tools.Mask.union(a, b).area == b.area, tools.Mask.iou(none, none));"), "true true 0.0\n");
    assert_eq!(bench.prints("print(tools.Mask.centroids([a, none])[1], tools.Mask.bounding_box(none), tools.Mask.mask_to_bbox(none), none.box, none.centroid);"), "() () () () ()\n");
    assert!(
        bench.fails("tools.Mask.centroid(none)").contains("NOT_MEASURABLE the mask is empty, so it has no centroid")
    );
    assert!(
        bench.fails("tools.Mask.area(masks)").contains("take one object of one frame: masks.get_mask(frame, object)")
    );
    assert!(bench.fails("tools.Mask.centroids(masks)").contains("masks has 4 frames; take one of them: masks[frame]"));
}

#[test]
fn time_goes_by_stamps() {
    // Uneven: 0, 1, 1.2 and 4.2 s.
    let views = [0.0, 1.0, 1.2, 4.2].iter().enumerate();
    let views = views.map(|(i, secs)| View { view_idx: i, stamp: STAMP.plus_secs(*secs), ..front_view() });
    let mut bench = bench_of(views.collect());
    let check = |bench: &mut Bench, source: &str, expected: &str| {
        assert_eq!(bench.prints(&format!("print(tools.Time.{source});")), format!("{expected}\n"), "{source}");
    };
    check(&mut bench, "frame_to_seconds(2)", "1.2");
    check(&mut bench, "frame_to_seconds(2.0)", "1.2");
    check(&mut bench, "frame_to_seconds(-1)", "4.2");
    check(&mut bench, "frame_to_seconds(InputImages[1])", "1.0");
    check(&mut bench, "seconds_to_frame(1)", "1");
    check(&mut bench, "seconds_to_frame(2.6)", "2");
    check(&mut bench, "seconds_to_frame(2.8)", "3");
    check(&mut bench, "get_frame_at_time(0.4, \"front\")", "0");
    check(&mut bench, "frame_range_to_seconds(1, 3.0)", "[1.0, 4.2]");
    assert_eq!(
        bench.prints("print(tools.Time.seconds_to_frame(99));"),
        "99 s is outside the recording of 0.000 to 4.200 s; frame 3 is nearest\n3\n"
    );
    assert!(bench.fails("tools.Time.frame_to_seconds(9)").contains("frame is 9, but there are only 4"));
    assert!(bench.fails("tools.Time.frame_to_seconds(1.5)").contains("wanted a whole position in InputImages"));
    assert!(bench.fails("tools.Time.seconds_to_frame(1, \"rear\")").contains("no image is of camera \"rear\""));
}

#[test]
fn a_graph_tells_what_it_shows() {
    let mut bench = Bench::new();
    bench.prints("let g = tools.Graph.plot([1, 2.5, (), 4, 99], [true, true, true, true, false], #{y_label: \"distance, m\", title: \"gap\"});");
    insta::assert_snapshot!(bench.prints("print(g.description);"));
    let shown = pictures(&mut bench, "show(g);");
    let pixels = floats(&bench.prints("print(g.meta.pixels);"));
    let line = [0, 90, 181];
    let at = |i: usize| (pixels[2 * i], pixels[2 * i + 1]);
    assert_eq!(pixels.len(), 6);
    for i in 0..3 {
        assert!(n_near(&shown[0].1, at(i), 3.0, line) > 10, "value {i} is marked");
    }
    let middle = |a: (f64, f64), b: (f64, f64)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    assert!(n_near(&shown[0].1, middle(at(0), at(1)), 3.0, line) > 3, "neighbours are joined");
    assert_eq!(n_near(&shown[0].1, middle(at(1), at(2)), 8.0, line), 0, "a gap is not");
    // Higher values stand higher, by the same scale.
    assert!(((at(0).1 - at(1).1) / 1.5 - (at(1).1 - at(2).1) / 1.5).abs() < 1e-9);
    for (values, trend) in
        [("[1, 1, 1]", "stable"), ("[0, 10, 0.05]", "stable"), ("[0, 1]", "rising"), ("[3, 1, 2]", "falling")]
    {
        assert_eq!(
            bench.prints(&format!("print(tools.Graph.plot({values}).meta.trend);")),
            format!("{trend}\n"),
            "{values}"
        );
    }
    assert!(bench.fails("tools.Graph.plot([(), ()])").contains("NOT_MEASURABLE none of the 2 values is a number"));
    assert!(bench.fails("tools.Graph.plot([1, 2], [true])").contains("validity has 1 entries for 2 values"));
    assert!(bench.fails("tools.Graph.plot([[1], [2]])").contains("values[0] is a list of 1"));
}

#[test]
fn drawings_are_where_they_were_asked_for() {
    let mut bench = Bench::new();
    bench.prints(
        "let a = tools.Draw.draw_bbox(InputImages[0], [[100, 100, 150, 140], [300, 300, 340, 320]], [\"red\", [0, 0, 255]], 1);
         let b = tools.Draw.draw_line(a, [[10, 10], [10, 60]], \"lime\"); let c = tools.Draw.draw_point(b, [600, 400], \"#ff00ff\", 5);
         let d = tools.Draw.draw_text(c, \"HI\", [200, 20], \"white\", 2);",
    );
    let image = pictures(&mut bench, "show(d);").remove(0).1;
    let count = |color: [u8; 3]| image.rows().take(480).flatten().filter(|pixel| pixel.0 == color).count();
    assert_eq!(count([255, 0, 0]), 2 * (51 + 41) - 4);
    assert_eq!(count([0, 0, 255]), 2 * (41 + 21) - 4);
    assert_eq!(image.get_pixel(100, 120).0, [255, 0, 0]);
    assert_eq!(image.get_pixel(320, 300).0, [0, 0, 255]);
    assert_eq!(image.get_pixel(10, 35).0, [0, 255, 0]);
    // Pixels whose centre lies in a circle of radius 5 (Gauss's circle problem).
    assert_eq!(count([255, 0, 255]), 81);
    assert!(count([255, 255, 255]) > 50);
    assert_eq!(
        bench.prints("print(a.description);"),
        "frame 0 (camera front at 12.300), with boxes red [100, 100, 150, 140], [0, 0, 255] [300, 300, 340, 320]\n"
    );
    let check = |bench: &mut Bench, source: &str, expected: &str| {
        let found = bench.fails(&format!("tools.Draw.{source}"));
        assert!(found.contains(expected), "{source}: {found}");
    };
    check(
        &mut bench,
        "draw_point(InputImages[0], [[1, 1], [2, 2], [3, 3]], [\"red\", \"blue\"])",
        "there are 2 colors for 3 things",
    );
    check(&mut bench, "draw_point(InputImages[0], [1, 1], \"reddish\")", "no color is named \"reddish\"");
    check(&mut bench, "draw_bbox(InputImages[0], [1, 1])", "bboxes must be [u_min, v_min, u_max, v_max]");
    check(&mut bench, "draw_line(5, [1, 2, 3, 4])", "image is the int 5, wanted a Frame, a Picture or a Mask");
    assert!(
        bench
            .prints("print(tools.Draw.draw_point(InputImages[0], [-5, 900]).description);")
            .contains("(outside the image)")
    );
}

/// Reads the same line in every image.
struct Sign;

impl TextReader for Sign {
    fn name(&self) -> &str {
        "sign"
    }

    fn read(&self, view: &View) -> Result<Vec<TextLine>, PerceptionError> {
        view.labels.as_ref().map_err(|problem| PerceptionError::Unavailable(problem.clone()))?;
        let at = PixelBox { u_min_px: 20, v_min_px: 40, u_max_px: 120, v_max_px: 60 };
        Ok(vec![TextLine { text: "EXIT".to_owned(), at, score: 0.75 }])
    }
}

#[test]
fn writing_is_read_where_a_reader_is_configured() {
    let mut without = Bench::new();
    assert!(without.fails("tools.OCR.ocr(InputImages[0])").contains("MODEL_UNAVAILABLE no text reader is configured"));
    let mut bench = Bench::with(|context| context.perception.text_reader = Some(Arc::new(Sign)));
    assert_eq!(bench.prints("let o = tools.OCR.ocr(InputImages[0]); print(o.texts, o.boxes, o.confidences, o.visualization.description);"),
        "[\"EXIT\"] [[20, 40, 120, 60]] [0.75] \"EXIT\" in frame 0 (camera front at 12.300)\n");
    let image = pictures(&mut bench, "show(o.visualization);").remove(0).1;
    assert_eq!(image.get_pixel(20, 50).0, ORANGE);
    let mut view = front_view();
    view.labels = Err(problem(ErrorCode::SegmentationUnavailable, "the reader is blind"));
    let mut blind = Bench::with(|context| {
        context.snapshot = Arc::new(snapshot_of(vec![view]));
        context.perception.text_reader = Some(Arc::new(Sign));
    });
    assert!(blind.fails("tools.OCR.ocr(InputImages[0])").ends_with("SEGMENTATION_UNAVAILABLE the reader is blind"));
}

#[test]
fn confidence_falls_with_the_noise() {
    // By the normal distribution, for the camera's own noise model.
    let sigma_m = DepthNoise::default().sigma_m(4.0);
    let found = spatialclaw::tools::values::depth::confidence(sigma_m);
    let z = 0.02 / sigma_m;
    // Simpson's rule over the density from -z to z.
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let n = 2000;
    let step = 2.0 * z / f64::from(n);
    let sum: f64 = (0..=n)
        .map(|i| {
            let weight = if i == 0 || i == n {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            weight * density(-z + f64::from(i) * step)
        })
        .sum();
    assert!((found - sum * step / 3.0).abs() < 1e-6, "{found}");
}
