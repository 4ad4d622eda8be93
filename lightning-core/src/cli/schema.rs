//! The JSON schema of a configuration, for editors.

use serde_json::{Map, Value, json};

use super::{
    about::About,
    kind::Kind,
    registry,
    shape::{Entry, Shape, Table, Variant},
};

/// The schema in the form of JSON Schema 2020-12.
pub(super) fn schema(about: &About) -> Value {
    let mut root = table(&about.root);
    if let Some(entries) = root.as_object_mut() {
        entries.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        entries.insert("title".to_owned(), json!(about.module));
    }
    root
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.entries.iter().map(|entry| (entry.key.clone(), property(entry))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn property(entry: &Entry) -> Value {
    let mut value = shape(&entry.shape);
    if let Some(entries) = value.as_object_mut() {
        if !entry.doc.is_empty() {
            entries.insert("description".to_owned(), json!(entry.doc));
        }
        if let Some(default) = entry.default.as_ref().filter(|_| entry.shape.table().is_none()) {
            entries.insert("default".to_owned(), default.clone());
        }
    }
    value
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Any => json!({}),
        Shape::Unit => json!({"type": "null"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int { min, max, .. } => {
            let mut value = json!({"type": "integer"});
            for (key, bound) in [("minimum", min), ("maximum", max)] {
                if let (Some(entries), Some(bound)) = (value.as_object_mut(), serde_json::Number::from_i128(*bound)) {
                    entries.insert(key.to_owned(), Value::Number(bound));
                }
            }
            value
        }
        Shape::Float { .. } => json!({"type": "number"}),
        Shape::Text => json!({"type": "string"}),
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::Optional(inner) => json!({"anyOf": [shape(inner), {"type": "null"}]}),
        Shape::List(inner) => json!({"type": "array", "items": shape(inner)}),
        Shape::Tuple(items) => {
            let count = items.len();
            let items: Vec<Value> = items.iter().map(shape).collect();
            json!({"type": "array", "prefixItems": items, "minItems": count, "maxItems": count})
        }
        Shape::Map(inner) => json!({"type": "object", "additionalProperties": shape(inner)}),
        Shape::Table(inner) => table(inner),
        Shape::Choice(variants) => choice(variants),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(shape).collect::<Vec<_>>()}),
        Shape::Time => json!({"type": "string", "pattern": "^[0-9]+:[0-9]+:[0-9]+:[0-9]+$"}),
        Shape::Components(kind) => components(*kind),
    }
}

fn choice(variants: &[Variant]) -> Value {
    let names: Vec<&str> =
        variants.iter().filter(|variant| variant.content.is_none()).map(|variant| variant.name.as_str()).collect();
    let mut all: Vec<Value> = variants
        .iter()
        .filter_map(|variant| {
            let content = shape(variant.content.as_ref()?);
            let properties = Map::from_iter([(variant.name.clone(), content)]);
            Some(json!({"type": "object", "properties": properties, "required": [variant.name]}))
        })
        .collect();
    if all.is_empty() {
        return json!({"enum": names});
    }
    if !names.is_empty() {
        all.push(json!({"enum": names}));
    }
    json!({"anyOf": all})
}

fn components(kind: Kind) -> Value {
    let mut all = Vec::new();
    for component in registry::all(kind) {
        let args = table(&component.table());
        let properties = json!({"class_path": {"const": component.name}, "init_args": args});
        all.push(json!({"type": "object", "description": component.doc, "properties": properties, "required": ["class_path"]}));
    }
    let names: Vec<&str> = registry::all(kind).iter().map(|component| component.name).collect();
    all.push(json!({"enum": names}));
    let list = json!({"type": "array", "items": {"anyOf": all}});
    match kind {
        Kind::Callback => list,
        Kind::Logger => json!({"anyOf": [list, {"type": "boolean"}]}),
    }
}
