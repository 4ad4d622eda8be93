//! Everything a run calls, in order, against literal lists; an error and an interruption in each
//! hook in turn.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    ErrorKind,
    loggers::{MemoryLogger, RunStatus},
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};
use signal_hook::low_level::raise;

use crate::support::{Ledger, Rows, batches, quiet, sigint, visit_every_hook};

/// What goes wrong in a hook, once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Error,
    Panic,
    Interrupt,
}

/// Records every call, and fails in one of them.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    ledger: Ledger,
    fault: Arc<Mutex<Option<(String, Fault)>>>,
}

impl Probe {
    fn visit(&self, call: &str) -> Result<()> {
        self.ledger.add(call);
        let fault = self.fault.lock().unwrap().take_if(|(at, _)| at == call);
        match fault {
            None => Ok(()),
            Some((_, Fault::Error)) => Err("the fault".into()),
            Some((_, Fault::Panic)) => panic!("the fault"),
            Some((_, Fault::Interrupt)) => raise(sigint()).map_err(Into::into),
        }
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Probed {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    probe: Probe,
}

#[lightning_module]
#[rustfmt::skip] // one line a hook
impl Probed {
    fn training_step(&self, batch: Rows) -> Result<Tensor<1>> {
        self.probe.visit("training_step")?;
        Ok(cross_entropy(self.layer.forward(batch.x), batch.y))
    }
    fn validation_step(&self, batch: Rows) -> Result<()> {
        drop(batch);
        self.probe.visit("validation_step")
    }
    fn test_step(&self, batch: Rows) -> Result<()> {
        drop(batch);
        self.probe.visit("test_step")
    }
    fn predict_step(&self, batch: Rows) -> Result<()> {
        drop(batch);
        self.probe.visit("predict_step")
    }
    fn prepare_data(&self) -> Result<()> { self.probe.visit("prepare_data") }
    fn setup(&mut self) -> Result<()> { self.probe.visit("setup") }
    fn teardown(&mut self) -> Result<()> { self.probe.visit("teardown") }
    fn on_fit_start(&mut self) -> Result<()> { self.probe.visit("on_fit_start") }
    fn on_fit_end(&mut self) -> Result<()> { self.probe.visit("on_fit_end") }
    fn on_train_start(&mut self) -> Result<()> { self.probe.visit("on_train_start") }
    fn on_train_end(&mut self) -> Result<()> { self.probe.visit("on_train_end") }
    fn on_train_epoch_start(&mut self) -> Result<()> { self.probe.visit("on_train_epoch_start") }
    fn on_train_epoch_end(&mut self) -> Result<()> { self.probe.visit("on_train_epoch_end") }
    fn on_train_batch_start(&mut self) -> Result<()> { self.probe.visit("on_train_batch_start") }
    fn on_train_batch_end(&mut self) -> Result<()> { self.probe.visit("on_train_batch_end") }
    fn on_before_zero_grad(&mut self) -> Result<()> { self.probe.visit("on_before_zero_grad") }
    fn on_before_backward(&mut self) -> Result<()> { self.probe.visit("on_before_backward") }
    fn on_after_backward(&mut self) -> Result<()> { self.probe.visit("on_after_backward") }
    fn on_before_optimizer_step(&mut self) -> Result<()> { self.probe.visit("on_before_optimizer_step") }
    fn on_validation_start(&mut self) -> Result<()> { self.probe.visit("on_validation_start") }
    fn on_validation_end(&mut self) -> Result<()> { self.probe.visit("on_validation_end") }
    fn on_validation_epoch_start(&mut self) -> Result<()> { self.probe.visit("on_validation_epoch_start") }
    fn on_validation_epoch_end(&mut self) -> Result<()> { self.probe.visit("on_validation_epoch_end") }
    fn on_validation_batch_start(&mut self) -> Result<()> { self.probe.visit("on_validation_batch_start") }
    fn on_validation_batch_end(&mut self) -> Result<()> { self.probe.visit("on_validation_batch_end") }
    fn on_test_start(&mut self) -> Result<()> { self.probe.visit("on_test_start") }
    fn on_test_end(&mut self) -> Result<()> { self.probe.visit("on_test_end") }
    fn on_test_epoch_start(&mut self) -> Result<()> { self.probe.visit("on_test_epoch_start") }
    fn on_test_epoch_end(&mut self) -> Result<()> { self.probe.visit("on_test_epoch_end") }
    fn on_test_batch_start(&mut self) -> Result<()> { self.probe.visit("on_test_batch_start") }
    fn on_test_batch_end(&mut self) -> Result<()> { self.probe.visit("on_test_batch_end") }
    fn on_predict_start(&mut self) -> Result<()> { self.probe.visit("on_predict_start") }
    fn on_predict_end(&mut self) -> Result<()> { self.probe.visit("on_predict_end") }
    fn on_predict_epoch_start(&mut self) -> Result<()> { self.probe.visit("on_predict_epoch_start") }
    fn on_predict_epoch_end(&mut self) -> Result<()> { self.probe.visit("on_predict_epoch_end") }
    fn on_predict_batch_start(&mut self) -> Result<()> { self.probe.visit("on_predict_batch_start") }
    fn on_predict_batch_end(&mut self) -> Result<()> { self.probe.visit("on_predict_batch_end") }
}

/// Records every call of a callback as `C.name`.
struct Recorder(Probe);

impl Recorder {
    fn visit(&self, call: &str) -> Result<()> {
        self.0.visit(call)
    }
}

visit_every_hook!(Recorder);

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 1)).unwrap()
}

/// A trainer with a recorder, the module that shares its ledger, and both their memory.
fn probed(trainer: TrainerBuilder<Probed>) -> (Probed, Trainer<Probed>, Probe, MemoryLogger) {
    let (model, memory) = (Probed::new(ProbedHparams::default()), MemoryLogger::new());
    let probe = model.probe.clone();
    let trainer = quiet(trainer).logger(memory.clone()).callback(Recorder(probe.clone())).build().unwrap();
    (model, trainer, probe, memory)
}

/// Each word is a hook that callback and module have; what begins with `C.` or `=` is the
/// callback's or the module's alone.
fn list(words: &str) -> Vec<String> {
    let both = |word: &str| match (word.strip_prefix('='), word.starts_with("C.")) {
        (Some(own), _) => vec![own.to_owned()],
        (None, true) => vec![word.to_owned()],
        (None, false) => vec![format!("C.{word}"), word.to_owned()],
    };
    words.split_whitespace().flat_map(both).collect()
}

const BATCH: &str = "on_train_batch_start =training_step on_before_zero_grad on_before_backward on_after_backward \
                     on_before_optimizer_step on_train_batch_end";

#[test]
fn h1_one_training_batch() {
    let (mut model, mut trainer, probe, _) = probed(Probed::trainer().max_epochs(1).limit_val_batches(0));
    trainer.fit(&mut model, loader(1)).unwrap();
    let all = probe.ledger.take();
    let from = all.iter().position(|call| call == "C.on_train_batch_start").unwrap();
    let to = all.iter().position(|call| call == "on_train_batch_end").unwrap();
    // In the order of entry, where PyTorch Lightning's list is that of completion (H0).
    assert_eq!(all[from..=to], list(BATCH));
}

#[test]
fn fit_without_validation() {
    let (mut model, mut trainer, probe, memory) = probed(Probed::trainer().max_epochs(2).limit_val_batches(0));
    trainer.fit(&mut model, loader(2)).unwrap();
    let epoch = format!("on_train_epoch_start {BATCH} {BATCH} on_train_epoch_end");
    let run =
        format!("=prepare_data setup on_fit_start on_train_start {epoch} {epoch} on_train_end on_fit_end teardown");
    assert_eq!(probe.ledger.take(), list(&run));
    assert_eq!(memory.statuses(), [RunStatus::Success]);
}

#[test]
fn accumulation_steps_after_the_last_batch_of_a_window() {
    let trainer = Probed::trainer().max_epochs(1).limit_val_batches(0).accumulate_grad_batches(2);
    let (mut model, mut trainer, probe, _) = probed(trainer);
    trainer.fit(&mut model, loader(3)).unwrap();
    let run = "=prepare_data setup on_fit_start on_train_start on_train_epoch_start \
        on_train_batch_start =training_step on_before_zero_grad on_before_backward on_after_backward on_train_batch_end \
        on_train_batch_start =training_step on_before_backward on_after_backward on_before_optimizer_step on_train_batch_end \
        on_train_batch_start =training_step on_before_zero_grad on_before_backward on_after_backward on_before_optimizer_step \
        on_train_batch_end \
        on_train_epoch_end on_train_end on_fit_end teardown";
    assert_eq!(probe.ledger.take(), list(run));
}

#[test]
fn h4_validate_test_and_predict() {
    let (mut model, mut trainer, probe, _) = probed(Probed::trainer());
    let run = |stage: &str, step: &str| {
        let batch = format!("on_{stage}_batch_start ={step} on_{stage}_batch_end");
        list(&format!(
            "=prepare_data setup on_{stage}_start on_{stage}_epoch_start {batch} {batch} on_{stage}_epoch_end on_{stage}_end teardown"
        ))
    };
    trainer.validate(&mut model, loader(2)).unwrap();
    assert_eq!(probe.ledger.take(), run("validation", "validation_step"));
    trainer.test(&mut model, loader(2)).unwrap();
    assert_eq!(probe.ledger.take(), run("test", "test_step"));
    trainer.predict(&mut model, loader(2)).unwrap();
    assert_eq!(probe.ledger.take(), run("predict", "predict_step"));
}

#[test]
fn h4_no_batches_is_no_evaluation() {
    let off = Probed::trainer().limit_val_batches(0).limit_test_batches(0).limit_predict_batches(0);
    let (mut model, mut trainer, probe, _) = probed(off);
    let run = list("=prepare_data setup teardown");
    assert_eq!(trainer.validate(&mut model, loader(2)).unwrap().batches, 0);
    assert_eq!(probe.ledger.take(), run);
    assert_eq!(trainer.test(&mut model, loader(2)).unwrap().batches, 0);
    assert_eq!(probe.ledger.take(), run);
    assert_eq!(trainer.predict(&mut model, loader(2)).unwrap().len(), 0);
    assert_eq!(probe.ledger.take(), run);
}

#[data_module]
struct ToldData {
    #[state(skip)]
    ledger: Ledger,
}

#[data_module]
impl ToldData {
    fn prepare_data(&self) {
        self.ledger.add("prepare_data");
    }
    fn setup(&mut self, stage: Stage) {
        self.ledger.add(format!("setup {stage}"));
    }
    fn teardown(&mut self, stage: Stage) {
        self.ledger.add(format!("teardown {stage}"));
    }
    fn train_dataloader(&self) -> DataLoader<Rows> {
        self.ledger.add("train_dataloader");
        loader(2)
    }
    fn val_dataloader(&self) -> DataLoader<Rows> {
        self.ledger.add("val_dataloader");
        loader(1)
    }
    fn test_dataloader(&self) -> DataLoader<Rows> {
        self.ledger.add("test_dataloader");
        loader(1)
    }
    fn predict_dataloader(&self) -> DataLoader<Rows> {
        self.ledger.add("predict_dataloader");
        loader(1)
    }
}

#[test]
fn h5_what_a_data_module_is_asked() {
    let mut data = ToldData::new(ToldDataHparams::default());
    let ledger = data.ledger.clone();
    let trainer = Probed::trainer().max_epochs(1).reload_dataloaders_every_n_epochs(1);
    let (mut model, mut trainer, _, _) = probed(trainer);
    trainer.fit(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup fit", "val_dataloader", "train_dataloader", "teardown fit"]);
    trainer.validate(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup validate", "val_dataloader", "teardown validate"]);
    trainer.test(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup test", "test_dataloader", "teardown test"]);
    trainer.predict(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup predict", "predict_dataloader", "teardown predict"]);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct ByHand {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    probe: Probe,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
        self.probe.visit("training_step")?;
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::OPTIMIZER, self, gradients)?;
        self.probe.visit("end of training_step")
    }
    fn on_before_backward(&mut self) -> Result<()> {
        self.probe.visit("on_before_backward")
    }
    fn on_after_backward(&mut self) -> Result<()> {
        self.probe.visit("on_after_backward")
    }
    fn on_before_optimizer_step(&mut self) -> Result<()> {
        self.probe.visit("on_before_optimizer_step")
    }
    fn on_train_batch_start(&mut self) -> Result<()> {
        self.probe.visit("on_train_batch_start")
    }
    fn on_train_batch_end(&mut self) -> Result<()> {
        self.probe.visit("on_train_batch_end")
    }
}

#[test]
fn h2_manual_optimization_runs_the_hooks_inside_the_step() {
    let mut model = ByHand::new(ByHandHparams::default());
    let probe = model.probe.clone();
    let mut trainer = quiet(ByHand::trainer()).max_epochs(1).callback(Recorder(probe.clone())).build().unwrap();
    trainer.fit(&mut model, loader(1)).unwrap();
    let all = probe.ledger.take();
    let from = all.iter().position(|call| call == "C.on_train_batch_start").unwrap();
    let to = all.iter().position(|call| call == "on_train_batch_end").unwrap();
    // As PyTorch Lightning's list, in the order of entry: no clipping, no schedule, no zero_grad of
    // the trainer's.
    let mut batch = list(
        "on_train_batch_start =training_step on_before_backward on_after_backward on_before_optimizer_step =END on_train_batch_end",
    );
    batch.iter_mut().filter(|call| *call == "END").for_each(|call| *call = "end of training_step".to_owned());
    assert_eq!(all[from..=to], batch);
}

/// Where the error says that it is.
type Place = (Stage, Option<u64>, Option<u64>);

const RUN: Place = (Stage::Fit, Some(0), None);
/// After the only epoch.
const OVER: Place = (Stage::Fit, Some(1), None);
const IN_BATCH: Place = (Stage::Fit, Some(0), Some(0));
const VAL: Place = (Stage::Validate, Some(0), None);
const VAL_BATCH: Place = (Stage::Validate, Some(0), Some(0));

const CLOSE: &str = "teardown";
const CLOSE_FIT: &str = "on_fit_end teardown";
const CLOSE_TRAIN: &str = "on_train_end on_fit_end teardown";
const CLOSE_EPOCH: &str = "on_train_epoch_end on_train_end on_fit_end teardown";
const CLOSE_VAL: &str = "on_validation_end on_train_epoch_end on_train_end on_fit_end teardown";
const CLOSE_VAL_EPOCH: &str =
    "on_validation_epoch_end on_validation_end on_train_epoch_end on_train_end on_fit_end teardown";

/// A hook of `fit`, where an error in it is, and what still runs after `on_exception`.
const HOOKS: &[(&str, Place, &str)] = &[
    ("setup", RUN, CLOSE),
    ("on_fit_start", RUN, CLOSE_FIT),
    ("on_train_start", RUN, CLOSE_TRAIN),
    ("on_train_epoch_start", RUN, CLOSE_EPOCH),
    ("on_train_batch_start", IN_BATCH, CLOSE_EPOCH),
    ("on_before_zero_grad", IN_BATCH, CLOSE_EPOCH),
    ("on_before_backward", IN_BATCH, CLOSE_EPOCH),
    ("on_after_backward", IN_BATCH, CLOSE_EPOCH),
    ("on_before_optimizer_step", IN_BATCH, CLOSE_EPOCH),
    ("on_train_batch_end", IN_BATCH, CLOSE_EPOCH),
    ("on_validation_start", VAL, CLOSE_VAL),
    ("on_validation_epoch_start", VAL, CLOSE_VAL_EPOCH),
    ("on_validation_batch_start", VAL_BATCH, CLOSE_VAL_EPOCH),
    ("on_validation_batch_end", VAL_BATCH, CLOSE_VAL_EPOCH),
    ("on_validation_epoch_end", VAL, CLOSE_VAL),
    ("on_validation_end", VAL, CLOSE_EPOCH),
    ("on_train_epoch_end", RUN, CLOSE_TRAIN),
    ("on_train_end", OVER, CLOSE_FIT),
    ("on_fit_end", OVER, CLOSE),
];

/// One epoch of two training batches and one validation batch with a fault in the first call of
/// this name.
fn fit_with(
    call: &str,
    fault: Fault,
) -> (Result<lightning_core::FitReport<Probed>>, Vec<String>, Probed, MemoryLogger) {
    let (mut model, mut trainer, probe, memory) = probed(Probed::trainer().max_epochs(1).num_sanity_val_steps(0));
    *probe.fault.lock().unwrap() = Some((call.to_owned(), fault));
    let result = trainer.fit(&mut model, (loader(2), loader(1)));
    let all = probe.ledger.take();
    let at = all.iter().position(|entry| entry == call).unwrap_or_else(|| panic!("{call} never ran: {all:?}"));
    (result, all[at + 1..].to_vec(), model, memory)
}

fn is_back(model: &Probed) -> bool {
    let weight = model.layer.weight.val();
    !weight.is_autodiff() && weight.into_data().iter::<f32>().all(f32::is_finite)
}

#[test]
fn an_error_in_each_hook_in_turn() {
    for (hook, (stage, epoch, batch), after) in HOOKS {
        for (fault, kind) in [(Fault::Error, ErrorKind::Other), (Fault::Panic, ErrorKind::Panic)] {
            for callback in [true, false] {
                let call = if callback { format!("C.{hook}") } else { (*hook).to_owned() };
                let (result, rest, model, memory) = fit_with(&call, fault);
                let error = result.unwrap_err();
                // The module's own end hook runs after a callback's has failed.
                let own = callback && hook.ends_with("_end") && !hook.contains("batch");
                let mut expected: Vec<String> = own.then(|| (*hook).to_owned()).into_iter().collect();
                expected.extend(list(&format!("C.on_exception {after}")));
                assert_eq!(rest, expected, "{call}");

                let place = error.location();
                assert_eq!((place.stage, place.epoch, place.batch), (Some(*stage), *epoch, *batch), "{call}: {error}");
                let named = if callback { format!("a callback's {hook}") } else { format!("Probed::{hook}") };
                assert_eq!(place.hook.as_deref(), Some(named.as_str()), "{error}");
                assert_eq!((error.kind(), error.to_string().contains("the fault")), (kind, true), "{error}");
                assert_eq!(memory.statuses(), [RunStatus::Failed], "{call}");
                assert!(is_back(&model), "{call}");
            }
        }
    }
}

#[test]
fn an_error_in_a_step_and_in_what_frames_the_run() {
    for (call, place, after) in [
        ("training_step", IN_BATCH, format!("C.on_exception {CLOSE_EPOCH}")),
        ("validation_step", VAL_BATCH, format!("C.on_exception {CLOSE_VAL_EPOCH}")),
        ("prepare_data", RUN, format!("C.on_exception {CLOSE}")),
        // Nothing is left to close.
        ("teardown", OVER, String::new()),
        ("C.teardown", OVER, "=teardown".to_owned()),
    ] {
        let (result, rest, model, memory) = fit_with(call, Fault::Error);
        let error = result.unwrap_err();
        assert_eq!(rest, list(&after), "{call}");
        let found = error.location();
        assert_eq!((found.stage, found.epoch, found.batch), (Some(place.0), place.1, place.2), "{call}: {error}");
        let started = !memory.statuses().is_empty();
        assert_eq!((memory.statuses().last(), started), (Some(&RunStatus::Failed), true), "{call}");
        assert!(is_back(&model), "{call}");
    }
}

#[test]
fn an_interruption_in_each_hook_in_turn() {
    for (hook, _, _) in HOOKS {
        for callback in [true, false] {
            let call = if callback { format!("C.{hook}") } else { (*hook).to_owned() };
            let (result, rest, model, memory) = fit_with(&call, Fault::Interrupt);
            // Also in a hook of the end: a program that goes on after an interrupted run would miss
            // the signal.
            assert_eq!(result.unwrap().stop_reason, StopReason::Interrupted, "{call}");
            assert!(rest.contains(&"C.on_exception".to_owned()), "{call}");
            // Whatever was begun is closed, and the run with it.
            let closed = list("on_train_end on_fit_end teardown");
            let closed: Vec<_> = closed.iter().skip_while(|end| !rest.contains(end)).collect();
            let ends: Vec<_> = rest.iter().filter(|end| *end != "C.on_exception").collect();
            assert!(ends.into_iter().rev().take(closed.len()).rev().eq(closed), "{call}: {rest:?}");
            assert_eq!(memory.statuses(), [RunStatus::Interrupted], "{call}");
            assert!(is_back(&model), "{call}");
        }
    }
}
