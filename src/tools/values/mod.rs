//! The values a cell holds. All are immutable and share their bulk, so a copy is cheap.
//!
//! To add one: a file with the type, its `register` and its [`ValueSpec`], and a line in [`ALL`] and [`register`].

pub mod displacement;
pub mod frame;
pub mod located;
pub mod mask;
pub mod measurement;
pub mod object;
pub mod points;
pub mod reconstruction;
pub mod relation;

use std::sync::Arc;

pub use displacement::DisplacementValue;
pub use frame::{FrameValue, ImagesValue};
pub use located::LocatedValue;
pub use mask::MaskValue;
pub use measurement::MeasurementValue;
pub use object::ObjectValue;
pub use points::PointsValue;
pub use reconstruction::ReconstructionValue;
pub use relation::RelationValue;
use rhai::Engine;

use super::Session;

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
    relation::SPEC,
    displacement::SPEC,
    mask::SPEC,
    reconstruction::SPEC,
    reconstruction::DEPTH_SPEC,
    located::SPEC,
];

/// Makes the types known to `engine`.
pub fn register(engine: &mut Engine, session: &Arc<Session>) {
    frame::register(engine);
    located::register(engine);
    object::register(engine);
    points::register(engine);
    measurement::register(engine);
    relation::register(engine);
    displacement::register(engine);
    mask::register(engine, session);
    reconstruction::register(engine);
}
