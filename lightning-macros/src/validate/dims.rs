//! `#[dims(…)]`.

use syn::Type;

use super::outputs::contains_impl;
use crate::{
    diagnostics::Diagnostics,
    hooks::Owner,
    model::{BatchModel, ImplModel, Shape, written_rank},
    text::text_of,
};

/// `#[dims(batch, 28, 28)] images: Tensor<4>` in a batch
pub(super) fn check_field_dims(model: &BatchModel, diagnostics: &Diagnostics) {
    for field in model.fields() {
        if let Some(shape) = &field.shape {
            check_rank(&field.ty, shape, diagnostics);
        }
    }
}

/// The same of parameters and results
pub(super) fn check_method_dims(model: &ImplModel, diagnostics: &Diagnostics) {
    for method in &model.methods {
        for (ty, shape) in method.shapes.all() {
            if model.owner == Owner::Data {
                diagnostics
                    .error(&shape.path, "`#[dims]` must be in the impl of a module, found in a data module")
                    .help("write it on the fields of the batch")
                    .emit();
            } else if contains_impl(ty) {
                diagnostics
                    .error(ty, format!("`#[dims]` must be on a tensor, found `{}`", text_of(ty)))
                    .help("write the type of the tensor, such as `Tensor<2>`")
                    .emit();
            } else {
                check_rank(ty, shape, diagnostics);
            }
        }
    }
}

fn check_rank(ty: &Type, shape: &Shape, diagnostics: &Diagnostics) {
    let (Some(rank), found) = (written_rank(ty), shape.sizes.len()) else { return };
    if rank == found {
        return;
    }
    let sizes = if rank == 1 { "size" } else { "sizes" };
    diagnostics
        .error(shape, format!("`#[dims]` must have {rank} {sizes} for `{}`, found {found}", text_of(ty)))
        .help(format!("write a size for each dimension, `_` for any, or `Tensor<{found}>`"))
        .emit();
}
