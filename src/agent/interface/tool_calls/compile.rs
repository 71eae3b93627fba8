//! One call as one statement: `let r3 = tools.Geometry.height(r1);`. Arguments are checked against the tool's declaration first.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use super::{literal, reference::Reference};
use crate::tools::{Kind, Param, ToolSpec};

/// What is wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallProblem {
    /// Where, such as `calls[0].arguments.points[2]`.
    pub path: String,
    /// What was found and what is wanted.
    pub message: String,
}

impl fmt::Display for CallProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Turns the arguments of calls into Rhai.
pub struct Compiler<'a> {
    /// Names that a reference may begin with.
    pub names: &'a BTreeSet<String>,
    /// Everything found wrong.
    pub problems: Vec<CallProblem>,
}

impl Compiler<'_> {
    /// The call's expression; what is wrong is kept in `problems`.
    pub fn call(&mut self, spec: &ToolSpec, arguments: &Map<String, Value>, path: &str) -> String {
        self.unknown_keys(spec.params, arguments, path);
        let mut args: Vec<String> = Vec::new();
        for param in spec.params {
            args.push(self.param(param, arguments, path).unwrap_or_else(|| "()".to_owned()));
        }
        while args.last().is_some_and(|last| last == "()") {
            args.pop();
        }
        format!("{}({})", spec.path, args.join(", "))
    }

    fn put(&mut self, path: &str, message: String) {
        self.problems.push(CallProblem { path: path.to_owned(), message });
    }

    fn unknown_keys(&mut self, params: &[Param], arguments: &Map<String, Value>, path: &str) {
        for key in arguments.keys().filter(|key| !params.iter().any(|param| param.name == **key)) {
            let names: Vec<&str> = params.iter().map(|param| param.name).collect();
            let wanted = if names.is_empty() { "no arguments".to_owned() } else { names.join(", ") };
            self.put(path, format!("unknown key {key:?}, wanted {wanted}"));
        }
    }

    /// None when it is left out.
    fn param(&mut self, param: &Param, arguments: &Map<String, Value>, path: &str) -> Option<String> {
        match arguments.get(param.name) {
            None | Some(Value::Null) if param.is_optional() => None,
            None => {
                self.put(path, format!("key {:?} is missing, wanted {}", param.name, param.kind.words()));
                None
            }
            Some(value) => {
                let path = format!("{path}.{}", param.name);
                match self.fitted(&param.kind, value, &path) {
                    Ok(source) => Some(source),
                    Err(problem) => {
                        self.problems.push(problem);
                        None
                    }
                }
            }
        }
    }

    fn fitted(&mut self, kind: &Kind, value: &Value, path: &str) -> Result<String, CallProblem> {
        if let Some(reference) = value.as_object().filter(|map| map.contains_key("ref")) {
            return self.reference(reference, path);
        }
        let wrong = || CallProblem {
            path: path.to_owned(),
            message: format!("found {}, wanted {}", literal::describe(value), wanted(kind)),
        };
        match (kind, value) {
            (Kind::Any | Kind::Bool, Value::Bool(value)) => Ok(value.to_string()),
            (Kind::Any | Kind::Number, Value::Number(value)) => Ok(literal::number(value)),
            (Kind::Int, Value::Number(value)) => whole(value).ok_or_else(wrong),
            (Kind::Any | Kind::Text(_), Value::String(text)) => Ok(literal::text(text)),
            (Kind::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(literal::text(text)),
            (Kind::Position, Value::Array(items)) if items.len() == 3 => self.items(&Kind::Number, items, path),
            (Kind::Pixel, Value::Array(items)) if items.len() == 2 => self.items(&Kind::Number, items, path),
            (Kind::PixelBox, Value::Array(items)) if items.len() == 4 => self.items(&Kind::Number, items, path),
            (Kind::Numbers, Value::Array(items)) => self.items(&Kind::Number, items, path),
            (Kind::Any, Value::Array(items)) => self.items(&Kind::Any, items, path),
            (Kind::ListOf(kind), Value::Array(items)) => self.items(kind, items, path),
            (Kind::Options(params), Value::Object(map)) => Ok(self.options(params, map, path)),
            (Kind::AnyOf(kinds), _) => {
                // A deeper mistake in the one alternative that has this shape is the better message.
                let mut nearest = None;
                for kind in *kinds {
                    match self.fitted(kind, value, path) {
                        Ok(source) => return Ok(source),
                        Err(problem) if problem.path.len() > path.len() => nearest = nearest.or(Some(problem)),
                        Err(_) => {}
                    }
                }
                Err(nearest.unwrap_or_else(wrong))
            }
            _ => Err(wrong()),
        }
    }

    fn items(&mut self, kind: &Kind, items: &[Value], path: &str) -> Result<String, CallProblem> {
        let mut sources = Vec::new();
        for (index, item) in items.iter().enumerate() {
            sources.push(self.fitted(kind, item, &format!("{path}[{index}]"))?);
        }
        Ok(format!("[{}]", sources.join(", ")))
    }

    fn options(&mut self, params: &[Param], map: &Map<String, Value>, path: &str) -> String {
        self.unknown_keys(params, map, path);
        let pairs: Vec<String> = params
            .iter()
            .filter_map(|param| self.param(param, map, path).map(|source| format!("{}: {source}", param.name)))
            .collect();
        format!("#{{{}}}", pairs.join(", "))
    }

    fn reference(&mut self, map: &Map<String, Value>, path: &str) -> Result<String, CallProblem> {
        let wrong = |message: String| CallProblem { path: format!("{path}.ref"), message };
        let (Some(Value::String(text)), 1) = (map.get("ref"), map.len()) else {
            let message = "a reference is {\"ref\": \"r1[0].center\"} with no other key".to_owned();
            return Err(CallProblem { path: path.to_owned(), message });
        };
        let reference = Reference::parse(text.trim()).map_err(wrong)?;
        if !self.names.contains(&reference.root) {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            return Err(wrong(format!("there is no result {:?}; there are {}", reference.root, names.join(", "))));
        }
        Ok(reference.to_source())
    }
}

/// 3.0 is a whole number as well: JSON has but one kind of number.
fn whole(number: &serde_json::Number) -> Option<String> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().map(|_| literal::number(number)).or_else(|| {
        let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() <= MAX_EXACT)?;
        Some(format!("{}", value as i64))
    })
}

fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Value(what) => format!("{what}, as a reference such as {{\"ref\": \"r1\"}}"),
        Kind::AnyOf(kinds) if kinds.iter().all(|kind| matches!(kind, Kind::Value(_))) => {
            format!("{}, as a reference such as {{\"ref\": \"r1\"}}", kind.words())
        }
        kind => kind.words(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::TEXT;
    use proptest::prelude::*;
    use serde_json::json;

    const SPEC: ToolSpec = ToolSpec {
        path: "tools.Test.move",
        params: &[
            Param::required("a", Kind::AnyOf(&[Kind::Value("Object"), Kind::Position])),
            Param::required("name", TEXT),
            Param::optional("side", Kind::OneOf(&["left", "right"]), "\"left\""),
            Param::optional("n", Kind::Int, "1"),
            Param::optional("names", Kind::ListOf(&TEXT), ""),
            Param::optional("options", Kind::Options(&[Param::optional("by", Kind::Number, "")]), ""),
        ],
        returns: "Object",
        doc: "Moves.",
        example: "",
    };

    fn compiled(arguments: &Value) -> Result<String, Vec<String>> {
        let names = BTreeSet::from(["r1".to_owned(), "InputImages".to_owned()]);
        let mut compiler = Compiler { names: &names, problems: Vec::new() };
        let source = compiler.call(&SPEC, arguments.as_object().unwrap(), "arguments");
        let problems: Vec<String> = compiler.problems.iter().map(ToString::to_string).collect();
        if problems.is_empty() { Ok(source) } else { Err(problems) }
    }

    #[test]
    fn arguments_become_literals_and_references() {
        let check = |arguments: Value, source: &str| assert_eq!(compiled(&arguments), Ok(source.to_owned()));
        check(json!({"a": {"ref": "r1[0].center"}, "name": "mug"}), "tools.Test.move(r1[0].center, \"mug\")");
        check(
            json!({"a": [1, 2.5, -3], "name": "m", "side": null, "n": 2.0, "names": ["x", {"ref": "r1"}], "options": {"by": 0.1}}),
            "tools.Test.move([1, 2.5, -3], \"m\", (), 2, [\"x\", r1], #{by: 0.1})",
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_path() {
        let check = |arguments: Value, expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(compiled(&arguments), Err(expected));
        };
        check(
            json!({"a": "mug", "nam": 1}),
            &[
                "arguments: unknown key \"nam\", wanted a, name, side, n, names, options",
                "arguments.a: found the string \"mug\", wanted Object | [x, y, z]",
                "arguments: key \"name\" is missing, wanted string",
            ],
        );
        check(
            json!({"a": [1, 2, "3"], "name": null, "side": "up", "n": 1.5, "names": ["a", 2], "options": {"by": "x", "to": 1}}),
            &[
                "arguments.a[2]: found the string \"3\", wanted number",
                "arguments.name: found null, wanted string",
                "arguments.side: found the string \"up\", wanted \"left\" | \"right\"",
                "arguments.n: found 1.5, wanted int",
                "arguments.names[1]: found 2, wanted string",
                "arguments.options: unknown key \"to\", wanted by",
                "arguments.options.by: found the string \"x\", wanted number",
            ],
        );
        check(
            json!({"a": {"ref": "r9.center"}, "name": {"ref": "r1.x()"}}),
            &[
                "arguments.a.ref: there is no result \"r9\"; there are InputImages, r1",
                "arguments.name.ref: found '(' in \"r1.x()\", wanted `.name`, `[0]` or `[\"key\"]`",
            ],
        );
        check(
            json!({"a": {"ref": "r1", "x": 1}, "name": "m"}),
            &["arguments.a: a reference is {\"ref\": \"r1[0].center\"} with no other key"],
        );
    }

    /// Any JSON, with strings that try to break out.
    fn any_json() -> impl Strategy<Value = Value> {
        let words = prop_oneof![any::<String>(), "(\"|\\)|;|`|\\$\\{|\\}|\n|\\\\|//|/\\*|'|#|tools|r1|\\.|\\[){0,8}",];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            words.clone().prop_map(Value::from),
            words.clone().prop_map(|text| json!({ "ref": text })),
        ];
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(words.clone(), inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The whole call is read back by the language as what was meant: one call, whose text argument is the text that was given.
        #[test]
        fn no_argument_leaves_its_literal(name in any_json(), a in any_json(), names in any_json()) {
            let Ok(source) = compiled(&json!({"a": a, "name": name, "names": names})) else { return Ok(()) };
            let echo = source.replacen("tools.Test.move(", "echo(", 1);
            let mut engine = rhai::Engine::new();
            type Seen = std::sync::Arc<std::sync::Mutex<Vec<String>>>;
            let seen = Seen::default();
            for n in 2..=5 {
                let kept = seen.clone();
                engine.register_raw_fn("echo", vec![std::any::TypeId::of::<rhai::Dynamic>(); n], move |_, args| {
                    kept.lock().unwrap().push(args[1].to_string());
                    Ok(rhai::Dynamic::UNIT)
                });
            }
            let mut scope = rhai::Scope::new();
            let object = || rhai::Dynamic::from(rhai::Map::new());
            scope.push_dynamic("r1", object()).push_dynamic("InputImages", object());
            let result = engine.eval_with_scope::<rhai::Dynamic>(&mut scope, &format!("let r2 = {echo};\n"));
            // A property of a reference may not exist; that is an error of the run, not of the reading.
            match result {
                Ok(_) => {
                    let seen = seen.lock().unwrap();
                    prop_assert_eq!(seen.len(), 1);
                    if let Value::String(text) = &name {
                        prop_assert_eq!(&seen[0], text);
                    }
                }
                Err(error) => prop_assert!(!matches!(*error, rhai::EvalAltResult::ErrorParsing(..)), "{source}: {error}"),
            }
        }
    }
}
