//! `tools.Reconstruct`: where each pixel is, from sensor depth and transforms.

use std::sync::Arc;

use rhai::Dynamic;

use super::{
    Kind, Param, Session, ToolError, ToolSpec, Toolbox,
    arguments::list,
    input_images::{self, frames},
    values::{
        FrameValue, ReconstructionValue,
        camera::{CameraPoseValue, PerFrameExtrinsicsValue},
        per_frame::{FrameSeries, LeftOut, whole},
        point_map::{PerFramePointMapValue, PointMapValue},
        reconstruction,
    },
};

/// Most frames of one reconstruction.
pub const MAX_FRAMES: usize = 64;

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Reconstruct;

/// Declarations.
pub const SPECS: &[ToolSpec] = &[ToolSpec {
    path: "tools.Reconstruct.Reconstruct",
    params: &[
        Param::required("images", input_images::KIND),
        Param::optional("frame_indices", Kind::ListOf(&Kind::Int), "each frame's own").about("frames know theirs"),
    ],
    returns: "Reconstruction",
    doc: "Depth and place of the frames, metric, in the fixed frame. A frame without depth or place is left out and said; when none is \
          left, its own problem (NO_DEPTH, TF_*) is the answer. At most 64 frames.",
    example: "let scene = tools.Reconstruct.Reconstruct(InputImages[-1]); print(scene.points[-1]);",
}];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Reconstruct>) {
    tools.add("Reconstruct", |session, [images, frame_indices]| {
        let frames = frames(&images, "images")?;
        if !frame_indices.is_unit() {
            require_own_indices(&frames, &frame_indices)?;
        }
        reconstruct(session, frames)
    });
}

fn require_own_indices(frames: &[FrameValue], indices: &Dynamic) -> Result<(), ToolError> {
    let given: Vec<Option<i64>> = list(indices, "frame_indices")?.iter().map(whole).collect();
    let own: Vec<Option<i64>> = frames.iter().map(|frame| Some(frame.index() as i64)).collect();
    if given == own {
        return Ok(());
    }
    let words = |indices: &[Option<i64>]| {
        let words: Vec<String> = indices.iter().map(|i| i.map_or("?".to_owned(), |i| i.to_string())).collect();
        words.join(", ")
    };
    Err(ToolError::argument(format!(
        "frame_indices are {}, but these frames are {}; leave frame_indices out: frames know their own",
        words(&given),
        words(&own)
    )))
}

fn require_few(frames: &[FrameValue]) -> Result<(), ToolError> {
    let n = frames.len();
    if n <= MAX_FRAMES {
        return Ok(());
    }
    let step = n.div_ceil(MAX_FRAMES);
    let kept = n.div_ceil(step);
    Err(ToolError::argument(format!(
        "{n} frames are more than {MAX_FRAMES}; take every {step}: tools.Reconstruct.Reconstruct(InputImages.every({step})) has {kept}",
    )))
}

fn reconstruct(session: &Arc<Session>, wanted: Vec<FrameValue>) -> Result<ReconstructionValue, ToolError> {
    require_few(&wanted)?;
    let fixed_frame = session.context.snapshot.fixed_frame.clone();
    let (mut kept, mut maps, mut poses, mut left_out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for frame in wanted {
        if kept.iter().any(|seen: &FrameValue| seen.is_same_as(&frame)) {
            continue;
        }
        let both = PointMapValue::new(&frame, &fixed_frame)
            .and_then(|map| Ok((map, CameraPoseValue::new(&frame, &fixed_frame)?)));
        match both {
            Ok((map, pose)) => {
                maps.push(map);
                poses.push(pose);
                kept.push(frame);
            }
            Err(error) => left_out.push(LeftOut { frame, error }),
        }
    }
    if kept.is_empty()
        && let Some(LeftOut { error, .. }) = left_out.last()
    {
        return Err(error.clone());
    }
    for LeftOut { frame, error } in &left_out {
        session.print(&format!("left out {}: {}", frame.name(), error.message));
    }
    let series = FrameSeries::with_left_out(kept, left_out);
    Ok(ReconstructionValue::new(reconstruction::Inner {
        points: PerFramePointMapValue::new(series.clone(), maps),
        extrinsics: PerFrameExtrinsicsValue::new(series.clone(), poses),
        series,
        fixed_frame,
    }))
}
