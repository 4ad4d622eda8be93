//! The steps of a module: one trait for each.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::{
    batch_types::batch_type,
    calls::{expand_arg, expand_output_call, known_params, parts, referred, stretch},
    run_hook::hook_that_takes,
    step_outputs::{expand_prediction, expand_step_output},
    training::own_step,
};
use crate::{
    hooks::{Arg, HookDef, Kind, Owner, StepDef, StepOutput},
    model::{ImplModel, Method, Param},
    spans::{braces, ends, respan},
};

/// The rows of the steps.
pub(super) fn steps() -> impl Iterator<Item = (&'static HookDef, StepDef)> {
    HookDef::of(Owner::Module).filter_map(|hook| match hook.kind {
        Kind::Step(step) => Some((hook, step)),
        _ => None,
    })
}

/// ```text
/// impl P::TrainingStep for Net {
///     fn run_training_step(
///         &self, batch: Self::TrainBatch, cx: &P::StepCx<'_>,
///     ) -> P::Result<P::Option<P::TrainingOutput>> {
///         P::training_output(Self::training_step(self, batch))
///     }
/// }
/// ```
pub(super) fn expand_step(model: &ImplModel, method: &Method, hook: &HookDef, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let step = if method.is_manual() { own_step(method).unwrap_or(step) } else { step };
    let args = method.params.all.iter().filter_map(|param| match param {
        Param::Batch => Some(quote!(batch)),
        Param::Known(param, ty) => Some(expand_arg(p, param, ty)),
        Param::Unknown(_) => None,
    });
    let args = quote!(self #(, #args)*);
    // Under a `#[cfg]` the hook may be absent, and its type cannot decide the step's output.
    let output_type = hook_that_takes(model, |_, arg| arg == Arg::Output).filter(|(hook, _)| hook.cfgs.is_empty());
    let output_type = output_type.map(|(_, ty)| referred(ty));
    let kept = match step.output {
        StepOutput::Evaluation => hook_that_takes(model, |_, arg| arg == Arg::Outputs(step.batch)),
        _ => None,
    };
    let body = match (step.output, output_type) {
        (StepOutput::Training, Some(ty)) => expand_output_call(p, method, &quote!(training_output_of::<#ty, _>), &args),
        (StepOutput::Manual, Some(ty)) => expand_output_call(p, method, &quote!(manual_output_of::<#ty, _>), &args),
        (output, _) => expand_step_output(p, method, output, kept, &args),
    };
    // The name of an unused parameter starts with an underscore, as in code that a user would
    // write.
    let takes_cx = kept.is_some()
        || hook.params.iter().any(|param| known_params(method).iter().any(|(known, _)| known.name == param.name));
    implement_step(model, method, step, if takes_cx { quote!(cx) } else { quote!(_cx) }, quote!(batch), body)
}

pub(super) fn expand_inert_step(model: &ImplModel, method: &Method, step: StepDef) -> TokenStream {
    if batch_type(method).is_none() {
        return TokenStream::new();
    }
    let step = if method.is_manual() { own_step(method).unwrap_or(step) } else { step };
    implement_step(model, method, step, quote!(_cx), quote!(_batch), quote!(::core::unreachable!()))
}

fn implement_step(
    model: &ImplModel,
    method: &Method,
    step: StepDef,
    cx: TokenStream,
    batch: TokenStream,
    body: TokenStream,
) -> TokenStream {
    let p = model.paths.private();
    let (impl_generics, ident, where_clause) = parts(model);
    let cfgs = &method.cfgs;
    let (implements, run) = (format_ident!("{}", step.implements), format_ident!("{}", step.method));
    let batch_ty = format_ident!("{}", step.batch);
    let (associated, output) = match step.output {
        StepOutput::Training | StepOutput::Manual => (None, quote!(#p::Option<#p::TrainingOutput>)),
        StepOutput::Evaluation => (None, quote!(())),
        StepOutput::Prediction => (Some(expand_prediction(p, method)), quote!(Self::Output)),
    };
    let returned = quote!(#p::Result<#output>);
    // Spanned at the return type if it should be a `Result`, where rustc reports its errors.
    let (span, returned) = match method.output() {
        Some(ty) if associated.is_some() && method.is_fallible() => (ends(ty).0, stretch(returned, ty)),
        _ => (Span::call_site(), returned),
    };
    let (keyword, run) = (syn::Token![fn](span), respan(run.to_token_stream(), span));
    let params = match step.output {
        StepOutput::Training => quote!(&self, _step: usize, #batch: Self::#batch_ty),
        StepOutput::Manual => {
            quote!(&mut self, #batch: Self::#batch_ty, optimizers: &mut #p::Optimizers<'_, Self>)
        }
        StepOutput::Evaluation | StepOutput::Prediction => quote!(&self, #batch: Self::#batch_ty),
    };
    let body = braces(body, span);
    let again = expand_again(model, step);
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #impl_generics #p::#implements for #ident #where_clause {
            #associated
            #again
            #keyword #run(#params, #cx: &#p::StepCx<'_>) -> #returned #body
        }
    }
}

/// `const AGAIN: P::Again<Self::TrainBatch> = P::again!();`; if a hook after the batch takes it
/// too, the batch must be `Clone`.
fn expand_again(model: &ImplModel, step: StepDef) -> Option<TokenStream> {
    let p = model.paths.private();
    let batch = format_ident!("{}", step.batch);
    let after = |hook: &HookDef, arg| hook.name.ends_with("_end") && arg == Arg::Batch(step.batch);
    let again = match hook_that_takes(model, after) {
        Some((_, ty)) => respan(quote!(#p::kept_batch), ends(ty).0),
        None if step.output == StepOutput::Training => quote!(#p::again!()),
        None => return None,
    };
    Some(quote!(const AGAIN: #p::Again<Self::#batch> = #again;))
}
