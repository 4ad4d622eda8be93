//! The rules. Each `check_*` reports all violations of one rule, and runs whether or not another
//! check failed.

mod batch;
mod burn_attrs;
mod cadences;
mod dims;
mod hparams;
mod impls;
mod lifetimes;
mod log_options;
mod logs;
mod macro_calls;
mod metrics;
mod names;
mod optimizers;
mod outputs;
mod overlaps;
mod params;
mod receivers;
mod roles;
mod search;
mod structs;
mod training_steps;

pub(crate) use batch::validate_batch;
pub(crate) use impls::{check_impl_attributes, check_impl_item, check_self_type, validate_impl};
pub(crate) use lifetimes::{check_no_lifetimes, drop_lifetimes};
pub(crate) use structs::{check_struct_shape, validate_struct};

use syn::{Type, visit::Visit};

use crate::{diagnostics::Diagnostics, parse::modern_tensor, text::text_of};

/// Reports every backend-generic tensor in the type, and every `Tensor<2, f32>` (C18).
pub(crate) fn check_tensors(ty: &Type, diagnostics: &Diagnostics) {
    struct Tensors<'a>(&'a Diagnostics);
    impl<'ast> Visit<'ast> for Tensors<'_> {
        fn visit_type(&mut self, ty: &'ast Type) {
            let Some(modern) = modern_tensor(ty) else { return syn::visit::visit_type(self, ty) };
            let written = text_of(&modern.ty);
            if let Some(kind) = modern.kind {
                self.0
                    .error(&kind, format!("the kind of a tensor must be `Float`, `Int` or `Bool`, found `{kind}`"))
                    .note("a tensor without a kind has floats")
                    .help(format!("write `{written}`"))
                    .emit();
                return;
            }
            self.0
                .error(ty, format!("`Tensor` has no backend parameter, found `{}`", text_of(ty)))
                .note("Burn 0.22 removed the backend parameter")
                .help(format!("write `{written}`"))
                .emit();
        }
    }
    Tensors(diagnostics).visit_type(ty);
}
