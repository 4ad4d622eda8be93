//! The impl side: its methods and the metrics that they log.

use syn::{Attribute, ImplItem, ItemImpl};

use super::{
    binding::Binding,
    conflict::Conflict,
    method::{Meant, Method},
    metric::Metric,
    read_method::read_method,
};
use crate::{
    diagnostics::Diagnostics,
    hooks::{HookDef, Owner},
    parse::copy_attrs,
    paths::Paths,
};

/// A `#[lightning_module]` or `#[data_module]` impl.
pub(crate) struct ImplModel {
    /// Which of the two.
    pub(crate) owner: Owner,
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The impl without our attributes; placeholders stand where values are logged.
    pub(crate) item: ItemImpl,
    /// Its `#[cfg]`s, repeated on all that is emitted.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods and associated functions, in order.
    pub(crate) methods: Vec<Method>,
    /// The slots.
    pub(crate) metrics: Vec<Metric>,
    /// Metrics of one name that differ.
    pub(crate) conflicts: Vec<Conflict>,
}

impl ImplModel {
    /// Sorts what the user wrote.
    pub(crate) fn new(owner: Owner, paths: Paths, mut item: ItemImpl, diagnostics: &Diagnostics) -> Self {
        let cfgs = copy_attrs(&item.attrs, "cfg");
        let mut methods = Vec::new();
        for (index, member) in item.items.iter_mut().enumerate() {
            if let ImplItem::Fn(function) = member {
                methods.push(read_method(owner, index, function, diagnostics));
            }
        }
        let mut model = Self { owner, paths, item, cfgs, methods, metrics: Vec::new(), conflicts: Vec::new() };
        model.collect_metrics();
        model
    }

    /// The methods that are the hook, or were meant to be; several only under different `#[cfg]`s.
    pub(crate) fn methods_of<'a>(&'a self, hook: &'a HookDef) -> impl Iterator<Item = &'a Method> + Clone {
        self.methods.iter().filter(move |method| method.hook().is_some_and(|found| found.name == hook.name))
    }

    /// Whether the module optimizes by itself.
    pub(crate) fn is_manual(&self) -> bool {
        self.methods.iter().any(Method::is_manual)
    }

    /// The steps that are bound to optimizers, in order.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&Method, &Binding)> + Clone {
        self.methods.iter().filter_map(|method| Some((method, method.binding.as_ref()?)))
    }

    /// The hooks that stand here a second time, under no `#[cfg]`.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = &Method> {
        let plain = |method: &Method| match method.meant {
            Meant::Hook(hook) if method.cfgs.is_empty() && !method.attributed => Some(hook.name),
            _ => None,
        };
        self.methods.iter().enumerate().filter_map(move |(at, method)| {
            let name = plain(method)?;
            self.methods.iter().take(at).any(|earlier| plain(earlier) == Some(name)).then_some(method)
        })
    }
}
