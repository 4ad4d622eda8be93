//! Event files, read back by the fields of their messages.

use std::{collections::BTreeMap, fs};

use super::{event::Logged, frames::Frames, *};
use crate::{
    loggers::protobuf::{Fields, Value},
    stage::Stage,
};

/// The tag and the number of a value.
type Scalar = (String, Option<f32>);

/// Every event of a folder: its step and its values.
fn events(folder: &Path) -> Vec<(u64, Vec<Scalar>)> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("tfevents"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = fs::read(path).unwrap();
        let mut frames = Frames::new(&bytes);
        for event in frames.by_ref() {
            let (mut step, mut values) = (0, Vec::new());
            for field in Fields(event) {
                match field {
                    (2, Value::Int(found)) => step = found,
                    (5, Value::Bytes(summary)) => {
                        values.extend(Fields(summary).map(|(_, value)| tag_and_number(value)))
                    }
                    _ => {}
                }
            }
            all.push((step, values));
        }
        assert_eq!(frames.unread(), 0);
    }
    all
}

fn tag_and_number(value: Value<'_>) -> Scalar {
    let Value::Bytes(value) = value else { panic!("{value:?}") };
    let (mut tag, mut number) = (String::new(), None);
    for field in Fields(value) {
        match field {
            (1, Value::Bytes(text)) => tag = String::from_utf8(text.to_vec()).unwrap(),
            (2, Value::Fixed(bytes)) => number = Some(f32::from_le_bytes(bytes.try_into().unwrap())),
            _ => {}
        }
    }
    (tag, number)
}

/// Steps and values of each curve.
fn curves(folder: &Path) -> BTreeMap<String, Vec<(u64, f32)>> {
    let mut curves = BTreeMap::<_, Vec<_>>::new();
    for (step, values) in events(folder) {
        for (tag, number) in values {
            curves.entry(tag).or_default().extend(number.map(|number| (step, number)));
        }
    }
    curves
}

fn record(step: u64, value: f64) -> Record {
    Record::new(Stage::Fit, step / 10, Some(step % 10), step, step, vec![("loss".to_owned(), value)])
}

#[test]
fn every_metric_is_a_curve_over_the_optimizer_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = TensorBoardLogger::new(folder.path());
    logger.start().unwrap();
    for (step, value) in [(10, 0.5), (20, f64::NAN), (30, f64::INFINITY)] {
        logger.log_metrics(&record(step, value)).unwrap();
    }
    logger.finalize(RunStatus::Success).unwrap();
    let curves = curves(logger.log_dir().unwrap());
    assert_eq!(curves["loss"][0], (10, 0.5));
    assert!(curves["loss"][1].1.is_nan() && curves["loss"][2].1 == f32::INFINITY);
    assert_eq!(curves["epoch"], [(10, 1.0), (20, 2.0), (30, 3.0)]);
    assert_eq!(curves["batch_step"], [(10, 10.0), (20, 20.0), (30, 30.0)]);
}

#[test]
fn a_resumed_run_has_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |step| LogPosition::new(Stage::Fit, 0, None, step, step);
    let run = |logger: &mut TensorBoardLogger, steps: std::ops::RangeInclusive<u64>| {
        for step in steps {
            logger.log_metrics(&record(step, step as f64)).unwrap();
            logger.log_text("note", "text", at(step)).unwrap();
        }
    };
    let mut logger = TensorBoardLogger::new(folder.path());
    logger.start().unwrap();
    run(&mut logger, 1..=10);
    logger.save().unwrap();
    // Killed while it wrote the next event.
    let path = fs::read_dir(folder.path().join("version_0")).unwrap();
    let path =
        path.map(|entry| entry.unwrap().path()).find(|path| path.to_string_lossy().contains("tfevents")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    std::mem::forget(logger);
    bytes.truncate(bytes.len() - 3);
    fs::write(&path, &bytes).unwrap();
    fs::remove_file(folder.path().join("version_0/.lightning-run.lock")).unwrap();

    let mut resumed = TensorBoardLogger::new(folder.path());
    resumed.resume_at("version_0", 6, 1).unwrap();
    resumed.start().unwrap();
    run(&mut resumed, 7..=12);
    resumed.finalize(RunStatus::Success).unwrap();
    let run = folder.path().join("version_0");
    let steps: Vec<u64> = curves(&run)["loss"].iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (1..=12).collect::<Vec<_>>());
    let notes = events(&run).into_iter().filter(|(_, values)| values.iter().any(|(tag, _)| tag == "note/text_summary"));
    assert_eq!(notes.map(|(step, _)| step).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    // A reader that is open drops what it has read of the later steps.
    let start = events(&run).into_iter().find(|(step, values)| *step == 7 && values.is_empty());
    assert!(start.is_some(), "a session start at step 7");
}

#[test]
fn a_run_that_is_rolled_back_has_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = TensorBoardLogger::new(folder.path());
    logger.start().unwrap();
    (1..=8).for_each(|step| logger.log_metrics(&record(step, 1.0)).unwrap());
    logger.rewind(5, 1).unwrap();
    (6..=7).for_each(|step| logger.log_metrics(&record(step, 2.0)).unwrap());
    logger.finalize(RunStatus::Success).unwrap();
    let curve = &curves(logger.log_dir().unwrap())["loss"];
    assert_eq!(curve.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(curve[5..], [(6, 2.0), (7, 2.0)]);
}

#[test]
fn loggers_of_one_folder_share_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = TensorBoardLogger::new(folder.path());
    first.start().unwrap();
    let mut beside = TensorBoardLogger::new(folder.path());
    beside.start_beside(first.log_dir()).unwrap();
    assert_eq!((Logger::version(&first), Logger::version(&beside)), ("version_0", "version_0"));
    let mut elsewhere = TensorBoardLogger::new(folder.path().join("other"));
    elsewhere.start_beside(first.log_dir()).unwrap();
    assert_eq!(elsewhere.log_dir(), Some(&*folder.path().join("other/version_0")));
    // Another run has another folder, and one that is given the same is refused.
    let mut next = TensorBoardLogger::new(folder.path());
    next.start().unwrap();
    assert_eq!(Logger::version(&next), "version_1");
    let error = TensorBoardLogger::new(folder.path()).version("version_0").start().unwrap_err();
    assert!(error.to_string().contains("one run at a time"), "{error}");
}

#[test]
fn a_folder_that_vanishes_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = TensorBoardLogger::new(folder.path());
    logger.start().unwrap();
    logger.log_metrics(&record(1, 1.0)).unwrap();
    logger.save().unwrap();
    fs::remove_dir_all(folder.path().join("version_0")).unwrap();
    logger.log_metrics(&record(2, 1.0)).unwrap();
    let error = logger.save().unwrap_err().to_string();
    assert!(error.contains("tfevents") && error.contains("removed during the run"), "{error}");
}

#[test]
fn names_and_sizes_of_all_kinds_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = TensorBoardLogger::new(folder.path());
    logger.start().unwrap();
    let at = LogPosition::new(Stage::Fit, 0, None, 2, 2);
    for name in ["a/b/c", "ü ✓", &"n".repeat(400), ""] {
        logger.log_metrics(&Record::new(Stage::Fit, 0, None, 2, 2, vec![(name.to_owned(), 1.0)])).unwrap();
        logger.log_text(name, "text", at).unwrap();
    }
    assert!(logger.log_image("none", &ImageView::new(0, 5, 1, &[]).unwrap(), at).is_err());
    logger.log_image("wide", &ImageView::new(10_000, 1, 1, &[7; 10_000]).unwrap(), at).unwrap();
    assert!(logger.log_figure("broken", Figure::Png(b"no"), at).is_err());
    logger.log_figure("drawn", Figure::Svg("<svg/>"), at).unwrap();
    logger.finalize(RunStatus::Failed).unwrap();
    let run = logger.log_dir().unwrap();
    let curves = curves(run);
    assert_eq!(curves["a/b/c"], [(2, 1.0)]);
    assert_eq!(curves[&"n".repeat(400)], [(2, 1.0)]);
    assert!(curves.contains_key("wide") && curves.contains_key("drawn/text_summary"));
    assert_eq!(fs::read_to_string(run.join("figures/drawn/fit-epoch=0-step=2.svg")).unwrap(), "<svg/>");
}

#[test]
fn hparams_are_compared_by_the_metric_of_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut logger = TensorBoardLogger::new(folder.path()).hp_metric("loss");
    logger.start().unwrap();
    logger.log_hyperparams(&serde_json::json!({"lr": 0.1})).unwrap();
    logger.log_metrics(&record(1, 3.0)).unwrap();
    logger.log_metrics(&record(2, 2.0)).unwrap();
    logger.finalize(RunStatus::Success).unwrap();
    let curves = curves(logger.log_dir().unwrap());
    assert_eq!(curves["hp_metric"], [(2, 2.0)]);
    for tag in ["experiment", "session_start_info", "session_end_info"] {
        assert!(curves.contains_key(&format!("_hparams_/{tag}")), "{tag}");
    }
}

#[test]
fn an_event_of_no_position_is_never_cut() {
    assert_eq!(Logged::read(&event::file_version(1.0).into_bytes()), None);
    assert_eq!(Logged::read(&event::session_start(1.0, 3).into_bytes()), None);
}
