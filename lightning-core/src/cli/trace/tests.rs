//! Shapes of types that a user may write.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::trace;
use crate::cli::shape::Shape;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Sized(u8),
    Pair(u8, bool),
    Named { delta: f32 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(f64),
    Text(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
}

fn one() -> usize {
    1
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hparams {
    required: usize,
    #[serde(default = "one")]
    optional: usize,
    some: Option<Vec<PathBuf>>,
    kind: Kind,
    array: [i8; 2],
    map: BTreeMap<String, bool>,
    positive: NonZeroU32,
    address: IpAddr,
    loose: Loose,
    tree: Tree,
    letter: char,
}

/// The shape of a field in few letters.
fn short(shape: &Shape, key: &str) -> String {
    shape.table().and_then(|table| table.entry(key)).map(|entry| entry.shape.short()).unwrap_or_default()
}

#[test]
fn shapes_of_all_kinds() {
    let (shape, defaults) = trace::<Hparams>(&["optional"]);
    for (key, wanted) in [
        ("required", "int"),
        ("optional", "int"),
        ("some", "[text]"),
        ("kind", "Plain|Sized|Pair|Named"),
        ("array", "[int, int]"),
        ("map", "table"),
        ("positive", "int"),
        ("letter", "char"),
        // What cannot be told, because its text has a form of its own or its type any of several.
        ("address", "value"),
        ("loose", "value"),
        ("tree", "table"),
    ] {
        assert_eq!(short(&shape, key), wanted, "{key}");
    }
    let Some(Shape::Choice(variants)) = shape.table().and_then(|table| table.entry("kind")).map(|entry| &entry.shape)
    else {
        panic!("a choice");
    };
    let contents: Vec<String> =
        variants.iter().map(|variant| variant.content.as_ref().map(Shape::short).unwrap_or_default()).collect();
    assert_eq!(contents, ["", "int", "[int, bool]", "table"]);
    // `address` and `loose` refuse what is tried for them, so that no value of the type is at hand.
    assert_eq!(defaults, json!(null));
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Small {
    required: bool,
    #[serde(default = "one")]
    optional: usize,
}

#[test]
fn defaults_where_others_are_required() {
    let (shape, defaults) = trace::<Small>(&["optional"]);
    assert_eq!(defaults, json!({"optional": 1}));
    assert_eq!(short(&shape, "required"), "bool");
}
