//! The compiler's messages for wrong programs, in `ui`: one folder for each class of mistake.
//!
//! Each program is minimal; its first line has the number of its mistakes. `UI=c11_log` checks the
//! programs whose path has this in it. `UPDATE_EXPECT=1` rewrites the expected messages, which are
//! reviewed like prose before a commit.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod normalize;
mod program;

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use program::Compiler;

/// The compiler version of the expected messages.
const COMPILER: &str = "rustc 1.95.";

/// The folder that covers each check of the macro crate.
const COVERED: &[(&str, &str)] = &[
    ("check_names", "c01_unknown_hook"),
    ("check_receivers", "c02_receiver"),
    ("check_qualifiers", "c02_receiver"),
    ("check_params", "c03_parameters"),
    ("check_param_cfgs", "c03_parameters"),
    ("check_one_batch", "c03_parameters"),
    ("check_lent", "c03_parameters"),
    ("check_batches", "c03_parameters"),
    ("check_python_hints", "c03_parameters"),
    ("check_method_dims", "c03_parameters"),
    ("check_named_outputs", "c04_outputs"),
    ("check_init_output", "c04_outputs"),
    ("check_generated_names", "c10_names_twice"),
    ("check_repeated_hooks", "c10_names_twice"),
    ("check_metric_conflicts", "c10_names_twice"),
    ("check_metric_constants", "c10_names_twice"),
    ("check_log_places", "c11_log"),
    ("check_log_forms", "c11_log"),
    ("check_log_options", "c11_log"),
    ("check_direction", "c11_log"),
    ("check_stateful", "c11_log"),
    ("check_views", "c11_log"),
    ("check_suffix", "c11_log"),
    ("check_overlaps", "c12_optimizers"),
    ("check_training_steps", "c12_optimizers"),
    ("check_fields", "c12_optimizers"),
    ("check_impl_attributes", "c12_optimizers"),
    ("check_parts", "c13_optimizer_options"),
    ("check_schedules", "c13_optimizer_options"),
    ("check_units", "c13_optimizer_options"),
    ("check_groups", "c13_optimizer_options"),
    ("check_manual", "c19_never_runs"),
    ("check_macro_calls", "c19_never_runs"),
    ("check_cadences", "c19_never_runs"),
    ("check_unit", "c19_never_runs"),
    ("check_repeated_fields", "c14_fields"),
    ("check_one_role", "c14_fields"),
    ("check_every_role", "c14_fields"),
    ("check_expressions", "c14_fields"),
    ("check_scope", "c14_fields"),
    ("check_field_types", "c14_fields"),
    ("check_frozen", "c14_fields"),
    ("check_precision", "c14_fields"),
    ("check_module_attrs", "c14_fields"),
    ("check_no_lifetimes", "c14_fields"),
    ("check_search", "c15_hparams"),
    ("check_hparam_names", "c14_fields"),
    ("check_hparam_generics", "c14_fields"),
    ("check_hparam_serde", "c14_fields"),
    ("check_one_size", "c16_batch_size"),
    ("check_field_dims", "c16_batch_size"),
    ("check_rank", "c16_batch_size"),
    ("check_lifetimes", "c16_batch_size"),
    ("check_struct_shape", "c17_wrong_item"),
    ("check_impl_item", "c17_wrong_item"),
    ("check_self_type", "c17_wrong_item"),
    ("check_burn_types", "c18_older_burn"),
    ("check_tensors", "c18_older_burn"),
];

/// Programs for which rustc or another derive reports one mistake several times.
const REPEATED_BY_OTHERS: &[(&str, usize, &str)] = &[
    ("c04_outputs/list_of_what_is_no_batch", 2, "rustc checks the element of the list at the type and at the body"),
    (
        "c14_fields/struct_that_is_no_module",
        5,
        "Burn's derive requires `Debug`, `Module`, `ModuleDisplay` and `Clone` separately",
    ),
    ("c14_fields/own_fields_struct", 2, "rustc also checks the fields of the struct that it takes for the other"),
    ("c14_fields/state_without_debug", 2, "Burn's derive requires `Debug` again"),
    ("c15_hparams/own_derived_struct_of_the_name", 4, "the two structs of one name have each derive twice"),
    ("c15_hparams/not_serde", 3, "serde's derive requires `Serialize` once, and `Deserialize` for lists and for maps"),
    ("c15_hparams/not_serde_in_data", 3, "as above"),
    ("c15_hparams/not_serde_without_default", 4, "as above, and again for the missing field"),
    ("c21_syntax/fn_without_parameters", 2, "rustc reports the missing parameters and the missing body"),
    ("c21_syntax/half_typed_field", 2, "rustc reports the missing name and the missing `;`"),
    ("c21_syntax/method_of_a_data_module", 2, "as above"),
    ("c22_files/hparams_of_another_type", 2, "rustc looks up the fields and the function of the type"),
    ("c18_older_burn/batch", 2, "a derive cannot change the item, which rustc also checks"),
    ("c18_older_burn/kinds_of_a_batch", 6, "as above"),
    ("c18_older_burn/targets", 2, "as above"),
];

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All programs with their paths below `ui`, without the extension.
fn programs() -> Vec<(String, PathBuf)> {
    let mut programs = Vec::new();
    for row in fs::read_dir(folder("ui")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = row.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with('c') || !row.is_dir() {
            continue;
        }
        for file in fs::read_dir(&row).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "rs") {
                programs.push((format!("{name}/{}", file.file_stem().unwrap().to_string_lossy()), file));
            }
        }
    }
    programs.sort();
    programs
}

#[test]
fn wrong_programs() {
    let compiler = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let compiler = String::from_utf8_lossy(&compiler);
    if !compiler.starts_with(COMPILER) {
        eprintln!("SKIPPED wrong_programs: the expected messages are those of {COMPILER}x, found {compiler}");
        return;
    }
    let asked = env::var("UI").unwrap_or_default();
    let programs: Vec<String> = programs().into_iter().map(|(name, _)| name).collect();
    let programs: Vec<&String> = programs.iter().filter(|name| name.contains(&asked)).collect();
    assert!(!programs.is_empty(), "no program has `{asked}` in its path");
    let (compiler, update) = (Compiler::new(), env::var_os("UPDATE_EXPECT").is_some());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(name) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(compiler.check(name, update));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} differ:\n\n{}", wrong.len(), programs.len(), wrong.join("\n"));
}

#[test]
fn one_error_for_each_mistake() {
    let mut wrong = Vec::new();
    for (name, file) in programs() {
        let source = fs::read_to_string(&file).unwrap();
        let first = source.lines().next().unwrap_or_default();
        let mistakes: usize =
            first.strip_prefix("// mistakes: ").unwrap_or_else(|| panic!("{name}: no number")).parse().unwrap();
        let expected = fs::read_to_string(file.with_extension("stderr")).unwrap_or_default();
        let closing = |line: &&str| !line.contains("aborting due to") && !line.contains("could not compile");
        let errors = expected.lines().filter(|line| line.starts_with("error")).filter(closing).count();
        let repeated = REPEATED_BY_OTHERS.iter().find(|(case, ..)| *case == name);
        let allowed = repeated.map_or(mistakes, |(_, errors, _)| *errors);
        if errors != allowed {
            wrong.push(format!("{name}: {mistakes} mistakes, {errors} errors"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_folder() {
    let sources = folder("../lightning-macros/src/validate");
    let mut files: Vec<PathBuf> = fs::read_dir(&sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(sources.with_extension("rs"));
    let mut checks = Vec::new();
    for file in files {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some((_, rest)) = line.split_once("fn check_") else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            checks.push(format!("check_{name}"));
        }
    }
    for check in &checks {
        assert!(COVERED.iter().any(|(covered, _)| covered == check), "`{check}` is in no folder");
    }
    for (check, row) in COVERED {
        assert!(checks.iter().any(|found| found == check), "`{check}` does not exist");
        assert!(folder("ui").join(row).is_dir(), "`{row}` does not exist");
    }
}

/// PyTorch Lightning reports these when the trainer reads the result of `configure_optimizers`.
#[test]
fn l5_schedules_that_cannot_be() {
    for (program, error) in [
        ("c13_optimizer_options/interval_misspelt", "`interval` must be `step` or `epoch`"),
        ("c13_optimizer_options/group_unknown_option", "unknown option `weigth_decay` of `#[optimizer(group(…))]`"),
        (
            "c12_optimizers/plain_and_bound",
            "`training_step` cannot be combined with steps that are bound to optimizers",
        ),
        ("c12_optimizers/bound_to_nothing", "unknown optimizer of `Net`"),
    ] {
        let stderr = fs::read_to_string(folder("ui").join(format!("{program}.stderr"))).unwrap();
        assert!(stderr.lines().any(|line| line.starts_with("error") && line.contains(error)), "{program}:\n{stderr}");
    }
}

#[test]
fn every_row_has_three_programs() {
    let programs = programs();
    for row in 1..=22 {
        let prefix = format!("c{row:02}_");
        let count = programs.iter().filter(|(name, _)| name.starts_with(&prefix)).count();
        assert!(count >= 3, "C{row} has {count}");
    }
    assert!(programs.len() >= 80);
}

/// The pages of the documentation show programs of `ui` and their messages. `UPDATE_EXPECT=1`
/// rewrites both.
#[test]
fn the_pages_of_mistakes_are_true() {
    let pages = folder("../lightning-core/docs/mistakes");
    let mut rows = Vec::new();
    let mut stale = Vec::new();
    for page in fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&page).unwrap();
        let marker = text.lines().find_map(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->"));
        let case = marker.unwrap_or_else(|| panic!("{}: no `<!-- row/program -->`", page.display()));
        rows.push(case.chars().take(3).collect::<String>());
        let file = folder("ui").join(case).with_extension("rs");
        let program = fs::read_to_string(&file).unwrap();
        let program = program.split_once('\n').map_or("", |(_, program)| program);
        let said = fs::read_to_string(file.with_extension("stderr")).unwrap();
        let fresh = replace_block(&text, "```rust,compile_fail\n", program);
        let fresh = replace_block(&fresh, "```text\n", &said.lines().map(without_the_first_line).collect::<String>());
        if fresh != text {
            stale.push(page.clone());
            if env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&page, fresh).unwrap();
            }
        }
    }
    rows.sort();
    assert_eq!(rows, (1..=22).map(|row| format!("c{row:02}")).collect::<Vec<_>>(), "one page for each row");
    assert!(stale.is_empty(), "rewrite them with UPDATE_EXPECT=1, and review them: {stale:?}");
}

/// The text with new content in the first block with this opening line.
fn replace_block(text: &str, open: &str, content: &str) -> String {
    let (before, rest) = text.split_once(open).unwrap_or_else(|| panic!("no {open}"));
    let end = if rest.starts_with("```") { 0 } else { rest.find("\n```").unwrap() + 1 };
    format!("{before}{open}{}\n{}", content.trim_end(), &rest[end..])
}

/// A line of a message for the program without its first line: line numbers are one less.
fn without_the_first_line(line: &str) -> String {
    let number = |text: &str| text.trim().parse::<usize>().ok().map(|number| number - 1);
    if let Some((arrow, place)) = line.split_once("--> ui/") {
        let mut parts = place.split(':').skip(1);
        let line = parts.next().and_then(number).unwrap_or_default();
        return format!("{arrow}--> src/main.rs:{line}:{}\n", parts.next().unwrap_or_default());
    }
    match line.split_once(" |") {
        Some((gutter, code)) if number(gutter).is_some() => {
            format!("{:>width$} |{code}\n", number(gutter).unwrap_or_default(), width = gutter.len())
        }
        _ => format!("{}\n", line.replace("$WORKSPACE/", "")),
    }
}

/// The chapter of the book on compiler errors shows the headline of one program for each row.
/// `UPDATE_EXPECT=1` rewrites it.
#[test]
fn the_chapter_of_compiler_errors_is_true() {
    let path = folder("../docs/src/12-compiler-errors.md");
    let text = fs::read_to_string(&path).unwrap();
    let (intro, sections) = text.split_once("<!-- c").unwrap();
    let mut fresh = intro.to_owned();
    let mut rows = Vec::new();
    for section in sections.split("<!-- c") {
        let (case, rest) = section.split_once(" -->").unwrap();
        rows.push(case.chars().take(2).collect::<String>());
        let said = fs::read_to_string(folder("ui").join(format!("c{case}.stderr"))).unwrap();
        let headline = said.lines().find(|line| line.starts_with("error")).unwrap();
        let (before, shown) = rest.split_once("```text\n").unwrap_or_else(|| panic!("{case}: no message is shown"));
        let (_, after) = shown.split_once('\n').unwrap();
        fresh.push_str(&format!("<!-- c{case} -->{before}```text\n{headline}\n{after}"));
    }
    assert_eq!(rows, (1..=22).map(|row| format!("{row:02}")).collect::<Vec<_>>(), "one program for each row");
    if fresh != text && env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(fresh == text, "rewrite it with UPDATE_EXPECT=1, and review it");
}
