//! SLURM arrays: processes with the variables of a task, on one journal.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use lightning_core::search::{Journal, Study, Tpe, TrialRecord, TrialState};

use crate::search_support::{Searched, SearchedHparams, optuna, quadratic, space};

const JOURNAL: &str = "LIGHTNING_TEST_ARRAY_JOURNAL";

/// Without a seed of its own: the tasks have that of the study.
fn study(journal: &Path) -> Study<Searched> {
    Study::new(Searched::VAL_LOSS, space()).name("array").sampler(Tpe::new()).storage(Journal::new(journal))
}

/// The program of the array, which knows nothing of SLURM.
#[test]
fn task() {
    let Some(journal) = std::env::var_os(JOURNAL).map(PathBuf::from) else { return };
    let mut study = study(&journal);
    study.enqueue(SearchedHparams { lr: 0.25, width: 16, ..SearchedHparams::default() }).unwrap();
    for trials in [24, 6] {
        study
            .optimize(trials, |trial| {
                trial.set_attr("seed", trial.seed())?;
                thread::sleep(Duration::from_millis(30));
                Ok(quadratic(&trial.hparams()))
            })
            .unwrap();
    }
}

fn start(journal: &Path, array: &str, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "search_array::task", "--nocapture"])
        .env(JOURNAL, journal)
        .env("SLURM_JOB_ID", (100 + number).to_string())
        .env("SLURM_ARRAY_JOB_ID", array)
        .env("SLURM_ARRAY_TASK_ID", number.to_string())
        .env("SLURM_ARRAY_TASK_COUNT", "4")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_tasks_of_an_array_share_a_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut tasks: Vec<Child> = (0..4).map(|number| start(&path, "100", number)).collect();
    for task in &mut tasks {
        assert!(task.wait().unwrap().success());
    }
    // One that SLURM starts again finds nothing to do.
    assert!(start(&path, "100", 2).wait().unwrap().success());
    let trials = study(&path).trials().unwrap();
    assert_eq!(trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete), "{trials:?}");
    let workers: BTreeSet<String> =
        trials.iter().map(|trial| trial.system_attrs["lightning:worker"]["slurm"].to_string()).collect();
    assert_eq!(workers.len(), 4, "each has run some: {workers:?}");
    assert!(workers.contains("\"100_3\""), "{workers:?}");
    let given: Vec<&TrialRecord> =
        trials.iter().filter(|trial| trial.system_attrs.contains_key("fixed_params")).collect();
    assert_eq!(given.len(), 1, "enqueued once");
    assert_eq!(given[0].value(), Some(0.25 + 16.0 / 64.0));
    // Whoever runs a trial, its numbers follow from the seed of the study.
    let seeds: BTreeSet<String> = trials.iter().map(|trial| trial.user_attrs["seed"].to_string()).collect();
    assert_eq!(seeds.len(), 30);
    let mut again = study(&path);
    again
        .optimize(1, |trial| {
            assert!(!seeds.contains(&trial.seed().to_string()));
            Ok(0.0)
        })
        .unwrap();

    // Another array adds its own trials.
    let mut tasks: Vec<Child> = (0..2).map(|number| start(&path, "200", number)).collect();
    for task in &mut tasks {
        assert!(task.wait().unwrap().success());
    }
    assert_eq!(study(&path).trials().unwrap().len(), 61);
    if let Some(read) = optuna("read", &path, &["array"]) {
        assert_eq!(read["trials"].as_array().unwrap().len(), 61);
    }
}
