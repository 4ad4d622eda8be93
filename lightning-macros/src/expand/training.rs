//! Training steps that are bound to optimizers, and which optimizers the module's steps train.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::{
    calls::{expand_arg, expand_output_call, methods_that, parts},
    implement_at,
    optimizer::{expand_batch, expand_bound},
};
use crate::{
    hooks::{Kind, StepDef},
    model::{Binding, ImplModel, Method, Param, name_hash},
    paths::plain,
    spans::{ends, respan},
};

/// The step definition of the method itself, which may differ from its row.
pub(super) fn own_step(method: &Method) -> Option<StepDef> {
    match method.hook()?.kind {
        Kind::Step(step) => Some(step),
        _ => None,
    }
}

/// `const TRAINING: P::TrainingMode = …;` unless there is one plain step, and the check that bound
/// optimizers are declared.
pub(super) fn expand_training(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    if model.is_manual() {
        return quote!(const TRAINING: #p::TrainingMode = #p::TrainingMode::Manual;);
    }
    let mut bound = model.bound().peekable();
    if bound.peek().is_none() {
        return TokenStream::new();
    }
    let one = || quote!(1);
    let steps = bound.clone().map(|(method, Binding { optimizer, every, repeat })| {
        let (name, optimizer) = (method.name(), plain(optimizer));
        let every = every.as_ref().map_or_else(one, ToTokens::to_token_stream);
        let repeat = repeat.as_ref().map_or_else(one, ToTokens::to_token_stream);
        quote!(#p::BoundStep { name: #name, optimizer: #optimizer, every: #every, repeat: #repeat })
    });
    // The optimizers of `configure_optimizers` are known in `fit` only.
    let checks = methods_that(model, Kind::Optimizers).next().is_none().then(|| {
        let checks = bound.map(|(_, binding)| expand_bound(p, &binding.optimizer));
        quote! {
            fn __lightning_bound() {
                #(#checks)*
            }
        }
    });
    quote! {
        const TRAINING: #p::TrainingMode = #p::TrainingMode::Bound(&[#(#steps),*]);
        #checks
    }
}

/// `impl P::OptimizationOf<P::Manual> for Net {}` with manual optimization, spanned at the step, to
/// which rustc's message on settings that are not available refers.
pub(super) fn expand_manual(model: &ImplModel) -> Option<TokenStream> {
    let step = model.methods.iter().find(|method| method.is_manual())?;
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let head = quote!(impl #impl_generics #p::OptimizationOf<#p::Manual> for #ident);
    Some(implement_at(step.sig.ident.span(), head, where_clause, TokenStream::new()))
}

/// `impl P::TrainsOptimizer<7265u64> for Net {}` for each bound step; a plain or manual step trains
/// every optimizer.
pub(super) fn expand_trains(model: &ImplModel) -> Vec<TokenStream> {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let mut hashes: Vec<u64> = model.bound().map(|(_, binding)| name_hash(&plain(&binding.optimizer))).collect();
    if hashes.is_empty() {
        let trains = model.methods.iter().any(Method::is_training_step);
        return if trains { vec![expand_trains_all(model)] } else { Vec::new() };
    }
    hashes.sort_unstable();
    hashes.dedup();
    let trains = |hash: u64| quote!(impl #impl_generics #p::TrainsOptimizer<#hash> for #ident #where_clause {});
    hashes.into_iter().map(trains).collect()
}

/// `impl<const NAME: u64> P::TrainsOptimizer<NAME> for Net {}`
pub(super) fn expand_trains_all(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.self_ty;
    let mut generics = model.item.generics.clone();
    generics.params.push(syn::parse_quote!(const __LIGHTNING_NAME: u64));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    quote!(impl #impl_generics #p::TrainsOptimizer<__LIGHTNING_NAME> for #ident #where_clause {})
}

/// ```text
/// impl P::TrainingStep for Net {
///     fn run_training_step(&self, step: usize, batch: Self::TrainBatch, …) -> … {
///         match step { 0usize => P::training_output(Self::critic_step(self, batch)), _ => … }
///     }
///     const AGAIN: P::Again<Self::TrainBatch> = P::kept_batch;
/// }
/// ```
pub(super) fn expand_bound_steps(model: &ImplModel, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let (implements, run) = (format_ident!("{}", step.implements), format_ident!("{}", step.method));
    let last = model.bound().count().saturating_sub(1);
    let arms = model.bound().enumerate().map(|(at, (method, _))| {
        let args = method.params.all.iter().filter_map(|param| match param {
            Param::Batch => method.params.batch.as_ref().map(expand_batch),
            Param::Known(param, ty) => Some(expand_arg(p, param, ty)),
            Param::Unknown(_) => None,
        });
        let call = expand_output_call(p, method, &quote!(training_output), &quote!(self #(, #args)*));
        let pattern = if at == last { quote!(_) } else { quote!(#at) };
        quote!(#pattern => #call,)
    });
    let span = model
        .bound()
        .find_map(|(method, _)| method.params.batch.as_ref())
        .map_or_else(Span::call_site, |ty| ends(ty).0);
    let again = respan(quote!(#p::kept_batch), span);
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::#implements for #ident #where_clause {
            fn #run(&self, step: usize, batch: Self::TrainBatch, cx: &#p::StepCx<'_>) -> #p::Result<#p::Option<#p::TrainingOutput>> {
                match step { #(#arms)* }
            }
            const AGAIN: #p::Again<Self::TrainBatch> = #again;
        }
    }
}
