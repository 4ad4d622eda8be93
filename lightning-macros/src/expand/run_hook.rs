//! The hooks of a module: the set that it implements, and the calls.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Type};

use super::calls::{expand_arg, expand_given, expand_output_call, known_params, referred};
use crate::{
    hooks::{Arg, HookDef, Kind, StateDef},
    model::{Cadence, ImplModel, Meant, Method},
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
        let due = method.cadence.as_ref().map(|cadence| expand_due(model, method, cadence));
        quote!(#(#cfgs)* #p::Hook::#variant #due => #call,)
    });
    let takes_cx = hooks
        .clone()
        .any(|(method, hook)| !method.params.all.is_empty() || hook.controls_flow() || method.cadence.is_some());
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

/// `if cx.is_every(100)`, the condition of the arm.
fn expand_due(model: &ImplModel, method: &Method, cadence: &Cadence) -> TokenStream {
    let name = match (cadence.once, cadence.counts_epochs()) {
        (true, _) => quote!(is_once),
        (false, false) => quote!(is_every),
        (false, true) => quote!(is_every_epoch),
    };
    let count = &cadence.count;
    let count = match count {
        Expr::Lit(_) => count.to_token_stream(),
        // Evaluated when the code of a concrete module is generated.
        _ if is_generic(model) => {
            let checked = expand_count(model, cadence, count.to_token_stream());
            quote!(const { #checked })
        }
        _ => count_ident(method).into_token_stream(),
    };
    quote!(if cx.#name(#count))
}

pub(super) fn is_generic(model: &ImplModel) -> bool {
    !model.item.generics.params.is_empty()
}

/// The constant of a `#[every(CONST)]` on the method.
fn count_ident(method: &Method) -> Ident {
    format_ident!("__LIGHTNING_COUNT_{}", method.index)
}

/// `const __LIGHTNING_COUNT_3: u64 = { … };` for each number that is not a literal. An item is
/// evaluated wherever it is compiled, also by `cargo check`.
pub(super) fn expand_counts(model: &ImplModel) -> TokenStream {
    let counts = model.methods.iter().filter_map(|method| {
        let cadence = method.cadence.as_ref()?;
        if is_generic(model) || matches!(cadence.count, Expr::Lit(_)) {
            return None;
        }
        let (cfgs, name) = (&method.cfgs, count_ident(method));
        let checked = expand_count(model, cadence, without_self(cadence.count.to_token_stream(), &model.item.self_ty));
        Some(quote!(#(#cfgs)* const #name: u64 = { #checked };))
    });
    counts.collect()
}

/// The value of the number, which must not be 0.
fn expand_count(model: &ImplModel, cadence: &Cadence, count: TokenStream) -> TokenStream {
    let p = model.paths.private();
    let (first, last) = ends(&count);
    let message = format!(
        "the number of `#[{0}]` must be at least 1, found 0\n= help: write `#[{0}(1)]` or more",
        cadence.name()
    );
    let assert = respan(quote!(#p::assert!), first);
    let condition = parens(quote!(count > 0, #message), last);
    let number = Ident::new("u64", first);
    quote! {
        let count: #number = #count;
        #assert #condition;
        count
    }
}

/// The tokens with `<Net>` in place of `Self`, which an item cannot name.
pub(super) fn without_self(tokens: TokenStream, ty: &Type) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(name) if name == "Self" => respan(quote!(<#ty>), name.span()),
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_self(group.stream(), ty));
            inner.set_span(group.span());
            TokenTree::Group(inner).into()
        }
        other => other.into(),
    });
    replaced.collect()
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
