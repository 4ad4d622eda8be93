//! Which stages call a method with `#[log(per_stage)]`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ImplItem;

use super::{impl_model::ImplModel, method::Method};
use crate::hooks::{Logs, StageDef};

/// What the body of a method calls on `self`.
#[derive(Default)]
struct Calls {
    /// The names of its calls.
    names: Vec<String>,
    /// Whether it passes `self` on, so that any method may be called.
    any: bool,
}

impl ImplModel {
    /// Marks the metrics of `per_stage` whose stage calls the method under no circumstances. A
    /// method that this impl does not have may call any other.
    pub(super) fn mark_unreached(&mut self) {
        if !self.metrics.iter().any(|metric| metric.per_stage) {
            return;
        }
        let type_name = match &*self.item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let calls: Vec<(String, Option<StageDef>, Calls)> = self
            .methods
            .iter()
            .map(|method| (method.name(), stage(method), self.calls_of(method, type_name.as_deref())))
            .collect();
        let known = |name: &String| calls.iter().any(|(method, ..)| method == name);
        let reaches = |stage: StageDef, wanted: &[String]| {
            let mut seen: Vec<&String> = Vec::new();
            let mut open: Vec<usize> =
                calls.iter().enumerate().filter(|(_, (_, of, _))| *of == Some(stage)).map(|(at, _)| at).collect();
            while let Some((name, _, Calls { names, any })) = open.pop().and_then(|at| calls.get(at)) {
                if *any || wanted.contains(name) || names.iter().any(|name| !known(name)) {
                    return true;
                }
                seen.push(name);
                let next = |(_, (name, ..)): &(usize, &(String, Option<StageDef>, Calls))| {
                    names.contains(name) && !seen.contains(&name)
                };
                open.extend(calls.iter().enumerate().filter(next).map(|(at, _)| at));
            }
            false
        };
        for metric in self.metrics.iter_mut().filter(|metric| metric.per_stage) {
            metric.unreached = !metric.stages.iter().any(|stage| reaches(*stage, &metric.methods));
        }
    }

    fn calls_of(&self, method: &Method, type_name: Option<&str>) -> Calls {
        let mut calls = Calls::default();
        if let Some(ImplItem::Fn(function)) = self.item.items.get(method.index) {
            collect(function.block.to_token_stream(), type_name, &mut calls);
        }
        calls
    }
}

/// The stage that a step or hook logs in.
fn stage(method: &Method) -> Option<StageDef> {
    match method.logs_to()? {
        Logs::Never => None,
        Logs::Step(stage) | Logs::Batch(stage) | Logs::Epoch(stage) => Some(stage),
    }
}

/// Collects `self.name(…)` and `Self::name(…)`. A field, `self.layer`, calls nothing.
fn collect(tokens: TokenStream, type_name: Option<&str>, calls: &mut Calls) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let punct =
        |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == wanted);
    let is_call = |at: usize| match tokens.get(at) {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
        // `self.name::<T>(…)`
        Some(TokenTree::Punct(colon)) => colon.as_char() == ':',
        _ => false,
    };
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), type_name, calls),
            TokenTree::Ident(word) if word == "self" => match tokens.get(at + 2) {
                Some(TokenTree::Ident(name)) if punct(at + 1, '.') => {
                    if is_call(at + 3) {
                        calls.names.push(name.to_string());
                    }
                }
                // Fields of a module have names, unlike `self.0`.
                _ => calls.any = true,
            },
            TokenTree::Ident(word) if word == "Self" || Some(word.to_string().as_str()) == type_name => {
                match tokens.get(at + 3) {
                    Some(TokenTree::Ident(name)) if punct(at + 1, ':') && punct(at + 2, ':') => {
                        // A constant is not called; a function may be passed on by its name.
                        if !name.to_string().chars().all(|letter| !letter.is_lowercase()) {
                            calls.names.push(name.to_string());
                        }
                    }
                    _ => calls.any = true,
                }
            }
            _ => {}
        }
    }
}
