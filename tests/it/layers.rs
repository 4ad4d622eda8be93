//! The layers of `lightning-core`, as ARCHITECTURE.md lists them: a room imports only from rooms
//! below it, and no circle of imports has more than three files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The largest circle of files that import each other.
const LARGEST_CIRCLE: usize = 3;

/// Files that stand beside the layers: the façade, what generated code names, pages of
/// documentation. A folder of the name belongs to the file.
const BESIDE: &[&str] = &["lib.rs", "__private.rs", "mistakes.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A source file: its path below `src`, its module path, and its text without comments and tests.
struct Source {
    file: String,
    module: Vec<String>,
    text: String,
}

impl Source {
    /// The folder or top-level file that it belongs to.
    fn room(&self) -> &str {
        self.file.split('/').next().unwrap().trim_end_matches(".rs")
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("lightning-core/src");
    let mut sources = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
            let is_test = file.ends_with("tests.rs") || file.contains("/tests/");
            let stands_beside = BESIDE
                .iter()
                .any(|beside| file == *beside || file.split('/').next() == Some(beside.trim_end_matches(".rs")));
            if !file.ends_with(".rs") || stands_beside || is_test {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            sources.push(Source { module: module_of(&file), text: code(&text), file });
        }
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    sources
}

/// `engine/mod.rs` is the module `engine`, `engine/fit.rs` is `engine::fit`.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The lines before the inline tests, without comments.
fn code(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// One imported path, and whether it is a re-export.
struct Import {
    path: Vec<String>,
    reexport: bool,
}

/// The imports of a text: the leaves of its `use` declarations, and `crate::…` paths in its code.
fn imports(text: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].rsplit('\n').next().unwrap();
        let declares = before.trim().is_empty() || before.trim_start().starts_with("pub");
        let (tree, after) = rest[at + 4..].split_once(';').unwrap_or((&rest[at + 4..], ""));
        if declares {
            let mut paths = Vec::new();
            leaves(&[], tree.trim(), &mut paths);
            found.extend(paths.into_iter().map(|path| Import { path, reexport: before.contains("pub") }));
            rest = after;
        } else {
            rest = &rest[at + 4..];
        }
    }
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let path = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect::<String>();
        let path = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        found.push(Import { path, reexport: false });
    }
    found
}

fn leaves(prefix: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if let Some(inner) = tree.strip_prefix('{') {
        for part in split(inner.trim_end().trim_end_matches('}')) {
            leaves(prefix, &part, found);
        }
        return;
    }
    let (head, rest) = match tree.split_once("::") {
        Some((head, rest)) if !head.contains('{') => (head, Some(rest)),
        _ => (tree.split(" as ").next().unwrap(), None),
    };
    if head.is_empty() {
        return;
    }
    let mut path = prefix.to_vec();
    if head.trim() != "self" || path.is_empty() {
        path.push(head.trim().to_owned());
    }
    match rest {
        Some(rest) => leaves(&path, rest, found),
        None => found.push(path),
    }
}

/// The parts between the commas of the outermost level.
fn split(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Resolves an import to the file that defines what it names.
struct Resolver<'a> {
    files: BTreeMap<Vec<String>, &'a Source>,
    defined: BTreeMap<Vec<String>, BTreeSet<String>>,
    exports: BTreeMap<Vec<String>, Vec<Vec<String>>>,
}

impl<'a> Resolver<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let files: BTreeMap<Vec<String>, &Source> =
            sources.iter().map(|source| (source.module.clone(), source)).collect();
        let defined = sources.iter().map(|source| (source.module.clone(), definitions(&source.text))).collect();
        let mut resolver = Self { files, defined, exports: BTreeMap::new() };
        for source in sources {
            let exports = imports(&source.text).into_iter().filter(|import| import.reexport);
            let exports = exports.filter_map(|import| resolver.absolute(&import.path, &source.module)).collect();
            resolver.exports.insert(source.module.clone(), exports);
        }
        resolver
    }

    /// The path from the crate's root; `None` for one of another crate.
    fn absolute(&self, path: &[String], here: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([here, rest].concat()),
            "super" => {
                let parent = &here[..here.len().saturating_sub(1)];
                self.absolute(&[&["self".to_owned()], rest].concat(), parent).map(|path| match rest.first() {
                    Some(next) if next == "super" => self.absolute(rest, parent).unwrap_or(path),
                    _ => path,
                })
            }
            _ => {
                let child = [here, std::slice::from_ref(first)].concat();
                self.files.contains_key(&child).then(|| [here, path].concat())
            }
        }
    }

    fn file(&self, path: &[String], depth: usize) -> Option<&'a Source> {
        let at = (0..=path.len()).rev().find(|len| self.files.contains_key(&path[..*len]))?;
        let (module, rest) = path.split_at(at);
        let source = self.files[module];
        let Some(name) = rest.first() else { return Some(source) };
        if depth == 0 || self.defined[module].contains(name) {
            return Some(source);
        }
        let exports = self.exports.get(module).into_iter().flatten();
        let target =
            exports.filter(|export| export.last() == Some(name)).find_map(|export| self.file(export, depth - 1));
        Some(target.unwrap_or(source))
    }
}

/// The names of a file's top-level items.
fn definitions(text: &str) -> BTreeSet<String> {
    let kinds = ["struct ", "enum ", "trait ", "fn ", "const ", "static ", "type ", "macro_rules! "];
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '}', '#', '/'])) {
        for kind in kinds {
            if let Some((_, rest)) = line.split_once(kind) {
                names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    names
}

/// Every edge from a file to a file it imports from. A file that re-exports its own submodules does
/// not depend on them.
fn edges(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let resolver = Resolver::new(sources);
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        let targets = edges.entry(&source.file).or_default();
        for import in imports(&source.text) {
            let Some(path) = resolver.absolute(&import.path, &source.module) else { continue };
            if import.reexport && path.starts_with(&source.module) {
                continue;
            }
            if let Some(target) = resolver.file(&path, 6).filter(|target| target.file != source.file) {
                targets.insert(&target.file);
            }
        }
    }
    edges
}

/// The rooms from the lowest to the highest, as ARCHITECTURE.md lists them.
fn layers() -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("<!-- layers -->").expect("ARCHITECTURE.md has a table of layers");
    let (table, _) = table.split_once("<!-- /layers -->").expect("the table of layers ends");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap().trim_end_matches('/').trim_end_matches(".rs").to_owned()).collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The imports that go up, by the layers.
fn upward<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, layers: &[String]) -> Vec<String> {
    let height = |file: &str| layers.iter().position(|layer| layer == room(file));
    let mut upward = Vec::new();
    for (from, targets) in edges {
        for to in targets {
            if height(from) < height(to) {
                upward.push(format!("{from} imports from {to}, which is above it"));
            }
        }
    }
    upward
}

/// The strongly connected components of more than one file, the largest first.
fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let reach = |from: &'a str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            for target in edges.get(file).into_iter().flatten() {
                if seen.insert(*target) {
                    next.push(target);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reach(file))).collect();
    let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
    for (file, targets) in &reached {
        let circle: Vec<&str> = targets.iter().copied().filter(|target| reached[target].contains(file)).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    let mut circles: Vec<Vec<&str>> = circles.into_iter().collect();
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

#[test]
fn no_room_imports_from_one_above_it() {
    let sources = sources();
    let layers = layers();
    let unlisted: BTreeSet<&str> =
        sources.iter().map(Source::room).filter(|room| !layers.iter().any(|layer| layer == room)).collect();
    assert!(unlisted.is_empty(), "ARCHITECTURE.md does not list {unlisted:?}");
    let upward = upward(&edges(&sources), &layers);
    assert!(upward.is_empty(), "{} imports go up:\n{}", upward.len(), upward.join("\n"));
}

#[test]
fn no_circle_of_imports_is_large() {
    let sources = sources();
    let edges = edges(&sources);
    let large: Vec<_> = circles(&edges).into_iter().filter(|circle| circle.len() > LARGEST_CIRCLE).collect();
    assert!(large.is_empty(), "circles of more than {LARGEST_CIRCLE} files: {large:#?}");
}

/// What the two tests above would say of an edge that does not belong there.
#[test]
fn an_upward_import_is_found() {
    let mut sources = sources();
    let store = sources.iter_mut().find(|source| source.file == "metrics/store.rs").unwrap();
    store.text.push_str("\nuse crate::engine::run::RunState;\n");
    let found = upward(&edges(&sources), &layers());
    assert_eq!(found, ["metrics/store.rs imports from engine/run.rs, which is above it"]);
    let metrics_and_engine =
        |circle: &Vec<&str>| circle.contains(&"metrics/store.rs") && circle.contains(&"engine/run.rs");
    assert!(circles(&edges(&sources)).iter().any(metrics_and_engine));
}
