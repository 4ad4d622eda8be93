//! `#[data_module]`, on the struct and on the impl.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::{
    calls::{expand_arg, parts},
    hparam_values::{expand_locals, expand_rebuild},
    hparams::{expand_definition, expand_hparams},
    implement_at,
    init::expand_default_of,
    loaders::{expand_inert_loader, expand_loader},
    misplaced_hooks::expand_misplaced_hooks,
    module_impl::expand_declared,
    scoped,
    storage::expand_state,
    struct_impl::expand_rows,
    user_impl::expand_inert_item,
    wrapped_call,
};
use crate::{
    hooks::{HookDef, Kind, Owner},
    model::{Field, ImplModel, Method, Param, Role, StructModel},
    paths::{hparams_ident, plain},
    spans::{ends, respan},
};

/// ```text
/// struct Data { dir: PathBuf }
/// struct DataHparams { … }                      // hparams.rs
/// const _: () = {
///     impl P::DataStruct for Data {
///         type Hparams = DataHparams;
///         const NAME: &'static str = "Data";
///         const FIELDS … fn hparams …
///     }
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

/// The same names and types after an error; the bodies are never called.
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
            fn __lightning_new(hparams: #hparams) -> Self {
                Self::new(hparams)
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
///     type This = Self;
///     type Train = P::Has<<DataLoader<B> as P::LoaderOutput>::Loader>; type Val = P::NoLoader; …
///     fn setup(&mut self, stage: P::Stage) -> P::Result<()> {
///         P::hook_output(<Data>::setup(self, stage))
///     }
///     fn train_dataloader(&mut self) -> P::Result<Self::Train> {
///         P::Result::Ok(P::Has(P::LoaderOutput::into_loader(<Data>::train_dataloader(self))?))
///     }
///     fn val_dataloader(&mut self) -> P::Result<Self::Val> { P::Result::Ok(P::NoLoader) }
///     …
/// }
/// P::misplaced_hooks!(…);
/// ```
pub(crate) fn expand_data_impl(model: &ImplModel) -> TokenStream {
    let item = &model.item;
    let members = data_hooks().map(|hook| match hook.kind {
        Kind::Loader => expand_loader(model, hook),
        _ => model.methods_of(hook).map(|method| expand_data_hook(model, method, hook)).collect(),
    });
    implement_data_module(model, item.to_token_stream(), members.collect(), expand_misplaced_hooks(model))
}

/// The impl after an error, with the types of the loaders; the bodies are never called.
pub(crate) fn expand_inert_data_impl(model: &ImplModel) -> TokenStream {
    let members = data_hooks().filter(|hook| hook.kind == Kind::Loader).map(|hook| expand_inert_loader(model, hook));
    implement_data_module(model, expand_inert_item(model), members.collect(), TokenStream::new())
}

fn implement_data_module(
    model: &ImplModel,
    item: TokenStream,
    members: TokenStream,
    check: TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let declared = expand_declared(p, ident, &quote!(data_declared));
    let declared = quote!(fn __lightning_declared() -> #p::DataParts<Self> { #declared });
    // Spanned at the type, where rustc reports a second impl.
    let head = quote!(impl #impl_generics #p::DataModule for #ident);
    let implementation = implement_at(ends(ident).0, head, where_clause, quote!(#declared type This = Self; #members));
    let implementation = quote!(#[automatically_derived] #implementation);
    let scope = scoped(&model.paths, &model.cfgs, [implementation, check]);
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

/// `P::hook_output(<Data>::setup(self, stage))`: the inherent function has priority over the
/// trait's.
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

/// The rows of the data module.
fn data_hooks() -> impl Iterator<Item = &'static HookDef> {
    HookDef::of(Owner::Data)
}
