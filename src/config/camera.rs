//! Parameters of one camera, under `<name>.`.

use super::parameter::{ParameterValue, Reader};
use crate::{
    geometry::DepthNoise,
    scene::{CameraConfig, LabelNames, Rectified},
};

/// How a message of an image topic is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `sensor_msgs/Image` on the topic itself.
    Raw,
    /// `sensor_msgs/CompressedImage` (JPEG or PNG) on `<topic>/compressed`.
    Compressed,
    /// `sensor_msgs/CompressedImage` of image_transport's compressed depth on `<topic>/compressedDepth`.
    CompressedDepth,
}

impl Transport {
    /// The topic that carries images in this transport, as image_transport names it.
    pub fn topic(self, base: &str) -> String {
        match self {
            Transport::Raw => base.to_owned(),
            Transport::Compressed => format!("{base}/compressed"),
            Transport::CompressedDepth => format!("{base}/compressedDepth"),
        }
    }
}

/// Delivery of a camera's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Best effort: hears every publisher.
    SensorData,
    /// Reliable: hears reliable publishers only.
    Reliable,
}

/// Parameters of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraParameters {
    /// Name, as goals and answers use it.
    pub name: String,
    /// Colour images.
    pub image_topic: String,
    /// Packing of colour images.
    pub image_transport: Transport,
    /// Depth images, registered to colour; empty = none.
    pub depth_topic: String,
    /// Packing of depth images.
    pub depth_transport: Transport,
    /// Calibration of colour.
    pub camera_info_topic: String,
    /// Instance-label images, registered to colour; empty = none.
    pub labels_topic: String,
    /// Names of the labels; empty = none.
    pub label_names_topic: String,
    /// Names of the labels, when they are fixed.
    pub fixed_label_names: Option<LabelNames>,
    /// Delivery of all of the above but the label names.
    pub delivery: Delivery,
    /// Largest difference between the stamps of colour and depth or labels, seconds.
    pub sync_slop_secs: f64,
    /// Depth range that is trusted, metres.
    pub depth_range_m: (f64, f64),
    /// Whether the images are free of lens distortion already.
    pub rectified: Rectified,
    /// Noise of depth.
    pub depth_noise: DepthNoise,
}

impl CameraParameters {
    /// The camera as the scene buffer knows it; `resolve` gives the full name of a topic.
    pub fn to_scene(&self, resolve: impl Fn(&str) -> String) -> CameraConfig {
        let full = |topic: &str| if topic.is_empty() { String::new() } else { resolve(topic) };
        CameraConfig {
            name: self.name.clone(),
            // Without the transport's suffix: whether images are rectified shows in the last part of the name.
            image_topic: full(&self.image_topic),
            depth_topic: full(&self.depth_topic),
            labels_topic: full(&self.labels_topic),
            label_names_topic: full(&self.label_names_topic),
            camera_info_topic: full(&self.camera_info_topic),
            sync_slop_secs: self.sync_slop_secs,
            depth_range_m: self.depth_range_m,
            depth_noise: self.depth_noise,
            rectified: self.rectified,
        }
    }
}

/// Names that a camera cannot have, because other parameters start with them.
const RESERVED: &[&str] = &["tf", "buffer", "kernel", "markers", "use_sim_time"];

/// Reads the list of cameras and the parameters of each.
pub(super) fn cameras(reader: &mut Reader) -> Vec<CameraParameters> {
    let names = reader.strings("cameras", &["camera"], "Names of the cameras; goals and answers use them.");
    let found = ParameterValue::StringArray(names.clone());
    if names.is_empty() {
        reader.reject("cameras", &found, "at least one camera");
    }
    let mut usable: Vec<&String> = Vec::new();
    for name in &names {
        let starts_well = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
        let is_word = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !(starts_well && is_word) {
            reader.reject("cameras", &found, "names of letters, digits and \"_\" that start with a letter");
        } else if RESERVED.contains(&name.as_str()) {
            reader.reject("cameras", &found, format!("none of the names {RESERVED:?}"));
        } else if usable.contains(&name) {
            reader.reject("cameras", &found, format!("each name once, \"{name}\" stands there twice"));
        } else {
            usable.push(name);
        }
    }
    usable.into_iter().map(|name| camera(reader, name)).collect()
}

fn camera(reader: &mut Reader, name: &str) -> CameraParameters {
    let key = |field: &str| format!("{name}.{field}");
    let topic = |reader: &mut Reader, field: &str, last: &str, description| {
        let topic = reader.string(&key(field), &format!("{name}/{last}"), description);
        let may_be_empty = ["depth", "labels", "label_names"].contains(&last);
        if !(is_topic(&topic) || may_be_empty && topic.is_empty()) {
            let expected = match may_be_empty {
                true => "a ROS topic name such as \"/front/depth\", or \"\" for none",
                false => "a ROS topic name such as \"/front/image\"",
            };
            reader.reject(&key(field), &ParameterValue::String(topic.clone()), expected);
        }
        topic
    };
    let image_topic = topic(reader, "image_topic", "image", "Topic of colour images.");
    let image_transport = match reader.one_of(
        &key("image_transport"),
        &["raw", "compressed"],
        "Packing of colour images; \"compressed\" subscribes to <image_topic>/compressed.",
    ) {
        0 => Transport::Raw,
        _ => Transport::Compressed,
    };
    let depth_topic = topic(
        reader,
        "depth_topic",
        "depth",
        "Topic of depth images, registered to colour (same size, same optical frame); \"\" = none.",
    );
    let depth_transport = match reader.one_of(
        &key("depth_transport"),
        &["raw", "compressed", "compressedDepth"],
        "Packing of depth images; the topic gets the transport's name as a suffix.",
    ) {
        0 => Transport::Raw,
        1 => Transport::Compressed,
        _ => Transport::CompressedDepth,
    };
    let camera_info_topic =
        topic(reader, "camera_info_topic", "camera_info", "Topic of the calibration of the colour images.");
    let labels_topic =
        topic(reader, "labels_topic", "labels", "Topic of instance-label images, registered to colour; \"\" = none.");
    let label_names_topic = topic(
        reader,
        "label_names_topic",
        "label_names",
        "Topic of spatialclaw/LabelNames, the names of the labels; must be latched (transient local); \"\" = none.",
    );
    let fixed_label_names = fixed_label_names(reader, &key("labels"));
    let delivery = match reader.one_of(
        &key("qos"),
        &["sensor_data", "reliable"],
        "Delivery of this camera's topics; \"sensor_data\" (best effort) hears every publisher.",
    ) {
        0 => Delivery::SensorData,
        _ => Delivery::Reliable,
    };
    let sync_slop_secs = reader.double(
        &key("sync_slop_secs"),
        0.02,
        0.0..=1.0,
        "Largest difference in seconds between the stamps of a colour image and its depth or label image.",
    );
    let depth_min_m = reader.double(&key("depth_min_m"), 0.2, 0.0..=100.0, "Nearest depth in metres that is trusted.");
    let depth_max_m =
        reader.double(&key("depth_max_m"), 8.0, 0.01..=1000.0, "Farthest depth in metres that is trusted.");
    if depth_min_m >= depth_max_m {
        let found = ParameterValue::Double(depth_max_m);
        reader.reject(&key("depth_max_m"), &found, format!("more than depth_min_m, which is {depth_min_m}"));
    }
    let rectified = match reader.one_of(
        &key("rectified"),
        &["auto", "true", "false"],
        "Whether the images are free of lens distortion already; \"auto\": when the image topic's last part contains \"rect\", or camera_info has no distortion.",
    ) {
        0 => Rectified::Auto,
        1 => Rectified::Yes,
        _ => Rectified::No,
    };
    let noise = DepthNoise::default();
    let depth_noise = DepthNoise {
        constant_m: reader.double(
            &key("depth_noise.constant_m"),
            noise.constant_m,
            0.0..=1.0,
            "Depth noise: one standard deviation in metres at offset_m.",
        ),
        quadratic_per_m: reader.double(
            &key("depth_noise.quadratic_per_m"),
            noise.quadratic_per_m,
            0.0..=1.0,
            "Depth noise: growth with the square of the distance beyond offset_m, 1/m.",
        ),
        offset_m: reader.double(
            &key("depth_noise.offset_m"),
            noise.offset_m,
            0.0..=100.0,
            "Depth noise: distance of least noise, metres.",
        ),
    };
    if depth_noise.constant_m == 0.0 && depth_noise.quadratic_per_m == 0.0 {
        let found = ParameterValue::Double(0.0);
        reader.reject(
            &key("depth_noise.constant_m"),
            &found,
            "a sensor with noise: constant_m or quadratic_per_m above 0",
        );
    }
    CameraParameters {
        name: name.to_owned(),
        image_topic,
        image_transport,
        depth_topic,
        depth_transport,
        camera_info_topic,
        labels_topic,
        label_names_topic,
        fixed_label_names,
        delivery,
        sync_slop_secs,
        depth_range_m: (depth_min_m, depth_max_m),
        rectified,
        depth_noise,
    }
}

/// `["5:mug", "7:table"]`; `None` when the list is empty, so that the topic decides.
fn fixed_label_names(reader: &mut Reader, key: &str) -> Option<LabelNames> {
    let entries = reader.strings(
        key,
        &[],
        "Fixed names of the label values, each \"<value>:<name>\" such as \"5:mug\"; not empty: label_names_topic is not used.",
    );
    let mut names = LabelNames::default();
    for entry in &entries {
        let parsed = entry.split_once(':').and_then(|(id, label)| Some((id.trim().parse::<u32>().ok()?, label.trim())));
        match parsed {
            Some((id, label)) if id > 0 && !label.is_empty() && !names.by_id.contains_key(&id) => {
                names.by_id.insert(id, (label.to_owned(), 1.0));
            }
            _ => {
                let expected = "\"<value>:<name>\" with a value from 1 to 4294967295 that stands there once";
                reader.reject(key, &ParameterValue::String(entry.clone()), expected);
            }
        }
    }
    (!names.by_id.is_empty()).then_some(names)
}

/// Whether rcl would take this as a topic name (absolute, relative or private, no substitutions).
fn is_topic(topic: &str) -> bool {
    let body = topic.strip_prefix("~/").or_else(|| topic.strip_prefix('/')).unwrap_or(topic);
    !body.is_empty()
        && body.split('/').all(|token| {
            token.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
                && token.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
                && !token.contains("__")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_rcl() {
        for good in ["camera/image", "/front/depth_2", "~/image", "image"] {
            assert!(is_topic(good), "{good}");
        }
        for bad in ["", "/", "a//b", "a/", "2a", "a b", "a__b", "~", "a-b"] {
            assert!(!is_topic(bad), "{bad}");
        }
    }

    #[test]
    fn transports_name_their_topics_as_image_transport_does() {
        assert_eq!(Transport::Raw.topic("a/depth"), "a/depth");
        assert_eq!(Transport::Compressed.topic("a/image"), "a/image/compressed");
        assert_eq!(Transport::CompressedDepth.topic("a/depth"), "a/depth/compressedDepth");
    }
}
