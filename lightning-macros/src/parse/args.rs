//! The arguments of an attribute.

use proc_macro2::{Group, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, Ident, Meta, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse2,
};

use super::attrs::name_of;
use crate::{diagnostics::Diagnostics, text::text_of};

/// One argument of an attribute.
#[derive(Clone)]
pub(crate) enum Arg {
    /// `key`
    Flag(Ident),
    /// `key = value`
    Value(Ident, Expr),
    /// `key =`, without a value.
    Unfinished(Ident),
    /// `key(…)`
    List(Ident, Group),
    /// Anything else: `AdamConfig::new()`.
    Positional(Expr),
}

impl Arg {
    /// The key, unless the argument is positional.
    pub(crate) fn key(&self) -> Option<&Ident> {
        match self {
            Self::Flag(key) | Self::Value(key, _) | Self::Unfinished(key) | Self::List(key, _) => Some(key),
            Self::Positional(_) => None,
        }
    }

    /// The argument as an expression, unless it is `key = value`: a constant and a call of a plain
    /// function look like a flag and a list.
    pub(crate) fn as_expr(&self) -> Option<Expr> {
        match self {
            Self::Positional(expr) => Some(expr.clone()),
            Self::Flag(name) => parse2(name.to_token_stream()).ok(),
            Self::List(name, list) => parse2(quote!(#name #list)).ok(),
            Self::Value(..) | Self::Unfinished(_) => None,
        }
    }
}

impl ToTokens for Arg {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Flag(key) | Self::Unfinished(key) => key.to_tokens(tokens),
            Self::Value(key, value) => tokens.extend(quote!(#key = #value)),
            Self::List(key, list) => tokens.extend(quote!(#key #list)),
            Self::Positional(expr) => expr.to_tokens(tokens),
        }
    }
}

impl Arg {
    /// Parses one argument. Reports `key: value`, and reads it as `key = value`.
    fn parse(input: ParseStream<'_>, diagnostics: &Diagnostics) -> syn::Result<Self> {
        let fork = input.fork();
        let Ok(key) = fork.call(Ident::parse_any) else {
            return Ok(Self::Positional(peel(input.parse()?)));
        };
        if fork.is_empty() || fork.peek(Token![,]) {
            return Ok(Self::Flag(input.call(Ident::parse_any)?));
        }
        let colon = fork.peek(Token![:]) && !fork.peek(Token![::]);
        if colon || (fork.peek(Token![=]) && !fork.peek(Token![==]) && !fork.peek(Token![=>])) {
            input.call(Ident::parse_any)?;
            let colon: Option<Token![:]> = input.parse()?;
            if colon.is_none() {
                input.parse::<Token![=]>()?;
            }
            if input.is_empty() || input.peek(Token![,]) {
                return Ok(Self::Unfinished(key));
            }
            let value = peel(input.parse()?);
            if let Some(colon) = colon {
                diagnostics
                    .error(colon, format!("the value of an option must follow `=`, found `:` after `{key}`"))
                    .help(format!("write `{key} = {}`", text_of(&value)))
                    .emit();
            }
            return Ok(Self::Value(key, value));
        }
        // `group(…)`, but neither `make(…).with(…)` nor a call's path.
        if fork.peek(syn::token::Paren) {
            let list = fork.parse::<Group>()?;
            if fork.is_empty() || fork.peek(Token![,]) {
                input.call(Ident::parse_any)?;
                input.parse::<Group>()?;
                return Ok(Self::List(key, list));
            }
        }
        Ok(Self::Positional(peel(input.parse()?)))
    }
}

/// The expression without the invisible brackets that a `macro_rules!` puts around `$x:expr`, if it
/// is a word or a literal, whose meaning the brackets do not change.
fn peel(expr: Expr) -> Expr {
    let mut inner = &expr;
    while let Expr::Group(group) = inner {
        inner = &group.expr;
    }
    match inner {
        Expr::Path(_) | Expr::Lit(_) => inner.clone(),
        _ => expr,
    }
}

/// Parses the arguments of an attribute as far as possible and reports the first syntax error.
pub(crate) fn parse_args(attr: &Attribute, diagnostics: &Diagnostics) -> Vec<Arg> {
    match &attr.meta {
        Meta::Path(_) => Vec::new(),
        Meta::List(list) => {
            reported(list.parse_args_with(|input: ParseStream<'_>| parse_all(input, diagnostics)), diagnostics)
        }
        Meta::NameValue(meta) => {
            let name = name_of(attr);
            diagnostics
                .error(meta, format!("`#[{name}]` takes its options in parentheses"))
                .help(format!("write `#[{name}(…)]`"))
                .emit();
            Vec::new()
        }
    }
}

/// Parses the arguments of a macro, which has no parentheses around them.
pub(crate) fn parse_arg_tokens(tokens: TokenStream, diagnostics: &Diagnostics) -> Vec<Arg> {
    reported((|input: ParseStream<'_>| parse_all(input, diagnostics)).parse2(tokens), diagnostics)
}

/// Parses the arguments of `group(…)` or `fields(…)`. An error at the end of the list is one at its
/// closing parenthesis.
pub(crate) fn parse_list(list: &Group, diagnostics: &Diagnostics) -> Vec<Arg> {
    let parser = |input: ParseStream<'_>| {
        let content;
        syn::parenthesized!(content in input);
        parse_all(&content, diagnostics)
    };
    reported(parser.parse2(list.to_token_stream()), diagnostics)
}

fn reported(parsed: syn::Result<Vec<Arg>>, diagnostics: &Diagnostics) -> Vec<Arg> {
    parsed.unwrap_or_else(|error| {
        diagnostics.syntax(error);
        Vec::new()
    })
}

fn parse_all(input: ParseStream<'_>, diagnostics: &Diagnostics) -> syn::Result<Vec<Arg>> {
    let mut args = Vec::new();
    while !input.is_empty() {
        match Arg::parse(input, diagnostics) {
            Ok(arg) => args.push(arg),
            Err(error) => {
                diagnostics.syntax(error);
                // The rest cannot be split into arguments.
                input.parse::<TokenStream>()?;
                return Ok(args);
            }
        }
        if !input.is_empty()
            && let Err(error) = input.parse::<Token![,]>()
        {
            // The argument before the missing comma is incomplete as well.
            args.pop();
            diagnostics.syntax(error);
            input.parse::<TokenStream>()?;
        }
    }
    Ok(args)
}

/// Parses the single expression in `#[init(expr)]`; `None` for a bare `#[init]`.
pub(crate) fn parse_expr(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Expr> {
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::List(list) => match list.parse_args() {
            Ok(expr) => Some(expr),
            Err(error) => {
                let name = name_of(attr);
                let help = format!("write one expression, as in `#[{name}(build(device))]`");
                diagnostics.syntax(syn::Error::new(error.span(), format!("{error}\n= help: {help}")));
                // Stands for the unreadable expression, so that no missing expression is reported
                // as well.
                Some(Expr::Verbatim(quote!(::core::unreachable!())))
            }
        },
        Meta::NameValue(meta) => {
            let name = name_of(attr);
            diagnostics
                .error(meta, format!("`#[{name}]` takes its expression in parentheses"))
                .help(format!("write `#[{name}({})]`", text_of(&meta.value)))
                .emit();
            Some(meta.value.clone())
        }
    }
}

/// The expression as an identifier, if it is one.
pub(crate) fn word(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}
