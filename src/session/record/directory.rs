//! The directory of sessions: names, and the oldest removed.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::session::{LIBRARY, content_hash};

const PART_SUFFIX: &str = ".mcap.part";
/// A file that was begun this long ago belongs to a program that is gone.
const STALE_PART: Duration = Duration::from_secs(24 * 3600);
const MAX_STEM_CHARS: usize = 100;

/// A session's name as a file's: letters, digits, `-` and `_`. Anything else could lead out of the directory.
pub(super) fn stem(session_id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !session_id.is_empty() && session_id.len() <= MAX_STEM_CHARS && session_id.chars().all(is_plain) {
        return session_id.to_owned();
    }
    let hash = content_hash::of_bytes(session_id.as_bytes());
    let start: String = session_id.chars().filter(|c| is_plain(*c)).take(32).collect();
    format!("{start}-{}", hash.get(..16).unwrap_or_default())
}

/// Where a session is written until it is whole. Nobody else writes there: not another session of the same name (`key` tells them
/// apart), nor another program.
pub(super) fn part_path(dir: &Path, stem: &str, key: u64) -> PathBuf {
    let program = std::process::id();
    dir.join(format!(".{stem}.{program}.{key}{PART_SUFFIX}"))
}

/// Gives a whole file its name, a further one when that is taken.
pub(super) fn publish(dir: &Path, stem: &str, part: &Path) -> io::Result<PathBuf> {
    let mut path = dir.join(format!("{stem}.mcap"));
    let mut count = 2;
    while path.exists() {
        path = dir.join(format!("{stem}-{count}.mcap"));
        count += 1;
    }
    fs::rename(part, &path)?;
    Ok(path)
}

struct Known {
    modified: SystemTime,
    n_bytes: u64,
    path: PathBuf,
}

/// Removes the oldest of our sessions until no more than `max_files` with `max_bytes` together are left. Other files are not
/// touched, whatever their names.
pub(super) fn keep_within(dir: &Path, max_files: usize, max_bytes: u64) -> io::Result<()> {
    let mut known: Vec<Known> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let name = entry.file_name().to_string_lossy().into_owned();
        if !metadata.is_file() {
            continue;
        }
        if name.ends_with(PART_SUFFIX) {
            let is_stale = modified.elapsed().is_ok_and(|age| age > STALE_PART);
            if is_stale && is_ours(&path) {
                remove(&path)?;
            }
        } else if name.ends_with(".mcap") && is_ours(&path) {
            known.push(Known { modified, n_bytes: metadata.len(), path });
        }
    }
    known.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| b.path.cmp(&a.path)));
    let mut n_bytes = 0_u64;
    let mut is_over = false;
    for (position, file) in known.iter().enumerate() {
        n_bytes = n_bytes.saturating_add(file.n_bytes);
        // Once one is removed every older one is: a gap in the middle would look like a session that was never recorded.
        is_over |= position >= max_files || n_bytes > max_bytes;
        if is_over {
            remove(&file.path)?;
        }
    }
    Ok(())
}

/// Somebody else may have removed it meanwhile.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the file's header names us: magic (8), opcode (1), length (8), profile, then the library's name, each text with its
/// length (4) before it.
fn is_ours(path: &Path) -> bool {
    let mut start = [0_u8; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start));
    let Ok(n_read) = read else { return false };
    let library = start.get(25..n_read).unwrap_or_default();
    start.starts_with(mcap::MAGIC) && start.get(17..21) == Some(&[0; 4]) && library.starts_with(LIBRARY.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay() {
        assert_eq!(stem("00ff-a_B"), "00ff-a_B");
    }

    proptest! {
        #[test]
        fn a_name_never_leaves_the_directory(session_id in any::<String>()) {
            let stem = stem(&session_id);
            prop_assert!(!stem.is_empty() && stem.len() <= MAX_STEM_CHARS);
            prop_assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        }

        #[test]
        fn other_names_are_other_files(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(a == b, stem(&a) == stem(&b));
        }
    }
}
