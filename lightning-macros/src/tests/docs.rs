//! The documentation's tables are those of the code.

use crate::hooks::{FOREIGN, HOOKS, HookDef, Owner, UNAVAILABLE, doc_table};

/// The lines of `lib.rs` as rustdoc reads them.
fn documentation() -> String {
    include_str!("../lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("/// "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_documentation_has_the_tables_of_hooks() {
    for owner in [Owner::Module, Owner::Data] {
        let table = doc_table(owner);
        assert!(
            documentation().contains(&table),
            "put this into lib.rs:\n{}",
            table.lines().map(|line| format!("/// {line}\n")).collect::<String>()
        );
    }
}

#[test]
fn foreign_names_lead_to_hooks() {
    for (name, target) in FOREIGN {
        assert!(HOOKS.iter().any(|hook| hook.name == *target), "`{name}` leads to `{target}`");
        assert!(HOOKS.iter().all(|hook| hook.name != *name), "`{name}` is a hook");
    }
    for (name, _) in UNAVAILABLE {
        assert!(HookDef::find(Owner::Module, name).is_none(), "`{name}` is a hook");
    }
}

#[test]
fn ordinary_names_are_left_alone() {
    let names = [
        "forward",
        "sample",
        "generate",
        "step",
        "body",
        "loss",
        "encode",
        "decode",
        "translate",
        "train",
        "test",
        "predict",
        "validate",
        "steps",
        "set",
        "inits",
        "unit",
        "reset",
        "next_step",
        "teach",
        "on_device",
        "once",
        "backbone",
        "train_loader",
        "batch",
        "epoch",
        "greedy_shifted",
        "shared_step",
        "compute_loss",
        "load",
        "save",
        "accuracy",
    ];
    for name in names {
        let source = format!("#[lightning_module] impl Net {{ fn {name}(&self, x: u8) {{}} }}");
        assert_eq!(super::messages(&source), Vec::<String>::new(), "{name}");
    }
}
