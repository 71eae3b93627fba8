//! What can be known to be wrong before a cell runs. It is advice with line and column, not the wall: what a script may reach is
//! decided by what the engine has.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::OnceLock,
};

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use super::{engine::CLOSED, nearest_name::nearest_name, outer_variables};
use crate::{
    memory,
    tools::{self, ToolSpec, is_injected},
};

/// Functions that every engine has without listing them, with any number of arguments.
const ALWAYS: [&str; 8] = ["call", "curry", "Fn", "is_shared", "is_def_var", "is_def_fn", "type_of", "print"];

/// A mistake at a position over all cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// Where.
    pub position: Position,
    /// Found, wanted, what to try next.
    pub message: String,
}

/// Whether a cell finds the name in scope, or as a function of tools, and may not set it.
pub fn is_built_in(name: &str) -> bool {
    is_injected(name) || tools::find(name).is_some()
}

/// What a cell may call.
pub struct Registry {
    /// Native functions and methods with the numbers of arguments they take, receiver included.
    natives: BTreeMap<String, BTreeSet<usize>>,
    /// Their names, for those that read a cell's text.
    functions: BTreeSet<String>,
    /// The same of `np` and `math`, which are no functions by themselves.
    of_modules: BTreeMap<String, BTreeSet<usize>>,
    tools: BTreeMap<&'static str, &'static ToolSpec>,
    /// The first tool of each last name.
    by_name: BTreeMap<&'static str, &'static ToolSpec>,
    groups: BTreeSet<&'static str>,
}

impl Registry {
    /// What every kernel's engine has, read once from `engine`.
    pub fn of(engine: &Engine) -> &'static Registry {
        static SHARED: OnceLock<Registry> = OnceLock::new();
        SHARED.get_or_init(|| {
            let _outside = memory::outside();
            Registry::new(engine)
        })
    }

    /// Reads the functions of `engine` and the declarations of tools.
    fn new(engine: &Engine) -> Registry {
        let mut natives: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut of_modules: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let all = engine.collect_fn_metadata(
            None,
            |f| {
                let is_of_module = f.metadata.param_types.first().is_some_and(tools::arrays::is_module);
                Some((f.metadata.name.to_string(), f.metadata.num_params, is_of_module))
            },
            true,
        );
        for (name, n_params, is_of_module) in all {
            let known = if is_of_module { &mut of_modules } else { &mut natives };
            known.entry(name).or_default().insert(n_params);
        }
        for name in ALWAYS {
            natives.entry(name.to_owned()).or_default().extend(0..=12);
        }
        let tools: BTreeMap<&str, &ToolSpec> = tools::all().map(|spec| (spec.path, spec)).collect();
        let mut by_name = BTreeMap::new();
        for spec in tools.values() {
            by_name.entry(spec.name()).or_insert(*spec);
        }
        let groups = tools.values().map(|spec| spec.group()).filter(|group| !group.is_empty()).collect();
        let functions = natives.keys().filter(|name| !name.contains('$')).cloned().collect();
        Registry { natives, functions, of_modules, tools, by_name, groups }
    }

    /// Names of native functions and methods.
    pub fn functions(&self) -> &BTreeSet<String> {
        &self.functions
    }

    /// The tool that a misspelt path most likely means: by its whole path, else by its last name.
    fn nearest_tool(&self, path: &str) -> Option<&'static ToolSpec> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let same_name = self.by_name.get(name).copied();
        let group = path.rsplit_once('.').map_or("", |(group, _)| group);
        let in_group = || self.tools.values().filter(|spec| spec.group() == group).map(|spec| spec.name());
        let near =
            nearest_name(name, in_group()).and_then(|near| self.tools.get(format!("{group}.{near}").as_str()).copied());
        same_name.or(near).or_else(|| self.by_name.get(nearest_name(name, self.by_name.keys().copied())?).copied())
    }

    fn is_reserved_function(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
            || CLOSED.iter().any(|(closed, _)| *closed == name)
            || is_injected(name)
            || name == "print"
    }
}

/// What is known besides the cell itself.
pub struct Known<'a> {
    /// Functions of earlier cells.
    pub functions: &'a AST,
    /// Variables in scope, and keys of maps that hold closures.
    pub variables: BTreeSet<String>,
    /// Names that every cell finds in scope.
    pub injected: &'a BTreeSet<String>,
}

/// Every mistake found, in order.
pub fn check(ast: &AST, registry: &Registry, known: Known<'_>) -> Vec<Issue> {
    let mut check = Check {
        registry,
        functions: script_functions(ast, known.functions),
        locals: local_names(ast, known.variables),
        injected: known.injected,
        in_tool_chain: HashSet::new(),
        refused: BTreeSet::new(),
        issues: Vec::new(),
    };
    for function in ast.iter_fn_def() {
        // Rhai does not keep where a function is declared; its body starts on the same line.
        check.function_name(&function.name, function.body.start_position());
    }
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        check.node(path);
        true
    });
    check.issues.extend(outer_variables::check(ast));
    check.issues.sort_by_key(|issue| (issue.position.line(), issue.position.position()));
    check.issues.dedup();
    // Defaults of parameters make several functions of one; its name is one mistake.
    let mut told = BTreeSet::new();
    check
        .issues
        .retain(|issue| !issue.message.contains("cannot be defined again") || told.insert(issue.message.clone()));
    check.issues
}

fn script_functions(own: &AST, earlier: &AST) -> BTreeMap<String, BTreeSet<usize>> {
    let mut functions: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for function in own.iter_functions().chain(earlier.iter_functions()) {
        functions.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    functions
}

/// Everything that may hold a closure: variables, parameters, keys of maps.
fn local_names(ast: &AST, mut names: BTreeSet<String>) -> BTreeSet<String> {
    for function in ast.iter_functions() {
        names.extend(function.params.iter().map(|param| (*param).to_owned()));
    }
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(x, ..))) => {
                names.insert(x.0.name.to_string());
            }
            Some(ASTNode::Stmt(Stmt::For(x, ..))) => {
                names.insert(x.0.name.to_string());
            }
            Some(ASTNode::Expr(Expr::Map(map, ..))) => {
                names.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
            }
            _ => {}
        }
        true
    });
    names
}

struct Check<'a> {
    registry: &'a Registry,
    functions: BTreeMap<String, BTreeSet<usize>>,
    locals: BTreeSet<String>,
    injected: &'a BTreeSet<String>,
    /// Calls of tools, which are checked against their declarations and not as methods. By address: nodes have no identity.
    in_tool_chain: HashSet<*const FnCallExpr>,
    /// Functions of the cell whose names are taken; their calls are no further mistakes.
    refused: BTreeSet<String>,
    issues: Vec<Issue>,
}

impl Check<'_> {
    fn put(&mut self, position: Position, message: String) {
        self.issues.push(Issue { position, message });
    }

    fn function_name(&mut self, name: &str, position: Position) {
        if self.registry.is_reserved_function(name) {
            self.refused.insert(name.to_owned());
            self.put(position, format!("`{name}` is built in and cannot be defined again; choose another name"));
        }
    }

    fn node(&mut self, path: &[ASTNode<'_>]) {
        match path.last() {
            Some(ASTNode::Stmt(statement)) => self.statement(statement),
            Some(ASTNode::Expr(expression @ Expr::Dot(..))) => {
                let is_inner = path.len() >= 2
                    && matches!(path.get(path.len() - 2), Some(ASTNode::Expr(Expr::Dot(..) | Expr::Index(..))));
                if !is_inner {
                    self.chain(expression);
                }
            }
            Some(ASTNode::Expr(Expr::Index(x, ..))) => {
                // `tools.SAM3.f(x)[0]` hangs the chain under the index.
                if matches!(x.lhs, Expr::Dot(..)) {
                    self.chain(&x.lhs);
                }
            }
            Some(ASTNode::Expr(Expr::FnCall(call, position))) => self.call(call, *position),
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => self.method(call, *position),
            _ => {}
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.contains(name) || self.injected.contains(name)
    }

    fn is_built_in(&self, name: &str) -> bool {
        is_injected(name) || self.registry.tools.contains_key(name)
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Var(x, ..) if self.is_built_in(&x.0.name) => {
                self.put(
                    x.0.pos,
                    format!("`{}` is built in and cannot be defined again; choose another name", x.0.name),
                );
            }
            Stmt::For(x, ..) if is_injected(&x.0.name) => {
                self.put(
                    x.0.pos,
                    format!("`{}` is built in and cannot be a loop variable; choose another name", x.0.name),
                );
            }
            Stmt::Assignment(x) => {
                if let Some(name) = variable_name(&x.1.lhs).filter(|name| is_injected(name)) {
                    self.put(
                        x.1.lhs.position(),
                        format!("`{name}` is built in and cannot be changed; use another variable"),
                    );
                }
            }
            Stmt::Import(_, position) => self.put(*position, closed("import")),
            Stmt::Export(_, position) => self.put(*position, closed("export")),
            Stmt::FnCall(call, position) => self.call(call, *position),
            _ => {}
        }
    }

    /// `tools.Scene.find(...)`.
    fn chain(&mut self, expression: &Expr) {
        let mut links = Vec::new();
        flatten(expression, &mut links);
        let Some((Expr::Variable(root, ..), rest)) = links.split_first().map(|(first, rest)| (*first, rest)) else {
            return;
        };
        let root_path = match root.1.as_str() {
            "tools" => "tools",
            // A variable or parameter of that name cannot exist, so the bare name of a group is the group.
            name => match tools::group_path(name) {
                Some(group) => group,
                None => return,
            },
        };
        let first_call =
            rest.iter().find_map(|link| if let Expr::MethodCall(call, _) = link { Some(call) } else { None });
        self.in_tool_chain.extend(first_call.map(|call| std::ptr::from_ref::<FnCallExpr>(call)));
        let mut path = root_path.to_owned();
        for link in rest {
            match link {
                Expr::Property(property, position) => {
                    path = format!("{path}.{}", property.2);
                    if let Some(spec) = self.registry.tools.get(path.as_str()) {
                        let signature = spec.signature();
                        return self.put(*position, format!("`{path}` is a function; call it: {signature}"));
                    }
                    if !self.registry.groups.contains(path.as_str()) {
                        return self.put(*position, self.unknown_tool(&path));
                    }
                }
                Expr::MethodCall(call, position) => {
                    path = format!("{path}.{}", call.name);
                    return self.tool_call(&path, &call.args, *position);
                }
                _ => return,
            }
        }
    }

    fn unknown_tool(&self, path: &str) -> String {
        let is_group = path.starts_with("tools.") && path.matches('.').count() == 1;
        if is_group {
            let groups: Vec<&str> =
                self.registry.groups.iter().copied().filter(|group| group.starts_with("tools.")).collect();
            let bare = |path: &'static str| path.trim_start_matches("tools.");
            let near = nearest_name(path.trim_start_matches("tools."), groups.iter().map(|group| bare(group)));
            if let Some(near) = near {
                return format!("`{path}` does not exist; did you mean `tools.{near}`?");
            }
            return format!("`{path}` does not exist; there are {}", groups.join(", "));
        }
        match self.registry.nearest_tool(path) {
            Some(spec) => format!("`{path}` does not exist; did you mean {}?", spec.signature()),
            None => {
                let group = path.rsplit_once('.').map_or("", |(group, _)| group);
                let names: Vec<&str> =
                    self.registry.tools.values().filter(|spec| spec.group() == group).map(|spec| spec.name()).collect();
                format!("`{path}` does not exist; {group} has {}", names.join(", "))
            }
        }
    }

    fn tool_call(&mut self, path: &str, args: &[Expr], position: Position) {
        let Some(spec) = self.registry.tools.get(path).copied() else {
            return self.put(position, self.unknown_tool(path));
        };
        if let Some(Expr::Map(map, _)) = args.last() {
            let keys: Vec<&str> = map.0.iter().map(|(key, _)| key.name.as_str()).collect();
            if spec.is_keywords(args.len(), &keys) {
                return self.keywords(spec, args.len() - 1, &keys, position);
            }
        }
        if !spec.arity().contains(&args.len()) {
            self.put(position, wrong_arity(path, spec.arity(), args.len(), &spec.signature()));
        }
    }

    /// A call with `n_positional` arguments and a trailing map of keywords.
    fn keywords(&mut self, spec: &ToolSpec, n_positional: usize, keys: &[&str], position: Position) {
        let (path, signature) = (spec.path, spec.signature());
        let n_positional = spec.n_filled(n_positional);
        if n_positional > spec.params.len() {
            return self.put(position, wrong_arity(path, spec.arity(), n_positional, &signature));
        }
        let place = |key: &str| spec.params.iter().position(|param| param.name == key);
        for key in keys {
            match place(key) {
                None => {
                    let near = nearest_name(key, spec.params.iter().map(|param| param.name));
                    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                    self.put(position, format!("{path} has no parameter `{key}`; {near}{signature}"));
                }
                Some(at) if at < n_positional => {
                    self.put(position, format!("{path} gets `{key}` twice; {signature}"));
                }
                Some(_) => {}
            }
        }
        let given = |at: usize, name: &str| at < n_positional || keys.contains(&name);
        let missing = spec.params.iter().enumerate().find(|(at, p)| !p.is_optional() && !given(*at, p.name));
        if let Some((_, param)) = missing {
            self.put(position, format!("{path} needs `{}`; {signature}", param.name));
        }
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        if call.is_operator_call() {
            return self.operator(call, position);
        }
        if call.is_qualified() {
            return self
                .put(position, format!("`::` is not used here; write tools.Scene.find(...), not {}", call.name));
        }
        let (name, n_args) = (call.name.as_str(), call.args.len());
        if self.refused.contains(name) {
            return;
        }
        if CLOSED.iter().any(|(word, _)| *word == name) {
            return self.put(position, closed(name));
        }
        if let Some(spec) = self.registry.tools.get(name) {
            return self.tool_call(spec.path, &call.args, position);
        }
        // Natives of tools are methods of their groups; of them only `find` is also one of lists.
        let is_of_list = name == "find" && self.registry.natives.get(name).is_some_and(|n| n.contains(&n_args));
        if let Some(spec) = self.registry.by_name.get(name)
            && !is_of_list
        {
            return self.put(position, format!("function `{name}` does not exist; did you mean {}?", spec.signature()));
        }
        let known: BTreeSet<usize> =
            self.functions.get(name).into_iter().chain(self.registry.natives.get(name)).flatten().copied().collect();
        if known.contains(&n_args) {
            return;
        }
        if self.is_local(name) && known.is_empty() {
            return self
                .put(position, format!("`{name}` is a variable; a closure in it is called with `{name}.call(...)`"));
        }
        let message = if known.is_empty() {
            format!("function `{name}` does not exist{}", self.did_you_mean(name))
        } else {
            format!("`{name}` takes {}, got {n_args}", arguments(known.iter().copied()))
        };
        self.put(position, message);
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        if self.in_tool_chain.contains(&std::ptr::from_ref(call)) {
            return;
        }
        let (name, n_args) = (call.name.as_str(), call.args.len());
        if let Some(spec) = self.registry.tools.get(name) {
            return self.put(position, format!("`{name}` is a function, not a method: {}", spec.signature()));
        }
        let as_native: BTreeSet<usize> = [&self.registry.natives, &self.registry.of_modules]
            .into_iter()
            .filter_map(|n| n.get(name))
            .flatten()
            .copied()
            .collect();
        let as_script = self.functions.get(name);
        let fits = as_native.contains(&(n_args + 1)) || as_script.is_some_and(|n| n.contains(&n_args));
        if fits || self.is_local(name) {
            return;
        }
        if ["eval", "exit", "sleep"].contains(&name) {
            return self.put(position, closed(name));
        }
        let n_known: Vec<usize> = as_native.into_iter().filter_map(|n| n.checked_sub(1)).collect();
        let message = if n_known.is_empty() {
            format!("no value has a method `{name}`{}", self.did_you_mean(name))
        } else {
            format!("method `{name}` takes {}, got {n_args}", arguments(n_known.into_iter()))
        };
        self.put(position, message);
    }

    /// `1 < x < 3` compares a bool with a number, which is false without a word.
    fn operator(&mut self, call: &FnCallExpr, position: Position) {
        const COMPARISONS: [&str; 4] = ["<", "<=", ">", ">="];
        let is_comparison = |call: &FnCallExpr| COMPARISONS.contains(&call.name.as_str()) && call.args.len() == 2;
        let has_comparison = call.args.iter().any(|arg| matches!(arg, Expr::FnCall(inner, _) if is_comparison(inner)));
        if is_comparison(call) && has_comparison {
            self.put(position, "comparisons cannot be chained; write `a < b && b < c`".to_owned());
        }
    }

    fn did_you_mean(&self, name: &str) -> String {
        let natives = self.registry.natives.keys().map(String::as_str);
        let near = nearest_name(name, natives.chain(self.functions.keys().map(String::as_str)));
        near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    }
}

/// The variable that an expression starts from.
pub fn variable_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        Expr::Dot(x, ..) | Expr::Index(x, ..) => variable_name(&x.lhs),
        _ => None,
    }
}

/// `a.b.c(...)` as a, b and c(...).
fn flatten<'a>(expression: &'a Expr, links: &mut Vec<&'a Expr>) {
    match expression {
        Expr::Dot(x, ..) | Expr::Index(x, ..) => {
            flatten(&x.lhs, links);
            flatten(&x.rhs, links);
        }
        other => links.push(other),
    }
}

fn closed(name: &str) -> String {
    let instead = CLOSED.iter().find(|(closed, _)| *closed == name).map_or("", |(_, instead)| instead);
    format!("`{name}` is not available: {instead}")
}

fn wrong_arity(path: &str, arity: std::ops::RangeInclusive<usize>, n_args: usize, signature: &str) -> String {
    format!("`{path}` takes {}, got {n_args}: {signature}", arguments(arity))
}

fn arguments(numbers: impl Iterator<Item = usize>) -> String {
    let numbers: Vec<usize> = numbers.collect();
    let is_row = numbers.len() > 3 && numbers.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
    let shown = match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) if is_row => format!("{first} to {last}"),
        _ => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    };
    let word = if numbers == [1] { "argument" } else { "arguments" };
    format!("{shown} {word}")
}
