//! Functions and types of cells, made once for all goals: registering some thousand of them takes longer than most cells.

use std::any::TypeId;

use rhai::{
    Dynamic, FuncRegistration, Identifier, Module, NativeCallContext, RhaiFunc, RhaiNativeFunc, Shared, Variant,
};

use super::{RhaiResult, ToolError};

/// Collects what [`rhai::Engine`] would be told, with its names, in a module that many engines share. A function that needs its goal
/// asks [`super::Session::of`].
#[derive(Default)]
pub struct Library(Module);

impl Library {
    /// As [`rhai::Engine::register_fn`].
    pub fn register_fn<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        name: impl AsRef<str>,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        let name = Identifier::from(name.as_ref());
        FuncRegistration::new(name).in_global_namespace().set_into_module(&mut self.0, function);
        self
    }

    /// As [`rhai::Engine::register_get`].
    pub fn register_get<A: 'static, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        name: impl AsRef<str>,
        getter: impl RhaiNativeFunc<A, 1, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        FuncRegistration::new_getter(name).set_into_module(&mut self.0, getter);
        self
    }

    /// As [`rhai::Engine::register_indexer_get`].
    pub fn register_indexer_get<A: 'static, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        getter: impl RhaiNativeFunc<A, 2, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        FuncRegistration::new_index_getter().set_into_module(&mut self.0, getter);
        self
    }

    /// As [`rhai::Engine::register_indexer_set`].
    pub fn register_indexer_set<A: 'static, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        setter: impl RhaiNativeFunc<A, 3, X, R, F> + Send + Sync + 'static,
    ) -> &mut Self {
        FuncRegistration::new_index_setter().set_into_module(&mut self.0, setter);
        self
    }

    /// As [`rhai::Engine::register_raw_fn`].
    pub fn register_raw_fn<T: Variant + Clone>(
        &mut self,
        name: &str,
        types: impl AsRef<[TypeId]>,
        function: impl Fn(NativeCallContext<'_>, &mut [&mut Dynamic]) -> RhaiResult<T> + Send + Sync + 'static,
    ) -> &mut Self {
        let function = move |context: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| match context {
            Some(context) => function(context, args).map(Dynamic::from),
            None => Err(ToolError::argument("a function was called without an engine").into()),
        };
        let function =
            RhaiFunc::Method { func: Shared::new(function), has_context: true, is_pure: true, is_volatile: true };
        FuncRegistration::new(name).in_global_namespace().set_into_module_raw(&mut self.0, types, function);
        self
    }

    /// As [`rhai::Engine::register_type_with_name`].
    pub fn register_type_with_name<T: Variant + Clone>(&mut self, name: &str) -> &mut Self {
        self.0.set_custom_type::<T>(name);
        self
    }

    /// What a loop over a `T` goes over.
    pub fn register_items<T: Variant, I: Iterator<Item = RhaiResult<Dynamic>> + 'static>(
        &mut self,
        items: impl Fn(Dynamic) -> I + Send + Sync + 'static,
    ) -> &mut Self {
        self.0.set_iter_result(TypeId::of::<T>(), move |value| Box::new(items(value)));
        self
    }

    /// Ready to be lent.
    pub fn finish(mut self) -> Shared<Module> {
        self.0.build_index();
        self.0.into()
    }
}
