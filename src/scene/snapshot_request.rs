//! Which images a question is about.

use super::Stamp;

/// Which moment a question is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// The newest images, and those of the configured window before them: whether something moved cannot be told from one.
    Now,
    /// The images nearest to this time.
    At(Stamp),
    /// The newest images and those of so many seconds before them.
    Last(f64),
}

/// What a question may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRequest {
    /// Moment.
    pub when: When,
    /// Camera names; empty means all.
    pub cameras: Vec<String>,
}
