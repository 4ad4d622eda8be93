//! The tables of the documentation are those of the code; `UPDATE_EXPECT=1` rewrites them.

use std::{fs, path::Path};

use expect_test::expect_file;

use crate::hooks::{FOREIGN, HOOKS, HookDef, Owner, UNAVAILABLE, doc_table, with_hooks};

#[test]
fn the_documentation_has_the_tables_of_hooks() {
    expect_file!["../../docs/module_hooks.md"].assert_eq(&doc_table(Owner::Module));
    expect_file!["../../docs/data_hooks.md"].assert_eq(&doc_table(Owner::Data));
}

#[test]
fn every_hook_is_looked_for_in_other_impls() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lightning-core/src/module/misplaced_hooks.rs");
    let text = fs::read_to_string(&file).expect("the checkout has the runtime");
    let (_, checked) = text.split_once("macro_rules! __misplaced_hooks").expect("the macro of modules");
    let (module, data) = checked.split_once("macro_rules! __misplaced_data_hooks").expect("that of data modules");
    for (owner, text) in [(Owner::Module, module), (Owner::Data, data)] {
        let words: Vec<&str> = text.split_whitespace().collect();
        // A type may have a constructor of this name.
        for hook in HookDef::of(owner).filter(|hook| hook.name != "init") {
            assert!(words.contains(&hook.name), "{}", hook.name);
        }
    }
}

#[test]
fn the_book_has_the_tables_of_hooks() {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/03-steps-hooks-and-log.md");
    let Ok(text) = fs::read_to_string(&chapter) else {
        eprintln!("SKIPPED the_book_has_the_tables_of_hooks: {} does not exist", chapter.display());
        return;
    };
    let mut fresh = text.clone();
    for (marker, owner) in [("<!-- hooks: module -->", Owner::Module), ("<!-- hooks: data -->", Owner::Data)] {
        fresh = replace_table(&fresh, marker, &doc_table(owner));
    }
    if fresh != text && std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&chapter, fresh).expect("the chapter can be written");
        return;
    }
    assert!(fresh == text, "{} has other tables: rewrite them with UPDATE_EXPECT=1", chapter.display());
}

/// The text with another table between the marker and the next `<!-- /hooks -->`.
fn replace_table(text: &str, marker: &str, table: &str) -> String {
    let (before, rest) = text.split_once(marker).unwrap_or_else(|| panic!("no `{marker}`"));
    let (_, after) = rest.split_once("<!-- /hooks -->").unwrap_or_else(|| panic!("`{marker}` is not closed"));
    format!("{before}{marker}\n{table}<!-- /hooks -->{after}")
}

#[test]
fn a_table_is_replaced_between_its_markers() {
    let text = "a\n<!-- hooks: data -->\nold\n<!-- /hooks -->\nb\n";
    let fresh = replace_table(text, "<!-- hooks: data -->", "| new |\n");
    assert_eq!(fresh, "a\n<!-- hooks: data -->\n| new |\n<!-- /hooks -->\nb\n");
    assert_eq!(replace_table(&fresh, "<!-- hooks: data -->", "| new |\n"), fresh);
}

/// The names and the order are public, through `Hook::ALL`.
#[test]
fn the_rows_are_those_of_the_enum() {
    let names = |input: &str| -> Vec<String> {
        let rows = with_hooks(input.parse().expect("tokens")).to_string();
        rows.split("{ ").filter_map(|row| Some(row.split_once(" = ")?.0.to_owned())).collect()
    };
    let all = names("target");
    assert_eq!(all.first().map(String::as_str), Some("prepare_data"));
    assert_eq!(all.last().map(String::as_str), Some("on_load_checkpoint"));
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((all.len(), distinct.len()), (39, 39));
    let for_module_alone = ["prepare_data", "configure_gradient_clipping"];
    let expected: Vec<String> = all.into_iter().filter(|name| !for_module_alone.contains(&name.as_str())).collect();
    assert_eq!(names("target, callbacks"), expected);
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
