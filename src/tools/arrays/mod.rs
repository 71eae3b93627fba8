//! Arrays in cells: the types `Arr`, `Bools` and `KDTree`, the values `np` and `math`, and everyday functions of Python on numbers.
//!
//! Every function is one entry of a table in `functions/` ([`declaration::Function`]): registration, manual and tested example come
//! from it. All of it is one module that the kernels of a process share, so a kernel costs nothing more; a function reaches its
//! goal's session through the engine's tag. To add a function: an entry in the table of its kind.

pub mod call;
pub mod convert;
pub mod declaration;
pub mod functions;
mod manual;
mod members;
mod operators;

use std::any::TypeId;

pub use call::SessionWork;
pub use manual::manual;
use rhai::{Dynamic, FuncRegistration, Module, NativeCallContext, RhaiFunc, Shared};

use self::{
    call::Call,
    declaration::{Form, Function, Run},
};
use crate::{
    array::{Arr, Bools, Tree, elementwise},
    tools::RhaiResult,
};

/// Stands for a new axis between the brackets of an index, as `np.newaxis`.
pub const NEW_AXIS: &str = "newaxis";

/// The value `np`.
#[derive(Clone)]
pub struct Numpy;

/// The value `math`.
#[derive(Clone)]
pub struct Math;

/// Names and values of `np` and `math`.
pub fn injected() -> [(&'static str, Dynamic); 2] {
    [("np", Dynamic::from(Numpy)), ("math", Dynamic::from(Math))]
}

/// Whether a function whose first parameter has this type belongs to `np` or `math`.
pub fn is_module(first: &TypeId) -> bool {
    [TypeId::of::<Numpy>(), TypeId::of::<Math>()].contains(first)
}

/// Every declared function, in the order of the manual.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    functions::ALL.iter().copied().flatten()
}

/// Arrays and their functions.
pub fn module() -> Module {
    let mut module = Module::new();
    module.set_custom_type::<Arr>("Arr");
    module.set_custom_type::<Bools>("Bools");
    module.set_custom_type::<Tree>("KDTree");
    module.set_custom_type::<Numpy>("np");
    module.set_custom_type::<Math>("math");
    for function in functions() {
        add_function(&mut module, function);
    }
    // Rhai's own ones for floats mean something else: halves go away from zero, and the logarithm is that to base 10.
    for name in ["round", "log"] {
        if let Some(function) = functions()
            .find(|function| matches!(function.form, Form::Bare | Form::Everywhere) && function.names.contains(&name))
        {
            add_for(&mut module, function, name, &[TypeId::of::<f64>()], 0);
        }
    }
    operators::add(&mut module);
    members::add(&mut module);
    module.build_index();
    module
}

fn add_function(module: &mut Module, function: &'static Function) {
    let dynamic = TypeId::of::<Dynamic>();
    let receivers: &[Option<TypeId>] = match function.form {
        Form::Np => &[Some(TypeId::of::<Numpy>())],
        Form::Method | Form::Everywhere => &[Some(TypeId::of::<Numpy>()), None],
        Form::Bare => &[None],
        Form::Math => &[Some(TypeId::of::<Math>())],
    };
    for receiver in receivers {
        for n_args in function.arity() {
            let mut types: Vec<TypeId> = receiver.iter().copied().collect();
            types.extend(std::iter::repeat_n(dynamic, n_args));
            let first = types.get_mut(0);
            if function.form == Form::Method
                && receiver.is_none()
                && let Some(first) = first
            {
                *first = TypeId::of::<Arr>();
            }
            let n_receivers = usize::from(receiver.is_some());
            for name in function.names {
                add_for(module, function, name, &types, n_receivers);
            }
        }
    }
}

fn add_for(module: &mut Module, function: &'static Function, name: &str, types: &[TypeId], n_receivers: usize) {
    add_raw(module, name, types, move |context, args| {
        let own = args.get_mut(n_receivers..).unwrap_or_default();
        let own = own.iter_mut().map(|arg| std::mem::take(*arg).flatten()).collect();
        run(&Call::new(&context, function, own)?, function)
    });
}

fn run(call: &Call<'_>, function: &'static Function) -> RhaiResult<Dynamic> {
    use elementwise::Whole::{Kept, Lost};
    let work = &call.work;
    let zip = |whole, f: fn(f64, f64) -> f64| -> RhaiResult<Dynamic> {
        Ok(convert::value(call.arr(0)?.zip(&call.arr(1)?, whole, work, f)?))
    };
    match function.run {
        Run::Call(f) => f(call),
        Run::Each(f) => Ok(convert::value(call.arr(0)?.map(Lost, work, f)?)),
        Run::EachWhole(f) => Ok(convert::value(call.arr(0)?.map(Kept, work, f)?)),
        Run::Pair(f) => zip(Lost, f),
        Run::PairWhole(f) => zip(Kept, f),
        Run::Test(f) => {
            let a = call.arr(0)?;
            Ok(convert::truth(elementwise::map(&a, work, f)?))
        }
        Run::TestPair(f) => {
            let (a, b) = (call.arr(0)?, call.arr(1)?);
            Ok(convert::truth(elementwise::zip(&a, &b, work, f)?))
        }
    }
}

/// Registers a function whose arguments are all handed over by value.
fn add_raw(
    module: &mut Module,
    name: &str,
    types: &[TypeId],
    function: impl Fn(NativeCallContext<'_>, &mut [&mut Dynamic]) -> RhaiResult<Dynamic> + Send + Sync + 'static,
) {
    let function = move |context: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| match context {
        Some(context) => function(context, args),
        None => Err(crate::tools::ToolError::argument("an array function was called without an engine").into()),
    };
    let function = RhaiFunc::Pure { func: Shared::new(function), has_context: true, is_pure: true, is_volatile: false };
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(module, types, function);
}
