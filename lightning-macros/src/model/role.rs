//! The role of a field, and its precision.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, Meta};

use super::search::Search;
use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, known_args, name_of, parse_args, parse_expr},
    text::text_of,
};

/// A role attribute.
pub(crate) struct RoleAttr {
    /// The attribute.
    pub(crate) attr: Attribute,
    /// Its meaning.
    pub(crate) role: Role,
}

/// The role of a field.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one for each field, and none is moved often")]
pub(crate) enum Role {
    /// A Burn module; without an expression it is built by `fn init`.
    Module(Option<Expr>),
    /// A hyperparameter, its default, and the values that a search tries.
    Hparam(Option<Expr>, Option<Search>),
    /// A tensor that is never trained.
    Buffer(Option<Expr>),
    /// Data that is saved in the checkpoint.
    State,
    /// Data that is not saved.
    Skipped,
}

pub(super) fn read_role(attr: Attribute, diagnostics: &Diagnostics) -> Option<RoleAttr> {
    let role = match name_of(&attr).as_str() {
        "init" => Role::Module(parse_expr(&attr, diagnostics)),
        "buffer" => Role::Buffer(parse_expr(&attr, diagnostics)),
        "hparam" => {
            if let Meta::NameValue(meta) = &attr.meta {
                diagnostics
                    .error(meta, "`#[hparam]` takes its default in parentheses")
                    .help(format!("write `#[hparam(default = {})]`", text_of(&meta.value)))
                    .emit();
                let role = Role::Hparam(Some(meta.value.clone()), None);
                return Some(RoleAttr { attr, role });
            }
            let known: &[(&str, &str)] = &[("default", "default = …"), ("search", "search = …")];
            let before = diagnostics.len();
            let args =
                diagnostics.on_page(15, || known_args(parse_args(&attr, diagnostics), "hparam", known, diagnostics));
            let value_of = |name: &str| {
                args.iter().find_map(|arg| match arg {
                    Arg::Value(key, value) if key == name => Some(value.clone()),
                    _ => None,
                })
            };
            let default = value_of("default");
            let search =
                value_of("search").and_then(|value| diagnostics.on_page(15, || Search::read(&value, diagnostics)));
            // A reported option is most likely a default, which the program then relies on.
            let reported = diagnostics.len() > before;
            let default =
                default.or_else(|| reported.then(|| syn::parse_quote!(::core::option::Option::None.unwrap())));
            Role::Hparam(default, search)
        }
        "state" => {
            let args = known_args(parse_args(&attr, diagnostics), "state", &[("skip", "skip")], diagnostics);
            match args.first() {
                Some(Arg::Value(key, _)) => {
                    diagnostics
                        .error(key, "option `skip` takes no value")
                        .help("write `#[state(skip)]`, or `#[state]` to save the field in each checkpoint")
                        .emit();
                    Role::Skipped
                }
                Some(_) => Role::Skipped,
                None => Role::State,
            }
        }
        _ => return None,
    };
    Some(RoleAttr { attr, role })
}

/// Reports anything but a single `#[precision(f32)]`.
pub(super) fn read_precision(attrs: &[Attribute], diagnostics: &Diagnostics) {
    for (number, attr) in attrs.iter().enumerate() {
        if number > 0 {
            diagnostics.error(attr.path(), "duplicate attribute `#[precision]`").help("remove one of the two").emit();
            continue;
        }
        let args = parse_args(attr, diagnostics);
        match (&attr.meta, args.as_slice()) {
            (Meta::List(_), [Arg::Flag(dtype)]) if dtype == "f32" => {}
            // `parse_args` has reported it.
            (Meta::NameValue(_), _) => {}
            (_, []) => diagnostics
                .error(attr.path(), "`#[precision]` needs a type")
                .help("write `#[precision(f32)]` to keep the field in float32 in a 16-bit run")
                .emit(),
            (meta, [first, ..]) => diagnostics
                .error(
                    args.iter().find(|arg| !is_f32(arg)).unwrap_or(first),
                    format!("`#[precision]` must be `f32`, found `{}`", found_in(meta)),
                )
                .note("the precision of the run is a trainer setting: `precision(\"bf16-mixed\")`")
                .help("write `#[precision(f32)]` to keep the field in float32 in a 16-bit run")
                .emit(),
        }
    }
}

/// The arguments as text.
fn found_in(meta: &Meta) -> String {
    match meta {
        Meta::List(list) => text_of(&list.tokens),
        _ => String::new(),
    }
}

fn is_f32(arg: &Arg) -> bool {
    matches!(arg, Arg::Flag(dtype) if dtype == "f32")
}

impl ToTokens for RoleAttr {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attr.path().to_tokens(tokens);
    }
}
