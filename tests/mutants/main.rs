//! Every way to get a module slightly wrong, one at a time: what compiles would silently not run,
//! so nothing may.
//!
//! A mutant is `examples/src/bin/digits.rs`, or `every_hook.rs` here, with one change: a word
//! misspelt, a parameter moved, a type changed, an attribute gone. Each has to be an error where
//! the change is. What compiles and is harmless, and what is reported elsewhere for a reason, is
//! listed by name.
//!
//! `LIGHTNING_MUTANTS=all` takes all of them (twenty minutes on one core), a number as many;
//! without it a few hundred.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compiler;
mod exceptions;
mod mutant;
mod program;
mod tokens;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use compiler::{Compiler, Verdict};
use exceptions::{ELSEWHERE, HARMLESS};
use mutant::{Mutant, mutants};

/// How many mutants are tried without being asked for more.
const FEW: usize = 200;

/// How many are compiled at once.
const TOGETHER: usize = 40;

const PROGRAMS: &[(&str, &str)] =
    &[("digits", include_str!("../../examples/src/bin/digits.rs")), ("every_hook", include_str!("every_hook.rs"))];

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// An error where the change is.
    Caught,
    /// An error somewhere else.
    CaughtElsewhere,
    /// No error.
    Compiles,
}

#[test]
fn no_mutant_compiles_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = Compiler::new(folder.path());
    let mut wrong = Vec::new();
    for (name, source) in PROGRAMS {
        // A lint would catch a method that nobody calls, in this program but not in a library.
        let source = source.replace("#![deny(warnings)]", "");
        let right = compiler.check(name, &source);
        assert!(right.errors.is_empty(), "{name} is no right program: {right:?}");
        let all = mutants(&source);
        let names: BTreeSet<String> = all.iter().map(Mutant::name).collect();
        assert_eq!(names.len(), all.len(), "every mutant has a name of its own");
        let chosen = choose(&all);
        println!("{name}: {} of {} mutants", chosen.len(), all.len());
        wrong.extend(try_all(&compiler, name, &chosen));
    }
    assert!(wrong.is_empty(), "{} mutants:\n{}", wrong.len(), wrong.join("\n"));
}

/// The mutants that are tried, spread over all of them.
fn choose(all: &[Mutant]) -> Vec<&Mutant> {
    let wanted = match std::env::var("LIGHTNING_MUTANTS").as_deref() {
        Ok("all") => all.len(),
        Ok(number) => number.parse().expect("LIGHTNING_MUTANTS is a number or `all`"),
        Err(_) => FEW,
    };
    let step = all.len().div_ceil(wanted.max(1)).max(1);
    all.iter().step_by(step).collect()
}

/// The mutants whose fate is none that is allowed, each said when it is found: a full run takes a
/// while.
fn try_all(compiler: &Compiler, program: &str, chosen: &[&Mutant]) -> Vec<String> {
    let wrong = Mutex::new(Vec::new());
    let judge = |mutant: &Mutant, verdict: &Verdict| {
        if let Some(mismatch) = judge(program, mutant, verdict) {
            println!("{mismatch}");
            wrong.lock().unwrap().push(mismatch);
        }
    };
    // Neighbours differ at one place: spread, a group has few mutants that hide the errors of
    // others.
    let groups: Vec<Vec<&Mutant>> = {
        let count = chosen.len().div_ceil(TOGETHER);
        (0..count).map(|first| chosen.iter().skip(first).step_by(count).copied().collect()).collect()
    };
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(index) else { break };
                    try_group(compiler, &format!("{program}_{index}"), group, &judge);
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// Takes out what is caught until what is left compiles together, or is the error of none; that is
/// looked at one by one.
fn try_group(compiler: &Compiler, name: &str, group: &[&Mutant], judge: &impl Fn(&Mutant, &Verdict)) {
    let mut left = group.to_vec();
    while left.len() > 1 {
        let sources: Vec<&str> = left.iter().map(|mutant| mutant.source.as_str()).collect();
        let together = compiler.check_together(name, &sources);
        let before = left.len();
        let mut open = Vec::new();
        for (mutant, verdict) in left.into_iter().zip(&together.verdicts) {
            if together.compiles || fate(mutant, verdict) == Fate::Caught {
                judge(mutant, verdict);
            } else {
                open.push(mutant);
            }
        }
        left = open;
        if left.len() == before {
            break;
        }
    }
    for mutant in left {
        judge(mutant, &compiler.check(name, &mutant.source));
    }
}

fn fate(mutant: &Mutant, verdict: &Verdict) -> Fate {
    let touches = |place: &std::ops::Range<usize>| place.start <= mutant.at.end && mutant.at.start <= place.end;
    match verdict.errors.as_slice() {
        [] => Fate::Compiles,
        errors if errors.iter().any(|error| error.primary.iter().chain(&error.labels).any(touches)) => Fate::Caught,
        _ => Fate::CaughtElsewhere,
    }
}

/// What is to be said of a mutant whose fate is none that is allowed.
fn judge(program: &str, mutant: &Mutant, verdict: &Verdict) -> Option<String> {
    let listed = |list: &[(&str, &str, &str)]| {
        list.iter().any(|(of, name, _)| (*of == program || *of == "any") && matches(name, mutant))
    };
    let fate = fate(mutant, verdict);
    let allowed = match fate {
        Fate::Caught => true,
        Fate::CaughtElsewhere => listed(ELSEWHERE),
        Fate::Compiles => listed(HARMLESS),
    };
    let headlines: Vec<&str> =
        verdict.errors.iter().map(|error| error.message.lines().next().unwrap_or_default()).collect();
    (!allowed).then(|| format!("{program}: {}: {fate:?}; {headlines:?}", mutant.name()))
}

/// Whether an entry names the mutant: its site, or its site and change; `*` stands for any text.
fn matches(entry: &str, mutant: &Mutant) -> bool {
    let name = mutant.name();
    let mut rest = name.as_str();
    let mut parts = entry.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    entry.ends_with('*') || rest.is_empty() || (!entry.contains(": ") && rest.starts_with(": "))
}

/// An entry that names nothing would hide the next mistake.
#[test]
fn every_exception_is_of_a_mutant() {
    for (of, name, _) in HARMLESS.iter().chain(ELSEWHERE) {
        let programs = PROGRAMS.iter().filter(|(program, _)| of == program || *of == "any");
        let found = programs.flat_map(|(_, source)| mutants(source)).any(|mutant| matches(name, &mutant));
        assert!(found, "`{name}` is no mutant of {of}");
    }
    assert!(fs::exists(Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants/every_hook.rs")).unwrap());
}
