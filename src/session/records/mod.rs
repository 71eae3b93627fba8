//! The messages of a session file, as JSON: what happened, in types of its own, so that a file can be read years later.
//!
//! Each file holds the messages of one part and how they are made from what the agent knows, and back where a replay or a page
//! needs it.

pub mod answer;
pub mod cell;
pub mod conversation;
pub mod goal;
pub(crate) mod schema;

pub use answer::{
    AnswerRecord, EvidenceRecord, OutcomeRecord, PlaceRecord, PointRecord, QuantityRecord, RefusalRecord, RoiRecord,
    TurnRecord,
};
pub use cell::{
    CellErrorRecord, CellRecord, CostRecord, EventRecord, LeftOutRecord, ReportRecord, SubmissionRecord, VariableRecord,
};
pub use conversation::{
    MessageRecord, PictureRecord, PictureRefRecord, ReplyRecord, RequestRecord, StampRecord, TimeRecord,
    ToolCallRecord, UsageRecord,
};
pub use goal::{GoalRecord, LimitsRecord, ModelRecord, SessionRecord};
pub use schema::{Real, Schema};
