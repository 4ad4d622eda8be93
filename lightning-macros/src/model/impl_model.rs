//! The impl side: its methods and the metrics that they log.

use syn::{Attribute, ImplItem, ItemImpl};

use super::{
    binding::Binding,
    bounds::close,
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
    /// Module or data module.
    pub(crate) owner: Owner,
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The impl without our attributes, with a placeholder after each logged `let`.
    pub(crate) item: ItemImpl,
    /// Its `#[cfg]`s, which are repeated on all generated items.
    pub(crate) cfgs: Vec<Attribute>,
    /// The methods and associated functions, in order.
    pub(crate) methods: Vec<Method>,
    /// The metrics; the index is the slot.
    pub(crate) metrics: Vec<Metric>,
    /// Metrics that share a name and differ.
    pub(crate) conflicts: Vec<Conflict>,
}

impl ImplModel {
    /// Reads the item and reports malformed attributes.
    pub(crate) fn new(owner: Owner, paths: Paths, mut item: ItemImpl, diagnostics: &Diagnostics) -> Self {
        let cfgs = copy_attrs(&item.attrs, "cfg");
        if owner == Owner::Module {
            close(&mut item.generics, &item.self_ty, paths.outer());
        }
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

    /// The methods that are the hook or a misspelling of it; several only under different
    /// `#[cfg]`s.
    pub(crate) fn methods_of<'a>(&'a self, hook: &'a HookDef) -> impl Iterator<Item = &'a Method> + Clone {
        self.methods.iter().filter(move |method| method.hook().is_some_and(|found| found.name == hook.name))
    }

    /// Whether the module has a step with manual optimization.
    pub(crate) fn is_manual(&self) -> bool {
        self.methods.iter().any(Method::is_manual)
    }

    /// The steps that are bound to optimizers, in order.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&Method, &Binding)> + Clone {
        self.methods.iter().filter_map(|method| Some((method, method.binding.as_ref()?)))
    }

    /// The duplicates of hooks, without those under a `#[cfg]`.
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
