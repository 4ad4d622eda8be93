#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{records::Known, transaction_log::Records, *};
use crate::stage::Stage;

fn record(step: u64) -> Record {
    Record::new(Stage::Fit, 0, Some(step), step, step, vec![("loss".to_owned(), 1.0 / step as f64)])
}

fn logger(folder: &Path) -> WandbLogger {
    WandbLogger::new("project").folder(folder)
}

fn records_of(file: &Path) -> Vec<Known> {
    let bytes = fs::read(file).unwrap();
    Records::new(&bytes).unwrap().map(|(record, _)| Known::read(&record)).collect()
}

fn the_file(folder: &Path) -> PathBuf {
    let runs = earlier(&folder.join("wandb")).unwrap();
    let [(id, run)] = runs.as_slice() else { panic!("{runs:?}") };
    run.join(format!("run-{id}.wandb"))
}

/// The steps of the rows, the numbers of the records, and whether the file has an end.
fn summary_of(file: &Path) -> (Vec<u64>, bool) {
    let records = records_of(file);
    let numbers: Vec<_> = records.iter().map(|known| known.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let steps = records.iter().filter(|known| known.step.is_some()).map(|known| known.batch_step.unwrap());
    (steps.collect(), records.last().is_some_and(|known| known.is_exit))
}

#[test]
fn a_resumed_run_has_each_row_once_and_keeps_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = logger(folder.path());
    first.start().unwrap();
    first.log_hyperparams(&json!({"lr": 0.1})).unwrap();
    (1..=5).for_each(|step| first.log_metrics(&record(step)).unwrap());
    first.finalize(RunStatus::Failed).unwrap();
    let (id, file) = (first.version().to_owned(), the_file(folder.path()));
    assert_eq!(summary_of(&file), (vec![1, 2, 3, 4, 5], true));
    let runtime = records_of(&file).iter().filter_map(|known| known.runtime).nth(2).unwrap();

    let mut second = logger(folder.path());
    let [(version, _)] = second.earlier_runs().unwrap().try_into().unwrap();
    second.resume_at(&version, 3, 1).unwrap();
    second.start().unwrap();
    (4..=6).for_each(|step| second.log_metrics(&record(step)).unwrap());
    second.finalize(RunStatus::Success).unwrap();
    assert_eq!((second.version(), the_file(folder.path())), (&*id, file.clone()));
    assert_eq!(summary_of(&file), (vec![1, 2, 3, 4, 5, 6], true));
    let runtimes: Vec<_> = records_of(&file).iter().filter_map(|known| known.runtime).collect();
    assert!(runtimes.is_sorted() && runtimes[3] >= runtime, "{runtimes:?}");
    let steps: Vec<_> = records_of(&file).iter().filter_map(|known| known.step).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn beside_another_logger_the_run_is_found_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["version_0", "version_1"] {
        let beside = folder.path().join(version);
        fs::create_dir_all(&beside).unwrap();
        let mut logger = WandbLogger::new("project").folder(folder.path()).id(version);
        logger.start_beside(Some(&beside)).unwrap();
        (1..=3).for_each(|step| logger.log_metrics(&record(step)).unwrap());
    }
    let mut resumed = logger(folder.path());
    resumed.resume_at("version_0", 2, 1).unwrap();
    resumed.start_beside(Some(&folder.path().join("version_0"))).unwrap();
    assert_eq!(resumed.version(), "version_0");
    resumed.log_metrics(&record(3)).unwrap();
    resumed.finalize(RunStatus::Success).unwrap();
    assert_eq!(summary_of(&resumed.log_dir().unwrap().join("run-version_0.wandb")), (vec![1, 2, 3], true));
}

#[test]
fn every_way_out_leaves_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut dropped = logger(folder.path());
    dropped.start().unwrap();
    dropped.log_metrics(&record(1)).unwrap();
    drop(dropped);
    assert_eq!(summary_of(&the_file(folder.path())), (vec![1], true));
}

#[test]
fn a_run_goes_on_after_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(folder.path());
    for step in 1..=3 {
        logger.start().unwrap();
        logger.log_metrics(&record(step)).unwrap();
        logger.finalize(RunStatus::Success).unwrap();
    }
    assert_eq!(summary_of(&the_file(folder.path())), (vec![1, 2, 3], true));
}

#[test]
fn a_run_that_is_rolled_back_forgets_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(folder.path());
    logger.start().unwrap();
    (1..=4).for_each(|step| logger.log_metrics(&record(step)).unwrap());
    logger.rewind(2, 1).unwrap();
    logger.log_metrics(&record(3)).unwrap();
    logger.finalize(RunStatus::Success).unwrap();
    assert_eq!(summary_of(&the_file(folder.path())), (vec![1, 2, 3], true));
}

/// As after a kill: the file may end anywhere.
#[test]
fn a_file_that_is_cut_short_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = logger(folder.path());
    first.start().unwrap();
    (1..=3).for_each(|step| first.log_metrics(&record(step)).unwrap());
    first.finalize(RunStatus::Success).unwrap();
    let file = the_file(folder.path());
    let whole = fs::read(&file).unwrap();
    for cut in [0, 3, 7, 100, whole.len() - 200, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).unwrap();
        let mut second = logger(folder.path());
        second.resume_at(first.version(), 10, 0).unwrap();
        let started = second.start();
        if (1..7).contains(&cut) {
            // Not even the name of the format.
            let error = started.unwrap_err().to_string();
            assert!(error.contains("must be a file of Weights & Biases") && error.contains("move it away"), "{error}");
            continue;
        }
        started.unwrap();
        second.log_metrics(&record(4)).unwrap();
        second.finalize(RunStatus::Success).unwrap();
        let (steps, has_end) = summary_of(&file);
        assert_eq!((steps.last(), has_end), (Some(&4), true), "cut at {cut}");
        assert!(steps.is_sorted());
    }
}

#[test]
fn a_wrong_id_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = logger(folder.path()).id("a/b").start().unwrap_err().to_string();
    assert!(error.contains("the id of a `WandbLogger` must have only letters") && error.contains("`a/b`"), "{error}");
}

/// It has to be said, and the run goes on.
#[cfg(unix)]
#[test]
fn a_client_that_is_missing_or_fails_is_reported_once() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/wandb");
    let mut logger = logger(folder.path()).online(true).client(&missing);
    logger.start().unwrap();
    let error = logger.log_metrics(&record(1)).unwrap_err().to_string();
    assert!(error.contains("there is no program") && error.contains("wandb sync"), "{error}");
    logger.log_metrics(&record(2)).unwrap();
    logger.finalize(RunStatus::Success).unwrap();

    let client = folder.path().join("client");
    fs::write(&client, "#!/bin/sh\necho 'user is not logged in'\nexit 7\n").unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let mut logger = WandbLogger::new("project").folder(folder.path().join("second")).online(true).client(&client);
    logger.start().unwrap();
    let status = logger.log_dir().unwrap().join("logs/sync.status");
    while fs::read_to_string(&status).unwrap_or_default().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let error = logger.save().unwrap_err().to_string();
    assert!(error.contains("ended with status 7: user is not logged in"), "{error}");
    logger.save().unwrap();
    logger.log_metrics(&record(1)).unwrap();
    logger.finalize(RunStatus::Success).unwrap();
}
