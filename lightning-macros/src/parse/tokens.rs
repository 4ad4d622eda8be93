//! Tokens that cannot be parsed, and types of older Burn versions.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::{Expr, Type, visit_mut::VisitMut};

/// Removes our attributes, at any depth, from tokens that cannot be parsed.
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

/// The contents of all attributes with these names, at any depth.
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

/// Removes the invisible brackets that a `macro_rules!` puts around `$t:ty`, where they do not
/// change the meaning of the type.
pub(crate) fn peel_types(ty: &mut Type) {
    struct Peel;
    impl VisitMut for Peel {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            while let Type::Group(group) = ty {
                let simple =
                    matches!(*group.elem, Type::Group(_) | Type::Path(_) | Type::Reference(_) | Type::Tuple(_));
                if !simple {
                    break;
                }
                *ty = (*group.elem).clone();
            }
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
    Peel.visit_type_mut(ty);
}

/// The current type for the backend-generic `Tensor<B, 2>` of Burn before 0.22.
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
