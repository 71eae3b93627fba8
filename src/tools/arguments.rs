//! What a cell passes in, as Rust values. Rhai does not turn an integer into a float by itself, and lists hold anything, so every
//! argument comes as a [`Dynamic`] and is read here; a wrong one is described by what it is.

use nalgebra::Point3;
use rhai::{Array, Dynamic, ImmutableString, Map};

use super::{
    ToolError,
    arrays::convert,
    values::{FrameValue, MeasurementValue, ObjectValue, PointsValue, RelationValue, per_frame_text},
};
use crate::{
    array::{Arr, Bools, shape},
    error_code::shortened,
};

/// A value in a few words, such as `the string "mug"` or `a list of 3`.
pub fn describe(value: &Dynamic) -> String {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return format!("the string {:?}", shortened(&text, MAX_QUOTED_CHARS));
    }
    if let Some(list) = value.read_lock::<Array>() {
        return format!("a list of {}", list.len());
    }
    if let Some(arr) = value.read_lock::<Arr>() {
        return format!("an Arr of shape {}", shape::text(arr.shape()));
    }
    if let Some(bools) = value.read_lock::<Bools>() {
        return format!("Bools of shape {}", shape::text(bools.shape()));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let keys: Vec<&str> = map.keys().take(6).map(|key| key.as_str()).collect();
        return format!("a map with {}", if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") });
    }
    if let Some(object) = value.read_lock::<ObjectValue>() {
        return format!("the Object {}", object.name());
    }
    if let Some(points) = value.read_lock::<PointsValue>() {
        return format!("{} Points", points.cloud.len());
    }
    if let Some(measurement) = value.read_lock::<MeasurementValue>() {
        return format!("the Measurement {}", measurement.quantity);
    }
    if let Some(relation) = value.read_lock::<RelationValue>() {
        return format!("the Relation {}", relation.relation.holds);
    }
    if let Some(text) = per_frame_text(value) {
        return text;
    }
    if value.is_unit() {
        return "nothing, ()".to_owned();
    }
    if value.is_int() || value.is_float() || value.is_bool() {
        return format!("the {} {value}", type_name(value));
    }
    if value.is_fnptr() {
        return "a closure".to_owned();
    }
    format!("a {}", type_name(value))
}

/// The type as a cell knows it.
pub fn type_name(value: &Dynamic) -> &'static str {
    match value.type_name() {
        "i64" => "int",
        "f64" => "float",
        "string" => "string",
        "array" => "list",
        "Fn" => "closure",
        other => short_type_name(other),
    }
}

/// `ObjectValue` of `spatialclaw::tools::values::object::ObjectValue` is shown as `Object`.
pub fn short_type_name(rust_path: &'static str) -> &'static str {
    let name = rust_path.rsplit("::").next().unwrap_or(rust_path);
    match name {
        "&str" | "ImmutableString" => "string",
        "Grid<bool>" => "Bools",
        "Tree" => "KDTree",
        "FrameValue" => "Frame",
        "ImagesValue" => "InputImages",
        _ => name.strip_suffix("Value").unwrap_or(name),
    }
}

/// Characters of a text that stand for it in a message.
pub const MAX_QUOTED_CHARS: usize = 40;

/// A finite number.
pub fn number(value: &Dynamic, what: &str) -> Result<f64, ToolError> {
    let found = if let Some(measurement) = value.read_lock::<MeasurementValue>() {
        measurement.quantity.value()
    } else {
        value
            .as_float()
            .or_else(|_| value.as_int().map(|int| int as f64))
            .map_err(|_| ToolError::argument(format!("{what} is {}, wanted a number", describe(value))))?
    };
    if found.is_finite() {
        return Ok(found);
    }
    Err(ToolError::argument(format!("{what} is {found}, wanted a finite number")))
}

/// Characters of a tool's text: names, labels and questions end up in pictures, messages and prompts.
pub const MAX_TEXT_CHARS: usize = 10_000;

/// Words.
pub fn text(value: &Dynamic, what: &str) -> Result<String, ToolError> {
    let Some(text) = value.read_lock::<ImmutableString>() else {
        return Err(ToolError::argument(format!("{what} is {}, wanted a string", describe(value))));
    };
    match text.chars().count() {
        n if n <= MAX_TEXT_CHARS => Ok(text.to_string()),
        n => Err(ToolError::argument(format!("{what} has {n} characters, at most {MAX_TEXT_CHARS}; shorten it"))),
    }
}

/// `[x, y, z]`.
pub fn point(value: &Dynamic, what: &str) -> Result<Point3<f64>, ToolError> {
    optional_point(value)?
        .ok_or_else(|| ToolError::argument(format!("{what} is {}, wanted [x, y, z] in metres", describe(value))))
}

/// `[x, y, z]`, or `None` when the value is no list or Arr of three numbers.
pub fn optional_point(value: &Dynamic) -> Result<Option<Point3<f64>>, ToolError> {
    if let Some(arr) = value.read_lock::<Arr>() {
        let [x, y, z] = arr.as_slice() else { return Ok(None) };
        return match [x, y, z].iter().find(|v| !v.is_finite()) {
            Some(wrong) => Err(ToolError::argument(format!("a coordinate is {wrong}, wanted a finite number"))),
            None => Ok(Some(Point3::new(*x, *y, *z))),
        };
    }
    let Some(list) = value.read_lock::<Array>() else { return Ok(None) };
    let [x, y, z] = list.as_slice() else { return Ok(None) };
    if [x, y, z].iter().any(|v| !(v.is_int() || v.is_float() || v.is::<MeasurementValue>())) {
        return Ok(None);
    }
    Ok(Some(Point3::new(number(x, "x")?, number(y, "y")?, number(z, "z")?)))
}

/// `[x, y, z]` for a cell.
pub fn list_of_point(p: &Point3<f64>) -> Arr {
    Arr::of_vec(vec![p.x, p.y, p.z])
}

/// A list; the rows or numbers of an Arr.
pub fn list(value: &Dynamic, what: &str) -> Result<Array, ToolError> {
    if let Some(arr) = value.read_lock::<Arr>() {
        let n = arr.shape().first().copied().unwrap_or(0);
        return (0..n).map(|i| Ok(convert::value(arr.row(i)?))).collect();
    }
    value
        .read_lock::<Array>()
        .map(|list| list.clone())
        .ok_or_else(|| ToolError::argument(format!("{what} is {}, wanted a list", describe(value))))
}

/// A list of strings; a single string counts as a list of one.
pub fn names(value: &Dynamic, what: &str) -> Result<Vec<String>, ToolError> {
    if value.is_string() {
        return Ok(vec![text(value, what)?]);
    }
    list(value, what)?.iter().enumerate().map(|(i, name)| text(name, &format!("{what}[{i}]"))).collect()
}

/// An Object; Points count as an object without a name.
pub fn object(value: &Dynamic, what: &str) -> Result<ObjectValue, ToolError> {
    if let Some(object) = value.read_lock::<ObjectValue>() {
        return Ok(object.clone());
    }
    if let Some(points) = value.read_lock::<PointsValue>() {
        return Ok(ObjectValue::unnamed(points.clone()));
    }
    let hint = if value.is_string() { "; look it up with tools.Scene.find(name)" } else { "" };
    Err(ToolError::argument(format!("{what} is {}, wanted an Object or Points{hint}", describe(value))))
}

/// A list of Objects.
pub fn objects(value: &Dynamic, what: &str) -> Result<Vec<ObjectValue>, ToolError> {
    list(value, what)?.iter().enumerate().map(|(i, item)| object(item, &format!("{what}[{i}]"))).collect()
}

/// A Frame of `InputImages`.
pub fn frame(value: &Dynamic, what: &str) -> Result<FrameValue, ToolError> {
    value.read_lock::<FrameValue>().map(|frame| frame.clone()).ok_or_else(|| {
        ToolError::argument(format!("{what} is {}, wanted a frame such as InputImages[-1]", describe(value)))
    })
}

/// Position in a list of `len`, counted from the end when negative.
pub fn index(value: i64, len: usize, what: &str) -> Result<usize, ToolError> {
    let from_start = if value < 0 { value.saturating_add(len as i64) } else { value };
    usize::try_from(from_start)
        .ok()
        .filter(|i| *i < len)
        .ok_or_else(|| ToolError::argument(format!("{what} is {value}, but there are only {len}")))
}
