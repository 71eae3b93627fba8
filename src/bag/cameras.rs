//! Which topics of a bag are a camera's: by their types, encodings and names, as drivers and image_transport name them.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use super::{
    BagError, CameraTopics, ImageKind, Outline, SourceCamera, Span,
    cdr::CdrError,
    messages::{self, MessageType},
};
use crate::scene::{FrameId, Stamp, image_decode::ImageSize, raw_message::ImageMessage};

/// Frames of one tree that are kept.
const MAX_FRAMES: usize = 10_000;
/// Words in the name of a topic with one instance id per pixel.
const LABEL_WORDS: [&str; 9] =
    ["label", "labels", "seg", "segmentation", "instance", "instances", "mask", "masks", "ids"];
/// Words in the name of a depth topic that is registered to colour.
const REGISTERED_WORDS: [&str; 3] = ["aligned", "registered", "rgb"];
/// Words in the name of pictures that were drawn by a program.
const DRAWN_WORDS: [&str; 4] = ["debug", "overlay", "visualization", "viz"];
/// Words of topics that say nothing about which camera it is.
const COMMON_WORDS: [&str; 14] = [
    "image",
    "raw",
    "rect",
    "rgb",
    "color",
    "colour",
    "compressed",
    "sensor",
    "sensors",
    "stream",
    "data",
    "mono",
    "left",
    "spatialclaw",
];

/// Where messages of a topic go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Image(String, ImageKind),
    CameraInfo(String),
    LabelNames(String),
    Transforms { is_static: bool },
    Imu,
}

/// What a bag holds, while it is looked through.
#[derive(Default)]
pub(super) struct Survey {
    topics: BTreeMap<String, Topic>,
    parents: BTreeMap<FrameId, FrameId>,
    n_messages: u64,
}

struct Topic {
    kind: MessageType,
    span: Span,
    n_messages: u64,
    frame: FrameId,
    /// Encoding or format, and size where the message says it.
    image: Option<(String, Option<ImageSize>)>,
}

impl Survey {
    /// Notes one message.
    ///
    /// # Errors
    /// [`CdrError`] for a message of a type that is read.
    pub fn look(&mut self, topic: &str, type_name: &str, data: &[u8]) -> Result<(), CdrError> {
        self.n_messages += 1;
        let Some(kind) = MessageType::from_name(type_name) else { return Ok(()) };
        if kind == MessageType::Transforms {
            for transform in messages::transforms(data)? {
                if self.parents.len() < MAX_FRAMES {
                    self.parents.insert(transform.child, transform.parent);
                }
            }
            self.note(topic, kind, None, data)
        } else {
            let header = messages::header_of(data)?;
            self.note(topic, kind, Some((header.stamp, header.frame)), data)
        }
    }

    fn note(
        &mut self,
        name: &str,
        kind: MessageType,
        header: Option<(Stamp, FrameId)>,
        data: &[u8],
    ) -> Result<(), CdrError> {
        let (stamp, frame) = header.unwrap_or((Stamp::default(), FrameId::new("")));
        if let Some(topic) = self.topics.get_mut(name) {
            topic.n_messages += 1;
            topic.span = Span { from: topic.span.from.min(stamp), to: topic.span.to.max(stamp) };
            return Ok(());
        }
        let image = match kind.is_image().then(|| messages::image(kind, data)).transpose()? {
            Some((_, ImageMessage::Raw(image))) => {
                let size = ImageSize { width_px: image.width_px, height_px: image.height_px };
                Some((image.encoding, Some(size)))
            }
            Some((_, ImageMessage::Compressed(image))) => Some((image.format, None)),
            None => None,
        };
        let topic = Topic { kind, span: Span { from: stamp, to: stamp }, n_messages: 1, frame, image };
        self.topics.insert(name.to_owned(), topic);
        Ok(())
    }

    /// The cameras, and where messages go. `given` names topics where they are not to be found.
    ///
    /// # Errors
    /// [`BagError::Missing`] when there is no camera or a given topic is not in the bag.
    pub fn finish(
        self,
        path: &Path,
        storage: &str,
        given: &BTreeMap<String, CameraTopics>,
    ) -> Result<(Outline, HashMap<String, Vec<Route>>), BagError> {
        let mut cameras = Vec::new();
        if given.is_empty() {
            for image in self.color_topics() {
                let name = unique(&camera_name(base(image)), &cameras);
                cameras.push(self.camera(name, image, &CameraTopics::default(), path)?);
            }
        }
        for (name, topics) in given {
            let image = match topics.image.as_str() {
                "" => self.color_topics().into_iter().next().ok_or_else(|| self.no_camera(path))?,
                image => self.named(image, path)?,
            };
            cameras.push(self.camera(name.clone(), image, topics, path)?);
        }
        if cameras.is_empty() {
            return Err(self.no_camera(path));
        }
        // Those that can be measured in come first; the sort is stable.
        cameras.sort_by_key(|camera| (camera.topics.depth.is_empty(), camera.topics.camera_info.is_empty()));
        let mut routes: HashMap<String, Vec<Route>> = HashMap::new();
        let mut route = |topic: &str, to: Route| {
            if !topic.is_empty() {
                routes.entry(topic.to_owned()).or_default().push(to);
            }
        };
        for SourceCamera { name, topics, .. } in &cameras {
            route(&topics.image, Route::Image(name.clone(), ImageKind::Color));
            route(&topics.depth, Route::Image(name.clone(), ImageKind::Depth));
            route(&topics.labels, Route::Image(name.clone(), ImageKind::Labels));
            route(&topics.camera_info, Route::CameraInfo(name.clone()));
            route(&topics.label_names, Route::LabelNames(name.clone()));
        }
        for (name, _) in self.of(|topic| topic.kind == MessageType::Transforms) {
            route(name, Route::Transforms { is_static: name.ends_with("tf_static") });
        }
        let imu = self.of(|topic| topic.kind == MessageType::Imu).max_by_key(|(_, topic)| topic.n_messages);
        if let Some((name, _)) = imu {
            route(name, Route::Imu);
        }
        let notes = cameras.iter().map(note).collect();
        let outline = Outline {
            kind: format!("rosbag2 ({storage}), {} messages", self.n_messages),
            cameras,
            has_imu: imu.is_some(),
            parents: self.parents,
            up_in_camera: None,
            notes,
        };
        Ok((outline, routes))
    }

    fn of<'a>(&'a self, wanted: impl Fn(&Topic) -> bool + 'a) -> impl Iterator<Item = (&'a str, &'a Topic)> + 'a {
        self.topics.iter().filter(move |(_, topic)| wanted(topic)).map(|(name, topic)| (name.as_str(), topic))
    }

    /// Raw before compressed, colour before grey, each camera once.
    fn color_topics(&self) -> Vec<&str> {
        let mut found: Vec<(bool, bool, &str)> = self
            .topics
            .iter()
            .filter(|(name, topic)| role(name, topic) == Some(ImageKind::Color))
            .map(|(name, topic)| (is_gray(topic), topic.kind == MessageType::CompressedImage, name.as_str()))
            .collect();
        found.sort_unstable();
        // Grey cameras beside a colour camera are its infrared eyes.
        if found.first().is_some_and(|(is_gray, ..)| !is_gray) {
            found.retain(|(is_gray, ..)| !is_gray);
        }
        let mut bases: Vec<&str> = Vec::new();
        found.retain(|(_, _, name)| {
            let is_new = !bases.contains(&base(name));
            bases.push(base(name));
            is_new
        });
        found.into_iter().map(|(_, _, name)| name).collect()
    }

    fn camera(&self, name: String, image: &str, given: &CameraTopics, path: &Path) -> Result<SourceCamera, BagError> {
        let color = self.topics.get(image).ok_or_else(|| self.no_camera(path))?;
        let n_cameras = self.color_topics().len();
        let image_kind = |wanted: ImageKind| {
            let is_near = |name: &str| n_cameras == 1 || shared_parts(name, image) > 0;
            let rank = |(name, topic): &(&str, &Topic)| {
                let size = |topic: &Topic| topic.image.as_ref().and_then(|(_, size)| *size);
                let fits = size(topic).zip(size(color)).is_none_or(|(a, b)| a == b);
                let is_registered = words(name).any(|word| REGISTERED_WORDS.contains(&word.as_str()));
                (fits, topic.frame == color.frame, is_registered, shared_parts(name, image))
            };
            self.of(move |topic| topic.kind.is_image())
                .filter(|(name, topic)| role(name, topic) == Some(wanted) && is_near(name))
                .max_by_key(rank)
                .map(|(name, _)| name.to_owned())
                .unwrap_or_default()
        };
        let of_kind = |wanted: MessageType| {
            self.of(move |topic| topic.kind == wanted)
                .max_by_key(|(name, topic)| (topic.frame == color.frame, shared_parts(name, image)))
                .map(|(name, _)| name.to_owned())
                .unwrap_or_default()
        };
        let or_given = |given: &str, found: String| match given {
            "" => Ok(found),
            "none" => Ok(String::new()),
            given => self.named(given, path).map(str::to_owned),
        };
        let own_info = base(image).rsplit_once('/').map(|(parent, _)| format!("{parent}/camera_info"));
        let info = own_info.filter(|name| self.topics.contains_key(name));
        Ok(SourceCamera {
            topics: CameraTopics {
                image: image.to_owned(),
                depth: or_given(&given.depth, image_kind(ImageKind::Depth))?,
                camera_info: or_given(&given.camera_info, info.unwrap_or_else(|| of_kind(MessageType::CameraInfo)))?,
                labels: or_given(&given.labels, image_kind(ImageKind::Labels))?,
                label_names: or_given(&given.label_names, of_kind(MessageType::LabelNames))?,
            },
            frame: color.frame.clone(),
            span: color.span,
            name,
        })
    }

    /// A topic by its name or by that of what it transports.
    fn named<'a>(&'a self, given: &str, path: &Path) -> Result<&'a str, BagError> {
        let suffixed = ["", "/compressed", "/compressedDepth"].map(|suffix| format!("{given}{suffix}"));
        let found = suffixed.iter().find_map(|name| self.topics.get_key_value(name));
        found.map(|(name, _)| name.as_str()).ok_or_else(|| {
            let known: Vec<&str> = self.topics.keys().map(String::as_str).collect();
            BagError::missing(path, format!("there is no topic \"{given}\" of use"), format!("found {known:?}"))
        })
    }

    fn no_camera(&self, path: &Path) -> BagError {
        let known: Vec<&str> = self.topics.keys().map(String::as_str).collect();
        let found = format!("no topic of colour images among {} messages", self.n_messages);
        BagError::missing(path, found, format!("topics of use are {known:?}; record colour, depth, camera_info and tf"))
    }
}

fn note(camera: &SourceCamera) -> String {
    let SourceCamera { name, topics, frame, span } = camera;
    let topic = |what: &str, topic: &str| match topic {
        "" => format!("no {what}"),
        topic => format!("{what} {topic}"),
    };
    format!(
        "camera \"{name}\" in {frame}, {} to {} s: {}, {}, {}, {}",
        span.from,
        span.to,
        topic("colour", &topics.image),
        topic("depth", &topics.depth),
        topic("calibration", &topics.camera_info),
        topic("labels", &topics.labels)
    )
}

/// What an image topic carries; `None` for what was drawn by a program.
fn role(name: &str, topic: &Topic) -> Option<ImageKind> {
    let (encoding, _) = topic.image.as_ref()?;
    let has = |wanted: &[&str]| words(name).any(|word| wanted.contains(&word.as_str()));
    let is_ids = ["8UC1", "mono8", "16UC1", "mono16", "16SC1", "32SC1"].contains(&encoding.as_str());
    if has(&LABEL_WORDS) {
        return is_ids.then_some(ImageKind::Labels);
    }
    let is_depth = ["16UC1", "32FC1"].contains(&encoding.as_str()) || encoding.contains("compressedDepth");
    if is_depth || (encoding == "mono16" && has(&["depth"])) {
        return Some(ImageKind::Depth);
    }
    (!has(&["depth"]) && !has(&DRAWN_WORDS)).then_some(ImageKind::Color)
}

fn is_gray(topic: &Topic) -> bool {
    topic
        .image
        .as_ref()
        .is_some_and(|(encoding, _)| ["mono8", "mono16", "8UC1"].iter().any(|gray| encoding.starts_with(gray)))
}

/// A topic without image_transport's suffix.
pub fn base(topic: &str) -> &str {
    ["/compressed", "/compressedDepth"].iter().find_map(|suffix| topic.strip_suffix(suffix)).unwrap_or(topic)
}

fn words(topic: &str) -> impl Iterator<Item = String> + '_ {
    topic.split(['/', '_']).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Parts of the names that are the same from the start.
fn shared_parts(a: &str, b: &str) -> usize {
    let parts = |name: &str| name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    parts(a).iter().zip(&parts(b)).take_while(|(a, b)| a == b).count()
}

/// A name that parameters and questions can use.
fn camera_name(base: &str) -> String {
    let telling: Vec<String> = words(base).filter(|word| !COMMON_WORDS.contains(&word.as_str())).collect();
    let name: String = telling.join("_").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let mut parts: Vec<&str> = name.split('_').collect();
    parts.dedup();
    let name = parts.join("_");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { "camera".to_owned() }
}

fn unique(name: &str, taken: &[SourceCamera]) -> String {
    let is_taken = |name: &str| taken.iter().any(|camera| camera.name == name);
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(kind: MessageType, encoding: &str, frame: &str, width_px: u32) -> Topic {
        let size = (width_px > 0).then_some(ImageSize { width_px, height_px: 1 });
        Topic {
            kind,
            span: Span { from: Stamp { nanos: 1 }, to: Stamp { nanos: 2 } },
            n_messages: 1,
            frame: FrameId::new(frame),
            image: kind.is_image().then(|| (encoding.to_owned(), size)),
        }
    }

    fn cameras(topics: &[(&str, MessageType, &str, &str, u32)]) -> Vec<(String, CameraTopics)> {
        let mut survey = Survey::default();
        for (name, kind, encoding, frame, width_px) in topics {
            survey.topics.insert((*name).to_owned(), topic(*kind, encoding, frame, *width_px));
        }
        let (outline, _) = survey.finish(Path::new("x"), "MCAP", &BTreeMap::new()).unwrap();
        outline.cameras.into_iter().map(|camera| (camera.name, camera.topics)).collect()
    }

    /// The names of the RealSense, Orbbec and ZED drivers.
    #[test]
    fn drivers_topics_are_found() {
        use MessageType::{CameraInfo, CompressedImage, Image};
        let found = cameras(&[
            ("/camera/aligned_depth_to_color/camera_info", CameraInfo, "", "color_optical", 0),
            ("/camera/aligned_depth_to_color/image_raw", Image, "16UC1", "color_optical", 640),
            ("/camera/color/camera_info", CameraInfo, "", "color_optical", 0),
            ("/camera/color/image_raw", Image, "rgb8", "color_optical", 640),
            ("/camera/color/image_raw/compressed", CompressedImage, "rgb8; jpeg compressed bgr8", "color_optical", 0),
            ("/camera/depth/image_rect_raw", Image, "16UC1", "depth_optical", 848),
            ("/camera/infra1/image_rect_raw", Image, "mono8", "infra_optical", 848),
        ]);
        let expected = CameraTopics {
            image: "/camera/color/image_raw".into(),
            depth: "/camera/aligned_depth_to_color/image_raw".into(),
            camera_info: "/camera/color/camera_info".into(),
            ..CameraTopics::default()
        };
        assert_eq!(found, [("camera".to_owned(), expected)]);
        let found = cameras(&[
            ("/front/rgb/camera_info", CameraInfo, "", "f", 0),
            ("/front/rgb/image_rect_color", Image, "bgra8", "f", 8),
            ("/front/depth/depth_registered", Image, "32FC1", "f", 8),
            ("/front/labels", Image, "16UC1", "f", 8),
            ("/wrist/image", Image, "bgr8", "w", 8),
            ("/wrist/camera_info", CameraInfo, "", "w", 0),
            ("/front/debug/image", Image, "rgb8", "f", 8),
        ]);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["front", "wrist"]);
        assert_eq!(
            (found[0].1.depth.as_str(), found[0].1.labels.as_str()),
            ("/front/depth/depth_registered", "/front/labels")
        );
        assert_eq!((found[1].1.depth.as_str(), found[1].1.camera_info.as_str()), ("", "/wrist/camera_info"));
    }

    #[test]
    fn a_bag_without_a_camera_says_what_there_is() {
        let mut survey = Survey::default();
        survey.topics.insert("/tf".to_owned(), topic(MessageType::Transforms, "", "", 0));
        let problem = survey.finish(Path::new("x"), "MCAP", &BTreeMap::new()).unwrap_err();
        let expected = "no topic of colour images among 0 messages; topics of use are [\"/tf\"]; record colour, depth, camera_info and tf: x";
        assert_eq!(problem.to_string(), expected);
    }
}
