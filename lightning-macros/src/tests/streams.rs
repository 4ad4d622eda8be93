//! Random token streams: programs with changed tokens, random items, and noise.

mod words;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

use words::{
    ARGS, BLOCKS, FIELD_ATTRS, FIELDS, GENERICS, ITEM_ATTRS, LETS, LOGS, METHOD_ATTRS, NAMES, PARAMS, QUALIFIERS,
    RECEIVERS, STATEMENT_ATTRS, STATEMENTS, TYPES, WORDS,
};

use super::programs;

use crate::hooks::{FOREIGN, HOOKS, UNAVAILABLE};

/// A random generator with which a round can be repeated by its number.
pub(crate) struct Random(u64);

impl Random {
    /// SplitMix64: adjacent seeds give unrelated sequences.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// The input of a macro.
pub(crate) struct Input {
    pub(crate) args: TokenStream,
    pub(crate) item: TokenStream,
}

/// The inputs of all rounds.
pub(crate) struct Streams {
    items: Vec<TokenStream>,
    names: Vec<&'static str>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        let hooks = HOOKS.iter().map(|hook| hook.name);
        let others = FOREIGN.iter().map(|(name, _)| *name).chain(UNAVAILABLE.iter().map(|(name, _)| *name));
        Self { items: items(), names: hooks.chain(others).chain(NAMES.iter().copied()).collect() }
    }

    /// Creates the input of a round.
    pub(crate) fn input(&self, round: u64) -> Input {
        let mut random = Random::new(round);
        let mut item = match random.below(10) {
            0..4 => self.items[random.below(self.items.len())].clone(),
            4..8 => parsed(&self.item(&mut random)),
            _ => noise(&mut random, 4),
        };
        for _ in 0..random.below(4) {
            item = mutate(item, &mut random);
        }
        let args = match random.below(8) {
            0 => noise(&mut random, 1),
            1 => parsed(random.pick(ARGS)),
            _ => TokenStream::new(),
        };
        Input { args, item }
    }

    /// A random item from valid parts.
    fn item(&self, random: &mut Random) -> String {
        let mut text = String::new();
        for _ in 0..random.below(3) {
            text += random.pick(ITEM_ATTRS);
        }
        let generics = random.pick(GENERICS);
        match random.below(8) {
            0..3 => {
                text += &format!("pub struct Net{generics} {{");
                for _ in 0..random.below(6) {
                    for _ in 0..random.below(3) {
                        text += random.pick(FIELD_ATTRS);
                    }
                    text += &format!("{}: {},", random.pick(FIELDS), random.pick(TYPES));
                }
                text + "}"
            }
            3..7 => {
                text += &format!("impl{generics} Net{generics} {{");
                for _ in 0..random.below(5) {
                    text += &self.method(random);
                }
                text + "}"
            }
            _ => {
                text += "enum Batch {";
                for _ in 0..random.below(3) {
                    text +=
                        &format!("{} A({}{}),", random.pick(FIELD_ATTRS), random.pick(FIELD_ATTRS), random.pick(TYPES));
                }
                text + "}"
            }
        }
    }

    fn method(&self, random: &mut Random) -> String {
        let mut text = random.pick(METHOD_ATTRS).to_owned();
        text += random.pick(QUALIFIERS);
        text += &format!("fn {}(", self.names[random.below(self.names.len())]);
        text += random.pick(RECEIVERS);
        for _ in 0..random.below(4) {
            text += &format!("{}: {},", random.pick(PARAMS), random.pick(TYPES));
        }
        text += ")";
        if random.one_in(2) {
            text += &format!("-> {}", random.pick(TYPES));
        }
        text + &block(random, 3)
    }
}

fn block(random: &mut Random, depth: usize) -> String {
    let mut text = "{".to_owned();
    for _ in 0..random.below(4) {
        if random.one_in(4) {
            text += random.pick(STATEMENT_ATTRS);
        }
        if random.one_in(2) {
            text += random.pick(LOGS);
        }
        match random.below(3) {
            0 if depth > 0 => text += &format!("{} {}", random.pick(BLOCKS), block(random, depth - 1)),
            1 => text += &format!("let {};", random.pick(LETS)),
            _ => text += random.pick(STATEMENTS),
        }
    }
    text + "}"
}

/// Parses the text; some combinations of parts are not valid Rust and become empty.
fn parsed(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}

/// The items of all programs, without our macros.
fn items() -> Vec<TokenStream> {
    let mut items = Vec::new();
    for program in programs::ALL {
        let file = syn::parse_file(program).expect("a program");
        for mut item in file.items {
            if let Some(attrs) = super::attrs_of(&mut item) {
                attrs.retain(|attr| !attr.path().is_ident("lightning_module") && !attr.path().is_ident("data_module"));
            }
            items.push(item.into_token_stream());
        }
    }
    items
}

/// Changes one token at any depth.
fn mutate(tokens: TokenStream, random: &mut Random) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if trees.is_empty() {
        return trees.into_iter().collect();
    }
    let at = random.below(trees.len());
    if let Some(TokenTree::Group(group)) = trees.get(at).cloned()
        && !random.one_in(8)
    {
        let inner = mutate(group.stream(), random);
        trees[at] = TokenTree::Group(Group::new(group.delimiter(), inner));
        return trees.into_iter().collect();
    }
    match random.below(8) {
        0 => drop(trees.remove(at)),
        1 => trees.insert(at, trees[at].clone()),
        2 => {
            let other = random.below(trees.len());
            trees.swap(at, other);
        }
        3 => trees[at] = leaf(random),
        4 => trees.insert(at, leaf(random)),
        5 => {
            let inner = trees.drain(at..).collect();
            trees.push(TokenTree::Group(Group::new(delimiter(random), inner)));
        }
        6 => {
            let TokenTree::Group(group) = trees[at].clone() else { return trees.into_iter().collect() };
            trees.splice(at..=at, group.stream());
        }
        _ => trees.truncate(at),
    }
    trees.into_iter().collect()
}

fn noise(random: &mut Random, depth: usize) -> TokenStream {
    let mut trees = Vec::new();
    for _ in 0..random.below(9) {
        if depth > 0 && random.one_in(3) {
            trees.push(TokenTree::Group(Group::new(delimiter(random), noise(random, depth - 1))));
        } else {
            trees.push(leaf(random));
        }
    }
    trees.into_iter().collect()
}

fn delimiter(random: &mut Random) -> Delimiter {
    [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None][random.below(4)]
}

fn leaf(random: &mut Random) -> TokenTree {
    match random.below(8) {
        0..4 => TokenTree::Ident(Ident::new(random.pick(WORDS), Span::call_site())),
        4 => TokenTree::Ident(Ident::new_raw(random.pick(&["type", "fn", "x", "log"]), Span::call_site())),
        5 => TokenTree::Literal(match random.below(4) {
            0 => Literal::string("x y"),
            1 => Literal::f64_unsuffixed(0.5),
            2 => Literal::usize_suffixed(3),
            _ => Literal::character('\''),
        }),
        _ => {
            let marks = ['=', ',', '&', '<', '>', '#', ';', ':', '-', '|', '?', '!', '.', '\''];
            let spacing = if random.one_in(2) { Spacing::Joint } else { Spacing::Alone };
            TokenTree::Punct(Punct::new(marks[random.below(marks.len())], spacing))
        }
    }
}
