//! Recordings without ROS: what a robot saw, read back from a rosbag2 (MCAP or SQLite) or from files of pictures.
//!
//! A [`Source`] says what it holds ([`Outline`]) and plays it as [`Item`]s in the types of [`crate::scene`], which then buffers, joins
//! and places them as it does for a running robot. It knows bytes, files and names of topics; nothing of questions, models or ROS's
//! libraries. To add a storage of bags: a file beside [`mcap_file`], and an arm in [`rosbag::Rosbag::open`]. To add another kind of
//! source: a file with its [`Source`], and an arm in [`open`].

pub mod cameras;
pub mod cdr;
mod error;
pub mod mcap_file;
pub mod messages;
pub mod pictures;
pub mod rosbag;
pub mod sqlite_file;

use std::{collections::BTreeMap, fs, path::Path};

pub use error::BagError;

use self::{
    pictures::{PictureSettings, Pictures},
    rosbag::Rosbag,
};
use crate::scene::{
    FrameId, ImuSample, InputProblem, LabelNames, Stamp, StampedTransform,
    raw_message::{ImageMessage, MessageHeader, RawCameraInfo},
};

/// Larger messages and records are refused: the largest image that is used is smaller.
pub const MAX_MESSAGE_BYTES: usize = 300 << 20;

/// Where what a robot saw comes from.
///
/// ```no_run
/// use spatialclaw::bag::{self, pictures::PictureSettings};
///
/// let mut source = bag::open("desk.mcap".as_ref(), &Default::default(), &PictureSettings::default())?;
/// println!("{:?}", source.outline().cameras);
/// # Ok::<(), bag::BagError>(())
/// ```
pub trait Source {
    /// What it holds.
    fn outline(&self) -> &Outline;

    /// Hands everything of `span` to `each` in the order of recording; what holds for good (calibrations, names, static transforms)
    /// from before it as well.
    ///
    /// # Errors
    /// [`BagError`].
    fn play(&mut self, span: Span, each: &mut dyn FnMut(Item)) -> Result<(), BagError>;
}

/// What a source holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// What it is, such as `rosbag2 (MCAP), 80 messages`.
    pub kind: String,
    /// Cameras, the most complete first.
    pub cameras: Vec<SourceCamera>,
    /// Parent of every frame that has one.
    pub parents: BTreeMap<FrameId, FrameId>,
    /// Whether there is an IMU.
    pub has_imu: bool,
    /// What stands for up in the frames of cameras without transforms, where the source says so: x right, y down, z forward.
    pub up_in_camera: Option<[f64; 3]>,
    /// What was taken to be what, and what is missing, for the user.
    pub notes: Vec<String>,
}

/// A camera of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceCamera {
    /// Name, as goals and answers use it.
    pub name: String,
    /// Where its messages are.
    pub topics: CameraTopics,
    /// Optical frame of its colour images.
    pub frame: FrameId,
    /// Stamps of the first and the last colour image.
    pub span: Span,
}

/// Topics of one camera, or what stands for them. Those that are missing are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameraTopics {
    /// Colour.
    pub image: String,
    /// Depth.
    pub depth: String,
    /// Calibration of colour.
    pub camera_info: String,
    /// Instance labels.
    pub labels: String,
    /// Names of the labels.
    pub label_names: String,
}

/// From one stamp to another, both belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Oldest.
    pub from: Stamp,
    /// Newest.
    pub to: Stamp,
}

impl Span {
    /// Whether the stamp lies in it.
    pub fn contains(self, stamp: Stamp) -> bool {
        self.from <= stamp && stamp <= self.to
    }
}

/// Which image of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// What is seen.
    Color,
    /// How far it is.
    Depth,
    /// What belongs to what.
    Labels,
}

/// One message of a source.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one is held at a time")]
pub enum Item {
    /// An image of the named camera.
    Image(String, ImageKind, MessageHeader, ImageMessage),
    /// The calibration of the named camera.
    CameraInfo(String, MessageHeader, RawCameraInfo),
    /// Names of the labels of the named camera, or what keeps them from being read.
    LabelNames(String, Result<LabelNames, InputProblem>),
    /// Transforms, and whether they hold for good.
    Transforms(Vec<StampedTransform>, bool),
    /// A sample of the IMU, or what keeps it from being used.
    Imu(Result<ImuSample, InputProblem>),
}

/// Opens whatever is at `path`: a rosbag2 folder, one of its files, a folder of pictures, or a picture. `topics` names the topics of
/// cameras where they are not to be found by type and name.
///
/// # Errors
/// [`BagError`].
pub fn open(
    path: &Path,
    topics: &BTreeMap<String, CameraTopics>,
    settings: &PictureSettings,
) -> Result<Box<dyn Source>, BagError> {
    let found = fs::metadata(path).map_err(|source| BagError::unreadable(path, source))?;
    let is_bag = if found.is_dir() { rosbag::is_bag_folder(path)? } else { !pictures::is_picture(path) };
    if is_bag { Ok(Box::new(Rosbag::open(path, topics)?)) } else { Ok(Box::new(Pictures::open(path, settings)?)) }
}
