//! Ends training programs with SIGKILL and SIGTERM at random moments, restarts each until it has
//! finished, and compares its weights, logs, checkpoints and predictions byte for byte with those of
//! an uninterrupted run.
//!
//! `crash 500` ends runs 500 times; a part of the kills wait for a checkpoint that is being written,
//! and a part of the signals come in a given phase of the run. `crash 500 7` uses another random
//! seed, and `crash 500 7 several stream` only these configurations (`program.rs`).

mod files;
mod net;
mod program;
mod signal;

use std::{
    collections::BTreeMap,
    env, io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use lightning_core::{Rng, prelude::*};

use crate::{
    files::{BestFiles, Files, difference, is_writing, results},
    signal::PHASES,
};

const CHILD: &str = "--train";

/// How a run is ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Kill,
    KillWhileWriting,
    Terminate,
    TerminateWhileWriting,
    /// The program sends itself a signal in a phase, at a number of its calls.
    Phase(&'static str, usize),
}

impl End {
    fn random(rng: &mut Rng) -> Self {
        match rng.random_range(0..8) {
            0 | 1 => Self::Kill,
            2 | 3 => Self::KillWhileWriting,
            4 => Self::Terminate,
            5 => Self::TerminateWhileWriting,
            _ => {
                let (phase, calls) = PHASES.get(rng.random_range(0..PHASES.len())).copied().unwrap_or(("setup", 1));
                Self::Phase(phase, rng.random_range(0..calls))
            }
        }
    }

    fn waits_for_writing(self) -> bool {
        matches!(self, Self::KillWhileWriting | Self::TerminateWhileWriting)
    }
}

/// How often runs were ended.
#[derive(Default)]
struct Count {
    all: u64,
    kills: u64,
    while_writing: u64,
    in_a_phase: u64,
}

fn start(name: &str, folder: &Path, end: Option<End>) -> io::Result<Child> {
    let signal = match end {
        Some(End::Phase(hook, calls)) => format!("{hook}:{calls}"),
        _ => "none".to_owned(),
    };
    Command::new(env::current_exe()?).args([CHILD, name, &signal]).arg(folder).stdout(Stdio::null()).spawn()
}

/// Returns whether a run has finished; `false` if a signal has ended it.
fn is_finished(status: ExitStatus) -> io::Result<bool> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(true),
        // Before the handlers are installed, SIGTERM has its default effect.
        (Some(program::INTERRUPTED), _) | (None, Some(9 | 15)) => Ok(false),
        _ => Err(io::Error::other(format!("the program failed: {status}"))),
    }
}

/// Runs the program once and ends it. Returns whether it had finished before.
fn run(
    name: &str,
    folder: &Path,
    rng: &mut Rng,
    life: Duration,
    best: &mut BestFiles,
    count: &mut Count,
) -> io::Result<bool> {
    let end = End::random(rng);
    let moment = life.mul_f64(rng.uniform());
    let mut child = start(name, folder, Some(end))?;
    let begun = Instant::now();
    let mut ended = false;
    loop {
        if let Some(status) = child.try_wait()? {
            best.look(folder)?;
            let finished = is_finished(status).map_err(|error| io::Error::other(format!("{error} after {end:?}")))?;
            if !finished {
                count.all += 1;
                count.in_a_phase += u64::from(matches!(end, End::Phase(..)));
            }
            return Ok(finished);
        }
        best.look(folder)?;
        let is_due = !ended && !matches!(end, End::Phase(..)) && begun.elapsed() >= moment;
        let writing = is_due && end.waits_for_writing() && is_writing(folder);
        if writing || (is_due && !end.waits_for_writing()) {
            ended = true;
            count.while_writing += u64::from(writing);
            match end {
                End::Kill | End::KillWhileWriting => {
                    child.kill()?;
                    count.kills += 1;
                }
                _ => {
                    Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
                }
            }
        }
        thread::sleep(Duration::from_micros(300));
    }
}

/// An uninterrupted run: what it leaves, and how long it takes.
struct Whole {
    files: Files,
    life: Duration,
}

impl Whole {
    fn of(name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let begun = Instant::now();
        let status = start(name, folder.path(), None)?.wait()?;
        if !status.success() {
            return Err(format!("the uninterrupted run of `{name}` failed: {status}").into());
        }
        Ok(Self { life: begun.elapsed(), files: results(folder.path())? })
    }
}

/// Runs one configuration until it has finished, and compares.
fn round(name: &str, whole: &Whole, rng: &mut Rng, count: &mut Count) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut starts = 0;
    let mut tried = || -> Result<()> {
        let mut best = BestFiles::new(program::prefixes(name));
        loop {
            starts += 1;
            if run(name, folder.path(), rng, whole.life, &mut best, count)? {
                break;
            }
        }
        match difference(&results(folder.path())?, &whole.files) {
            Some(text) => Err(text.into()),
            None => Ok(()),
        }
    };
    match tried() {
        Ok(()) => Ok(starts),
        Err(error) => Err(format!("`{name}`, start {starts}, in {}: {error}", folder.keep().display()).into()),
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mode, name, signal, folder] = args.as_slice()
        && mode == CHILD
    {
        if program::train(name, Path::new(folder), signal)? {
            std::process::exit(program::INTERRUPTED);
        }
        return Ok(());
    }
    let number = |at: usize, default: u64| args.get(at).map_or(Ok(default), |text| text.parse());
    let (wanted, seed) = (number(0, 500)?, number(1, 1)?);
    let mut names: Vec<String> = args.into_iter().skip(2).collect();
    if names.is_empty() {
        names = program::names();
    }
    let mut rng = Rng::new(seed);
    let order: Vec<String> = rng.permutation(names.len()).into_iter().filter_map(|at| names.get(at).cloned()).collect();

    let (mut count, mut rounds, mut failures) = (Count::default(), 0, Vec::new());
    let mut wholes: BTreeMap<String, Whole> = BTreeMap::new();
    for name in order.iter().cycle() {
        if count.all >= wanted {
            break;
        }
        if !wholes.contains_key(name) {
            wholes.insert(name.clone(), Whole::of(name)?);
        }
        let Some(whole) = wholes.get(name) else { continue };
        rounds += 1;
        match round(name, whole, &mut rng, &mut count) {
            Ok(starts) => {
                println!("{name}: {starts} starts, {} ended so far, alone {:.2?}", count.all, whole.life);
            }
            Err(error) => {
                println!("FAILED: {error}");
                failures.push(error.to_string());
            }
        }
    }
    let Count { all, kills, while_writing, in_a_phase } = count;
    println!(
        "{all} runs ended, {kills} of them by SIGKILL, {while_writing} while a checkpoint was being written, \
         {in_a_phase} by a signal in a phase; {rounds} runs finished"
    );
    if failures.is_empty() {
        println!("nothing lost");
        return Ok(());
    }
    Err(format!("{} of {rounds} runs differ:\n{}", failures.len(), failures.join("\n")).into())
}
