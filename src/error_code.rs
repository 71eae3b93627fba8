//! The stable codes with which a question is refused or fails. They mirror `action/AskSpatial.action`; a test holds the two together.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $value:literal, $name:literal;)*) => {
        /// Why there is no answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum ErrorCode { $($(#[$doc])* $variant = $value,)* }

        impl ErrorCode {
            /// Every code, in the order of the action file.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The constant's name in the action file, which is also what cells and logs use.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }
        }
    };
}

error_codes! {
    /// A defect of ours.
    InternalError = 12000, "INTERNAL_ERROR";
    /// A field of the goal contradicts itself or is unknown.
    InvalidGoal = 12001, "INVALID_GOAL";
    /// A newer goal took the pending place.
    Preempted = 12002, "PREEMPTED";
    /// The client cancelled.
    Canceled = 12003, "CANCELED";
    /// The goal's deadline passed.
    DeadlineExceeded = 12004, "DEADLINE_EXCEEDED";
    /// Steps, tool calls, memory or operations are used up.
    BudgetExceeded = 12005, "BUDGET_EXCEEDED";
    /// The node is ending.
    ShuttingDown = 12006, "SHUTTING_DOWN";
    /// Another question of the same conversation is being answered.
    ConversationBusy = 12007, "CONVERSATION_BUSY";
    /// Nothing was received from a camera.
    NoImage = 12010, "NO_IMAGE";
    /// The newest image is too old.
    StaleImage = 12011, "STALE_IMAGE";
    /// No depth image was received.
    NoDepth = 12012, "NO_DEPTH";
    /// The newest depth image is too old.
    StaleDepth = 12013, "STALE_DEPTH";
    /// No calibration was received.
    NoCameraInfo = 12014, "NO_CAMERA_INFO";
    /// Image and depth never come close enough in time.
    SyncSkew = 12015, "SYNC_SKEW";
    /// Depth and image differ in size or optical frame.
    DepthNotRegistered = 12016, "DEPTH_NOT_REGISTERED";
    /// A message could not be decoded.
    BadInput = 12017, "BAD_INPUT";
    /// Distortion model or intrinsics that cannot be used.
    UnsupportedCalibration = 12018, "UNSUPPORTED_CALIBRATION";
    /// No segmenter answers: absent objects cannot be told from unseen ones.
    SegmentationUnavailable = 12019, "SEGMENTATION_UNAVAILABLE";
    /// The moment asked about is not in the buffer.
    NotBuffered = 12020, "NOT_BUFFERED";
    /// A frame is not in the transform tree.
    TfUnknownFrame = 12030, "TF_UNKNOWN_FRAME";
    /// Two frames are in different trees.
    TfDisconnected = 12031, "TF_DISCONNECTED";
    /// The transform is not known at the image's stamp.
    TfExtrapolation = 12032, "TF_EXTRAPOLATION";
    /// The object is not in view.
    NotVisible = 12040, "NOT_VISIBLE";
    /// More than one object fits the description.
    AmbiguousReferent = 12041, "AMBIGUOUS_REFERENT";
    /// Too few pixels with depth on the object.
    TooFewPixels = 12042, "TOO_FEW_PIXELS";
    /// The method's precondition does not hold.
    NotMeasurable = 12043, "NOT_MEASURABLE";
    /// Outside the depth range that is trusted.
    OutOfRange = 12044, "OUT_OF_RANGE";
    /// Outside the offline grammar, and no model is configured.
    UnsupportedQuestion = 12050, "UNSUPPORTED_QUESTION";
    /// The loop ended without an answer.
    NoAnswer = 12051, "NO_ANSWER";
    /// The model cannot be reached.
    ModelUnavailable = 12052, "MODEL_UNAVAILABLE";
    /// The answer's type is not what the goal asked for.
    WrongAnswerKind = 12053, "WRONG_ANSWER_KIND";
}

impl ErrorCode {
    /// The code as it stands in the action result.
    pub fn as_u16(self) -> u16 {
        self as u16
    }

    /// The code with this constant name, if there is one.
    pub fn from_name(name: &str) -> Option<ErrorCode> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_equal_the_action_file() {
        let action = include_str!("../action/AskSpatial.action");
        let in_action: Vec<(String, u16)> = action
            .lines()
            .filter_map(|line| line.strip_prefix("uint16 "))
            .filter_map(|rest| rest.split('#').next()?.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .filter(|(name, _)| name != "NONE")
            .collect();
        let ours: Vec<(String, u16)> =
            ErrorCode::ALL.iter().map(|code| (code.name().to_owned(), code.as_u16())).collect();
        assert_eq!(ours, in_action);
    }
}
