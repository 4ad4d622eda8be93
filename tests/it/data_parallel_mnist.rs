//! The classifier of the example `ddp_mnist` in two processes: every parameter and every moment of the
//! optimizer has the bits of one process that accumulates two batches. Without `mpirun` or the images
//! the test says that it is skipped.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use lightning_core::{distributed::Ddp, prelude::*};
use lightning_examples::classifier::{Classifier, ClassifierHparams, MnistData, MnistDataHparams};
use safetensors::SafeTensors;

use crate::mpirun;

const NAME: &str = "data_parallel_mnist::the_parameters_of_the_example_are_those_of_one_process";
/// Makes this test the program that trains: the file of its checkpoint.
const SAVE_AS: &str = "LIGHTNING_TEST_SAVE_AS";
/// Its `accumulate_grad_batches`.
const ACCUMULATE: &str = "LIGHTNING_TEST_ACCUMULATE";

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mnist")
}

/// Trains 20 steps.
fn train(save_as: &str, accumulate: u64) {
    seed_everything(42);
    let mut data = MnistData::new(MnistDataHparams::new(Some(images()), 64, 42));
    let mut model = Classifier::new(ClassifierHparams::default());
    let builder = Classifier::trainer().max_epochs(1).limit_val_batches(0).accumulate_grad_batches(accumulate);
    let builder = builder.limit_train_batches(20 * accumulate as usize).deterministic(true).strategy(Ddp::new());
    let builder = builder.no_logger().enable_checkpointing(false).enable_progress_bar(false);
    let mut trainer = builder.enable_model_summary(false).build().unwrap();
    let report = trainer.fit(&mut model, &mut data).unwrap();
    assert_eq!(report.global_step, 20);
    trainer.save_checkpoint(&model, save_as).unwrap();
}

/// The tensors of a checkpoint by their names.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

#[test]
fn the_parameters_of_the_example_are_those_of_one_process() {
    if let (Ok(save_as), Ok(accumulate)) = (env::var(SAVE_AS), env::var(ACCUMULATE)) {
        return train(&save_as, accumulate.parse().unwrap());
    }
    if mpirun::is_missing() {
        return;
    }
    if !images().is_dir() {
        eprintln!("skipped: {} is not there", images().display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let this = env::current_exe().unwrap();
    let run = |mut command: Command, name: &str, accumulate: &str| {
        let path = folder.path().join(name);
        command.args(["--exact", NAME, "--nocapture"]).env(SAVE_AS, &path).env(ACCUMULATE, accumulate);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tensors(&path)
    };
    let one = run(Command::new(&this), "one.ckpt", "2");
    let two = run(mpirun::command(2, &this), "two.ckpt", "1");
    assert!(one.keys().eq(two.keys()));
    // Running statistics are the means over the ranks, which have seen other batches each, and the loss
    // is that of the last batch of rank 0.
    let compared = one.keys().filter(|name| !name.contains("running_") && *name != "loss");
    let different: Vec<_> = compared.clone().filter(|name| one[*name] != two[*name]).collect();
    assert!(different.is_empty(), "{different:?}");
    // 10 parameters with two moments each.
    assert!(compared.count() >= 30, "{:?}", one.keys());
}
