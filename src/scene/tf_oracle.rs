//! Closed-form truth for transform trees, in plain 4×4 matrices that share no code with the buffer, and the tests that hold the
//! buffer against it.

use nalgebra::Isometry3;
use proptest::prelude::*;

use super::{FrameId, LookedUp, Stamp, StampedTransform, TfBuffer};

pub(super) type Matrix = [[f64; 4]; 4];

pub(super) const IDENTITY: Matrix =
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];

pub(super) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let mut c = [[0.0; 4]; 4];
    for (i, row) in c.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = (0..4).map(|k| a[i][k] * b[k][j]).sum();
        }
    }
    c
}

/// Of a rigid motion: transposed rotation, and the translation turned back.
pub(super) fn inverse(m: &Matrix) -> Matrix {
    let mut inverse = IDENTITY;
    for i in 0..3 {
        for j in 0..3 {
            inverse[i][j] = m[j][i];
        }
        inverse[i][3] = -(0..3).map(|k| m[k][i] * m[k][3]).sum::<f64>();
    }
    inverse
}

/// `exp(twist * secs)` by its power series with scaling and squaring; twist = (angular, linear).
pub(super) fn screw(angular: [f64; 3], linear: [f64; 3], secs: f64) -> Matrix {
    const HALVINGS: u32 = 8;
    let s = secs / f64::from(1u32 << HALVINGS);
    let [a, b, c] = angular.map(|w| w * s);
    let [x, y, z] = linear.map(|v| v * s);
    let twist = [[0.0, -c, b, x], [c, 0.0, -a, y], [-b, a, 0.0, z], [0.0; 4]];
    let (mut sum, mut term) = (IDENTITY, IDENTITY);
    for n in 1..16 {
        term = product(&term, &twist).map(|row| row.map(|cell| cell / f64::from(n)));
        for i in 0..4 {
            for j in 0..4 {
                sum[i][j] += term[i][j];
            }
        }
    }
    for _ in 0..HALVINGS {
        sum = product(&sum, &sum);
    }
    sum
}

/// Shepperd's method on the largest of the four components.
fn quaternion_xyzw(m: &Matrix) -> [f64; 4] {
    let trace = m[0][0] + m[1][1] + m[2][2];
    let candidates = [m[0][0], m[1][1], m[2][2], trace];
    let largest = (0..4).max_by(|a, b| candidates[*a].total_cmp(&candidates[*b])).unwrap();
    let q = match largest {
        3 => [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1], 1.0 + trace],
        i => {
            let (j, k) = ((i + 1) % 3, (i + 2) % 3);
            let mut q = [0.0; 4];
            q[i] = 1.0 + m[i][i] - m[j][j] - m[k][k];
            q[j] = m[i][j] + m[j][i];
            q[k] = m[i][k] + m[k][i];
            q[3] = m[k][j] - m[j][k];
            q
        }
    };
    let norm = q.iter().map(|c| c * c).sum::<f64>().sqrt();
    q.map(|c| c / norm)
}

pub(super) fn message(parent: &str, child: &str, nanos: i64, parent_from_child: &Matrix) -> StampedTransform {
    StampedTransform {
        parent: FrameId::new(parent),
        child: FrameId::new(child),
        stamp: Stamp { nanos },
        translation_m: [parent_from_child[0][3], parent_from_child[1][3], parent_from_child[2][3]],
        rotation_xyzw: quaternion_xyzw(parent_from_child),
    }
}

/// Largest difference of any matrix entry.
pub(super) fn difference(found: &Isometry3<f64>, expected: &Matrix) -> f64 {
    let found = found.to_homogeneous();
    (0..4)
        .flat_map(|i| (0..4).map(move |j| (i, j)))
        .map(|(i, j)| (found[(i, j)] - expected[i][j]).abs())
        .fold(0.0, f64::max)
}

/// Numbers from one seed (Steele, Lea and Flood 2014, SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn vector(&mut self, scale: f64) -> [f64; 3] {
        [0; 3].map(|_| self.between(-scale, scale))
    }
}

/// Turns at a constant rate about an axis fixed in the child while its origin goes straight: what linear interpolation and slerp
/// follow exactly.
struct Drift {
    start: Matrix,
    angular: [f64; 3],
    velocity: [f64; 3],
}

impl Drift {
    fn new(dice: &mut Dice, is_static: bool) -> Drift {
        let start = screw(dice.vector(3.0), dice.vector(2.0), 1.0);
        let scale = if is_static { 0.0 } else { 1.0 };
        Drift { start, angular: dice.vector(2.0 * scale), velocity: dice.vector(scale) }
    }

    fn at(&self, secs: f64) -> Matrix {
        let mut m = product(&self.start, &screw(self.angular, [0.0; 3], secs));
        for (row, velocity) in m.iter_mut().zip(self.velocity) {
            row[3] += velocity * secs;
        }
        m
    }
}

struct Tree {
    parent_of: Vec<usize>,
    drift_of: Vec<Drift>,
    buffer: TfBuffer,
}

const START_NANOS: i64 = 1_000_000_000_000;

fn name(frame: usize) -> String {
    format!("frame_{frame}")
}

impl Tree {
    /// Frame 0 is the root. Every timed link has its own irregular stamps from 0 to 2 s, sent in random order.
    fn random(seed: u64) -> Tree {
        let mut dice = Dice(seed);
        let n_frames = 2 + dice.below(10);
        let mut tree =
            Tree { parent_of: vec![0], drift_of: vec![Drift::new(&mut dice, true)], buffer: TfBuffer::default() };
        let mut messages = Vec::new();
        for child in 1..n_frames {
            let parent = dice.below(child);
            let is_static = dice.below(3) == 0;
            let drift = Drift::new(&mut dice, is_static);
            let mut nanos = 0;
            while nanos < 2_000_000_000 {
                messages.push((
                    message(&name(parent), &name(child), START_NANOS + nanos, &drift.at(nanos as f64 * 1e-9)),
                    is_static,
                ));
                nanos += 1_000_000 + dice.below(300_000_000) as i64;
            }
            let end = 2_000_000_000;
            messages.push((message(&name(parent), &name(child), START_NANOS + end, &drift.at(2.0)), is_static));
            tree.parent_of.push(parent);
            tree.drift_of.push(drift);
        }
        for last in (1..messages.len()).rev() {
            messages.swap(last, dice.below(last + 1));
        }
        for (message, is_static) in messages {
            tree.buffer.insert(&message, is_static).unwrap();
        }
        tree
    }

    fn root_from(&self, frame: usize, secs: f64) -> Matrix {
        if frame == 0 {
            return IDENTITY;
        }
        product(&self.root_from(self.parent_of[frame], secs), &self.drift_of[frame].at(secs))
    }

    fn lookup(&self, target: usize, source: usize, secs: f64) -> LookedUp {
        let at = Stamp { nanos: START_NANOS }.plus_secs(secs);
        self.buffer.freeze().lookup(&FrameId::new(&name(target)), &FrameId::new(&name(source)), at).unwrap()
    }
}

proptest! {
    #[test]
    fn random_trees_agree_with_matrices(seed: u64, secs in 0.0f64..2.0, target: prop::sample::Index, source: prop::sample::Index) {
        let tree = Tree::random(seed);
        let (target, source) = (target.index(tree.parent_of.len()), source.index(tree.parent_of.len()));
        let secs = (secs * 1e9).round() * 1e-9;
        let expected = product(&inverse(&tree.root_from(target, secs)), &tree.root_from(source, secs));
        let found = tree.lookup(target, source, secs);
        prop_assert!(difference(&found.target_from_source, &expected) < 1e-8, "{found:?} {expected:?}");
    }

    #[test]
    fn lookups_compose_and_invert(seed: u64, secs in 0.0f64..2.0) {
        let tree = Tree::random(seed);
        let n = tree.parent_of.len();
        let (a, b, c) = (seed as usize % n, (seed >> 8) as usize % n, (seed >> 16) as usize % n);
        let at = |target, source| tree.lookup(target, source, secs).target_from_source;
        let close = |x: Isometry3<f64>, y: Isometry3<f64>| (x.to_homogeneous() - y.to_homogeneous()).abs().max() < 1e-9;
        prop_assert!(close(at(a, b) * at(b, c), at(a, c)));
        prop_assert!(close(at(a, b).inverse(), at(b, a)));
        prop_assert!(close(at(a, a), Isometry3::identity()));
    }

    #[test]
    fn speed_and_turn_rate_are_those_of_the_motion(seed: u64) {
        let mut dice = Dice(seed);
        let drift = Drift::new(&mut dice, false);
        let mut buffer = TfBuffer::default();
        for i in 0..=50 {
            buffer.insert(&message("map", "base", START_NANOS + i * 20_000_000, &drift.at(i as f64 * 0.02)), false).unwrap();
        }
        let norm = |v: [f64; 3]| v.iter().map(|c| c * c).sum::<f64>().sqrt();
        for secs in [0.0, 0.013, 0.5, 0.987, 1.0] {
            let at = Stamp { nanos: START_NANOS }.plus_secs(secs);
            let found = buffer.freeze().lookup(&FrameId::new("map"), &FrameId::new("base"), at).unwrap();
            prop_assert!((found.speed_m_per_s - norm(drift.velocity)).abs() < 1e-6, "{found:?}");
            prop_assert!((found.turn_rate_rad_per_s - norm(drift.angular)).abs() < 1e-6, "{found:?}");
        }
    }

    /// On a screw the origin moves on a helix; the chord between samples leaves it by at most `acceleration * gap² / 8`.
    #[test]
    fn screws_are_followed_within_the_chord_error(seed: u64, secs in 0.0f64..1.0, gap_millis in 5i64..100) {
        let mut dice = Dice(seed);
        let (angular, linear, start) = (dice.vector(2.0), dice.vector(1.0), screw(dice.vector(3.0), dice.vector(2.0), 1.0));
        let truth = |secs: f64| product(&start, &screw(angular, linear, secs));
        let mut buffer = TfBuffer::default();
        for nanos in (0..).map(|i| i * gap_millis * 1_000_000).take_while(|nanos| *nanos < 1_200_000_000) {
            buffer.insert(&message("map", "base", START_NANOS + nanos, &truth(nanos as f64 * 1e-9)), false).unwrap();
        }
        let at = Stamp { nanos: START_NANOS }.plus_secs(secs);
        let found = buffer.freeze().lookup(&FrameId::new("map"), &FrameId::new("base"), at).unwrap();
        let expected = truth(at.secs_since(Stamp { nanos: START_NANOS }));
        let norm = |v: [f64; 3]| v.iter().map(|c| c * c).sum::<f64>().sqrt();
        let gap_secs = gap_millis as f64 * 1e-3;
        let chord_m = norm(angular) * norm(linear) * gap_secs * gap_secs / 8.0;
        let found_m = found.target_from_source.translation.vector;
        let error_m = norm([0, 1, 2].map(|i| found_m[i] - expected[i][3]));
        prop_assert!(error_m <= chord_m + 1e-9, "{error_m} m, chord {chord_m} m");
        let rotation_only = |m: &Isometry3<f64>| Isometry3::from_parts(Default::default(), m.rotation);
        let mut expected_rotation = expected;
        for row in expected_rotation.iter_mut().take(3) {
            row[3] = 0.0;
        }
        prop_assert!(difference(&rotation_only(&found.target_from_source), &expected_rotation) < 1e-8);
    }
}

/// A camera 0.3 m from the axis of a robot that turns at 1 rad/s; transforms at 50 Hz, the image 200 ms older than the newest.
#[test]
fn a_turning_camera_is_right_at_the_image_stamp_and_wrong_at_the_latest() {
    let camera = screw([0.0; 3], [0.3, 0.0, 0.5], 1.0);
    let truth = |secs: f64| product(&screw([0.0, 0.0, 1.0], [0.0; 3], secs), &camera);
    let mut buffer = TfBuffer::default();
    buffer.insert(&message("base", "camera", 0, &camera), true).unwrap();
    for i in 0..=50 {
        let secs = i as f64 * 0.02;
        buffer
            .insert(
                &message("map", "base", START_NANOS + i * 20_000_000, &screw([0.0, 0.0, 1.0], [0.0; 3], secs)),
                false,
            )
            .unwrap();
    }
    let (map, camera_frame) = (FrameId::new("map"), FrameId::new("camera"));
    let image_secs = 0.8077;
    let lookup =
        |secs| buffer.freeze().lookup(&map, &camera_frame, Stamp { nanos: START_NANOS }.plus_secs(secs)).unwrap();
    let point_in_camera = nalgebra::Point3::new(2.0, 0.0, 0.0);
    let m = truth(image_secs);
    let point_in_map = nalgebra::Point3::new(m[0][0] * 2.0 + m[0][3], m[1][0] * 2.0 + m[1][3], m[2][0] * 2.0 + m[2][3]);

    let at_image = lookup(image_secs);
    assert!((at_image.target_from_source * point_in_camera - point_in_map).norm() < 1e-9);
    assert!((at_image.turn_rate_rad_per_s - 1.0).abs() < 1e-6);
    assert!((at_image.speed_m_per_s - 0.3).abs() < 1e-4);
    assert!((at_image.gap_secs - 0.02).abs() < 1e-9);

    let at_latest = lookup(1.0);
    let error_m = (at_latest.target_from_source * point_in_camera - point_in_map).norm();
    assert!((error_m - 2.3 * 2.0 * (0.1923f64 / 2.0).sin()).abs() < 1e-6, "{error_m}");
}
