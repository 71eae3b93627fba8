//! One call of an array function: its arguments by name, and what it may ask of the session.

use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, NativeCallContext, Position};

use super::{convert, declaration::Function};
use crate::{
    array::{Arr, ArrayError, ArrayResult, Bools, Work, reduce::Over},
    tools::{RhaiResult, Session, ToolError, arguments::describe},
};

/// Asks the session for room and whether to go on.
#[derive(Clone)]
pub struct SessionWork(Option<Arc<Session>>);

impl SessionWork {
    /// Of the goal whose kernel calls.
    pub fn of(context: &NativeCallContext<'_>) -> SessionWork {
        SessionWork(Session::find(context))
    }

    /// Without a goal: only single allocations are bounded.
    pub const fn none() -> SessionWork {
        SessionWork(None)
    }
}

impl Work for SessionWork {
    fn room(&self, n_bytes: usize) -> ArrayResult<()> {
        let granted = match &self.0 {
            Some(session) => session.require_room(n_bytes),
            None => Session::require_modest(n_bytes),
        };
        granted.map_err(|error| match *error {
            EvalAltResult::ErrorTerminated(..) => ArrayError::Interrupted,
            EvalAltResult::ErrorRuntime(value, _) => ArrayError::NoRoom(
                value.read_lock::<ToolError>().map_or_else(|| value.to_string(), |error| error.message.clone()),
            ),
            other => ArrayError::NoRoom(other.to_string()),
        })
    }

    fn proceed(&self) -> ArrayResult<()> {
        match &self.0 {
            Some(session) if session.stop.poll().is_some() => Err(ArrayError::Interrupted),
            _ => Ok(()),
        }
    }
}

impl From<ArrayError> for Box<EvalAltResult> {
    fn from(error: ArrayError) -> Self {
        match error {
            ArrayError::Interrupted => Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)),
            other => ToolError::from(other).into(),
        }
    }
}

/// A call with its arguments in the order of the parameters; one that is left out is `()`.
pub struct Call<'a> {
    /// Of the engine.
    pub context: &'a NativeCallContext<'a>,
    /// For bulk work.
    pub work: SessionWork,
    function: &'static Function,
    args: Vec<Dynamic>,
}

impl<'a> Call<'a> {
    /// Positional arguments, then perhaps a map of keywords.
    ///
    /// # Errors
    /// Too many arguments, a missing one, or a keyword that does not exist.
    pub fn new(
        context: &'a NativeCallContext<'a>,
        function: &'static Function,
        mut args: Vec<Dynamic>,
    ) -> RhaiResult<Call<'a>> {
        let mistake = |what: String| -> Box<EvalAltResult> {
            ToolError::argument(format!("{what}; call it as {}", function.signature())).into()
        };
        let name = function.name();
        let mut keywords = Map::new();
        if let Some(map) = args.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
            keywords = map;
            args.pop();
        }
        let n_positional = args.len();
        let params = function.params;
        if n_positional > params.len() && !function.is_variadic() {
            return Err(mistake(format!("{name} got {n_positional} arguments, takes at most {}", params.len())));
        }
        args.resize(n_positional.max(params.len()), Dynamic::UNIT);
        for (key, value) in keywords {
            let Some(at) = params.iter().position(|param| param.trim_end_matches('?') == key.as_str()) else {
                return Err(mistake(format!("{name} has no parameter `{key}`")));
            };
            if at < n_positional {
                return Err(mistake(format!("{name} got `{key}` twice")));
            }
            if let Some(slot) = args.get_mut(at) {
                *slot = value;
            }
        }
        for (param, value) in params.iter().zip(&args).skip(n_positional) {
            if value.is_unit() && !param.ends_with(['?', '.']) {
                return Err(mistake(format!("{name} needs `{param}`")));
            }
        }
        Ok(Call { context, work: SessionWork::of(context), function, args })
    }

    /// The argument in this place.
    pub fn arg(&self, at: usize) -> &Dynamic {
        const NOTHING: &Dynamic = &Dynamic::UNIT;
        self.args.get(at).unwrap_or(NOTHING)
    }

    /// All arguments, also beyond the declared ones.
    pub fn args(&self) -> &[Dynamic] {
        &self.args
    }

    /// Whether the argument was given.
    pub fn has(&self, at: usize) -> bool {
        !self.arg(at).is_unit()
    }

    /// Name of the parameter in this place.
    pub fn param(&self, at: usize) -> &'static str {
        self.function.params.get(at).map_or("the argument", |param| param.trim_end_matches(['?', '.']))
    }

    /// Numbers.
    ///
    /// # Errors
    /// When it is something else.
    pub fn arr(&self, at: usize) -> RhaiResult<Arr> {
        if !self.has(at) {
            return Err(self.mistake(format!("{} is missing", self.param(at))));
        }
        Ok(convert::arr(self.arg(at), self.param(at))?)
    }

    /// Numbers, if given.
    ///
    /// # Errors
    /// When it is something else.
    pub fn optional_arr(&self, at: usize) -> RhaiResult<Option<Arr>> {
        if self.has(at) { self.arr(at).map(Some) } else { Ok(None) }
    }

    /// Truth values.
    ///
    /// # Errors
    /// When it is something else.
    pub fn bools(&self, at: usize) -> RhaiResult<Bools> {
        Ok(convert::bools(self.arg(at), self.param(at))?)
    }

    /// A number, if given; it may be infinite or NaN.
    ///
    /// # Errors
    /// When it is something else.
    pub fn optional_number(&self, at: usize) -> RhaiResult<Option<f64>> {
        if !self.has(at) {
            return Ok(None);
        }
        match convert::optional_arr(self.arg(at), self.param(at))?.and_then(|arr| arr.one()) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wanted(at, "a number")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(&self, at: usize) -> RhaiResult<f64> {
        self.optional_number(at)?.ok_or_else(|| self.wanted(at, "a number"))
    }

    /// An integer, if given.
    ///
    /// # Errors
    /// When it is something else.
    pub fn optional_int(&self, at: usize) -> RhaiResult<Option<i64>> {
        match self.optional_number(at)? {
            None => Ok(None),
            Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => Ok(Some(value as i64)),
            Some(_) => Err(self.wanted(at, "an integer")),
        }
    }

    /// A count, or `otherwise`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn count(&self, at: usize, otherwise: usize) -> RhaiResult<usize> {
        match self.optional_int(at)? {
            None => Ok(otherwise),
            Some(n) => usize::try_from(n).map_err(|_| self.wanted(at, "an integer from 0 on")),
        }
    }

    /// A truth value, or `otherwise`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, at: usize, otherwise: bool) -> RhaiResult<bool> {
        if !self.has(at) {
            return Ok(otherwise);
        }
        self.arg(at).as_bool().map_err(|_| self.wanted(at, "true or false"))
    }

    /// A word, if given.
    ///
    /// # Errors
    /// When it is something else.
    pub fn word(&self, at: usize) -> RhaiResult<Option<String>> {
        if !self.has(at) {
            return Ok(None);
        }
        let word = self.arg(at).read_lock::<ImmutableString>().map(|word| word.to_string());
        word.map(Some).ok_or_else(|| self.wanted(at, "a string"))
    }

    /// Lengths of axes: an integer or a list of them.
    ///
    /// # Errors
    /// When it is something else.
    pub fn lengths(&self, value: &Dynamic) -> RhaiResult<Vec<i64>> {
        if value.is_array() && value.read_lock::<Array>().is_some_and(|list| list.is_empty()) {
            return Ok(Vec::new());
        }
        Ok(convert::arr(value, "the shape")?.positions()?)
    }

    /// Lengths of axes from 0 on.
    ///
    /// # Errors
    /// When it is something else.
    pub fn shape(&self, at: usize) -> RhaiResult<Vec<usize>> {
        self.lengths(self.arg(at))?
            .into_iter()
            .map(|length| usize::try_from(length).map_err(|_| self.wanted(at, "lengths from 0 on")))
            .collect()
    }

    /// What is taken together: everything when no axis is given.
    ///
    /// # Errors
    /// When the axis is no integer.
    pub fn over(&self, at: usize) -> RhaiResult<Over> {
        if !self.has(at) {
            return Ok(Over::All);
        }
        Ok(Over::Axes(convert::arr(self.arg(at), "axis")?.positions()?))
    }

    /// Several arrays, from one list.
    ///
    /// # Errors
    /// When it is no list of arrays.
    pub fn arrays(&self, at: usize) -> RhaiResult<Vec<Arr>> {
        let Some(list) = self.arg(at).read_lock::<Array>() else {
            let arr = self.arr(at)?;
            let n_rows = arr.shape().first().copied().unwrap_or(0);
            return (0..n_rows).map(|i| Ok(arr.row(i)?)).collect();
        };
        list.iter().enumerate().map(|(i, item)| Ok(convert::arr(item, &format!("{}[{i}]", self.param(at)))?)).collect()
    }

    /// A mistake with this call.
    pub fn mistake(&self, what: impl std::fmt::Display) -> Box<EvalAltResult> {
        ToolError::argument(format!("{}: {what}", self.function.name())).into()
    }

    /// The argument is something else than wanted.
    pub fn wanted(&self, at: usize, wanted: &str) -> Box<EvalAltResult> {
        self.mistake(format!("{} is {}, wanted {wanted}", self.param(at), describe(self.arg(at))))
    }
}
