//! A [`Snapshot`] as bytes and back, without loss: for the worker process and for recordings.
//!
//! A snapshot falls into *parts*, each a block of its own that names its kind and the version of the format, so that a recording can
//! store and show them one by one. [`encode`] and [`decode`] put all parts into one block. Equal snapshots give equal bytes, every bit
//! of a number comes back, and foreign bytes end in a [`CodecError`]: decoding never panics and takes no more memory than a small
//! multiple of the bytes given.
//!
//! Blocks are postcard behind a head of eight bytes. Nothing is compressed: a pipe is faster than a compressor is on images, and
//! a recording compresses whole chunks anyway. Label ids alone are stored in the narrowest integer that holds them.
//! A changed layout needs a new [`VERSION`]; a new field of [`Snapshot`] does not compile until it is written here.

mod block;
mod header;
mod memory;
mod pixels;
#[cfg(test)]
mod tests;
mod transforms;

use std::{borrow::Cow, sync::Arc};

pub use block::{CodecError, Kind, VERSION};
pub use memory::{decode_imu, decode_memory, encode_imu, encode_memory};
pub use pixels::{decode_depth, decode_image, decode_labels, encode_depth, encode_image, encode_labels};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
pub use transforms::{decode_transforms, encode_transforms};

use super::{Snapshot, View};

/// One block of a snapshot. The index is that of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// Everything but what the other parts hold.
    Header,
    /// The frozen transforms.
    Transforms,
    /// Samples of the IMU.
    Imu,
    /// Remembered objects.
    Memory,
    /// Colour of a view.
    Image(usize),
    /// Depth of a view that has some.
    Depth(usize),
    /// Labels of a view that has some.
    Labels(usize),
}

/// All parts, in the order in which [`decode_parts`] asks for them.
pub fn parts(snapshot: &Snapshot) -> Vec<Part> {
    let of_view = |(view_idx, view): (usize, &View)| {
        let depth = view.depth.is_ok().then_some(Part::Depth(view_idx));
        let labels = view.labels.is_ok().then_some(Part::Labels(view_idx));
        [Some(Part::Image(view_idx)), depth, labels].into_iter().flatten()
    };
    let views = snapshot.views.iter().enumerate().flat_map(of_view);
    [Part::Header, Part::Transforms, Part::Imu, Part::Memory].into_iter().chain(views).collect()
}

/// The block of one part; `None` when the snapshot has no such part.
pub fn encode_part(snapshot: &Snapshot, part: Part) -> Option<Vec<u8>> {
    match part {
        Part::Header => Some(header::encode(snapshot)),
        Part::Transforms => Some(encode_transforms(&snapshot.transforms)),
        Part::Imu => Some(encode_imu(&snapshot.imu)),
        Part::Memory => Some(encode_memory(&snapshot.memory)),
        Part::Image(view_idx) => Some(encode_image(&snapshot.views.get(view_idx)?.image)),
        Part::Depth(view_idx) => Some(encode_depth(snapshot.views.get(view_idx)?.depth.as_ref().ok()?)),
        Part::Labels(view_idx) => Some(encode_labels(snapshot.views.get(view_idx)?.labels.as_ref().ok()?)),
    }
}

/// Puts a snapshot together from blocks that `fetch` finds, asked for in the order of [`parts`].
///
/// # Errors
/// Those of `fetch`, and [`CodecError`].
pub fn decode_parts<'a, E: From<CodecError>>(
    mut fetch: impl FnMut(Part) -> Result<Cow<'a, [u8]>, E>,
) -> Result<Snapshot, E> {
    let header = header::decode(&fetch(Part::Header)?)?;
    let transforms = decode_transforms(&fetch(Part::Transforms)?)?;
    let imu = decode_imu(&fetch(Part::Imu)?)?;
    let memory = decode_memory(&fetch(Part::Memory)?)?;
    let mut views = Vec::new();
    for (view_idx, view) in header.views.into_iter().enumerate() {
        let image = Arc::new(decode_image(&fetch(Part::Image(view_idx))?)?);
        let depth = match view.no_depth {
            None => Ok(Arc::new(decode_depth(&fetch(Part::Depth(view_idx))?)?)),
            Some(problem) => Err(problem),
        };
        let labels = match view.no_labels {
            None => Ok(Arc::new(decode_labels(&fetch(Part::Labels(view_idx))?)?)),
            Some(problem) => Err(problem),
        };
        views.push(View {
            camera: view.camera,
            view_idx: view.view_idx,
            stamp: view.stamp,
            optical_frame: view.optical_frame,
            intrinsics: view.intrinsics,
            depth_noise: view.depth_noise,
            depth_range_m: view.depth_range_m,
            image,
            depth,
            labels,
            posed: view.posed,
        });
    }
    Ok(Snapshot {
        taken_at: header.taken_at,
        fixed_frame: header.fixed_frame,
        robot_frame: header.robot_frame,
        views,
        transforms,
        tf_sigma: header.tf_sigma,
        memory,
        imu,
    })
}

/// The blocks of all parts in one.
///
/// ```
/// use spatialclaw::{
///     geometry::PoseSigma,
///     scene::{FrameId, MemoryView, Snapshot, Stamp, TransformSet, snapshot_codec},
/// };
///
/// let snapshot = Snapshot {
///     taken_at: Stamp { nanos: 5 },
///     fixed_frame: FrameId::new("map"),
///     robot_frame: FrameId::new("base_link"),
///     views: Vec::new(),
///     transforms: TransformSet::default(),
///     tf_sigma: PoseSigma::default(),
///     memory: MemoryView::default(),
///     imu: [].into(),
/// };
/// let bytes = snapshot_codec::encode(&snapshot);
/// assert_eq!(snapshot_codec::decode(&bytes).unwrap().taken_at, snapshot.taken_at);
/// ```
pub fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let blocks: Vec<Vec<u8>> = parts(snapshot).into_iter().filter_map(|part| encode_part(snapshot, part)).collect();
    let borrowed: Vec<&Bytes> = blocks.iter().map(|block| Bytes::new(block)).collect();
    block::encode(Kind::Snapshot, &borrowed)
}

/// A snapshot from one block.
///
/// # Errors
/// [`CodecError`], when the bytes are no snapshot or one of another version.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, CodecError> {
    let blocks: Vec<&Bytes> = block::decode(Kind::Snapshot, bytes)?;
    let mut blocks = blocks.into_iter();
    let snapshot = decode_parts(|part| {
        let missing = || CodecError::damaged(Kind::Snapshot, format!("{part:?} is missing"));
        blocks.next().map(|block| Cow::Borrowed(block.as_ref())).ok_or_else(missing)
    })?;
    match blocks.len() {
        0 => Ok(snapshot),
        n_left => Err(CodecError::damaged(Kind::Snapshot, format!("{n_left} blocks belong to no view"))),
    }
}
