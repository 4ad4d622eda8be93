//! The check that no other impl has a hook.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ConstParam, GenericParam, Generics, Type};

use crate::{
    hooks::{HookDef, Owner},
    model::ImplModel,
    spans::{ends, parens, respan},
};

/// The types of constants.
const PRIMITIVES: &[&str] =
    &["usize", "bool", "char", "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "isize"];

/// `P::misplaced_hooks!(Net[][] training_step on_fit_start);` with the hooks that this impl has;
/// for a generic struct `Net<N>[const N: usize][N] …`.
///
/// Where the check stands the types of the program cannot be named, so that a generic type, whose
/// bounds it would have to repeat, is not checked.
pub(super) fn expand_misplaced_hooks(model: &ImplModel) -> TokenStream {
    let Some(consts) = plain_consts(&model.item.generics) else { return TokenStream::new() };
    let (p, ty) = (model.paths.private(), &model.item.self_ty);
    let names = consts.iter().map(|param| &param.ident);
    let check = match model.owner {
        Owner::Module => quote!(misplaced_hooks),
        Owner::Data => quote!(misplaced_data_hooks),
    };
    let is_written = |hook: &&HookDef| model.methods.iter().any(|method| method.name() == hook.name);
    let written = HookDef::of(model.owner).filter(is_written).map(|hook| format_ident!("{}", hook.name));
    // Spanned at the type, since the place of the other method is unknown.
    let span = ends(ty).0;
    let path = respan(quote!(#p::#check!), span);
    let arguments = parens(quote!(#ty[#(#consts),*][#(#names),*] #(#written)*), span);
    quote!(#path #arguments;)
}

/// The generic parameters, if each is a constant of a primitive type.
fn plain_consts(generics: &Generics) -> Option<Vec<&ConstParam>> {
    let is_plain = |ty: &Type| matches!(ty, Type::Path(path) if PRIMITIVES.iter().any(|name| path.path.is_ident(name)));
    let params = generics.params.iter().map(|param| match param {
        GenericParam::Const(param) if is_plain(&param.ty) => Some(param),
        _ => None,
    });
    params.collect::<Option<_>>().filter(|_| generics.where_clause.is_none())
}
