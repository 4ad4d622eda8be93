//! The loggers that a configuration names.

use std::path::Path;

use serde_json::{Value, json};

use super::component::{Arg, Args, Component};
use crate::{cli::shape::Shape, loggers::Logger};

pub(super) const ALL: &[Component] = &[
    #[cfg(feature = "csv")]
    Component { name: "CsvLogger", alias: Some("CSVLogger"), doc: "Writes `metrics.csv`.", args: csv },
    #[cfg(feature = "tensorboard")]
    Component { name: "TensorBoardLogger", alias: None, doc: "Writes TensorBoard's events.", args: tensorboard },
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

fn folders() -> Vec<Arg> {
    vec![
        ("save_dir", Shape::Text.optional(), Value::Null, "Folder of all runs; default: `default_root_dir`."),
        ("name", Shape::Text.optional(), json!("lightning_logs"), "Folder in it."),
        (
            "version",
            Shape::Either(vec![Shape::Text, Shape::unsigned("usize")]).optional(),
            Value::Null,
            "Folder of the run; default: the next `version_N`.",
        ),
    ]
}

#[cfg(feature = "csv")]
fn csv() -> Vec<Arg> {
    let mut args = folders();
    let doc = "Batches between two writes to disk.";
    args.push(("flush_logs_every_n_steps", Shape::unsigned("u64"), json!(100), doc));
    args
}

#[cfg(feature = "tensorboard")]
fn tensorboard() -> Vec<Arg> {
    let mut args = folders();
    args.push((
        "hp_metric",
        Shape::Text.optional(),
        Value::Null,
        "Metric by which the page of hyperparameters compares.",
    ));
    args
}

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
