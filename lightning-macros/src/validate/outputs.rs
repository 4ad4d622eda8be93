//! The return types of hooks.

use syn::Type;

use super::impls::hooks;
use crate::{
    diagnostics::Diagnostics,
    hooks::{Kind, StepOutput},
    model::ImplModel,
};

/// `fn train_dataloader(&self) -> impl Loader<Batch>`: the type becomes an associated type, which has to be named.
pub(super) fn check_named_outputs(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let (what, help) = match hook.kind {
            Kind::Loader => ("loader", "write `DataLoader<B>`, or `Result<DataLoader<B>>`"),
            Kind::Step(step) if step.output == StepOutput::Prediction => {
                ("prediction", "write the type that the step returns")
            }
            _ => continue,
        };
        match method.output() {
            Some(ty) if contains_impl(ty) => {
                diagnostics.error(ty, format!("name the {what}'s type")).help(help).emit();
            }
            None if hook.kind == Kind::Loader => diagnostics
                .error(&method.sig.ident, format!("`{}` returns nothing", hook.name))
                .expected(format!("`{}`", hook.signature()))
                .help(help)
                .emit(),
            _ => {}
        }
    }
}

pub(super) fn contains_impl(ty: &Type) -> bool {
    struct Impls(bool);
    impl<'ast> syn::visit::Visit<'ast> for Impls {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut impls = Impls(false);
    syn::visit::Visit::visit_type(&mut impls, ty);
    impls.0
}
