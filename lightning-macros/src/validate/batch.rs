//! `#[derive(Batch)]`.

use super::{check_tensors, dims::check_field_dims};
use crate::{diagnostics::Diagnostics, model::BatchModel};

/// Runs every check.
pub(crate) fn validate_batch(model: &BatchModel, diagnostics: &Diagnostics) {
    diagnostics.on_page(16, || {
        check_one_size(model, diagnostics);
        check_lifetimes(model, diagnostics);
        check_field_dims(model, diagnostics);
    });
    diagnostics.on_page(18, || check_burn_types(model, diagnostics));
}

/// Two fields with `#[batch(size)]`
fn check_one_size(model: &BatchModel, diagnostics: &Diagnostics) {
    for variant in &model.variants {
        for second in variant.fields.iter().filter_map(|field| field.size.as_ref()).skip(1) {
            diagnostics
                .error(second, "duplicate `#[batch(size)]`")
                .help("keep it only on the field that defines the batch size")
                .emit();
        }
    }
}

/// `struct Batch<'a>`: a loader gives ownership of its batches.
fn check_lifetimes(model: &BatchModel, diagnostics: &Diagnostics) {
    for param in model.input.generics.lifetimes() {
        diagnostics
            .error(&param.lifetime, format!("a batch must own its data, found the lifetime `{}`", param.lifetime))
            .help(format!("remove `{}` and store owned values", param.lifetime))
            .emit();
    }
}

/// `x: Tensor<B, 2>` (C18)
fn check_burn_types(model: &BatchModel, diagnostics: &Diagnostics) {
    for field in model.fields() {
        check_tensors(&field.ty, diagnostics);
    }
}
