//! A configuration as it is written: values with their places, whatever the format.

use std::rc::Rc;

use crate::source::{Place, Problems, Source};

/// A value and where it is written.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where it is written.
    pub place: Place,
}

/// A value.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "readers handle every kind of value")]
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
    Text(String),
    /// A text of the command line or of the environment, whose type is that of the setting.
    Raw(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Map(Vec<(Key, Node)>),
    /// Items to add to a list of an earlier layer.
    Append(Vec<Node>),
}

/// The name of an entry and where it is written.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
}

impl Node {
    /// A value in a range of a source, in bytes.
    pub fn new(content: Content, source: &Rc<Source>, range: std::ops::Range<usize>) -> Self {
        Self { content, place: Place::new(source, range) }
    }

    /// An empty map.
    pub fn map(place: &Place) -> Self {
        Self { content: Content::Map(Vec::new()), place: place.clone() }
    }

    /// The entries of a table; of any other value none.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// Removes the entries of a table without a value: an empty section says nothing.
    pub fn remove_empty(&mut self) {
        if let Content::Map(entries) = &mut self.content {
            entries.retain(|(_, value)| !matches!(value.content, Content::Null));
        }
    }

    /// What is found, for a message.
    pub fn found(&self) -> String {
        match &self.content {
            Content::Null => "null".to_owned(),
            Content::Bool(value) => value.to_string(),
            Content::Int(value) => value.to_string(),
            Content::Float(value) => format!("{value:?}"),
            Content::Text(text) => format!("the text {text:?}"),
            Content::Raw(text) if text.is_empty() => "nothing".to_owned(),
            Content::Raw(text) => format!("`{text}`"),
            Content::List(items) => format!("a list of {} values", items.len()),
            Content::Append(_) => "`+=`".to_owned(),
            Content::Map(entries) => format!("a table of {} entries", entries.len()),
        }
    }

    /// Merges a later layer into this one: tables entry by entry, everything else in its place.
    pub fn merge(&mut self, later: Self) {
        match (&mut self.content, later.content) {
            (Content::Map(known), Content::Map(entries)) => {
                for (key, value) in entries {
                    match known.iter_mut().find(|(known, _)| known.name == key.name) {
                        Some((known, old)) => {
                            known.place = key.place;
                            old.merge(value);
                        }
                        None => known.push((key, value)),
                    }
                }
            }
            (Content::List(known) | Content::Append(known), Content::Append(items)) => known.extend(items),
            // What is said of an item by its number or of the last one.
            (Content::List(items) | Content::Append(items), Content::Map(entries)) if !items.is_empty() => {
                for (key, value) in entries {
                    let count = items.len();
                    let numbered = key.name.parse::<usize>().ok().filter(|number| *number < count);
                    let is_number = numbered.is_some();
                    let Some(item) = items.get_mut(numbered.unwrap_or(count - 1)) else { continue };
                    if is_number {
                        item.merge(value);
                    } else {
                        let place = key.place.clone();
                        item.merge_args(Self { content: Content::Map(vec![(key, value)]), place });
                    }
                }
            }
            (_, content) => *self = Self { content, place: later.place },
        }
    }

    /// Merges arguments into those of a component, which is a name or a table with `class_path` and
    /// `init_args`.
    fn merge_args(&mut self, args: Self) {
        let place = self.place.clone();
        if !matches!(self.content, Content::Map(_)) {
            let name = Self { content: self.content.clone(), place: place.clone() };
            let key = Key { name: "class_path".to_owned(), place: place.clone() };
            self.content = Content::Map(vec![(key, name)]);
        }
        let key = Key { name: "init_args".to_owned(), place: place.clone() };
        self.merge(Self { content: Content::Map(vec![(key, args)]), place });
    }
}

/// The nesting that a configuration may have.
pub(crate) const MAX_DEPTH: usize = 32;

/// Reports tables and lists that are nested too deeply.
pub(crate) fn check_depth(node: &Node, depth: usize, problems: &mut Problems) -> bool {
    if depth > MAX_DEPTH {
        problems.add(
            format!("a configuration must have at most {MAX_DEPTH} levels, found more"),
            Some(&node.place),
            "check brackets and indentation",
        );
        return false;
    }
    match &node.content {
        Content::Map(entries) => entries.iter().all(|(_, value)| check_depth(value, depth + 1, problems)),
        Content::List(items) | Content::Append(items) => {
            items.iter().all(|item| check_depth(item, depth + 1, problems))
        }
        _ => true,
    }
}
