//! JSON of values, for cells that print or submit it.

use rhai::{Array, Dynamic, ImmutableString, Map, NativeCallContext};

use super::{
    builtins::Dict,
    meter::Meter,
    nesting,
    plain_values::{text, too_deep},
};
use crate::{
    array::{Arr, Bools},
    tools::{Library, RhaiResult, values::MeasurementValue},
};

/// Bytes written between two requests for room.
const STEP_BYTES: usize = 64 << 10;

/// Makes it known.
pub fn register(library: &mut Library) {
    library
        // Rhai has one of its own for maps.
        .register_fn("to_json", |context: NativeCallContext, map: &mut Map| of(&context, &Dynamic::from(map.clone())))
        .register_fn("to_json", |context: NativeCallContext, value: Dynamic| of(&context, &value));
}

/// Arrays are lists of numbers; a Measurement is its value, sigma and unit; what JSON has no word for is `null` (numbers that are none) or
/// its text (everything else).
fn of(context: &NativeCallContext<'_>, value: &Dynamic) -> RhaiResult<String> {
    if nesting::is_too_deep(value) {
        return too_deep();
    }
    let mut writer = Writer { context, meter: &*Meter::of(context)?, out: String::new(), checked_bytes: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'a> {
    context: &'a NativeCallContext<'a>,
    meter: &'a Meter,
    out: String,
    checked_bytes: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Dynamic) -> RhaiResult<()> {
        if self.out.len() >= self.checked_bytes {
            self.meter.require_text(self.out.len().saturating_add(STEP_BYTES))?;
            self.checked_bytes = self.out.len().saturating_add(STEP_BYTES);
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            self.quoted(&text)
        } else if let Some(list) = value.read_lock::<Array>() {
            self.list(&list)
        } else if let Some(map) = value.read_lock::<Map>() {
            self.object(map.iter().map(|(key, item)| (key.to_string(), item.clone())))
        } else if let Some(dict) = value.read_lock::<Dict>().map(|dict| dict.clone()) {
            self.object(dict.rows().map(|(key, item)| (text(self.context, &key), item)))
        } else if let Some(measured) = value.read_lock::<MeasurementValue>() {
            let quantity = measured.quantity;
            let parts = [
                ("value", Dynamic::from_float(quantity.value())),
                ("sigma", Dynamic::from_float(quantity.sigma())),
                ("unit", Dynamic::from(quantity.unit().symbol().to_owned())),
            ];
            self.object(parts.into_iter().map(|(key, part)| (key.to_owned(), part)))
        } else if value.is::<Arr>() || value.is::<Bools>() {
            let numbers = self.context.call_native_fn_raw("tolist", true, &mut [&mut value.clone().flatten()])?;
            self.value(&numbers)
        } else {
            self.plain(value)
        }
    }

    fn plain(&mut self, value: &Dynamic) -> RhaiResult<()> {
        if value.is_unit() {
            self.out.push_str("null");
        } else if let Ok(truth) = value.as_bool() {
            self.out.push_str(if truth { "true" } else { "false" });
        } else if let Ok(number) = value.as_int() {
            self.out.push_str(&number.to_string());
        } else if let Ok(number) = value.as_float() {
            self.out.push_str(&serde_json::Value::from(number).to_string());
        } else {
            self.quoted(&text(self.context, value))?;
        }
        Ok(())
    }

    fn quoted(&mut self, text: &str) -> RhaiResult<()> {
        self.meter.require_text(self.out.len().saturating_add(text.len().saturating_mul(2)))?;
        self.out.push_str(&serde_json::Value::from(text).to_string());
        Ok(())
    }

    fn list(&mut self, items: &[Dynamic]) -> RhaiResult<()> {
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            self.out.push_str(if i == 0 { "" } else { "," });
            self.value(item)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, rows: impl Iterator<Item = (String, Dynamic)>) -> RhaiResult<()> {
        self.out.push('{');
        for (i, (key, item)) in rows.enumerate() {
            self.out.push_str(if i == 0 { "" } else { "," });
            self.quoted(&key)?;
            self.out.push(':');
            self.value(&item)?;
        }
        self.out.push('}');
        Ok(())
    }
}
