//! `Measurement`: a quantity with its frame, stamp, method and evidence.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3, Translation3, Vector3};
use rhai::{Dynamic, Engine};

use super::{ObjectValue, RelationValue, ValueSpec};
use crate::{
    answer::Evidence,
    geometry::{Quantity, Unit, relations::Relation},
    scene::{FrameId, Stamp},
    tools::{RhaiResult, ToolError, arguments::number},
};

/// A measured number and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementValue(Arc<Inner>);

/// The parts of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    /// Value, sigma and unit.
    pub quantity: Quantity,
    /// Frame it was measured in.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// How, such as `surface to surface`.
    pub method: String,
    /// Of what, such as `mug#5 to bowl#3`.
    pub subject: String,
    /// Objects, then the measurement itself.
    pub evidence: Vec<Evidence>,
}

impl std::ops::Deref for MeasurementValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Measurement",
    doc: "A number with unit, one standard deviation and evidence. + - * / with a Measurement or a number carry sigma along \
          (as independent errors); < <= > >= compare values only, `less_than` and `greater_than` say how clearly.",
    members: &[
        (".value .sigma .unit", "number, one standard deviation, SI symbol"),
        (".frame .stamp .method", "frame, seconds of ROS time, how"),
        (".text", "as it stands in an answer"),
        (".less_than(x) .greater_than(x)", "Relation; x is a Measurement or a number"),
    ],
};

impl MeasurementValue {
    /// From its parts.
    pub fn new(inner: Inner) -> MeasurementValue {
        MeasurementValue(Arc::new(inner))
    }

    /// A quantity of one or two objects, with each object's evidence and one of the measurement itself.
    ///
    /// # Errors
    /// When an object has no box.
    pub fn of_objects(
        quantity: Quantity,
        role: &str,
        method: &str,
        objects: &[(&ObjectValue, &str)],
        points_m: Vec<Point3<f64>>,
    ) -> Result<MeasurementValue, ToolError> {
        let mut evidence = Vec::new();
        for (object, object_role) in objects {
            evidence.push(object.evidence(object_role)?);
        }
        let subject: Vec<String> = objects.iter().map(|(object, _)| object.name()).collect();
        let subject = subject.join(" to ");
        let Some((first, _)) = objects.iter().max_by_key(|(object, _)| object.points.stamp) else {
            return Err(ToolError::argument("a measurement needs an object"));
        };
        let points = &first.points;
        evidence.push(Evidence {
            id: format!("{role} {subject}"),
            label: String::new(),
            role: role.to_owned(),
            camera: points.camera.to_string(),
            view_idx: points.view_idx,
            instance: None,
            method: method.to_owned(),
            frame: points.frame.clone(),
            stamp: points.stamp,
            frame_from_object: Isometry3::from_parts(middle(&points_m, first), nalgebra::UnitQuaternion::identity()),
            covariance: first.covariance()?,
            size_m: Vector3::zeros(),
            points_m,
            quantity: Some(quantity),
            n_pixels: objects.iter().map(|(object, _)| object.points.cloud.len()).sum(),
            score: objects.iter().map(|(object, _)| object.score).fold(1.0, f32::min),
            roi: None,
        });
        Ok(MeasurementValue::new(Inner {
            quantity,
            frame: points.frame.clone(),
            stamp: points.stamp,
            method: method.to_owned(),
            subject,
            evidence,
        }))
    }

    /// `0.412 ± 0.004 m (surface to surface, mug#5 to bowl#3, frame map, stamp 12.300)`.
    pub fn text(&self) -> String {
        let parts = [self.method.clone(), self.subject.clone(), labelled("frame", self.frame.as_str())];
        let mut parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if !self.stamp.is_unset() {
            parts.push(format!("stamp {}", self.stamp));
        }
        format!("{} ({})", self.quantity, parts.join(", "))
    }

    fn combined(&self, other: &MeasurementValue, quantity: Quantity, sign: &str) -> MeasurementValue {
        let mut evidence = self.evidence.clone();
        evidence.extend(other.evidence.iter().filter(|e| !self.evidence.contains(e)).cloned());
        MeasurementValue::new(Inner {
            quantity,
            frame: if self.frame == other.frame { self.frame.clone() } else { FrameId::new("") },
            stamp: self.stamp.max(other.stamp),
            method: format!("{} {sign} {}", self.method, other.method),
            subject: format!("{} {sign} {}", self.subject, other.subject),
            evidence,
        })
    }

    fn with_quantity(&self, quantity: Quantity) -> MeasurementValue {
        MeasurementValue::new(Inner { quantity, ..(*self.0).clone() })
    }

    fn compared(&self, other: &Dynamic, sign: f64, words: &str) -> RhaiResult<RelationValue> {
        let own = self.quantity;
        let (value, sigma, against, other_evidence) = match other.read_lock::<MeasurementValue>() {
            Some(other) => {
                same_unit(&own, &other.quantity, words)?;
                let text = other.quantity.to_string();
                (other.quantity.value(), other.quantity.sigma(), text, other.evidence.clone())
            }
            None => {
                let value = number(other, "the limit")?;
                (value, 0.0, format!("{value} {}", own.unit().symbol()), Vec::new())
            }
        };
        let margin = finite(sign * (own.value() - value), own.sigma().hypot(sigma), own.unit())?;
        let mut evidence = self.evidence.clone();
        evidence.extend(other_evidence.into_iter().filter(|e| !self.evidence.contains(e)));
        Ok(RelationValue {
            relation: Relation { holds: margin.value() > 0.0, margin, basis: format!("{own} {words} {against}") },
            subject: self.subject.clone(),
            frame: self.frame.clone(),
            stamp: self.stamp,
            evidence: evidence.into(),
        })
    }
}

fn middle(points_m: &[Point3<f64>], object: &ObjectValue) -> Translation3<f64> {
    if points_m.is_empty() {
        return object.upright_box().map_or_else(|_| Translation3::identity(), |fitted| fitted.center_m.coords.into());
    }
    let sum: Vector3<f64> = points_m.iter().map(|p| p.coords).sum();
    (sum / points_m.len() as f64).into()
}

fn labelled(label: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{label} {value}") }
}

fn finite(value: f64, sigma: f64, unit: Unit) -> Result<Quantity, ToolError> {
    Quantity::new(value, sigma, unit)
        .ok_or_else(|| ToolError::not_measurable(format!("the result is {value} ± {sigma}, wanted finite numbers")))
}

fn same_unit(a: &Quantity, b: &Quantity, verb: &str) -> Result<(), ToolError> {
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
    let all = [
        Unit::One,
        Unit::Metre,
        Unit::Radian,
        Unit::Second,
        Unit::MetrePerSecond,
        Unit::RadianPerSecond,
        Unit::SquareMetre,
        Unit::CubicMetre,
    ];
    if a == b {
        return Some(Unit::One);
    }
    all.into_iter().find(|unit| product_unit(*unit, b) == Some(a))
}

/// First-order propagation of independent errors (JCGM 100:2008, section 5.1.2).
fn arithmetic(a: &Quantity, b: &Quantity, operator: &str) -> Result<Quantity, ToolError> {
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
        "+" => same_unit(a, b, "+").and_then(|()| finite(x + y, sx.hypot(sy), a.unit())),
        "-" => same_unit(a, b, "-").and_then(|()| finite(x - y, sx.hypot(sy), a.unit())),
        "*" => finite(x * y, (sx * y).hypot(sy * x), no_unit(product_unit(a.unit(), b.unit()))?),
        _ if y == 0.0 => Err(ToolError::not_measurable("division by a measurement of 0")),
        _ => finite(x / y, (sx / y).hypot(sy * x / (y * y)), no_unit(ratio_unit(a.unit(), b.unit()))?),
    }
}

fn exact(value: &Dynamic, like: &MeasurementValue, operator: &str) -> Result<MeasurementValue, ToolError> {
    let value = number(value, "the number")?;
    let unit = if matches!(operator, "+" | "-") { like.quantity.unit() } else { Unit::One };
    Ok(like.with_quantity(finite(value, 0.0, unit)?))
}

/// Makes the type known to `engine`.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<MeasurementValue>("Measurement")
        .register_get("value", |m: &mut MeasurementValue| m.quantity.value())
        .register_get("sigma", |m: &mut MeasurementValue| m.quantity.sigma())
        .register_get("unit", |m: &mut MeasurementValue| m.quantity.unit().symbol())
        .register_get("frame", |m: &mut MeasurementValue| m.frame.to_string())
        .register_get("stamp", |m: &mut MeasurementValue| m.stamp.as_secs_f64())
        .register_get("method", |m: &mut MeasurementValue| m.method.clone())
        .register_get("text", |m: &mut MeasurementValue| m.text())
        .register_fn("less_than", |m: &mut MeasurementValue, x: Dynamic| m.compared(&x, -1.0, "less than"))
        .register_fn("greater_than", |m: &mut MeasurementValue, x: Dynamic| m.compared(&x, 1.0, "greater than"))
        .register_fn("abs", |m: MeasurementValue| -> RhaiResult<MeasurementValue> {
            let q = m.quantity;
            Ok(m.with_quantity(finite(q.value().abs(), q.sigma(), q.unit())?))
        })
        .register_fn("-", |m: MeasurementValue| -> RhaiResult<MeasurementValue> {
            let q = m.quantity;
            Ok(m.with_quantity(finite(-q.value(), q.sigma(), q.unit())?))
        })
        .register_fn("to_string", |m: &mut MeasurementValue| m.quantity.to_string())
        .register_fn("to_debug", |m: &mut MeasurementValue| m.quantity.to_string());
    for operator in ["+", "-", "*", "/"] {
        engine.register_fn(operator, move |a: MeasurementValue, b: MeasurementValue| -> RhaiResult<MeasurementValue> {
            Ok(a.combined(&b, arithmetic(&a.quantity, &b.quantity, operator)?, operator))
        });
    }
    register_with_numbers::<f64>(engine);
    register_with_numbers::<i64>(engine);
    macro_rules! comparisons {
        ($($operator:literal $test:expr;)*) => {$(
            engine
                .register_fn($operator, |a: MeasurementValue, b: MeasurementValue| -> RhaiResult<bool> {
                    same_unit(&a.quantity, &b.quantity, $operator)?;
                    Ok($test(a.quantity.value(), b.quantity.value()))
                })
                .register_fn($operator, |a: MeasurementValue, b: f64| $test(a.quantity.value(), b))
                .register_fn($operator, |a: MeasurementValue, b: i64| $test(a.quantity.value(), b as f64))
                .register_fn($operator, |a: f64, b: MeasurementValue| $test(a, b.quantity.value()))
                .register_fn($operator, |a: i64, b: MeasurementValue| $test(a as f64, b.quantity.value()));
        )*};
    }
    comparisons! {
        "<" |a: f64, b: f64| a < b;
        "<=" |a: f64, b: f64| a <= b;
        ">" |a: f64, b: f64| a > b;
        ">=" |a: f64, b: f64| a >= b;
        "==" |a: f64, b: f64| a == b;
        "!=" |a: f64, b: f64| a != b;
    }
}

fn register_with_numbers<N: rhai::Variant + Clone>(engine: &mut Engine) {
    for operator in ["+", "-", "*", "/"] {
        engine
            .register_fn(operator, move |a: MeasurementValue, b: N| -> RhaiResult<MeasurementValue> {
                let b = exact(&Dynamic::from(b), &a, operator)?;
                Ok(a.with_quantity(arithmetic(&a.quantity, &b.quantity, operator)?))
            })
            .register_fn(operator, move |a: N, b: MeasurementValue| -> RhaiResult<MeasurementValue> {
                let a = exact(&Dynamic::from(a), &b, operator)?;
                Ok(b.with_quantity(arithmetic(&a.quantity, &b.quantity, operator)?))
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metres(value: f64, sigma: f64) -> Quantity {
        Quantity::new(value, sigma, Unit::Metre).unwrap()
    }

    #[test]
    fn sigma_follows_the_rules_of_propagation() {
        let check = |operator: &str, value: f64, sigma: f64, unit: Unit| {
            let found = arithmetic(&metres(3.0, 0.3), &metres(2.0, 0.4), operator).unwrap();
            assert!((found.value() - value).abs() < 1e-12, "{operator}: {found}");
            assert!((found.sigma() - sigma).abs() < 1e-12, "{operator}: {found}");
            assert_eq!(found.unit(), unit);
        };
        check("+", 5.0, 0.5, Unit::Metre);
        check("-", 1.0, 0.5, Unit::Metre);
        check("*", 6.0, (0.36f64 + 1.44).sqrt(), Unit::SquareMetre);
        check("/", 1.5, (0.0225f64 + 0.09).sqrt(), Unit::One);
    }

    #[test]
    fn units_must_fit() {
        let angle = Quantity::new(1.0, 0.1, Unit::Radian).unwrap();
        assert_eq!(
            arithmetic(&metres(1.0, 0.1), &angle, "+").unwrap_err().message,
            "units are m and rad; `+` needs equal units"
        );
        assert!(arithmetic(&metres(1.0, 0.1), &angle, "*").unwrap_err().message.contains("has no unit"));
        let speed = arithmetic(&metres(1.0, 0.0), &Quantity::new(2.0, 0.0, Unit::Second).unwrap(), "/").unwrap();
        assert_eq!((speed.value(), speed.unit()), (0.5, Unit::MetrePerSecond));
        let count = Quantity::count(0);
        assert_eq!(arithmetic(&metres(1.0, 0.1), &count, "/").unwrap_err().message, "division by a measurement of 0");
    }
}
