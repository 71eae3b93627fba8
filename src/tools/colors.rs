//! Colours as cells name them.

use image::Rgb;
use rhai::{Array, Dynamic, ImmutableString};

use super::{ToolError, arguments::describe, values::numbers::numbers};
use crate::array::Arr;

/// CSS names (CSS Color Module Level 4, section 6.1) that people use, and the letters of plotting programs.
pub const NAMES: &[(&str, [u8; 3])] = &[
    ("red", [255, 0, 0]),
    ("green", [0, 128, 0]),
    ("blue", [0, 0, 255]),
    ("yellow", [255, 255, 0]),
    ("orange", [255, 165, 0]),
    ("purple", [128, 0, 128]),
    ("cyan", [0, 255, 255]),
    ("magenta", [255, 0, 255]),
    ("white", [255, 255, 255]),
    ("black", [0, 0, 0]),
    ("gray", [128, 128, 128]),
    ("grey", [128, 128, 128]),
    ("lime", [0, 255, 0]),
    ("pink", [255, 192, 203]),
    ("brown", [165, 42, 42]),
    ("navy", [0, 0, 128]),
    ("teal", [0, 128, 128]),
    ("olive", [128, 128, 0]),
    ("maroon", [128, 0, 0]),
    ("aqua", [0, 255, 255]),
    ("fuchsia", [255, 0, 255]),
    ("silver", [192, 192, 192]),
    ("gold", [255, 215, 0]),
    ("violet", [238, 130, 238]),
    ("indigo", [75, 0, 130]),
    ("crimson", [220, 20, 60]),
    ("coral", [255, 127, 80]),
    ("salmon", [250, 128, 114]),
    ("tomato", [255, 99, 71]),
    ("turquoise", [64, 224, 208]),
    ("skyblue", [135, 206, 235]),
    ("steelblue", [70, 130, 180]),
    ("royalblue", [65, 105, 225]),
    ("dodgerblue", [30, 144, 255]),
    ("darkblue", [0, 0, 139]),
    ("lightblue", [173, 216, 230]),
    ("darkgreen", [0, 100, 0]),
    ("lightgreen", [144, 238, 144]),
    ("limegreen", [50, 205, 50]),
    ("forestgreen", [34, 139, 34]),
    ("springgreen", [0, 255, 127]),
    ("darkred", [139, 0, 0]),
    ("firebrick", [178, 34, 34]),
    ("orangered", [255, 69, 0]),
    ("darkorange", [255, 140, 0]),
    ("chocolate", [210, 105, 30]),
    ("tan", [210, 180, 140]),
    ("khaki", [240, 230, 140]),
    ("beige", [245, 245, 220]),
    ("lavender", [230, 230, 250]),
    ("orchid", [218, 112, 214]),
    ("hotpink", [255, 105, 180]),
    ("deeppink", [255, 20, 147]),
    ("darkgray", [169, 169, 169]),
    ("lightgray", [211, 211, 211]),
    ("r", [255, 0, 0]),
    ("g", [0, 128, 0]),
    ("b", [0, 0, 255]),
    ("c", [0, 191, 191]),
    ("m", [191, 0, 191]),
    ("y", [191, 191, 0]),
    ("k", [0, 0, 0]),
    ("w", [255, 255, 255]),
];

/// One colour for each of `n` things: by name, `#rrggbb` or `[r, g, b]`; one for all or one each. `default` cycles red, green, blue.
///
/// # Errors
/// An unknown colour, or a number of colours that does not fit.
pub fn colors(value: &Dynamic, n: usize) -> Result<Vec<(String, Rgb<u8>)>, ToolError> {
    if value.is_unit() {
        let cycle = [("red", [255, 0, 0]), ("green", [0, 128, 0]), ("blue", [0, 0, 255])];
        return Ok(cycle.into_iter().cycle().take(n).map(|(name, color)| (name.to_owned(), Rgb(color))).collect());
    }
    if let Some(color) = color(value)? {
        return Ok(vec![color; n]);
    }
    let Some(list) = value.read_lock::<Array>() else { return Err(wrong(value)) };
    let each: Result<Vec<_>, ToolError> = list.iter().map(|item| color(item)?.ok_or_else(|| wrong(item))).collect();
    let each = each?;
    match each.as_slice() {
        [one] => Ok(vec![one.clone(); n]),
        many if many.len() == n => Ok(each),
        many => Err(ToolError::argument(format!(
            "there are {} colors for {n} things; give one, or one for each",
            many.len()
        ))),
    }
}

fn wrong(value: &Dynamic) -> ToolError {
    ToolError::argument(format!(
        "a color is {}, wanted a name such as \"red\", \"#ff0000\" or [255, 0, 0]",
        describe(value)
    ))
}

/// `None` for what may be a list of colours.
fn color(value: &Dynamic) -> Result<Option<(String, Rgb<u8>)>, ToolError> {
    if let Some(name) = value.read_lock::<ImmutableString>() {
        let name = name.trim().to_lowercase();
        if let Some((_, color)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Some((name, Rgb(*color))));
        }
        if let Some(hex) = name.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii())
            && let Ok(bits) = u32::from_str_radix(hex, 16)
        {
            let [_, r, g, b] = bits.to_be_bytes();
            return Ok(Some((name, Rgb([r, g, b]))));
        }
        let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).take(20).collect();
        return Err(ToolError::argument(format!(
            "no color is named {name:?}; there are {} and others, and [r, g, b] from 0 to 255",
            known.join(", ")
        )));
    }
    let is_triple = value.read_lock::<Arr>().is_some_and(|arr| arr.shape() == [3])
        || value
            .read_lock::<Array>()
            .is_some_and(|list| list.len() == 3 && list.iter().all(|item| item.is_int() || item.is_float()));
    if !is_triple {
        return Ok(None);
    }
    let channels = numbers(value, "a color")?;
    let channels: Vec<u8> = channels.iter().filter(|c| (0.0..=255.0).contains(*c)).map(|c| c.round() as u8).collect();
    let [r, g, b] = channels.as_slice() else {
        return Err(ToolError::argument(format!("the color {value} is outside 0 to 255")));
    };
    Ok(Some((format!("[{r}, {g}, {b}]"), Rgb([*r, *g, *b]))))
}
