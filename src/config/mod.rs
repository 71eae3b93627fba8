//! Parameters, as written and as checked.
//!
//! [`Config::from_parameters`] turns names and values into typed settings with units, or says everything that is wrong. It knows
//! nothing of ROS. A new parameter is one line in a reader function here, and one in `config/spatialclaw.yaml` (a test holds the two
//! together).

pub mod agent;
pub mod camera;
pub mod conversation;
pub mod model;
pub mod parameter;
pub mod record;

use std::{collections::BTreeMap, time::Duration};

pub use camera::{CameraParameters, Delivery, Transport};
pub use conversation::ConversationLimits;
pub use model::{ModelChoice, ModelParameters};
pub use parameter::{Allowed, ConfigError, Declared, ParameterProblem, ParameterValue, Reader};
pub use record::RecordParameters;

use crate::{
    agent::{AgentSettings, Interface},
    geometry::PoseSigma,
    kernel::{Isolation, Limits, ProcessOptions},
    scene::{FrameId, MemoryConfig, SceneConfig},
};

/// Everything the node can be set to, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one.
    pub cameras: Vec<CameraParameters>,
    /// Frame in which measurements are made; +z is up.
    pub fixed_frame: FrameId,
    /// The robot's body.
    pub robot_frame: FrameId,
    /// Transforms.
    pub tf: TfParameters,
    /// Topic of the IMU; empty = none.
    pub imu_topic: String,
    /// Objects remembered between questions.
    pub memory: MemoryConfig,
    /// One standard deviation of an image's stamp, seconds.
    pub stamp_sigma_secs: f64,
    /// Age in seconds above which the newest image is stale.
    pub max_image_age_secs: f64,
    /// Age in seconds above which the newest depth image is stale.
    pub max_depth_age_secs: f64,
    /// Seconds of images kept.
    pub buffer_secs: f64,
    /// Bytes of images kept, each camera.
    pub buffer_bytes: usize,
    /// Window of a question about change that names none, seconds.
    pub window_secs: f64,
    /// Images picked from a window at most, each camera.
    pub max_window_views: usize,
    /// Steady time of a goal that names none.
    pub deadline: Duration,
    /// Longest deadline a goal may name.
    pub max_deadline: Duration,
    /// Cells of a goal that names no number.
    pub max_steps: u32,
    /// How the model acts in a goal that does not say.
    pub interface: Interface,
    /// How the loop goes about a question.
    pub agent: AgentSettings,
    /// What is kept of conversations.
    pub conversation: ConversationLimits,
    /// Models.
    pub model: ModelParameters,
    /// Limits of the kernel.
    pub limits: Limits,
    /// Where the kernel runs.
    pub isolation: Isolation,
    /// How long results are kept for late clients.
    pub result_timeout: Duration,
    /// How long markers stay; zero = until the next answer.
    pub markers_lifetime: Duration,
    /// Whether the debug image is drawn.
    pub debug_image: bool,
    /// Sessions on disk.
    pub record: RecordParameters,
    /// Time comes from /clock.
    pub use_sim_time: bool,
    /// Every parameter, for the parameter services.
    pub declared: Vec<Declared>,
}

/// Transforms.
#[derive(Clone, Debug, PartialEq)]
pub struct TfParameters {
    /// Seconds of transforms kept.
    pub cache_secs: f64,
    /// How long a question waits for a transform at its images' stamps.
    pub wait: Duration,
    /// Uncertainty of a lookup.
    pub sigma: PoseSigma,
}

impl Config {
    /// Checks what was written; names that are missing take their defaults.
    ///
    /// # Errors
    /// Everything that is wrong: unknown names, wrong types, values that cannot be used.
    pub fn from_parameters(given: BTreeMap<String, ParameterValue>) -> Result<Config, ConfigError> {
        let mut reader = Reader::new(given);
        let r = &mut reader;
        let cameras = camera::cameras(r);
        let fixed_frame = frame(r, "fixed_frame", "map", "Frame in which measurements are made; +z must point up.");
        let robot_frame = frame(r, "robot_frame", "base_link", "The robot's body frame (REP-105).");
        let tf = tf(r);
        let imu_topic = r.string(
            "imu.topic",
            "",
            "Topic of the IMU (sensor_msgs/Imu) that tells which way is up at rest; empty = none.",
        );
        let memory = memory(r);
        let stamp_sigma_secs = r.double(
            "stamp_sigma_secs",
            0.005,
            0.0..=1.0,
            "One standard deviation in seconds of image stamps; matters while the camera moves.",
        );
        let max_image_age_secs = r.double(
            "max_image_age_secs",
            1.0,
            0.01..=3600.0,
            "Age in seconds above which the newest image is refused as stale.",
        );
        let max_depth_age_secs = r.double(
            "max_depth_age_secs",
            1.0,
            0.01..=3600.0,
            "Age in seconds above which the newest depth image is refused as stale.",
        );
        let buffer_secs = r.double("buffer.seconds", 10.0, 0.1..=3600.0, "Seconds of images kept.");
        let buffer_megabytes = r.integer("buffer.megabytes", 256, 1..=65536, "Mebibytes of images kept, each camera.");
        let window_secs = r.double(
            "window_secs",
            5.0,
            0.1..=3600.0,
            "Seconds looked back when a question about change names no window.",
        );
        if window_secs > buffer_secs {
            let found = ParameterValue::Double(window_secs);
            r.reject("window_secs", &found, format!("at most buffer.seconds, which is {buffer_secs:?}"));
        }
        let max_window_views = r.integer(
            "max_window_views",
            16,
            2..=256,
            "Images picked from a window at most, each camera; they are spread evenly.",
        );
        let deadline_secs = r.double(
            "deadline_secs",
            30.0,
            0.1..=3600.0,
            "Seconds from acceptance to the end of a goal that names no deadline.",
        );
        let max_deadline_secs =
            r.double("max_deadline_secs", 600.0, 0.1..=86400.0, "Longest deadline in seconds that a goal may name.");
        if deadline_secs > max_deadline_secs {
            let found = ParameterValue::Double(deadline_secs);
            r.reject("deadline_secs", &found, format!("at most max_deadline_secs, which is {max_deadline_secs:?}"));
        }
        let max_steps = r.integer("max_steps", 12, 1..=1000, "Cells run for a goal that names no number.");
        let (interface, agent) = agent::agent(r);
        let conversation = conversation::limits(r);
        let model = model::models(r);
        let limits = limits(r);
        let isolation = isolation(r);
        let result_timeout_secs = r.double(
            "result_timeout_secs",
            300.0,
            1.0..=86400.0,
            "Seconds for which results are kept for clients that ask late.",
        );
        let markers_lifetime_secs = r.double(
            "markers.lifetime_secs",
            0.0,
            0.0..=86400.0,
            "Seconds for which markers stay; 0 = until the next answer.",
        );
        let debug_image =
            r.bool("debug_image", true, "Draw the evidence of each answer into the image it was measured in.");
        let record = record::read(r);
        let use_sim_time = r.bool("use_sim_time", false, "Take the time from /clock; read when the node starts.");
        let declared = reader.finish()?;
        Ok(Config {
            cameras,
            fixed_frame,
            robot_frame,
            tf,
            imu_topic,
            memory,
            stamp_sigma_secs,
            max_image_age_secs,
            max_depth_age_secs,
            buffer_secs,
            buffer_bytes: (buffer_megabytes as usize) << 20,
            window_secs,
            max_window_views: max_window_views as usize,
            deadline: Duration::from_secs_f64(deadline_secs),
            max_deadline: Duration::from_secs_f64(max_deadline_secs),
            max_steps: max_steps as u32,
            interface,
            agent,
            conversation,
            model,
            limits,
            isolation,
            result_timeout: Duration::from_secs_f64(result_timeout_secs),
            markers_lifetime: Duration::from_secs_f64(markers_lifetime_secs),
            debug_image,
            record,
            use_sim_time,
            declared,
        })
    }

    /// The settings that all cameras share, as the scene buffer knows them.
    pub fn to_scene(&self) -> SceneConfig {
        SceneConfig {
            fixed_frame: self.fixed_frame.clone(),
            robot_frame: self.robot_frame.clone(),
            tf_cache_secs: self.tf.cache_secs,
            tf_sigma: self.tf.sigma,
            stamp_sigma_secs: self.stamp_sigma_secs,
            max_image_age_secs: self.max_image_age_secs,
            max_depth_age_secs: self.max_depth_age_secs,
            buffer_secs: self.buffer_secs,
            buffer_bytes: self.buffer_bytes,
            window_secs: self.window_secs,
            max_window_views: self.max_window_views,
            memory: self.memory,
            ..SceneConfig::default()
        }
    }
}

fn frame(reader: &mut Reader, name: &str, default: &str, description: &'static str) -> FrameId {
    let frame = FrameId::new(&reader.string(name, default, description));
    if frame.is_empty() {
        reader.reject(name, &ParameterValue::String(String::new()), "the name of a coordinate frame");
    }
    frame
}

fn tf(reader: &mut Reader) -> TfParameters {
    let cache_secs = reader.double("tf.cache_secs", 10.0, 0.1..=3600.0, "Seconds of transforms kept.");
    let wait_secs = reader.double(
        "tf.wait_secs",
        0.2,
        0.0..=10.0,
        "Seconds a question waits for the transforms at its images' stamps.",
    );
    let position_m = reader.double(
        "tf.position_sigma_m",
        0.002,
        0.0..=10.0,
        "One standard deviation in metres of a transform lookup (calibration, localisation), each axis.",
    );
    let rotation_rad = reader.double(
        "tf.rotation_sigma_rad",
        0.002,
        0.0..=3.0,
        "One standard deviation in radians of a transform lookup, about each axis.",
    );
    TfParameters { cache_secs, wait: Duration::from_secs_f64(wait_secs), sigma: PoseSigma { position_m, rotation_rad } }
}

fn memory(reader: &mut Reader) -> MemoryConfig {
    let defaults = MemoryConfig::default();
    let max_objects = reader.integer(
        "memory.max_objects",
        defaults.max_objects as i64,
        1..=100_000,
        "Objects remembered between questions at most; the one seen longest ago goes first.",
    );
    let max_age_secs = reader.double(
        "memory.max_age_secs",
        defaults.max_age_secs,
        0.0..=86400.0,
        "Seconds after its last sighting at which an object is forgotten; 0 = nothing is remembered.",
    );
    let drift_m_per_sqrt_s = reader.double(
        "memory.drift_m_per_sqrt_s",
        defaults.drift_m_per_sqrt_s,
        0.0..=10.0,
        "Growth of a remembered position's standard deviation: metres per root of a second.",
    );
    MemoryConfig { max_objects: max_objects as usize, max_age_secs, drift_m_per_sqrt_s }
}

fn limits(reader: &mut Reader) -> Limits {
    let defaults = Limits::default();
    let max_operations = reader.integer(
        "kernel.max_operations",
        defaults.max_operations as i64,
        1000..=10_000_000_000,
        "Script operations in one cell.",
    );
    let max_memory_megabytes = reader.integer(
        "kernel.max_memory_megabytes",
        (defaults.max_memory_bytes >> 20) as i64,
        16..=65536,
        "Mebibytes that one goal's kernel may hold.",
    );
    let max_call_depth =
        reader.integer("kernel.max_call_depth", defaults.max_call_depth as i64, 8..=256, "Nested calls in a cell.");
    let max_cell_secs = reader.double(
        "kernel.max_cell_secs",
        defaults.max_cell_time.as_secs_f64(),
        0.1..=600.0,
        "Seconds of steady time that one cell may take.",
    );
    let max_output_kilobytes = reader.integer(
        "kernel.max_output_kilobytes",
        (defaults.max_output_bytes >> 10) as i64,
        1..=1024,
        "Kibibytes of printed output kept from one cell.",
    );
    let max_pictures =
        reader.integer("kernel.max_pictures", defaults.max_pictures as i64, 0..=64, "Pictures shown by one cell.");
    let max_tool_calls = reader.integer(
        "kernel.max_tool_calls",
        i64::from(defaults.max_tool_calls),
        1..=100_000,
        "Tool calls over one goal.",
    );
    let min_object_pixels = reader.integer(
        "kernel.min_object_pixels",
        defaults.min_object_pixels as i64,
        1..=1_000_000,
        "Pixels with depth that an object needs to be measured.",
    );
    Limits {
        max_operations: max_operations as u64,
        max_memory_bytes: (max_memory_megabytes as usize) << 20,
        max_call_depth: max_call_depth as usize,
        max_cell_time: Duration::from_secs_f64(max_cell_secs),
        max_output_bytes: (max_output_kilobytes as usize) << 10,
        max_pictures: max_pictures as usize,
        max_tool_calls: max_tool_calls as u32,
        min_object_pixels: min_object_pixels as usize,
    }
}

/// Where kernels run. A process is looked for now, so that a node that could not answer does not start.
fn isolation(reader: &mut Reader) -> Isolation {
    const MIN_MEGABYTES: i64 = 2048;
    let is_process = reader.one_of(
        "kernel.isolation",
        &["thread", "process"],
        "Where a goal's scripts run; process adds a wall by the operating system and a few milliseconds a goal.",
    ) == 1;
    let megabytes = reader.integer(
        "kernel.max_address_space_megabytes",
        0,
        0..=1 << 20,
        "Mebibytes of address space of a kernel's process; 0 = as kernel.max_memory_megabytes and the images need.",
    );
    if (1..MIN_MEGABYTES).contains(&megabytes) {
        let found = ParameterValue::Integer(megabytes);
        let expected = format!("0, or at least {MIN_MEGABYTES}: a kernel reserves 1024 for its stack alone");
        reader.reject("kernel.max_address_space_megabytes", &found, expected);
    }
    if !is_process {
        return Isolation::Thread;
    }
    let address_space_bytes = (megabytes > 0).then_some((megabytes as u64) << 20);
    match ProcessOptions::beside_executable() {
        Ok(options) => Isolation::Process(ProcessOptions { address_space_bytes, ..options }),
        Err(error) => {
            reader.reject("kernel.isolation", &ParameterValue::String("process".to_owned()), error.to_string());
            Isolation::Thread
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, ParameterValue)]) -> Result<Config, ConfigError> {
        Config::from_parameters(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn text(value: &str) -> ParameterValue {
        ParameterValue::String(value.to_owned())
    }

    fn texts(values: &[&str]) -> ParameterValue {
        ParameterValue::StringArray(values.iter().map(|value| (*value).to_owned()).collect())
    }

    fn refusal(given: &[(&str, ParameterValue)]) -> String {
        read(given).unwrap_err().to_string()
    }

    /// `a.b` → value text, read from the mappings of our own file: two spaces a level, comments after `#`.
    fn parameters_in_file() -> BTreeMap<String, String> {
        let file = include_str!("../../config/spatialclaw.yaml");
        let mut path: Vec<(usize, String)> = Vec::new();
        let mut found = BTreeMap::new();
        for line in file.lines() {
            let body = line.split('#').next().unwrap().trim_end();
            let Some((key, value)) = body.split_once(':') else { continue };
            let indent = key.len() - key.trim_start().len();
            path.retain(|(level, _)| *level < indent);
            path.push((indent, key.trim().to_owned()));
            if !value.trim().is_empty() {
                let name: Vec<&str> = path.iter().skip(2).map(|(_, key)| key.as_str()).collect();
                found.insert(name.join("."), value.trim().trim_matches('"').to_owned());
            }
        }
        found
    }

    #[test]
    fn the_file_lists_every_parameter_with_its_default() {
        let declared: BTreeMap<String, String> = read(&[])
            .unwrap()
            .declared
            .into_iter()
            .filter(|declared| !["camera.labels", "agent.prompt.exclude"].contains(&declared.name.as_str()))
            .map(|declared| {
                let value = match &declared.value {
                    ParameterValue::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (declared.name, value)
            })
            .collect();
        assert_eq!(declared, parameters_in_file());
    }

    #[test]
    fn defaults_fit_their_own_ranges_and_have_descriptions() {
        let config = read(&[]).unwrap();
        assert_eq!(config.cameras.len(), 1);
        assert_eq!(config.cameras[0].image_topic, "camera/image");
        assert_eq!(config.fixed_frame, FrameId::new("map"));
        assert_eq!(config.buffer_bytes, 256 << 20);
        assert_eq!(config.deadline, Duration::from_secs(30));
        assert!(config.declared.iter().all(|declared| declared.description.ends_with('.')));
    }

    #[test]
    fn each_camera_has_its_own_parameters() {
        let config = read(&[
            ("cameras", texts(&["front", "wrist"])),
            ("front.image_topic", text("/front/rgb/image_rect_color")),
            ("wrist.depth_max_m", ParameterValue::Double(1.5)),
            ("wrist.depth_topic", text("")),
            ("wrist.labels", texts(&["5:mug", "7: coffee table "])),
        ])
        .unwrap();
        let [front, wrist] = config.cameras.as_slice() else { panic!("{:?}", config.cameras) };
        assert_eq!(front.image_topic, "/front/rgb/image_rect_color");
        assert_eq!(front.depth_topic, "front/depth");
        assert_eq!((front.fixed_label_names.as_ref(), wrist.depth_topic.as_str()), (None, ""));
        assert_eq!(wrist.depth_range_m, (0.2, 1.5));
        let names = wrist.fixed_label_names.clone().unwrap();
        assert_eq!(names.by_id, BTreeMap::from([(5, ("mug".to_owned(), 1.0)), (7, ("coffee table".to_owned(), 1.0))]));
    }

    #[test]
    fn a_parameter_of_a_camera_that_is_not_listed_is_unknown() {
        assert_eq!(
            refusal(&[("camra.depth_max_m", ParameterValue::Double(1.0))]),
            "parameter \"camra.depth_max_m\" is unknown; nearest known: \"camera.depth_max_m\", \"camera.depth_min_m\", \
             \"camera.depth_topic\""
        );
    }

    #[test]
    fn unusable_values_are_refused_with_name_found_and_expected() {
        let check = |name: &str, value: ParameterValue, expected: &str| {
            assert_eq!(
                refusal(&[(name, value.clone())]),
                format!("parameter \"{name}\" is {value}, expected {expected}")
            );
        };
        check("cameras", texts(&[]), "at least one camera");
        check("cameras", texts(&["a", "a"]), "each name once, \"a\" stands there twice");
        check("cameras", texts(&["2a"]), "names of letters, digits and \"_\" that start with a letter");
        check("fixed_frame", text(""), "the name of a coordinate frame");
        check("window_secs", ParameterValue::Double(11.0), "at most buffer.seconds, which is 10.0");
        check("camera.image_topic", text("front image"), "a ROS topic name such as \"/front/image\"");
        check("camera.depth_topic", text("/"), "a ROS topic name such as \"/front/depth\", or \"\" for none");
        check("camera.depth_max_m", ParameterValue::Double(0.1), "more than depth_min_m, which is 0.2");
        let program = std::env::current_exe().unwrap().with_file_name("spatialclaw_kernel");
        let expected = format!("thread, because {} is missing; install it there for process", program.display());
        check("kernel.isolation", text("process"), &expected);
        let expected = "0, or at least 2048: a kernel reserves 1024 for its stack alone";
        check("kernel.max_address_space_megabytes", ParameterValue::Integer(100), expected);
        check("camera.qos", text("best"), "one of [\"sensor_data\", \"reliable\"]");
        assert_eq!(
            refusal(&[("camera.labels", texts(&["mug"]))]),
            "parameter \"camera.labels\" is \"mug\", expected \"<value>:<name>\" with a value from 1 to 4294967295 that \
             stands there once"
        );
    }
}
