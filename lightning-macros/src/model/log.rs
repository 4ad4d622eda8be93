//! `#[log]`: where it stands, what it says, and the metrics that all of them make together.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Block, Expr, Ident, Item, Local, Pat, Stmt,
    visit_mut::{self, VisitMut},
};

use crate::{
    diagnostics::Diagnostics,
    hooks::StageDef,
    parse::{Arg, copy_attrs, known_args, mend_attrs, parse_args, take_attrs},
    paths::{LOG_PLACEHOLDER, plain},
};

/// The options of `#[log]` and how each is written.
const LOG_OPTIONS: &[(&str, &str)] = &[
    ("minimize", "minimize"),
    ("maximize", "maximize"),
    ("prog_bar", "prog_bar"),
    ("on_step", "on_step"),
    ("on_epoch", "on_epoch"),
    ("logger", "logger = false"),
    ("reduce", "reduce = mean"),
    ("name", "name = \"val/loss\""),
    ("batch_size", "batch_size = …"),
    ("per_stage", "per_stage"),
];

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

/// How an epoch's values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// `mean`
    Mean,
    /// `sum`
    Sum,
    /// `min`
    Min,
    /// `max`
    Max,
}

impl Reduce {
    const NAMES: &[(&'static str, Self)] =
        &[("mean", Self::Mean), ("sum", Self::Sum), ("min", Self::Min), ("max", Self::Max)];
}

/// What a `#[log]` says.
#[derive(Clone, Default)]
pub(crate) struct LogOptions {
    /// `minimize`, with the key.
    pub(crate) minimize: Option<Ident>,
    /// `maximize`, with the key.
    pub(crate) maximize: Option<Ident>,
    /// `prog_bar`
    pub(crate) prog_bar: bool,
    /// `on_step`, with the key.
    pub(crate) on_step: Option<(Ident, bool)>,
    /// `on_epoch`, with the key.
    pub(crate) on_epoch: Option<(Ident, bool)>,
    /// `logger = false`
    pub(crate) no_logger: bool,
    /// `reduce = …`
    pub(crate) reduce: Option<Reduce>,
    /// `name = "…"`
    pub(crate) name: Option<syn::LitStr>,
    /// `batch_size = …`
    pub(crate) batch_size: Option<Expr>,
    /// `per_stage`, with the key.
    pub(crate) per_stage: Option<Ident>,
}

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Smaller.
    Minimize,
    /// Larger.
    Maximize,
    /// Not said.
    Undirected,
}

/// All that two `#[log]`s of one metric must agree in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricOptions {
    pub(crate) direction: Direction,
    pub(crate) prog_bar: bool,
    pub(crate) on_step: bool,
    pub(crate) on_epoch: bool,
    pub(crate) no_logger: bool,
    pub(crate) reduce: Reduce,
}

/// One slot of `METRICS`.
pub(crate) struct Metric {
    /// The metric's name in logs.
    pub(crate) name: String,
    /// The variable, without `r#`, that the constant is named after.
    pub(crate) variable: String,
    /// Where the variable is bound first.
    pub(crate) span: Span,
    /// The stages that log it.
    pub(crate) stages: Vec<StageDef>,
    /// Its options.
    pub(crate) options: MetricOptions,
    /// Whether `per_stage` made it, with a neighbour for each other stage.
    pub(crate) per_stage: bool,
    /// The methods that log it.
    pub(crate) methods: Vec<String>,
    /// The `#[cfg]`s of each place that logs it.
    pub(crate) cfgs: Vec<Vec<Attribute>>,
}

impl Metric {
    /// The name of the metric's constant.
    pub(crate) fn constant_name(&self) -> String {
        self.variable.to_uppercase()
    }
}

impl LogOptions {
    fn read(attr: &Attribute, diagnostics: &Diagnostics) -> Self {
        let mut options = Self::default();
        for arg in known_args(parse_args(attr, diagnostics), "log", LOG_OPTIONS, diagnostics) {
            options.set(arg, diagnostics);
        }
        options
    }

    fn set(&mut self, arg: Arg, diagnostics: &Diagnostics) {
        let Some(key) = arg.key().cloned() else { return };
        match plain(&key).as_str() {
            "minimize" => self.minimize = read_flag(&arg, diagnostics).then_some(key),
            "maximize" => self.maximize = read_flag(&arg, diagnostics).then_some(key),
            "per_stage" => self.per_stage = read_flag(&arg, diagnostics).then_some(key),
            "prog_bar" => self.prog_bar = read_flag(&arg, diagnostics),
            "on_step" => self.on_step = Some((key, read_flag(&arg, diagnostics))),
            "on_epoch" => self.on_epoch = Some((key, read_flag(&arg, diagnostics))),
            "logger" => self.no_logger = !read_flag(&arg, diagnostics),
            "reduce" => self.reduce = read_reduce(&arg, diagnostics),
            "name" => self.name = read_name(&arg, diagnostics),
            "batch_size" => {
                if let Arg::Value(_, value) = arg {
                    self.batch_size = Some(value);
                }
            }
            _ => {}
        }
    }

    /// The options with a stage's defaults filled in.
    pub(crate) fn resolve(&self, step_by_default: bool) -> MetricOptions {
        let named = |option: &Option<(Ident, bool)>| option.as_ref().map(|(_, on)| *on);
        MetricOptions {
            direction: match (&self.minimize, &self.maximize) {
                (Some(_), _) => Direction::Minimize,
                (None, Some(_)) => Direction::Maximize,
                (None, None) => Direction::Undirected,
            },
            prog_bar: self.prog_bar,
            on_step: named(&self.on_step).unwrap_or(step_by_default),
            on_epoch: named(&self.on_epoch).unwrap_or(!step_by_default),
            no_logger: self.no_logger,
            reduce: self.reduce.unwrap_or(Reduce::Mean),
        }
    }
}

/// `key`, `key = true` or `key = false`.
fn read_flag(arg: &Arg, diagnostics: &Diagnostics) -> bool {
    match arg {
        Arg::Value(_, Expr::Lit(syn::ExprLit { lit: syn::Lit::Bool(value), .. })) => value.value,
        Arg::Value(key, value) => {
            diagnostics
                .error(value, format!("`{key}` is switched on or off"))
                .help(format!("write `{key}` or `{key} = false`"))
                .emit();
            true
        }
        _ => true,
    }
}

fn read_reduce(arg: &Arg, diagnostics: &Diagnostics) -> Option<Reduce> {
    let Arg::Value(_, value) = arg else { return None };
    let name = match value {
        Expr::Path(path) => path.path.get_ident().map(plain).unwrap_or_default(),
        _ => String::new(),
    };
    let found = Reduce::NAMES.iter().find(|(known, _)| *known == name).map(|(_, reduce)| *reduce);
    if found.is_none() {
        diagnostics
            .error(value, format!("`reduce` does not know `{}`", crate::text::text_of(value)))
            .help("write `reduce = mean`, `sum`, `min` or `max`")
            .emit();
    }
    // What was meant is unknown; that something was written is enough for the checks that follow.
    found.or(Some(Reduce::Mean))
}

fn read_name(arg: &Arg, diagnostics: &Diagnostics) -> Option<syn::LitStr> {
    let Arg::Value(_, value) = arg else { return None };
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) if !name.value().trim().is_empty() => {
            Some(name.clone())
        }
        _ => {
            diagnostics
                .error(value, "`name` takes the metric's name as a string")
                .help("write `name = \"val/loss\"`")
                .emit();
            None
        }
    }
}

/// Takes the `#[log]`s out of a method's body, leaving a placeholder after each logged `let`.
pub(crate) fn collect_logs(block: &mut Block, cfgs: &[Attribute], diagnostics: &Diagnostics) -> Vec<LogSite> {
    let mut collector = Collector { sites: Vec::new(), enclosed: None, cfgs: cfgs.to_vec(), diagnostics };
    collector.visit_block_mut(block);
    collector.sites
}

struct Collector<'a> {
    sites: Vec<LogSite>,
    enclosed: Option<Enclosed>,
    cfgs: Vec<Attribute>,
    diagnostics: &'a Diagnostics,
}

impl Collector<'_> {
    fn inside(&mut self, enclosed: Enclosed, visit: impl FnOnce(&mut Self)) {
        let before = self.enclosed;
        // Code that runs elsewhere stays that, whatever it is made of.
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

    /// Takes the statement's own `#[log]`, which only a `let` may have.
    fn take_log(&mut self, local: &mut Local) -> Option<TokenStream> {
        mend_attrs(&mut local.attrs, &["log"], "a `let`", self.diagnostics);
        let mut logs = take_attrs(&mut local.attrs, &["log"]).into_iter();
        let log = logs.next()?;
        if let Some(second) = logs.next() {
            self.diagnostics
                .error(second.path(), "`#[log]` is written twice on one `let`")
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

    fn visit_item_mut(&mut self, item: &mut Item) {
        self.inside(Enclosed::Elsewhere("a nested item"), |this| visit_mut::visit_item_mut(this, item));
    }

    // Reached for every attribute list but those of a `let`, which has given its `#[log]` away by then.
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        for log in take_attrs(attrs, &["log"]) {
            self.record(log, LogForm::Other, Vec::new(), Vec::new());
        }
    }
}

/// The variables that a pattern binds.
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

/// Puts `replacement(site)` where the site's placeholder stands.
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

impl ToTokens for LogSite {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
