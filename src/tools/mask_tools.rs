//! `tools.Mask`: arithmetic on masks.

use rhai::{Array, Dynamic};

use super::{
    Kind, Param, ToolError, ToolSpec, Toolbox,
    arguments::describe,
    values::{
        MaskValue, PerFrameMaskValue,
        numbers::{bools_of, mask_of},
        per_frame::{PerFrame, require_same_frame},
        pixel_mask::list_of_box,
    },
};
use crate::{
    array::{Arr, Bools},
    geometry::Mask,
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct MaskTools;

const MASK: Kind = Kind::AnyOf(&[Kind::Value("Mask"), Kind::Value("HxW Bools")]);
const ONE: &[Param] = &[Param::required("mask", MASK)];
const TWO: &[Param] = &[Param::required("a", MASK), Param::required("b", MASK)];

macro_rules! example {
    ($rest:literal) => {
        concat!("let mug = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\").get_mask(-1); ", $rest)
    };
}

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.Mask.centroid",
        params: ONE,
        returns: "[u, v]",
        doc: "Median column and median row; NOT_MEASURABLE when the mask is empty.",
        example: example!("print(tools.Mask.centroid(mug));"),
    },
    ToolSpec {
        path: "tools.Mask.centroids",
        params: &[Param::required("masks", Kind::AnyOf(&[Kind::ListOf(&MASK), Kind::Value("PerFrameMask")]))],
        returns: "list of ([u, v] | ())",
        doc: "Median column and row of each; () for an empty one. A PerFrameMask of one frame gives one for each object.",
        example: "print(tools.Mask.centroids(tools.SAM3.segment_image_by_text(InputImages[-1], \"cup\")));",
    },
    ToolSpec {
        path: "tools.Mask.area",
        params: ONE,
        returns: "int",
        doc: "Number of pixels.",
        example: example!("print(tools.Mask.area(mug));"),
    },
    ToolSpec {
        path: "tools.Mask.bounding_box",
        params: ONE,
        returns: "[u_min, v_min, u_max, v_max] | ()",
        doc: "Box without strays: above 100 pixels it spans the 1st to 99th percentile of columns and rows. () when empty.",
        example: example!("print(tools.Mask.bounding_box(mug));"),
    },
    ToolSpec {
        path: "tools.Mask.mask_to_bbox",
        params: ONE,
        returns: "[u_min, v_min, u_max, v_max] | ()",
        doc: "Box around every pixel, both ends included; () when empty.",
        example: example!("print(tools.Mask.mask_to_bbox(mug));"),
    },
    ToolSpec {
        path: "tools.Mask.iou",
        params: TWO,
        returns: "float",
        doc: "Intersection over union of two masks of the same frame, 0 when both are empty.",
        example: example!("print(tools.Mask.iou(mug, mug.erode(2)));"),
    },
    ToolSpec {
        path: "tools.Mask.intersection",
        params: TWO,
        returns: "Mask | HxW Bools",
        doc: "Pixels of both; a Mask when either is one.",
        example: example!("print(tools.Mask.intersection(mug, mug.erode(2)).area);"),
    },
    ToolSpec {
        path: "tools.Mask.union",
        params: TWO,
        returns: "Mask | HxW Bools",
        doc: "Pixels of either; a Mask when either is one.",
        example: example!("print(tools.Mask.union(mug, mug.dilate(2)).area);"),
    },
];

/// Pixels, with their frame where it is known.
struct Pixels {
    mask: Mask,
    of: Option<MaskValue>,
}

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, MaskTools>) {
    tools.add("centroid", |_, [mask]| {
        let centroid = median_pixel(&pixels(&mask, "mask")?.mask);
        if centroid.is_unit() {
            return Err(ToolError::not_measurable("the mask is empty, so it has no centroid; look at .area first"));
        }
        Ok(centroid)
    });
    tools.add("centroids", |_, [masks]| {
        let all: Result<Array, ToolError> =
            every(&masks)?.iter().map(|mask| Ok(median_pixel(&pixels(mask, "masks")?.mask))).collect();
        all
    });
    tools.add("area", |_, [mask]| Ok(pixels(&mask, "mask")?.mask.n_pixels() as i64));
    tools.add("bounding_box", |_, [mask]| {
        let found = pixels(&mask, "mask")?.mask.robust_box();
        Ok(found.map_or(Dynamic::UNIT, |b| Dynamic::from(list_of_box(&b))))
    });
    tools.add("mask_to_bbox", |_, [mask]| {
        let found = pixels(&mask, "mask")?.mask.bounding_box();
        Ok(found.map_or(Dynamic::UNIT, |b| Dynamic::from(list_of_box(&b))))
    });
    tools.add("iou", |_, [a, b]| {
        let (a, b) = both(&a, &b)?;
        Ok(a.mask.iou(&b.mask).unwrap_or(0.0))
    });
    tools.add("intersection", |_, [a, b]| combined(&a, &b, "&", |a, b| a && b));
    tools.add("union", |_, [a, b]| combined(&a, &b, "|", |a, b| a || b));
}

fn median_pixel(mask: &Mask) -> Dynamic {
    mask.median_pixel().map_or(Dynamic::UNIT, |(u, v)| Dynamic::from(Arr::of_vec(vec![u, v])))
}

fn pixels(value: &Dynamic, what: &str) -> Result<Pixels, ToolError> {
    if let Some(mask) = value.read_lock::<MaskValue>() {
        return Ok(Pixels { mask: mask.mask.clone(), of: Some(mask.clone()) });
    }
    if let Some(bools) = value.read_lock::<Bools>() {
        return Ok(Pixels { mask: mask_of(&bools, what)?, of: None });
    }
    let hint = match value.is::<PerFrameMaskValue>() {
        true => "; take one object of one frame: masks.get_mask(frame, object)",
        false => "",
    };
    Err(ToolError::argument(format!("{what} is {}, wanted a Mask or HxW Bools{hint}", describe(value))))
}

fn every(masks: &Dynamic) -> Result<Array, ToolError> {
    if let Some(list) = masks.read_lock::<Array>() {
        return Ok(list.clone());
    }
    let Some(masks) = masks.read_lock::<PerFrameMaskValue>() else {
        let found = describe(masks);
        return Err(ToolError::argument(format!(
            "masks is {found}, wanted a list of Mask or a PerFrameMask of one frame"
        )));
    };
    if masks.series().frames().len() != 1 {
        let n = masks.series().frames().len();
        return Err(ToolError::argument(format!("masks has {n} frames; take one of them: masks[frame]")));
    }
    (0..masks.labels.len()).map(|object| Ok(Dynamic::from(masks.at(0, object)?))).collect()
}

fn both(a: &Dynamic, b: &Dynamic) -> Result<(Pixels, Pixels), ToolError> {
    let (a, b) = (pixels(a, "a")?, pixels(b, "b")?);
    if let (Some(a), Some(b)) = (&a.of, &b.of) {
        require_same_frame(&a.frame, "a", &b.frame, "b")?;
    }
    let size = |p: &Pixels| (p.mask.width_px(), p.mask.height_px());
    if size(&a) != size(&b) {
        let ((width_a, height_a), (width_b, height_b)) = (size(&a), size(&b));
        return Err(ToolError::argument(format!(
            "a is {width_a}x{height_a} and b {width_b}x{height_b} pixels (width x height); take both from the same frame"
        )));
    }
    Ok((a, b))
}

fn combined(a: &Dynamic, b: &Dynamic, sign: &str, of: fn(bool, bool) -> bool) -> Result<Dynamic, ToolError> {
    let (a, b) = both(a, b)?;
    let mask = a.mask.combined(&b.mask, of).ok_or_else(|| ToolError::argument("the masks differ in size"))?;
    let label = |p: &Pixels| p.of.as_ref().map_or("bools".to_owned(), |mask| mask.label.clone());
    let (label, frame) = (format!("{} {sign} {}", label(&a), label(&b)), a.of.or(b.of).map(|mask| mask.frame));
    Ok(match frame {
        Some(frame) => Dynamic::from(MaskValue { frame, mask, label }),
        None => Dynamic::from(bools_of(&mask).map_err(|error| ToolError::argument(error.to_string()))?),
    })
}
