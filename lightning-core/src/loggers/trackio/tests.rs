#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::stage::Stage;

fn ids(folder: &Path) -> Vec<String> {
    let run = tracker_run::earlier(folder).unwrap().pop().unwrap().1;
    let text = std::fs::read_to_string(run.join("spool.jsonl")).unwrap();
    let items = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ids = items.map(|item| item["log_id"].as_str().unwrap().to_owned());
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    ids.map(|text| text.strip_prefix(&format!("{id}-")).unwrap().to_owned()).collect()
}

/// A row has the same id when it is logged again: the server has it once.
#[test]
fn rows_have_ids_that_a_resumed_run_repeats() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens there.
    let logger = || {
        let logger = TrackioLogger::new("http://127.0.0.1:9", "digits").folder(folder.path());
        logger.wait_at_end(Duration::ZERO)
    };
    let log = |logger: &mut TrackioLogger, steps: std::ops::RangeInclusive<u64>| {
        for step in steps {
            let record = Record::new(Stage::Fit, 0, Some(step), step, step, vec![("loss".to_owned(), f64::NAN)]);
            let _ = logger.log_metrics(&record);
            let _ = logger.log_text("note", "text", record.position);
        }
    };
    let mut first = logger();
    first.start().unwrap();
    log(&mut first, 1..=3);
    let version = first.version().to_owned();
    let error = first.finalize(RunStatus::Success).unwrap_err().to_string();
    assert!(error.contains("are not sent yet"), "{error}");
    let expected = ["fit-1-r1", "fit-1-o1.1", "fit-2-r1", "fit-2-o1.1", "fit-3-r1", "fit-3-o1.1"];
    assert_eq!(ids(folder.path()), expected);
    let mut second = logger();
    second.resume_at(&version, 1, 1).unwrap();
    second.start().unwrap();
    log(&mut second, 2..=3);
    assert_eq!(ids(folder.path())[6..], expected[2..]);
}
