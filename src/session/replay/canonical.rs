//! What must be the same to the byte: every cell, its report and the outcome, without what depends on a clock.

use serde::Serialize;

use crate::session::records::{CellRecord, OutcomeRecord, ReportRecord};

#[derive(Serialize)]
struct Canonical {
    cells: Vec<CellRecord>,
    reports: Vec<ReportRecord>,
    outcome: Option<OutcomeRecord>,
}

/// As JSON on one line. Maps and fields have one order, numbers their shortest form that reads back to the bit.
pub(super) fn write(cells: &[CellRecord], reports: &[ReportRecord], outcome: Option<&OutcomeRecord>) -> String {
    let canonical = Canonical {
        cells: cells.to_vec(),
        reports: reports.iter().map(without_time).collect(),
        outcome: outcome.map(outcome_without_time),
    };
    serde_json::to_string(&canonical).unwrap_or_default()
}

/// A report without the time it took.
pub(super) fn without_time(report: &ReportRecord) -> ReportRecord {
    ReportRecord { elapsed_nanos: None, ..report.clone() }
}

/// An outcome without the time it took.
pub(super) fn outcome_without_time(outcome: &OutcomeRecord) -> OutcomeRecord {
    OutcomeRecord { elapsed_secs: None, n_left_out: 0, ..outcome.clone() }
}
