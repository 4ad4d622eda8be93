//! Roll-backs after a spike, and `verify`.

use std::{fs, path::Path};

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{
    ErrorKind,
    callbacks::{SpikeDetection, TopK},
    prelude::*,
    trainer::TrainerBuilder,
};

use crate::support::{Rows, bits, quiet};

use crate::guards::shuffled;

/// A classifier with dropout. The losses of some batches are spikes, or `None`.
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = Cosine::new(0.01, 40), interval = step)]
struct Spiky {
    #[init(LinearConfig::new(8, 16).init(device))]
    first: Linear,
    #[init(DropoutConfig::new(0.5).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(16, 3).init(device))]
    last: Linear,
    #[hparam(default = Vec::new())]
    spikes: Vec<u64>,
    #[hparam(default = Vec::new())]
    none: Vec<u64>,
}

#[lightning_module]
impl Spiky {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        let at = cx.batch_step();
        if self.none.contains(&at) {
            return None;
        }
        let hidden = self.dropout.forward(self.first.forward(batch.x));
        let factor = if self.spikes.contains(&at) { 1000.0 } else { 1.0 };
        #[log(minimize)]
        let train_loss = cross_entropy(self.last.forward(hidden), batch.y) * factor;
        Some(train_loss)
    }
}

impl Spiky {
    fn bits(&self) -> Vec<u32> {
        let values = |layer: &Linear| bits(&layer.weight.val().into_data().try_to_vec::<f32>().unwrap());
        [values(&self.first), values(&self.last)].concat()
    }
}

fn spiky(spikes: &[u64], none: &[u64]) -> Spiky {
    seed_everything(5);
    Spiky::new(SpikyHparams::default().with_spikes(spikes.to_vec()).with_none(none.to_vec()))
}

fn rolling(folder: &Path, times: u64) -> TrainerBuilder<Spiky> {
    let spikes = SpikeDetection::new().rtol(10.0).roll_back(times).exclude_batches_path(folder.join("skip.json"));
    Spiky::trainer()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .max_epochs(3)
        .callback(spikes)
        .callback(checkpoints(folder).save_top_k(TopK::All))
}

fn checkpoints(folder: &Path) -> ModelCheckpoint<Spiky> {
    ModelCheckpoint::latest().every(callbacks::Steps(3)).dirpath(folder.join("checkpoints"))
}

/// As [`rolling`], with the latest checkpoint alone.
fn with_latest(folder: &Path) -> TrainerBuilder<Spiky> {
    let spikes = SpikeDetection::new().rtol(10.0).roll_back(1).exclude_batches_path(folder.join("skip.json"));
    let builder = quiet(Spiky::trainer()).max_epochs(3).default_root_dir(folder).callback(spikes);
    builder.enable_checkpointing(true).callback(checkpoints(folder))
}

/// A run that is rolled back once, with its logs in `folder`.
pub fn rolled_back(folder: &Path) {
    let report = rolling(folder, 3).build().unwrap().fit(&mut spiky(&[10], &[]), shuffled(0)).unwrap();
    assert_eq!(report.skipped_batches, 2);
}

#[test]
fn the_batch_before_a_spike_stays_if_the_only_checkpoint_has_it() {
    let folder = tempfile::tempdir().unwrap();
    // Checkpoints after 9 and after 12 batches; the second replaces the first.
    let mut model = spiky(&[12], &[]);
    let report = with_latest(folder.path()).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    assert_eq!((report.batch_step, report.skipped_batches), (24, 1));
    let mut expected = spiky(&[], &[12]);
    quiet(Spiky::trainer()).max_epochs(3).build().unwrap().fit(&mut expected, shuffled(0)).unwrap();
    assert_eq!(model.bits(), expected.bits());
}

#[test]
fn after_a_roll_back_the_run_is_the_one_that_never_saw_the_batches() {
    for (spikes, left_out) in [(&[10][..], &[9, 10][..]), (&[10, 11, 20], &[9, 10, 11, 19, 20])] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = spiky(spikes, &[]);
        let report = rolling(folder.path(), 3).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
        assert_eq!((report.batch_step, report.skipped_batches), (24, left_out.len() as u64));
        assert_eq!(report.global_step, 24 - left_out.len() as u64);
        let told: Vec<_> = report.warnings.iter().filter(|warning| warning.contains("of at most 3")).collect();
        assert_eq!(told.len(), spikes.len(), "{:?}", report.warnings);
        assert!(
            told[0].contains("the loss of training batch 10 is ") && told[0].contains("batches 9 and 10"),
            "{told:?}"
        );
        let listed: Vec<u64> = serde_json::from_slice(&fs::read(folder.path().join("skip.json")).unwrap()).unwrap();
        assert_eq!(listed, left_out);

        let mut expected = spiky(&[], left_out);
        quiet(Spiky::trainer()).max_epochs(3).build().unwrap().fit(&mut expected, shuffled(0)).unwrap();
        assert_eq!(model.bits(), expected.bits());

        // Every step is in the log once, and the abandoned ones are not.
        let csv = fs::read_to_string(folder.path().join("lightning_logs/version_0/metrics.csv")).unwrap();
        let steps: Vec<u64> = csv
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|row| !row[2].is_empty())
            .map(|row| row[3].parse::<u64>().unwrap() - 1)
            .collect();
        let trained: Vec<u64> = (0..24).filter(|batch| !left_out.contains(batch)).collect();
        assert_eq!(steps, trained, "{csv}");
    }
}

#[test]
fn a_run_resumed_after_a_roll_back_leaves_the_batches_out_too() {
    let whole = tempfile::tempdir().unwrap();
    let mut model = spiky(&[10, 20], &[]);
    rolling(whole.path(), 2).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    // Ended before the next checkpoint, after it, and right at a later spike.
    for batches in [11, 13, 16, 20, 23] {
        let folder = tempfile::tempdir().unwrap();
        let mut part = spiky(&[10, 20], &[]);
        let stop = StopAfter(batches);
        rolling(folder.path(), 2).callback(stop).build().unwrap().fit(&mut part, shuffled(0)).unwrap_err();
        let mut part = spiky(&[10, 20], &[]);
        let mut trainer = rolling(folder.path(), 2).resume_from(Resume::Last).build().unwrap();
        let report = trainer.fit(&mut part, shuffled(0)).unwrap();
        assert_eq!(report.batch_step, 24);
        assert_eq!(part.bits(), model.bits(), "stopped after {batches}");
    }
}

/// Ends the run without a checkpoint, as a kill does.
struct StopAfter(u64);

impl<M> Callback<M> for StopAfter {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() == self.0 { Err("stopped".into()) } else { Ok(()) }
    }
}

#[test]
fn roll_backs_have_a_limit_and_need_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let error = rolling(folder.path(), 1).build().unwrap().fit(&mut spiky(&[10, 20], &[]), shuffled(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    let text = error.to_string();
    assert!(
        text.contains("the loss of training batch 20 is") && text.contains("after 1 of at most 1 roll-backs"),
        "{text}"
    );

    let folder = tempfile::tempdir().unwrap();
    let error = rolling(folder.path(), 1).build().unwrap().fit(&mut spiky(&[2], &[]), shuffled(0)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("needs a checkpoint from before training batch 2, found none in"), "{text}");
    assert!(text.contains("every(Steps(…))") && text.contains("the loss of training batch 2 is"), "{text}");
}

// Verification.

fn verified(folder: &Path) -> TrainerBuilder<Spiky> {
    Spiky::trainer()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .max_epochs(2)
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(3)))
}

#[test]
fn a_run_is_verified_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    verified(folder.path()).build().unwrap().fit(&mut spiky(&[], &[]), shuffled(0)).unwrap();
    let first = folder.path().join("lightning_logs/version_0");

    let mut trainer = verified(folder.path()).build().unwrap();
    let report = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(2)).unwrap();
    assert!(report.is_exact() && report.first_step.is_none(), "{report}");
    assert!(report.checkpoints > 0 && report.rows >= 16, "{report}");
    assert_eq!(report.folder, folder.path().join("lightning_logs/version_1"));

    // Another loss from batch 6 on, which the row of step 7 shows first.
    let mut trainer = verified(folder.path()).build().unwrap();
    let report = trainer.verify(&first, &mut spiky(&[6], &[]), shuffled(0)).unwrap();
    assert_eq!((report.is_exact(), report.first_step), (false, Some(7)), "{report}");
    assert!(report.differences[0].contains("metrics.csv: `train_loss` is "), "{report}");
    assert!(report.differences.iter().any(|it| it.contains(".ckpt: `model.first.weight` differs")), "{report}");
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = verified(folder.path()).build().unwrap();
    let error = trainer.verify(folder.path(), &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("found neither"), "{error}");
    trainer.fit(&mut spiky(&[], &[]), shuffled(0)).unwrap();
    let first = folder.path().join("lightning_logs/version_0");
    let error = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("a trainer that has not trained"), "{error}");
    let mut model = spiky(&[], &[]);
    seed_everything(6);
    let error = verified(folder.path()).build().unwrap().verify(&first, &mut model, shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("write `seed_everything(5)` before the model"), "{error}");
    let own = ModelCheckpoint::latest().dirpath(first.join("checkpoints"));
    let mut trainer = quiet(Spiky::trainer()).enable_checkpointing(true).callback(own).build().unwrap();
    let error = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("must not write to the folder of the first run"), "{error}");
}
