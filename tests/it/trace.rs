//! The profiler's spans: of every thread, in a file that other programs open.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use burn::tensor::Tensor;
use lightning_core::{
    Error,
    prelude::*,
    trainer::{Profile, ProfiledThread, Profiler, StopReason},
};
use serde_json::Value;

use crate::support::{Net, NetHparams, Rows, batches, sigint};

/// A span of a trace. Times are in nanoseconds.
#[derive(Debug)]
struct Span {
    name: String,
    category: String,
    thread: u64,
    start: u64,
    end: u64,
    args: Value,
}

/// The spans of a file, and the names of its threads.
struct Trace {
    spans: Vec<Span>,
    threads: BTreeMap<u64, String>,
}

impl Trace {
    fn read(path: &Path) -> Self {
        let events: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut trace = Self { spans: Vec::new(), threads: BTreeMap::new() };
        for event in &events {
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            let nanoseconds = |key: &str| (event[key].as_f64().unwrap() * 1e3).round() as u64;
            assert_eq!(event["pid"].as_u64(), Some(u64::from(std::process::id())));
            match (event["ph"].as_str().unwrap(), event["name"].as_str().unwrap()) {
                ("M", "process_name") => assert_eq!(event["args"]["name"], "lightning"),
                ("M", "thread_name") => {
                    let name = event["args"]["name"].as_str().unwrap().to_owned();
                    assert!(trace.threads.insert(event["tid"].as_u64().unwrap(), name).is_none());
                }
                ("X", _) => {
                    let start = nanoseconds("ts");
                    trace.spans.push(Span {
                        name: text("name"),
                        category: text("cat"),
                        thread: event["tid"].as_u64().unwrap(),
                        start,
                        end: start + nanoseconds("dur"),
                        args: event["args"].clone(),
                    });
                }
                other => panic!("an unknown event: {other:?}"),
            }
        }
        trace
    }

    /// The calls of each span of each thread.
    fn counts(&self) -> BTreeMap<(String, String), u64> {
        let mut counts = BTreeMap::new();
        for span in &self.spans {
            *counts.entry((self.threads[&span.thread].clone(), span.name.clone())).or_default() += 1;
        }
        counts
    }

    fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// Fails if two spans of a thread overlap and neither contains the other.
    fn check_nesting(&self) {
        for thread in self.threads.keys() {
            let mut spans: Vec<&Span> = self.spans.iter().filter(|span| span.thread == *thread).collect();
            spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
            let mut open: Vec<&Span> = Vec::new();
            for span in spans {
                open.retain(|outer| outer.end > span.start);
                if let Some(outer) = open.last() {
                    assert!(span.end <= outer.end, "{span:?} leaves {outer:?}");
                }
                open.push(span);
            }
        }
    }
}

fn counts_of(profile: &Profile) -> BTreeMap<(String, String), u64> {
    let of = |thread: &ProfiledThread| {
        let name = thread.name.clone();
        thread.spans.iter().map(move |span| ((name.clone(), span.name.clone()), span.calls)).collect::<Vec<_>>()
    };
    profile.threads().iter().flat_map(of).collect()
}

/// Does nothing at the end of a batch.
struct Watcher;

impl<M> Callback<M> for Watcher {
    fn on_train_batch_end(&mut self, _: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        Ok(())
    }
}

/// Loaders of 12 and of 8 rows in batches of 4 and 2 that workers make.
fn loaders(workers: usize) -> (DataLoader<Rows>, DataLoader<Rows>) {
    let loader = |items: usize, size: usize| {
        let rows = batches(&vec![1; items], 3);
        DataLoader::builder(rows)
            .batch_size(size)
            .num_workers(workers)
            .collate(|rows: Vec<Rows>| {
                let (x, y) = rows.into_iter().map(|rows| (rows.x, rows.y)).unzip();
                Ok(Rows { x: Tensor::cat(x, 0), y: Tensor::cat(y, 0) })
            })
            .build()
            .unwrap()
    };
    (loader(12, 4), loader(8, 2))
}

fn traced(folder: &Path) -> lightning_core::trainer::TrainerBuilder<Net> {
    Net::trainer()
        .default_root_dir(folder)
        .max_epochs(2)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .profiler(Profiler::chrome("trace.json"))
}

fn trace_of_run(folder: &Path) -> PathBuf {
    folder.join("lightning_logs/version_0/trace.json")
}

#[test]
fn a_trace_has_the_spans_of_every_thread() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = traced(folder.path()).callback(Watcher).build().unwrap();
    let mut model = Net::new(NetHparams::default());
    trainer.fit(&mut model, loaders(1)).unwrap();

    let trace = Trace::read(&trace_of_run(folder.path()));
    trace.check_nesting();
    let profile = trainer.profile().unwrap();
    let counts = trace.counts();
    assert_eq!(counts, counts_of(profile));
    let calls = |thread: &str, span: &str| counts.get(&(thread.to_owned(), span.to_owned())).copied().unwrap_or(0);
    // Two epochs of 3 batches, a sanity check of 2 batches, and validations of 4.
    let expected = [
        ("training loop", "run", 1),
        ("training loop", "epoch", 2),
        ("training loop", "train_batch", 6),
        ("training loop", "training_step", 6),
        ("training loop", "backward", 6),
        ("training loop", "optimizer_step", 6),
        ("training loop", "sanity_check", 1),
        ("training loop", "validate", 3),
        ("training loop", "validation_step", 10),
        ("training loop", "Watcher::on_train_batch_end", 6),
        ("training loop", "Watcher::on_train_batch_start", 0),
        ("training loop", "ModelCheckpoint::on_train_epoch_end", 2),
        ("training loop", "save_checkpoint", 2),
        ("checkpoint writer", "write_checkpoint", 2),
        ("data-worker-0", "fetch", 6 + 2 * 4),
    ];
    for (thread, span, expected) in expected {
        // The worker of the sanity check may be ahead of it.
        let found = calls(thread, span);
        match thread {
            "data-worker-0" => assert!((expected + 2..=expected + 4).contains(&found), "{span}: {found}"),
            _ => assert_eq!(found, expected, "{span} of {thread}: {counts:#?}"),
        }
    }
    assert_eq!(calls("data-worker-0", "fetch"), calls("data-worker-0", "collate"));

    // The thread that trains has all actions of the simple profile, and their times.
    let training = &profile.threads()[0];
    for action in profile.actions() {
        let span = training.get(action.name).unwrap();
        assert_eq!((span.calls, span.total), (action.calls, action.total), "{}", action.name);
        assert!(span.median <= span.p95 && span.p95.as_secs_f64() <= span.total.as_secs_f64() * 1.02, "{span:?}");
    }
    assert!(training.busy <= profile.whole(), "{profile}");
    assert_eq!(training.busy, training.get("run").unwrap().total);

    // What runs within what, and where it says it is.
    let batches = trace.named("train_batch");
    let places: Vec<_> = batches.iter().map(|span| span.args["batch"].as_u64().unwrap()).collect();
    assert_eq!(places, [0, 1, 2, 0, 1, 2]);
    for step in trace.named("training_step") {
        let within = |span: &&&Span| span.start <= step.start && step.end <= span.end;
        assert_eq!(batches.iter().filter(within).count(), 1);
        assert_eq!(step.category, "step");
    }
    let epochs: Vec<_> = trace.named("epoch").iter().map(|span| span.args["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [0, 1]);
}

#[test]
fn a_second_run_is_added_to_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = traced(folder.path()).build().unwrap();
    let mut model = Net::new(NetHparams::default());
    trainer.fit(&mut model, loaders(0)).unwrap();
    trainer.test(&mut model, batches(&[4; 5], 1)).unwrap();
    let trace = Trace::read(&trace_of_run(folder.path()));
    trace.check_nesting();
    assert_eq!((trace.named("run").len(), trace.named("test_step").len()), (2, 5));
    // Without workers the training loop fetches.
    assert_eq!(trace.threads.values().collect::<Vec<_>>(), ["training loop", "checkpoint writer"]);
    assert_eq!(trace.counts(), counts_of(trainer.profile().unwrap()));
}

#[test]
fn a_trace_without_a_logger_is_in_the_root_folder() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = traced(folder.path()).no_logger().enable_checkpointing(false).limit_val_batches(0);
    let mut trainer = trainer.build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), batches(&[4; 2], 1)).unwrap();
    assert_eq!(Trace::read(&folder.path().join("trace.json")).named("training_step").len(), 4);
}

/// Ends the run in its second batch.
enum End {
    Error,
    Panic,
    Signal,
}

impl<M> Callback<M> for End {
    fn on_before_backward(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        match self {
            _ if cx.batch_step() != 1 => Ok(()),
            Self::Error => Err(Error::msg("no second batch")),
            Self::Panic => panic!("no second batch"),
            Self::Signal => Ok(signal_hook::low_level::raise(sigint())?),
        }
    }
}

#[test]
fn a_trace_is_whole_however_the_run_ends() {
    for end in [End::Error, End::Panic, End::Signal] {
        let is_signal = matches!(end, End::Signal);
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = traced(folder.path()).callback(end).build().unwrap();
        let result = trainer.fit(&mut Net::new(NetHparams::default()), loaders(1));
        match is_signal {
            true => assert_eq!(result.unwrap().stop_reason, StopReason::Interrupted),
            false => assert!(result.unwrap_err().to_string().contains("no second batch")),
        }
        let trace = Trace::read(&trace_of_run(folder.path()));
        trace.check_nesting();
        // What the error leaves has an end too.
        assert_eq!((trace.named("train_batch").len(), trace.named("epoch").len(), trace.named("run").len()), (2, 1, 1));
        assert_eq!(trace.counts(), counts_of(trainer.profile().unwrap()));
    }
}

/// Reads the trace while the run goes on.
struct Reader(PathBuf);

impl<M> Callback<M> for Reader {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        if cx.current_epoch() == 1 {
            std::thread::sleep(Duration::from_millis(1500));
            assert_eq!(Trace::read(&self.0).named("train_batch").len(), 6);
        }
        Ok(())
    }
}

#[test]
fn a_trace_can_be_read_during_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = traced(folder.path()).callback(Reader(trace_of_run(folder.path()))).build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), loaders(0)).unwrap();
}

#[test]
fn a_trace_that_cannot_be_written_is_told_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a folder");
    std::fs::create_dir(&path).unwrap();
    let mut trainer = Net::quiet().max_epochs(1).profiler(Profiler::chrome(&path)).build().unwrap();
    let error = trainer.fit(&mut Net::new(NetHparams::default()), batches(&[4; 2], 1)).unwrap_err();
    assert!(error.to_string().contains("cannot create the trace"), "{error}");
    assert!(trainer.profile().unwrap().get("training_step").is_none());
}

#[test]
fn the_advanced_profiler_prints_both_tables() {
    let mut trainer = Net::quiet().max_epochs(1).profiler("advanced").build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), loaders(2)).unwrap();
    let profile = trainer.profile().unwrap();
    let text = profile.to_string();
    for part in ["Share", "ms in total", "p95 (ms)", "training loop", "data-worker-1", "collate", "optimizer_step"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    // Workers of the sanity check, training and validation are the same two rows.
    let names: Vec<_> = profile.threads().iter().map(|thread| thread.name.as_str()).collect();
    assert!(
        names.iter().all(|name| ["training loop", "data-worker-0", "data-worker-1"].contains(name)
            || name.starts_with("data-worker") && name.ends_with("(2)")),
        "{names:?}"
    );
    assert!(Net::quiet().profiler("simple").build().unwrap().profile().unwrap().threads().is_empty());
}

#[test]
fn perfetto_counts_the_spans_of_the_profile() {
    let Ok(perfetto) = std::env::var("PERFETTO") else {
        eprintln!("SKIPPED perfetto_counts_the_spans_of_the_profile: run `scripts/trace_in_perfetto.sh`");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = traced(folder.path()).callback(Watcher).build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), loaders(1)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/perfetto.js");
    let output = Command::new("node").arg(script).arg(perfetto).arg(trace_of_run(folder.path())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<(String, String, u64)> = serde_json::from_slice(&output.stdout).unwrap();
    let counts: BTreeMap<_, _> = rows.into_iter().map(|(thread, span, count)| ((thread, span), count)).collect();
    assert_eq!(counts, counts_of(trainer.profile().unwrap()));
}
