//! Points and boxes as cells write them: one or many, flat or nested, lists or arrays.

use rhai::{Array, Dynamic};

use crate::{
    array::Arr,
    geometry::PixelBox,
    perception::{Prompt, PromptPoint},
    tools::{ToolError, arguments::describe},
};

/// A number, or a list of such.
#[derive(Clone, Debug, PartialEq)]
enum Nested {
    One(f64),
    List(Vec<Nested>),
}

impl Nested {
    fn of(value: &Dynamic, what: &str) -> Result<Nested, ToolError> {
        if let Some(arr) = value.read_lock::<Arr>() {
            return Ok(Nested::of_arr(arr.shape(), arr.as_slice()));
        }
        if let Some(list) = value.read_lock::<Array>() {
            let items: Result<Vec<Nested>, ToolError> =
                list.iter().enumerate().map(|(i, item)| Nested::of(item, &format!("{what}[{i}]"))).collect();
            return Ok(Nested::List(items?));
        }
        let of_bool = || value.as_bool().map(|b| f64::from(u8::from(b)));
        let number = value.as_float().or_else(|_| value.as_int().map(|int| int as f64)).or_else(|_| of_bool());
        match number {
            Ok(number) if number.is_finite() => Ok(Nested::One(number)),
            _ => Err(ToolError::argument(format!("{what} is {}, wanted a number", describe(value)))),
        }
    }

    fn of_arr(shape: &[usize], values: &[f64]) -> Nested {
        match shape.split_first() {
            None => Nested::One(values.first().copied().unwrap_or(f64::NAN)),
            Some((n, inner)) => {
                let n_each = values.len().checked_div(*n).unwrap_or(0).max(1);
                Nested::List(values.chunks(n_each).map(|part| Nested::of_arr(inner, part)).collect())
            }
        }
    }

    /// Its numbers when it is a flat list.
    fn flat(&self) -> Option<Vec<f64>> {
        match self {
            Nested::One(_) => None,
            Nested::List(items) => items
                .iter()
                .map(|item| match item {
                    Nested::One(number) => Some(*number),
                    Nested::List(_) => None,
                })
                .collect(),
        }
    }

    /// Its rows when it is a list of flat lists.
    fn rows(&self) -> Option<Vec<Vec<f64>>> {
        match self {
            Nested::One(_) => None,
            Nested::List(items) => items.iter().map(Nested::flat).collect(),
        }
    }

    fn items(&self) -> &[Nested] {
        match self {
            Nested::One(_) => &[],
            Nested::List(items) => items,
        }
    }
}

/// Columns and rows, still as numbers.
type Pixels = Vec<[f64; 2]>;

fn pixels(nested: &Nested, what: &str) -> Result<Pixels, ToolError> {
    if let Some([u, v]) = nested.flat().as_deref() {
        return Ok(vec![[*u, *v]]);
    }
    let rows = nested.rows().filter(|rows| !rows.is_empty());
    let points = rows.and_then(|rows| {
        rows.into_iter().map(|row| <[f64; 2]>::try_from(row.as_slice()).ok()).collect::<Option<Pixels>>()
    });
    points.ok_or_else(|| ToolError::argument(format!("{what} must be [u, v] or [[u, v], ...] in pixels")))
}

fn require_inside(points: &[[f64; 2]], what: &str, (width, height): (u32, u32)) -> Result<(), ToolError> {
    let looks_normalised = |p: &[f64; 2]| p.iter().all(|c| (0.0..=1.0).contains(c));
    if !points.is_empty() && points.iter().all(looks_normalised) && points.iter().flatten().any(|c| c.fract() != 0.0) {
        return Err(ToolError::argument(format!(
            "{what} lie between 0 and 1; pixels are wanted: multiply u by the width {width} and v by the height {height}"
        )));
    }
    let is_outside = |p: &&[f64; 2]| {
        let [u, v] = p.map(f64::round);
        u < 0.0 || v < 0.0 || u >= f64::from(width) || v >= f64::from(height)
    };
    match points.iter().find(is_outside) {
        None => Ok(()),
        Some([u, v]) => Err(ToolError::argument(format!(
            "[{u}, {v}] of {what} is outside the image of {width}x{height} px; coordinates are pixels, [u, v] = [column, row]"
        ))),
    }
}

/// Rows of `n` numbers; a flat list is one row. `wanted` says what a row is.
///
/// # Errors
/// When it is something else.
pub fn rows(value: &Dynamic, n: usize, what: &str, wanted: &str) -> Result<Vec<Vec<f64>>, ToolError> {
    let nested = Nested::of(value, what)?;
    let rows = match nested.flat() {
        Some(numbers) => Some(vec![numbers]),
        None => nested.rows(),
    };
    let fitting = rows.filter(|rows| !rows.is_empty() && rows.iter().all(|row| row.len() == n));
    fitting.ok_or_else(|| ToolError::argument(format!("{what} must be {wanted}, or a list of such, in pixels")))
}

/// Lines as `[u0, v0, u1, v1]` or `[[u0, v0], [u1, v1]]`, one or many.
///
/// # Errors
/// When it is something else.
pub fn lines(value: &Dynamic, what: &str) -> Result<Vec<[f64; 4]>, ToolError> {
    let nested = Nested::of(value, what)?;
    let of_pair = |nested: &Nested| -> Option<[f64; 4]> {
        if let Some([u0, v0, u1, v1]) = nested.flat().as_deref() {
            return Some([*u0, *v0, *u1, *v1]);
        }
        let rows = nested.rows()?;
        let [from, to] = rows.as_slice() else { return None };
        match (from.as_slice(), to.as_slice()) {
            ([u0, v0], [u1, v1]) => Some([*u0, *v0, *u1, *v1]),
            _ => None,
        }
    };
    let many = || nested.items().iter().map(of_pair).collect::<Option<Vec<_>>>().filter(|lines| !lines.is_empty());
    of_pair(&nested).map(|line| vec![line]).or_else(many).ok_or_else(|| {
        ToolError::argument(format!(
            "{what} must be [u0, v0, u1, v1] or [[u0, v0], [u1, v1]], or a list of such, in pixels"
        ))
    })
}

/// A point prompt for one thing.
///
/// # Errors
/// Points outside the image, labels that do not fit, no point on the thing.
pub fn points_prompt(points: &Dynamic, labels: &Dynamic, size_px: (u32, u32)) -> Result<Prompt, ToolError> {
    let points = pixels(&Nested::of(points, "points")?, "points")?;
    let labels = match labels.is_unit() {
        true => None,
        false => Some(Nested::of(labels, "point_labels")?),
    };
    prompt(&points, labels.as_ref(), "points", size_px)
}

fn prompt(points: &[[f64; 2]], labels: Option<&Nested>, what: &str, size_px: (u32, u32)) -> Result<Prompt, ToolError> {
    require_inside(points, what, size_px)?;
    let labels = match labels {
        None => vec![1.0; points.len()],
        Some(Nested::One(label)) => vec![*label],
        Some(list) => list.flat().or_else(|| list.items().first().and_then(Nested::flat)).unwrap_or_default(),
    };
    if labels.len() != points.len() {
        return Err(ToolError::argument(format!(
            "{what} has {} points and {} labels; give 1 (on the thing) or 0 (off it) for each",
            points.len(),
            labels.len()
        )));
    }
    if let Some(wrong) = labels.iter().find(|label| **label != 0.0 && **label != 1.0) {
        return Err(ToolError::argument(format!(
            "a label of {what} is {wrong}, wanted 1 (on the thing) or 0 (off it)"
        )));
    }
    if !labels.contains(&1.0) {
        return Err(ToolError::argument(format!("{what} has no point labelled 1; give at least one on the thing")));
    }
    let of = |([u, v], label): (&[f64; 2], &f64)| PromptPoint {
        u_px: u.round() as u32,
        v_px: v.round() as u32,
        is_foreground: *label == 1.0,
    };
    Ok(Prompt::Points(points.iter().zip(&labels).map(of).collect()))
}

/// Point prompts for several things. The number of `names` tells whether a flat list of points is one thing or several.
///
/// # Errors
/// See [`points_prompt`]; also when it is not clear which points belong together.
pub fn point_prompts(
    points: &Dynamic,
    labels: &Dynamic,
    names: Option<&[String]>,
    size_px: (u32, u32),
) -> Result<Vec<Prompt>, ToolError> {
    let nested = Nested::of(points, "points_per_object")?;
    let objects: Vec<Pixels> = if nested.flat().is_some() {
        vec![pixels(&nested, "points_per_object")?]
    } else if nested.rows().is_some() {
        let all = pixels(&nested, "points_per_object")?;
        match names.map(<[String]>::len) {
            Some(n) if n == all.len() => all.into_iter().map(|point| vec![point]).collect(),
            Some(1) => vec![all],
            None if all.len() == 1 => vec![all],
            n_names => {
                let n_names = n_names.map_or("no".to_owned(), |n| n.to_string());
                return Err(ToolError::argument(format!(
                    "points_per_object is a flat list of {} points with {n_names} labels; group them, one list of points for each \
                     object: [[[u, v], [u, v]], [[u, v]]]",
                    all.len()
                )));
            }
        }
    } else {
        let of = |(i, object): (usize, &Nested)| pixels(object, &format!("points_per_object[{i}]"));
        nested.items().iter().enumerate().map(of).collect::<Result<_, _>>()?
    };
    let labels = match labels.is_unit() {
        true => None,
        false => Some(Nested::of(labels, "point_labels_per_object")?),
    };
    let of_object = |at: usize| -> Result<Option<Nested>, ToolError> {
        let Some(labels) = &labels else { return Ok(None) };
        if objects.len() == 1 && labels.flat().is_some() {
            return Ok(Some(labels.clone()));
        }
        match (labels.items().len() == objects.len(), labels.items().get(at)) {
            (true, Some(own)) => Ok(Some(own.clone())),
            _ => Err(ToolError::argument(format!(
                "point_labels_per_object has {} entries for {} objects; give one list of labels for each",
                labels.items().len(),
                objects.len()
            ))),
        }
    };
    let prompts: Result<Vec<Prompt>, ToolError> = objects
        .iter()
        .enumerate()
        .map(|(at, points)| prompt(points, of_object(at)?.as_ref(), &format!("points_per_object[{at}]"), size_px))
        .collect();
    prompts
}

/// One rectangle; `[[...]]` counts too.
///
/// # Errors
/// Not four numbers, corners the wrong way round, or outside the image.
pub fn one_box(value: &Dynamic, what: &str, size_px: (u32, u32)) -> Result<PixelBox, ToolError> {
    let boxes = boxes_of(value, what, size_px)?;
    match boxes.as_slice() {
        [one] => Ok(*one),
        many => Err(ToolError::argument(format!(
            "{what} holds {} boxes, wanted one [u_min, v_min, u_max, v_max]",
            many.len()
        ))),
    }
}

/// One or several rectangles.
///
/// # Errors
/// See [`one_box`].
pub fn boxes(value: &Dynamic, size_px: (u32, u32)) -> Result<Vec<PixelBox>, ToolError> {
    boxes_of(value, "boxes", size_px)
}

fn boxes_of(value: &Dynamic, what: &str, (width, height): (u32, u32)) -> Result<Vec<PixelBox>, ToolError> {
    let nested = Nested::of(value, what)?;
    let wrong =
        || ToolError::argument(format!("{what} must be [u_min, v_min, u_max, v_max] in pixels, or a list of such"));
    let rows = match nested.flat() {
        Some(numbers) => vec![numbers],
        None => nested.rows().filter(|rows| !rows.is_empty()).ok_or_else(wrong)?,
    };
    rows.iter()
        .map(|row| {
            let [u0, v0, u1, v1] = <[f64; 4]>::try_from(row.as_slice()).map_err(|_| wrong())?;
            require_inside(&[[u0, v0]], what, (width, height))
                .or_else(|error| if u0 < 0.0 || v0 < 0.0 { Ok(()) } else { Err(error) })?;
            if u1 < u0 || v1 < v0 {
                return Err(ToolError::argument(format!(
                    "{what} is [{u0}, {v0}, {u1}, {v1}], wanted the upper left corner first: [{}, {}, {}, {}]",
                    u0.min(u1),
                    v0.min(v1),
                    u0.max(u1),
                    v0.max(v1)
                )));
            }
            if u1 < 0.0 || v1 < 0.0 {
                return Err(ToolError::argument(format!(
                    "{what} [{u0}, {v0}, {u1}, {v1}] is outside the image of {width}x{height} px"
                )));
            }
            // A box may reach beyond the image; what is inside counts.
            let clip = |c: f64, size: u32| c.round().clamp(0.0, f64::from(size.max(1) - 1)) as u32;
            Ok(PixelBox {
                u_min_px: clip(u0, width),
                v_min_px: clip(v0, height),
                u_max_px: clip(u1, width),
                v_max_px: clip(v1, height),
            })
        })
        .collect()
}
