//! `#[log]`: its options and the statement it is on.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Ident};

use super::log_options::LogOptions;

/// One `#[log]`.
pub(crate) struct LogSite {
    /// As written.
    pub(crate) attr: Attribute,
    /// What it says.
    pub(crate) options: LogOptions,
    /// What it stands on.
    pub(crate) form: LogForm,
    /// The variables it logs.
    pub(crate) bindings: Vec<Ident>,
    /// The enclosing loop, closure or nested item.
    pub(crate) enclosed: Option<Enclosed>,
    /// The `#[cfg]`s of the statement and of all that encloses it.
    pub(crate) cfgs: Vec<Attribute>,
    /// Those of the statement alone: they go to the call.
    pub(crate) own_cfgs: Vec<Attribute>,
}

/// What a `#[log]` stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// `let pattern = value;`
    Let,
    /// `let pattern = value else { … };`
    LetElse,
    /// `let x;`
    Declaration,
    /// Anything but a `let`.
    Other,
}

/// What encloses a `#[log]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enclosed {
    /// A loop: the body may run several times.
    Loop,
    /// Code that may run elsewhere, or later; as a message calls it.
    Elsewhere(&'static str),
}

impl ToTokens for LogSite {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
