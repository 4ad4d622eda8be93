//! What the command line knows of a program.

use serde_json::{Value, json};

use super::{
    command::Command,
    registry::Known,
    settings,
    shape::{Entry, Shape, Table},
    spec::Spec,
    trace::trace,
};
use crate::{
    metrics::MetricDef,
    module::{FieldDef, FieldRole, Hparams},
    params::to_json,
    settings::Settings,
};

/// What the command line knows of a program.
#[derive(Debug)]
pub(super) struct About {
    pub(super) module: &'static str,
    pub(super) data: &'static str,
    pub(super) doc: Option<String>,
    pub(super) metrics: &'static [MetricDef],
    pub(super) modules: Vec<&'static str>,
    /// Everything that can be configured, with the program's values as defaults.
    pub(super) root: Table,
    /// Why a subcommand is not there.
    pub(super) missing: Vec<(Command, &'static str)>,
    /// The subcommand of an invocation without one.
    pub(super) default_command: Option<Command>,
    /// What the program itself adds.
    pub(super) callbacks: Vec<String>,
    pub(super) loggers: usize,
}

impl About {
    pub(super) fn known(&self) -> Known<'_> {
        Known { metrics: self.metrics, modules: &self.modules }
    }

    pub(super) fn missing(&self, command: Command) -> Option<&'static str> {
        self.missing.iter().find(|(missing, _)| *missing == command).map(|(_, why)| *why)
    }
}

/// The table of hyperparameters, with their defaults: those of `given`, or those of the attributes.
pub(super) fn hparams<H: Hparams>(fields: &[FieldDef], given: Option<&H>) -> Table {
    let own = fields.iter().filter(|def| def.role == FieldRole::Hparam);
    let defaulted: Vec<&str> = own.filter(|def| def.default.is_some()).map(|def| def.key).collect();
    let (shape, mut defaults) = trace::<H>(&defaulted);
    if let Some(given) = given.and_then(|given| to_json(given).ok()) {
        defaults = given;
    }
    let mut table = match shape {
        Shape::Table(table) => table,
        // What serde cannot tell, the attributes do.
        _ => {
            let own = fields.iter().filter(|def| def.role == FieldRole::Hparam);
            let entry = |def: &FieldDef| Entry {
                default: None,
                required: true,
                ..Entry::new(def.key, Shape::Any, def.doc, Value::Null)
            };
            Table { entries: own.map(entry).collect() }
        }
    };
    table.describe(fields, &defaults);
    table
}

/// The type of the seed.
pub(super) const SEED: Spec = Spec::MAYBE_COUNT;

/// The table of a whole configuration.
pub(super) fn root(model: Table, data: Table, program: &Settings, seed: Option<u64>) -> Table {
    let mut trainer = settings::table(program);
    trainer.entries.push(Entry::new(
        "logger",
        settings::LOGGER.shape(),
        "Loggers by name, in place of the program's; false: none.",
        if program.output.default_logger { Value::Null } else { json!(false) },
    ));
    trainer.entries.push(Entry::new(
        "callbacks",
        settings::CALLBACKS.shape(),
        "Callbacks by name, beside the program's.",
        json!([]),
    ));
    let section = |key: &str, table: Table, doc: &str| {
        let defaults = Value::Object(table.defaults());
        Entry::new(key, Shape::Table(table), doc, defaults)
    };
    Table {
        entries: vec![
            Entry::new("seed", SEED.shape(), "Seed of everything random; default: drawn.", json!(seed)),
            Entry::new(
                "ckpt",
                Shape::Text.optional(),
                "Checkpoint to resume or to load: a path, `last`, `best`, or `auto` (the last, if there is one).",
                Value::Null,
            ),
            section("model", model, "Hyperparameters of the module."),
            section("data", data, "Settings of the data module."),
            section("trainer", trainer, "Settings of the trainer."),
        ],
    }
}
