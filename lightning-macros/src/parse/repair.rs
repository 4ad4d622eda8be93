//! Items with syntax errors.
//!
//! rustc has reported a syntax error before it passes the tokens of an item to its attribute. What
//! can be read of the item is kept, so that the error is the only one: its other methods and
//! fields, the names and types of a broken method, and the metrics that it logs.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{
    Expr, FnArg, ImplItem, Item, ItemImpl, ItemStruct, Pat, Type, parse::Parser, parse2, punctuated::Punctuated,
    visit::Visit,
};

use super::attrs::name_of;

/// What can be read of a struct or impl with a syntax error.
pub(crate) fn repair(item: TokenStream) -> Option<Item> {
    let mut header: Vec<TokenTree> = item.into_iter().collect();
    let body = match header.pop() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group,
        _ => return None,
    };
    let header: TokenStream = header.into_iter().collect();
    match parse2(quote!(#header {})).ok()? {
        // Of another self type there is no module to keep.
        Item::Impl(item) if matches!(*item.self_ty, Type::Path(_)) => {
            Some(Item::Impl(repair_impl(item, body.stream())))
        }
        Item::Struct(item) => repair_struct(item, body.stream()).map(Item::Struct),
        _ => None,
    }
}

/// Whether rustc reports a syntax error where syn finds none.
pub(crate) fn is_broken(item: &ItemImpl) -> bool {
    item.items.iter().any(|member| match member {
        ImplItem::Verbatim(_) => true,
        ImplItem::Fn(function) => {
            let mut lets = MisplacedLets(false);
            lets.visit_block(&function.block);
            lets.0
        }
        _ => false,
    })
}

/// `let x = let y = 1;`: the end of the first statement is missing.
struct MisplacedLets(bool);

impl<'ast> Visit<'ast> for MisplacedLets {
    fn visit_local(&mut self, local: &'ast syn::Local) {
        self.0 |= local.init.as_ref().is_some_and(|init| matches!(*init.expr, Expr::Let(_)));
        syn::visit::visit_local(self, local);
    }
}

fn repair_impl(mut item: ItemImpl, body: TokenStream) -> ItemImpl {
    item.items = members(body).into_iter().filter_map(repair_member).collect();
    item
}

/// The tokens of each item of an impl. A function begins at its `fn`, with what may stand before
/// it, even where the one before has no end.
fn members(body: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut members = vec![Vec::new()];
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let current = members.last().map_or(&[][..], Vec::as_slice);
        let ends_constant = is_constant(current) && !is_punct(token, ';');
        let ends = is_punct(token, ';') || (is_group(token, Delimiter::Brace) && !ends_constant);
        if is_word(token, "fn") && matches!(next, Some(TokenTree::Ident(_))) {
            let begins = current.len() - qualifiers(current);
            if begins > 0 {
                let function = members.last_mut().map(|current| current.split_off(begins)).unwrap_or_default();
                members.push(function);
            }
        }
        if let Some(current) = members.last_mut() {
            current.push(token.clone());
        }
        if ends {
            members.push(Vec::new());
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

/// Whether the tokens begin a constant or a type, which ends at its `;`.
fn is_constant(tokens: &[TokenTree]) -> bool {
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| is_word(token, word));
    let first = tokens.iter().position(|token| is_word(token, "const") || is_word(token, "type"));
    first.is_some_and(|at| !word(at + 1, "fn") && !tokens.iter().any(|token| is_word(token, "fn")))
}

/// The number of tokens at the end that may stand before `fn`: attributes, visibility, `const`,
/// `async`, `unsafe`.
fn qualifiers(tokens: &[TokenTree]) -> usize {
    let mut rest = tokens;
    loop {
        rest = match rest {
            [before @ .., TokenTree::Ident(word)]
                if ["pub", "const", "async", "unsafe"].iter().any(|known| word == known) =>
            {
                before
            }
            [before @ .., TokenTree::Ident(word), TokenTree::Group(group)]
                if word == "pub" && group.delimiter() == Delimiter::Parenthesis =>
            {
                before
            }
            [before @ .., TokenTree::Punct(hash), TokenTree::Group(group)]
                if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
            {
                before
            }
            _ => return tokens.len() - rest.len(),
        };
    }
}

/// The item, or what can be read of it.
fn repair_member(tokens: Vec<TokenTree>) -> Option<ImplItem> {
    let stream: TokenStream = tokens.iter().cloned().collect();
    match parse2(stream) {
        Ok(ImplItem::Verbatim(_)) | Err(_) => {}
        Ok(ImplItem::Fn(function)) => {
            let mut lets = MisplacedLets(false);
            lets.visit_block(&function.block);
            if !lets.0 {
                return Some(ImplItem::Fn(function));
            }
        }
        Ok(member) => return Some(member),
    }
    match tokens.iter().position(|token| is_word(token, "fn")) {
        Some(at) => repair_function(&tokens, at),
        None => repair_constant(tokens),
    }
}

/// A function with a body that is never called. The signature is kept as far as it can be read.
fn repair_function(tokens: &[TokenTree], keyword: usize) -> Option<ImplItem> {
    let (mut signature, mut body) = (tokens.to_vec(), TokenStream::new());
    if signature.last().is_some_and(|last| is_group(last, Delimiter::Brace)) {
        body = signature.pop().into_iter().collect();
    } else if signature.last().is_some_and(|last| is_punct(last, ';')) {
        signature.pop();
    }
    let mut logs = Vec::new();
    collect_logs(body, &mut logs);
    let block = quote!({ #(#logs)* ::core::unreachable!() });
    let parsed = |signature: &[TokenTree]| {
        let signature = signature.iter().cloned().collect::<TokenStream>();
        parse2::<ImplItem>(quote!(#[allow(unused)] #signature #block)).ok()
    };
    let name = keyword + 2;
    let params = signature.iter().skip(name).position(|token| is_group(token, Delimiter::Parenthesis));
    if let Some(params) = params.map(|at| at + name) {
        if let Some(TokenTree::Group(group)) = signature.get_mut(params) {
            *group = repair_params(group);
        }
        let whole = parsed(&signature).or_else(|| parsed(signature.get(..=params)?));
        if whole.is_some() {
            return whole;
        }
    }
    let mut shortest = signature.get(..name)?.to_vec();
    shortest.extend(quote!((&self)));
    parsed(&shortest)
}

/// The parameters that can be read.
fn repair_params(group: &Group) -> Group {
    if Punctuated::<FnArg, syn::Token![,]>::parse_terminated.parse2(group.stream()).is_ok() {
        return group.clone();
    }
    let params = split(group.stream(), ',').into_iter().filter_map(|param| parse2::<FnArg>(param).ok());
    let mut repaired = Group::new(Delimiter::Parenthesis, quote!(#(#params),*));
    repaired.set_span(group.span());
    repaired
}

/// A constant whose value is never used.
fn repair_constant(mut tokens: Vec<TokenTree>) -> Option<ImplItem> {
    let equals = tokens.iter().position(|token| is_punct(token, '='))?;
    tokens.truncate(equals);
    let head: TokenStream = tokens.into_iter().collect();
    parse2(quote!(#head = ::core::unreachable!();)).ok()
}

/// `#[log(…)] let name = ::core::unreachable!();` for each logged variable of a body that cannot be
/// parsed.
fn collect_logs(body: TokenStream, logs: &mut Vec<TokenStream>) {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_attribute = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|hash| is_punct(hash, '#'));
        if !is_attribute {
            collect_logs(group.stream(), logs);
            continue;
        }
        let statement = tokens.get(at + 1..).unwrap_or_default();
        let names = match statement {
            [first, pattern @ ..] if is_log(group) && is_word(first, "let") => bindings(pattern),
            _ => Vec::new(),
        };
        logs.extend(names.iter().map(|name| quote!(# #group let #name = ::core::unreachable!();)));
    }
}

fn is_log(attribute: &Group) -> bool {
    syn::Attribute::parse_outer
        .parse2(quote!(# #attribute))
        .is_ok_and(|attrs| attrs.iter().any(|attr| name_of(attr) == "log"))
}

/// The variables of the pattern at the start of the tokens.
fn bindings(tokens: &[TokenTree]) -> Vec<Ident> {
    struct Names(Vec<Ident>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_pat_ident(&mut self, binding: &'ast syn::PatIdent) {
            self.0.push(binding.ident.clone());
        }
    }
    let end = |token: &TokenTree| ['=', ':', ';'].iter().any(|end| is_punct(token, *end));
    let pattern: TokenStream = tokens.iter().take_while(|token| !end(token)).cloned().collect();
    let mut names = Names(Vec::new());
    if let Ok(pattern) = Pat::parse_single.parse2(pattern) {
        names.visit_pat(&pattern);
    }
    names.0
}

/// The struct with the fields that can be read; `None` if one of them is not the mistake.
fn repair_struct(mut item: ItemStruct, body: TokenStream) -> Option<ItemStruct> {
    let fields = split(body, ',').into_iter().filter_map(|field| syn::Field::parse_named.parse2(field).ok());
    let named: syn::FieldsNamed = parse2(quote!({ #(#fields),* })).ok()?;
    item.fields = syn::Fields::Named(named);
    Some(item)
}

/// Splits tokens at a separator outside of angle brackets.
fn split(tokens: TokenStream, separator: char) -> Vec<TokenStream> {
    let mut parts = vec![Vec::new()];
    let (mut depth, mut after_dash) = (0_usize, false);
    for token in tokens {
        if is_punct(&token, '<') {
            depth += 1;
        } else if is_punct(&token, '>') && !after_dash {
            depth = depth.saturating_sub(1);
        }
        after_dash = is_punct(&token, '-');
        if depth == 0 && is_punct(&token, separator) {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(token);
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.into_iter().collect()).collect()
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}
