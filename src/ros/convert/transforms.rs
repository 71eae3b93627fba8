//! `tf2_msgs/TFMessage`.

use r2r::{geometry_msgs::msg::TransformStamped, tf2_msgs::msg::TFMessage};

use super::time::stamp;
use crate::scene::{FrameId, StampedTransform};

/// The transforms of a message.
pub fn transforms(message: TFMessage) -> Vec<StampedTransform> {
    message.transforms.into_iter().map(transform).collect()
}

fn transform(message: TransformStamped) -> StampedTransform {
    let (t, q) = (message.transform.translation, message.transform.rotation);
    StampedTransform {
        parent: FrameId::new(&message.header.frame_id),
        child: FrameId::new(&message.child_frame_id),
        stamp: stamp(&message.header.stamp),
        translation_m: [t.x, t.y, t.z],
        rotation_xyzw: [q.x, q.y, q.z, q.w],
    }
}

#[cfg(test)]
mod tests {
    use r2r::{
        builtin_interfaces::msg::Time,
        geometry_msgs::msg::{Quaternion, Transform, Vector3},
        std_msgs::msg::Header,
    };

    use super::*;
    use crate::scene::Stamp;

    #[test]
    fn a_transform_keeps_frames_stamp_and_the_order_of_the_quaternion() {
        let message = TransformStamped {
            header: Header { stamp: Time { sec: 1, nanosec: 2 }, frame_id: "/map".to_owned() },
            child_frame_id: "base_link".to_owned(),
            transform: Transform {
                translation: Vector3 { x: 1.0, y: 2.0, z: 3.0 },
                rotation: Quaternion { x: 0.1, y: 0.2, z: 0.3, w: 0.4 },
            },
        };
        let expected = StampedTransform {
            parent: FrameId::new("map"),
            child: FrameId::new("base_link"),
            stamp: Stamp { nanos: 1_000_000_002 },
            translation_m: [1.0, 2.0, 3.0],
            rotation_xyzw: [0.1, 0.2, 0.3, 0.4],
        };
        assert_eq!(transforms(TFMessage { transforms: vec![message] }), [expected]);
    }
}
