//! `impl ConfigureOptimizers`, and the constants of optimizers.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;

use super::{hparam_values::expand_mentioned, implement_at, mentions::Mentions, setup::expand_setup};
use crate::{
    model::{Optimizer, StructModel, name_hash},
    paths::{RuntimePath, plain, public_constant},
    spans::{ends, local, parens, respan},
};

/// ```text
/// impl P::ConfigureOptimizers for Net {
///     const OPTIMIZERS: &'static [&'static str] = &["optimizer"];
///     fn configure_optimizers(&self, cx: &P::FitContext) -> P::Setups {
///         let lr = P::Clone::clone(&self.lr);
///         P::setups([P::OptimizerSetup::new("optimizer", AdamConfig::new(), lr)])
///     }
/// }
/// impl P::DeclaresOptimizer<7265u64> for Net {}
/// ```
pub(super) fn expand_optimizers(model: &StructModel) -> Vec<TokenStream> {
    let p = model.paths.private();
    let setups = model.optimizers.iter().map(|optimizer| expand_setup(p, optimizer));
    let setups = quote!(#(#setups),*);
    let mentioned = Mentions::of(setups.clone());
    let locals = expand_mentioned(model, &mentioned, "self", &[]);
    let (cx, again) = mentioned.param("cx");
    let unmonitored = model.optimizers.iter().any(|one| one.interval.is_some() && one.monitor.is_none());
    let import = unmonitored.then(|| quote!(use #p::Scheduled as _;));
    let body = quote!(#import #again #(#locals)* #p::setups([#setups]));
    let mut items = vec![implement(model, &cx, body)];
    items.extend(expand_declarations(model));
    items
}

pub(super) fn expand_inert_optimizers(model: &StructModel) -> Vec<TokenStream> {
    let mut items = vec![implement(model, &local("cx", Span::call_site()), quote!(::core::unreachable!()))];
    items.extend(expand_declarations(model));
    items
}

/// `impl P::ConfigureOptimizers for Net`, spanned at the attribute, where rustc reports a
/// conflicting `configure_optimizers`.
fn implement(model: &StructModel, cx: &Ident, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    let names = model.optimizers.iter().map(Optimizer::name);
    let trained = model.optimizers.iter().filter(|optimizer| is_named(optimizer)).map(|optimizer| {
        let (hash, span) = (name_hash(&optimizer.name()), attribute_span(optimizer));
        let path = respan(quote!(#p::trained), span);
        let mut hash = proc_macro2::Literal::u64_suffixed(hash);
        hash.set_span(span);
        quote_spanned!(span=> #path::<Self, #hash>();)
    });
    let frequencies = model.optimizers.iter().filter_map(|optimizer| optimizer.frequency.as_ref());
    let stepped = frequencies.map(|(key, _)| {
        let path = respan(quote!(#p::stepped_by_the_trainer), key.span());
        quote_spanned!(key.span()=> #path::<Self, _>(0);)
    });
    let trained: TokenStream = trained.chain(stepped).collect();
    let checks = (!trained.is_empty()).then(|| quote!(fn __lightning_trained() { #trained }));
    let span = model.optimizers.first().map_or_else(Span::call_site, attribute_span);
    let head = quote!(impl #impl_generics #p::ConfigureOptimizers for #ident #ty_generics);
    // Without other statements clippy reports the `?` of a schedule as needless.
    let scheduled = model.optimizers.iter().any(|optimizer| optimizer.interval.is_some());
    let scheduled = scheduled.then(|| quote!(#[allow(clippy::needless_question_mark)]));
    let body = quote! {
        const OPTIMIZERS: &'static [&'static str] = &[#(#names),*];
        #scheduled
        fn configure_optimizers(&self, #cx: &#p::FitContext) -> #p::Setups {
            #body
        }
        #checks
    };
    implement_at(span, head, where_clause, body)
}

/// Whether a step can be bound to it by name; any step trains the one optimizer of all fields.
fn is_named(optimizer: &Optimizer) -> bool {
    optimizer.field.is_some() || optimizer.name.is_some() || !optimizer.fields.is_empty()
}

fn attribute_span(optimizer: &Optimizer) -> Span {
    ends(optimizer.attr.path()).0
}

/// `impl P::DeclaresOptimizer<7265u64> for Net {}`, one for each.
fn expand_declarations(model: &StructModel) -> Vec<TokenStream> {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.generics.split_for_impl();
    let mut hashes: Vec<u64> = model.optimizers.iter().map(|optimizer| name_hash(&optimizer.name())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let declare =
        |hash: u64| quote!(impl #impl_generics #p::DeclaresOptimizer<#hash> for #ident #ty_generics #where_clause {});
    hashes.into_iter().map(declare).collect()
}

/// `pub const OPTIMIZER: P::OptimizerKey<Self> = P::optimizer_key("optimizer");` for each optimizer
/// that is not on a field.
pub(super) fn expand_keys(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    // An optimizer with the name of a field uses the field's key.
    let is_field = |name: &str| model.fields.iter().any(|field| field.name() == name);
    let mut names: Vec<String> = Vec::new();
    let own = model.optimizers.iter().filter(|optimizer| {
        let name = optimizer.name();
        let new = !is_field(&name) && !names.contains(&name);
        names.push(name);
        new
    });
    let keys = own.map(|optimizer| {
        let name = optimizer.name();
        let key = quote!(#p::OptimizerKey<Self> = #p::optimizer_key(#name));
        public_constant(&name, attribute_span(optimizer), key)
    });
    keys.collect()
}

/// `P::bound::<Self, 7265u64>();`, spanned at the name in `#[training_step(optimizer = …)]`.
pub(super) fn expand_bound(p: &RuntimePath, optimizer: &Ident) -> TokenStream {
    let span = optimizer.span();
    let path = respan(quote!(#p::bound), span);
    let mut hash = proc_macro2::Literal::u64_suffixed(name_hash(&plain(optimizer)));
    hash.set_span(span);
    let this = Ident::new("Self", span);
    let args = parens(TokenStream::new(), span);
    quote_spanned!(span=> #path::<#this, #hash> #args;)
}

/// The batch of a bound step, spanned at its type: all bound steps share one batch type.
pub(super) fn expand_batch(ty: &syn::Type) -> TokenStream {
    local("batch", ends(ty).0).into_token_stream()
}
