//! `group(…)` in `#[optimizer(…)]`.

use proc_macro2::Group;
use syn::{Expr, Ident};

use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, known_args, parse_list, word},
};

/// The options of a group: the learning rate, the weight decay, and the setters of Burn's
/// configurations.
const GROUP_OPTIONS: &[(&str, &str)] = &[
    ("lr", "lr = …"),
    ("weight_decay", "weight_decay = 0.0"),
    ("beta_1", "beta_1 = …"),
    ("beta_2", "beta_2 = …"),
    ("beta_3", "beta_3 = …"),
    ("epsilon", "epsilon = …"),
    ("momentum", "momentum = …"),
    ("alpha", "alpha = …"),
    ("lr_decay", "lr_decay = …"),
];

/// `group(selector, key = value, …)`
pub(crate) struct GroupArg {
    /// What it selects.
    pub(crate) selector: Expr,
    /// What it changes.
    pub(crate) options: Vec<(Ident, Expr)>,
}

impl GroupArg {
    /// The selector, if it is an identifier.
    pub(crate) fn word(&self) -> Option<&Ident> {
        word(&self.selector)
    }
}

pub(super) fn read_group(key: &Ident, list: &Group, diagnostics: &Diagnostics) -> Option<GroupArg> {
    let before = diagnostics.len();
    let mut args = parse_list(list, diagnostics);
    let Some(selector) = args.first().and_then(Arg::as_expr) else {
        diagnostics
            .error(key, "`group(…)` needs a field or a selector")
            .help(
                "write it first: `group(backbone, lr = lr * 0.1)`, `group(params::rank_below(2), weight_decay = 0.0)`",
            )
            .emit();
        return None;
    };
    args.remove(0);
    let options: Vec<(Ident, Expr)> = known_args(args, "optimizer(group(…))", GROUP_OPTIONS, diagnostics)
        .into_iter()
        .filter_map(|arg| match arg {
            Arg::Value(key, value) => Some((key, value)),
            _ => None,
        })
        .collect();
    if options.is_empty() && diagnostics.len() == before {
        diagnostics
            .error(key, "`group(…)` must change an option")
            .help("add an option, such as `lr = lr * 0.1` or `weight_decay = 0.0`")
            .emit();
    }
    Some(GroupArg { selector, options })
}
