//! The schedule options of `#[optimizer(…)]`.

use syn::Expr;

use crate::{diagnostics::Diagnostics, parse::word, paths::plain, text::text_of};

/// The unit in which a schedule advances.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntervalArg {
    /// Optimizer steps.
    Step,
    /// Epochs.
    Epoch,
}

pub(super) fn read_interval(value: &Expr, diagnostics: &Diagnostics) -> Option<IntervalArg> {
    let written = match (word(value), value) {
        (Some(word), _) => plain(word),
        (None, Expr::Lit(literal)) => match &literal.lit {
            syn::Lit::Str(text) => text.value(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match (written.as_str(), word(value).is_some()) {
        ("step", true) => return Some(IntervalArg::Step),
        ("epoch", true) => return Some(IntervalArg::Epoch),
        _ => {}
    }
    let report = diagnostics
        .error(value, format!("`interval` must be `step` or `epoch`, found `{}`", text_of(value)))
        .note("a schedule advances at each optimizer step or at the end of each epoch");
    match written.as_str() {
        "step" | "epoch" => report.help(format!("write `interval = {written}`, without quotes")).emit(),
        "batch" | "steps" | "iteration" => report.help("write `interval = step`").emit(),
        "epochs" => report.help("write `interval = epoch`").emit(),
        _ => report.help("write `interval = step` or `interval = epoch`").emit(),
    }
    None
}

/// Whether it is the literal 0.
pub(crate) fn is_zero(value: &Expr) -> bool {
    matches!(value, Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) if number.base10_digits() == "0")
}
