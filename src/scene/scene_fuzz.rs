//! Whatever arrives, in whatever order: nothing panics, bytes stay bounded, and a snapshot that is given keeps its promises.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::{
    raw_message::{ImageMessage, MessageHeader, RawCameraInfo, RawImage, RegionOfInterest},
    *,
};

#[derive(Clone, Debug)]
enum Event {
    Image { kind: usize, header: MessageHeader, image: RawImage, now: Stamp },
    Info(MessageHeader, Box<RawCameraInfo>),
    Transform(StampedTransform, bool),
    Question { request: SnapshotRequest, now: Stamp },
}

fn stamp() -> impl Strategy<Value = Stamp> {
    let near = (0i64..12_000).prop_map(|millis| Stamp { nanos: (50_000 + millis) * 1_000_000 });
    prop_oneof![40 => near, 1 => Just(Stamp::default()), 1 => any::<i64>().prop_map(|nanos| Stamp { nanos })]
}

fn frame() -> impl Strategy<Value = FrameId> {
    prop::sample::select(vec!["optical", "optical", "optical", "base", "map", "other", ""]).prop_map(FrameId::new)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -2.0f64..9.0, 4 => Just(0.0), 2 => Just(1.0), 1 => any::<f64>()]
}

fn image() -> impl Strategy<Value = RawImage> {
    let encoding = prop::sample::select(vec!["rgb8", "16UC1", "32FC1", "8UC1", "bayer_rggb8", "yuv422", "nonsense"]);
    let size = prop_oneof![8 => Just((4, 4)), 1 => (0u32..6, 0u32..6), 1 => any::<(u32, u32)>()];
    let step = prop_oneof![4 => 16u32..20, 1 => any::<u32>()];
    (encoding, size, step, prop::collection::vec(any::<u8>(), 0..100)).prop_map(
        |(encoding, (width_px, height_px), step, bytes)| RawImage {
            width_px,
            height_px,
            encoding: encoding.to_owned(),
            is_bigendian: false,
            step,
            bytes,
        },
    )
}

/// An image that its topic can carry.
fn good_image(kind: usize) -> RawImage {
    let (encoding, step) = [("rgb8", 12), ("16UC1", 8), ("8UC1", 4)][kind];
    let bytes = vec![3; step as usize * 4];
    RawImage { width_px: 4, height_px: 4, encoding: encoding.to_owned(), is_bigendian: false, step, bytes }
}

fn info() -> impl Strategy<Value = RawCameraInfo> {
    let good = RawCameraInfo {
        width_px: 4,
        height_px: 4,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![-0.1, 0.0, 0.0, 0.0, 0.0],
        k: [4.0, 0.0, 1.5, 0.0, 4.0, 1.5, 0.0, 0.0, 1.0],
        r: [0.0; 9],
        p: [0.0; 12],
        binning: [0, 0],
        roi: RegionOfInterest::default(),
    };
    let damaged =
        (Just(good.clone()), 0usize..30, number(), any::<(u32, u32)>()).prop_map(|(good, place, value, size)| {
            let mut info = good;
            match place {
                0..9 => info.k[place] = value,
                9..18 => info.r[place - 9] = value,
                18..23 => info.d[place - 18] = value,
                23 => (info.width_px, info.height_px) = size,
                24 => info.binning = [size.0, size.1],
                25 => info.roi.u_px = size.0,
                26 => info.roi.width_px = size.0,
                _ => info.p[place - 27] = value,
            }
            info
        });
    prop_oneof![3 => Just(good), 2 => damaged]
}

fn event() -> impl Strategy<Value = Event> {
    let header = || (stamp(), frame()).prop_map(|(stamp, frame)| MessageHeader { stamp, frame });
    let any_image = (0usize..3, header(), image(), stamp()).prop_map(|(kind, header, image, now)| Event::Image {
        kind,
        header,
        image,
        now,
    });
    let usual = (0usize..3, stamp()).prop_map(|(kind, stamp)| Event::Image {
        kind,
        header: MessageHeader { stamp, frame: FrameId::new("optical") },
        image: good_image(kind),
        now: stamp,
    });
    let transform = (
        frame(),
        frame(),
        stamp(),
        prop::array::uniform3(number()),
        prop::array::uniform4(number()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(parent, child, stamp, translation_m, rotation_xyzw, is_static, is_turned)| {
            let rotation_xyzw = if is_turned { rotation_xyzw } else { [0.0, 0.0, 0.0, 1.0] };
            Event::Transform(StampedTransform { parent, child, stamp, translation_m, rotation_xyzw }, is_static)
        });
    let when = prop_oneof![Just(When::Now), stamp().prop_map(When::At), number().prop_map(When::Last)];
    let question = (when, stamp())
        .prop_map(|(when, now)| Event::Question { request: SnapshotRequest { when, cameras: Vec::new() }, now });
    let info = (header(), info()).prop_map(|(header, info)| Event::Info(header, Box::new(info)));
    prop_oneof![2 => any_image, 10 => usual, 4 => transform, 3 => question, 1 => info]
}

fn check_snapshot(snapshot: &Snapshot, config: &SceneConfig) -> Result<(), TestCaseError> {
    prop_assert!(!snapshot.views.is_empty() && snapshot.views.len() <= config.max_window_views);
    prop_assert!(snapshot.views.windows(2).all(|pair| pair[0].stamp <= pair[1].stamp));
    for (index, view) in snapshot.views.iter().enumerate() {
        prop_assert_eq!(view.view_idx, index);
        let size = (view.intrinsics.width_px, view.intrinsics.height_px);
        prop_assert_eq!(view.image.dimensions(), size);
        if let Ok(depth) = &view.depth {
            prop_assert_eq!((depth.width_px(), depth.height_px()), size);
        }
        if let Ok(labels) = &view.labels {
            prop_assert_eq!((labels.width_px, labels.height_px), size);
            prop_assert_eq!(labels.ids.len() as u64, u64::from(size.0) * u64::from(size.1));
        }
        if let Ok(posed) = &view.posed {
            prop_assert!(posed.sigma.position_m.is_finite() && posed.sigma.rotation_rad.is_finite());
        }
    }
    Ok(())
}

/// The clock of the `index`th event: it goes on, but for the few events that carry an absurd time.
fn clock(now: Stamp, index: usize) -> Stamp {
    let is_usual = (50_000_000_000..=62_000_000_000).contains(&now.nanos);
    if is_usual { Stamp { nanos: 62_000_000_000 + index as i64 * 10_000_000 } } else { now }
}

/// Gives the number of questions and of snapshots given.
fn play(events: Vec<Event>) -> Result<(usize, usize), TestCaseError> {
    let config =
        SceneConfig { buffer_bytes: 2000, max_image_age_secs: 20.0, jump_back_secs: 20.0, ..SceneConfig::default() };
    let mut scene = SceneBuffer::new(config.clone(), vec![CameraConfig::named("front")]);
    let names = LabelNames { by_id: [(3, ("mug".to_owned(), 1.0))].into() };
    scene.set_label_names("front", names).unwrap();
    let (mut n_asked, mut n_given) = (0, 0);
    for (index, event) in events.into_iter().enumerate() {
        match event {
            Event::Image { kind, header, image, now } => {
                let (image, now) = (ImageMessage::from(image), clock(now, index));
                let pushed = match kind {
                    0 => scene.push_color("front", &header, image, now),
                    1 => scene.push_depth("front", &header, image, now),
                    _ => scene.push_labels("front", &header, image, now),
                };
                if let Err(problem) = pushed {
                    prop_assert!(problem.message.contains("\"front/"), "{}", problem);
                }
            }
            Event::Info(header, info) => {
                let _ = scene.push_camera_info("front", &header, *info);
            }
            Event::Transform(transform, is_static) => {
                scene.push_transforms(&[transform], is_static);
            }
            Event::Question { request, now } => {
                let now = clock(now, index);
                scene.missing_transforms(&request, now);
                n_asked += 1;
                if let Ok(snapshot) = scene.snapshot(&request, now) {
                    n_given += 1;
                    check_snapshot(&snapshot, &config)?;
                }
                prop_assert!(scene.health(now)[0].n_bytes <= 2000);
            }
        }
    }
    Ok((n_asked, n_given))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_that_arrives_breaks_the_scene(events in prop::collection::vec(event(), 0..120)) {
        play(events)?;
    }
}

/// One question in ten must get as far as a snapshot, or the property above would hold of nothing.
#[test]
fn the_events_lead_to_snapshots() {
    let mut runner = TestRunner::deterministic();
    let (mut n_asked, mut n_given) = (0, 0);
    for _ in 0..50 {
        let events = prop::collection::vec(event(), 120).new_tree(&mut runner).unwrap().current();
        let (asked, given) = play(events).unwrap();
        n_asked += asked;
        n_given += given;
    }
    assert!(n_given * 10 > n_asked, "{n_given} of {n_asked}");
}
