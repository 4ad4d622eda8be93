//! Whatever half-typed code an editor hands over: no panic, and something comes out.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use super::programs;
use crate::entry::{data_module, derive_batch, lightning_module};

const ROUNDS: usize = 4000;

/// A generator of its own, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
    }
}

/// Changes one token somewhere in the tree.
fn mutate(tokens: TokenStream, random: &mut Random) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if trees.is_empty() {
        return trees.into_iter().collect();
    }
    let at = random.below(trees.len());
    if let Some(TokenTree::Group(group)) = trees.get(at).cloned()
        && random.below(8) > 0
    {
        let inner = mutate(group.stream(), random);
        trees[at] = TokenTree::Group(Group::new(group.delimiter(), inner));
        return trees.into_iter().collect();
    }
    match random.below(7) {
        0 => drop(trees.remove(at)),
        1 => trees.insert(at, trees[at].clone()),
        2 => {
            let other = random.below(trees.len());
            trees.swap(at, other);
        }
        3 => trees[at] = TokenTree::Ident(Ident::new(WORDS[random.below(WORDS.len())], Span::call_site())),
        4 => {
            trees[at] =
                TokenTree::Punct(Punct::new(['=', ',', '&', '<', '#', ';', ':'][random.below(7)], Spacing::Alone))
        }
        5 => trees[at] = TokenTree::Group(Group::new(Delimiter::Parenthesis, TokenStream::new())),
        _ => trees.truncate(at),
    }
    trees.into_iter().collect()
}

const WORDS: &[&str] = &[
    "self",
    "Self",
    "mut",
    "fn",
    "async",
    "log",
    "init",
    "hparam",
    "buffer",
    "state",
    "frozen",
    "optimizer",
    "batch",
    "training_step",
    "cx",
    "batch_idx",
    "Result",
    "let",
    "else",
    "default",
    "per_stage",
    "crate",
    "impl",
    "_",
];

/// The first lightning item of a program at a time, with its attribute taken off.
fn items() -> Vec<TokenStream> {
    let mut items = Vec::new();
    for program in programs::ALL {
        let file = syn::parse_file(program).expect("a program");
        for mut item in file.items {
            if let Some(attrs) = super::attrs_of(&mut item) {
                attrs.retain(|attr| !attr.path().is_ident("lightning_module") && !attr.path().is_ident("data_module"));
            }
            items.push(quote::ToTokens::into_token_stream(item));
        }
    }
    items
}

#[test]
fn no_input_makes_a_macro_panic() {
    let items = items();
    let mut random = Random(42);
    for round in 0..ROUNDS {
        let mut item = items[round % items.len()].clone();
        for _ in 0..=random.below(3) {
            item = mutate(item, &mut random);
        }
        let text = item.to_string();
        for (name, output) in [
            ("lightning_module", lightning_module(TokenStream::new(), item.clone())),
            ("data_module", data_module(TokenStream::new(), item.clone())),
            ("Batch", derive_batch(item)),
        ] {
            assert!(!output.is_empty(), "round {round}: `{name}` gave nothing for {text}");
        }
    }
}

#[test]
fn no_arguments_make_a_macro_panic() {
    let item: TokenStream = programs::DIGITS_STRUCT.parse().expect("tokens");
    for args in [
        "crate",
        "crate = ",
        "crate = \"x\"",
        "crate = a::b",
        "crate = a, crate = b",
        "kate = x",
        "1",
        ",",
        "= =",
        "crate(x)",
    ] {
        let args: TokenStream = args.parse().expect("tokens");
        assert!(!lightning_module(args.clone(), item.clone()).is_empty());
        assert!(!data_module(args, item.clone()).is_empty());
    }
}
