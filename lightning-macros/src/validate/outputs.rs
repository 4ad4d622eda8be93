//! The return types of hooks.

use syn::Type;

use super::{impls::hooks, params::type_name};
use crate::{
    diagnostics::Diagnostics,
    hooks::{Kind, StepOutput},
    model::ImplModel,
    text::text_of,
};

/// `fn train_dataloader(&self) -> impl Loader<Batch>`: an associated type must be named.
pub(super) fn check_named_outputs(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let help = match hook.kind {
            Kind::Loader => "write `DataLoader<B>` or `Result<DataLoader<B>>`",
            Kind::Step(step) if step.output == StepOutput::Prediction => {
                "write the name of a type, such as `Vec<Tensor<1>>`"
            }
            _ => continue,
        };
        match method.output() {
            Some(ty) if contains_impl(ty) => {
                let headline = format!("`{}` must return a concrete type, found `{}`", hook.name, text_of(ty));
                diagnostics.error(ty, headline).help(help).emit();
            }
            None if hook.kind == Kind::Loader => diagnostics
                .error(&method.sig.ident, format!("`{}` must return a loader, found no return type", hook.name))
                .expected(format!("`{}`", hook.signature_of(&type_name(model))))
                .help(help)
                .emit(),
            _ => {}
        }
    }
}

/// `fn init(…) -> Option<Self>`: the associated type that is made of it would fail in several places.
pub(super) fn check_init_output(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model).filter(|(_, hook)| hook.kind == Kind::Init) {
        if method.may_build() {
            continue;
        }
        let must = format!("`fn {}` must return the module or its fields", hook.name);
        let error = match method.output() {
            Some(ty) => diagnostics.error(ty, format!("{must}, found `{}`", text_of(ty))),
            None => diagnostics.error(&method.sig.ident, format!("{must}, found no return type")),
        };
        error.help("write `-> Self`, or `-> lightning_core::Result<Self>` if it can fail").emit();
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
