//! From Rhai's errors to what the model is told: found, wanted, what to try next, and where in its cell.

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::{
    CellError,
    engine::CLOSED,
    nesting,
    source_map::{Place, SourceMap},
    syntax_hint,
};
use crate::tools::{self, ToolError, metadata, values};

/// A syntax error, or a variable that is not there.
pub fn of_parse(error: &ParseError, map: &SourceMap, nearest: impl Fn(&str) -> Option<String>) -> CellError {
    let place = map.place(error.position());
    let line = place.map_or(0, |place| place.line);
    let message = match error.err_type() {
        ParseErrorType::VariableUndefined(name) => match syntax_hint::python_construct(map.line(line)) {
            Some(hint) => format!("`{name}` is not defined; {hint}"),
            None => variable_not_found(name, nearest(name), map.line(line)),
        },
        ParseErrorType::ModuleUndefined(_) => {
            "there are no modules; write tools.Scene.find(...), without `::`".to_owned()
        }
        other => {
            let message = other.to_string();
            let closed = CLOSED.iter().find(|(word, _)| message.contains(&format!("'{word}'")));
            if let Some((word, instead)) = closed {
                return at(place, format!("`{word}` is not available: {instead}"));
            }
            match syntax_hint::hint(&message, map.line(line), map.line_before(line)) {
                Some(hint) => format!("{message}; {hint}"),
                None => message,
            }
        }
    };
    at(place, message)
}

fn variable_not_found(name: &str, nearest: Option<String>, line: &str) -> String {
    if tools::find(name).is_some() {
        return format!("`{name}` is built in and cannot be changed; use another variable");
    }
    if line.trim_start().starts_with(&format!("{name} =")) {
        return format!("variable `{name}` is new; write `let {name} = ...`");
    }
    match nearest {
        Some(nearest) => format!("variable `{name}` is not defined; did you mean `{nearest}`?"),
        None => format!(
            "variable `{name}` is not defined; functions see only their parameters, tools, InputImages and Metadata"
        ),
    }
}

fn at(place: Option<Place>, message: String) -> CellError {
    CellError { line: place.map(|p| p.line), column: place.and_then(|p| p.column), message, code: None }
}

/// An error while running.
pub fn of_run(error: &EvalAltResult, map: &SourceMap, cell: u32) -> CellError {
    let (inner, calls) = innermost(error);
    let own = calls.iter().find_map(|(_, position)| map.place(*position).filter(|place| place.cell == cell));
    let place = map.place(inner.position());
    let (mut message, code) = words(inner);
    if let Some(hint) = place.filter(|place| place.cell == cell).and_then(|place| condition_hint(inner, place, map)) {
        message = format!("{message}; {hint}");
    }
    let called = calls.last().map(|(name, _)| if name.starts_with("anon$") { "a closure" } else { *name });
    let (place, message) = match (place, called) {
        (Some(place), Some(name)) if place.cell != cell => {
            (own, format!("{message} (in {} of cell {}, line {})", function(name), place.cell, place.line))
        }
        (Some(place), Some(name)) => match own {
            Some(call) if call.line != place.line => {
                (Some(place), format!("{message} (in {}, called at line {})", function(name), call.line))
            }
            _ => (Some(place), message),
        },
        (place, _) => (place.or(own), message),
    };
    CellError { code, ..at(place, message) }
}

/// How the condition that was meant is written, with the model's own words.
fn condition_hint(error: &EvalAltResult, place: Place, map: &SourceMap) -> Option<String> {
    let (found, negation) = match error {
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if wanted == "bool" => (readable(found), None),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let inside = signature.strip_prefix("! (")?.strip_suffix(')')?;
            (readable(inside), Some("not "))
        }
        _ => return None,
    };
    let line = map.line(place.line);
    let from: String = line.chars().skip(place.column?.checked_sub(1)?).collect();
    let from = from.trim_start_matches(['!', ' ', '(']).trim_start_matches("not ").trim_start();
    let path: String = from.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
    let name = if path.is_empty() || from.chars().nth(path.chars().count()) == Some('(') { "x" } else { path.as_str() };
    let is_not = negation.is_some();
    let sign = |holds: &'static str, otherwise: &'static str| if is_not { otherwise } else { holds };
    let condition = match found.as_str() {
        "list" | "string" | "map" | "dict" | "Dict" | "Points" => format!("len({name}) {} 0", sign(">", "==")),
        "int" | "float" => format!("{name} {} 0", sign("!=", "==")),
        "()" => format!("{name} {} None", sign("!=", "==")),
        "Measurement" => format!("{name}.value {} 0", sign(">", "<=")),
        "Relation" => format!("{}{name}.holds", sign("", "not ")),
        "Displacement" => format!("{}{name}.moved", sign("", "not ")),
        "Bools" => format!("{name}.any()` or `{name}.all()"),
        _ => return Some(format!("an {found} is neither true nor false; compare one of its properties")),
    };
    Some(format!("write `{condition}`"))
}

fn function(name: &str) -> String {
    if name == "a closure" { name.to_owned() } else { format!("function `{name}`") }
}

/// The error behind all calls, and the calls from outside to inside with where each was made.
fn innermost(error: &EvalAltResult) -> (&EvalAltResult, Vec<(&str, Position)>) {
    let mut calls = Vec::new();
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(name, _, next, position) = inner {
        calls.push((name.as_str(), *position));
        inner = next;
    }
    (inner, calls)
}

fn words(error: &EvalAltResult) -> (String, Option<crate::error_code::ErrorCode>) {
    match error {
        EvalAltResult::ErrorRuntime(payload, _) => match payload.read_lock::<ToolError>() {
            Some(error) => (error.message.clone(), error.code),
            None if nesting::is_too_deep(payload) => ("thrown: a value that is nested too deep".to_owned(), None),
            None => (format!("thrown: {payload}"), None),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) => (function_not_found(signature), None),
        EvalAltResult::ErrorDotExpr(text, _) => (dot_expression(text), None),
        EvalAltResult::ErrorIndexingType(text, _) => {
            (format!("{}; it cannot be indexed like this", readable(text)), None)
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            (format!("the map has no key `{name}`; look with map.keys()"), None)
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => (variable_not_found(name, None, ""), None),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if !wanted.is_empty() => {
            let (wanted, found) = (readable(wanted), readable(found));
            let cure =
                if wanted == "int" && found == "float" { "; write int(x), or int_div(a, b) for a / b" } else { "" };
            (format!("wanted {wanted}, found {found}{cure}"), None)
        }
        EvalAltResult::ErrorArrayBounds(len, index, _) => {
            (format!("index {index} is outside a list of {len}; use 0 to {}", len.saturating_sub(1)), None)
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            (format!("`{name}` would change a constant; copy it first: let copy = ..."), None)
        }
        EvalAltResult::ErrorDataRace(name, _) => {
            let message = format!(
                "{name}: a value cannot be used inside what is called on it, as in xs.map(|x| x - xs[0]); set what the \
                 closure needs from it before (let first = xs[0];); a closure cannot call itself, write a fn"
            );
            (message, None)
        }
        other => (readable(&without_position(other)), None),
    }
}

/// The text without ` (line 3, position 4)`, which counts lines over all cells.
fn without_position(error: &EvalAltResult) -> String {
    let (text, position) = (error.to_string(), error.position());
    if position.is_none() { text } else { text.replace(&format!(" ({position})"), "") }
}

/// `surface_distance (tools.Geometry, i64)` in words.
fn function_not_found(signature: &str) -> String {
    let readable = readable(signature);
    let Some((name, types)) = readable.split_once(" (") else {
        return format!("there is no function `{signature}`");
    };
    let types: Vec<&str> = types.trim_end_matches(')').split(", ").filter(|t| !t.is_empty()).collect();
    match (name, types.as_slice()) {
        (operator, [left, right]) if !operator.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
            format!("`{operator}` does not work between {left} and {right}{}", operator_hint(left, right))
        }
        ("!", [found]) => format!("`not` wants a bool, found {found}"),
        (name, []) => format!("`{name}()` needs arguments"),
        (name, types) => format!("`{name}` does not take ({})", types.join(", ")),
    }
}

fn operator_hint(left: &str, right: &str) -> &'static str {
    if [left, right].contains(&"Relation") {
        "; use .holds for the verdict"
    } else if [left, right].contains(&"list") {
        "; take its items"
    } else if [left, right].contains(&"()") {
        "; one of them is nothing, ()"
    } else if [left, right].contains(&"a variable without a value") {
        "; it is set only in a branch that did not run, so set it before"
    } else {
        ""
    }
}

/// `Unknown property 'x' - a getter is not registered for type 'Object'` with what the type has.
fn dot_expression(text: &str) -> String {
    let quoted: Vec<&str> = text.split('\'').skip(1).step_by(2).collect();
    let (Some(property), Some(type_name)) = (quoted.first(), quoted.last()) else { return readable(text) };
    let type_name = readable(type_name);
    let spec = values::ALL.iter().chain([&metadata::SPEC]).find(|spec| spec.name == type_name);
    match spec {
        Some(spec) => {
            let members: Vec<&str> = spec.members.iter().map(|(member, _)| *member).collect();
            format!("{type_name} has no property `{property}`; it has {}", members.join(" "))
        }
        None if type_name == "()" => format!("nothing, (), has no property `{property}`"),
        None => format!("a {type_name} has no property `{property}`"),
    }
}

/// Names of types as a cell knows them.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let shown = match word.as_str() {
            "i64" => "int",
            "f64" => "float",
            "array" => "list",
            "Fn" => "closure",
            path if path.contains("::") => short_name(path),
            other => other,
        };
        out.push_str(shown);
        word.clear();
    };
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out.replace("&str | ImmutableString | String", "string")
}

fn short_name(path: &str) -> &str {
    let name = path.rsplit("::").next().unwrap_or(path);
    [
        ("Dict", "dict"),
        ("Unset", "a variable without a value"),
        ("ObjectValue", "Object"),
        ("PointsValue", "Points"),
        ("MeasurementValue", "Measurement"),
        ("RelationValue", "Relation"),
        ("DisplacementValue", "Displacement"),
        ("FrameValue", "Frame"),
        ("ImagesValue", "InputImages"),
        ("ReconstructionValue", "Reconstruction"),
        ("MetadataValue", "Metadata"),
    ]
    .into_iter()
    .find(|(rust, _)| *rust == name)
    .map_or_else(|| name.strip_suffix("Value").unwrap_or(name), |(_, shown)| shown)
}
