//! The arguments of an attribute.

use proc_macro2::{Group, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, Ident, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    parse2,
};

use super::attrs::name_of;
use crate::diagnostics::Diagnostics;

/// One argument of an attribute.
#[derive(Clone)]
pub(crate) enum Arg {
    /// `key`
    Flag(Ident),
    /// `key = value`
    Value(Ident, Expr),
    /// `key(…)`
    List(Ident, TokenStream),
    /// Anything else: `AdamConfig::new()`.
    Positional(Expr),
}

impl Arg {
    /// The key, unless the argument is positional.
    pub(crate) fn key(&self) -> Option<&Ident> {
        match self {
            Self::Flag(key) | Self::Value(key, _) | Self::List(key, _) => Some(key),
            Self::Positional(_) => None,
        }
    }

    /// The argument as an expression, unless it is `key = value`: a constant and a call of a plain
    /// function look like a flag and a list.
    pub(crate) fn as_expr(&self) -> Option<Expr> {
        match self {
            Self::Positional(expr) => Some(expr.clone()),
            Self::Flag(name) => parse2(name.to_token_stream()).ok(),
            Self::List(name, list) => parse2(quote!(#name(#list))).ok(),
            Self::Value(..) => None,
        }
    }
}

impl ToTokens for Arg {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Flag(key) => key.to_tokens(tokens),
            Self::Value(key, value) => tokens.extend(quote!(#key = #value)),
            Self::List(key, list) => tokens.extend(quote!(#key(#list))),
            Self::Positional(expr) => expr.to_tokens(tokens),
        }
    }
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let fork = input.fork();
        let Ok(key) = fork.call(Ident::parse_any) else {
            return Ok(Self::Positional(input.parse()?));
        };
        if fork.is_empty() || fork.peek(Token![,]) {
            return Ok(Self::Flag(input.call(Ident::parse_any)?));
        }
        if fork.peek(Token![=]) && !fork.peek(Token![==]) && !fork.peek(Token![=>]) {
            input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            return Ok(Self::Value(key, input.parse()?));
        }
        // `group(…)`, but neither `make(…).with(…)` nor a call's path.
        if fork.peek(syn::token::Paren) {
            let list = fork.parse::<Group>()?;
            if fork.is_empty() || fork.peek(Token![,]) {
                input.call(Ident::parse_any)?;
                input.parse::<Group>()?;
                return Ok(Self::List(key, list.stream()));
            }
        }
        Ok(Self::Positional(input.parse()?))
    }
}

/// Parses the arguments of an attribute as far as possible and reports the first syntax error.
pub(crate) fn parse_args(attr: &Attribute, diagnostics: &Diagnostics) -> Vec<Arg> {
    match &attr.meta {
        Meta::Path(_) => Vec::new(),
        Meta::List(list) => parse_arg_tokens(list.tokens.clone(), diagnostics),
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

/// Parses the arguments between the parentheses of an attribute.
pub(crate) fn parse_arg_tokens(tokens: TokenStream, diagnostics: &Diagnostics) -> Vec<Arg> {
    let parser = |input: ParseStream<'_>| {
        let mut args = Vec::new();
        while !input.is_empty() {
            match input.parse() {
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
    };
    match parser.parse2(tokens) {
        Ok(args) => args,
        Err(error) => {
            diagnostics.syntax(error);
            Vec::new()
        }
    }
}

/// Parses the single expression in `#[init(expr)]`; `None` for a bare `#[init]`.
pub(crate) fn parse_expr(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Expr> {
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::List(list) => match parse2(list.tokens.clone()) {
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
        Meta::NameValue(_) => {
            parse_args(attr, diagnostics);
            None
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
