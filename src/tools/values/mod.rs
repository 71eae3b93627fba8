//! The values a cell holds. All are immutable and share their bulk, so a copy is cheap.
//!
//! To add one: a file with the type, its `register` and its [`ValueSpec`], and a line in [`ALL`] and [`register`].

pub mod direction;
pub mod displacement;
pub mod frame;
pub mod free_space;
pub mod gravity;
pub mod located;
pub mod mask;
pub mod measurement;
pub mod motion;
pub mod object;
pub mod oriented_box;
pub mod plane;
pub mod points;
pub mod propagation;
pub mod reconstruction;
pub mod relation;
pub mod remembered;

use std::sync::Arc;

pub use direction::DirectionValue;
pub use displacement::DisplacementValue;
pub use frame::{FrameValue, ImagesValue};
pub use free_space::FreeSpaceValue;
pub use gravity::GravityValue;
pub use located::LocatedValue;
pub use mask::MaskValue;
pub use measurement::MeasurementValue;
pub use motion::MotionValue;
pub use object::ObjectValue;
pub use oriented_box::OrientedBoxValue;
pub use plane::PlaneValue;
pub use points::PointsValue;
pub use reconstruction::ReconstructionValue;
pub use relation::RelationValue;
pub use remembered::RememberedValue;
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
    remembered::register(engine);
    motion::register(engine);
    direction::register(engine);
    free_space::register(engine);
    gravity::register(engine, session);
    plane::register(engine);
    oriented_box::register(engine);
    mask::register(engine, session);
    reconstruction::register(engine);
}
