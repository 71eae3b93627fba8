use std::collections::BTreeMap;

use image::RgbImage;
use nalgebra::{Isometry3, Matrix3, Point3, Quaternion, Translation3, UnitQuaternion, Vector3};
use proptest::prelude::*;

use super::*;
use crate::{
    error_code::ErrorCode,
    geometry::{DepthMap, DepthNoise, Intrinsics, PoseSigma},
    scene::{
        FrameId, ImuSample, InputProblem, LabelImage, LabelNames, MemoryView, PosedCamera, Stamp, StampedTransform,
        TfBuffer, TransformSet,
        memory::{Remembered, Sighting, Status},
        tf_link::{Link, Sample},
    },
};

fn frame() -> impl Strategy<Value = FrameId> {
    prop_oneof!["[a-d]", "[a-z_]{1,12}_optical_frame", "\\PC{1,6}"].prop_map(|name| FrameId::new(&format!("f{name}")))
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![-10.0..10.0, Just(-0.0), Just(f64::MIN_POSITIVE), -1e9..1e9]
}

fn isometry() -> impl Strategy<Value = Isometry3<f64>> {
    (finite(), finite(), finite(), prop::array::uniform4(-1.0..1.0f64)).prop_filter_map(
        "no rotation",
        |(x, y, z, q)| {
            let rotation = UnitQuaternion::try_new(Quaternion::from(q), 1e-3)?;
            Some(Isometry3::from_parts(Translation3::new(x, y, z), rotation))
        },
    )
}

fn problem() -> impl Strategy<Value = InputProblem> {
    (prop::sample::select(ErrorCode::ALL), "\\PC{0,20}").prop_map(|(code, message)| InputProblem { code, message })
}

/// Every depth that a map can hold: positive of any size, NaN of any payload, and both infinities.
fn depth_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => 0.1f32..9.0,
        1 => any::<u32>().prop_map(f32::from_bits).prop_filter("depth", |d| *d > 0.0 || d.is_nan()),
        1 => prop::sample::select(vec![f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(1)]),
    ]
}

fn pixels() -> impl Strategy<Value = (RgbImage, DepthMap, LabelImage)> {
    let id = prop_oneof![4 => 0u32..9, 1 => 0u32..70_000, 1 => any::<u32>()];
    (1u32..7, 1u32..7, 0u8..3).prop_flat_map(move |(width, height, narrow)| {
        let n = (width * height) as usize;
        let mask = [0xFF, 0xFFFF, u32::MAX][usize::from(narrow)];
        let names = prop::collection::btree_map(any::<u32>(), ("\\PC{0,8}", 0.0f32..=1.0), 0..4);
        (
            prop::collection::vec(any::<u8>(), n * 3),
            prop::collection::vec(depth_value(), n),
            prop::collection::vec(id.clone(), n),
            names,
        )
            .prop_map(move |(rgb, depth_m, ids, by_id)| {
                let ids = ids.into_iter().map(|id| id & mask).collect();
                (
                    RgbImage::from_raw(width, height, rgb).unwrap(),
                    DepthMap::from_marked(width, height, depth_m.into()).unwrap(),
                    LabelImage { width_px: width, height_px: height, ids, names: Arc::new(LabelNames { by_id }) },
                )
            })
    })
}

fn view(view_idx: usize) -> impl Strategy<Value = View> {
    let numbers = (prop::array::uniform2(1.0..2000.0f64), prop::array::uniform7(finite()), any::<i64>());
    let missing = (prop::option::of(problem()), prop::option::of(problem()), prop::option::of(problem()));
    ("\\PC{0,8}", frame(), pixels(), isometry(), numbers, missing).prop_map(move |(name, frame, pixels, pose, n, m)| {
        let (image, depth, labels) = pixels;
        let ([fx_px, fy_px], [cx_px, cy_px, constant_m, quadratic_per_m, offset_m, near, far], nanos) = n;
        let (width_px, height_px) = image.dimensions();
        let (no_depth, no_labels, no_pose) = m;
        let sigma = PoseSigma { position_m: near.abs(), rotation_rad: far.abs() };
        View {
            camera: name.into(),
            view_idx,
            stamp: Stamp { nanos },
            optical_frame: frame,
            intrinsics: Intrinsics { width_px, height_px, fx_px, fy_px, cx_px, cy_px },
            depth_noise: DepthNoise { constant_m, quadratic_per_m, offset_m },
            depth_range_m: (near, far),
            image: Arc::new(image),
            depth: no_depth.map_or_else(|| Ok(Arc::new(depth)), Err),
            labels: no_labels.map_or_else(|| Ok(Arc::new(labels)), Err),
            posed: no_pose.map_or_else(|| Ok(PosedCamera { fixed_from_camera: pose, sigma }), Err),
        }
    })
}

fn transforms() -> impl Strategy<Value = TransformSet> {
    let one = (frame(), frame(), 1i64..50, isometry(), any::<bool>());
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut buffer = TfBuffer::default();
        for (parent, child, nanos, at, is_static) in all {
            let transform = StampedTransform {
                parent,
                child,
                stamp: Stamp { nanos },
                translation_m: at.translation.vector.into(),
                rotation_xyzw: at.rotation.coords.into(),
            };
            // A frame in itself is refused.
            let _ = buffer.insert(&transform, is_static);
        }
        buffer.freeze()
    })
}

fn imu() -> impl Strategy<Value = Vec<ImuSample>> {
    let turn_rate = prop::option::of(prop::array::uniform3(finite()));
    let one = (any::<i64>(), frame(), prop::array::uniform3(finite()), turn_rate);
    let sample = one.prop_map(|(nanos, frame, acceleration_m_per_s2, turn_rate_rad_per_s)| ImuSample {
        stamp: Stamp { nanos },
        frame,
        acceleration_m_per_s2,
        turn_rate_rad_per_s,
    });
    prop::collection::vec(sample, 0..5)
}

fn memory() -> impl Strategy<Value = MemoryView> {
    let numbers = (prop::array::uniform7(finite()), prop::array::uniform9(finite()));
    let whole = (any::<i64>(), any::<u32>(), any::<usize>(), prop::option::of(any::<u32>()));
    let object = ("\\PC{0,8}", frame(), numbers, whole, any::<bool>()).prop_map(|(text, frame, n, whole, is_gone)| {
        let ([x, y, z, yaw_rad, a, b, c], covariance) = n;
        let (nanos, n_seen, n_pixels, instance) = whole;
        let stamp = Stamp { nanos };
        let last = Sighting {
            label: text.clone(),
            instance,
            camera: text.clone().into(),
            frame,
            stamp,
            center_m: Point3::new(x, y, z),
            yaw_rad,
            size_m: Vector3::new(a, b, c),
            covariance_m2: Matrix3::from_column_slice(&covariance),
            n_pixels,
            evidence: text,
        };
        let status = if is_gone { Status::Gone(stamp) } else { Status::Seen };
        Remembered { last, first_seen: stamp, n_seen, status }
    });
    (prop::collection::vec(object, 0..4), finite(), prop::option::of("\\PC{0,8}"))
        .prop_map(|(objects, drift, cleared)| MemoryView::new(objects.into(), drift, cleared.map(Into::into)))
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let views = (0usize..4).prop_flat_map(|n| (0..n).map(view).collect::<Vec<_>>());
    (any::<i64>(), frame(), frame(), views, transforms(), (finite(), finite()), memory(), imu()).prop_map(
        |(nanos, fixed_frame, robot_frame, views, transforms, (position_m, rotation_rad), memory, imu)| Snapshot {
            taken_at: Stamp { nanos },
            fixed_frame,
            robot_frame,
            views,
            transforms,
            tf_sigma: PoseSigma { position_m, rotation_rad },
            memory,
            imu: imu.into(),
        },
    )
}

/// Bit for bit, field by field, without the codec.
fn assert_same(a: &Snapshot, b: &Snapshot) {
    assert_eq!(
        (a.taken_at, &a.fixed_frame, &a.robot_frame, bits(&[a.tf_sigma.position_m, a.tf_sigma.rotation_rad])),
        (b.taken_at, &b.fixed_frame, &b.robot_frame, bits(&[b.tf_sigma.position_m, b.tf_sigma.rotation_rad]))
    );
    assert_eq!(links(&a.transforms), links(&b.transforms));
    // Debug tells every float apart but the kinds of NaN, and there is none here.
    let beside = |s: &Snapshot| format!("{:?} {:?} {:?}", s.imu, s.memory, s.memory.drift_m_per_sqrt_s);
    assert_eq!(beside(a), beside(b));
    assert_eq!(a.views.len(), b.views.len());
    for (a, b) in a.views.iter().zip(&b.views) {
        assert_eq!(
            (&a.camera, a.view_idx, a.stamp, &a.optical_frame, a.image.dimensions(), a.image.as_raw()),
            (&b.camera, b.view_idx, b.stamp, &b.optical_frame, b.image.dimensions(), b.image.as_raw())
        );
        assert_eq!(camera_bits(a), camera_bits(b));
        let depth = |view: &View| {
            view.depth.clone().map(|depth| {
                let bits: Vec<u32> = depth.depth_m().iter().map(|depth_m| depth_m.to_bits()).collect();
                (depth.width_px(), depth.height_px(), bits)
            })
        };
        assert_eq!(depth(a), depth(b));
        assert_eq!(a.labels, b.labels);
        let pose = |view: &View| {
            let place = |p: &PosedCamera| (isometry_bits(&p.fixed_from_camera), p.sigma);
            view.posed.as_ref().map(place).map_err(InputProblem::clone)
        };
        assert_eq!(pose(a), pose(b));
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn isometry_bits(isometry: &Isometry3<f64>) -> Vec<u64> {
    [bits(isometry.translation.vector.as_slice()), bits(isometry.rotation.coords.as_slice())].concat()
}

fn camera_bits(view: &View) -> (u32, u32, Vec<u64>) {
    let Intrinsics { width_px, height_px, fx_px, fy_px, cx_px, cy_px } = view.intrinsics;
    let DepthNoise { constant_m, quadratic_per_m, offset_m } = view.depth_noise;
    let (near, far) = view.depth_range_m;
    (width_px, height_px, bits(&[fx_px, fy_px, cx_px, cy_px, constant_m, quadratic_per_m, offset_m, near, far]))
}

type SampleBits = (i64, FrameId, Vec<u64>);

fn links(transforms: &TransformSet) -> BTreeMap<FrameId, (bool, Vec<SampleBits>)> {
    let of = |sample: &Sample| (sample.stamp.nanos, sample.parent.clone(), isometry_bits(&sample.parent_from_child));
    let of_link = |link: &Link| match link {
        Link::Static(sample) => (true, vec![of(sample)]),
        Link::Timed(samples) => (false, samples.iter().map(of).collect()),
    };
    transforms.links.iter().map(|(child, link)| (child.clone(), of_link(link))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_snapshot_comes_back_to_the_bit(snapshot in snapshot()) {
        let bytes = encode(&snapshot);
        assert_same(&decode(&bytes).unwrap(), &snapshot);
        // A copy with its own memory gives the same bytes.
        prop_assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
        // So do the parts on their own.
        let blocks: BTreeMap<Part, Vec<u8>> =
            parts(&snapshot).into_iter().map(|part| (part, encode_part(&snapshot, part).unwrap())).collect();
        let from_parts = decode_parts(|part| Ok::<_, CodecError>(Cow::Borrowed(blocks[&part].as_slice()))).unwrap();
        assert_same(&from_parts, &snapshot);
        let n_views = snapshot.views.len();
        prop_assert_eq!(encode_part(&snapshot, Part::Image(n_views)), None);
    }

    /// Whatever happens to the bytes, decoding ends in an error or in a snapshot that can be written again.
    #[test]
    fn damaged_bytes_do_no_harm(
        snapshot in snapshot(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let bytes = encode(&snapshot);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        let mut changed = bytes;
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        if let Ok(decoded) = decode(&changed) {
            assert_same(&decode(&encode(&decoded)).unwrap(), &decoded);
        }
    }

    #[test]
    fn foreign_bytes_are_refused_or_read(kind in 0u8..8, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [b"sclw\x01\x00".as_slice(), &[kind, 0], &body].concat();
        let _ = (decode(&bytes), decode_image(&bytes), decode_depth(&bytes), decode_labels(&bytes));
        if let Ok(transforms) = decode_transforms(&bytes) {
            let (a, b) = (FrameId::new("a"), FrameId::new("b"));
            let _ = transforms.lookup(&a, &b, Stamp { nanos: 1 });
        }
        prop_assert!(decode(&body).is_err());
    }
}

fn small() -> Snapshot {
    Snapshot {
        taken_at: Stamp { nanos: 1 },
        fixed_frame: FrameId::new("map"),
        robot_frame: FrameId::new("base_link"),
        views: Vec::new(),
        transforms: TransformSet::default(),
        tf_sigma: PoseSigma::default(),
        memory: MemoryView::default(),
        imu: [].into(),
    }
}

/// The layout is frozen: a recording of version 1 stays readable, so these bytes may change only together with the version.
#[test]
fn version_1_is_this_layout() {
    let image = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(encode_image(&image), b"sclw\x01\x00\x04\x00\x02\x01\x06\x01\x02\x03\x04\x05\x06");
    let depth = DepthMap::from_marked(1, 2, [1.0, f32::NEG_INFINITY].into()).unwrap();
    assert_eq!(encode_depth(&depth), b"sclw\x01\x00\x05\x00\x01\x02\x08\x00\x00\x80\x3f\x00\x00\x80\xff");
    let names = Arc::new(LabelNames { by_id: [(300, ("mug".to_owned(), 0.5))].into() });
    let labels = LabelImage { width_px: 2, height_px: 1, ids: [0, 300].into(), names };
    let expected = b"sclw\x01\x00\x06\x00\x02\x01\x04\x00\x00\x2c\x01\x02\x01\xac\x02\x03mug\x00\x00\x00\x3f";
    assert_eq!(encode_labels(&labels), expected);
    assert_eq!(encode_transforms(&TransformSet::default()), b"sclw\x01\x00\x03\x00\x00\x00");
    let turning = ImuSample {
        stamp: Stamp { nanos: -1 },
        frame: FrameId::new("imu"),
        acceleration_m_per_s2: [0.0, 0.0, 1.0],
        turn_rate_rad_per_s: None,
    };
    let one = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    let expected = [b"sclw\x01\x00\x07\x00\x01\x01\x03imu".as_slice(), &[0; 16], &one, &[0]].concat();
    assert_eq!(encode_imu(&[turning]), expected);
    let memory = MemoryView::new([].into(), 1.0, Some("why".into()));
    assert_eq!(encode_memory(&memory), [b"sclw\x01\x00\x08\x00\x00".as_slice(), &one, b"\x01\x03why"].concat());
    let header = encode_part(&small(), Part::Header).unwrap();
    assert_eq!(header, [b"sclw\x01\x00\x02\x00\x02\x03map\x09base_link".as_slice(), &[0; 17]].concat());
}

#[test]
fn what_is_wrong_is_said() {
    let check = |bytes: &[u8], expected: &str| assert_eq!(decode_image(bytes).unwrap_err().to_string(), expected);
    let good = b"sclw\x01\x00\x04\x00\x02\x01\x06\x01\x02\x03\x04\x05\x06";
    check(b"PNG", "3 bytes that begin with [50, 4e, 47] are no block of a snapshot");
    let newer = [b"sclw\x02\x00".as_slice(), &good[6..]].concat();
    check(&newer, "the block has format version 2, expected 1; read it with the release that wrote it");
    check(&encode_transforms(&TransformSet::default()), "the block is of kind 3, expected 4 (Image)");
    let longer = [good.as_slice(), b"!"].concat();
    check(&longer, "the block of kind Image is damaged: 1 bytes follow its end");
    let larger = [b"sclw\x01\x00\x04\x00\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f\x00".as_slice()].concat();
    check(&larger, "the block of kind Image is damaged: 0 bytes for 4294967295x4294967295 px at 3 bytes each");
    // A list that says it has 2^62 items takes no memory for them.
    let endless = b"sclw\x01\x00\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff\x3f";
    assert!(matches!(decode_transforms(endless), Err(CodecError::Damaged { kind: Kind::Transforms, .. })));
    let negative = b"sclw\x01\x00\x05\x00\x01\x01\x04\x00\x00\x80\xbf";
    let message = decode_depth(negative).unwrap_err().to_string();
    assert_eq!(message, "the block of kind Depth is damaged: a depth is finite but not positive");
}
