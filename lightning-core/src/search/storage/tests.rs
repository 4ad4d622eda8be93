use std::{fs, io::Write as _, thread, time::Duration};

use serde_json::json;

use super::*;
use crate::search::{TrialState, number};

fn study() -> Value {
    json!({"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1]})
}

fn trial() -> Value {
    json!({"op_code": 4, "worker_id": "w", "study_id": 0, "datetime_start": "2026-01-01T00:00:00.000000+00:00"})
}

#[test]
fn threads_that_share_a_journal_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/study.log");
    let workers = (0..4).map(|worker| {
        let path = path.clone();
        thread::spawn(move || {
            let mut log = Log::new(Box::new(Journal::new(&path)));
            for count in 0..25 {
                // A record that is only right if nothing comes between reading and writing.
                log.update(|state| {
                    Ok((vec![json!({"op_code": 99, "at": state.applied(), "of": [worker, count]})], ()))
                })
                .unwrap();
            }
        })
    });
    workers.collect::<Vec<_>>().into_iter().for_each(|worker| worker.join().unwrap());
    let records = Journal::new(&path).read(0).unwrap();
    assert_eq!(records.len(), 100);
    assert!(records.iter().enumerate().all(|(at, record)| record["at"] == at), "in turn");
    let rest: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(rest, ["study.log"], "no lock is left");
}

#[test]
fn an_unfinished_line_is_passed_over_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    let mut log = Log::new(Box::new(Journal::new(&path)));
    log.append(&[study(), trial()]).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"op_code\":7,\"trial").unwrap();
    log.sync().unwrap();
    assert_eq!(log.state.trials(0).count(), 1);
    log.append(&[trial()]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{whole}{}\n", number::text(&trial())));
    let mut other = Log::new(Box::new(Journal::new(&path)));
    other.sync().unwrap();
    assert_eq!(other.state.trials(0).map(|trial| trial.number).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_damaged_line_is_told_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    fs::write(&path, format!("{}\n{{\"op\n{}\n", study(), trial())).unwrap();
    let error = Journal::new(&path).read(0).unwrap_err().to_string();
    assert!(error.starts_with("line 2 of the journal") && error.contains("remove the line"), "{error}");
    fs::write(&path, format!("{}\n", study())).unwrap();
    let mut journal = Journal::new(&path);
    journal.read(0).unwrap();
    fs::write(&path, "").unwrap();
    let error = journal.read(1).unwrap_err().to_string();
    assert!(error.contains("has become shorter"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_stale_lock_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.log");
    fs::write(&path, "").unwrap();
    std::os::unix::fs::symlink(&path, folder.path().join("study.log.lock")).unwrap();
    let started = std::time::Instant::now();
    let mut journal = Journal::new(&path).grace_period(Duration::from_millis(300));
    journal.update(0, &mut |_| Ok(vec![study()])).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(Journal::new(&path).read(0).unwrap(), [study()]);
}

#[test]
fn records_that_do_not_fit_are_passed_over() {
    let float =
        json!({"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}});
    let int = json!({"name": "IntDistribution", "attributes": {"step": 1, "low": 0, "high": 1, "log": false}});
    let param = |trial: u64, stored: f64, of: &Value| {
        json!({"op_code": 5, "worker_id": "w", "trial_id": trial, "param_name": "x",
            "param_value_internal": stored, "distribution": of.to_string()})
    };
    let state = |trial: u64, state: u64, values: Value| {
        json!({"op_code": 6, "worker_id": "v", "trial_id": trial, "state": state, "values": values,
            "datetime_complete": "2026-01-01T00:00:02.500000+00:00"})
    };
    let report = |value: f64| json!({"op_code": 7, "worker_id": "w", "trial_id": 1, "step": 2, "intermediate_value": number::value(value)});
    let mut log = Log::new(Box::new(Memory::new()));
    log.append(&[study(), study(), trial(), trial(), json!({"op_code": 4, "study_id": 1, "datetime_start": null})])
        .unwrap();
    log.append(&[param(0, 0.5, &float), param(1, 1.0, &int), param(1, 0.25, &float), param(7, 0.0, &float)]).unwrap();
    log.append(&[report(f64::NAN), state(0, 1, json!([0.5])), state(0, 3, json!(null)), param(0, 0.75, &float)])
        .unwrap();
    let trials: Vec<_> = log.state.trials(0).cloned().collect();
    assert_eq!(trials.len(), 2, "the second study of the name, and what belongs to it, is none");
    assert_eq!((trials[0].state, trials[0].value(), trials[0].worker.as_str()), (TrialState::Complete, Some(0.5), "v"));
    assert_eq!(trials[0].param("x"), Some(json!(0.5)), "a finished trial does not change");
    assert_eq!(trials[0].duration(), Some(Duration::from_millis(2500)));
    assert_eq!(trials[1].param("x"), Some(json!(0.25)), "an incompatible distribution is refused");
    assert!(trials[1].reports[&2].is_nan());
}
