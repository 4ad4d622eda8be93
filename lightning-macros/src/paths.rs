//! All paths and reserved identifiers in generated code.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _, format_ident, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt};

use crate::{spans::respan, text::text_of};

/// The placeholder macro after a logged `let`, between model and expansion; never part of the
/// output.
pub(crate) const LOG_PLACEHOLDER: &str = "__lightning_log";

/// The path of the runtime crate: `::lightning_core`, or `crate = path`.
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
    /// The path from `crate = path`, or the default.
    pub(crate) fn with_override(krate: Option<Path>) -> Self {
        let outer = match krate {
            Some(path) => quote!(#path::__private),
            None => quote!(::lightning_core::__private),
        };
        Self { private: RuntimePath::new(quote!(__p)), outer: RuntimePath::new(outer) }
    }

    /// The runtime's `__private` module by its short name inside [`scoped`](crate::expand::scoped)
    /// items.
    pub(crate) fn private(&self) -> &RuntimePath {
        &self.private
    }

    /// The same module by its full path, for generated code outside of `scoped`.
    pub(crate) fn outer(&self) -> &RuntimePath {
        &self.outer
    }

    /// The path for serde's `crate = "…"`.
    pub(crate) fn serde(&self) -> String {
        format!("{}::serde", text_of(&self.outer))
    }
}

/// The path of the runtime's `__private` module as a list of tokens: interpolating a stream would
/// copy it through the compiler each time.
#[derive(Clone)]
pub(crate) struct RuntimePath(Vec<TokenTree>);

impl RuntimePath {
    fn new(path: TokenStream) -> Self {
        Self(path.into_iter().collect())
    }

    /// The same path with another span.
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

/// `DigitsSpace` for `Digits`.
pub(crate) fn space_ident(owner: &Ident) -> Ident {
    format_ident!("{}Space", owner)
}

/// `DigitsFields` for `Digits`.
pub(crate) fn fields_ident(owner: &Ident) -> Ident {
    format_ident!("{}Fields", owner)
}

/// `with_hidden` for the hyperparameter `hidden`.
pub(crate) fn setter_ident(field: &Ident) -> Ident {
    format_ident!("with_{}", field)
}

/// The hidden function that returns a hyperparameter's default for serde.
pub(crate) fn default_fn_ident(field: &Ident) -> Ident {
    format_ident!("__lightning_default_{}", field)
}

/// The constant of a field or variable: `VAL_LOSS` for `val_loss`, `TYPE` for `r#type`.
pub(crate) fn constant_ident(name: &str, span: Span) -> Ident {
    let mut ident = match syn::parse_str::<Ident>(&name.to_uppercase()) {
        Ok(ident) => ident,
        // The upper case of some names is not an identifier: the name itself, with our prefix.
        Err(_) => format_ident!("__lightning_{}", name),
    };
    ident.set_span(span);
    ident
}

/// `pub const VAL_LOSS: <key>;`, spanned at the name that it is derived from: rustc reports a
/// second constant of this name there.
pub(crate) fn public_constant(name: &str, span: Span, key: TokenStream) -> TokenStream {
    let (ident, key) = (constant_ident(name, span), respan(key, span));
    quote_spanned!(span=> pub const #ident: #key;)
}

/// The name without `r#`, as it appears in logs, checkpoints and messages.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}
