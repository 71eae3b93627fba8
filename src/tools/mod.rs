//! Port: what a cell can call.
//!
//! Each group of tools is one file with its declarations (`SPECS`) and its `register`. A [`ToolSpec`] is the only place where a
//! tool's name, parameters and words stand: the static check, the manual and the tests are made from it. Tools know the
//! [`Session`] of their goal and nothing of the kernel that runs them. To add a tool: a spec and a `tools.add` in its group's file;
//! a new group also needs a line in [`groups`] and in [`register`].

pub mod arguments;
pub mod error;
pub mod geometry;
pub mod input_images;
pub mod measure;
pub mod metadata;
pub mod output;
pub mod overlay;
pub mod reconstruct;
pub mod return_answer;
pub mod sam3;
pub mod scene;
pub mod session;
pub mod show;
pub mod tf;
pub mod values;
pub mod viewpoint;

use std::{
    any::TypeId,
    fmt::Write,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub use error::{RhaiResult, ToolError};
use rhai::{Dynamic, Engine, NativeCallContext, Variant};

use crate::error_code::ErrorCode;
pub use session::{Session, StopReason, StopSignal, Submission, ToolContext};

/// One parameter of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Name in the signature.
    pub name: &'static str,
    /// What it takes, in words.
    pub kind: &'static str,
    /// May be left out.
    pub is_optional: bool,
}

impl Param {
    /// One that must be given.
    pub const fn required(name: &'static str, kind: &'static str) -> Param {
        Param { name, kind, is_optional: false }
    }

    /// One that may be left out.
    pub const fn optional(name: &'static str, kind: &'static str) -> Param {
        Param { name, kind, is_optional: true }
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
        let params: Vec<String> = self
            .params
            .iter()
            .map(|p| format!("{}{}: {}", p.name, if p.is_optional { "?" } else { "" }, p.kind))
            .collect();
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

    /// Fewest and most arguments.
    pub fn arity(&self) -> std::ops::RangeInclusive<usize> {
        self.params.iter().filter(|p| !p.is_optional).count()..=self.params.len()
    }
}

/// All declarations, in the order of the manual.
pub fn groups() -> [&'static [ToolSpec]; 7] {
    [scene::SPECS, geometry::SPECS, tf::SPECS, sam3::SPECS, reconstruct::SPECS, show::SPECS, return_answer::SPECS]
}

/// Every tool.
pub fn all() -> impl Iterator<Item = &'static ToolSpec> {
    groups().into_iter().flatten()
}

/// Names that a cell finds in scope and may not redefine.
pub const INJECTED: [&str; 3] = ["tools", "InputImages", "Metadata"];

/// The value of each injected name.
pub fn injected(session: &Arc<Session>) -> Vec<(&'static str, Dynamic)> {
    vec![
        ("tools", Dynamic::from(Tools)),
        ("InputImages", Dynamic::from(input_images::value(session))),
        ("Metadata", Dynamic::from(metadata::MetadataValue::new(session))),
    ]
}

/// Makes every tool and value known to `engine`.
pub fn register(engine: &mut Engine, session: &Arc<Session>) {
    error::register(engine);
    values::register(engine, session);
    metadata::register(engine);
    engine.register_type_with_name::<Tools>("tools");
    engine.register_fn("to_string", |_: &mut Tools| "tools".to_owned());
    scene::register(&mut Toolbox::new(engine, session, "Scene"));
    geometry::register(&mut Toolbox::new(engine, session, "Geometry"));
    tf::register(&mut Toolbox::new(engine, session, "TF"));
    sam3::register(&mut Toolbox::new(engine, session, "SAM3"));
    reconstruct::register(&mut Toolbox::new(engine, session, "Reconstruct"));
    show::register(engine, session);
    return_answer::register(engine, session);
}

/// The variable `tools`.
#[derive(Clone)]
pub struct Tools;

/// A group such as `tools.Scene`; `G` keeps the groups' functions apart.
#[derive(Clone)]
pub struct Group<G>(PhantomData<G>);

/// Registers the functions of one group.
pub struct Toolbox<'a, G> {
    engine: &'a mut Engine,
    session: &'a Arc<Session>,
    name: &'static str,
    group: PhantomData<G>,
}

impl<'a, G: Variant + Clone + Send + Sync> Toolbox<'a, G> {
    fn new(engine: &'a mut Engine, session: &'a Arc<Session>, name: &'static str) -> Self {
        engine
            .register_type_with_name::<Group<G>>(&format!("tools.{name}"))
            .register_get(name, |_: &mut Tools| Group::<G>(PhantomData))
            .register_fn("to_string", move |_: &mut Group<G>| format!("tools.{name}"));
        Toolbox { engine, session, name, group: PhantomData }
    }

    /// A function of exactly `N` arguments; each call is counted and the kernel's stop is looked at first.
    pub fn add<const N: usize, T: Variant + Clone>(
        &mut self,
        name: &'static str,
        function: impl Fn(&Arc<Session>, [Dynamic; N]) -> Result<T, ToolError> + Send + Sync + 'static,
    ) {
        let mut types = vec![TypeId::of::<Group<G>>()];
        types.extend([TypeId::of::<Dynamic>(); N]);
        let session = self.session.clone();
        let path = format!("tools.{}.{name}", self.name);
        self.engine.register_raw_fn(
            name,
            &types,
            move |_: NativeCallContext, args: &mut [&mut Dynamic]| -> RhaiResult<T> {
                session.begin_call(&path)?;
                let args = taken(args.get_mut(1..).unwrap_or_default());
                Ok(unbroken(&path, || function(&session, args))?)
            },
        );
    }
}

/// A panic in a tool as an error with the tool's name, so that the cell learns where it happened.
fn unbroken<T>(path: &str, call: impl FnOnce() -> Result<T, ToolError>) -> Result<T, ToolError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text =
            text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned());
        Err(ToolError::new(ErrorCode::InternalError, format!("{path} broke: {text}; try another way")))
    })
}

/// The arguments by value; a missing one is `()`.
fn taken<const N: usize>(args: &mut [&mut Dynamic]) -> [Dynamic; N] {
    let mut args = args.iter_mut();
    std::array::from_fn(|_| args.next().map_or(Dynamic::UNIT, |arg| std::mem::take(*arg).flatten()))
}

/// Median of `values`; NaN when empty.
pub fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return *middle;
    }
    (*middle + below.iter().copied().fold(f64::NEG_INFINITY, f64::max)) / 2.0
}

/// The manual of all tools and values, in Markdown, for prompts and documentation.
pub fn manual() -> String {
    let mut text = String::new();
    let mut group = None;
    for spec in all() {
        if group != Some(spec.group()) {
            group = Some(spec.group());
            let title = if spec.group().is_empty() { "Functions" } else { spec.group() };
            let _ = write!(text, "\n### {title}\n");
        }
        let _ = write!(text, "- `{}`\n  {}\n", spec.signature(), spec.doc);
    }
    text.push_str("\n### Values\n");
    for value in values::ALL.iter().chain([&metadata::SPEC]) {
        let _ = writeln!(text, "- **{}**: {}", value.name, value.doc);
        for (member, doc) in value.members {
            let _ = writeln!(text, "  - `{member}`: {doc}");
        }
    }
    text.trim_start().to_owned()
}
