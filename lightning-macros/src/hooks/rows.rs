//! The rows as tokens, from which the core defines what it has once per hook.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Token,
    parse::{Parse, ParseStream},
};

use super::{HOOKS, HookDef, Kind, Timing};

/// `define_hook`, or `define_methods, callbacks`.
struct Input {
    /// The `macro_rules!` that gets the rows.
    target: Ident,
    /// Whether it gets only the hooks that callbacks have.
    callbacks: bool,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let target = input.parse()?;
        if input.is_empty() {
            return Ok(Self { target, callbacks: false });
        }
        input.parse::<Token![,]>()?;
        let group: Ident = input.parse()?;
        if group != "callbacks" {
            return Err(syn::Error::new(group.span(), "unknown group of hooks\n= help: write `callbacks`"));
        }
        Ok(Self { target, callbacks: true })
    }
}

/// ```text
/// define_hook! {
///     {
///         on_fit_end = OnFitEnd, "At the end of `fit`.",
///         module: true, callbacks: true, end: true, in_batch: false
///     }
///     …
/// }
/// ```
pub(crate) fn with_hooks(input: TokenStream) -> TokenStream {
    let Input { target, callbacks } = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let rows = HOOKS.iter().filter(|hook| hook.is_in_enum() && (!callbacks || hook.owners.has_callbacks()));
    let rows = rows.map(HookDef::row);
    quote!(#target! { #(#rows)* })
}

impl HookDef {
    /// Whether the runtime's `Hook` has a variant for it. A data module is called at the same point
    /// as the module, so its rows have none of their own.
    fn is_in_enum(&self) -> bool {
        matches!(self.kind, Kind::Hook | Kind::UserState(_)) && !matches!(self.owners, super::Owners::Data)
    }

    fn row(&self) -> TokenStream {
        let name = Ident::new(self.name, Span::call_site());
        let (variant, doc) = (format_ident!("{}", self.variant), self.doc);
        // The state of a module is written by a method of its own, not by `run_hook`.
        let module = self.owners.contains(super::Owner::Module) && self.kind == Kind::Hook;
        let callbacks = self.owners.has_callbacks();
        let (end, in_batch) = (self.timing == Timing::End, self.timing == Timing::InBatch);
        quote! {
            {
                #name = #variant, #doc,
                module: #module, callbacks: #callbacks, end: #end, in_batch: #in_batch
            }
        }
    }
}
