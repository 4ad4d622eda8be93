//! Rows that survive late columns, kills, full disks, removed folders and second runs.

use std::{collections::BTreeSet, fs, sync::Barrier, thread};

use tempfile::TempDir;

use super::{
    lines::{Append, append, into_io},
    *,
};
use crate::{
    error::{Error, ErrorKind},
    loggers::RunStatus,
    stage::Stage,
};

fn record(step: u64, metrics: &[(&str, f64)]) -> Record {
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Record::new(Stage::Fit, step / 10, Some(step % 10), step + 1, step + 1, metrics)
}

fn epoch_record(epoch: u64, metrics: &[(&str, f64)]) -> Record {
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Record::new(Stage::Validate, epoch, None, (epoch + 1) * 10, (epoch + 1) * 10, metrics)
}

fn metrics_of(logger: &CsvLogger) -> PathBuf {
    logger.log_dir().map(|folder| folder.join("metrics.csv")).unwrap_or_default()
}

/// Calls the trait's method: the builder has one of the same name.
fn version(logger: &dyn Logger) -> &str {
    logger.version()
}

fn rows(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    let mut reader = csv::Reader::from_path(path).map_err(into_io)?;
    let header = reader.headers().map_err(into_io)?.iter().map(str::to_owned).collect();
    let rows = reader
        .records()
        .map(|row| Ok(row.map_err(into_io)?.iter().map(str::to_owned).collect()))
        .collect::<Result<_>>()?;
    Ok((header, rows))
}

#[test]
fn what_is_written_reads_back_exactly() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path()).name("lr1").version("fold0");
    assert_eq!((Logger::name(&logger), version(&logger), logger.log_dir()), ("lr1", "fold0", None));
    logger.start()?;
    let numbers = [
        0.1,
        -0.0,
        1e-7,
        1.0 / 3.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        1e15 + 0.5,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for (step, value) in numbers.iter().enumerate() {
        logger.log_metrics(&record(step as u64, &[("loss", *value)]))?;
    }
    logger.log_metrics(&epoch_record(0, &[("loss", 2.0)]))?;
    logger.finalize(RunStatus::Success)?;
    assert_eq!(metrics_of(&logger), folder.path().join("lr1").join("fold0").join("metrics.csv"));
    let (header, rows) = rows(&metrics_of(&logger))?;
    assert_eq!(header, ["epoch", "stage", "batch", "batch_step", "global_step", "loss"]);
    assert_eq!(rows[0], ["0", "fit", "0", "1", "1", "0.1"]);
    assert_eq!(rows[2][5], "1e-7");
    assert_eq!(rows[11], ["0", "validate", "", "10", "10", "2.0"]);
    assert_eq!([&*rows[8][5], &*rows[9][5], &*rows[10][5]], ["NaN", "inf", "-inf"]);
    for (row, value) in rows.iter().zip(numbers) {
        let read: f64 = row[5].parse().map_err(|_| Error::msg(row[5].clone()))?;
        assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan());
    }
    Ok(())
}

#[test]
fn late_columns_lose_no_row() -> Result<()> {
    // Once with every row on disk, once with rows in memory when the column appears.
    for flush_every in [1, 1000] {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(flush_every);
        logger.log_metrics(&record(0, &[("a", 1.0)]))?;
        logger.log_metrics(&record(1, &[("b", 2.0), ("a", 3.0)]))?;
        logger.log_metrics(&record(2, &[("a", 4.0)]))?;
        logger.save()?;
        logger.log_metrics(&record(3, &[("d", 5.0), ("c", 6.0), ("d", 7.0)]))?;
        logger.finalize(RunStatus::Success)?;
        let (header, rows) = rows(&metrics_of(&logger))?;
        assert_eq!(header[5..], ["a", "b", "d", "c"]);
        let values: Vec<_> = rows.iter().map(|row| row[5..].join(" ")).collect();
        assert_eq!(values, ["1.0   ", "3.0 2.0  ", "4.0   ", "  7.0 6.0"]);
        assert_eq!(fs::read_dir(logger.log_dir().unwrap_or(Path::new("")))?.count(), 1);
    }
    Ok(())
}

#[test]
fn names_are_quoted_and_kept_apart_from_the_position() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    let names = ["a,b", "say \"x\"", "two\nlines", "größe", "epoch"];
    for name in names {
        logger.log_metrics(&record(0, &[(name, 1.0)]))?;
    }
    logger.save()?;
    let (header, rows) = rows(&metrics_of(&logger))?;
    assert_eq!(header[5..], ["a,b", "say \"x\"", "two\nlines", "größe", "metric_epoch"]);
    assert_eq!(rows.len(), 5);
    assert!(fs::read_to_string(metrics_of(&logger))?.contains("\"a,b\",\"say \"\"x\"\"\","));
    Ok(())
}

#[test]
fn memory_holds_no_more_than_the_buffer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(u64::MAX);
    for step in 0..20_000 {
        logger.log_metrics(&record(step, &[("loss", step as f64)]))?;
        assert!(logger.file.as_ref().is_some_and(|file| file.buffer.len() <= BUFFER));
    }
    logger.save()?;
    assert_eq!(rows(&metrics_of(&logger))?.1.len(), 20_000);
    Ok(())
}

#[test]
fn rows_are_written_at_the_interval_and_on_drop() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(3);
    let path = folder.path().join("version_0").join("metrics.csv");
    logger.log_metrics(&record(0, &[("a", 1.0)]))?;
    assert!(!path.exists());
    for step in 1..4 {
        logger.log_metrics(&record(step, &[("a", 1.0)]))?;
    }
    assert_eq!(rows(&path)?.1.len(), 3);
    drop(logger);
    assert_eq!(rows(&path)?.1.len(), 4);
    Ok(())
}

#[test]
fn versions_follow_the_highest_and_are_never_shared() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::create_dir_all(folder.path().join("version_7"))?;
    fs::create_dir_all(folder.path().join("version_x"))?;
    let barrier = Barrier::new(8);
    let versions: Vec<_> = thread::scope(|scope| {
        let start = || {
            let mut logger = CsvLogger::new(folder.path());
            barrier.wait();
            logger.start().map(|()| version(&logger).to_owned())
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()?.ok()).collect()
    });
    let expected: BTreeSet<_> = (8..16).map(|number| format!("version_{number}")).collect();
    assert_eq!(versions.into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

#[test]
fn a_second_start_continues_the_same_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    for step in 0..2 {
        logger.start()?;
        logger.log_metrics(&record(step, &[("a", 1.0)]))?;
        logger.finalize(RunStatus::Success)?;
    }
    assert_eq!(version(&logger), "version_0");
    assert_eq!(rows(&metrics_of(&logger))?.1.len(), 2);
    Ok(())
}

#[test]
fn a_given_version_does_not_mix_two_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for run in 0..3 {
        let mut logger = CsvLogger::new(folder.path()).version("fold0");
        logger.start()?;
        logger.log_metrics(&record(run, &[("a", run as f64)]))?;
    }
    let at = |name: &str| rows(&folder.path().join("fold0").join(name)).map(|(_, rows)| rows[0][5].clone());
    assert_eq!(
        (at("metrics.0.csv")?, at("metrics.1.csv")?, at("metrics.csv")?),
        ("0.0".into(), "1.0".into(), "2.0".into())
    );
    Ok(())
}

fn killed_run() -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    for step in 0..6 {
        logger.log_metrics(&record(step, &[("a", step as f64)]))?;
    }
    logger.save()?;
    let path = metrics_of(&logger);
    append(&path, b"0,fit,6,7,7,0.12", Append::Existing)?;
    Ok((folder, path))
}

#[test]
fn a_resumed_run_goes_on_where_the_checkpoint_was() -> Result<()> {
    let (folder, path) = killed_run()?;
    let mut logger = CsvLogger::new(folder.path());
    logger.resume("version_0", 4)?;
    assert_eq!(version(&logger), "version_0");
    logger.start()?;
    logger.log_metrics(&record(4, &[("a", 4.0), ("b", 1.0)]))?;
    logger.finalize(RunStatus::Success)?;
    let (header, rows) = rows(&path)?;
    assert_eq!(header[5..], ["a", "b"]);
    let last: Vec<_> = rows.iter().map(|row| row[5..].join(" ")).collect();
    assert_eq!(last, ["0.0 ", "1.0 ", "2.0 ", "3.0 ", "4.0 1.0"]);
    Ok(())
}

#[test]
fn a_run_is_resumed_from_nothing_too_and_never_over_a_foreign_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("version_3").join("metrics.csv");
    let resumed = || {
        let mut logger = CsvLogger::new(folder.path());
        logger.resume("version_3", 10)?;
        logger.start().map(|()| logger)
    };
    resumed()?;
    fs::write(&path, "epo")?;
    resumed()?.log_metrics(&record(0, &[("a", 1.0)]))?;
    assert_eq!(rows(&path)?.1.len(), 1);
    fs::write(&path, "a,b\n1,2\n")?;
    assert!(resumed().is_err_and(|error| error.to_string().contains("metrics.csv")));
    assert_eq!(fs::read_to_string(&path)?, "a,b\n1,2\n");
    Ok(())
}

#[test]
fn a_version_of_the_program_wins_over_the_resumed_one() -> Result<()> {
    let mut logger = CsvLogger::new("unused").version("mine");
    logger.resume("version_3", 10)?;
    assert_eq!(version(&logger), "mine");
    Ok(())
}

#[test]
fn hyperparameters_are_json() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    let hparams = serde_json::json!({"net": {"hidden": 64}, "lr": 1e-3});
    logger.log_hyperparams(&hparams)?;
    let text = fs::read_to_string(folder.path().join("version_0").join("hparams.json"))?;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text)?, hparams);
    Ok(())
}

#[test]
fn places_that_cannot_be_written_are_errors_with_the_path() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fs::write(&file, b"x")?;
    let failed = CsvLogger::new(&file).start();
    assert!(failed.is_err_and(|error| error.location().path.as_deref() == Some(&*file)));
    for name in ["../up", "/abs", "."] {
        assert!(CsvLogger::new(folder.path()).name(name).start().is_err_and(|error| error.kind() == ErrorKind::Config));
    }
    assert!(CsvLogger::new(folder.path()).version("").start().is_err());
    Ok(())
}

#[test]
fn a_folder_that_vanishes_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    logger.log_metrics(&record(0, &[("a", 1.0)]))?;
    logger.save()?;
    fs::remove_dir_all(folder.path().join("version_0"))?;
    logger.log_metrics(&record(1, &[("a", 1.0)]))?;
    let error = logger.save().map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("metrics.csv") && text.contains("removed during the run")));
    // A new column reads the file before it writes.
    assert!(logger.log_metrics(&record(2, &[("b", 1.0)])).is_err());
    assert_eq!(logger.file.as_ref().map(|file| file.metrics.len()), Some(1));
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_the_path() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    logger.start()?;
    std::os::unix::fs::symlink("/dev/full", metrics_of(&logger))?;
    logger.log_metrics(&record(0, &[("a", 1.0)]))?;
    let error = logger.finalize(RunStatus::Success).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("metrics.csv") && text.contains("No space left")));
    Ok(())
}

/// Records with a new metric each, and the first one in all.
fn growing(step: u64) -> Record {
    record(step, &[("loss", step as f64), (&format!("metric {step}"), 0.5)])
}

fn assert_rectangular(path: &Path, count: usize) -> Result<()> {
    let (header, rows) = rows(path)?;
    assert_eq!((header.len(), rows.len()), (6 + count, count));
    for (step, row) in rows.iter().enumerate() {
        assert_eq!((row.len(), &*row[3]), (6 + count, &*(step + 1).to_string()));
        let filled: Vec<_> = row.iter().enumerate().skip(6).filter(|(_, cell)| !cell.is_empty()).collect();
        assert_eq!(
            (filled.len(), filled[0].1.as_str(), header[filled[0].0].clone()),
            (1, "0.5", format!("metric {step}"))
        );
    }
    Ok(())
}

/// Rewriting the file for each of them took 114 s.
#[test]
fn two_thousand_late_metrics_take_seconds() -> Result<()> {
    for flush_every in [1, 100] {
        let folder = tempfile::tempdir()?;
        let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(flush_every);
        let start = std::time::Instant::now();
        for step in 0..2000 {
            logger.log_metrics(&growing(step))?;
        }
        logger.finalize(RunStatus::Success)?;
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        assert_rectangular(&metrics_of(&logger), 2000)?;
        assert_eq!(fs::read_dir(logger.log_dir().unwrap_or(Path::new("")))?.count(), 1);
    }
    Ok(())
}

#[test]
fn a_name_for_each_row_does_not_fill_the_disk() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path()).flush_every_n_steps(1000);
    let start = std::time::Instant::now();
    let mut errors = Vec::new();
    for step in 0..6000 {
        errors.extend(logger.log_metrics(&growing(step)).map_err(|error| (step, error.to_string())).err());
    }
    logger.finalize(RunStatus::Success)?;
    // The first row has two of the columns.
    let [(4097, text)] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(text.contains("at most 4096 columns") && text.contains("`metric 4097`"), "{text}");
    let (header, rows) = rows(&metrics_of(&logger))?;
    assert_eq!((header.len(), rows.len()), (5 + 2 + 4096, 6000));
    assert_eq!((&*rows[5999][3], &*rows[5999][5]), ("6000", "5999.0"), "known metrics are in every row");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_first_record_of_many_metrics_is_linear() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logger = CsvLogger::new(folder.path());
    let metrics: Vec<_> = (0..200_000).map(|number| (format!("metric {number}"), 1.0)).collect();
    let start = std::time::Instant::now();
    for step in 1..4 {
        logger.log_metrics(&Record::new(Stage::Fit, 0, None, step, step, metrics.clone()))?;
    }
    logger.finalize(RunStatus::Success)?;
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_eq!(rows(&metrics_of(&logger))?.0.len(), 200_005);
    Ok(())
}

/// Logs until rows wait for their columns, as a kill would leave them.
fn killed_with_late_rows(folder: &Path) -> Result<(PathBuf, u64)> {
    let mut logger = CsvLogger::new(folder).flush_every_n_steps(1);
    for step in 0..1000 {
        logger.log_metrics(&growing(step))?;
        let path = metrics_of(&logger).with_file_name("metrics.late.jsonl");
        if path.exists() && fs::metadata(&path)?.len() > 500 {
            // Half a line, as of a process that is killed while it writes.
            append(&path, br#"{"columns":1,"posi"#, Append::Existing)?;
            let folder = path.with_file_name("");
            let copy = folder.with_file_name("version_7");
            fs::create_dir(&copy)?;
            for name in ["metrics.csv", "metrics.late.jsonl"] {
                fs::copy(folder.join(name), copy.join(name))?;
            }
            return Ok((copy, step + 1));
        }
    }
    Err(Error::msg("no row waits"))
}

#[test]
fn after_a_kill_the_file_is_valid_and_a_resumed_run_has_every_row() -> Result<()> {
    for (kept, expected) in [(u64::MAX, None), (40, Some(40)), (3, Some(3))] {
        let folder = tempfile::tempdir()?;
        let (killed, logged) = killed_with_late_rows(folder.path())?;
        let (header, valid) = rows(&killed.join("metrics.csv"))?;
        assert!(valid.len() < logged as usize && valid.iter().all(|row| row.len() == header.len()));
        for _ in 0..2 {
            let mut logger = CsvLogger::new(folder.path());
            logger.resume_at("version_7", kept, u64::MAX)?;
            logger.start()?;
            assert!(!killed.join("metrics.late.jsonl").exists());
            logger.finalize(RunStatus::Success)?;
            let (header, rows) = rows(&killed.join("metrics.csv"))?;
            assert_eq!(rows.len(), expected.unwrap_or(logged as usize));
            for (step, row) in rows.iter().enumerate() {
                assert_eq!((row.len(), &*row[5]), (header.len(), &*format!("{:?}", step as f64)));
            }
        }
    }
    Ok(())
}

/// A kill between the two steps of a rewrite leaves late rows that the file already has.
#[test]
fn late_rows_are_added_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (killed, _) = killed_with_late_rows(folder.path())?;
    let late = fs::read(killed.join("metrics.late.jsonl"))?;
    let counts: Vec<usize> = (0..2)
        .map(|_| {
            fs::write(killed.join("metrics.late.jsonl"), &late)?;
            let mut logger = CsvLogger::new(folder.path());
            logger.resume("version_7", u64::MAX)?;
            logger.start()?;
            logger.finalize(RunStatus::Success)?;
            Ok(rows(&killed.join("metrics.csv"))?.1.len())
        })
        .collect::<Result<_>>()?;
    assert_eq!(counts[0], counts[1]);
    Ok(())
}

#[test]
fn a_version_that_is_used_again_sets_late_rows_aside_with_the_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (killed, _) = killed_with_late_rows(folder.path())?;
    let before = rows(&killed.join("metrics.csv"))?.1.len();
    let mut logger = CsvLogger::new(folder.path()).version("version_7");
    logger.log_metrics(&record(0, &[("a", 1.0)]))?;
    logger.finalize(RunStatus::Success)?;
    assert!(rows(&killed.join("metrics.0.csv"))?.1.len() > before);
    assert_eq!(rows(&killed.join("metrics.csv"))?.1.len(), 1);
    assert!(!killed.join("metrics.late.jsonl").exists());
    Ok(())
}

#[test]
fn two_runs_do_not_write_one_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut first = CsvLogger::new(folder.path());
    first.log_metrics(&record(0, &[("a", 1.0)]))?;
    let second = || {
        let mut logger = CsvLogger::new(folder.path());
        logger.resume("version_0", 1)?;
        logger.start().map(|()| logger)
    };
    let error = second().map(drop).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("must be written by one run at a time, found another logger")));
    let given = CsvLogger::new(folder.path()).version("version_0").start();
    assert!(given.is_err_and(|error| error.kind() == ErrorKind::Io));
    first.log_metrics(&record(1, &[("a", 2.0)]))?;
    first.finalize(RunStatus::Success)?;

    // After the first run has ended the second goes on, and then the first with what it finds.
    let mut resumed = second()?;
    resumed.log_metrics(&record(1, &[("b", 3.0)]))?;
    assert!(first.start().is_err());
    resumed.finalize(RunStatus::Success)?;
    first.start()?;
    first.log_metrics(&record(2, &[("a", 4.0)]))?;
    first.finalize(RunStatus::Success)?;
    let (header, rows) = rows(&metrics_of(&first))?;
    let values: Vec<_> = rows.iter().map(|row| row[5..].join(" ")).collect();
    assert_eq!(
        (&header[5..], values),
        (&["a".to_owned(), "b".to_owned()][..], vec!["1.0 ".into(), " 3.0".into(), "4.0 ".into()])
    );
    Ok(())
}

/// A process that is killed holds nothing, and one that runs is named.
#[cfg(target_os = "linux")]
#[test]
fn another_process_is_named_while_it_lives() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CsvLogger::new(folder.path()).start()?;
    let path = folder.path().join("version_0").join(".lightning-run.lock");
    // The shell locks the file and writes its process id into it, as another trainer would.
    let script = format!(
        "exec 9<>'{0}'; flock -n 9 || exit; echo $$ $(cat /proc/sys/kernel/hostname) >&9; echo; exec cat",
        path.display()
    );
    let mut command = std::process::Command::new("sh");
    let command =
        command.args(["-c", &script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut other) = command.spawn() else { return Ok(()) };
    let mut ready = [0];
    let mut output = other.stdout.take().ok_or_else(|| Error::msg("no output"))?;
    if io::Read::read_exact(&mut output, &mut ready).is_err() {
        eprintln!("SKIPPED another_process_is_named_while_it_lives: there is no `flock`");
        return Ok(());
    }
    let start = || {
        let mut logger = CsvLogger::new(folder.path());
        logger.resume("version_0", 0).and_then(|()| logger.start()).map_err(|error| error.to_string())
    };
    let expected = format!("found process {0}; help: wait until it ends, or stop it: `kill {0}`", other.id());
    let error = start();
    other.kill()?;
    other.wait()?;
    assert!(error.as_ref().is_err_and(|text| text.contains(&expected)), "{error:?}");
    assert!(path.exists());
    assert_eq!(start(), Ok(()));
    Ok(())
}

#[test]
fn a_version_without_a_next_number_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in ["version_18446744073709551614", "version_18446744073709551616", "version_99999999999999999999"] {
        fs::create_dir(folder.path().join(name))?;
    }
    let mut logger = CsvLogger::new(folder.path());
    logger.start()?;
    assert_eq!(version(&logger), "version_18446744073709551615");
    let error = CsvLogger::new(folder.path()).start().map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("version_18446744073709551615`, after which there is none")));
    CsvLogger::new(folder.path()).version("mine").start()
}

#[cfg(unix)]
#[test]
fn a_fifo_in_the_run_folder_is_refused_and_keeps_no_one_waiting() -> Result<()> {
    use crate::os::files::place_tests::fifo;

    for name in ["metrics.csv", ".lightning-run.lock", "hparams.json"] {
        let folder = tempfile::tempdir()?;
        let run = folder.path().join("mine");
        fs::create_dir(&run)?;
        if !fifo(&run.join(name)) {
            return Ok(());
        }
        let started = |mut logger: CsvLogger| {
            logger.start()?;
            logger.log_hyperparams(&serde_json::json!({"lr": 0.1}))?;
            logger.log_metrics(&record(0, &[("a", 1.0)]))?;
            logger.finalize(RunStatus::Success)
        };
        let mut resumed = CsvLogger::new(folder.path());
        resumed.resume("mine", 3)?;
        for logger in [CsvLogger::new(folder.path()).version("mine"), resumed] {
            let error = started(logger).map_err(|error| error.to_string());
            assert!(
                error.as_ref().is_err_and(|text| text.contains(name) && text.contains("found a FIFO")),
                "{error:?}"
            );
        }
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_linked_file_stays_a_link() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let elsewhere = folder.path().join("elsewhere.csv");
    let mut logger = CsvLogger::new(folder.path());
    logger.start()?;
    std::os::unix::fs::symlink(&elsewhere, metrics_of(&logger))?;
    logger.log_metrics(&record(0, &[("a", 1.0)]))?;
    // Rewrites the file.
    logger.log_metrics(&record(1, &[("b", 1.0)]))?;
    logger.finalize(RunStatus::Success)?;
    assert!(fs::symlink_metadata(metrics_of(&logger))?.is_symlink());
    assert_eq!(rows(&elsewhere)?.1.len(), 2);
    Ok(())
}
