//! `measure(value, sigma, unit)`: a quantity that the cell itself states.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rhai::Dynamic;

use super::{
    Kind, Library, Param, Session, TEXT, ToolError, ToolSpec,
    arguments::{number, text},
    register_function,
    values::{
        MeasurementValue,
        measurement::{GIVEN, Inner},
        propagation::{finite, unit_word},
    },
};

/// Declarations.
pub const SPECS: &[ToolSpec; 1] = &[ToolSpec {
    path: "measure",
    params: &[
        Param::required("value", Kind::Number),
        Param::required("sigma", Kind::Number).about("one standard deviation in the same unit; 0 = exact"),
        Param::optional("unit", TEXT, "\"m\""),
    ],
    returns: "Measurement",
    doc: "A quantity that the cell states itself, such as a known size; its sigma goes on through + - * / and the like. Units such as \
          cm, deg or km/h are turned into SI.",
    example: "let doorway = measure(80, 0.5, \"cm\"); print(doorway - tools.Geometry.width(tools.Scene.find(\"box\")));",
}];

/// Makes the function known.
pub fn register(library: &mut Library) {
    let n_given = AtomicU64::new(0);
    register_function(library, &SPECS[0], move |session, [value, sigma, unit]| {
        let number_of_this = n_given.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(measure(session, &value, &sigma, &unit, number_of_this)?)
    });
}

fn measure(
    session: &Arc<Session>,
    value: &Dynamic,
    sigma: &Dynamic,
    unit: &Dynamic,
    number_of_this: u64,
) -> Result<MeasurementValue, ToolError> {
    let word = unit_word(&if unit.is_unit() { "m".to_owned() } else { text(unit, "unit")? })?;
    let (value, sigma) = (number(value, "value")?, number(sigma, "sigma")?);
    if sigma < 0.0 {
        return Err(ToolError::argument(format!("sigma is {sigma}, wanted 0 or more")));
    }
    let snapshot = &session.context.snapshot;
    Ok(MeasurementValue::new(Inner {
        quantity: finite(value * word.scale, sigma * word.scale, word.unit)?,
        frame: snapshot.fixed_frame.clone(),
        stamp: snapshot.views.last().map(|view| view.stamp).unwrap_or_default(),
        method: "stated in the cell".to_owned(),
        subject: format!("{GIVEN}{number_of_this}"),
        evidence: Vec::new(),
    }))
}
