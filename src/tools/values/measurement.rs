//! `Measurement`: a quantity with its frame, stamp, method and evidence.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3, Translation3, Vector3};
use rhai::Dynamic;

use super::{
    ObjectValue, RelationValue, ValueSpec,
    propagation::{Errors, UnitWord, arithmetic, extreme, finite, power, same_unit, unit_word},
};
use crate::{
    answer::Evidence,
    geometry::{Quantity, Unit, relations::Relation},
    scene::{FrameId, Stamp},
    tools::{Library, RhaiResult, ToolError, arguments::number},
};

/// The subject of a quantity that a cell states begins like this; a number follows, so that each is its own source.
pub const GIVEN: &str = "given#";

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
    doc: "A number with unit, one standard deviation and evidence. + - * / ** sqrt abs min max with a Measurement or a number carry \
          sigma along: as independent errors where they rest on different things, in the worst case (sigmas added up) where they \
          share one; < <= > >= compare values only, `less_than` and `greater_than` say how clearly.",
    members: &[
        (".value .sigma .unit", "number, one standard deviation, SI symbol"),
        (".frame .stamp .method", "frame, seconds of ROS time, how"),
        (".text", "as it stands in an answer"),
        (".degrees", "an angle's value in degrees"),
        (
            ".to(\"cm\")",
            "Converted with .value .sigma .unit; units: m cm mm in ft rad deg s min m/s km/h m^2 cm^2 m^3 l %",
        ),
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

    /// Whether two measurements share evidence, or a quantity that the cell stated.
    fn errors_with(&self, other: &MeasurementValue) -> Errors {
        let is_object = |e: &&Evidence| e.instance.is_some() || !e.label.is_empty();
        let shares_object = self.evidence.iter().filter(is_object).any(|own| {
            other.evidence.iter().any(|e| e.id == own.id && e.stamp == own.stamp && e.view_idx == own.view_idx)
        });
        let stated = |m: &MeasurementValue| -> Vec<String> {
            m.subject.split(' ').filter(|word| word.starts_with(GIVEN)).map(str::to_owned).collect()
        };
        let others = stated(other);
        let shares = shares_object || stated(self).iter().any(|word| others.contains(word));
        if shares { Errors::Shared } else { Errors::Independent }
    }

    fn computed(&self, other: &MeasurementValue, operator: &str) -> Result<MeasurementValue, ToolError> {
        let quantity = arithmetic(&self.quantity, &other.quantity, operator, self.errors_with(other))?;
        Ok(self.combined(other, quantity, operator))
    }

    fn raised(&self, exponent: f64, words: &str) -> Result<MeasurementValue, ToolError> {
        let quantity = power(&self.quantity, exponent)?;
        let method = format!("{words} of {}", self.method);
        Ok(MeasurementValue::new(Inner { quantity, method, ..(*self.0).clone() }))
    }

    fn extreme_of(&self, other: &MeasurementValue, wants_larger: bool) -> Result<MeasurementValue, ToolError> {
        let quantity = extreme(&self.quantity, &other.quantity, wants_larger)?;
        let words = if wants_larger { "or, if larger," } else { "or, if smaller," };
        Ok(self.combined(other, quantity, words))
    }

    fn converted(&self, unit: &str) -> Result<Converted, ToolError> {
        let word = unit_word(unit)?;
        if word.unit != self.quantity.unit() {
            let found = self.quantity.unit().symbol();
            return Err(ToolError::argument(format!(
                "the measurement is in {found}, which {} does not measure",
                word.symbol
            )));
        }
        Ok(Converted { si: self.clone(), word })
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
        let errors =
            other.read_lock::<MeasurementValue>().map_or(Errors::Independent, |other| self.errors_with(&other));
        let margin = finite(sign * (own.value() - value), errors.sum(own.sigma(), sigma), own.unit())?;
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

fn exact(value: &Dynamic, like: &MeasurementValue, operator: &str) -> Result<MeasurementValue, ToolError> {
    let value = number(value, "the number")?;
    let unit = if matches!(operator, "+" | "-") { like.quantity.unit() } else { Unit::One };
    Ok(like.with_quantity(finite(value, 0.0, unit)?))
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
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
        library.register_fn(
            operator,
            move |a: MeasurementValue, b: MeasurementValue| -> RhaiResult<MeasurementValue> {
                Ok(a.computed(&b, operator)?)
            },
        );
    }
    register_with_numbers::<f64>(library);
    register_with_numbers::<i64>(library);
    register_functions(library);
    register_converted(library);
    macro_rules! comparisons {
        ($($operator:literal $test:expr;)*) => {$(
            library
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

fn register_with_numbers<N: rhai::Variant + Clone>(library: &mut Library) {
    for operator in ["+", "-", "*", "/"] {
        library
            .register_fn(operator, move |a: MeasurementValue, b: N| -> RhaiResult<MeasurementValue> {
                let b = exact(&Dynamic::from(b), &a, operator)?;
                Ok(a.with_quantity(arithmetic(&a.quantity, &b.quantity, operator, Errors::Independent)?))
            })
            .register_fn(operator, move |a: N, b: MeasurementValue| -> RhaiResult<MeasurementValue> {
                let a = exact(&Dynamic::from(a), &b, operator)?;
                Ok(b.with_quantity(arithmetic(&a.quantity, &b.quantity, operator, Errors::Independent)?))
            });
    }
}

fn register_functions(library: &mut Library) {
    type Result = RhaiResult<MeasurementValue>;
    library
        .register_get("degrees", |m: &mut MeasurementValue| -> RhaiResult<f64> { Ok(m.converted("deg")?.value()) })
        .register_fn("sqrt", |m: MeasurementValue| -> Result { Ok(m.raised(0.5, "root")?) })
        .register_fn("**", |m: MeasurementValue, n: i64| -> Result { Ok(m.raised(n as f64, &format!("power {n}"))?) })
        .register_fn("**", |m: MeasurementValue, n: f64| -> Result { Ok(m.raised(n, &format!("power {n}"))?) })
        .register_fn("to", |m: &mut MeasurementValue, unit: &str| -> RhaiResult<Converted> { Ok(m.converted(unit)?) });
    for (name, wants_larger) in [("min", false), ("max", true)] {
        library
            .register_fn(name, move |a: MeasurementValue, b: MeasurementValue| -> Result {
                Ok(a.extreme_of(&b, wants_larger)?)
            })
            .register_fn(name, move |a: MeasurementValue, b: f64| -> Result {
                let b = exact(&Dynamic::from_float(b), &a, "+")?;
                Ok(a.with_quantity(extreme(&a.quantity, &b.quantity, wants_larger)?))
            })
            .register_fn(name, move |a: MeasurementValue, b: i64| -> Result {
                let b = exact(&Dynamic::from_int(b), &a, "+")?;
                Ok(a.with_quantity(extreme(&a.quantity, &b.quantity, wants_larger)?))
            });
    }
}

/// A measurement in a unit that people use.
#[derive(Clone, Debug)]
pub struct Converted {
    si: MeasurementValue,
    word: UnitWord,
}

/// The manual's entry.
pub const CONVERTED_SPEC: ValueSpec = ValueSpec {
    name: "Converted",
    doc: "A Measurement in another unit, to print or to compare with numbers of that unit; submit the Measurement itself.",
    members: &[(".value .sigma .unit", "numbers in that unit, and its symbol"), (".si", "the Measurement")],
};

impl Converted {
    fn value(&self) -> f64 {
        self.si.quantity.value() / self.word.scale
    }

    fn sigma(&self) -> f64 {
        self.si.quantity.sigma() / self.word.scale
    }

    /// As many digits as sigma deserves: its first two.
    fn text(&self) -> String {
        let sigma = self.sigma();
        let n_digits = if sigma > 0.0 { (1.0 - sigma.log10().floor()).clamp(0.0, 6.0) as usize } else { 3 };
        format!("{:.n_digits$} ± {sigma:.n_digits$} {}", self.value(), self.word.symbol)
    }
}

fn register_converted(library: &mut Library) {
    library
        .register_type_with_name::<Converted>("Converted")
        .register_get("value", |c: &mut Converted| c.value())
        .register_get("sigma", |c: &mut Converted| c.sigma())
        .register_get("unit", |c: &mut Converted| c.word.symbol)
        .register_get("si", |c: &mut Converted| c.si.clone())
        .register_fn("to_string", |c: &mut Converted| c.text())
        .register_fn("to_debug", |c: &mut Converted| c.text());
    macro_rules! comparisons {
        ($($operator:literal $test:expr;)*) => {$(
            library
                .register_fn($operator, |a: Converted, b: f64| $test(a.value(), b))
                .register_fn($operator, |a: Converted, b: i64| $test(a.value(), b as f64))
                .register_fn($operator, |a: f64, b: Converted| $test(a, b.value()))
                .register_fn($operator, |a: i64, b: Converted| $test(a as f64, b.value()));
        )*};
    }
    comparisons! {
        "<" |a: f64, b: f64| a < b;
        "<=" |a: f64, b: f64| a <= b;
        ">" |a: f64, b: f64| a > b;
        ">=" |a: f64, b: f64| a >= b;
    }
}
