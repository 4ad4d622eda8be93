//! The subcommands and their options.

use serde_json::{Value, json};

use super::shape::{Entry, Shape, Table};

/// A subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Fit,
    Validate,
    Test,
    Predict,
    Tune,
    FindLr,
    FindBatchSize,
    Plan,
    Export,
    Completions,
}

impl Command {
    pub(super) const ALL: &[Self] = &[
        Self::Fit,
        Self::Validate,
        Self::Test,
        Self::Predict,
        Self::Tune,
        Self::FindLr,
        Self::FindBatchSize,
        Self::Plan,
        Self::Export,
        Self::Completions,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Validate => "validate",
            Self::Test => "test",
            Self::Predict => "predict",
            Self::Tune => "tune",
            Self::FindLr => "find-lr",
            Self::FindBatchSize => "find-batch-size",
            Self::Plan => "plan",
            Self::Export => "export",
            Self::Completions => "completions",
        }
    }

    pub(super) const fn doc(self) -> &'static str {
        match self {
            Self::Fit => "Trains the model.",
            Self::Validate => "Validates the model.",
            Self::Test => "Tests the model.",
            Self::Predict => "Predicts with the model.",
            Self::Tune => "Searches hyperparameters.",
            Self::FindLr => "Finds a learning rate to start with.",
            Self::FindBatchSize => "Finds the largest batch size that fits into memory.",
            Self::Plan => "Prints what a run would do, and ends.",
            Self::Export => "Writes the model as an ONNX file.",
            Self::Completions => "Prints completions for a shell: bash, zsh or fish.",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name().replace('-', "_") == name.replace('-', "_"))
    }

    /// The options that only this command has.
    pub(super) fn options(self) -> Table {
        let text = |key, doc| Entry::new(key, Shape::Text.optional(), doc, Value::Null);
        let entries = match self {
            Self::Tune => vec![
                Entry::new("trials", Shape::unsigned("usize"), "Trials to run.", json!(20)),
                text(
                    "monitor",
                    "Metric to optimize, in the direction of its `#[log]`; default: `val_loss`, or the only one.",
                ),
                Entry::new("sampler", Shape::names(SAMPLERS), "What chooses hyperparameters.", json!("tpe")),
                Entry::new("pruner", Shape::names(PRUNERS), "What ends trials early.", json!("none")),
                text(
                    "storage",
                    "File of the trials, in Optuna's format; processes share it, and a study in it goes on.",
                ),
                Entry::new(
                    "workers",
                    Shape::unsigned("usize"),
                    "Processes that run trials; several need `--storage`.",
                    json!(1),
                ),
                text("study_name", "Name in the storage; default: that of the module."),
                Entry::new("timeout", Shape::Time.optional(), "Time after which no trial starts.", Value::Null),
                text("report", "File for a page about the study, such as `study.html`."),
                Entry::new("space", Shape::Map(Box::new(Shape::Text)), "Values of a hyperparameter.", json!({})),
            ],
            Self::FindLr => vec![
                Entry::new("min_lr", Shape::FLOAT, "First learning rate.", json!(1e-8)),
                Entry::new("max_lr", Shape::FLOAT, "Last learning rate.", json!(1.0)),
                Entry::new("num_training", count(), "Optimizer steps, each with a rate of its own.", json!(100)),
                Entry::new(
                    "mode",
                    Shape::names(&["exponential", "linear"]),
                    "Distances of the rates.",
                    json!("exponential"),
                ),
                Entry::new(
                    "early_stop_threshold",
                    Shape::FLOAT.optional(),
                    "Ends at a loss above this many times the best; null: never.",
                    json!(4.0),
                ),
                text("plot", "File for a drawing, such as `lr.svg`."),
            ],
            Self::FindBatchSize => vec![
                Entry::new("mode", Shape::names(&["power", "binsearch"]), "How sizes are tried.", json!("power")),
                Entry::new("init_val", count(), "First batch size.", json!(2)),
                Entry::new("steps_per_trial", count(), "Optimizer steps of a trial.", json!(3)),
                Entry::new("max_trials", count(), "Largest number of trials.", json!(25)),
                Entry::new(
                    "batch_arg_name",
                    Shape::Text,
                    "Setting of the data that is the batch size.",
                    json!("batch_size"),
                ),
                Entry::new(
                    "memory_limit",
                    count().optional(),
                    "Memory of the process in MiB, on the CPU; default: nine tenths of what is left.",
                    Value::Null,
                ),
            ],
            Self::Export => return super::export::options(),
            _ => Vec::new(),
        };
        Table { entries }
    }
}

pub(super) const SAMPLERS: &[&str] = &["tpe", "random", "sobol", "grid"];
pub(super) const PRUNERS: &[&str] = &["none", "asha", "hyperband", "median"];
fn count() -> Shape {
    Shape::unsigned("u64")
}
