//! Faults put into a sound scene one at a time, and the refusal each must lead to.

use super::{
    tf_oracle::{Matrix, difference, message, product, screw},
    *,
};
use crate::{
    error_code::ErrorCode,
    scene::raw_message::{CompressedImage, MessageHeader, RawCameraInfo, RawImage, RegionOfInterest},
};

const MILLI: i64 = 1_000_000;
/// Time of the first message.
const START_MILLIS: i64 = 100_000;
const OPTICAL: &str = "front_optical_frame";

fn at_millis(millis: i64) -> Stamp {
    Stamp { nanos: (START_MILLIS + millis) * MILLI }
}

fn header(millis: i64) -> MessageHeader {
    MessageHeader { stamp: at_millis(millis), frame: FrameId::new(OPTICAL) }
}

fn raw(encoding: &str, width_px: u32, height_px: u32, pixel: &[u8]) -> RawImage {
    let n_pixels = width_px as usize * height_px as usize;
    RawImage {
        width_px,
        height_px,
        encoding: encoding.to_owned(),
        is_bigendian: false,
        step: width_px * pixel.len() as u32,
        bytes: pixel.repeat(n_pixels),
    }
}

fn color() -> RawImage {
    raw("rgb8", 8, 6, &[10, 20, 30])
}

fn depth(millimetres: u16) -> RawImage {
    raw("16UC1", 8, 6, &millimetres.to_le_bytes())
}

fn labels() -> RawImage {
    raw("8UC1", 8, 6, &[5])
}

fn info() -> RawCameraInfo {
    RawCameraInfo {
        width_px: 8,
        height_px: 6,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [8.0, 0.0, 3.5, 0.0, 8.0, 2.5, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [8.0, 0.0, 3.5, 0.0, 0.0, 8.0, 2.5, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning: [0, 0],
        roi: RegionOfInterest::default(),
    }
}

fn names() -> LabelNames {
    LabelNames { by_id: [(5, ("mug".to_owned(), 0.9))].into() }
}

/// A robot that turns at 1 rad/s, its camera 0.3 m ahead of the axis.
fn map_from_base(millis: i64) -> Matrix {
    screw([0.0, 0.0, 1.0], [0.0; 3], millis as f64 * 1e-3)
}

fn base_from_camera() -> Matrix {
    screw([0.0; 3], [0.3, 0.0, 0.5], 1.0)
}

/// What a test leaves out of or puts into the sound scene.
struct Script {
    config: SceneConfig,
    camera: CameraConfig,
    /// Stamps and arrival of colour, 10 Hz.
    last_millis: i64,
    depth_until_millis: i64,
    labels_until_millis: i64,
    depth_shift_millis: i64,
    labels_shift_millis: i64,
    tf_until_millis: i64,
    has_info: bool,
    has_names: bool,
    depth_frame: &'static str,
    depth_image: RawImage,
    labels_image: RawImage,
    color_image: RawImage,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            config: SceneConfig::default(),
            camera: CameraConfig::named("front"),
            last_millis: 8000,
            depth_until_millis: i64::MAX,
            labels_until_millis: i64::MAX,
            depth_shift_millis: 5,
            labels_shift_millis: 0,
            tf_until_millis: i64::MAX,
            has_info: true,
            has_names: true,
            depth_frame: OPTICAL,
            depth_image: depth(2000),
            labels_image: labels(),
            color_image: color(),
        }
    }
}

impl Script {
    /// Plays the scene; what is refused on the way is given back.
    fn play(self) -> (SceneBuffer, Vec<InputProblem>) {
        let mut scene = SceneBuffer::new(self.config, vec![self.camera]);
        let mut refused = Vec::new();
        refused.extend(scene.push_transforms(&[message("base_link", OPTICAL, 0, &base_from_camera())], true));
        if self.has_info {
            refused.extend(scene.push_camera_info("front", &header(0), info()).err());
        }
        if self.has_names {
            scene.set_label_names("front", names()).unwrap();
        }
        for millis in (0..=self.last_millis).step_by(20) {
            let now = at_millis(millis + 10);
            if millis <= self.tf_until_millis {
                let transform = message("map", "base_link", at_millis(millis).nanos, &map_from_base(millis));
                refused.extend(scene.push_transforms(&[transform], false));
            }
            if millis % 100 != 0 {
                continue;
            }
            refused.extend(scene.push_color("front", &header(millis), self.color_image.clone(), now).err());
            if millis <= self.depth_until_millis {
                let header = MessageHeader {
                    stamp: at_millis(millis + self.depth_shift_millis),
                    frame: FrameId::new(self.depth_frame),
                };
                refused.extend(scene.push_depth("front", &header, self.depth_image.clone(), now).err());
            }
            if millis <= self.labels_until_millis {
                let header = header(millis + self.labels_shift_millis);
                refused.extend(scene.push_labels("front", &header, self.labels_image.clone(), now).err());
            }
        }
        (scene, refused)
    }

    fn played(self) -> SceneBuffer {
        self.play().0
    }
}

fn request(when: When) -> SnapshotRequest {
    SnapshotRequest { when, cameras: Vec::new() }
}

fn now_snapshot(scene: &mut SceneBuffer, now_millis: i64) -> Result<Snapshot, InputProblem> {
    scene.snapshot(&request(When::Now), at_millis(now_millis))
}

/// The newest view of a script's scene right after its last message.
fn newest_view(script: Script) -> View {
    let now_millis = script.last_millis + 20;
    let snapshot = now_snapshot(&mut script.played(), now_millis).unwrap();
    snapshot.newest_views()[0].clone()
}

fn assert_refused<T: std::fmt::Debug>(found: Result<T, InputProblem>, code: ErrorCode, words: &[&str]) {
    let problem = found.unwrap_err();
    assert_eq!(problem.code, code, "{problem}");
    for word in words {
        assert!(problem.message.contains(word), "{word:?} is not in {problem}");
    }
}

#[test]
fn a_sound_scene_gives_posed_views_over_the_window() {
    let (mut scene, refused) = Script::default().play();
    assert_eq!(refused, vec![]);
    let snapshot = now_snapshot(&mut scene, 8020).unwrap();
    assert_eq!((snapshot.taken_at, snapshot.fixed_frame.as_str()), (at_millis(8020), "map"));
    assert_eq!(snapshot.views.len(), 16);
    let stamps: Vec<i64> = snapshot.views.iter().map(|view| view.stamp.nanos / MILLI - START_MILLIS).collect();
    assert!(stamps.windows(2).all(|pair| (300..=400).contains(&(pair[1] - pair[0]))), "{stamps:?}");
    assert_eq!((stamps[0], stamps[15]), (3000, 8000));
    for (index, view) in snapshot.views.iter().enumerate() {
        assert_eq!(view.view_idx, index);
        let truth = product(&map_from_base(stamps[index]), &base_from_camera());
        let posed = view.posed.as_ref().unwrap();
        assert!(difference(&posed.fixed_from_camera, &truth) < 1e-9);
        // 0.3 m/s and 1 rad/s over the stamp's sigma of 5 ms and the depth's skew of 5 ms; the sample is exact.
        let doubt_secs = 0.005f64.hypot(0.005);
        assert!((posed.sigma.position_m - 0.002f64.hypot(0.3 * doubt_secs)).abs() < 1e-5, "{:?}", posed.sigma);
        assert!((posed.sigma.rotation_rad - 0.002f64.hypot(doubt_secs)).abs() < 1e-5, "{:?}", posed.sigma);
        assert_eq!(view.depth.as_ref().unwrap().at(3, 3), Some(2.0));
        assert_eq!(view.labels.as_ref().unwrap().ids[10], 5);
        assert_eq!(view.labels.as_ref().unwrap().names.by_id[&5].0, "mug");
        assert_eq!(view.image.get_pixel(1, 1).0, [10, 20, 30]);
        assert_eq!((view.optical_frame.as_str(), view.intrinsics.fx_px), (OPTICAL, 8.0));
    }
    let health = &scene.health(at_millis(8020))[0];
    assert_eq!(health.problems, vec![]);
    assert!((health.color.rate_hz.unwrap() - 10.0).abs() < 1e-9);
    assert!((health.depth_skew_secs.unwrap() - 0.005).abs() < 1e-9);
    assert!((health.color.age_secs.unwrap() - 0.02).abs() < 1e-9);
    assert_eq!((health.color.n_received, health.color.n_refused), (81, 0));
    assert_eq!(health.n_bytes, 81 * (8 * 6 * 6));
}

#[test]
fn the_window_and_the_moment_decide_which_images_are_seen() {
    let mut scene = Script::default().played();
    let mut stamps = |when| {
        let snapshot = scene.snapshot(&request(when), at_millis(8020)).unwrap();
        snapshot.views.iter().map(|view| view.stamp.nanos / MILLI - START_MILLIS).collect::<Vec<_>>()
    };
    assert_eq!(stamps(When::Last(0.3)), [7700, 7800, 7900, 8000]);
    assert_eq!(stamps(When::At(at_millis(4140))), [4100]);
    assert_eq!(stamps(When::Last(9.0)).len(), 14);
    let check = |scene: &mut SceneBuffer, when, code, words: &[&str]| {
        assert_refused(scene.snapshot(&request(when), at_millis(8020)), code, words);
    };
    check(&mut scene, When::Last(11.0), ErrorCode::NotBuffered, &["11 s", "10 s"]);
    check(&mut scene, When::Last(0.0), ErrorCode::InvalidGoal, &["0 s"]);
    check(&mut scene, When::Last(f64::NAN), ErrorCode::InvalidGoal, &["NaN"]);
    let words = ["\"front/image\"", "99.000", "100.000 to 108.000"];
    check(&mut scene, When::At(at_millis(-1000)), ErrorCode::NotBuffered, &words);
    check(&mut scene, When::At(at_millis(8600)), ErrorCode::NotBuffered, &["\"front/image\"", "108.600"]);
    let other = SnapshotRequest { when: When::Now, cameras: vec!["rear".to_owned()] };
    assert_refused(scene.snapshot(&other, at_millis(8020)), ErrorCode::InvalidGoal, &["\"rear\"", "\"front\""]);
    assert_refused(scene.snapshot(&request(When::Now), Stamp::default()), ErrorCode::BadInput, &["/clock"]);
}

#[test]
fn no_image_and_a_stale_image_are_told_apart() {
    let mut scene = SceneBuffer::new(SceneConfig::default(), vec![CameraConfig::named("front")]);
    assert_refused(now_snapshot(&mut scene, 0), ErrorCode::NoImage, &["\"front/image\"", "\"front\""]);
    let mut scene = Script::default().played();
    now_snapshot(&mut scene, 9000).unwrap();
    assert_refused(
        now_snapshot(&mut scene, 9100),
        ErrorCode::StaleImage,
        &["\"front/image\"", "1.100 s old", "108.000", "109.100", "at most 1 s"],
    );
    assert_refused(now_snapshot(&mut scene, 4_000_000), ErrorCode::StaleImage, &["--clock"]);
}

#[test]
fn missing_stopped_and_skewed_depth_are_told_apart() {
    let never = Script { depth_until_millis: -1, ..Script::default() };
    assert_refused(newest_view(never).depth, ErrorCode::NoDepth, &["\"front/depth\""]);
    let camera = CameraConfig { depth_topic: String::new(), ..CameraConfig::named("front") };
    let unset = Script { camera, depth_until_millis: -1, ..Script::default() };
    assert_refused(newest_view(unset).depth, ErrorCode::NoDepth, &["\"front\"", "no topic"]);
    let stopped = Script { depth_until_millis: 5000, ..Script::default() };
    let words = ["\"front/depth\"", "3.015 s old", "105.005", "at most 1 s"];
    assert_refused(newest_view(stopped).depth, ErrorCode::StaleDepth, &words);
    // Stopped a moment ago: the newest set that is whole is used.
    let paused = newest_view(Script { depth_until_millis: 7500, ..Script::default() });
    assert_eq!(paused.stamp, at_millis(7500));
    assert!(paused.depth.is_ok());
    let skewed = Script { depth_shift_millis: 35, ..Script::default() };
    let words = ["\"front/depth\"", "\"front/image\"", "35.0 ms after", "20.0 ms", "108.035", "108.000"];
    assert_refused(newest_view(skewed).depth, ErrorCode::SyncSkew, &words);
    let camera = CameraConfig { sync_slop_secs: 0.0, ..CameraConfig::named("front") };
    let exact = Script { camera: camera.clone(), depth_shift_millis: 0, ..Script::default() };
    assert!(newest_view(exact).depth.is_ok());
    let inexact = Script { camera, depth_shift_millis: -1, ..Script::default() };
    assert_refused(newest_view(inexact).depth, ErrorCode::SyncSkew, &["1.0 ms before", "0.0 ms"]);
}

#[test]
fn depth_must_lie_on_colour() {
    let size = Script { depth_image: raw("16UC1", 4, 3, &[1, 1]), ..Script::default() };
    let words = ["\"front/depth\"", "4x3 px", "\"front/image\"", "8x6 px"];
    assert_refused(newest_view(size).depth, ErrorCode::DepthNotRegistered, &words);
    let frame = Script { depth_frame: "front_depth_frame", ..Script::default() };
    let words = ["\"front/depth\"", "\"front_depth_frame\"", OPTICAL];
    assert_refused(newest_view(frame).depth, ErrorCode::DepthNotRegistered, &words);
}

#[test]
fn depth_outside_the_trusted_range_is_unknown() {
    let at = |millimetres| {
        newest_view(Script { depth_image: depth(millimetres), ..Script::default() }).depth.unwrap().at(1, 1)
    };
    assert_eq!([at(199), at(200), at(8000), at(8001), at(0)], [None, Some(0.2), Some(8.0), None, None]);
}

#[test]
fn labels_that_are_missing_are_an_outage() {
    let never = Script { labels_until_millis: -1, ..Script::default() };
    assert_refused(newest_view(never).labels, ErrorCode::SegmentationUnavailable, &["\"front/labels\""]);
    let stopped = Script { labels_until_millis: 5000, ..Script::default() };
    assert_refused(
        newest_view(stopped).labels,
        ErrorCode::SegmentationUnavailable,
        &["\"front/labels\"", "3.020 s old"],
    );
    let unnamed = Script { has_names: false, ..Script::default() };
    assert_refused(newest_view(unnamed).labels, ErrorCode::SegmentationUnavailable, &["\"front/label_names\""]);
    let skewed = Script { labels_shift_millis: 40, ..Script::default() };
    assert_refused(newest_view(skewed).labels, ErrorCode::SyncSkew, &["\"front/labels\"", "40.0 ms"]);
    let small = Script { labels_image: raw("8UC1", 4, 6, &[1]), ..Script::default() };
    assert_refused(newest_view(small).labels, ErrorCode::BadInput, &["\"front/labels\"", "4x6 px", "8x6 px"]);
}

#[test]
fn an_image_needs_a_calibration_that_fits() {
    let (mut scene, _) = Script { has_info: false, ..Script::default() }.play();
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::NoCameraInfo, &["\"front/camera_info\""]);
    let push = |scene: &mut SceneBuffer, frame: &str, info| {
        let header = MessageHeader { frame: FrameId::new(frame), ..header(8000) };
        scene.push_camera_info("front", &header, info)
    };
    push(&mut scene, OPTICAL, RawCameraInfo { width_px: 16, height_px: 12, ..info() }).unwrap();
    let words = ["\"front/camera_info\"", "16x12 px", "\"front/image\"", "8x6 px"];
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::UnsupportedCalibration, &words);
    push(&mut scene, OPTICAL, RawCameraInfo { width_px: 16, height_px: 12, binning: [2, 2], ..info() }).unwrap();
    let view = now_snapshot(&mut scene, 8020).unwrap().views[0].clone();
    assert_eq!((view.intrinsics.fx_px, view.intrinsics.width_px), (4.0, 8));
    push(&mut scene, "front_link", info()).unwrap();
    let words = ["\"front/camera_info\"", "\"front_link\"", OPTICAL];
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::UnsupportedCalibration, &words);
    let unusable = RawCameraInfo { distortion_model: "my_lens".to_owned(), ..info() };
    let words = ["\"my_lens\"", "\"front/camera_info\""];
    assert_refused(push(&mut scene, OPTICAL, unusable), ErrorCode::UnsupportedCalibration, &words);
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::UnsupportedCalibration, &words);
    assert_refused(push(&mut scene, "", info()), ErrorCode::BadInput, &["\"front/camera_info\""]);
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::BadInput, &["\"front/camera_info\""]);
    push(&mut scene, OPTICAL, info()).unwrap();
    now_snapshot(&mut scene, 8020).unwrap();
}

#[test]
fn a_message_that_cannot_be_read_is_refused_by_topic() {
    let (mut scene, refused) = Script { color_image: raw("rgb10", 8, 6, &[1; 4]), ..Script::default() }.play();
    assert_eq!(refused.len(), 81);
    let words = ["\"rgb10\"", "rgb8", "\"front/image\""];
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::BadInput, &words);
    let health = &scene.health(at_millis(8020))[0];
    assert_eq!((health.color.n_refused, health.problems[0].code), (81, ErrorCode::BadInput));
    let depth_image = RawImage { bytes: vec![0; 5], ..depth(1) };
    let view = newest_view(Script { depth_image, ..Script::default() });
    assert_refused(view.depth, ErrorCode::BadInput, &["5 bytes", "96", "\"front/depth\""]);
    let view = newest_view(Script { labels_image: raw("rgb8", 8, 6, &[1; 3]), ..Script::default() });
    assert_refused(view.labels, ErrorCode::BadInput, &["label image is \"rgb8\"", "\"front/labels\""]);
}

#[test]
fn headers_must_say_when_and_where() {
    let mut scene = SceneBuffer::new(SceneConfig::default(), vec![CameraConfig::named("front")]);
    let mut check = |header: MessageHeader, words: &[&str]| {
        assert_refused(scene.push_color("front", &header, color(), at_millis(0)), ErrorCode::BadInput, words);
        assert_refused(
            scene.push_depth("front", &header, depth(1), at_millis(0)),
            ErrorCode::BadInput,
            &["\"front/depth\""],
        );
        assert_refused(
            scene.push_labels("front", &header, labels(), at_millis(0)),
            ErrorCode::BadInput,
            &["\"front/labels\""],
        );
    };
    check(MessageHeader { stamp: Stamp::default(), ..header(0) }, &["stamp", "not set", "\"front/image\""]);
    check(MessageHeader { frame: FrameId::new("/"), ..header(0) }, &["frame_id", "empty", "\"front/image\""]);
    check(header(1001), &["101.001", "1.001 s after now", "\"front/image\""]);
    check(header(5_000_000), &["use_sim_time"]);
    scene.push_color("front", &header(999), color(), at_millis(0)).unwrap();
    assert_refused(scene.push_color("rear", &header(0), color(), at_millis(0)), ErrorCode::InvalidGoal, &["\"rear\""]);
}

#[test]
fn damaged_files_are_found_when_they_are_picked() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 6).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let mut bytes = png.into_inner();
    let length = bytes.len();
    bytes.truncate(length - 30);
    let damaged = CompressedImage { format: "png".to_owned(), bytes };
    let mut scene = Script::default().played();
    // An older one is left out, the newest cannot be done without.
    let mut middle = Script::default().played();
    middle.push_color("front", &header(7000), damaged.clone(), at_millis(8010)).unwrap();
    assert_eq!(now_snapshot(&mut middle, 8020).unwrap().views.len(), 15);
    scene.push_color("front", &header(8000), damaged, at_millis(8010)).unwrap();
    assert_refused(now_snapshot(&mut scene, 8020), ErrorCode::BadInput, &["\"png\"", "108.000", "\"front/image\""]);
}

#[test]
fn transforms_that_lag_are_waited_for_or_done_without() {
    // Lagging a little: the newest image that is posed stands in.
    let mut scene = Script { tf_until_millis: 7700, ..Script::default() }.played();
    let missing = scene.missing_transforms(&request(When::Now), at_millis(8020)).unwrap();
    assert_eq!(missing.code, ErrorCode::TfExtrapolation);
    for word in
        ["\"map\"", "\"base_link\"", "108.000", "0.300 s after the newest at 107.700", "\"front/image\"", OPTICAL]
    {
        assert!(missing.message.contains(word), "{word} is not in {missing}");
    }
    let newest = now_snapshot(&mut scene, 8020).unwrap();
    let newest = newest.newest_views()[0];
    assert_eq!((newest.stamp, newest.posed.is_ok()), (at_millis(7700), true));
    // The transform arrives, with an image after it that has none yet: nothing more to wait for.
    let late = message("map", "base_link", at_millis(8000).nanos, &map_from_base(8000));
    assert_eq!(scene.push_transforms(&[late], false), vec![]);
    scene.push_color("front", &header(8100), color(), at_millis(8110)).unwrap();
    assert_eq!(scene.missing_transforms(&request(When::Now), at_millis(8020)), None);
    assert_eq!(now_snapshot(&mut scene, 8120).unwrap().newest_views()[0].stamp, at_millis(8000));

    let stopped = newest_view(Script { tf_until_millis: 6000, ..Script::default() });
    assert_eq!(stopped.stamp, at_millis(8000));
    assert_refused(stopped.posed, ErrorCode::TfExtrapolation, &["106.000", "108.000", "\"front/image\""]);
    let config = SceneConfig { fixed_frame: FrameId::new("odom_"), ..SceneConfig::default() };
    let unknown = newest_view(Script { config, ..Script::default() });
    assert_refused(unknown.posed, ErrorCode::TfUnknownFrame, &["\"odom_\"", "\"front/image\""]);
    let mut apart = Script::default().play().0;
    apart.push_transforms(&[message("world", "arm", 0, &base_from_camera())], true);
    apart.push_transforms(&[message("elsewhere", OPTICAL, 0, &base_from_camera())], true);
    let view = now_snapshot(&mut apart, 8020).unwrap().views[0].clone();
    assert_refused(view.posed, ErrorCode::TfDisconnected, &["\"map\"", "\"elsewhere\""]);
}

#[test]
fn unusable_transforms_are_left_out_and_named() {
    let mut scene = Script::default().played();
    let bad = StampedTransform { rotation_xyzw: [0.0; 4], ..message("map", "base_link", 1, &base_from_camera()) };
    let good = message("map", "dock", at_millis(0).nanos, &base_from_camera());
    let problems = scene.push_transforms(&[bad, good], false);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, ErrorCode::BadInput);
    assert!(problems[0].message.contains("\"map\" from \"base_link\""), "{}", problems[0]);
    assert!(scene.transforms().frames().contains(&FrameId::new("dock")));
}

#[test]
fn time_that_jumps_back_clears_images_and_transforms() {
    // Told by the clock.
    let mut scene = Script::default().played();
    scene.observe_now(at_millis(7990));
    assert!(now_snapshot(&mut scene, 8020).is_ok(), "a small step back is jitter");
    assert_refused(now_snapshot(&mut scene, 3000), ErrorCode::NoImage, &["\"front/image\""]);
    let error =
        scene.transforms().lookup(&FrameId::new("map"), &FrameId::new("base_link"), at_millis(3000)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TfUnknownFrame);
    assert!(scene.transforms().frames().contains(&FrameId::new(OPTICAL)), "static transforms are latched");
    assert!(scene.last_clear().unwrap().reason.contains("5.020 s"), "{:?}", scene.last_clear());
    scene.push_color("front", &header(3000), color(), at_millis(3010)).unwrap();
    assert!(now_snapshot(&mut scene, 3020).is_ok(), "calibration and names are latched");

    // Told by the stamps, as when a bag is played again without a clock: one stray image is refused, two in a row are believed.
    let mut scene = Script::default().played();
    let now = at_millis(8020);
    assert_refused(
        scene.push_color("front", &header(0), color(), now),
        ErrorCode::BadInput,
        &["8.000 s before the newest"],
    );
    scene.push_color("front", &header(8010), color(), now).unwrap();
    assert_refused(scene.push_color("front", &header(0), color(), now), ErrorCode::BadInput, &["\"front/image\""]);
    assert_eq!(scene.last_clear(), None);
    scene.push_color("front", &header(100), color(), now).unwrap();
    assert!(scene.last_clear().unwrap().reason.contains("\"front/image\""));
    let health = &scene.health(now)[0];
    assert_eq!((health.color.n_buffered, health.depth.n_buffered), (1, 0));
    assert_eq!(health.color.newest, Some(at_millis(100)));
}

#[test]
fn images_that_arrive_out_of_order_find_their_places() {
    let mut scene = Script { last_millis: 0, ..Script::default() }.played();
    for millis in (0..=300).step_by(20) {
        let transform = message("map", "base_link", at_millis(millis).nanos, &map_from_base(millis));
        scene.push_transforms(&[transform], false);
    }
    for millis in [300, 100, 200] {
        scene.push_depth("front", &header(millis), depth(1000 + millis as u16), at_millis(310)).unwrap();
    }
    for millis in [200, 300, 100] {
        scene.push_color("front", &header(millis), color(), at_millis(310)).unwrap();
        scene.push_labels("front", &header(millis), labels(), at_millis(310)).unwrap();
    }
    let snapshot = scene.snapshot(&request(When::Last(0.25)), at_millis(320)).unwrap();
    let found: Vec<_> = snapshot.views.iter().map(|v| (v.stamp, v.depth.as_ref().unwrap().at(0, 0).unwrap())).collect();
    assert_eq!(found, [100, 200, 300].map(|millis| (at_millis(millis), (1000 + millis) as f32 / 1000.0)));
}

#[test]
fn one_dead_camera_is_not_left_out_in_silence() {
    let cameras = vec![CameraConfig::named("front"), CameraConfig::named("rear")];
    let mut scene = SceneBuffer::new(SceneConfig::default(), cameras);
    scene.push_camera_info("front", &header(0), info()).unwrap();
    scene.push_color("front", &header(0), color(), at_millis(0)).unwrap();
    assert_refused(now_snapshot(&mut scene, 10), ErrorCode::NoImage, &["\"rear/image\""]);
    let front = SnapshotRequest { when: When::Now, cameras: vec!["front".to_owned(), "front".to_owned()] };
    assert_eq!(scene.snapshot(&front, at_millis(10)).unwrap().views.len(), 1);
}
