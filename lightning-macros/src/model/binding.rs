//! `#[training_step(…)]`, which binds a step to an optimizer.

use syn::{Attribute, Expr, Ident};

use super::schedule::is_zero;
use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, known_args, name_of, parse_args, word},
    paths::plain,
    text::text_of,
};

/// `#[training_step(optimizer = critic, every = 5, repeat = 2)]`
pub(crate) struct Binding {
    /// The optimizer's name, as written.
    pub(crate) optimizer: Ident,
    /// Batches between two calls.
    pub(crate) every: Option<Expr>,
    /// Calls per batch.
    pub(crate) repeat: Option<Expr>,
}

impl Binding {
    /// Reads the attribute and reports mistakes.
    pub(crate) fn read(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Self> {
        let known: &[(&str, &str)] =
            &[("optimizer", "optimizer = critic"), ("every", "every = 5"), ("repeat", "repeat = 2")];
        let before = diagnostics.len();
        let args = known_args(parse_args(attr, diagnostics), &name_of(attr), known, diagnostics);
        let (mut optimizer, mut every, mut repeat) = (None, None, None);
        for arg in args {
            let Arg::Value(key, value) = arg else { continue };
            match plain(&key).as_str() {
                "every" => every = positive(&key, value, diagnostics),
                "repeat" => repeat = positive(&key, value, diagnostics),
                _ => match word(&value) {
                    Some(name) => optimizer = Some(name.clone()),
                    None => diagnostics
                        .error(&value, format!("`optimizer` must be an identifier, found `{}`", text_of(&value)))
                        .help("write the name of an optimizer: `optimizer = critic`")
                        .emit(),
                },
            }
        }
        let Some(optimizer) = optimizer else {
            if diagnostics.len() == before {
                diagnostics
                    .error(attr.path(), "`#[training_step]` needs an `optimizer`")
                    .help(
                        "write `#[training_step(optimizer = critic)]`, or remove it and name the method `training_step` to step \
                         all optimizers",
                    )
                    .emit();
            }
            return None;
        };
        Some(Self { optimizer, every, repeat })
    }
}

/// The value of `every` or `repeat`; reports 0.
fn positive(key: &Ident, value: Expr, diagnostics: &Diagnostics) -> Option<Expr> {
    if is_zero(&value) {
        diagnostics
            .error(value, format!("`{key}` must be positive, found 0"))
            .help(format!("write `{key} = 1` or more"))
            .emit();
        return None;
    }
    Some(value)
}
