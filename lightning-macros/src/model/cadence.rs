//! `#[every(…)]` and `#[once(…)]`: when a hook is called.

use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, ExprUnary, Ident, Lit, Meta, UnOp, visit::Visit};

use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, name_of, parse_args, word},
    paths::plain,
    text::text_of,
};

/// `#[every(100)]`, `#[every(5, epochs)]` or `#[once(50)]`
pub(crate) struct Cadence {
    /// The attribute, to underline.
    pub(crate) attr: Attribute,
    /// Whether it is `#[once]`.
    pub(crate) once: bool,
    /// The number.
    pub(crate) count: Expr,
    /// The unit, if one is written.
    pub(crate) unit: Option<Ident>,
}

impl Cadence {
    /// `every` or `once`.
    pub(crate) fn name(&self) -> &'static str {
        if self.once { "once" } else { "every" }
    }

    /// Whether the number is of epochs.
    pub(crate) fn counts_epochs(&self) -> bool {
        self.unit.as_ref().is_some_and(|unit| plain(unit) == "epochs")
    }
}

/// Reads the attributes of a method and reports malformed ones.
pub(super) fn read_cadence(attrs: &[Attribute], method: &str, diagnostics: &Diagnostics) -> Option<Cadence> {
    let (first, others) = attrs.split_first()?;
    for other in others {
        let (name, earlier) = (name_of(other), name_of(first));
        let report = match name == earlier {
            true => diagnostics.error(other.path(), format!("duplicate attribute `#[{name}]`")),
            false => diagnostics
                .error(other.path(), format!("`{method}` must have one of `#[every]` and `#[once]`, found both")),
        };
        report.help("remove one of the two").emit();
    }
    read(first, diagnostics)
}

fn read(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Cadence> {
    let name = name_of(attr);
    let once = name == "once";
    let before = diagnostics.len();
    let args = parse_args(attr, diagnostics);
    if diagnostics.len() > before {
        return None;
    }
    let usage = if once { "`#[once(50)]`" } else { "`#[every(100)]` or `#[every(5, epochs)]`" };
    let (first, rest) = match args.split_first() {
        Some(args) => args,
        None => {
            let place = if matches!(attr.meta, Meta::Path(_)) { "" } else { " in its parentheses" };
            diagnostics
                .error(attr.path(), format!("`#[{name}]` needs a number, found none{place}"))
                .help(format!("write {usage}"))
                .emit();
            return None;
        }
    };
    let malformed = |arg: &Arg| {
        diagnostics
            .error(arg, format!("`#[{name}]` takes a number and a unit, found `{}`", text_of(arg)))
            .help(format!("write {usage}"))
            .emit();
    };
    let Some(count) = first.as_expr() else {
        malformed(first);
        return None;
    };
    if matches!(word(&count), Some(unit) if UNITS.contains(&plain(unit).as_str())) {
        diagnostics
            .error(&count, format!("`#[{name}]` takes the number first, found `{}`", text_of(&count)))
            .help(format!("write `#[{name}(5, epochs)]`"))
            .emit();
        return None;
    }
    if !is_count(&name, &count, usage, diagnostics) {
        return None;
    }
    let unit = match rest {
        [] => None,
        [Arg::Flag(unit)] => Some(unit.clone()),
        [Arg::Flag(_), other, ..] | [other, ..] => {
            malformed(other);
            return None;
        }
    };
    Some(Cadence { attr: attr.clone(), once, count, unit })
}

/// Words that are units, here or in other places.
const UNITS: &[&str] =
    &["epochs", "epoch", "steps", "step", "batches", "batch", "validations", "validation", "samples", "iterations"];

/// Whether the expression may be a count; reports numbers that cannot, and values that are not constants.
fn is_count(name: &str, count: &Expr, usage: &str, diagnostics: &Diagnostics) -> bool {
    let wrong = match count {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits() == "0",
        Expr::Lit(_) => true,
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => matches!(**expr, Expr::Lit(_)),
        Expr::Group(group) => return is_count(name, &group.expr, usage, diagnostics),
        _ => false,
    };
    if wrong {
        diagnostics
            .error(count, format!("the number of `#[{name}]` must be at least 1, found {}", text_of(count)))
            .help(format!("write {usage}"))
            .emit();
        return false;
    }
    if let Some(field) = SelfUse::in_expr(count) {
        diagnostics
            .error(count, format!("the number of `#[{name}]` must be a constant, found `{}`", text_of(count)))
            .note(format!("`{field}` is known in a run only"))
            .help("write a number or a constant, or remove the attribute and write the condition in the hook's body")
            .emit();
        return false;
    }
    true
}

/// A use of `self`.
struct SelfUse(Option<String>);

impl SelfUse {
    fn in_expr(expr: &Expr) -> Option<String> {
        let mut found = Self(None);
        found.visit_expr(expr);
        found.0
    }
}

impl<'ast> Visit<'ast> for SelfUse {
    fn visit_expr_field(&mut self, field: &'ast syn::ExprField) {
        if matches!(word(&field.base), Some(base) if base == "self") {
            self.0 = Some(text_of(field));
            return;
        }
        syn::visit::visit_expr_field(self, field);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if path.path.is_ident("self") {
            self.0.get_or_insert_with(|| "self".to_owned());
        }
    }
}

impl ToTokens for Cadence {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
