//! What in a program can be got wrong: attributes with their options, methods with their parts,
//! keys of metrics.

use std::ops::Range;

use super::tokens::{Kind, Token, tokens};

/// A program with the places that mutations change.
pub(crate) struct Program<'a> {
    pub(crate) source: &'a str,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) methods: Vec<Method>,
    /// `VAL_LOSS` in `Digits::VAL_LOSS`.
    pub(crate) keys: Vec<Range<usize>>,
}

/// `#[name(option, option = value)]`
pub(crate) struct Attribute {
    pub(crate) whole: Range<usize>,
    pub(crate) name: Range<usize>,
    /// The words that begin an argument and are followed by `,`, `=`, `(` or the end.
    pub(crate) options: Vec<Range<usize>>,
}

/// `fn name(receiver, parameters) -> output { … }` in an attributed impl.
pub(crate) struct Method {
    pub(crate) keyword: Range<usize>,
    pub(crate) name: Range<usize>,
    pub(crate) list: Range<usize>,
    pub(crate) receiver: Option<Range<usize>>,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Option<Range<usize>>,
    /// With its braces.
    pub(crate) body: Range<usize>,
}

/// `name: Type`
pub(crate) struct Param {
    pub(crate) whole: Range<usize>,
    pub(crate) name: Range<usize>,
    pub(crate) ty: Range<usize>,
}

/// The attributes that are ours; others are left alone.
const OURS: &[&str] = &[
    "lightning_module",
    "data_module",
    "optimizer",
    "init",
    "hparam",
    "buffer",
    "state",
    "frozen",
    "log",
    "batch",
    "derive",
    "not_a_hook",
];

/// The attributes whose arguments are the user's own expressions, or rustc's.
const WITHOUT_OPTIONS: &[&str] = &["init", "buffer"];

impl<'a> Program<'a> {
    /// Finds the places.
    pub(crate) fn read(source: &'a str) -> Self {
        let tokens = tokens(source);
        let scan = Scan { source, tokens: &tokens };
        let attributes = scan.attributes();
        let methods = scan.methods(&attributes);
        Self { source, methods, keys: scan.keys(), attributes }
    }

    /// The text at a place.
    pub(crate) fn text(&self, at: &Range<usize>) -> &'a str {
        &self.source[at.clone()]
    }
}

struct Scan<'a> {
    source: &'a str,
    tokens: &'a [Token],
}

impl Scan<'_> {
    fn text(&self, token: &Token) -> &str {
        &self.source[token.at.clone()]
    }

    fn is(&self, index: usize, c: char) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Punct(c))
    }

    fn word(&self, index: usize) -> Option<&str> {
        let token = self.tokens.get(index)?;
        (token.kind == Kind::Word).then(|| self.text(token))
    }

    /// The index of the bracket that closes the one at `open`.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Punct('(' | '[' | '{') => depth += 1,
                Kind::Punct(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return index;
            }
        }
        panic!("a bracket is not closed");
    }

    fn between(&self, first: usize, end: usize) -> Range<usize> {
        self.tokens[first].at.start..self.tokens[end - 1].at.end
    }

    /// The parts of `first..end` between commas that stand in no bracket, `<…>` included.
    fn parts(&self, first: usize, end: usize) -> Vec<Range<usize>> {
        let (mut parts, mut start, mut depth) = (Vec::new(), first, 0_i32);
        for index in first..end {
            match self.tokens[index].kind {
                Kind::Punct('(' | '[' | '{' | '<') => depth += 1,
                Kind::Punct('>') if self.is(index - 1, '-') => {}
                Kind::Punct(')' | ']' | '}' | '>') => depth -= 1,
                Kind::Punct(',') if depth == 0 => {
                    parts.push(start..index);
                    start = index + 1;
                }
                _ => {}
            }
        }
        if start < end {
            parts.push(start..end);
        }
        parts
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        for index in 0..self.tokens.len() {
            let starts = self.is(index, '#') && self.is(index + 1, '[');
            let Some(name) = self.word(index + 2).filter(|name| starts && OURS.contains(name)) else { continue };
            let close = self.close(index + 1);
            let mut options = Vec::new();
            if self.is(index + 3, '(') && !WITHOUT_OPTIONS.contains(&name) {
                for part in self.parts(index + 4, self.close(index + 3)) {
                    let follows = part.len() == 1 || self.is(part.start + 1, '=') || self.is(part.start + 1, '(');
                    // A derive list is rustc's, but for the one of ours.
                    let ours = name != "derive" || self.word(part.start) == Some("Batch");
                    if follows && ours && self.word(part.start).is_some() {
                        options.push(self.tokens[part.start].at.clone());
                    }
                }
            }
            if name == "derive" && options.is_empty() {
                continue;
            }
            let whole = self.between(index, close + 1);
            attributes.push(Attribute { whole, name: self.tokens[index + 2].at.clone(), options });
        }
        attributes
    }

    /// The methods of the impls that stand directly below one of the two module attributes.
    fn methods(&self, attributes: &[Attribute]) -> Vec<Method> {
        let mut methods = Vec::new();
        for attribute in attributes {
            if !self.source[attribute.name.clone()].ends_with("_module") {
                continue;
            }
            let Some(after) = self.tokens.iter().position(|token| token.at.start >= attribute.whole.end) else {
                continue;
            };
            if self.word(after) != Some("impl") {
                continue;
            }
            let Some(open) = (after..self.tokens.len()).find(|index| self.is(*index, '{')) else { continue };
            let close = self.close(open);
            let mut index = open + 1;
            while index < close {
                if self.word(index) == Some("fn") {
                    let (method, end) = self.method(index);
                    methods.push(method);
                    index = end;
                }
                index += 1;
            }
        }
        methods
    }

    fn method(&self, keyword: usize) -> (Method, usize) {
        let open = keyword + 2;
        assert!(self.is(open, '('), "the programs have no generic methods");
        let close = self.close(open);
        let mut receiver = None;
        let mut params = Vec::new();
        for part in self.parts(open + 1, close) {
            let whole = self.between(part.start, part.end);
            let colon = (part.clone()).find(|index| self.is(*index, ':') && !self.is(index + 1, ':'));
            match colon {
                Some(colon) if self.word(part.start) != Some("self") => params.push(Param {
                    whole,
                    name: self.between(part.start, colon),
                    ty: self.between(colon + 1, part.end),
                }),
                _ => receiver = Some(whole),
            }
        }
        let body = (close..self.tokens.len()).find(|index| self.is(*index, '{')).expect("a body");
        let output = self.is(close + 1, '-').then(|| self.between(close + 3, body));
        let end = self.close(body);
        let method = Method {
            keyword: self.tokens[keyword].at.clone(),
            name: self.tokens[keyword + 1].at.clone(),
            list: self.between(open, close + 1),
            receiver,
            params,
            output,
            body: self.between(body, end + 1),
        };
        (method, end)
    }

    /// `Digits::VAL_LOSS`, and not `BATCH::SIZE`.
    fn keys(&self) -> Vec<Range<usize>> {
        let mut keys = Vec::new();
        for index in 3..self.tokens.len() {
            let path = self.is(index - 1, ':') && self.is(index - 2, ':') && self.word(index - 3).is_some();
            let key = self
                .word(index)
                .filter(|word| word.chars().all(|c| c.is_uppercase() || c == '_' || c.is_ascii_digit()));
            if path && key.is_some() {
                keys.push(self.tokens[index].at.clone());
            }
        }
        keys
    }
}
