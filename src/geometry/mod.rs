//! Pure maths in metres and radians: quantities with sigma, cameras, depth, clouds, planes, boxes, relations, motion.
//!
//! It knows nothing of time, coordinate-frame names, topics or scripts, and reads no clock. Every function is deterministic.
//! A new measurement is a new file here, with its source, its error model and a test against an analytic scene.

#[cfg(test)]
#[path = "../../tests/support/analytic_scene.rs"]
pub(crate) mod analytic_scene;
pub mod boxes;
pub mod calibration;
pub mod camera;
pub mod cloud;
mod contact;
pub mod depth_map;
pub mod distance;
pub mod edge;
pub(crate) mod footprint;
pub mod free_space;
pub mod mask;
pub mod motion;
pub mod nearest;
pub mod occlusion;
pub mod oriented_box;
pub mod plane;
pub mod prepared;
pub mod quantity;
mod ray_grid;
pub mod rectify;
pub mod relations;
mod seen_ends;
mod silhouette;
mod surface;
pub mod surroundings;

pub use boxes::UprightBox;
pub use camera::Intrinsics;
pub use cloud::{PointCloud, PoseSigma};
pub use depth_map::{DepthMap, DepthNoise};
pub use mask::{Mask, PixelBox};
pub use oriented_box::OrientedBox;
pub use plane::Plane;
pub use prepared::Prepared;
pub use quantity::{Quantity, Unit};

use thiserror::Error;

/// Why a measurement was not made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GeometryError {
    /// Fewer points than the method needs.
    #[error("{what} has {found} points with valid depth, at least {expected} are needed")]
    TooFewPoints {
        /// What the points lie on.
        what: String,
        /// Points found.
        found: usize,
        /// Points needed.
        expected: usize,
    },
    /// A precondition of the method does not hold; the text says which and what to do.
    #[error("{0}")]
    NotMeasurable(String),
}
