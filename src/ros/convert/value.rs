//! `spatialclaw/SpatialValue` and `spatialclaw/Quantity`.

use nalgebra::Isometry3;
use r2r::{
    geometry_msgs::msg::PoseWithCovarianceStamped,
    spatialclaw::msg::{self, SpatialValue},
};

use super::{
    geometry::{is_finite_pose, pose_with_covariance_msg},
    text::clean,
    time::header,
};
use crate::{
    answer::{AnswerValue, Placement},
    geometry::Quantity,
};

/// A measured number.
pub fn quantity_msg(quantity: &Quantity) -> msg::Quantity {
    msg::Quantity { value: quantity.value(), sigma: quantity.sigma(), unit: quantity.unit().symbol().to_owned() }
}

/// A typed value. `None` when a number in it is not finite.
pub fn value_msg(value: &AnswerValue) -> Option<SpatialValue> {
    let mut message = SpatialValue::default();
    match value {
        AnswerValue::Number(quantity) => {
            message.kind = SpatialValue::KIND_NUMBER as u8;
            message.number = quantity_msg(quantity);
        }
        AnswerValue::Bool(truth) => {
            message.kind = SpatialValue::KIND_BOOL as u8;
            message.truth = *truth;
        }
        AnswerValue::Choice { text, index } => {
            message.kind = SpatialValue::KIND_CHOICE as u8;
            message.text = clean(text);
            message.choice_index = index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        }
        AnswerValue::Text(text) => {
            message.kind = SpatialValue::KIND_TEXT as u8;
            message.text = clean(text);
        }
        AnswerValue::Point(placement) => {
            message.kind = SpatialValue::KIND_POINT as u8;
            let position = Isometry3::from_parts(placement.frame_from_object.translation, Default::default());
            message.placement = placement_msg(placement, &position)?;
        }
        AnswerValue::Pose(placement) => {
            message.kind = SpatialValue::KIND_POSE as u8;
            message.placement = placement_msg(placement, &placement.frame_from_object)?;
        }
        AnswerValue::List { items, numbers } => {
            message.kind = SpatialValue::KIND_LIST as u8;
            message.items = items.iter().map(|item| clean(item)).collect();
            message.item_numbers = numbers.iter().map(quantity_msg).collect();
        }
    }
    Some(message)
}

fn placement_msg(placement: &Placement, pose: &Isometry3<f64>) -> Option<PoseWithCovarianceStamped> {
    let is_finite = is_finite_pose(pose) && placement.covariance.iter().all(|number| number.is_finite());
    is_finite.then(|| PoseWithCovarianceStamped {
        header: header(placement.stamp, &placement.frame),
        pose: pose_with_covariance_msg(pose, &placement.covariance),
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix6, UnitQuaternion, Vector3};

    use super::*;
    use crate::{
        geometry::Unit,
        scene::{FrameId, Stamp},
    };

    fn placement(x: f64) -> Placement {
        Placement {
            frame: FrameId::new("map"),
            stamp: Stamp { nanos: 5 },
            frame_from_object: Isometry3::new(Vector3::new(x, 2.0, 3.0), Vector3::z()),
            covariance: Matrix6::identity() * 0.01,
        }
    }

    #[test]
    fn a_number_has_kind_value_sigma_and_unit() {
        let quantity = Quantity::new(0.4125, 0.0025, Unit::Metre).unwrap();
        let expected = SpatialValue {
            kind: 1,
            number: msg::Quantity { value: 0.4125, sigma: 0.0025, unit: "m".to_owned() },
            choice_index: -1,
            ..SpatialValue::default()
        };
        assert_eq!(value_msg(&AnswerValue::Number(quantity)), Some(expected));
    }

    #[test]
    fn only_the_fields_of_the_kind_are_filled() {
        let check = |value: AnswerValue, expected: SpatialValue| assert_eq!(value_msg(&value), Some(expected));
        let default = SpatialValue { choice_index: -1, ..SpatialValue::default() };
        check(AnswerValue::Bool(true), SpatialValue { kind: 2, truth: true, ..default.clone() });
        check(
            AnswerValue::Choice { text: "left".into(), index: Some(1) },
            SpatialValue { kind: 3, text: "left".into(), choice_index: 1, ..default.clone() },
        );
        check(
            AnswerValue::Choice { text: "left".into(), index: None },
            SpatialValue { kind: 3, text: "left".into(), ..default.clone() },
        );
        check(AnswerValue::Text("a\0b".into()), SpatialValue { kind: 4, text: "a\u{fffd}b".into(), ..default.clone() });
        check(
            AnswerValue::List { items: vec!["mug".into()], numbers: vec![Quantity::count(2)] },
            SpatialValue {
                kind: 7,
                items: vec!["mug".into()],
                item_numbers: vec![msg::Quantity { value: 2.0, sigma: 0.0, unit: "1".into() }],
                ..default
            },
        );
    }

    #[test]
    fn a_point_has_no_rotation_and_a_pose_has() {
        let point = value_msg(&AnswerValue::Point(placement(1.0))).unwrap();
        assert_eq!(point.kind, 5);
        assert_eq!(point.placement.header.frame_id, "map");
        assert_eq!(point.placement.pose.pose.orientation.w, 1.0);
        assert_eq!(point.placement.pose.covariance[0], 0.01);
        let pose = value_msg(&AnswerValue::Pose(placement(1.0))).unwrap();
        assert_eq!(pose.kind, 6);
        let one_radian: UnitQuaternion<f64> = UnitQuaternion::from_scaled_axis(Vector3::z());
        assert_eq!(pose.placement.pose.pose.orientation.w, one_radian.w);
    }

    #[test]
    fn a_placement_that_is_not_finite_is_no_value() {
        assert_eq!(value_msg(&AnswerValue::Point(placement(f64::NAN))), None);
    }
}
