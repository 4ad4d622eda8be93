//! Replaces the placeholders after logged statements.

use proc_macro2::TokenStream;
use syn::{
    Block, Expr, Stmt,
    visit_mut::{self, VisitMut},
};

use crate::paths::LOG_PLACEHOLDER;

/// Replaces the placeholder of each site with `replacement(site)`.
pub(crate) fn expand_placeholders(block: &mut Block, replacement: impl FnMut(usize) -> TokenStream) {
    Expander { replacement }.visit_block_mut(block);
}

struct Expander<F> {
    replacement: F,
}

impl<F: FnMut(usize) -> TokenStream> VisitMut for Expander<F> {
    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Stmt::Expr(Expr::Verbatim(tokens), None) = stmt {
            if let Some(site) = placeholder_site(tokens) {
                *tokens = (self.replacement)(site);
            }
            return;
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }
}

fn placeholder_site(tokens: &TokenStream) -> Option<usize> {
    let call: syn::Macro = syn::parse2(tokens.clone()).ok()?;
    if !call.path.is_ident(LOG_PLACEHOLDER) {
        return None;
    }
    let site: syn::LitInt = syn::parse2(call.tokens).ok()?;
    site.base10_parse().ok()
}
