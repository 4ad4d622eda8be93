//! Studies in a journal: shared by threads and processes, killed workers, other programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lightning_core::search::{Journal, Random, Space, Study, Tpe, TrialRecord, TrialState, choice, log_uniform};
use serde_json::json;

use crate::{
    foreign,
    search_support::{Searched, optuna, quadratic, space},
};

/// The journal of the process that a test starts, and what it does with it.
const JOURNAL: &str = "LIGHTNING_TEST_JOURNAL";
const TASK: &str = "LIGHTNING_TEST_TASK";

fn study(journal: &Path) -> Study<Searched> {
    // A killed process may have left its lock.
    let journal = Journal::new(journal).grace_period(Duration::from_secs(5));
    Study::new(Searched::VAL_LOSS, space()).name("shared").sampler(Tpe::new().seed(1)).storage(journal)
}

fn numbers(trials: &[TrialRecord]) -> Vec<u64> {
    trials.iter().map(|trial| trial.number).collect()
}

#[test]
fn four_threads_share_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let worker = || {
        let path = path.clone();
        thread::spawn(move || study(&path).optimize_until(40, |trial| Ok(quadratic(&trial.hparams()))).unwrap())
    };
    let workers: Vec<_> = (0..4).map(|_| worker()).collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let trials = study(&path).trials().unwrap();
    assert_eq!(numbers(&trials), (0..40).collect::<Vec<_>>());
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete && trial.params.len() >= 3));
    let different: BTreeSet<String> = trials.iter().map(|trial| format!("{:?}", trial.param("lr"))).collect();
    assert_eq!(different.len(), 40, "no two workers choose by the same random numbers");
}

#[test]
fn a_study_that_does_not_fit_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    study(&path).optimize(2, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    let other = || Journal::new(&path);
    let mut maximized = Study::new(Searched::VAL_ACC, space()).name("shared").storage(other());
    let error = maximized.optimize(1, |_| Ok(0.0)).unwrap_err().to_string();
    assert!(error.contains("must have the objectives of the program, maximize, found minimize"), "{error}");
    let kinds = Space::new().set("kind", choice(["adam", "lion"]));
    let mut changed = Study::new(Searched::VAL_LOSS, kinds).name("shared").storage(other());
    let error = changed.trials().unwrap_err().to_string();
    assert!(error.contains("found one of \"adam\", \"lion\" and before one of \"adam\", \"sgd\""), "{error}");
    // A range may change, and another name is another study.
    let narrow = Space::new().set("lr", log_uniform(1e-3..1e-2));
    let mut narrower = Study::new(Searched::VAL_LOSS, narrow).name("shared").storage(other());
    narrower.optimize(1, |trial| Ok(trial.hparams().lr)).unwrap();
    assert_eq!(narrower.trials().unwrap().len(), 3);
    let mut own = Study::new(Searched::VAL_ACC, space()).storage(other());
    own.optimize(1, |_| Ok(0.0)).unwrap();
    assert_eq!(numbers(&own.trials().unwrap()), [0]);
}

#[test]
fn a_journal_that_was_cut_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    study(&path).optimize(4, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    let whole = fs::read(&path).unwrap();
    let known = study(&path).trials().unwrap();
    // Also within the line that creates the study, and at the ends of lines.
    for cut in (0..=whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1, whole.len()]) {
        let path = folder.path().join(format!("cut_{cut}.log"));
        fs::write(&path, &whole[..cut]).unwrap();
        let mut study = study(&path);
        let before = study.trials().unwrap();
        for (trial, known) in before.iter().zip(&known).filter(|(trial, _)| trial.state.is_finished()) {
            assert_eq!((trial.value(), &trial.params), (known.value(), &known.params), "cut at {cut}");
        }
        study.optimize(2, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
        let after = study.trials().unwrap();
        assert_eq!(numbers(&after), (0..before.len() as u64 + 2).collect::<Vec<_>>(), "cut at {cut}");
        assert!(after[before.len()..].iter().all(|trial| trial.state == TrialState::Complete), "cut at {cut}");
        if cut > whole.len() / 2 && cut % 3 == 0 {
            let Some(read) = optuna("read", &path, &["shared"]) else { continue };
            assert_eq!(read["trials"].as_array().unwrap().len(), after.len(), "cut at {cut}");
        }
    }
}

/// What a process does that one of the tests starts.
#[test]
fn child_process() {
    let Some(journal) = std::env::var_os(JOURNAL).map(PathBuf::from) else { return };
    match std::env::var(TASK).unwrap().as_str() {
        "workers" => {
            let mut study = study(&journal).workers(3);
            study
                .optimize(30, |trial| {
                    thread::sleep(Duration::from_millis(20));
                    trial.set_attr("process", std::process::id())?;
                    Ok(quadratic(&trial.hparams()))
                })
                .unwrap();
            // Only the process that was called gets here.
            fs::write(journal.with_extension("done"), study.trials().unwrap().len().to_string()).unwrap();
        }
        task if task.starts_with("until ") => study(&journal)
            .retry(1000)
            .optimize_until(task["until ".len()..].parse().unwrap(), |trial| {
                for step in 1..=4 {
                    thread::sleep(Duration::from_millis(40));
                    trial.report(step, 1.0)?;
                }
                Ok(quadratic(&trial.hparams()))
            })
            .unwrap(),
        _ => study(&journal)
            .retry(1)
            .optimize(1, |trial| {
                fs::write(trial.folder()?.join("started"), "")?;
                thread::sleep(Duration::from_secs(60));
                Ok(0.0)
            })
            .unwrap(),
    }
}

fn start(task: &str, journal: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "search_journal::child_process", "--nocapture"])
        .env(JOURNAL, journal)
        .env(TASK, task)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_program_starts_its_workers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    assert!(start("workers", &path).wait().unwrap().success());
    assert_eq!(fs::read_to_string(path.with_extension("done")).unwrap(), "30");
    let trials = study(&path).trials().unwrap();
    assert_eq!(numbers(&trials), (0..30).collect::<Vec<_>>());
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete));
    let processes: BTreeSet<String> = trials.iter().map(|trial| trial.user_attrs["process"].to_string()).collect();
    assert_eq!(processes.len(), 3, "each has run some");
    assert!(folder.path().join("study_files/worker_2.log").exists());
}

#[test]
fn the_trial_of_a_killed_worker_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut child = start("sleep", &path);
    let started = folder.path().join("study_files/trial_0/started");
    let since = Instant::now();
    while !started.exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "the worker has not started");
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let mut study = study(&path).retry(1);
    let mut seen = Vec::new();
    study
        .optimize(1, |trial| {
            seen.push((trial.number(), trial.retries().to_vec(), trial.folder()?));
            Ok(quadratic(&trial.hparams()))
        })
        .unwrap();
    // The repeated trial does not count: one more is run.
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!((seen[0].0, &seen[0].1[..]), (1, &[0][..]));
    assert_eq!(seen[0].2, started.parent().unwrap(), "with the folder of the first try");
    let trials = study.trials().unwrap();
    assert_eq!(trials[0].state, TrialState::Failed);
    assert!(trials[0].error().unwrap().starts_with("its worker was lost: process"), "{:?}", trials[0].error());
    assert_eq!(trials[0].param("lr"), trials[1].param("lr"));
}

/// Optuna, which opens the journal anew each time that it is asked. Nothing without it.
struct Watcher(Option<(Child, ChildStdin, BufReader<ChildStdout>)>);

impl Watcher {
    fn start(journal: &Path) -> Self {
        let Some(python) = foreign::python("OPTUNA_PYTHON", "optuna") else { return Self(None) };
        let script = foreign::script("optuna_study.py");
        let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
        let command = &mut Command::new(python);
        let command = command.arg(script).arg("watch").arg(journal).arg("shared").stdin(stdin).stdout(stdout);
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self(Some((child, input, output)))
    }

    /// The number, state and value of each finished trial.
    fn finished(&mut self) -> Option<BTreeMap<u64, (String, Option<f64>)>> {
        let (_, input, output) = self.0.as_mut()?;
        writeln!(input).unwrap();
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "Optuna cannot read the journal");
        let trials: Vec<(u64, String, Option<Vec<f64>>)> = serde_json::from_str(&line).unwrap();
        Some(
            trials
                .into_iter()
                .map(|(number, state, values)| (number, (state, values.map(|values| values[0]))))
                .collect(),
        )
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some((mut child, input, _)) = self.0.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

/// The name of a state in Optuna.
fn foreign(state: TrialState) -> &'static str {
    match state {
        TrialState::Complete => "COMPLETE",
        TrialState::Failed => "FAIL",
        other => panic!("{other:?}"),
    }
}

#[test]
fn workers_that_are_killed_lose_no_trial() {
    const WORKERS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let kills: usize = std::env::var("LIGHTNING_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8);
    let total = 12 * kills;
    let begin = || start(&format!("until {total}"), &path);
    let mut rng = lightning_core::Rng::new(5);
    let mut workers: Vec<Child> = (0..WORKERS).map(|_| begin()).collect();
    let mut watcher = Watcher::start(&path);
    let (mut killed, mut partial, mut known) = (0, 0, BTreeMap::new());
    while study(&path).trials().unwrap().is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(rng.random_range(20..400) as u64));
        let worker = &mut workers[rng.random_range(0..WORKERS)];
        killed += usize::from(worker.try_wait().unwrap().is_none());
        worker.kill().unwrap();
        worker.wait().unwrap();
        partial += usize::from(fs::read(&path).unwrap().last().is_some_and(|last| *last != b'\n'));
        // What has ended stays as it was, for Optuna as for us.
        if let Some(finished) = watcher.finished() {
            for (number, end) in &known {
                assert_eq!(finished.get(number), Some(end), "trial {number} after {killed} kills");
            }
            known = finished;
        }
        *worker = begin();
    }
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    // One more looks for what the last killed worker has left.
    assert!(begin().wait().unwrap().success());
    assert!(killed * 2 > kills, "only {killed} workers were running when they were killed");
    let trials = study(&path).trials().unwrap();
    assert_eq!(numbers(&trials), (0..trials.len() as u64).collect::<Vec<_>>());
    let complete = trials.iter().filter(|trial| trial.state == TrialState::Complete).count();
    assert_eq!(complete, total, "{trials:?}");
    // Each of the others is one of a killed worker, and was repeated once.
    let (mut failed, mut repeated) = (Vec::new(), Vec::new());
    for trial in &trials {
        if trial.state == TrialState::Failed {
            assert!(trial.error().unwrap().starts_with("its worker was lost: process"), "{trial:?}");
            failed.push(trial.number);
        }
        repeated.extend(trial.system_attrs.get("failed_trial").and_then(serde_json::Value::as_u64));
    }
    repeated.sort_unstable();
    assert_eq!(failed, repeated);
    assert_eq!(complete + failed.len(), trials.len());
    if let Some(finished) = watcher.finished() {
        let ours = trials.iter().map(|trial| (trial.number, (foreign(trial.state).to_owned(), trial.value())));
        assert_eq!(finished, ours.collect());
    }
    eprintln!(
        "{killed} of {kills} kills hit a running worker, {partial} of them within a line; {total} trials are complete, \
         {} were repeated; Optuna has read the file after each kill: {}",
        failed.len(),
        watcher.0.is_some()
    );
}

#[test]
fn optuna_goes_on_with_a_study_and_we_with_its() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut ours = study(&path);
    ours.optimize(12, |trial| {
        trial.report(1, f64::NAN)?;
        trial.report(2, 0.5)?;
        trial.set_constraint("width", -1.0)?;
        trial.set_attr("note", "text")?;
        if trial.number() == 3 {
            return Err("no luck".into());
        }
        Ok(quadratic(&trial.hparams()))
    })
    .unwrap();
    let Some(read) = optuna("run", &path, &["shared", "8"]) else { return };
    assert_eq!((&read["directions"], &read["metrics"]), (&json!(["MINIMIZE"]), &json!(["val_loss"])));
    let theirs = read["trials"].as_array().unwrap();
    assert_eq!(theirs.len(), 20);
    let trials = ours.trials().unwrap();
    for (trial, theirs) in trials.iter().zip(theirs) {
        let state = if trial.number == 3 { "FAIL" } else { "COMPLETE" };
        assert_eq!(theirs["state"], state);
        assert_eq!(theirs["values"].get(0).and_then(|value| value.as_f64()), trial.value());
        for (name, value) in theirs["params"].as_object().unwrap() {
            assert_eq!(trial.param(name).as_ref(), Some(value), "{name} of trial {}", trial.number);
        }
        assert_eq!(theirs["params"].as_object().unwrap().len(), trial.params.len());
        let seconds = trial.duration().unwrap().as_secs_f64();
        assert!((theirs["seconds"].as_f64().unwrap() - seconds).abs() < 1e-3);
    }
    assert_eq!(theirs[0]["reports"], json!({"1": null, "2": 0.5}), "NaN, and a number");
    assert_eq!(theirs[0]["user_attrs"]["note"], json!("text"));
    assert_eq!(theirs[0]["constraints"], json!({"width": -1.0}));
    assert_eq!(theirs[3]["user_attrs"]["error"], json!("no luck"));

    ours.optimize(5, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    assert_eq!(numbers(&ours.trials().unwrap()), (0..25).collect::<Vec<_>>());
    // One that Optuna begins.
    optuna("run", &path, &["theirs", "15"]).unwrap();
    let mut theirs = Study::new(Searched::VAL_LOSS, space()).name("theirs").storage(Journal::new(&path));
    theirs.optimize(5, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    assert_eq!(theirs.trials().unwrap().len(), 20);
    assert_eq!(optuna("read", &path, &["theirs"]).unwrap()["trials"].as_array().unwrap().len(), 20);
}

#[test]
fn a_journal_without_a_sampler_of_its_own_is_read_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    study(&path).optimize(12, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    let mut other = study(&path).sampler(Random::new().seed(9));
    other.optimize(3, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    assert_eq!(other.best().unwrap().value(), {
        let values = other.trials().unwrap();
        values.iter().filter_map(TrialRecord::value).fold(f64::INFINITY, f64::min)
    });
}
