//! A program's tokens with their places, as far as mutations need them.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, keywords included.
    Word,
    /// A number, string, character or lifetime.
    Literal,
    /// One character of punctuation, brackets included.
    Punct(char),
}

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: Range<usize>,
}

/// The tokens of a source without raw strings; comments and white space are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    loop {
        rest = skip_blank(rest);
        let Some(first) = rest.chars().next() else { return tokens };
        let length = match first {
            '"' => string_length(rest),
            '\'' => quote_length(rest),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let kind = match first {
            '"' | '\'' => Kind::Literal,
            _ if first.is_ascii_digit() => Kind::Literal,
            _ if is_word(first) => Kind::Word,
            _ => Kind::Punct(first),
        };
        let start = source.len() - rest.len();
        tokens.push(Token { kind, at: start..start + length });
        rest = &rest[length..];
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn skip_blank(mut rest: &str) -> &str {
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("//") {
            return rest;
        }
        rest = rest.find('\n').map_or("", |end| &rest[end..]);
    }
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'`, `'\n'` or `'lifetime`.
fn quote_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => rest[2..].find('\'').map_or(rest.len(), |end| end + 3),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |end| end + 1),
    }
}
