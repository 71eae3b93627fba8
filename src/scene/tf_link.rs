//! The samples of one child frame over time.

use std::collections::VecDeque;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use super::{FrameId, Stamp, TfError};

/// Bounds memory against a publisher that floods: at a cache of 10 s it is reached above 6 kHz.
const MAX_SAMPLES: usize = 65_536;

/// One child in its parent at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub stamp: Stamp,
    pub parent: FrameId,
    pub parent_from_child: Isometry3<f64>,
}

/// All that is known of one child.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// Holds at all times.
    Static(Sample),
    /// In order of stamp, oldest first, one sample a stamp, never empty.
    Timed(VecDeque<Sample>),
}

/// A child in its parent at the time asked for.
#[derive(Clone, Debug)]
pub(super) struct Sampled<'a> {
    pub parent: &'a FrameId,
    pub parent_from_child: Isometry3<f64>,
    /// Between the two samples that were interpolated; 0 when exact or static.
    pub gap_secs: f64,
    pub is_static: bool,
}

/// A sample that is older than the cache reaches back.
pub(super) struct TooOld {
    pub newest: Stamp,
}

impl Link {
    pub fn new(sample: Sample, is_static: bool) -> Link {
        if is_static { Link::Static(sample) } else { Link::Timed(VecDeque::from([sample])) }
    }

    /// Takes a sample in any order of time. One with a known stamp replaces the known; one of the other kind (static or timed)
    /// replaces everything, as in tf2.
    pub fn insert(&mut self, sample: Sample, is_static: bool, cache_nanos: i64) -> Result<(), TooOld> {
        let Link::Timed(samples) = self else {
            *self = Link::new(sample, is_static);
            return Ok(());
        };
        if is_static {
            *self = Link::Static(sample);
            return Ok(());
        }
        let newest = samples.back().map_or(sample.stamp, |newest| newest.stamp);
        if sample.stamp.nanos < newest.nanos.saturating_sub(cache_nanos) {
            return Err(TooOld { newest });
        }
        let position = samples.partition_point(|known| known.stamp < sample.stamp);
        match samples.get_mut(position).filter(|known| known.stamp == sample.stamp) {
            Some(known) => *known = sample,
            None => samples.insert(position, sample),
        }
        let newest = samples.back().map_or(newest, |newest| newest.stamp);
        let horizon = newest.nanos.saturating_sub(cache_nanos);
        while samples.len() > MAX_SAMPLES || samples.front().is_some_and(|oldest| oldest.stamp.nanos < horizon) {
            samples.pop_front();
        }
        Ok(())
    }

    /// Linear interpolation of the position and spherical of the rotation between the two samples around `at`. Between samples
    /// of different parents the older one holds, as in tf2.
    pub fn at<'a>(&'a self, child: &FrameId, at: Stamp) -> Result<Sampled<'a>, TfError> {
        let exact = |sample: &'a Sample, is_static| Sampled {
            parent: &sample.parent,
            parent_from_child: sample.parent_from_child,
            gap_secs: 0.0,
            is_static,
        };
        let samples = match self {
            Link::Static(sample) => return Ok(exact(sample, true)),
            Link::Timed(samples) => samples,
        };
        let position = samples.partition_point(|sample| sample.stamp < at);
        let after = samples.get(position);
        if let Some(sample) = after.filter(|sample| sample.stamp == at) {
            return Ok(exact(sample, false));
        }
        let before = position.checked_sub(1).and_then(|position| samples.get(position));
        match (before, after) {
            (Some(before), Some(after)) => {
                let gap_secs = after.stamp.secs_since(before.stamp);
                let parent_from_child = if before.parent == after.parent {
                    let ratio = at.secs_since(before.stamp) / gap_secs;
                    interpolated(&before.parent_from_child, &after.parent_from_child, ratio)
                } else {
                    before.parent_from_child
                };
                Ok(Sampled { parent: &before.parent, parent_from_child, gap_secs, is_static: false })
            }
            (Some(only), None) | (None, Some(only)) if samples.len() == 1 => {
                Err(TfError::NoData { parent: only.parent.clone(), child: child.clone(), asked: at, only: only.stamp })
            }
            (Some(newest), None) => Err(TfError::ExtrapolationIntoFuture {
                parent: newest.parent.clone(),
                child: child.clone(),
                asked: at,
                newest: newest.stamp,
                ahead_secs: at.secs_since(newest.stamp),
            }),
            (None, Some(oldest)) => Err(TfError::ExtrapolationIntoPast {
                parent: oldest.parent.clone(),
                child: child.clone(),
                asked: at,
                oldest: oldest.stamp,
                behind_secs: oldest.stamp.secs_since(at),
            }),
            (None, None) => Err(TfError::UnknownFrame { frame: child.clone(), nearest: Vec::new() }),
        }
    }

    /// Oldest and newest stamp; `None` when it holds at all times.
    pub fn span(&self) -> Option<(Stamp, Stamp)> {
        match self {
            Link::Static(_) => None,
            Link::Timed(samples) => Some((samples.front()?.stamp, samples.back()?.stamp)),
        }
    }

    pub fn newest_parent(&self) -> Option<&FrameId> {
        match self {
            Link::Static(sample) => Some(&sample.parent),
            Link::Timed(samples) => samples.back().map(|sample| &sample.parent),
        }
    }

    /// Every parent that a sample names.
    pub fn parents(&self) -> impl Iterator<Item = &FrameId> {
        let (fixed, timed) = match self {
            Link::Static(sample) => (Some(sample), None),
            Link::Timed(samples) => (None, Some(samples)),
        };
        fixed.into_iter().chain(timed.into_iter().flatten()).map(|sample| &sample.parent)
    }
}

fn interpolated(older: &Isometry3<f64>, newer: &Isometry3<f64>, ratio: f64) -> Isometry3<f64> {
    let translation = older.translation.vector.lerp(&newer.translation.vector, ratio);
    Isometry3::from_parts(Translation3::from(translation), slerp(&older.rotation, &newer.rotation, ratio))
}

/// Along the shorter arc (Shoemake 1985). Nearly equal rotations are interpolated linearly, where the sine's quotient would lose
/// digits.
fn slerp(older: &UnitQuaternion<f64>, newer: &UnitQuaternion<f64>, ratio: f64) -> UnitQuaternion<f64> {
    let (a, b) = (older.quaternion(), newer.quaternion());
    let cosine = a.dot(b);
    let b = if cosine < 0.0 { -b } else { *b };
    let cosine = cosine.abs();
    let (weight_a, weight_b) = if cosine > 1.0 - 1e-10 {
        (1.0 - ratio, ratio)
    } else {
        let angle = cosine.acos();
        (((1.0 - ratio) * angle).sin() / angle.sin(), (ratio * angle).sin() / angle.sin())
    };
    UnitQuaternion::from_quaternion(a * weight_a + b * weight_b)
}
