//! Holds `docs/reference.md` to the code: it has every name of the original interface, and what it names on our side exists.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{collections::BTreeSet, fs, path::Path};

use spatialclaw::tools::{self, ToolSpec, values};

/// Every name of the original interface that a cell could use.
const THEIRS: &[&str] = &[
    "InputImages",
    "RefImages",
    "Metadata",
    "FrameImage",
    "feedback.show",
    "feedback.log_visual",
    "plt.show",
    "VisualFeedback",
    "ReturnAnswer",
    "vlm.locate",
    "vlm.ask_with_thinking",
    "PerFrameData.frame_indices",
    "PerFrameData.num_frames",
    "PerFrameData.validate_alignment",
    "PerFrameData.get_by_frame_index",
    "PerFrameDepth.depth",
    "PerFrameDepth.confidence",
    "PerFramePointMap.points",
    "PerFramePointMap.confidence",
    "PerFrameIntrinsics.fx",
    "PerFrameExtrinsics.camera_poses",
    "PerFrameMask.masks",
    "PerFrameMask.labels",
    "PerFrameMask.object_ids",
    "PerFrameMask.num_objects",
    "PerFrameMask.get_mask",
    "PerFrameMask.get_masked_points",
    "PerFrameMask.get_centroid_3d",
    "PerFrameMask.visualize",
    "PerFrameCoordinates",
    "Reconstruction.points",
    "Reconstruction.depth",
    "Reconstruction.intrinsics",
    "Reconstruction.extrinsics",
    "Reconstruction.frame_indices",
    "Reconstruction.num_frames",
    "Reconstruction.metric_scale",
    "Reconstruction.gravity_direction",
    "Reconstruction.render_bev",
    "tools.Reconstruct.Reconstruct",
    "tools.SAM3.segment_image_by_text",
    "tools.SAM3.segment_image_by_points",
    "tools.SAM3.segment_image_by_box",
    "tools.SAM3.segment_video_by_text",
    "tools.SAM3.segment_video_by_points",
    "tools.SAM3.segment_video_by_box",
    "tools.SAM3.is_object_exist",
    "tools.SAM3.segment_image",
    "tools.SAM3.segment_video",
    "tools.Geometry.euclidean_distance",
    "tools.Geometry.angle_between_vectors",
    "tools.Geometry.project_point_to_camera",
    "tools.Geometry.rotation_matrix_from_vectors",
    "tools.Geometry.transform_points",
    "tools.Geometry.fit_ground_plane_ransac",
    "tools.Geometry.normalized_to_pixel",
    "tools.Mask.centroid",
    "tools.Mask.centroids",
    "tools.Mask.area",
    "tools.Mask.bounding_box",
    "tools.Mask.mask_to_bbox",
    "tools.Mask.iou",
    "tools.Mask.intersection",
    "tools.Time.frame_to_seconds",
    "tools.Time.seconds_to_frame",
    "tools.Time.get_frame_at_time",
    "tools.Time.frame_range_to_seconds",
    "tools.Graph.plot",
    "tools.Draw.draw_bbox",
    "tools.Draw.draw_line",
    "tools.Draw.draw_point",
    "EasyOCR.ocr",
];

/// First two cells of every row of every table.
fn rows() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| There"));
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    })
    .collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_has_every_name_of_the_original_interface() {
    let found: BTreeSet<String> = rows().iter().flat_map(|(theirs, _)| quoted(theirs)).collect();
    let missing: Vec<&&str> = THEIRS.iter().filter(|name| !found.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/reference.md leaves out {missing:?}");
}

#[test]
fn what_the_page_names_on_our_side_exists() {
    let tools: BTreeSet<&str> = tools::all().map(|spec| spec.path).collect();
    let mut missing = Vec::new();
    for (theirs, ours) in rows() {
        let names = quoted(&ours);
        assert!(!names.is_empty() || ours == "none", "the row of {theirs} says neither what nor none");
        for name in names {
            let is_variable = tools::is_injected(&name);
            let exists = is_variable || tools.contains(name.as_str()) || has_member(&name);
            if !exists {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Whether a value's declaration has the member: `PerFrameMask.labels`.
fn has_member(name: &str) -> bool {
    let Some((value, member)) = name.split_once('.') else { return false };
    let is_method = |spec: &ToolSpec| {
        let receiver = match value {
            "PerFrameMask" => "masks",
            "Reconstruction" => "reconstruction",
            _ => return false,
        };
        spec.path == format!("{receiver}.{member}")
    };
    let is_word = |declared: &str| {
        declared
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .any(|word| word == format!(".{member}"))
    };
    let declared = values::ALL.iter().filter(|spec| spec.name == value).flat_map(|spec| spec.members.iter());
    values::methods().any(is_method) || declared.into_iter().any(|(words, _)| is_word(words))
}
