//! Compares a file with the tables of the command line, in constant functions: as
//! [`Checker`](crate::cli::check::Checker), which does the same with a configuration at run time.

use super::{
    components::check_components,
    near::{Nearest, equal},
    node::{Content, Node},
    report::{Listed, Path, Report},
    rust_type::check_type,
};
use crate::{
    cli::{
        about,
        registry::Arg,
        settings::{self, Setting},
        spec::Spec,
    },
    metrics::MetricDef,
    module::{FieldDef, FieldRole},
};

/// What is known of the module.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) metrics: &'static [MetricDef],
    pub(super) fields: &'static [FieldDef],
}

/// Checks a whole configuration.
///
/// # Panics
/// If the file has a mistake: with all of them.
pub const fn check_config(
    node: &Node,
    model: &'static [FieldDef],
    metrics: &'static [MetricDef],
    data: &'static [FieldDef],
) {
    let report = config_report(node, model, metrics, data);
    if report.problems > 0 {
        panic!("{}", report.text());
    }
}

/// Checks hyperparameters, all of which the file must have that have no default.
///
/// # Panics
/// If the file has a mistake: with all of them.
pub const fn check_hparams(node: &Node, fields: &'static [FieldDef]) {
    let report = hparams_report(node, fields);
    if report.problems > 0 {
        panic!("{}", report.text());
    }
}

pub(super) const fn config_report(
    node: &Node,
    model: &'static [FieldDef],
    metrics: &'static [MetricDef],
    data: &'static [FieldDef],
) -> Report {
    const SECTIONS: [&str; 4] = ["seed", "model", "data", "trainer"];
    let mut report = Report::new();
    let entries = node.entries();
    let mut at = 0;
    while at < entries.len() {
        let entry = &entries[at];
        let (path, value) = (Path::root(entry.key), &entry.value);
        if equal(entry.key, "seed") {
            check(&mut report, value, &about::SEED, &path, Known { metrics, fields: model });
        } else if equal(entry.key, "ckpt") {
            report.begin();
            report.push("`ckpt` cannot be set in a file of the program");
            report.place(entry.place);
            report.help();
            report.push("name the checkpoint of a run on the command line: `--ckpt last`");
        } else if equal(entry.key, "model") {
            section(&mut report, value, model, &path);
        } else if equal(entry.key, "data") {
            section(&mut report, value, data, &path);
        } else if equal(entry.key, "trainer") {
            trainer(&mut report, value, &path, Known { metrics, fields: model });
        } else {
            let (mut near, mut known) = (Nearest::new(entry.key), 0);
            while known < SECTIONS.len() {
                near.offer(SECTIONS[known]);
                known += 1;
            }
            unknown(&mut report, &path, entry.place);
            match near.best {
                Some(near) => did_you_mean(&mut report, &Path::root(near)),
                None => {
                    let mut listed = begin_known(&mut report);
                    let mut known = 0;
                    while known < SECTIONS.len() {
                        listed.push(&mut report, SECTIONS[known]);
                        known += 1;
                    }
                    listed.finish(&mut report);
                }
            }
        }
        at += 1;
    }
    report
}

pub(super) const fn hparams_report(node: &Node, fields: &'static [FieldDef]) -> Report {
    let mut report = Report::new();
    hparams(&mut report, node, fields, None);
    let mut at = 0;
    while at < fields.len() {
        let field = &fields[at];
        let is_missing = matches!(field.role, FieldRole::Hparam)
            && field.default.is_none()
            && !super::rust_type::is_optional(field.type_name)
            && node.get(field.key).is_none();
        if is_missing {
            report.begin();
            report.push("`");
            report.push(field.key);
            report.push("` has no default and must be set");
            report.place(node.place);
            report.help();
            report.push("write `");
            report.push(field.key);
            report.push(": …`, of the type `");
            report.push(field.type_name);
            report.push("`");
        }
        at += 1;
    }
    report
}

/// A section, which may be empty.
const fn section(report: &mut Report, node: &Node, fields: &'static [FieldDef], path: &Path<'_>) {
    match node.content {
        Content::Null => {}
        Content::Map(_) => hparams(report, node, fields, Some(path)),
        _ => report.wrong(node, path, "a table"),
    }
}

/// A table of hyperparameters.
pub(super) const fn hparams(report: &mut Report, node: &Node, fields: &'static [FieldDef], above: Option<&Path<'_>>) {
    let entries = node.entries();
    let mut at = 0;
    while at < entries.len() {
        let entry = &entries[at];
        let path = Path::name(above, entry.key);
        match field(fields, entry.key) {
            Some(field) => check_type(report, &entry.value, field, &path),
            None => unknown_hparam(report, fields, entry.key, entry.place, above),
        }
        at += 1;
    }
}

const fn field(fields: &'static [FieldDef], key: &str) -> Option<&'static FieldDef> {
    let mut at = 0;
    while at < fields.len() {
        if matches!(fields[at].role, FieldRole::Hparam) && equal(fields[at].key, key) {
            return Some(&fields[at]);
        }
        at += 1;
    }
    None
}

const fn unknown_hparam(
    report: &mut Report,
    fields: &'static [FieldDef],
    key: &str,
    place: &str,
    above: Option<&Path<'_>>,
) {
    unknown(report, &Path::name(above, key), place);
    let (mut near, mut count, mut at) = (Nearest::new(key), 0, 0);
    while at < fields.len() {
        if matches!(fields[at].role, FieldRole::Hparam) {
            near.offer(fields[at].key);
            count += 1;
        }
        at += 1;
    }
    if let Some(near) = near.best {
        return did_you_mean(report, &Path::name(above, near));
    }
    if count == 0 {
        report.help();
        if let Some(above) = above {
            report.push("`");
            report.push_path(above);
            report.push("` has no settings");
        } else {
            report.push("there are no hyperparameters");
        }
        return;
    }
    let mut listed = begin_known(report);
    let mut at = 0;
    while at < fields.len() {
        if matches!(fields[at].role, FieldRole::Hparam) {
            listed.push(report, fields[at].key);
        }
        at += 1;
    }
    listed.finish(report);
}

/// The settings of the trainer, of which there are two tables.
const fn trainer(report: &mut Report, node: &Node, path: &Path<'_>, known: Known) {
    match node.content {
        Content::Null => return,
        Content::Map(_) => {}
        _ => return report.wrong(node, path, "a table"),
    }
    let entries = node.entries();
    let mut at = 0;
    while at < entries.len() {
        let entry = &entries[at];
        let below = Path::name(Some(path), entry.key);
        match setting(entry.key) {
            Some(spec) => check(report, &entry.value, &spec, &below, known),
            None => {
                unknown(report, &below, entry.place);
                let mut near = Nearest::new(entry.key);
                offer_all(&mut near, settings::ALL);
                offer_all(&mut near, settings::OF_FEATURES);
                near.offer("logger");
                near.offer("callbacks");
                match near.best {
                    Some(near) => did_you_mean(report, &Path::name(Some(path), near)),
                    None => {
                        let mut listed = begin_known(report);
                        list_all(&mut listed, report, settings::ALL);
                        list_all(&mut listed, report, settings::OF_FEATURES);
                        listed.push(report, "logger");
                        listed.push(report, "callbacks");
                        listed.finish(report);
                    }
                }
            }
        }
        at += 1;
    }
}

const fn setting(key: &str) -> Option<Spec> {
    if equal(key, "logger") {
        return Some(settings::LOGGER);
    }
    if equal(key, "callbacks") {
        return Some(settings::CALLBACKS);
    }
    let mut at = 0;
    while at < settings::ALL.len() {
        if equal(settings::ALL[at].name, key) {
            return Some(settings::ALL[at].spec);
        }
        at += 1;
    }
    let mut at = 0;
    while at < settings::OF_FEATURES.len() {
        if equal(settings::OF_FEATURES[at].name, key) {
            return Some(settings::OF_FEATURES[at].spec);
        }
        at += 1;
    }
    None
}

const fn offer_all(near: &mut Nearest<'_>, settings: &'static [Setting]) {
    let mut at = 0;
    while at < settings.len() {
        near.offer(settings[at].name);
        at += 1;
    }
}

const fn list_all(listed: &mut Listed, report: &mut Report, settings: &'static [Setting]) {
    let mut at = 0;
    while at < settings.len() {
        listed.push(report, settings[at].name);
        at += 1;
    }
}

/// The arguments of a component, below its name.
pub(super) const fn arguments(report: &mut Report, node: &Node, args: &'static [Arg], path: &Path<'_>, known: Known) {
    let entries = node.entries();
    let mut at = 0;
    while at < entries.len() {
        let entry = &entries[at];
        let below = Path::name(Some(path), entry.key);
        let mut arg = 0;
        while arg < args.len() && !equal(args[arg].name, entry.key) {
            arg += 1;
        }
        if arg < args.len() {
            check(report, &entry.value, &args[arg].spec, &below, known);
        } else {
            unknown(report, &below, entry.place);
            let (mut near, mut arg) = (Nearest::new(entry.key), 0);
            while arg < args.len() {
                near.offer(args[arg].name);
                arg += 1;
            }
            match near.best {
                Some(near) => did_you_mean(report, &Path::name(Some(path), near)),
                None if args.is_empty() => {
                    report.help();
                    report.push("`");
                    report.push_path(path);
                    report.push("` has no settings");
                }
                None => {
                    let (mut listed, mut arg) = (begin_known(report), 0);
                    while arg < args.len() {
                        listed.push(report, args[arg].name);
                        arg += 1;
                    }
                    listed.finish(report);
                }
            }
        }
        at += 1;
    }
}

/// Checks a value.
pub(super) const fn check(report: &mut Report, node: &Node, spec: &Spec, path: &Path<'_>, known: Known) {
    match (spec, node.content) {
        (Spec::Optional(_), Content::Null) | (Spec::Bool, Content::Bool(_)) | (Spec::Text, Content::Text(_)) => {}
        (Spec::Optional(inner), _) => check(report, node, inner, path, known),
        (Spec::Int { min, max, .. }, Content::Int(value)) => integer(report, node, path, value, *min, *max),
        (Spec::Int { min, max, .. }, Content::Float(value)) if is_whole(value) => {
            integer(report, node, path, value as i128, *min, *max);
        }
        (Spec::Float, Content::Int(_)) => {}
        (Spec::Float, Content::Float(value)) => {
            if !value.is_finite() {
                report.wrong(node, path, "a finite number");
            }
        }
        (Spec::List(inner), Content::List(items)) => {
            let mut at = 0;
            while at < items.len() {
                check(report, &items[at], inner, &Path::index(path, at), known);
                at += 1;
            }
        }
        (Spec::Map(inner), Content::Map(entries)) => {
            let mut at = 0;
            while at < entries.len() {
                check(report, &entries[at].value, inner, &Path::name(Some(path), entries[at].key), known);
                at += 1;
            }
        }
        (Spec::Names(names), _) => name(report, node, spec, names, path),
        (Spec::Tagged(variants), Content::Map([entry])) => {
            let mut at = 0;
            while at < variants.len() {
                if equal(variants[at].0, entry.key) {
                    return check(report, &entry.value, &variants[at].1, &Path::name(Some(path), entry.key), known);
                }
                at += 1;
            }
            wrong(report, node, spec, path);
        }
        (Spec::Either(specs), _) => {
            let mark = report.mark();
            let mut at = 0;
            while at < specs.len() {
                // A float is a fraction where an integer is a number.
                if !matches!((&specs[at], node.content), (Spec::Int { .. }, Content::Float(_))) {
                    check(report, node, &specs[at], path, known);
                    if !report.forget(mark) {
                        return;
                    }
                }
                at += 1;
            }
            wrong(report, node, spec, path);
        }
        (Spec::Time, _) if super::rust_type::is_time(node) => {}
        (Spec::Components(kind), _) => check_components(report, node, *kind, path, known),
        _ => wrong(report, node, spec, path),
    }
}

/// Whether a float stands for an integer.
pub(super) const fn is_whole(value: f64) -> bool {
    value > -9e15 && value < 9e15 && (value as i128) as f64 == value
}

pub(super) const fn integer(report: &mut Report, node: &Node, path: &Path<'_>, value: i128, min: i128, max: i128) {
    if min <= value && value <= max {
        return;
    }
    report.begin_wrong(path);
    report.push("an integer of at least ");
    report.push_int(min);
    if max < i128::MAX {
        report.push(" and at most ");
        report.push_int(max);
    }
    report.end_wrong(node);
}

const fn name(report: &mut Report, node: &Node, spec: &Spec, names: &'static [&'static str], path: &Path<'_>) {
    let (written, is_text) = match node.content {
        Content::Text(text) => (text, true),
        // Names such as `true` and `16` have a type of their own in YAML.
        Content::Bool(_) | Content::Int(_) | Content::Null => (node.found, false),
        _ => return wrong(report, node, spec, path),
    };
    let (mut near, mut at) = (Nearest::new(written), 0);
    while at < names.len() {
        if equal(names[at], written) {
            return;
        }
        near.offer(names[at]);
        at += 1;
    }
    wrong(report, node, spec, path);
    if let (Some(near), true) = (near.best, is_text) {
        report.help();
        report.push("did you mean `");
        report.push(near);
        report.push("`?");
    }
}

/// Reports a value of another type.
pub(super) const fn wrong(report: &mut Report, node: &Node, spec: &Spec, path: &Path<'_>) {
    report.begin_wrong(path);
    expected(report, spec);
    report.end_wrong(node);
    match (spec, node.content) {
        (Spec::Text, Content::Int(_) | Content::Float(_) | Content::Bool(_) | Content::Null) => quote(report, node),
        (Spec::List(_), Content::Map(_) | Content::List(_)) => {}
        (Spec::List(_), _) => list_of_one(report, node),
        (Spec::Int { .. } | Spec::Float | Spec::Bool | Spec::Map(_), Content::Text(text)) if is_number(text) => {
            unquote(report);
        }
        _ => {}
    }
}

pub(super) const fn quote(report: &mut Report, node: &Node) {
    report.help();
    report.push("write it in quotes: \"");
    report.push(node.found);
    report.push("\"");
}

pub(super) const fn list_of_one(report: &mut Report, node: &Node) {
    report.help();
    report.push("write `[");
    report.push(match super::near::after(node.found, "the text ") {
        Some(text) => text,
        None => node.found,
    });
    report.push("]` for a list of one");
}

pub(super) const fn unquote(report: &mut Report) {
    report.help();
    report.push("remove the quotes");
}

/// Whether a text is written as a number: digits, with a sign, a point or an exponent.
pub(super) const fn is_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut digits, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'0'..=b'9' => digits += 1,
            b'+' | b'-' if at == 0 || matches!(bytes[at - 1], b'e' | b'E') => {}
            b'.' => {}
            b'e' | b'E' if digits > 0 => {}
            _ => return false,
        }
        at += 1;
    }
    digits > 0
}

/// What is expected, as [`Shape::expected`](crate::cli::shape::Shape::expected) says it.
const fn expected(report: &mut Report, spec: &Spec) {
    match spec {
        Spec::Bool => report.push("true or false"),
        Spec::Int { min: 0, .. } => report.push("an integer from 0 on"),
        Spec::Int { .. } => report.push("an integer"),
        Spec::Float => report.push("a number"),
        Spec::Text => report.push("a text"),
        Spec::Time => report.push("a time such as \"00:01:30:00\" (days, hours, minutes, seconds)"),
        Spec::Names(names) => {
            let mut at = 0;
            while at < names.len() {
                separate(report, at, names.len());
                report.push("`");
                report.push(names[at]);
                report.push("`");
                at += 1;
            }
        }
        Spec::Tagged(variants) => {
            let mut at = 0;
            while at < variants.len() {
                separate(report, at, variants.len());
                report.push("`{");
                report.push(variants[at].0);
                report.push(": ");
                expected(report, &variants[at].1);
                report.push("}`");
                at += 1;
            }
        }
        Spec::Optional(inner) => {
            expected(report, inner);
            report.push(" or null");
        }
        Spec::List(inner) => {
            report.push("a list, each item ");
            expected(report, inner);
        }
        Spec::Map(_) => report.push("a table"),
        Spec::Either(specs) => {
            let mut at = 0;
            while at < specs.len() {
                separate(report, at, specs.len());
                expected(report, &specs[at]);
                at += 1;
            }
        }
        Spec::Components(kind) => {
            report.push("a list of ");
            report.push(kind.noun());
            report.push("s by name");
        }
    }
}

/// What stands before an alternative: `a`, `b` or `c`.
const fn separate(report: &mut Report, at: usize, count: usize) {
    if at + 1 == count && count > 1 {
        report.push(" or ");
    } else if at > 0 {
        report.push(", ");
    }
}

pub(super) const fn unknown(report: &mut Report, path: &Path<'_>, place: &str) {
    report.begin();
    report.push("unknown key `");
    report.push_path(path);
    report.push("`");
    report.place(place);
}

pub(super) const fn did_you_mean(report: &mut Report, path: &Path<'_>) {
    report.help();
    report.push("did you mean `");
    report.push_path(path);
    report.push("`?");
}

const fn begin_known(report: &mut Report) -> Listed {
    report.help();
    report.push("known keys: ");
    Listed::new()
}
