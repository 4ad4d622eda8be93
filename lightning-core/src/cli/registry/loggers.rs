//! The loggers that a configuration names.

use std::path::Path;

use serde_json::Value;

use super::component::{Arg, Args, Component};
use crate::{cli::spec::Spec, loggers::Logger};

pub(super) const ALL: &[Component] = &[
    #[cfg(feature = "csv")]
    Component { name: "CsvLogger", alias: Some("CSVLogger"), doc: "Writes `metrics.csv`.", args: CSV },
    #[cfg(feature = "tensorboard")]
    Component { name: "TensorBoardLogger", alias: None, doc: "Writes TensorBoard's events.", args: TENSORBOARD },
];

const ADD: &str = "add it in the program: `.trainer(|t| t.logger(…))`";

pub(super) const REFUSED: &[(&str, &str)] = &[
    ("WandbLogger", ADD),
    ("MLFlowLogger", ADD),
    ("CometLogger", ADD),
    ("NeptuneLogger", ADD),
    ("LitLogger", ADD),
    ("MemoryLogger", "it is for tests, and its records are read by the program"),
];

const SAVE_DIR: Arg = Arg::maybe("save_dir", &Spec::Text, "Folder of all runs; default: `default_root_dir`.");
const NAME: Arg = Arg::new("name", Spec::Optional(&Spec::Text), "\"lightning_logs\"", "Folder in it.");
const VERSION: Arg = Arg::maybe(
    "version",
    &Spec::Either(&[Spec::Text, Spec::COUNT]),
    "Folder of the run; default: the next `version_N`.",
);

#[cfg(feature = "csv")]
const CSV: &[Arg] =
    &[SAVE_DIR, NAME, VERSION, Arg::count("flush_logs_every_n_steps", "100", "Batches between two writes to disk.")];

#[cfg(feature = "tensorboard")]
const TENSORBOARD: &[Arg] = &[
    SAVE_DIR,
    NAME,
    VERSION,
    Arg::maybe("hp_metric", &Spec::Text, "Metric by which the page of hyperparameters compares."),
];

/// Creates a logger from its checked description.
pub(in crate::cli) fn logger(component: &Value, root: &Path) -> Option<Box<dyn Logger>> {
    let args = Args(component.get("init_args")?);
    let folder = args.text("save_dir").map_or(root, Path::new).join(args.text("name").unwrap_or_default());
    let version = match args.value("version") {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(format!("version_{number}")),
        _ => None,
    };
    let logger: Box<dyn Logger> = match component.get("class_path")?.as_str()? {
        #[cfg(feature = "csv")]
        "CsvLogger" => {
            let mut logger = crate::CsvLogger::new(folder);
            if let Some(version) = version {
                logger = logger.version(version);
            }
            Box::new(logger.flush_every_n_steps(args.uint("flush_logs_every_n_steps").unwrap_or(100)))
        }
        #[cfg(feature = "tensorboard")]
        "TensorBoardLogger" => {
            let mut logger = crate::loggers::TensorBoardLogger::new(folder);
            if let Some(version) = version {
                logger = logger.version(version);
            }
            if let Some(metric) = args.text("hp_metric") {
                logger = logger.hp_metric(metric);
            }
            Box::new(logger)
        }
        _ => return None,
    };
    Some(logger)
}
