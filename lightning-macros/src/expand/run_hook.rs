//! The hooks of a module: the set that it implements, and the calls.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::calls::{expand_arg, expand_given, expand_output_call, known_params, referred};
use crate::{
    hooks::{Arg, HookDef, Kind, StateDef},
    model::{ImplModel, Meant, Method},
    paths::RuntimePath,
    spans::{ends, local, parens, respan},
};

/// ```text
/// fn save_user_state(&mut self, state: &mut P::StateWriter) -> P::Result<()> {
///     P::hook_output(Self::on_save_checkpoint(self, state))
/// }
/// fn load_user_state(&mut self, state: &P::StateReader<'_>) -> P::Result<()> {
///     P::hook_output(Self::on_load_checkpoint(self, state))
/// }
/// ```
pub(super) fn expand_user_states(model: &ImplModel) -> TokenStream {
    let p = model.paths.private();
    let written = model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) => match &hook.kind {
            Kind::UserState(state) => Some((method, hook, state)),
            _ => None,
        },
        _ => None,
    });
    let methods = written.map(|(method, hook, StateDef { method: name, reads })| {
        let cfgs = &method.cfgs;
        let name = format_ident!("{name}");
        let ty = if *reads { quote!(&#p::StateReader<'_>) } else { quote!(&mut #p::StateWriter) };
        let call = expand_hook_call(p, method, hook);
        quote! {
            #(#cfgs)*
            fn #name(&mut self, state: #ty) -> #p::Result<()> {
                #call
            }
        }
    });
    methods.collect()
}

/// The methods called by `run_hook`.
fn hook_methods(model: &ImplModel) -> impl Iterator<Item = (&Method, &'static HookDef)> + Clone {
    model.methods.iter().filter_map(|method| match method.meant {
        Meant::Hook(hook) if hook.kind == Kind::Hook => Some((method, hook)),
        _ => None,
    })
}

/// `const HOOKS: P::HookSet = P::HookSet::EMPTY.with(P::Hook::OnTrainEpochEnd);` if there are any;
/// a statement adds a hook with a `#[cfg]`.
pub(super) fn expand_hook_set(
    model: &ImplModel,
    name: &str,
    is: impl Fn(&Method, &HookDef) -> bool,
) -> Option<TokenStream> {
    let p = model.paths.private();
    let name = format_ident!("{name}");
    let hook_of = |method: &Method| method.hook().filter(|hook| hook.kind == Kind::Hook && is(method, hook));
    let members = || model.methods.iter().filter_map(|method| Some((method, hook_of(method)?)));
    members().next()?;
    let variant = |hook: &HookDef| format_ident!("{}", hook.variant);
    let always = members().filter(|(method, _)| method.cfgs.is_empty()).map(|(_, hook)| variant(hook));
    let always = quote!(#p::HookSet::EMPTY #(.with(#p::Hook::#always))*);
    let mut sometimes = members().filter(|(method, _)| !method.cfgs.is_empty()).peekable();
    if sometimes.peek().is_none() {
        return Some(quote!(const #name: #p::HookSet = #always;));
    }
    let statements = sometimes.map(|(Method { cfgs, .. }, hook)| {
        let variant = variant(hook);
        quote!(#(#cfgs)* let set = set.with(#p::Hook::#variant);)
    });
    Some(quote!(const #name: #p::HookSet = { let set = #always; #(#statements)* set };))
}

/// The hook with a parameter of this kind, and the type of the parameter.
pub(super) fn hook_that_takes(model: &ImplModel, takes: impl Fn(&HookDef, Arg) -> bool) -> Option<(&Method, &Type)> {
    hook_methods(model).find_map(|(method, hook)| {
        let known = known_params(method).into_iter().find(|(param, _)| takes(hook, param.arg));
        known.map(|(_, ty)| (method, ty))
    })
}

/// ```text
/// fn run_hook(&mut self, hook: P::Hook, cx: &mut P::Cx<'_>) -> P::Outcome {
///     match hook {
///         P::Hook::OnTrainEpochEnd => P::hook_output(Self::on_train_epoch_end(self, cx)),
///         _ => P::Result::Ok(()),
///     }
/// }
/// ```
pub(super) fn expand_run_hook(model: &ImplModel) -> TokenStream {
    let hooks = hook_methods(model);
    if hooks.clone().next().is_none() {
        return TokenStream::new();
    }
    let p = model.paths.private();
    let arms = hooks.clone().map(|(method, hook)| {
        let cfgs = &method.cfgs;
        let variant = format_ident!("{}", hook.variant);
        let call = expand_hook_call(p, method, hook);
        quote!(#(#cfgs)* #p::Hook::#variant => #call,)
    });
    let takes_cx = hooks.clone().any(|(method, hook)| !method.params.all.is_empty() || hook.controls_flow());
    let cx = if takes_cx { quote!(cx) } else { quote!(_cx) };
    quote! {
        fn run_hook(&mut self, hook: #p::Hook, #cx: &mut #p::Cx<'_>) -> #p::Outcome {
            match hook {
                #(#arms)*
                _ => #p::Result::Ok(()),
            }
        }
    }
}

/// `P::hook_output(Self::on_train_batch_end(self, batch_idx, cx))`; values are read from `cx`
/// before it is borrowed.
fn expand_hook_call(p: &RuntimePath, method: &Method, hook: &HookDef) -> TokenStream {
    let known = known_params(method);
    // A hook with `cx` borrows the context, so all other values are read from it before the call.
    let lends = known.iter().any(|(param, _)| matches!(param.arg, Arg::Context | Arg::Output));
    let reads = known.iter().filter_map(|(param, ty)| {
        let (first, last) = ends(ty);
        let name = local(param.name, first);
        Some(match param.arg {
            Arg::FromContext if lends => {
                let name = format_ident!("{}", param.name);
                quote!(let #name = cx.#name();)
            }
            Arg::Batch(batch) => {
                let batch = format_ident!("{batch}");
                quote!(let #name = cx.batch::<<Self as #p::LightningImpl>::#batch>()?;)
            }
            Arg::Outputs(_) => {
                let take = respan(quote!(#p::epoch_outputs), first);
                let args = parens(quote!(cx), last);
                quote!(let #name = #take::<#ty> #args ?;)
            }
            _ => return None,
        })
    });
    let reads: TokenStream = reads.collect();
    let args = known.iter().map(|(param, ty)| {
        let span = ends(ty).0;
        match param.arg {
            Arg::FromContext if lends => expand_given(p, ty, local(param.name, span).into_token_stream()),
            // The returned control flow is passed to `cx` afterwards, so `cx` is reborrowed.
            Arg::Context if hook.controls_flow() => {
                let cx = local("cx", span);
                expand_given(p, ty, quote_spanned!(span=> &mut *#cx))
            }
            _ => expand_arg(p, param, ty),
        }
    });
    let args = quote!(self #(, #args)*);
    let output = known.iter().find(|(param, _)| param.arg == Arg::Output).map(|(_, ty)| *ty);
    let call = match output {
        Some(ty) => expand_lent_output_call(p, method, ty, &args),
        None if hook.controls_flow() => {
            let call = expand_output_call(p, method, &quote!(flow_output), &args);
            quote!(#call.map(|flow| cx.follow(flow)))
        }
        None => expand_output_call(p, method, &quote!(hook_output), &args),
    };
    if reads.is_empty() { call } else { quote!({ #reads #call }) }
}

/// `P::with_outputs::<Tensor<2>, _>(cx, |outputs, cx| Self::on_train_batch_end(self, outputs, cx))`
fn expand_lent_output_call(p: &RuntimePath, method: &Method, ty: &Type, args: &TokenStream) -> TokenStream {
    let (first, _) = ends(ty);
    let outputs = local("outputs", first);
    let context = known_params(method).into_iter().find(|(param, _)| param.arg == Arg::Context);
    let cx = context.map_or_else(|| quote!(_), |(_, ty)| local("cx", ends(ty).0).into_token_stream());
    let element = referred(ty);
    let name = &method.sig.ident;
    quote!(#p::with_outputs::<#element, _>(cx, |#outputs, #cx| Self::#name(#args)))
}
