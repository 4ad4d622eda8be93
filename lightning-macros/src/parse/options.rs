//! The arguments that an attribute knows.

use syn::{Expr, Ident};

use super::args::Arg;
use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    paths::plain,
    text::text_of,
};

/// Options of other frameworks: the attribute, the option, and what to write instead.
const FOREIGN_OPTIONS: &[(&str, &str, &str)] = &[
    ("optimizer", "learning_rate", "write `lr = …`"),
    ("optimizer", "rate", "write `lr = …`"),
    ("optimizer", "momentum", "write it on the configuration: `SgdConfig::new().with_momentum(…)`"),
    ("optimizer", "weight_decay", "write it on the configuration: `.with_weight_decay(…)`, or in a `group(…)`"),
    ("optimizer", "betas", "write them on the configuration: `AdamConfig::new().with_beta_1(0.9).with_beta_2(0.99)`"),
    ("optimizer", "beta_1", "write it on the configuration: `AdamConfig::new().with_beta_1(…)`"),
    ("optimizer", "beta_2", "write it on the configuration: `AdamConfig::new().with_beta_2(…)`"),
    ("optimizer", "eps", "write it on the configuration: `AdamConfig::new().with_epsilon(…)`"),
    ("optimizer", "epsilon", "write it on the configuration: `AdamConfig::new().with_epsilon(…)`"),
    ("optimizer", "config", "write the configuration first, without a name: `AdamConfig::new(), lr = 1e-3`"),
    ("optimizer", "optimizer", "write the configuration first, without a name: `AdamConfig::new(), lr = 1e-3`"),
    ("optimizer", "scheduler", "the schedule is the value of `lr`: `lr = Cosine::new(1e-3, 1000), interval = step`"),
    ("optimizer", "schedule", "the schedule is the value of `lr`: `lr = Cosine::new(1e-3, 1000), interval = step`"),
    ("optimizer", "lr_scheduler", "the schedule is the value of `lr`: `lr = Cosine::new(1e-3, 1000), interval = step`"),
    ("optimizer", "lr_schedule", "the schedule is the value of `lr`: `lr = Cosine::new(1e-3, 1000), interval = step`"),
    ("optimizer", "params", "write `fields(encoder, decoder)`, or write `#[optimizer(…)]` on a field"),
    ("optimizer", "parameters", "write `fields(encoder, decoder)`, or write `#[optimizer(…)]` on a field"),
    ("optimizer", "grad_clip", "set `gradient_clip_val(…)` on the trainer"),
    ("optimizer", "clip", "set `gradient_clip_val(…)` on the trainer"),
    ("optimizer", "mode", "the direction belongs to the metric: `#[log(minimize)]` or `#[log(maximize)]`"),
    ("optimizer(group(…))", "learning_rate", "write `lr = …`"),
    ("optimizer(group(…))", "decay", "write `weight_decay = …`"),
    ("optimizer(group(…))", "eps", "write `epsilon = …`"),
    ("optimizer(group(…))", "betas", "write `beta_1 = …, beta_2 = …`"),
    ("log", "mode", "write `minimize` or `maximize`"),
    ("log", "min", "write `minimize`, or `reduce = min` for the smallest value of the epoch"),
    ("log", "max", "write `maximize`, or `reduce = max` for the largest value of the epoch"),
    ("log", "mean", "write `reduce = mean`, which is the default"),
    ("log", "sum", "write `reduce = sum`"),
    ("log", "reduce_fx", "write `reduce = mean`, `sum`, `min` or `max`"),
    ("log", "weight", "write `batch_size = …`"),
    ("log", "progress_bar", "write `prog_bar`"),
    ("log", "sync_dist", "remove it: values are reduced over all batches"),
    ("log", "rank_zero_only", "remove it: a metric is logged once"),
    ("log", "step", "write `on_step`"),
    ("log", "epoch", "write `on_epoch`"),
    ("training_step", "opt", "write `optimizer = …`"),
    ("training_step", "optimizer_idx", "write the name of the optimizer: `optimizer = critic`"),
    ("training_step", "frequency", "write `every = …` to step at every n-th batch"),
    ("training_step", "steps", "write `repeat = …` for several steps on each batch"),
    ("hparam", "value", "write `default = …`"),
    ("hparam", "init", "write `default = …`"),
    ("state", "save", "write `#[state]` to save the field, or `#[state(skip)]` to leave it out of checkpoints"),
    ("state", "persistent", "write `#[state]` to save the field, or `#[state(skip)]` to leave it out of checkpoints"),
    ("state", "default", "write `impl Default` for the field's type, or set the field in `fn init`"),
];

/// Keeps the arguments whose key is in `known`, each once; reports the others.
pub(crate) fn known_args(
    args: Vec<Arg>,
    attribute: &str,
    known: &[(&str, &str)],
    diagnostics: &Diagnostics,
) -> Vec<Arg> {
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for arg in args {
        let Some(key) = arg.key() else {
            kept.extend(read_unnamed(&arg, attribute, known, diagnostics));
            continue;
        };
        let Some(form) = known_form(key, attribute, known, diagnostics) else { continue };
        let name = plain(key);
        if seen.contains(&name) {
            diagnostics
                .error(key, format!("duplicate option `{name}` of `#[{attribute}]`"))
                .help("remove one of the two")
                .emit();
            continue;
        }
        seen.push(name);
        kept.extend(with_value(arg, form, diagnostics));
    }
    kept
}

/// Reports an argument without a key; it is the value of the only option, if there is one.
fn read_unnamed(arg: &Arg, attribute: &str, known: &[(&str, &str)], diagnostics: &Diagnostics) -> Option<Arg> {
    let report = diagnostics.error(arg, format!("options of `#[{attribute}]` must be named, found `{}`", text_of(arg)));
    match (known, arg) {
        ([], _) => report.help(format!("`#[{attribute}]` takes no options: write `#[{attribute}]`")).emit(),
        // A value without a name is that of the only option; of a hyperparameter, its default.
        ([(name, form), others @ ..], Arg::Positional(value))
            if form.contains('=') && (others.is_empty() || attribute == "hparam") =>
        {
            report.help(format!("write `#[{attribute}({name} = {})]`", text_of(value))).emit();
            return Some(Arg::Value(Ident::new(name, proc_macro2::Span::call_site()), value.clone()));
        }
        _ => report.note(available(known)).emit(),
    }
    None
}

/// Reports an argument with a value that it must not have, or without the one that it needs, and
/// corrects it as far as it is clear what was meant, so that nothing follows from it.
fn with_value(arg: Arg, form: &str, diagnostics: &Diagnostics) -> Option<Arg> {
    let (needs_value, needs_list) = (form.contains('='), !form.contains('=') && form.contains('('));
    match arg {
        Arg::Flag(key) | Arg::Unfinished(key) if needs_value || needs_list => {
            let what = if needs_value { "a value" } else { "a list" };
            diagnostics.error(&key, format!("option `{key}` needs {what}")).help(format!("write `{form}`")).emit();
            None
        }
        Arg::Unfinished(key) => {
            diagnostics
                .error(&key, format!("option `{key}` has no value after `=`"))
                .help(format!("write `{form}`"))
                .emit();
            Some(Arg::Flag(key))
        }
        Arg::List(key, list) if needs_value => {
            let value: Option<Expr> = syn::parse2(list.stream()).ok();
            let written = value.as_ref().map_or_else(|| form.to_owned(), |value| format!("{key} = {}", text_of(value)));
            diagnostics
                .error(Arg::List(key.clone(), list), format!("the value of option `{key}` must follow `=`"))
                .help(format!("write `{written}`"))
                .emit();
            value.map(|value| Arg::Value(key, value))
        }
        Arg::List(key, list) if !needs_list => {
            diagnostics
                .error(&list, format!("option `{key}` takes no arguments, found `{}`", text_of(&list)))
                .help(format!("write `{form}`"))
                .emit();
            Some(Arg::Flag(key))
        }
        other => Some(other),
    }
}

/// The form of a known option; reports an unknown one and returns `None`.
fn known_form<'a>(
    key: &Ident,
    attribute: &str,
    known: &[(&str, &'a str)],
    diagnostics: &Diagnostics,
) -> Option<&'a str> {
    let name = plain(key);
    if let Some((_, form)) = known.iter().find(|(known, _)| *known == name) {
        return Some(form);
    }
    if known.is_empty() {
        diagnostics
            .error(key, format!("`#[{attribute}]` takes no options, found `{name}`"))
            .help(format!("write `#[{attribute}]`"))
            .emit();
        return None;
    }
    let report = diagnostics.error(key, format!("unknown option `{name}` of `#[{attribute}]`"));
    let foreign = FOREIGN_OPTIONS.iter().find(|(owner, option, _)| *owner == attribute && *option == name);
    match (foreign, suggested(&name, known.iter().map(|(name, _)| *name))) {
        (Some((.., instead)), _) => report.help(*instead).emit(),
        (None, Some(near)) => report.note(available(known)).help(format!("did you mean `{near}`?")).emit(),
        (None, None) => report.note(available(known)).emit(),
    }
    None
}

fn available(known: &[(&str, &str)]) -> String {
    format!("available options: {}", listed(known.iter().map(|(name, _)| *name)))
}
