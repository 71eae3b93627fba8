//! A whole service, fed with the messages of a robot whose camera looks at the tabletop, and the way to ask it.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]

use std::{
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{Agent, EventSink, Outcome},
    answer::AnswerKind,
    app::{App, Question, RosClock, When},
    config::{Config, ParameterValue},
    geometry::Intrinsics,
    llm::{ChatModel, offline::OfflineBrain},
    scene::{
        CameraConfig, FrameId, Stamp,
        raw_message::{MessageHeader, RawCameraInfo, RawImage, RegionOfInterest},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    analytic_scene::{AnalyticScene, Random, RenderedView, small_camera, vga_camera},
    tabletop,
};

pub const STAMP: Stamp = Stamp { nanos: 15_000_000_000 };

/// Parameters that put records into `dir`.
pub fn parameters(dir: &Path) -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([
        ("record.dir".to_owned(), ParameterValue::String(dir.to_str().unwrap().to_owned())),
        ("tf.wait_secs".to_owned(), ParameterValue::Double(0.0)),
    ])
}

/// A service that has seen nothing yet.
pub fn blind_app(parameters: BTreeMap<String, ParameterValue>, model: Arc<dyn ChatModel>) -> Arc<App> {
    let config = Config::from_parameters(parameters).unwrap();
    let cameras: Vec<CameraConfig> = config.cameras.iter().map(|camera| camera.to_scene(str::to_owned)).collect();
    let agent = Agent { limits: config.limits, ..Agent::new(model, tabletop::perception()) }
        .with_fallback(Arc::new(OfflineBrain));
    Arc::new(App::with_agent(config, cameras, agent, Arc::new(|| STAMP)))
}

/// A service that sees the tabletop at [`STAMP`].
pub fn app(parameters: BTreeMap<String, ParameterValue>, model: Arc<dyn ChatModel>) -> Arc<App> {
    let app = blind_app(parameters, model);
    let rendered = tabletop::bodies(tabletop::MUG_SHIFT_M).render(&small_camera(), &tabletop::robot_from_camera());
    let colors = shaded(&rendered);
    show(&app, STAMP, &rendered, colors);
    app
}

/// A service with the configured models that has seen nothing yet, and the nanoseconds of its clock.
pub fn served_app(parameters: BTreeMap<String, ParameterValue>) -> (Arc<App>, Arc<AtomicI64>) {
    let config = Config::from_parameters(parameters).unwrap();
    let cameras: Vec<CameraConfig> = config.cameras.iter().map(|camera| camera.to_scene(str::to_owned)).collect();
    let (nanos, clock) = clock();
    (Arc::new(App::new(config, cameras, clock).unwrap()), nanos)
}

/// A service with one model and no other that has seen nothing yet, and the nanoseconds of its clock.
pub fn clocked_app(
    parameters: BTreeMap<String, ParameterValue>,
    model: Arc<dyn ChatModel>,
) -> (Arc<App>, Arc<AtomicI64>) {
    let config = Config::from_parameters(parameters).unwrap();
    let cameras: Vec<CameraConfig> = config.cameras.iter().map(|camera| camera.to_scene(str::to_owned)).collect();
    let (nanos, clock) = clock();
    let agent = Agent { limits: config.limits, ..Agent::new(model, tabletop::perception()) };
    (Arc::new(App::with_agent(config, cameras, agent, clock)), nanos)
}

fn clock() -> (Arc<AtomicI64>, RosClock) {
    let nanos = Arc::new(AtomicI64::new(STAMP.nanos));
    let read = nanos.clone();
    (nanos, Arc::new(move || Stamp { nanos: read.load(Ordering::SeqCst) }))
}

/// Moves the clock on, and shows what the robot's camera sees then.
pub fn show_at(app: &App, clock: &AtomicI64, secs: f64, bodies: &AnalyticScene, lens: &Intrinsics) {
    show_grainy_at(app, clock, secs, bodies, lens, 0);
}

/// The same with noise of up to `grain` on each channel of each pixel.
pub fn show_grainy_at(app: &App, clock: &AtomicI64, secs: f64, bodies: &AnalyticScene, lens: &Intrinsics, grain: u8) {
    let stamp = STAMP.plus_secs(secs);
    clock.store(stamp.nanos, Ordering::SeqCst);
    let rendered = bodies.render(lens, &tabletop::robot_from_camera());
    let mut colors = shaded(&rendered);
    let mut random = Random(stamp.nanos as u64 | 1);
    for channel in &mut colors {
        let noise = (random.next_u64() >> 13) % (2 * u64::from(grain) + 1);
        *channel = (u64::from(*channel) + noise).saturating_sub(u64::from(grain)).min(255) as u8;
    }
    show(app, stamp, &rendered, colors);
}

/// The same, with noise for colour.
pub fn noisy_app(parameters: BTreeMap<String, ParameterValue>, model: Arc<dyn ChatModel>) -> Arc<App> {
    let app = blind_app(parameters, model);
    let rendered = tabletop::bodies(tabletop::MUG_SHIFT_M).render(&vga_camera(), &tabletop::robot_from_camera());
    let mut random = Random(3);
    let colors = (0..rendered.depth_m.len() * 3).map(|_| (random.next_u64() >> 13) as u8).collect();
    show(&app, STAMP, &rendered, colors);
    app
}

fn show(app: &App, stamp: Stamp, rendered: &RenderedView, colors: Vec<u8>) {
    let camera = "camera";
    let header = || MessageHeader { stamp, frame: FrameId::new("camera_optical_frame") };
    let lens = rendered.intrinsics;
    let image = |encoding: &str, bytes: Vec<u8>| RawImage {
        width_px: lens.width_px,
        height_px: lens.height_px,
        encoding: encoding.to_owned(),
        is_bigendian: false,
        step: bytes.len() as u32 / lens.height_px,
        bytes,
    };
    let (fx, fy, cx, cy) = (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px);
    let info = RawCameraInfo {
        width_px: lens.width_px,
        height_px: lens.height_px,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning: [0, 0],
        roi: RegionOfInterest::default(),
    };
    let (moving, fixed): (Vec<_>, Vec<_>) = tabletop::transforms(true).samples().partition(|(_, is_static)| !is_static);
    for (transforms, is_static) in [(moving, false), (fixed, true)] {
        let transforms: Vec<_> = transforms.into_iter().map(|(transform, _)| transform).collect();
        assert_eq!(app.push_transforms(&transforms, is_static), vec![]);
    }
    let names = tabletop::snapshot().views[0].labels.as_ref().unwrap().names.clone();
    app.set_label_names(camera, Ok((*names).clone())).unwrap();
    app.push_camera_info(camera, header(), info).unwrap();
    app.push_color(camera, header(), image("rgb8", colors).into()).unwrap();
    let depth = rendered.depth_m.iter().flat_map(|depth_m| depth_m.to_le_bytes()).collect();
    app.push_depth(camera, header(), image("32FC1", depth).into()).unwrap();
    let labels = rendered.label_ids.iter().flat_map(|id| (*id as u16).to_le_bytes()).collect();
    app.push_labels(camera, header(), image("16UC1", labels).into()).unwrap();
}

/// Each thing in its own colour, lit from the side.
fn shaded(rendered: &RenderedView) -> Vec<u8> {
    const COLORS: [[f32; 3]; 8] = [
        [150.0, 140.0, 130.0],
        [200.0, 170.0, 120.0],
        [70.0, 130.0, 200.0],
        [210.0, 120.0, 60.0],
        [90.0, 160.0, 90.0],
        [200.0, 70.0, 70.0],
        [160.0, 110.0, 180.0],
        [220.0, 200.0, 70.0],
    ];
    let width = rendered.intrinsics.width_px as usize;
    let depth = |i: usize| rendered.depth_m.get(i).copied().filter(|depth_m| depth_m.is_finite());
    (0..rendered.depth_m.len())
        .flat_map(|i| {
            let slope = |j: usize| depth(i).zip(depth(j)).map_or(0.0, |(here, there)| there - here);
            let light = (0.8 - 12.0 * slope(i + 1) - 4.0 * slope(i + width)).clamp(0.45, 1.1);
            let color =
                if depth(i).is_none() { [60.0; 3] } else { COLORS[rendered.label_ids[i] as usize % COLORS.len()] };
            color.map(|channel| (channel * light).min(255.0) as u8)
        })
        .collect()
}

pub fn question(session_id: &str, text: &str) -> Question {
    Question {
        session_id: session_id.to_owned(),
        text: text.to_owned(),
        choices: Vec::new(),
        answer_kind: AnswerKind::Any,
        target_frame: FrameId::new(""),
        when: When::Now,
        cameras: Vec::new(),
        deadline: None,
        max_steps: None,
        interface: String::new(),
        model: String::new(),
        conversation_id: String::new(),
        record: true,
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap().block_on(future)
}

/// Asks as the action server does, and waits until the record is on the disk.
pub fn ask_within(app: &Arc<App>, question: &Question, deadline: Duration, cancel: CancellationToken) -> Outcome {
    app.check(question).unwrap();
    let now = Instant::now();
    let events: EventSink = Arc::new(|_| {});
    let outcome = block_on(app.clone().ask(question.clone(), now, now + deadline, events, cancel));
    assert!(app.flush_records(Duration::from_secs(60)));
    outcome
}

pub fn ask(app: &Arc<App>, question: &Question) -> Outcome {
    ask_within(app, question, Duration::from_secs(120), CancellationToken::new())
}

/// A reply in the form of the code interface.
pub fn cell(purpose: &str, code: &str) -> String {
    format!(
        "**Purpose**\n{purpose}\n\n**Reasoning**\nNone.\n\n**Next Goal**\nNone.\n\n**Code**\n```rhai\n{code}\n```\n"
    )
}
