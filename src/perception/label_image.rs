//! Answers prompts from the label image that came with the camera image, such as a detector's or a simulator's.
//!
//! Ids without a name are background to it: they cannot be asked for.

use super::{
    PerceptionError, Prompt, PromptKind, Segment, Segmenter,
    name_match::best_matches,
    prompt::{MIN_BOX_IOU, box_iou, n_points_held},
};
use crate::{geometry::Mask, scene::View};

/// Looks at [`View::labels`].
///
/// ```
/// use spatialclaw::perception::{Segmenter, label_image::LabelImageSegmenter};
///
/// assert_eq!(LabelImageSegmenter.name(), "label_image");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LabelImageSegmenter;

struct Named<'a> {
    id: u32,
    name: &'a str,
    score: f32,
    n_pixels: usize,
}

impl Segmenter for LabelImageSegmenter {
    fn name(&self) -> &str {
        "label_image"
    }

    fn takes(&self) -> &[PromptKind] {
        &[PromptKind::Text, PromptKind::Everything, PromptKind::Points, PromptKind::Box]
    }

    /// Best fit to points or box first, then best score, most pixels, lowest id.
    fn segment(&self, view: &View, prompt: &Prompt) -> Result<Vec<Segment>, PerceptionError> {
        let labels = view.labels.as_ref().map_err(|problem| PerceptionError::Unavailable(problem.clone()))?;
        let mut present: Vec<Named<'_>> = count_by_id(&labels.ids)
            .into_iter()
            .filter(|(id, _)| *id != 0)
            .filter_map(|(id, n_pixels)| {
                let (name, score) = labels.names.by_id.get(&id)?;
                Some(Named { id, name, score: *score, n_pixels })
            })
            .collect();
        if let Prompt::Text(text) = prompt {
            let keep = best_matches(text, present.iter().map(|named| named.name));
            let mut index = 0;
            present.retain(|_| {
                index += 1;
                keep.binary_search(&(index - 1)).is_ok()
            });
        }
        present.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.n_pixels.cmp(&a.n_pixels)).then(a.id.cmp(&b.id)));
        let mut fitting: Vec<(f64, Segment)> = present
            .into_iter()
            .filter_map(|Named { id, name, score, .. }| {
                let set = labels.ids.iter().map(|found| *found == id).collect();
                let mask = Mask::new(labels.width_px, labels.height_px, set)?;
                let fit = fit(&mask, prompt)?;
                Some((fit, Segment { label: name.to_owned(), instance: Some(id), mask, score }))
            })
            .collect();
        fitting.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(fitting.into_iter().map(|(_, segment)| segment).collect())
    }
}

/// How well an instance fits, more is better; `None` when it does not.
fn fit(mask: &Mask, prompt: &Prompt) -> Option<f64> {
    match prompt {
        Prompt::Text(_) | Prompt::Everything => Some(0.0),
        Prompt::Points(points) => n_points_held(mask, points).map(|n| n as f64),
        Prompt::Box(wanted) => Some(box_iou(&mask.bounding_box()?, wanted)).filter(|iou| *iou >= MIN_BOX_IOU),
    }
}

/// Pixels of each id, in order of id. Ids come in long runs, so that the map is touched once a run.
fn count_by_id(ids: &[u32]) -> std::collections::BTreeMap<u32, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for run in ids.chunk_by(|a, b| a == b) {
        if let Some(id) = run.first() {
            *counts.entry(*id).or_insert(0) += run.len();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        error_code::ErrorCode,
        geometry::{DepthNoise, Intrinsics, PixelBox},
        perception::PromptPoint,
        scene::{FrameId, InputProblem, LabelImage, LabelNames, Stamp},
    };

    fn view(labels: Result<Arc<LabelImage>, InputProblem>) -> View {
        let intrinsics =
            Intrinsics { width_px: 4, height_px: 2, fx_px: 4.0, fy_px: 4.0, cx_px: 1.5, cy_px: 0.5 }.checked().unwrap();
        View {
            camera: "front".into(),
            view_idx: 0,
            stamp: Stamp { nanos: 1 },
            optical_frame: FrameId::new("front_optical_frame"),
            intrinsics,
            depth_noise: DepthNoise::default(),
            depth_range_m: (0.1, 10.0),
            image: Arc::new(image::RgbImage::new(4, 2)),
            depth: Err(problem(ErrorCode::NoDepth)),
            labels,
            posed: Err(problem(ErrorCode::TfUnknownFrame)),
        }
    }

    fn problem(code: ErrorCode) -> InputProblem {
        InputProblem { code, message: "no label image was received on \"/front/labels\"".to_owned() }
    }

    fn labelled() -> View {
        let names =
            [(1, ("cup", 0.8)), (2, ("red cup", 0.9)), (3, ("table", 0.9)), (4, ("cup", 0.8)), (6, ("dog", 1.0))];
        let by_id = names.into_iter().map(|(id, (name, score))| (id, (name.to_owned(), score))).collect();
        view(Ok(Arc::new(LabelImage {
            width_px: 4,
            height_px: 2,
            ids: [1, 0, 2, 3, 4, 4, 5, 3].into(),
            names: Arc::new(LabelNames { by_id }),
        })))
    }

    fn found(view: &View, prompt: &Prompt) -> Vec<(String, u32, Vec<usize>)> {
        let segments = LabelImageSegmenter.segment(view, prompt).unwrap();
        let pixels = |mask: &Mask| (0..8).filter(|index| mask.as_slice()[*index]).collect();
        segments.iter().map(|s| (s.label.clone(), s.instance.unwrap(), pixels(&s.mask))).collect()
    }

    #[test]
    fn a_text_prompt_finds_every_instance_of_the_name() {
        let check = |text: &str, expected: &[(&str, u32, &[usize])]| {
            let expected: Vec<_> =
                expected.iter().map(|(name, id, pixels)| ((*name).to_owned(), *id, pixels.to_vec())).collect();
            assert_eq!(found(&labelled(), &Prompt::Text(text.to_owned())), expected, "{text}");
        };
        check("the cups", &[("cup", 4, &[4, 5]), ("cup", 1, &[0])]);
        check("red cup", &[("red cup", 2, &[2])]);
        check("table", &[("table", 3, &[3, 7])]);
        check("dog", &[]);
        check("", &[]);
    }

    #[test]
    fn everything_is_all_that_is_present_and_named() {
        let names: Vec<_> =
            found(&labelled(), &Prompt::Everything).into_iter().map(|(name, id, _)| (name, id)).collect();
        let expected = [("table", 3), ("red cup", 2), ("cup", 4), ("cup", 1)].map(|(name, id)| (name.to_owned(), id));
        assert_eq!(names, expected);
    }

    #[test]
    fn points_and_boxes_find_the_instance_they_mean() {
        // Rows: 1 0 2 3 / 4 4 5 3.
        let ids = |prompt: &Prompt| found(&labelled(), prompt).into_iter().map(|(_, id, _)| id).collect::<Vec<_>>();
        let at = |u_px, v_px, is_foreground| PromptPoint { u_px, v_px, is_foreground };
        let points = |points: &[PromptPoint]| ids(&Prompt::Points(points.to_vec()));
        assert_eq!(points(&[at(0, 1, true)]), [4]);
        assert_eq!(points(&[at(0, 1, true), at(1, 1, true), at(2, 0, true)]), [4, 2]);
        assert_eq!(points(&[at(0, 1, true), at(1, 1, false)]), [0u32; 0], "the background point takes it away");
        assert_eq!(points(&[at(2, 0, true), at(0, 1, true), at(1, 1, false)]), [2]);
        assert_eq!(points(&[at(1, 0, true)]), [0u32; 0], "nothing named is there");
        assert_eq!(points(&[at(99, 99, true)]), [0u32; 0]);
        let within = |u_min_px, v_min_px, u_max_px, v_max_px| {
            ids(&Prompt::Box(PixelBox { u_min_px, v_min_px, u_max_px, v_max_px }))
        };
        assert_eq!(within(0, 1, 1, 1), [4]);
        assert_eq!(within(3, 0, 3, 1), [3]);
        assert_eq!(within(2, 0, 3, 1), [3, 2], "the best overlap is first");
        assert_eq!(within(1, 0, 1, 0), [0u32; 0]);
    }

    #[test]
    fn missing_labels_are_an_outage_and_not_an_empty_result() {
        let outage = problem(ErrorCode::SegmentationUnavailable);
        let error = LabelImageSegmenter.segment(&view(Err(outage.clone())), &Prompt::Everything).unwrap_err();
        assert_eq!(error, PerceptionError::Unavailable(outage));
        assert_eq!(error.code(), ErrorCode::SegmentationUnavailable);
        assert!(error.to_string().contains("/front/labels"));
    }
}
