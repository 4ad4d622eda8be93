//! Every path and reserved identifier that emitted code names.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _, format_ident, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt};

use crate::{spans::respan, text::text_of};

/// The macro call that stands for a logged value between model and expansion; it never reaches the output.
pub(crate) const LOG_PLACEHOLDER: &str = "__lightning_log";

/// Where the runtime crate is: `::lightning_core`, or what `crate = path` says.
#[derive(Clone)]
pub(crate) struct Paths {
    private: RuntimePath,
    outer: RuntimePath,
}

impl Default for Paths {
    fn default() -> Self {
        Self::with_override(None)
    }
}

impl Paths {
    /// The runtime crate at the path of a `crate = path` option.
    pub(crate) fn with_override(krate: Option<Path>) -> Self {
        let outer = match krate {
            Some(path) => quote!(#path::__private),
            None => quote!(::lightning_core::__private),
        };
        Self { private: RuntimePath::new(quote!(__p)), outer: RuntimePath::new(outer) }
    }

    /// The module of the runtime crate that holds all that emitted code may name, as a block of [`scoped`](crate::expand::scoped)
    /// items calls it.
    pub(crate) fn private(&self) -> &RuntimePath {
        &self.private
    }

    /// The same module by its whole path, for what stands beside the user's own items.
    pub(crate) fn outer(&self) -> &RuntimePath {
        &self.outer
    }

    /// The path for serde's `crate = "…"`.
    pub(crate) fn serde(&self) -> String {
        format!("{}::serde", text_of(&self.outer))
    }
}

/// The path of the module that emitted code names, token by token: each stream in a quotation would be handed to the compiler and back.
#[derive(Clone)]
pub(crate) struct RuntimePath(Vec<TokenTree>);

impl RuntimePath {
    fn new(path: TokenStream) -> Self {
        Self(path.into_iter().collect())
    }

    /// The same path, underlined as the user's tokens.
    pub(crate) fn at(&self, span: Span) -> Self {
        let mut path = self.0.clone();
        path.iter_mut().for_each(|token| token.set_span(span));
        Self(path)
    }
}

impl ToTokens for RuntimePath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.0);
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

/// `pub const VAL_LOSS: <key>;`, all of it underlined as what it is named after: another constant of this name is reported there.
pub(crate) fn public_constant(name: &str, span: Span, key: TokenStream) -> TokenStream {
    let (ident, key) = (constant_ident(name, span), respan(key, span));
    quote_spanned!(span=> pub const #ident: #key;)
}

/// The name without `r#`, as it appears in logs, checkpoints and messages.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}
