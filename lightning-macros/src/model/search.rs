//! `#[hparam(search = …)]`: the values that a search tries by default.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprCall, ExprLit, ExprRange, ExprUnary, Lit, Path, RangeLimits, UnOp, punctuated::Punctuated};

use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    text::text_of,
};

/// The values that a search tries.
#[derive(Clone)]
pub(crate) struct Search {
    pub(crate) kind: SearchKind,
    /// The name of the kind, as written.
    pub(crate) name: Path,
}

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one for each field, and none is moved often")]
pub(crate) enum SearchKind {
    /// `uniform(0.0..1.0)` and `log(1e-5..1e-1)`
    Float { range: ExprRange, log: bool },
    /// `int(1..=8)`, `int(1..=256, log)`, `int(8..=64, step = 8)`
    Int { range: ExprRange, log: bool, step: Option<Expr> },
    /// `choice(64, 128)`
    Choice(Vec<Expr>),
    /// `boolean`
    Boolean,
}

const KINDS: &[&str] = &["uniform", "log", "int", "choice", "boolean"];

/// Names of other libraries: the name, and ours.
const FOREIGN: &[(&str, &str)] = &[
    ("float", "uniform(0.0..1.0)"),
    ("suggest_float", "uniform(0.0..1.0)"),
    ("loguniform", "log(1e-5..1e-1)"),
    ("log_uniform", "log(1e-5..1e-1)"),
    ("suggest_int", "int(1..=8)"),
    ("randint", "int(1..=8)"),
    ("integer", "int(1..=8)"),
    ("categorical", "choice(32, 64)"),
    ("suggest_categorical", "choice(32, 64)"),
    ("choices", "choice(32, 64)"),
    ("grid", "choice(32, 64)"),
    ("grid_search", "choice(32, 64)"),
    ("one_of", "choice(32, 64)"),
    ("bool", "boolean"),
    ("normal", "uniform(0.0..1.0)"),
];

impl Search {
    /// Reads the value of `search = …`; reports what is not known.
    pub(super) fn read(value: &Expr, diagnostics: &Diagnostics) -> Option<Self> {
        let (name, args) = match value {
            Expr::Path(path) => (&path.path, Punctuated::new()),
            Expr::Call(ExprCall { func, args, .. }) => match &**func {
                Expr::Path(path) => (&path.path, args.clone()),
                _ => return unknown(value, diagnostics),
            },
            Expr::Range(range) => {
                diagnostics
                    .error(range, "`search` must name the scale of a range, found a range alone")
                    .help(format!("write `{}`", suggestion(range)))
                    .emit();
                return None;
            }
            Expr::Array(array) => {
                diagnostics
                    .error(array, "`search` must name a distribution, found a list")
                    .help(format!("write `choice({})`", text_of(&array.elems)))
                    .emit();
                return None;
            }
            _ => return unknown(value, diagnostics),
        };
        let args: Vec<Expr> = args.into_iter().collect();
        let kind = match name.get_ident().map(ToString::to_string).as_deref() {
            Some(kind @ ("uniform" | "log")) => {
                SearchKind::Float { range: only_range(value, kind, &args, diagnostics)?, log: kind == "log" }
            }
            Some("int") => read_int(value, &args, diagnostics)?,
            Some("choice") if args.is_empty() => {
                diagnostics
                    .error(value, "`choice` must have values, found none")
                    .help("write them in parentheses: `choice(32, 64)`")
                    .emit();
                return None;
            }
            Some("choice") => SearchKind::Choice(args),
            Some("boolean") if args.is_empty() => SearchKind::Boolean,
            Some("boolean") => {
                diagnostics.error(value, "`boolean` takes no values").help("write `search = boolean`").emit();
                return None;
            }
            _ => return unknown(value, diagnostics),
        };
        Some(Self { kind, name: name.clone() })
    }
}

fn unknown(value: &Expr, diagnostics: &Diagnostics) -> Option<Search> {
    let name = match value {
        Expr::Path(path) => text_of(&path.path),
        Expr::Call(call) => text_of(&call.func),
        _ => String::new(),
    };
    let last = name.rsplit("::").next().unwrap_or_default().trim();
    let help = match FOREIGN.iter().find(|(foreign, _)| *foreign == last) {
        Some((_, ours)) => format!("write `search = {ours}`"),
        None => match suggested(last, KINDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the distributions are {}", listed(KINDS.iter().copied())),
        },
    };
    diagnostics.error(value, format!("unknown distribution `{}`", text_of(value))).help(help).emit();
    None
}

/// What a range alone may have been meant as.
fn suggestion(range: &ExprRange) -> String {
    let is_float =
        [&range.start, &range.end].into_iter().flatten().any(|end| matches!(number(end), Some(Number::Float(_))));
    match is_float {
        true => format!("search = uniform({0})` or `search = log({0})", text_of(range)),
        false => format!("search = int({})", text_of(range)),
    }
}

/// The range that is the only argument of `uniform` and `log`.
fn only_range(value: &Expr, kind: &str, args: &[Expr], diagnostics: &Diagnostics) -> Option<ExprRange> {
    match args {
        [Expr::Range(range)] => whole(range, diagnostics),
        [from, to] => {
            diagnostics
                .error(value, format!("`{kind}` takes a range, found two values"))
                .help(format!("write `{kind}({}..{})`", text_of(from), text_of(to)))
                .emit();
            None
        }
        _ => {
            diagnostics
                .error(value, format!("`{kind}` takes one range, found `{}`", text_of(value)))
                .help(format!("write `{kind}(1e-5..1e-1)` with your own numbers"))
                .emit();
            None
        }
    }
}

/// A range with both ends.
fn whole(range: &ExprRange, diagnostics: &Diagnostics) -> Option<ExprRange> {
    if range.start.is_none() || range.end.is_none() {
        diagnostics
            .error(range, format!("a range must have both ends, found `{}`", text_of(range)))
            .help("write both: `1e-5..1e-1`")
            .emit();
        return None;
    }
    Some(range.clone())
}

fn read_int(value: &Expr, args: &[Expr], diagnostics: &Diagnostics) -> Option<SearchKind> {
    let Some((Expr::Range(range), options)) = args.split_first() else {
        diagnostics
            .error(value, format!("`int` takes a range first, found `{}`", text_of(value)))
            .help("write `int(1..=8)` with your own numbers")
            .emit();
        return None;
    };
    let range = whole(range, diagnostics)?;
    if let RangeLimits::HalfOpen(_) = range.limits {
        let [from, to] = [&range.start, &range.end].map(text_of);
        diagnostics
            .error(&range, "a range of integers must include its end")
            .help(format!("write `int({from}..={to})`, or end one lower"))
            .emit();
        return None;
    }
    let (mut log, mut step) = (false, None);
    for option in options {
        match option {
            Expr::Path(path) if path.path.is_ident("log") => log = true,
            Expr::Assign(assign) if text_of(&assign.left) == "step" => step = Some((*assign.right).clone()),
            other => {
                diagnostics
                    .error(other, format!("unknown option `{}` of `int`", text_of(other)))
                    .help("the options are `log` and `step = 8`")
                    .emit();
                return None;
            }
        }
    }
    if log && step.is_some() {
        diagnostics.error(value, "`int` takes `log` or `step`, found both").help("remove one of the two").emit();
        return None;
    }
    Some(SearchKind::Int { range, log, step })
}

/// A number that is written as a literal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// Returns the number that an expression is, if it is a literal.
pub(crate) fn number(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(lit), .. }) => match lit.suffix() {
            "f32" | "f64" => lit.base10_digits().parse().ok().map(Number::Float),
            _ => lit.base10_parse().ok().map(Number::Int),
        },
        Expr::Lit(ExprLit { lit: Lit::Float(lit), .. }) => lit.base10_parse().ok().map(Number::Float),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match number(expr)? {
            Number::Int(value) => Some(Number::Int(-value)),
            Number::Float(value) => Some(Number::Float(-value)),
        },
        Expr::Group(group) => number(&group.expr),
        Expr::Paren(paren) => number(&paren.expr),
        _ => None,
    }
}

impl Search {
    /// The span of the name.
    pub(crate) fn span(&self) -> Span {
        syn::spanned::Spanned::span(&self.name.to_token_stream())
    }
}
