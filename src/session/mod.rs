//! Sessions on disk: one question and all that came of it in one MCAP file, which can be looked at, replayed to the byte and told as
//! a page.
//!
//! [`records`] are the messages as they stand in the file, [`record`] writes them while a goal runs, [`recorded`] reads them back,
//! [`replay`] runs them again, [`report`] writes the page. Nothing here waits in a goal's way: what the writer cannot take is left
//! out and counted. It knows the agent and what it hears, and nothing of parameters or ROS. To add a message: a type in
//! [`records`], its topic, and the line in `record/file.rs` that writes it.

pub mod content_hash;
pub mod parts;
pub mod record;
pub mod recorded;
pub mod records;
pub mod replay;
pub mod report;

/// Version of the layout. A file of another is refused; only additions that older readers may pass over keep the number.
pub const FORMAT: u32 = 1;

/// The start of the name of the library in the header of our files, by which they are told from other MCAPs.
pub const LIBRARY: &str = "spatialclaw ";

/// Topics of a session file.
pub mod topic {
    /// [`SessionRecord`](super::records::SessionRecord), first in the file.
    pub const SESSION: &str = "/spatialclaw/session";
    /// [`EventRecord`](super::records::EventRecord).
    pub const EVENT: &str = "/spatialclaw/event";
    /// [`RequestRecord`](super::records::RequestRecord).
    pub const REQUEST: &str = "/spatialclaw/model/request";
    /// [`ReplyRecord`](super::records::ReplyRecord).
    pub const REPLY: &str = "/spatialclaw/model/reply";
    /// [`CellRecord`](super::records::CellRecord).
    pub const CELL: &str = "/spatialclaw/cell";
    /// [`ReportRecord`](super::records::ReportRecord).
    pub const REPORT: &str = "/spatialclaw/cell_report";
    /// [`TimeRecord`](super::records::TimeRecord).
    pub const TIME: &str = "/spatialclaw/time_left";
    /// [`OutcomeRecord`](super::records::OutcomeRecord), last in the file.
    pub const OUTCOME: &str = "/spatialclaw/outcome";
    /// [`PictureRecord`](super::records::PictureRecord): what models were shown.
    pub const PICTURE: &str = "/spatialclaw/picture";
    /// `tf2_msgs/msg/TFMessage`: the transforms of the snapshot.
    pub const TF: &str = "/spatialclaw/tf";
    /// Colour, depth and calibration stand below it, each under its camera's name.
    pub const CAMERA: &str = "/spatialclaw/camera";
}

/// Name of the attachment that holds the snapshot.
pub const SNAPSHOT: &str = "snapshot.zst";
