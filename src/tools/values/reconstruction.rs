//! `Reconstruction`: what depth cameras and transforms say about where each pixel is.

use std::sync::Arc;

use rhai::{Dynamic, NativeCallContext};

use super::{
    PictureValue, ValueSpec,
    camera::{PerFrameExtrinsicsValue, PerFrameIntrinsicsValue},
    depth::PerFrameDepthValue,
    method,
    per_frame::{self, FrameSeries, PerFrame},
    point_map::PerFramePointMapValue,
};
use crate::{
    scene::FrameId,
    tools::{
        Kind, Library, Param, RhaiResult, Session, TEXT, ToolError, ToolSpec, arguments::list_of_point, bev, ground,
    },
};

/// Frames with depth and place.
#[derive(Clone)]
pub struct ReconstructionValue(Arc<Inner>);

/// What a reconstruction holds; all series have the same frames.
pub struct Inner {
    /// Frames.
    pub series: FrameSeries,
    /// Positions of each frame's pixels.
    pub points: PerFramePointMapValue,
    /// Where each frame was taken from.
    pub extrinsics: PerFrameExtrinsicsValue,
    /// Frame of the points; +z is up.
    pub fixed_frame: FrameId,
}

impl std::ops::Deref for ReconstructionValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Reconstruction",
    doc: "Depth and place of frames, metric, in the fixed frame of this question: two reconstructions share it.",
    members: &[
        (
            ".points .depth .intrinsics .extrinsics",
            "one entry per frame: PointMap, DepthImage, CameraIntrinsics, CameraPose",
        ),
        (
            ".frame_indices .num_frames .stamps .frames .images .left_out .validate_alignment(other)",
            "as of PerFrameDepth",
        ),
        (".fixed_frame", "frame of all positions"),
        (".gravity_direction .gravity_source", "up in the fixed frame, and how that is known"),
        (".ground_height", "Measurement: z of the floor in the fixed frame; NOT_MEASURABLE when no floor is seen"),
        (".metric_scale .metric_scale_source", "1.0: metres, and how that is known"),
    ],
};

/// Methods with several arguments.
pub const METHODS: &[ToolSpec] = &[ToolSpec {
    path: "reconstruction.render_bev",
    params: &[
        Param::optional(
            "masks",
            Kind::AnyOf(&[Kind::Value("PerFrameMask"), Kind::ListOf(&Kind::Value("PerFrameMask"))]),
            "",
        ),
        Param::optional("labels", Kind::ListOf(&TEXT), "the masks' labels"),
        Param::optional("prompts", Kind::ListOf(&TEXT), "").about("names to segment over the frames"),
        Param::optional("conf_threshold", Kind::Number, "0.1").about("see DepthImage.confidence"),
        Param::optional("ref_frame", Kind::AnyOf(&[Kind::Int, Kind::Value("Frame")]), "the first")
            .about("its forward is up on the picture"),
        Param::optional("ego_trajectory", Kind::Bool, "true"),
    ],
    returns: "Picture",
    doc: "The scene from above: still objects as named rectangles, moving ones as paths with arrows, cameras, ego path, scale bar; the \
          description says it in words.",
    example: "let recon = tools.Reconstruct.Reconstruct(InputImages); let bev = recon.render_bev(#{prompts: [\"mug\", \"bowl\"]}); show(bev); print(bev.description);",
}];

impl ReconstructionValue {
    /// From its parts.
    pub fn new(inner: Inner) -> ReconstructionValue {
        ReconstructionValue(Arc::new(inner))
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let left_out = match self.series.left_out().len() {
            0 => String::new(),
            n => format!(", {n} left out"),
        };
        format!(
            "Reconstruction of frames {}{left_out}, frame {}",
            per_frame::join(&self.series.indices()),
            self.fixed_frame
        )
    }
}

impl PerFrame for ReconstructionValue {
    const NAME: &'static str = "Reconstruction";

    fn series(&self) -> &FrameSeries {
        &self.series
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        let index = self.series.frames().get(position).map_or(0, super::FrameValue::index);
        Err(ToolError::argument(format!(
            "a Reconstruction has several things for each frame: take .points[{index}], .depth[{index}], .intrinsics[{index}] or \
             .extrinsics[{index}]"
        )))
    }

    fn coordinate_frame(&self, _: usize) -> String {
        self.fixed_frame.to_string()
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    per_frame::register::<ReconstructionValue>(library);
    library
        .register_get("points", |r: &mut ReconstructionValue| r.points.clone())
        .register_get("depth", |r: &mut ReconstructionValue| PerFrameDepthValue(r.series.clone()))
        .register_get("intrinsics", |r: &mut ReconstructionValue| PerFrameIntrinsicsValue(r.series.clone()))
        .register_get("extrinsics", |r: &mut ReconstructionValue| r.extrinsics.clone())
        .register_get("fixed_frame", |r: &mut ReconstructionValue| r.fixed_frame.to_string())
        .register_get("gravity_direction", |_: &mut ReconstructionValue| {
            list_of_point(&nalgebra::Point3::new(0.0, 0.0, 1.0))
        })
        .register_get("gravity_source", |r: &mut ReconstructionValue| ground::gravity_source(&r.fixed_frame))
        .register_get(
            "ground_height",
            |context: NativeCallContext, r: &mut ReconstructionValue| -> RhaiResult<super::MeasurementValue> {
                Ok(ground::ground_height(&Session::of(&context)?, r.series.frames())?)
            },
        )
        .register_get("metric_scale", |_: &mut ReconstructionValue| 1.0)
        .register_get("metric_scale_source", |_: &mut ReconstructionValue| {
            "the depth cameras measure in metres".to_owned()
        })
        .register_fn("to_string", |r: &mut ReconstructionValue| r.text())
        .register_fn("to_debug", |r: &mut ReconstructionValue| r.text());
    let [render] = METHODS else { return };
    method::register(
        library,
        render,
        |session, r: &ReconstructionValue, args: [Dynamic; 6]| -> Result<PictureValue, ToolError> {
            bev::render(session, r, &args)
        },
    );
}
