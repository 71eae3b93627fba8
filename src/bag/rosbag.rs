//! rosbag2: one file or a folder of them, in either storage.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    BagError, CameraTopics, Item, MAX_MESSAGE_BYTES, Outline, Source, Span,
    cameras::{self, Survey},
    cdr::CdrError,
    mcap_file,
    messages::{self, MessageType},
    sqlite_file,
};
use crate::scene::Stamp;

/// A message as it stands in a bag. The type is empty where it is none of ROS 2.
pub struct RawMessage<'a> {
    /// Where it was heard.
    pub topic: &'a str,
    /// Such as `sensor_msgs/msg/Image`.
    pub type_name: &'a str,
    /// CDR.
    pub data: &'a [u8],
}

/// Takes messages.
pub type Each<'a> = dyn FnMut(RawMessage<'_>) -> Result<(), BagError> + 'a;

const MCAP_MAGIC: &[u8] = mcap::MAGIC;
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const ROS1_MAGIC: &[u8] = b"#ROSBAG V";
const STORAGE_SUFFIXES: [&str; 2] = ["mcap", "db3"];
/// What stands in `metadata.yaml` before the name of a file.
const METADATA: &str = "metadata.yaml";

#[derive(Clone, Copy)]
enum Storage {
    Mcap,
    Sqlite,
}

/// A bag that was looked through once.
pub struct Rosbag {
    files: Vec<(PathBuf, Storage)>,
    outline: Outline,
    routes: HashMap<String, Vec<cameras::Route>>,
}

/// Whether a folder holds a bag.
///
/// # Errors
/// [`BagError::Unreadable`].
pub fn is_bag_folder(folder: &Path) -> Result<bool, BagError> {
    Ok(folder.join(METADATA).is_file() || !files_of(folder)?.is_empty())
}

impl Rosbag {
    /// Looks through a bag and finds its cameras.
    ///
    /// # Errors
    /// [`BagError`].
    pub fn open(path: &Path, topics: &BTreeMap<String, CameraTopics>) -> Result<Rosbag, BagError> {
        let paths = if path.is_dir() { files_of(path)? } else { vec![path.to_owned()] };
        if paths.is_empty() {
            return Err(BagError::other_kind(path, "a folder without .mcap or .db3 files", "a rosbag2"));
        }
        let files: Vec<(PathBuf, Storage)> =
            paths.into_iter().map(|file| storage_of(&file).map(|storage| (file, storage))).collect::<Result<_, _>>()?;
        let mut survey = Survey::default();
        for (file, storage) in &files {
            read(file, *storage, &mut |message| {
                let data = unpacked(file, message.data)?;
                survey.look(message.topic, message.type_name, &data).map_err(|error| garbled(file, &message, &error))
            })?;
        }
        let storage = match files.first() {
            Some((_, Storage::Sqlite)) => "SQLite",
            _ => "MCAP",
        };
        let (outline, routes) = survey.finish(path, storage, topics)?;
        Ok(Rosbag { files, outline, routes })
    }
}

impl Source for Rosbag {
    fn outline(&self) -> &Outline {
        &self.outline
    }

    fn play(&mut self, span: Span, each: &mut dyn FnMut(Item)) -> Result<(), BagError> {
        for (file, storage) in &self.files {
            read(file, *storage, &mut |message| {
                let Some(routes) = self.routes.get(message.topic) else { return Ok(()) };
                let Some(kind) = MessageType::from_name(message.type_name) else { return Ok(()) };
                let data = unpacked(file, message.data)?;
                for route in routes {
                    let item = item(route, kind, &data, span).map_err(|error| garbled(file, &message, &error))?;
                    item.into_iter().for_each(&mut *each);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn item(route: &cameras::Route, kind: MessageType, data: &[u8], span: Span) -> Result<Option<Item>, CdrError> {
    let within = |stamp: Stamp| span.contains(stamp);
    Ok(match (route, kind) {
        (cameras::Route::Image(camera, image_kind), kind) if kind.is_image() => {
            if !within(messages::header_of(data)?.stamp) {
                return Ok(None);
            }
            let (header, image) = messages::image(kind, data)?;
            Some(Item::Image(camera.clone(), *image_kind, header, image))
        }
        (cameras::Route::CameraInfo(camera), MessageType::CameraInfo) => {
            let (header, info) = messages::camera_info(data)?;
            (header.stamp <= span.to).then(|| Item::CameraInfo(camera.clone(), header, info))
        }
        (cameras::Route::LabelNames(camera), MessageType::LabelNames) => {
            let is_later = messages::header_of(data)?.stamp > span.to;
            if is_later { None } else { Some(Item::LabelNames(camera.clone(), messages::label_names(data)?)) }
        }
        (cameras::Route::Transforms { is_static }, MessageType::Transforms) => {
            let mut found = messages::transforms(data)?;
            found.retain(|transform| *is_static || within(transform.stamp));
            (!found.is_empty()).then_some(Item::Transforms(found, *is_static))
        }
        (cameras::Route::Imu, MessageType::Imu) => {
            if within(messages::header_of(data)?.stamp) {
                Some(Item::Imu(messages::imu(data)?))
            } else {
                None
            }
        }
        _ => None,
    })
}

fn read(file: &Path, storage: Storage, each: &mut Each<'_>) -> Result<(), BagError> {
    match storage {
        Storage::Mcap => mcap_file::read(file, each),
        Storage::Sqlite => sqlite_file::read(file, each),
    }
}

fn garbled(file: &Path, message: &RawMessage<'_>, error: &CdrError) -> BagError {
    BagError::damaged(file, format!("a {} on \"{}\" cannot be read: {error}", message.type_name, message.topic))
}

/// rosbag2 can compress each message by itself; CDR begins with a zero, so that the two are told apart.
fn unpacked<'a>(file: &Path, data: &'a [u8]) -> Result<Cow<'a, [u8]>, BagError> {
    if !data.starts_with(ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(data));
    }
    let damaged = |error: std::io::Error| BagError::damaged(file, format!("a message cannot be unpacked: {error}"));
    let mut bytes = Vec::new();
    zstd::Decoder::new(data)
        .map_err(damaged)?
        .take(MAX_MESSAGE_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(damaged)?;
    Ok(Cow::Owned(bytes))
}

/// By the first bytes, whatever the name.
fn storage_of(path: &Path) -> Result<Storage, BagError> {
    let mut start = [0; 16];
    let mut file = fs::File::open(path).map_err(|source| BagError::unreadable(path, source))?;
    let mut n_bytes = 0;
    while let Some(rest) = start.get_mut(n_bytes..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|source| BagError::unreadable(path, source))? {
            0 => break,
            n_more => n_bytes += n_more,
        }
    }
    let expected = "a rosbag2 (.mcap or .db3), a folder of pictures, or a PNG or JPEG";
    match start.get(..n_bytes).unwrap_or_default() {
        start if start.starts_with(MCAP_MAGIC) => Ok(Storage::Mcap),
        start if start.starts_with(SQLITE_MAGIC) => Ok(Storage::Sqlite),
        start if start.starts_with(ZSTD_MAGIC) => {
            Err(BagError::other_kind(path, "a compressed file", "a bag that is unpacked: `zstd -d FILE`"))
        }
        start if start.starts_with(ROS1_MAGIC) => Err(BagError::other_kind(
            path,
            "a bag of ROS 1",
            "a rosbag2; `rosbags-convert --src FILE --dst FOLDER` converts it",
        )),
        [] => Err(BagError::other_kind(path, "an empty file", expected)),
        _ => Err(BagError::other_kind(path, "a file of another kind", expected)),
    }
}

/// Files of a bag in the order of recording: as `metadata.yaml` lists them, else by the numbers in their names.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, BagError> {
    let unreadable = |source| BagError::unreadable(folder, source);
    let listed = fs::read_to_string(folder.join(METADATA)).map(|text| listed_files(&text)).unwrap_or_default();
    if !listed.is_empty() {
        return Ok(listed.into_iter().map(|name| folder.join(name)).collect());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bare = name.strip_suffix(".zstd").unwrap_or(&name);
        if STORAGE_SUFFIXES.iter().any(|suffix| bare.rsplit_once('.').is_some_and(|(_, found)| found == *suffix)) {
            files.push((in_order(&name), path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Plain names below `relative_file_paths`: nothing outside the folder is opened.
fn listed_files(metadata: &str) -> Vec<String> {
    let mut lines = metadata.lines().skip_while(|line| line.trim() != "relative_file_paths:").skip(1);
    let mut names = Vec::new();
    for line in lines.by_ref() {
        let Some(name) = line.trim().strip_prefix("- ") else { break };
        let name = name.trim().trim_matches(['"', '\'']);
        // Written from outside the bag's folder, the folder's own name stands before it.
        let name = name.rsplit('/').next().unwrap_or_default();
        if !name.is_empty() && name != ".." {
            names.push(name.to_owned());
        }
    }
    names
}

/// Text and numbers in turn, so that `bag_10` comes after `bag_9`.
fn in_order(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(text_end);
        let number_end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(number_end);
        parts.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_recording() {
        let mut names = vec!["b_10.mcap", "b_9.mcap", "b_0.mcap", "a.mcap"];
        names.sort_by_key(|name| in_order(name));
        assert_eq!(names, ["a.mcap", "b_0.mcap", "b_9.mcap", "b_10.mcap"]);
    }

    #[test]
    fn metadata_lists_files_and_none_outside_the_folder() {
        let text = "rosbag2_bagfile_information:\n  relative_file_paths:\n    - desk_0.db3\n    - \"../../etc/passwd\"\n    - ..\n  duration:\n    - x\n";
        assert_eq!(listed_files(text), ["desk_0.db3", "passwd"]);
        assert_eq!(listed_files("nothing"), Vec::<String>::new());
    }
}
