//! A run resumed by a program that is not quite the one that wrote the checkpoint: the program's
//! settings hold, and the report says what they were before; what cannot go on is refused by name.

use std::{fs, path::Path};

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::{
    ErrorKind, FitReport, StateReader, StateWriter,
    optim::{Interval, Schedule},
    prelude::*,
    schedulers::{ReduceLROnPlateau, StepDecay},
    trainer::{StopReason, TrainerBuilder},
};

use crate::{
    resume_exact::{Points, rows},
    support::{Rows, SaveAfterBatch, bits, quiet},
};

#[lightning_module]
#[optimizer(AdamConfig::new().with_beta_1(beta), lr = lr)]
struct Net {
    #[init(LinearConfig::new(8, width).init(device))]
    backbone: Linear,
    #[init(LinearConfig::new(width, 3).init(device))]
    head: Linear,
    #[hparam(default = 6)]
    width: usize,
    #[hparam(default = 1e-2)]
    lr: f64,
    #[hparam(default = 0.9)]
    beta: f32,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let logits = self.head.forward(relu(self.backbone.forward(batch.x)));
        #[log(minimize)]
        let train_loss = cross_entropy(logits, batch.y);
        train_loss
    }
}

impl Net {
    fn weights(&self) -> (Vec<f32>, Vec<f32>) {
        let values = |linear: &Linear| linear.weight.val().into_data().try_to_vec::<f32>().unwrap();
        (values(&self.backbone), values(&self.head))
    }
}

/// 24 points in batches of 4: six batches an epoch.
fn data(batch_size: usize) -> DataLoader<Rows> {
    Points::new(24, 5).loader(batch_size, true)
}

fn hparams() -> NetHparams {
    NetHparams::default()
}

/// Trains for `steps` steps from the start and saves.
fn save_after(steps: u64, path: &Path) -> Net {
    seed_everything(1);
    let mut model = Net::new(hparams());
    let mut trainer = quiet(Net::trainer()).max_epochs(3).max_steps(steps).build().unwrap();
    trainer.fit(&mut model, data(4)).unwrap();
    trainer.save_checkpoint(&model, path).unwrap();
    model
}

fn resume(
    path: &Path,
    hparams: NetHparams,
    batch_size: usize,
    settings: impl FnOnce(TrainerBuilder<Net>) -> TrainerBuilder<Net>,
) -> Result<(Net, FitReport<Net>)> {
    seed_everything(1);
    let mut model = Net::new(hparams);
    let builder = settings(quiet(Net::trainer()).max_epochs(3)).resume_from(path);
    let report = builder.build()?.fit(&mut model, data(batch_size))?;
    Ok((model, report))
}

struct Saved {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    model: Net,
}

fn saved(steps: u64) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let model = save_after(steps, &path);
    Saved { _folder: folder, path, model }
}

const NO_MAX_STEPS: &str = "the setting `max_steps` was 8 when the checkpoint was written and is not set now";

#[test]
fn more_epochs_are_more_epochs() {
    let saved = saved(8);
    let (_, report) = resume(&saved.path, hparams(), 4, |builder| builder.max_epochs(5)).unwrap();
    assert_eq!((report.stop_reason.clone(), report.current_epoch, report.global_step), (StopReason::MaxEpochs, 5, 30));
    assert_eq!(
        report.differences,
        ["the setting `max_epochs` was 3 when the checkpoint was written and is 5 now", NO_MAX_STEPS]
    );
    assert!(report.to_string().contains("`max_epochs` was 3 when the checkpoint was written and is 5 now"), "{report}");
}

/// Nothing is left to do, and the model has the weights.
#[test]
fn fewer_epochs_than_it_has_had_are_none() {
    let saved = saved(8);
    let (model, report) = resume(&saved.path, hparams(), 4, |builder| builder.max_epochs(1)).unwrap();
    assert_eq!((report.stop_reason, report.global_step), (StopReason::MaxEpochs, 8));
    assert_eq!(model.weights(), saved.model.weights());
}

#[test]
fn another_rate_holds_from_the_next_step_on() {
    let saved = saved(8);
    let step = |lr: f64| {
        let (model, report) = resume(&saved.path, hparams().with_lr(lr), 4, |builder| builder.max_steps(9)).unwrap();
        let moved: Vec<f32> = model.weights().1.iter().zip(saved.model.weights().1).map(|(a, b)| a - b).collect();
        (moved, report.differences)
    };
    let (full, same) = step(1e-2);
    let (tenth, lower) = step(1e-3);
    assert_eq!(same, ["the setting `max_steps` was 8 when the checkpoint was written and is 9 now"]);
    assert_eq!(
        lower,
        [
            "the hyperparameter `lr` was 0.01 when the checkpoint was written and is 0.001 now",
            "the setting `max_steps` was 8 when the checkpoint was written and is 9 now",
            "the learning rate of `optimizer` was 0.01 when the checkpoint was written and is 0.001 now"
        ]
    );
    for (full, tenth) in full.iter().zip(tenth) {
        assert!((full * 0.1 - tenth).abs() < 1e-6, "{full} {tenth}");
    }
}

#[test]
fn another_number_of_the_optimizer_is_told_and_its_state_kept() {
    let saved = saved(8);
    let (_, report) = resume(&saved.path, hparams().with_beta(0.8), 4, |builder| builder).unwrap();
    let text = report.differences.join("\n");
    assert!(text.contains("the optimizer `optimizer` was AdamConfig") && text.contains("beta_1: 0.8"), "{text}");
}

/// Batches of 8 instead of 4: the share of the epoch that is over stays over, and no point comes
/// twice.
#[test]
fn another_batch_size_goes_on_at_the_same_share_of_the_epoch() {
    for (steps, batch_size, left) in [(8, 8, 2), (8, 2, 8), (7, 12, 1), (9, 24, 0), (6, 8, 3)] {
        let saved = saved(steps);
        let (_, report) = resume(&saved.path, hparams(), batch_size, |builder| builder.max_epochs(2)).unwrap();
        assert_eq!(report.batch_step - steps, left, "{steps} steps, then batches of {batch_size}");
        let now = 24 / batch_size;
        assert!(
            report
                .differences
                .contains(&format!("an epoch had 6 batches when the checkpoint was written and has {now} now")),
            "{report}"
        );
    }
}

#[test]
fn another_accumulation_continues_with_the_stored_gradients() {
    let saved = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ckpt");
        seed_everything(1);
        let mut model = Net::new(hparams());
        let save = SaveAfterBatch { batch: 2, path: path.clone() };
        let builder = quiet(Net::trainer()).max_epochs(1).accumulate_grad_batches(4).callback(save);
        builder.build().unwrap().fit(&mut model, data(4)).unwrap();
        Saved { _folder: folder, path, model }
    };
    let (_, report) =
        resume(&saved.path, hparams(), 4, |builder| builder.max_epochs(1).accumulate_grad_batches(3)).unwrap();
    // Two micro-batches were in the buffer, and the third fills it: steps after batches 3 and 6.
    assert_eq!((report.global_step, report.batch_step), (2, 6));
    assert!(
        report
            .differences
            .iter()
            .any(|text| text
                == "the setting `accumulate_grad_batches` was 4 when the checkpoint was written and is 3 now")
    );
}

/// How many threads prepare the batches changes nothing.
#[test]
fn another_number_of_workers_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("8.ckpt");
    let run = |workers: usize, resume: Resume| {
        seed_everything(1);
        let mut model = Net::new(hparams());
        let save = SaveAfterBatch { batch: 8, path: path.clone() };
        let builder = DataLoader::builder(Points::new(24, 5)).batch_size(4).shuffle(true).collate(rows);
        let data = builder.num_workers(workers).build().unwrap();
        let mut trainer = quiet(Net::trainer()).max_epochs(3).callback(save).resume_from(resume).build().unwrap();
        let report = trainer.fit(&mut model, data).unwrap();
        assert!(report.differences.is_empty(), "{report}");
        model.weights()
    };
    let whole = run(0, Resume::Never);
    for workers in [0, 1, 3] {
        assert!(run(workers, Resume::Path(path.clone())) == whole, "{workers} workers");
    }
}

#[derive(Default)]
struct Counter(u64);

impl<M> Callback<M> for Counter {
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0 += 1;
        Ok(())
    }
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("count", &self.0)
    }
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("count", &mut self.0)
    }
}

#[test]
fn callbacks_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    seed_everything(1);
    let mut model = Net::new(hparams());
    let mut trainer =
        quiet(Net::trainer()).max_epochs(1).callback(EarlyStopping::new(Net::TRAIN_LOSS)).build().unwrap();
    trainer.fit(&mut model, data(4)).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    let (_, report) = resume(&path, hparams(), 4, |builder| builder.callback(Counter::default())).unwrap();
    assert_eq!(
        report.differences,
        [
            "the setting `max_epochs` was 1 when the checkpoint was written and is 3 now",
            "the callback `Counter` is not in the checkpoint: it starts from its initial state",
            "the checkpoint's callback `EarlyStopping(train_loss, minimize)` is not in the program"
        ]
    );
}

/// The first epoch is frozen by the program that resumes; the second one's optimizer state of it is
/// left alone.
#[test]
fn a_field_frozen_by_the_program_stays_frozen() {
    let saved = saved(8);
    seed_everything(1);
    let mut model = Net::new(hparams());
    model = model.freeze(Net::BACKBONE);
    let mut trainer = quiet(Net::trainer()).max_epochs(3).resume_from(&*saved.path).build().unwrap();
    let report = trainer.fit(&mut model, data(4)).unwrap();
    assert_eq!(bits(&model.weights().0), bits(&saved.model.weights().0), "the stored weights, not trained further");
    assert_ne!(model.weights().1, saved.model.weights().1);
    assert_eq!(
        report.differences,
        [
            NO_MAX_STEPS,
            "`backbone.bias` was trained when the checkpoint was written and is frozen now",
            "`backbone.weight` was trained when the checkpoint was written and is frozen now"
        ]
    );
}

#[test]
fn another_width_is_refused_by_name() {
    let saved = saved(8);
    let error = resume(&saved.path, hparams().with_width(7), 4, |builder| builder).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(text.contains("`backbone.weight` has shape [8, 6] in the file and [8, 7] in the model"), "{text}");
    assert!(text.contains("a.ckpt"), "{text}");
}

#[test]
fn another_module_is_refused_by_name() {
    let saved = saved(8);
    let mut model = crate::support::Net::new(crate::support::NetHparams::default());
    let mut trainer = crate::support::Net::quiet().limit_val_batches(0).resume_from(&*saved.path).build().unwrap();
    let before = model.parameters();
    // Two structs may have one name; their fields tell them apart.
    let error = trainer.fit(&mut model, data(4)).unwrap_err().to_string();
    assert!(error.contains("`layer.weight` is not in the file"), "{error}");
    assert_eq!(bits(&model.parameters()), bits(&before), "the model stays as it was");
}

#[test]
fn another_seed_is_told() {
    let saved = saved(8);
    seed_everything(2);
    let mut model = Net::new(hparams());
    let mut trainer = quiet(Net::trainer()).max_epochs(3).resume_from(&*saved.path).build().unwrap();
    let report = trainer.fit(&mut model, data(4)).unwrap();
    assert_eq!(
        (report.seed, &*report.differences[0]),
        (2, "the seed was 1 when the checkpoint was written and is 2 now")
    );
}

#[lightning_module]
struct Annealed {
    #[init(LinearConfig::new(8, 3).init(device))]
    head: Linear,
    #[hparam(default = true)]
    by_epoch: bool,
}

#[lightning_module]
impl Annealed {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.head.forward(batch.x), batch.y);
        train_loss
    }
    fn configure_optimizers(&self) -> Result<OptimizerSetup> {
        if self.by_epoch {
            let schedule = Schedule::new(StepDecay::new(0.1, 1), Interval::Epoch)?;
            return Ok(OptimizerSetup::scheduled("main", AdamConfig::new(), schedule));
        }
        let schedule = Schedule::new(ReduceLROnPlateau::new(0.1), Interval::Epoch)?.monitor(Self::TRAIN_LOSS);
        Ok(OptimizerSetup::scheduled("main", SgdConfig::new(), schedule))
    }
}

#[test]
fn another_optimizer_and_another_schedule_start_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let run = |by_epoch: bool, epochs: usize, resume: Resume| {
        seed_everything(1);
        let mut model = Annealed::new(AnnealedHparams::default().with_by_epoch(by_epoch));
        let mut trainer = quiet(Annealed::trainer()).max_epochs(epochs).resume_from(resume).build().unwrap();
        let report = trainer.fit(&mut model, data(4)).unwrap();
        trainer.save_checkpoint(&model, &path).unwrap();
        report
    };
    run(true, 1, Resume::Never);
    let report = run(false, 2, Resume::Path(path.clone()));
    let told = report.differences.join("\n");
    for part in [
        "the optimizer `main` was AdamConfig",
        "does not fit `head.weight`, `head.bias`: the optimizer starts from its initial state there",
        "the schedule of `main` was ",
        "it has no `best`: it starts from its initial state",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(report.current_epoch, 2);
}

/// Moved to another folder and made read-only, it is still where a run begins; the run writes where
/// it is told.
#[test]
fn a_checkpoint_of_another_folder_that_cannot_be_written() {
    let saved = saved(8);
    let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = there.path().join("moved.ckpt");
    fs::rename(&saved.path, &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for (path, mode) in [(&*path, 0o444), (there.path(), 0o555)] {
        let mut permissions = fs::metadata(path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, mode);
        fs::set_permissions(path, permissions).unwrap();
    }
    let checkpoint = ModelCheckpoint::latest().dirpath(here.path());
    let settings = |builder: TrainerBuilder<Net>| builder.enable_checkpointing(true).callback(checkpoint);
    let (_, report) = resume(&path, hparams(), 4, settings).unwrap();
    assert_eq!(report.resumed_from, Some(path.clone()));
    assert_eq!(report.best_checkpoint, Some(here.path().join("epoch=2-step=18.ckpt")));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_dir(there.path()).unwrap().count(), 1);
}

/// What a program does on its own is no difference: a field thawed in the middle of the run stays
/// thawed.
mod thawed {
    use super::*;

    #[lightning_module]
    #[optimizer(AdamConfig::new(), lr = 1e-2)]
    struct Thawing {
        #[frozen]
        #[init(LinearConfig::new(8, 6).with_layout(LinearLayout::Col).init(device))]
        backbone: Linear,
        #[frozen]
        #[init(LinearConfig::new(6, 6).with_layout(LinearLayout::Col).init(device))]
        teacher: Linear,
        #[init(DropoutConfig::new(0.4).init())]
        dropout: Dropout,
        #[init(LinearConfig::new(6, 3).init(device))]
        head: Linear,
    }

    #[lightning_module]
    impl Thawing {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            let x = self.teacher.forward(relu(self.backbone.forward(batch.x)));
            let logits = self.head.forward(self.dropout.forward(x));
            #[log(minimize)]
            let train_loss = cross_entropy(logits, batch.y);
            train_loss
        }
        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            if cx.current_epoch() == 1 {
                self.unfreeze(Self::BACKBONE);
                self.freeze(Self::DROPOUT);
            }
        }
    }

    #[test]
    fn a_field_thawed_in_the_run_stays_thawed() {
        let folder = tempfile::tempdir().unwrap();
        let run = |resume: Resume| {
            seed_everything(3);
            let mut model = Thawing::new(ThawingHparams::default());
            let saves =
                [3, 8, 14].map(|batch| SaveAfterBatch { batch, path: folder.path().join(format!("{batch}.ckpt")) });
            let mut builder = quiet(Thawing::trainer()).max_epochs(3).resume_from(resume);
            for save in saves {
                builder = builder.callback(save);
            }
            let mut trainer = builder.build().unwrap();
            let report = trainer.fit(&mut model, data(4)).unwrap();
            assert!(report.differences.is_empty(), "{report}");
            let path = folder.path().join("final.ckpt");
            trainer.save_checkpoint(&model, &path).unwrap();
            fs::read(path).unwrap()
        };
        let expected = run(Resume::Never);
        for batch in [3, 8, 14] {
            assert!(run(Resume::Path(folder.path().join(format!("{batch}.ckpt")))) == expected, "from batch {batch}");
        }
        let frozen = lightning_core::checkpoint::inspect(folder.path().join("14.ckpt")).unwrap().to_string();
        assert!(frozen.contains("frozen: teacher.weight, teacher.bias, dropout.training"), "{frozen}");
    }
}
