//! The setup of one optimizer.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident};

use crate::{
    model::{GroupArg, IntervalArg, Optimizer},
    paths::{RuntimePath, constant_ident, plain},
    spans::{ends, parens, respan},
};

/// `P::OptimizerSetup::new("critic", config, lr).field(Self::CRITIC).group(…)`
pub(super) fn expand_setup(p: &RuntimePath, optimizer: &Optimizer) -> TokenStream {
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
            let monitored = monitor.as_ref().map(|(_, value)| {
                let key = expand_key(value);
                let span = ends(value).0;
                let p = p.at(span);
                quote_spanned!(span=> .monitor(#p::own_key::<Self, _, _>(#key)))
            });
            let lr = match monitor {
                None => lr.as_ref().map(|lr| expand_unmonitored(p, lr)),
                Some(_) => lr.as_ref().map(ToTokens::to_token_stream),
            };
            let strict = strict.as_ref().map(|(_, value)| quote!(.strict(#value)));
            quote!(#p::OptimizerSetup::scheduled(#name, #config, #p::Schedule::new(#lr, #p::Interval::#interval)? #frequency #monitored #strict))
        }
    };
    let fields = optimizer.trained();
    let fields = fields.iter().map(|field| constant_ident(&plain(field), field.span()));
    let groups = groups.iter().map(|group| expand_group(p, config.as_ref(), group));
    quote!(#setup #(.field(Self::#fields))* #(.group(#groups))*)
}

/// `P::RateOf(lr).unmonitored()`, spanned at the schedule, where rustc reports a missing `monitor`.
fn expand_unmonitored(p: &RuntimePath, lr: &Expr) -> TokenStream {
    let span = ends(lr).0;
    let (p, given) = (p.at(span), parens(lr.to_token_stream(), span));
    quote_spanned!(span=> #p::RateOf #given.unmonitored())
}

/// `Self::VAL_LOSS` for the logged variable `val_loss`; any other expression unchanged.
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

/// `P::ParameterGroup::new(Self::BACKBONE).lr(lr * 0.1).config(P::WeightDecay::weight_decay(config,
/// 0.0))`
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
