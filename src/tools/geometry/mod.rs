//! `tools.Geometry`: measurements and relations between things.

mod distances;
mod heights;
mod motion;
mod order;
mod relations;
mod specs;
mod vectors;

pub use specs::SPECS;

use super::{
    Toolbox,
    arguments::{number, object, objects, point, text},
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
    tools.add("euclidean_distance", |_, [p, q]| Ok((point(&p, "p")? - point(&q, "q")?).norm()));
    tools.add("angle_between_vectors", |_, [u, v]| vectors::angle_between(&point(&u, "u")?, &point(&v, "v")?));
    tools.add("fit_plane", |_, [points]| vectors::fit_plane(&object(&points, "points")?));
}
