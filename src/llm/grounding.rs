//! What a model says about places in pictures, checked and turned into pixels.

use image::RgbImage;
use serde_json::{Value, json};

use super::{PointOrder, ResponseSchema};

/// Both axes of a picture run from 0 to this in replies.
const FULL_SCALE: f64 = 1000.0;
/// Places that one reply may name.
const MAX_MARKS: usize = 200;

/// A place in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// `[u, v]`, pixels.
    Point([f64; 2]),
    /// `[u_min, v_min, u_max, v_max]`, pixels.
    Box([f64; 4]),
}

/// A place with what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Position of the picture among those that were given.
    pub picture_idx: usize,
    /// What the model calls it.
    pub label: String,
    /// Where; the centre of the top-left pixel is (0, 0).
    pub place: Place,
}

/// What came of looking for something.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Whether the model can point at it. If not, there are no marks.
    pub is_visible: bool,
    /// Where it is.
    pub marks: Vec<Mark>,
    /// What the model sees there, or why it cannot point.
    pub reason: String,
}

/// The JSON that a reply must be.
pub fn schema() -> ResponseSchema {
    let list_of = |numbers: &[&str]| {
        let mut properties = serde_json::Map::new();
        properties.insert("picture".to_owned(), json!({ "type": "integer" }));
        properties.insert("label".to_owned(), json!({ "type": "string" }));
        for name in numbers {
            properties.insert((*name).to_owned(), json!({ "type": "number" }));
        }
        let required: Vec<&String> = properties.keys().collect();
        let required = json!(required);
        json!({
            "type": "array",
            "items": {
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            },
        })
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "visible": { "type": "boolean" },
            "reason": { "type": "string" },
            "points": list_of(&["x", "y"]),
            "boxes": list_of(&["x_min", "y_min", "x_max", "y_max"]),
        },
        "required": ["visible", "reason", "points", "boxes"],
        "additionalProperties": false,
    });
    ResponseSchema { name: "located".to_owned(), schema }
}

/// Reads a reply. `order` tells how numbers without names are meant.
///
/// # Errors
/// What is wrong with the reply, in words for the model that wrote it.
pub fn read(text: &str, order: PointOrder, pictures: &[&RgbImage]) -> Result<Located, String> {
    let value = find_json(text).ok_or("it holds no JSON object")?;
    let items = match &value {
        // The form in which some models were taught to point.
        Value::Array(items) => items.clone(),
        _ => ["points", "boxes"]
            .iter()
            .filter_map(|name| value.get(*name)?.as_array())
            .flatten()
            .chain(
                Some(&value).filter(|value| value.get("points").or(value.get("boxes")).is_none() && has_place(value)),
            )
            .cloned()
            .collect(),
    };
    if items.len() > MAX_MARKS {
        return Err(format!("it names {} places, at most {MAX_MARKS} can be used", items.len()));
    }
    let marks = items.iter().map(|item| mark(item, order, pictures)).collect::<Result<Vec<Mark>, String>>()?;
    let is_visible = match value.get("visible") {
        Some(Value::Bool(is_visible)) => *is_visible,
        Some(other) => return Err(format!("visible is {other}, expected true or false")),
        None if value.is_array() || !marks.is_empty() => !marks.is_empty(),
        None => return Err("visible is missing, expected true or false".to_owned()),
    };
    match (is_visible, marks.is_empty()) {
        (true, true) => return Err("visible is true, but no point and no box is given".to_owned()),
        (false, false) => return Err(format!("visible is false, but {} places are given", marks.len())),
        _ => {}
    }
    let reason = value.get("reason").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    Ok(Located { is_visible, marks, reason })
}

fn has_place(value: &Value) -> bool {
    ["x", "x_min", "point", "point_2d", "box_2d", "bbox_2d", "bbox", "box"].iter().any(|key| value.get(*key).is_some())
}

/// The last JSON object or list that stands in the text as a whole; models write prose or a fence around it.
fn find_json(text: &str) -> Option<Value> {
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text.trim()) {
        return Some(value);
    }
    let mut found = None;
    let mut at = 0;
    while let Some(start) = text.get(at..)?.find(['{', '[']).map(|offset| at + offset) {
        let mut values = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                at = start + values.byte_offset();
                let is_list_of_objects = value.as_array().is_some_and(|list| list.iter().all(Value::is_object));
                if value.is_object() || is_list_of_objects {
                    found = Some(value);
                }
            }
            _ => at = start + 1,
        }
    }
    found
}

fn mark(item: &Value, order: PointOrder, pictures: &[&RgbImage]) -> Result<Mark, String> {
    let picture = match item.get("picture") {
        Some(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0),
        None if pictures.len() == 1 => 1,
        None => return Err(format!("picture is missing in {item}; there are {} pictures", pictures.len())),
    };
    let picture_idx = picture.wrapping_sub(1);
    let image = pictures
        .get(picture_idx)
        .ok_or_else(|| format!("picture is {}, expected a number from 1 to {}", item["picture"], pictures.len()))?;
    let label = item.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = match numbers(item, order)? {
        Place::Point([x, y]) => Place::Point([to_pixel(x, image.width()), to_pixel(y, image.height())]),
        Place::Box([x_min, y_min, x_max, y_max]) => {
            if x_min >= x_max || y_min >= y_max {
                return Err(format!("the box x {x_min} to {x_max}, y {y_min} to {y_max} is empty or turned around"));
            }
            let (width, height) = (image.width(), image.height());
            Place::Box([
                to_pixel(x_min, width),
                to_pixel(y_min, height),
                to_pixel(x_max, width),
                to_pixel(y_max, height),
            ])
        }
    };
    Ok(Mark { picture_idx, label, place })
}

/// The place as it is written: 0 to 1000, x before y.
fn numbers(item: &Value, order: PointOrder) -> Result<Place, String> {
    let number = |value: &Value, name: &str| match value.as_f64() {
        Some(number) if (0.0..=FULL_SCALE).contains(&number) => Ok(number),
        _ => Err(format!("{name} is {value}, expected a number from 0 to 1000")),
    };
    let named = |name: &str| item.get(name).map(|value| number(value, name)).transpose();
    if let (Some(x), Some(y)) = (named("x")?, named("y")?) {
        return Ok(Place::Point([x, y]));
    }
    if let (Some(x_min), Some(y_min), Some(x_max), Some(y_max)) =
        (named("x_min")?, named("y_min")?, named("x_max")?, named("y_max")?)
    {
        return Ok(Place::Box([x_min, y_min, x_max, y_max]));
    }
    // These names say their order themselves; the others follow the model's habit.
    let orders = [
        ("point_2d", PointOrder::XFirst),
        ("bbox_2d", PointOrder::XFirst),
        ("box_2d", PointOrder::YFirst),
        ("point", order),
        ("bbox", order),
        ("box", order),
    ];
    for (name, order) in orders {
        let Some(list) = item.get(name).and_then(Value::as_array) else { continue };
        let list = list.iter().map(|value| number(value, name)).collect::<Result<Vec<f64>, String>>()?;
        return match (list.as_slice(), order) {
            ([x, y], PointOrder::XFirst) | ([y, x], PointOrder::YFirst) => Ok(Place::Point([*x, *y])),
            ([x_min, y_min, x_max, y_max], PointOrder::XFirst) | ([y_min, x_min, y_max, x_max], PointOrder::YFirst) => {
                Ok(Place::Box([*x_min, *y_min, *x_max, *y_max]))
            }
            _ => Err(format!("{name} has {} numbers, expected 2 or 4", list.len())),
        };
    }
    Err(format!("{item} gives no place, expected x and y, or x_min, y_min, x_max and y_max"))
}

/// The picture's edges lie half a pixel beyond the centres of its outer pixels.
fn to_pixel(value: f64, n_pixels: u32) -> f64 {
    let n_pixels = f64::from(n_pixels);
    (value / FULL_SCALE * n_pixels - 0.5).clamp(0.0, (n_pixels - 1.0).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn look(text: &str, order: PointOrder) -> Result<Located, String> {
        let (wide, tall) = (RgbImage::new(200, 100), RgbImage::new(10, 1000));
        read(text, order, &[&wide, &tall])
    }

    fn places(text: &str, order: PointOrder) -> Vec<(usize, Place)> {
        look(text, order).unwrap().marks.into_iter().map(|mark| (mark.picture_idx, mark.place)).collect()
    }

    /// 0 is the outer edge of the first pixel and 1000 that of the last; 500 is the middle between pixels 99 and 100 of 200.
    #[test]
    fn thousandths_become_pixels_of_their_own_picture() {
        let text = r#"{"visible": true, "reason": "", "points": [
            {"picture": 1, "label": "a", "x": 500, "y": 255}, {"picture": 2, "label": "a", "x": 0, "y": 1000}],
            "boxes": [{"picture": 1, "label": "b", "x_min": 10, "y_min": 20, "x_max": 990, "y_max": 1000}]}"#;
        assert_eq!(
            places(text, PointOrder::XFirst),
            [
                (0, Place::Point([99.5, 25.0])),
                (1, Place::Point([0.0, 999.0])),
                (0, Place::Box([1.5, 1.5, 197.5, 99.0])),
            ]
        );
        assert_eq!(places(text, PointOrder::YFirst), places(text, PointOrder::XFirst));
    }

    #[test]
    fn forms_that_models_were_taught_are_understood() {
        let point = |u: f64, v: f64| vec![(0, Place::Point([u, v]))];
        let a_box = vec![(0, Place::Box([19.5, 4.5, 59.5, 9.5]))];
        let check = |text: &str, x_first: &[(usize, Place)], y_first: &[(usize, Place)]| {
            assert_eq!(places(text, PointOrder::XFirst), x_first, "{text}");
            assert_eq!(places(text, PointOrder::YFirst), y_first, "{text}");
        };
        let qwen = "```json\n[{\"picture\": 1, \"bbox_2d\": [100, 50, 300, 100], \"label\": \"mug\"}]\n```";
        check(qwen, &a_box, &a_box);
        let gemini = "Here:\n[{\"picture\": 1, \"box_2d\": [50, 100, 100, 300]}]";
        check(gemini, &a_box, &a_box);
        let bare = r#"{"visible": true, "points": [{"picture": 1, "point": [100, 50]}]}"#;
        check(bare, &point(19.5, 4.5), &point(9.5, 9.5));
        let alone = r#"{"picture": 1, "point_2d": [100, 50]}"#;
        check(alone, &point(19.5, 4.5), &point(19.5, 4.5));
        let prose =
            "I think {maybe} so. {\"visible\": true, \"points\": [{\"picture\": 1, \"x\": 100, \"y\": 50}]} Done.";
        check(prose, &point(19.5, 4.5), &point(19.5, 4.5));
    }

    #[test]
    fn absence_is_told_from_a_broken_reply() {
        let absent = |reason: &str| Ok(Located { is_visible: false, marks: Vec::new(), reason: reason.to_owned() });
        let absent_text = r#"{"visible": false, "reason": " only a cup ", "points": [], "boxes": []}"#;
        assert_eq!(look(absent_text, PointOrder::XFirst), absent("only a cup"));
        assert_eq!(look("[]", PointOrder::XFirst), absent(""));
        let check = |text: &str, problem: &str| assert_eq!(look(text, PointOrder::XFirst), Err(problem.to_owned()));
        check("Not visible", "it holds no JSON object");
        check(r#"{"reason": "x"}"#, "visible is missing, expected true or false");
        check(r#"{"visible": "no"}"#, r#"visible is "no", expected true or false"#);
        check(r#"{"visible": true, "points": [], "boxes": []}"#, "visible is true, but no point and no box is given");
        check(
            r#"{"visible": false, "points": [{"picture": 1, "x": 1, "y": 2}]}"#,
            "visible is false, but 1 places are given",
        );
        check(
            r#"{"visible": true, "points": [{"picture": 1, "x": 1400, "y": 2}]}"#,
            "x is 1400, expected a number from 0 to 1000",
        );
        check(
            r#"{"visible": true, "points": [{"picture": 3, "x": 1, "y": 2}]}"#,
            "picture is 3, expected a number from 1 to 2",
        );
        check(
            r#"{"visible": true, "points": [{"x": 1, "y": 2}]}"#,
            r#"picture is missing in {"x":1,"y":2}; there are 2 pictures"#,
        );
        check(
            r#"{"visible": true, "boxes": [{"picture": 1, "x_min": 9, "y_min": 2, "x_max": 5, "y_max": 8}]}"#,
            "the box x 9 to 5, y 2 to 8 is empty or turned around",
        );
        check(
            r#"{"visible": true, "boxes": [{"picture": 1, "bbox_2d": [1, 2, 3]}]}"#,
            "bbox_2d has 3 numbers, expected 2 or 4",
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[\\[\\]{}\":,a-z0-9 .]{0,80}") {
            let _ = look(&text, PointOrder::XFirst);
        }

        #[test]
        fn places_lie_within_the_picture(x in 0.0..=1000.0f64, y in 0.0..=1000.0f64) {
            let text = json!({"visible": true, "points": [{"picture": 1, "x": x, "y": y}]}).to_string();
            let found = places(&text, PointOrder::XFirst);
            let [(0, Place::Point([u, v]))] = found.as_slice() else { panic!("{found:?}") };
            prop_assert!((0.0..=199.0).contains(u) && (0.0..=99.0).contains(v));
            prop_assert!((u + 0.5 - x / 5.0).abs() <= 0.5 && (v + 0.5 - y / 10.0).abs() <= 0.5);
        }
    }
}
