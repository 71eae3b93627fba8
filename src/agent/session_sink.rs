//! Port: who hears a goal closely enough to repeat it.

use std::time::Duration;

use crate::kernel::{Cell, CellReport};

/// Hears cells, their reports, and every time that the loop reads from a clock. Requests and replies are heard around the models.
/// It must not block. A replay gives back the recorded times, so that every text a model reads is the same again.
pub trait SessionSink: Send + Sync {
    /// A cell is about to run.
    fn cell(&self, cell: &Cell);

    /// A cell ran. What stays in `report` goes on to the model.
    fn report(&self, cell: &Cell, report: &mut CellReport);

    /// The time left to the goal that the loop goes by, where its clock says `measured`.
    fn time_left(&self, measured: Duration) -> Duration;
}
