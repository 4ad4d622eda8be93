//! `group(…)` in `#[optimizer(…)]`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, Ident};

use super::optimizer::word;
use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, known_args, parse_arg_tokens},
};

/// What a group may change: the learning rate, the weight decay, and what Burn's configurations call by a name.
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
    /// The selector when it is a bare word.
    pub(crate) fn word(&self) -> Option<&Ident> {
        word(&self.selector)
    }
}

pub(super) fn read_group(key: &Ident, list: TokenStream, diagnostics: &Diagnostics) -> Option<GroupArg> {
    let mut args = parse_arg_tokens(list, diagnostics);
    let selector: Option<Expr> = match args.first() {
        Some(Arg::Positional(selector)) => Some(selector.clone()),
        Some(Arg::Flag(name)) => syn::parse2(name.to_token_stream()).ok(),
        Some(Arg::List(name, list)) => syn::parse2(quote::quote!(#name(#list))).ok(),
        _ => None,
    };
    let Some(selector) = selector else {
        diagnostics
            .error(key, "`group(…)` does not say which parameters it has")
            .help("write a field or a selector first: `group(backbone, lr = lr * 0.1)`, `group(params::rank_below(2), weight_decay = 0.0)`")
            .emit();
        return None;
    };
    args.remove(0);
    let before = diagnostics.len();
    let options: Vec<(Ident, Expr)> = known_args(args, "optimizer", GROUP_OPTIONS, diagnostics)
        .into_iter()
        .filter_map(|arg| match arg {
            Arg::Value(key, value) => Some((key, value)),
            _ => None,
        })
        .collect();
    if options.is_empty() && diagnostics.len() == before {
        diagnostics
            .error(key, "this group changes nothing")
            .help("give it a number of its own, such as `lr = lr * 0.1` or `weight_decay = 0.0`")
            .emit();
    }
    Some(GroupArg { selector, options })
}
