//! Port: what a cell can call.
//!
//! Each group of tools is one file with its declarations (`SPECS`) and its `register`. A [`ToolSpec`] is the only place where a
//! tool's name, parameters and words stand: the static check, the manual and the tests are made from it. Tools know the
//! [`Session`] of their goal and nothing of the kernel that runs them. To add a tool: a spec and a `tools.add` in its group's file;
//! a new group also needs a line in [`groups`] and in [`register`].

pub mod arguments;
pub mod arrays;
pub mod bev;
pub mod colors;
pub mod declaration;
pub mod draw;
pub mod error;
pub mod geometry;
pub mod graph;
pub mod ground;
pub mod input_images;
pub mod library;
pub mod mask_tools;
pub mod measure;
pub mod metadata;
pub mod ocr;
pub mod output;
pub mod overlay;
pub mod pixel_shapes;
pub mod quantity;
pub mod reconstruct;
pub mod reference;
pub mod return_answer;
pub mod sam3;
pub mod scene;
pub mod session;
pub mod show;
pub mod tf;
pub mod time;
pub mod values;
pub mod viewpoint;
pub mod vlm;

use std::{
    any::TypeId,
    collections::BTreeMap,
    fmt::Write,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

pub use declaration::{Kind, Param, TEXT, ToolSpec};
pub use error::{RhaiResult, ToolError};
pub use library::Library;
use rhai::{Dynamic, NativeCallContext, Variant};

use crate::{error_code::ErrorCode, memory};
pub use session::{Host, Session, StopReason, StopSignal, Submission, ToolContext};

/// All declarations, in the order of the manual.
pub fn groups() -> [&'static [ToolSpec]; 14] {
    [
        scene::SPECS,
        geometry::SPECS,
        tf::SPECS,
        sam3::SPECS,
        reconstruct::SPECS,
        vlm::SPECS,
        quantity::SPECS,
        mask_tools::SPECS,
        time::SPECS,
        graph::SPECS,
        draw::SPECS,
        ocr::SPECS,
        show::SPECS,
        return_answer::SPECS,
    ]
}

/// Every tool.
pub fn all() -> impl Iterator<Item = &'static ToolSpec> {
    groups().into_iter().flatten()
}

/// Names that a cell finds in scope and may not redefine; so are the groups of tools under their own names, see [`is_injected`].
pub const INJECTED: &[&str] = &["tools", "InputImages", "Metadata", "np", "math"];

/// One variable per camera begins like this.
const CAMERA_PREFIX: &str = "InputImages_";

/// Whether a cell finds this name in scope and may not redefine it.
pub fn is_injected(name: &str) -> bool {
    INJECTED.contains(&name) || name.starts_with(CAMERA_PREFIX) || group_path(name).is_some()
}

/// The group of tools that a bare name such as `Geometry` stands for: `tools.Geometry`.
pub fn group_path(name: &str) -> Option<&'static str> {
    static PATHS: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
    let paths = PATHS.get_or_init(|| {
        let _outside = memory::outside();
        let named = |group: &'static str| Some((group.rsplit('.').next()?, group));
        all().map(ToolSpec::group).filter(|group| !group.is_empty()).filter_map(named).collect()
    });
    paths.get(name).copied()
}

/// The declaration of the tool or function at `path`.
pub fn find(path: &str) -> Option<&'static ToolSpec> {
    static SPECS: OnceLock<BTreeMap<&'static str, &'static ToolSpec>> = OnceLock::new();
    let specs = SPECS.get_or_init(|| {
        let _outside = memory::outside();
        all().map(|spec| (spec.path, spec)).collect()
    });
    specs.get(path).copied()
}

/// The value of each injected name.
pub fn injected(session: &Arc<Session>) -> Vec<(String, Dynamic)> {
    let images = input_images::value(session);
    let mut values = vec![
        ("tools".to_owned(), Dynamic::from(Tools)),
        ("Metadata".to_owned(), Dynamic::from(metadata::MetadataValue::new(session))),
    ];
    for (camera, frames) in images.of_each_camera() {
        values.push((camera_variable(&camera), Dynamic::from(frames)));
    }
    values.push(("InputImages".to_owned(), Dynamic::from(images)));
    values.extend(group_values());
    values.extend(arrays::injected().map(|(name, value)| (name.to_owned(), value)));
    values
}

/// `InputImages_front_left` for the camera `front/left`.
pub fn camera_variable(camera: &str) -> String {
    let word: String = camera.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{CAMERA_PREFIX}{word}")
}

/// Each group under its own name, so that `Geometry.height(x)` is `tools.Geometry.height(x)`.
fn group_values() -> Vec<(String, Dynamic)> {
    fn value<G: Variant + Clone + Send + Sync>(name: &str) -> (String, Dynamic) {
        (name.to_owned(), Dynamic::from(Group::<G>(PhantomData)))
    }
    vec![
        value::<scene::Scene>("Scene"),
        value::<geometry::Geometry>("Geometry"),
        value::<tf::Tf>("TF"),
        value::<sam3::Sam3>("SAM3"),
        value::<reconstruct::Reconstruct>("Reconstruct"),
        value::<vlm::Vlm>("vlm"),
        value::<mask_tools::MaskTools>("Mask"),
        value::<time::Time>("Time"),
        value::<graph::Graph>("Graph"),
        value::<draw::Draw>("Draw"),
        value::<ocr::Ocr>("OCR"),
    ]
}

/// Makes every tool and value known to cells.
pub fn register(library: &mut Library) {
    error::register(library);
    values::register(library);
    metadata::register(library);
    library.register_type_with_name::<Tools>("tools");
    library.register_fn("to_string", |_: &mut Tools| "tools".to_owned());
    scene::register(&mut Toolbox::of_tools(library, "Scene"));
    geometry::register(&mut Toolbox::of_tools(library, "Geometry"));
    tf::register(&mut Toolbox::of_tools(library, "TF"));
    sam3::register(&mut Toolbox::of_tools(library, "SAM3"));
    reconstruct::register(&mut Toolbox::of_tools(library, "Reconstruct"));
    vlm::register(&mut Toolbox::new(library, "vlm".to_owned()));
    quantity::register(library);
    mask_tools::register(&mut Toolbox::of_tools(library, "Mask"));
    time::register(&mut Toolbox::of_tools(library, "Time"));
    graph::register(&mut Toolbox::of_tools(library, "Graph"));
    draw::register(&mut Toolbox::of_tools(library, "Draw"));
    ocr::register(&mut Toolbox::of_tools(library, "OCR"));
    show::register(library);
    return_answer::register(library);
}

/// The variable `tools`.
#[derive(Clone)]
pub struct Tools;

/// A group such as `tools.Scene`; `G` keeps the groups' functions apart.
#[derive(Clone)]
pub struct Group<G>(PhantomData<G>);

/// Registers the functions of one group.
pub struct Toolbox<'a, G> {
    library: &'a mut Library,
    path: String,
    group: PhantomData<G>,
}

impl<'a, G: Variant + Clone + Send + Sync> Toolbox<'a, G> {
    /// A group that is a property of `tools`.
    fn of_tools(library: &'a mut Library, name: &'static str) -> Self {
        library.register_get(name, |_: &mut Tools| Group::<G>(PhantomData));
        Toolbox::new(library, format!("tools.{name}"))
    }

    fn new(library: &'a mut Library, path: String) -> Self {
        let shown = path.clone();
        library
            .register_type_with_name::<Group<G>>(&path)
            .register_fn("to_string", move |_: &mut Group<G>| shown.clone());
        Toolbox { library, path, group: PhantomData }
    }

    /// The function declared as `<group>.<name>`, over all its parameters in order: one that is left out arrives as `()`. Each call is
    /// counted and the kernel's stop is looked at first. A name that is not declared is not registered.
    pub fn add<const N: usize, T: Variant + Clone>(
        &mut self,
        name: &'static str,
        function: impl Fn(&Arc<Session>, [Dynamic; N]) -> Result<T, ToolError> + Send + Sync + 'static,
    ) {
        let path = format!("{}.{name}", self.path);
        let Some(spec) = find(&path).filter(|spec| spec.params.len() == N) else {
            tracing::error!(path, n_parameters = N, "a tool does not fit its declaration");
            return;
        };
        let receiver = Some(TypeId::of::<Group<G>>());
        let function = move |session: &Arc<Session>, args| {
            session.begin_call(spec.path)?;
            Ok(unbroken(spec.path, || function(session, args))?)
        };
        register_all_arities(self.library, spec, receiver, function);
    }
}

/// A bare function such as `show`, bound to its declaration like a tool; it is not counted as a tool call.
fn register_function<const N: usize, T: Variant + Clone>(
    library: &mut Library,
    spec: &'static ToolSpec,
    function: impl Fn(&Arc<Session>, [Dynamic; N]) -> RhaiResult<T> + Send + Sync + 'static,
) {
    register_all_arities(library, spec, None, function);
}

/// Registers one function for every number of arguments, one more than the parameters for a trailing map of keywords.
fn register_all_arities<const N: usize, T: Variant + Clone>(
    library: &mut Library,
    spec: &'static ToolSpec,
    receiver: Option<TypeId>,
    function: impl Fn(&Arc<Session>, [Dynamic; N]) -> RhaiResult<T> + Send + Sync + 'static,
) {
    let function = Arc::new(function);
    let n_most = if spec.is_variadic() { *spec.arity().end() } else { N };
    for n_args in 0..=n_most + 1 {
        let mut types: Vec<TypeId> = receiver.into_iter().collect();
        types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), n_args));
        let function = function.clone();
        let n_receivers = usize::from(receiver.is_some());
        library.register_raw_fn(
            spec.name(),
            &types,
            move |context: NativeCallContext, args: &mut [&mut Dynamic]| -> RhaiResult<T> {
                let own = args.get_mut(n_receivers..).unwrap_or_default();
                // Rhai hands over a variable itself as the first argument of a bare function; the others are copies.
                let is_variable = |i: usize| n_receivers == 0 && i == 0;
                let own = own.iter_mut().enumerate();
                let own = own
                    .map(|(i, arg)| if is_variable(i) { arg.flatten_clone() } else { std::mem::take(*arg).flatten() })
                    .collect();
                let mut bound = spec.bind(own)?.into_iter();
                function(&Session::of(&context)?, std::array::from_fn(|_| bound.next().unwrap_or(Dynamic::UNIT)))
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
    format!("{}\n### Arrays\n{}\n{}", functions_manual(), arrays::manual(), values_manual())
}

/// The manual of all tools.
pub fn functions_manual() -> String {
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
    text.push_str("\n### Methods\n");
    for spec in values::methods() {
        let _ = write!(text, "- `{}`\n  {}\n", spec.signature(), spec.doc);
    }
    text.trim_start().to_owned()
}

/// The manual of the values that tools take and return.
pub fn values_manual() -> String {
    let mut text = String::from("### Values\n");
    for value in values::ALL.iter().chain([&metadata::SPEC]) {
        let _ = writeln!(text, "- **{}**: {}", value.name, value.doc);
        for (member, doc) in value.members {
            let _ = writeln!(text, "  - `{member}`: {doc}");
        }
    }
    text
}
