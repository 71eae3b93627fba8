//! The scene from above, to scale: what the cameras see, where they and the robot stand, and what the answer rests on.

use nalgebra::{Isometry3, Matrix2, Point3, Vector3};

use super::html::Html;
use crate::{
    answer::Evidence,
    geometry::footprint::convex_hull,
    scene::{Snapshot, View},
};

/// Of the drawing, in its own units.
const WIDTH: f64 = 720.0;
const MARGIN: f64 = 36.0;
const MAX_HEIGHT: f64 = 620.0;
/// Pixels looked at of each thing.
const MAX_SAMPLES: usize = 400;
/// Share of a thing's points, farthest from their middle, that are taken for strays.
const STRAY_SHARE: f64 = 0.1;
/// How far a camera's field of view is drawn, metres.
const SIGHT_M: f64 = 0.35;
/// Larger things, such as floors and walls, are left out: they would hide the rest. Metres.
const MAX_EXTENT_M: f64 = 4.0;
const AXIS_M: f64 = 0.25;

/// Named outline in the fixed frame.
struct Outline {
    name: String,
    corners_m: Vec<[f64; 2]>,
}

/// A piece of evidence in the fixed frame.
struct Marked<'a> {
    evidence: &'a Evidence,
    fixed_from_evidence: Isometry3<f64>,
    /// Same colour as in the camera's picture.
    color_idx: usize,
}

/// Metres to the drawing's units: +x right, +y up.
struct Scale {
    left_m: f64,
    top_m: f64,
    per_m: f64,
}

impl Scale {
    fn x(&self, x_m: f64) -> f64 {
        MARGIN + (x_m - self.left_m) * self.per_m
    }

    fn y(&self, y_m: f64) -> f64 {
        MARGIN + (self.top_m - y_m) * self.per_m
    }
}

/// The drawing; none when nothing has a place.
pub(super) fn draw(snapshot: &Snapshot, evidence: &[Evidence]) -> Option<Html> {
    let newest = snapshot.newest_views();
    let outlines: Vec<Outline> = newest.iter().flat_map(|view| outlines_of(view)).collect();
    let marked = marked(snapshot, evidence);
    let mut corners_m: Vec<[f64; 2]> = outlines.iter().flat_map(|outline| outline.corners_m.iter().copied()).collect();
    corners_m.extend(newest.iter().filter_map(|view| view.posed.as_ref().ok()).map(|posed| {
        let at = posed.fixed_from_camera.translation.vector;
        [at.x, at.y]
    }));
    for mark in &marked {
        corners_m.extend(box_corners(mark));
        corners_m.extend(mark.evidence.points_m.iter().map(|point| flat(&(mark.fixed_from_evidence * point))));
    }
    let robot = newest.first().and_then(|view| robot_place(snapshot, view));
    corners_m.extend(robot.iter().map(|place| [place.translation.vector.x, place.translation.vector.y]));
    let (scale, height) = fit(&corners_m)?;

    let mut svg = Html::default();
    svg.raw("<svg class=\"map\" role=\"img\"").attribute("viewBox", format!("0 0 {WIDTH} {height:.0}"));
    svg.attribute("aria-label", "The scene from above").raw(">");
    grid(&mut svg, &scale, height);
    for outline in &outlines {
        polygon(&mut svg, "thing", &outline.corners_m, &scale, &outline.name);
    }
    for view in &newest {
        camera(&mut svg, view, &scale);
    }
    if let Some(place) = robot {
        robot_axes(&mut svg, &place, &scale, snapshot.robot_frame.as_str());
    }
    for mark in &marked {
        draw_evidence(&mut svg, mark, &scale);
    }
    // Names last, so that nothing hides them.
    for outline in &outlines {
        let Some(middle) = middle(&outline.corners_m) else { continue };
        label(&mut svg, "name", middle, &scale, &outline.name);
    }
    for mark in &marked {
        if let (Some(quantity), [from, to]) = (&mark.evidence.quantity, mark.evidence.points_m.as_slice()) {
            let ends = [from, to].map(|point| flat(&(mark.fixed_from_evidence * point)));
            label(
                &mut svg,
                "value",
                [0, 1].map(|axis| ends.iter().map(|end| end.get(axis).copied().unwrap_or(0.0)).sum::<f64>() / 2.0),
                &scale,
                &quantity.to_string(),
            );
        }
    }
    svg.raw("</svg>");
    Some(svg)
}

fn flat(point: &Point3<f64>) -> [f64; 2] {
    [point.x, point.y]
}

fn marked<'a>(snapshot: &Snapshot, evidence: &'a [Evidence]) -> Vec<Marked<'a>> {
    evidence
        .iter()
        .enumerate()
        .filter_map(|(position, item)| {
            let fixed_from_evidence = if item.frame == snapshot.fixed_frame {
                Isometry3::identity()
            } else {
                snapshot.transforms.lookup(&snapshot.fixed_frame, &item.frame, item.stamp).ok()?.target_from_source
            };
            let color_idx = evidence.iter().take(position).filter(|earlier| earlier.view_idx == item.view_idx).count();
            Some(Marked { evidence: item, fixed_from_evidence, color_idx })
        })
        .collect()
}

/// What the view sees of each named thing, from above.
fn outlines_of(view: &View) -> Vec<Outline> {
    let (Ok(depth), Ok(labels), Ok(posed)) = (&view.depth, &view.labels, &view.posed) else { return Vec::new() };
    let width = labels.width_px.max(1) as usize;
    let mut found = Vec::new();
    for (id, (name, _)) in &labels.names.by_id {
        let pixels: Vec<usize> = (0..labels.ids.len()).filter(|index| labels.ids.get(*index) == Some(id)).collect();
        let step = pixels.len().div_ceil(MAX_SAMPLES).max(1);
        let points_m: Vec<[f64; 2]> = pixels
            .iter()
            .step_by(step)
            .filter_map(|index| {
                let (u, v) = ((index % width) as u32, (index / width) as u32);
                let ray = view.intrinsics.unproject(f64::from(u), f64::from(v), f64::from(depth.at(u, v)?));
                let at = posed.fixed_from_camera * Point3::from(ray);
                (at.x.is_finite() && at.y.is_finite()).then(|| flat(&at))
            })
            .collect();
        let corners_m = convex_hull(&without_strays(points_m));
        let extent_m = |axis: usize| {
            let values = corners_m.iter().filter_map(|corner| corner.get(axis));
            let (low, high) = values
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
            high - low
        };
        if corners_m.len() >= 3 && extent_m(0) <= MAX_EXTENT_M && extent_m(1) <= MAX_EXTENT_M {
            found.push(Outline { name: name.clone(), corners_m });
        }
    }
    // Small things are drawn over large ones.
    found.sort_by(|a, b| area(&b.corners_m).total_cmp(&area(&a.corners_m)));
    found
}

fn without_strays(mut points_m: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let Some([x, y]) = middle_of_most(&points_m) else { return points_m };
    let distance = |point: &[f64; 2]| (point[0] - x).hypot(point[1] - y);
    points_m.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    let n_kept = (points_m.len() as f64 * (1.0 - STRAY_SHARE)).ceil() as usize;
    points_m.truncate(n_kept);
    points_m
}

fn middle_of_most(points_m: &[[f64; 2]]) -> Option<[f64; 2]> {
    let median = |axis: usize| {
        let mut values: Vec<f64> = points_m.iter().filter_map(|point| point.get(axis).copied()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some([median(0)?, median(1)?])
}

fn middle(corners_m: &[[f64; 2]]) -> Option<[f64; 2]> {
    let n_corners = corners_m.len() as f64;
    (n_corners > 0.0).then(|| {
        let sum = corners_m.iter().fold([0.0, 0.0], |sum, corner| [sum[0] + corner[0], sum[1] + corner[1]]);
        sum.map(|value| value / n_corners)
    })
}

fn area(corners_m: &[[f64; 2]]) -> f64 {
    let next = corners_m.iter().cycle().skip(1);
    corners_m.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

fn robot_place(snapshot: &Snapshot, view: &View) -> Option<Isometry3<f64>> {
    let found = snapshot.transforms.lookup(&snapshot.fixed_frame, &snapshot.robot_frame, view.stamp).ok()?;
    Some(found.target_from_source)
}

/// The scale at which everything fits, and the height of the drawing.
fn fit(corners_m: &[[f64; 2]]) -> Option<(Scale, f64)> {
    let finite = || corners_m.iter().filter(|corner| corner.iter().all(|value| value.is_finite() && value.abs() < 1e4));
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for corner in finite() {
        for axis in 0..2 {
            low[axis] = low[axis].min(corner[axis] - 0.1);
            high[axis] = high[axis].max(corner[axis] + 0.1);
        }
    }
    finite().next()?;
    let (width_m, height_m) = (high[0] - low[0], high[1] - low[1]);
    let per_m = ((WIDTH - 2.0 * MARGIN) / width_m).min((MAX_HEIGHT - 2.0 * MARGIN) / height_m);
    let height = height_m * per_m + 2.0 * MARGIN;
    // Centred where the height decides.
    let spare_m = (WIDTH - 2.0 * MARGIN) / per_m - width_m;
    Some((Scale { left_m: low[0] - spare_m / 2.0, top_m: high[1], per_m }, height))
}

/// Lines at round metres, with their numbers.
fn grid(svg: &mut Html, scale: &Scale, height: f64) {
    let step_m = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 1000.0]
        .into_iter()
        .find(|step_m| step_m * scale.per_m >= 48.0)
        .unwrap_or(10_000.0);
    let text = |value_m: f64| if step_m < 1.0 { format!("{value_m:.1}") } else { format!("{value_m:.0}") };
    let from = (scale.left_m / step_m).floor() as i64;
    for step in from..from + 64 {
        let x = scale.x(step as f64 * step_m);
        if !(MARGIN / 2.0..=WIDTH - MARGIN / 2.0).contains(&x) {
            continue;
        }
        line(svg, "grid", [x, MARGIN / 2.0], [x, height - MARGIN / 2.0]);
        text_at(svg, "tick", [x, height - 4.0], &text(step as f64 * step_m));
    }
    let from = (scale.top_m / step_m).ceil() as i64;
    for step in (from - 64..=from).rev() {
        let y = scale.y(step as f64 * step_m);
        if !(MARGIN / 2.0..=height - MARGIN / 2.0).contains(&y) {
            continue;
        }
        line(svg, "grid", [MARGIN / 2.0, y], [WIDTH - MARGIN / 2.0, y]);
        text_at(svg, "tick", [14.0, y + 3.0], &text(step as f64 * step_m));
    }
}

fn camera(svg: &mut Html, view: &View, scale: &Scale) {
    let Ok(posed) = &view.posed else { return };
    let at = posed.fixed_from_camera.translation.vector;
    let lens = &view.intrinsics;
    let edge = |u_px: f64| {
        let ray = posed.fixed_from_camera.rotation * Vector3::from(lens.unproject(u_px, lens.cy_px, 1.0));
        let length = ray.x.hypot(ray.y).max(1e-6);
        [at.x + ray.x / length * SIGHT_M, at.y + ray.y / length * SIGHT_M]
    };
    let corners_m = [[at.x, at.y], edge(0.0), edge(f64::from(lens.width_px) - 1.0)];
    polygon(svg, "camera", &corners_m, scale, &view.camera);
    label(svg, "name camera-name", [at.x, at.y], scale, &view.camera);
}

fn robot_axes(svg: &mut Html, place: &Isometry3<f64>, scale: &Scale, name: &str) {
    let at = place.translation.vector;
    for (class, axis) in [("axis-x", Vector3::x()), ("axis-y", Vector3::y())] {
        let end = at + place.rotation * axis * AXIS_M;
        line(svg, class, [scale.x(at.x), scale.y(at.y)], [scale.x(end.x), scale.y(end.y)]);
    }
    label(svg, "name", [at.x, at.y], scale, name);
}

fn box_corners(mark: &Marked) -> Vec<[f64; 2]> {
    let size = mark.evidence.size_m;
    if size.min().is_nan() || size.min() <= 0.0 {
        return Vec::new();
    }
    let half = size * 0.5;
    let place = mark.fixed_from_evidence * mark.evidence.frame_from_object;
    let corners: Vec<[f64; 2]> = (0..8)
        .map(|index: u32| {
            let sign = |bit: u32| if index & bit == 0 { -1.0 } else { 1.0 };
            flat(&(place * Point3::new(sign(1) * half.x, sign(2) * half.y, sign(4) * half.z)))
        })
        .filter(|corner| corner.iter().all(|value| value.is_finite()))
        .collect();
    convex_hull(&corners)
}

fn draw_evidence(svg: &mut Html, mark: &Marked, scale: &Scale) {
    let evidence = mark.evidence;
    let class = COLORS.get(mark.color_idx % COLORS.len()).copied().unwrap_or("e0");
    let title = format!("{} ({})", evidence.id, evidence.role);
    let corners_m = box_corners(mark);
    if corners_m.len() >= 3 {
        polygon(svg, class, &corners_m, scale, &title);
        two_sigma(svg, mark, scale);
    }
    let points: Vec<[f64; 2]> =
        evidence.points_m.iter().map(|point| flat(&(mark.fixed_from_evidence * point))).collect();
    if let [from, to] = points[..] {
        line(svg, "measured", [scale.x(from[0]), scale.y(from[1])], [scale.x(to[0]), scale.y(to[1])]);
    }
    for [x_m, y_m] in points.into_iter().filter(|point| point.iter().all(|value| value.is_finite())) {
        svg.raw("<circle class=\"point\" r=\"3.5\"")
            .attribute("cx", number(scale.x(x_m)))
            .attribute("cy", number(scale.y(y_m)));
        svg.raw("/>");
    }
}

const COLORS: [&str; 7] = ["e0", "e1", "e2", "e3", "e4", "e5", "e6"];

/// Where the centre lies with two standard deviations.
fn two_sigma(svg: &mut Html, mark: &Marked, scale: &Scale) {
    let turn = mark.fixed_from_evidence.rotation.to_rotation_matrix();
    let covariance = turn.matrix() * mark.evidence.covariance.fixed_view::<3, 3>(0, 0) * turn.matrix().transpose();
    let flat_covariance: Matrix2<f64> = covariance.fixed_view::<2, 2>(0, 0).into_owned();
    if !flat_covariance.iter().all(|value| value.is_finite()) {
        return;
    }
    let axes = flat_covariance.symmetric_eigen();
    let radius = |axis: usize| 2.0 * axes.eigenvalues.get(axis).copied().unwrap_or(0.0).max(0.0).sqrt() * scale.per_m;
    let at = mark.fixed_from_evidence * mark.evidence.frame_from_object.translation.vector;
    let direction = axes.eigenvectors.column(0);
    let degrees = -direction.y.atan2(direction.x).to_degrees();
    let (x, y) = (scale.x(at.x), scale.y(at.y));
    if !(x.is_finite() && y.is_finite() && degrees.is_finite()) || radius(0).max(radius(1)) > WIDTH {
        return;
    }
    svg.raw("<ellipse class=\"sigma\"").attribute("rx", number(radius(0))).attribute("ry", number(radius(1)));
    svg.attribute("transform", format!("translate({x:.2} {y:.2}) rotate({degrees:.2})")).raw("/>");
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

fn line(svg: &mut Html, class: &str, from: [f64; 2], to: [f64; 2]) {
    if !from.iter().chain(&to).all(|value| value.is_finite()) {
        return;
    }
    svg.raw("<line").attribute("class", class);
    for (name, value) in [("x1", from[0]), ("y1", from[1]), ("x2", to[0]), ("y2", to[1])] {
        svg.attribute(name, number(value));
    }
    svg.raw("/>");
}

fn polygon(svg: &mut Html, class: &str, corners_m: &[[f64; 2]], scale: &Scale, title: &str) {
    let points: Vec<String> = corners_m
        .iter()
        .filter(|corner| corner.iter().all(|value| value.is_finite()))
        .map(|[x, y]| format!("{:.2},{:.2}", scale.x(*x), scale.y(*y)))
        .collect();
    svg.raw("<polygon").attribute("class", class).attribute("points", points.join(" ")).raw("><title>").text(title);
    svg.raw("</title></polygon>");
}

fn label(svg: &mut Html, class: &str, at_m: [f64; 2], scale: &Scale, text: &str) {
    text_at(svg, class, [scale.x(at_m[0]), scale.y(at_m[1]) - 4.0], text);
}

fn text_at(svg: &mut Html, class: &str, at: [f64; 2], text: &str) {
    if at.iter().all(|value| value.is_finite()) {
        svg.raw("<text").attribute("class", class).attribute("x", number(at[0])).attribute("y", number(at[1])).raw(">");
        svg.text(text).raw("</text>");
    }
}
