//! `sensor_msgs/Imu`.

use r2r::sensor_msgs::msg::Imu;

use super::image::header;
use crate::scene::{ImuSample, InputProblem};

/// What an IMU felt.
///
/// # Errors
/// `BAD_INPUT` when it says that it has no accelerometer: a first covariance of -1.
pub fn imu_sample(message: &Imu) -> Result<ImuSample, InputProblem> {
    let (force, rate) = (&message.linear_acceleration, &message.angular_velocity);
    ImuSample::from_message(
        header(&message.header),
        ([force.x, force.y, force.z], &message.linear_acceleration_covariance),
        ([rate.x, rate.y, rate.z], &message.angular_velocity_covariance),
    )
}

#[cfg(test)]
mod tests {
    use r2r::{builtin_interfaces::msg::Time, geometry_msgs::msg::Vector3, std_msgs::msg::Header};

    use super::*;
    use crate::{
        error_code::ErrorCode,
        scene::{FrameId, Stamp},
    };

    fn message() -> Imu {
        Imu {
            header: Header { stamp: Time { sec: 1, nanosec: 2 }, frame_id: "imu_link".to_owned() },
            angular_velocity: Vector3 { x: 0.1, y: 0.2, z: 0.3 },
            linear_acceleration: Vector3 { x: 1.0, y: 2.0, z: 9.0 },
            angular_velocity_covariance: vec![0.0; 9],
            linear_acceleration_covariance: vec![0.0; 9],
            ..Imu::default()
        }
    }

    #[test]
    fn force_and_turn_rate_keep_their_order() {
        let expected = ImuSample {
            stamp: Stamp { nanos: 1_000_000_002 },
            frame: FrameId::new("imu_link"),
            acceleration_m_per_s2: [1.0, 2.0, 9.0],
            turn_rate_rad_per_s: Some([0.1, 0.2, 0.3]),
        };
        assert_eq!(imu_sample(&message()), Ok(expected));
    }

    #[test]
    fn what_it_does_not_have_is_not_read() {
        let mut no_gyroscope = message();
        no_gyroscope.angular_velocity_covariance[0] = -1.0;
        assert_eq!(imu_sample(&no_gyroscope).unwrap().turn_rate_rad_per_s, None);
        let mut no_accelerometer = message();
        no_accelerometer.linear_acceleration_covariance[0] = -1.0;
        assert_eq!(imu_sample(&no_accelerometer).unwrap_err().code, ErrorCode::BadInput);
    }
}
