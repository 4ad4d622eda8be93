//! Types of settings and arguments as constants: the program and the compiler read the same tables.

use super::{
    kind::Kind,
    shape::{Shape, Variant},
};

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spec {
    Bool,
    Int {
        /// The Rust type.
        name: &'static str,
        min: i128,
        max: i128,
    },
    Float,
    Text,
    Time,
    /// One of several names.
    Names(&'static [&'static str]),
    /// A table with one entry, whose key is one of several.
    Tagged(&'static [(&'static str, Self)]),
    Optional(&'static Self),
    List(&'static Self),
    /// A table whose keys are free.
    Map(&'static Self),
    /// The first that fits.
    Either(&'static [Self]),
    Components(Kind),
}

impl Spec {
    /// A number that is not negative.
    pub(super) const COUNT: Self = Self::Int { name: "u64", min: 0, max: u64::MAX as i128 };
    pub(super) const MAYBE_COUNT: Self = Self::Optional(&Self::COUNT);
    /// A number, or -1 for all.
    pub(super) const COUNT_OR_ALL: Self = Self::Int { name: "i64", min: -1, max: i64::MAX as i128 };
    /// A number of batches, or a fraction of them.
    pub(super) const LIMIT: Self = Self::Either(&[Self::COUNT, Self::Float]);

    /// The shape of a configuration's value.
    pub(super) fn shape(&self) -> Shape {
        match *self {
            Self::Bool => Shape::Bool,
            Self::Int { name, min, max } => Shape::Int { name, min, max },
            Self::Float => Shape::FLOAT,
            Self::Text => Shape::Text,
            Self::Time => Shape::Time,
            Self::Names(names) => Shape::names(names),
            Self::Tagged(variants) => {
                let variant = |(name, content): &(&str, Self)| Variant {
                    name: (*name).to_owned(),
                    content: Some(content.shape()),
                };
                Shape::Choice(variants.iter().map(variant).collect())
            }
            Self::Optional(inner) => inner.shape().optional(),
            Self::List(inner) => Shape::List(Box::new(inner.shape())),
            Self::Map(inner) => Shape::Map(Box::new(inner.shape())),
            Self::Either(specs) => Shape::Either(specs.iter().map(Self::shape).collect()),
            Self::Components(kind) => Shape::Components(kind),
        }
    }
}
