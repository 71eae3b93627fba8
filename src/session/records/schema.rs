//! JSON schemas of the messages, made from the same lines as the types.
//!
//! Only what every viewer of JSON channels understands is used: objects of named fields, arrays of scalars or objects, no `null`,
//! no references. A field that is missing stands for none.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// Has a JSON schema.
pub trait Schema {
    /// The schema of this type.
    fn schema() -> Value;

    /// Whether a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// Whether this value is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

macro_rules! scalar_schemas {
    ($($name:literal: $($kind:ty),+;)*) => {
        $($(impl Schema for $kind {
            fn schema() -> Value {
                json!({"type": $name})
            }
        })+)*
    };
}

scalar_schemas! {
    "boolean": bool;
    "string": String;
    "integer": u8, u16, u32, u64, i64, usize;
    "number": f32, f64, Real;
}

/// A number that may be infinite or not a number; JSON has no word for either, so both are written as `null`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Real) -> bool {
        self.0 == other.0 || !(self.0.is_finite() || other.0.is_finite())
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.is_finite().then_some(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        Ok(Real(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN)))
    }
}

impl<T: Schema> Schema for Option<T> {
    fn schema() -> Value {
        T::schema()
    }

    const OPTIONAL: bool = true;

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Schema> Schema for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// Free names: no viewer can know them beforehand.
impl Schema for BTreeMap<String, Value> {
    fn schema() -> Value {
        json!({"type": "object", "properties": {}})
    }
}

/// Defines a message: a type that is written as JSON, with its schema.
macro_rules! record {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $name {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "crate::session::records::schema::Schema::is_absent")]
            pub $field: $kind,)*
        }

        impl $crate::session::records::schema::Schema for $name {
            fn schema() -> ::serde_json::Value {
                let mut properties = ::serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    properties.insert(stringify!($field).to_owned(), <$kind as $crate::session::records::schema::Schema>::schema());
                    if !<$kind as $crate::session::records::schema::Schema>::OPTIONAL {
                        required.push(stringify!($field));
                    }
                )*
                ::serde_json::json!({"type": "object", "title": stringify!($name), "properties": properties, "required": required})
            }
        }
    };
}
pub(crate) use record;
