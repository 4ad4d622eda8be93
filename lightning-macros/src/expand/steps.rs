//! The steps of a module: one trait for each.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Type;

use super::{
    any_of, assert_at,
    calls::{expand_arg, expand_fallible_call, expand_output_call, known_params, qualified, referred, stretch},
    ends,
    module_impl::{modernise, parts},
    respan,
    run_hook::hook_that_takes,
    training::own_step,
};
use crate::{
    hooks::{Arg, HookDef, Kind, Owner, StepDef, StepOutput},
    model::{ImplModel, Method, Param},
    paths::RuntimePath,
    text::text_of,
};

/// The rows of the steps.
pub(super) fn steps() -> impl Iterator<Item = (&'static HookDef, StepDef)> {
    HookDef::of(Owner::Module).filter_map(|hook| match hook.kind {
        Kind::Step(step) => Some((hook, step)),
        _ => None,
    })
}

/// `type TrainBatch = DigitBatch;`, with the other case where the step stands under a `#[cfg]`.
pub(super) fn expand_batch_type(model: &ImplModel, hook: &HookDef, step: StepDef) -> TokenStream {
    let p = model.paths.private();
    let name = format_ident!("{}", step.batch);
    let repeated: Vec<usize> = model.repeated().map(|method| method.index).collect();
    let once = model.methods_of(hook).filter(|method| !repeated.contains(&method.index));
    // Several steps share the batch of the first.
    let first = model.methods_of(hook).find(|method| method.cfgs.is_empty()).map(|method| method.index);
    let shares = move |method: &Method| method.cfgs.is_empty() && Some(method.index) != first;
    let written = once.filter(move |method| !shares(method)).filter_map(|method| Some((method, batch_type(method)?)));
    let types = written.clone().map(|(Method { cfgs, .. }, ty)| quote!(#(#cfgs)* type #name = #ty;));
    let places: Vec<_> = written.map(|(method, _)| method.cfgs.clone()).collect();
    let absent = match any_of(&places) {
        Some(_) if places.is_empty() => quote!(type #name = #p::NoBatch;),
        Some(predicate) => quote!(#[cfg(not(#predicate))] type #name = #p::NoBatch;),
        None => TokenStream::new(),
    };
    quote!(#(#types)* #absent)
}

/// `const _: () = P::assert_counted!(DigitBatch);`: means over an epoch are weighted by the number of samples. `()` is a tick, and a
/// generic batch is asked at `fit`.
pub(super) fn expand_counted(model: &ImplModel) -> Vec<TokenStream> {
    if !model.item.generics.params.is_empty() {
        return Vec::new();
    }
    let p = model.paths.private();
    let mut seen: Vec<String> = Vec::new();
    let mut assertions = Vec::new();
    let is_step = |method: &&Method| method.hook().is_some_and(|hook| matches!(hook.kind, Kind::Step(_)));
    for method in model.methods.iter().filter(is_step) {
        let Some(ty) = method.params.batch.as_ref() else { continue };
        let is_tick = matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty());
        if is_tick || seen.contains(&text_of(ty)) {
            continue;
        }
        seen.push(text_of(ty));
        assertions.push(assert_at(p, &quote!(assert_counted), ends(ty).0, &method.cfgs, ty.to_token_stream()));
    }
    assertions
}

/// The batch's type; in an impl with mistakes what stands behind a reference.
fn batch_type(method: &Method) -> Option<Type> {
    let mut ty = match method.params.batch.as_ref()? {
        Type::Reference(reference) => (*reference.elem).clone(),
        Type::ImplTrait(_) => return None,
        ty => ty.clone(),
    };
    modernise(|tensors| tensors.visit_type_mut(&mut ty));
    Some(ty)
}

/// ```text
/// impl P::TrainingStep for Net {
///     fn run_training_step(&self, batch: Self::TrainBatch, cx: &P::StepCx<'_>) -> P::Result<P::Option<P::TrainingOutput>> {
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
    let handed_on = hook_that_takes(model, |_, arg| arg == Arg::Output).filter(|(hook, _)| hook.cfgs.is_empty());
    let handed_on = handed_on.map(|(_, ty)| referred(ty));
    let kept = match step.output {
        StepOutput::Evaluation => hook_that_takes(model, |_, arg| arg == Arg::Outputs(step.batch)),
        _ => None,
    };
    let body = match (step.output, handed_on) {
        (StepOutput::Training, Some(ty)) => expand_output_call(p, method, &quote!(training_output_of::<#ty, _>), &args),
        (StepOutput::Manual, Some(ty)) => expand_output_call(p, method, &quote!(manual_output_of::<#ty, _>), &args),
        (output, _) => expand_step_output(p, method, output, kept, &args),
    };
    let takes_cx = kept.is_some()
        || hook.params.iter().any(|param| known_params(method).iter().any(|(known, _)| known.name == param.name));
    implement_step(model, method, step, if takes_cx { quote!(cx) } else { quote!(_cx) }, quote!(batch), body)
}

/// What becomes of what a step returns, where nothing is handed on.
fn expand_step_output(
    p: &RuntimePath,
    method: &Method,
    output: StepOutput,
    kept: Option<(&Method, &Type)>,
    args: &TokenStream,
) -> TokenStream {
    match output {
        StepOutput::Training => expand_output_call(p, method, &quote!(training_output), args),
        StepOutput::Manual => expand_output_call(p, method, &quote!(manual_output), args),
        StepOutput::Evaluation => expand_evaluation(p, method, kept, args),
        StepOutput::Prediction if method.is_fallible() => expand_fallible_call(p, method, args),
        StepOutput::Prediction => expand_output_call(p, method, &quote!(Result::Ok), args),
    }
}

/// ```text
/// use P::PlainOutput as _;
/// P::kept_output::<Vec<f64>, _, _>(cx, P::Evaluated(Self::validation_step(self, batch)).given())
/// ```
/// `P::evaluation_output(…)` where no hook takes the outputs, and `P::no_output(…)` where there are none.
fn expand_evaluation(
    p: &RuntimePath,
    method: &Method,
    kept: Option<(&Method, &Type)>,
    args: &TokenStream,
) -> TokenStream {
    if kept.is_none() && method.output().is_none() {
        return expand_output_call(p, method, &quote!(no_output), args);
    }
    let call = expand_output_call(p, method, &quote!(Evaluated), args);
    let (first, last) = match method.output() {
        Some(ty) => ends(ty),
        None => ends(&method.sig.ident),
    };
    let given = respan(quote!(.given), last);
    let mut nothing = Group::new(Delimiter::Parenthesis, TokenStream::new());
    nothing.set_span(last);
    let call = quote!(#call #given #nothing);
    let dropped = {
        let path = respan(quote!(#p::evaluation_output), first);
        let mut args = Group::new(Delimiter::Parenthesis, quote!(#call));
        args.set_span(last);
        quote!(#path #args)
    };
    let body = match kept {
        None => dropped,
        Some((Method { cfgs, .. }, ty)) => {
            let path = respan(quote!(#p::kept_output), first);
            let comma = respan(quote!(,), first);
            let mut args = Group::new(Delimiter::Parenthesis, quote!(cx #comma #call));
            args.set_span(last);
            let (open, rest) = (respan(quote!(::<), first), respan(quote!(, _, _>), last));
            let kept = quote!(#path #open #ty #rest #args);
            match any_of(std::slice::from_ref(cfgs)) {
                None => kept,
                Some(predicate) => quote! {
                    let _ = cx;
                    #[cfg(#predicate)] { #kept }
                    #[cfg(not(#predicate))] { #dropped }
                },
            }
        }
    };
    quote! {
        #[allow(unused_imports)]
        use #p::PlainOutput as _;
        #body
    }
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
    // Spanned at a written type that is to be a `Result`, where its errors are.
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
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(span);
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

/// `const AGAIN: P::Again<Self::TrainBatch> = P::again!();`; where the hook after the batch takes it too, it has to be `Clone`.
fn expand_again(model: &ImplModel, step: StepDef) -> Option<TokenStream> {
    let p = model.paths.private();
    let batch = format_ident!("{}", step.batch);
    let after = |hook: &HookDef, arg| hook.name.ends_with("_end") && arg == Arg::Batch(step.batch);
    let again = match hook_that_takes(model, after) {
        Some((_, ty)) => {
            let clone = respan(quote!(#p::Clone::clone), ends(ty).0);
            quote!(|batch| #p::Option::Some(#clone(batch)))
        }
        None if step.output == StepOutput::Training => quote!(#p::again!()),
        None => return None,
    };
    Some(quote!(const AGAIN: #p::Again<Self::#batch> = #again;))
}

/// `type Output = Tensor<2>;`, or what is inside where the written type is a `Result`.
fn expand_prediction(p: &RuntimePath, method: &Method) -> TokenStream {
    match method.output() {
        None => quote!(
            type Output = ();
        ),
        Some(Type::ImplTrait(_)) => quote!(
            type Output = ();
        ),
        Some(ty) if method.is_fallible() => {
            let output = qualified(p, ty, &quote!(FallibleOutput::Output));
            quote!(type Output = #output;)
        }
        Some(ty) => quote!(type Output = #ty;),
    }
}
