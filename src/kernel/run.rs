//! One goal's kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    time::Instant,
};

use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, Map, Scope};

use super::{
    Cell, CellError, CellReport, CellStatus, KernelContext, LeftOut, Limits, MemoryUse, cell_error, engine,
    habits::{self, Lowered, Names},
    meter::{MAX_TEXT_BYTES, Meter},
    nearest_name::nearest_name,
    nesting, reachable_end,
    source_map::SourceMap,
    source_text,
    static_check::{self, Known, Registry},
    variables::{self, Variables},
};
use crate::{
    error_code::ErrorCode,
    memory::Account,
    tools::{Session, StopReason, ToolContext},
};

/// Mistakes reported of one cell.
const MAX_ERRORS: usize = 5;

/// A cell longer than this is a mistake.
const MAX_SOURCE_BYTES: usize = 200_000;

/// Characters of one error's message.
const MAX_MESSAGE_CHARS: usize = 4000;

/// Characters of a trailing expression's value.
const MAX_VALUE_CHARS: usize = 2000;

/// Runs cells one after the other; variables and functions stay.
pub struct Kernel {
    engine: Engine,
    scope: Scope<'static>,
    /// Names that every cell finds in scope, below those of cells.
    injected: BTreeSet<String>,
    functions: AST,
    session: Arc<Session>,
    meter: Arc<Meter>,
    registry: &'static Registry,
    sources: SourceMap,
    variables: Variables,
    limits: Limits,
    deadline: Instant,
    account: Account,
    /// Functions of all cells with their parameters.
    function_params: BTreeMap<String, Vec<Vec<String>>>,
    /// Variables that were set to another's value, with what that was.
    aliases: BTreeMap<String, String>,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.meter.dicts.clear();
    }
}

impl Kernel {
    /// A kernel for one goal.
    pub fn new(context: KernelContext) -> Kernel {
        let KernelContext {
            snapshot,
            perception,
            vlm,
            question,
            answer_kind,
            choices,
            target_frame,
            limits,
            cancel,
            deadline,
        } = context;
        let tool_context = ToolContext {
            snapshot,
            perception,
            vlm,
            question,
            answer_kind,
            choices,
            target_frame,
            max_tool_calls: limits.max_tool_calls,
            max_pictures: limits.max_pictures,
            max_output_bytes: limits.max_output_bytes,
            min_object_pixels: limits.min_object_pixels,
        };
        let account = Account::new();
        let entered = account.enter();
        let session = Session::new(tool_context, cancel, deadline);
        let meter = Meter::new(limits, session.clone(), account.clone());
        let host: Weak<Meter> = Arc::downgrade(&meter);
        let _ = session.host.set(host);
        let (engine, scope) = engine::build(&limits, &session, &meter);
        let registry = Registry::of(&engine);
        let injected = scope.iter_raw().map(|(name, ..)| name.to_owned()).collect();
        drop(entered);
        Kernel {
            engine,
            scope,
            injected,
            functions: AST::empty(),
            session,
            meter,
            registry,
            sources: SourceMap::default(),
            variables: Variables::default(),
            limits,
            deadline,
            account,
            function_params: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// Runs one cell. Whatever it does, the kernel can run the next one.
    pub fn run_cell(&mut self, cell: &Cell) -> CellReport {
        self.run(cell, false)
    }

    /// Runs a whole program, which is refused when it cannot reach `ReturnAnswer` or `Refuse`.
    pub fn run_program(&mut self, program: &Cell) -> CellReport {
        self.run(program, true)
    }

    fn run(&mut self, cell: &Cell, is_program: bool) -> CellReport {
        let account = self.account.clone();
        let _entered = account.enter();
        let started = Instant::now();
        let end = started.checked_add(self.limits.max_cell_time).unwrap_or(self.deadline);
        self.session.start_cell(end);
        self.meter.start_cell();
        let outcome = match self.session.stop.poll() {
            Some(_) => Ok(Ok(Dynamic::UNIT)),
            None => {
                let checked =
                    tracing::debug_span!("check", step = cell.id).in_scope(|| self.compiled(cell, is_program));
                checked.map(|ast| self.evaluate(&ast))
            }
        };
        if self.meter.is_over() {
            self.session.stop.stop(StopReason::Memory);
        }
        let (mut status, value) = match outcome {
            Err(errors) => (CellStatus::Rejected(errors), None),
            Ok(value) => self.ended(cell, value),
        };
        let n_injected = self.injected.len();
        variables::remove_hidden(&mut self.scope, n_injected);
        variables::compact(&mut self.scope, n_injected);
        let scope = &self.scope;
        self.aliases.retain(|name, _| scope.contains(name));
        let dropped = self.drop_what_must_not_stay(&status);
        if !dropped.is_empty() {
            let notice = format!("dropped because they were too large or nested too deep: {}", dropped.join(", "));
            if let CellStatus::LimitReached(error) | CellStatus::Failed(error) = &mut status {
                error.message = format!("{}; {notice}", error.message);
            } else {
                self.session.print(&notice);
            }
        }
        self.report(status, value, dropped, started)
    }

    fn report(
        &mut self,
        mut status: CellStatus,
        value: Option<String>,
        dropped: Vec<String>,
        started: Instant,
    ) -> CellReport {
        for_each_error(&mut status, |error| error.message = shortened_message(std::mem::take(&mut error.message)));
        let (variables, unchanged) = self.variables.update(&self.scope, self.injected.len());
        let produced = self.session.finish_cell();
        let output_bytes = produced.output.n_left_out();
        let mut stdout = produced.output.into_text();
        if produced.n_pictures_left_out > 0 {
            let (left_out, max) = (produced.n_pictures_left_out, self.limits.max_pictures);
            stdout.push_str(&format!("[{left_out} pictures left out; one cell shows at most {max}]\n"));
        }
        let submission = match status {
            CellStatus::Completed => produced.submission,
            _ => None,
        };
        CellReport {
            status,
            stdout,
            value,
            variables,
            unchanged,
            left_out: LeftOut { output_bytes, pictures: produced.n_pictures_left_out, dropped },
            pictures: produced.pictures,
            submission,
            n_tool_calls: produced.n_tool_calls,
            memory: MemoryUse {
                held_bytes: self.meter.held_bytes(),
                peak_bytes: self.meter.peak_bytes(),
                max_bytes: self.limits.max_memory_bytes,
            },
            elapsed: started.elapsed(),
        }
    }

    /// Reads and checks the cell; nothing has run when it is refused.
    fn compiled(&mut self, cell: &Cell, is_program: bool) -> Result<AST, Vec<CellError>> {
        let lowered = self.lowered(cell)?;
        let (aliases, unread) = (lowered.aliases.clone(), lowered.unread);
        let Some(text) = self.sources.add(cell.id, &cell.source, lowered) else {
            let message = "this goal's cells have too many lines together; submit what is known".to_owned();
            return Err(vec![CellError { line: None, column: None, message, code: Some(ErrorCode::BudgetExceeded) }]);
        };
        let ast = self.engine.compile_with_scope(&self.scope, &text).map_err(|error| {
            let in_scope = self.scope.iter_raw().map(|(name, ..)| name);
            let names: Vec<&str> = in_scope.chain(source_text::declared_names(&text)).collect();
            let nearest = |name: &str| nearest_name(name, names.iter().copied()).map(str::to_owned);
            vec![cell_error::of_parse(&error, &self.sources, nearest)]
        })?;
        let known = Known { functions: &self.functions, variables: self.callable_names(), injected: &self.injected };
        let mut issues = static_check::check(&ast, self.registry, known);
        if is_program {
            issues.extend(reachable_end::check(&ast));
        }
        if issues.is_empty() {
            if let Some((line, column)) = unread {
                // What Rhai can read and we cannot may mean another thing than it seems to.
                let message = "this statement cannot be read; write it in a simpler way, one step a line".to_owned();
                return Err(vec![CellError { line: Some(line), column: Some(column), message, code: None }]);
            }
            self.aliases = aliases;
            return Ok(ast);
        }
        Err(issues
            .into_iter()
            .take(MAX_ERRORS)
            .map(|issue| {
                let place = self.sources.place(issue.position);
                let (line, column) = (place.map(|p| p.line), place.and_then(|p| p.column));
                CellError { line, column, message: issue.message, code: None }
            })
            .collect())
    }

    /// The cell as Rhai reads it.
    fn lowered(&self, cell: &Cell) -> Result<Lowered, Vec<CellError>> {
        let n_bytes = cell.source.len();
        if n_bytes > MAX_SOURCE_BYTES {
            let message = format!("the cell has {n_bytes} bytes, at most {MAX_SOURCE_BYTES} are taken; split it");
            return Err(vec![CellError { line: None, column: None, message, code: None }]);
        }
        let entries = || variables::own(&self.scope, self.injected.len());
        let names = Names {
            injected: &self.injected,
            variables: entries().map(|(name, ..)| name).collect(),
            closures: entries().filter(|(_, _, value)| value.is::<FnPtr>()).map(|(name, ..)| name).collect(),
            constants: entries().filter(|(_, is_constant, _)| *is_constant).map(|(name, ..)| name).collect(),
            is_built_in: static_check::is_built_in,
            functions: &self.function_params,
            natives: self.registry.functions(),
            aliases: &self.aliases,
        };
        habits::lower(&cell.source, &names).map_err(|mistakes| {
            let told = mistakes.into_iter().take(MAX_ERRORS).map(|mistake| {
                let message = match mistake.fix {
                    Some(fix) => format!("{}; the line would be: {fix}", mistake.message),
                    None => mistake.message,
                };
                CellError { line: Some(mistake.line), column: Some(mistake.column), message, code: None }
            });
            told.collect()
        })
    }

    /// Variables, and keys of maps that hold closures.
    fn callable_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (name, _, value) in variables::own(&self.scope, self.injected.len()) {
            names.insert(name.to_owned());
            if let Some(map) = value.read_lock::<Map>() {
                names.extend(map.iter().filter(|(_, item)| item.is::<FnPtr>()).map(|(key, _)| key.to_string()));
            }
        }
        names
    }

    fn evaluate(&mut self, ast: &AST) -> Result<Dynamic, Interruption> {
        let all = self.functions.merge(ast);
        // Closures that outlive the cell are looked up by the names of their anonymous functions, so those stay as well.
        self.functions = all.clone_functions_only();
        for function in ast.iter_functions().filter(|function| !function.name.starts_with("anon$")) {
            let params: Vec<String> = function.params.iter().map(|param| (*param).to_owned()).collect();
            let known = self.function_params.entry(function.name.to_owned()).or_default();
            known.retain(|other| other.len() != params.len());
            known.push(params);
        }
        let run = || self.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &all);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Interruption::Error(error)),
            Err(panic) => Err(Interruption::Panic(panic_text(panic.as_ref()))),
        }
    }

    fn ended(&self, cell: &Cell, outcome: Result<Dynamic, Interruption>) -> (CellStatus, Option<String>) {
        let limit = |message: String| {
            let at = match &outcome {
                Err(Interruption::Error(error)) => cell_error::of_run(error, &self.sources, cell.id),
                _ => CellError { line: None, column: None, message: String::new(), code: None },
            };
            CellStatus::LimitReached(CellError { message, code: Some(ErrorCode::BudgetExceeded), ..at })
        };
        // A reason stands even if the script caught the error that carried it.
        let status = match self.session.stop.reason() {
            Some(StopReason::Answered) => CellStatus::Completed,
            Some(StopReason::Cancelled) => CellStatus::Cancelled,
            Some(StopReason::TimedOut) => CellStatus::TimedOut,
            Some(StopReason::Operations) => limit(format!(
                "the cell took more than {} operations; loop less and leave bulk work to tools",
                self.limits.max_operations
            )),
            Some(StopReason::Memory) => limit(format!(
                "the cell needs more than {} MiB; keep less in lists, texts and arrays",
                self.limits.max_memory_bytes >> 20
            )),
            Some(StopReason::Text) => {
                limit(format!("a text is longer than {} MiB; keep pieces in a list", MAX_TEXT_BYTES >> 20))
            }
            Some(StopReason::Allocations) => {
                limit("the cell copied too much; avoid copying nested lists in a loop".to_owned())
            }
            None => match outcome {
                Ok(value) => return (CellStatus::Completed, value_text(&value)),
                Err(Interruption::Error(error)) => self.failed(&error, cell),
                Err(Interruption::Panic(text)) => CellStatus::Failed(CellError {
                    line: None,
                    column: None,
                    message: format!("a tool broke: {text}; try another way"),
                    code: Some(ErrorCode::InternalError),
                }),
            },
        };
        (status, None)
    }

    fn failed(&self, error: &EvalAltResult, cell: &Cell) -> CellStatus {
        let mut found = cell_error::of_run(error, &self.sources, cell.id);
        let mut inner = error;
        while let EvalAltResult::ErrorInFunctionCall(_, _, next, _) = inner {
            inner = next;
        }
        let too_much = match inner {
            EvalAltResult::ErrorStackOverflow(_) => {
                Some(format!("calls are nested deeper than {}; use a loop", self.limits.max_call_depth))
            }
            EvalAltResult::ErrorTooManyVariables(_) => {
                Some("there are too many variables; put values into a list or map".to_owned())
            }
            EvalAltResult::ErrorDataTooLarge(what, _) => Some(format!("{what} is too large")),
            _ => None,
        };
        if let Some(message) = too_much {
            found = CellError { message, code: Some(ErrorCode::BudgetExceeded), ..found };
        }
        match found.code {
            Some(ErrorCode::BudgetExceeded) => CellStatus::LimitReached(found),
            _ => CellStatus::Failed(found),
        }
    }

    /// A value that was too large would end every later cell, and one that is nested too deep would end the thread.
    fn drop_what_must_not_stay(&mut self, status: &CellStatus) -> Vec<String> {
        let mut dropped =
            variables::remove_where(&mut self.scope, self.injected.len(), |_, value| nesting::is_too_deep(value));
        let is_memory =
            matches!(status, CellStatus::LimitReached(_)) && self.session.stop.reason() == Some(StopReason::Memory);
        if is_memory {
            let known = &self.variables;
            let is_of_cell = |name: &str, value: &Dynamic| !known.contains(name) || known.has_changed(name, value);
            dropped.extend(variables::remove_where(&mut self.scope, self.injected.len(), is_of_cell));
        }
        dropped
    }
}

fn for_each_error(status: &mut CellStatus, change: impl Fn(&mut CellError)) {
    match status {
        CellStatus::Rejected(errors) => errors.iter_mut().for_each(change),
        CellStatus::Failed(error) | CellStatus::LimitReached(error) => change(error),
        CellStatus::Completed | CellStatus::TimedOut | CellStatus::Cancelled => {}
    }
}

/// A script can throw any text, and a message is read whole.
fn shortened_message(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((cut, _)) => {
            let n_more = message.chars().count() - MAX_MESSAGE_CHARS;
            format!("{}... ({n_more} characters more)", message.get(..cut).unwrap_or_default())
        }
        None => message,
    }
}

/// Why a script did not reach its end.
enum Interruption {
    Error(Box<EvalAltResult>),
    Panic(String),
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}

fn value_text(value: &Dynamic) -> Option<String> {
    if value.is_unit() || nesting::is_too_deep(value) {
        return None;
    }
    let text = variables::summary(value);
    Some(text.chars().take(MAX_VALUE_CHARS).collect())
}
