//! Which frames of a recording measurements are made in.

use std::fmt;

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion};

use super::{SourceSettings, fixed_transform};
use crate::{
    bag::{Outline, SourceCamera},
    scene::{FrameId, Stamp, StampedTransform},
};

/// Frames whose +z is up by REP-105, best first; below them the robot's own, which stands level as a rule.
const LEVEL_FRAMES: [&str; 7] = ["map", "odom", "world", "earth", "base_footprint", "base_link", "base"];
/// The robot's body, best first.
const ROBOT_FRAMES: [&str; 4] = ["base_link", "base_footprint", "base", "body"];
/// Frame that is added where none is level.
pub(super) const LEVEL: &str = "level";
/// Frame that is added where no robot is: at the camera, x forward, y left, z up.
const CAMERA_BODY: &str = "camera_body";

/// The frames that were found or have to be added.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frames {
    /// Measured in; +z is up.
    pub fixed: FrameId,
    /// The robot's body, or the camera's.
    pub robot: FrameId,
    /// The frame on which a level one has to be put: no frame above the camera is known to be level.
    pub level_on: Option<FrameId>,
    /// Whether the robot's frame has to be added.
    pub is_robot_added: bool,
    camera: FrameId,
}

impl Frames {
    pub fn find(outline: &Outline, cameras: &[&SourceCamera], settings: &SourceSettings) -> Frames {
        let camera = cameras.first().map_or_else(|| FrameId::new(""), |camera| camera.frame.clone());
        let above = above(outline, &camera);
        let root = above.last().cloned().unwrap_or_else(|| camera.clone());
        let is_last = |frame: &FrameId, name: &str| frame.as_str().rsplit('/').next() == Some(name);
        let level = LEVEL_FRAMES.iter().find_map(|name| above.iter().find(|frame| is_last(frame, name)));
        let (fixed, level_on) = match (&settings.fixed_frame, level) {
            (Some(frame), _) => (frame.clone(), None),
            (None, Some(frame)) => (frame.clone(), None),
            (None, None) => (FrameId::new(LEVEL), Some(root.clone())),
        };
        let is_joined = |frame: &FrameId| *frame == root || self::above(outline, frame).last() == Some(&root);
        let all = || outline.parents.iter().flat_map(|(child, parent)| [child, parent]);
        let robot = settings.robot_frame.clone().or_else(|| {
            ROBOT_FRAMES.iter().find_map(|name| all().find(|frame| is_last(frame, name) && is_joined(frame)).cloned())
        });
        let is_robot_added = robot.is_none();
        Frames { fixed, robot: robot.unwrap_or_else(|| FrameId::new(CAMERA_BODY)), level_on, is_robot_added, camera }
    }

    /// The camera's body, where no robot is and the fixed frame is level by itself.
    pub fn static_transforms(&self, at: Stamp) -> Vec<StampedTransform> {
        if !self.is_robot_added || self.level_on.is_some() {
            return Vec::new();
        }
        // Forward, left and up of the body, in the optical frame: columns.
        let axes = Matrix3::new(0.0, -1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0);
        let turn = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes));
        let optical_from_body = Isometry3::from_parts(Translation3::identity(), turn);
        vec![fixed_transform(&self.camera, &self.robot, at, &optical_from_body)]
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "measured in frame \"{}\"; the robot is \"{}\"", self.fixed, self.robot)?;
        if self.is_robot_added {
            f.write_str(", which stands for the camera")?;
        }
        Ok(())
    }
}

/// The frames above one, nearest first.
fn above(outline: &Outline, frame: &FrameId) -> Vec<FrameId> {
    let mut found: Vec<FrameId> = Vec::new();
    let mut at = frame;
    while let Some(parent) = outline.parents.get(at) {
        // A loop in a garbled tree ends here.
        if found.contains(parent) {
            break;
        }
        found.push(parent.clone());
        at = parent;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bag::{CameraTopics, Span};

    fn frames(links: &[(&str, &str)]) -> Frames {
        let parents = links.iter().map(|(parent, child)| (FrameId::new(child), FrameId::new(parent))).collect();
        let outline = Outline { parents, ..Outline::default() };
        let span = Span { from: Stamp::default(), to: Stamp::default() };
        let frame = FrameId::new("optical");
        let camera = SourceCamera { name: "c".into(), topics: CameraTopics::default(), frame, span };
        Frames::find(&outline, &[&camera], &SourceSettings::default())
    }

    #[test]
    fn the_best_level_frame_above_the_camera_is_fixed() {
        let check = |links: &[(&str, &str)], fixed: &str, robot: &str, level_on: Option<&str>| {
            let found = frames(links);
            let level_on = level_on.map(FrameId::new);
            assert_eq!((found.fixed.as_str(), found.robot.as_str(), found.level_on), (fixed, robot, level_on));
        };
        check(&[("map", "odom"), ("odom", "base_link"), ("base_link", "optical")], "map", "base_link", None);
        check(&[("base_link", "optical"), ("map", "other")], "base_link", "base_link", None);
        check(&[("camera_link", "optical")], "level", "camera_body", Some("camera_link"));
        check(&[("map", "optical")], "map", "camera_body", None);
        check(&[], "level", "camera_body", Some("optical"));
        check(&[("optical", "a"), ("a", "optical")], "level", "camera_body", Some("optical"));
    }
}
