//! From arguments to a run: the order of things, and exit codes.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process,
};

use lightning_config::{Content, Key, Node, Problems, nearest, read_file};
use serde_json::Value;

use super::{
    about::About,
    args::{self, Invocation},
    check::Checker,
    command::Command,
    emit::emit,
    env, help, lightning,
    runner::{Failure, Job, Runner, Stored},
    schema::schema,
    shape::Shape,
};
use crate::{checkpoint::Resume, error::Result};

/// The exit code of wrong arguments and configurations.
const USAGE: i32 = 2;

/// What an invocation comes to.
enum Outcome {
    /// A text for standard output.
    Print(String),
    Run(Box<Job>),
}

/// Runs the program, or reports what is wrong in a file that is part of it. Ends the process where
/// nothing is to be run.
pub(super) fn run(runner: std::result::Result<&dyn Runner, &Problems>) -> Result<()> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let program = args.first().map(PathBuf::from).unwrap_or_default();
    let program = program.file_name().map_or_else(|| "program".to_owned(), |name| name.display().to_string());
    let runner = match runner {
        Ok(runner) => runner,
        Err(problems) => refuse(problems, &program, None),
    };
    let about = runner.about();
    match prepare(runner, &about, &args, &program) {
        Ok(Outcome::Print(text)) => {
            // A closed pipe, as of `| head`, is not an error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            process::exit(0)
        }
        Ok(Outcome::Run(job)) => match runner.run(&job) {
            Ok(()) => Ok(()),
            Err(Failure { error, is_usage: true }) => {
                let mut problems = Problems::default();
                problems.add(error.message(), None, error.remedy().unwrap_or_default());
                refuse(&problems, &program, Some(job.command))
            }
            Err(Failure { error, .. }) => Err(error),
        },
        Err((problems, command)) => refuse(&problems, &program, command),
    }
}

/// Prints mistakes and ends the process.
fn refuse(problems: &Problems, program: &str, command: Option<Command>) -> ! {
    let command = command.map_or("", Command::name);
    let space = if command.is_empty() { "" } else { " " };
    eprintln!("{problems}\n\nSee `{program}{space}{command} --help`. Nothing was run.");
    process::exit(USAGE)
}

type Refused = (Problems, Option<Command>);

fn prepare(
    runner: &dyn Runner,
    about: &About,
    args: &[OsString],
    program: &str,
) -> std::result::Result<Outcome, Refused> {
    let mut problems = Problems::default();
    let invocation = args::parse(args, &about.root, &mut problems);
    let given = invocation.command.as_ref().map(|(command, _)| *command);
    if invocation.help {
        return Ok(Outcome::Print(help::help(about, program, given)));
    }
    if given == Some(Command::Completions) {
        return completions(about, program, &invocation, problems).map_err(|problems| (problems, given));
    }
    if invocation.print_schema && problems.is_empty() {
        let text = serde_json::to_string_pretty(&schema(about)).unwrap_or_default();
        return Ok(Outcome::Print(text + "\n"));
    }
    let mut root = Node::map(&invocation.place);
    for (path, place) in &invocation.configs {
        if let Some(mut node) = read_file(path, place, &mut problems) {
            lightning::translate(&mut node, [about.module, about.data], &about.root, &mut problems);
            root.merge(node);
        }
    }
    for node in env::parse(std::env::vars_os(), &about.root, &mut problems) {
        root.merge(node);
    }
    root.merge(invocation.layer.clone());
    let only_prints = invocation.print_config || invocation.dry_run;
    let command = given.or(about.default_command).or(only_prints.then_some(Command::Fit));
    match command {
        None => {
            let names = Command::ALL.iter().filter(|command| about.missing(**command).is_none());
            let names = crate::text::listed(names.map(|command| command.name()));
            problems.add("a subcommand is missing", Some(&invocation.place), format!("write one of {names}"));
        }
        Some(command) => {
            if let Some(why) = about.missing(command).filter(|_| !invocation.print_config) {
                let place = invocation.command.as_ref().map(|(_, place)| place);
                problems.add(format!("`{}` is not available: {why}", command.name()), place, "");
            }
        }
    }
    let Some(command) = command else { return Err((problems, given)) };
    let refused = |problems: Problems| (problems, Some(command));
    let job = resolve(runner, about, command, root, &invocation, problems).map_err(refused)?;
    if invocation.print_config {
        return Ok(Outcome::Print(job.text));
    }
    if invocation.dry_run {
        print_job(about, &job);
        return Ok(Outcome::Run(Box::new(Job { command: Command::Plan, ..job })));
    }
    if command == Command::Plan {
        print_job(about, &job);
    }
    Ok(Outcome::Run(Box::new(job)))
}

fn completions(
    about: &About,
    program: &str,
    invocation: &Invocation,
    mut problems: Problems,
) -> std::result::Result<Outcome, Problems> {
    let shells = ["bash", "zsh", "fish"];
    let shell = invocation.shell.as_ref();
    let text = shell.and_then(|(shell, _)| help::completions(about, program, shell));
    match text {
        Some(text) if problems.is_empty() => return Ok(Outcome::Print(text)),
        Some(_) => {}
        None => {
            let (found, place) = shell.map_or(("nothing", &invocation.place), |(shell, place)| (shell.as_str(), place));
            let help = match nearest(found, shells) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `{program} completions bash`"),
            };
            problems.add(format!("the shell must be `bash`, `zsh` or `fish`, found `{found}`"), Some(place), help);
        }
    }
    Err(problems)
}

/// Checks everything, and completes it with what a checkpoint says.
fn resolve(
    runner: &dyn Runner,
    about: &About,
    command: Command,
    mut root: Node,
    invocation: &Invocation,
    mut problems: Problems,
) -> std::result::Result<Job, Problems> {
    for section in ["model", "data", "trainer"] {
        if root.get(section).is_none() {
            let key = Key { name: section.to_owned(), place: invocation.place.clone() };
            let node = Node::map(&invocation.place);
            root.merge(Node { content: Content::Map(vec![(key, node)]), place: invocation.place.clone() });
        }
    }
    let mut checker = Checker { known: about.known(), problems: &mut problems };
    let options = checker.table(&invocation.options, &command.options(), "", None);
    // Twice only where a checkpoint has hyperparameters of its own.
    let mut found = None;
    let place = root.get("ckpt").map(|node| node.place.clone());
    let ckpt = root.get("ckpt").and_then(text_of);
    let mut base = None;
    if let Some(ckpt) = ckpt {
        let trainer = about.root.entry("trainer").and_then(|entry| {
            let node = root.get("trainer")?;
            let mut ignored = Problems::default();
            Checker { known: about.known(), problems: &mut ignored }.check(node, &entry.shape, "trainer", None)
        });
        if let Some(trainer) = trainer {
            match locate(runner, about, command, &trainer, &ckpt) {
                Ok(stored) => {
                    base = stored.as_ref().map(|stored| stored.hparams.clone());
                    found = stored;
                }
                Err((message, help)) => problems.add(message, place.as_ref(), help),
            }
        }
    }
    let defaults = with_hparams(about, base);
    let mut checker = Checker { known: about.known(), problems: &mut problems };
    let checked = checker.check(&root, &Shape::Table(about.root.clone()), "", Some(&defaults));
    let (Some(config), Some(options), true) = (checked, options, problems.is_empty()) else { return Err(problems) };
    let part = |key: &str| config.get(key).cloned().unwrap_or_default();
    for (key, result) in [("model", runner.check_model(&part("model"))), ("data", runner.check_data(&part("data")))] {
        if let Err(error) = result {
            let place = root.get(key).map(|node| &node.place);
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            problems.add(format!("`{key}` cannot be read: {cause}"), place, "");
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let seed = config.get("seed").and_then(Value::as_u64);
    let mut saved = config.clone();
    // A run can be repeated from its file.
    let seed = if invocation.print_config || seed.is_some() { seed } else { Some(runner.drawn_seed()) };
    if let Some(entries) = saved.as_object_mut() {
        entries.insert("seed".to_owned(), seed.map_or(Value::Null, Value::from));
    }
    Ok(Job {
        command,
        seed,
        resume: found.as_ref().map_or(Resume::Never, |stored| Resume::Path(stored.path.clone())),
        path: found.map(|stored| stored.path),
        model: part("model"),
        data: part("data"),
        trainer: part("trainer"),
        options,
        text: emit(&about.root, &saved),
    })
}

fn text_of(node: &Node) -> Option<String> {
    match &node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Raw(text) if text != "null" => Some(text.clone()),
        _ => None,
    }
}

/// Finds the checkpoint, and checks that it is one of this module.
fn locate(
    runner: &dyn Runner,
    about: &About,
    command: Command,
    trainer: &Value,
    ckpt: &str,
) -> std::result::Result<Option<Stored>, (String, String)> {
    let resume = match ckpt {
        "last" => Resume::Last,
        "best" => Resume::Best,
        "auto" => Resume::LastOrStart,
        path => Resume::Path(PathBuf::from(path)),
    };
    if let Resume::Path(path) = &resume
        && !Path::new(path).is_file()
    {
        let what = if path.is_dir() { "is a folder" } else { "does not exist" };
        let help = "write the path of a `.ckpt` file, `last`, `best` or `auto`";
        return Err((format!("the checkpoint `{}` {what}", path.display()), help.to_owned()));
    }
    let found = runner.locate(trainer, &resume);
    let stored = found.map_err(|error| {
        let help = error.remedy().unwrap_or_default();
        // What it says of `Resume` is written otherwise here.
        let help = if help.contains("Resume::") { "write `--ckpt auto`, or the path of a file" } else { help };
        (error.message().to_owned(), help.to_owned())
    })?;
    if let Some(stored) = &stored {
        let path = stored.path.display();
        if stored.module != about.module {
            let message = format!(
                "the checkpoint must be of the module `{}`, found `{}` in `{path}`",
                about.module, stored.module
            );
            return Err((message, "name a checkpoint of this program".to_owned()));
        }
        if command == Command::Fit && !stored.resumable {
            let message = format!("the checkpoint `{path}` has weights alone, from which a run cannot be resumed");
            return Err((message, "name one that was saved without `save_weights_only`".to_owned()));
        }
    }
    Ok(stored)
}

/// The defaults, with the hyperparameters of a checkpoint in place of those of the program.
fn with_hparams(about: &About, stored: Option<Value>) -> Value {
    let mut defaults = Value::Object(about.root.defaults());
    let known = about.root.entry("model").and_then(|entry| entry.shape.table());
    if let (Some(Value::Object(stored)), Some(known)) = (stored, known)
        && let Some(model) = defaults.get_mut("model").and_then(Value::as_object_mut)
    {
        model.extend(stored.into_iter().filter(|(key, _)| known.entry(key).is_some()));
    }
    defaults
}

/// Prints what a plan says beside the module's.
fn print_job(about: &About, job: &Job) {
    println!("{}", job.text.trim_end());
    if !about.callbacks.is_empty() {
        println!("# callbacks of the program: {}", about.callbacks.join(", "));
    }
    if about.loggers > 0 {
        println!("# loggers of the program: {}", about.loggers);
    }
    println!();
}
