//! `InputImages` and its frames.

use std::{ops::Range, sync::Arc};

use rhai::{Array, Dynamic};

use super::ValueSpec;
use crate::{
    array::Arr,
    scene::{Snapshot, View},
    tools::{
        Library, RhaiResult, ToolError,
        arguments::index,
        arrays::{SessionWork, convert},
    },
};

/// One camera image of the snapshot.
#[derive(Clone)]
pub struct FrameValue {
    snapshot: Arc<Snapshot>,
    view_idx: usize,
}

/// All or some images of the snapshot, oldest first.
#[derive(Clone)]
pub struct ImagesValue {
    snapshot: Arc<Snapshot>,
    view_indices: Arc<[usize]>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Frame",
    doc: "One camera image with its depth, labels and place.",
    members: &[
        (".camera", "camera name"),
        (".stamp", "seconds of ROS time"),
        (".index", "position in InputImages"),
        (".width .height", "pixels"),
        (".frame", "optical frame"),
        (".age_secs", "seconds before the newest image"),
    ],
};

/// The manual's entry.
pub const IMAGES_SPEC: ValueSpec = ValueSpec {
    name: "InputImages",
    doc: "All images of this question, oldest first; iterable.",
    members: &[
        ("[i]", "a Frame; negative counts from the end"),
        ("[a..b] .every(n)", "some of them; they keep their index"),
        (".len()", "how many"),
        (".frame_indices .stamps", "position of each in all InputImages; seconds"),
    ],
};

impl FrameValue {
    /// `None` when there is no such view.
    pub fn new(snapshot: &Arc<Snapshot>, view_idx: usize) -> Option<FrameValue> {
        (view_idx < snapshot.views.len()).then(|| FrameValue { snapshot: snapshot.clone(), view_idx })
    }

    /// The view itself.
    pub fn view(&self) -> &View {
        &self.snapshot.views[self.view_idx]
    }

    /// Position in `InputImages`: the number by which every tool knows this image.
    pub fn index(&self) -> usize {
        self.view_idx
    }

    /// Whether both are the same image of the same snapshot.
    pub fn is_same_as(&self, other: &FrameValue) -> bool {
        self.view_idx == other.view_idx && Arc::ptr_eq(&self.snapshot, &other.snapshot)
    }

    /// `frame 2 (camera front at 12.300)`.
    pub fn name(&self) -> String {
        let view = self.view();
        format!("frame {} (camera {} at {})", view.view_idx, view.camera, view.stamp)
    }

    /// Width and height in pixels.
    pub fn size_px(&self) -> (u32, u32) {
        (self.view().intrinsics.width_px, self.view().intrinsics.height_px)
    }

    /// How many images the question has.
    pub fn n_images(&self) -> usize {
        self.snapshot.views.len()
    }

    /// Seconds before the newest image.
    pub fn age_secs(&self) -> f64 {
        self.snapshot.views.last().map_or(0.0, |newest| newest.stamp.secs_since(self.view().stamp))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let view = self.view();
        let (width, height) = (view.intrinsics.width_px, view.intrinsics.height_px);
        format!("Frame {} camera {} stamp {} {width}x{height} px", view.view_idx, view.camera, view.stamp)
    }
}

impl ImagesValue {
    /// Every view.
    pub fn all(snapshot: &Arc<Snapshot>) -> ImagesValue {
        ImagesValue { snapshot: snapshot.clone(), view_indices: (0..snapshot.views.len()).collect() }
    }

    /// The frames of each camera, in the order in which cameras appear.
    pub fn of_each_camera(&self) -> Vec<(String, ImagesValue)> {
        let mut cameras: Vec<(String, Vec<usize>)> = Vec::new();
        for index in self.view_indices.iter() {
            let Some(view) = self.snapshot.views.get(*index) else { continue };
            match cameras.iter_mut().find(|(camera, _)| **camera == *view.camera) {
                Some((_, indices)) => indices.push(*index),
                None => cameras.push((view.camera.to_string(), vec![*index])),
            }
        }
        let of = |indices: Vec<usize>| ImagesValue { snapshot: self.snapshot.clone(), view_indices: indices.into() };
        cameras.into_iter().map(|(camera, indices)| (camera, of(indices))).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.view_indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.view_indices.is_empty()
    }

    /// As frames, oldest first.
    pub fn frames(&self) -> Vec<FrameValue> {
        self.view_indices
            .iter()
            .map(|view_idx| FrameValue { snapshot: self.snapshot.clone(), view_idx: *view_idx })
            .collect()
    }

    /// These images, in this order.
    pub fn of(frames: &[FrameValue]) -> Option<ImagesValue> {
        let snapshot = frames.first()?.snapshot.clone();
        Some(ImagesValue { snapshot, view_indices: frames.iter().map(|frame| frame.view_idx).collect() })
    }

    fn every(&self, n: i64) -> RhaiResult<ImagesValue> {
        let step = usize::try_from(n).ok().filter(|n| *n > 0);
        let step = step.ok_or_else(|| ToolError::argument(format!("every got {n}, wanted 1 or more")))?;
        let view_indices = self.view_indices.iter().copied().step_by(step).collect();
        Ok(ImagesValue { snapshot: self.snapshot.clone(), view_indices })
    }

    fn at(&self, i: i64) -> RhaiResult<FrameValue> {
        let at = index(i, self.len(), "the index of InputImages")?;
        Ok(FrameValue { snapshot: self.snapshot.clone(), view_idx: self.view_indices[at] })
    }

    /// `images[start:stop:step]` of Python.
    fn slice(&self, start: Dynamic, stop: Dynamic, step: Dynamic) -> RhaiResult<ImagesValue> {
        let bounds = convert::nd_index(&Dynamic::from_array(vec![start, stop, step]))?;
        let work = SessionWork::none();
        let all = Arr::steps(0.0, 1.0, self.len(), &work).map_err(ToolError::from)?;
        let chosen = all.part(&[bounds], &work).map_err(ToolError::from)?;
        let at = chosen.as_slice().iter().map(|place| *place as usize);
        let view_indices = at.filter_map(|at| self.view_indices.get(at).copied()).collect();
        Ok(ImagesValue { snapshot: self.snapshot.clone(), view_indices })
    }

    fn text(&self) -> String {
        format!("InputImages of {}", self.len())
    }
}

/// Makes the types known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<FrameValue>("Frame")
        .register_get("camera", |f: &mut FrameValue| f.view().camera.to_string())
        .register_get("stamp", |f: &mut FrameValue| f.view().stamp.as_secs_f64())
        .register_get("index", |f: &mut FrameValue| f.view().view_idx as i64)
        .register_get("width", |f: &mut FrameValue| i64::from(f.view().intrinsics.width_px))
        .register_get("height", |f: &mut FrameValue| i64::from(f.view().intrinsics.height_px))
        .register_get("frame", |f: &mut FrameValue| f.view().optical_frame.to_string())
        .register_get("age_secs", |f: &mut FrameValue| f.age_secs())
        .register_fn("to_string", |f: &mut FrameValue| f.text())
        .register_fn("to_debug", |f: &mut FrameValue| f.text());
    library
        .register_type_with_name::<ImagesValue>("InputImages")
        .register_fn("len", |images: &mut ImagesValue| images.len() as i64)
        .register_get("len", |images: &mut ImagesValue| images.len() as i64)
        .register_indexer_get(|images: &mut ImagesValue, i: i64| images.at(i))
        .register_indexer_get(|images: &mut ImagesValue, range: Range<i64>| {
            images.slice(range.start.into(), range.end.into(), Dynamic::UNIT)
        })
        .register_fn("slice", |images: &mut ImagesValue, start: Dynamic, stop: Dynamic| {
            images.slice(start, stop, Dynamic::UNIT)
        })
        .register_fn("slice", |images: &mut ImagesValue, start: Dynamic, stop: Dynamic, step: Dynamic| {
            images.slice(start, stop, step)
        })
        .register_fn("every", |images: &mut ImagesValue, n: i64| images.every(n))
        .register_get("frame_indices", |images: &mut ImagesValue| {
            images.view_indices.iter().map(|i| Dynamic::from_int(*i as i64)).collect::<Array>()
        })
        .register_get("stamps", |images: &mut ImagesValue| {
            images.frames().iter().map(|f| Dynamic::from_float(f.view().stamp.as_secs_f64())).collect::<Array>()
        })
        .register_fn("to_string", |images: &mut ImagesValue| images.text())
        .register_fn("to_debug", |images: &mut ImagesValue| images.text())
        .register_items::<ImagesValue, _>(|value| {
            let frames = value.try_cast::<ImagesValue>().map(|images| images.frames()).unwrap_or_default();
            frames.into_iter().map(|frame| Ok(Dynamic::from(frame)))
        });
}
