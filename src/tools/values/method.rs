//! Methods of values that take several arguments: declared, bound and documented like tools.

use std::{any::TypeId, sync::Arc};

use rhai::{Dynamic, NativeCallContext, Variant};

use crate::tools::{Library, RhaiResult, Session, ToolError, ToolSpec};

/// Registers the method that `spec` declares, for every number of arguments and for a trailing map of keywords. A parameter that is left
/// out arrives as `()`. Methods are not counted as tool calls, but the kernel's stop is looked at first.
pub fn register<V: Variant + Clone, const N: usize, T: Variant + Clone>(
    library: &mut Library,
    spec: &'static ToolSpec,
    function: impl Fn(&Arc<Session>, &V, [Dynamic; N]) -> Result<T, ToolError> + Send + Sync + 'static,
) {
    let function = Arc::new(function);
    for n_args in 0..=N + 1 {
        let mut types = vec![TypeId::of::<V>()];
        types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), n_args));
        let function = function.clone();
        library.register_raw_fn(
            spec.name(),
            &types,
            move |context: NativeCallContext, args: &mut [&mut Dynamic]| -> RhaiResult<T> {
                let Some((receiver, own)) = args.split_first_mut() else {
                    return Err(ToolError::argument(format!("{} was called without a value", spec.path)).into());
                };
                let Some(value) = receiver.read_lock::<V>().map(|value| value.clone()) else {
                    return Err(ToolError::argument(format!("{} was called on another value", spec.path)).into());
                };
                let own = own.iter_mut().map(|arg| std::mem::take(*arg).flatten()).collect();
                let mut bound = spec.bind(own)?.into_iter();
                let args = std::array::from_fn(|_| bound.next().unwrap_or(Dynamic::UNIT));
                Ok(function(&Session::of(&context)?, &value, args)?)
            },
        );
    }
}
