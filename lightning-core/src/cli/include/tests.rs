//! Files that are checked by the compiler and when the program starts: both say the same.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc};

use lightning_config::{self as config, Problems, Source};
use serde::{Deserialize, Serialize};

use super::{
    check::{config_report, hparams_report},
    near::Nearest,
    node::{Content, Entry, Node},
};
use crate::{
    cli::{
        about,
        check::Checker,
        registry::{self, Known},
        settings,
        shape::{Shape, Table},
    },
    metrics::{Direction, MetricDef, StageSet},
    module::FieldDef,
    settings::Settings,
};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct BlockHparams {
    width: usize,
    dropout: f32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Loss {
    Mse,
    Huber { delta: f64 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct NetHparams {
    lr: f64,
    hidden: usize,
    small: i8,
    wide: Option<u128>,
    name: String,
    root: PathBuf,
    letter: char,
    flag: bool,
    sizes: Vec<usize>,
    betas: [f64; 2],
    weights: BTreeMap<String, f64>,
    note: Option<String>,
    loss: Loss,
    block: BlockHparams,
}

const BLOCK: &[FieldDef] = &[FieldDef::hparam("width", "usize"), FieldDef::hparam("dropout", "f32")];
const NET: &[FieldDef] = &[
    FieldDef::module("encoder", "Linear"),
    FieldDef::hparam("lr", "f64"),
    FieldDef::hparam("hidden", "usize"),
    FieldDef::hparam("small", "i8"),
    FieldDef::hparam("wide", "Option<u128>"),
    FieldDef::hparam("name", "String"),
    FieldDef::hparam("root", "std::path::PathBuf"),
    FieldDef::hparam("letter", "char"),
    FieldDef::hparam("flag", "bool"),
    FieldDef::hparam("sizes", "Vec<usize>"),
    FieldDef::hparam("betas", "[f64; 2]"),
    FieldDef::hparam("weights", "std::collections::BTreeMap<String, f64>"),
    FieldDef::hparam("note", "Option<String>"),
    FieldDef::hparam("loss", "Loss"),
    FieldDef::hparam("block", "BlockHparams").nested(BLOCK),
];

const fn metric(name: &'static str, stages: StageSet, direction: Option<Direction>) -> MetricDef {
    let def = MetricDef::new(name, stages);
    match direction {
        Some(Direction::Minimize) => def.minimize(),
        Some(Direction::Maximize) => def.maximize(),
        None => def,
    }
}

const METRICS: &[MetricDef] = &[
    metric("train_loss", StageSet::TRAIN, Some(Direction::Minimize)),
    metric("val_error", StageSet::VAL, Some(Direction::Minimize)),
    metric("val_acc", StageSet::VAL, Some(Direction::Maximize)),
    metric("val_rate", StageSet::VAL, None),
];

/// The constant that the macro writes.
fn constant(node: &config::Node) -> Node {
    let content = match &node.content {
        config::Content::Null => Content::Null,
        config::Content::Bool(value) => Content::Bool(*value),
        config::Content::Int(value) => Content::Int(*value),
        config::Content::Float(value) => Content::Float(*value),
        config::Content::Text(text) | config::Content::Raw(text) => Content::Text(text.clone().leak()),
        config::Content::List(items) | config::Content::Append(items) => {
            Content::List(items.iter().map(constant).collect::<Vec<_>>().leak())
        }
        config::Content::Map(entries) => {
            let entry = |(key, value): &(config::Key, config::Node)| Entry {
                key: key.name.clone().leak(),
                place: key.place.excerpt().leak(),
                value: constant(value),
            };
            Content::Map(entries.iter().map(entry).collect::<Vec<_>>().leak())
        }
    };
    Node { content, place: node.place.excerpt().leak(), found: node.found().leak() }
}

fn parse(text: &str) -> config::Node {
    let source = Rc::new(Source { name: "digits.yaml".to_owned(), text: text.to_owned(), is_file: true });
    let mut problems = Problems::default();
    config::parse(&source, Some("yaml"), &mut problems).unwrap_or_else(|| panic!("{text}: {problems}"))
}

fn root() -> Table {
    let model = about::hparams::<NetHparams>(NET, None);
    about::root(model, Table::default(), &Settings::default(), None)
}

fn known() -> Known<'static> {
    Known { metrics: METRICS, modules: &["encoder"] }
}

/// What the program says of a configuration, without what is missing in it.
fn at_run_time(text: &str) -> String {
    let mut problems = Problems::default();
    let mut node = parse(text);
    node.remove_empty();
    let mut root = root();
    optional(&mut root);
    Checker { known: known(), problems: &mut problems }.table(&node, &root, "", None);
    problems.to_string()
}

/// A file of the program need not have what flags may set.
fn optional(table: &mut Table) {
    for entry in &mut table.entries {
        entry.required = false;
        if let Shape::Table(inner) = &mut entry.shape {
            optional(inner);
        }
    }
}

fn at_compile_time(text: &str) -> String {
    let report = config_report(&constant(&parse(text)), NET, METRICS, &[]);
    match report.problems {
        0 => String::new(),
        _ => format!("error: {}", report.text()),
    }
}

/// Values of every type, right and wrong.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "3",
    "-1",
    "-3",
    "300",
    "70000",
    "5000000000",
    "18446744073709551616",
    "0.5",
    "2.0",
    "-0.5",
    "1e300",
    "1e39",
    ".inf",
    ".nan",
    "text",
    "''",
    "\"5\"",
    "a",
    "é",
    "[1, 2]",
    "[]",
    "[0.5, 0.25, 1]",
    "[a, b]",
    "{a: 1}",
    "{}",
    "{steps: 5}",
    "{steps: -5}",
    "{time: \"00:00:01:00\"}",
    "{days: 1}",
    "{hours: x}",
    "\"00:00:01:00\"",
    "\"1:2:3\"",
    "norm",
    "norn",
    "save",
    "CPU",
    "cpu",
    "EarlyStopping",
    "[Timer, EarlyStoping]",
    "{class_path: Timer, init_args: {duration: 3}}",
    "{class_path: Pruning, init_args: {amount: 1.5, verbos: true}}",
];

#[test]
fn every_setting_takes_the_same_values_in_both() {
    for setting in settings::all() {
        for value in VALUES {
            let text = format!("trainer:\n  {}: {value}\n", setting.name);
            compare_values(&text);
        }
    }
    for key in ["callbacks", "logger"] {
        VALUES.iter().for_each(|value| compare_values(&format!("trainer:\n  {key}: {value}\n")));
    }
    VALUES.iter().for_each(|value| compare_values(&format!("seed: {value}\n")));
}

#[test]
fn every_argument_takes_the_same_values_in_both() {
    for (key, kind) in [("callbacks", crate::cli::kind::Kind::Callback), ("logger", crate::cli::kind::Kind::Logger)] {
        for component in registry::all(kind) {
            for arg in component.args {
                for value in VALUES {
                    let args = format!("{{{}: {value}}}", arg.name);
                    compare_values(&format!(
                        "trainer:\n  {key}:\n  - {{class_path: {}, init_args: {args}}}\n",
                        component.name
                    ));
                }
            }
        }
    }
}

#[test]
fn hyperparameters_take_the_same_values_in_both() {
    for field in NET.iter().filter(|field| !["encoder", "loss"].contains(&field.name)) {
        for value in VALUES {
            compare_values(&format!("model:\n  {}: {value}\n", field.name));
        }
    }
    for value in VALUES {
        compare_values(&format!("model:\n  block: {{width: {value}, dropout: 0.5}}\n"));
        compare_values(&format!("model:\n  block: {{width: 1, dropout: {value}}}\n"));
        // An enum of the program is checked when it starts.
        assert_eq!(at_compile_time(&format!("model:\n  loss: {value}\n")), "", "{value}");
    }
}

fn compare(text: &str) {
    assert_eq!(at_compile_time(text), at_run_time(text), "{text}");
}

/// Compares what is refused, and the first mistake. Suggestions are compared apart from this: for a name
/// that is not near, the program has one more way to find one that is.
fn compare_values(text: &str) {
    let first = |said: String| said.lines().next().map(str::to_owned);
    assert_eq!(first(at_compile_time(text)), first(at_run_time(text)), "{text}");
}

#[test]
fn names_and_components() {
    for text in [
        "modle: {}\n",
        "model:\n  hiden: 3\n",
        "model:\n  LR: 3\n",
        "model: 5\n",
        "model:\n  block:\n    widht: 3\n",
        "trainer:\n  max_epoch: 3\n",
        "trainer:\n  callback: Timer\n",
        "data:\n  batch_size: 3\n",
        "data: {}\nmodel: {}\ntrainer: {}\n",
        "data:\nmodel:\ntrainer:\nseed:\n",
        "trainer:\n  callbacks:\n  - {class_path: EarlyStopping, init_args: {monitor: val_eror}}\n",
        "trainer:\n  callbacks:\n  - {class_path: EarlyStopping, init_args: {monitor: val_error, mode: max}}\n",
        "trainer:\n  callbacks:\n  - {class_path: EarlyStopping, init_args: {monitor: val_rate}}\n",
        "trainer:\n  callbacks:\n  - {class_path: EarlyStopping, init_args: {monitor: val_error/dataloader_idx_1}}\n",
        "trainer:\n  callbacks:\n  - {class_path: ModelCheckpoint, init_args: {monitor: zzz}}\n",
        "trainer:\n  callbacks:\n  - EarlyStopping\n",
        "trainer:\n  callbacks: [ModelCheckpoint, Timer, LambdaCallback, EarlyStoppping]\n",
        "trainer:\n  callbacks: [pytorch_lightning.callbacks.Timer, lightning.pytorch.callbacks.RichModelSummary]\n",
        "trainer:\n  callbacks:\n  - {class_path: BackboneFinetuning, init_args: {backbone: encodr}}\n",
        "trainer:\n  callbacks:\n  - {class_path: BackboneFinetuning, init_args: {backbone: encoder}}\n",
        "trainer:\n  callbacks:\n  - BackboneFinetuning\n",
        "trainer:\n  callbacks:\n  - {init_args: {}}\n",
        "trainer:\n  callbacks:\n  - {class_path: Timer, dict_kwargs: {}}\n",
        "trainer:\n  callbacks:\n  - {class_path: Timer, init_args: 3}\n",
        "trainer:\n  callbacks:\n  - 3\n",
        "trainer:\n  logger: WandbLogger\n",
        "trainer:\n  logger:\n  - {class_path: CsvLogger, init_args: {nam: x}}\n",
        "model:\n  lr: abc\n  hidden: -1\ntrainer:\n  max_epochs: x\n",
    ] {
        compare(text);
    }
}

#[test]
fn a_file_of_hyperparameters_has_all_without_a_default() {
    const FIELDS: &[FieldDef] = &[
        FieldDef::hparam("lr", "f64"),
        FieldDef::hparam("hidden", "usize").default("64"),
        FieldDef::hparam("note", "Option<String>"),
    ];
    let report = |text: &str| hparams_report(&constant(&parse(text)), FIELDS).text().to_owned();
    assert_eq!(report("lr: 0.5\n"), "");
    let missing = report("hidden: 3\n");
    assert!(missing.starts_with("`lr` has no default and must be set\n"), "{missing}");
    assert!(missing.contains("digits.yaml:1:1"), "{missing}");
    assert!(missing.ends_with("= help: write `lr: …`, of the type `f64`"), "{missing}");
    let unknown = report("lr: 0.5\nhiden: 3\n");
    assert!(unknown.starts_with("unknown key `hiden`\n"), "{unknown}");
    assert!(unknown.ends_with("= help: did you mean `hidden`?"), "{unknown}");
}

#[test]
fn forms_of_serde_and_special_defaults_are_left_to_the_program() {
    const FIELDS: &[FieldDef] = &[
        FieldDef::hparam("time", "u64").custom(),
        FieldDef::hparam("limit", "f64").default("f64::INFINITY"),
        FieldDef::hparam("lr", "f64").default("0.1"),
    ];
    let report = |text: &str| hparams_report(&constant(&parse(text)), FIELDS).text().to_owned();
    assert_eq!(report("time: 3 minutes\nlimit: .inf\n"), "");
    assert!(report("lr: .inf\n").starts_with("`lr` must be a finite number, found inf"));
}

#[test]
fn defaults_of_arguments_fit_their_types() {
    for kind in [crate::cli::kind::Kind::Callback, crate::cli::kind::Kind::Logger] {
        for component in registry::all(kind) {
            for arg in component.args {
                let text = format!("{}: {}\n", arg.name, arg.default());
                let table = Table { entries: component.table().entries };
                let mut problems = Problems::default();
                Checker { known: known(), problems: &mut problems }.table(&parse(&text), &table, component.name, None);
                assert!(problems.is_empty(), "{}: {problems}", component.name);
            }
        }
    }
}

#[test]
fn near_names() {
    let near = |name: &str, known: &[&'static str]| {
        let mut near = Nearest::new(name);
        known.iter().for_each(|known| near.offer(known));
        near.best
    };
    let known = ["hidden", "lr", "batch_size", "max_epochs"];
    assert_eq!(near("hiden", &known), Some("hidden"));
    assert_eq!(near("HIDDEN", &known), Some("hidden"));
    assert_eq!(near("hidedn", &known), Some("hidden"), "two letters that are swapped count once");
    assert_eq!(near("rl", &known), Some("lr"));
    assert_eq!(near("epochs", &known), Some("max_epochs"), "a part of a name");
    assert_eq!(near("momentum", &known), None);
    assert_eq!(near(&"x".repeat(100), &known), None);
}
