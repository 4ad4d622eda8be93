//! `#[log]`: its options and the statement it is on.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Ident};

use super::log_options::LogOptions;

/// One `#[log]`.
pub(crate) struct LogSite {
    /// The attribute.
    pub(crate) attr: Attribute,
    /// Its meaning.
    pub(crate) options: LogOptions,
    /// The statement with the attribute.
    pub(crate) form: LogForm,
    /// The variables it logs.
    pub(crate) bindings: Vec<Ident>,
    /// The enclosing loop, closure or nested item.
    pub(crate) enclosed: Option<Enclosed>,
    /// The `#[cfg]`s of the statement and of all enclosing items.
    pub(crate) cfgs: Vec<Attribute>,
    /// The `#[cfg]`s of the statement, which are repeated on the log call.
    pub(crate) own_cfgs: Vec<Attribute>,
}

/// The statement with a `#[log]`.
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
    /// A loop, whose body may run several times.
    Loop,
    /// Code that may run on another thread or later; the text is for messages.
    Elsewhere(&'static str),
}

impl ToTokens for LogSite {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
