//! Files of pictures: a folder of RGB-D images, or one picture with what lies beside it.
//!
//! Pictures that belong together have one name and say what they are by a folder (`color/0001.jpg`, `depth/0001.png`,
//! `labels/0001.png`) or a word (`0001_rgb.png`, `0001_depth.png`, `0001.labels.png`); a picture without such a word is colour. Depth and
//! labels are PNG. Beside them: `intrinsics.json` (`fx`, `fy`, `cx`, `cy` in pixels; `depth_scale`, depth units a metre, 1000 when it is
//! missing; `up`, the upward direction in the camera), `labels.json` (`{"1": "table"}`), and poses of the camera's optical frame, either
//! `poses.txt` (or `poses_tum.txt`, `groundtruth.txt`: `NAME tx ty tz qx qy qz qw` a line) or `NAME.pose.txt` (4×4). Names that are numbers
//! with a decimal point are times in seconds, as in the TUM data sets; others follow each other by [`STEP_SECS`].

mod beside;
mod names;

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use self::{beside::Beside, names::Kind};
use super::{BagError, CameraTopics, ImageKind, Item, MAX_MESSAGE_BYTES, Outline, Source, SourceCamera, Span};
use crate::scene::{
    FrameId, LabelNames, Stamp, StampedTransform,
    image_decode::{DEFAULT_MAX_PIXELS, ImageSize, check_color, decode_depth},
    raw_message::{CompressedImage, ImageMessage, MessageHeader, RawCameraInfo, RawImage, RegionOfInterest},
};

/// Time between pictures whose names say none.
pub const STEP_SECS: f64 = 0.1;
/// Name of the only camera.
pub const CAMERA: &str = "camera";
/// Its optical frame.
pub const OPTICAL_FRAME: &str = "camera_optical_frame";
/// Frame of the poses. Its axes are whatever those who made them chose: it is not called `world` or `map`, whose +z would be up.
pub const POSES_FRAME: &str = "poses";
/// Units of depth a metre where nothing else is said.
const MILLIMETRES: f64 = 1000.0;
/// Horizontal field of view of a picture of which nothing is known but colour: that of a usual webcam.
const USUAL_VIEW_RAD: f64 = 60.0 * std::f64::consts::PI / 180.0;
/// Pictures of one folder.
const MAX_PICTURES: usize = 100_000;

/// What the user says of pictures, in the place of what lies beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PictureSettings {
    /// Only the pictures of this name.
    pub only: Option<String>,
    /// fx, fy, cx, cy in pixels.
    pub intrinsics_px: Option<[f64; 4]>,
    /// Units of depth a metre.
    pub depth_scale: Option<f64>,
    /// Names of label values, over those of `labels.json`.
    pub label_names: BTreeMap<u32, String>,
}

/// Pictures, found and joined but not read.
pub struct Pictures {
    folder: PathBuf,
    outline: Outline,
    images: Vec<(Stamp, ImageKind, PathBuf)>,
    poses: Vec<StampedTransform>,
    info: RawCameraInfo,
    names: Option<LabelNames>,
    told_names: BTreeMap<u32, String>,
    depth_scale: f64,
}

/// Whether a path is a picture's by its name.
pub fn is_picture(path: &Path) -> bool {
    names::format_of(path).is_some()
}

impl Pictures {
    /// Finds pictures in a folder, or those that belong to one picture.
    ///
    /// # Errors
    /// [`BagError`].
    pub fn open(path: &Path, settings: &PictureSettings) -> Result<Pictures, BagError> {
        let mut settings = settings.clone();
        let folder = if path.is_dir() {
            path.to_owned()
        } else {
            settings.only = names::of_file(path).map(|(name, _)| name);
            path.parent().map_or_else(PathBuf::new, Path::to_owned)
        };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let mut found = find(&folder)?;
        let all: Vec<String> =
            found.keys().filter(|(_, kind)| *kind == Kind::Color).map(|(name, _)| name.clone()).collect();
        if let Some(only) = &settings.only {
            found.retain(|(name, _), _| name == only);
        }
        if !found.keys().any(|(_, kind)| *kind == Kind::Color) {
            let found = settings.only.map_or("there are no pictures (.png, .jpg)".to_owned(), |only| {
                format!("there is no picture \"{only}\"")
            });
            return Err(BagError::missing(&folder, found, format!("colour pictures there: {all:?}")));
        }
        let beside = Beside::read(&folder)?;
        Pictures::join(folder, found, beside, &settings)
    }

    fn join(
        folder: PathBuf,
        found: BTreeMap<(String, Kind), PathBuf>,
        beside: Beside,
        settings: &PictureSettings,
    ) -> Result<Pictures, BagError> {
        let stamps = stamps(found.keys().map(|(name, _)| name.as_str()));
        let stamp_of = |name: &str| stamps.get(name).copied().unwrap_or_default();
        let colors: Vec<&str> =
            found.keys().filter(|(_, kind)| *kind == Kind::Color).map(|(name, _)| name.as_str()).collect();
        let poses: Vec<StampedTransform> = colors
            .iter()
            .filter_map(|name| beside.pose(name).map(|pose| (stamp_of(name), pose)))
            .chain(beside.timed_poses())
            .map(|(stamp, (translation_m, rotation_xyzw))| StampedTransform {
                parent: FrameId::new(POSES_FRAME),
                child: FrameId::new(OPTICAL_FRAME),
                stamp,
                translation_m,
                rotation_xyzw,
            })
            .collect();
        if poses.is_empty() && colors.len() > 1 {
            let found = format!("{} pictures without poses cannot be joined", colors.len());
            return Err(BagError::missing(&folder, found, format!("name one of {colors:?}, or add poses.txt")));
        }
        let first = found.iter().find(|((_, kind), _)| *kind == Kind::Color).map(|(_, path)| path.clone());
        let size = first
            .map_or(Err(BagError::missing(&folder, "no colour picture", "one is needed")), |path| size_of(&path))?;
        let has = |wanted: Kind| found.keys().any(|(_, kind)| *kind == wanted);
        let (has_depth, has_labels) = (has(Kind::Depth), has(Kind::Labels));
        let mut notes = Vec::new();
        let intrinsics_px = match settings.intrinsics_px.or(beside.intrinsics_px) {
            Some(intrinsics_px) => intrinsics_px,
            None if has_depth => {
                let found = "there is depth but nothing says how the camera maps it";
                return Err(BagError::missing(&folder, found, "add intrinsics.json, or say --intrinsics FX,FY,CX,CY"));
            }
            None => {
                notes.push("no intrinsics: a horizontal field of view of 60 degrees is assumed".to_owned());
                let f = f64::from(size.width_px) / 2.0 / (USUAL_VIEW_RAD / 2.0).tan();
                [f, f, (f64::from(size.width_px) - 1.0) / 2.0, (f64::from(size.height_px) - 1.0) / 2.0]
            }
        };
        let parents = if poses.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(FrameId::new(OPTICAL_FRAME), FrameId::new(POSES_FRAME))])
        };
        let topic = |is_there: bool, name: &str| if is_there { name.to_owned() } else { String::new() };
        let color_stamps = || colors.iter().map(|name| stamp_of(name));
        let camera = SourceCamera {
            name: CAMERA.to_owned(),
            topics: CameraTopics {
                image: "color".to_owned(),
                depth: topic(has_depth, "depth"),
                camera_info: "intrinsics".to_owned(),
                labels: topic(has_labels, "labels"),
                label_names: String::new(),
            },
            frame: FrameId::new(OPTICAL_FRAME),
            span: Span { from: color_stamps().min().unwrap_or_default(), to: color_stamps().max().unwrap_or_default() },
        };
        let depth_scale = settings.depth_scale.or(beside.depth_scale).unwrap_or(MILLIMETRES);
        notes.push(format!(
            "{} colour pictures, {} poses, {}, {}",
            colors.len(),
            poses.len(),
            if has_depth { format!("depth in 1/{depth_scale} m") } else { "no depth".to_owned() },
            if has_labels { "labels" } else { "no labels" }
        ));
        let kind = if colors.len() == 1 { "picture".to_owned() } else { format!("{} pictures", colors.len()) };
        let images = found.iter().map(|((name, kind), path)| (stamp_of(name), kind.image(), path.clone())).collect();
        Ok(Pictures {
            outline: Outline { kind, cameras: vec![camera], parents, has_imu: false, up_in_camera: beside.up, notes },
            images,
            poses,
            info: camera_info(size, intrinsics_px),
            names: has_labels.then_some(beside.label_names).flatten(),
            told_names: settings.label_names.clone(),
            depth_scale,
            folder,
        })
    }

    fn image(&self, kind: ImageKind, path: &Path) -> Result<ImageMessage, BagError> {
        let packed = packed(path)?;
        if kind != ImageKind::Depth || self.depth_scale == MILLIMETRES {
            return Ok(packed);
        }
        let depth =
            decode_depth(&packed, DEFAULT_MAX_PIXELS).map_err(|error| BagError::damaged(path, error.to_string()))?;
        // It was read as millimetres.
        let in_metres = |depth_m: &f32| (f64::from(*depth_m) * MILLIMETRES / self.depth_scale) as f32;
        let bytes = depth.depth_m().iter().flat_map(|depth_m| in_metres(depth_m).to_le_bytes()).collect();
        Ok(RawImage {
            width_px: depth.width_px(),
            height_px: depth.height_px(),
            encoding: "32FC1".to_owned(),
            is_bigendian: false,
            step: depth.width_px().saturating_mul(4),
            bytes,
        }
        .into())
    }
}

impl Source for Pictures {
    fn outline(&self) -> &Outline {
        &self.outline
    }

    fn play(&mut self, span: Span, each: &mut dyn FnMut(Item)) -> Result<(), BagError> {
        let header = |stamp| MessageHeader { stamp, frame: FrameId::new(OPTICAL_FRAME) };
        each(Item::CameraInfo(CAMERA.to_owned(), header(span.from), self.info.clone()));
        if self.images.iter().any(|(_, kind, _)| *kind == ImageKind::Labels) {
            let mut names = match &self.names {
                Some(names) => names.clone(),
                None => self.numbered_names(span)?,
            };
            names.by_id.extend(self.told_names.iter().map(|(id, name)| (*id, (name.clone(), 1.0))));
            each(Item::LabelNames(CAMERA.to_owned(), Ok(names)));
        }
        let poses: Vec<_> = self.poses.iter().filter(|pose| span.contains(pose.stamp)).cloned().collect();
        if !poses.is_empty() {
            each(Item::Transforms(poses, false));
        }
        let mut images: Vec<_> = self.images.iter().filter(|(stamp, ..)| span.contains(*stamp)).collect();
        images.sort_by_key(|(stamp, ..)| *stamp);
        for (stamp, kind, path) in images {
            each(Item::Image(CAMERA.to_owned(), *kind, header(*stamp), self.image(*kind, path)?));
        }
        Ok(())
    }
}

impl Pictures {
    /// `object 1`, `object 2`, ... for label images that nothing names.
    fn numbered_names(&self, span: Span) -> Result<LabelNames, BagError> {
        let mut names = LabelNames::default();
        for (_, _, path) in
            self.images.iter().filter(|(stamp, kind, _)| *kind == ImageKind::Labels && span.contains(*stamp))
        {
            let labels = crate::scene::image_decode::decode_label_ids(&packed(path)?, DEFAULT_MAX_PIXELS)
                .map_err(|error| BagError::damaged(path, error.to_string()))?;
            let mut last = 0;
            for id in labels.ids {
                if id != 0 && id != last {
                    last = id;
                    names.by_id.entry(id).or_insert_with(|| (format!("object {id}"), 1.0));
                }
            }
        }
        tracing::debug!(folder = %self.folder.display(), n_names = names.by_id.len(), "labels are numbered");
        Ok(names)
    }
}

/// Pictures by name and kind.
fn find(folder: &Path) -> Result<BTreeMap<(String, Kind), PathBuf>, BagError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(folder.to_owned(), None)];
    while let Some((folder, kind_of_folder)) = folders.pop() {
        let unreadable = |source| BagError::unreadable(&folder, source);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                let kind = path.file_name().and_then(|name| names::kind_of_word(&name.to_string_lossy()));
                if kind_of_folder.is_none() && kind.is_some() {
                    folders.push((path, kind));
                }
                continue;
            }
            let Some((name, kind)) = names::of_file(&path) else { continue };
            let (name, kind) = match kind_of_folder {
                Some(kind) => (names::stem(&path), kind),
                None => (name, kind),
            };
            found.insert((name, kind), path);
            if found.len() > MAX_PICTURES {
                return Err(BagError::missing(&folder, format!("more than {MAX_PICTURES} pictures"), "take fewer"));
            }
        }
    }
    Ok(found)
}

/// Times in names, or one after the other.
fn stamps<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, Stamp> {
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| (names::number_in(name), (*name).to_owned()));
    names.dedup();
    let timed: Option<Vec<Stamp>> = names.iter().map(|name| names::stamp_in(name)).collect();
    let counted =
        || (0..names.len()).map(|index| Stamp::from_parts(1, 0).plus_secs(index as f64 * STEP_SECS)).collect();
    let stamps = timed.unwrap_or_else(counted);
    names.into_iter().map(str::to_owned).zip(stamps).collect()
}

fn packed(path: &Path) -> Result<ImageMessage, BagError> {
    let unreadable = |source| BagError::unreadable(path, source);
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_MESSAGE_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    let format = names::format_of(path).unwrap_or_default().to_owned();
    Ok(CompressedImage { format, bytes }.into())
}

fn size_of(path: &Path) -> Result<ImageSize, BagError> {
    check_color(&packed(path)?, DEFAULT_MAX_PIXELS).map_err(|error| BagError::damaged(path, error.to_string()))
}

fn camera_info(size: ImageSize, [fx, fy, cx, cy]: [f64; 4]) -> RawCameraInfo {
    RawCameraInfo {
        width_px: size.width_px,
        height_px: size.height_px,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning: [0, 0],
        roi: RegionOfInterest::default(),
    }
}
