//! The receivers and qualifiers of hooks.

use quote::ToTokens;
use syn::{Generics, ReceiverKind, Safety, Signature, Type};

use super::{impls::hooks, params::type_name};
use crate::{
    diagnostics::Diagnostics,
    hooks::{Kind, Receiver},
    model::ImplModel,
    text::text_of,
};

/// `fn training_step(&mut self, …)` (C2)
pub(super) fn check_receivers(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let name = hook.name;
        let wanted = hook.receiver.text();
        let receiver = method.sig.receiver();
        let found = receiver.map(receiver_text);
        let right = matches!(
            (hook.receiver, found.as_deref()),
            (Receiver::Absent, None)
                | (Receiver::Ref | Receiver::Either, Some("&self"))
                | (Receiver::Mut | Receiver::Either, Some("&mut self"))
        );
        if right {
            continue;
        }
        let report = match (receiver, hook.receiver) {
            (Some(receiver), Receiver::Absent) => diagnostics
                .error(receiver, format!("`{name}` must not take `self`, found `{}`", receiver_text(receiver))),
            (Some(receiver), _) => diagnostics
                .error(receiver, format!("`{name}` must take `{wanted}`, found `{}`", receiver_text(receiver))),
            (None, _) => {
                diagnostics.error(&method.sig.ident, format!("`{name}` must take `{wanted}`, found no receiver"))
            }
        };
        let report = report.expected(format!("`{}`", hook.signature_of(&type_name(model))));
        match hook.kind {
            Kind::Step(_) if found.as_deref() == Some("&mut self") => report
                .help(format!("write `{wanted}`, and change fields in a hook such as `on_train_batch_end`"))
                .emit(),
            Kind::Init => {
                report.help("remove the receiver, or mark the method `#[not_a_hook]` to keep the name").emit()
            }
            _ => report.help(format!("write `{wanted}`")).emit(),
        }
    }
}

/// The receiver in its short form.
fn receiver_text(receiver: &syn::Receiver) -> String {
    let mutability = |mutable: bool| if mutable { "&mut self" } else { "&self" };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutable) => mutability(mutable.is_some()).to_owned(),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) if is_self(&reference.elem) => {
                mutability(reference.mutability.is_some()).to_owned()
            }
            _ => text_of(receiver),
        },
        _ => text_of(receiver),
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

/// `async fn training_step(…)`, `fn training_step<T>(…)` (C2)
pub(super) fn check_qualifiers(model: &ImplModel, diagnostics: &Diagnostics) {
    for (method, hook) in hooks(model) {
        let name = hook.name;
        let Signature { constness, asyncness, safety, abi, generics, .. } = &method.sig;
        let Generics { params, .. } = generics;
        let report = |tokens: &dyn ToTokens, found: &str| {
            diagnostics
                .error(tokens.to_token_stream(), format!("`{name}` must not be {found}"))
                .expected(format!("`{}`", hook.signature_of(&type_name(model))))
                .help(if found == "generic" {
                    "write concrete types, such as `batch: Tensor<2>`".to_owned()
                } else {
                    format!("remove {found}")
                })
                .emit();
        };
        if let Some(constness) = constness {
            report(constness, "`const`");
        }
        if let Some(asyncness) = asyncness {
            report(asyncness, "`async`");
        }
        if let Safety::Unsafe(token) = safety {
            report(token, "`unsafe`");
        }
        if let Some(abi) = abi {
            report(abi, "`extern`");
        }
        if !params.is_empty() {
            report(params, "generic");
        }
    }
}
