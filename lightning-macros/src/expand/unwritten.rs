//! The check that no other impl has a hook.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{ConstParam, GenericParam, Generics, Type};

use crate::{
    hooks::HookDef,
    model::{ImplModel, Method},
    spans::ends,
};

/// A type may have a constructor of this name.
const CONSTRUCTOR: &str = "init";

/// The types of constants.
const PRIMITIVES: &[&str] =
    &["usize", "bool", "char", "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "isize"];

/// `P::unwritten_hooks!(unwritten, Net, [const N: usize], [N], on_fit_start on_fit_end …);` for each
/// hook that this impl does not have.
///
/// The runtime's macro puts the check into a module of its own, because there the traits of the
/// program are not in scope. A trait may have a method with the name of a hook, which would be
/// ambiguous with that of `UnwrittenHooks`. For the same reason the module cannot name the types of
/// the program, and a generic type, whose bounds it would have to repeat, is not checked.
pub(super) fn expand_unwritten(model: &ImplModel) -> TokenStream {
    let Some(consts) = plain_consts(&model.item.generics) else { return TokenStream::new() };
    let (p, ty) = (model.paths.private(), &model.item.self_ty);
    let arguments = consts.iter().map(|param| &param.ident);
    let names: Vec<String> = model.methods.iter().map(Method::name).collect();
    let absent =
        HookDef::of(model.owner).filter(|hook| hook.name != CONSTRUCTOR && !names.iter().any(|name| name == hook.name));
    // Spanned at the type, since the place of the other method is unknown.
    let (first, last) = ends(ty);
    let function = Ident::new(model.owner.unwritten(), first);
    let hooks = absent.map(|hook| Ident::new(hook.name, last));
    quote!(#p::unwritten_hooks!(#function, #ty, [#(#consts),*], [#(#arguments),*], #(#hooks)*);)
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
