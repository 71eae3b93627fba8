//! The declaration of a tool: the one place where its name, parameters and words stand. Binding, static check, manual and the schema
//! for structured calls are made from it.

use rhai::{Dynamic, Map};
use serde_json::{Value, json};

use super::ToolError;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A finite number, whole or not.
    Number,
    /// Words; the text says which, such as `frame name`.
    Text(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `[x, y, z]`, metres or a direction.
    Position,
    /// `[u, v]`, pixels.
    Pixel,
    /// `[u_min, v_min, u_max, v_max]`, pixels.
    PixelBox,
    /// A list of numbers or an Arr.
    Numbers,
    /// A value of this type, made by a tool.
    Value(&'static str),
    /// A list of these.
    ListOf(&'static Kind),
    /// One of these.
    AnyOf(&'static [Kind]),
    /// A map with these keys.
    Options(&'static [Param]),
    /// Any number of these, as a first parameter; those after it are keywords.
    Many(&'static Kind),
}

/// Words without a narrower meaning.
pub const TEXT: Kind = Kind::Text("string");

impl Kind {
    /// As the manual shows it.
    pub fn words(&self) -> String {
        match self {
            Kind::Any => "any value".to_owned(),
            Kind::Bool => "bool".to_owned(),
            Kind::Int => "int".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::Text(what) | Kind::Value(what) => (*what).to_owned(),
            Kind::OneOf(words) => words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" | "),
            Kind::Position => "[x, y, z]".to_owned(),
            Kind::Pixel => "[u, v]".to_owned(),
            Kind::PixelBox => "[u_min, v_min, u_max, v_max]".to_owned(),
            Kind::Numbers => "list of numbers".to_owned(),
            Kind::ListOf(kind @ Kind::AnyOf(_)) => format!("list of ({})", kind.words()),
            Kind::ListOf(kind) => format!("list of {}", kind.words()),
            Kind::Many(kind) => format!("{}, ...", kind.words()),
            Kind::AnyOf(kinds) => kinds.iter().map(Kind::words).collect::<Vec<_>>().join(" | "),
            Kind::Options(params) => {
                let keys: Vec<&str> = params.iter().map(|param| param.name).collect();
                format!("#{{{}}}", keys.join(", "))
            }
        }
    }

    /// JSON schema (draft 2020-12) of an argument in a structured call. Values that only tools can make are named by reference:
    /// `{"ref": "r1[0].points"}`; so may be every other argument.
    pub fn schema(&self) -> Value {
        let mut options = Vec::new();
        self.collect_schemas(&mut options);
        let reference = |what: &str| {
            json!({
                "type": "object",
                "properties": {"ref": {"type": "string", "description": format!("an earlier result that is {what}, such as r1 or r1[0].points")}},
                "required": ["ref"],
                "additionalProperties": false,
            })
        };
        options.push(reference(&self.words()));
        match options.len() {
            1 => options.remove(0),
            _ => json!({ "anyOf": options }),
        }
    }

    fn collect_schemas(&self, options: &mut Vec<Value>) {
        let numbers = |n: usize| json!({"type": "array", "items": {"type": "number"}, "minItems": n, "maxItems": n});
        match self {
            Kind::Any => options.extend([
                json!({"type": "string"}),
                json!({"type": "number"}),
                json!({"type": "boolean"}),
                json!({"type": "array", "items": {"type": ["string", "number"]}}),
            ]),
            Kind::Bool => options.push(json!({"type": "boolean"})),
            Kind::Int => options.push(json!({"type": "integer"})),
            Kind::Number => options.push(json!({"type": "number"})),
            Kind::Text(what) => options.push(json!({"type": "string", "description": what})),
            Kind::OneOf(words) => options.push(json!({"type": "string", "enum": words})),
            Kind::Position => options.push(numbers(3)),
            Kind::Pixel => options.push(numbers(2)),
            Kind::PixelBox => options.push(numbers(4)),
            Kind::Numbers => options.push(json!({"type": "array", "items": {"type": "number"}})),
            Kind::Value(_) => {}
            Kind::ListOf(kind) | Kind::Many(kind) => options.push(json!({"type": "array", "items": kind.schema()})),
            Kind::AnyOf(kinds) => kinds.iter().for_each(|kind| kind.collect_schemas(options)),
            Kind::Options(params) => options.push(parameters_schema(params)),
        }
    }

    fn takes_a_map(&self) -> bool {
        match self {
            Kind::Any | Kind::Options(_) => true,
            Kind::AnyOf(kinds) => kinds.iter().any(Kind::takes_a_map),
            _ => false,
        }
    }
}

/// Schema of an object with these parameters. Strict: every key is listed as required, and those that may be left out take null.
pub fn parameters_schema(params: &[Param]) -> Value {
    let mut properties = serde_json::Map::new();
    for param in params {
        let mut schema = param.kind.schema();
        if param.is_optional() {
            schema = match schema {
                Value::Object(mut one) if one.contains_key("anyOf") => {
                    if let Some(Value::Array(options)) = one.get_mut("anyOf") {
                        options.push(json!({"type": "null"}));
                    }
                    Value::Object(one)
                }
                one => json!({"anyOf": [one, {"type": "null"}]}),
            };
        }
        if let Value::Object(schema) = &mut schema
            && let Some(about) = param.about_text()
        {
            schema.insert("description".to_owned(), Value::String(about));
        }
        properties.insert(param.name.to_owned(), schema);
    }
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

/// One parameter of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Name in the signature, and as a keyword.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// `None`: it must be given. Otherwise what stands for it when it is left out; empty when nothing does.
    pub default: Option<&'static str>,
    /// What it means, where the name does not say it.
    pub doc: &'static str,
}

impl Param {
    /// One that must be given.
    pub const fn required(name: &'static str, kind: Kind) -> Param {
        Param { name, kind, default: None, doc: "" }
    }

    /// One that may be left out; `default` is shown in the manual.
    pub const fn optional(name: &'static str, kind: Kind, default: &'static str) -> Param {
        Param { name, kind, default: Some(default), doc: "" }
    }

    /// The same with words about it.
    pub const fn about(self, doc: &'static str) -> Param {
        Param { doc, ..self }
    }

    /// May be left out.
    pub const fn is_optional(&self) -> bool {
        self.default.is_some()
    }

    fn about_text(&self) -> Option<String> {
        let default = self.default.filter(|default| !default.is_empty()).map(|default| format!("default {default}"));
        let parts: Vec<String> =
            [Some(self.doc.to_owned()).filter(|doc| !doc.is_empty()), default].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn signature(&self) -> String {
        let words = self.kind.words();
        match self.default {
            None => format!("{}: {words}", self.name),
            Some("") => format!("{}?: {words}", self.name),
            Some(default) => format!("{}: {words} = {default}", self.name),
        }
    }
}

/// Declares one tool.
#[derive(Clone, Copy, Debug)]
pub struct ToolSpec {
    /// Full name, such as `tools.Scene.find`, or a bare function such as `show`.
    pub path: &'static str,
    /// In order; optional ones last.
    pub params: &'static [Param],
    /// What it returns.
    pub returns: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Cell that works on a table with a mug and a bowl.
    pub example: &'static str,
}

impl ToolSpec {
    /// `tools.Scene.find(name: string) -> Object`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Param::signature).collect();
        format!("{}({}) -> {}", self.path, params.join(", "), self.returns)
    }

    /// Last part of the path.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Path without the last part; empty for a bare function.
    pub fn group(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(group, _)| group)
    }

    /// Whether its first parameter takes any number of arguments.
    pub fn is_variadic(&self) -> bool {
        self.params.first().is_some_and(|param| matches!(param.kind, Kind::Many(_)))
    }

    /// How many parameters the first `n_positional` arguments fill.
    pub fn n_filled(&self, n_positional: usize) -> usize {
        if self.is_variadic() { n_positional.min(1) } else { n_positional }
    }

    /// Fewest and most arguments.
    pub fn arity(&self) -> std::ops::RangeInclusive<usize> {
        const MOST: usize = 12;
        if self.is_variadic() {
            return 1..=MOST;
        }
        self.params.iter().filter(|p| !p.is_optional()).count()..=self.params.len()
    }

    /// Whether a map as argument number `n_args` (counted from 1, the last one) can only be one of keywords.
    pub fn is_keywords(&self, n_args: usize, keys: &[&str]) -> bool {
        let takes_a_map = n_args.checked_sub(1).and_then(|i| self.params.get(i)).is_some_and(|p| p.kind.takes_a_map());
        !takes_a_map || (!keys.is_empty() && keys.iter().all(|key| self.params.iter().any(|p| p.name == *key)))
    }

    /// The arguments in the order of the parameters, from positional ones and a trailing map of keywords; one that is left out is `()`.
    ///
    /// # Errors
    /// Too many arguments, a keyword that does not exist or is given twice, a missing argument.
    pub fn bind(&self, mut args: Vec<Dynamic>) -> Result<Vec<Dynamic>, ToolError> {
        let n_params = self.params.len();
        let mut keywords = Map::new();
        if let Some(map) = args.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
            let keys: Vec<&str> = map.keys().map(|key| key.as_str()).collect();
            if self.is_keywords(args.len(), &keys) {
                keywords = map;
                args.pop();
            }
        }
        if self.is_variadic() && !args.is_empty() {
            let all: rhai::Array = args;
            args = vec![Dynamic::from(all)];
        }
        if args.len() > n_params {
            let found = args.len();
            return Err(self.mistake(format!("{} got {found} arguments, takes at most {n_params}", self.path)));
        }
        let n_positional = args.len();
        args.resize(n_params, Dynamic::UNIT);
        for (key, value) in keywords {
            let Some(at) = self.params.iter().position(|param| param.name == key.as_str()) else {
                return Err(self.mistake(format!("{} has no parameter `{key}`", self.path)));
            };
            if at < n_positional {
                return Err(self.mistake(format!("{} got `{key}` twice", self.path)));
            }
            if let Some(slot) = args.get_mut(at) {
                *slot = value;
            }
        }
        for (param, value) in self.params.iter().zip(&args).skip(n_positional) {
            if value.is_unit() && !param.is_optional() {
                return Err(self.mistake(format!("{} needs `{}`", self.path, param.name)));
            }
        }
        Ok(args)
    }

    fn mistake(&self, what: String) -> ToolError {
        ToolError::argument(format!("{what}; call it as {}", self.signature()))
    }

    /// Name of the function in structured calls: the path without `tools.`, dots as `_`.
    pub fn function_name(&self) -> String {
        self.path.trim_start_matches("tools.").replace('.', "_")
    }

    /// Function declaration for structured calls, as chat-completions endpoints take it.
    pub fn function_schema(&self) -> Value {
        json!({
            "type": "function",
            "function": {
                "name": self.function_name(),
                "description": format!("{} Returns {}.", self.doc, self.returns),
                "parameters": parameters_schema(self.params),
                "strict": true,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ToolSpec = ToolSpec {
        path: "tools.Test.move",
        params: &[
            Param::required("a", Kind::Value("Object")),
            Param::optional("side", Kind::OneOf(&["left", "right"]), "\"left\""),
            Param::optional("by", Kind::Number, "").about("metres"),
        ],
        returns: "Object",
        doc: "Moves.",
        example: "",
    };

    fn bound(args: Vec<Dynamic>) -> Result<Vec<String>, String> {
        SPEC.bind(args).map(|args| args.iter().map(ToString::to_string).collect()).map_err(|error| error.message)
    }

    fn map(pairs: &[(&str, i64)]) -> Dynamic {
        Dynamic::from(pairs.iter().map(|(key, value)| ((*key).into(), Dynamic::from(*value))).collect::<Map>())
    }

    #[test]
    fn arguments_are_bound_by_place_and_by_keyword() {
        let texts = |values: [&str; 3]| Ok(values.map(str::to_owned).to_vec());
        assert_eq!(bound(vec![1.into()]), texts(["1", "", ""]));
        assert_eq!(bound(vec![1.into(), 2.into(), 3.into()]), texts(["1", "2", "3"]));
        assert_eq!(bound(vec![1.into(), map(&[("by", 5)])]), texts(["1", "", "5"]));
        assert_eq!(bound(vec![map(&[("by", 5), ("a", 4)])]), texts(["4", "", "5"]));
    }

    #[test]
    fn wrong_calls_name_the_signature() {
        let call =
            "call it as tools.Test.move(a: Object, side: \"left\" | \"right\" = \"left\", by?: number) -> Object";
        let check = |args: Vec<Dynamic>, what: &str| assert_eq!(bound(args), Err(format!("{what}; {call}")));
        check(vec![], "tools.Test.move needs `a`");
        check(vec![1.into(); 4], "tools.Test.move got 4 arguments, takes at most 3");
        check(vec![1.into(), map(&[("bye", 5)])], "tools.Test.move has no parameter `bye`");
        check(vec![1.into(), map(&[("a", 5)])], "tools.Test.move got `a` twice");
    }

    #[test]
    fn the_schema_is_strict() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&SPEC.function_schema()).unwrap());
    }
}
