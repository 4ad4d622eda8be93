//! The options of `#[log]`.

use syn::{Attribute, Expr, Ident};

use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, known_args, parse_args},
    paths::plain,
    text::text_of,
};

/// The options of `#[log]` and their forms.
const LOG_OPTIONS: &[(&str, &str)] = &[
    ("minimize", "minimize"),
    ("maximize", "maximize"),
    ("prog_bar", "prog_bar"),
    ("on_step", "on_step"),
    ("on_epoch", "on_epoch"),
    ("logger", "logger = false"),
    ("reduce", "reduce = mean"),
    ("name", "name = \"val/loss\""),
    ("batch_size", "batch_size = …"),
    ("metric", "metric = Accuracy::new()"),
    ("per_stage", "per_stage"),
];

/// How the values of an epoch are reduced to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// `mean`
    Mean,
    /// `sum`
    Sum,
    /// `min`
    Min,
    /// `max`
    Max,
}

impl Reduce {
    const NAMES: &[(&'static str, Self)] =
        &[("mean", Self::Mean), ("sum", Self::Sum), ("min", Self::Min), ("max", Self::Max)];
}

/// The options of one `#[log]`.
#[derive(Clone, Default)]
pub(crate) struct LogOptions {
    /// `minimize`, with the key.
    pub(crate) minimize: Option<Ident>,
    /// `maximize`, with the key.
    pub(crate) maximize: Option<Ident>,
    /// `prog_bar`
    pub(crate) prog_bar: bool,
    /// `on_step`, with the key.
    pub(crate) on_step: Option<(Ident, bool)>,
    /// `on_epoch`, with the key.
    pub(crate) on_epoch: Option<(Ident, bool)>,
    /// `logger = false`
    pub(crate) no_logger: bool,
    /// `reduce = …`, with the key.
    pub(crate) reduce: Option<(Ident, Reduce)>,
    /// `name = "…"`
    pub(crate) name: Option<syn::LitStr>,
    /// `batch_size = …`
    pub(crate) batch_size: Option<Expr>,
    /// `metric = …`
    pub(crate) metric: Option<Expr>,
    /// `per_stage`, with the key.
    pub(crate) per_stage: Option<Ident>,
    /// Whether a mistake was reported. One of the options may be a misspelled direction.
    reported: bool,
}

/// The direction in which a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
    /// Not declared.
    Undirected,
}

/// The options that must be equal in all `#[log]`s of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricOptions {
    pub(crate) direction: Direction,
    pub(crate) prog_bar: bool,
    pub(crate) on_step: bool,
    pub(crate) on_epoch: bool,
    pub(crate) no_logger: bool,
    pub(crate) reduce: Reduce,
    /// The expression of the stateful metric as text.
    pub(crate) metric: Option<String>,
}

impl LogOptions {
    pub(super) fn read(attr: &Attribute, diagnostics: &Diagnostics) -> Self {
        let mut options = Self::default();
        let before = diagnostics.len();
        for arg in known_args(parse_args(attr, diagnostics), "log", LOG_OPTIONS, diagnostics) {
            options.set(arg, diagnostics);
        }
        options.reported = diagnostics.len() > before;
        options
    }

    fn set(&mut self, arg: Arg, diagnostics: &Diagnostics) {
        let Some(key) = arg.key().cloned() else { return };
        match plain(&key).as_str() {
            "minimize" => self.minimize = read_flag(&arg, diagnostics).then_some(key),
            "maximize" => self.maximize = read_flag(&arg, diagnostics).then_some(key),
            "per_stage" => self.per_stage = read_flag(&arg, diagnostics).then_some(key),
            "prog_bar" => self.prog_bar = read_flag(&arg, diagnostics),
            "on_step" => self.on_step = Some((key, read_flag(&arg, diagnostics))),
            "on_epoch" => self.on_epoch = Some((key, read_flag(&arg, diagnostics))),
            "logger" => self.no_logger = !read_flag(&arg, diagnostics),
            "reduce" => self.reduce = read_reduce(&arg, diagnostics).map(|reduce| (key, reduce)),
            "name" => self.name = read_name(&arg, diagnostics),
            "batch_size" => self.batch_size = read_value(arg),
            "metric" => self.metric = read_value(arg),
            _ => {}
        }
    }

    /// The options, with the defaults of a stage.
    pub(crate) fn resolve(&self, step_by_default: bool) -> MetricOptions {
        let named = |option: &Option<(Ident, bool)>| option.as_ref().map(|(_, on)| *on);
        // A stateful metric is meant for the whole epoch.
        let step_by_default = step_by_default && self.metric.is_none();
        MetricOptions {
            direction: match (&self.minimize, &self.maximize) {
                (Some(_), _) => Direction::Minimize,
                (None, Some(_)) => Direction::Maximize,
                // So that rustc does not report the missing direction where the key is used.
                (None, None) if self.reported => Direction::Minimize,
                (None, None) => Direction::Undirected,
            },
            prog_bar: self.prog_bar,
            on_step: named(&self.on_step).unwrap_or(step_by_default),
            on_epoch: named(&self.on_epoch).unwrap_or(!step_by_default),
            no_logger: self.no_logger,
            reduce: self.reduce.as_ref().map_or(Reduce::Mean, |(_, reduce)| *reduce),
            metric: self.metric.as_ref().map(text_of),
        }
    }
}

fn read_value(arg: Arg) -> Option<Expr> {
    match arg {
        Arg::Value(_, value) => Some(value),
        _ => None,
    }
}

/// `key`, `key = true` or `key = false`.
fn read_flag(arg: &Arg, diagnostics: &Diagnostics) -> bool {
    match arg {
        Arg::Value(_, Expr::Lit(syn::ExprLit { lit: syn::Lit::Bool(value), .. })) => value.value,
        Arg::Value(key, value) => {
            diagnostics
                .error(value, format!("`{key}` must be `true` or `false`, found `{}`", text_of(value)))
                .help(format!("write `{key}` or `{key} = false`"))
                .emit();
            true
        }
        _ => true,
    }
}

fn read_reduce(arg: &Arg, diagnostics: &Diagnostics) -> Option<Reduce> {
    let Arg::Value(_, value) = arg else { return None };
    let name = match value {
        Expr::Path(path) => path.path.get_ident().map(plain).unwrap_or_default(),
        _ => String::new(),
    };
    let found = Reduce::NAMES.iter().find(|(known, _)| *known == name).map(|(_, reduce)| *reduce);
    if found.is_none() {
        diagnostics
            .error(value, format!("unknown reduction `{}`", text_of(value)))
            .help("write `reduce = mean`, `sum`, `min` or `max`")
            .emit();
    }
    // The intended reduction is unknown; later checks only need to know that there is one.
    found.or(Some(Reduce::Mean))
}

fn read_name(arg: &Arg, diagnostics: &Diagnostics) -> Option<syn::LitStr> {
    let Arg::Value(_, value) = arg else { return None };
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) if !name.value().trim().is_empty() => {
            Some(name.clone())
        }
        _ => {
            diagnostics
                .error(value, format!("`name` must be a non-empty string, found `{}`", text_of(value)))
                .help("write `name = \"val/loss\"`")
                .emit();
            None
        }
    }
}
