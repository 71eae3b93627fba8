//! The Rhai engine of one kernel: which language features it has, and how deep and long a script may go.

use std::sync::{Arc, OnceLock};

use rhai::{
    Dynamic, Engine, Module, OptimizationLevel, Scope, Shared, Token,
    packages::{Package, StandardPackage},
};

use super::{Limits, builtins, guards, json, meter::Meter, plain_values};
use crate::{
    memory,
    tools::{self, Library, Session},
};

/// Nested expressions at the top level and within functions.
const MAX_EXPRESSION_DEPTH: usize = 64;

/// Texts that an engine keeps once for all their uses.
const MAX_INTERNED: usize = 256;

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
    ("exec", "write the code directly"),
    ("compile", "write the code directly"),
    ("quit", "use ReturnAnswer(value) or Refuse(code, message)"),
    ("globals", "variables are used by their names"),
    ("locals", "variables are used by their names"),
    ("vars", "variables are used by their names"),
    ("dir", "an unknown property is answered with those there are"),
    ("getattr", "write the property: x.name"),
    ("setattr", "values of tools do not change"),
    ("hasattr", "an unknown property is answered with those there are"),
    ("__import__", "everything is in scope already: tools, InputImages, Metadata"),
    ("get_fn_metadata_list", "the tools are in the manual"),
    ("back_trace", "errors name their line"),
];

/// An engine and the scope with the injected names.
pub fn build(limits: &Limits, session: &Arc<Session>, meter: &Arc<Meter>) -> (Engine, Scope<'static>) {
    let mut engine = Engine::new_raw();
    for module in shared_modules() {
        engine.register_global_module(module.clone());
    }
    engine.set_default_tag(Dynamic::from(session.clone()));
    engine.set_max_strings_interned(MAX_INTERNED);
    engine
        .set_max_call_levels(limits.max_call_depth)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_max_variables(MAX_NAMES)
        .set_max_functions(MAX_NAMES)
        .set_max_modules(0)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_optimization_level(OptimizationLevel::None)
        // Built-in operators for numbers would win over the division in `builtins`.
        .set_fast_operators(false)
        .set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new());
    for keyword in ["eval", "import", "export", "debug"] {
        engine.disable_symbol(keyword);
    }
    #[allow(
        deprecated,
        reason = "Rhai marks it so because its signature may change between versions; the version is pinned"
    )]
    engine.on_parse_token(|token, _, _| numpy_word(token));
    let printing = session.clone();
    engine.on_print(move |text| printing.print(text));
    let debugging = session.clone();
    engine.on_debug(move |text, _, _| debugging.print(text));
    meter.watch(&mut engine);

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

/// Functions and types, made once: they are the same for every kernel, which then costs nothing for them. What is in a later one goes
/// before what is in an earlier one.
fn shared_modules() -> &'static [Shared<Module>; 3] {
    static SHARED: OnceLock<[Shared<Module>; 3]> = OnceLock::new();
    SHARED.get_or_init(|| {
        let _outside = memory::outside();
        let mut library = Library::default();
        plain_values::register(&mut library);
        json::register(&mut library);
        guards::register(&mut library);
        builtins::register(&mut library);
        tools::register(&mut library);
        [StandardPackage::new().as_shared_module(), tools::arrays::module().into(), library.finish()]
    })
}

/// Words that Rhai keeps for later and numpy has as names.
fn numpy_word(token: Token) -> Token {
    match &token {
        Token::Reserved(word) if matches!(word.as_str(), "var" | "default") => {
            Token::Identifier(Box::new(word.as_str().into()))
        }
        _ => token,
    }
}
