//! The chapter "What PyTorch Lightning tells you after an hour": its tables are computed from the
//! list of places.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

const CLASSES: [&str; 6] = ["C", "D", "B", "F", "R", "–"];

/// A place where PyTorch Lightning raises or warns.
struct Place {
    package: String,
    raises: String,
    subject: String,
    class: String,
    mechanism: String,
    here: String,
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn places() -> Vec<Place> {
    let text = fs::read_to_string(root().join("tests/reference/mistakes.tsv")).unwrap();
    let place = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut next = || columns.next().unwrap_or_else(|| panic!("a column is missing: {line}"));
        let [package, _site, raises, subject, class, mechanism, _lightning, here] = [(); 8].map(|()| next());
        Place { package, raises, subject, class, mechanism, here }
    };
    text.lines().skip(1).map(place).collect()
}

/// `27.0 %`
fn percent(count: usize, all: usize) -> String {
    format!("{:.1} %", 100.0 * count as f64 / all as f64)
}

fn count(places: &[Place], is: impl Fn(&Place) -> bool) -> usize {
    places.iter().filter(|place| is(place)).count()
}

fn classes(places: &[Place]) -> String {
    let of = |package: &str, class: &str| count(places, |place| place.package == package && place.class == class);
    let all = count(places, |place| place.package == "pytorch");
    let mut table =
        "| class | places | share | up to here | warnings of these | Fabric\'s |\n|---|---|---|---|---|---|\n"
            .to_owned();
    let mut so_far = 0;
    for class in CLASSES {
        so_far += of("pytorch", class);
        let warnings =
            count(places, |place| place.package == "pytorch" && place.class == class && place.raises == "warning");
        writeln!(
            table,
            "| **{class}** | {} | {} | {} | {warnings} | {} |",
            of("pytorch", class),
            percent(of("pytorch", class), all),
            percent(so_far, all),
            of("fabric", class)
        )
        .unwrap();
    }
    let fabric = count(places, |place| place.package == "fabric");
    let warnings = count(places, |place| place.package == "pytorch" && place.raises == "warning");
    writeln!(table, "| all | {all} | | | {warnings} | {fabric} |").unwrap();
    table
}

fn mechanisms(places: &[Place]) -> String {
    let mut table = "| found by | places |\n|---|---|\n".to_owned();
    for (name, text) in
        [("signature", "a signature"), ("trait", "a trait"), ("macro", "a check of the macro"), ("key", "a typed key")]
    {
        let found = count(places, |place| place.package == "pytorch" && place.mechanism == name);
        writeln!(table, "| {text} | {found} |").unwrap();
    }
    table
}

fn subjects(places: &[Place]) -> String {
    let mut by_subject: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for place in places {
        by_subject.entry(&place.subject).or_default().push(place);
    }
    let mut rows: Vec<_> = by_subject.into_iter().collect();
    rows.sort_by_key(|(subject, of)| (std::cmp::Reverse(of.len()), *subject));
    let mut table =
        format!("| subject | places | {} |\n|---|---{}|\n", CLASSES.join(" | "), "|---".repeat(CLASSES.len()));
    for (subject, of) in rows {
        write!(table, "| {subject} | {} |", of.len()).unwrap();
        for class in CLASSES {
            match of.iter().filter(|place| place.class == class).count() {
                0 => write!(table, " |").unwrap(),
                found => write!(table, " {found} |").unwrap(),
            }
        }
        table.push('\n');
    }
    table
}

#[test]
fn every_place_has_a_class_and_says_what_happens_here() {
    let places = places();
    assert_eq!(count(&places, |place| place.package == "pytorch"), 241);
    assert_eq!(count(&places, |place| place.package == "fabric"), 25);
    for place in &places {
        assert!(CLASSES.contains(&place.class.as_str()), "{}", place.class);
        assert_eq!(place.class == "C", !place.mechanism.is_empty(), "{}", place.here);
        assert!(!place.here.is_empty() && ["error", "warning"].contains(&place.raises.as_str()));
    }
}

/// A number of a class with names of programs in backticks, as in "C11 `a_string`".
#[test]
fn the_programs_of_the_list_exist() {
    let folders: Vec<_> = fs::read_dir(root().join("tests/ui")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut checked = 0;
    for place in places() {
        let mut class = None;
        for (at, part) in place.here.split('`').enumerate() {
            if at % 2 == 0 {
                // A list of names is of one class.
                let number = part.trim_end().rsplit([' ', '(', '/']).next().and_then(|word| word.strip_prefix('C'));
                let number = number.and_then(|number| number.parse::<u8>().ok());
                class = if part.trim() == "," { class } else { number };
            } else if let Some(class) = class {
                let prefix = format!("c{class:02}_");
                let is_of = |folder: &&std::path::PathBuf| {
                    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
                };
                let file = folders.iter().find(is_of).unwrap().join(part).with_extension("rs");
                assert!(file.is_file(), "{}: no {}", place.here, file.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "{checked} programs");
}

/// `UPDATE_EXPECT=1` rewrites the tables.
#[test]
fn the_tables_of_the_chapter_are_those_of_the_list() {
    let path = root().join("docs/src/13-after-an-hour.md");
    let places = places();
    let text = fs::read_to_string(&path).unwrap();
    let mut fresh = text.clone();
    for (name, table) in
        [("classes", classes(&places)), ("mechanisms", mechanisms(&places)), ("subjects", subjects(&places))]
    {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = fresh.split_once(&open).unwrap();
        let (_, after) = rest.split_once(&close).unwrap();
        fresh = format!("{before}{open}\n{table}\n{close}{after}");
    }
    if fresh != text && std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(fresh == text, "rewrite them with UPDATE_EXPECT=1, and review them");
}
