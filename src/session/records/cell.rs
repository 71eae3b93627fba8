//! Cells, what came of them, and the steps of the loop.

use super::{
    answer::{AnswerRecord, RefusalRecord},
    conversation::PictureRefRecord,
    schema::record,
};
use crate::{
    agent::{CallCost, Event},
    kernel::{Cell, CellError, CellReport, CellStatus, LeftOut, Submission},
    session::content_hash::PictureHashes,
};

record! {
    /// A stage of the loop.
    pub struct EventRecord {
        /// Such as `Generate`.
        pub stage: String,
        /// 1-based; 0 before the first cell.
        pub step: u32,
        /// The cell's purpose.
        pub purpose: String,
        /// What it printed, or why it failed.
        pub output: String,
        /// Seconds since the goal was accepted.
        pub elapsed_secs: f64,
        /// Of the call of a model that led here.
        pub cost: Option<CostRecord>,
    }
}

record! {
    /// What one call of a model took, beside what its reply says.
    pub struct CostRecord {
        /// Messages sent.
        pub n_messages: usize,
        /// Pictures sent.
        pub n_pictures: usize,
        /// Tokens of the request, estimated before it was sent.
        pub n_estimated_tokens: u64,
    }
}

record! {
    /// One script.
    pub struct CellRecord {
        /// 1-based.
        pub id: u32,
        /// In the model's words.
        pub purpose: String,
        /// Rhai.
        pub source: String,
    }
}

record! {
    /// An error inside a cell.
    pub struct CellErrorRecord {
        /// 1-based.
        pub line: Option<usize>,
        /// 1-based.
        pub column: Option<usize>,
        /// For the model.
        pub message: String,
        /// The refusal it would be.
        pub code: Option<String>,
    }
}

record! {
    /// A variable as the model is told about it.
    pub struct VariableRecord {
        /// Name.
        pub name: String,
        /// Type, shape, range, frame.
        pub summary: String,
        /// New, or changed.
        pub is_new: bool,
    }
}

record! {
    /// What a cell made beyond what is passed on.
    pub struct LeftOutRecord {
        /// Printed bytes from the middle of the output.
        pub n_output_bytes: usize,
        /// Pictures beyond the limit.
        pub n_pictures: usize,
        /// Variables that were dropped because they were too large or nested too deep.
        pub dropped: Vec<String>,
    }
}

record! {
    /// What a cell submitted: one of the two.
    pub struct SubmissionRecord {
        /// `ReturnAnswer(...)`.
        pub answer: Option<AnswerRecord>,
        /// `Refuse(...)`.
        pub refusal: Option<RefusalRecord>,
    }
}

record! {
    /// What came of one cell. `elapsed_nanos` is the only part that depends on a clock; the memory it took depends on the machine and is
    /// not here.
    pub struct ReportRecord {
        /// 1-based.
        pub id: u32,
        /// `completed`, `rejected`, `failed`, `limit_reached`, `timed_out` or `cancelled`.
        pub status: String,
        /// What was wrong.
        pub errors: Vec<CellErrorRecord>,
        /// What it printed.
        pub stdout: String,
        /// Value of a trailing expression, in words.
        pub value: Option<String>,
        /// New and changed variables.
        pub variables: Vec<VariableRecord>,
        /// Variables that stand as they did before the cell.
        pub unchanged: Vec<String>,
        /// What it made that is not in this report; none when everything is.
        pub left_out: Option<LeftOutRecord>,
        /// Pictures it showed.
        pub pictures: Vec<PictureRefRecord>,
        /// What it submitted.
        pub submission: Option<SubmissionRecord>,
        /// Tools called.
        pub n_tool_calls: u32,
        /// As the model was told.
        pub elapsed_nanos: Option<u64>,
    }
}

impl EventRecord {
    /// An event at a time since the goal was accepted.
    pub fn new(event: &Event, elapsed_secs: f64) -> EventRecord {
        EventRecord {
            stage: format!("{:?}", event.stage),
            step: event.step,
            purpose: event.purpose.clone(),
            output: event.output.clone(),
            elapsed_secs,
            cost: event.cost.map(CostRecord::from),
        }
    }
}

impl From<CallCost> for CostRecord {
    fn from(cost: CallCost) -> CostRecord {
        let CallCost { n_messages, n_pictures, n_estimated_tokens, .. } = cost;
        CostRecord { n_messages, n_pictures, n_estimated_tokens }
    }
}

impl From<&LeftOut> for LeftOutRecord {
    fn from(left_out: &LeftOut) -> LeftOutRecord {
        let LeftOut { output_bytes, pictures, dropped } = left_out;
        LeftOutRecord { n_output_bytes: *output_bytes, n_pictures: *pictures, dropped: dropped.clone() }
    }
}

impl From<&Cell> for CellRecord {
    fn from(cell: &Cell) -> CellRecord {
        CellRecord { id: cell.id, purpose: cell.purpose.clone(), source: cell.source.clone() }
    }
}

impl From<&CellError> for CellErrorRecord {
    fn from(error: &CellError) -> CellErrorRecord {
        CellErrorRecord {
            line: error.line,
            column: error.column,
            message: error.message.clone(),
            code: error.code.map(|code| code.name().to_owned()),
        }
    }
}

impl From<&Submission> for SubmissionRecord {
    fn from(submission: &Submission) -> SubmissionRecord {
        match submission {
            Submission::Answer(answer) => SubmissionRecord { answer: Some(answer.into()), refusal: None },
            Submission::Refusal(refusal) => SubmissionRecord { answer: None, refusal: Some(refusal.into()) },
        }
    }
}

impl ReportRecord {
    /// The report of cell `id`.
    pub fn new(id: u32, report: &CellReport, hashes: &PictureHashes) -> ReportRecord {
        let (status, errors): (_, Vec<CellErrorRecord>) = match &report.status {
            CellStatus::Completed => ("completed", Vec::new()),
            CellStatus::Rejected(errors) => ("rejected", errors.iter().map(CellErrorRecord::from).collect()),
            CellStatus::Failed(error) => ("failed", vec![error.into()]),
            CellStatus::LimitReached(error) => ("limit_reached", vec![error.into()]),
            CellStatus::TimedOut => (TIMED_OUT, Vec::new()),
            CellStatus::Cancelled => (CANCELLED, Vec::new()),
        };
        ReportRecord {
            id,
            status: status.to_owned(),
            errors,
            stdout: report.stdout.clone(),
            value: report.value.clone(),
            variables: report
                .variables
                .iter()
                .map(|variable| VariableRecord {
                    name: variable.name.clone(),
                    summary: variable.summary.clone(),
                    is_new: variable.is_new,
                })
                .collect(),
            unchanged: report.unchanged.clone(),
            left_out: (report.left_out != LeftOut::default()).then(|| LeftOutRecord::from(&report.left_out)),
            pictures: report.pictures.iter().map(|picture| PictureRefRecord::new(picture, hashes)).collect(),
            submission: report.submission.as_ref().map(SubmissionRecord::from),
            n_tool_calls: report.n_tool_calls,
            elapsed_nanos: Some(u64::try_from(report.elapsed.as_nanos()).unwrap_or(u64::MAX)),
        }
    }

    /// Whether a clock ended the cell, so that it cannot be repeated.
    pub fn was_ended_by_time(&self) -> bool {
        self.status == TIMED_OUT || self.status == CANCELLED
    }
}

const TIMED_OUT: &str = "timed_out";
const CANCELLED: &str = "cancelled";
