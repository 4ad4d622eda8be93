//! Reading configuration files: YAML, JSON and TOML.

mod toml;
mod yaml;

use std::{fs::File, io::Read, path::Path, rc::Rc};

use crate::{
    node::{Content, Node, check_depth},
    source::{Place, Problems, Source},
};

/// The largest file that is read: a configuration is not data.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file; `None` if it has mistakes, which are reported at the place that names it.
pub fn read_file(path: &Path, named: &Place, problems: &mut Problems) -> Option<Node> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err((message, help)) => {
            problems.add(message, Some(named), help);
            return None;
        }
    };
    let source = Rc::new(Source { name: path.display().to_string(), text, is_file: true });
    parse(&source, path.extension().and_then(|name| name.to_str()), problems)
}

/// Reads a text in the format of a file's extension; YAML, of which JSON is a part, by default.
pub fn parse(source: &Rc<Source>, extension: Option<&str>, problems: &mut Problems) -> Option<Node> {
    let node = match extension {
        Some("toml") => toml::parse(source, problems)?,
        Some("json") => {
            // YAML is more lenient than JSON.
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&source.text) {
                let place = Place::new(source, offset(&source.text, error.line(), error.column()));
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                problems.add(format!("this is not JSON: {message}"), Some(&place), "");
                return None;
            }
            yaml::parse(source, problems)?
        }
        _ => yaml::parse(source, problems)?,
    };
    if !check_depth(&node, 0, problems) {
        return None;
    }
    if matches!(node.content, Content::Map(_)) {
        return Some(node);
    }
    let empty = matches!(node.content, Content::Null);
    let message = match empty {
        true => "the configuration is empty".to_owned(),
        false => format!("a configuration must be a table, found {}", node.found()),
    };
    problems.add(message, Some(&node.place), "write settings such as `trainer: {max_epochs: 5}`");
    None
}

/// Reads one value of the command line or the environment, in YAML's flow style.
///
/// # Errors
/// What is wrong, if the text is not YAML.
pub fn parse_value(text: &str, place: &Place) -> Result<Node, String> {
    yaml::parse_value(text, place)
}

/// The bytes of a line and a column.
fn offset(text: &str, line: usize, column: usize) -> std::ops::Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = start + column.saturating_sub(1);
    at..at + 1
}

/// Reads the text of a file.
///
/// # Errors
/// What is wrong and what to do, if the file cannot be read, is too large for a configuration, or is
/// not text.
pub fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    text_of(path)
        .map_err(|(message, help)| (format!("cannot read the configuration `{}`: {message}", path.display()), help))
}

fn text_of(path: &Path) -> Result<String, (String, &'static str)> {
    let file = |error: std::io::Error| (error.to_string(), "check the path");
    let metadata = std::fs::metadata(path).map_err(file)?;
    if metadata.is_dir() {
        return Err(("it is a folder".to_owned(), "name a file, such as `config.yaml` in it"));
    }
    let too_large = || {
        let text = format!("a configuration must have at most {} MiB", MAX_BYTES >> 20);
        (text, "check the path: this is probably data")
    };
    if metadata.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // A pipe says nothing about its length.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(file)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (format!("it is not text: byte {at} is not UTF-8"), "save it as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        return Err((format!("it is not text: byte {at} is zero"), "check the path"));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}
