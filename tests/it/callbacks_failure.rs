//! Callbacks for bad days: `OnExceptionCheckpoint` and `SpikeDetection`, LIGHTNING.md 3.5.

use std::{fs, path::Path};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    ErrorKind,
    callbacks::{OnExceptionCheckpoint, SpikeDetection},
    prelude::*,
};

use crate::support::{Rows, batches, quiet};

/// Its loss is what the list says, one value a batch; a negative one is an error in the step.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Scripted {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    losses: Vec<f64>,
}

#[lightning_module]
impl Scripted {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Result<Tensor<1>> {
        let wanted = self.losses[cx.batch_step() as usize];
        if wanted < 0.0 {
            return Err("the step failed".into());
        }
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        Ok(loss * 0.0 + wanted)
    }
    fn test_step(&self, _batch: Rows) -> Result<()> {
        Err("the test failed".into())
    }
}

fn fit(losses: &[f64], epochs: usize, callback: impl Callback<Scripted> + 'static) -> Result<()> {
    let mut model = Scripted::new(ScriptedHparams::default());
    model.losses = losses.to_vec();
    let mut trainer = quiet(Scripted::trainer()).max_epochs(epochs).callback(callback).build()?;
    let data = DataLoader::from_batches(batches(&vec![4; losses.len() / epochs], 1))?;
    trainer.fit(&mut model, data).map(|_| ())
}

#[test]
fn an_error_leaves_a_checkpoint_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let callback = OnExceptionCheckpoint::new(folder.path().join("rescue"));
    let path = callback.path();
    assert_eq!(path, folder.path().join("rescue/on_exception.ckpt"));
    let error = fit(&[1.0, 1.0, -1.0], 1, callback).unwrap_err();
    assert!(error.to_string().contains("the step failed"), "{error}");
    assert!(path.is_file());
    Scripted::load_from_checkpoint(&path).unwrap();
}

#[test]
fn the_checkpoint_goes_when_a_fit_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let callback = OnExceptionCheckpoint::new(folder.path()).filename("rescue");
    let path = folder.path().join("rescue.ckpt");
    let mut model = Scripted::new(ScriptedHparams::default());
    model.losses = vec![-1.0; 4];
    let data = || DataLoader::from_batches(batches(&[4; 2], 1)).unwrap();
    let mut trainer = quiet(Scripted::trainer()).max_epochs(1).callback(callback).build().unwrap();
    trainer.fit(&mut model, data()).unwrap_err();
    assert!(path.is_file());
    // An evaluation that fails has nothing to do with it.
    trainer.test(&mut model, data()).unwrap_err();
    assert!(path.is_file());
    model.losses = vec![1.0; 4];
    trainer.fit(&mut model, data()).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_run_without_errors_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fit(&[1.0, 1.0], 1, OnExceptionCheckpoint::new(folder.path())).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_filename_is_no_path() {
    let callback = OnExceptionCheckpoint::new("here").filename("../there");
    let error = fit(&[1.0], 1, callback).unwrap_err().to_string();
    assert!(error.contains("without folders, found `../there`"), "{error}");
}

fn skipped(path: &Path) -> Vec<u64> {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_spike_ends_the_run_and_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let spikes = || SpikeDetection::new().exclude_batches_path(folder.path().join("notes"));
    // The mean before is 1: a loss of 3 is twice that away. It is the second batch of the second
    // epoch, number 4 of the run.
    let error = fit(&[1.0, 1.0, 1.0, 1.0, 3.0, 1.0], 2, spikes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    let text = error.to_string();
    assert!(
        text.contains("the loss of training batch 4 is 3, too far from") && text.contains("skip_batches.json"),
        "{text}"
    );
    assert_eq!(skipped(&folder.path().join("notes/skip_batches.json")), [3, 4]);

    fit(&[1.0, 1.0, 1.0, 1.0, 2.9, 1.0], 2, spikes()).unwrap();
}

#[test]
fn a_spike_in_the_first_batch_names_that_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.json");
    fit(&[f64::NAN], 1, SpikeDetection::new().warmup(0).exclude_batches_path(&path)).unwrap_err();
    assert_eq!(skipped(&path), [0]);
}

#[test]
fn tolerances_that_cannot_work_are_errors_of_build() {
    for (spikes, what) in [
        (SpikeDetection::new().rtol(None), "found `None` for both"),
        (SpikeDetection::new().rtol(-1.0), "`rtol` must be at least 0, found -1"),
        (SpikeDetection::new().atol(f64::NAN), "`atol` must be at least 0, found NaN"),
        (SpikeDetection::new().window(0), "`window` must be at least 1, found 0"),
    ] {
        let error = fit(&[1.0], 1, spikes).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(what), "{error}");
    }
}
