//! Takes the `#[log]`s out of a method's body.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{
    Attribute, Block, Expr, Ident, Item, Local, Macro, Meta, Pat, Stmt,
    parse::Parser,
    visit_mut::{self, VisitMut},
};

use super::{
    log::{Enclosed, LogForm, LogSite},
    log_options::LogOptions,
};
use crate::{
    diagnostics::Diagnostics,
    parse::{attributes_of, copy_attrs, correct_attrs, in_cfg_attr, name_of, take_attrs},
    paths::{LOG_PLACEHOLDER, plain},
};

/// Takes the `#[log]`s out of a method's body, leaving a placeholder after each logged `let`.
pub(crate) fn collect_logs(block: &mut Block, cfgs: &[Attribute], diagnostics: &Diagnostics) -> Vec<LogSite> {
    let mut collector = Collector { sites: Vec::new(), enclosed: None, cfgs: cfgs.to_vec(), diagnostics };
    collector.visit_block_mut(block);
    collector.sites
}

/// Attributes that stand for `#[log]`.
const OTHER_ATTRS: &[&str] = &["logged", "metric", "track", "monitor", "logs"];

/// The place of a `#[log]` that a macro call hides.
pub(crate) const MACRO_CALL: &str = "a macro call";

struct Collector<'a> {
    sites: Vec<LogSite>,
    enclosed: Option<Enclosed>,
    cfgs: Vec<Attribute>,
    diagnostics: &'a Diagnostics,
}

impl Collector<'_> {
    fn inside(&mut self, enclosed: Enclosed, visit: impl FnOnce(&mut Self)) {
        let before = self.enclosed;
        // A loop inside a closure still runs elsewhere.
        if !matches!(before, Some(Enclosed::Elsewhere(_))) {
            self.enclosed = Some(enclosed);
        }
        visit(self);
        self.enclosed = before;
    }

    fn under(&mut self, cfgs: Vec<Attribute>, visit: impl FnOnce(&mut Self)) {
        let before = self.cfgs.len();
        self.cfgs.extend(cfgs);
        visit(self);
        self.cfgs.truncate(before);
    }

    fn record(&mut self, attr: Attribute, form: LogForm, bindings: Vec<Ident>, own_cfgs: Vec<Attribute>) {
        let options = LogOptions::read(&attr, self.diagnostics);
        let cfgs = self.cfgs.iter().chain(&own_cfgs).cloned().collect();
        self.sites.push(LogSite { attr, options, form, bindings, enclosed: self.enclosed, cfgs, own_cfgs });
    }

    /// Reports `#[metric] let x` and `#[cfg_attr(test, log)] let x`, and reads the first as `#[log]`.
    fn report_others(&self, attrs: &mut Vec<Attribute>) {
        for attr in attrs.iter_mut().filter(|attr| OTHER_ATTRS.contains(&name_of(attr).as_str())) {
            let name = name_of(attr);
            self.diagnostics
                .error(attr.path(), format!("unknown attribute `#[{name}]` on a `let`"))
                .help("write `#[log]` to log the value")
                .emit();
            let path = Ident::new("log", Span::call_site()).into();
            match &mut attr.meta {
                Meta::Path(written) => *written = path,
                Meta::List(list) => list.path = path,
                Meta::NameValue(_) => attr.meta = Meta::Path(path),
            }
        }
        for attr in attrs {
            let Some(hidden) = in_cfg_attr(attr, &["log"]) else { continue };
            self.diagnostics
                .error(&hidden, "`#[log]` must not be in `#[cfg_attr]`")
                .note("the macro reads its attributes before rustc resolves `#[cfg_attr]`")
                .help("write `#[log]` above a `let` under `#[cfg(…)]`")
                .emit();
            // Logged in any case, so that the metric is known.
            attr.meta = Meta::Path(Ident::new("log", Span::call_site()).into());
        }
    }

    /// Reports each `#[log]` in the tokens of a macro call, and removes it.
    fn search(&mut self, tokens: TokenStream) -> TokenStream {
        let mut kept: Vec<TokenTree> = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let TokenTree::Group(group) = token else {
                kept.push(token);
                continue;
            };
            let after_hash = matches!(kept.last(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#');
            let attr = after_hash.then(|| Attribute::parse_outer.parse2(quote!(# #group)).ok()).flatten();
            match attr.into_iter().flatten().next() {
                Some(attr) if name_of(&attr) == "log" => {
                    kept.pop();
                    let logged = match tokens.peek() {
                        Some(TokenTree::Ident(word)) if word == "let" => {
                            kept.extend(tokens.next());
                            if matches!(tokens.peek(), Some(TokenTree::Ident(word)) if word == "mut") {
                                kept.extend(tokens.next());
                            }
                            match tokens.peek() {
                                Some(TokenTree::Ident(name)) => Some(name.clone()),
                                _ => None,
                            }
                        }
                        _ => None,
                    };
                    let form = if logged.is_some() { LogForm::Let } else { LogForm::Other };
                    self.inside(Enclosed::Elsewhere(MACRO_CALL), |this| {
                        this.record(attr, form, logged.into_iter().collect(), Vec::new());
                    });
                }
                _ => {
                    let mut inner = Group::new(group.delimiter(), self.search(group.stream()));
                    inner.set_span(group.span());
                    kept.push(TokenTree::Group(inner));
                }
            }
        }
        kept.into_iter().collect()
    }

    /// Removes the `#[log]` of a statement, which only a `let` may have, and returns its
    /// placeholder.
    fn take_log(&mut self, local: &mut Local) -> Option<TokenStream> {
        self.report_others(&mut local.attrs);
        correct_attrs(&mut local.attrs, &["log"], "a `let`", self.diagnostics);
        let mut logs = take_attrs(&mut local.attrs, &["log"]).into_iter();
        let log = logs.next()?;
        if let Some(second) = logs.next() {
            self.diagnostics
                .error(second.path(), "duplicate `#[log]` on one `let`")
                .help("write all options in one `#[log(…)]`")
                .emit();
        }
        let form = match &local.init {
            None => LogForm::Declaration,
            Some(init) if init.diverge.is_some() => LogForm::LetElse,
            Some(_) => LogForm::Let,
        };
        let mut bindings = Vec::new();
        collect_bindings(&local.pat, form == LogForm::LetElse, &mut bindings);
        self.record(log, form, bindings, copy_attrs(&local.attrs, "cfg"));
        let site = self.sites.len().saturating_sub(1);
        let placeholder = Ident::new(LOG_PLACEHOLDER, Span::call_site());
        Some(quote!(#placeholder!(#site)))
    }
}

impl VisitMut for Collector<'_> {
    fn visit_block_mut(&mut self, block: &mut Block) {
        for mut stmt in std::mem::take(&mut block.stmts) {
            let placeholder = match &mut stmt {
                Stmt::Local(local) => self.take_log(local),
                _ => None,
            };
            self.visit_stmt_mut(&mut stmt);
            block.stmts.push(stmt);
            block.stmts.extend(placeholder.map(|tokens| Stmt::Expr(Expr::Verbatim(tokens), None)));
        }
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        self.under(copy_attrs(&local.attrs, "cfg"), |this| visit_mut::visit_local_mut(this, local));
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let cfgs = match expr {
            Expr::Block(block) => copy_attrs(&block.attrs, "cfg"),
            Expr::If(branch) => copy_attrs(&branch.attrs, "cfg"),
            Expr::Match(branch) => copy_attrs(&branch.attrs, "cfg"),
            Expr::ForLoop(body) => copy_attrs(&body.attrs, "cfg"),
            Expr::While(body) => copy_attrs(&body.attrs, "cfg"),
            Expr::Loop(body) => copy_attrs(&body.attrs, "cfg"),
            _ => Vec::new(),
        };
        self.under(cfgs, |this| visit_mut::visit_expr_mut(this, expr));
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        self.under(copy_attrs(&arm.attrs, "cfg"), |this| visit_mut::visit_arm_mut(this, arm));
    }

    fn visit_expr_for_loop_mut(&mut self, expr: &mut syn::ExprForLoop) {
        self.visit_attributes_mut(&mut expr.attrs);
        self.visit_expr_mut(&mut expr.expr);
        self.inside(Enclosed::Loop, |this| this.visit_block_mut(&mut expr.body));
    }

    fn visit_expr_while_mut(&mut self, expr: &mut syn::ExprWhile) {
        self.inside(Enclosed::Loop, |this| visit_mut::visit_expr_while_mut(this, expr));
    }

    fn visit_expr_loop_mut(&mut self, expr: &mut syn::ExprLoop) {
        self.inside(Enclosed::Loop, |this| visit_mut::visit_expr_loop_mut(this, expr));
    }

    fn visit_expr_closure_mut(&mut self, expr: &mut syn::ExprClosure) {
        self.inside(Enclosed::Elsewhere("a closure"), |this| visit_mut::visit_expr_closure_mut(this, expr));
    }

    fn visit_expr_async_mut(&mut self, expr: &mut syn::ExprAsync) {
        self.inside(Enclosed::Elsewhere("an `async` block"), |this| visit_mut::visit_expr_async_mut(this, expr));
    }

    fn visit_expr_const_mut(&mut self, expr: &mut syn::ExprConst) {
        self.inside(Enclosed::Elsewhere("a `const` block"), |this| visit_mut::visit_expr_const_mut(this, expr));
    }

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        if has_log(call.tokens.clone()) {
            call.tokens = self.search(std::mem::take(&mut call.tokens));
        }
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        self.inside(Enclosed::Elsewhere("a nested item"), |this| visit_mut::visit_item_mut(this, item));
    }

    // Called for all attribute lists; the `#[log]` of a `let` is removed before.
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        for log in take_attrs(attrs, &["log"]) {
            self.record(log, LogForm::Other, Vec::new(), Vec::new());
        }
    }
}

/// Whether `# [ log` is among the tokens.
fn has_log(tokens: TokenStream) -> bool {
    !attributes_of(tokens, &["log"]).is_empty()
}

/// Collects the variables that a pattern binds.
fn collect_bindings(pat: &Pat, refutable: bool, found: &mut Vec<Ident>) {
    match pat {
        Pat::Ident(binding) => {
            // `None` in `let None = x else { … }` is a path, not a variable.
            let name = plain(&binding.ident);
            let path = refutable && binding.subpat.is_none() && name.starts_with(char::is_uppercase);
            if !path {
                found.push(binding.ident.clone());
            }
            if let Some((_, inner)) = &binding.subpat {
                collect_bindings(inner, refutable, found);
            }
        }
        Pat::Type(pat) => collect_bindings(&pat.pat, refutable, found),
        Pat::Paren(pat) => collect_bindings(&pat.pat, refutable, found),
        Pat::Reference(pat) => collect_bindings(&pat.pat, refutable, found),
        Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| collect_bindings(pat, refutable, found)),
        Pat::Slice(pat) => pat.elems.iter().for_each(|pat| collect_bindings(pat, refutable, found)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| collect_bindings(pat, refutable, found)),
        Pat::Struct(pat) => pat.fields.iter().for_each(|field| collect_bindings(&field.pat, refutable, found)),
        // Both sides of `A(x) | B(x)` bind the same variables.
        Pat::Or(pat) => pat.cases.iter().take(1).for_each(|pat| collect_bindings(pat, refutable, found)),
        _ => {}
    }
}
