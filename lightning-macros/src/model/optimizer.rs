//! `#[optimizer(…)]`.

use proc_macro2::Group;
use syn::{Attribute, Expr, Ident};

use super::{
    group::{GroupArg, read_group},
    schedule::{IntervalArg, read_interval},
};
use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    hooks::Owner,
    parse::{Arg, known_args, parse_args, parse_list, word},
    paths::plain,
    text::text_of,
};

/// The options of `#[optimizer(…)]` that have a value.
const OPTIONS: &[(&str, &str)] = &[
    ("lr", "lr = …"),
    ("interval", "interval = step"),
    ("frequency", "frequency = 2"),
    ("monitor", "monitor = val_loss"),
    ("strict", "strict = false"),
    ("name", "name = …"),
];

/// The options that have a list.
const LISTS: &[(&str, &str)] = &[("group", "group(field, …)"), ("fields", "fields(a, b)")];

/// `#[optimizer(config, lr = expr, …)]`.
pub(crate) struct Optimizer {
    /// The attribute.
    pub(crate) attr: Attribute,
    /// The field with the attribute; `None` on the struct.
    pub(crate) field: Option<Ident>,
    /// The optimizer's configuration.
    pub(crate) config: Option<Expr>,
    /// The learning rate or schedule.
    pub(crate) lr: Option<Expr>,
    /// `name = …`
    pub(crate) name: Option<Ident>,
    /// `interval = …`
    pub(crate) interval: Option<IntervalArg>,
    /// `frequency = …`
    pub(crate) frequency: Option<(Ident, Expr)>,
    /// `monitor = …`
    pub(crate) monitor: Option<(Ident, Expr)>,
    /// `strict = …`
    pub(crate) strict: Option<(Ident, Expr)>,
    /// `group(…)`, in order.
    pub(crate) groups: Vec<GroupArg>,
    /// `fields(…)`
    pub(crate) fields: Vec<Ident>,
    /// Whether one of its arguments is already reported: a missing one may be a consequence.
    pub(crate) reported: bool,
}

impl Optimizer {
    /// The name that steps and constants refer to.
    pub(crate) fn name(&self) -> String {
        match (&self.field, &self.name) {
            (Some(field), _) => plain(field),
            (None, Some(name)) => plain(name),
            (None, None) if self.fields.is_empty() => "optimizer".to_owned(),
            (None, None) => self.fields.iter().map(plain).collect::<Vec<_>>().join("_"),
        }
    }

    /// The fields that it trains; empty for all.
    pub(crate) fn trained(&self) -> Vec<&Ident> {
        match &self.field {
            Some(field) => vec![field],
            None => self.fields.iter().collect(),
        }
    }

    /// Reads the attribute.
    pub(crate) fn read(
        owner: Owner,
        attr: Attribute,
        field: Option<&Ident>,
        diagnostics: &Diagnostics,
    ) -> Option<Self> {
        if owner == Owner::Data {
            diagnostics
                .error(attr.path(), "`#[optimizer]` must be on a module, found on a data module")
                .help("write it on the `#[lightning_module]` struct")
                .emit();
            return None;
        }
        let before = diagnostics.len();
        let mut args = parse_args(&attr, diagnostics);
        let config = args.first().filter(|arg| !is_list(arg)).and_then(Arg::as_expr);
        if config.is_some() {
            args.remove(0);
        }
        let mut optimizer = Self::empty(attr, field, config);
        let mut others = Vec::new();
        for arg in args {
            match arg {
                Arg::List(key, list) if key == "group" => {
                    optimizer.groups.extend(read_group(&key, &list, diagnostics));
                }
                Arg::List(key, list) if key == "fields" => optimizer.read_fields(&key, &list, diagnostics),
                other => others.push(other),
            }
        }
        let all: Vec<(&str, &str)> = OPTIONS.iter().chain(LISTS).copied().collect();
        for arg in known_args(others, "optimizer", &all, diagnostics) {
            let Arg::Value(key, value) = arg else { continue };
            optimizer.take(key, value, diagnostics);
        }
        optimizer.reported = diagnostics.len() > before;
        Some(optimizer)
    }

    fn empty(attr: Attribute, field: Option<&Ident>, config: Option<Expr>) -> Self {
        Self {
            attr,
            field: field.cloned(),
            config,
            lr: None,
            name: None,
            interval: None,
            frequency: None,
            monitor: None,
            strict: None,
            groups: Vec::new(),
            fields: Vec::new(),
            reported: false,
        }
    }

    fn take(&mut self, key: Ident, value: Expr, diagnostics: &Diagnostics) {
        match plain(&key).as_str() {
            "lr" => self.lr = Some(value),
            "interval" => self.interval = read_interval(&value, diagnostics),
            "frequency" => self.frequency = Some((key, value)),
            "monitor" => {
                if let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) = &value {
                    diagnostics
                        .error(name, format!("`monitor` must be a logged variable, found `{}`", text_of(name)))
                        .help(format!("write `monitor = {}`, without quotes", name.value()))
                        .emit();
                }
                self.monitor = Some((key, value));
            }
            "strict" => self.strict = Some((key, value)),
            "name" => match word(&value) {
                Some(name) if self.field.is_none() => self.name = Some(name.clone()),
                Some(_) => diagnostics
                    .error(key, "`name` must not be set for the optimizer of a field")
                    .help("remove `name`")
                    .emit(),
                None => diagnostics
                    .error(&value, format!("`name` must be an identifier, found `{}`", text_of(&value)))
                    .help("write `name = encoder`, without quotes")
                    .emit(),
            },
            _ => diagnostics
                .error(&key, format!("`{key}` must be a list, found a value"))
                .help(format!("write `{key}(…)`"))
                .emit(),
        }
    }

    fn read_fields(&mut self, key: &Ident, list: &Group, diagnostics: &Diagnostics) {
        if self.field.is_some() {
            diagnostics
                .error(key, "`fields(…)` must be in an optimizer of the struct, found on a field")
                .help("write `#[optimizer(…, fields(a, b))]` above the struct")
                .emit();
            return;
        }
        for arg in parse_list(list, diagnostics) {
            match arg {
                Arg::Flag(field) => self.fields.push(field),
                other => diagnostics
                    .error(other, "`fields(…)` must contain names of fields")
                    .help("write `fields(encoder, decoder)`")
                    .emit(),
            }
        }
        if self.fields.is_empty() {
            diagnostics
                .error(key, "`fields(…)` must name at least one field")
                .help("write `fields(encoder, decoder)`")
                .emit();
        }
    }
}

/// Whether it is `group(…)` or `fields(…)`, and not the call of a function that returns a
/// configuration.
fn is_list(arg: &Arg) -> bool {
    matches!(arg, Arg::List(name, _) if LISTS.iter().any(|(list, _)| name == list))
}

/// A help text with the closest known name, or with all of them.
pub(crate) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match suggested(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("fields with parameters: {}", listed(known)),
    }
}

/// The hash of an optimizer's name (FNV-1a). The macro on the struct and the macro on the impl do
/// not see each other's item; both compute the same hash.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
