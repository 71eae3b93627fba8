//! `tools.Graph`: a line over a list of numbers.

use std::sync::Arc;

use image::Rgb;
use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, TEXT, ToolError, ToolSpec, Toolbox,
    arguments::text,
    values::{PictureValue, numbers::numbers, picture},
};
use crate::{
    answer::canvas::{Canvas, Lettering},
    array::Bools,
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Graph;

const WIDTH_PX: f64 = 640.0;
const HEIGHT_PX: f64 = 400.0;
const LEFT_PX: f64 = 96.0;
const RIGHT_PX: f64 = 620.0;
const TOP_PX: f64 = 40.0;
const BOTTOM_PX: f64 = 340.0;
/// Most values of one line.
const MAX_VALUES: usize = 100_000;

/// Declarations.
pub const SPECS: &[ToolSpec] = &[ToolSpec {
    path: "tools.Graph.plot",
    params: &[
        Param::required("values", Kind::Numbers),
        Param::optional("validity", Kind::ListOf(&Kind::Bool), "all that are numbers").about("false makes a gap"),
        Param::optional("x_label", TEXT, "\"Frame\""),
        Param::optional("y_label", TEXT, "\"Value\""),
        Param::optional("title", TEXT, ""),
    ],
    returns: "Picture",
    doc: "A line over the values' positions; (), NaN and what is not valid are gaps. The description tells min, max, mean, first, last, trend.",
    example: "let graph = tools.Graph.plot([0.2, 0.25, (), 0.4], #{y_label: \"distance, m\"}); show(graph); print(graph.description);",
}];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Graph>) {
    tools.add("plot", |_, [values, validity, x_label, y_label, title]| {
        let mut values = numbers(&values, "values")?;
        if values.len() > MAX_VALUES {
            return Err(ToolError::argument(format!("there are {} values, at most {MAX_VALUES}", values.len())));
        }
        apply_validity(&mut values, &validity)?;
        let words = |value: &Dynamic, what: &str, default: &str| {
            if value.is_unit() { Ok(default.to_owned()) } else { text(value, what) }
        };
        let labels = Labels {
            x: words(&x_label, "x_label", "Frame")?,
            y: words(&y_label, "y_label", "Value")?,
            title: words(&title, "title", "")?,
        };
        plot(&values, &labels)
    });
}

struct Labels {
    x: String,
    y: String,
    title: String,
}

fn apply_validity(values: &mut [f64], validity: &Dynamic) -> Result<(), ToolError> {
    if validity.is_unit() {
        return Ok(());
    }
    let is_valid: Vec<bool> = match validity.read_lock::<Bools>() {
        Some(bools) => bools.as_slice().to_vec(),
        None => {
            let list = super::arguments::list(validity, "validity")?;
            let of = |(i, item): (usize, &Dynamic)| {
                item.as_bool().or_else(|_| item.as_int().map(|int| int != 0)).map_err(|_| {
                    let found = super::arguments::describe(item);
                    ToolError::argument(format!("validity[{i}] is {found}, wanted true or false"))
                })
            };
            list.iter().enumerate().map(of).collect::<Result<_, _>>()?
        }
    };
    if is_valid.len() != values.len() {
        let (found, wanted) = (is_valid.len(), values.len());
        return Err(ToolError::argument(format!(
            "validity has {found} entries for {wanted} values; give one for each"
        )));
    }
    for (value, is_valid) in values.iter_mut().zip(is_valid) {
        if !is_valid {
            *value = f64::NAN;
        }
    }
    Ok(())
}

/// A round step that gives four to eight ticks.
fn tick_step(span: f64) -> f64 {
    let rough = span / 6.0;
    let decade = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade).find(|step| *step >= rough).unwrap_or(decade)
}

fn tick_text(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if value.abs() >= 1e6 { format!("{value:.1e}") } else { format!("{value:.digits$}") }
}

fn plot(values: &[f64], labels: &Labels) -> Result<PictureValue, ToolError> {
    let known: Vec<(usize, f64)> = values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect();
    let (Some((_, first)), Some((_, last))) = (known.first().copied(), known.last().copied()) else {
        return Err(ToolError::not_measurable(format!(
            "none of the {} values is a number, so there is nothing to plot",
            values.len()
        )));
    };
    let (low, high) = known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (_, v)| (l.min(*v), h.max(*v)));
    let mean = known.iter().map(|(_, v)| v).sum::<f64>() / known.len() as f64;
    let trend = match (last - first, high - low) {
        (change, range) if change.abs() < 0.01 * range || range == 0.0 => "stable",
        (change, _) if change > 0.0 => "rising",
        _ => "falling",
    };
    let margin = if high > low { 0.08 * (high - low) } else { low.abs().max(1.0) * 0.1 };
    let (y_low, y_high) = (low - margin, high + margin);
    let x_high = (values.len().saturating_sub(1)).max(1) as f64;
    let pixel = |at: f64, value: f64| {
        let u = LEFT_PX + at / x_high * (RIGHT_PX - LEFT_PX);
        let v = BOTTOM_PX - (value - y_low) / (y_high - y_low) * (BOTTOM_PX - TOP_PX);
        (u, v)
    };
    let mut canvas = Canvas::new(WIDTH_PX as u32, HEIGHT_PX as u32, Rgb([255, 255, 255]));
    axes(&mut canvas, labels, (y_low, y_high), x_high, &pixel);
    let blue = Rgb([0, 90, 181]);
    for pair in values.windows(2).enumerate() {
        if let (at, [from, to]) = pair
            && from.is_finite()
            && to.is_finite()
        {
            canvas.thick_line(pixel(at as f64, *from), pixel((at + 1) as f64, *to), blue, 2);
        }
    }
    if known.len() <= 100 {
        known.iter().for_each(|(at, value)| canvas.disc(pixel(*at as f64, *value), 3.0, blue));
    }
    let number = |value: f64| format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned();
    let n_gaps = values.len() - known.len();
    let gaps = if n_gaps == 0 { String::new() } else { format!(", {n_gaps} gaps") };
    let title = if labels.title.is_empty() { String::new() } else { format!("{}: ", labels.title) };
    let description = format!(
        "{title}{} over {}, {} values{gaps}; min {} at {}, max {} at {}, mean {}, first {}, last {}, {trend}",
        labels.y,
        labels.x,
        values.len(),
        number(low),
        known.iter().find(|(_, v)| *v == low).map_or(0, |(at, _)| *at),
        number(high),
        known.iter().find(|(_, v)| *v == high).map_or(0, |(at, _)| *at),
        number(mean),
        number(first),
        number(last)
    );
    let pixels: Array = known
        .iter()
        .take(1000)
        .map(|(at, value)| {
            let (u, v) = pixel(*at as f64, *value);
            Dynamic::from(vec![Dynamic::from_float(u), Dynamic::from_float(v)])
        })
        .collect();
    let float = |value: f64| Dynamic::from_float(value);
    let meta = Map::from([
        ("min".into(), float(low)),
        ("max".into(), float(high)),
        ("mean".into(), float(mean)),
        ("first".into(), float(first)),
        ("last".into(), float(last)),
        ("trend".into(), Dynamic::from(trend.to_owned())),
        ("n_gaps".into(), Dynamic::from_int(n_gaps as i64)),
        ("pixels".into(), pixels.into()),
    ]);
    Ok(PictureValue::new(picture::Inner {
        image: Arc::new(canvas.image),
        source: "plot".to_owned(),
        description,
        frame: None,
        meta,
    }))
}

fn axes(
    canvas: &mut Canvas,
    labels: &Labels,
    (y_low, y_high): (f64, f64),
    x_high: f64,
    pixel: &impl Fn(f64, f64) -> (f64, f64),
) {
    let (black, pale) = (Rgb([20, 20, 20]), Rgb([228, 228, 228]));
    let how = Lettering::plain(black, 1);
    let step = tick_step(y_high - y_low);
    let mut tick = (y_low / step).ceil();
    while tick * step <= y_high {
        let (_, v) = pixel(0.0, tick * step);
        canvas.line((LEFT_PX, v), (RIGHT_PX, v), pale);
        let text = tick_text(tick * step, step);
        let (width, _) = how.size_px(&text);
        canvas.text(LEFT_PX as i64 - width - 8, v.round() as i64 - 4, &text, &how);
        tick += 1.0;
    }
    let step = tick_step(x_high).max(1.0);
    let mut tick = 0.0;
    while tick * step <= x_high {
        let (u, _) = pixel(tick * step, y_low);
        canvas.line((u, BOTTOM_PX), (u, BOTTOM_PX + 5.0), black);
        canvas.centred_text(u, BOTTOM_PX + 14.0, &format!("{}", tick * step), &how);
        tick += 1.0;
    }
    canvas.line((LEFT_PX, TOP_PX), (LEFT_PX, BOTTOM_PX), black);
    canvas.line((LEFT_PX, BOTTOM_PX), (RIGHT_PX, BOTTOM_PX), black);
    let large = Lettering::plain(black, 2);
    let middle = (LEFT_PX + RIGHT_PX) / 2.0;
    canvas.centred_text(middle, BOTTOM_PX + 40.0, &labels.x, &large);
    canvas.centred_text(middle, TOP_PX / 2.0, &labels.title, &large);
    let top = (TOP_PX + BOTTOM_PX) / 2.0 - 10.0 * (labels.y.chars().count() as f64 - 1.0) / 2.0;
    for (n, character) in labels.y.chars().enumerate() {
        canvas.centred_text(14.0, top + n as f64 * 10.0, &character.to_string(), &how);
    }
}
