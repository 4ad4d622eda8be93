//! Compares a configuration with its shape: what fits becomes JSON, the rest is reported.

use lightning_config::{Content, Node, Problems, nearest, parse_value};
use serde_json::{Map, Number, Value};

use super::{
    registry::{self, Known},
    shape::{Shape, Table, Variant},
};
use crate::params::to_json;

/// Checks values against shapes.
pub(super) struct Checker<'a> {
    pub(super) known: Known<'a>,
    pub(super) problems: &'a mut Problems,
}

impl Checker<'_> {
    /// Returns the value of a node, on top of `base`, which has what the node leaves out.
    pub(super) fn check(&mut self, node: &Node, shape: &Shape, path: &str, base: Option<&Value>) -> Option<Value> {
        if let Content::Raw(text) = &node.content {
            let parsed = self.parsed(node, text, shape, path)?;
            return self.check(&parsed, shape, path, base);
        }
        match (shape, &node.content) {
            (Shape::Any, _) => Some(plain(node)),
            (Shape::Unit, Content::Null) | (Shape::Optional(_), Content::Null) => Some(Value::Null),
            (Shape::Optional(inner), _) => self.check(node, inner, path, base.filter(|base| !base.is_null())),
            (Shape::Bool, Content::Bool(value)) => Some(Value::Bool(*value)),
            (Shape::Int { min, max, name }, Content::Int(value)) => {
                if !(*min..=*max).contains(value) {
                    let most = if name.ends_with("128") { String::new() } else { format!(" and at most {max}") };
                    self.wrong(node, path, &format!("an integer of at least {min}{most}"), "");
                    return None;
                }
                let number = Number::from_i128(*value);
                Some(number.map_or_else(|| Value::String(value.to_string()), Value::Number))
            }
            (Shape::Int { .. }, Content::Float(value)) if value.fract() == 0.0 && value.abs() < 9e15 => {
                let int = Node { content: Content::Int(*value as i128), place: node.place.clone() };
                self.check(&int, shape, path, base)
            }
            (Shape::Float { single }, Content::Float(_) | Content::Int(_)) => self.float(node, *single, path, base),
            (Shape::Text, Content::Text(text)) => Some(Value::String(text.clone())),
            (Shape::Char, Content::Text(text)) if text.chars().count() == 1 => Some(Value::String(text.clone())),
            (Shape::List(inner), Content::List(items)) => self.items(items, path, |_| Some(inner)),
            (Shape::List(inner), Content::Append(items)) => {
                let mut all = base.and_then(Value::as_array).cloned().unwrap_or_default();
                match self.items(items, path, |_| Some(inner))? {
                    Value::Array(added) => all.extend(added),
                    other => all.push(other),
                }
                Some(Value::Array(all))
            }
            (Shape::Tuple(shapes), Content::List(items)) if items.len() == shapes.len() => {
                self.items(items, path, |at| shapes.get(at))
            }
            (Shape::Map(inner), Content::Map(entries)) => {
                let mut map = Map::new();
                let mut all = true;
                for (key, value) in entries {
                    match self.check(value, inner, &below(path, &key.name), None) {
                        Some(value) => {
                            map.insert(key.name.clone(), value);
                        }
                        None => all = false,
                    }
                }
                all.then_some(Value::Object(map))
            }
            (Shape::Table(table), Content::Map(_)) => self.table(node, table, path, base),
            (Shape::Choice(variants), _) => self.choice(node, variants, path),
            (Shape::Either(shapes), _) => self.either(node, shapes, shape, path, base),
            (Shape::Time, _) => self.time(node, path),
            (Shape::Components(kind), _) => registry::check(self, node, *kind, path),
            _ => {
                self.wrong(node, path, &shape.expected(), &hint(node, shape));
                None
            }
        }
    }

    /// Reads a text of the command line as the type of its setting.
    fn parsed(&mut self, node: &Node, text: &str, shape: &Shape, path: &str) -> Option<Node> {
        let place = &node.place;
        if let Shape::Optional(inner) = shape
            && text != "null"
        {
            return self.parsed(node, text, inner, path);
        }
        let as_text = || Node { content: Content::Text(text.to_owned()), place: place.clone() };
        match shape {
            Shape::Text | Shape::Char => Some(as_text()),
            Shape::Components(_)
                if !["true", "false"].contains(&text)
                    && text.chars().all(|c| c.is_alphanumeric() || "_.:".contains(c)) =>
            {
                Some(as_text())
            }
            Shape::Either(shapes) if shapes.iter().any(|shape| matches!(shape, Shape::Time)) && text.contains(':') => {
                Some(as_text())
            }
            Shape::Time if !text.trim_start().starts_with('{') => Some(as_text()),
            _ => match parse_value(text, place) {
                // A colon or a bracket inside of a name is not YAML.
                Ok(node) => Some(node),
                Err(_) if matches!(shape, Shape::Choice(_)) => Some(as_text()),
                Err(error) => {
                    let message = format!("`{path}` must be {}, found `{text}`: {error}", shape.expected());
                    self.problems.add(message, Some(place), "quote it for the shell: '…'");
                    None
                }
            },
        }
    }

    fn items<'s>(&mut self, items: &[Node], path: &str, shape: impl Fn(usize) -> Option<&'s Shape>) -> Option<Value> {
        let mut list = Vec::with_capacity(items.len());
        let mut all = true;
        for (at, item) in items.iter().enumerate() {
            match self.check(item, shape(at)?, &below(path, &at.to_string()), None) {
                Some(value) => list.push(value),
                None => all = false,
            }
        }
        all.then_some(Value::Array(list))
    }

    fn float(&mut self, node: &Node, single: bool, path: &str, base: Option<&Value>) -> Option<Value> {
        let value = match node.content {
            Content::Float(value) => value,
            Content::Int(value) => value as f64,
            _ => return None,
        };
        let is_special = base.is_some_and(Value::is_string);
        if !value.is_finite() && !is_special {
            self.wrong(node, path, "a finite number", "");
            return None;
        }
        if single {
            let narrow = value as f32;
            if value.is_finite() && !narrow.is_finite() {
                self.wrong(node, path, &format!("a number of at most {:e}", f32::MAX), "");
                return None;
            }
            return to_json(&narrow).ok();
        }
        to_json(&value).ok()
    }

    pub(super) fn table(&mut self, node: &Node, table: &Table, path: &str, base: Option<&Value>) -> Option<Value> {
        let mut values = table.defaults();
        if let Some(Value::Object(base)) = base {
            values.extend(base.clone());
        }
        let mut all = true;
        for (key, value) in node.entries() {
            let full = below(path, &key.name);
            let Some(entry) = table.entry(&key.name) else {
                let help = match nearest(&key.name, table.keys()) {
                    Some(near) => format!("did you mean `{}`?", below(path, near)),
                    None if table.entries.is_empty() => format!("`{path}` has no settings"),
                    None => format!("known keys: {}", crate::text::listed(table.keys())),
                };
                self.problems.add(format!("unknown key `{full}`"), Some(&key.place), help);
                all = false;
                continue;
            };
            let before = values.get(&key.name).cloned();
            match self.check(value, &entry.shape, &full, before.as_ref()) {
                Some(value) => {
                    values.insert(key.name.clone(), value);
                }
                None => all = false,
            }
        }
        for entry in &table.entries {
            if entry.required && !values.contains_key(&entry.key) && node.get(&entry.key).is_none() {
                let (full, short) = (below(path, &entry.key), entry.shape.expected());
                let help = format!("write `--{full} …`: {short}");
                self.problems.add(format!("`{full}` has no default and must be set"), None, help);
                all = false;
            }
        }
        all.then_some(Value::Object(values))
    }

    fn choice(&mut self, node: &Node, variants: &[Variant], path: &str) -> Option<Value> {
        let find = |name: &str| variants.iter().find(|variant| variant.name == name);
        match &node.content {
            Content::Text(name) => {
                if let Some(Variant { name, content: None }) = find(name) {
                    return Some(Value::String(name.clone()));
                }
                let near = nearest(name, variants.iter().map(|variant| variant.name.as_str()));
                let help = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
                self.wrong(node, path, &Shape::Choice(variants.to_vec()).expected(), &help);
            }
            Content::Map(entries) if entries.len() == 1 => {
                let (key, value) = entries.first()?;
                if let Some(Variant { name, content: Some(content) }) = find(&key.name) {
                    let value = self.check(value, content, &below(path, name), None)?;
                    return Some(Value::Object(Map::from_iter([(name.clone(), value)])));
                }
                self.wrong(node, path, &Shape::Choice(variants.to_vec()).expected(), "");
            }
            // Names such as `true` and `16` have a type of their own in YAML.
            Content::Bool(_) | Content::Int(_) | Content::Null if find(&node.found()).is_some() => {
                return Some(Value::String(node.found()));
            }
            _ => self.wrong(node, path, &Shape::Choice(variants.to_vec()).expected(), ""),
        }
        None
    }

    fn either(
        &mut self,
        node: &Node,
        shapes: &[Shape],
        all: &Shape,
        path: &str,
        base: Option<&Value>,
    ) -> Option<Value> {
        for shape in shapes {
            // A float is a fraction where an integer is a number.
            if matches!((shape, &node.content), (Shape::Int { .. }, Content::Float(_))) {
                continue;
            }
            let mut problems = Problems::default();
            let value = Checker { known: self.known, problems: &mut problems }.check(node, shape, path, base);
            if let Some(value) = value.filter(|_| problems.is_empty()) {
                return Some(value);
            }
        }
        self.wrong(node, path, &all.expected(), "");
        None
    }

    fn time(&mut self, node: &Node, path: &str) -> Option<Value> {
        use crate::progress::IntoMaxTime;

        const UNITS: [(&str, u64); 4] = [("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1)];
        match &node.content {
            Content::Text(text) if text.as_str().into_max_time().is_ok() => {
                let time = text.as_str().into_max_time().ok()?;
                Some(Value::String(time_text(time)))
            }
            Content::Map(entries) if !entries.is_empty() => {
                let mut seconds = 0_u64;
                for (key, value) in entries {
                    let unit = UNITS.iter().find(|(name, _)| *name == key.name).map(|(_, unit)| *unit);
                    let Content::Int(count) = value.content else { return self.no_time(node, path) };
                    let (Some(unit), Ok(count)) = (unit, u64::try_from(count)) else { return self.no_time(node, path) };
                    seconds = seconds.saturating_add(count.saturating_mul(unit));
                }
                Some(Value::String(time_text(std::time::Duration::from_secs(seconds))))
            }
            _ => self.no_time(node, path),
        }
    }

    fn no_time(&mut self, node: &Node, path: &str) -> Option<Value> {
        self.wrong(node, path, &Shape::Time.expected(), "");
        None
    }

    /// Reports a value of another type.
    pub(super) fn wrong(&mut self, node: &Node, path: &str, expected: &str, help: &str) {
        self.problems.add(format!("`{path}` must be {expected}, found {}", node.found()), Some(&node.place), help);
    }
}

/// What to write for a value that a file has in another type.
fn hint(node: &Node, shape: &Shape) -> String {
    match (shape, &node.content) {
        (Shape::Text, Content::Int(_) | Content::Float(_) | Content::Bool(_) | Content::Null) => {
            format!("write it in quotes: \"{}\"", node.found())
        }
        (Shape::List(_), Content::Map(_) | Content::List(_)) => String::new(),
        (Shape::List(_), _) => format!("write `[{}]` for a list of one", node.found().trim_start_matches("the text ")),
        (_, Content::Text(text)) if text.parse::<f64>().is_ok() => "remove the quotes".to_owned(),
        _ => String::new(),
    }
}

/// A time as `"DD:HH:MM:SS"`.
pub(super) fn time_text(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days:02}:{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// The path of an entry.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A node as JSON, whatever it is.
pub(super) fn plain(node: &Node) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Bool(value) => Value::Bool(*value),
        Content::Int(value) => Number::from_i128(*value).map_or(Value::Null, Value::Number),
        Content::Float(value) => to_json(value).unwrap_or_default(),
        Content::Text(text) => Value::String(text.clone()),
        Content::Raw(text) => {
            parse_value(text, &node.place).map_or_else(|_| Value::String(text.clone()), |node| plain(&node))
        }
        Content::List(items) | Content::Append(items) => Value::Array(items.iter().map(plain).collect()),
        Content::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), plain(value))).collect())
        }
    }
}
