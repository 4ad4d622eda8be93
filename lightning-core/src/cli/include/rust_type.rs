//! Checks values against the types of hyperparameters as they are written in the struct. A type that
//! is not known here, such as an enum of the program, is checked when the program starts.

use super::{
    check::{hparams, integer, is_number, is_whole, list_of_one, quote, unquote},
    near::{after, before, equal},
    node::{Content, Node},
    report::{Path, Report},
};
use crate::module::FieldDef;

/// Checks the value of a hyperparameter.
pub(super) const fn check_type(report: &mut Report, node: &Node, field: &FieldDef, path: &Path<'_>) {
    if !field.nested.is_empty() {
        return match node.content {
            Content::Map(_) => hparams(report, node, field.nested, Some(path)),
            _ => {
                report.wrong(node, path, "a table");
                hint(report, node);
            }
        };
    }
    if field.is_plain {
        let may_be_special = match field.default {
            Some(default) => names_special(default),
            None => false,
        };
        check_named(report, node, field.type_name, path, may_be_special);
    }
}

/// Whether the default is infinite or NaN, such as `f64::INFINITY`: then the value may be, too.
const fn names_special(default: &str) -> bool {
    before(default, "INFINITY").is_some() || before(default, "NAN").is_some()
}

pub(super) const fn is_optional(type_name: &str) -> bool {
    generic(type_name, "Option").is_some()
}

/// The arguments of `Name<…>`, whatever path it is written with.
const fn generic<'a>(type_name: &'a str, name: &str) -> Option<&'a str> {
    let Some(start) = before(type_name, ">") else { return None };
    let (bytes, mut at) = (start.as_bytes(), 0);
    while at < bytes.len() && bytes[at] != b'<' {
        at += 1;
    }
    if at == bytes.len() {
        return None;
    }
    let (path, inner) = start.split_at(at);
    let is_named = match before(path, name) {
        Some(rest) => rest.is_empty() || before(rest, "::").is_some(),
        None => false,
    };
    if is_named { Some(inner.split_at(1).1) } else { None }
}

/// The last segment of a path.
const fn last_segment(type_name: &str) -> &str {
    let bytes = type_name.as_bytes();
    let mut at = bytes.len();
    while at > 0 && bytes[at - 1] != b':' {
        at -= 1;
    }
    type_name.split_at(at).1
}

/// The first of several types, and the others: `A, B<C, D>` is `A` and `B<C, D>`.
const fn first_of(types: &str) -> (&str, &str) {
    let (bytes, mut depth, mut at) = (types.as_bytes(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' | b')' | b']' => depth -= 1,
            b',' if depth == 0 => {
                let rest = types.split_at(at + 1).1;
                return (types.split_at(at).0, trimmed(rest));
            }
            _ => {}
        }
        at += 1;
    }
    (types, "")
}

const fn trimmed(text: &str) -> &str {
    match after(text, " ") {
        Some(rest) => trimmed(rest),
        None => text,
    }
}

/// The range of an integer type.
const fn range(name: &str) -> Option<(i128, i128)> {
    const RANGES: &[(&str, i128, i128)] = &[
        ("usize", 0, usize::MAX as i128),
        ("u64", 0, u64::MAX as i128),
        ("u32", 0, u32::MAX as i128),
        ("u16", 0, u16::MAX as i128),
        ("u8", 0, u8::MAX as i128),
        ("u128", 0, i128::MAX),
        ("isize", isize::MIN as i128, isize::MAX as i128),
        ("i64", i64::MIN as i128, i64::MAX as i128),
        ("i32", i32::MIN as i128, i32::MAX as i128),
        ("i16", i16::MIN as i128, i16::MAX as i128),
        ("i8", i8::MIN as i128, i8::MAX as i128),
        ("i128", i128::MIN, i128::MAX),
    ];
    let mut at = 0;
    while at < RANGES.len() {
        if equal(RANGES[at].0, name) {
            return Some((RANGES[at].1, RANGES[at].2));
        }
        at += 1;
    }
    None
}

const fn check_named(report: &mut Report, node: &Node, type_name: &str, path: &Path<'_>, may_be_special: bool) {
    if let Some(inner) = generic(type_name, "Option") {
        if !matches!(node.content, Content::Null) {
            check_named(report, node, inner, path, may_be_special);
        }
        return;
    }
    let list = match generic(type_name, "Vec") {
        Some(inner) => Some((inner, None)),
        None => array(type_name),
    };
    if let Some((inner, count)) = list {
        return check_list(report, node, inner, count, path, may_be_special);
    }
    let map = match generic(type_name, "BTreeMap") {
        Some(inner) => Some(inner),
        None => generic(type_name, "HashMap"),
    };
    if let Some(inner) = map {
        let value = first_of(first_of(inner).1).0;
        return match node.content {
            Content::Map(entries) => {
                let mut at = 0;
                while at < entries.len() {
                    let below = Path::name(Some(path), entries[at].key);
                    check_named(report, &entries[at].value, value, &below, may_be_special);
                    at += 1;
                }
            }
            _ => {
                report.wrong(node, path, "a table");
                hint(report, node);
            }
        };
    }
    check_scalar(report, node, last_segment(type_name), path, may_be_special);
}

/// The item of `[T; 3]`, and how many there are if it is written as a number.
const fn array(type_name: &str) -> Option<(&str, Option<i128>)> {
    let Some(inner) = after(type_name, "[") else { return None };
    let Some(inner) = before(inner, "]") else { return None };
    let (bytes, mut at) = (inner.as_bytes(), inner.len());
    while at > 0 && bytes[at - 1] != b';' {
        at -= 1;
    }
    if at == 0 {
        return None;
    }
    let item = inner.split_at(at - 1).0;
    Some((item, number(trimmed(inner.split_at(at).1))))
}

const fn number(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let (mut value, mut at) = (0, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() || at > 9 {
            return None;
        }
        value = value * 10 + (bytes[at] - b'0') as i128;
        at += 1;
    }
    if at == 0 { None } else { Some(value) }
}

const fn check_list(
    report: &mut Report,
    node: &Node,
    item: &str,
    count: Option<i128>,
    path: &Path<'_>,
    may_be_special: bool,
) {
    let items = match (node.content, count) {
        (Content::List(items), None) => items,
        (Content::List(items), Some(count)) if count == items.len() as i128 => items,
        _ => {
            report.begin_wrong(path);
            expected_list(report, item, count);
            report.end_wrong(node);
            match (count, node.content) {
                (None, Content::Map(_)) => {}
                (None, _) => list_of_one(report, node),
                (Some(_), _) => hint(report, node),
            }
            return;
        }
    };
    let mut at = 0;
    while at < items.len() {
        check_named(report, &items[at], item, &Path::index(path, at), may_be_special);
        at += 1;
    }
}

const fn check_scalar(report: &mut Report, node: &Node, name: &str, path: &Path<'_>, may_be_special: bool) {
    if let Some((min, max)) = range(name) {
        match node.content {
            Content::Int(value) => return integer(report, node, path, value, min, max),
            Content::Float(value) if is_whole(value) => return integer(report, node, path, value as i128, min, max),
            _ => {}
        }
        report.wrong(node, path, if min == 0 { "an integer from 0 on" } else { "an integer" });
        return hint(report, node);
    }
    let is_single = equal(name, "f32");
    if is_single || equal(name, "f64") {
        match node.content {
            Content::Int(_) => return,
            Content::Float(value) if value.is_finite() => {
                if is_single && !(value as f32).is_finite() {
                    report.wrong(node, path, "a number of at most 3.4028235e38");
                }
                return;
            }
            Content::Float(_) if may_be_special => return,
            Content::Float(_) => return report.wrong(node, path, "a finite number"),
            _ => {}
        }
        report.wrong(node, path, "a number");
        return hint(report, node);
    }
    if equal(name, "bool") {
        if !matches!(node.content, Content::Bool(_)) {
            report.wrong(node, path, "true or false");
            hint(report, node);
        }
        return;
    }
    if equal(name, "String") || equal(name, "PathBuf") {
        if !matches!(node.content, Content::Text(_)) {
            report.wrong(node, path, "a text");
            if matches!(node.content, Content::Int(_) | Content::Float(_) | Content::Bool(_) | Content::Null) {
                quote(report, node);
            }
        }
        return;
    }
    if equal(name, "char") {
        match node.content {
            Content::Text(text) if characters(text) == 1 => {}
            _ => {
                report.wrong(node, path, "one character");
                hint(report, node);
            }
        }
    }
}

const fn expected_list(report: &mut Report, item: &str, count: Option<i128>) {
    match count {
        Some(count) => {
            report.push("a list of ");
            report.push_int(count);
            report.push(" values");
        }
        None => {
            report.push("a list, each item ");
            expected(report, item);
        }
    }
}

/// What is expected for a type, as [`Shape::expected`](crate::cli::shape::Shape::expected) says it.
const fn expected(report: &mut Report, type_name: &str) {
    if let Some(inner) = generic(type_name, "Option") {
        expected(report, inner);
        return report.push(" or null");
    }
    if let Some(inner) = generic(type_name, "Vec") {
        return expected_list(report, inner, None);
    }
    if let Some((inner, count)) = array(type_name) {
        return expected_list(report, inner, count);
    }
    let name = last_segment(type_name);
    report.push(match range(name) {
        Some((0, _)) => "an integer from 0 on",
        Some(_) => "an integer",
        None if equal(name, "f32") || equal(name, "f64") => "a number",
        None if equal(name, "bool") => "true or false",
        None if equal(name, "String") || equal(name, "PathBuf") => "a text",
        None if equal(name, "char") => "one character",
        None if generic(type_name, "BTreeMap").is_some() || generic(type_name, "HashMap").is_some() => "a table",
        None => "a value",
    });
}

/// A number in quotes.
const fn hint(report: &mut Report, node: &Node) {
    if let Content::Text(text) = node.content
        && is_number(text)
    {
        unquote(report);
    }
}

const fn characters(text: &str) -> usize {
    let (bytes, mut count, mut at) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        // Every byte but those that continue a character.
        if bytes[at] & 0xc0 != 0x80 {
            count += 1;
        }
        at += 1;
    }
    count
}

/// Whether a value is a time: `"DD:HH:MM:SS"`, or a table of days, hours, minutes and seconds.
pub(super) const fn is_time(node: &Node) -> bool {
    match node.content {
        Content::Text(text) => {
            let (bytes, mut parts, mut digits, mut at) = (text.as_bytes(), 1, 0, 0);
            while at < bytes.len() {
                match bytes[at] {
                    b'0'..=b'9' => digits += 1,
                    b':' if digits > 0 => {
                        parts += 1;
                        digits = 0;
                    }
                    _ => return false,
                }
                if digits > 10 {
                    return false;
                }
                at += 1;
            }
            parts == 4 && digits > 0
        }
        Content::Map(entries) => {
            let mut at = 0;
            while at < entries.len() {
                let key = entries[at].key;
                let is_unit =
                    equal(key, "days") || equal(key, "hours") || equal(key, "minutes") || equal(key, "seconds");
                let is_count = matches!(entries[at].value.content, Content::Int(0..=0xffff_ffff_ffff_ffff));
                if !is_unit || !is_count {
                    return false;
                }
                at += 1;
            }
            !entries.is_empty()
        }
        _ => false,
    }
}
