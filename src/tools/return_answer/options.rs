//! The options map of `ReturnAnswer`.

use rhai::{Array, Dynamic, Map};

use crate::{
    answer::Evidence,
    tools::{
        ToolError,
        arguments::{describe, number, text},
        values::{
            DisplacementValue, MeasurementValue, ObjectValue, RelationValue,
            propagation::{UnitWord, unit_word},
        },
    },
};

const KEYS: [&str; 5] = ["text", "because", "unit", "sigma", "frame"];

/// As read.
#[derive(Default)]
pub struct Options {
    /// Words for the answer.
    pub text: Option<String>,
    /// Of everything named in `because`.
    pub evidence: Vec<Evidence>,
    /// The measurements named there.
    pub measurements: Vec<MeasurementValue>,
    /// The first object named there.
    pub object: Option<ObjectValue>,
    /// Unit of a bare number.
    pub unit: Option<UnitWord>,
    /// Sigma of a bare number or position.
    pub sigma: Option<f64>,
    /// Frame of a bare position.
    pub frame: Option<String>,
}

impl Options {
    /// Reads the map.
    ///
    /// # Errors
    /// Unknown keys and values of the wrong type.
    pub fn read(options: &Dynamic) -> Result<Options, ToolError> {
        let Some(map) = options.read_lock::<Map>() else {
            let found = describe(options);
            return Err(ToolError::argument(format!(
                "the options are {found}, wanted a map such as #{{text: \"...\"}}"
            )));
        };
        if let Some(unknown) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(ToolError::argument(format!("option {unknown:?} is unknown, wanted {}", KEYS.join(", "))));
        }
        let mut read = Options::default();
        if let Some(value) = map.get("text") {
            read.text = Some(text(value, "text")?).filter(|text| !text.trim().is_empty());
        }
        if let Some(value) = map.get("unit") {
            read.unit = Some(unit_word(&text(value, "unit")?)?);
        }
        if let Some(value) = map.get("sigma") {
            read.sigma = Some(number(value, "sigma")?);
        }
        if let Some(value) = map.get("frame") {
            read.frame = Some(text(value, "frame")?);
        }
        if let Some(value) = map.get("because") {
            match value.read_lock::<Array>() {
                Some(list) => list.iter().try_for_each(|item| read.add(item))?,
                None => read.add(value)?,
            }
        }
        Ok(read)
    }

    fn add(&mut self, item: &Dynamic) -> Result<(), ToolError> {
        if let Some(measurement) = item.read_lock::<MeasurementValue>() {
            self.evidence.extend(measurement.evidence.iter().cloned());
            self.measurements.push(measurement.clone());
        } else if let Some(relation) = item.read_lock::<RelationValue>() {
            self.evidence.extend(relation.evidence.iter().cloned());
        } else if let Some(object) = item.read_lock::<ObjectValue>() {
            self.evidence.push(object.evidence("reference")?);
            self.object.get_or_insert_with(|| object.clone());
        } else if let Some(displacement) = item.read_lock::<DisplacementValue>() {
            self.evidence.extend(displacement.distance.evidence.iter().cloned());
            self.measurements.push(displacement.distance.clone());
        } else {
            let found = describe(item);
            return Err(ToolError::argument(format!(
                "because holds {found}, wanted Measurements, Relations, Objects or Displacements"
            )));
        }
        Ok(())
    }
}
