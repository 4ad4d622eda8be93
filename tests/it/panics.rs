//! A panic in every kind of call into user code: the table of ARCHITECTURE.md, "Calls into user
//! code". The model comes back in evaluation form, the end hooks and `finalize` run, and the error
//! says where it was.

mod data;
mod fault;
mod module;
mod watchers;

use std::{fs, path::Path, sync::PoisonError};

use burn::nn::Linear;
use lightning_core::{
    ErrorKind,
    loggers::{MemoryLogger, RunStatus},
    prelude::*,
};

use self::{
    data::{Data, DataHparams, Source},
    fault::{CALLED, FAULT},
    module::{ByHand, ByHandHparams, Net, NetHparams},
    watchers::{Talker, Watcher},
};
use crate::{panics_search, support::quiet};

/// In what kind of run a call panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Run {
    Fit(Source),
    /// With `overfit_batches`, which reads a loader in its order.
    InOrder,
    /// Resumed after the second batch.
    Resumed,
    Validate,
    Test,
    Predict,
    Manual,
}

/// How far a run is when the call panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// Before anything was begun: no hook has run, and no logger has started.
    Before,
    /// In between: everything that was begun is closed, as failed.
    Within,
    /// In what closes the run.
    Closing,
}

use Run::{Fit, InOrder, Manual, Predict, Resumed, Test, Validate};
use Source::{Items as FromItems, Iterator as FromIterator, Own, Stream, Workers};
use When::{Before, Closing, Within};

/// The call, a run that has it, how far the run is then, and what the error says of the place.
const CALLS: &[(&str, Run, When, &str)] = &[
    ("`training_step`", Fit(FromItems), Within, "`Net::training_step`"),
    ("`training_step` with `Optimizers`", Manual, Within, "`ByHand::training_step`"),
    ("`validation_step`", Fit(FromItems), Within, "`Net::validation_step`"),
    ("`test_step`", Test, Within, "`Net::test_step`"),
    ("`predict_step`", Predict, Within, "`Net::predict_step`"),
    ("a hook of the module", Fit(FromItems), Within, "`Net::on_train_batch_end`"),
    ("`configure_optimizers`", Fit(FromItems), Within, "`configure_optimizers`"),
    ("`prepare_data`", Fit(FromItems), Within, "`Net::prepare_data`"),
    ("`on_save_checkpoint`", Fit(FromItems), Within, "`Net::on_save_checkpoint`"),
    ("`on_load_checkpoint`", Resumed, Within, "`Net::on_load_checkpoint`"),
    ("`Serialize` of a hyperparameter", Fit(FromItems), Before, "`the hyperparameters of Net`"),
    ("`Serialize` of a `#[state]` field", Fit(FromItems), Within, "`the state of Net`"),
    ("`Deserialize` of a `#[state]` field", Resumed, Within, "`the state of Net`"),
    ("`Clone` of a field", Fit(FromItems), Before, "stage fit"),
    ("`Callback::info`", Fit(FromItems), Before, "`build`"),
    ("`Callback::check`", Fit(FromItems), Before, "panicked: the fault"),
    ("`Callback::state_key`", Fit(FromItems), Within, "`a callback's state_key`"),
    ("`Callback::save_state`", Fit(FromItems), Within, "`save_state of Watcher`"),
    ("`Callback::load_state`", Resumed, Within, "`load_state of Watcher`"),
    ("`Callback::model_to_save`", Fit(FromItems), Within, "`a callback's model_to_save`"),
    ("`Callback::final_weights`", Fit(FromItems), Within, "`a callback's final_weights`"),
    ("a hook of a callback", Fit(FromItems), Within, "`a callback's on_train_batch_end`"),
    ("`Logger::earlier_runs`", Fit(FromItems), Before, "`a logger's earlier_runs`"),
    ("`Logger::resume_at`", Resumed, Before, "`a logger's resume_at`"),
    ("`Logger::start`", Fit(FromItems), Within, "`a logger's start`"),
    ("`Logger::log_hyperparams`", Fit(FromItems), Within, "`a logger's log_hyperparams`"),
    ("`Logger::log_metrics`", Fit(FromItems), Within, "`a logger's log_metrics`"),
    ("`Logger::log_text`", Fit(FromItems), Within, "`a logger's log_text`"),
    ("`Logger::log_image`", Fit(FromItems), Within, "`a logger's log_image`"),
    ("`Logger::log_histogram`", Fit(FromItems), Within, "`a logger's log_histogram`"),
    ("`Logger::log_figure`", Fit(FromItems), Within, "`a logger's log_figure`"),
    ("`Logger::log_audio`", Fit(FromItems), Within, "`a logger's log_audio`"),
    ("`Logger::log_mesh`", Fit(FromItems), Within, "`a logger's log_mesh`"),
    ("`Logger::log_table`", Fit(FromItems), Within, "`a logger's log_table`"),
    ("`Logger::log_artifact`", Fit(FromItems), Within, "`a logger's log_artifact`"),
    ("`Logger::log_checkpoint`", Fit(FromItems), Within, "`a logger's log_checkpoint`"),
    ("`Logger::log_console`", Fit(FromItems), Within, "`a logger's log_console`"),
    ("`Logger::log_graph`", Fit(FromItems), Within, "`a logger's log_graph`"),
    ("`Logger::log_dir`", Fit(FromItems), Within, "`a logger's log_dir`"),
    ("`Logger::save`", Fit(FromItems), Within, "`a logger's save`"),
    ("`Logger::finalize`", Fit(FromItems), Closing, "`a logger's finalize`"),
    ("`prepare_data` of data", Fit(FromItems), Within, "`prepare_data`"),
    ("`setup` of data", Fit(FromItems), Within, "`setup`"),
    ("`teardown` of data", Fit(FromItems), Closing, "`teardown`"),
    ("`train_dataloader`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`val_dataloader`", Validate, Within, "`val_dataloader`"),
    ("`test_dataloader`", Test, Within, "`test_dataloader`"),
    ("`predict_dataloader`", Predict, Within, "`predict_dataloader`"),
    ("`Serialize` of a hyperparameter of data", Fit(FromItems), Before, "`the hyperparameters of Data`"),
    ("`Serialize` of a `#[state]` field of data", Fit(FromItems), Within, "`the state of Data`"),
    ("`Deserialize` of a `#[state]` field of data", Resumed, Within, "`the state of Data`"),
    ("`Dataset::len`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`Dataset::get`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`Sampler::indices`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`map`", Fit(FromItems), Within, "`train_dataloader`"),
    ("`map` in a worker", Fit(Workers), Within, "`train_dataloader`"),
    ("`worker_init`", Fit(Workers), Within, "`train_dataloader`"),
    ("`collate`", Fit(FromItems), Within, "_dataloader`"),
    ("`Batch::to_device`", Fit(FromItems), Within, "`train_dataloader`"),
    ("the function of `iterable`", Fit(Stream), Within, "`train_dataloader`"),
    ("`Iterator::next` of `iterable`", Fit(Stream), Within, "`train_dataloader`"),
    ("the function of `from_iter`", Fit(FromIterator), Within, "`train_dataloader`"),
    ("`Iterator::next` of `from_iter`", Fit(FromIterator), Within, "`train_dataloader`"),
    ("`Loader::len`", Fit(Own), Within, "`train_dataloader`"),
    ("`Loader::batches`", Fit(Own), Within, "`train_dataloader`"),
    ("`Loader::batches_in_order`", InOrder, Within, "`train_dataloader`"),
    ("`Iterator::next` of a loader", Fit(Own), Within, "`train_dataloader`"),
    ("`Metric::accumulate`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::compute`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::reset`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::state`", Fit(FromItems), Within, "the metric `share`"),
    ("`Metric::load_state`", Resumed, Within, "the metric `share`"),
    ("`LrScheduler::base_lr`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::lr`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::step`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::momentum`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::state`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("`LrScheduler::load_state`", Resumed, Within, "`the schedule of sgd`"),
    ("`LrScheduler::describe`", Fit(FromItems), Within, "`the schedule of sgd`"),
    ("drop of an output", Fit(FromItems), Within, "`drop of the output of the last training step`"),
    ("drop of a batch", Fit(FromItems), Within, "`Net::training_step`"),
    ("drop of a prediction", Predict, Within, "`Net::predict_step`"),
    ("drop of a metric", Fit(FromItems), Within, "stage validate"),
    ("drop of the batches of a loader", Fit(Own), Within, "stage fit"),
    ("drop of a loader", Fit(Own), Closing, "`drop of the loaders`"),
    ("drop of a data set", Fit(FromItems), Closing, "`drop of the loaders`"),
    ("a value of `panic_any` whose destructor panics", Fit(FromItems), Within, "`Net::training_step`"),
];

/// What became of a run.
struct Outcome {
    result: Result<()>,
    is_back: bool,
    called: Vec<&'static str>,
    statuses: Vec<RunStatus>,
}

fn trainer(root: &Path, memory: &MemoryLogger, run: Run) -> Result<Trainer<Net>> {
    let builder = quiet(Net::trainer())
        .enable_checkpointing(true)
        .num_sanity_val_steps(0)
        .log_every_n_steps(1)
        .max_epochs(2)
        .default_root_dir(root)
        .logger(memory.clone())
        .logger(Talker(root.to_path_buf()))
        .callback(Watcher)
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)))
        .resume_from(Resume::LastOrStart);
    if run == InOrder { builder.overfit_batches(2).build() } else { builder.build() }
}

fn is_back(layer: &Linear) -> bool {
    let weight = layer.weight.val();
    !weight.is_autodiff() && weight.into_data().iter::<f32>().all(f32::is_finite)
}

fn run(call: &'static str, run: Run) -> Outcome {
    let (root, memory) = (tempfile::tempdir().unwrap(), MemoryLogger::new());
    seed_everything(1);
    if run == Manual {
        arm(call);
        let mut model = ByHand::new(ByHandHparams::default());
        let mut trainer =
            quiet(ByHand::trainer()).max_epochs(1).logger(memory.clone()).callback(Watcher).build().unwrap();
        let result = trainer.fit(&mut model, Source::Items.open().unwrap()).map(|_| ());
        return outcome(result, &model.layer, &memory);
    }
    let mut model = Net::new(NetHparams::default());
    let mut data = Data::new(DataHparams::default());
    if let Fit(source) = run {
        data.source = source;
    }
    if run == InOrder {
        data.source = Own;
    }
    if run == Resumed {
        let mut first = quiet(Net::trainer())
            .enable_checkpointing(true)
            .num_sanity_val_steps(0)
            .max_steps(2)
            .limit_val_batches(0)
            .default_root_dir(root.path())
            .callback(Watcher)
            .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)))
            .build()
            .unwrap();
        first.fit(&mut Net::new(NetHparams::default()), &mut data).unwrap();
    }
    arm(call);
    let result = trainer(root.path(), &memory, run).and_then(|mut trainer| match run {
        Validate => trainer.validate(&mut model, &mut data).map(|_| ()),
        Test => trainer.test(&mut model, &mut data).map(|_| ()),
        Predict => trainer.predict(&mut model, &mut data).map(|_| ()),
        _ => trainer.fit(&mut model, &mut data).map(|_| ()),
    });
    outcome(result, &model.layer, &memory)
}

fn arm(call: &'static str) {
    CALLED.lock().unwrap_or_else(PoisonError::into_inner).clear();
    *FAULT.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
}

fn outcome(result: Result<()>, layer: &Linear, memory: &MemoryLogger) -> Outcome {
    let left = FAULT.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert_eq!(left, None, "the call is made: {result:?}");
    let called = std::mem::take(&mut *CALLED.lock().unwrap_or_else(PoisonError::into_inner));
    Outcome { result, is_back: is_back(layer), called, statuses: memory.statuses() }
}

/// The hooks that close what others begin.
const PAIRS: &[(&str, &str)] = &[
    ("setup", "teardown"),
    ("on_fit_start", "on_fit_end"),
    ("on_train_start", "on_train_end"),
    ("on_train_epoch_start", "on_train_epoch_end"),
    ("on_validation_start", "on_validation_end"),
];

#[test]
fn a_panic_in_each_call_in_turn() {
    let mut wrong = Vec::new();
    for (call, kind, when, place) in CALLS {
        let Outcome { result, is_back, called, statuses } = run(call, *kind);
        let Err(error) = result else {
            wrong.push(format!("{call}: no error"));
            continue;
        };
        let text = error.to_string();
        // The step that fails while its predictions are dropped is the first error.
        let (expected, what) = match *call {
            "drop of a prediction" => (ErrorKind::Other, "the step failed"),
            "a value of `panic_any` whose destructor panics" => (ErrorKind::Panic, "a panic without a message"),
            // One of the problems that `build` lists.
            "`Callback::check`" => (ErrorKind::Config, "the fault"),
            _ => (ErrorKind::Panic, "the fault"),
        };
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                wrong.push(format!("{call}: {what}"));
            }
        };
        check(error.kind() == expected && text.contains(what), format!("{:?}: {text}", error.kind()));
        check(text.contains(place), format!("the place must be {place}, found {text}"));
        check(is_back, "the model is not back".to_owned());
        let count = |hook: &str| called.iter().filter(|entry| **entry == hook).count();
        for (start, end) in PAIRS {
            check(count(start) <= count(end), format!("{start} without {end}: {called:?}"));
        }
        let exceptions = usize::from(*when == Within);
        check(count("on_exception") == exceptions, format!("on_exception runs {exceptions} times: {called:?}"));
        let closed: &[RunStatus] = match when {
            Before => &[],
            Within => &[RunStatus::Failed],
            // The loggers are told of what failed before them.
            Closing if call.contains("finalize") => &[RunStatus::Success],
            Closing => &[RunStatus::Failed],
        };
        check(statuses == closed, format!("the loggers are closed with {closed:?}, found {statuses:?}"));
        let torn_down = usize::from(*when != Before);
        check(count("teardown") == torn_down, format!("teardown runs {torn_down} times: {called:?}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the table in ARCHITECTURE.md: the call, the file that catches its panic, the place.
fn rows(text: &str) -> Vec<(String, String, String)> {
    let (_, table) = text.split_once("<!-- user code -->").unwrap();
    let (table, _) = table.split_once("<!-- /user code -->").unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            (cells[0].to_owned(), cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect()
}

#[test]
fn the_list_in_the_document_is_the_table_of_this_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rows = rows(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let documented: Vec<(&str, &str)> = rows.iter().map(|(call, _, place)| (call.as_str(), place.as_str())).collect();
    let of_runs = CALLS.iter().map(|(call, _, _, place)| (*call, *place));
    let tested: Vec<(&str, &str)> = of_runs.chain(panics_search::CALLS.iter().copied()).collect();
    assert_eq!(documented, tested);
    for (call, file, _) in &rows {
        let text = fs::read_to_string(root.join("lightning-core/src").join(file)).unwrap();
        let catches = ["catch_panic(", "catch_in(", "guarded(", "drop_caught(", "call(", "catch_unwind("];
        assert!(catches.iter().any(|catch| text.contains(catch)), "{call}: `{file}` catches no panic");
    }
}
