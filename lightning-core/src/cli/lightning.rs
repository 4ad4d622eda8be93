//! Configurations of PyTorch Lightning: keys that mean the same here are taken, and the others refused
//! with the reason.

use lightning_config::{Content, Key, Node, Problems};

use super::{
    check::below,
    shape::{Shape, Table},
};

/// Keys of its `trainer` that are not settings here: the value that changes nothing, and the reason
/// why others are refused.
const TRAINER: &[(&str, &[&str], &str)] = &[
    ("benchmark", &["null", "false"], "kernels are chosen by Burn"),
    ("inference_mode", &["null", "true"], "evaluation never computes gradients"),
    ("plugins", &["null", "a list of 0 values"], "there are no plugins: `precision` and `strategy` are settings"),
    ("sync_batchnorm", &["null", "false"], "use `nn::SyncBatchNorm` in the module"),
    ("barebones", &["null", "false"], "write `Trainer::<Net>::barebones()` in a program of its own"),
    ("enable_autolog_hparams", &["null", "true"], "hyperparameters are always logged"),
    ("model_registry", &["null"], "there is no model registry"),
];

/// Keys of other sections.
const ROOT: &[(&str, &str)] = &[
    (
        "optimizer",
        "the optimizer is part of the module: `#[optimizer(AdamConfig::new(), lr = lr)]`; its rate is `model.lr`",
    ),
    ("lr_scheduler", "the schedule is part of the module: `#[optimizer(…, lr = Cosine::new(…))]`"),
];

/// Rewrites a configuration in place.
pub(super) fn translate(node: &mut Node, names: [&str; 2], root: &Table, problems: &mut Problems) {
    let Content::Map(entries) = &mut node.content else { return };
    let mut kept: Vec<(Key, Node)> = Vec::new();
    for (mut key, mut value) in std::mem::take(entries) {
        match key.name.as_str() {
            "seed_everything" => {
                "seed".clone_into(&mut key.name);
                // `true` draws a seed, as no seed does.
                if matches!(value.content, Content::Bool(_)) {
                    value.content = Content::Null;
                }
            }
            "ckpt_path" => "ckpt".clone_into(&mut key.name),
            "model" => unwrap_class(&mut value, "model", names[0], problems),
            "data" => unwrap_class(&mut value, "data", names[1], problems),
            "trainer" => trainer(&mut value, root, problems),
            name => {
                if let Some((_, why)) = ROOT.iter().find(|(other, _)| *other == name) {
                    problems.add(format!("`{name}` cannot be set in a configuration"), Some(&key.place), *why);
                    continue;
                }
            }
        }
        if let Some((first, _)) = kept.iter().find(|(other, _)| other.name == key.name) {
            let message = format!("`{}` is set twice", key.name);
            problems.add(message, Some(&first.place), format!("remove `{}` or its other name", key.name));
            continue;
        }
        // An empty section says nothing.
        if matches!(value.content, Content::Null) && ["model", "data", "trainer"].contains(&key.name.as_str()) {
            continue;
        }
        kept.push((key, value));
    }
    node.content = Content::Map(kept);
}

/// Replaces `{class_path: …, init_args: {…}}` by its arguments.
fn unwrap_class(node: &mut Node, section: &str, name: &str, problems: &mut Problems) {
    let Some(class) = node.get("class_path") else { return };
    let written = match &class.content {
        Content::Text(text) => text.clone(),
        _ => class.found(),
    };
    let short = written.rsplit(['.', ':']).next().unwrap_or_default();
    if short != name {
        let message = format!("the {section} of this program is `{name}`, found `{written}`");
        problems.add(message, Some(&class.place), format!("write `class_path: {name}`, or leave it out"));
        return;
    }
    for (key, _) in node.entries() {
        if !["class_path", "init_args"].contains(&key.name.as_str()) {
            let full = below(section, &key.name);
            let help = "the arguments are in `init_args`";
            problems.add(format!("unknown key `{full}` beside `class_path`"), Some(&key.place), help);
        }
    }
    let args = node.get("init_args").cloned().unwrap_or_else(|| Node::map(&node.place));
    *node = args;
}

fn trainer(node: &mut Node, root: &Table, problems: &mut Problems) {
    let settings = root.entry("trainer").and_then(|entry| entry.shape.table());
    let Content::Map(entries) = &mut node.content else { return };
    let mut kept = Vec::new();
    for (key, mut value) in std::mem::take(entries) {
        if let Some((_, neutral, why)) = TRAINER.iter().find(|(name, ..)| *name == key.name) {
            if !neutral.contains(&value.found().as_str()) {
                let message = format!("`trainer.{}` must be {}, found {}", key.name, neutral[0], value.found());
                problems.add(message, Some(&value.place), *why);
            }
            continue;
        }
        let null = match (key.name.as_str(), &value.content) {
            ("fast_dev_run", Content::Bool(true)) => {
                value.content = Content::Int(1);
                false
            }
            ("fast_dev_run", Content::Bool(false)) => true,
            ("devices", Content::Text(text)) => text == "auto",
            ("max_steps", Content::Int(-1)) => true,
            ("overfit_batches", Content::Float(share)) => *share == 0.0,
            ("overfit_batches" | "reload_dataloaders_every_n_epochs", Content::Int(0)) => true,
            (
                "limit_train_batches" | "limit_val_batches" | "limit_test_batches" | "limit_predict_batches",
                Content::Null,
            ) => {
                continue;
            }
            ("max_epochs", Content::Int(-1)) => {
                let help = "leave it out, and set `trainer.max_steps` or `trainer.max_time`";
                problems.add("`trainer.max_epochs` must be an integer from 0 on, found -1", Some(&value.place), help);
                continue;
            }
            ("num_sanity_val_steps", Content::Int(-1)) => {
                let help = "write a number of batches";
                problems.add(
                    "`trainer.num_sanity_val_steps` must be an integer from 0 on, found -1",
                    Some(&value.place),
                    help,
                );
                continue;
            }
            ("deterministic", Content::Text(text)) if text == "warn" => {
                let help = "write `true`, which refuses what is not deterministic";
                problems.add("`trainer.deterministic` must be true or false, found \"warn\"", Some(&value.place), help);
                continue;
            }
            _ => false,
        };
        if null {
            value.content = Content::Null;
        }
        // Its files have null for what is not set.
        let takes_null = settings
            .and_then(|table| table.entry(&key.name))
            .is_none_or(|entry| matches!(entry.shape, Shape::Optional(_) | Shape::Components(_)));
        if matches!(value.content, Content::Null) && !takes_null {
            continue;
        }
        kept.push((key, value));
    }
    node.content = Content::Map(kept);
}
