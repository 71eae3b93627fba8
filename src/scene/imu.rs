//! Which way is up, from an accelerometer at rest.

use std::{collections::VecDeque, sync::Arc};

use nalgebra::{UnitVector3, Vector3};

use serde::{Deserialize, Serialize};

use super::{FrameId, InputProblem, Stamp, TransformSet, raw_message::MessageHeader, stream::clock_hint};
use crate::error_code::ErrorCode;

/// Samples kept at most: 10 s at 800 Hz.
const MAX_SAMPLES: usize = 8192;
/// Standard gravity.
const GRAVITY_M_PER_S2: f64 = 9.806_65;
/// An accelerometer at rest reads this near to gravity.
const MAX_ACCELERATION_M_PER_S2: f64 = 0.25;
/// An IMU at rest turns no faster.
const MAX_TURN_RATE_RAD_PER_S: f64 = 0.05;
/// Up is that of the samples of the last seconds before the question: a robot that nothing but its IMU places may have tilted since older
/// ones.
const MAX_AGE_SECS: f64 = 2.0;
/// Fewest samples at rest.
const MIN_STILL: usize = 10;
/// Noise is partly common to neighbouring samples, so that averaging is credited with no more than this many.
const MAX_AVERAGED: f64 = 25.0;
/// What an accelerometer's bias turns its vertical by, radians: 0.05 m/s² of 9.8.
const BIAS_RAD: f64 = 0.005;

/// One `sensor_msgs/Imu`, as far as it tells what is up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImuSample {
    /// When.
    pub stamp: Stamp,
    /// Frame of the numbers.
    pub frame: FrameId,
    /// Specific force: +gravity along up at rest (REP-145), m/s².
    pub acceleration_m_per_s2: [f64; 3],
    /// Angular velocity, rad/s; `None` when the IMU has no gyroscope.
    pub turn_rate_rad_per_s: Option<[f64; 3]>,
}

impl ImuSample {
    /// From the parts of a `sensor_msgs/Imu`: specific force and angular velocity, each with its covariance.
    ///
    /// # Errors
    /// [`ErrorCode::BadInput`] when it says that it has no accelerometer: a first covariance of -1.
    pub fn from_message(
        header: MessageHeader,
        (force, force_covariance): ([f64; 3], &[f64]),
        (rate, rate_covariance): ([f64; 3], &[f64]),
    ) -> Result<ImuSample, InputProblem> {
        let is_absent = |covariance: &[f64]| covariance.first() == Some(&-1.0);
        if is_absent(force_covariance) {
            let message =
                "linear_acceleration_covariance of the IMU begins with -1: it has no accelerometer".to_owned();
            return Err(InputProblem { code: ErrorCode::BadInput, message });
        }
        Ok(ImuSample {
            stamp: header.stamp,
            frame: header.frame,
            acceleration_m_per_s2: force,
            turn_rate_rad_per_s: (!is_absent(rate_covariance)).then_some(rate),
        })
    }
}

/// Up, by an IMU.
#[derive(Clone, Debug, PartialEq)]
pub struct ImuUp {
    /// In the target frame.
    pub up: UnitVector3<f64>,
    /// One standard deviation of its direction, radians; without that of the transform.
    pub sigma_rad: f64,
    /// Samples at rest.
    pub n_still: usize,
    /// The newest of them.
    pub stamp: Stamp,
}

/// How the IMU fares, for diagnostics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImuHealth {
    /// Messages since the start.
    pub n_received: u64,
    /// Of these, refused.
    pub n_refused: u64,
    /// Samples kept.
    pub n_buffered: usize,
    /// Now less the newest stamp, seconds.
    pub age_secs: Option<f64>,
    /// Why the last message was refused.
    pub problem: Option<InputProblem>,
}

/// The newest samples, oldest first.
#[derive(Debug)]
pub struct ImuBuffer {
    samples: VecDeque<ImuSample>,
    keep_secs: f64,
    n_received: u64,
    n_refused: u64,
    problem: Option<InputProblem>,
}

impl ImuBuffer {
    /// Keeps so many seconds.
    pub fn new(keep_secs: f64) -> ImuBuffer {
        ImuBuffer { samples: VecDeque::new(), keep_secs, n_received: 0, n_refused: 0, problem: None }
    }

    /// Takes a sample, or what kept it from being read.
    ///
    /// # Errors
    /// `BAD_INPUT`: no stamp, no frame, numbers that are not finite, a stamp older than the newest or more than `max_ahead_secs` after
    /// `now`, unless that is unset.
    pub fn push(
        &mut self,
        sample: Result<ImuSample, InputProblem>,
        now: Stamp,
        max_ahead_secs: f64,
    ) -> Result<(), InputProblem> {
        self.n_received += 1;
        let checked = sample.and_then(|sample| self.checked(sample, now, max_ahead_secs));
        self.problem = checked.as_ref().err().cloned();
        match checked {
            Ok(sample) => {
                let horizon = sample.stamp.plus_secs(-self.keep_secs);
                self.samples.push_back(sample);
                while self.samples.len() > MAX_SAMPLES || self.samples.front().is_some_and(|old| old.stamp < horizon) {
                    self.samples.pop_front();
                }
                Ok(())
            }
            Err(problem) => {
                self.n_refused += 1;
                Err(problem)
            }
        }
    }

    fn checked(&self, sample: ImuSample, now: Stamp, max_ahead_secs: f64) -> Result<ImuSample, InputProblem> {
        let bad = |message: String| Err(InputProblem { code: ErrorCode::BadInput, message });
        let newest = self.samples.back().map(|newest| newest.stamp);
        if sample.stamp.is_unset() {
            return bad("stamp of the IMU is not set".to_owned());
        }
        if sample.frame.is_empty() {
            return bad("frame_id of the IMU is empty".to_owned());
        }
        let ahead_secs = sample.stamp.secs_since(now);
        if !now.is_unset() && ahead_secs > max_ahead_secs {
            return bad(format!(
                "stamp {} of the IMU lies {ahead_secs:.3} s after now ({now}), at most {max_ahead_secs} s are allowed{}",
                sample.stamp,
                clock_hint(ahead_secs)
            ));
        }
        let rates = sample.turn_rate_rad_per_s.unwrap_or_default();
        if sample.acceleration_m_per_s2.iter().chain(&rates).any(|v| !v.is_finite()) {
            return bad(format!("the IMU's numbers are not finite: {:?}, {rates:?}", sample.acceleration_m_per_s2));
        }
        match newest {
            Some(newest) if sample.stamp < newest => {
                bad(format!("stamp {} of the IMU is older than the newest at {newest}", sample.stamp))
            }
            _ => Ok(sample),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// All samples of this moment.
    pub fn freeze(&self) -> Arc<[ImuSample]> {
        self.samples.iter().cloned().collect()
    }

    /// For diagnostics.
    pub fn health(&self, now: Stamp) -> ImuHealth {
        ImuHealth {
            n_received: self.n_received,
            n_refused: self.n_refused,
            n_buffered: self.samples.len(),
            age_secs: self.samples.back().map(|newest| now.secs_since(newest.stamp)),
            problem: self.problem.clone(),
        }
    }
}

/// Mean direction of the samples at rest in the 2 s before `at`, in `target`; each is placed by the transform at its own stamp.
///
/// # Errors
/// Words for a person: why there is none. The code is `NOT_MEASURABLE`, or that of the transform.
pub fn up_at_rest(
    samples: &[ImuSample],
    transforms: &TransformSet,
    target: &FrameId,
    at: Stamp,
) -> Result<ImuUp, InputProblem> {
    let problem = |code, message: String| InputProblem { code, message };
    let Some(newest) = samples.last() else {
        let message = "no IMU was heard; set imu.topic".to_owned();
        return Err(problem(ErrorCode::NotMeasurable, message));
    };
    let samples: Vec<&ImuSample> =
        samples.iter().filter(|sample| at.secs_since(sample.stamp) <= MAX_AGE_SECS).collect();
    if samples.is_empty() {
        let silent_secs = at.secs_since(newest.stamp);
        let message = format!(
            "the IMU has been silent for {silent_secs:.1} s, its samples count for {MAX_AGE_SECS} s; look at its driver"
        );
        return Err(problem(ErrorCode::NotMeasurable, message));
    }
    let still: Vec<&ImuSample> = samples.iter().copied().filter(|sample| is_still(sample)).collect();
    if still.len() < MIN_STILL {
        let message = format!(
            "the IMU was at rest in {} of {} samples, at least {MIN_STILL} are needed",
            still.len(),
            samples.len()
        );
        return Err(problem(ErrorCode::NotMeasurable, message));
    }
    // A hundred tell as much as a thousand.
    let stride = still.len().div_ceil(200);
    let mut directions = Vec::new();
    let mut stamp = Stamp::default();
    let mut lost = None;
    for sample in still.iter().step_by(stride) {
        match transforms.lookup(target, &sample.frame, sample.stamp) {
            Ok(found) => {
                let force = Vector3::from(sample.acceleration_m_per_s2);
                directions.push((found.target_from_source.rotation * force).normalize());
                stamp = stamp.max(sample.stamp);
            }
            Err(error) => lost = Some(error),
        }
    }
    if directions.len() < MIN_STILL.div_ceil(stride) {
        let (code, message) = lost.map_or((ErrorCode::NotMeasurable, String::new()), |e| (e.code(), e.to_string()));
        return Err(problem(code, format!("the IMU's place is not known: {message}")));
    }
    let sum: Vector3<f64> = directions.iter().sum();
    let up = UnitVector3::try_new(sum, 1e-6)
        .ok_or_else(|| problem(ErrorCode::NotMeasurable, "the IMU's samples point in all directions".to_owned()))?;
    let n = directions.len() as f64;
    let variance = directions.iter().map(|d| d.angle(&up).powi(2)).sum::<f64>() / n;
    let sigma_rad = (variance / n.min(MAX_AVERAGED)).sqrt().hypot(BIAS_RAD);
    Ok(ImuUp { up, sigma_rad, n_still: still.len(), stamp })
}

fn is_still(sample: &ImuSample) -> bool {
    let off = Vector3::from(sample.acceleration_m_per_s2).norm() - GRAVITY_M_PER_S2;
    let turns = sample.turn_rate_rad_per_s.map_or(0.0, |rate| Vector3::from(rate).norm());
    off.abs() <= MAX_ACCELERATION_M_PER_S2 && turns <= MAX_TURN_RATE_RAD_PER_S
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;

    use super::*;
    use crate::scene::{StampedTransform, TfBuffer};

    const AT: Stamp = Stamp { nanos: 50 };
    const NOW: Stamp = Stamp { nanos: 10_000_000_000 };

    fn sample(nanos: i64, acceleration_m_per_s2: [f64; 3]) -> ImuSample {
        let turn_rate_rad_per_s = Some([0.0; 3]);
        ImuSample {
            stamp: Stamp { nanos },
            frame: FrameId::new("imu_link"),
            acceleration_m_per_s2,
            turn_rate_rad_per_s,
        }
    }

    /// The IMU is mounted with its x axis down and the robot is pitched by 0.1 rad.
    fn transforms() -> TransformSet {
        let mut tf = TfBuffer::default();
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.1, 0.0) * UnitQuaternion::from_euler_angles(0.0, 1.2, 0.3);
        let q = turn.coords;
        let transform = StampedTransform {
            parent: FrameId::new("odom"),
            child: FrameId::new("imu_link"),
            stamp: Stamp::default(),
            translation_m: [0.1, 0.2, 0.3],
            rotation_xyzw: [q.x, q.y, q.z, q.w],
        };
        tf.insert(&transform, true).unwrap();
        tf.freeze()
    }

    fn force_in_imu() -> [f64; 3] {
        let tf = transforms().lookup(&FrameId::new("odom"), &FrameId::new("imu_link"), Stamp { nanos: 1 }).unwrap();
        (tf.target_from_source.rotation.inverse() * Vector3::new(0.0, 0.0, GRAVITY_M_PER_S2)).into()
    }

    #[test]
    fn at_rest_the_force_points_up_wherever_the_imu_is_mounted() {
        let samples: Vec<ImuSample> = (1..=50).map(|i| sample(i, force_in_imu())).collect();
        let found = up_at_rest(&samples, &transforms(), &FrameId::new("odom"), AT).unwrap();
        assert!(found.up.angle(&Vector3::z_axis()) < 1e-9, "{found:?}");
        assert_eq!((found.n_still, found.stamp), (50, Stamp { nanos: 50 }));
        assert!((found.sigma_rad - BIAS_RAD).abs() < 1e-9);
    }

    #[test]
    fn samples_in_motion_do_not_count() {
        let pushed = force_in_imu().map(|v| v * 1.1);
        let mut samples: Vec<ImuSample> = (1..=20).map(|i| sample(i, pushed)).collect();
        let none = up_at_rest(&samples, &transforms(), &FrameId::new("odom"), AT).unwrap_err();
        assert_eq!(none.message, "the IMU was at rest in 0 of 20 samples, at least 10 are needed");
        for one in &mut samples {
            one.acceleration_m_per_s2 = force_in_imu();
            one.turn_rate_rad_per_s = Some([0.0, 0.3, 0.0]);
        }
        assert!(up_at_rest(&samples, &transforms(), &FrameId::new("odom"), AT).is_err());
        samples.iter_mut().for_each(|one| one.turn_rate_rad_per_s = None);
        assert_eq!(up_at_rest(&samples, &transforms(), &FrameId::new("odom"), AT).unwrap().n_still, 20);
        let lost = up_at_rest(&samples, &TransformSet::default(), &FrameId::new("odom"), AT).unwrap_err();
        assert_eq!(lost.code, ErrorCode::TfUnknownFrame);
        assert_eq!(
            up_at_rest(&[], &transforms(), &FrameId::new("odom"), AT).unwrap_err().code,
            ErrorCode::NotMeasurable
        );
    }

    #[test]
    fn samples_from_long_before_the_question_do_not_count() {
        let samples: Vec<ImuSample> = (1..=50).map(|i| sample(i, force_in_imu())).collect();
        let asked = |secs: f64| up_at_rest(&samples, &transforms(), &FrameId::new("odom"), AT.plus_secs(secs));
        assert_eq!(asked(1.9).unwrap().n_still, 50);
        let silent = asked(3.0).unwrap_err();
        assert_eq!(silent.code, ErrorCode::NotMeasurable);
        assert!(silent.message.starts_with("the IMU has been silent for 3.0 s"), "{}", silent.message);
    }

    #[test]
    fn the_buffer_is_bounded_and_refuses_what_it_cannot_use() {
        let mut buffer = ImuBuffer::new(1.0);
        for i in 1..=30 {
            buffer.push(Ok(sample(i * 100_000_000, [0.0, 0.0, 9.8])), NOW, 0.5).unwrap();
        }
        assert_eq!(buffer.freeze().len(), 11);
        let refused = |buffer: &mut ImuBuffer, sample| buffer.push(Ok(sample), NOW, 0.5).unwrap_err().message;
        assert_eq!(
            refused(&mut buffer, sample(1, [0.0; 3])),
            "stamp 0.000 of the IMU is older than the newest at 3.000"
        );
        assert_eq!(refused(&mut buffer, sample(0, [0.0; 3])), "stamp of the IMU is not set");
        assert!(refused(&mut buffer, sample(9_000_000_000, [f64::NAN, 0.0, 0.0])).starts_with("the IMU's numbers"));
        assert!(refused(&mut buffer, sample(11_000_000_000, [0.0, 0.0, 9.8])).contains("1.000 s after now"));
        let health = buffer.health(Stamp { nanos: 4_000_000_000 });
        assert_eq!((health.n_received, health.n_refused, health.n_buffered, health.age_secs), (34, 4, 11, Some(1.0)));
        buffer.clear();
        assert!(buffer.freeze().is_empty());
    }
}
