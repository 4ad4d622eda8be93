//! Lists of attributes.

use syn::{Attribute, Expr, Ident, Meta, Token, ext::IdentExt, punctuated::Punctuated, spanned::Spanned};

use crate::diagnostics::{Diagnostics, suggested};

/// The name of the attribute, empty for a path of several segments.
pub(crate) fn name_of(attr: &Attribute) -> String {
    attr.path().get_ident().map(|name| name.unraw().to_string()).unwrap_or_default()
}

/// Removes the attributes with one of the names and returns them.
pub(crate) fn take_attrs(attrs: &mut Vec<Attribute>, names: &[&str]) -> Vec<Attribute> {
    attrs.extract_if(.., |attr| names.contains(&name_of(attr).as_str())).collect()
}

/// Attributes of rustc and of the derives that we emit.
const BUILT_IN: &[&str] = &["doc", "cfg", "cfg_attr", "allow", "warn", "deny", "expect", "module", "serde"];

/// Reports each attribute whose name is close to one of `known`, and corrects the name, so that the
/// arguments are read as intended.
pub(crate) fn correct_attrs(attrs: &mut [Attribute], known: &[&str], place: &str, diagnostics: &Diagnostics) {
    for attr in attrs {
        let name = name_of(attr);
        if name.is_empty() || known.contains(&name.as_str()) || BUILT_IN.contains(&name.as_str()) {
            continue;
        }
        let Some(near) = suggested(&name, known.iter().copied()) else { continue };
        diagnostics
            .error(attr.path(), format!("unknown attribute `#[{name}]` on {place}"))
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

/// The first of the attributes `names` that a `#[cfg_attr(…)]` hides from a macro, which is given
/// the attribute before it is expanded.
pub(crate) fn in_cfg_attr(attr: &Attribute, names: &[&str]) -> Option<Ident> {
    if name_of(attr) != "cfg_attr" {
        return None;
    }
    let Meta::List(list) = &attr.meta else { return None };
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    let attributes = list.parse_args_with(parser).ok()?.into_iter().skip(1);
    let mut found = attributes.filter_map(|meta| meta.path().get_ident().cloned());
    found.find(|name| names.contains(&name.to_string().as_str()))
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
