//! Parses tokens into syn items and spanned attribute arguments. Reports syntax errors only; does
//! not know hooks or roles.

mod args;
mod attrs;
mod options;
mod repair;
mod tokens;
mod tries;

pub(crate) use args::{Arg, parse_arg_tokens, parse_args, parse_expr, parse_list, word};
pub(crate) use attrs::{copy_attrs, correct_attrs, doc_text, in_cfg_attr, name_of, take_attrs};
pub(crate) use options::known_args;
pub(crate) use repair::{is_broken, repair};
pub(crate) use tokens::{attributes_of, modern_tensor, peel_types, strip_tokens};
pub(crate) use tries::has_try;

use proc_macro2::TokenStream;
use syn::{Expr, Item, Path, parse2};

use crate::{diagnostics::Diagnostics, paths::Paths, text::text_of};

/// Reads the macro's own arguments: nothing, or `crate = path`.
pub(crate) fn parse_macro_args(args: TokenStream, attribute: &str, diagnostics: &Diagnostics) -> Paths {
    let args = parse_arg_tokens(args, diagnostics);
    Paths::with_override(crate_path(args, attribute, diagnostics))
}

/// The path of `crate = path`, the only option of the attribute.
pub(crate) fn crate_path(args: Vec<Arg>, attribute: &str, diagnostics: &Diagnostics) -> Option<Path> {
    let args = known_args(args, attribute, &[("crate", "crate = path::to::lightning_core")], diagnostics);
    args.into_iter().find_map(|arg| match arg {
        Arg::Value(_, Expr::Path(path)) if path.qself.is_none() => Some(path.path),
        Arg::Value(_, value) => {
            diagnostics
                .error(&value, format!("`crate` must be a path, found `{}`", text_of(&value)))
                .help("write `crate = path::to::lightning_core`, without quotes")
                .emit();
            None
        }
        _ => None,
    })
}

/// The item with an attribute.
pub(crate) enum Parsed {
    /// An item.
    Whole(Item),
    /// What can be read of an item with a syntax error, which rustc has reported.
    Repaired(Item),
}

/// Parses the item with the attribute; reports tokens that are not an item and returns `None`.
pub(crate) fn parse_item(item: TokenStream, diagnostics: &Diagnostics) -> Option<Parsed> {
    match parse2(item.clone()) {
        Ok(Item::Impl(whole)) if is_broken(&whole) => repair(item).map(Parsed::Repaired),
        Ok(whole) => Some(Parsed::Whole(whole)),
        Err(error) => {
            let repaired = repair(item);
            if repaired.is_none() {
                diagnostics.syntax(error);
            }
            repaired.map(Parsed::Repaired)
        }
    }
}
