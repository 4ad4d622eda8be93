//! Macro calls among the methods of an impl (C19).

use syn::ImplItem;

use crate::{diagnostics::Diagnostics, model::ImplModel, text::text_of};

/// `#[lightning_module] impl Net { hooks!(); }`: an attribute is given the call and not what it
/// expands to, so that a hook in it would never run.
pub(super) fn check_macro_calls(model: &ImplModel, diagnostics: &Diagnostics) {
    let attribute = model.owner.attribute();
    for member in &model.item.items {
        let ImplItem::Macro(call) = member else { continue };
        let path = &call.mac.path;
        diagnostics
            .error(path, format!("`#[{attribute}]` cannot look into a macro call, found `{}!`", text_of(path)))
            .note("a hook that the macro writes would never run")
            .help(format!("write its hooks out; a call that writes none can be in an `impl` without `#[{attribute}]`"))
            .emit();
    }
}
