//! Tokens that cannot be parsed, and types of older Burn versions.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::{Expr, GenericArgument, Ident, Type, visit_mut::VisitMut};

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

/// The type that is meant by a tensor type of another version or framework.
pub(crate) struct ModernTensor {
    /// The type to write.
    pub(crate) ty: Type,
    /// The number type that stands for the kind in `Tensor<2, f32>`; `None` for the
    /// backend-generic `Tensor<B, 2>` of Burn before 0.22.
    pub(crate) kind: Option<Ident>,
}

/// Number types, and the kind of a tensor of them.
const KINDS: &[(&[&str], Option<&str>)] = &[
    (&["f64", "f32", "f16", "bf16"], None),
    (&["i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "usize", "isize"], Some("Int")),
    (&["bool"], Some("Bool")),
];

/// The current type for `Tensor<B, 2>` and `Tensor<2, f32>`.
pub(crate) fn modern_tensor(ty: &Type) -> Option<ModernTensor> {
    let Type::Path(path) = ty else { return None };
    let mut path = path.clone();
    let last = path.path.segments.last_mut()?;
    let syn::PathArguments::AngleBracketed(arguments) = &mut last.arguments else { return None };
    if last.ident != "Tensor" {
        return None;
    }
    let word = |argument: &GenericArgument| match argument {
        GenericArgument::Type(Type::Path(path)) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    };
    let is_rank = |argument: &GenericArgument| matches!(argument, GenericArgument::Const(Expr::Lit(_)));
    let args: Vec<GenericArgument> = arguments.args.iter().cloned().collect();
    let mut kind = None;
    let meant: Vec<GenericArgument> = match args.as_slice() {
        [backend, rank, rest @ ..] if word(backend).is_some() && is_rank(rank) => {
            std::iter::once(rank.clone()).chain(rest.iter().cloned()).collect()
        }
        [rank, number] if is_rank(rank) => {
            let number = word(number)?;
            let (_, meant) = KINDS.iter().find(|(numbers, _)| numbers.iter().any(|known| number == known))?;
            let meant = meant.map(|kind| {
                let kind = Ident::new(kind, number.span());
                GenericArgument::Type(syn::parse_quote!(#kind))
            });
            kind = Some(number);
            std::iter::once(rank.clone()).chain(meant).collect()
        }
        _ => return None,
    };
    arguments.args = meant.into_iter().collect();
    Some(ModernTensor { ty: Type::Path(path), kind })
}
