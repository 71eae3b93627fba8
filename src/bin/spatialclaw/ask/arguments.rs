//! The command line of `spatialclaw ask`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lexopt::Arg;
use spatialclaw::{
    answer::AnswerKind,
    app::{
        Question,
        source::{Moment, Prepared, SourceSettings},
    },
    bag::{CameraTopics, pictures::PictureSettings},
    config::ParameterValue,
    llm::presets::PRESET_NAMES,
    scene::{FrameId, Stamp},
};

use crate::Failure;

const DEADLINE: Duration = Duration::from_secs(120);
/// A record that was asked for by name never makes others go.
const KEEP_ALL: i64 = 100_000;
const KEEP_ALL_MEGABYTES: i64 = 10_000_000;

/// What the user asked for.
pub struct Arguments {
    pub source: PathBuf,
    pub topics: BTreeMap<String, CameraTopics>,
    pub pictures: PictureSettings,
    pub settings: SourceSettings,
    pub deadline: Duration,
    pub record: Option<PathBuf>,
    pub is_json: bool,
    session_id: String,
    text: String,
    choices: Vec<String>,
    target_frame: FrameId,
    max_steps: Option<u32>,
    interface: String,
}

#[derive(Default)]
struct Given {
    places: Vec<OsString>,
    topics: CameraTopics,
    model: Option<String>,
    endpoint: Option<String>,
    key_env: Option<String>,
}

impl Arguments {
    pub fn parse(args: Vec<OsString>) -> Result<Arguments, Failure> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut all = Arguments {
            source: PathBuf::new(),
            topics: BTreeMap::new(),
            pictures: PictureSettings::default(),
            settings: SourceSettings::default(),
            deadline: DEADLINE,
            record: None,
            is_json: false,
            session_id: format!("ask-{}", since_1970.as_millis()),
            text: String::new(),
            choices: Vec::new(),
            target_frame: FrameId::new(""),
            max_steps: None,
            interface: String::new(),
        };
        let mut given = Given::default();
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            let name = match arg {
                Arg::Value(value) => {
                    given.places.push(value);
                    continue;
                }
                Arg::Long("json") => {
                    all.is_json = true;
                    continue;
                }
                Arg::Long(name) => name.to_owned(),
                other => return Err(other.unexpected().into()),
            };
            if !all.takes(&name, &mut given, &mut parser)? {
                return Err(Failure::Usage(format!("there is no option --{name}")));
            }
        }
        all.finish(given)
    }

    /// Whether there is such an option; it is read.
    fn takes(&mut self, name: &str, given: &mut Given, parser: &mut lexopt::Parser) -> Result<bool, Failure> {
        let settings = &mut self.settings;
        let mut value = || parser.value().map(|value| value.to_string_lossy().into_owned());
        match name {
            "at" => settings.moment = moment(&value()?)?,
            "last" => settings.window = Some(duration(name, &value()?)?),
            "camera" => settings.cameras.push(value()?),
            "image-topic" => given.topics.image = value()?,
            "depth-topic" => given.topics.depth = value()?,
            "info-topic" => given.topics.camera_info = value()?,
            "labels-topic" => given.topics.labels = value()?,
            "label-names-topic" => given.topics.label_names = value()?,
            "only" => self.pictures.only = Some(value()?),
            "intrinsics" => self.pictures.intrinsics_px = Some(numbers(name, &value()?)?),
            "label" => {
                let text = value()?;
                let found = text.split_once('=').and_then(|(id, name)| Some((id.parse().ok()?, name.trim())));
                let (id, label) =
                    found.filter(|(_, name)| !name.is_empty()).ok_or_else(|| wrong(name, &text, "ID=NAME"))?;
                self.pictures.label_names.insert(id, label.to_owned());
            }
            "depth-scale" => self.pictures.depth_scale = Some(positive(name, &value()?)?),
            "up" => settings.up_in_camera = Some(numbers(name, &value()?)?),
            "frame" => self.target_frame = FrameId::new(&value()?),
            "fixed-frame" => settings.fixed_frame = Some(FrameId::new(&value()?)),
            "robot-frame" => settings.robot_frame = Some(FrameId::new(&value()?)),
            "model" => given.model = Some(value()?),
            "endpoint" => given.endpoint = Some(value()?),
            "key-env" => given.key_env = Some(value()?),
            "interface" => self.interface = value()?,
            "choice" => self.choices.push(value()?),
            "deadline" => self.deadline = duration(name, &value()?)?,
            "max-steps" => {
                let text = value()?;
                let steps = text.parse().map_err(|_| wrong(name, &text, "a whole number"))?;
                self.max_steps = Some(steps);
            }
            "set" => {
                let text = value()?;
                let (name, value) = text.split_once('=').ok_or_else(|| wrong("set", &text, "NAME=VALUE"))?;
                settings.parameters.insert(name.to_owned(), parameter(value));
            }
            "record" => self.record = Some(PathBuf::from(value()?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(mut self, given: Given) -> Result<Arguments, Failure> {
        let [source, question] = <[OsString; 2]>::try_from(given.places).map_err(|places| {
            Failure::Usage(format!("{} arguments are given, expected SOURCE and QUESTION", places.len()))
        })?;
        self.source = source.into();
        self.text = question.to_string_lossy().into_owned();
        if given.topics != CameraTopics::default() {
            let name = self.settings.cameras.first().cloned().unwrap_or_else(|| "camera".to_owned());
            self.topics.insert(name, given.topics);
        }
        self.set_model(given.model.as_deref(), given.endpoint, given.key_env)?;
        if let Some(record) = self.record.clone() {
            self.set_record(&record)?;
        }
        Ok(self)
    }

    fn set(&mut self, name: &str, value: ParameterValue) {
        // What was set by name stands.
        self.settings.parameters.entry(name.to_owned()).or_insert(value);
    }

    fn set_model(
        &mut self,
        model: Option<&str>,
        endpoint: Option<String>,
        key_env: Option<String>,
    ) -> Result<(), Failure> {
        let text = |text: &str| ParameterValue::String(text.to_owned());
        let model = model.filter(|model| *model != "offline");
        let Some(endpoint) = endpoint else {
            return match model {
                None if key_env.is_none() => Ok(()),
                _ => Err(Failure::Usage("a model needs its server: --endpoint http://127.0.0.1:8000/v1".to_owned())),
            };
        };
        self.set("model.base_url", text(&endpoint));
        if let Some(model) = model {
            let (preset, name) = match model.split_once('/') {
                Some((preset, name)) if PRESET_NAMES.contains(&preset) => (preset, name),
                None if PRESET_NAMES.contains(&model) => (model, ""),
                _ => ("generic", model),
            };
            self.set("model.preset", text(preset));
            self.set("model.name", text(name));
        }
        if let Some(variable) = key_env {
            self.set("model.api_key_env", text(&variable));
        }
        Ok(())
    }

    fn set_record(&mut self, record: &Path) -> Result<(), Failure> {
        let stem = record.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if record.extension().is_none_or(|extension| extension != "mcap") || !stem.chars().all(is_plain) {
            let expected = "a name of letters, digits, - and _ that ends in .mcap";
            return Err(wrong("record", &record.to_string_lossy(), expected));
        }
        let dir = record.parent().map(|dir| dir.to_string_lossy().into_owned()).filter(|dir| !dir.is_empty());
        self.session_id = stem;
        self.set("record.dir", ParameterValue::String(dir.unwrap_or_else(|| ".".to_owned())));
        self.set("record.max_files", ParameterValue::Integer(KEEP_ALL));
        self.set("record.max_megabytes", ParameterValue::Integer(KEEP_ALL_MEGABYTES));
        Ok(())
    }

    /// The question as a client would ask it.
    pub fn question(&self, prepared: &Prepared) -> Question {
        Question {
            session_id: self.session_id.clone(),
            text: self.text.clone(),
            choices: self.choices.clone(),
            answer_kind: AnswerKind::Any,
            target_frame: self.target_frame.clone(),
            when: prepared.when,
            cameras: Vec::new(),
            deadline: Some(self.deadline),
            max_steps: self.max_steps,
            interface: self.interface.clone(),
            model: String::new(),
            conversation_id: String::new(),
            record: self.record.is_some(),
        }
    }
}

fn wrong(option: &str, found: &str, expected: &str) -> Failure {
    Failure::Usage(format!("--{option} is {found:?}, expected {expected}"))
}

fn number(option: &str, text: &str) -> Result<f64, Failure> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| wrong(option, text, "a number"))
}

fn positive(option: &str, text: &str) -> Result<f64, Failure> {
    let number = number(option, text)?;
    if number > 0.0 { Ok(number) } else { Err(wrong(option, text, "more than 0")) }
}

fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(positive(option, text)?).map_err(|_| wrong(option, text, "seconds"))
}

fn numbers<const N: usize>(option: &str, text: &str) -> Result<[f64; N], Failure> {
    let numbers = text.split(',').map(|part| number(option, part)).collect::<Result<Vec<f64>, Failure>>()?;
    numbers.try_into().map_err(|_| wrong(option, text, &format!("{N} numbers with commas between them")))
}

fn moment(text: &str) -> Result<Moment, Failure> {
    let Some(stamp) = text.strip_prefix('@') else { return Ok(Moment::SinceStart(number("at", text)?)) };
    // Seconds and their fraction are read apart: a float cannot hold the nanoseconds of a time since 1970.
    let (secs, fraction) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let nanos = || {
        let fraction = format!("{fraction:0<9}");
        let fraction: i64 = fraction.get(..9)?.parse().ok()?;
        secs.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)
    };
    nanos()
        .map(|nanos| Moment::Stamp(Stamp { nanos }))
        .ok_or_else(|| wrong("at", text, "@SECS, such as @1700000000.25"))
}

/// As a parameter file would have it: `true`, `3`, `0.5`, `["a", "b"]`, or text.
fn parameter(text: &str) -> ParameterValue {
    if let Ok(value) = text.parse() {
        return ParameterValue::Bool(value);
    }
    if let Ok(value) = text.parse() {
        return ParameterValue::Integer(value);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => return ParameterValue::Double(value),
        _ => {}
    }
    match serde_json::from_str(text) {
        Ok(list) => ParameterValue::StringArray(list),
        Err(_) => ParameterValue::String(text.to_owned()),
    }
}
