//! One thing from frame to frame: by its instance id where the segmenter has ids, else by overlap within a camera.

use crate::{geometry::Mask, perception::Segment, tools::values::FrameValue};

/// Overlap (intersection over union) from frame to frame that still is the same thing.
pub const MIN_OVERLAP: f64 = 0.1;

/// One thing over the frames.
#[derive(Clone)]
pub struct Track {
    /// Name from the segmenter.
    pub label: String,
    /// Id from the segmenter.
    pub instance: Option<u32>,
    /// Which prompt it answers.
    pub prompt: usize,
    /// Best confidence.
    pub score: f32,
    /// Per frame; `None` where it is absent.
    pub masks: Vec<Option<Mask>>,
    last: Option<(String, Mask)>,
}

impl Track {
    /// Over `n_frames`, nowhere yet.
    pub fn new(segment: &Segment, prompt: usize, n_frames: usize) -> Track {
        Track {
            label: segment.label.clone(),
            instance: segment.instance,
            prompt,
            score: segment.score,
            masks: vec![None; n_frames],
            last: None,
        }
    }

    /// Sees it in the frame at this position.
    pub fn see(&mut self, position: usize, frame: &FrameValue, segment: Segment) {
        self.score = self.score.max(segment.score);
        self.last = Some((frame.view().camera.to_string(), segment.mask.clone()));
        if let Some(slot) = self.masks.get_mut(position) {
            *slot = Some(segment.mask);
        }
    }

    /// How surely `segment` of `frame` is this thing; `None` when it is not. Ids are sure.
    pub fn fit(&self, frame: &FrameValue, segment: &Segment) -> Option<f64> {
        if self.label != segment.label {
            return None;
        }
        if self.instance.is_some() || segment.instance.is_some() {
            return (self.instance == segment.instance).then_some(2.0);
        }
        let (camera, mask) = self.last.as_ref()?;
        let iou = (**camera == *frame.view().camera).then(|| mask.iou(&segment.mask)).flatten()?;
        (iou >= MIN_OVERLAP).then_some(iou)
    }
}

/// Gives each segment to the track it fits best, best fit first; what is left belongs to none.
pub fn assign(tracks: &mut [Track], position: usize, frame: &FrameValue, segments: Vec<Segment>) -> Vec<Segment> {
    let mut segments: Vec<Option<Segment>> = segments.into_iter().map(Some).collect();
    let mut fits: Vec<(f64, usize, usize)> = Vec::new();
    for (t, track) in tracks.iter().enumerate() {
        for (s, segment) in segments.iter().enumerate() {
            if let Some(fit) = segment.as_ref().and_then(|segment| track.fit(frame, segment)) {
                fits.push((fit, t, s));
            }
        }
    }
    fits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut is_taken = vec![false; tracks.len()];
    for (_, t, s) in fits {
        let (Some(track), Some(taken), Some(slot)) = (tracks.get_mut(t), is_taken.get_mut(t), segments.get_mut(s))
        else {
            continue;
        };
        if !*taken && let Some(segment) = slot.take() {
            track.see(position, frame, segment);
            *taken = true;
        }
    }
    segments.into_iter().flatten().collect()
}
