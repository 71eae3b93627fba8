//! Evidence as RViz markers.

use std::time::Duration;

use r2r::{
    geometry_msgs::msg::{Point, Pose, Vector3},
    std_msgs::msg::ColorRGBA,
    visualization_msgs::msg::{Marker, MarkerArray},
};

use super::{
    convert::{
        evidence::is_finite,
        geometry::{point_msg, pose_msg, vector_msg},
        text::clean,
        time::{duration_msg, header},
        uuid::hex,
    },
    goal_table::GoalId,
};
use crate::answer::Evidence;

const KINDS: [&str; 5] = ["boxes", "points", "lines", "values", "labels"];
const POINT_DIAMETER_M: f64 = 0.015;
const LINE_WIDTH_M: f64 = 0.006;
const TEXT_HEIGHT_M: f64 = 0.05;
const MIN_BOX_SIDE_M: f64 = 0.002;
const YELLOW: ColorRGBA = ColorRGBA { r: 0.94, g: 0.89, b: 0.26, a: 1.0 };
const WHITE: ColorRGBA = ColorRGBA { r: 1.0, g: 1.0, b: 1.0, a: 1.0 };

/// Draws answers, one after the other: each takes the previous one away.
#[derive(Debug, Default)]
pub struct MarkerPainter {
    shown: Option<GoalId>,
}

impl MarkerPainter {
    /// Markers for `evidence`, after those that delete what was shown before. `lifetime` zero = until the next answer.
    pub fn paint(&mut self, id: &GoalId, evidence: &[Evidence], lifetime: Duration) -> MarkerArray {
        let mut markers = Vec::new();
        if let Some(previous) = self.shown.replace(*id) {
            markers.extend(KINDS.iter().map(|kind| deletion(&namespace(&previous, kind))));
        }
        for (index, item) in evidence.iter().filter(|item| is_finite(item)).enumerate() {
            let canvas = Canvas { id, item, index: i32::try_from(index).unwrap_or(i32::MAX), lifetime };
            canvas.draw(&mut markers);
        }
        MarkerArray { markers }
    }
}

fn namespace(id: &GoalId, kind: &str) -> String {
    let short: String = hex(id).chars().take(8).collect();
    format!("{short}/{kind}")
}

fn deletion(namespace: &str) -> Marker {
    Marker {
        ns: namespace.to_owned(),
        action: Marker::DELETEALL as i32,
        pose: upright(Point::default()),
        ..Marker::default()
    }
}

/// A pose that turns nothing.
fn upright(position: Point) -> Pose {
    let mut pose = Pose { position, ..Pose::default() };
    pose.orientation.w = 1.0;
    pose
}

struct Canvas<'a> {
    id: &'a GoalId,
    item: &'a Evidence,
    index: i32,
    lifetime: Duration,
}

impl Canvas<'_> {
    fn draw(&self, markers: &mut Vec<Marker>) {
        let item = self.item;
        let has_box = item.size_m.iter().any(|side_m| *side_m > 0.0);
        if has_box {
            let side = |side_m: f64| side_m.max(MIN_BOX_SIDE_M);
            markers.push(Marker {
                pose: pose_msg(&item.frame_from_object),
                scale: vector_msg(&item.size_m.map(side)),
                color: ColorRGBA { a: 0.35, ..color(&item.role) },
                ..self.marker("boxes", Marker::CUBE as i32)
            });
        }
        let points: Vec<Point> = item.points_m.iter().map(point_msg).collect();
        if !points.is_empty() {
            let diameter = Vector3 { x: POINT_DIAMETER_M, y: POINT_DIAMETER_M, z: POINT_DIAMETER_M };
            markers.push(Marker {
                scale: diameter,
                color: color(&item.role),
                points: points.clone(),
                ..self.marker("points", Marker::SPHERE_LIST as i32)
            });
        }
        match (&item.quantity, points.as_slice()) {
            (Some(quantity), [from, .., to]) => {
                let middle = Point {
                    x: (from.x + to.x) / 2.0,
                    y: (from.y + to.y) / 2.0,
                    z: (from.z + to.z) / 2.0 + TEXT_HEIGHT_M / 2.0,
                };
                let ends = vec![from.clone(), to.clone()];
                markers.push(Marker {
                    scale: Vector3 { x: LINE_WIDTH_M, y: 0.0, z: 0.0 },
                    color: YELLOW,
                    points: ends,
                    ..self.marker("lines", Marker::LINE_LIST as i32)
                });
                markers.push(self.text("values", middle, quantity.to_string()));
            }
            _ if !item.label.is_empty() => {
                let mut above = point_msg(&item.frame_from_object.translation.vector.into());
                above.z += item.size_m.z / 2.0 + TEXT_HEIGHT_M;
                markers.push(self.text("labels", above, item.label.clone()));
            }
            _ => {}
        }
    }

    fn marker(&self, kind: &str, type_: i32) -> Marker {
        Marker {
            header: header(self.item.stamp, &self.item.frame),
            ns: namespace(self.id, kind),
            id: self.index,
            type_,
            action: Marker::ADD as i32,
            pose: upright(Point::default()),
            lifetime: duration_msg(self.lifetime),
            ..Marker::default()
        }
    }

    fn text(&self, kind: &str, position: Point, text: String) -> Marker {
        Marker {
            pose: upright(position),
            scale: Vector3 { x: 0.0, y: 0.0, z: TEXT_HEIGHT_M },
            color: WHITE,
            text: clean(&text),
            ..self.marker(kind, Marker::TEXT_VIEW_FACING as i32)
        }
    }
}

/// Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
fn color(role: &str) -> ColorRGBA {
    let (r, g, b) = match role {
        "from" | "target" => (0.90, 0.62, 0.0),
        "to" | "reference" => (0.34, 0.71, 0.91),
        "surface" => (0.0, 0.62, 0.45),
        "viewpoint" => (0.80, 0.47, 0.65),
        _ => (0.84, 0.37, 0.0),
    };
    ColorRGBA { r, g, b, a: 1.0 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use nalgebra::{Point3, Vector3 as Vec3};

    use super::*;
    use crate::{
        geometry::{Quantity, Unit},
        ros::convert::evidence::tests::a_mug,
    };

    const ID: GoalId = [0x5a; 16];

    fn a_distance() -> Evidence {
        Evidence {
            label: "distance".into(),
            size_m: Vec3::zeros(),
            points_m: vec![Point3::new(0.0, 0.0, 1.0), Point3::new(0.4, 0.0, 1.0)],
            quantity: Quantity::new(0.4, 0.004, Unit::Metre),
            ..a_mug()
        }
    }

    fn painted(evidence: &[Evidence]) -> Vec<Marker> {
        MarkerPainter::default().paint(&ID, evidence, Duration::ZERO).markers
    }

    #[test]
    fn a_distance_is_a_line_between_its_ends_with_its_value() {
        let markers = painted(&[a_distance()]);
        let [points, line, text] = markers.as_slice() else { panic!("{markers:?}") };
        assert_eq!((points.type_, points.points.len()), (Marker::SPHERE_LIST as i32, 2));
        assert_eq!(line.type_, Marker::LINE_LIST as i32);
        let ends = [Point { x: 0.0, y: 0.0, z: 1.0 }, Point { x: 0.4, y: 0.0, z: 1.0 }];
        assert_eq!(line.points, ends);
        assert_eq!((text.type_, text.text.as_str()), (Marker::TEXT_VIEW_FACING as i32, "0.400 ± 0.004 m"));
        assert_eq!((text.pose.position.x, text.pose.position.y), (0.2, 0.0));
        assert!(text.scale.z > 0.0);
    }

    #[test]
    fn an_object_is_a_box_with_a_label_in_the_frame_and_at_the_time_it_was_measured() {
        let markers = painted(&[a_mug()]);
        let [cube, points, label] = markers.as_slice() else { panic!("{markers:?}") };
        assert_eq!(cube.type_, Marker::CUBE as i32);
        assert_eq!((cube.scale.x, cube.scale.y, cube.scale.z), (0.1, 0.08, 0.09));
        assert_eq!(cube.pose.position, Point { x: 1.0, y: 2.0, z: 3.0 });
        assert_eq!((label.text.as_str(), label.ns.as_str()), ("mug", "5a5a5a5a/labels"));
        for marker in [cube, points, label] {
            assert_eq!((marker.header.frame_id.as_str(), marker.header.stamp.sec), ("map", 2));
            assert_eq!(marker.pose.orientation.w, 1.0);
            assert!(marker.color.a > 0.0);
        }
    }

    #[test]
    fn namespace_and_id_are_unique() {
        let markers = painted(&[a_mug(), a_distance(), a_mug(), a_distance()]);
        let names: HashSet<(String, i32)> = markers.iter().map(|marker| (marker.ns.clone(), marker.id)).collect();
        assert_eq!(names.len(), markers.len());
    }

    #[test]
    fn no_marker_holds_a_number_that_is_not_finite() {
        let broken = Evidence { points_m: vec![Point3::new(f64::NAN, 0.0, 0.0)], ..a_mug() };
        assert_eq!(painted(&[broken]), []);
    }

    #[test]
    fn a_flat_box_keeps_a_positive_size() {
        let flat = Evidence { size_m: Vec3::new(1.0, 0.5, 0.0), ..a_mug() };
        let cube = painted(&[flat]).remove(0);
        assert!(cube.scale.z > 0.0);
    }

    #[test]
    fn the_next_answer_takes_the_previous_one_away() {
        let mut painter = MarkerPainter::default();
        let first = painter.paint(&ID, &[a_mug()], Duration::from_secs(3)).markers;
        assert!(first.iter().all(|marker| marker.action == Marker::ADD as i32 && marker.lifetime.sec == 3));
        let second = painter.paint(&[1; 16], &[], Duration::ZERO).markers;
        let deleted: HashSet<&str> = second.iter().map(|marker| marker.ns.as_str()).collect();
        assert!(second.iter().all(|marker| marker.action == Marker::DELETEALL as i32));
        assert!(first.iter().all(|marker| deleted.contains(marker.ns.as_str())));
    }
}
