//! The command line of a program: a table of invocations, and what the configuration goes through.

use std::fs;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use crate::cli_support::{BASE, Told, start, start_in};

/// Arguments, exit code, and parts of what is printed: with code 0 on standard output, else on standard
/// error.
type Case<'a> = (&'a str, i32, &'a [&'a str]);

/// Invocations with the files `base.yaml`, `base.toml` and `base.json`, without variables.
const CASES: &[Case<'_>] = &[
    // Help.
    ("--help", 0, &["Usage: cli_program <COMMAND>", "Commands:", "fit ", "Options:", "--config FILE", "--seed"]),
    ("-h", 0, &["Not available: the module has no `predict_step`."]),
    ("fit --help", 0, &["Model: Net", "--model.lr FLOAT", "Learning rate.", "default: 0.001", "Data: Points"]),
    ("fit -h", 0, &["--model.block.width INT", "Outputs of the block.", "default: 8"]),
    ("test --help", 0, &["Trainer: length", "--trainer.max_epochs INT", "default: 2"]),
    ("tune --help", 0, &["--trials INT", "--space", "search: "]),
    ("predict --help", 0, &["Not available: the module has no `predict_step`."]),
    ("fit --nonsense --help", 0, &["--trainer.callbacks [CALLBACK]"]),
    ("completions bash", 0, &["complete -o default -F _cli_program cli_program", "--model.block.width", "tune"]),
    ("completions zsh", 0, &["#compdef cli_program", "--data.batch_size"]),
    ("completions fish", 0, &["complete -c cli_program -l model.lr", "Learning rate."]),
    ("completions csh", 2, &["the shell must be `bash`, `zsh` or `fish`, found `csh`", "did you mean `zsh`?"]),
    ("completions", 2, &["the shell must be `bash`, `zsh` or `fish`, found `nothing`"]),
    // The configuration.
    ("--print-config", 0, &["seed: null", "  lr: 0.001", "    width: 8", "  max_epochs: 2", "  loss: Mse"]),
    ("fit --print-config", 0, &["  limit: .inf", "  betas: [0.9, 0.999]", "  letter: a", "  small: -3"]),
    ("fit --print-config --model.lr 3e-4", 0, &["  lr: 0.0003\n"]),
    ("fit --print-config --model.lr=1e-20", 0, &["  lr: 1.0e-20\n"]),
    ("fit --print-config --model.block.width 12", 0, &["    width: 12", "    dropout: 0.1"]),
    ("fit --print-config --model.block {width: 9}", 0, &["    width: 9", "    dropout: 0.1"]),
    ("fit --print-config --model.loss {Huber: {delta: 2}}", 0, &["  loss: {Huber: {delta: 2.0}}"]),
    ("fit --print-config --model.loss.Huber.delta 3", 0, &["  loss: {Huber: {delta: 3.0}}"]),
    ("fit --print-config --model.loss {Weighted: [1, 2.5]}", 0, &["  loss: {Weighted: [1.0, 2.5]}"]),
    ("fit --print-config --model.name 12", 0, &["  name: \"12\""]),
    ("fit --print-config --model.note yes", 0, &["  note: \"yes\""]),
    ("fit --print-config --model.note null", 0, &["  note: null"]),
    ("fit --print-config --model.sizes [3,4]", 0, &["  sizes: [3, 4]"]),
    ("fit --print-config --model.sizes+=5", 0, &["  sizes: [1, 2, 5]"]),
    ("fit --print-config --model.weights {a: 0.5}", 0, &["  weights: {a: 0.5}"]),
    ("fit --print-config --model.weights.b 2", 0, &["  weights: {b: 2.0}"]),
    ("fit --print-config --model.small -7", 0, &["  small: -7"]),
    ("fit --print-config --model.flag", 0, &["  flag: true"]),
    ("fit --print-config --model.flag false --seed 3", 0, &["  flag: false", "seed: 3"]),
    ("fit --print-config --data.batch-size 5", 0, &["  batch_size: 5"]),
    ("fit --print-config --config base.yaml", 0, &["seed: 7", "  lr: 0.25", "    width: 6", "  batch_size: 8"]),
    ("fit --print-config --config base.toml", 0, &["seed: 7", "  lr: 0.25", "    width: 6", "  batch_size: 8"]),
    ("fit --print-config --config base.json", 0, &["seed: 7", "  lr: 0.25", "    width: 6", "  batch_size: 8"]),
    ("fit --print-config --config base.yaml --config later.yaml", 0, &["  lr: 0.5", "    width: 6"]),
    ("fit --print-config --config later.yaml --config base.yaml", 0, &["  lr: 0.25"]),
    ("fit --print-config --config base.yaml --model.lr 1", 0, &["  lr: 1.0", "    width: 6"]),
    ("fit --print-config --trainer.limit_train_batches 1.0", 0, &["  limit_train_batches: 1.0"]),
    ("fit --print-config --trainer.limit_train_batches 1", 0, &["  limit_train_batches: 1\n"]),
    ("fit --print-config --trainer.val_check_interval {steps: 5}", 0, &["  val_check_interval: {steps: 5}"]),
    ("fit --print-config --trainer.max_time 00:00:01:00", 0, &["  max_time: \"00:00:01:00\""]),
    ("fit --print-config --trainer.max_time {hours: 26}", 0, &["  max_time: \"01:02:00:00\""]),
    ("fit --print-config --fast-dev-run", 0, &["  fast_dev_run: 1"]),
    ("fit --print-config --fast-dev-run 3", 0, &["  fast_dev_run: 3"]),
    (
        "fit --print-config --trainer.callbacks+=EarlyStopping --trainer.callbacks.patience 5",
        0,
        &["- class_path: EarlyStopping", "monitor: val_loss", "mode: min", "patience: 5"],
    ),
    (
        "fit --print-config --trainer.callbacks+=LearningRateMonitor --trainer.callbacks+={class_path: Timer}",
        0,
        &["- class_path: LearningRateMonitor", "- class_path: Timer"],
    ),
    ("fit --print-config --trainer.logger CSVLogger", 0, &["- class_path: CsvLogger"]),
    ("fit --print-config --trainer.logger false", 0, &["  logger: false"]),
    ("--print-schema", 0, &["json-schema.org", "\"batch_size\"", "\"minimum\": 0", "Learning rate."]),
    ("plan", 0, &["lr: 0.001", "Net", "[16, 4]", "[16, 1]", "640  multiply-adds", "a training step on 16 samples"]),
    ("plan --data.batch_size 3 --trainer.summary_depth 0", 0, &["120  multiply-adds", "on 3 samples"]),
    ("plan --data.batches 0", 0, &["no shapes of layers: the loader of `fit` must have a batch, found none"]),
    ("export --help", 0, &["Writes the model as an ONNX file.", "--path TEXT", "--fixed-batch", "--free-axis"]),
    ("fit --dry-run --model.block.width 4", 0, &["width: 4", "Net"]),
    // Mistakes.
    (
        "",
        2,
        &["a subcommand is missing", "`fit`, `validate`, `test`, `tune`", "See `cli_program --help`. Nothing was run."],
    ),
    ("fti", 2, &["unknown subcommand `fti`", "did you mean `fit`?"]),
    ("fit more", 2, &["unexpected argument `more` after `fit`"]),
    ("predict", 2, &["`predict` is not available: the module has no `predict_step`"]),
    ("fit --model.lrr 0.1", 2, &["unknown flag `--model.lrr`", "^^^^^^^^^^^", "did you mean `--model.lr`?"]),
    ("fit --max_epochs 3", 2, &["unknown flag `--max_epochs`", "did you mean `--trainer.max_epochs`?"]),
    ("fit -x", 2, &["unknown flag `-x`", "flags start with two dashes"]),
    ("fit --model.lr", 2, &["`--model.lr` needs a value", "write a number behind it"]),
    ("fit --model.lr --seed 1", 2, &["`--model.lr` needs a value"]),
    ("fit --model.lr abc", 2, &["`model.lr` must be a number, found the text \"abc\""]),
    ("fit --model.lr .nan", 2, &["`model.lr` must be a finite number, found NaN"]),
    ("fit --model.lr .inf", 2, &["`model.lr` must be a finite number, found inf"]),
    ("fit --model.lr [1]", 2, &["`model.lr` must be a number, found a list of 1 values"]),
    ("fit --model.block.width -1", 2, &["`model.block.width` must be an integer of at least 0"]),
    ("fit --model.block.width 1.5", 2, &["`model.block.width` must be an integer from 0 on, found 1.5"]),
    ("fit --model.small 200", 2, &["`model.small` must be an integer of at least -128 and at most 127, found 200"]),
    ("fit --model.letter ab", 2, &["`model.letter` must be one character, found the text \"ab\""]),
    ("fit --model.loss Msee", 2, &["`model.loss` must be `Mse`", "did you mean `Mse`?"]),
    ("fit --model.betas [0.9]", 2, &["`model.betas` must be a list of 2 values, found a list of 1 values"]),
    (
        "fit --model.sizes 3",
        2,
        &["`model.sizes` must be a list, each item an integer from 0 on, found 3", "write `[3]`"],
    ),
    ("fit --model.block 3", 2, &["`model.block` must be a table, found 3"]),
    ("fit --model.block.a.b.c.d 3", 2, &["unknown flag `--model.block.a.b.c.d`"]),
    ("fit --model 3", 2, &["`model` must be a table, found 3"]),
    ("fit --model.lr+=3", 2, &["`+=` adds to a list, and `model.lr` is none"]),
    ("fit --seed 1 --seed 2", 2, &["`--seed` is given twice"]),
    ("fit --print-config=yes", 2, &["`--print-config` takes no value, found `yes`"]),
    ("fit --trials 3", 2, &["`--trials` is not an option of `fit`", "it is an option of `tune`"]),
    ("tune --space.lr log(1e-5) --trials 1", 2, &["`--space.lr`: a range must have two ends, found `log(1e-5)`"]),
    ("tune --space.lr lgo(1..2) --trials 1", 2, &["unknown distribution `lgo`", "did you mean `log`?"]),
    ("tune --monitor val_lss", 2, &["the module logs no metric `val_lss`", "did you mean `val_loss`?"]),
    ("tune --workers 2", 2, &["several `--workers` need a file that they share"]),
    ("fit --trainer.callbacks+=EarlyStoping", 2, &["unknown callback `EarlyStoping`", "did you mean `EarlyStopping`?"]),
    (
        "fit --trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor val_los",
        2,
        &["`EarlyStopping`: the module logs no metric `val_los`", "did you mean `val_loss`?"],
    ),
    (
        "fit --trainer.callbacks+=EarlyStopping --trainer.callbacks.patient 3",
        2,
        &["unknown key `EarlyStopping.patient`", "did you mean `EarlyStopping.patience`?"],
    ),
    ("fit --trainer.callbacks+=LambdaCallback", 2, &["the callback `LambdaCallback` cannot be named", "it holds code"]),
    ("fit --trainer.precision 17", 2, &["`trainer.precision`", "17"]),
    ("fit --trainer.accelerator cudaa", 2, &["`trainer.accelerator` must be", "did you mean `cuda`?"]),
    ("fit --trainer.accumulate_grad_batches 0", 2, &["`accumulate_grad_batches` must be at least 1, found 0"]),
    ("fit --trainer.min_epochs 5", 2, &["`min_epochs` must be at most `max_epochs`, found 5 and 2"]),
    ("fit --ckpt none.ckpt", 2, &["the checkpoint `none.ckpt` does not exist", "^^^^^^^^^"]),
    ("test --ckpt last", 2, &["found no checkpoint to resume from"]),
    ("export --free-axis [x] --ckpt none.ckpt", 2, &["the checkpoint `none.ckpt` does not exist"]),
    ("fit --ckpt .", 2, &["the checkpoint `.` is a folder"]),
    ("fit --config none.yaml", 2, &["cannot read the configuration `none.yaml`", "^^^^^^^^^"]),
    ("fit --config", 2, &["`--config` needs a value"]),
    ("fit --config .", 2, &["cannot read the configuration `.`: it is a folder"]),
];

/// The arguments of a case: words, with tables and lists in brackets whole.
fn words(text: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            ' ' if depth == 0 => {
                all.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[start..]);
    all.retain(|word| !word.is_empty());
    all
}

const TOML: &str = "seed = 7\n[model]\nlr = 0.25\nblock.width = 6\n[data]\nbatch_size = 8\n[trainer]\nmax_epochs = 1\n";
const JSON: &str = r#"{"seed": 7, "model": {"lr": 0.25, "block": {"width": 6}}, "data": {"batch_size": 8}}"#;

fn files() -> [(&'static str, &'static [u8]); 4] {
    [
        ("base.yaml", BASE.as_bytes()),
        ("base.toml", TOML.as_bytes()),
        ("base.json", JSON.as_bytes()),
        ("later.yaml", b"model: {lr: 0.5}\n"),
    ]
}

#[test]
fn a_table_of_invocations() {
    assert!(CASES.len() >= 80, "{}", CASES.len());
    let mut wrong = Vec::new();
    for (args, code, parts) in CASES {
        let told = start(&words(args), &files(), &[], "");
        let text = if *code == 0 { &told.out } else { &told.err };
        for part in *parts {
            if !text.contains(part) {
                wrong.push(format!("`{args}` does not say {part:?}:\n{}{}", told.out, told.err));
            }
        }
        if told.code != *code {
            wrong.push(format!("`{args}` ends with {}:\n{}{}", told.code, told.out, told.err));
        }
        if !told.left.is_empty() {
            wrong.push(format!("`{args}` leaves {:?}", told.left));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n\n"));
}

/// A refused file: its name and text, and parts of the message.
type Refused<'a> = (&'a str, &'a [u8], &'a [&'a str]);

const REFUSED: &[Refused<'_>] = &[
    (
        "a.yaml",
        b"model:\n  lrr: 0.1\n",
        &["unknown key `model.lrr`", "a.yaml:2:3", "  lrr: 0.1", "^^^", "did you mean `model.lr`?"],
    ),
    ("a.yaml", b"model:\n  lr: 0.1\n  lr: 0.2\n", &["a.yaml:3", "lr"]),
    ("a.yaml", b"modle:\n  lr: 0.1\n", &["unknown key `modle`", "a.yaml:1:1", "did you mean `model`?"]),
    (
        "a.yaml",
        b"model:\n  lr: fast\n",
        &["`model.lr` must be a number, found the text \"fast\"", "a.yaml:2:7", "^^^^"],
    ),
    ("a.yaml", b"model:\n  name: 12\n", &["`model.name` must be a text, found 12", "write it in quotes: \"12\""]),
    (
        "a.yaml",
        b"model:\n  lr: \"0.1\"\n",
        &["`model.lr` must be a number, found the text \"0.1\"", "remove the quotes"],
    ),
    ("a.yaml", b"model: [1, 2]\n", &["`model` must be a table, found a list of 2 values"]),
    ("a.yaml", b"model:\n  lr: [0.1]\n", &["`model.lr` must be a number, found a list of 1 values"]),
    ("a.yaml", b"model:\n  lr: .nan\n", &["`model.lr` must be a finite number"]),
    ("a.yaml", b"model:\n  lr: 1\n b: 2\n", &["this is not YAML", "a.yaml:3"]),
    ("a.yaml", b"", &["the configuration is empty"]),
    ("a.yaml", b"# nothing\n", &["the configuration is empty"]),
    ("a.yaml", b"- 1\n", &["a configuration must be a table, found a list of 1 values"]),
    ("a.yaml", b"\xff\xfe\x00", &["it is not text: byte 0 is not UTF-8"]),
    ("a.yaml", b"model: \x00", &["it is not text: byte 7 is zero"]),
    ("a.json", b"{\"model\": {\"lr\": 0.1,}}", &["this is not JSON", "a.json:1:"]),
    ("a.json", b"{\"model\": {\"lr\": 0.1, \"lr\": 0.2}}", &["a.json:1:", "lr"]),
    ("a.json", b"model: {lr: 0.1}", &["this is not JSON", "a.json:1:1"]),
    ("a.toml", b"[model]\nlr = 0.1\nlr = 0.2\n", &["this is not TOML", "a.toml:3:1"]),
    ("a.toml", b"[model]\nlrr = 0.1\n", &["unknown key `model.lrr`", "a.toml:2:1", "^^^"]),
    ("a.toml", b"[model\nlr = 0.1\n", &["this is not TOML", "a.toml:1:"]),
    ("a.yaml", b"trainer:\n  benchmark: true\n", &["`trainer.benchmark` must be null, found true", "chosen by Burn"]),
    ("a.yaml", b"trainer:\n  max_epochs: -1\n", &["`trainer.max_epochs`", "found -1"]),
    ("a.yaml", b"optimizer:\n  lr: 0.1\n", &["`optimizer` cannot be set in a configuration", "part of the module"]),
    ("a.yaml", b"model:\n  class_path: my.Other\n", &["the model of this program is `Net`, found `my.Other`"]),
    ("a.yaml", b"trainer:\n  callbacks:\n    - class_path: my.Own\n", &["unknown callback `my.Own`", "a.yaml:3:"]),
];

#[test]
fn files_that_are_refused() {
    let mut wrong = Vec::new();
    for (name, text, parts) in REFUSED {
        let told = start(&["fit", "--config", name], &[(name, text)], &[], "");
        let is_told = parts.iter().all(|part| told.err.contains(part));
        if told.code != 2 || !is_told || !told.left.is_empty() {
            wrong.push(format!("{:?}: {} {:?}\n{}", String::from_utf8_lossy(text), told.code, told.left, told.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let deep = format!("model: {}1{}\n", "[".repeat(60), "]".repeat(60));
    let told = start(&["fit", "--config", "a.yaml"], &[("a.yaml", deep.as_bytes())], &[], "");
    assert_eq!(told.code, 2);
    assert!(told.err.contains("levels") || told.err.contains("not YAML"), "{}", told.err);
    let large = "#".repeat(100 << 20);
    let told = start(&["fit", "--config", "a.yaml"], &[("a.yaml", large.as_bytes())], &[], "");
    assert_eq!(told.code, 2);
    assert!(told.err.contains("a configuration must have at most 1 MiB"), "{}", told.err);
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = b"model:\n  lrr: 0.1\n  small: x\ndata:\n  batch_size: -1\n";
    let told = start(&["fit", "--config", "a.yaml", "--trainer.max_epoch", "3"], &[("a.yaml", text)], &[], "");
    assert_eq!(told.err.matches("error: ").count(), 4, "{}", told.err);
}

#[test]
fn variables_are_between_files_and_flags() {
    let run = |args: &[&str], vars: &[(&str, &str)]| {
        let all: Vec<&str> = ["fit", "--print-config", "--config", "base.yaml"].iter().chain(args).copied().collect();
        start(&all, &files(), vars, "")
    };
    let told =
        run(&[], &[("LIGHTNING_MODEL__LR", "0.75"), ("LIGHTNING_MODEL__BLOCK__WIDTH", "3"), ("LIGHTNING_SEED", "9")]);
    for line in ["  lr: 0.75\n", "    width: 3\n", "seed: 9\n", "  batch_size: 8\n"] {
        assert!(told.out.contains(line), "{line}{}{}", told.out, told.err);
    }
    let told = run(&["--model.lr", "2"], &[("LIGHTNING_MODEL__LR", "0.75")]);
    assert!(told.out.contains("  lr: 2.0\n"), "{}", told.out);
    // Others with this start are not ours.
    assert_eq!(run(&[], &[("LIGHTNING_CLOUD_URL", "x"), ("LIGHTNING_SEARCH_WORKER", "")]).code, 0);
    for (vars, part) in [
        (&[("LIGHTNING_MODEL__LRR", "1")][..], "did you mean `LIGHTNING_MODEL__LR`?"),
        (&[("LIGHTNING_MODEL__LR", "x")], "`model.lr` must be a number, found the text \"x\""),
        (&[("LIGHTNING_MODEL__BLOCK", "{width: 1}"), ("LIGHTNING_MODEL__BLOCK__WIDTH", "2")], "set the same key"),
        (&[("LIGHTNING_MODEL__LR__X", "1")], "names no setting"),
    ] {
        let told = run(&[], vars);
        assert_eq!(told.code, 2, "{}", told.out);
        assert!(told.err.contains(part), "{part}: {}", told.err);
    }
}

/// A configuration that PyTorch Lightning 2.6's `LightningCLI` wrote, with the class paths of this
/// program.
const LIGHTNING: &str = "\
# lightning.pytorch==2.6.0
seed_everything: 42
trainer:
  accelerator: auto
  strategy: auto
  devices: auto
  num_nodes: 1
  precision: null
  logger:
  - class_path: lightning.pytorch.loggers.CSVLogger
    init_args:
      save_dir: logs
      name: lightning_logs
      version: null
      flush_logs_every_n_steps: 100
  callbacks:
  - class_path: lightning.pytorch.callbacks.EarlyStopping
    init_args:
      monitor: val_loss
      min_delta: 0.0
      patience: 3
      verbose: false
      mode: min
      strict: true
      check_finite: true
      stopping_threshold: null
      divergence_threshold: null
  fast_dev_run: false
  max_epochs: 3
  min_epochs: null
  max_steps: -1
  min_steps: null
  max_time: null
  limit_train_batches: null
  limit_val_batches: null
  limit_test_batches: null
  limit_predict_batches: null
  overfit_batches: 0.0
  val_check_interval: null
  check_val_every_n_epoch: 1
  num_sanity_val_steps: null
  log_every_n_steps: null
  enable_checkpointing: null
  enable_progress_bar: null
  enable_model_summary: null
  accumulate_grad_batches: 1
  gradient_clip_val: null
  gradient_clip_algorithm: null
  deterministic: null
  benchmark: null
  inference_mode: true
  use_distributed_sampler: true
  profiler: null
  detect_anomaly: false
  barebones: false
  plugins: null
  sync_batchnorm: false
  reload_dataloaders_every_n_epochs: 0
  default_root_dir: null
model:
  class_path: my_package.Net
  init_args:
    lr: 0.02
data:
  class_path: my_package.Points
  init_args:
    batch_size: 32
ckpt_path: null
";

#[test]
fn a_configuration_of_pytorch_lightning() {
    let told = start(&["fit", "--print-config", "--config", "pl.yaml"], &[("pl.yaml", LIGHTNING.as_bytes())], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    for line in
        ["seed: 42", "  lr: 0.02", "  batch_size: 32", "  max_epochs: 3", "  max_steps: null", "class_path: CsvLogger"]
    {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    let told = start(&["fit", "--config", "pl.yaml"], &[("pl.yaml", LIGHTNING.as_bytes())], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.folder.path().join("logs/lightning_logs/version_0/metrics.csv").is_file());
}

#[test]
fn a_run_writes_its_configuration_which_is_accepted_again() {
    let told = start(&["fit", "--config", "base.yaml", "--trainer.callbacks+=LearningRateMonitor"], &files(), &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    let saved = told.folder.path().join("lightning_logs/version_0/config.yaml");
    let text = fs::read_to_string(&saved).unwrap();
    assert!(text.contains("class_path: LearningRateMonitor") && text.contains("    width: 6"), "{text}");
    let again = start_in(told.folder, &["fit", "--config", "lightning_logs/version_0/config.yaml"], &[], &[], "");
    assert_eq!(again.code, 0, "{}", again.err);
    let second = again.folder.path().join("lightning_logs/version_1");
    assert_eq!(fs::read_to_string(second.join("config.yaml")).unwrap(), text);
    let metrics = |version: &str| fs::read_to_string(again.folder.path().join(version).join("metrics.csv")).unwrap();
    assert_eq!(metrics("lightning_logs/version_0"), metrics("lightning_logs/version_1"));
    // Without a seed, the file has the one that was drawn.
    let told = start(&["fit", "--trainer.max_epochs", "1"], &[], &[], "");
    let text = fs::read_to_string(told.folder.path().join("lightning_logs/version_0/config.yaml")).unwrap();
    assert!(text.contains("seed: ") && !text.contains("seed: null"), "{text}");
}

fn fitted() -> Told {
    let told = start(&["fit", "--config", "base.yaml"], &files(), &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    told
}

#[test]
fn checkpoints() {
    let told = start_in(fitted().folder, &["test", "--ckpt", "last"], &[], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    // The width of the checkpoint, 6, and not the default.
    assert!(told.out.contains("test_loss"), "{}", told.out);
    let told = start_in(told.folder, &["test"], &[], &[], "");
    assert!(told.code == 0 && told.err.contains("the weights are untrained"), "{}", told.err);
    let told = start_in(told.folder, &["fit", "--ckpt", "last", "--trainer.max_epochs", "3"], &[], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("resumed"), "{}", told.out);
    let told = start(&["fit", "--ckpt", "auto"], &[], &[], "");
    assert_eq!(told.code, 0, "{}", told.err);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Other {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Other {
    fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
        self.layer.forward(x).mean()
    }
}

#[test]
fn a_checkpoint_of_another_module() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut trainer = Other::trainer().max_epochs(1).no_logger().build().unwrap();
    let path = folder.path().join("other.ckpt");
    trainer.save_checkpoint(&Other::new(OtherHparams::default()), &path).unwrap();
    for command in ["fit", "test"] {
        let told = start(&[command, "--ckpt", path.to_str().unwrap()], &[], &[], "");
        assert_eq!((told.code, told.left.len()), (2, 0), "{}", told.err);
        assert!(told.err.contains("the checkpoint must be of the module `Net`, found `Other`"), "{}", told.err);
    }
    fs::write(&path, b"no checkpoint").unwrap();
    assert_eq!(start(&["test", "--ckpt", path.to_str().unwrap()], &[], &[], "").code, 2);
}

#[test]
fn fast_dev_run_writes_nothing() {
    let told = start(&["fit", "--fast-dev-run"], &[], &[], "");
    assert_eq!((told.code, told.left.len()), (0, 0), "{}{:?}", told.err, told.left);
}

#[test]
fn an_error_of_the_run_ends_with_1() {
    // A folder cannot be made where a file is.
    let told = start(&["fit", "--trainer.default_root_dir", "file"], &[("file", b"")], &[], "");
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.starts_with("Error: "), "{}", told.err);
}

#[test]
fn a_search_by_flags() {
    let args = ["tune", "--trials", "4", "--seed", "1", "--storage", "study.log", "--report", "study.html"];
    let mut args = args.to_vec();
    args.extend(["--space.lr", "log(1e-4..1e-2)", "--space.block.width", "choice(2, 3)", "--trainer.max_epochs", "1"]);
    let told = start(&args, &[], &[], "");
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for part in ["val_loss", "lr", "block.width", "study.html"] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let log = fs::read_to_string(told.folder.path().join("study.log")).unwrap();
    assert!(log.contains("block.width") && !log.contains("\"high\":0.1}"), "{log}");
    assert!(told.folder.path().join("study.html").is_file());
    assert!(!told.folder.path().join("lightning_logs").exists());
}

/// Numbers that look random and are the same in each run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A key and one of its values, or nothing.
    fn line(&mut self, indent: &str, key: &str, values: &[&str]) -> String {
        if self.below(3) == 0 { String::new() } else { format!("{indent}{key}: {}\n", self.one(values)) }
    }
}

#[test]
fn a_printed_configuration_is_a_fixed_point() {
    let mut draws = Draws(1);
    for number in 0..200 {
        let mut text = draws.line("", "seed", &["null", "0", "7", "18446744073709551615"]);
        text.push_str("model:\n  flag: false\n");
        text += &draws.line("  ", "lr", &["1e-3", "1", "0.1", "1.0e+300", "5e-324", "0.30000000000000004", "-0.0"]);
        text += &draws.line(
            "  ",
            "name",
            &["a", "'no'", "\"\"", "\"1e3\"", "\"a: b # c\"", "\"\\u00e9\\u4e2d\\n\\t\\u0007\"", "'~'"],
        );
        text += &draws.line("  ", "note", &["null", "'null'", "x", "\"{a}\"", "'- b'"]);
        text += &draws.line("  ", "sizes", &["[]", "[1]", "[3, 2, 1]"]);
        text += &draws.line("  ", "betas", &["[0.5, 1]", "[0.1, 1e-9]"]);
        text += &draws.line("  ", "limit", &[".inf", "-.inf", "3", ".nan"]);
        text += &draws.line("  ", "weights", &["{}", "{a: 0.1}", "{'1': 2, \"x y\": 3.5}"]);
        text += &draws.line("  ", "small", &["-128", "127", "0"]);
        text += &draws.line("  ", "letter", &["b", "'1'", "\"\\\"\"", "é", "' '"]);
        text += &draws.line("  ", "loss", &["Mse", "{Huber: {delta: 0.1}}", "{Weighted: []}", "{Weighted: [1.5, 2]}"]);
        text.push_str("  block:\n    width: 3\n");
        text += &draws.line("    ", "dropout", &["0", "0.25"]);
        text.push_str("trainer:\n  max_epochs: 4\n");
        text += &draws.line("  ", "limit_val_batches", &["0", "3", "0.5", "1.0"]);
        text += &draws.line("  ", "val_check_interval", &["10", "0.25", "{steps: 3}", "{time: \"00:00:10:00\"}"]);
        text += &draws.line("  ", "max_time", &["null", "\"00:01:00:00\"", "{minutes: 90}"]);
        text += &draws.line("  ", "gradient_clip_val", &["null", "0.5", "1"]);
        text += &draws.line("  ", "devices", &["1", "[0]", "null"]);
        text += &draws.line("  ", "profiler", &["null", "simple", "trace.json"]);
        text += &draws.line("  ", "default_root_dir", &["runs", "\"a b\"", "./x"]);
        text += &draws.line(
            "  ",
            "logger",
            &[
                "null",
                "false",
                "CsvLogger",
                "[TensorBoardLogger, {class_path: CSVLogger, init_args: {save_dir: x, version: 3}}]",
            ],
        );
        text += &draws.line(
            "  ",
            "callbacks",
            &[
                "[]",
                "EarlyStopping",
                "[{class_path: ModelCheckpoint, init_args: {monitor: val_score, save_top_k: -1}}, Timer]",
                "[{class_path: GradientAccumulationScheduler, init_args: {scheduling: {0: 2, 3: 4}}}]",
                "[{class_path: StochasticWeightAveraging, init_args: {swa_lrs: [0.1], swa_epoch_start: 2}}]",
            ],
        );
        let first = start(&["--print-config", "--config", "/dev/stdin"], &[], &[], &text);
        assert_eq!(first.code, 0, "{number}: {text}{}", first.err);
        let second = start(&["--print-config", "--config", "/dev/stdin"], &[], &[], &first.out);
        assert_eq!(second.code, 0, "{number}: {}{}", first.out, second.err);
        assert_eq!(second.out, first.out, "{number}: {text}");
    }
}

#[test]
fn the_help_is_quick() {
    let times = (0..11).map(|_| {
        let started = std::time::Instant::now();
        assert_eq!(start(&["--help"], &[], &[], "").code, 0);
        started.elapsed()
    });
    // The quickest, since other programs of the machine take their time too.
    let quickest = times.min().unwrap();
    assert!(quickest.as_millis() < 20, "{quickest:?}");
}

/// Builder methods that are not settings of their own in a configuration.
const OTHERS: &[&str] = &["callback", "logger", "no_logger", "resume_from", "read_back"];

#[test]
fn every_setting_of_the_builder_has_a_key() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lightning-core/src/settings");
    let told = start(&["--print-config"], &[], &[], "");
    let mut count = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&path).unwrap();
        let Some((_, methods)) = text.split_once("> TrainerBuilder<M, K> {") else { continue };
        for method in methods.split("    pub fn ").skip(1) {
            let name: String = method.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if OTHERS.contains(&name.as_str()) {
                continue;
            }
            count += 1;
            assert!(
                told.out.contains(&format!("\n  {name}: ")),
                "`{name}` is no key of a configuration:\n{}",
                told.out
            );
        }
    }
    assert!(count > 35, "{count}");
}
