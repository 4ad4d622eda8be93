//! Optimizers: what is declared on the struct, and the steps bound to it in the impl.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident};

use super::{ends, hparams::expand_mentioned, implement_at, local, mentions::Mentions, respan};
use crate::{
    model::{GroupArg, IntervalArg, Optimizer, StructModel, name_hash},
    paths::{RuntimePath, constant_ident, plain, public_constant},
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
    let body = quote!(#again #(#locals)* #p::setups([#setups]));
    let mut items = vec![implement(model, &cx, body)];
    items.extend(expand_declarations(model));
    items
}

pub(super) fn expand_inert_optimizers(model: &StructModel) -> Vec<TokenStream> {
    let mut items = vec![implement(model, &local("cx", Span::call_site()), quote!(::core::unreachable!()))];
    items.extend(expand_declarations(model));
    items
}

/// `P::OptimizerSetup::new("critic", config, lr).field(Self::CRITIC).group(…)`
fn expand_setup(p: &RuntimePath, optimizer: &Optimizer) -> TokenStream {
    let Optimizer { config, lr, interval, frequency, monitor, strict, groups, .. } = optimizer;
    let name = optimizer.name();
    let setup = match interval {
        None => quote!(#p::OptimizerSetup::new(#name, #config, #lr)),
        Some(interval) => {
            let interval = match interval {
                IntervalArg::Step => quote!(Step),
                IntervalArg::Epoch => quote!(Epoch),
            };
            let frequency = frequency.as_ref().map(|(_, value)| quote!(.frequency(#value)));
            let monitor = monitor.as_ref().map(|(_, value)| {
                let key = expand_key(value);
                let span = ends(value).0;
                quote_spanned!(span=> .monitor(#key))
            });
            let strict = strict.as_ref().map(|(_, value)| quote!(.strict(#value)));
            quote!(#p::OptimizerSetup::scheduled(#name, #config, #p::Schedule::new(#lr, #p::Interval::#interval)? #frequency #monitor #strict))
        }
    };
    let fields = optimizer.trained();
    let fields = fields.iter().map(|field| constant_ident(&plain(field), field.span()));
    let groups = groups.iter().map(|group| expand_group(p, config.as_ref(), group));
    quote!(#setup #(.field(Self::#fields))* #(.group(#groups))*)
}

/// `Self::VAL_LOSS` for `val_loss`, the name of the logged variable; any other expression as it is.
fn expand_key(value: &Expr) -> TokenStream {
    match value {
        Expr::Path(path) if path.qself.is_none() => match path.path.get_ident() {
            Some(variable) if variable.to_string().chars().any(char::is_lowercase) => {
                let span = variable.span();
                let constant = constant_ident(&plain(variable), span);
                quote_spanned!(span=> Self::#constant)
            }
            _ => value.to_token_stream(),
        },
        _ => value.to_token_stream(),
    }
}

/// `P::ParameterGroup::new(Self::BACKBONE).lr(lr * 0.1).config(P::WeightDecay::weight_decay(config, 0.0))`
fn expand_group(p: &RuntimePath, config: Option<&Expr>, group: &GroupArg) -> TokenStream {
    let selector = match group.word() {
        Some(field) => {
            let span = field.span();
            let constant = constant_ident(&plain(field), span);
            quote_spanned!(span=> Self::#constant)
        }
        None => group.selector.to_token_stream(),
    };
    let mut lr = None;
    let mut changed: Option<TokenStream> = None;
    for (key, value) in &group.options {
        let span = key.span();
        let base = || changed.clone().unwrap_or_else(|| config.to_token_stream());
        match plain(key).as_str() {
            "lr" => lr = Some(quote!(.lr(#value))),
            "weight_decay" => {
                let (base, path) = (base(), respan(quote!(#p::WeightDecay::weight_decay), span));
                changed = Some(quote!(#path(#base, #value)));
            }
            name => {
                let (base, method) = (base(), Ident::new(&format!("with_{name}"), span));
                changed = Some(quote!((#base).#method(#value)));
            }
        }
    }
    let changed = changed.map(|config| quote!(.config(#config)));
    quote!(#p::ParameterGroup::new(#selector) #lr #changed)
}

/// `impl P::ConfigureOptimizers for Net`, spanned at the attribute: a `configure_optimizers` beside it is reported there.
fn implement(model: &StructModel, cx: &Ident, body: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let ident = &model.item.ident;
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let names = model.optimizers.iter().map(Optimizer::name);
    let trained = model.optimizers.iter().filter(|optimizer| is_named(optimizer)).map(|optimizer| {
        let (hash, span) = (name_hash(&optimizer.name()), attribute_span(optimizer));
        let path = respan(quote!(#p::trained), span);
        let mut hash = proc_macro2::Literal::u64_suffixed(hash);
        hash.set_span(span);
        quote_spanned!(span=> #path::<Self, #hash>();)
    });
    let trained: TokenStream = trained.collect();
    let checks = (!trained.is_empty()).then(|| quote!(fn __lightning_trained() { #trained }));
    let span = model.optimizers.first().map_or_else(Span::call_site, attribute_span);
    let head = quote!(impl #impl_generics #p::ConfigureOptimizers for #ident #ty_generics);
    // A schedule may be wrong, which clippy takes for needless where there is nothing else.
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

/// Whether a step may be bound to it by a name of its own; the one optimizer of all fields is trained by any step.
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
    let (impl_generics, ty_generics, where_clause) = model.item.generics.split_for_impl();
    let mut hashes: Vec<u64> = model.optimizers.iter().map(|optimizer| name_hash(&optimizer.name())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let declare =
        |hash: u64| quote!(impl #impl_generics #p::DeclaresOptimizer<#hash> for #ident #ty_generics #where_clause {});
    hashes.into_iter().map(declare).collect()
}

/// `pub const OPTIMIZER: P::OptimizerKey<Self> = P::optimizer_key("optimizer");` for those that are not a field's.
pub(super) fn expand_keys(model: &StructModel) -> TokenStream {
    let p = model.paths.private();
    // One that is called like a field goes by the field's key.
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

/// `P::bound::<Self, 7265u64>();`, underlined as the name in `#[training_step(optimizer = …)]`.
pub(super) fn expand_bound(p: &RuntimePath, optimizer: &Ident) -> TokenStream {
    let span = optimizer.span();
    let path = respan(quote!(#p::bound), span);
    let mut hash = proc_macro2::Literal::u64_suffixed(name_hash(&plain(optimizer)));
    hash.set_span(span);
    let this = Ident::new("Self", span);
    let mut args = Group::new(Delimiter::Parenthesis, TokenStream::new());
    args.set_span(span);
    quote_spanned!(span=> #path::<#this, #hash> #args;)
}

/// The batch of a bound step, underlined as the type it is written with: steps share one batch type.
pub(super) fn expand_batch(ty: &syn::Type) -> TokenStream {
    local("batch", ends(ty).0).into_token_stream()
}
