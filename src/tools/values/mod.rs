//! The values a cell holds. All are immutable and share their bulk, so a copy is cheap.
//!
//! To add one: a file with the type, its `register` and its [`ValueSpec`], and a line in [`ALL`] and [`register`].

pub mod camera;
pub mod depth;
pub mod direction;
pub mod displacement;
pub mod frame;
pub mod free_space;
pub mod gravity;
pub mod located;
pub mod mask;
pub mod measurement;
pub mod method;
pub mod motion;
pub mod numbers;
pub mod object;
pub mod oriented_box;
pub mod per_frame;
pub mod picture;
pub mod pixel_mask;
pub mod plane;
pub mod point_map;
pub mod points;
pub mod propagation;
pub mod reconstruction;
pub mod relation;
pub mod remembered;

use crate::tools::Library;
pub use direction::DirectionValue;
pub use displacement::DisplacementValue;
pub use frame::{FrameValue, ImagesValue};
pub use free_space::FreeSpaceValue;
pub use gravity::GravityValue;
pub use located::LocatedValue;
pub use mask::PerFrameMaskValue;
pub use measurement::MeasurementValue;
pub use motion::MotionValue;
pub use object::ObjectValue;
pub use oriented_box::OrientedBoxValue;
pub use picture::PictureValue;
pub use pixel_mask::MaskValue;
pub use plane::PlaneValue;
pub use points::PointsValue;
pub use reconstruction::ReconstructionValue;
pub use relation::RelationValue;
pub use remembered::RememberedValue;
use rhai::Dynamic;

use self::{
    camera::{CameraPoseValue, PerFrameExtrinsicsValue, PerFrameIntrinsicsValue},
    depth::PerFrameDepthValue,
    per_frame::{FrameSeries, PerFrame},
    point_map::PerFramePointMapValue,
};
use super::ToolSpec;

/// Declares what a value offers; the manual and error messages are made from it.
#[derive(Clone, Copy, Debug)]
pub struct ValueSpec {
    /// Type name in cells.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// `.name` or `.name(args)` with what it is.
    pub members: &'static [(&'static str, &'static str)],
}

/// Every value type of a cell.
pub const ALL: &[ValueSpec] = &[
    frame::IMAGES_SPEC,
    frame::SPEC,
    object::SPEC,
    points::SPEC,
    measurement::SPEC,
    measurement::CONVERTED_SPEC,
    relation::SPEC,
    displacement::SPEC,
    remembered::SPEC,
    motion::SPEC,
    direction::SPEC,
    plane::SPEC,
    oriented_box::SPEC,
    free_space::SPEC,
    gravity::SPEC,
    mask::SPEC,
    pixel_mask::SPEC,
    reconstruction::SPEC,
    located::SPEC,
    point_map::SERIES_SPEC,
    point_map::SPEC,
    depth::SERIES_SPEC,
    depth::SPEC,
    camera::INTRINSICS_SERIES_SPEC,
    camera::INTRINSICS_SPEC,
    camera::EXTRINSICS_SERIES_SPEC,
    camera::POSE_SPEC,
    picture::SPEC,
];

/// Methods of values that are declared like tools.
pub fn methods() -> impl Iterator<Item = &'static ToolSpec> {
    [mask::METHODS, reconstruction::METHODS].into_iter().flatten()
}

/// Frames and type name of a value with one entry per frame.
pub fn series_of(value: &Dynamic) -> Option<(FrameSeries, &'static str)> {
    fn of<V: PerFrame>(value: &Dynamic) -> Option<(FrameSeries, &'static str)> {
        value.read_lock::<V>().map(|found| (found.series().clone(), V::NAME))
    }
    of::<ReconstructionValue>(value)
        .or_else(|| of::<PerFrameMaskValue>(value))
        .or_else(|| of::<PerFrameDepthValue>(value))
        .or_else(|| of::<PerFramePointMapValue>(value))
        .or_else(|| of::<PerFrameIntrinsicsValue>(value))
        .or_else(|| of::<PerFrameExtrinsicsValue>(value))
}

/// A value of this module that belongs to images, in a few words; `None` for any other.
pub fn per_frame_text(value: &Dynamic) -> Option<String> {
    if let Some((series, name)) = series_of(value) {
        return Some(match value.read_lock::<PerFrameMaskValue>() {
            Some(masks) => masks.text(),
            None => format!("{name} of frames {}", per_frame::join(&series.indices())),
        });
    }
    let of_pose = || value.read_lock::<CameraPoseValue>().map(|pose| pose.text());
    let of_mask = || value.read_lock::<MaskValue>().map(|mask| mask.text());
    let of_picture = || value.read_lock::<PictureValue>().map(|picture| picture.text());
    of_mask().or_else(of_pose).or_else(of_picture)
}

/// Makes the types known to cells.
pub fn register(library: &mut Library) {
    frame::register(library);
    located::register(library);
    object::register(library);
    points::register(library);
    measurement::register(library);
    relation::register(library);
    displacement::register(library);
    remembered::register(library);
    motion::register(library);
    direction::register(library);
    free_space::register(library);
    gravity::register(library);
    plane::register(library);
    oriented_box::register(library);
    mask::register(library);
    pixel_mask::register(library);
    reconstruction::register(library);
    point_map::register(library);
    depth::register(library);
    camera::register(library);
    picture::register(library);
}
