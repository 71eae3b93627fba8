//! The frozen transforms.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use nalgebra::{Isometry3, Quaternion, Translation3, Unit};
use serde::{Deserialize, Serialize};

use super::{CodecError, Kind, block};
use crate::scene::{
    FrameId, Stamp, TransformSet,
    tf_link::{Link, Sample},
};

/// How far the squared length of a stored quaternion may be from 1.
const QUATERNION_TOLERANCE: f64 = 1e-6;

#[derive(Serialize, Deserialize)]
struct WireTransforms {
    /// Every frame, sorted; links and samples name them by index.
    frames: Vec<FrameId>,
    /// In order of child.
    links: Vec<(u32, WireLink)>,
}

#[derive(Serialize, Deserialize)]
enum WireLink {
    Static(WireSample),
    Timed(Vec<WireSample>),
}

/// Stamp, index of the parent, and the child in it.
#[derive(Serialize, Deserialize)]
struct WireSample(i64, u32, [f64; 7]);

/// The block of a set of transforms.
pub fn encode_transforms(transforms: &TransformSet) -> Vec<u8> {
    let links = &transforms.links;
    let parents = links.values().flat_map(|link| link.parents());
    let frames: BTreeSet<&FrameId> = links.keys().chain(parents).collect();
    let indices: BTreeMap<&FrameId, u32> = frames.iter().copied().zip(0..).collect();
    let index = |frame: &FrameId| indices.get(frame).copied().unwrap_or(u32::MAX);
    let wire =
        |sample: &Sample| WireSample(sample.stamp.nanos, index(&sample.parent), numbers_of(&sample.parent_from_child));
    let links = links.iter().map(|(child, link)| {
        let link = match link.as_ref() {
            Link::Static(sample) => WireLink::Static(wire(sample)),
            Link::Timed(samples) => WireLink::Timed(samples.iter().map(wire).collect()),
        };
        (index(child), link)
    });
    let links = links.collect();
    block::encode(Kind::Transforms, &WireTransforms { frames: frames.into_iter().cloned().collect(), links })
}

/// The transforms of a block.
///
/// # Errors
/// [`CodecError`]; samples out of order, numbers that are not finite or quaternions that are not of unit length are damage.
pub fn decode_transforms(bytes: &[u8]) -> Result<TransformSet, CodecError> {
    let damaged = |reason: String| CodecError::damaged(Kind::Transforms, reason);
    let WireTransforms { frames, links } = block::decode(Kind::Transforms, bytes)?;
    if let Some((before, after)) = frames.iter().zip(frames.iter().skip(1)).find(|(before, after)| before >= after) {
        return Err(damaged(format!("frame \"{after}\" stands after \"{before}\"")));
    }
    let frame = |index: u32| {
        let found = frames.get(index as usize).cloned();
        found.ok_or_else(|| damaged(format!("frame {index} of {} is named", frames.len())))
    };
    let read = |WireSample(nanos, parent, numbers): WireSample| {
        let parent_from_child = isometry_from(&numbers).map_err(damaged)?;
        Ok(Sample { stamp: Stamp { nanos }, parent: frame(parent)?, parent_from_child })
    };
    let mut by_child = BTreeMap::new();
    for (child, link) in links {
        let child = frame(child)?;
        let link = match link {
            WireLink::Static(sample) => Link::Static(read(sample)?),
            WireLink::Timed(samples) => {
                let samples = samples.into_iter().map(read).collect::<Result<VecDeque<_>, CodecError>>()?;
                let is_sorted = samples.iter().zip(samples.iter().skip(1)).all(|(a, b)| a.stamp < b.stamp);
                if samples.is_empty() || !is_sorted {
                    return Err(damaged(format!("the {} samples of \"{child}\" are not in order", samples.len())));
                }
                Link::Timed(samples)
            }
        };
        if link.parents().any(|parent| *parent == child) {
            return Err(damaged(format!("frame \"{child}\" is its own parent")));
        }
        if by_child.insert(child.clone(), Arc::new(link)).is_some() {
            return Err(damaged(format!("frame \"{child}\" stands twice")));
        }
    }
    Ok(TransformSet { links: Arc::new(by_child) })
}

/// Translation x, y, z in metres and rotation x, y, z, w.
pub(super) fn numbers_of(isometry: &Isometry3<f64>) -> [f64; 7] {
    let ([x, y, z], [qx, qy, qz, qw]): ([f64; 3], [f64; 4]) =
        (isometry.translation.vector.into(), isometry.rotation.coords.into());
    [x, y, z, qx, qy, qz, qw]
}

/// The reverse, to the bit.
pub(super) fn isometry_from(numbers: &[f64; 7]) -> Result<Isometry3<f64>, String> {
    let [x, y, z, qx, qy, qz, qw] = *numbers;
    let quaternion = Quaternion::new(qw, qx, qy, qz);
    let is_finite = numbers.iter().all(|number| number.is_finite());
    if !is_finite || (quaternion.norm_squared() - 1.0).abs() > QUATERNION_TOLERANCE {
        return Err(format!("{numbers:?} is no position with a unit quaternion"));
    }
    Ok(Isometry3::from_parts(Translation3::new(x, y, z), Unit::new_unchecked(quaternion)))
}
