//! Settings in environment variables: `LIGHTNING_TRAINER__MAX_EPOCHS=5`.

use std::{ffi::OsString, rc::Rc};

use lightning_config::{Content, Key, Node, Place, Problems, Source, nearest};

use super::shape::{Shape, Table};

/// The start of the names.
pub(super) const PREFIX: &str = "LIGHTNING_";

/// Reads the variables that name settings, in the order of their names.
pub(super) fn parse(
    vars: impl Iterator<Item = (OsString, OsString)>,
    root: &Table,
    problems: &mut Problems,
) -> Vec<Node> {
    let mut found: Vec<(String, String, Place)> = Vec::new();
    for (name, value) in vars {
        let Some(name) = name.to_str() else { continue };
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        // Other variables with this start belong to other programs, and to other parts of this library.
        let section = rest.split("__").next().unwrap_or_default().to_lowercase();
        let is_ours = match section.as_str() {
            "model" | "data" | "trainer" => true,
            other => root.entry(other).is_some() && !rest.contains("__"),
        };
        if !is_ours {
            continue;
        }
        let value = value.to_string_lossy().into_owned();
        let text = format!("{name}={value}");
        let length = name.len();
        let source = Rc::new(Source { name: "environment".to_owned(), text, is_file: false });
        found.push((rest.to_owned(), value, Place::new(&source, 0..length)));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut nodes = Vec::new();
    let mut paths: Vec<(String, String)> = Vec::new();
    for (name, value, place) in found {
        let Some(path) = resolve(&name, root, &place, problems) else { continue };
        let clash = paths.iter().find(|(other, _)| {
            let inside = |outer: &str, inner: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            inside(other, &path) || inside(&path, other)
        });
        if let Some((_, other)) = clash {
            let message = format!("`{PREFIX}{name}` and `{PREFIX}{other}` set the same key `{path}`");
            problems.add(message, Some(&place), "unset one of the two");
            continue;
        }
        let start = place.range.end + 1;
        let value_place = Place::new(&place.source, start..start + value.len());
        let mut node = Node { content: Content::Raw(value), place: value_place };
        for part in path.rsplit('.') {
            let key = Key { name: part.to_owned(), place: place.clone() };
            node = Node { content: Content::Map(vec![(key, node)]), place: place.clone() };
        }
        paths.push((path, name));
        nodes.push(node);
    }
    nodes
}

/// The dotted key that a variable names, whose letters are upper case.
fn resolve(name: &str, root: &Table, place: &Place, problems: &mut Problems) -> Option<String> {
    let mut table = Some(root);
    let mut path: Vec<String> = Vec::new();
    for part in name.split("__") {
        let Some(known) = table else {
            // Below a table with free keys, or the arguments of a component.
            path.push(part.to_lowercase());
            continue;
        };
        let matching: Vec<&str> = known.keys().filter(|key| key.to_uppercase() == part.to_uppercase()).collect();
        match matching.as_slice() {
            [key] => {
                let entry = known.entry(key)?;
                path.push((*key).to_owned());
                table = entry.shape.table();
                let is_leaf =
                    !matches!(entry.shape, Shape::Map(_) | Shape::Any | Shape::Components(_) | Shape::Choice(_));
                if table.is_none() && is_leaf {
                    static EMPTY: Table = Table { entries: Vec::new() };
                    table = Some(&EMPTY);
                }
            }
            [] => {
                let variables = known.keys().map(str::to_uppercase).collect::<Vec<_>>();
                let near = nearest(part, variables.iter().map(String::as_str));
                let start = name.rfind(part).and_then(|at| name.get(..at)).unwrap_or_default();
                let help = match near {
                    Some(near) => format!("did you mean `{PREFIX}{start}{near}`?"),
                    None if known.entries.is_empty() => format!("`{}` has no settings in it", path.join(".")),
                    None => format!("known keys: {}", crate::text::listed(known.keys())),
                };
                problems.add(format!("the variable `{PREFIX}{name}` names no setting"), Some(place), help);
                return None;
            }
            several => {
                let keys = crate::text::listed(several.iter().copied());
                let help = "set it by a flag or in a file";
                problems.add(format!("the variable `{PREFIX}{name}` may mean {keys}"), Some(place), help);
                return None;
            }
        }
    }
    Some(path.join("."))
}
