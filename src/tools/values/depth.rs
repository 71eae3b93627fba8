//! `DepthImage` and `PerFrameDepth`: how far each pixel is along the optical axis, and how surely.

use std::sync::Arc;

use rhai::{Array, Dynamic};

use super::{
    FrameValue, MaskValue, ValueSpec,
    numbers::{arr, require_room},
    per_frame::{self, FrameSeries, PerFrame, problem_of, require_same_frame},
};
use crate::{
    array::Arr,
    geometry::{DepthMap, DepthNoise, Mask},
    tools::{Library, RhaiResult, ToolError, arguments::describe, median},
};

/// A depth counts as good when it is within this of the truth; see [`confidence`].
pub const GOOD_DEPTH_M: f64 = 0.02;

/// Depth of one image.
#[derive(Clone)]
pub struct DepthImageValue {
    frame: FrameValue,
    depth: Arc<DepthMap>,
}

/// Depth of several images.
#[derive(Clone)]
pub struct PerFrameDepthValue(pub FrameSeries);

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "DepthImage",
    doc: "Depth of one image along the optical axis, metres.",
    members: &[
        (".at(u, v)", "metres, or () where unknown"),
        ("[mask]", "Arr of the known depths under a Mask of the same frame"),
        (".min .max .median .mean", "metres, over what is known"),
        (".arr", "HxW Arr, NaN where unknown or outside the trusted range"),
        (".sigma", "HxW Arr, one standard deviation in metres; NaN where depth is"),
        (
            ".confidence",
            "HxW Arr, probability that the depth is within 2 cm of the truth by the noise model; 0 where unknown",
        ),
        (".valid", "Mask of the known pixels"),
        (".width .height .shape", "pixels"),
        (".index .stamp .camera .frame", "which image; its optical frame"),
    ],
};

/// The manual's entry.
pub const SERIES_SPEC: ValueSpec = ValueSpec {
    name: "PerFrameDepth",
    doc: "A DepthImage for each frame.",
    members: &[
        per_frame::COMMON_MEMBERS,
        (
            ".frame_indices .num_frames .stamps .frames .images .get_by_frame_index(i)",
            "which frames; `.frames` names coordinate frames",
        ),
        (".validate_alignment(other)", "true, or an error that says which frames differ"),
        (".depth .confidence .sigma", "NxHxW Arr of all frames, when they are of one size"),
        (".left_out", "frames without an entry, and why"),
    ],
};

/// Probability that a depth with this standard deviation lies within [`GOOD_DEPTH_M`] of the truth, if errors are normal.
pub fn confidence(sigma_m: f64) -> f64 {
    erf(GOOD_DEPTH_M / (std::f64::consts::SQRT_2 * sigma_m))
}

/// The error function for x >= 0, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let sum = series.iter().rev().fold(0.0, |sum, c| (sum + c) * t);
    1.0 - sum * (-x * x).exp()
}

/// `value` of each pixel with known depth, NaN or `otherwise` elsewhere.
pub fn over_known(depth: &DepthMap, otherwise: f64, value: impl Fn(f64) -> f64) -> Vec<f64> {
    let of = |depth_m: &f32| if depth_m.is_finite() { value(f64::from(*depth_m)) } else { otherwise };
    depth.depth_m().iter().map(of).collect()
}

/// Pixels with known depth.
pub fn known(depth: &DepthMap) -> Option<Mask> {
    let set = depth.depth_m().iter().map(|depth_m| depth_m.is_finite()).collect();
    Mask::new(depth.width_px(), depth.height_px(), set)
}

impl DepthImageValue {
    /// Of one image.
    ///
    /// # Errors
    /// The image's own problem.
    pub fn new(frame: &FrameValue) -> Result<DepthImageValue, ToolError> {
        let depth = frame.view().depth.as_ref().map_err(|problem| ToolError::from(problem.clone()))?;
        Ok(DepthImageValue { frame: frame.clone(), depth: depth.clone() })
    }

    /// The image.
    pub fn frame(&self) -> &FrameValue {
        &self.frame
    }

    /// The values.
    pub fn depth(&self) -> &DepthMap {
        &self.depth
    }

    fn noise(&self) -> DepthNoise {
        self.frame.view().depth_noise
    }

    fn shape(&self) -> [usize; 2] {
        [self.depth.height_px() as usize, self.depth.width_px() as usize]
    }

    fn known_depths(&self) -> impl Iterator<Item = f64> + '_ {
        self.depth.depth_m().iter().filter(|depth_m| depth_m.is_finite()).map(|depth_m| f64::from(*depth_m))
    }

    fn statistic(&self, name: &str, of: impl Fn(&mut Vec<f64>) -> f64) -> RhaiResult<f64> {
        let mut known: Vec<f64> = self.known_depths().collect();
        if known.is_empty() {
            let message = format!("{} has no pixel with known depth, so no {name}", self.frame.name());
            return Err(ToolError::not_measurable(message).into());
        }
        Ok(of(&mut known))
    }

    fn under(&self, mask: &Dynamic) -> RhaiResult<Arr> {
        let Some(mask) = mask.read_lock::<MaskValue>().map(|mask| mask.clone()) else {
            return Err(ToolError::argument(format!(
                "the index of a DepthImage is {}, wanted a Mask of the same frame; for one pixel use .at(u, v), for rows .arr[v]",
                describe(mask)
            ))
            .into());
        };
        require_same_frame(&mask.frame, "the mask", &self.frame, "the depth")?;
        let depths = self.depth.depth_m().iter().zip(mask.mask.as_slice());
        let under =
            depths.filter(|(depth_m, set)| **set && depth_m.is_finite()).map(|(depth_m, _)| f64::from(*depth_m));
        let values: Vec<f64> = under.collect();
        arr(&[values.len()], values)
    }

    fn text(&self) -> String {
        let (n_known, n) = (self.known_depths().count(), self.depth.depth_m().len());
        let range =
            self.known_depths().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), d| (low.min(d), high.max(d)));
        let range = if n_known == 0 { String::new() } else { format!(", {:.3}..{:.3} m", range.0, range.1) };
        format!(
            "DepthImage {}x{} of {}, {n_known} of {n} pixels known{range}",
            self.depth.width_px(),
            self.depth.height_px(),
            self.frame.name()
        )
    }
}

impl PerFrame for PerFrameDepthValue {
    const NAME: &'static str = "PerFrameDepth";

    fn series(&self) -> &FrameSeries {
        &self.0
    }

    fn entry(&self, position: usize) -> Result<Dynamic, ToolError> {
        Ok(Dynamic::from(self.image(position)?))
    }

    fn coordinate_frame(&self, position: usize) -> String {
        self.0.frames().get(position).map(|frame| frame.view().optical_frame.to_string()).unwrap_or_default()
    }
}

impl PerFrameDepthValue {
    fn image(&self, position: usize) -> Result<DepthImageValue, ToolError> {
        let frame = self.0.frames().get(position).ok_or_else(|| ToolError::argument("there is no such frame"))?;
        DepthImageValue::new(frame).map_err(|_| problem_of(frame))
    }

    fn stack(&self, values: impl Fn(&DepthImageValue) -> Vec<f64>) -> RhaiResult<Arr> {
        let shape = common_size(&self.0, "PerFrameDepth")?;
        require_room(self.0.frames().len(), shape[0] * shape[1], "depth[frame].arr")?;
        let mut all = Vec::with_capacity(self.0.frames().len() * shape[0] * shape[1]);
        for position in 0..self.0.frames().len() {
            all.extend(values(&self.image(position)?));
        }
        arr(&[self.0.frames().len(), shape[0], shape[1]], all)
    }
}

/// Height and width that all frames share.
///
/// # Errors
/// When their images differ in size.
pub fn common_size(series: &FrameSeries, what: &str) -> Result<[usize; 2], ToolError> {
    let mut frames = series.frames().iter();
    let Some(first) = frames.next() else { return Err(ToolError::argument(format!("{what} has no frame"))) };
    let (width, height) = first.size_px();
    if let Some(other) = frames.find(|frame| frame.size_px() != (width, height)) {
        let (other_width, other_height) = other.size_px();
        return Err(ToolError::argument(format!(
            "{} is {width}x{height} px and {} {other_width}x{other_height} px, so they do not fit into one array; go frame by frame",
            first.name(),
            other.name()
        )));
    }
    Ok([height as usize, width as usize])
}

/// Makes the types known to cells.
pub fn register(library: &mut Library) {
    per_frame::register::<PerFrameDepthValue>(library);
    fn text(series: &mut PerFrameDepthValue) -> String {
        format!("PerFrameDepth of frames {}; depth[frame] is a DepthImage", per_frame::join(&series.0.indices()))
    }
    fn sigmas(d: &DepthImageValue) -> Vec<f64> {
        over_known(&d.depth, f64::NAN, |z| d.noise().sigma_m(z))
    }
    fn confidences(d: &DepthImageValue) -> Vec<f64> {
        over_known(&d.depth, 0.0, |z| confidence(d.noise().sigma_m(z)))
    }
    library
        .register_get("depth", |s: &mut PerFrameDepthValue| s.stack(|d| over_known(&d.depth, f64::NAN, |z| z)))
        .register_get("sigma", |s: &mut PerFrameDepthValue| s.stack(sigmas))
        .register_get("confidence", |s: &mut PerFrameDepthValue| s.stack(confidences))
        .register_fn("to_string", text)
        .register_fn("to_debug", text);
    library
        .register_type_with_name::<DepthImageValue>("DepthImage")
        .register_get("width", |d: &mut DepthImageValue| i64::from(d.depth.width_px()))
        .register_get("height", |d: &mut DepthImageValue| i64::from(d.depth.height_px()))
        .register_get("shape", |d: &mut DepthImageValue| {
            d.shape().map(|length| Dynamic::from_int(length as i64)).to_vec() as Array
        })
        .register_fn("at", |d: &mut DepthImageValue, u: Dynamic, v: Dynamic| -> RhaiResult<Dynamic> {
            let at = super::point_map::pixel(&u, &v, d.frame.size_px())?;
            Ok(d.depth.at(at.0, at.1).map_or(Dynamic::UNIT, |depth| Dynamic::from_float(f64::from(depth))))
        })
        .register_indexer_get(|d: &mut DepthImageValue, mask: Dynamic| d.under(&mask))
        .register_get("arr", |d: &mut DepthImageValue| arr(&d.shape(), over_known(&d.depth, f64::NAN, |z| z)))
        .register_get("sigma", |d: &mut DepthImageValue| arr(&d.shape(), sigmas(d)))
        .register_get("confidence", |d: &mut DepthImageValue| arr(&d.shape(), confidences(d)))
        .register_get("valid", |d: &mut DepthImageValue| -> RhaiResult<MaskValue> {
            let mask = known(&d.depth).ok_or_else(|| ToolError::argument("the depth image has no size"))?;
            Ok(MaskValue { frame: d.frame.clone(), mask, label: "known depth".to_owned() })
        })
        .register_get("index", |d: &mut DepthImageValue| d.frame.index() as i64)
        .register_get("stamp", |d: &mut DepthImageValue| d.frame.view().stamp.as_secs_f64())
        .register_get("camera", |d: &mut DepthImageValue| d.frame.view().camera.to_string())
        .register_get("frame", |d: &mut DepthImageValue| d.frame.view().optical_frame.to_string())
        .register_fn("to_string", |d: &mut DepthImageValue| d.text())
        .register_fn("to_debug", |d: &mut DepthImageValue| d.text());
    let mut statistic = |name: &'static str, of: fn(&mut Vec<f64>) -> f64| {
        library
            .register_get(name, move |d: &mut DepthImageValue| d.statistic(name, of))
            .register_fn(name, move |d: &mut DepthImageValue| d.statistic(name, of));
    };
    statistic("min", |values| values.iter().copied().fold(f64::INFINITY, f64::min));
    statistic("max", |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    statistic("median", |values| median(values));
    statistic("mean", |values| values.iter().sum::<f64>() / values.len().max(1) as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_the_probability_of_a_small_error() {
        // Two-sided shares of the normal distribution within 1, 2 and 3 sigma.
        for (n_sigma, expected) in [(1.0, 0.682_689_492), (2.0, 0.954_499_736), (3.0, 0.997_300_204)] {
            let found = confidence(GOOD_DEPTH_M / n_sigma);
            assert!((found - expected).abs() < 2e-7, "{n_sigma}: {found}");
        }
        let noise = DepthNoise::default();
        let at = |depth_m: f64| confidence(noise.sigma_m(depth_m));
        assert!(at(1.0) > 0.999_99 && at(3.0) < at(2.0) && at(8.0) < 0.2, "{} {} {}", at(2.0), at(3.0), at(8.0));
    }
}
