//! The check that no other impl has a hook.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{ConstParam, GenericParam, Generics, Type};

use crate::{
    hooks::HookDef,
    model::{ImplModel, Method},
    spans::{ends, parens, respan},
};

/// A type may have a constructor of this name.
const CONSTRUCTOR: &str = "init";

/// The types of constants.
const PRIMITIVES: &[&str] =
    &["usize", "bool", "char", "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "isize"];

/// ```text
/// mod __lightning_unwritten {
///     use ::lightning_core::__private::{self as __p, UnwrittenHooks as _};
///     pub(super) struct Of;
///     type Module = <Of as __p::Probed>::Type;
///     fn check() {
///         __p::unwritten(<Module>::on_fit_start);
///         …
///     }
/// }
/// impl P::Probed for __lightning_unwritten::Of { type Type = Net; }
/// ```
/// for each hook that this impl does not have. `check` is compiled and never called.
///
/// It is in a module of its own because there the traits of the program are not in scope. A trait
/// may have a method with the name of a hook, which would be ambiguous with that of
/// `UnwrittenHooks`. For the same reason the module cannot name the types of the program, and a
/// generic type, whose bounds it would have to repeat, is not checked.
pub(super) fn expand_unwritten(model: &ImplModel) -> TokenStream {
    let Some(outer) = model.paths.absolute() else { return TokenStream::new() };
    let Some(consts) = plain_consts(&model.item.generics) else { return TokenStream::new() };
    let (p, ty) = (model.paths.private(), &model.item.self_ty);
    let (params, args) = match consts.is_empty() {
        true => (TokenStream::new(), TokenStream::new()),
        false => {
            let names = consts.iter().map(|param| &param.ident);
            (quote!(<#(#consts),*>), quote!(<#(#names),*>))
        }
    };
    let names: Vec<String> = model.methods.iter().map(Method::name).collect();
    let absent =
        HookDef::of(model.owner).filter(|hook| hook.name != CONSTRUCTOR && !names.iter().any(|name| name == hook.name));
    let checks = absent.map(|hook| expand_check(model, hook, &quote!(Module #args)));
    quote! {
        mod __lightning_unwritten {
            use #outer::{self as __p, UnwrittenHooks as _};
            pub(super) struct Of #params;
            type Module #params = <Of #args as __p::Probed>::Type;
            fn check #params() {
                #(#checks)*
            }
        }
        impl #params #p::Probed for __lightning_unwritten::Of #args {
            type Type = #ty;
        }
    }
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

/// Spanned at the type, since the place of the other method is unknown.
fn expand_check(model: &ImplModel, hook: &HookDef, module: &TokenStream) -> TokenStream {
    let (first, last) = ends(&model.item.self_ty);
    let function = Ident::new(model.owner.unwritten(), first);
    let function = respan(quote!(__p::#function), first);
    let name = Ident::new(hook.name, last);
    let hook = parens(respan(quote!(<#module>::#name), last), last);
    quote!(#function #hook;)
}
