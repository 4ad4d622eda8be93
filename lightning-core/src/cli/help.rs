//! The help and the completions.

use std::fmt::Write;

use super::{
    about::About,
    args::{SHORTS, SWITCHES, dashed},
    check::below,
    command::Command,
    emit::flow,
    settings,
    shape::{Entry, Shape, Table},
};
use crate::console::wrap::{Stream, wrapped};

/// The width of the help where there is no terminal.
const WIDTH: usize = 100;
/// The columns of the names.
const NAMES: usize = 30;

/// The help of the program, or of one subcommand with all settings.
pub(super) fn help(about: &About, program: &str, command: Option<Command>) -> String {
    let width = Stream::Out.width().unwrap_or(WIDTH).clamp(40, 120);
    let mut text = String::new();
    let first = match (&about.doc, command) {
        (_, Some(command)) => command.doc().to_owned(),
        (Some(doc), None) => doc.clone(),
        (None, None) => format!("Trains `{}` on `{}`.", about.module, about.data),
    };
    let name = command.map_or("<COMMAND>", Command::name);
    let _ = writeln!(text, "{}", wrapped(&first, Some(width)));
    if let Some(why) = command.and_then(|command| about.missing(command)) {
        let _ = writeln!(text, "\nNot available: {why}.");
    }
    if command == Some(Command::Completions) {
        let _ = writeln!(text, "\nUsage: {program} completions <bash|zsh|fish>");
        return text;
    }
    let _ = writeln!(text, "\nUsage: {program} {name} [--config FILE]... [--KEY VALUE]...");
    if command.is_none() {
        let rows = Command::ALL.iter().map(|command| {
            let doc = match about.missing(*command) {
                None => command.doc().to_owned(),
                Some(why) => format!("Not available: {why}."),
            };
            (command.name().to_owned(), doc)
        });
        section(&mut text, "Commands", rows, width);
    }
    section(&mut text, "Options", options(about), width);
    let Some(command) = command else {
        let _ = writeln!(
            text,
            "\nSettings: `{program} fit --help` lists model, data and trainer. Layers, the last wins: the program,\n\
             files of `--config` in order, variables such as LIGHTNING_TRAINER__MAX_EPOCHS, flags."
        );
        if let Some(default) = about.default_command {
            let _ = writeln!(text, "Without a subcommand, `{}` runs.", default.name());
        }
        return text;
    };
    let own = command.options();
    if !own.entries.is_empty() {
        section(&mut text, &format!("Options of `{}`", command.name()), rows(&own, ""), width);
    }
    for (key, title) in [("model", format!("Model: {}", about.module)), ("data", format!("Data: {}", about.data))] {
        if let Some(table) = about.root.entry(key).and_then(|entry| entry.shape.table()) {
            section(&mut text, &title, rows(table, key), width);
        }
    }
    if let Some(table) = about.root.entry("trainer").and_then(|entry| entry.shape.table()) {
        let mut groups: Vec<(&str, Table)> = Vec::new();
        for entry in &table.entries {
            let group = settings::group_of(&entry.key);
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, table)) => table.entries.push(entry.clone()),
                None => groups.push((group, Table { entries: vec![entry.clone()] })),
            }
        }
        for (group, table) in groups {
            section(&mut text, &format!("Trainer: {group}"), rows(&table, "trainer"), width);
        }
    }
    text
}

fn options(about: &About) -> Vec<(String, String)> {
    let shorts = SHORTS.iter().map(|(name, value, doc)| (format!("--{} {value}", dashed(name)), (*doc).to_owned()));
    let mut all: Vec<(String, String)> = shorts.collect();
    let top =
        Table { entries: about.root.entries.iter().filter(|entry| entry.shape.table().is_none()).cloned().collect() };
    all.extend(rows(&top, ""));
    all.extend(SWITCHES.iter().map(|(name, doc)| (format!("--{}", dashed(name)), (*doc).to_owned())));
    all
}

/// The rows of a table's settings.
fn rows(table: &Table, prefix: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in &table.entries {
        let path = below(prefix, &entry.key);
        if let Shape::Table(inner) = &entry.shape {
            all.extend(rows(inner, &path));
            continue;
        }
        let value = match entry.shape.short() {
            short if short.len() > 24 => "VALUE".to_owned(),
            // The names of a choice are written as they are.
            short if matches!(entry.shape, Shape::Choice(_)) => short,
            short => short.to_uppercase(),
        };
        all.push((format!("--{} {value}", dashed(&path)), description(entry)));
    }
    all
}

fn description(entry: &Entry) -> String {
    let mut text = entry.doc.lines().collect::<Vec<_>>().join(" ");
    let mut notes = Vec::new();
    if entry.shape.short().len() > 24 {
        notes.push(entry.shape.expected());
    }
    match &entry.default {
        None if entry.required => notes.push("required".to_owned()),
        None => {}
        Some(value) if value.is_null() || value.as_array().is_some_and(Vec::is_empty) => {}
        Some(value) if value.as_object().is_some_and(serde_json::Map::is_empty) => {}
        Some(value) => notes.push(format!("default: {}", flow(value, &entry.shape))),
    }
    if let Some(search) = &entry.search {
        notes.push(format!("search: {search}"));
    }
    if !notes.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}[{}]", notes.join("; "));
    }
    text
}

fn section(text: &mut String, title: &str, rows: impl IntoIterator<Item = (String, String)>, width: usize) {
    let rows: Vec<_> = rows.into_iter().collect();
    if rows.is_empty() {
        return;
    }
    let column = rows.iter().map(|(name, _)| name.len()).filter(|len| *len <= NAMES).max().unwrap_or(0).max(8) + 4;
    let column = column.min(width / 2);
    let _ = writeln!(text, "\n{title}:");
    for (name, doc) in rows {
        let mut line = format!("  {name}");
        if line.len() + 2 > column {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        let mut is_first = true;
        for word in doc.split_whitespace() {
            if !is_first && line.chars().count() + 1 + word.chars().count() > width {
                let _ = writeln!(text, "{}", line.trim_end());
                line.clear();
                is_first = true;
            }
            if is_first {
                let missing = column.saturating_sub(line.chars().count());
                line.push_str(&" ".repeat(missing));
            } else {
                line.push(' ');
            }
            line.push_str(word);
            is_first = false;
        }
        if !line.trim().is_empty() {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
}

/// The flags of all subcommands, with their documentation.
fn flags(about: &About) -> Vec<(String, String)> {
    let name = |(flag, doc): (String, String)| {
        let flag = flag.split(' ').next().unwrap_or_default().to_owned();
        let doc = doc.split(" [").next().unwrap_or_default().to_owned();
        (flag, doc)
    };
    let mut all: Vec<(String, String)> = options(about).into_iter().map(name).collect();
    for command in Command::ALL.iter().filter(|command| about.missing(**command).is_none()) {
        all.extend(rows(&command.options(), "").into_iter().map(name));
    }
    for key in ["model", "data", "trainer"] {
        if let Some(table) = about.root.entry(key).and_then(|entry| entry.shape.table()) {
            all.extend(rows(table, key).into_iter().map(name));
        }
    }
    all
}

/// The completions for a shell; `None` for a shell that is not known.
pub(super) fn completions(about: &About, program: &str, shell: &str) -> Option<String> {
    let commands: Vec<Command> =
        Command::ALL.iter().copied().filter(|command| about.missing(*command).is_none()).collect();
    let flags = flags(about);
    let function: String = program.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let mut words: Vec<&str> = commands.iter().map(|command| command.name()).collect();
    words.extend(flags.iter().map(|(flag, _)| flag.as_str()));
    let words = words.join(" ");
    Some(match shell {
        "bash" => format!(
            "_{function}() {{\n    local word=${{COMP_WORDS[COMP_CWORD]}}\n    case ${{COMP_WORDS[COMP_CWORD-1]}} in\n        \
             --config | --ckpt) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    esac\n    \
             COMPREPLY=($(compgen -W \"{words}\" -- \"$word\"))\n}}\ncomplete -o default -F _{function} {program}\n"
        ),
        "zsh" => format!(
            "#compdef {program}\n_{function}() {{\n    case $words[CURRENT-1] in\n        --config | --ckpt) _files; return ;;\n    \
             esac\n    compadd -- {words}\n}}\ncompdef _{function} {program}\n"
        ),
        "fish" => {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
            let mut text = String::new();
            for command in commands {
                let doc = quoted(command.doc());
                let _ =
                    writeln!(text, "complete -c {program} -n __fish_use_subcommand -a {} -d '{doc}'", command.name());
            }
            for (flag, doc) in flags {
                let name = flag.trim_start_matches('-');
                let _ = writeln!(text, "complete -c {program} -l {name} -d '{}'", quoted(&doc));
            }
            text
        }
        _ => return None,
    })
}
