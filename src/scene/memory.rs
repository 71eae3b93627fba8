//! Objects remembered between questions: where each was seen last, how often, and whether its place was seen empty since.
//!
//! It holds what was measured for a question, never what was not looked at. A remembered place grows less certain with age, as a random
//! walk, until the object is forgotten. A question gets a frozen copy in its snapshot, so that it can be replayed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use nalgebra::{Isometry3, Matrix3, Point3, Translation3, UnitQuaternion, Vector3};

use serde::{Deserialize, Serialize};

use super::{FrameId, Snapshot, Stamp, View};

/// Squared Mahalanobis distance within which two sightings are one thing: 99 % of three dimensions.
const GATE: f64 = 11.34;
/// Two views of one thing may show different parts of it, whose centres lie this share of its size apart.
const VIEW_SHARE: f64 = 0.25;
/// A place is seen empty when at least this share of its samples is seen through.
const EMPTY_SHARE: f64 = 0.8;
/// Measurements that one question notes at most.
const MAX_NOTED: usize = 1000;

/// How long and how surely objects are remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryConfig {
    /// Objects kept at most; the one seen longest ago goes first.
    pub max_objects: usize,
    /// Seconds after the last sighting at which an object is forgotten; 0 = nothing is remembered.
    pub max_age_secs: f64,
    /// Growth of the position's standard deviation: metres per root of a second.
    pub drift_m_per_sqrt_s: f64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        MemoryConfig { max_objects: 200, max_age_secs: 600.0, drift_m_per_sqrt_s: 0.01 }
    }
}

/// One object as it was measured in one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Name.
    pub label: String,
    /// Instance id in the segmentation, if it has one.
    pub instance: Option<u32>,
    /// Who saw it.
    pub camera: Arc<str>,
    /// Frame of all coordinates.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// Centre of its upright box.
    pub center_m: Point3<f64>,
    /// Rotation of the box about +z.
    pub yaw_rad: f64,
    /// Length, width and height of the box.
    pub size_m: Vector3<f64>,
    /// Of the centre.
    pub covariance_m2: Matrix3<f64>,
    /// Pixels with depth.
    pub n_pixels: usize,
    /// Evidence id, such as `mug#5@front`.
    pub evidence: String,
}

/// What is known of an object's place since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Nothing contradicts it.
    Seen,
    /// Its place was seen empty at that time.
    Gone(Stamp),
}

/// A remembered object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// As it was seen last.
    pub last: Sighting,
    /// When it was seen first.
    pub first_seen: Stamp,
    /// Images in which it was measured.
    pub n_seen: u32,
    /// Whether it may still be there.
    pub status: Status,
}

impl Remembered {
    /// Seconds since it was seen last.
    pub fn age_secs(&self, now: Stamp) -> f64 {
        now.secs_since(self.last.stamp).max(0.0)
    }

    /// Covariance of its centre after its age.
    pub fn covariance_m2(&self, now: Stamp, drift_m_per_sqrt_s: f64) -> Matrix3<f64> {
        let drift = drift_m_per_sqrt_s.powi(2) * self.age_secs(now);
        self.last.covariance_m2 + Matrix3::identity() * drift
    }

    /// `mug#5`.
    pub fn name(&self) -> String {
        match self.last.instance {
            Some(instance) => format!("{}#{instance}", self.last.label),
            None => self.last.label.clone(),
        }
    }

    /// Whether a view sees through the place where it was: every camera ray there ends behind it. Nothing is said where the place is less
    /// certain than the thing is large, is out of view, or is hidden.
    pub fn is_seen_empty_in(&self, view: &View, drift_m_per_sqrt_s: f64) -> bool {
        let (Ok(depth), Ok(posed)) = (&view.depth, &view.posed) else { return false };
        if view.stamp <= self.last.stamp {
            return false;
        }
        let sigma_m = (self.covariance_m2(view.stamp, drift_m_per_sqrt_s).trace() / 3.0).max(0.0).sqrt();
        let size = &self.last.size_m;
        if 3.0 * sigma_m > size.max() {
            return false;
        }
        let camera_from_fixed = posed.fixed_from_camera.inverse();
        let fixed_from_box = Isometry3::from_parts(
            Translation3::from(self.last.center_m.coords),
            UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.last.yaw_rad),
        );
        let slack_m = size.norm() / 2.0 + 3.0 * sigma_m;
        let (mut n_through, mut n_samples) = (0usize, 0usize);
        for (x, y, z) in [
            (0.0, 0.0, 0.0),
            (0.3, 0.0, 0.0),
            (-0.3, 0.0, 0.0),
            (0.0, 0.3, 0.0),
            (0.0, -0.3, 0.0),
            (0.0, 0.0, 0.3),
            (0.0, 0.0, -0.3),
        ] {
            n_samples += 1;
            let p = camera_from_fixed * (fixed_from_box * Point3::new(x * size.x, y * size.y, z * size.z));
            let Some((u, v)) = view.intrinsics.project(p.into()) else { return false };
            let (width, height) = (f64::from(depth.width_px()), f64::from(depth.height_px()));
            if !(0.0..width - 0.5).contains(&u) || !(0.0..height - 0.5).contains(&v) {
                return false;
            }
            let index = v.round() as usize * depth.width_px() as usize + u.round() as usize;
            let seen_m = depth.depth_m().get(index).copied().map_or(f64::NAN, f64::from);
            // Centres lie within the thing, so that a ray which ends in front of it and near is the thing itself.
            let is_through = seen_m > p.z + slack_m.min(0.5 * size.min() + 0.02 + 3.0 * sigma_m);
            n_through += usize::from(is_through);
        }
        n_through as f64 >= EMPTY_SHARE * n_samples as f64
    }
}

/// Everything remembered.
#[derive(Debug)]
pub struct SceneMemory {
    config: MemoryConfig,
    objects: Vec<Remembered>,
    frame: FrameId,
    cleared: Option<String>,
}

impl SceneMemory {
    /// Empty.
    pub fn new(config: MemoryConfig) -> SceneMemory {
        SceneMemory { config, objects: Vec::new(), frame: FrameId::new(""), cleared: None }
    }

    /// All objects.
    pub fn objects(&self) -> &[Remembered] {
        &self.objects
    }

    /// Why everything was forgotten last.
    pub fn last_clear(&self) -> Option<&str> {
        self.cleared.as_deref()
    }

    /// Forgets everything.
    pub fn clear(&mut self, reason: &str) {
        self.objects.clear();
        self.cleared = Some(reason.to_owned());
    }

    /// What a question taken at `now` may recall.
    pub fn freeze(&mut self, now: Stamp) -> MemoryView {
        self.forget_old(now);
        MemoryView {
            objects: self.objects.clone().into(),
            drift_m_per_sqrt_s: self.config.drift_m_per_sqrt_s,
            cleared: self.cleared.clone().map(Arc::from),
            noted: Arc::default(),
        }
    }

    /// Takes what one question measured, and looks whether what it did not find is gone.
    pub fn remember(&mut self, sightings: Vec<Sighting>, snapshot: &Snapshot) {
        if self.config.max_age_secs <= 0.0 {
            return;
        }
        if self.frame != snapshot.fixed_frame {
            if !self.frame.is_empty() {
                let reason = format!("the fixed frame changed from {} to {}", self.frame, snapshot.fixed_frame);
                self.clear(&reason);
            }
            self.frame = snapshot.fixed_frame.clone();
        }
        let mut seen: Vec<usize> = Vec::new();
        let frame = self.frame.clone();
        for sighting in sightings.into_iter().filter(|sighting| sighting.frame == frame) {
            seen.push(self.merge(sighting));
        }
        let drift = self.config.drift_m_per_sqrt_s;
        let unseen = self.objects.iter_mut().enumerate().filter(|(index, _)| !seen.contains(index));
        for (_, object) in unseen {
            if let Some(view) = snapshot.newest_views().into_iter().find(|view| object.is_seen_empty_in(view, drift)) {
                object.status = Status::Gone(view.stamp);
            }
        }
        self.forget_old(snapshot.taken_at);
        while self.objects.len() > self.config.max_objects {
            let oldest = self.objects.iter().enumerate().min_by_key(|(_, object)| object.last.stamp);
            let Some((index, _)) = oldest else { break };
            self.objects.remove(index);
        }
    }

    fn forget_old(&mut self, now: Stamp) {
        let max_age_secs = self.config.max_age_secs;
        self.objects.retain(|object| object.age_secs(now) <= max_age_secs);
    }

    /// Index of the object that a sighting is of.
    fn merge(&mut self, sighting: Sighting) -> usize {
        let found = self.match_of(&sighting);
        let Some(object) = found.and_then(|index| self.objects.get_mut(index)) else {
            let first_seen = sighting.stamp;
            self.objects.push(Remembered { last: sighting, first_seen, n_seen: 1, status: Status::Seen });
            return self.objects.len() - 1;
        };
        let is_other_image = (sighting.stamp, &sighting.camera) != (object.last.stamp, &object.last.camera);
        object.n_seen += u32::from(is_other_image);
        object.first_seen = object.first_seen.min(sighting.stamp);
        let is_newer = sighting.stamp > object.last.stamp
            || (sighting.stamp == object.last.stamp && sighting.n_pixels >= object.last.n_pixels);
        if is_newer {
            object.last = sighting;
            object.status = Status::Seen;
        }
        found.unwrap_or_default()
    }

    /// The same instance, or the nearest of the same name within the gate.
    fn match_of(&self, sighting: &Sighting) -> Option<usize> {
        let alike = || self.objects.iter().enumerate().filter(|(_, object)| object.last.label == sighting.label);
        let is_same = |object: &Remembered| {
            object.last.instance.is_some()
                && object.last.instance == sighting.instance
                && object.last.camera == sighting.camera
        };
        if let Some((index, _)) = alike().find(|(_, object)| is_same(object)) {
            return Some(index);
        }
        // Two instances of one camera are two things.
        let may_be = |object: &Remembered| {
            object.last.camera != sighting.camera || object.last.instance.is_none() || sighting.instance.is_none()
        };
        let near = alike().filter(|(_, object)| may_be(object)).filter_map(|(index, object)| {
            let distance2 = mahalanobis2(object, sighting, self.config.drift_m_per_sqrt_s)?;
            (distance2 <= GATE).then_some((distance2, index))
        });
        near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, index)| index)
    }
}

fn mahalanobis2(object: &Remembered, sighting: &Sighting, drift_m_per_sqrt_s: f64) -> Option<f64> {
    let apart_m = sighting.center_m - object.last.center_m;
    let size_m = sighting.size_m.zip_map(&object.last.size_m, f64::max) * VIEW_SHARE;
    let covariance = object.covariance_m2(sighting.stamp, drift_m_per_sqrt_s)
        + sighting.covariance_m2
        + Matrix3::from_diagonal(&size_m.component_mul(&size_m));
    Some(apart_m.dot(&(covariance.try_inverse()? * apart_m)))
}

/// A measurement that is made only if it is wanted.
pub type Deferred = Box<dyn FnOnce() -> Option<Sighting> + Send>;

/// What one question noted, by evidence id.
type Noted = Vec<(String, Deferred)>;

/// What one question may recall, frozen, and what it measured itself.
#[derive(Clone, Default)]
pub struct MemoryView {
    /// Remembered objects.
    pub objects: Arc<[Remembered]>,
    /// Growth of a position's standard deviation: metres per root of a second.
    pub drift_m_per_sqrt_s: f64,
    /// Why everything before was forgotten.
    pub cleared: Option<Arc<str>>,
    /// Bookkeeping for the next questions; no tool reads it.
    noted: Arc<Mutex<Noted>>,
}

impl MemoryView {
    /// With nothing noted yet.
    pub fn new(objects: Arc<[Remembered]>, drift_m_per_sqrt_s: f64, cleared: Option<Arc<str>>) -> MemoryView {
        MemoryView { objects, drift_m_per_sqrt_s, cleared, noted: Arc::default() }
    }

    /// Notes that an object was measured; the first note of an id holds, so that a loop over `find` keeps nothing alive twice.
    pub fn note(&self, id: &str, sighting: impl FnOnce() -> Option<Sighting> + Send + 'static) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MAX_NOTED && !noted.iter().any(|(known, _)| known == id) {
            noted.push((id.to_owned(), Box::new(sighting)));
        }
    }

    /// What was noted since the last call, with its id, in order; noting the same id later does nothing. For a question that is worked on in
    /// another process than the one that remembers.
    pub fn measure_noted(&self) -> Vec<(String, Sighting)> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = noted.iter_mut().filter_map(|(id, deferred)| {
            let deferred = std::mem::replace(deferred, Box::new(|| None));
            Some((id.clone(), deferred()?))
        });
        measured.collect()
    }

    /// Everything noted so far, oldest first.
    pub fn take_sightings(&self) -> Vec<Sighting> {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut found: Vec<Sighting> = noted.into_iter().filter_map(|(_, deferred)| deferred()).collect();
        found.sort_by_key(|sighting| sighting.stamp);
        found
    }
}

impl fmt::Debug for MemoryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryView")
            .field("objects", &self.objects)
            .field("cleared", &self.cleared)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::{
        geometry::{
            DepthNoise, PoseSigma,
            analytic_scene::{AnalyticScene, Shape, look_at, small_camera},
        },
        scene::{PosedCamera, TransformSet},
    };

    fn secs(secs: f64) -> Stamp {
        Stamp { nanos: (secs * 1e9) as i64 }
    }

    fn mug(instance: Option<u32>, at: f64, x: f64) -> Sighting {
        Sighting {
            label: "mug".to_owned(),
            instance,
            camera: "front".into(),
            frame: FrameId::new("map"),
            stamp: secs(at),
            center_m: Point3::new(x, 0.0, 0.05),
            yaw_rad: 0.0,
            size_m: Vector3::new(0.1, 0.1, 0.1),
            covariance_m2: Matrix3::identity() * 0.002f64.powi(2),
            n_pixels: 100,
            evidence: "mug@front".to_owned(),
        }
    }

    /// A camera that looks from (0, 0, 0.5) at (1, 0, 0), where blocks of 0.1 m may stand at `xs`.
    fn snapshot(at: f64, xs: &[f64]) -> Snapshot {
        let fixed_from_camera = look_at(Point3::new(0.0, 0.0, 0.5), Point3::new(1.0, 0.0, 0.0));
        let scene = xs.iter().fold(AnalyticScene::new().with(1, Shape::floor(0.0)), |scene, x| {
            scene.with(2, Shape::standing_block(Point3::new(*x, 0.0, 0.0), Vector3::new(0.1, 0.1, 0.1), 0.0))
        });
        let rendered = scene.render(&small_camera(), &fixed_from_camera);
        let problem = || super::super::InputProblem {
            code: crate::error_code::ErrorCode::SegmentationUnavailable,
            message: String::new(),
        };
        Snapshot {
            taken_at: secs(at),
            fixed_frame: FrameId::new("map"),
            robot_frame: FrameId::new("base_link"),
            views: vec![View {
                camera: "front".into(),
                view_idx: 0,
                stamp: secs(at),
                optical_frame: FrameId::new("camera"),
                intrinsics: small_camera(),
                depth_noise: DepthNoise::default(),
                depth_range_m: (0.2, 8.0),
                image: Arc::new(RgbImage::new(320, 240)),
                depth: Ok(Arc::new(rendered.depth_map())),
                labels: Err(problem()),
                posed: Ok(PosedCamera { fixed_from_camera, sigma: PoseSigma::default() }),
            }],
            transforms: TransformSet::default(),
            tf_sigma: PoseSigma::default(),
            memory: MemoryView::default(),
            imu: Arc::default(),
        }
    }

    fn memory() -> SceneMemory {
        SceneMemory::new(MemoryConfig { max_objects: 3, max_age_secs: 60.0, drift_m_per_sqrt_s: 0.002 })
    }

    #[test]
    fn one_thing_seen_again_is_one_thing_and_follows_its_moves() {
        let mut memory = memory();
        memory.remember(vec![mug(Some(5), 1.0, 1.0)], &snapshot(1.0, &[1.0]));
        memory.remember(vec![mug(Some(5), 2.0, 1.0)], &snapshot(2.0, &[1.0]));
        // Far outside any gate: the same instance of one camera is the same thing all the same.
        memory.remember(vec![mug(Some(5), 3.0, 1.4)], &snapshot(3.0, &[1.4]));
        let [found] = memory.objects() else { panic!("{:?}", memory.objects()) };
        assert_eq!((found.n_seen, found.first_seen, found.last.center_m.x), (3, secs(1.0), 1.4));
        assert_eq!(found.status, Status::Seen);
        // The same image once more, and an older one, change neither place nor count of images wrongly.
        memory.remember(vec![mug(Some(5), 3.0, 1.4), mug(Some(5), 0.5, 0.9)], &snapshot(3.0, &[1.4]));
        let [found] = memory.objects() else { panic!("{:?}", memory.objects()) };
        assert_eq!((found.n_seen, found.last.center_m.x, found.first_seen), (4, 1.4, secs(0.5)));
    }

    #[test]
    fn without_instances_the_gate_tells_things_apart() {
        let mut memory = memory();
        memory.remember(vec![mug(None, 1.0, 1.0), mug(None, 1.0, 1.5)], &snapshot(1.0, &[1.0, 1.5]));
        assert_eq!(memory.objects().len(), 2);
        memory.remember(vec![mug(None, 2.0, 1.51)], &snapshot(2.0, &[1.0, 1.5]));
        let xs: Vec<(f64, u32)> = memory.objects().iter().map(|o| (o.last.center_m.x, o.n_seen)).collect();
        assert_eq!(xs, [(1.0, 1), (1.51, 2)]);
        let other_name = Sighting { label: "cup".to_owned(), ..mug(None, 2.0, 1.0) };
        memory.remember(vec![other_name], &snapshot(2.0, &[1.0, 1.5]));
        assert_eq!(memory.objects().len(), 3);
    }

    #[test]
    fn a_place_seen_empty_marks_the_thing_gone_and_a_hidden_one_does_not() {
        let mut memory = memory();
        memory.remember(vec![mug(Some(5), 1.0, 1.0)], &snapshot(1.0, &[1.0]));
        // Something in front hides the place.
        memory.remember(Vec::new(), &snapshot(2.0, &[0.88]));
        memory.remember(Vec::new(), &snapshot(2.5, &[1.0]));
        assert_eq!(memory.objects()[0].status, Status::Seen);
        memory.remember(Vec::new(), &snapshot(3.0, &[]));
        assert_eq!(memory.objects()[0].status, Status::Gone(secs(3.0)));
        memory.remember(vec![mug(Some(5), 4.0, 1.0)], &snapshot(4.0, &[1.0]));
        assert_eq!(memory.objects()[0].status, Status::Seen);
    }

    #[test]
    fn what_is_old_is_less_certain_and_then_forgotten() {
        let mut memory = memory();
        memory.remember(vec![mug(Some(5), 1.0, 1.0)], &snapshot(1.0, &[1.0]));
        let sigma = |o: &Remembered, at: f64| o.covariance_m2(secs(at), 0.002)[(0, 0)].sqrt();
        let object = memory.objects()[0].clone();
        assert!((sigma(&object, 1.0) - 0.002).abs() < 1e-12);
        assert!((sigma(&object, 26.0) - 0.002f64.hypot(0.01)).abs() < 1e-12);
        assert_eq!(memory.freeze(secs(60.9)).objects.len(), 1);
        assert_eq!(memory.freeze(secs(61.5)).objects.len(), 0);
    }

    #[test]
    fn memory_is_bounded_and_cleared_with_a_reason() {
        let mut memory = memory();
        for i in 0..5u32 {
            memory.remember(vec![mug(Some(i), 1.0 + f64::from(i), f64::from(i))], &snapshot(1.0 + f64::from(i), &[]));
        }
        let instances: Vec<_> = memory.objects().iter().map(|o| o.last.instance).collect();
        assert_eq!(instances, [Some(2), Some(3), Some(4)]);
        let mut elsewhere = snapshot(6.0, &[]);
        elsewhere.fixed_frame = FrameId::new("odom");
        memory.remember(Vec::new(), &elsewhere);
        assert_eq!(memory.last_clear(), Some("the fixed frame changed from map to odom"));
        assert!(memory.objects().is_empty());
        memory.clear("time jumped back");
        assert_eq!(memory.freeze(secs(7.0)).cleared.as_deref(), Some("time jumped back"));
    }

    #[test]
    fn a_question_notes_what_it_measured_once() {
        let view = MemoryView::default();
        for _ in 0..2 {
            view.note("mug#5@front", || Some(mug(Some(5), 1.0, 1.0)));
        }
        view.note("bowl#3@front", || None);
        assert_eq!(view.take_sightings(), [mug(Some(5), 1.0, 1.0)]);
        assert!(view.take_sightings().is_empty());
    }
}
