//! `spatialclaw/Evidence`.

use r2r::{sensor_msgs::msg::RegionOfInterest, spatialclaw::msg};

use super::{
    geometry::{is_finite_point, is_finite_pose, point_msg, pose_with_covariance_msg, vector_msg},
    text::clean,
    time::header,
};
use crate::{answer::Evidence, geometry::PixelBox};

/// What a value rests on. `None` when a number in it is not finite.
pub fn evidence_msg(evidence: &Evidence) -> Option<msg::Evidence> {
    is_finite(evidence).then(|| msg::Evidence {
        header: header(evidence.stamp, &evidence.frame),
        id: clean(&evidence.id),
        label: clean(&evidence.label),
        role: clean(&evidence.role),
        camera: clean(&evidence.camera),
        method: clean(&evidence.method),
        pose: pose_with_covariance_msg(&evidence.frame_from_object, &evidence.covariance),
        size: vector_msg(&evidence.size_m),
        points: evidence.points_m.iter().map(point_msg).collect(),
        n_pixels: u32::try_from(evidence.n_pixels).unwrap_or(u32::MAX),
        score: evidence.score,
        roi: evidence.roi.map(roi_msg).unwrap_or_default(),
    })
}

/// Whether every number of a piece of evidence is finite.
pub fn is_finite(evidence: &Evidence) -> bool {
    is_finite_pose(&evidence.frame_from_object)
        && evidence.points_m.iter().all(is_finite_point)
        && evidence.covariance.iter().chain(evidence.size_m.iter()).all(|number| number.is_finite())
        && evidence.score.is_finite()
}

/// `PixelBox` has both ends in it, so its width is one more than their difference.
fn roi_msg(pixels: PixelBox) -> RegionOfInterest {
    RegionOfInterest {
        x_offset: pixels.u_min_px,
        y_offset: pixels.v_min_px,
        width: pixels.u_max_px.saturating_sub(pixels.u_min_px).saturating_add(1),
        height: pixels.v_max_px.saturating_sub(pixels.v_min_px).saturating_add(1),
        do_rectify: false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use nalgebra::{Isometry3, Matrix6, Point3, Vector3};
    use r2r::geometry_msgs::msg::Point;

    use super::*;
    use crate::scene::{FrameId, Stamp};

    pub(crate) fn a_mug() -> Evidence {
        Evidence {
            id: "mug#5@front".into(),
            label: "mug".into(),
            role: "from".into(),
            camera: "front".into(),
            view_idx: 0,
            instance: Some(5),
            method: "depth, label image".into(),
            frame: FrameId::new("map"),
            stamp: Stamp { nanos: 2_000_000_003 },
            frame_from_object: Isometry3::translation(1.0, 2.0, 3.0),
            covariance: Matrix6::identity() * 1e-4,
            size_m: Vector3::new(0.1, 0.08, 0.09),
            points_m: vec![Point3::new(1.0, 2.0, 3.0)],
            quantity: None,
            n_pixels: 812,
            score: 0.5,
            roi: Some(PixelBox { u_min_px: 10, v_min_px: 20, u_max_px: 19, v_max_px: 39 }),
        }
    }

    #[test]
    fn every_field_arrives() {
        let message = evidence_msg(&a_mug()).unwrap();
        assert_eq!(message.header.frame_id, "map");
        assert_eq!((message.header.stamp.sec, message.header.stamp.nanosec), (2, 3));
        let texts = [&message.id, &message.label, &message.role, &message.camera, &message.method];
        assert_eq!(texts, ["mug#5@front", "mug", "from", "front", "depth, label image"]);
        assert_eq!(message.pose.pose.position, Point { x: 1.0, y: 2.0, z: 3.0 });
        assert_eq!(message.pose.covariance.len(), 36);
        assert_eq!((message.size.x, message.size.y, message.size.z), (0.1, 0.08, 0.09));
        assert_eq!(message.points, [Point { x: 1.0, y: 2.0, z: 3.0 }]);
        assert_eq!((message.n_pixels, message.score), (812, 0.5));
        let roi = RegionOfInterest { x_offset: 10, y_offset: 20, width: 10, height: 20, do_rectify: false };
        assert_eq!(message.roi, roi);
    }

    #[test]
    fn evidence_that_is_not_finite_is_left_out() {
        assert_eq!(evidence_msg(&Evidence { score: f32::NAN, ..a_mug() }), None);
        assert_eq!(evidence_msg(&Evidence { points_m: vec![Point3::new(0.0, 0.0, f64::NAN)], ..a_mug() }), None);
    }
}
