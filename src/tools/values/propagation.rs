//! Arithmetic of quantities with sigma.
//!
//! First-order propagation (JCGM 100:2008, section 5.1.2). Errors of two measurements count as independent only when they rest on
//! different evidence; where they share some, nothing is known of how their errors correlate, and the worst case holds: the parts of
//! sigma add up instead of their squares.

use crate::{
    geometry::{Quantity, Unit},
    tools::ToolError,
};

/// How the errors of two inputs go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// They rest on different evidence.
    Independent,
    /// They share some.
    Shared,
}

impl Errors {
    /// Two parts of a sigma together.
    pub fn sum(self, a: f64, b: f64) -> f64 {
        match self {
            Errors::Independent => a.hypot(b),
            Errors::Shared => a.abs() + b.abs(),
        }
    }
}

/// A quantity, or an error that says what it would be.
pub fn finite(value: f64, sigma: f64, unit: Unit) -> Result<Quantity, ToolError> {
    Quantity::new(value, sigma, unit)
        .ok_or_else(|| ToolError::not_measurable(format!("the result is {value} ± {sigma}, wanted finite numbers")))
}

/// Refuses unequal units.
pub fn same_unit(a: &Quantity, b: &Quantity, verb: &str) -> Result<(), ToolError> {
    if a.unit() == b.unit() {
        return Ok(());
    }
    let (a, b) = (a.unit().symbol(), b.unit().symbol());
    Err(ToolError::argument(format!("units are {a} and {b}; `{verb}` needs equal units")))
}

fn product_unit(a: Unit, b: Unit) -> Option<Unit> {
    use Unit::{CubicMetre, Metre, MetrePerSecond, One, Radian, RadianPerSecond, Second, SquareMetre};
    match (a, b) {
        (One, unit) | (unit, One) => Some(unit),
        (Metre, Metre) => Some(SquareMetre),
        (Metre, SquareMetre) | (SquareMetre, Metre) => Some(CubicMetre),
        (MetrePerSecond, Second) | (Second, MetrePerSecond) => Some(Metre),
        (RadianPerSecond, Second) | (Second, RadianPerSecond) => Some(Radian),
        _ => None,
    }
}

fn ratio_unit(a: Unit, b: Unit) -> Option<Unit> {
    if a == b {
        return Some(Unit::One);
    }
    Unit::ALL.into_iter().find(|unit| product_unit(*unit, b) == Some(a))
}

/// `+`, `-`, `*` or `/`.
///
/// # Errors
/// Units that do not fit; division by 0.
pub fn arithmetic(a: &Quantity, b: &Quantity, operator: &str, errors: Errors) -> Result<Quantity, ToolError> {
    let (x, y, sx, sy) = (a.value(), b.value(), a.sigma(), b.sigma());
    let no_unit = |result: Option<Unit>| {
        result.ok_or_else(|| {
            ToolError::argument(format!(
                "`{operator}` of {} and {} has no unit here",
                a.unit().symbol(),
                b.unit().symbol()
            ))
        })
    };
    match operator {
        "+" => same_unit(a, b, "+").and_then(|()| finite(x + y, errors.sum(sx, sy), a.unit())),
        "-" => same_unit(a, b, "-").and_then(|()| finite(x - y, errors.sum(sx, sy), a.unit())),
        // The product of both deviations matters where a value is near 0.
        "*" => {
            let first_order = errors.sum(sx * y, sy * x);
            finite(x * y, first_order.hypot(sx * sy), no_unit(product_unit(a.unit(), b.unit()))?)
        }
        _ if y == 0.0 => Err(ToolError::not_measurable("division by a measurement of 0")),
        _ => finite(x / y, errors.sum(sx / y, sy * x / (y * y)), no_unit(ratio_unit(a.unit(), b.unit()))?),
    }
}

/// The smaller or larger of two. Near a tie either may be it, so sigma is then the larger of both.
///
/// # Errors
/// Unequal units.
pub fn extreme(a: &Quantity, b: &Quantity, wants_larger: bool) -> Result<Quantity, ToolError> {
    same_unit(a, b, if wants_larger { "max" } else { "min" })?;
    let is_a = (a.value() >= b.value()) == wants_larger;
    let chosen = if is_a { a } else { b };
    let is_tie = (a.value() - b.value()).abs() <= 2.0 * (a.sigma() + b.sigma());
    let sigma = if is_tie { a.sigma().max(b.sigma()) } else { chosen.sigma() };
    finite(chosen.value(), sigma, a.unit())
}

/// A power. Sigma is the larger change over one standard deviation to either side, so that a root near 0 keeps one.
///
/// # Errors
/// No real result, or no unit for it.
pub fn power(a: &Quantity, exponent: f64) -> Result<Quantity, ToolError> {
    let unit = power_unit(a.unit(), exponent).ok_or_else(|| {
        let unit = a.unit().symbol();
        ToolError::argument(format!("{unit} to the power of {exponent} has no unit here"))
    })?;
    let value = a.value().powf(exponent);
    if !value.is_finite() {
        return Err(ToolError::not_measurable(format!("{a} to the power of {exponent} is no finite number")));
    }
    // A root has no left side beyond 0.
    let step = |to: f64| {
        let to = if exponent.fract() == 0.0 { to } else { to.max(0.0) };
        (to.powf(exponent) - value).abs()
    };
    let sides = [step(a.value() + a.sigma()), step(a.value() - a.sigma())];
    finite(value, sides.into_iter().filter(|side| side.is_finite()).fold(0.0, f64::max), unit)
}

fn power_unit(unit: Unit, exponent: f64) -> Option<Unit> {
    match (unit, exponent) {
        (unit, 1.0) => Some(unit),
        (_, 0.0) => Some(Unit::One),
        (Unit::One, _) => Some(Unit::One),
        (Unit::Metre, 2.0) => Some(Unit::SquareMetre),
        (Unit::Metre, 3.0) => Some(Unit::CubicMetre),
        (Unit::SquareMetre, 0.5) => Some(Unit::Metre),
        (Unit::SquareMetre, 1.5) => Some(Unit::CubicMetre),
        (Unit::CubicMetre, third) if (third - 1.0 / 3.0).abs() < 1e-9 => Some(Unit::Metre),
        _ => None,
    }
}

/// A unit that people use, in SI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitWord {
    /// As written.
    pub symbol: &'static str,
    /// Its SI unit.
    pub unit: Unit,
    /// SI units in one of it.
    pub scale: f64,
}

const DEGREE: f64 = std::f64::consts::PI / 180.0;

const WORDS: &[UnitWord] = &[
    UnitWord { symbol: "m", unit: Unit::Metre, scale: 1.0 },
    UnitWord { symbol: "cm", unit: Unit::Metre, scale: 0.01 },
    UnitWord { symbol: "mm", unit: Unit::Metre, scale: 0.001 },
    UnitWord { symbol: "km", unit: Unit::Metre, scale: 1000.0 },
    UnitWord { symbol: "in", unit: Unit::Metre, scale: 0.0254 },
    UnitWord { symbol: "ft", unit: Unit::Metre, scale: 0.3048 },
    UnitWord { symbol: "rad", unit: Unit::Radian, scale: 1.0 },
    UnitWord { symbol: "deg", unit: Unit::Radian, scale: DEGREE },
    UnitWord { symbol: "s", unit: Unit::Second, scale: 1.0 },
    UnitWord { symbol: "ms", unit: Unit::Second, scale: 0.001 },
    UnitWord { symbol: "min", unit: Unit::Second, scale: 60.0 },
    UnitWord { symbol: "m/s", unit: Unit::MetrePerSecond, scale: 1.0 },
    UnitWord { symbol: "cm/s", unit: Unit::MetrePerSecond, scale: 0.01 },
    UnitWord { symbol: "km/h", unit: Unit::MetrePerSecond, scale: 1.0 / 3.6 },
    UnitWord { symbol: "rad/s", unit: Unit::RadianPerSecond, scale: 1.0 },
    UnitWord { symbol: "deg/s", unit: Unit::RadianPerSecond, scale: DEGREE },
    UnitWord { symbol: "m^2", unit: Unit::SquareMetre, scale: 1.0 },
    UnitWord { symbol: "cm^2", unit: Unit::SquareMetre, scale: 1e-4 },
    UnitWord { symbol: "m^3", unit: Unit::CubicMetre, scale: 1.0 },
    UnitWord { symbol: "l", unit: Unit::CubicMetre, scale: 1e-3 },
    UnitWord { symbol: "1", unit: Unit::One, scale: 1.0 },
    UnitWord { symbol: "%", unit: Unit::One, scale: 0.01 },
];

/// The unit of this name; `"metres"`, `"degrees"`, `"°"`, `"m2"` and the like are understood.
///
/// # Errors
/// A mistake in the cell that lists the units.
pub fn unit_word(text: &str) -> Result<UnitWord, ToolError> {
    let folded = text.trim().to_lowercase();
    let symbol = match folded.as_str() {
        "" => "1",
        "metre" | "metres" | "meter" | "meters" => "m",
        "centimetre" | "centimetres" | "centimeter" | "centimeters" => "cm",
        "millimetre" | "millimetres" | "millimeter" | "millimeters" => "mm",
        "inch" | "inches" => "in",
        "foot" | "feet" => "ft",
        "degree" | "degrees" | "°" => "deg",
        "radian" | "radians" => "rad",
        "second" | "seconds" | "sec" | "secs" => "s",
        "m2" | "m²" => "m^2",
        "cm2" | "cm²" => "cm^2",
        "m3" | "m³" => "m^3",
        "litre" | "litres" | "liter" | "liters" => "l",
        other => other,
    };
    WORDS.iter().find(|word| word.symbol == symbol).copied().ok_or_else(|| {
        let known: Vec<&str> = WORDS.iter().map(|word| word.symbol).collect();
        ToolError::argument(format!("unit {text:?} is unknown, wanted one of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::analytic_scene::Random;

    fn metres(value: f64, sigma: f64) -> Quantity {
        Quantity::new(value, sigma, Unit::Metre).unwrap()
    }

    #[test]
    fn sigma_follows_the_rules_of_propagation() {
        let check = |operator: &str, value: f64, sigma: f64, unit: Unit| {
            let found = arithmetic(&metres(3.0, 0.3), &metres(2.0, 0.4), operator, Errors::Independent).unwrap();
            assert!((found.value() - value).abs() < 1e-12, "{operator}: {found}");
            assert!((found.sigma() - sigma).abs() < 1e-12, "{operator}: {found}");
            assert_eq!(found.unit(), unit);
        };
        check("+", 5.0, 0.5, Unit::Metre);
        check("-", 1.0, 0.5, Unit::Metre);
        check("*", 6.0, (0.36f64 + 1.44 + 0.0144).sqrt(), Unit::SquareMetre);
        check("/", 1.5, (0.0225f64 + 0.09).sqrt(), Unit::One);
    }

    #[test]
    fn units_must_fit() {
        let angle = Quantity::new(1.0, 0.1, Unit::Radian).unwrap();
        let failure =
            |operator: &str| arithmetic(&metres(1.0, 0.1), &angle, operator, Errors::Independent).unwrap_err().message;
        assert_eq!(failure("+"), "units are m and rad; `+` needs equal units");
        assert!(failure("*").contains("has no unit"));
        let two_secs = Quantity::new(2.0, 0.0, Unit::Second).unwrap();
        let speed = arithmetic(&metres(1.0, 0.0), &two_secs, "/", Errors::Independent).unwrap();
        assert_eq!((speed.value(), speed.unit()), (0.5, Unit::MetrePerSecond));
        let by_zero = arithmetic(&metres(1.0, 0.1), &Quantity::count(0), "/", Errors::Independent);
        assert_eq!(by_zero.unwrap_err().message, "division by a measurement of 0");
        assert_eq!(power(&metres(2.0, 0.1), 2.0).unwrap().unit(), Unit::SquareMetre);
        assert!(power(&metres(2.0, 0.1), 0.5).unwrap_err().message.contains("has no unit"));
        assert!(unit_word("furlong").unwrap_err().message.contains("is unknown, wanted one of m, cm"));
        assert_eq!(unit_word("Degrees").unwrap().symbol, "deg");
    }

    /// Draws both inputs `N` times and counts how often 1.96 of the stated sigma around the result holds the true result.
    fn coverage(
        correlation: f64,
        errors: Errors,
        compute: impl Fn(&Quantity, &Quantity, Errors) -> Found,
        truth: impl Fn(f64, f64) -> f64,
    ) -> f64 {
        const N: usize = 4000;
        let mut random = Random(17);
        let n_held = (0..N)
            .filter(|_| {
                let (x, y) = (1.0 + 2.0 * random.uniform(), 1.0 + 2.0 * random.uniform());
                let (sx, sy) = (0.02 + 0.1 * random.uniform(), 0.02 + 0.1 * random.uniform());
                let first = random.gaussian();
                let second = correlation * first + (1.0 - correlation * correlation).sqrt() * random.gaussian();
                let (value, sigma) = compute(&metres(x + sx * first, sx), &metres(y + sy * second, sy), errors);
                (value - truth(x, y)).abs() <= 1.96 * sigma
            })
            .count();
        n_held as f64 / N as f64
    }

    /// Value and sigma.
    type Found = (f64, f64);

    fn pair(quantity: Quantity) -> Found {
        (quantity.value(), quantity.sigma())
    }

    #[test]
    fn the_stated_interval_holds_the_truth() {
        type Truth = fn(f64, f64) -> f64;
        let operators: [(&str, Truth); 4] =
            [("+", |x, y| x + y), ("-", |x, y| x - y), ("*", |x, y| x * y), ("/", |x, y| x / y)];
        for (operator, truth) in operators {
            let compute =
                |a: &Quantity, b: &Quantity, errors: Errors| pair(arithmetic(a, b, operator, errors).unwrap());
            let independent = coverage(0.0, Errors::Independent, compute, truth);
            assert!((0.93..=0.975).contains(&independent), "{operator}: {independent}");
            for correlation in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                let shared = coverage(correlation, Errors::Shared, compute, truth);
                assert!(shared >= 0.93, "{operator} with correlation {correlation}: {shared}");
            }
        }
        for wants_larger in [false, true] {
            let truth = move |x: f64, y: f64| if wants_larger { x.max(y) } else { x.min(y) };
            let compute = |a: &Quantity, b: &Quantity, _: Errors| pair(extreme(a, b, wants_larger).unwrap());
            for correlation in [-1.0, 0.0, 1.0] {
                let held = coverage(correlation, Errors::Shared, compute, truth);
                assert!((0.93..=0.99).contains(&held), "max {wants_larger}: {held}");
            }
        }
        for exponent in [2.0, 3.0, -1.0, 0.5] {
            let compute = |a: &Quantity, _: &Quantity, _: Errors| {
                let bare = Quantity::new(a.value(), a.sigma(), Unit::One).unwrap();
                pair(power(&bare, exponent).unwrap())
            };
            let held = coverage(0.0, Errors::Independent, compute, |x, _| x.powf(exponent));
            assert!((0.93..=0.98).contains(&held), "power {exponent}: {held}");
        }
    }

    #[test]
    fn a_root_near_zero_keeps_a_sigma() {
        let area = |value, sigma| Quantity::new(value, sigma, Unit::SquareMetre).unwrap();
        let found = power(&area(0.0, 0.01), 0.5).unwrap();
        assert_eq!((found.value(), found.sigma(), found.unit()), (0.0, 0.1, Unit::Metre));
        assert!(power(&area(-1.0, 0.01), 0.5).is_err());
    }
}
