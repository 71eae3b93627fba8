//! What all values with one entry per frame have in common: which frames, access by frame, and the refusal to be mixed.

use std::{fmt::Write, sync::Arc};

use rhai::{Array, Dynamic, Variant};

use super::{FrameValue, ImagesValue};
use crate::{
    error_code::ErrorCode,
    tools::{Library, RhaiResult, ToolError, arguments::describe},
};

/// The frames of a value with one entry per frame, in order.
#[derive(Clone)]
pub struct FrameSeries {
    frames: Arc<[FrameValue]>,
    left_out: Arc<[LeftOut]>,
}

/// A frame that has no entry, and why.
#[derive(Clone)]
pub struct LeftOut {
    /// The frame.
    pub frame: FrameValue,
    /// Its problem.
    pub error: ToolError,
}

impl FrameSeries {
    /// Of these frames.
    pub fn new(frames: Vec<FrameValue>) -> FrameSeries {
        FrameSeries { frames: frames.into(), left_out: Arc::new([]) }
    }

    /// Of these frames; others were asked for and have a problem.
    pub fn with_left_out(frames: Vec<FrameValue>, left_out: Vec<LeftOut>) -> FrameSeries {
        FrameSeries { frames: frames.into(), left_out: left_out.into() }
    }

    /// In order.
    pub fn frames(&self) -> &[FrameValue] {
        &self.frames
    }

    /// Asked for and without an entry.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Positions in `InputImages`.
    pub fn indices(&self) -> Vec<usize> {
        self.frames.iter().map(FrameValue::index).collect()
    }

    /// Position of `frame` among these.
    pub fn find(&self, frame: &FrameValue) -> Option<usize> {
        self.frames.iter().position(|own| own.is_same_as(frame))
    }

    /// Which entry a cell means: by position in `InputImages` (negative from its end) or by Frame.
    ///
    /// # Errors
    /// A frame that is not here, with those that are; the frame's own problem where it was left out for one.
    pub fn position(&self, wanted: &Dynamic, what: &str) -> Result<usize, ToolError> {
        let indices = || join(&self.indices());
        if let Some(frame) = wanted.read_lock::<FrameValue>() {
            if let Some(position) = self.find(&frame) {
                return Ok(position);
            }
            self.raise_left_out(frame.index(), what)?;
            return Err(ToolError::argument(format!(
                "{} is not in {what}, which holds frames {}; make it from that frame too",
                frame.name(),
                indices()
            )));
        }
        let number = whole(wanted).ok_or_else(|| {
            ToolError::argument(format!(
                "the index of {what} is {}, wanted a frame's position in InputImages ({}) or a Frame",
                describe(wanted),
                indices()
            ))
        })?;
        let n_images = self.frames.first().map_or(0, FrameValue::n_images);
        let absolute = if number < 0 { number.saturating_add(n_images as i64) } else { number };
        let found = self.frames.iter().position(|frame| frame.index() as i64 == absolute);
        if let Some(position) = found {
            return Ok(position);
        }
        if let Ok(index) = usize::try_from(absolute) {
            self.raise_left_out(index, what)?;
        }
        let is_position = usize::try_from(number).ok().and_then(|n| self.frames.get(n));
        let hint = match is_position {
            Some(frame) => format!(
                "; the index is a position in InputImages, not in this list: entry {number} is {what}[{}]",
                frame.index()
            ),
            None => String::new(),
        };
        Err(ToolError::argument(format!("frame {number} is not in {what}, which holds frames {}{hint}", indices())))
    }

    fn raise_left_out(&self, index: usize, what: &str) -> Result<(), ToolError> {
        match self.left_out.iter().find(|left_out| left_out.frame.index() == index) {
            Some(LeftOut { frame, error }) => Err(ToolError {
                code: error.code,
                message: format!("{} was left out of {what}: {}", frame.name(), error.message),
            }),
            None => Ok(()),
        }
    }

    /// Whether both have the same frames in the same order.
    ///
    /// # Errors
    /// What differs and what to do.
    pub fn require_aligned(&self, own: &str, other: &FrameSeries, others: &str) -> Result<(), ToolError> {
        let is_aligned = self.frames.len() == other.frames.len()
            && self.frames.iter().zip(other.frames.iter()).all(|(a, b)| a.is_same_as(b));
        if is_aligned {
            return Ok(());
        }
        let (mine, theirs) = (self.indices(), other.indices());
        let mut text = format!("{own} has frames {}, {others} has frames {}", join(&mine), join(&theirs));
        let common: Vec<usize> = self.common(other);
        let only = |a: &FrameSeries, b: &FrameSeries| -> Vec<usize> {
            a.frames.iter().filter(|frame| b.find(frame).is_none()).map(FrameValue::index).collect()
        };
        for (name, missing) in [(own, only(self, other)), (others, only(other, self))] {
            if !missing.is_empty() {
                let _ = write!(text, "; only in {name}: {}", join(&missing));
            }
        }
        let advice = match common.is_empty() {
            true => "they share none; make both from the same InputImages".to_owned(),
            false if common.len() == mine.len() && mine.len() == theirs.len() => {
                "the order differs; go by frame index, not by position in the list".to_owned()
            }
            false => format!("make both from the same frames, or go over the common ones: {}", join(&common)),
        };
        Err(ToolError::argument(format!("{text}; {advice}")))
    }

    /// Indices of the frames that both have.
    pub fn common(&self, other: &FrameSeries) -> Vec<usize> {
        self.frames.iter().filter(|frame| other.find(frame).is_some()).map(FrameValue::index).collect()
    }
}

/// Checks that two values belong to the same image.
///
/// # Errors
/// Names both images and what to do.
pub fn require_same_frame(a: &FrameValue, what_a: &str, b: &FrameValue, what_b: &str) -> Result<(), ToolError> {
    if a.is_same_as(b) {
        return Ok(());
    }
    let ((width_a, height_a), (width_b, height_b)) = (a.size_px(), b.size_px());
    let sizes = match (width_a, height_a) == (width_b, height_b) {
        true => String::new(),
        false => format!(", {width_a}x{height_a} and {width_b}x{height_b} px"),
    };
    Err(ToolError::argument(format!(
        "{what_a} is of {} and {what_b} of {}{sizes}; take both from the same frame",
        a.name(),
        b.name()
    )))
}

/// An integer, also when it came out of a calculation as a float.
pub fn whole(value: &Dynamic) -> Option<i64> {
    let of_float = || value.as_float().ok().filter(|v| v.fract() == 0.0 && v.abs() < 1e15).map(|v| v as i64);
    value.as_int().ok().or_else(of_float)
}

/// `0, 2, 4`; long ones are cut in the middle.
pub fn join(indices: &[usize]) -> String {
    const SHOWN: usize = 12;
    let words = |part: &[usize]| part.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (indices.get(..SHOWN - 2), indices.last()) {
        (Some(first), Some(last)) if indices.len() > SHOWN => {
            format!("{}, ... {last} ({} in all)", words(first), indices.len())
        }
        _ if indices.is_empty() => "none".to_owned(),
        _ => words(indices),
    }
}

/// A value with one entry per frame.
pub trait PerFrame: Variant + Clone + Send + Sync {
    /// Type name in cells.
    const NAME: &'static str;

    /// Its frames.
    fn series(&self) -> &FrameSeries;

    /// The entry at a position of the series.
    ///
    /// # Errors
    /// The frame's own problem.
    fn entry(&self, position: usize) -> Result<Dynamic, ToolError>;

    /// Coordinate frame of the entry's numbers.
    fn coordinate_frame(&self, position: usize) -> String;
}

/// What [`register`] adds to every type, for the manual.
pub const COMMON_MEMBERS: (&str, &str) =
    ("[frame]", "the entry of that frame: its position in InputImages, or a Frame; iterating gives the entries");

/// Registers what all of them have.
pub fn register<V: PerFrame>(library: &mut Library) {
    library
        .register_type_with_name::<V>(V::NAME)
        .register_get("frame_indices", |v: &mut V| ints(&v.series().indices()))
        .register_get("num_frames", |v: &mut V| v.series().frames().len() as i64)
        .register_get("len", |v: &mut V| v.series().frames().len() as i64)
        .register_fn("len", |v: &mut V| v.series().frames().len() as i64)
        .register_get("stamps", |v: &mut V| {
            let frames = v.series().frames().iter();
            frames.map(|frame| Dynamic::from_float(frame.view().stamp.as_secs_f64())).collect::<Array>()
        })
        .register_get("frames", |v: &mut V| {
            (0..v.series().frames().len()).map(|at| Dynamic::from(v.coordinate_frame(at))).collect::<Array>()
        })
        .register_get("images", |v: &mut V| match ImagesValue::of(v.series().frames()) {
            Some(images) => Dynamic::from(images),
            None => Dynamic::UNIT,
        })
        .register_get("left_out", |v: &mut V| {
            let text = |left_out: &LeftOut| format!("{}: {}", left_out.frame.name(), left_out.error.message);
            v.series().left_out().iter().map(|left_out| Dynamic::from(text(left_out))).collect::<Array>()
        })
        .register_fn("get_by_frame_index", |v: &mut V, frame: i64| -> RhaiResult<i64> {
            Ok(v.series().position(&Dynamic::from_int(frame), V::NAME)? as i64)
        })
        .register_fn("validate_alignment", |v: &mut V, other: Dynamic| -> RhaiResult<bool> { aligned(v, &other, true) })
        .register_fn("validate_alignment", |v: &mut V, other: Dynamic, is_strict: Dynamic| -> RhaiResult<bool> {
            let options = is_strict.read_lock::<rhai::Map>().and_then(|map| map.get("strict").cloned());
            aligned(v, &other, options.unwrap_or(is_strict).as_bool().unwrap_or(true))
        })
        .register_fn("common_frames", |v: &mut V, other: Dynamic| -> RhaiResult<Array> {
            let (other, _) = series_of(&other)?;
            Ok(ints(&v.series().common(&other)))
        })
        .register_indexer_get(|v: &mut V, frame: Dynamic| -> RhaiResult<Dynamic> {
            Ok(v.entry(v.series().position(&frame, V::NAME)?)?)
        })
        .register_fn("items", |v: &mut V| -> RhaiResult<Array> {
            let pair = |at: usize, frame: &FrameValue| -> RhaiResult<Dynamic> {
                Ok(Dynamic::from(vec![Dynamic::from_int(frame.index() as i64), v.entry(at)?]))
            };
            v.series().frames().iter().enumerate().map(|(at, frame)| pair(at, frame)).collect()
        });
    library.register_items::<V, _>(|value: Dynamic| {
        let value = value.try_cast::<V>();
        let n = value.as_ref().map_or(0, |value| value.series().frames().len());
        (0..n).zip(std::iter::repeat(value)).filter_map(|(at, value)| Some(value?.entry(at).map_err(Into::into)))
    });
}

fn ints(indices: &[usize]) -> Array {
    indices.iter().map(|index| Dynamic::from_int(*index as i64)).collect()
}

fn aligned<V: PerFrame>(value: &V, other: &Dynamic, is_strict: bool) -> RhaiResult<bool> {
    let (series, name) = series_of(other)?;
    if is_strict || value.series().common(&series).is_empty() {
        value.series().require_aligned(V::NAME, &series, name)?;
    }
    Ok(true)
}

/// Frames and type name of any value that has frames.
fn series_of(value: &Dynamic) -> Result<(FrameSeries, &'static str), ToolError> {
    if let Some(found) = super::series_of(value) {
        return Ok(found);
    }
    if let Some(images) = value.read_lock::<ImagesValue>() {
        return Ok((FrameSeries::new(images.frames()), "InputImages"));
    }
    if let Some(frame) = value.read_lock::<FrameValue>() {
        return Ok((FrameSeries::new(vec![frame.clone()]), "Frame"));
    }
    Err(ToolError::argument(format!("{} has no frames to compare with", describe(value))))
}

/// The problem of a frame that has no entry of this kind.
pub fn problem_of(frame: &FrameValue) -> ToolError {
    let view = frame.view();
    let problem = view.depth.as_ref().err().or(view.posed.as_ref().err());
    problem.map_or_else(
        || ToolError::new(ErrorCode::InternalError, format!("{} has no known problem", frame.name())),
        |problem| ToolError::from(problem.clone()),
    )
}
