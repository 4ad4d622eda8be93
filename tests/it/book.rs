//! README and book name what exists: settings, hooks, metrics, callbacks and every other name in
//! code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Names that stand for one of the reader's own.
const PLACEHOLDERS: &[&str] = &[
    "Disk",
    "EncoderHparams",
    "MyInput",
    "NameHparams",
    "VAL_CONFUSION",
    "VAL_F1",
    "VAL_ROC",
    "package",
    "with_width",
];

/// Names of PyTorch's that the book compares ours with.
const FOREIGN: &[&str] = &[
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "FlopCounterMode",
    "GradScaler",
    "LambdaLR",
    "LightningCLI",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "SequentialLR",
    "StepLR",
    "amp",
    "pth",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The README and the chapters, by their paths.
fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(root().join("docs/src")).unwrap().map(|entry| entry.unwrap().path());
    let files = folder.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let chapters = files.map(|path| format!("docs/src/{}", path.file_name().unwrap().to_string_lossy()));
    let mut pages: Vec<String> = chapters.chain(["README.md".to_owned()]).collect();
    pages.sort();
    pages.into_iter().map(|page| (page.clone(), read(&page))).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Every word of the sources below a folder, without comments.
fn known(folder: &Path, found: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            known(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            let text = fs::read_to_string(path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.extend(code.flat_map(words).map(str::to_owned));
        }
    }
}

/// The text outside of code blocks, line by line, and the text of the code blocks.
fn prose_and_code(page: &str) -> (Vec<&str>, String) {
    let (mut prose, mut code, mut inside) = (Vec::new(), String::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            code.push_str(line);
            code.push('\n');
        } else {
            prose.push(line);
        }
    }
    (prose, code)
}

/// What stands between single backticks in a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The words of a span that name an item: those that are called or are part of a path, and types.
fn names(span: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for word in words(span) {
        let at = word.as_ptr() as usize - span.as_ptr() as usize;
        let (before, after) = (&span[..at], &span[at + word.len()..]);
        let is_path =
            after.starts_with('(') || after.starts_with("::") || before.ends_with('.') || before.ends_with("::");
        let is_type = word.starts_with(char::is_uppercase)
            && word.chars().filter(|c| c.is_uppercase()).count() > 1
            && word.chars().any(char::is_lowercase);
        if (is_path || is_type) && !word.starts_with(char::is_numeric) {
            found.push(word);
        }
    }
    found
}

#[test]
fn every_name_in_the_book_exists() {
    let mut known_words = BTreeSet::new();
    for folder in ["lightning-core/src", "lightning-macros", "examples/src"] {
        known(&root().join(folder), &mut known_words);
    }
    let mut unknown = Vec::new();
    for (page, text) in pages() {
        let (prose, code) = prose_and_code(&text);
        let own: BTreeSet<&str> = words(&code).collect();
        for line in prose {
            // The first column of the phrase book is PyTorch Lightning's.
            let foreign = page.contains("coming-from-pytorch-lightning") && line.starts_with('|');
            let line = if foreign { line.splitn(3, '|').nth(2).unwrap_or_default() } else { line };
            for name in spans(line).flat_map(names) {
                if !known_words.contains(name)
                    && !own.contains(name)
                    && ![PLACEHOLDERS, FOREIGN].concat().contains(&name)
                {
                    unknown.push(format!("{page}: `{name}`"));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "the sources have no such names:\n{}", unknown.join("\n"));
}

/// The builder methods of a trainer, without hidden ones.
fn settings() -> BTreeSet<String> {
    let mut settings = BTreeSet::new();
    for path in fs::read_dir(root().join("lightning-core/src/settings")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(path).unwrap();
        let Some((_, methods)) = text.split_once("impl<M, K> TrainerBuilder<M, K> {") else { continue };
        let methods = methods.split("\n}\n").next().unwrap();
        for (at, _) in methods.match_indices("    pub fn ") {
            let attributes = methods[..at].rsplit("\n\n").next().unwrap();
            if !attributes.contains("doc(hidden)") {
                settings.extend(words(&methods[at + "    pub fn ".len()..]).next().map(str::to_owned));
            }
        }
    }
    settings
}

#[test]
fn the_chapter_of_settings_lists_every_setting_and_no_other() {
    let settings = settings();
    assert!(settings.len() > 35, "{settings:?}");
    let chapter = read("docs/src/06-trainer-settings.md");
    let missing: Vec<_> = settings.iter().filter(|setting| !chapter.contains(&format!("`{setting}("))).collect();
    assert!(missing.is_empty(), "not in the chapter: {missing:?}");
    let mut unknown = Vec::new();
    let mut of_settings = false;
    for line in chapter.lines() {
        of_settings = line.starts_with("| setting") || (of_settings && line.starts_with('|'));
        if of_settings && !line.starts_with("| setting") {
            let first = line.split('|').nth(1).unwrap_or_default();
            let named = spans(first).filter_map(|span| span.split_once('(')).map(|(name, _)| name);
            // A function that stands in the table beside the settings.
            let named = named.filter(|name| *name != "seed_everything");
            unknown.extend(named.filter(|name| !settings.contains(*name)).map(str::to_owned));
        }
    }
    assert!(unknown.is_empty(), "no such settings: {unknown:?}");
}

/// The types that a file re-exports and that are not in `except`.
fn exported(file: &str, except: &[&str]) -> BTreeSet<String> {
    let text = read(file);
    let mut types = BTreeSet::new();
    for (at, _) in text.match_indices("pub use ") {
        let list = text[at..].split(';').next().unwrap();
        let found = words(list).filter(|word| word.starts_with(char::is_uppercase) && !except.contains(word));
        types.extend(found.map(str::to_owned));
    }
    types
}

#[test]
fn the_chapters_list_every_callback() {
    let types = exported("lightning-core/src/callbacks/mod.rs", &[]);
    let chapter = read("docs/src/09-callbacks.md") + &read("docs/src/07-checkpoints-and-resuming.md");
    let mut missing = Vec::new();
    for name in types {
        let is_callback = ["callbacks", "engine"].iter().any(|room| {
            let mut files = Vec::new();
            sources(&root().join("lightning-core/src").join(room), &mut files);
            files
                .iter()
                .any(|text| text.contains("Callback<M> for ") && text.contains(&format!("Callback<M> for {name}")))
        });
        if is_callback && !chapter.contains(&name) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "no chapter has {missing:?}");
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The names that a `pub use` list brings in.
fn exported_names(list: &str) -> usize {
    let list = list.replace('\n', " ");
    let mut names = BTreeSet::new();
    let mut rest = list.as_str();
    while let Some(at) = rest.find("pub use ") {
        let (tree, after) = rest[at..].split_once(';').unwrap();
        let hidden = rest[..at].trim_end().ends_with("#[doc(hidden)]");
        let leaves =
            tree.split([',', '{', '}']).map(str::trim).filter(|leaf| !leaf.is_empty() && !leaf.ends_with("::"));
        let names_of = leaves.map(|leaf| leaf.rsplit("::").next().unwrap().trim_start_matches("pub use "));
        if !hidden {
            names.extend(names_of.filter(|name| !name.ends_with(" as _") && *name != "self").map(str::to_owned));
            // `callbacks::{self, …}` names the module.
            names.extend(tree.match_indices("::{self").map(|(at, _)| words(&tree[..at]).last().unwrap().to_owned()));
        }
        rest = after;
    }
    names.len()
}

#[test]
fn the_front_door_is_small() {
    let text = read("lightning-core/src/lib.rs");
    let text: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
    let (root, prelude) = text.split_once("pub mod prelude").unwrap();
    let modules = root.lines().filter(|line| line.starts_with("pub mod ") && !line.contains("__private")).count();
    let names = exported_names(root);
    // A subject is a module; a name at the root is for what nearly every program writes.
    assert!(modules <= 30 && names <= 41, "{modules} modules and {names} names at the root of the crate");
    let names = exported_names(prelude);
    assert!((30..=40).contains(&names), "{names} names in the prelude");
}
