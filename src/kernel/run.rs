//! One goal's kernel.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, Map, Scope};

use super::{
    Cell, CellError, CellReport, CellStatus, KernelContext, Limits, cell_error, engine, memory_quota,
    meter::Meter,
    nearest_name::nearest_name,
    nesting, reachable_end,
    source_map::SourceMap,
    source_text,
    static_check::{self, Known, Registry},
    variables::{self, Variables},
};
use crate::{
    error_code::ErrorCode,
    tools::{Session, StopReason, ToolContext, is_injected},
};

/// Mistakes reported of one cell.
const MAX_ERRORS: usize = 5;

/// Characters of a trailing expression's value.
const MAX_VALUE_CHARS: usize = 2000;

/// Runs cells one after the other; variables and functions stay. It must be used on the thread that made it, because its memory is
/// counted there.
pub struct Kernel {
    engine: Engine,
    scope: Scope<'static>,
    functions: AST,
    session: Arc<Session>,
    meter: Arc<Meter>,
    registry: Registry,
    sources: SourceMap,
    variables: Variables,
    limits: Limits,
    deadline: Instant,
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
        let session = Session::new(tool_context, cancel, deadline);
        let meter = Meter::new(limits, session.clone());
        let (engine, scope) = engine::build(&limits, &session, &meter);
        let registry = Registry::new(&engine);
        Kernel {
            engine,
            scope,
            functions: AST::empty(),
            session,
            meter,
            registry,
            sources: SourceMap::default(),
            variables: Variables::default(),
            limits,
            deadline,
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
        let started = Instant::now();
        let deadline =
            started.checked_add(self.limits.max_cell_time).map_or(self.deadline, |end| end.min(self.deadline));
        self.session.start_cell(deadline);
        self.meter.start_cell();
        let outcome = match self.session.stop.poll() {
            Some(_) => Ok(Ok(Dynamic::UNIT)),
            None => self.compiled(cell, is_program).map(|ast| self.evaluate(&ast)),
        };
        let (mut status, value) = match outcome {
            Err(errors) => (CellStatus::Rejected(errors), None),
            Ok(value) => self.ended(cell, value),
        };
        variables::compact(&mut self.scope);
        let dropped = self.drop_what_must_not_stay(&status);
        if !dropped.is_empty() {
            let notice = format!("dropped because they were too large or nested too deep: {}", dropped.join(", "));
            if let CellStatus::LimitReached(error) | CellStatus::Failed(error) = &mut status {
                error.message = format!("{}; {notice}", error.message);
            } else {
                self.session.print(&notice);
            }
        }
        self.report(status, value, started)
    }

    fn report(&mut self, status: CellStatus, value: Option<String>, started: Instant) -> CellReport {
        let variables = self.variables.update(&self.scope, is_injected);
        let produced = self.session.finish_cell();
        let mut stdout = produced.output.into_text();
        if produced.n_pictures_left_out > 0 {
            let (left_out, max) = (produced.n_pictures_left_out, self.limits.max_pictures);
            stdout.push_str(&format!("[{left_out} pictures left out; one cell shows at most {max}]\n"));
        }
        // Whoever reads the report frees it on another thread.
        let n_picture_bytes: usize = produced
            .pictures
            .iter()
            .filter(|picture| Arc::strong_count(&picture.image) == 1)
            .map(|picture| picture.image.as_raw().capacity())
            .sum();
        memory_quota::write_off(n_picture_bytes + stdout.capacity());
        let submission = match status {
            CellStatus::Completed => produced.submission,
            _ => None,
        };
        CellReport {
            status,
            stdout,
            value,
            variables,
            pictures: produced.pictures,
            submission,
            n_tool_calls: produced.n_tool_calls,
            elapsed: started.elapsed(),
        }
    }

    /// Reads and checks the cell; nothing has run when it is refused.
    fn compiled(&mut self, cell: &Cell, is_program: bool) -> Result<AST, Vec<CellError>> {
        let source = source_text::prepared(&cell.source)?;
        let Some(text) = self.sources.add(cell.id, &source) else {
            let message = "this goal's cells have too many lines together; submit what is known".to_owned();
            return Err(vec![CellError { line: None, column: None, message, code: Some(ErrorCode::BudgetExceeded) }]);
        };
        let ast = self.engine.compile_with_scope(&self.scope, &text).map_err(|error| {
            let in_scope = self.scope.iter_raw().map(|(name, ..)| name);
            let names: Vec<&str> = in_scope.chain(source_text::declared_names(&source)).collect();
            let nearest = |name: &str| nearest_name(name, names.iter().copied()).map(str::to_owned);
            vec![cell_error::of_parse(&error, &self.sources, nearest)]
        })?;
        let known = Known { functions: &self.functions, variables: self.callable_names() };
        let mut issues = static_check::check(&ast, &self.registry, &known);
        if is_program {
            issues.extend(reachable_end::check(&ast));
        }
        if issues.is_empty() {
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

    /// Variables, and keys of maps that hold closures.
    fn callable_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (name, _, value) in self.scope.iter_raw() {
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
                "the cell needs more than {} MiB; keep less in lists and strings",
                self.limits.max_memory_bytes >> 20
            )),
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
        let mut dropped = variables::remove_where(&mut self.scope, |_, value| nesting::is_too_deep(value));
        let is_memory =
            matches!(status, CellStatus::LimitReached(_)) && self.session.stop.reason() == Some(StopReason::Memory);
        if is_memory {
            let known = &self.variables;
            let is_of_cell = |name: &str, value: &Dynamic| {
                !is_injected(name) && (!known.contains(name) || known.has_changed(name, value))
            };
            dropped.extend(variables::remove_where(&mut self.scope, is_of_cell));
        }
        dropped
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
