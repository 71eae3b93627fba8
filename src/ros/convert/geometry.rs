//! `geometry_msgs` points, poses and covariances.

use nalgebra::{Isometry3, Matrix6, Point3, Vector3};
use r2r::geometry_msgs::msg;

/// A point.
pub fn point_msg(point: &Point3<f64>) -> msg::Point {
    msg::Point { x: point.x, y: point.y, z: point.z }
}

/// A vector.
pub fn vector_msg(vector: &Vector3<f64>) -> msg::Vector3 {
    msg::Vector3 { x: vector.x, y: vector.y, z: vector.z }
}

/// A pose.
pub fn pose_msg(pose: &Isometry3<f64>) -> msg::Pose {
    let rotation = pose.rotation.coords;
    msg::Pose {
        position: point_msg(&pose.translation.vector.into()),
        orientation: msg::Quaternion { x: rotation.x, y: rotation.y, z: rotation.z, w: rotation.w },
    }
}

/// A pose with its covariance, row by row.
pub fn pose_with_covariance_msg(pose: &Isometry3<f64>, covariance: &Matrix6<f64>) -> msg::PoseWithCovariance {
    // nalgebra stores by columns: the transpose's columns are the rows.
    msg::PoseWithCovariance { pose: pose_msg(pose), covariance: covariance.transpose().as_slice().to_vec() }
}

/// Whether every number of a pose is finite.
pub fn is_finite_pose(pose: &Isometry3<f64>) -> bool {
    pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|number| number.is_finite())
}

/// Whether every coordinate is finite.
pub fn is_finite_point(point: &Point3<f64>) -> bool {
    point.iter().all(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};

    use super::*;

    #[test]
    fn poses_keep_position_and_rotation() {
        // A quarter turn about z: x = y = 0, z = w = sin 45°.
        let pose = Isometry3::from_parts(
            Translation3::new(1.0, 2.0, 3.0),
            UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2),
        );
        let message = pose_msg(&pose);
        assert_eq!(message.position, msg::Point { x: 1.0, y: 2.0, z: 3.0 });
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((message.orientation.z - half).abs() < 1e-12 && (message.orientation.w - half).abs() < 1e-12);
        assert_eq!((message.orientation.x, message.orientation.y), (0.0, 0.0));
    }

    #[test]
    fn covariances_go_row_by_row() {
        let covariance = Matrix6::from_fn(|row, column| (row * 6 + column) as f64);
        let message = pose_with_covariance_msg(&Isometry3::identity(), &covariance);
        assert_eq!(message.covariance, (0..36).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_that_are_not_finite_are_found() {
        assert!(is_finite_pose(&Isometry3::translation(1.0, 2.0, 3.0)));
        assert!(!is_finite_pose(&Isometry3::translation(1.0, f64::NAN, 3.0)));
        assert!(!is_finite_point(&Point3::new(0.0, f64::INFINITY, 0.0)));
    }
}
