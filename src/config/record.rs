//! Parameters of recorded sessions.

use std::path::{Path, PathBuf};

use super::{ParameterValue, Reader};
use crate::session::record::RecorderConfig;

/// Sessions on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordParameters {
    /// Every question is recorded, not only those that ask for it.
    pub always: bool,
    /// Directory of the files; `~` is the user's home.
    pub dir: String,
    /// Files kept.
    pub max_files: usize,
    /// Bytes of all files together.
    pub max_bytes: u64,
}

pub(super) fn read(reader: &mut Reader) -> RecordParameters {
    let always = reader.bool("record.always", false, "Record every question, not only goals that set record.");
    let dir = reader.string(
        "record.dir",
        "~/.ros/spatialclaw",
        "Directory of the session files (MCAP), one a question, named by its session id.",
    );
    if dir.trim().is_empty() {
        reader.reject("record.dir", &ParameterValue::String(dir.clone()), "a directory");
    }
    let max_files = reader.integer("record.max_files", 200, 1..=100_000, "Session files kept; the oldest are removed.");
    let max_megabytes = reader.integer(
        "record.max_megabytes",
        4096,
        1..=10_000_000,
        "Mebibytes of all session files together; the oldest are removed.",
    );
    RecordParameters { always, dir, max_files: max_files as usize, max_bytes: (max_megabytes as u64) << 20 }
}

impl RecordParameters {
    /// As the recorder knows them. Without a home, `~` stays as it is written.
    pub fn to_recorder(&self, home: Option<&Path>) -> RecorderConfig {
        let below_home = match self.dir.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                home.map(|home| home.join(rest.trim_start_matches('/')))
            }
            _ => None,
        };
        RecorderConfig {
            dir: below_home.unwrap_or_else(|| PathBuf::from(&self.dir)),
            max_files: self.max_files,
            max_bytes: self.max_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home() {
        let check = |dir: &str, home: Option<&str>, expected: &str| {
            let parameters = RecordParameters { always: false, dir: dir.to_owned(), max_files: 1, max_bytes: 1 };
            assert_eq!(parameters.to_recorder(home.map(Path::new)).dir, Path::new(expected), "{dir}");
        };
        check("~/.ros/x", Some("/home/a"), "/home/a/.ros/x");
        check("~", Some("/home/a"), "/home/a");
        check("~other/x", Some("/home/a"), "~other/x");
        check("/data", Some("/home/a"), "/data");
        check("~/x", None, "~/x");
    }
}
