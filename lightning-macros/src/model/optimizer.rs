//! `#[optimizer(…)]` and what binds steps to optimizers.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, Ident};

use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    hooks::Owner,
    parse::{Arg, known_args, name_of, parse_arg_tokens, parse_args},
    paths::plain,
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

/// What a group may change: the learning rate, the weight decay, and what Burn's configurations call by a name.
const GROUP_OPTIONS: &[(&str, &str)] = &[
    ("lr", "lr = …"),
    ("weight_decay", "weight_decay = 0.0"),
    ("beta_1", "beta_1 = …"),
    ("beta_2", "beta_2 = …"),
    ("beta_3", "beta_3 = …"),
    ("epsilon", "epsilon = …"),
    ("momentum", "momentum = …"),
    ("alpha", "alpha = …"),
    ("lr_decay", "lr_decay = …"),
];

/// `#[optimizer(config, lr = expr, …)]`.
pub(crate) struct Optimizer {
    /// As written.
    pub(crate) attr: Attribute,
    /// The field it stands on.
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
    /// Whether an argument was reported already, so that a missing one is a consequence.
    pub(crate) reported: bool,
}

/// What a schedule counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntervalArg {
    /// Optimizer steps.
    Step,
    /// Epochs.
    Epoch,
}

/// `group(selector, key = value, …)`
pub(crate) struct GroupArg {
    /// What it selects.
    pub(crate) selector: Expr,
    /// What it changes.
    pub(crate) options: Vec<(Ident, Expr)>,
}

impl GroupArg {
    /// The selector when it is a bare word.
    pub(crate) fn word(&self) -> Option<&Ident> {
        word(&self.selector)
    }
}

impl Optimizer {
    /// The name that steps and constants know it by.
    pub(crate) fn name(&self) -> String {
        match (&self.field, &self.name) {
            (Some(field), _) => plain(field),
            (None, Some(name)) => plain(name),
            (None, None) if self.fields.is_empty() => "optimizer".to_owned(),
            (None, None) => self.fields.iter().map(plain).collect::<Vec<_>>().join("_"),
        }
    }

    /// The fields it trains; none for all.
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
                .error(attr.path(), "`#[optimizer]` belongs to a module, this is a data module")
                .help("write it on the `#[lightning_module]` struct")
                .emit();
            return None;
        }
        let before = diagnostics.len();
        let mut args = parse_args(&attr, diagnostics);
        let config = match args.first() {
            Some(Arg::Positional(config)) => Some(config.clone()),
            // A configuration held by a constant, and a call of a plain function.
            Some(Arg::Flag(name)) => syn::parse2(name.to_token_stream()).ok(),
            Some(Arg::List(name, list)) if name != "group" && name != "fields" => {
                syn::parse2(quote::quote!(#name(#list))).ok()
            }
            _ => None,
        };
        if config.is_some() {
            args.remove(0);
        }
        let mut optimizer = Self {
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
        };
        let mut others = Vec::new();
        for arg in args {
            match arg {
                Arg::List(key, list) if key == "group" => {
                    optimizer.groups.extend(read_group(&key, list, diagnostics));
                }
                Arg::List(key, list) if key == "fields" => optimizer.read_fields(&key, list, diagnostics),
                other => others.push(other),
            }
        }
        let all: Vec<(&str, &str)> =
            OPTIONS.iter().copied().chain([("group", "group(field, …)"), ("fields", "fields(a, b)")]).collect();
        for arg in known_args(others, "optimizer", &all, diagnostics) {
            let Arg::Value(key, value) = arg else { continue };
            optimizer.take(key, value, diagnostics);
        }
        optimizer.reported = diagnostics.len() > before;
        Some(optimizer)
    }

    fn take(&mut self, key: Ident, value: Expr, diagnostics: &Diagnostics) {
        match plain(&key).as_str() {
            "lr" => self.lr = Some(value),
            "interval" => self.interval = read_interval(&value, diagnostics),
            "frequency" => self.frequency = Some((key, value)),
            "monitor" => self.monitor = Some((key, value)),
            "strict" => self.strict = Some((key, value)),
            "name" => match word(&value) {
                Some(name) if self.field.is_none() => self.name = Some(name.clone()),
                Some(_) => diagnostics
                    .error(key, "an optimizer of a field is called like the field")
                    .help("remove `name`")
                    .emit(),
                None => diagnostics
                    .error(value, "the name of an optimizer is a word")
                    .help("write `name = encoder`, without quotes")
                    .emit(),
            },
            _ => diagnostics.error(&key, format!("`{key}` takes a list")).help(format!("write `{key}(…)`")).emit(),
        }
    }

    fn read_fields(&mut self, key: &Ident, list: TokenStream, diagnostics: &Diagnostics) {
        if self.field.is_some() {
            diagnostics
                .error(key, "`fields(…)` belongs to an optimizer on the struct, this one stands on a field")
                .help("write `#[optimizer(…, fields(a, b))]` above the struct")
                .emit();
            return;
        }
        for arg in parse_arg_tokens(list, diagnostics) {
            match arg {
                Arg::Flag(field) => self.fields.push(field),
                other => diagnostics
                    .error(other, "`fields(…)` takes names of fields")
                    .help("write `fields(encoder, decoder)`")
                    .emit(),
            }
        }
        if self.fields.is_empty() {
            diagnostics.error(key, "`fields(…)` names no field").help("write `fields(encoder, decoder)`").emit();
        }
    }
}

fn word(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

fn read_interval(value: &Expr, diagnostics: &Diagnostics) -> Option<IntervalArg> {
    let written = match (word(value), value) {
        (Some(word), _) => plain(word),
        (None, Expr::Lit(literal)) => match &literal.lit {
            syn::Lit::Str(text) => text.value(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match (written.as_str(), word(value).is_some()) {
        ("step", true) => return Some(IntervalArg::Step),
        ("epoch", true) => return Some(IntervalArg::Epoch),
        _ => {}
    }
    let report = diagnostics
        .error(value, "`interval` is neither `step` nor `epoch`")
        .note("a schedule goes on at each step of the optimizer, or at the end of each epoch");
    match written.as_str() {
        "step" | "epoch" => report.help(format!("write `interval = {written}`, without quotes")).emit(),
        "batch" | "steps" | "iteration" => report.help("write `interval = step`").emit(),
        "epochs" => report.help("write `interval = epoch`").emit(),
        _ => report.help("write `interval = step` or `interval = epoch`").emit(),
    }
    None
}

fn read_group(key: &Ident, list: TokenStream, diagnostics: &Diagnostics) -> Option<GroupArg> {
    let mut args = parse_arg_tokens(list, diagnostics);
    let selector: Option<Expr> = match args.first() {
        Some(Arg::Positional(selector)) => Some(selector.clone()),
        Some(Arg::Flag(name)) => syn::parse2(name.to_token_stream()).ok(),
        Some(Arg::List(name, list)) => syn::parse2(quote::quote!(#name(#list))).ok(),
        _ => None,
    };
    let Some(selector) = selector else {
        diagnostics
            .error(key, "`group(…)` does not say which parameters it has")
            .help("write a field or a selector first: `group(backbone, lr = lr * 0.1)`, `group(params::rank_below(2), weight_decay = 0.0)`")
            .emit();
        return None;
    };
    args.remove(0);
    let before = diagnostics.len();
    let options: Vec<(Ident, Expr)> = known_args(args, "optimizer", GROUP_OPTIONS, diagnostics)
        .into_iter()
        .filter_map(|arg| match arg {
            Arg::Value(key, value) => Some((key, value)),
            _ => None,
        })
        .collect();
    if options.is_empty() && diagnostics.len() == before {
        diagnostics
            .error(key, "this group changes nothing")
            .help("give it a number of its own, such as `lr = lr * 0.1` or `weight_decay = 0.0`")
            .emit();
    }
    Some(GroupArg { selector, options })
}

/// `#[training_step(optimizer = critic, every = 5, repeat = 2)]`
pub(crate) struct Binding {
    /// The optimizer's name, as written.
    pub(crate) optimizer: Ident,
    /// After how many batches.
    pub(crate) every: Option<Expr>,
    /// How often on one batch.
    pub(crate) repeat: Option<Expr>,
}

impl Binding {
    /// Reads the attribute; what is wrong is reported.
    pub(crate) fn read(attr: &Attribute, diagnostics: &Diagnostics) -> Option<Self> {
        let known: &[(&str, &str)] =
            &[("optimizer", "optimizer = critic"), ("every", "every = 5"), ("repeat", "repeat = 2")];
        let before = diagnostics.len();
        let args = known_args(parse_args(attr, diagnostics), &name_of(attr), known, diagnostics);
        let (mut optimizer, mut every, mut repeat) = (None, None, None);
        for arg in args {
            let Arg::Value(key, value) = arg else { continue };
            match plain(&key).as_str() {
                "every" => every = positive(&key, value, diagnostics),
                "repeat" => repeat = positive(&key, value, diagnostics),
                _ => match word(&value) {
                    Some(name) => optimizer = Some(name.clone()),
                    None => diagnostics
                        .error(value, "the name of an optimizer is a word")
                        .help("write the field that `#[optimizer(…)]` stands on: `optimizer = critic`")
                        .emit(),
                },
            }
        }
        let Some(optimizer) = optimizer else {
            if diagnostics.len() == before {
                diagnostics
                    .error(attr.path(), "`#[training_step]` does not say which optimizer it trains")
                    .help(
                        "write `#[training_step(optimizer = critic)]`, or call the method `training_step` for one loss",
                    )
                    .emit();
            }
            return None;
        };
        Some(Self { optimizer, every, repeat })
    }
}

/// The value of `every` and the like: no 0.
fn positive(key: &Ident, value: Expr, diagnostics: &Diagnostics) -> Option<Expr> {
    if is_zero(&value) {
        diagnostics.error(value, format!("`{key} = 0` would never run")).help("write at least 1").emit();
        return None;
    }
    Some(value)
}

/// Whether it is the literal 0.
pub(crate) fn is_zero(value: &Expr) -> bool {
    matches!(value, Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) if number.base10_digits() == "0")
}

/// The word nearest to `name`, in a sentence; all of them where none is near.
pub(crate) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match suggested(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the fields with parameters are {}", listed(known)),
    }
}

/// A hash of an optimizer's name (FNV-1a), the same in the macro on the struct and in the one on the impl, which never see
/// each other's item.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
