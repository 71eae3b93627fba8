//! Lookups in a frozen transform tree.

use std::{collections::BTreeMap, sync::Arc};

use nalgebra::Isometry3;

use super::{
    FrameId, Stamp, StampedTransform, TfError,
    name_distance::nearest_names,
    tf_buffer::all_frames,
    tf_link::{Link, Sample},
};

/// Longest chain of parents that is followed (tf2's `MAX_GRAPH_DEPTH`); more is a loop.
const MAX_DEPTH: usize = 1000;
/// Half the span of the finite differences that give speed and turn rate, seconds.
const DIFFERENCE_SECS: f64 = 0.025;
const MAX_NEAREST: usize = 3;

fn stamped(child: &FrameId, sample: &Sample) -> StampedTransform {
    let (translation, turn) = (sample.parent_from_child.translation.vector, sample.parent_from_child.rotation.coords);
    StampedTransform {
        parent: sample.parent.clone(),
        child: child.clone(),
        stamp: sample.stamp,
        translation_m: translation.into(),
        rotation_xyzw: turn.into(),
    }
}

/// All transforms of one moment, immutable.
#[derive(Clone, Debug, Default)]
pub struct TransformSet {
    pub(super) links: Arc<BTreeMap<FrameId, Arc<Link>>>,
}

/// A transform looked up, with what its uncertainty depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct LookedUp {
    /// Maps source coordinates into the target.
    pub target_from_source: Isometry3<f64>,
    /// Largest gap between the samples that were interpolated, seconds; 0 when all were static or exact.
    pub gap_secs: f64,
    /// Linear speed of the source in the target around that time, m/s; 0 when only one sample is known.
    pub speed_m_per_s: f64,
    /// Angular speed, rad/s; 0 when only one sample is known.
    pub turn_rate_rad_per_s: f64,
}

impl TransformSet {
    /// Every sample as it was received, and whether it holds at all times; by child, then by stamp.
    pub fn samples(&self) -> impl Iterator<Item = (StampedTransform, bool)> + '_ {
        self.links.iter().flat_map(|(child, link)| {
            let (samples, is_static): (Box<dyn Iterator<Item = &Sample>>, bool) = match &**link {
                Link::Static(sample) => (Box::new(std::iter::once(sample)), true),
                Link::Timed(samples) => (Box::new(samples.iter()), false),
            };
            samples.map(move |sample| (stamped(child, sample), is_static))
        })
    }

    /// `target_from_source` at `at`. Interpolates between samples (linear and slerp); never extrapolates.
    ///
    /// # Errors
    /// See [`TfError`].
    pub fn lookup(&self, target: &FrameId, source: &FrameId, at: Stamp) -> Result<LookedUp, TfError> {
        self.check_known(target)?;
        self.check_known(source)?;
        let path = self.path(target, source, at)?;
        let mut looked_up = LookedUp {
            target_from_source: path.target_from_source,
            gap_secs: path.gap_secs,
            speed_m_per_s: 0.0,
            turn_rate_rad_per_s: 0.0,
        };
        if path.is_static {
            return Ok(looked_up);
        }
        let beside = |secs: f64| {
            let beside = at.plus_secs(secs);
            self.path(target, source, beside)
                .map_or((at, path.target_from_source), |path| (beside, path.target_from_source))
        };
        let (earlier, target_from_earlier) = beside(-DIFFERENCE_SECS);
        let (later, target_from_later) = beside(DIFFERENCE_SECS);
        let span_secs = later.secs_since(earlier);
        if span_secs > 0.0 {
            let moved_m = target_from_later.translation.vector - target_from_earlier.translation.vector;
            looked_up.speed_m_per_s = moved_m.norm() / span_secs;
            looked_up.turn_rate_rad_per_s =
                target_from_earlier.rotation.angle_to(&target_from_later.rotation) / span_secs;
        }
        Ok(looked_up)
    }

    /// The oldest and newest time at which every link between two frames is known, by the newest parents; `None` when all of them hold
    /// at all times. The first may be later than the second: then there is no such time.
    ///
    /// # Errors
    /// [`TfError::UnknownFrame`], [`TfError::Disconnected`].
    pub fn range(&self, target: &FrameId, source: &FrameId) -> Result<Option<(Stamp, Stamp)>, TfError> {
        self.check_known(target)?;
        self.check_known(source)?;
        let (above_target, above_source) = (self.newest_ancestors(target), self.newest_ancestors(source));
        let Some(meeting) = above_target.iter().find(|frame| above_source.contains(frame)) else {
            return Err(TfError::Disconnected {
                target: target.clone(),
                source_frame: source.clone(),
                target_root: above_target.last().copied().unwrap_or(target).clone(),
                source_root: above_source.last().copied().unwrap_or(source).clone(),
            });
        };
        let below = |chain: &[&'_ FrameId]| -> Vec<FrameId> {
            chain.iter().take_while(|frame| *frame != meeting).map(|frame| (*frame).clone()).collect()
        };
        let frames = below(&above_target).into_iter().chain(below(&above_source));
        let spans = frames.filter_map(|frame| self.links.get(&frame)?.span());
        Ok(spans.fold(None, |range: Option<(Stamp, Stamp)>, (oldest, newest)| match range {
            None => Some((oldest, newest)),
            Some((from, to)) => Some((from.max(oldest), to.min(newest))),
        }))
    }

    /// Every frame in the tree, sorted.
    pub fn frames(&self) -> Vec<FrameId> {
        all_frames(&self.links)
    }

    /// Whether [`TransformSet::lookup`] would succeed, without the work for speeds.
    pub fn is_known_at(&self, target: &FrameId, source: &FrameId, at: Stamp) -> bool {
        self.check_known(target).and_then(|()| self.check_known(source)).is_ok()
            && self.path(target, source, at).is_ok()
    }

    fn path(&self, target: &FrameId, source: &FrameId, at: Stamp) -> Result<Path, TfError> {
        let from_source = self.ascent(source, at, |_| false)?;
        let from_target = self.ascent(target, at, |frame| from_source.steps.iter().any(|step| step.frame == frame))?;
        let common = from_target.steps.last().and_then(|top| {
            let meeting = from_source.steps.iter().find(|step| step.frame == top.frame)?;
            Some((top, meeting))
        });
        let Some((top, meeting)) = common else {
            return Err(self.missing_link(target, source, from_target, from_source));
        };
        Ok(Path {
            target_from_source: top.frame_from_start.inverse() * meeting.frame_from_start,
            gap_secs: top.gap_secs.max(meeting.gap_secs),
            is_static: top.is_static && meeting.is_static,
        })
    }

    /// Why two chains never met: the one that broke off below where their newest parents meet, or no such place.
    fn missing_link(&self, target: &FrameId, source: &FrameId, from_target: Ascent, from_source: Ascent) -> TfError {
        let (above_target, above_source) = (self.newest_ancestors(target), self.newest_ancestors(source));
        let is_connected = above_target.iter().any(|frame| above_source.contains(frame));
        let is_needed = |ascent: &Ascent| {
            let last = ascent.steps.last().map(|step| step.frame);
            last.is_some_and(|frame| !(above_target.contains(&frame) && above_source.contains(&frame)))
        };
        let needed =
            [&from_target, &from_source].into_iter().find(|ascent| ascent.broken.is_some() && is_needed(ascent));
        let broken = needed.and_then(|ascent| ascent.broken.clone()).or(from_target.broken).or(from_source.broken);
        match broken {
            Some(error) if is_connected => error,
            _ => TfError::Disconnected {
                target: target.clone(),
                source_frame: source.clone(),
                target_root: above_target.last().copied().unwrap_or(target).clone(),
                source_root: above_source.last().copied().unwrap_or(source).clone(),
            },
        }
    }

    /// The frame and its parents by their newest samples, up to the root.
    fn newest_ancestors<'a>(&'a self, frame: &'a FrameId) -> Vec<&'a FrameId> {
        let mut ancestors = vec![frame];
        let mut last = frame;
        while let Some(parent) = self.links.get(last).and_then(|link| link.newest_parent()) {
            if ancestors.len() > MAX_DEPTH || ancestors.contains(&parent) {
                break;
            }
            ancestors.push(parent);
            last = parent;
        }
        ancestors
    }

    fn check_known(&self, frame: &FrameId) -> Result<(), TfError> {
        // Parents seldom change, so that a root is nearly always found by the newest sample of a link.
        let is_known = self.links.contains_key(frame)
            || self.links.values().any(|link| link.newest_parent() == Some(frame))
            || self.links.values().any(|link| link.parents().any(|known| known == frame));
        if is_known {
            return Ok(());
        }
        let frames = self.frames();
        let nearest = nearest_names(frame.as_str(), frames.iter().map(FrameId::as_str), MAX_NEAREST);
        let nearest = nearest.into_iter().filter_map(|index| frames.get(index).cloned()).collect();
        Err(TfError::UnknownFrame { frame: frame.clone(), nearest })
    }

    /// From `start` to its root, or to the first frame for which `is_goal`, or to where the chain breaks off at that time.
    fn ascent<'a>(
        &'a self,
        start: &'a FrameId,
        at: Stamp,
        is_goal: impl Fn(&FrameId) -> bool,
    ) -> Result<Ascent<'a>, TfError> {
        let first = Step { frame: start, frame_from_start: Isometry3::identity(), gap_secs: 0.0, is_static: true };
        let mut ascent = Ascent { steps: vec![first.clone()], broken: None };
        let mut last = first;
        while !is_goal(last.frame) {
            let Some(link) = self.links.get(last.frame) else { break };
            let sampled = match link.at(last.frame, at) {
                Ok(sampled) => sampled,
                Err(error) => {
                    ascent.broken = Some(error);
                    break;
                }
            };
            last = Step {
                frame: sampled.parent,
                frame_from_start: sampled.parent_from_child * last.frame_from_start,
                gap_secs: last.gap_secs.max(sampled.gap_secs),
                is_static: last.is_static && sampled.is_static,
            };
            ascent.steps.push(last.clone());
            if ascent.steps.len() > MAX_DEPTH {
                return Err(TfError::Loop { frames: ascent.newest_loop() });
            }
        }
        Ok(ascent)
    }
}

struct Path {
    target_from_source: Isometry3<f64>,
    gap_secs: f64,
    is_static: bool,
}

#[derive(Clone)]
struct Step<'a> {
    frame: &'a FrameId,
    frame_from_start: Isometry3<f64>,
    gap_secs: f64,
    is_static: bool,
}

struct Ascent<'a> {
    steps: Vec<Step<'a>>,
    broken: Option<TfError>,
}

impl Ascent<'_> {
    /// The frames since the last one was met before.
    fn newest_loop(&self) -> Vec<FrameId> {
        let Some((last, before)) = self.steps.split_last() else { return Vec::new() };
        let start = before.iter().rposition(|step| step.frame == last.frame).unwrap_or(0);
        before.iter().skip(start).map(|step| step.frame.clone()).collect()
    }
}
