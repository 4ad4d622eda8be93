//! Whether an expression can return early with an error.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, visit::Visit};

/// Whether the expression has a `?` that leaves the function around it: not one in a closure, an
/// `async` block or an item. In the arguments of a macro every `?` counts.
pub(crate) fn has_try(expr: &Expr) -> bool {
    let mut tries = Tries(false);
    tries.visit_expr(expr);
    tries.0
}

struct Tries(bool);

impl<'ast> Visit<'ast> for Tries {
    fn visit_expr_try(&mut self, _: &'ast syn::ExprTry) {
        self.0 = true;
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.0 |= has_question_mark(call.tokens.clone());
    }

    fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}

    fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}

    fn visit_expr_try_block(&mut self, _: &'ast syn::ExprTryBlock) {}

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

fn has_question_mark(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == '?',
        TokenTree::Group(group) => has_question_mark(group.stream()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}
