//! `tools.Reconstruct`: where each pixel is, from sensor depth and transforms.

use super::{
    Param, ToolSpec, Toolbox,
    input_images::{self, frames},
    measure::all_points,
    values::{ReconstructionValue, reconstruction},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Reconstruct;

/// Declarations.
pub const SPECS: &[ToolSpec] = &[ToolSpec {
    path: "tools.Reconstruct.Reconstruct",
    params: &[Param::required("images", input_images::KIND)],
    returns: "Reconstruction",
    doc: "Depth and place of the frames, metric, in the fixed frame; gives the frame's own problem (NO_DEPTH, TF_*) when there is one.",
    example: "let scene = tools.Reconstruct.Reconstruct(InputImages[-1]); print(scene.points[0]);",
}];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Reconstruct>) {
    tools.add("Reconstruct", |session, [images]| {
        let frames = frames(&images, "images")?;
        let fixed_frame = session.context.snapshot.fixed_frame.clone();
        let points = frames.iter().map(|frame| all_points(frame.view(), &fixed_frame)).collect::<Result<_, _>>()?;
        Ok(ReconstructionValue::new(reconstruction::Inner { frames, points, fixed_frame }))
    });
}
