//! The arguments of the program: a subcommand and flags, whose names are the keys of a configuration.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, rc::Rc};

use lightning_config::{Content, Key, Node, Place, Problems, Source, nearest};

use super::{
    command::Command,
    shape::{Shape, Table},
};

/// What the arguments ask for.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) command: Option<(Command, Place)>,
    /// The shell of `completions`.
    pub(super) shell: Option<(String, Place)>,
    pub(super) help: bool,
    pub(super) print_config: bool,
    pub(super) print_schema: bool,
    pub(super) dry_run: bool,
    pub(super) configs: Vec<(PathBuf, Place)>,
    /// The settings.
    pub(super) layer: Node,
    /// The options of the command.
    pub(super) options: Node,
    /// The whole command.
    pub(super) place: Place,
}

/// Flags without a value.
pub(super) const SWITCHES: &[(&str, &str)] = &[
    ("help", "Prints this."),
    ("print_config", "Prints the whole configuration, which `--config` accepts, and ends."),
    ("print_schema", "Prints the JSON schema of a configuration, and ends."),
    ("dry_run", "Prints what the run would do, and ends."),
];

/// Flags that are short for others.
pub(super) const SHORTS: &[(&str, &str, &str)] = &[
    ("config", "FILE", "Reads settings from a YAML, JSON or TOML file; may be given several times."),
    ("fast_dev_run", "[N]", "Runs a few batches of everything, and writes nothing."),
];

/// Names of other programs, and ours.
const ALIASES: &[(&str, &str)] = &[("seed_everything", "seed"), ("ckpt_path", "ckpt")];

/// Reads the arguments, the first of which is the program.
pub(super) fn parse(args: &[OsString], root: &Table, problems: &mut Problems) -> Invocation {
    let mut reader = Reader::new(args, root, problems);
    let whole = 0..reader.source.text.len();
    let place = Place::new(&reader.source, whole);
    let mut read = Invocation {
        command: None,
        shell: None,
        help: false,
        print_config: false,
        print_schema: false,
        dry_run: false,
        configs: Vec::new(),
        layer: Node::map(&place),
        options: Node::map(&place),
        place,
    };
    while let Some((arg, place)) = reader.next() {
        match arg.strip_prefix("--") {
            Some(flag) if !flag.is_empty() => reader.flag(flag, &place, &mut read),
            _ if arg == "-h" => read.help = true,
            None if !arg.starts_with('-') || arg.len() == 1 => reader.positional(&arg, place, &mut read),
            _ => {
                let help = "flags start with two dashes: `--trainer.max_epochs 5`";
                reader.problems.add(format!("unknown flag `{arg}`"), Some(&place), help);
            }
        }
    }
    reader.check_options(&read);
    read
}

struct Reader<'a> {
    source: Rc<Source>,
    /// The arguments and their ranges in the source.
    args: Vec<(String, std::ops::Range<usize>)>,
    at: usize,
    root: &'a Table,
    /// The options of all commands.
    options: Vec<(Command, Table)>,
    /// The names of the flags so far.
    given: BTreeMap<String, Place>,
    /// The options of commands that were given.
    used: Vec<(String, Place)>,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn new(args: &[OsString], root: &'a Table, problems: &'a mut Problems) -> Self {
        let mut text = String::new();
        let mut ranges = Vec::new();
        for (number, arg) in args.iter().enumerate() {
            let arg = arg.to_string_lossy().into_owned();
            let shown = match number {
                0 => std::path::Path::new(&arg).file_name().map_or(arg.clone(), |name| name.display().to_string()),
                _ => quoted(&arg),
            };
            if number > 0 {
                text.push(' ');
                ranges.push((arg, text.len()..text.len() + shown.len()));
            }
            text.push_str(&shown);
        }
        let source = Rc::new(Source { name: "command line".to_owned(), text, is_file: false });
        let options = Command::ALL.iter().map(|command| (*command, command.options())).collect();
        Self { source, args: ranges, at: 0, root, options, given: BTreeMap::new(), used: Vec::new(), problems }
    }

    fn next(&mut self) -> Option<(String, Place)> {
        let (arg, range) = self.args.get(self.at)?.clone();
        self.at += 1;
        Some((arg, Place::new(&self.source, range)))
    }

    fn peek(&self) -> Option<&str> {
        self.args.get(self.at).map(|(arg, _)| arg.as_str())
    }

    fn positional(&mut self, arg: &str, place: Place, read: &mut Invocation) {
        match (&read.command, Command::of(arg)) {
            (None, Some(command)) => read.command = Some((command, place)),
            (None, None) => {
                let names = Command::ALL.iter().map(|command| command.name());
                let help = match nearest(arg, names.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the subcommands are {}", crate::text::listed(names)),
                };
                self.problems.add(format!("unknown subcommand `{arg}`"), Some(&place), help);
            }
            (Some((Command::Completions, _)), _) if read.shell.is_none() => {
                read.shell = Some((arg.to_owned(), place));
            }
            (Some((command, _)), _) => {
                let help = "the values of flags follow their flag: `--model.lr 3e-4`";
                let message = format!("unexpected argument `{arg}` after `{}`", command.name());
                self.problems.add(message, Some(&place), help);
            }
        }
    }

    fn flag(&mut self, flag: &str, place: &Place, read: &mut Invocation) {
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let (name, appends) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.replace('-', "_");
        let name = ALIASES.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, ours)| ours).to_owned();
        if SWITCHES.iter().any(|(switch, _)| *switch == name) {
            if let Some(value) = value {
                let help = format!("write `--{}` alone", dashed(&name));
                self.problems.add(format!("`--{}` takes no value, found `{value}`", dashed(&name)), Some(place), help);
            }
            match name.as_str() {
                "help" => read.help = true,
                "print_config" => read.print_config = true,
                "print_schema" => read.print_schema = true,
                _ => read.dry_run = true,
            }
            return;
        }
        if name == "config" {
            if let Some((path, place)) = self.value(value, "config", "a file", place) {
                read.configs.push((PathBuf::from(path), place));
            }
            return;
        }
        if name == "fast_dev_run" {
            let number = value.or_else(|| {
                let next = self.peek()?.parse::<u64>().ok()?;
                self.at += 1;
                Some(next.to_string())
            });
            let raw = number.unwrap_or_else(|| "1".to_owned());
            self.put("trainer.fast_dev_run", Content::Raw(raw), place, place, &mut read.layer, true);
            return;
        }
        // Several commands may have an option of the name: that of the command, if it is known yet.
        let command = read.command.as_ref().map(|(command, _)| *command);
        let own = self.options.iter().filter(|(owner, _)| Some(*owner) == command);
        let path = if name.starts_with("space.") { "space.path" } else { &name };
        let option = own.chain(&self.options).find_map(|(_, table)| find(table, path)).cloned();
        let setting = find(self.root, &name).cloned();
        let Some(shape) = option.clone().or(setting.clone()) else {
            self.unknown(&name, place);
            // Its value is no argument of its own.
            if value.is_none() && self.peek().is_some_and(|next| !next.starts_with("--") && Command::of(next).is_none())
            {
                self.at += 1;
            }
            return;
        };
        let is_last = self.peek().is_none_or(|next| next.starts_with("--"));
        if matches!(shape, Shape::Table(_)) && value.is_none() && is_last {
            let help = match shape.table().and_then(|table| table.keys().next()) {
                Some(first) => format!("write one of its settings, such as `--{name}.{first} …`"),
                None => String::new(),
            };
            self.problems.add(format!("`--{name}` is a group of settings"), Some(place), help);
            return;
        }
        let is_switch = shape.is_switch() && !appends && value.is_none();
        let raw = match is_switch && !self.peek().is_some_and(|next| ["true", "false"].contains(&next)) {
            true => Some(("true".to_owned(), place.clone())),
            false => self.value(value, &name, &shape.expected(), place),
        };
        let Some((raw, value_place)) = raw else { return };
        let raw = Content::Raw(raw);
        let content = match appends {
            true if is_list(&shape) => Content::Append(vec![Node { content: raw, place: value_place.clone() }]),
            true => {
                let help = format!("write `--{name} …`");
                self.problems.add(format!("`+=` adds to a list, and `{name}` is none"), Some(place), help);
                return;
            }
            false => raw,
        };
        let target = if option.is_some() { &mut read.options } else { &mut read.layer };
        if option.is_some() {
            self.used.push((name.clone(), place.clone()));
        }
        let once = !appends && !is_below_components(self.root, &name);
        self.put(&name, content, place, &value_place, target, once);
    }

    /// Adds a value at a path.
    fn put(&mut self, name: &str, content: Content, place: &Place, value: &Place, target: &mut Node, once: bool) {
        if once && let Some(first) = self.given.insert(name.to_owned(), place.clone()) {
            let help = "remove one of the two";
            self.problems.add(format!("`--{name}` is given twice"), Some(&first), help);
            return;
        }
        let mut node = Node { content, place: value.clone() };
        // The hyperparameters of a space are named by their whole paths.
        let parts: Vec<&str> = match name.strip_prefix("space.") {
            Some(path) => vec![path, "space"],
            None => name.rsplit('.').collect(),
        };
        for part in parts {
            let key = Key { name: part.to_owned(), place: place.clone() };
            node = Node { content: Content::Map(vec![(key, node)]), place: place.clone() };
        }
        target.merge(node);
    }

    /// Takes the value of a flag: behind `=`, or the next argument.
    fn value(&mut self, given: Option<String>, name: &str, expected: &str, place: &Place) -> Option<(String, Place)> {
        if let Some(value) = given {
            let end = place.range.end;
            let start = end.saturating_sub(value.len()).max(place.range.start);
            return Some((value, Place::new(&self.source, start..end)));
        }
        if self.peek().is_some_and(|next| !next.starts_with("--")) {
            return self.next();
        }
        let help = format!("write {expected} behind it");
        self.problems.add(format!("`--{}` needs a value", dashed(name)), Some(place), help);
        None
    }

    fn unknown(&mut self, name: &str, place: &Place) {
        let mut known: Vec<String> = Vec::new();
        paths(self.root, "", &mut known);
        known.extend(self.options.iter().flat_map(|(_, table)| table.keys().map(str::to_owned)));
        known.extend(SWITCHES.iter().map(|(name, _)| dashed(name)));
        known.extend(SHORTS.iter().map(|(name, ..)| dashed(name)));
        // A name alone is most likely that of a setting in a group.
        let within = known.iter().find(|path| path.rsplit('.').next() == Some(name) && path.contains('.'));
        let help = match within.map(String::as_str).or_else(|| nearest(name, known.iter().map(String::as_str))) {
            Some(near) => format!("did you mean `--{near}`?"),
            None => "`--help` lists all flags".to_owned(),
        };
        self.problems.add(format!("unknown flag `--{name}`"), Some(place), help);
    }

    /// Reports options of another command.
    fn check_options(&mut self, read: &Invocation) {
        let command = read.command.as_ref().map(|(command, _)| *command);
        for (name, place) in std::mem::take(&mut self.used) {
            let path = if name.starts_with("space.") { "space.path" } else { &name };
            let owners = self.options.iter().filter(|(_, table)| find(table, path).is_some());
            let owners: Vec<Command> = owners.map(|(command, _)| *command).collect();
            if command.is_none_or(|command| !owners.contains(&command)) {
                let names =
                    crate::text::either(&owners.iter().map(|owner| format!("`{}`", owner.name())).collect::<Vec<_>>());
                let help = format!("it is an option of {names}");
                let here =
                    command.map_or("without a subcommand".to_owned(), |command| format!("of `{}`", command.name()));
                self.problems.add(format!("`--{}` is not an option {here}", dashed(&name)), Some(&place), help);
            }
        }
    }
}

fn is_list(shape: &Shape) -> bool {
    match shape {
        Shape::List(_) | Shape::Components(_) => true,
        Shape::Optional(inner) => is_list(inner),
        _ => false,
    }
}

/// The shape of a dotted key.
pub(super) fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Shape> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    within(&table.entry(first)?.shape, rest)
}

fn within<'a>(shape: &'a Shape, rest: Option<&str>) -> Option<&'a Shape> {
    let Some(rest) = rest else { return Some(shape) };
    if rest.is_empty() {
        return None;
    }
    match shape {
        Shape::Table(table) => find(table, rest),
        Shape::Optional(inner) => within(inner, Some(rest)),
        Shape::Map(inner) => within(inner, rest.split_once('.').map(|(_, rest)| rest)),
        Shape::Choice(variants) => {
            let (name, rest) = rest.split_once('.').map_or((rest, None), |(name, rest)| (name, Some(rest)));
            within(variants.iter().find(|variant| variant.name == name)?.content.as_ref()?, rest)
        }
        // The arguments of a component are checked with it.
        Shape::Components(_) | Shape::Any => Some(&Shape::Any),
        _ => None,
    }
}

fn is_below_components(root: &Table, name: &str) -> bool {
    name.rmatch_indices('.').any(|(at, _)| matches!(find(root, &name[..at]), Some(Shape::Components(_))))
}

/// The dotted keys of all settings.
pub(super) fn paths(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for entry in &table.entries {
        let path = super::check::below(prefix, &entry.key);
        if let Some(inner) = entry.shape.table() {
            paths(inner, &path, found);
        }
        if !matches!(entry.shape, Shape::Table(_)) {
            found.push(path);
        }
    }
}

/// The name as it is written in the help: settings have underscores, other flags dashes.
pub(super) fn dashed(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { name.replace('_', "-") }
}

/// An argument as a shell needs it.
fn quoted(arg: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=+.,/:@%".contains(c);
    if !arg.is_empty() && arg.chars().all(is_plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}
