//! Sums, means and medians of lists of numbers.

use rhai::{Array, Engine};

use crate::tools::{
    RhaiResult, ToolError,
    arguments::number,
    values::MeasurementValue,
};

/// Makes the functions known.
pub fn register(engine: &mut Engine) {
    register_statistics(engine);
}

fn mistake<T>(message: String) -> RhaiResult<T> {
    Err(ToolError::argument(message).into())
}

fn numbers(list: &Array) -> Result<Vec<f64>, ToolError> {
    list.iter().enumerate().map(|(i, item)| number(item, &format!("item {i}"))).collect()
}

fn not_empty(list: &Array, what: &str) -> Result<Vec<f64>, ToolError> {
    if list.is_empty() {
        return Err(ToolError::argument(format!("{what} of an empty list has no value")));
    }
    numbers(list)
}

fn register_statistics(engine: &mut Engine) {
    engine
        .register_fn("norm", |v: Array| -> RhaiResult<f64> {
            Ok(numbers(&v)?.iter().map(|x| x * x).sum::<f64>().sqrt())
        })
        .register_fn("dot", |u: Array, v: Array| -> RhaiResult<f64> {
            let (u, v) = (numbers(&u)?, numbers(&v)?);
            if u.len() != v.len() {
                return mistake(format!("the lists have {} and {} numbers, wanted equal lengths", u.len(), v.len()));
            }
            Ok(u.iter().zip(v).map(|(a, b)| a * b).sum())
        })
        .register_fn("sum", |list: Array| -> RhaiResult<f64> { Ok(numbers(&list)?.iter().sum()) })
        .register_fn("mean", |list: Array| -> RhaiResult<f64> {
            let values = not_empty(&list, "the mean")?;
            Ok(values.iter().sum::<f64>() / values.len() as f64)
        })
        .register_fn("median", |list: Array| -> RhaiResult<f64> {
            Ok(crate::tools::median(&mut not_empty(&list, "the median")?))
        })
        .register_fn(
            "min",
            |a: MeasurementValue, b: MeasurementValue| if b.quantity.value() < a.quantity.value() { b } else { a },
        )
        .register_fn(
            "max",
            |a: MeasurementValue, b: MeasurementValue| if b.quantity.value() > a.quantity.value() { b } else { a },
        );
}
