//! Callbacks and loggers of a file.

use super::{
    check::{Known, arguments},
    near::{Nearest, after, before, equal},
    node::{Content, Node},
    report::{Listed, Path, Report},
};
use crate::{
    cli::{
        kind::Kind,
        registry::{self, Component},
    },
    metrics::{Direction, MetricDef},
    module::FieldRole,
};

/// Checks a list of components; one alone is a list of one.
pub(super) const fn check_components(report: &mut Report, node: &Node, kind: Kind, path: &Path<'_>, known: Known) {
    match node.content {
        Content::Null => {}
        Content::Bool(_) if matches!(kind, Kind::Logger) => {}
        Content::List(items) => {
            let mut at = 0;
            while at < items.len() {
                check_one(report, &items[at], kind, &Path::index(path, at), known);
                at += 1;
            }
        }
        _ => check_one(report, node, kind, &Path::index(path, 0), known),
    }
}

const fn check_one(report: &mut Report, node: &Node, kind: Kind, path: &Path<'_>, known: Known) {
    let (named, args) = match node.content {
        Content::Text(_) => (node, None),
        Content::Map(entries) => {
            let mut at = 0;
            while at < entries.len() {
                let key = entries[at].key;
                if !equal(key, "class_path") && !equal(key, "init_args") {
                    super::check::unknown(report, &Path::name(Some(path), key), entries[at].place);
                    report.help();
                    report.push(if equal(key, "dict_kwargs") {
                        "write its entries in `init_args`"
                    } else {
                        "a component has `class_path` and `init_args`"
                    });
                    return;
                }
                at += 1;
            }
            let Some(named) = node.get("class_path") else {
                report.begin();
                report.push("`");
                report.push_path(path);
                report.push("` must have a `class_path`");
                report.place(node.place);
                report.help();
                report.push("write `class_path: ");
                if let [first, ..] = registry::all(kind) {
                    report.push(first.name);
                }
                report.push("`");
                return;
            };
            (named, node.get("init_args"))
        }
        _ => return not_a_name(report, node, kind, path),
    };
    let Content::Text(written) = named.content else { return not_a_name(report, named, kind, path) };
    let Some(component) = find(report, named, written, kind) else { return };
    let name = Path::root(component.name);
    let args = match args {
        None => None,
        Some(args) if matches!(args.content, Content::Null) => None,
        Some(args) if matches!(args.content, Content::Map(_)) => Some(args),
        Some(args) => return report.wrong(args, &Path::name(Some(path), "init_args"), "a table"),
    };
    let mark = report.problems;
    if let Some(args) = args {
        arguments(report, args, component.args, &name, known);
    }
    if report.problems == mark {
        if has_arg(component, "monitor") {
            monitor(report, component, named, args, known.metrics);
        }
        if has_arg(component, "backbone") {
            backbone(report, component, named, args, known);
        }
    }
}

const fn has_arg(component: &Component, name: &str) -> bool {
    let mut at = 0;
    while at < component.args.len() {
        if equal(component.args[at].name, name) {
            return true;
        }
        at += 1;
    }
    false
}

const fn not_a_name(report: &mut Report, node: &Node, kind: Kind, path: &Path<'_>) {
    report.begin_wrong(path);
    report.push("the name of a ");
    report.push(kind.noun());
    report.end_wrong(node);
}

/// The name without the package of PyTorch Lightning or of this crate.
const fn without_package(written: &str) -> &str {
    let mut at = 0;
    while at < registry::PACKAGES.len() {
        let package = registry::PACKAGES[at];
        if after(written, package).is_some() {
            let bytes = written.as_bytes();
            let mut start = bytes.len();
            while start > 0 && bytes[start - 1] != b'.' {
                start -= 1;
            }
            return written.split_at(start).1;
        }
        at += 1;
    }
    written
}

const fn find(report: &mut Report, node: &Node, written: &str, kind: Kind) -> Option<&'static Component> {
    let name = without_package(written);
    let all = registry::all(kind);
    let (mut near, mut at) = (Nearest::new(name), 0);
    while at < all.len() {
        let component = &all[at];
        let is_alias = match component.alias {
            Some(alias) => equal(alias, name),
            None => false,
        };
        if equal(component.name, name) || is_alias {
            return Some(component);
        }
        near.offer(component.name);
        at += 1;
    }
    let refused = registry::refused(kind);
    let mut at = 0;
    while at < refused.len() {
        if equal(refused[at].0, name) {
            report.begin();
            report.push("the ");
            report.push(kind.noun());
            report.push(" `");
            report.push(name);
            report.push("` cannot be named in a configuration");
            report.place(node.place);
            report.help();
            report.push(refused[at].1);
            return None;
        }
        at += 1;
    }
    report.begin();
    report.push("unknown ");
    report.push(kind.noun());
    report.push(" `");
    report.push(written);
    report.push("`");
    report.place(node.place);
    report.help();
    if let Some(near) = near.best {
        report.push("did you mean `");
        report.push(near);
        report.push("`?");
        return None;
    }
    report.push("known by name: ");
    let (mut listed, mut at) = (Listed::new(), 0);
    while at < all.len() {
        listed.push(report, all[at].name);
        at += 1;
    }
    listed.finish(report);
    report.push("; one of your own is added in the program: `.trainer(|t| t.");
    report.push(kind.noun());
    report.push("(…))`");
    None
}

/// Whether `fit` logs a metric with a direction.
const fn can_monitor(def: &MetricDef) -> bool {
    def.direction.is_some() && !def.stages.is_test_alone()
}

const fn declared(metrics: &'static [MetricDef], name: &str) -> Option<&'static MetricDef> {
    let mut at = 0;
    while at < metrics.len() {
        if equal(metrics[at].name, name) {
            return Some(&metrics[at]);
        }
        at += 1;
    }
    None
}

/// The part of a metric's name before the loader's.
const fn before_slash(name: &str) -> &str {
    let (bytes, mut at) = (name.as_bytes(), 0);
    while at < bytes.len() && bytes[at] != b'/' {
        at += 1;
    }
    name.split_at(at).0
}

const fn text(args: Option<&'static Node>, key: &str) -> Option<(&'static str, &'static Node)> {
    let Some(args) = args else { return None };
    match args.get(key) {
        Some(node) => match node.content {
            Content::Text(text) => Some((text, node)),
            _ => None,
        },
        None => None,
    }
}

/// Checks the metric that a callback monitors.
const fn monitor(
    report: &mut Report,
    component: &Component,
    named: &Node,
    args: Option<&'static Node>,
    metrics: &'static [MetricDef],
) {
    let Some((name, node)) = text(args, "monitor") else {
        if !equal(component.name, "ModelCheckpoint") {
            let node = match args {
                Some(args) => args.get("monitor"),
                None => None,
            };
            let node = match node {
                Some(node) => node,
                None => named,
            };
            without_monitor(report, component, node, metrics);
        }
        return;
    };
    let base = before_slash(name);
    let base = match (before(base, "_step"), before(base, "_epoch")) {
        (Some(base), _) | (None, Some(base)) => base,
        (None, None) => base,
    };
    let def = match declared(metrics, base) {
        Some(def) => def,
        None => match declared(metrics, name) {
            Some(def) => def,
            None => return unknown_metric(report, component, node, name, metrics),
        },
    };
    let mode = text(args, "mode");
    let direction = match def.direction {
        Some(Direction::Minimize) => "min",
        Some(Direction::Maximize) => "max",
        None => {
            if mode.is_none() {
                report.begin();
                report.push("`");
                report.push(name);
                report.push("` is logged without a direction");
                report.place(node.place);
                report.help();
                report.push("write `mode: min` or `mode: max`, or `#[log(minimize)]` in the module");
            }
            return;
        }
    };
    if let Some((mode, _)) = mode
        && !equal(mode, direction)
    {
        report.begin();
        report.push("`");
        report.push(name);
        report.push("` is logged with `");
        report.push(direction);
        report.push("imize`, found the mode `");
        report.push(mode);
        report.push("`");
        report.place(node.place);
        report.help();
        report.push("remove `mode`: the module says whether smaller or larger is better");
    }
}

/// A callback that must monitor something takes `val_loss`, or the only metric there is.
const fn without_monitor(report: &mut Report, component: &Component, named: &Node, metrics: &'static [MetricDef]) {
    let (mut count, mut at) = (0, 0);
    while at < metrics.len() {
        if can_monitor(&metrics[at]) {
            if equal(metrics[at].name, "val_loss") {
                return;
            }
            count += 1;
        }
        at += 1;
    }
    if count == 1 {
        return;
    }
    report.begin();
    report.push("`");
    report.push(component.name);
    report.push("` must have a `monitor`");
    report.place(named.place);
    report.help();
    report.push("write `monitor: …` with one of ");
    list_metrics(report, metrics, true);
}

const fn list_metrics(report: &mut Report, metrics: &'static [MetricDef], monitorable: bool) {
    let (mut listed, mut at) = (Listed::new(), 0);
    while at < metrics.len() {
        if !monitorable || can_monitor(&metrics[at]) {
            listed.push(report, metrics[at].name);
        }
        at += 1;
    }
    listed.finish(report);
}

const fn unknown_metric(
    report: &mut Report,
    component: &Component,
    node: &Node,
    name: &str,
    metrics: &'static [MetricDef],
) {
    let (mut near, mut at) = (Nearest::new(name), 0);
    while at < metrics.len() {
        if can_monitor(&metrics[at]) {
            near.offer(metrics[at].name);
        }
        at += 1;
    }
    report.begin();
    report.push("`");
    report.push(component.name);
    report.push("`: the module logs no metric `");
    report.push(name);
    report.push("`");
    report.place(node.place);
    report.help();
    if let Some(near) = near.best {
        report.push("did you mean `");
        report.push(near);
        report.push("`?");
    } else {
        report.push("the module logs ");
        list_metrics(report, metrics, false);
    }
}

/// Checks the name of a field of the module.
const fn backbone(report: &mut Report, component: &Component, named: &Node, args: Option<&'static Node>, known: Known) {
    let (name, node) = match text(args, "backbone") {
        Some((name, node)) => (name, node),
        None => ("backbone", named),
    };
    let fields = known.fields;
    let (mut near, mut at) = (Nearest::new(name), 0);
    while at < fields.len() {
        if matches!(fields[at].role, FieldRole::Module | FieldRole::Frozen) {
            if equal(fields[at].name, name) {
                return;
            }
            near.offer(fields[at].name);
        }
        at += 1;
    }
    report.begin();
    report.push("`");
    report.push(component.name);
    report.push("`: the module has no field `");
    report.push(name);
    report.push("`");
    report.place(node.place);
    report.help();
    if let Some(near) = near.best {
        report.push("did you mean `");
        report.push(near);
        report.push("`?");
        return;
    }
    report.push("the module has ");
    let (mut listed, mut at) = (Listed::new(), 0);
    while at < fields.len() {
        if matches!(fields[at].role, FieldRole::Module | FieldRole::Frozen) {
            listed.push(report, fields[at].name);
        }
        at += 1;
    }
    listed.finish(report);
}
