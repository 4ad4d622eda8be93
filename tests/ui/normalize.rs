//! Removes from what rustc says all that differs between machines, and between versions of files that
//! are not the program: folders, and the line numbers of other files.

/// The message without what differs.
pub(super) fn normalize(said: &str, workspace: &str) -> String {
    let mut text = String::new();
    for diagnostic in said.split("\n\n") {
        let mut lines: Vec<String> = Vec::new();
        let mut hidden = false;
        for line in diagnostic.lines().filter(|line| !is_noise(line)) {
            let mut line = line.replace(workspace, "$WORKSPACE").replace("tests/ui/", "ui/");
            if let Some(place) = place_of(&line).map(str::to_owned) {
                let other = other_file(&place);
                hidden = other.is_some();
                if let Some(other) = other {
                    line = line.replace(&place, &other);
                }
            } else if hidden {
                match line.trim_start().chars().next() {
                    Some('0'..='9' | '|' | '.') => line = without_number(&line),
                    _ => hidden = false,
                }
            }
            lines.push(with_counted_others(line.trim_end()));
        }
        if lines.is_empty() {
            continue;
        }
        narrow(&mut lines);
        if !text.is_empty() {
            text.push('\n');
        }
        lines.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    text
}

/// What rustc says of its own messages, and of files that it has written.
fn is_noise(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches("= note: ");
    line.starts_with("error: aborting due to ")
        || line.starts_with("For more information about ")
        || line.starts_with("Some errors have detailed explanations:")
        || text.starts_with("the full type name has been written to")
        || text.starts_with("the full name for the type has been written to")
        || text.starts_with("consider using `--verbose` to print the full type name")
}

/// The place of a line with an arrow.
fn place_of(line: &str) -> Option<&str> {
    let text = line.trim_start();
    text.strip_prefix("--> ").or_else(|| text.strip_prefix("::: "))
}

/// A place outside of `ui`, without folders, versions and numbers.
fn other_file(place: &str) -> Option<String> {
    if place.starts_with("ui/") {
        return None;
    }
    let mut parts = place.rsplitn(3, ':');
    let (column, line) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let file = match parts.next() {
        Some(file) if is_number(column) && is_number(line) => file,
        _ => place,
    };
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        let rest = rest.split_once('/').map_or(rest, |(_, rest)| rest);
        let (package, path) = rest.split_once('/').unwrap_or((rest, ""));
        let version = package.char_indices().find(|(at, c)| {
            *c == '-' && package.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        let name = version.map_or(package, |(at, _)| &package[..at]);
        return Some(format!("$CARGO/{name}-$VERSION/{path}"));
    }
    for library in ["/rustlib/src/rust/library/", "/library/"] {
        if let Some((_, path)) = file.split_once(library) {
            return Some(format!("$RUST/{path}"));
        }
    }
    let is_relative = !file.starts_with(['/', '$']);
    Some(if is_relative { format!("$WORKSPACE/{file}") } else { file.to_owned() })
}

/// ` 10 | T: Send` as `    | T: Send`.
fn without_number(line: &str) -> String {
    let end = line.find(|c: char| c != ' ' && !c.is_ascii_digit()).unwrap_or(line.len());
    format!("{}{}", " ".repeat(end), &line[end..])
}

/// `and 12 others` as `and $N others`: a new type of the crate changes no message.
fn with_counted_others(line: &str) -> String {
    let text = line.trim_start();
    let count = text.strip_prefix("and ").and_then(|rest| rest.strip_suffix(" others"));
    match count {
        Some(count) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}and $N others", &line[..line.len() - text.len()])
        }
        _ => line.to_owned(),
    }
}

/// Removes the columns of line numbers that are hidden: the margin is as wide as the longest number.
fn narrow(lines: &mut [String]) {
    let margin = |line: &str| {
        let text = line.trim_start();
        let is_bar = text.starts_with("--> ") || text.starts_with("::: ");
        is_bar.then_some(line.len() - text.len())
    };
    let widest = |line: &String| {
        let digits = line.trim_start().bytes().take_while(u8::is_ascii_digit).count();
        let rest = line.trim_start().get(digits..).unwrap_or_default();
        if rest.starts_with(" |") || rest.starts_with(" ~") || rest.starts_with(" +") || rest.starts_with(" -") {
            digits
        } else {
            0
        }
    };
    // The first arrow is that of the diagnostic; what is above it belongs to the headline.
    let Some(first) = lines.iter().position(|line| margin(line).is_some_and(|margin| margin < 7)) else { return };
    let is = lines.get(first).and_then(|line| margin(line)).unwrap_or_default();
    let needed = lines.iter().skip(first).map(widest).max().unwrap_or_default().max(1);
    let surplus = is.saturating_sub(needed);
    for line in lines.iter_mut().skip(first) {
        if line.len() >= surplus && line.starts_with(&" ".repeat(surplus)) {
            line.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn folders_versions_and_numbers_of_other_files() {
        let said = "\
error[E0277]: `Net` needs a step
   --> tests/ui/c05/none.rs:9:3
    |
  9 |     fit(net)
    |         ^^^
    |
note: required by a bound in `fit`
   --> lightning-core/src/trainer/mod.rs:123:4
    |
123 |     pub fn fit()
    |            ^^^
   ::: /home/me/.cargo/registry/src/index.crates.io-0123456789abcdef/burn-tensor-0.22.1/src/lib.rs:7:1
    = help: the following types implement it:
              A
            and 12 others

error: aborting due to 1 previous error

For more information about this error, try `rustc --explain E0277`.
";
        let expected = "\
error[E0277]: `Net` needs a step
 --> ui/c05/none.rs:9:3
  |
9 |     fit(net)
  |         ^^^
  |
note: required by a bound in `fit`
 --> $WORKSPACE/lightning-core/src/trainer/mod.rs
  |
  |     pub fn fit()
  |            ^^^
 ::: $CARGO/burn-tensor-$VERSION/src/lib.rs
  = help: the following types implement it:
            A
          and $N others
";
        assert_eq!(normalize(said, "/home/me/work"), expected);
    }
}
