//! Metric keys in hooks: those of another module do not compile.

use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Block, Expr, ExprMethodCall, ExprTry, Ident, Pat, PatIdent,
    visit::Visit,
    visit_mut::{self, VisitMut},
};

use crate::{
    hooks::Kind,
    model::{Meant, Method},
    paths::RuntimePath,
    spans::{ends, parens},
};

/// The lookups of `Metrics` that take a key.
const LOOKUPS: &[&str] = &["get", "part", "matrix", "matrix_part"];

/// Replaces `cx.metrics()?.get(KEY)` in a hook with
/// `cx.metrics()?.get(P::own_key::<Self, _, _>(KEY))`: the context does not know the module's type.
/// Other lookups are checked when they run.
pub(super) fn own_keys(p: &RuntimePath, method: &Method, block: &mut Block) {
    let is_hook = matches!(method.meant, Meant::Hook(hook) if hook.kind == Kind::Hook);
    let Some(cx) = context(method).filter(|_| is_hook) else { return };
    let mut shadows = Shadows { cx: &cx, found: false };
    shadows.visit_block(block);
    if !shadows.found {
        Keys { p, cx: &cx }.visit_block_mut(block);
    }
}

/// The parameter of the context.
fn context(method: &Method) -> Option<Ident> {
    method.sig.inputs.iter().find_map(|input| match input {
        syn::FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(PatIdent { ident, .. }) if crate::paths::plain(ident).trim_start_matches('_') == "cx" => {
                Some(ident.clone())
            }
            _ => None,
        },
        syn::FnArg::Receiver(_) => None,
    })
}

/// Looks for another variable of the name.
struct Shadows<'a> {
    cx: &'a Ident,
    found: bool,
}

impl<'ast> Visit<'ast> for Shadows<'_> {
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        self.found |= pattern.ident == *self.cx;
    }
}

struct Keys<'a> {
    p: &'a RuntimePath,
    cx: &'a Ident,
}

impl VisitMut for Keys<'_> {
    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        visit_mut::visit_expr_method_call_mut(self, call);
        if !LOOKUPS.iter().any(|name| call.method == name) || !self.is_metrics(&call.receiver) {
            return;
        }
        let Some(key) = call.args.first_mut() else { return };
        let (first, last) = ends(&*key);
        let p = self.p.at(first);
        let own = quote_spanned!(first=> #p::own_key::<Self, _, _>);
        let args = parens(key.to_token_stream(), last);
        if let Ok(own) = syn::parse2(quote!(#own #args)) {
            *key = own;
        }
    }

    /// Has another `Self`.
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

impl Keys<'_> {
    /// `cx.metrics()?` or `cx.metrics().unwrap()`
    fn is_metrics(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Try(ExprTry { expr, .. }) => self.is_call(expr),
            Expr::MethodCall(call) if call.method == "unwrap" || call.method == "expect" => {
                self.is_call(&call.receiver)
            }
            _ => false,
        }
    }

    fn is_call(&self, expr: &Expr) -> bool {
        let Expr::MethodCall(ExprMethodCall { receiver, method, args, .. }) = expr else { return false };
        let on_cx = matches!(&**receiver, Expr::Path(path) if path.path.is_ident(self.cx));
        on_cx && method == "metrics" && args.is_empty()
    }
}
