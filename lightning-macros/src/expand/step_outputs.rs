//! The results of the steps.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::{
    any_of,
    calls::{expand_fallible_call, expand_output_call, qualified},
    modernize,
};
use crate::{
    hooks::StepOutput,
    model::Method,
    paths::RuntimePath,
    spans::{ends, parens, respan},
};

/// Converts the result of a step whose output no hook takes.
pub(super) fn expand_step_output(
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
/// `P::evaluation_output(…)` if no hook takes the outputs, `P::no_output(…)` without a return type.
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
    let nothing = parens(TokenStream::new(), last);
    let call = quote!(#call #given #nothing);
    let dropped = {
        let path = respan(quote!(#p::evaluation_output), first);
        let args = parens(quote!(#call), last);
        quote!(#path #args)
    };
    let body = match kept {
        None => dropped,
        Some((Method { cfgs, .. }, ty)) => {
            let path = respan(quote!(#p::kept_output), first);
            let comma = respan(quote!(,), first);
            let args = parens(quote!(cx #comma #call), last);
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

/// `type Output = Tensor<2>;`, or the type inside of a `Result`.
pub(super) fn expand_prediction(p: &RuntimePath, method: &Method) -> TokenStream {
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
        Some(ty) => {
            // An older tensor type is reported.
            let mut ty = ty.clone();
            modernize(|tensors| tensors.visit_type_mut(&mut ty));
            quote!(type Output = #ty;)
        }
    }
}
