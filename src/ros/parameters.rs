//! Parameters: those the node was started with, and the six services other nodes read them through.
//!
//! r2r has a parameter handler, but it knows no arrays, ranges or read-only parameters, and ends for good when one client goes away
//! while it is answered.

use std::{collections::BTreeMap, sync::Arc};

use futures::{Stream, StreamExt, future::BoxFuture};
use r2r::{
    Node, QosProfile, ServiceRequest, WrappedServiceTypeSupport,
    rcl_interfaces::{
        msg::{
            FloatingPointRange, IntegerRange, ListParametersResult, ParameterDescriptor, ParameterValue as ValueMsg,
            SetParametersResult,
        },
        srv::{
            DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters,
            SetParametersAtomically,
        },
    },
};

use super::convert::text::clean;
use crate::config::{Allowed, Declared, ParameterValue};

/// What the node was given on the command line and in parameter files.
pub fn given(node: &Node) -> BTreeMap<String, ParameterValue> {
    let params = node.params.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let values = params.iter().filter_map(|(name, parameter)| {
        let value = match &parameter.value {
            // An empty list in YAML has no type; it says as much as a parameter that is left out.
            r2r::ParameterValue::NotSet => return None,
            r2r::ParameterValue::Bool(value) => ParameterValue::Bool(*value),
            r2r::ParameterValue::Integer(value) => ParameterValue::Integer(*value),
            r2r::ParameterValue::Double(value) => ParameterValue::Double(*value),
            r2r::ParameterValue::String(value) => ParameterValue::String(value.clone()),
            r2r::ParameterValue::StringArray(value) => ParameterValue::StringArray(value.clone()),
            r2r::ParameterValue::BoolArray(_) => ParameterValue::Other("boolean array"),
            r2r::ParameterValue::ByteArray(_) => ParameterValue::Other("byte array"),
            r2r::ParameterValue::IntegerArray(_) => ParameterValue::Other("integer array"),
            r2r::ParameterValue::DoubleArray(_) => ParameterValue::Other("double array"),
        };
        Some((name.clone(), value))
    });
    values.collect()
}

/// Creates the parameter services; the futures serve them and never end by themselves.
///
/// # Errors
/// When a service cannot be created.
pub fn services(node: &mut Node, declared: Vec<Declared>) -> r2r::Result<Vec<BoxFuture<'static, ()>>> {
    let table = Arc::new(ParameterTable(declared));
    let t = || table.clone();
    let (get, types, describe, list, set, set_all) = (t(), t(), t(), t(), t(), t());
    Ok(vec![
        Box::pin(serve(
            service::<GetParameters::Service>(node, "get_parameters")?,
            move |r: &GetParameters::Request| GetParameters::Response { values: get.values(&r.names) },
        )),
        Box::pin(serve(
            service::<GetParameterTypes::Service>(node, "get_parameter_types")?,
            move |r: &GetParameterTypes::Request| GetParameterTypes::Response { types: types.types(&r.names) },
        )),
        Box::pin(serve(
            service::<DescribeParameters::Service>(node, "describe_parameters")?,
            move |r: &DescribeParameters::Request| DescribeParameters::Response {
                descriptors: describe.descriptors(&r.names),
            },
        )),
        Box::pin(serve(
            service::<ListParameters::Service>(node, "list_parameters")?,
            move |r: &ListParameters::Request| ListParameters::Response { result: list.list(&r.prefixes, r.depth) },
        )),
        Box::pin(serve(
            service::<SetParameters::Service>(node, "set_parameters")?,
            move |r: &SetParameters::Request| SetParameters::Response {
                results: r.parameters.iter().map(|p| set.set(&p.name, &p.value)).collect(),
            },
        )),
        Box::pin(serve(
            service::<SetParametersAtomically::Service>(node, "set_parameters_atomically")?,
            move |r: &SetParametersAtomically::Request| {
                let mut results = r.parameters.iter().map(|p| set_all.set(&p.name, &p.value));
                let refused = results.find(|result| !result.successful);
                let result =
                    refused.unwrap_or(SetParametersResult { successful: true, ..SetParametersResult::default() });
                SetParametersAtomically::Response { result }
            },
        )),
    ])
}

fn service<T: WrappedServiceTypeSupport + 'static>(
    node: &mut Node,
    name: &str,
) -> r2r::Result<impl Stream<Item = ServiceRequest<T>> + Unpin + Send + use<T>> {
    node.create_service::<T>(&format!("~/{name}"), QosProfile::parameters())
}

/// Answers every request; one that cannot be answered (its client is gone) does not end the others.
pub async fn serve<T, S, F>(mut requests: S, answer: F)
where
    T: WrappedServiceTypeSupport + 'static,
    S: Stream<Item = ServiceRequest<T>> + Unpin,
    F: Fn(&T::Request) -> T::Response,
{
    while let Some(request) = requests.next().await {
        let response = answer(&request.message);
        if let Err(error) = request.respond(response) {
            tracing::debug!(%error, "a service client is gone");
        }
    }
}

/// Answers what the six services ask.
#[derive(Debug)]
struct ParameterTable(Vec<Declared>);

impl ParameterTable {
    fn find(&self, name: &str) -> Option<&Declared> {
        self.0.iter().find(|declared| declared.name == name)
    }

    fn values(&self, names: &[String]) -> Vec<ValueMsg> {
        names.iter().map(|name| self.find(name).map(|found| value_msg(&found.value)).unwrap_or_default()).collect()
    }

    fn types(&self, names: &[String]) -> Vec<u8> {
        self.values(names).into_iter().map(|value| value.type_).collect()
    }

    fn descriptors(&self, names: &[String]) -> Vec<ParameterDescriptor> {
        names.iter().filter_map(|name| self.find(name)).map(descriptor).collect()
    }

    fn list(&self, prefixes: &[String], depth: u64) -> ListParametersResult {
        let is_shallow = |rest: &str| depth == 0 || rest.matches('.').count() < depth as usize;
        let mut result = ListParametersResult::default();
        for Declared { name, .. } in &self.0 {
            let fits_prefix = |prefix: &String| match name.strip_prefix(prefix.as_str()) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('.').is_some_and(is_shallow),
                None => false,
            };
            if !(prefixes.is_empty() && is_shallow(name) || prefixes.iter().any(fits_prefix)) {
                continue;
            }
            result.names.push(name.clone());
            if let Some((prefix, _)) = name.rsplit_once('.')
                && !result.prefixes.iter().any(|known| known == prefix)
            {
                result.prefixes.push(prefix.to_owned());
            }
        }
        result
    }

    /// Every parameter is read when the node starts: setting one to what it is succeeds, anything else is refused.
    fn set(&self, name: &str, value: &ValueMsg) -> SetParametersResult {
        let reason = match self.find(name) {
            None => format!("parameter \"{name}\" is unknown"),
            Some(declared) if value_msg(&declared.value) == *value => String::new(),
            Some(declared) => format!(
                "parameter \"{name}\" is read when the node starts (it is {}): restart the node to change it",
                declared.value
            ),
        };
        SetParametersResult { successful: reason.is_empty(), reason: clean(&reason) }
    }
}

fn descriptor(declared: &Declared) -> ParameterDescriptor {
    let mut descriptor = ParameterDescriptor {
        name: declared.name.clone(),
        type_: value_msg(&declared.value).type_,
        description: declared.description.to_owned(),
        read_only: true,
        ..ParameterDescriptor::default()
    };
    match &declared.allowed {
        Allowed::Any => {}
        Allowed::Doubles(range) => descriptor.floating_point_range.push(FloatingPointRange {
            from_value: *range.start(),
            to_value: *range.end(),
            step: 0.0,
        }),
        Allowed::Integers(range) => {
            descriptor.integer_range.push(IntegerRange { from_value: *range.start(), to_value: *range.end(), step: 0 });
        }
        Allowed::OneOf(choices) => descriptor.additional_constraints = format!("one of {choices:?}"),
    }
    descriptor
}

/// Types are numbered as in `rcl_interfaces/ParameterType`.
fn value_msg(value: &ParameterValue) -> ValueMsg {
    let message = ValueMsg::default();
    match value {
        ParameterValue::Bool(value) => ValueMsg { type_: 1, bool_value: *value, ..message },
        ParameterValue::Integer(value) => ValueMsg { type_: 2, integer_value: *value, ..message },
        ParameterValue::Double(value) => ValueMsg { type_: 3, double_value: *value, ..message },
        ParameterValue::String(value) => ValueMsg { type_: 4, string_value: clean(value), ..message },
        ParameterValue::StringArray(values) => {
            ValueMsg { type_: 9, string_array_value: values.iter().map(|value| clean(value)).collect(), ..message }
        }
        ParameterValue::Other(_) => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn table() -> ParameterTable {
        ParameterTable(Config::from_parameters(BTreeMap::new()).unwrap().declared)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn values_of_every_type_are_read() {
        let values =
            table().values(&names(&["cameras", "tf.cache_secs", "max_steps", "use_sim_time", "fixed_frame", "x"]));
        let types: Vec<u8> = values.iter().map(|value| value.type_).collect();
        assert_eq!(types, [9, 3, 2, 1, 4, 0]);
        assert_eq!(values[0].string_array_value, ["camera"]);
        assert_eq!((values[1].double_value, values[4].string_value.as_str()), (10.0, "map"));
    }

    #[test]
    fn lists_follow_prefix_and_depth() {
        let all = table().list(&[], 0);
        assert_eq!(all.names.len(), table().0.len());
        assert!(all.prefixes.contains(&"camera.depth_noise".to_owned()));
        let tf = table().list(&names(&["tf"]), 0).names;
        assert_eq!(tf, ["tf.cache_secs", "tf.wait_secs", "tf.position_sigma_m", "tf.rotation_sigma_rad"]);
        let top = table().list(&[], 1).names;
        assert!(top.contains(&"cameras".to_owned()) && top.iter().all(|name| !name.contains('.')));
        let camera = table().list(&names(&["camera"]), 1).names;
        assert!(camera.contains(&"camera.qos".to_owned()) && !camera.iter().any(|name| name.contains("noise")));
    }

    #[test]
    fn descriptors_say_type_range_and_that_nothing_can_be_set() {
        let descriptors = table().descriptors(&names(&["tf.cache_secs", "camera.qos", "nothing"]));
        let [cache, qos] = descriptors.as_slice() else { panic!("{descriptors:?}") };
        assert!(cache.read_only && qos.read_only);
        assert_eq!(cache.type_, 3);
        assert_eq!((cache.floating_point_range[0].from_value, cache.floating_point_range[0].to_value), (0.1, 3600.0));
        assert_eq!(qos.additional_constraints, "one of [\"sensor_data\", \"reliable\"]");
    }

    #[test]
    fn setting_is_refused_with_a_reason_unless_nothing_changes() {
        let table = table();
        let number = |value: f64| ValueMsg { type_: 3, double_value: value, ..ValueMsg::default() };
        assert!(table.set("tf.cache_secs", &number(10.0)).successful);
        let refused = table.set("tf.cache_secs", &number(11.0));
        assert_eq!(
            (refused.successful, refused.reason.as_str()),
            (
                false,
                "parameter \"tf.cache_secs\" is read when the node starts (it is 10.0): restart the node to change it"
            )
        );
        assert_eq!(table.set("x", &number(1.0)).reason, "parameter \"x\" is unknown");
    }
}
