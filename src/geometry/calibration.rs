//! Lens distortion (REP-104; OpenCV's plumb_bob, rational_polynomial and equidistant models) and what a CameraInfo means.
//!
//! [`rectify`](super::rectify) resamples images by it.

use nalgebra::{Matrix3, Rotation3, UnitQuaternion};
use thiserror::Error;

use super::{Intrinsics, camera::IntrinsicsError};

/// A distortion model with its coefficients. It works on normalised coordinates (x/z, y/z) of the raw optical frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Distortion {
    /// Already rectified, or a perfect pinhole.
    None,
    /// k1, k2, p1, p2, k3.
    PlumbBob([f64; 5]),
    /// k1, k2, p1, p2, k3, k4, k5, k6.
    RationalPolynomial([f64; 8]),
    /// k1, k2, k3, k4 (Kannala and Brandt 2006).
    Equidistant([f64; 4]),
}

/// A region of interest in full-resolution pixels; all zero means the whole image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionOfInterest {
    /// Columns cut off on the left.
    pub x_offset_px: u32,
    /// Rows cut off at the top.
    pub y_offset_px: u32,
    /// 0: to the right border.
    pub width_px: u32,
    /// 0: to the lower border.
    pub height_px: u32,
}

/// The numbers of a `sensor_msgs/CameraInfo`, as received.
#[derive(Clone, Debug, PartialEq)]
pub struct RawCalibration {
    /// Calibrated (full) width.
    pub width_px: u32,
    /// Calibrated (full) height.
    pub height_px: u32,
    /// Name of the model; empty without distortion.
    pub distortion_model: String,
    /// Coefficients.
    pub d: Vec<f64>,
    /// 3×3 row-major, raw image.
    pub k: [f64; 9],
    /// 3×3 row-major, `rectified_from_raw`; all zero means identity.
    pub r: [f64; 9],
    /// 3×4 row-major, rectified image; all zero means "as K".
    pub p: [f64; 12],
    /// Full-resolution columns per image column; 0 and 1 mean none.
    pub binning_x: u32,
    /// Full-resolution rows per image row; 0 and 1 mean none.
    pub binning_y: u32,
    /// Part of the sensor in the image.
    pub roi: RegionOfInterest,
}

/// What a `sensor_msgs/CameraInfo` says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Of the raw image.
    pub raw: Intrinsics,
    /// Of the raw image.
    pub distortion: Distortion,
    /// Turns raw optical coordinates into rectified ones (R); identity for a single camera.
    pub rectified_from_raw: Rotation3<f64>,
    /// Of the rectified image (from P).
    pub rectified: Intrinsics,
}

/// A calibration that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CalibrationError {
    /// Unusable numbers in K or P.
    #[error(transparent)]
    Intrinsics(#[from] IntrinsicsError),
    /// A distortion model that is not known.
    #[error("distortion model is {found:?}, expected \"plumb_bob\", \"rational_polynomial\", \"equidistant\" or \"\"")]
    UnknownModel {
        /// As found.
        found: String,
    },
    /// Coefficients that are missing, too many or not finite.
    #[error("distortion model {model:?} has {found} finite coefficients, expected {expected}")]
    Coefficients {
        /// The model.
        model: String,
        /// Finite coefficients found.
        found: usize,
        /// Coefficients needed.
        expected: usize,
    },
    /// R is not a rotation.
    #[error("rectification matrix R is off a rotation by {deviation:.3}, expected at most 0.001")]
    Rotation {
        /// Largest entry of |R Rᵀ - 1|, or infinite for a reflection or a number that is not finite.
        deviation: f64,
    },
    /// K or P is not a pinhole matrix.
    #[error("{matrix}[{index}] is {found}, expected {expected}; skewed pixels cannot be used")]
    Matrix {
        /// "K" or "P".
        matrix: &'static str,
        /// Row-major position.
        index: usize,
        /// As found.
        found: f64,
        /// As needed.
        expected: f64,
    },
    /// P shifts the projection centre: the second camera of a stereo pair.
    #[error(
        "projection matrix P has a baseline of {baseline_m:.4} m, expected 0; use the pair's left (reference) camera"
    )]
    Baseline {
        /// Shift along x or y.
        baseline_m: f64,
    },
}

impl Distortion {
    /// Reads a model's name and coefficients. All coefficients zero (or none at all) means no distortion, as in `image_geometry`.
    ///
    /// # Errors
    /// [`CalibrationError::UnknownModel`], [`CalibrationError::Coefficients`].
    pub fn parse(model: &str, coefficients: &[f64]) -> Result<Distortion, CalibrationError> {
        let bad = |expected| CalibrationError::Coefficients {
            model: model.to_owned(),
            found: coefficients.iter().filter(|value| value.is_finite()).count(),
            expected,
        };
        let n_known = match model {
            "" | "none" => 0,
            "plumb_bob" => 5,
            "rational_polynomial" => 8,
            "equidistant" | "fisheye" => 4,
            _ => return Err(CalibrationError::UnknownModel { found: model.to_owned() }),
        };
        if coefficients.iter().any(|value| !value.is_finite()) {
            return Err(bad(n_known));
        }
        if coefficients.iter().all(|value| *value == 0.0) {
            return Ok(Distortion::None);
        }
        // OpenCV writes plumb_bob with 4 numbers (k3 = 0) as well.
        let n_needed = if n_known == 5 { 4 } else { n_known };
        let rest_is_zero = coefficients.iter().skip(n_known).all(|value| *value == 0.0);
        if n_known == 0 || coefficients.len() < n_needed || !rest_is_zero {
            return Err(bad(n_known));
        }
        let at = |index: usize| coefficients.get(index).copied().unwrap_or(0.0);
        Ok(match n_known {
            4 => Distortion::Equidistant(std::array::from_fn(at)),
            5 => Distortion::PlumbBob(std::array::from_fn(at)),
            _ => Distortion::RationalPolynomial(std::array::from_fn(at)),
        })
    }

    /// Where the lens puts the ray with normalised coordinates `(x, y)`.
    pub fn distort(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let r2 = x * x + y * y;
        let tangential =
            |p1: f64, p2: f64| [2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y];
        let scale = self.radial_scale(r2.sqrt());
        let [dx, dy] = match self {
            Distortion::PlumbBob([_, _, p1, p2, _]) | Distortion::RationalPolynomial([_, _, p1, p2, ..]) => {
                tangential(*p1, *p2)
            }
            Distortion::None | Distortion::Equidistant(_) => [0.0, 0.0],
        };
        [x * scale + dx, y * scale + dy]
    }

    /// The ray whose image is `(x, y)`: Newton's method on [`Distortion::distort`]. `None` where the model cannot be inverted.
    pub fn undistort(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        const STEP: f64 = 1e-6;
        const TOLERANCE: f64 = 1e-10;
        let mut ray = [x, y];
        for _ in 0..50 {
            let here = self.distort(ray);
            let miss = [x - here[0], y - here[1]];
            if miss[0].hypot(miss[1]) < TOLERANCE {
                return (ray[0].hypot(ray[1]) <= self.max_radius()).then_some(ray);
            }
            let right = self.distort([ray[0] + STEP, ray[1]]);
            let down = self.distort([ray[0], ray[1] + STEP]);
            let (a, c) = ((right[0] - here[0]) / STEP, (right[1] - here[1]) / STEP);
            let (b, d) = ((down[0] - here[0]) / STEP, (down[1] - here[1]) / STEP);
            let determinant = a * d - b * c;
            if determinant.abs() < 1e-12 {
                return None;
            }
            let step = [(d * miss[0] - b * miss[1]) / determinant, (a * miss[1] - c * miss[0]) / determinant];
            // A wide step near the fold of the polynomial would jump to another branch.
            let shrink = (0.5 * (1.0 + ray[0].hypot(ray[1])) / step[0].hypot(step[1])).min(1.0);
            ray = [ray[0] + shrink * step[0], ray[1] + shrink * step[1]];
        }
        None
    }

    /// Largest |(x, y)| up to which a larger ray angle gives a larger image radius. Beyond it a polynomial folds back and would
    /// show pixels that belong elsewhere.
    pub fn max_radius(&self) -> f64 {
        const STEP: f64 = 0.01;
        const FARTHEST: f64 = 10.0;
        let mut last = 0.0;
        let mut radius = STEP;
        while radius <= FARTHEST {
            let image_radius = radius * self.radial_scale(radius);
            if image_radius.is_nan() || image_radius <= last {
                return radius - STEP;
            }
            last = image_radius;
            radius += STEP;
        }
        f64::INFINITY
    }

    fn radial_scale(&self, radius: f64) -> f64 {
        let r2 = radius * radius;
        let cubic = |a: f64, b: f64, c: f64| 1.0 + r2 * (a + r2 * (b + r2 * c));
        match self {
            Distortion::None => 1.0,
            Distortion::PlumbBob([k1, k2, _, _, k3]) => cubic(*k1, *k2, *k3),
            Distortion::RationalPolynomial([k1, k2, _, _, k3, k4, k5, k6]) => {
                cubic(*k1, *k2, *k3) / cubic(*k4, *k5, *k6)
            }
            Distortion::Equidistant(k) if radius > 1e-9 => {
                let theta = radius.atan();
                let t2 = theta * theta;
                theta * (1.0 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3])))) / radius
            }
            Distortion::Equidistant(_) => 1.0,
        }
    }
}

impl Calibration {
    /// Checks the numbers of a CameraInfo and applies region of interest and binning as `image_geometry` does: the principal
    /// point moves by the offset, then focal lengths and principal point are divided by the binning.
    ///
    /// P rules where it differs from K: it describes the rectified image. Without P (all zero) the rectified image keeps K.
    ///
    /// # Errors
    /// [`CalibrationError`], the first thing that is wrong.
    pub fn parse(info: &RawCalibration) -> Result<Calibration, CalibrationError> {
        let distortion = Distortion::parse(&info.distortion_model, &info.d)?;
        let raw = info.in_the_image(info.k[0], info.k[4], info.k[2], info.k[5])?;
        check_entries("K", &info.k, &[(1, 0.0), (3, 0.0), (6, 0.0), (7, 0.0), (8, 1.0)])?;
        let rectified = if info.p.iter().all(|value| *value == 0.0) {
            raw
        } else {
            let rectified = info.in_the_image(info.p[0], info.p[5], info.p[2], info.p[6])?;
            check_entries("P", &info.p, &[(1, 0.0), (4, 0.0), (8, 0.0), (9, 0.0), (10, 1.0), (11, 0.0)])?;
            let baseline_m = (-info.p[3] / info.p[0]).hypot(info.p[7] / info.p[5]);
            // NaN is refused as well.
            if baseline_m.is_nan() || baseline_m > 1e-6 {
                return Err(CalibrationError::Baseline { baseline_m });
            }
            rectified
        };
        Ok(Calibration { raw, distortion, rectified_from_raw: rotation(&info.r)?, rectified })
    }

    /// Whether the raw image already is the rectified one, to within a thousandth of a pixel.
    pub fn is_identity(&self) -> bool {
        const CLOSE_PX: f64 = 1e-3;
        let (a, b) = (&self.raw, &self.rectified);
        let shift_px = (a.fx_px - b.fx_px)
            .abs()
            .max((a.fy_px - b.fy_px).abs())
            .max((a.cx_px - b.cx_px).abs())
            .max((a.cy_px - b.cy_px).abs());
        self.distortion == Distortion::None
            && shift_px < CLOSE_PX
            && self.rectified_from_raw.angle() * a.fx_px.max(a.fy_px) < CLOSE_PX
    }
}

impl RawCalibration {
    fn in_the_image(&self, fx: f64, fy: f64, cx: f64, cy: f64) -> Result<Intrinsics, IntrinsicsError> {
        let (bin_x, bin_y) = (self.binning_x.max(1), self.binning_y.max(1));
        let size = |full: u32, offset: u32, cut: u32, bin: u32| {
            (if cut == 0 { full.saturating_sub(offset) } else { cut }) / bin
        };
        Intrinsics {
            width_px: size(self.width_px, self.roi.x_offset_px, self.roi.width_px, bin_x),
            height_px: size(self.height_px, self.roi.y_offset_px, self.roi.height_px, bin_y),
            fx_px: fx / f64::from(bin_x),
            fy_px: fy / f64::from(bin_y),
            cx_px: (cx - f64::from(self.roi.x_offset_px)) / f64::from(bin_x),
            cy_px: (cy - f64::from(self.roi.y_offset_px)) / f64::from(bin_y),
        }
        .checked()
    }
}

fn check_entries(matrix: &'static str, values: &[f64], expected: &[(usize, f64)]) -> Result<(), CalibrationError> {
    for (index, expected) in expected {
        let found = values.get(*index).copied().unwrap_or(f64::NAN);
        if found.is_nan() || (found - expected).abs() > 1e-6 {
            return Err(CalibrationError::Matrix { matrix, index: *index, found, expected: *expected });
        }
    }
    Ok(())
}

fn rotation(r: &[f64; 9]) -> Result<Rotation3<f64>, CalibrationError> {
    if r.iter().all(|value| *value == 0.0) {
        return Ok(Rotation3::identity());
    }
    let matrix = Matrix3::from_row_slice(r);
    let mut deviation = (matrix * matrix.transpose() - Matrix3::identity()).abs().max();
    if !r.iter().all(|value| value.is_finite()) || matrix.determinant() <= 0.0 {
        deviation = f64::INFINITY;
    }
    if deviation > 1e-3 {
        return Err(CalibrationError::Rotation { deviation });
    }
    Ok(UnitQuaternion::from_matrix(&matrix).to_rotation_matrix())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info() -> RawCalibration {
        RawCalibration {
            width_px: 640,
            height_px: 480,
            distortion_model: "plumb_bob".to_owned(),
            d: vec![0.1, -0.2, 0.001, -0.002, 0.05],
            k: [525.0, 0.0, 319.5, 0.0, 526.0, 239.5, 0.0, 0.0, 1.0],
            r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p: [500.0, 0.0, 310.0, 0.0, 0.0, 501.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            binning_x: 0,
            binning_y: 0,
            roi: RegionOfInterest::default(),
        }
    }

    #[test]
    fn models_are_read_by_name() {
        let check = |model: &str, d: &[f64], expected: Distortion| {
            assert_eq!(Distortion::parse(model, d), Ok(expected), "{model} {d:?}");
        };
        check("", &[], Distortion::None);
        check("plumb_bob", &[], Distortion::None);
        check("plumb_bob", &[0.0; 5], Distortion::None);
        check("plumb_bob", &[0.1, 0.2, 0.3, 0.4], Distortion::PlumbBob([0.1, 0.2, 0.3, 0.4, 0.0]));
        check("equidistant", &[0.1, 0.2, 0.3, 0.4], Distortion::Equidistant([0.1, 0.2, 0.3, 0.4]));
        let rational = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        check("rational_polynomial", &rational, Distortion::RationalPolynomial(rational));
    }

    #[test]
    fn wrong_coefficients_are_refused_with_what_was_found() {
        let check = |model: &str, d: &[f64], text: &str| {
            assert_eq!(Distortion::parse(model, d).unwrap_err().to_string(), text);
        };
        check("plumb_bob", &[0.1, 0.2], "distortion model \"plumb_bob\" has 2 finite coefficients, expected 5");
        check(
            "plumb_bob",
            &[0.1, f64::NAN, 0.0, 0.0, 0.0],
            "distortion model \"plumb_bob\" has 4 finite coefficients, expected 5",
        );
        check("equidistant", &[0.1; 5], "distortion model \"equidistant\" has 5 finite coefficients, expected 4");
        check("", &[0.1], "distortion model \"\" has 1 finite coefficients, expected 0");
        check(
            "kb8",
            &[],
            "distortion model is \"kb8\", expected \"plumb_bob\", \"rational_polynomial\", \"equidistant\" or \"\"",
        );
    }

    #[test]
    fn plumb_bob_agrees_with_a_value_worked_out_by_hand() {
        // r² = 0.13; radial = 1 + 0.1·0.13 - 0.2·0.0169 + 0.05·0.002197 = 1.00972985
        // dx = 2·0.001·0.06 - 0.002·(0.13 + 0.18), dy = 0.001·(0.13 + 0.08) - 2·0.002·0.06
        let found = Distortion::PlumbBob([0.1, -0.2, 0.001, -0.002, 0.05]).distort([0.3, 0.2]);
        let expected = [0.3 * 1.009_729_85 + 0.000_12 - 0.000_62, 0.2 * 1.009_729_85 + 0.000_21 - 0.000_24];
        assert!((found[0] - expected[0]).abs() < 1e-12 && (found[1] - expected[1]).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn an_ideal_equidistant_lens_maps_angle_to_radius() {
        let lens = Distortion::Equidistant([0.0; 4]);
        for theta in [0.1f64, 0.7, 1.3] {
            let [x, y] = lens.distort([theta.tan(), 0.0]);
            assert!((x - theta).abs() < 1e-12 && y == 0.0);
        }
    }

    proptest! {
        #[test]
        fn undistort_reverses_distort(x in -0.6f64..0.6, y in -0.5f64..0.5, k1 in -0.25f64..0.25, p in -0.003f64..0.003) {
            for lens in [
                Distortion::PlumbBob([k1, 0.05, p, -p, 0.01]),
                Distortion::RationalPolynomial([k1, 0.05, p, -p, 0.01, 0.1, 0.02, 0.001]),
                Distortion::Equidistant([0.2 * k1, 0.01, -0.002, 0.0005]),
            ] {
                let back = lens.undistort(lens.distort([x, y])).unwrap();
                prop_assert!((back[0] - x).abs() < 1e-8 && (back[1] - y).abs() < 1e-8, "{lens:?} {back:?}");
            }
        }
    }

    #[test]
    fn a_folding_polynomial_has_a_last_radius() {
        // r(1 - r²/3) grows up to r = 1.
        let radius = Distortion::PlumbBob([-1.0 / 3.0, 0.0, 0.0, 0.0, 0.0]).max_radius();
        assert!((radius - 1.0).abs() < 0.011, "{radius}");
        assert_eq!(Distortion::None.max_radius(), f64::INFINITY);
    }

    #[test]
    fn k_is_the_raw_camera_and_p_the_rectified_one() {
        let calibration = Calibration::parse(&info()).unwrap();
        let intrinsics =
            |fx_px, fy_px, cx_px, cy_px| Intrinsics { width_px: 640, height_px: 480, fx_px, fy_px, cx_px, cy_px };
        assert_eq!(calibration.raw, intrinsics(525.0, 526.0, 319.5, 239.5));
        assert_eq!(calibration.rectified, intrinsics(500.0, 501.0, 310.0, 230.0));
        assert!(!calibration.is_identity());
    }

    #[test]
    fn without_p_r_and_distortion_nothing_needs_rectifying() {
        let plain = RawCalibration { p: [0.0; 12], r: [0.0; 9], d: vec![], distortion_model: String::new(), ..info() };
        let calibration = Calibration::parse(&plain).unwrap();
        assert_eq!(calibration.rectified, calibration.raw);
        assert!(calibration.is_identity());
        let other_p = RawCalibration { p: info().p, ..plain };
        assert!(!Calibration::parse(&other_p).unwrap().is_identity());
    }

    #[test]
    fn region_of_interest_comes_before_binning() {
        let roi = RegionOfInterest { x_offset_px: 100, y_offset_px: 40, width_px: 400, height_px: 200 };
        let cut = RawCalibration { binning_x: 2, binning_y: 4, roi, ..info() };
        let expected = Intrinsics {
            width_px: 200,
            height_px: 50,
            fx_px: 262.5,
            fy_px: 131.5,
            cx_px: (319.5 - 100.0) / 2.0,
            cy_px: (239.5 - 40.0) / 4.0,
        };
        assert_eq!(Calibration::parse(&cut).unwrap().raw, expected);
    }

    #[test]
    fn unusable_matrices_are_refused() {
        let check = |info: RawCalibration, text: &str| {
            assert_eq!(Calibration::parse(&info).unwrap_err().to_string(), text);
        };
        check(RawCalibration { k: [0.0; 9], ..info() }, "focal length is (0, 0) px, both must be positive and finite");
        let mut skewed = info();
        skewed.k[1] = 2.0;
        check(skewed, "K[1] is 2, expected 0; skewed pixels cannot be used");
        let mut right = info();
        right.p[3] = -60.0;
        check(
            right,
            "projection matrix P has a baseline of 0.1200 m, expected 0; use the pair's left (reference) camera",
        );
        let mirrored = RawCalibration { r: [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], ..info() };
        check(mirrored, "rectification matrix R is off a rotation by inf, expected at most 0.001");
        let empty = RawCalibration { width_px: 0, ..info() };
        check(empty, "image size is 0x480 px, both must be positive");
    }
}
