//! A number with its uncertainty and unit.

use serde::{Deserialize, Serialize};

/// SI units that an answer can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Metres.
    Metre,
    /// Radians.
    Radian,
    /// Seconds.
    Second,
    /// Metres per second.
    MetrePerSecond,
    /// Radians per second.
    RadianPerSecond,
    /// Square metres.
    SquareMetre,
    /// Cubic metres.
    CubicMetre,
    /// A bare count or ratio.
    One,
}

impl Unit {
    /// Every unit, the bare number first: it is the quotient of two equal units whatever else fits.
    pub const ALL: [Unit; 8] = [
        Unit::One,
        Unit::Metre,
        Unit::Radian,
        Unit::Second,
        Unit::MetrePerSecond,
        Unit::RadianPerSecond,
        Unit::SquareMetre,
        Unit::CubicMetre,
    ];

    /// The SI symbol, `"1"` for a bare number.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Metre => "m",
            Unit::Radian => "rad",
            Unit::Second => "s",
            Unit::MetrePerSecond => "m/s",
            Unit::RadianPerSecond => "rad/s",
            Unit::SquareMetre => "m^2",
            Unit::CubicMetre => "m^3",
            Unit::One => "1",
        }
    }
}

/// A finite value with one standard deviation in the same unit. Neither is ever NaN or infinite and `sigma` is never negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Quantity {
    value: f64,
    sigma: f64,
    unit: Unit,
}

/// As it is read.
#[derive(Deserialize)]
struct Unchecked {
    value: f64,
    sigma: f64,
    unit: Unit,
}

impl TryFrom<Unchecked> for Quantity {
    type Error = String;

    fn try_from(Unchecked { value, sigma, unit }: Unchecked) -> Result<Quantity, String> {
        let refused =
            || format!("a quantity of {value} with sigma {sigma}, both must be finite and sigma not negative");
        Quantity::new(value, sigma, unit).ok_or_else(refused)
    }
}

impl Quantity {
    /// `None` unless `value` is finite and `sigma` is finite and not negative.
    pub fn new(value: f64, sigma: f64, unit: Unit) -> Option<Quantity> {
        (value.is_finite() && sigma.is_finite() && sigma >= 0.0).then_some(Quantity { value, sigma, unit })
    }

    /// A count: exact, without unit.
    pub fn count(n: usize) -> Quantity {
        Quantity { value: n as f64, sigma: 0.0, unit: Unit::One }
    }

    /// The value, in `unit`.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// One standard deviation, in `unit`.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The unit of value and sigma.
    pub fn unit(&self) -> Unit {
        self.unit
    }
}

impl std::fmt::Display for Quantity {
    /// `0.412 ± 0.004 m`; a bearing is shown in degrees as well; a count is bare.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            Unit::One if self.sigma == 0.0 => write!(f, "{}", self.value),
            Unit::One => write!(f, "{:.3} ± {:.3}", self.value, self.sigma),
            Unit::Radian => write!(f, "{:.3} ± {:.3} rad ({:.1}°)", self.value, self.sigma, self.value.to_degrees()),
            unit => write!(f, "{:.3} ± {:.3} {}", self.value, self.sigma, unit.symbol()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_finite() {
        assert_eq!(Quantity::new(f64::NAN, 0.0, Unit::Metre), None);
        assert_eq!(Quantity::new(1.0, f64::INFINITY, Unit::Metre), None);
        assert_eq!(Quantity::new(1.0, -0.1, Unit::Metre), None);
    }

    #[test]
    fn a_quantity_that_is_read_is_checked() {
        let good = Quantity::new(0.1, 0.02, Unit::Metre).unwrap();
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<Quantity>(&text).unwrap(), good);
        let negative = text.replace("0.02", "-0.02");
        let message = serde_json::from_str::<Quantity>(&negative).unwrap_err().to_string();
        assert!(message.starts_with("a quantity of 0.1 with sigma -0.02, both must be finite"), "{message}");
    }

    #[test]
    fn text_carries_sigma_and_unit() {
        let check =
            |value, sigma, unit, text: &str| assert_eq!(Quantity::new(value, sigma, unit).unwrap().to_string(), text);
        check(0.4123, 0.0041, Unit::Metre, "0.412 ± 0.004 m");
        check(-0.5, 0.01, Unit::Radian, "-0.500 ± 0.010 rad (-28.6°)");
        check(3.0, 0.0, Unit::One, "3");
    }
}
