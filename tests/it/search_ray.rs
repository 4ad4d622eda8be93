//! Trials as jobs of Ray's Jobs API, against a small server that runs them. `scripts/search_ray.sh`
//! does the same with Ray itself.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use lightning_core::{
    Error,
    search::{Grid, Journal, RayJobs, Space, Study, Trial, TrialRecord, TrialState, choice},
};
use serde_json::json;

use crate::{
    search_ray_support::Cluster,
    search_support::{Searched, space},
};

/// The journal of a job, and its rates.
const JOURNAL: &str = "LIGHTNING_TEST_RAY_JOURNAL";
const CHOICES: &str = "LIGHTNING_TEST_RAY_RATES";

/// What a trial does is in its rate.
const RATES: [f64; 8] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
const FAILS: f64 = 0.5;
const ABORTS: f64 = 2.0;
const SLEEPS: f64 = 8.0;

fn study(journal: &Path, rates: &[f64]) -> Study<Searched> {
    let space = Space::new().set("lr", choice(rates.iter().copied()));
    Study::new(Searched::VAL_LOSS, space).name("by ray").sampler(Grid::new()).storage(Journal::new(journal))
}

fn objective(trial: &mut Trial<Searched>) -> lightning_core::Result<f64> {
    let rate = trial.hparams().lr;
    if rate == FAILS {
        return Err(Error::data("no data for this rate"));
    }
    if rate == ABORTS && trial.retries().is_empty() {
        println!("the last words of the job");
        std::process::abort();
    }
    if rate == SLEEPS {
        thread::sleep(Duration::from_secs(60));
    }
    Ok(2.0 * rate)
}

/// What the jobs run.
#[test]
fn job() {
    let Some(journal) = std::env::var_os(JOURNAL).map(PathBuf::from) else { return };
    let rates = std::env::var(CHOICES).unwrap();
    let rates: Vec<f64> = rates.split(' ').map(|rate| rate.parse().unwrap()).collect();
    let mut study = study(&journal, &rates);
    // The search of the job is one of those that the calling process has begun; those before it are
    // passed over, and its own one does not return.
    for _ in 0..100_000 {
        study.optimize(1, objective).unwrap();
    }
}

fn engine(cluster: &Cluster, journal: &Path, rates: &[f64]) -> RayJobs {
    let program = std::env::current_exe().unwrap();
    let rates: Vec<String> = rates.iter().map(f64::to_string).collect();
    RayJobs::new(&cluster.address)
        .entrypoint(format!("exec '{}' --exact search_ray::job --nocapture", program.display()))
        .env(JOURNAL, journal.to_str().unwrap())
        .env(CHOICES, rates.join(" "))
        .patience(Duration::from_millis(1500))
}

/// The number, state and value of each trial.
fn ends(trials: &[TrialRecord]) -> Vec<(u64, TrialState, Option<f64>)> {
    trials.iter().map(|trial| (trial.number, trial.state, trial.value())).collect()
}

fn never(_: &mut Trial<Searched>) -> lightning_core::Result<f64> {
    panic!("only jobs run trials")
}

#[test]
fn each_trial_is_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let cluster = Cluster::start();
    let jobs = engine(&cluster, &path, &RATES).cpus(0.5).gpus(0.25).memory(1 << 20).at_once(3);
    let mut study = study(&path, &RATES).engine(jobs);
    let since = Instant::now();
    // Somebody stops the one that sleeps, once it has begun.
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut watched = self::study(&path, &RATES);
            let runs = |trials: Vec<TrialRecord>| {
                trials.get(5).is_some_and(|trial| trial.system_attrs["lightning:worker"]["pid"] != std::process::id())
            };
            while !runs(watched.trials().unwrap()) && since.elapsed() < Duration::from_secs(50) {
                thread::sleep(Duration::from_millis(50));
            }
            assert!(cluster.stop(5));
        });
        study.optimize(100, never).unwrap();
    });
    assert!(since.elapsed() < Duration::from_secs(55), "the job was stopped");
    let trials = study.trials().unwrap();
    let complete = |number| (number, TrialState::Complete, Some(2.0 * RATES[number as usize]));
    let failed = |number| (number, TrialState::Failed, None);
    assert_eq!(
        ends(&trials),
        [complete(0), failed(1), complete(2), failed(3), complete(4), failed(5), complete(6), complete(7)]
    );
    assert_eq!(trials[1].error(), Some("no data for this rate"));
    let aborted = trials[3].error().unwrap();
    assert!(aborted.contains("of Ray failed: Job entrypoint command failed with exit code"), "{aborted}");
    assert!(aborted.contains("; its log ends with\n") && aborted.contains("the last words of the job"), "{aborted}");
    let stopped = trials[5].error().unwrap();
    assert!(stopped.starts_with("its job `by-ray-trial-5-") && stopped.ends_with("` of Ray was stopped"), "{stopped}");
    assert_eq!((study.best().unwrap().number(), study.best().unwrap().value()), (0, 0.5));

    let submissions = cluster.submissions();
    assert_eq!(submissions.len(), 8);
    for (number, submission) in submissions.iter().enumerate() {
        assert_eq!(submission["metadata"], json!({"study": "by ray", "trial": number.to_string()}));
        assert_eq!(submission["entrypoint_num_cpus"], 0.5);
        assert_eq!(submission["entrypoint_num_gpus"], 0.25);
        assert_eq!(submission["entrypoint_memory"], 1 << 20);
        assert_eq!(submission["submission_id"], trials[number].system_attrs["lightning:job"]);
    }
}

#[test]
fn the_trial_of_a_job_that_died_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let cluster = Cluster::start();
    let mut study = study(&path, &[ABORTS]).retry(1).engine(engine(&cluster, &path, &[ABORTS]));
    study.optimize(100, never).unwrap();
    let trials = study.trials().unwrap();
    assert_eq!(ends(&trials), [(0, TrialState::Failed, None), (1, TrialState::Complete, Some(4.0))]);
    assert_eq!(trials[1].system_attrs["retry_history"], json!([0]));
}

#[test]
fn a_job_that_takes_too_long_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let cluster = Cluster::start();
    let jobs = engine(&cluster, &path, &[SLEEPS]).time_limit(Duration::from_secs(1));
    let mut study = study(&path, &[SLEEPS]).engine(jobs);
    let since = Instant::now();
    study.optimize(1, never).unwrap();
    assert!(since.elapsed() < Duration::from_secs(50));
    let trials = study.trials().unwrap();
    let why = trials[0].error().unwrap();
    assert!(why.ends_with("` of Ray was stopped after 1 seconds, its `time_limit`"), "{why}");
}

#[test]
fn ray_that_goes_in_between_leaves_a_study_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut cluster = Cluster::start();
    let rates = [1.0, SLEEPS, 4.0];
    let mut study = study(&path, &rates).engine(engine(&cluster, &path, &rates).at_once(1));
    let error = thread::scope(|scope| {
        let search = scope.spawn(|| study.optimize(100, never).unwrap_err());
        let mut watched = self::study(&path, &rates);
        while watched.trials().unwrap().len() < 2 {
            assert!(!search.is_finished());
            thread::sleep(Duration::from_millis(20));
        }
        cluster.go();
        search.join().unwrap().to_string()
    });
    let address = &cluster.address;
    assert!(error.starts_with(&format!("Ray at `{address}` has not answered for 1.5 seconds: ")), "{error}");
    assert!(error.ends_with("start Ray again and call `optimize` again: the study goes on"), "{error}");
    let trials = study.trials().unwrap();
    assert_eq!(ends(&trials), [(0, TrialState::Complete, Some(2.0)), (1, TrialState::Failed, None)]);
    let why = trials[1].error().unwrap();
    assert!(why.contains("was given up: Ray at `http://127.0.0.1:"), "{why}");

    let again = Cluster::start();
    let mut study = self::study(&path, &rates).engine(engine(&again, &path, &rates));
    study.optimize(100, never).unwrap();
    assert_eq!(ends(&study.trials().unwrap())[2..], [(2, TrialState::Complete, Some(8.0))]);
}

#[test]
fn without_ray_no_trial_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut gone = Cluster::start();
    gone.go();
    let mut study = study(&path, &RATES).engine(engine(&gone, &path, &RATES));
    let error = study.optimize(3, never).unwrap_err().to_string();
    assert!(error.starts_with(&format!("there is no Ray at `{}`: ", gone.address)), "{error}");
    assert!(error.contains("start it (`ray start --head`)"), "{error}");
    assert!(study.trials().unwrap().is_empty());

    let cluster = Cluster::start();
    cluster.refuse(400, "entrypoint_num_gpus must be an integer above 1");
    let mut study = self::study(&path, &RATES).engine(engine(&cluster, &path, &RATES).gpus(1.5));
    let error = study.optimize(3, never).unwrap_err().to_string();
    assert!(
        error.contains("has refused a request, submitting a job: the status 400: entrypoint_num_gpus must"),
        "{error}"
    );
    assert_eq!(ends(&study.trials().unwrap()), [(0, TrialState::Failed, None)]);
    // What it answers is not for long.
    cluster.refuse(503, "later");
    let mut study = self::study(&path, &RATES).engine(engine(&cluster, &path, &RATES));
    let error = study.optimize(3, never).unwrap_err().to_string();
    assert!(error.contains("has not answered for 1.5 seconds: the status 503: later"), "{error}");
    assert_eq!(study.trials().unwrap().len(), 2);
}

#[test]
fn jobs_that_do_not_reach_the_search_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let cluster = Cluster::start();
    let wrong = engine(&cluster, &path, &RATES).entrypoint("echo 'tune: not found'; exit 127").at_once(2);
    let mut study = study(&path, &RATES).engine(wrong);
    let error = study.optimize(100, never).unwrap_err().to_string();
    assert!(error.starts_with("3 jobs of Ray have ended before they ran their trials"), "{error}");
    assert!(error.contains("exit code 127; its log ends with\ntune: not found"), "{error}");
    assert!(error.contains("it is `echo 'tune: not found'; exit 127`"), "{error}");
    assert!(study.trials().unwrap().iter().all(|trial| trial.state == TrialState::Failed));

    // A node that does not have the journal.
    let elsewhere = cluster.folder().join("other.log");
    let mut study = self::study(&path, &RATES).engine(engine(&cluster, &elsewhere, &RATES));
    let error = study.optimize(100, never).unwrap_err().to_string();
    assert!(error.contains("must have the trial of the study `by ray` that it was started for"), "{error}");
    assert!(error.contains("all nodes need the same journal"), "{error}");
}

#[test]
fn an_engine_needs_a_journal_and_no_workers() {
    let mut study = Study::new(Searched::VAL_LOSS, space()).engine(RayJobs::new("localhost")).workers(2);
    let error = study.optimize(1, never).unwrap_err().to_string();
    assert!(error.contains("`engine(RayJobs)` needs a storage that the nodes of the cluster can share"), "{error}");
    assert!(error.contains("`workers(2)` and `engine(RayJobs)` exclude each other"), "{error}");
    assert!(error.contains("the address must start with `http://`, found `localhost`"), "{error}");
}
