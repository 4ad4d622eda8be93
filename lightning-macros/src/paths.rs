//! Every path and reserved identifier that emitted code names.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Ident, Path, ext::IdentExt};

use crate::text::text_of;

/// The macro call that stands for a logged value between model and expansion; it never reaches the output.
pub(crate) const LOG_PLACEHOLDER: &str = "__lightning_log";

/// Where the runtime crate is: `::lightning_core`, or what `crate = path` says.
#[derive(Clone, Default)]
pub(crate) struct Paths {
    krate: Option<Path>,
}

impl Paths {
    /// The runtime crate at the path of a `crate = path` option.
    pub(crate) fn with_override(krate: Option<Path>) -> Self {
        Self { krate }
    }

    /// The module of the runtime crate that holds all that emitted code may name, as a block of [`scoped`](crate::expand::scoped)
    /// items calls it.
    pub(crate) fn private(&self) -> TokenStream {
        quote!(__p)
    }

    /// The same module by its whole path, for what stands beside the user's own items.
    pub(crate) fn outer(&self) -> TokenStream {
        let krate = match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::lightning_core),
        };
        quote!(#krate::__private)
    }

    /// The path for serde's `crate = "…"`.
    pub(crate) fn serde(&self) -> String {
        format!("{}::serde", text_of(self.outer()))
    }
}

/// `DigitsHparams` for `Digits`.
pub(crate) fn hparams_ident(owner: &Ident) -> Ident {
    format_ident!("{}Hparams", owner)
}

/// `with_hidden` for the hyperparameter `hidden`.
pub(crate) fn setter_ident(field: &Ident) -> Ident {
    format_ident!("with_{}", field)
}

/// The hidden function that gives a hyperparameter's default to serde.
pub(crate) fn default_fn_ident(field: &Ident) -> Ident {
    format_ident!("__lightning_default_{}", field)
}

/// The constant of a field or variable: `VAL_LOSS` for `val_loss`, `TYPE` for `r#type`.
pub(crate) fn constant_ident(name: &str, span: Span) -> Ident {
    let mut ident = match syn::parse_str::<Ident>(&name.to_uppercase()) {
        Ok(ident) => ident,
        // A name whose upper case is no identifier: the name itself, marked as ours.
        Err(_) => format_ident!("__lightning_{}", name),
    };
    ident.set_span(span);
    ident
}

/// The name without `r#`, as it appears in logs, checkpoints and messages.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}
