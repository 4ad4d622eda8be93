//! Bad input and bad luck: an error that says what and where, and a model that always comes back.

use std::path::Path;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{ErrorKind, prelude::*, trainer::StopReason};

use crate::support::{Ledger, Net, NetHparams, Rows, batches, bits, quiet};

/// What goes wrong, and when.
#[derive(Clone, Debug, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    PanicInStep,
    PanicInHook,
    ErrorInHook,
    NotANumber,
    Vector,
    Constant,
    Skip,
    LogAtTheStart,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Fragile {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state(skip)]
    fault: Fault,
    #[state(skip)]
    ledger: Ledger,
}

#[lightning_module]
impl Fragile {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        let at_fault = cx.batch_idx() == 2;
        assert!(!(at_fault && self.fault == Fault::PanicInStep), "the step broke");
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        #[log(minimize)]
        let train_loss = match self.fault {
            Fault::NotANumber if at_fault => loss * f64::NAN,
            Fault::Vector if at_fault => return Some(loss.repeat(&[2])),
            Fault::Constant if at_fault => return Some(loss.inner()),
            Fault::Skip if at_fault => return None,
            _ => loss,
        };
        Some(train_loss)
    }
    fn on_train_batch_end(&mut self, batch_idx: usize) -> Result<()> {
        match self.fault {
            Fault::PanicInHook if batch_idx == 2 => panic!("the hook broke"),
            Fault::ErrorInHook if batch_idx == 2 => Err("the hook failed".into()),
            _ => Ok(()),
        }
    }
    fn on_fit_start(&mut self) {
        if self.fault == Fault::LogAtTheStart {
            log("too_early", &1.0);
        }
    }
    fn on_train_epoch_end(&mut self) {
        self.ledger.add("on_train_epoch_end");
    }
    fn on_train_end(&mut self) {
        self.ledger.add("on_train_end");
    }
    fn on_fit_end(&mut self) {
        self.ledger.add("on_fit_end");
    }
    fn teardown(&mut self, _stage: Stage) {
        self.ledger.add("teardown");
    }
}

impl Fragile {
    fn weight(&self) -> Vec<f32> {
        self.layer.weight.val().into_data().try_to_vec().unwrap()
    }
}

struct Exceptions(Ledger);

impl<M> Callback<M> for Exceptions {
    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add("on_exception");
        Ok(())
    }
}

fn run(fault: Fault) -> (Result<lightning_core::FitReport<Fragile>>, Fragile, Ledger) {
    seed_everything(3);
    let mut model = Fragile::new(FragileHparams::default());
    model.fault = fault;
    let ledger = model.ledger.clone();
    let mut trainer = quiet(Fragile::trainer())
        .max_epochs(1)
        .log_every_n_steps(1)
        .callback(Exceptions(ledger.clone()))
        .build()
        .unwrap();
    let result = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 5], 1)).unwrap());
    (result, model, ledger)
}

/// The weights after two undisturbed steps.
fn after_two_steps() -> Vec<u32> {
    seed_everything(3);
    let mut model = Fragile::new(FragileHparams::default());
    let mut trainer = quiet(Fragile::trainer()).max_steps(2).build().unwrap();
    trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 5], 1)).unwrap()).unwrap();
    bits(&model.weight())
}

const END_HOOKS: [&str; 5] = ["on_exception", "on_train_epoch_end", "on_train_end", "on_fit_end", "teardown"];

#[test]
fn a_panic_in_a_step_gives_the_model_back_and_runs_the_end_hooks() {
    let (result, model, ledger) = run(Fault::PanicInStep);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.to_string().contains("the step broke"), "{error}");
    let place = error.location();
    assert_eq!((place.epoch, place.batch, place.global_step), (Some(0), Some(2), Some(2)));
    assert_eq!(place.hook.as_deref(), Some("Fragile::training_step"));
    assert_eq!(bits(&model.weight()), after_two_steps(), "the model has the two steps before the panic");
    assert_eq!(ledger.take(), END_HOOKS);
}

#[test]
fn a_panic_in_a_hook_does_the_same() {
    let (result, model, ledger) = run(Fault::PanicInHook);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.location().batch), (ErrorKind::Panic, Some(2)));
    assert_eq!(error.location().hook.as_deref(), Some("Fragile::on_train_batch_end"));
    assert!(model.weight().iter().all(|value| *value != 0.0));
    assert_eq!(ledger.take(), END_HOOKS);
}

#[test]
fn an_error_in_a_hook_names_the_hook() {
    let (result, _, ledger) = run(Fault::ErrorInHook);
    let text = result.unwrap_err().to_string();
    assert!(text.starts_with("the hook failed"), "{text}");
    assert!(text.contains("`Fragile::on_train_batch_end`") && text.contains("epoch 0, batch 2"), "{text}");
    assert_eq!(ledger.take(), END_HOOKS);
}

#[test]
fn a_nan_does_not_end_the_run_and_is_shown() {
    let (result, ..) = run(Fault::NotANumber);
    let report = result.unwrap();
    assert_eq!((report.stop_reason.clone(), report.global_step), (StopReason::MaxEpochs, 5));
    assert!(report.metrics.get(Fragile::TRAIN_LOSS).unwrap().is_nan());
    assert!(report.to_string().contains("NaN"), "{report}");
    assert_eq!(report.warnings, ["`train_loss` is NaN, seen in epoch 0 at batch 2"]);
}

#[test]
fn a_loss_of_several_elements_is_an_error() {
    let text = run(Fault::Vector).0.unwrap_err().to_string();
    assert!(text.contains("the loss must have 1 element, found 2") && text.contains("loss.mean()"), "{text}");
}

#[test]
fn a_loss_without_a_graph_is_an_error() {
    let text = run(Fault::Constant).0.unwrap_err().to_string();
    assert!(text.contains("depends on no trainable parameter"), "{text}");
}

#[test]
fn none_skips_the_batch_and_is_counted() {
    let report = run(Fault::Skip).0.unwrap();
    assert_eq!((report.global_step, report.batch_step, report.skipped_batches), (4, 5, 1));
}

#[test]
fn an_empty_dataset_is_an_error_before_training() {
    let error = DataLoader::<Rows>::from_batches(Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap();
    let error = trainer.fit(&mut model, Vec::<Rows>::new()).unwrap_err();
    assert!(error.to_string().contains("the training loader must have at least one batch"), "{error}");
}

#[test]
fn a_validation_step_without_a_loader_is_an_error() {
    let mut model = Net::new(NetHparams::default());
    let loader = || DataLoader::from_batches(batches(&[8; 2], 1)).unwrap();
    let text = Net::quiet().max_epochs(1).build().unwrap().fit(&mut model, loader()).unwrap_err().to_string();
    assert!(text.contains("`validation_step`") && text.contains("limit_val_batches(0)"), "{text}");
    Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap().fit(&mut model, loader()).unwrap();
}

#[test]
fn monitoring_validation_without_one_is_an_error() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer =
        Net::quiet().max_epochs(1).limit_val_batches(0).callback(EarlyStopping::new(Net::VAL_LOSS)).build().unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`val_loss`"), "{error}");
}

#[test]
fn an_unwritable_log_folder_is_named_and_the_model_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    seed_everything(3);
    let mut model = Net::new(NetHparams::default());
    let before = model.weight();
    let mut trainer = Net::trainer()
        .max_epochs(1)
        .limit_val_batches(0)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .enable_checkpointing(false)
        .logger(CsvLogger::new(&file))
        .build()
        .unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap_err();
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
    assert_eq!(bits(&model.weight()), bits(&before));
}

#[test]
fn an_unwritable_checkpoint_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quiet(Net::trainer())
        .enable_checkpointing(true)
        .max_epochs(1)
        .limit_val_batches(0)
        .callback(ModelCheckpoint::<Net>::latest().dirpath(file.join("checkpoints")))
        .build()
        .unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("checkpoints"), "{error}");
    assert_eq!(error.location().global_step, Some(2));
}

#[test]
fn wrong_settings_are_reported_all_at_once() {
    let error = Net::trainer()
        .limit_train_batches(-3)
        .limit_val_batches(1.5)
        .check_val_every_n_epoch(0)
        .log_every_n_steps(0)
        .accelerator("cpuu")
        .enable_checkpointing(false)
        .callback(ModelCheckpoint::new(Net::VAL_ACC))
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("6 settings cannot work"), "{text}");
    for setting in [
        "`limit_train_batches` must not be negative, found -3",
        "`limit_val_batches` must be a fraction between 0.0 and 1.0, found 1.5",
        "`check_val_every_n_epoch` must be at least 1, found 0",
        "unknown accelerator `cpuu`",
    ] {
        assert!(text.contains(setting), "{text}");
    }
}

#[test]
fn a_fraction_that_leaves_nothing_is_an_error() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).limit_train_batches(0.1).build().unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("`limit_train_batches` must be at least 1 of the 2 batches, found 0.1"),
        "{error}"
    );
}

#[test]
fn a_missing_or_damaged_checkpoint_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().build().unwrap();
    let error = trainer.load_best(&mut model).unwrap_err();
    assert!(error.to_string().contains("has written no checkpoint"), "{error}");
    let missing = folder.path().join("missing.ckpt");
    let error = trainer.load(&mut model, &missing).unwrap_err();
    assert!(error.to_string().contains("missing.ckpt"), "{error}");
    let damaged = folder.path().join("damaged.ckpt");
    for bytes in [&b""[..], b"12345678", &[255; 64], b"\x02\0\0\0\0\0\0\0{}"] {
        std::fs::write(&damaged, bytes).unwrap();
        let error = trainer.load(&mut model, &damaged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint, "{error}");
        assert!(error.location().path.as_deref() == Some(Path::new(&damaged)), "{error}");
    }
}

#[test]
fn logging_outside_of_an_epoch_is_an_error() {
    let (result, _, ledger) = run(Fault::LogAtTheStart);
    let text = result.unwrap_err().to_string();
    assert!(text.contains("`too_early`") && text.contains("on_fit_start"), "{text}");
    assert_eq!(ledger.take(), ["on_exception", "on_fit_end", "teardown"]);
}

#[test]
fn no_training_batches_is_no_training() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().limit_train_batches(0).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap();
    assert_eq!((report.stop_reason, report.current_epoch, report.batch_step), (StopReason::NoTraining, 0, 0));
}
