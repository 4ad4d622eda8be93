//! Token streams that nobody would write: programs with tokens changed, items put together at random, and plain noise.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

use super::programs;
use crate::hooks::{FOREIGN, HOOKS, UNAVAILABLE};

/// A generator of its own, so that a round can be repeated by its number.
pub(crate) struct Random(u64);

impl Random {
    /// SplitMix64, so that neighbouring seeds have nothing in common.
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

/// What one round hands to a macro.
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

    /// The input of a round.
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

    /// An item of parts that each could be right.
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

/// Parts that are wrong Rust in some combinations; those are then noise.
fn parsed(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}

/// The lightning items of all programs, without their attribute.
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

/// Changes one token somewhere in the tree.
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

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "self", "Self", "mut", "fn", "async", "log", "init", "hparam", "buffer", "state", "frozen", "optimizer", "batch", "training_step",
    "cx", "batch_idx", "Result", "let", "else", "default", "per_stage", "crate", "impl", "struct", "enum", "union", "trait", "where",
    "for", "pub", "dyn", "const", "_", "derive", "cfg", "doc", "unsafe", "extern", "loop", "if", "match", "return", "macro_rules",
    "dataloader_idx", "device", "hparams", "type", "static", "ref", "Tensor", "size", "host", "skip", "lr", "Digits", "on_train_start",
];

const ARGS: &[&str] = &[
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
    "crate = ::a",
    "crate = <a as b>::c",
];
const NAMES: &[&str] =
    &["forward", "new", "trainer", "hparams", "freeze", "traning_step", "on_train_something", "r#type"];
#[rustfmt::skip]
const ITEM_ATTRS: &[&str] = &[
    "#[optimizer(AdamConfig::new(), lr = lr)]", "#[optimizer]", "#[optimizer = 3]", "#[optimizer(lr = )]", "#[optimizer(config(1), lr)]",
    "#[derive(Clone, Module, Debug, PartialEq)]", "#[derive(,)]", "#[cfg(test)]", "#[cfg]", "/// Doc.", "#[batch(crate = a)]", "#[batch(size)]",
    "#[log]", "#[serde(flatten)]", "#[optimizer(a, b, c)]", "#[cfg_attr(a, b)]",
];
const GENERICS: &[&str] = &["", "<T>", "<'a, T: 'a + Clone, const N: usize>", "<>", "<T = u8>"];
#[rustfmt::skip]
const FIELD_ATTRS: &[&str] = &[
    "#[init(x(device))]", "#[init]", "#[init()]", "#[init = 3]", "#[inti(x)]", "#[init(a b)]", "#[hparam]", "#[hparam(default = 3)]",
    "#[hparam(default)]", "#[hparam(default = 3, default = 4)]", "#[hparam(3)]", "#[state]", "#[state(skip)]", "#[state(skip = 1)]", "#[state(skp)]",
    "#[buffer(x)]", "#[buffer]", "#[frozen]", "#[frozen(x)]", "#[optimizer(x)]", "#[precision(f32)]", "#[cfg(a)]", "#[cfg(b)]", "/// Doc.",
    "#[batch(size)]", "#[batch(host)]", "#[batch(size, host)]", "#[batch]", "#[batch = 1]", "#[serde(rename = \"x\")]", "#[serde(flatten)]", "#[serde]", "#[log]",
];
const FIELDS: &[&str] = &["a", "b", "c", "r#type", "r#fn", "device", "hparams", "größe", "_x", "A", "training_step"];
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "usize", "Tensor<2>", "Tensor<B, 2>", "Tensor<B, 2, Int>", "Tensor<>", "Tensor", "Result<()>", "Result<T, E>", "Option<Tensor<1>>", "()", "T", "&'a T",
    "&B", "&mut HookContext", "&StepContext", "impl Clone", "dyn Fn(u8) -> u8", "fn(u8)", "[T; N]", "(A, B)", "!", "_", "<T as A>::B", "m!()", "Self",
    "DataLoader<B>", "*const u8", "for<'a> fn(&'a u8)", "Vec<Vec<Tensor<B, 1>>>", "&Tensor<B, 2>",
];
#[rustfmt::skip]
const METHOD_ATTRS: &[&str] = &[
    "", "", "", "#[not_a_hook]", "#[not_hook]", "#[log]", "#[cfg(a)]", "#[cfg(b)] #[cfg(c)]", "#[training_step(optimizer = a)]", "#[manual_optimization]",
    "#[hook]", "/// Doc.", "#[init]", "#[optimizer]", "pub", "#[inline]",
];
const QUALIFIERS: &[&str] = &["", "", "", "", "async ", "const ", "unsafe ", "extern \"C\" ", "pub(crate) "];
#[rustfmt::skip]
const RECEIVERS: &[&str] = &[
    "", "self,", "mut self,", "&self,", "&self,", "&mut self,", "&mut self,", "&'a self,", "self: &Self,", "self: &mut Self,", "self: Box<Self>,", "self: &Net,",
];
#[rustfmt::skip]
const PARAMS: &[&str] = &[
    "batch", "batch", "_", "_batch", "mut batch", "(a, b)", "Pair { x, y }", "batch_idx", "_batch_idx", "dataloader_idx", "cx", "stage", "hparams", "device",
    "outputs", "ref x", "[a, ..]", "x @ Some(_)", "r#type", "3", "&x",
];
#[rustfmt::skip]
const STATEMENT_ATTRS: &[&str] = &["#[cfg(a)]", "#[cfg(not(b))]", "#[allow(unused)]", "#[log]", "#[cfg]"];
#[rustfmt::skip]
const LOGS: &[&str] = &[
    "#[log]", "#[log(minimize)]", "#[log(maximize, prog_bar)]", "#[log(minimize, maximize)]", "#[log(per_stage)]", "#[log(per_stage, minimize, name = \"x\")]",
    "#[log(reduce = sum)]", "#[log(reduce = 3)]", "#[log(reduce)]", "#[log(name = \"val/loss\")]", "#[log(name = x)]", "#[log(on_step = false)]",
    "#[log(on_step, on_epoch)]", "#[log(on_epoch = false)]", "#[log(batch_size = n.clone())]", "#[log(batch_size)]", "#[log(per_stage, batch_size = 3)]",
    "#[log(logger = false)]", "#[log(logger = maybe)]", "#[log(minimise)]", "#[log(minimize minimize)]", "#[log(,)]", "#[log = 1]", "#[log(3)]", "#[log] #[log]",
];
#[rustfmt::skip]
const BLOCKS: &[&str] = &[
    "if x", "for a in b", "while x", "loop", "match x", "|| ", "async", "async move", "const", "unsafe", "let y = || ", "fn inner()", "impl X", "mod m", "",
    "let Some(z) = w else", "'a: loop", "#[cfg(a)] if x",
];
#[rustfmt::skip]
const LETS: &[&str] = &[
    "x = 1", "x", "mut x = 1", "x: f32 = 1.0", "(a, b) = c", "_ = 1", "Some(x) = y else { return }", "(a, b) = y else { return }", "S { a, .. } = s", "[a, b @ ..] = s",
    "r#type = 1", "größe = 1", "A = 1", "ref x = y", "x @ y = 1", "None = x else { return }", "&x = y", "x = if a { 1 } else { 2 }", "a | b = c", "val_loss = self.loss()",
];
#[rustfmt::skip]
const STATEMENTS: &[&str] = &[
    "self.log(\"x\", 1);", "x = 1;", "return x;", "m!(x);", ";", "use a::b;", "const A: u8 = 1;", "struct S;", "self.trainer.max_epochs;", "loop { break; }",
    "x", "match x { 1 => {} _ => {} }", "{ }", "let _ = |x| x;", "break 'a;", "self.forward(x)?;", "self.save_hyperparameters();", "self.current_epoch",
];
