//! Prints tokens as in source code: for type names, defaults and messages.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens on one line, without the spaces that `TokenStream`'s own `Display` puts around `::`,
/// `<` and `.`.
pub(crate) fn text_of(tokens: impl ToTokens) -> String {
    let mut text = Text::default();
    text.push_all(tokens.to_token_stream());
    text.out
}

/// The kind of the last token, which decides the spacing of the next.
#[derive(Clone, Copy, Default, PartialEq)]
enum Last {
    /// Nothing, an opening bracket, or an operator that takes no space after it.
    #[default]
    Open,
    /// A word or a closing bracket: an operator here is binary.
    Value,
}

#[derive(Default)]
struct Text {
    out: String,
    last: Last,
    pending: String,
}

impl Text {
    fn push_all(&mut self, tokens: TokenStream) {
        for token in tokens {
            self.push(token);
        }
    }

    fn push(&mut self, token: TokenTree) {
        match token {
            TokenTree::Ident(ident) => self.word(&ident.to_string()),
            TokenTree::Literal(literal) => self.word(&literal.to_string()),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                self.out.push_str(open);
                self.last = Last::Open;
                self.push_all(group.stream());
                if self.out.ends_with(", ") && group.delimiter() == Delimiter::Parenthesis {
                    // `(T,)`
                    self.out.pop();
                }
                self.out.push_str(close);
                self.last = Last::Value;
            }
            TokenTree::Punct(punct) => {
                self.pending.push(punct.as_char());
                if punct.spacing() == Spacing::Joint && punct.as_char() != '>' {
                    if punct.as_char() == '\'' {
                        self.lifetime();
                    }
                    return;
                }
                self.operator();
            }
        }
    }

    fn lifetime(&mut self) {
        let quote = std::mem::take(&mut self.pending);
        if self.last == Last::Value {
            self.out.push(' ');
        }
        self.out.push_str(&quote);
        self.last = Last::Open;
    }

    fn word(&mut self, word: &str) {
        if self.last == Last::Value && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(word);
        self.last = Last::Value;
    }

    fn operator(&mut self) {
        let operator = std::mem::take(&mut self.pending);
        let binary = self.last == Last::Value;
        match operator.as_str() {
            "," | ";" | ":" => {
                self.out.push_str(&operator);
                self.out.push(' ');
                self.last = Last::Open;
            }
            "=" | "=>" | "->" | "+" | "/" | "%" | "==" | "!=" | "<=" | "&&" | "||" | "+=" => self.spaced(&operator),
            "-" | "*" if binary => self.spaced(&operator),
            ">" => {
                self.out.push('>');
                self.last = Last::Value;
            }
            _ => {
                self.out.push_str(&operator);
                self.last = Last::Open;
            }
        }
    }

    fn spaced(&mut self, operator: &str) {
        self.out.push(' ');
        self.out.push_str(operator);
        self.out.push(' ');
        self.last = Last::Open;
    }
}
