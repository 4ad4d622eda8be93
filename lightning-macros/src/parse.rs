//! Tokens to syn items and spanned attribute arguments. Reports syntax errors only, knows no hook and no role.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, Ident, Item, Meta, Path, Token, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    parse2,
    spanned::Spanned,
};

use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    paths::Paths,
};

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

/// The arguments of an attribute, as far as they can be read; the first syntax error is reported.
pub(crate) fn parse_args(attr: &Attribute, diagnostics: &Diagnostics) -> Vec<Arg> {
    match &attr.meta {
        Meta::Path(_) => Vec::new(),
        Meta::List(list) => parse_arg_tokens(list.tokens.clone(), diagnostics),
        Meta::NameValue(meta) => {
            let name = name_of(attr);
            diagnostics
                .error(meta, format!("`#[{name} = …]` is not a form of `#[{name}]`"))
                .help(format!("write `#[{name}(…)]`"))
                .emit();
            Vec::new()
        }
    }
}

/// The arguments between the parentheses of an attribute.
pub(crate) fn parse_arg_tokens(tokens: TokenStream, diagnostics: &Diagnostics) -> Vec<Arg> {
    let parser = |input: ParseStream<'_>| {
        let mut args = Vec::new();
        while !input.is_empty() {
            match input.parse() {
                Ok(arg) => args.push(arg),
                Err(error) => {
                    diagnostics.syntax(error);
                    // The rest cannot be told apart any more.
                    input.parse::<TokenStream>()?;
                    return Ok(args);
                }
            }
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                // What stands before the missing comma is not what was meant either.
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

/// The single expression in `#[init(expr)]`; `None` for a bare `#[init]`.
pub(crate) fn parse_expr(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Expr> {
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::List(list) => match parse2(list.tokens.clone()) {
            Ok(expr) => Some(expr),
            Err(error) => {
                let name = name_of(attr);
                let help = format!("`#[{name}(…)]` takes one expression, as in `#[{name}(build(device))]`");
                diagnostics.syntax(syn::Error::new(error.span(), format!("{error}\n= help: {help}")));
                // Stands for what could not be read, so that nobody complains of a missing expression as well.
                Some(Expr::Verbatim(quote!(::core::unreachable!())))
            }
        },
        Meta::NameValue(_) => {
            parse_args(attr, diagnostics);
            None
        }
    }
}

/// Keeps the arguments whose key is among `known`, each once; reports the others.
pub(crate) fn known_args(
    args: Vec<Arg>,
    attribute: &str,
    known: &[(&str, &str)],
    diagnostics: &Diagnostics,
) -> Vec<Arg> {
    let names = || known.iter().map(|(name, _)| *name);
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for arg in args {
        let Some(key) = arg.key() else {
            diagnostics
                .error(&arg, format!("`#[{attribute}]` takes no value without a name here"))
                .note(format!("its options are {}", listed(names())))
                .emit();
            continue;
        };
        let name = key.unraw().to_string();
        let Some((_, form)) = known.iter().find(|(known, _)| *known == name) else {
            let report = diagnostics
                .error(key, format!("`#[{attribute}]` has no option `{name}`"))
                .note(format!("its options are {}", listed(names())));
            match suggested(&name, names()) {
                Some(near) => report.help(format!("did you mean `{near}`?")).emit(),
                None => report.emit(),
            }
            continue;
        };
        if seen.contains(&name) {
            diagnostics
                .error(key, format!("`{name}` is written twice in `#[{attribute}]`"))
                .help("keep one of the two")
                .emit();
            continue;
        }
        seen.push(name);
        if matches!(arg, Arg::List(..)) || (matches!(arg, Arg::Flag(_)) && form.contains('=')) {
            diagnostics.error(&arg, format!("`{key}` needs a value")).help(format!("write `{form}`")).emit();
            continue;
        }
        kept.push(arg);
    }
    kept
}

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
                .error(value, "`crate` takes a path")
                .help("write `crate = path::to::lightning_core`, without quotes")
                .emit();
            None
        }
        _ => None,
    })
}

/// What the attribute stands on; `None`, reported, for tokens that are no item.
pub(crate) fn parse_item(item: TokenStream, diagnostics: &Diagnostics) -> Option<Item> {
    match parse2(item) {
        Ok(item) => Some(item),
        Err(error) => {
            diagnostics.syntax(error);
            None
        }
    }
}

/// The attribute's name when it is a single word.
pub(crate) fn name_of(attr: &Attribute) -> String {
    attr.path().get_ident().map(|name| name.unraw().to_string()).unwrap_or_default()
}

/// Removes the attributes with one of the names and returns them.
pub(crate) fn take_attrs(attrs: &mut Vec<Attribute>, names: &[&str]) -> Vec<Attribute> {
    attrs.extract_if(.., |attr| names.contains(&name_of(attr).as_str())).collect()
}

/// Attributes that rustc or a derive of ours knows.
const BUILT_IN: &[&str] = &["doc", "cfg", "cfg_attr", "allow", "warn", "deny", "expect", "module", "serde"];

/// Reports each attribute that is nearly one of `known`, and puts right what it is called: the rest is then read as it was meant.
pub(crate) fn mend_attrs(attrs: &mut [Attribute], known: &[&str], place: &str, diagnostics: &Diagnostics) {
    for attr in attrs {
        let name = name_of(attr);
        if name.is_empty() || known.contains(&name.as_str()) || BUILT_IN.contains(&name.as_str()) {
            continue;
        }
        let Some(near) = suggested(&name, known.iter().copied()) else { continue };
        diagnostics
            .error(attr.path(), format!("`#[{name}]` is no attribute of {place}"))
            .help(format!("did you mean `#[{near}]`?"))
            .emit();
        let path = match &mut attr.meta {
            Meta::Path(path) => path,
            Meta::List(list) => &mut list.path,
            Meta::NameValue(meta) => &mut meta.path,
        };
        let span = path.span();
        *path = Ident::new(near, span).into();
    }
}

/// The attributes with the name, copied.
pub(crate) fn copy_attrs(attrs: &[Attribute], name: &str) -> Vec<Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident(name)).cloned().collect()
}

/// The doc comment as text, its lines joined.
pub(crate) fn doc_text(docs: &[Attribute]) -> String {
    let lines: Vec<String> = docs
        .iter()
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(meta) => match &meta.value {
                Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        })
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

/// Removes our attributes from tokens that could not be parsed, wherever they stand.
pub(crate) fn strip_tokens(tokens: TokenStream, names: &[&str]) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let ours = matches!(kept.last(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#')
                    && matches!(group.stream().into_iter().next(),
                        Some(TokenTree::Ident(name)) if names.contains(&name.to_string().as_str()));
                if ours {
                    kept.pop();
                    continue;
                }
                let mut inner = Group::new(group.delimiter(), strip_tokens(group.stream(), names));
                inner.set_span(group.span());
                kept.push(TokenTree::Group(inner));
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

/// What stands in the brackets of the attributes with these names, wherever they are.
pub(crate) fn attributes_of(tokens: TokenStream, names: &[&str]) -> Vec<TokenStream> {
    let mut found = Vec::new();
    let mut after_hash = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let name = group.stream().into_iter().next().map(|name| name.to_string());
            if after_hash && name.is_some_and(|name| names.contains(&name.as_str())) {
                found.push(group.stream());
            } else {
                found.extend(attributes_of(group.stream(), names));
            }
        }
        after_hash = matches!(&token, TokenTree::Punct(hash) if hash.as_char() == '#');
    }
    found
}

/// Burn's older backend-generic tensor: the type of today for `Tensor<B, 2>`, which nothing in Burn 0.22 accepts.
pub(crate) fn modern_tensor(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let mut path = path.clone();
    let last = path.path.segments.last_mut()?;
    let syn::PathArguments::AngleBracketed(arguments) = &mut last.arguments else { return None };
    if last.ident != "Tensor" {
        return None;
    }
    let mut args = arguments.args.iter();
    let backend = matches!(args.next()?, syn::GenericArgument::Type(Type::Path(backend))
        if backend.qself.is_none() && backend.path.get_ident().is_some());
    let rank = matches!(args.next()?, syn::GenericArgument::Const(Expr::Lit(_)));
    if !(backend && rank) {
        return None;
    }
    arguments.args = arguments.args.iter().skip(1).cloned().collect();
    Some(Type::Path(path))
}
