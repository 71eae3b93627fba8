//! Parameters as written, and a reader that checks each as it is asked for.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use thiserror::Error;

/// A parameter's value as it came from a launch file, a YAML file or the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point.
    Double(f64),
    /// Text.
    String(String),
    /// A list of texts.
    StringArray(Vec<String>),
    /// A type that no parameter of this node has; the text names it.
    Other(&'static str),
}

impl ParameterValue {
    /// The type's name in ROS.
    pub fn type_name(&self) -> &'static str {
        match self {
            ParameterValue::Bool(_) => "boolean",
            ParameterValue::Integer(_) => "integer",
            ParameterValue::Double(_) => "double",
            ParameterValue::String(_) => "string",
            ParameterValue::StringArray(_) => "string array",
            ParameterValue::Other(name) => name,
        }
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Bool(value) => write!(f, "{value}"),
            ParameterValue::Integer(value) => write!(f, "{value}"),
            ParameterValue::Double(value) => write!(f, "{value:?}"),
            ParameterValue::String(value) => write!(f, "{value:?}"),
            ParameterValue::StringArray(value) => write!(f, "{value:?}"),
            ParameterValue::Other(name) => write!(f, "a {name}"),
        }
    }
}

/// One thing wrong with the parameters.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParameterProblem {
    /// A name that this node does not have.
    #[error("parameter \"{name}\" is unknown{}", nearest_text(.nearest))]
    Unknown {
        /// As written.
        name: String,
        /// Known names that look like it.
        nearest: Vec<String>,
    },
    /// A value of another type.
    #[error("parameter \"{name}\" is {found} ({found_type}), expected {expected_type}")]
    WrongType {
        /// The parameter.
        name: String,
        /// As written.
        found: String,
        /// Its type.
        found_type: &'static str,
        /// The type needed.
        expected_type: &'static str,
    },
    /// A value that cannot be used.
    #[error("parameter \"{name}\" is {found}, expected {expected}")]
    BadValue {
        /// The parameter.
        name: String,
        /// As written.
        found: String,
        /// What it may be.
        expected: String,
    },
}

fn nearest_text(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<_> = nearest.iter().map(|name| format!("\"{name}\"")).collect();
    format!("; nearest known: {}", names.join(", "))
}

/// Everything wrong with the parameters, so that one start shows all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigError(pub Vec<ParameterProblem>);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// The values a parameter may take, for descriptions.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// Every value of the type.
    Any,
    /// Numbers within both ends.
    Doubles(RangeInclusive<f64>),
    /// Whole numbers within both ends.
    Integers(RangeInclusive<i64>),
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

/// A parameter as the node uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Full name, such as `tf.cache_secs`.
    pub name: String,
    /// What it does, with unit.
    pub description: &'static str,
    /// The value in use.
    pub value: ParameterValue,
    /// What it may be.
    pub allowed: Allowed,
}

/// Hands out parameters one by one, remembers what was asked for, and collects everything that is wrong.
#[derive(Debug, Default)]
pub struct Reader {
    given: BTreeMap<String, ParameterValue>,
    declared: Vec<Declared>,
    problems: Vec<ParameterProblem>,
}

impl Reader {
    /// Reads from what was written; names that are missing take their defaults.
    pub fn new(given: BTreeMap<String, ParameterValue>) -> Reader {
        Reader { given, declared: Vec::new(), problems: Vec::new() }
    }

    /// A flag.
    pub fn bool(&mut self, name: &str, default: bool, description: &'static str) -> bool {
        let value = match self.given.get(name) {
            None => default,
            Some(ParameterValue::Bool(value)) => *value,
            Some(other) => self.wrong_type(name, other.clone(), "a boolean", default),
        };
        self.declare(name, ParameterValue::Bool(value), Allowed::Any, description);
        value
    }

    /// A finite number within `range`.
    pub fn double(&mut self, name: &str, default: f64, range: RangeInclusive<f64>, description: &'static str) -> f64 {
        let mut value = match self.given.get(name) {
            None => default,
            Some(ParameterValue::Double(value)) => *value,
            Some(other) => self.wrong_type(name, other.clone(), "a double (write a decimal point)", default),
        };
        if !range.contains(&value) {
            let expected = format!("a number from {:?} to {:?}", range.start(), range.end());
            self.reject(name, &ParameterValue::Double(value), expected);
            value = default;
        }
        self.declare(name, ParameterValue::Double(value), Allowed::Doubles(range), description);
        value
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, name: &str, default: i64, range: RangeInclusive<i64>, description: &'static str) -> i64 {
        let mut value = match self.given.get(name) {
            None => default,
            Some(ParameterValue::Integer(value)) => *value,
            Some(other) => self.wrong_type(name, other.clone(), "an integer", default),
        };
        if !range.contains(&value) {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.reject(name, &ParameterValue::Integer(value), expected);
            value = default;
        }
        self.declare(name, ParameterValue::Integer(value), Allowed::Integers(range), description);
        value
    }

    /// Any text.
    pub fn string(&mut self, name: &str, default: &str, description: &'static str) -> String {
        let value = match self.given.get(name) {
            None => default.to_owned(),
            Some(ParameterValue::String(value)) => value.clone(),
            Some(other) => self.wrong_type(name, other.clone(), "a string", default.to_owned()),
        };
        self.declare(name, ParameterValue::String(value.clone()), Allowed::Any, description);
        value
    }

    /// One of `choices`, the first of which is the default; the position in `choices` comes back.
    pub fn one_of(&mut self, name: &str, choices: &'static [&'static str], description: &'static str) -> usize {
        self.one_of_from(name, choices, "", description)
    }

    /// One of `choices`, by default the one named `default`, or the first when there is none of that name.
    pub fn one_of_from(
        &mut self,
        name: &str,
        choices: &'static [&'static str],
        default: &str,
        description: &'static str,
    ) -> usize {
        let default =
            choices.iter().find(|choice| **choice == default).or(choices.first()).copied().unwrap_or_default();
        let text = match self.given.get(name) {
            None => default.to_owned(),
            Some(ParameterValue::String(value)) => value.clone(),
            Some(other) => self.wrong_type(name, other.clone(), "a string", default.to_owned()),
        };
        let position = choices.iter().position(|choice| *choice == text).unwrap_or_else(|| {
            let expected = format!("one of {choices:?}");
            self.reject(name, &ParameterValue::String(text.clone()), expected);
            0
        });
        let value = choices.get(position).copied().unwrap_or_default().to_owned();
        self.declare(name, ParameterValue::String(value), Allowed::OneOf(choices), description);
        position
    }

    /// A list of texts.
    pub fn strings(&mut self, name: &str, default: &[&str], description: &'static str) -> Vec<String> {
        let default: Vec<String> = default.iter().map(|text| (*text).to_owned()).collect();
        let value = match self.given.get(name) {
            None => default,
            Some(ParameterValue::StringArray(value)) => value.clone(),
            Some(other) => self.wrong_type(name, other.clone(), "a string array", default),
        };
        self.declare(name, ParameterValue::StringArray(value.clone()), Allowed::Any, description);
        value
    }

    /// Whether anything was written under a name that begins with `prefix`.
    pub fn is_given(&self, prefix: &str) -> bool {
        self.given.keys().any(|name| name.starts_with(prefix))
    }

    /// The value in use for a parameter that was asked for before.
    pub fn value(&self, name: &str) -> Option<&ParameterValue> {
        self.declared.iter().find(|declared| declared.name == name).map(|declared| &declared.value)
    }

    /// Notes that the value in use for `name` cannot be used.
    pub fn reject(&mut self, name: &str, found: &ParameterValue, expected: impl Into<String>) {
        let problem =
            ParameterProblem::BadValue { name: name.to_owned(), found: found.to_string(), expected: expected.into() };
        self.problems.push(problem);
    }

    /// Every parameter asked for, in order.
    ///
    /// # Errors
    /// Everything that was wrong, and names that were written but never asked for.
    pub fn finish(mut self) -> Result<Vec<Declared>, ConfigError> {
        for name in self.given.keys() {
            if self.declared.iter().any(|declared| declared.name == *name) {
                continue;
            }
            self.problems
                .push(ParameterProblem::Unknown { name: name.clone(), nearest: nearest(name, &self.declared) });
        }
        if self.problems.is_empty() { Ok(self.declared) } else { Err(ConfigError(self.problems)) }
    }

    fn declare(&mut self, name: &str, value: ParameterValue, allowed: Allowed, description: &'static str) {
        self.declared.push(Declared { name: name.to_owned(), description, value, allowed });
    }

    fn wrong_type<T>(&mut self, name: &str, found: ParameterValue, expected_type: &'static str, default: T) -> T {
        self.problems.push(ParameterProblem::WrongType {
            name: name.to_owned(),
            found: found.to_string(),
            found_type: found.type_name(),
            expected_type,
        });
        default
    }
}

/// Up to three known names by Levenshtein distance, none that differ in more than a third of their letters.
fn nearest(name: &str, declared: &[Declared]) -> Vec<String> {
    let mut ranked: Vec<(usize, &str)> = declared
        .iter()
        .map(|known| (edit_distance(name, &known.name), known.name.as_str()))
        .filter(|(distance, known)| *distance * 3 <= known.len().max(name.len()))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, known)| known.to_owned()).collect()
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let changed = diagonal + usize::from(from != *to);
            left = changed.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(name: &str, value: ParameterValue) -> Reader {
        Reader::new(BTreeMap::from([(name.to_owned(), value)]))
    }

    #[test]
    fn a_missing_parameter_takes_its_default_and_is_declared() {
        let mut reader = Reader::default();
        assert_eq!(reader.double("tf.cache_secs", 10.0, 1.0..=60.0, "d"), 10.0);
        let declared = reader.finish().unwrap();
        assert_eq!(declared[0].value, ParameterValue::Double(10.0));
        assert_eq!(declared[0].name, "tf.cache_secs");
    }

    #[test]
    fn problems_name_the_parameter_what_was_found_and_what_is_expected() {
        let check = |value: ParameterValue, text: &str| {
            let mut reader = given("tf.cache_secs", value);
            reader.double("tf.cache_secs", 10.0, 1.0..=60.0, "d");
            assert_eq!(reader.finish().unwrap_err().to_string(), text);
        };
        check(
            ParameterValue::Integer(10),
            "parameter \"tf.cache_secs\" is 10 (integer), expected a double (write a decimal point)",
        );
        check(ParameterValue::Double(0.5), "parameter \"tf.cache_secs\" is 0.5, expected a number from 1.0 to 60.0");
        check(
            ParameterValue::Double(f64::NAN),
            "parameter \"tf.cache_secs\" is NaN, expected a number from 1.0 to 60.0",
        );
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_name() {
        let mut reader = given("tf.cache_sec", ParameterValue::Double(1.0));
        reader.double("tf.cache_secs", 10.0, 1.0..=60.0, "d");
        reader.string("fixed_frame", "map", "d");
        assert_eq!(
            reader.finish().unwrap_err().to_string(),
            "parameter \"tf.cache_sec\" is unknown; nearest known: \"tf.cache_secs\""
        );
    }

    #[test]
    fn a_choice_outside_the_list_is_refused() {
        let mut reader = given("qos", ParameterValue::String("best".into()));
        assert_eq!(reader.one_of("qos", &["sensor_data", "reliable"], "d"), 0);
        assert_eq!(
            reader.finish().unwrap_err().to_string(),
            "parameter \"qos\" is \"best\", expected one of [\"sensor_data\", \"reliable\"]"
        );
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let mut reader = Reader::new(BTreeMap::from([
            ("a".to_owned(), ParameterValue::Integer(1)),
            ("b".to_owned(), ParameterValue::Other("byte array")),
        ]));
        reader.bool("a", false, "d");
        reader.strings("b", &[], "d");
        assert_eq!(
            reader.finish().unwrap_err().to_string(),
            "parameter \"a\" is 1 (integer), expected a boolean\n\
             parameter \"b\" is a byte array (byte array), expected a string array"
        );
    }

    #[test]
    fn edit_distances_of_known_pairs() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
    }

    proptest! {
        #[test]
        fn edit_distance_is_a_metric(a in "[a-c]{0,6}", b in "[a-c]{0,6}", c in "[a-c]{0,6}") {
            prop_assert_eq!(edit_distance(&a, &b), edit_distance(&b, &a));
            prop_assert_eq!(edit_distance(&a, &b) == 0, a == b);
            prop_assert!(edit_distance(&a, &c) <= edit_distance(&a, &b) + edit_distance(&b, &c));
        }
    }
}
