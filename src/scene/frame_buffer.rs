//! Messages in order of stamp, bounded in seconds and bytes.

use std::{collections::VecDeque, sync::Arc};

use super::{FrameId, Stamp, image_decode::ImageSize, labels::LabelNames, raw_message::ImageMessage};

/// One image message that passed the cheap checks.
#[derive(Clone, Debug)]
pub struct BufferedImage {
    /// From its header.
    pub stamp: Stamp,
    /// From its header.
    pub frame: FrameId,
    /// By the message's or the file's header.
    pub size: ImageSize,
    /// Not decoded yet.
    pub message: Arc<ImageMessage>,
    /// Names of the labels when it arrived; empty for colour and depth.
    pub names: Arc<LabelNames>,
}

/// Images of one topic. Arrival may be in any order; a second image with the same stamp replaces the first.
#[derive(Clone, Debug, Default)]
pub struct FrameBuffer {
    images: VecDeque<BufferedImage>,
    n_bytes: usize,
}

impl FrameBuffer {
    /// Puts an image where its stamp belongs.
    pub fn insert(&mut self, image: BufferedImage) {
        self.n_bytes += image.message.n_bytes();
        let position = self.images.partition_point(|known| known.stamp < image.stamp);
        match self.images.get_mut(position).filter(|known| known.stamp == image.stamp) {
            Some(known) => {
                self.n_bytes -= known.message.n_bytes();
                *known = image;
            }
            None => self.images.insert(position, image),
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &BufferedImage> + Clone {
        self.images.iter()
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Bytes of all images.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// The image with the newest stamp.
    pub fn newest(&self) -> Option<&BufferedImage> {
        self.images.back()
    }

    /// The image with the oldest stamp.
    pub fn oldest(&self) -> Option<&BufferedImage> {
        self.images.front()
    }

    /// The image whose stamp is nearest; the older of two that are equally near.
    pub fn nearest(&self, stamp: Stamp) -> Option<&BufferedImage> {
        let position = self.images.partition_point(|known| known.stamp < stamp);
        let before = position.checked_sub(1).and_then(|position| self.images.get(position));
        let distance = |image: &&BufferedImage| image.stamp.nanos.abs_diff(stamp.nanos);
        before.into_iter().chain(self.images.get(position)).min_by_key(distance)
    }

    /// Drops every image for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(&BufferedImage) -> bool) {
        let n_bytes = &mut self.n_bytes;
        self.images.retain(|image| {
            let kept = keep(image);
            if !kept {
                *n_bytes -= image.message.n_bytes();
            }
            kept
        });
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = FrameBuffer::default();
    }

    /// Among the images stamped before `before`, without the very oldest: the stamp of the one that leaves the smallest gap
    /// when dropped.
    pub fn most_crowded(&self, before: Stamp) -> Option<Stamp> {
        let gaps = self.images.iter().zip(self.images.iter().skip(1)).zip(self.images.iter().skip(2));
        gaps.filter(|((_, middle), _)| middle.stamp < before)
            .min_by_key(|((left, _), right)| right.stamp.nanos.abs_diff(left.stamp.nanos))
            .map(|((_, middle), _)| middle.stamp)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scene::raw_message::CompressedImage;

    fn image(nanos: i64, n_bytes: usize) -> BufferedImage {
        BufferedImage {
            stamp: Stamp { nanos },
            frame: FrameId::new("camera"),
            size: ImageSize { width_px: 1, height_px: 1 },
            message: Arc::new(CompressedImage { format: "png".to_owned(), bytes: vec![0; n_bytes] }.into()),
            names: Arc::default(),
        }
    }

    fn stamps(buffer: &FrameBuffer) -> Vec<i64> {
        buffer.iter().map(|image| image.stamp.nanos).collect()
    }

    #[test]
    fn the_nearest_stamp_is_found_on_either_side() {
        let mut buffer = FrameBuffer::default();
        assert!(buffer.nearest(Stamp { nanos: 5 }).is_none());
        for nanos in [30, 10, 20] {
            buffer.insert(image(nanos, 1));
        }
        let check = |asked, expected| assert_eq!(buffer.nearest(Stamp { nanos: asked }).unwrap().stamp.nanos, expected);
        check(-100, 10);
        check(10, 10);
        check(14, 10);
        check(15, 10);
        check(16, 20);
        check(100, 30);
    }

    #[test]
    fn the_most_crowded_image_leaves_the_smallest_gap() {
        let mut buffer = FrameBuffer::default();
        for nanos in [0, 10, 14, 30, 31, 32] {
            buffer.insert(image(nanos, 1));
        }
        assert_eq!(buffer.most_crowded(Stamp { nanos: 31 }), Some(Stamp { nanos: 10 }));
        assert_eq!(buffer.most_crowded(Stamp { nanos: 32 }), Some(Stamp { nanos: 31 }));
        assert_eq!(buffer.most_crowded(Stamp { nanos: 10 }), None);
    }

    proptest! {
        #[test]
        fn order_and_bytes_hold_whatever_arrives(arrivals in prop::collection::vec((0i64..50, 0usize..9), 0..80), cut in 0i64..50) {
            let mut buffer = FrameBuffer::default();
            let mut expected = std::collections::BTreeMap::new();
            for (nanos, n_bytes) in arrivals {
                buffer.insert(image(nanos, n_bytes));
                expected.insert(nanos, n_bytes);
            }
            prop_assert_eq!(stamps(&buffer), expected.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(buffer.n_bytes(), expected.values().sum::<usize>());
            buffer.retain(|image| image.stamp.nanos >= cut);
            expected.retain(|nanos, _| *nanos >= cut);
            prop_assert_eq!(stamps(&buffer), expected.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(buffer.n_bytes(), expected.values().sum::<usize>());
        }
    }
}
