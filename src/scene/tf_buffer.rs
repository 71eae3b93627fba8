//! A transform buffer with tf2's semantics: per child a cache of some seconds, static transforms, parents that may change,
//! interpolation without extrapolation.
//!
//! Differences from `tf2::BufferCore`: one sample a stamp is kept (the last to arrive), infinities are refused as well as NaN, and
//! time zero has no special meaning in a lookup.

use std::{
    collections::{BTreeMap, HashSet, btree_map},
    sync::Arc,
};

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

use super::{
    FrameId, InputProblem, Stamp,
    tf_link::{Link, Sample},
};
pub use super::{
    tf_error::TfError,
    tf_lookup::{LookedUp, TransformSet},
};
use crate::error_code::ErrorCode;

/// How far the squared length of a quaternion may be from 1 (tf2's `QUATERNION_NORMALIZATION_TOLERANCE`).
const QUATERNION_TOLERANCE: f64 = 10e-3;
const MAX_FRAMES: usize = 10_000;
const MAX_TRANSLATION_M: f64 = 1e12;

/// One `geometry_msgs/TransformStamped`, as received.
#[derive(Clone, Debug, PartialEq)]
pub struct StampedTransform {
    /// `header.frame_id`.
    pub parent: FrameId,
    /// `child_frame_id`.
    pub child: FrameId,
    /// Ignored for a static transform.
    pub stamp: Stamp,
    /// Position of the child's origin in the parent, metres.
    pub translation_m: [f64; 3],
    /// Maps child directions into the parent: x, y, z, w.
    pub rotation_xyzw: [f64; 4],
}

/// Buffers transforms as they arrive.
#[derive(Clone, Debug)]
pub struct TfBuffer {
    links: Arc<BTreeMap<FrameId, Arc<Link>>>,
    cache_nanos: i64,
}

impl Default for TfBuffer {
    /// With tf2's cache of 10 s.
    fn default() -> Self {
        TfBuffer::new(10.0)
    }
}

impl TfBuffer {
    /// Keeps `cache_secs` seconds before the newest sample of each child.
    pub fn new(cache_secs: f64) -> TfBuffer {
        TfBuffer { links: Arc::default(), cache_nanos: (cache_secs.max(0.0) * 1e9) as i64 }
    }

    /// Takes one transform; stamps may come in any order. A static one holds at all times.
    ///
    /// # Errors
    /// `BAD_INPUT`, naming both frames, for an empty frame name, a frame in itself, numbers that are not finite, a quaternion that
    /// is not of unit length, an unset stamp, or a stamp further back than the cache reaches. The buffer is then unchanged.
    pub fn insert(&mut self, transform: &StampedTransform, is_static: bool) -> Result<(), InputProblem> {
        let StampedTransform { parent, child, stamp, .. } = transform;
        let problem = |what: String| InputProblem {
            code: ErrorCode::BadInput,
            message: format!("{what}, in transform \"{parent}\" from \"{child}\""),
        };
        let parent_from_child = checked(transform, is_static).map_err(problem)?;
        if !self.links.contains_key(child) && self.links.len() >= MAX_FRAMES {
            return Err(problem(format!("the transform tree has {MAX_FRAMES} frames already")));
        }
        let links = Arc::make_mut(&mut self.links);
        let sample = |parent| Sample { stamp: *stamp, parent, parent_from_child };
        match links.entry(child.clone()) {
            btree_map::Entry::Vacant(place) => {
                place.insert(Arc::new(Link::new(sample(parent.clone()), is_static)));
            }
            btree_map::Entry::Occupied(mut place) => {
                let link = Arc::make_mut(place.get_mut());
                // Samples share the name of their parent, of which there is one as a rule.
                let parent = link.newest_parent().filter(|known| *known == parent).unwrap_or(parent).clone();
                link.insert(sample(parent), is_static, self.cache_nanos).map_err(|too_old| {
                    let behind_secs = too_old.newest.secs_since(*stamp);
                    let cache_secs = self.cache_nanos as f64 * 1e-9;
                    problem(format!(
                        "stamp {stamp} lies {behind_secs:.3} s before the newest at {}, at most {cache_secs} s are kept",
                        too_old.newest
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// Drops everything but the static transforms, as tf2 does when time jumps back: a latched topic says them once.
    pub fn clear(&mut self) {
        Arc::make_mut(&mut self.links).retain(|_, link| matches!(**link, Link::Static(_)));
    }

    /// All transforms of this moment. Cheap: nothing is copied until the next one arrives, and then only the links it touches.
    pub fn freeze(&self) -> TransformSet {
        TransformSet { links: self.links.clone() }
    }

    /// Number of frames that have a parent.
    pub fn n_links(&self) -> usize {
        self.links.len()
    }
}

/// Every frame of a tree, sorted.
pub(super) fn all_frames(links: &BTreeMap<FrameId, Arc<Link>>) -> Vec<FrameId> {
    let mut frames: HashSet<&FrameId> = links.keys().collect();
    for link in links.values() {
        frames.extend(link.parents());
    }
    let mut frames: Vec<FrameId> = frames.into_iter().cloned().collect();
    frames.sort();
    frames
}

fn checked(transform: &StampedTransform, is_static: bool) -> Result<Isometry3<f64>, String> {
    let StampedTransform { parent, child, stamp, translation_m, rotation_xyzw } = transform;
    if parent.is_empty() || child.is_empty() {
        return Err("a frame name is empty".to_owned());
    }
    if parent == child {
        return Err("parent and child are the same frame".to_owned());
    }
    if !is_static && stamp.is_unset() {
        return Err("the stamp is not set".to_owned());
    }
    let [x, y, z] = *translation_m;
    let [qx, qy, qz, qw] = *rotation_xyzw;
    // Beyond any robot, and speeds between such places overflow.
    let is_far = [x, y, z].iter().any(|metres| metres.abs() > MAX_TRANSLATION_M);
    if is_far || ![x, y, z, qx, qy, qz, qw].iter().all(|number| number.is_finite()) {
        return Err(format!(
            "translation {translation_m:?} or quaternion {rotation_xyzw:?} is not finite, or farther than {MAX_TRANSLATION_M:e} m"
        ));
    }
    let quaternion = Quaternion::new(qw, qx, qy, qz);
    if (quaternion.norm_squared() - 1.0).abs() >= QUATERNION_TOLERANCE {
        return Err(format!("quaternion {rotation_xyzw:?} has length {:.4}, expected 1", quaternion.norm()));
    }
    Ok(Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_quaternion(quaternion)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: i64 = 1_000_000_000;

    fn at(x_m: f64, parent: &str, child: &str, nanos: i64) -> StampedTransform {
        StampedTransform {
            parent: FrameId::new(parent),
            child: FrameId::new(child),
            stamp: Stamp { nanos },
            translation_m: [x_m, 0.0, 0.0],
            rotation_xyzw: [0.0, 0.0, 0.0, 1.0],
        }
    }

    fn buffer(transforms: &[StampedTransform]) -> TfBuffer {
        let mut buffer = TfBuffer::default();
        for transform in transforms {
            buffer.insert(transform, false).unwrap();
        }
        buffer
    }

    fn lookup(buffer: &TfBuffer, target: &str, source: &str, nanos: i64) -> Result<LookedUp, TfError> {
        buffer.freeze().lookup(&FrameId::new(target), &FrameId::new(source), Stamp { nanos })
    }

    fn x_of(buffer: &TfBuffer, target: &str, source: &str, nanos: i64) -> f64 {
        lookup(buffer, target, source, nanos).unwrap().target_from_source.translation.x
    }

    #[test]
    fn unusable_transforms_are_refused_by_name() {
        let good = at(1.0, "map", "base", SEC);
        let check = |bad: StampedTransform, expected: &str| {
            let mut buffer = TfBuffer::default();
            let problem = buffer.insert(&bad, false).unwrap_err();
            assert_eq!(problem.code, ErrorCode::BadInput);
            assert_eq!(problem.message, expected);
            assert_eq!(buffer.n_links(), 0);
        };
        check(
            at(1.0, "base", "/base", SEC),
            "parent and child are the same frame, in transform \"base\" from \"base\"",
        );
        check(at(1.0, "", "base", SEC), "a frame name is empty, in transform \"\" from \"base\"");
        check(at(1.0, "map", "", SEC), "a frame name is empty, in transform \"map\" from \"\"");
        check(at(1.0, "map", "base", 0), "the stamp is not set, in transform \"map\" from \"base\"");
        for bad in [f64::NAN, f64::INFINITY] {
            let problem = TfBuffer::default().insert(&at(bad, "map", "base", SEC), false).unwrap_err();
            assert!(problem.message.contains("not finite, in transform \"map\" from \"base\""), "{problem}");
            let turned = StampedTransform { rotation_xyzw: [0.0, bad, 0.0, 1.0], ..good.clone() };
            assert_eq!(TfBuffer::default().insert(&turned, false).unwrap_err().code, ErrorCode::BadInput);
        }
        check(
            StampedTransform { rotation_xyzw: [0.0; 4], ..good.clone() },
            "quaternion [0.0, 0.0, 0.0, 0.0] has length 0.0000, expected 1, in transform \"map\" from \"base\"",
        );
        check(
            StampedTransform { rotation_xyzw: [0.0, 0.0, 0.0, 1.006], ..good.clone() },
            "quaternion [0.0, 0.0, 0.0, 1.006] has length 1.0060, expected 1, in transform \"map\" from \"base\"",
        );
        let nearly = StampedTransform { rotation_xyzw: [0.0, 0.0, 0.0, 1.004], ..good };
        let mut buffer = TfBuffer::default();
        buffer.insert(&nearly, false).unwrap();
        let found = lookup(&buffer, "map", "base", SEC).unwrap();
        assert!((found.target_from_source.rotation.norm() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_three_extrapolations_are_told_apart() {
        let buffer =
            buffer(&[at(0.0, "map", "odom", SEC), at(1.0, "odom", "base", 2 * SEC), at(2.0, "odom", "base", 3 * SEC)]);
        let (odom, base, map) = (FrameId::new("odom"), FrameId::new("base"), FrameId::new("map"));
        assert_eq!(
            lookup(&buffer, "odom", "base", 3 * SEC + SEC / 4),
            Err(TfError::ExtrapolationIntoFuture {
                parent: odom.clone(),
                child: base.clone(),
                asked: Stamp { nanos: 3 * SEC + SEC / 4 },
                newest: Stamp { nanos: 3 * SEC },
                ahead_secs: 0.25,
            })
        );
        assert_eq!(
            lookup(&buffer, "base", "odom", SEC),
            Err(TfError::ExtrapolationIntoPast {
                parent: odom.clone(),
                child: base,
                asked: Stamp { nanos: SEC },
                oldest: Stamp { nanos: 2 * SEC },
                behind_secs: 1.0,
            })
        );
        let no_data =
            TfError::NoData { parent: map, child: odom, asked: Stamp { nanos: 2 * SEC }, only: Stamp { nanos: SEC } };
        assert_eq!(lookup(&buffer, "map", "base", 2 * SEC), Err(no_data.clone()));
        assert_eq!(no_data.code(), ErrorCode::TfExtrapolation);
        // The link above the common ancestor is not needed.
        assert_eq!(x_of(&buffer, "odom", "base", 2 * SEC), 1.0);
        assert_eq!(x_of(&buffer, "map", "odom", SEC), 0.0);
    }

    #[test]
    fn unknown_and_unconnected_frames_are_told_apart() {
        let buffer = buffer(&[at(1.0, "map", "base_link", SEC), at(1.0, "world", "arm", SEC)]);
        assert_eq!(
            lookup(&buffer, "map", "base_lnik", SEC),
            Err(TfError::UnknownFrame { frame: FrameId::new("base_lnik"), nearest: vec![FrameId::new("base_link")] })
        );
        assert_eq!(lookup(&buffer, "nowhere", "nowhere", SEC).unwrap_err().code(), ErrorCode::TfUnknownFrame);
        let apart = lookup(&buffer, "base_link", "arm", SEC).unwrap_err();
        assert_eq!(
            apart.to_string(),
            "frames \"base_link\" and \"arm\" are not connected; their roots are \"map\" and \"world\""
        );
        assert_eq!(apart.code(), ErrorCode::TfDisconnected);
        // Also where the chains could not be followed at that time.
        assert_eq!(lookup(&buffer, "base_link", "arm", 2 * SEC), Err(apart));
        assert_eq!(x_of(&buffer, "map", "map", SEC), 0.0);
    }

    #[test]
    fn a_loop_ends_in_an_error() {
        let buffer =
            buffer(&[at(1.0, "a", "b", SEC), at(1.0, "b", "c", SEC), at(1.0, "c", "a", SEC), at(1.0, "c", "d", SEC)]);
        let error = lookup(&buffer, "d", "b", SEC).unwrap_err();
        let TfError::Loop { frames } = &error else { panic!("{error:?}") };
        let mut names: Vec<_> = frames.iter().map(FrameId::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(error.code(), ErrorCode::TfDisconnected);
    }

    #[test]
    fn arrival_order_does_not_matter_within_the_cache() {
        let mut buffer = buffer(&[at(3.0, "map", "base", 13 * SEC), at(1.0, "map", "base", 11 * SEC)]);
        assert_eq!(x_of(&buffer, "map", "base", 12 * SEC), 2.0);
        buffer.insert(&at(2.5, "map", "base", 12 * SEC), false).unwrap();
        assert_eq!(x_of(&buffer, "map", "base", 12 * SEC), 2.5);
        buffer.insert(&at(2.0, "map", "base", 12 * SEC), false).unwrap();
        assert_eq!(x_of(&buffer, "map", "base", 12 * SEC + SEC / 2), 2.5);

        buffer.insert(&at(0.0, "map", "base", 3 * SEC), false).unwrap();
        let problem = buffer.insert(&at(0.0, "map", "base", 3 * SEC - 1), false).unwrap_err();
        assert_eq!(
            problem.message,
            "stamp 2.999 lies 10.000 s before the newest at 13.000, at most 10 s are kept, in transform \"map\" from \"base\""
        );
        buffer.insert(&at(4.0, "map", "base", 14 * SEC), false).unwrap();
        let error = lookup(&buffer, "map", "base", 4 * SEC).unwrap_err();
        assert!(
            matches!(error, TfError::ExtrapolationIntoPast { oldest: Stamp { nanos: 11_000_000_000 }, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_static_transform_holds_at_all_times_and_survives_a_clear() {
        let mut buffer = buffer(&[at(1.0, "map", "base", 5 * SEC), at(1.0, "map", "base", 6 * SEC)]);
        buffer.insert(&at(0.5, "base", "camera", 0), true).unwrap();
        assert_eq!(x_of(&buffer, "map", "camera", 5 * SEC), 1.5);
        let looked_up = lookup(&buffer, "base", "camera", 1).unwrap();
        assert_eq!((looked_up.gap_secs, looked_up.speed_m_per_s, looked_up.turn_rate_rad_per_s), (0.0, 0.0, 0.0));
        buffer.insert(&at(0.7, "base", "camera", 0), true).unwrap();
        assert_eq!(x_of(&buffer, "base", "camera", SEC), 0.7);
        buffer.clear();
        assert_eq!(x_of(&buffer, "base", "camera", SEC), 0.7);
        assert_eq!(lookup(&buffer, "map", "base", 5 * SEC).unwrap_err().code(), ErrorCode::TfUnknownFrame);
        buffer.insert(&at(2.0, "base", "camera", SEC), false).unwrap();
        assert_eq!(lookup(&buffer, "base", "camera", 2 * SEC).unwrap_err().code(), ErrorCode::TfExtrapolation);
    }

    #[test]
    fn a_new_parent_holds_from_its_first_stamp() {
        let buffer = buffer(&[
            at(1.0, "table", "cup", SEC),
            at(1.0, "table", "cup", 2 * SEC),
            at(0.1, "hand", "cup", 3 * SEC),
            at(0.1, "hand", "cup", 4 * SEC),
            at(0.0, "map", "table", SEC),
            at(0.0, "map", "table", 4 * SEC),
            at(5.0, "map", "hand", SEC),
            at(5.0, "map", "hand", 4 * SEC),
        ]);
        assert_eq!(x_of(&buffer, "map", "cup", 2 * SEC), 1.0);
        assert_eq!(x_of(&buffer, "map", "cup", 3 * SEC - 1), 1.0);
        assert_eq!(x_of(&buffer, "map", "cup", 3 * SEC), 5.1);
        assert_eq!(x_of(&buffer, "hand", "cup", 4 * SEC), 0.1);
    }

    #[test]
    fn a_frozen_set_does_not_change() {
        let mut buffer = buffer(&[at(1.0, "map", "base", SEC)]);
        let frozen = buffer.freeze();
        buffer.insert(&at(2.0, "map", "base", 2 * SEC), false).unwrap();
        buffer.insert(&at(2.0, "map", "other", 2 * SEC), false).unwrap();
        assert_eq!(frozen.frames(), ["base", "map"].map(FrameId::new));
        let error = frozen.lookup(&FrameId::new("map"), &FrameId::new("base"), Stamp { nanos: 2 * SEC }).unwrap_err();
        assert!(matches!(error, TfError::NoData { .. }), "{error}");
        assert_eq!(buffer.freeze().frames(), ["base", "map", "other"].map(FrameId::new));
    }
}
