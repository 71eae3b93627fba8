//! Do stated sigmas hold? Random analytic scenes with depth noise, millimetre rounding, flying pixels and misplaced cameras: the share of
//! trials in which truth lies within 1.96 sigma, and how large sigma is. Truth is the exact visible surface at four times the resolution.

use crate::support::analytic_scene;

use std::num::NonZero;

use analytic_scene::{AnalyticScene, Random, Shape, look_at, misplaced, small_camera};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use nalgebra::{Isometry3, Point3, Vector3};
use spatialclaw::geometry::{
    DepthNoise, PointCloud, PoseSigma, Quantity,
    boxes::upright_box,
    distance::{bearing, distance_from_origin, surface_distance},
};

/// Fewer where the code is not optimised.
const N_TRIALS: usize = if cfg!(debug_assertions) { 60 } else { 300 };
const POSE: PoseSigma = PoseSigma { position_m: 0.004, rotation_rad: 0.004 };

#[derive(Default)]
struct Tally {
    errors: Vec<f64>,
    sigmas: Vec<f64>,
}

impl Tally {
    fn add(&mut self, measured: &Quantity, truth: f64) {
        self.errors.push(measured.value() - truth);
        self.sigmas.push(measured.sigma());
    }

    /// Prints the figures and checks that 95 % intervals cover 90 to 100 % of truths, and that sigma is at most `largest_ratio` times the
    /// error it describes.
    fn check(&self, name: &str, largest_ratio: f64) {
        let n = self.errors.len() as f64;
        let covered =
            self.errors.iter().zip(&self.sigmas).filter(|(error, sigma)| error.abs() <= 1.96 * **sigma).count();
        let coverage = covered as f64 / n;
        let bias = self.errors.iter().sum::<f64>() / n;
        let rms = (self.errors.iter().map(|error| error * error).sum::<f64>() / n).sqrt();
        let sigma = (self.sigmas.iter().map(|sigma| sigma * sigma).sum::<f64>() / n).sqrt();
        println!(
            "{name}: n {n}, coverage {:.1} %, bias {:.2}e-3, rms error {:.2}e-3, rms sigma {:.2}e-3",
            100.0 * coverage,
            1e3 * bias,
            1e3 * rms,
            1e3 * sigma
        );
        assert!(n >= 0.9 * N_TRIALS as f64, "{name}: only {n} trials measured");
        // A true coverage of 95 % falls below this once in a thousand runs of 60 trials; the seeds are fixed.
        assert!(coverage >= if cfg!(debug_assertions) { 0.87 } else { 0.90 }, "{name}: coverage {coverage}");
        assert!(sigma <= largest_ratio * rms, "{name}: sigma {sigma} for an error of {rms}");
    }
}

struct Trial {
    scene: AnalyticScene,
    camera: Isometry3<f64>,
}

/// Two objects of random kind and size on a floor, 0.6 to 2.5 m from the camera.
fn random_trial(random: &mut Random) -> Trial {
    let camera_height = random.between(0.4, 1.4);
    let distance = random.between(0.7, 2.4);
    let side = random.between(0.12, 0.35);
    let object = |random: &mut Random, y: f64| {
        let base = Point3::new(distance + random.between(-0.15, 0.15), y, 0.0);
        match (random.uniform() * 3.0) as u32 {
            0 => {
                let radius = random.between(0.05, 0.12);
                Shape::sphere(base + Vector3::z() * radius, radius)
            }
            1 => {
                let size = Vector3::from_fn(|_, _| random.between(0.06, 0.22));
                Shape::standing_block(base, size, random.between(-1.5, 1.5))
            }
            _ => Shape::Cylinder {
                base_center_m: base,
                radius_m: random.between(0.04, 0.1),
                height_m: random.between(0.06, 0.25),
            },
        }
    };
    let scene =
        AnalyticScene::new().with(1, Shape::floor(0.0)).with(2, object(random, side)).with(3, object(random, -side));
    let eye = Point3::new(0.0, random.between(-0.3, 0.3), camera_height);
    Trial { scene, camera: look_at(eye, Point3::new(distance, 0.0, 0.1)) }
}

impl Trial {
    fn cloud(&self, label: u32, believed: &Isometry3<f64>, view_id: u64, random: &mut Random) -> PointCloud {
        let noise = DepthNoise::default();
        self.scene
            .render(&small_camera(), &self.camera)
            .with_noise(&noise, random)
            .with_flying_pixels(0.3, random)
            .quantised_to_mm()
            .cloud_placed_at(believed, Some(label), &noise, POSE, view_id)
    }

    fn truth(&self, label: u32) -> Vec<Point3<f64>> {
        self.scene.dense_points(&small_camera(), &self.camera, label, 4)
    }
}

fn smallest_distance(a: &[Point3<f64>], b: &[Point3<f64>]) -> f64 {
    let array = |p: &Point3<f64>| [p.x, p.y, p.z];
    let tree = ImmutableKdTree::<f64, 3>::new_from_slice(&b.iter().map(array).collect::<Vec<_>>()).unwrap();
    let nearest = |p: &Point3<f64>, bound: f64| {
        let found =
            tree.query(&array(p)).nearest_n::<SquaredEuclidean<f64>>(NonZero::<usize>::MIN).within(bound).execute();
        found.into_iter().next().map(|item| item.distance)
    };
    let coarse = a.iter().step_by(997).filter_map(|p| nearest(p, 100.0)).fold(100.0, f64::min);
    a.iter().fold(coarse, |bound, p| nearest(p, bound).map_or(bound, |found| found.min(bound))).sqrt()
}

#[test]
fn surface_distance_covers_the_exact_distance_between_visible_surfaces() {
    let mut random = Random(101);
    let (mut same_view, mut two_views) = (Tally::default(), Tally::default());
    for trial in 0..N_TRIALS as u64 {
        let scene = random_trial(&mut random);
        let (truth_a, truth_b) = (scene.truth(2), scene.truth(3));
        let truth = smallest_distance(&truth_a, &truth_b);
        // The camera is not where it is believed to be; within one view that cancels.
        let believed = misplaced(&scene.camera, POSE, &mut random);
        let a = scene.cloud(2, &believed, trial, &mut random);
        let b = scene.cloud(3, &believed, trial, &mut random);
        same_view.add(&surface_distance(&a, &b).unwrap().distance, truth);
        let believed_later = misplaced(&scene.camera, POSE, &mut random);
        let b = scene.cloud(3, &believed_later, trial + 10_000, &mut random);
        two_views.add(&surface_distance(&a, &b).unwrap().distance, truth);
    }
    same_view.check("surface distance, one view", 2.5);
    two_views.check("surface distance, two views", 2.5);
}

#[test]
fn distance_and_bearing_from_a_base_cover_the_truth() {
    let mut random = Random(202);
    let (mut distances, mut bearings) = (Tally::default(), Tally::default());
    let origin = Point3::new(0.0, 0.0, 0.0);
    for trial in 0..N_TRIALS as u64 {
        let scene = random_trial(&mut random);
        let truth = scene.truth(2);
        let believed = misplaced(&scene.camera, POSE, &mut random);
        let cloud = scene.cloud(2, &believed, trial, &mut random);
        let nearest = truth.iter().map(|p| (p - origin).norm()).fold(f64::INFINITY, f64::min);
        distances.add(&distance_from_origin(origin, &cloud).unwrap().distance, nearest);
        let center = true_center(&scene.scene.bodies[1].1);
        bearings.add(&bearing(&cloud).unwrap(), center.y.atan2(center.x));
    }
    distances.check("distance from the base", 2.5);
    bearings.check("bearing (rad)", 2.5);
}

/// Of the whole body, hidden side included.
fn true_center(shape: &Shape) -> Point3<f64> {
    match shape {
        Shape::Sphere { center_m, .. } => *center_m,
        Shape::Block { fixed_from_block, .. } => Point3::from(fixed_from_block.translation.vector),
        Shape::Cylinder { base_center_m, height_m, .. } => base_center_m + Vector3::z() * (height_m / 2.0),
        Shape::Plane { .. } => Point3::origin(),
    }
}

#[test]
fn height_top_and_bottom_cover_the_truth() {
    let mut random = Random(303);
    let (mut heights, mut tops, mut bottoms) = (Tally::default(), Tally::default(), Tally::default());
    for trial in 0..N_TRIALS as u64 {
        let scene = random_trial(&mut random);
        let truth = scene.truth(2);
        let believed = misplaced(&scene.camera, POSE, &mut random);
        let found = upright_box(&scene.cloud(2, &believed, trial, &mut random)).unwrap();
        let top = truth.iter().map(|p| p.z).fold(f64::NEG_INFINITY, f64::max);
        let bottom = truth.iter().map(|p| p.z).fold(f64::INFINITY, f64::min);
        heights.add(&found.height, top - bottom);
        tops.add(&found.top_m, top);
        bottoms.add(&found.bottom_m, bottom);
    }
    heights.check("height", 2.5);
    tops.check("top", 2.5);
    bottoms.check("bottom", 2.5);
}

#[test]
fn sides_of_blocks_cover_the_truth() {
    let mut random = Random(404);
    let (mut lengths, mut widths) = (Tally::default(), Tally::default());
    for trial in 0..N_TRIALS as u64 {
        let (length, width) = (random.between(0.2, 0.5), random.between(0.08, 0.18));
        let base = Point3::new(random.between(0.8, 1.8), random.between(-0.2, 0.2), 0.0);
        // Turned so that two sides are in view; a third would be hidden anyway.
        let block = Shape::standing_block(base, Vector3::new(length, width, 0.15), random.between(0.3, 1.2));
        let eye = Point3::new(0.0, 0.0, random.between(0.6, 1.2));
        let scene = AnalyticScene::new().with(1, Shape::floor(0.0)).with(2, block);
        let trial_scene = Trial { scene, camera: look_at(eye, base) };
        let found = upright_box(&trial_scene.cloud(2, &trial_scene.camera.clone(), trial, &mut random)).unwrap();
        lengths.add(&found.length, length);
        widths.add(&found.width, width);
    }
    lengths.check("length of a block", 2.5);
    widths.check("width of a block", 2.5);
}
