//! `tools.Draw`: boxes, lines, points and words on pictures.

use std::sync::Arc;

use image::RgbImage;
use rhai::{Array, Dynamic, Map};

use super::{
    Kind, Param, TEXT, ToolError, ToolSpec, Toolbox,
    arguments::{describe, names, number},
    colors::colors,
    pixel_shapes::{lines, rows},
    values::{FrameValue, MaskValue, PictureValue, picture},
};
use crate::{
    answer::canvas::{Canvas, Lettering},
    tools::overlay::mask_image,
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Draw;

/// Thickest line and largest point.
const MAX_SIZE_PX: i64 = 100;

const IMAGE: Param =
    Param::required("image", Kind::AnyOf(&[Kind::Value("Frame"), Kind::Value("Picture"), Kind::Value("Mask")]));
const COLORS: Param = Param::optional(
    "colors",
    Kind::AnyOf(&[
        Kind::Text("color name"),
        Kind::Numbers,
        Kind::ListOf(&Kind::AnyOf(&[Kind::Text("color name"), Kind::Numbers])),
    ]),
    "red, green, blue",
)
.about("one for all or one each: a name, \"#rrggbb\" or [r, g, b]");
const THICKNESS: Param = Param::optional("thickness", Kind::Int, "by the image's size").about("pixels");

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.Draw.draw_bbox",
        params: &[
            IMAGE,
            Param::required("bboxes", Kind::AnyOf(&[Kind::PixelBox, Kind::ListOf(&Kind::PixelBox)])),
            COLORS,
            THICKNESS,
        ],
        returns: "Picture",
        doc: "The image with rectangles.",
        example: "show(tools.Draw.draw_bbox(InputImages[-1], [300, 200, 360, 280], \"orange\"));",
    },
    ToolSpec {
        path: "tools.Draw.draw_line",
        params: &[
            IMAGE,
            Param::required("lines", Kind::AnyOf(&[Kind::PixelBox, Kind::ListOf(&Kind::PixelBox)]))
                .about("[u0, v0, u1, v1] or [[u0, v0], [u1, v1]], one or many"),
            COLORS,
            THICKNESS,
        ],
        returns: "Picture",
        doc: "The image with lines.",
        example: "show(tools.Draw.draw_line(InputImages[-1], [[10, 10], [200, 150]]));",
    },
    ToolSpec {
        path: "tools.Draw.draw_point",
        params: &[
            IMAGE,
            Param::required("points", Kind::AnyOf(&[Kind::Pixel, Kind::ListOf(&Kind::Pixel)])),
            COLORS,
            Param::optional("radius", Kind::Int, "by the image's size").about("pixels"),
        ],
        returns: "Picture",
        doc: "The image with filled discs.",
        example: "show(tools.Draw.draw_point(InputImages[-1], [[10, 10], [20, 20]], [\"red\", [0, 0, 255]]));",
    },
    ToolSpec {
        path: "tools.Draw.draw_text",
        params: &[
            IMAGE,
            Param::required("texts", Kind::AnyOf(&[TEXT, Kind::ListOf(&TEXT)])),
            Param::required("points", Kind::AnyOf(&[Kind::Pixel, Kind::ListOf(&Kind::Pixel)]))
                .about("upper left corner of each"),
            COLORS,
            Param::optional("scale", Kind::Int, "1").about("1 is 8 pixels high"),
        ],
        returns: "Picture",
        doc: "The image with words.",
        example: "show(tools.Draw.draw_text(InputImages[-1], \"here\", [20, 20], \"yellow\", 2));",
    },
];

/// What is drawn on.
struct Ground {
    image: Arc<RgbImage>,
    name: String,
    frame: Option<FrameValue>,
}

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Draw>) {
    tools.add("draw_bbox", |_, [image, boxes, wanted, thickness]| {
        let ground = ground(&image)?;
        let boxes = rows(&boxes, 4, "bboxes", "[u_min, v_min, u_max, v_max]")?;
        let thickness = size_px(&thickness, "thickness", default_px(&ground, 0.004, 2))?;
        drawn(ground, "boxes", &boxes, &wanted, |canvas, row, color, _| {
            if let [u0, v0, u1, v1] = row {
                let corner = |u: f64, v: f64| (clamped(u), clamped(v));
                canvas.rectangle(corner(u0.min(*u1), v0.min(*v1)), corner(u0.max(*u1), v0.max(*v1)), color, thickness);
            }
        })
    });
    tools.add("draw_line", |_, [image, wanted_lines, wanted, thickness]| {
        let ground = ground(&image)?;
        let lines: Vec<Vec<f64>> = lines(&wanted_lines, "lines")?.into_iter().map(|line| line.to_vec()).collect();
        let thickness = size_px(&thickness, "thickness", default_px(&ground, 0.004, 2))?;
        drawn(ground, "lines", &lines, &wanted, |canvas, row, color, _| {
            if let [u0, v0, u1, v1] = row {
                canvas.thick_line((*u0, *v0), (*u1, *v1), color, thickness);
            }
        })
    });
    tools.add("draw_point", |_, [image, points, wanted, radius]| {
        let ground = ground(&image)?;
        let points = rows(&points, 2, "points", "[u, v]")?;
        let radius = size_px(&radius, "radius", default_px(&ground, 0.008, 3))?;
        drawn(ground, "points", &points, &wanted, |canvas, row, color, _| {
            if let [u, v] = row {
                canvas.disc((*u, *v), radius as f64, color);
            }
        })
    });
    tools.add("draw_text", |_, [image, texts, points, wanted, scale]| {
        let ground = ground(&image)?;
        let (texts, points) = (names(&texts, "texts")?, rows(&points, 2, "points", "[u, v]")?);
        if texts.len() != points.len() {
            let (found, places) = (texts.len(), points.len());
            return Err(ToolError::argument(format!("there are {found} texts for {places} points; give one for each")));
        }
        let scale = size_px(&scale, "scale", 1)?.min(8);
        drawn(ground, "texts", &points, &wanted, |canvas, row, color, at| {
            if let ([u, v], Some(text)) = (row, texts.get(at)) {
                canvas.text(clamped(*u), clamped(*v), text, &Lettering::plain(color, scale));
            }
        })
    });
}

fn clamped(c: f64) -> i64 {
    c.round().clamp(-1e6, 1e6) as i64
}

fn ground(image: &Dynamic) -> Result<Ground, ToolError> {
    if let Some(frame) = image.read_lock::<FrameValue>() {
        return Ok(Ground { image: frame.view().image.clone(), name: frame.name(), frame: Some(frame.clone()) });
    }
    if let Some(picture) = image.read_lock::<PictureValue>() {
        let name = picture.description.lines().next().unwrap_or_default().to_owned();
        return Ok(Ground { image: picture.image.clone(), name, frame: picture.frame.clone() });
    }
    if let Some(mask) = image.read_lock::<MaskValue>() {
        let name = format!("{} in {}", mask.label, mask.frame.name());
        return Ok(Ground { image: Arc::new(mask_image(&mask)), name, frame: Some(mask.frame.clone()) });
    }
    Err(ToolError::argument(format!("image is {}, wanted a Frame, a Picture or a Mask", describe(image))))
}

fn default_px(ground: &Ground, share: f64, least: i64) -> i64 {
    let short_side = ground.image.width().min(ground.image.height());
    ((f64::from(short_side) * share).round() as i64).max(least)
}

fn size_px(value: &Dynamic, what: &str, default: i64) -> Result<i64, ToolError> {
    if value.is_unit() {
        return Ok(default);
    }
    let found = number(value, what)?;
    if (1.0..=MAX_SIZE_PX as f64).contains(&found) {
        return Ok(found.round() as i64);
    }
    Err(ToolError::argument(format!("{what} is {found}, wanted 1 to {MAX_SIZE_PX} pixels")))
}

fn drawn(
    ground: Ground,
    what: &str,
    items: &[Vec<f64>],
    wanted: &Dynamic,
    draw: impl Fn(&mut Canvas, &[f64], image::Rgb<u8>, usize),
) -> Result<PictureValue, ToolError> {
    let colors = colors(wanted, items.len())?;
    let mut canvas = Canvas { image: (*ground.image).clone() };
    let (width, height) = (f64::from(ground.image.width()), f64::from(ground.image.height()));
    let mut words = Vec::new();
    for (at, (item, (name, color))) in items.iter().zip(&colors).enumerate() {
        draw(&mut canvas, item, *color, at);
        let numbers: Vec<String> = item.iter().map(|v| format!("{}", (v * 10.0).round() / 10.0)).collect();
        let is_inside =
            item.chunks(2).any(|c| matches!(c, [u, v] if *u >= 0.0 && *v >= 0.0 && *u < width && *v < height));
        let outside = if is_inside { "" } else { " (outside the image)" };
        words.push(format!("{name} [{}]{outside}", numbers.join(", ")));
    }
    let list: Array = items
        .iter()
        .map(|item| Dynamic::from(item.iter().map(|v| Dynamic::from_float(*v)).collect::<Array>()))
        .collect();
    Ok(PictureValue::new(picture::Inner {
        image: Arc::new(canvas.image),
        source: format!("drawn {what}"),
        description: format!("{}, with {what} {}", ground.name, words.join(", ")),
        frame: ground.frame,
        meta: Map::from([(what.into(), list.into())]),
    }))
}
