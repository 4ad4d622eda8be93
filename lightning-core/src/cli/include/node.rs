//! A configuration file as a constant.

/// A value and where it is written.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the macro writes it")]
pub struct Node {
    /// The value.
    pub content: Content,
    /// The lines that show its place.
    pub place: &'static str,
    /// What was found, for a message.
    pub found: &'static str,
}

/// A value.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the macro writes it")]
pub enum Content {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(&'static str),
    /// A list.
    List(&'static [Node]),
    /// A table.
    Map(&'static [Entry]),
}

/// An entry of a table.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the macro writes it")]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// The lines that show the key.
    pub place: &'static str,
    /// The value.
    pub value: Node,
}

impl Node {
    pub(super) const fn entries(&self) -> &'static [Entry] {
        match self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) const fn get(&self, key: &str) -> Option<&'static Node> {
        let entries = self.entries();
        let mut at = 0;
        while at < entries.len() {
            if super::near::equal(entries[at].key, key) {
                return Some(&entries[at].value);
            }
            at += 1;
        }
        None
    }
}
