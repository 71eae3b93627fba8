//! A service over a recording: what a robot saw is played into the same buffers that a running robot fills, and questions are asked of
//! the moment that was chosen.

mod frames;
mod level;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use thiserror::Error;

use self::{
    frames::Frames,
    level::{Level, Up},
};
use super::{App, ModelsError, RosClock, When};
use crate::{
    bag::{BagError, ImageKind, Item, Outline, Source, SourceCamera, Span, cameras::base},
    config::{Config, ConfigError, ParameterValue},
    scene::{self, CameraConfig, FrameId, InputProblem, SnapshotRequest, Stamp, StampedTransform},
};

/// Seconds of images before the moment asked about that are played.
const KEPT_SECS: f64 = 10.0;
/// Seconds after it: transforms are interpolated, and the nearest image may lie behind it.
const AHEAD_SECS: f64 = 1.0;
/// Problems with messages that are told one by one.
const MAX_TOLD: usize = 5;

/// The moment that is asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// The last images.
    End,
    /// So many seconds after the first image.
    SinceStart(f64),
    /// A time as it stands in the stamps.
    Stamp(Stamp),
}

/// How a recording is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSettings {
    /// Cameras to use; empty = all that can be measured in.
    pub cameras: Vec<String>,
    /// The moment asked about.
    pub moment: Moment,
    /// The seconds before it, for questions about change.
    pub window: Option<Duration>,
    /// Frame in which is measured; `None` = found in the transforms.
    pub fixed_frame: Option<FrameId>,
    /// The robot's body; `None` = found in the transforms.
    pub robot_frame: Option<FrameId>,
    /// Upward direction in the camera (x right, y down, z forward), where transforms do not tell.
    pub up_in_camera: Option<[f64; 3]>,
    /// Parameters of the node, over everything else.
    pub parameters: BTreeMap<String, ParameterValue>,
}

impl Default for SourceSettings {
    fn default() -> SourceSettings {
        SourceSettings {
            cameras: Vec::new(),
            moment: Moment::End,
            window: None,
            fixed_frame: None,
            robot_frame: None,
            up_in_camera: None,
            parameters: BTreeMap::new(),
        }
    }
}

/// Why a recording cannot be asked.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// A parameter cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model cannot be used.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// A camera is asked for that is not there.
    #[error("camera {found:?} is not in the recording, expected one of {known:?}")]
    Camera {
        /// As asked for.
        found: String,
        /// There are.
        known: Vec<String>,
    },
    /// The moment lies outside.
    #[error("{found} is asked about, the images span {} to {} s", span.from, span.to)]
    Outside {
        /// As asked for.
        found: String,
        /// Of all chosen cameras.
        span: Span,
    },
}

/// A service that has seen the recording.
pub struct Prepared {
    /// To be asked.
    pub app: Arc<App>,
    /// The moment, for [`super::Question::when`].
    pub when: When,
    /// What was taken to be what and what is missing, for the user.
    pub notes: Vec<String>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("when", &self.when).field("notes", &self.notes).finish_non_exhaustive()
    }
}

/// Plays a recording into a service that `make` makes of the configuration, mostly [`App::new`].
///
/// # Errors
/// [`SourceError`].
pub fn prepare(
    source: &mut dyn Source,
    settings: &SourceSettings,
    make: impl Fn(Config, Vec<CameraConfig>, RosClock) -> Result<App, ModelsError>,
) -> Result<Prepared, SourceError> {
    let outline = source.outline().clone();
    let mut notes = outline.notes.clone();
    let cameras = chosen(&outline, settings, &mut notes)?;
    if cameras.iter().all(|camera| camera.topics.labels.is_empty()) {
        notes.push(
            "no label images: the offline brain finds nothing by name, a model that looks can (--model)".to_owned(),
        );
    }
    let times = Times::new(&cameras, settings)?;
    let frames = Frames::find(&outline, &cameras, settings);
    notes.push(frames.to_string());
    let mut playing = Playing { source, outline: &outline, cameras, times, frames, settings, notes };
    let (app, up) = playing.play(&make, level::PLANE_SIGMA_RAD)?;
    // Where up is hardly known, every height must say so.
    let (app, _) = if up == Some(Up::Assumed) { playing.play(&make, level::ASSUMED_SIGMA_RAD)? } else { (app, up) };
    Ok(Prepared { app, when: times.when, notes: playing.notes })
}

/// Those asked for, or all that can be measured in as well as the best.
fn chosen<'a>(
    outline: &'a Outline,
    settings: &SourceSettings,
    notes: &mut Vec<String>,
) -> Result<Vec<&'a SourceCamera>, SourceError> {
    let all = &outline.cameras;
    if !settings.cameras.is_empty() {
        let of_name = |name: &String| {
            all.iter().find(|camera| camera.name == *name).ok_or_else(|| SourceError::Camera {
                found: name.clone(),
                known: all.iter().map(|camera| camera.name.clone()).collect(),
            })
        };
        return settings.cameras.iter().map(of_name).collect();
    }
    let rank = |camera: &SourceCamera| (!camera.topics.depth.is_empty(), !camera.topics.camera_info.is_empty());
    let best = all.iter().map(rank).max().unwrap_or_default();
    let (used, left_out): (Vec<_>, Vec<_>) = all.iter().partition(|camera| rank(camera) == best);
    notes.extend(left_out.iter().map(|camera| {
        format!("camera \"{}\" is left out: it lacks depth or calibration; name it to use it", camera.name)
    }));
    Ok(used)
}

/// What is played, and what is asked about.
#[derive(Clone, Copy)]
struct Times {
    now: Stamp,
    images: Span,
    played: Span,
    kept_secs: f64,
    when: When,
    asked: Stamp,
}

impl Times {
    fn new(cameras: &[&SourceCamera], settings: &SourceSettings) -> Result<Times, SourceError> {
        let oldest = cameras.iter().map(|camera| camera.span.from).min().unwrap_or_default();
        let newest = cameras.iter().map(|camera| camera.span.to).max().unwrap_or_default();
        let (asked, found) = match settings.moment {
            Moment::End => (newest, String::new()),
            Moment::SinceStart(secs) => (oldest.plus_secs(secs), format!("{secs} s after the first image")),
            Moment::Stamp(stamp) => (stamp, format!("{stamp} s")),
        };
        if asked < oldest || asked > newest {
            return Err(SourceError::Outside { found, span: Span { from: oldest, to: newest } });
        }
        let window_secs = settings.window.map_or(0.0, |window| window.as_secs_f64());
        let kept_secs = KEPT_SECS.max(window_secs);
        let is_end = settings.moment == Moment::End;
        let when = match settings.window {
            Some(window) => When::Last(Some(window)),
            None if is_end => When::Now,
            None => When::At(asked),
        };
        // A window ends at the moment asked about, so nothing after it may be seen.
        let is_at = matches!(when, When::At(_));
        let images_to = if is_at { asked.plus_secs(AHEAD_SECS) } else { asked };
        // Only what can be picked: a buffer that is full would be thinned.
        let images_from = asked.plus_secs(if is_at { -AHEAD_SECS } else { -kept_secs });
        Ok(Times {
            now: images_to,
            images: Span { from: images_from, to: images_to },
            played: Span { from: asked.plus_secs(-kept_secs - AHEAD_SECS), to: asked.plus_secs(AHEAD_SECS) },
            kept_secs,
            when,
            asked,
        })
    }

    fn is_seen(&self, item: &Item) -> bool {
        match item {
            Item::Image(_, _, header, _) => self.images.contains(header.stamp),
            _ => true,
        }
    }

    fn request(&self) -> SnapshotRequest {
        let when = match self.when {
            When::Now => scene::When::Now,
            When::At(stamp) => scene::When::At(stamp),
            When::Last(window) => scene::When::Last(window.unwrap_or_default().as_secs_f64()),
        };
        SnapshotRequest { when, cameras: Vec::new() }
    }
}

struct Playing<'a> {
    source: &'a mut dyn Source,
    outline: &'a Outline,
    cameras: Vec<&'a SourceCamera>,
    times: Times,
    frames: Frames,
    settings: &'a SourceSettings,
    notes: Vec<String>,
}

impl Playing<'_> {
    fn play(
        &mut self,
        make: impl Fn(Config, Vec<CameraConfig>, RosClock) -> Result<App, ModelsError>,
        tilt_sigma_rad: f64,
    ) -> Result<(Arc<App>, Option<Up>), SourceError> {
        let config = Config::from_parameters(self.parameters(tilt_sigma_rad))?;
        let cameras = config.cameras.iter().map(|camera| camera.to_scene(str::to_owned)).collect();
        let now = self.times.now;
        let app = Arc::new(make(config, cameras, Arc::new(move || now))?);
        let (mut n_problems, mut problems) = (0_u64, Vec::new());
        let (times, known) = (self.times, &self.cameras);
        self.source.play(times.played, &mut |item| {
            let is_known = camera_of(&item).is_none_or(|name| known.iter().any(|camera| camera.name == name));
            if !is_known || !times.is_seen(&item) {
                return;
            }
            for problem in feed(&app, item) {
                n_problems += 1;
                if problems.len() < MAX_TOLD && !problems.contains(&problem.message) {
                    problems.push(problem.message);
                }
            }
        })?;
        let notes = &mut self.notes;
        notes.extend(problems);
        if n_problems > 0 {
            notes.push(format!("{n_problems} messages could not be used"));
        }
        let mut up = None;
        let mut added = self.frames.static_transforms(self.times.asked);
        if let Some(anchor) = &self.frames.level_on {
            let snapshot = app.scene().snapshot(&self.times.request(), now);
            // Without images the question is refused with the reason.
            if let Ok(snapshot) = snapshot
                && let Some(level) =
                    Level::find(&snapshot, anchor, self.settings.up_in_camera.or(self.outline.up_in_camera))
            {
                notes.push(level.note.clone());
                added.extend(level.transforms(anchor, &self.frames.robot, self.frames.is_robot_added));
                up = Some(level.up);
            }
        }
        notes.extend(app.push_transforms(&added, true).into_iter().map(|problem| problem.message));
        Ok((app, up))
    }

    fn parameters(&self, tilt_sigma_rad: f64) -> BTreeMap<String, ParameterValue> {
        let text = |text: &str| ParameterValue::String(text.to_owned());
        let names = self.cameras.iter().map(|camera| camera.name.clone()).collect();
        let mut all = BTreeMap::from([
            ("cameras".to_owned(), ParameterValue::StringArray(names)),
            ("fixed_frame".to_owned(), text(self.frames.fixed.as_str())),
            ("robot_frame".to_owned(), text(self.frames.robot.as_str())),
            ("tf.wait_secs".to_owned(), ParameterValue::Double(0.0)),
            ("tf.cache_secs".to_owned(), ParameterValue::Double(self.times.kept_secs + 2.0 * AHEAD_SECS)),
            ("buffer.seconds".to_owned(), ParameterValue::Double(self.times.kept_secs)),
        ]);
        if self.outline.has_imu {
            all.insert("imu.topic".to_owned(), text("imu"));
        }
        if self.frames.level_on.is_some() {
            all.insert("tf.rotation_sigma_rad".to_owned(), ParameterValue::Double(tilt_sigma_rad));
        }
        for SourceCamera { name, topics, .. } in &self.cameras {
            // Without a calibration the topic still has a name, so that the refusal can say it.
            let info = if topics.camera_info.is_empty() { "camera_info" } else { &topics.camera_info };
            for (field, topic) in [
                ("image_topic", base(&topics.image)),
                ("depth_topic", base(&topics.depth)),
                ("labels_topic", &topics.labels),
                ("label_names_topic", &topics.label_names),
                ("camera_info_topic", info),
            ] {
                all.insert(format!("{name}.{field}"), text(topic));
            }
        }
        all.extend(self.settings.parameters.clone());
        all
    }
}

fn camera_of(item: &Item) -> Option<&str> {
    match item {
        Item::Image(camera, ..) | Item::CameraInfo(camera, ..) | Item::LabelNames(camera, _) => Some(camera),
        Item::Transforms(..) | Item::Imu(_) => None,
    }
}

/// What could not be used comes back.
fn feed(app: &App, item: Item) -> Vec<InputProblem> {
    let problem = match item {
        Item::Image(camera, ImageKind::Color, header, image) => app.push_color(&camera, header, image),
        Item::Image(camera, ImageKind::Depth, header, image) => app.push_depth(&camera, header, image),
        Item::Image(camera, ImageKind::Labels, header, image) => app.push_labels(&camera, header, image),
        Item::CameraInfo(camera, header, info) => app.push_camera_info(&camera, header, info),
        Item::LabelNames(camera, names) => app.set_label_names(&camera, names),
        Item::Imu(sample) => app.push_imu(sample),
        Item::Transforms(transforms, is_static) => return app.push_transforms(&transforms, is_static),
    };
    problem.err().into_iter().collect()
}

fn fixed_transform(
    parent: &FrameId,
    child: &FrameId,
    stamp: Stamp,
    parent_from_child: &nalgebra::Isometry3<f64>,
) -> StampedTransform {
    let turn = parent_from_child.rotation;
    StampedTransform {
        parent: parent.clone(),
        child: child.clone(),
        stamp,
        translation_m: parent_from_child.translation.vector.into(),
        rotation_xyzw: [turn.i, turn.j, turn.k, turn.w],
    }
}
