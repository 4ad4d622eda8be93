//! Callbacks and loggers that a configuration names.

mod callbacks;
mod component;
mod loggers;
mod untyped;

use lightning_config::{Content, Node, nearest, parse_value};
use serde_json::{Map, Value};

pub(super) use self::{
    callbacks::callback,
    component::{Arg, Component},
    loggers::logger,
    untyped::untyped,
};
use super::{
    check::{Checker, below},
    kind::Kind,
};
use crate::metrics::{Direction, MetricDef};

/// Everything of a kind with a name.
pub(super) const fn all(kind: Kind) -> &'static [Component] {
    match kind {
        Kind::Callback => callbacks::ALL,
        Kind::Logger => loggers::ALL,
    }
}

pub(super) const fn refused(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Callback => callbacks::REFUSED,
        Kind::Logger => loggers::REFUSED,
    }
}

/// What is known of the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) metrics: &'static [MetricDef],
    /// The fields with modules.
    pub(super) modules: &'a [&'static str],
}

/// The packages whose classes are accepted by their full names.
pub(super) const PACKAGES: &[&str] = &[
    "lightning.pytorch.callbacks.",
    "pytorch_lightning.callbacks.",
    "lightning.pytorch.loggers.",
    "pytorch_lightning.loggers.",
    "lightning_core.callbacks.",
    "lightning_core.loggers.",
    "lightning_core.",
];

/// Checks a list of components; one alone is a list of one.
pub(super) fn check(checker: &mut Checker<'_>, node: &Node, kind: Kind, path: &str) -> Option<Value> {
    let items: Vec<&Node> = match &node.content {
        Content::Null => return Some(Value::Array(Vec::new())),
        // PyTorch Lightning's short form for the default loggers, or none.
        Content::Bool(value) if kind == Kind::Logger => return Some(Value::Bool(*value)),
        Content::List(items) | Content::Append(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut list = Vec::new();
    let mut all = true;
    for (at, item) in items.into_iter().enumerate() {
        match check_one(checker, item, kind, &below(path, &at.to_string())) {
            Some(component) => list.push(component),
            None => all = false,
        }
    }
    all.then_some(Value::Array(list))
}

fn check_one(checker: &mut Checker<'_>, node: &Node, kind: Kind, path: &str) -> Option<Value> {
    if let Content::Raw(text) = &node.content {
        let content = if text.trim_start().starts_with('{') {
            match parse_value(text, &node.place) {
                Ok(node) => node.content,
                Err(_) => Content::Text(text.clone()),
            }
        } else {
            Content::Text(text.clone())
        };
        return check_one(checker, &Node { content, place: node.place.clone() }, kind, path);
    }
    let (named, args) = match &node.content {
        Content::Text(_) => (node, None),
        Content::Map(_) => {
            for (key, _) in node.entries() {
                if !["class_path", "init_args"].contains(&key.name.as_str()) {
                    let help = match key.name.as_str() {
                        "dict_kwargs" => "write its entries in `init_args`",
                        _ => "a component has `class_path` and `init_args`",
                    };
                    checker.problems.add(format!("unknown key `{}`", below(path, &key.name)), Some(&key.place), help);
                    return None;
                }
            }
            let Some(named) = node.get("class_path") else {
                let help = format!("write `class_path: {}`", all(kind).first().map_or("", |first| first.name));
                checker.problems.add(format!("`{path}` must have a `class_path`"), Some(&node.place), help);
                return None;
            };
            (named, node.get("init_args"))
        }
        _ => {
            checker.wrong(node, path, &format!("the name of a {}", kind.noun()), "");
            return None;
        }
    };
    let (Content::Text(written) | Content::Raw(written)) = &named.content else {
        checker.wrong(named, path, &format!("the name of a {}", kind.noun()), "");
        return None;
    };
    let component = find(checker, named, written, kind)?;
    let empty = Node::map(&node.place);
    let args = args.filter(|args| !matches!(args.content, Content::Null)).unwrap_or(&empty);
    if !matches!(args.content, Content::Map(_)) {
        checker.wrong(args, &below(path, "init_args"), "a table", "");
        return None;
    }
    let table = component.table();
    let Some(Value::Object(mut values)) = checker.table(args, &table, component.name, None) else { return None };
    for (key, known) in [("monitor", true), ("backbone", false)] {
        if table.entry(key).is_some() {
            let place = args.get(key).unwrap_or(named);
            let is_valid = match known {
                true => check_monitor(checker, component, &mut values, place),
                false => check_field(checker, component, &values, place),
            };
            if !is_valid {
                return None;
            }
        }
    }
    let entries = [("class_path", Value::String(component.name.to_owned())), ("init_args", Value::Object(values))];
    Some(Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// Finds a component by its name or class path.
fn find(checker: &mut Checker<'_>, node: &Node, written: &str, kind: Kind) -> Option<&'static Component> {
    let dotted = written.replace("::", ".");
    let package = PACKAGES.iter().find(|package| dotted.starts_with(**package));
    let name = package.map_or(dotted.as_str(), |package| dotted.strip_prefix(package).unwrap_or(&dotted));
    let name = name.rsplit('.').next().filter(|_| package.is_some()).unwrap_or(name);
    if let Some(found) = all(kind).iter().find(|known| known.name == name || known.alias == Some(name)) {
        return Some(found);
    }
    let (message, help) = match refused(kind).iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => {
            (format!("the {} `{name}` cannot be named in a configuration", kind.noun()), (*why).to_owned())
        }
        None => {
            let names = all(kind).iter().map(|known| known.name);
            let help = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "known by name: {}; one of your own is added in the program: `.trainer(|t| t.{}(…))`",
                    crate::text::listed(names),
                    kind.noun()
                ),
            };
            (format!("unknown {} `{written}`", kind.noun()), help)
        }
    };
    checker.problems.add(message, Some(&node.place), help);
    None
}

/// The metrics that can be monitored: those with a direction that `fit` logs.
pub(super) fn monitorable(metrics: &'static [MetricDef]) -> impl Iterator<Item = &'static MetricDef> {
    metrics.iter().filter(|def| def.direction.is_some() && def.stages != crate::metrics::StageSet::TEST)
}

/// Checks the metric that a callback monitors, and fills the one that a module without a choice has.
fn check_monitor(
    checker: &mut Checker<'_>,
    component: &Component,
    values: &mut Map<String, Value>,
    node: &Node,
) -> bool {
    let metrics = checker.known.metrics;
    let known = || monitorable(metrics).map(|def| def.name);
    let name = match values.get("monitor") {
        Some(Value::String(name)) => name.clone(),
        _ if component.name == "ModelCheckpoint" => return true,
        _ => {
            let mut names = known();
            let only = names.next().filter(|_| names.next().is_none());
            let Some(name) = known().find(|name| *name == "val_loss").or(only) else {
                let help = format!("write `monitor: …` with one of {}", crate::text::listed(known()));
                checker.problems.add(format!("`{}` must have a `monitor`", component.name), Some(&node.place), help);
                return false;
            };
            values.insert("monitor".to_owned(), Value::String(name.to_owned()));
            name.to_owned()
        }
    };
    let base = name.split('/').next().unwrap_or_default();
    let base = ["_step", "_epoch"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
    let declared = metrics.iter().find(|def| def.name == base || def.name == name);
    let mode = values.get("mode").and_then(Value::as_str).map(str::to_owned);
    let Some(def) = declared else {
        let help = match nearest(&name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the module logs {}", crate::text::listed(metrics.iter().map(|def| def.name))),
        };
        checker.problems.add(
            format!("`{}`: the module logs no metric `{name}`", component.name),
            Some(&node.place),
            help,
        );
        return false;
    };
    let declared = def.direction.map(|direction| if direction == Direction::Minimize { "min" } else { "max" });
    match (declared, mode.as_deref()) {
        (None, None) => {
            let help = "write `mode: min` or `mode: max`, or `#[log(minimize)]` in the module";
            checker.problems.add(format!("`{name}` is logged without a direction"), Some(&node.place), help);
            false
        }
        (Some(declared), Some(mode)) if declared != mode => {
            let help = "remove `mode`: the module says whether smaller or larger is better";
            let message = format!("`{name}` is logged with `{declared}imize`, found the mode `{mode}`");
            checker.problems.add(message, Some(&node.place), help);
            false
        }
        (direction, mode) => {
            values.insert("mode".to_owned(), Value::String(direction.or(mode).unwrap_or("min").to_owned()));
            true
        }
    }
}

/// Checks the name of a field of the module.
fn check_field(checker: &mut Checker<'_>, component: &Component, values: &Map<String, Value>, node: &Node) -> bool {
    let fields = checker.known.modules;
    let name = values.get("backbone").and_then(Value::as_str).unwrap_or_default();
    if fields.contains(&name) {
        return true;
    }
    let help = match nearest(name, fields.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the module has {}", crate::text::listed(fields.iter().copied())),
    };
    checker.problems.add(format!("`{}`: the module has no field `{name}`", component.name), Some(&node.place), help);
    false
}
