//! The Rhai engine of one kernel: which language features it has, and how deep and long a script may go.

use std::sync::Arc;

use rhai::{Engine, Module, OptimizationLevel, Scope, Token};

use super::{Limits, guards, meter::Meter, plain_values, prelude};
use crate::tools::{self, Session};

/// Nested expressions at the top level and within functions.
const MAX_EXPRESSION_DEPTH: usize = 64;

/// Variables in scope, and functions defined.
const MAX_NAMES: usize = 500;

/// Keywords and functions that a cell cannot use, with what to do instead.
pub const CLOSED: &[(&str, &str)] = &[
    ("eval", "write the code directly"),
    ("import", "everything is in scope already: tools, InputImages, Metadata"),
    ("export", "variables and functions stay for later cells by themselves"),
    ("sleep", "cells may not wait"),
    ("exit", "use ReturnAnswer(value) or Refuse(code, message)"),
    ("debug", "use print(value)"),
    ("blob", "use a list"),
    ("timestamp", "times are stamps of images: Metadata.newest_stamp"),
    ("drain", "use filter(|x| ...)"),
    ("retain", "use filter(|x| ...)"),
    ("take", "copy the value: let b = a"),
    ("open", "cells cannot read files; images are in InputImages"),
    ("input", "cells cannot ask"),
];

/// An engine and the scope with the injected names.
pub fn build(limits: &Limits, session: &Arc<Session>, meter: &Arc<Meter>) -> (Engine, Scope<'static>) {
    let mut engine = Engine::new();
    engine
        .set_max_call_levels(limits.max_call_depth)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_max_variables(MAX_NAMES)
        .set_max_functions(MAX_NAMES)
        .set_max_modules(0)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_optimization_level(OptimizationLevel::None)
        // Built-in operators for numbers would win over the prelude's division.
        .set_fast_operators(false)
        .set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new());
    for keyword in ["eval", "import", "export", "debug"] {
        engine.disable_symbol(keyword);
    }
    #[allow(
        deprecated,
        reason = "Rhai marks it so because its signature may change between versions; the version is pinned"
    )]
    engine.on_parse_token(|token, _, _| python_word(token));
    let printing = session.clone();
    engine.on_print(move |text| printing.print(text));
    let debugging = session.clone();
    engine.on_debug(move |text, _, _| debugging.print(text));
    meter.watch(&mut engine);
    prelude::register(&mut engine);
    plain_values::register(&mut engine);
    guards::register(&mut engine, meter);
    tools::register(&mut engine, session);

    // A scope constant satisfies the strict check of variables but is not seen inside functions; a global module is.
    let mut scope = Scope::new();
    let mut globals = Module::new();
    for (name, value) in tools::injected(session) {
        globals.set_var(name.as_str(), value.clone());
        scope.push_constant_dynamic(name, value);
    }
    engine.register_global_module(globals.into());
    (engine, scope)
}

/// Words of Python that have one meaning here too.
fn python_word(token: Token) -> Token {
    let word = match &token {
        Token::Identifier(word) => word.as_str(),
        Token::Reserved(word) => word.as_str(),
        _ => return token,
    };
    match word {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Bang,
        "None" => Token::Unit,
        "True" => Token::True,
        "False" => Token::False,
        // Rhai keeps these for later; numpy has them as names.
        "var" | "default" => Token::Identifier(Box::new(word.into())),
        _ => token,
    }
}
