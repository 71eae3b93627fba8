//! Room between and around things: passages, what fits, clearance.

use std::sync::Arc;

use nalgebra::{Point3, Vector3};
use rhai::Dynamic;

use super::relations::value;
use crate::{
    geometry::{
        Mask, PointCloud, Prepared, Unit,
        free_space::{Levels, Passage, SeenDepth, passage},
        relations::Relation,
    },
    perception::Prompt,
    scene::View,
    tools::{
        Session, ToolError,
        arguments::{describe, list, number},
        measure::{placement, segment_name, segments},
        values::{FreeSpaceValue, MeasurementValue, ObjectValue, RelationValue, object::named, propagation::finite},
        viewpoint::same_frame,
    },
};

/// What lies this near above the supporting surface is the surface.
const LEAST_ABOVE_M: f64 = 0.012;
/// A clearance is looked for up to here, in growing boxes.
const REACHES_M: [f64; 4] = [0.15, 0.5, 1.5, 5.0];

/// The passage between two things.
///
/// # Errors
/// `NOT_MEASURABLE` when they overlap, or stand at different heights.
pub fn free_space_between(
    session: &Arc<Session>,
    a: &ObjectValue,
    b: &ObjectValue,
    height: &Dynamic,
) -> Result<FreeSpaceValue, ToolError> {
    same_frame(a, b)?;
    let (box_a, box_b) = (a.upright_box()?, b.upright_box()?);
    let names = format!("{} and {}", a.name(), b.name());
    let (low_m, high_m) =
        (box_a.bottom_m.value().min(box_b.bottom_m.value()), box_a.bottom_m.value().max(box_b.bottom_m.value()));
    let sigma_m = box_a.bottom_m.sigma().hypot(box_b.bottom_m.sigma());
    let above_m = (3.0 * sigma_m).max(LEAST_ABOVE_M) + (high_m - low_m);
    let top_m = match height.is_unit() {
        true => box_a.top_m.value().min(box_b.top_m.value()),
        false => low_m + number(height, "height")?,
    };
    if top_m <= low_m + above_m {
        return Err(ToolError::not_measurable(format!(
            "{names} share no height: their bottoms are at {:.3} and {:.3} m and the lower top at {top_m:.3} m; pass height",
            box_a.bottom_m.value(),
            box_b.bottom_m.value()
        )));
    }
    let snapshot = &session.context.snapshot;
    let views: Vec<&View> = if snapshot.newest_views().iter().any(|view| view.view_idx == a.points.view_idx) {
        snapshot.newest_views()
    } else {
        snapshot.views.get(a.points.view_idx).into_iter().collect()
    };
    let seen: Vec<SeenDepth<'_>> = views.iter().filter_map(|view| seen_depth(view)).collect();
    let levels = Levels { surface_m: low_m, above_m, top_m };
    let found: Passage = passage(a.prepared()?, b.prepared()?, &seen, &levels).map_err(|error| named(error, &names))?;
    let objects = [(a, "from"), (b, "to")];
    let measured = |quantity, role: &str, method: &str| {
        MeasurementValue::of_objects(quantity, role, method, &objects, found.ends_m.to_vec())
    };
    let band = format!("between {above_m:.3} and {:.3} m above what they stand on", top_m - low_m);
    Ok(FreeSpaceValue {
        gap: measured(found.gap, "gap", "horizontal, between the visible footprints")?,
        width: measured(found.free, "width", &format!("widest straight lane that was seen to be free, {band}"))?,
        possible: measured(
            found.possible,
            "width",
            &format!("widest straight lane without a visible obstacle, {band}"),
        )?,
        unknown_share: found.unknown_share,
        obstacle: found.obstacle_m.map(|p| (p, name_at(session, &views, &p))),
        length_m: found.length_m,
        between: names,
    })
}

fn seen_depth(view: &View) -> Option<SeenDepth<'_>> {
    Some(SeenDepth {
        depth: view.depth.as_ref().ok()?,
        intrinsics: view.intrinsics,
        noise: view.depth_noise,
        fixed_from_camera: view.posed.as_ref().ok()?.fixed_from_camera,
    })
}

/// Name of what is seen at a place: of the pixel around it whose point is nearest, since a rim lies between two pixels.
fn name_at(session: &Arc<Session>, views: &[&View], p: &Point3<f64>) -> String {
    for view in views {
        let Some((u, v)) = nearest_pixel(view, p) else { continue };
        let Ok(found) = segments(session, view, &Prompt::Everything) else { continue };
        if let Some(segment) = found.iter().find(|segment| segment.mask.contains(u, v)) {
            return segment_name(segment);
        }
    }
    "something unnamed".to_owned()
}

fn nearest_pixel(view: &View, p: &Point3<f64>) -> Option<(u32, u32)> {
    const REACH_PX: i64 = 2;
    let (posed, depth) = (view.posed.as_ref().ok()?, view.depth.as_ref().ok()?);
    let in_camera = posed.fixed_from_camera.inverse_transform_point(p);
    let (u, v) = view.intrinsics.project(in_camera.into())?;
    let around = (-REACH_PX..=REACH_PX).flat_map(|dv| (-REACH_PX..=REACH_PX).map(move |du| (du, dv)));
    let apart = around.filter_map(|(du, dv)| {
        let pixel = (u32::try_from(u.round() as i64 + du).ok()?, u32::try_from(v.round() as i64 + dv).ok()?);
        let z_m = f64::from(depth.at(pixel.0, pixel.1)?);
        let seen = Point3::from(view.intrinsics.unproject(f64::from(pixel.0), f64::from(pixel.1), z_m));
        Some(((seen - in_camera).norm(), pixel))
    });
    apart.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, pixel)| pixel)
}

/// Whether a thing, or a box of these sides, passes between two things standing upright.
///
/// # Errors
/// `NOT_MEASURABLE` when that depends on what no camera saw.
pub fn fits(
    session: &Arc<Session>,
    thing: &Dynamic,
    a: &ObjectValue,
    b: &ObjectValue,
) -> Result<RelationValue, ToolError> {
    let (narrow, height, own) = sides(thing)?;
    let space = free_space_between(session, a, b, &Dynamic::from_float(height))?;
    let (free, possible) = (space.width.quantity, space.possible.quantity);
    let margin_of = |width: &crate::geometry::Quantity| {
        finite(width.value() - narrow.value(), width.sigma().hypot(narrow.sigma()), Unit::Metre)
    };
    let (sure, most) = (margin_of(&free)?, margin_of(&possible)?);
    let margin = if sure.value() > 0.0 { sure } else { most };
    if sure.value() <= 0.0
        && most.value() > -2.0 * most.sigma()
        && space.unknown_share > 0.0
        && possible.value() > free.value()
    {
        return Err(ToolError::not_measurable(format!(
            "whether {:.3} m fit between {} depends on what no camera saw: {:.3} m are seen to be free, up to {:.3} m may be \
             ({:.0} % of the passage is unseen); look from elsewhere",
            narrow.value(),
            space.between,
            free.value(),
            possible.value(),
            100.0 * space.unknown_share
        )));
    }
    let in_the_way = space.obstacle.as_ref().map(|(_, name)| format!("; in the way: {name}")).unwrap_or_default();
    let basis = format!(
        "its narrower side {narrow} against a free lane of {}, upright and turned to fit{in_the_way}",
        if sure.value() > 0.0 { free } else { possible }
    );
    let relation = Relation { holds: margin.value() > 0.0, margin, basis };
    let mut objects = vec![(a, "from"), (b, "to")];
    if let Some(own) = &own {
        objects.insert(0, (own, "target"));
    }
    value(relation, "fits between", &objects, "")
}

/// The narrower horizontal side, the height, and the thing itself when it is one.
fn sides(thing: &Dynamic) -> Result<(crate::geometry::Quantity, f64, Option<ObjectValue>), ToolError> {
    if let Some(object) = thing.read_lock::<ObjectValue>() {
        let fitted = object.upright_box()?;
        let width = super::heights::width(&object)?.quantity;
        return Ok((width, fitted.height.value(), Some(object.clone())));
    }
    let sides = list(thing, "thing").map_err(|_| {
        let found = describe(thing);
        ToolError::argument(format!("thing is {found}, wanted an Object or [length, width, height] in metres"))
    })?;
    let [length, width, height] = sides.as_slice() else {
        return Err(ToolError::argument(format!("thing has {} sides, wanted [length, width, height]", sides.len())));
    };
    let quantity = |value: &Dynamic, what: &str| match value.read_lock::<MeasurementValue>() {
        Some(measured) => Ok(measured.quantity),
        None => finite(number(value, what)?, 0.0, Unit::Metre),
    };
    let (length, width) = (quantity(length, "length")?, quantity(width, "width")?);
    let narrow = if length.value() < width.value() { length } else { width };
    if narrow.value() <= 0.0 || number(height, "height")? <= 0.0 {
        return Err(ToolError::argument("sides must be longer than 0"));
    }
    Ok((narrow, number(height, "height")?, None))
}

/// Distance to the nearest other visible surface, what the thing stands on left out.
///
/// # Errors
/// `NOT_MEASURABLE` when nothing else is in view within 5 m.
pub fn clearance(session: &Arc<Session>, thing: &ObjectValue) -> Result<MeasurementValue, ToolError> {
    let snapshot = &session.context.snapshot;
    let gone = || ToolError::not_measurable(format!("the image of {} is gone", thing.name()));
    let view = snapshot.views.get(thing.points.view_idx).ok_or_else(gone)?;
    let fixed_from_camera = placement(view)?.target_from_camera;
    if thing.points.frame != snapshot.fixed_frame {
        return Err(ToolError::argument(format!(
            "{} is in frame {}; clearance is measured in {}, use the Object as it was found",
            thing.name(),
            thing.points.frame,
            snapshot.fixed_frame
        )));
    }
    let fitted = thing.upright_box()?;
    let level_m = fitted.bottom_m.value() + (3.0 * fitted.bottom_m.sigma()).max(LEAST_ABOVE_M);
    let own = own_pixels(view, &fixed_from_camera, thing);
    let rest = crate::tools::measure::points_outside(view, &snapshot.fixed_frame, &own)?;
    let half = Vector3::new(fitted.length.value(), fitted.length.value(), fitted.height.value()) / 2.0;
    for reach_m in REACHES_M {
        let near: Vec<usize> = (0..rest.cloud.len())
            .filter(|i| {
                rest.cloud.points_m.get(*i).is_some_and(|p| {
                    let p = Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
                    let off = p - fitted.center_m;
                    p.z > level_m && off.iter().zip(half.iter()).all(|(off, half)| off.abs() <= half + reach_m)
                })
            })
            .collect();
        let cloud: PointCloud = rest.cloud.select(&near);
        let Ok(other) = Prepared::of(&cloud, "what is around") else { continue };
        let found = thing.prepared()?.distance_to(&other).map_err(|error| named(error, &thing.name()))?;
        if found.distance.value() > reach_m {
            continue;
        }
        let name = name_at(session, &[view], &found.to_m);
        let method = format!("to the nearest other visible surface ({name}), without what it stands on");
        return MeasurementValue::of_objects(
            found.distance,
            "distance",
            &method,
            &[(thing, "from")],
            vec![found.from_m, found.to_m],
        );
    }
    Err(ToolError::not_measurable(format!(
        "nothing but what it stands on is seen within {} m of {}",
        REACHES_M[REACHES_M.len() - 1],
        thing.name()
    )))
}

/// The pixels that a thing was measured from and their neighbours, whose depth may be mixed.
fn own_pixels(view: &View, fixed_from_camera: &nalgebra::Isometry3<f64>, thing: &ObjectValue) -> Option<Mask> {
    let (width, height) = (view.intrinsics.width_px, view.intrinsics.height_px);
    let mut set = vec![false; width as usize * height as usize];
    for p in thing.points.cloud.points_m.iter() {
        let p = Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
        let Some((u, v)) = view.intrinsics.project(fixed_from_camera.inverse_transform_point(&p).into()) else {
            continue;
        };
        let (u, v) = (u.round() as i64, v.round() as i64);
        for (du, dv) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)] {
            let (u, v) = (u + du, v + dv);
            if (0..i64::from(width)).contains(&u)
                && (0..i64::from(height)).contains(&v)
                && let Some(slot) = set.get_mut(v as usize * width as usize + u as usize)
            {
                *slot = true;
            }
        }
    }
    Mask::new(width, height, set.into_iter().map(|own| !own).collect())
}

/// For cells: the obstacle's place and name.
pub fn obstacle_map(space: &FreeSpaceValue) -> Dynamic {
    match &space.obstacle {
        None => Dynamic::UNIT,
        Some((p, name)) => {
            let position = crate::tools::arguments::list_of_point(p);
            let map: rhai::Map =
                [("position".into(), Dynamic::from(position)), ("name".into(), Dynamic::from(name.clone()))].into();
            map.into()
        }
    }
}
