//! `#[data_module]`, on the struct and on the impl.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::{
    any_of,
    calls::{expand_arg, qualified, stretch},
    ends,
    hparams::{expand_definition, expand_hparams, expand_locals, expand_rebuild},
    implement_at,
    module_impl::{data_hooks, expand_declared, expand_inert_item, parts},
    module_struct::{expand_default_of, expand_rows, expand_state},
    respan, scoped, wrapped_call,
};
use crate::{
    hooks::{HookDef, Kind, Owner},
    model::{Field, ImplModel, Meant, Method, Param, Role, StructModel},
    paths::{hparams_ident, plain},
};

/// ```text
/// struct Data { dir: PathBuf }
/// struct DataHparams { … }                      // hparams.rs
/// const _: () = {
///     impl P::DataStruct for Data { type Hparams = DataHparams; const NAME: &'static str = "Data"; const FIELDS … fn hparams … }
///     impl Data { fn new … fn hparams … }
/// };
/// ```
pub(crate) fn expand_data_struct(model: &StructModel) -> TokenStream {
    let fields = model.fields.iter().map(|field| {
        let Field { ident, cfgs, .. } = field;
        match model.role(field) {
            Some(Role::State | Role::Skipped) => {
                let default = expand_default_of(model, field);
                quote!(#(#cfgs)* #ident: #default)
            }
            _ => quote!(#(#cfgs)* #ident),
        }
    });
    let locals = expand_locals(model);
    implement_data_struct(model, expand_rebuild(model), expand_state(model), quote!(#locals Self { #(#fields),* }))
}

/// The same names and types with bodies that never run.
pub(crate) fn expand_inert_data_struct(model: &StructModel) -> TokenStream {
    let body = || quote!(::core::unreachable!());
    implement_data_struct(model, body(), TokenStream::new(), body())
}

fn implement_data_struct(
    model: &StructModel,
    rebuild: TokenStream,
    state: TokenStream,
    new: TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let item = &model.item;
    let ident = &item.ident;
    let name = plain(ident);
    let hparams = hparams_ident(ident);
    let (impl_generics, ty_generics, where_clause) = item.generics.split_for_impl();
    let doc = format!("Makes a `{name}`; nothing is read before a run starts.");
    let definition = expand_definition(model);
    let rows = expand_rows(model);
    let mut items = expand_hparams(model);
    items.push(quote! {
        #[automatically_derived]
        impl #impl_generics #p::DataStruct for #ident #ty_generics #where_clause {
            type Hparams = #hparams;
            const NAME: &'static str = #name;
            #rows
            fn hparams(&self) -> #hparams {
                #rebuild
            }
            #state
        }
    });
    items.push(quote! {
        impl #impl_generics #ident #ty_generics #where_clause {
            #[doc = #doc]
            #[must_use]
            pub fn new(hparams: #hparams) -> Self {
                #new
            }
            /// The hyperparameters, as the fields hold them now.
            pub fn hparams(&self) -> #hparams {
                <Self as #p::DataStruct>::hparams(self)
            }
        }
    });
    let scope = scoped(&model.paths, &model.cfgs, items);
    quote!(#item #definition #scope)
}

/// ```text
/// impl Data { /* the user's */ }
/// impl P::DataModule for Data {
///     fn __lightning_declared() -> P::DataParts<Self> { P::data_declared::<Self>() }
///     type Train = P::Has<<DataLoader<B> as P::LoaderOutput>::Loader>; type Val = P::NoLoader; …
///     fn setup(&mut self, stage: P::Stage) -> P::Result<()> { P::hook_output(<Data>::setup(self, stage)) }
///     fn train_dataloader(&mut self) -> P::Result<Self::Train> { P::Result::Ok(P::Has(P::LoaderOutput::into_loader(<Data>::train_dataloader(self))?)) }
///     fn val_dataloader(&mut self) -> P::Result<Self::Val> { P::Result::Ok(P::NoLoader) }
///     …
/// }
/// ```
pub(crate) fn expand_data_impl(model: &ImplModel) -> TokenStream {
    let item = &model.item;
    let members = data_hooks().map(|hook| match hook.kind {
        Kind::Loader => expand_loader(model, hook),
        _ => model.methods_of(hook).map(|method| expand_data_hook(model, method, hook)).collect(),
    });
    implement_data_module(model, item.to_token_stream(), members.collect())
}

/// The impl with the loaders' types and bodies that never run.
pub(crate) fn expand_inert_data_impl(model: &ImplModel) -> TokenStream {
    let members = data_hooks().filter(|hook| hook.kind == Kind::Loader).map(|hook| expand_inert_loader(model, hook));
    implement_data_module(model, expand_inert_item(model), members.collect())
}

/// ```text
/// impl P::ModuleLoaders for Net {
///     type Train = P::Has<…>; type Val = P::NoLoader; …
///     fn train_dataloader(&mut self) -> P::Result<Self::Train> { … }       // as in a data module
///     …
/// }
/// ```
/// for a module that has a loader.
pub(super) fn expand_own_loaders(model: &ImplModel) -> Option<TokenStream> {
    implement_own_loaders(model, |hook| expand_loader(model, hook))
}

/// The loaders' types with bodies that never run.
pub(super) fn expand_inert_own_loaders(model: &ImplModel) -> Option<TokenStream> {
    implement_own_loaders(model, |hook| expand_inert_loader(model, hook))
}

fn implement_own_loaders(model: &ImplModel, expand: impl Fn(&HookDef) -> TokenStream) -> Option<TokenStream> {
    let rows = || HookDef::of(Owner::Module).filter(|hook| hook.kind == Kind::Loader);
    rows().find(|hook| model.methods_of(hook).next().is_some())?;
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let members = rows().map(expand);
    Some(quote! {
        #[automatically_derived]
        impl #impl_generics #p::ModuleLoaders for #ident #where_clause {
            #(#members)*
        }
    })
}

fn expand_inert_loader(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let ty = expand_loader_type(model, hook);
    let body = |_: Option<&Method>| quote!(::core::unreachable!());
    let function = expand_loader_fn(model, hook, body);
    quote!(#ty #function)
}

fn implement_data_module(model: &ImplModel, item: TokenStream, members: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let declared = expand_declared(p, ident, &quote!(data_declared));
    let declared = quote!(fn __lightning_declared() -> #p::DataParts<Self> { #declared });
    // Spanned at the type, where a second impl is reported.
    let head = quote!(impl #impl_generics #p::DataModule for #ident);
    let implementation = implement_at(ends(ident).0, head, where_clause, quote!(#declared #members));
    let implementation = quote!(#[automatically_derived] #implementation);
    let scope = scoped(&model.paths, &model.cfgs, [implementation]);
    quote!(#item #scope)
}

fn expand_data_hook(model: &ImplModel, method: &Method, hook: &HookDef) -> TokenStream {
    let p = model.paths.private();
    let cfgs = &method.cfgs;
    let name = format_ident!("{}", hook.name);
    let params = hook.params.iter().map(|param| {
        let name = format_ident!("{}", param.name);
        let ty = format_ident!("{}", param.ty);
        quote!(, #name: #p::#ty)
    });
    let args = method.params.all.iter().filter_map(|param| match param {
        Param::Known(param, ty) => Some(expand_arg(p, param, ty)),
        Param::Batch | Param::Unknown(_) => None,
    });
    let call = expand_inherent_call(model, method, &quote!(hook_output), &quote!(#(, #args)*));
    quote! {
        #(#cfgs)*
        fn #name(&mut self #(#params)*) -> #p::Result<()> {
            #call
        }
    }
}

/// `P::hook_output(<Data>::setup(self, stage))`: the inherent function wins over the trait's.
fn expand_inherent_call(model: &ImplModel, method: &Method, wrap: &TokenStream, args: &TokenStream) -> TokenStream {
    let ident = &model.item.self_ty;
    let name = &method.sig.ident;
    let at = method.output().map_or_else(|| name.to_token_stream(), ToTokens::to_token_stream);
    let path = |span| {
        let mut name = name.clone();
        name.set_span(span);
        let ident = respan(ident.to_token_stream(), span);
        quote_spanned!(span=> <#ident>::#name)
    };
    wrapped_call(model.paths.private(), wrap, path, &quote!(self #args), at)
}

fn expand_loader(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let p = model.paths.private();
    let ty = expand_loader_type(model, hook);
    let function = expand_loader_fn(model, hook, |method| match method {
        Some(method) => {
            let call = expand_loader_call(model, method);
            // Underlined as the type, as all that needs it to give a loader.
            let span = method.output().map_or_else(Span::call_site, |ty| ends(ty).0);
            let (ok, has) = (respan(quote!(#p::Result::Ok), span), respan(quote!(#p::Has), span));
            let question = syn::Token![?](span);
            let mut loader = Group::new(Delimiter::Parenthesis, quote!(#call #question));
            loader.set_span(span);
            let mut present = Group::new(Delimiter::Parenthesis, quote!(#has #loader));
            present.set_span(span);
            quote!(#ok #present)
        }
        None => quote!(#p::Result::Ok(#p::NoLoader)),
    });
    quote!(#ty #function)
}

/// `<Result<DataLoader<B>> as P::LoaderOutput>::into_loader(<Data>::train_dataloader(self))`: a type that is no loader gives the same error
/// here as for the associated type, and rustc prints it once.
fn expand_loader_call(model: &ImplModel, method: &Method) -> TokenStream {
    let Some(ty) = method.output() else { return TokenStream::new() };
    let (first, last) = ends(ty);
    let convert = qualified(model.paths.private(), ty, &quote!(LoaderOutput::into_loader));
    let mut name = method.sig.ident.clone();
    name.set_span(first);
    let owner = respan(model.item.self_ty.to_token_stream(), first);
    let mut args = Group::new(Delimiter::Parenthesis, quote!(self));
    args.set_span(last);
    let mut call = Group::new(Delimiter::Parenthesis, quote_spanned!(first=> <#owner>::#name #args));
    call.set_span(last);
    quote!(#convert #call)
}

/// `type Train = P::Has<<Result<DataLoader<B>> as P::LoaderOutput>::Loader>;`
fn expand_loader_type(model: &ImplModel, hook: &HookDef) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", hook.variant);
    let written = loaders(model, hook).map(|(Method { cfgs, .. }, ty)| {
        let loader = qualified(p, ty, &quote!(LoaderOutput::Loader));
        let (first, last) = ends(ty);
        // All of it, or rustc would report a type that is no loader once more, for the attribute.
        let (open, close) = (respan(quote!(type #name = #p::Has<), first), respan(quote!(>;), last));
        quote!(#(#cfgs)* #open #loader #close)
    });
    let absent = absence(model, hook, quote!(type #name = #p::NoLoader;));
    quote!(#(#written)* #absent)
}

fn expand_loader_fn(model: &ImplModel, hook: &HookDef, body: impl Fn(Option<&Method>) -> TokenStream) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", hook.name);
    let ty = format_ident!("{}", hook.variant);
    let function = |span: Span, returned: TokenStream, body: TokenStream| {
        let (keyword, name) = (syn::Token![fn](span), respan(name.to_token_stream(), span));
        let receiver = respan(quote!((&mut self)), span);
        let arrow = respan(quote!(->), span);
        let mut block = Group::new(Delimiter::Brace, body);
        block.set_span(span);
        quote!(#keyword #name #receiver #arrow #returned #block)
    };
    let returned = quote!(#p::Result<Self::#ty>);
    let written = loaders(model, hook).map(|(method, written)| {
        let cfgs = &method.cfgs;
        // Spanned at the written type, where it is reported that it gives no loader.
        let function = function(ends(written).0, stretch(returned.clone(), written), body(Some(method)));
        quote!(#(#cfgs)* #function)
    });
    let absent = absence(model, hook, function(Span::call_site(), returned.clone(), body(None)));
    quote!(#(#written)* #absent)
}

/// The methods that give the loader, with their return types; after an error, those whose type has a name.
fn loaders<'a>(model: &'a ImplModel, hook: &'a HookDef) -> impl Iterator<Item = (&'a Method, &'a Type)> {
    let spelt_right = |method: &Method| matches!(method.meant, Meant::Hook(_) | Meant::NearMiss(_));
    model.methods_of(hook).filter(move |method| spelt_right(method)).filter_map(|method| match method.output()? {
        Type::ImplTrait(_) => None,
        ty => Some((method, ty)),
    })
}

/// The item for a loader that is not there, under the `#[cfg]` that says so.
fn absence(model: &ImplModel, hook: &HookDef, item: TokenStream) -> TokenStream {
    let places: Vec<_> = loaders(model, hook).map(|(method, _)| method.cfgs.clone()).collect();
    match any_of(&places) {
        Some(_) if places.is_empty() => item,
        Some(predicate) => quote!(#[cfg(not(#predicate))] #item),
        None => TokenStream::new(),
    }
}
