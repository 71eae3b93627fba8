//! `tools.Geometry`: measurements and relations between things.

pub mod angles;
mod direction;
mod distances;
pub mod gravity;
mod heights;
mod motion;
mod order;
mod path;
mod relations;
mod shapes;
pub mod space;
mod specs;
mod vectors;

pub use specs::SPECS;

use rhai::Dynamic;

use super::{
    ToolError, Toolbox,
    arguments::{describe, number, object, objects, text},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Geometry;

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Geometry>) {
    tools.add("surface_distance", |_, [a, b]| distances::surface_distance(&object(&a, "a")?, &object(&b, "b")?));
    tools.add("distance_from", |session, [origin, a]| distances::distance_from(session, &origin, &object(&a, "a")?));
    tools.add("distance_to_edge", |session, [a, surface]| {
        distances::distance_to_edge(session, &object(&a, "a")?, &object(&surface, "surface")?)
    });
    tools.add("bearing", |session, [a, frame]| {
        let frame = if frame.is_unit() { "robot".to_owned() } else { text(&frame, "frame")? };
        distances::bearing(session, &object(&a, "a")?, &frame)
    });
    tools.add("height", |_, [a]| heights::height(&object(&a, "a")?));
    tools.add("width", |_, [a]| heights::width(&object(&a, "a")?));
    tools.add("length", |_, [a]| heights::length(&object(&a, "a")?));
    tools.add("height_above", |session, [a, reference, part]| {
        heights::height_above(session, &object(&a, "a")?, &reference, &text(&part, "part")?)
    });
    tools.add("side_of", |session, [a, side, b, viewer]| {
        relations::side_of(session, &object(&a, "a")?, &text(&side, "side")?, &object(&b, "b")?, &viewer)
    });
    tools.add("side_of_frame", |session, [a, side, frame]| {
        relations::side_of_frame(session, &object(&a, "a")?, &text(&side, "side")?, &text(&frame, "frame")?)
    });
    tools.add("on_top_of", |_, [a, b]| relations::on_top_of(&object(&a, "a")?, &object(&b, "b")?));
    tools.add("inside", |_, [a, b]| relations::inside(&object(&a, "a")?, &object(&b, "b")?));
    tools.add("under", |_, [a, b]| relations::under(&object(&a, "a")?, &object(&b, "b")?));
    tools.add("support_of", |_, [a, candidates]| {
        relations::support_of(&object(&a, "a")?, &objects(&candidates, "candidates")?)
    });
    tools.add("resting_on", |_, [b, candidates]| {
        relations::resting_on(&object(&b, "b")?, &objects(&candidates, "candidates")?).map(order::list)
    });
    tools.add("stacked_on", |_, [b, candidates]| {
        relations::stacked_on(&object(&b, "b")?, &objects(&candidates, "candidates")?).map(order::list)
    });
    tools.add("order_left_to_right", |session, [things, viewer]| {
        order::left_to_right(session, &objects(&things, "objects")?, &viewer).map(order::list)
    });
    tools.add("nearest_to", |session, [things, to]| order::nearest_to(session, &objects(&things, "objects")?, &to));
    tools.add("displacement", |_, [earlier, later, min_move]| {
        let min_move_m = if min_move.is_unit() { motion::MIN_MOVE_M } else { number(&min_move, "min_move_m")? };
        motion::displacement(&object(&earlier, "earlier")?, &object(&later, "later")?, min_move_m)
    });
    tools.add("oriented_box", |_, [thing]| angles::oriented_box(&object(&thing, "thing")?));
    tools.add("fit_plane", |_, [thing, normal]| angles::fit_plane(&object(&thing, "thing")?, &normal));
    tools.add("angle_between", |_, [a, b]| angles::angle_between(&a, &b));
    register_space(tools);
    register_plain(tools);
}

/// Room, motion, directions.
fn register_space(tools: &mut Toolbox<'_, Geometry>) {
    tools.add("free_space_between", |session, [a, b, height]| {
        space::free_space_between(session, &object(&a, "a")?, &object(&b, "b")?, &height)
    });
    tools.add("fits", |session, [thing, a, b]| space::fits(session, &thing, &object(&a, "a")?, &object(&b, "b")?));
    tools.add("clearance", |session, [thing]| space::clearance(session, &object(&thing, "thing")?));
    tools.add("motion", |session, [what, window, min_move]| {
        let min_move_m = if min_move.is_unit() { motion::MIN_MOVE_M } else { number(&min_move, "min_move_m")? };
        motion::motion_of(session, &what, &window, min_move_m)
    });
    tools.add("direction_of", |session, [a, from, frame]| {
        direction::direction_of(session, &object(&a, "a")?, &from, &frame)
    });
    tools.add("gravity", |session, [source]| {
        let source = if source.is_unit() { None } else { Some(text(&source, "source")?) };
        gravity::gravity(session, source.as_deref())
    });
}

/// Functions of plain numbers.
fn register_plain(tools: &mut Toolbox<'_, Geometry>) {
    tools.add("euclidean_distance", |_, [p, q]| vectors::euclidean_distance(&p, &q));
    tools.add("angle_between_vectors", |_, [u, v, degrees]| {
        let degrees = !degrees.is_unit() && flag(&degrees, "degrees")?;
        vectors::angle_between_vectors(&u, &v, degrees)
    });
    tools.add("project_point_to_camera", |_, [point, camera, fx, fy, cx, cy]| {
        let to = vectors::ProjectTo { camera: &camera, intrinsics: [&fx, &fy, &cx, &cy] };
        vectors::project_point_to_camera(&point, &to)
    });
    tools.add("rotation_matrix_from_vectors", |_, [from, to]| vectors::rotation_matrix_from_vectors(&from, &to));
    tools.add("transform_points", |_, [points, matrix]| vectors::transform_points(&points, &matrix));
    tools.add("fit_ground_plane_ransac", |_, [points, confidence, conf_threshold, n_iterations, inlier_threshold]| {
        let or = |value: &Dynamic, default: f64, what: &str| {
            if value.is_unit() { Ok(default) } else { number(value, what) }
        };
        let settings = vectors::GroundPlane {
            conf_threshold: or(&conf_threshold, 0.3, "conf_threshold")?,
            n_iterations: or(&n_iterations, 1000.0, "n_iterations")?.clamp(1.0, 100_000.0) as usize,
            inlier_threshold_m: or(&inlier_threshold, 0.05, "inlier_threshold")?,
        };
        vectors::fit_ground_plane_ransac(&points, &confidence, &settings)
    });
    tools.add("normalized_to_pixel", |session, [coords, width, height]| {
        vectors::normalized_to_pixel(session, &coords, number(&width, "width")?, number(&height, "height")?)
    });
}

fn flag(value: &Dynamic, what: &str) -> Result<bool, ToolError> {
    value.as_bool().map_err(|_| ToolError::argument(format!("{what} is {}, wanted true or false", describe(value))))
}
