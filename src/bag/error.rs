//! Why a recording cannot be used.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a recording cannot be used. Each says what to do next.
#[derive(Debug, Error)]
pub enum BagError {
    /// It cannot be read: look at the path.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("{found}, expected {expected}: {}", path.display())]
    OtherKind {
        /// What was found.
        found: String,
        /// What would do.
        expected: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// It ends too early: copy it again, or repair it.
    #[error(
        "the bag is cut off after {n_messages} messages; `mcap recover` or `ros2 bag reindex` may repair it: {}",
        path.display()
    )]
    CutOff {
        /// Messages before the end.
        n_messages: u64,
        /// The file.
        path: PathBuf,
    },
    /// Bytes in it were changed, or it was never whole: copy or record it again.
    #[error("{reason}: {}", path.display())]
    Damaged {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// Something that a question needs is not in it.
    #[error("{found}; {expected}: {}", path.display())]
    Missing {
        /// What there is.
        found: String,
        /// What to give.
        expected: String,
        /// The file or folder.
        path: PathBuf,
    },
}

impl BagError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> BagError {
        BagError::Unreadable { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> BagError {
        BagError::Damaged { reason: reason.into(), path: path.to_owned() }
    }

    pub(super) fn missing(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> BagError {
        BagError::Missing { found: found.into(), expected: expected.into(), path: path.to_owned() }
    }

    pub(super) fn other_kind(path: &Path, found: impl Into<String>, expected: &'static str) -> BagError {
        BagError::OtherKind { found: found.into(), expected, path: path.to_owned() }
    }
}
