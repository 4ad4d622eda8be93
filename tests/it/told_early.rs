//! What a run warns of before its first batch, or as soon as it can be known: the subjects on which
//! PyTorch Lightning warns, or says nothing.

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{
    callbacks::Timer,
    data::{Batches, EpochOffset, Loader},
    prelude::*,
    trainer::TrainerBuilder,
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 1)).unwrap()
}

fn fit(builder: TrainerBuilder<Net>) -> Vec<String> {
    let mut trainer = builder.build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), (loader(&[4; 3]), loader(&[4]))).unwrap().warnings
}

fn about<'a>(warnings: &'a [String], what: &str) -> Vec<&'a String> {
    warnings.iter().filter(|text| text.contains(what)).collect()
}

/// Rows one by one, shuffled or not.
fn rows(shuffle: bool) -> DataLoader<Rows> {
    DataLoader::builder(batches(&[1; 8], 1))
        .batch_size(4)
        .shuffle(shuffle)
        .collate(|rows: Vec<Rows>| {
            let (x, y): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.x, row.y)).unzip();
            Ok(Rows { x: Tensor::cat(x, 0), y: Tensor::cat(y, 0) })
        })
        .build()
        .unwrap()
}

#[test]
fn a_validation_loader_that_shuffles_is_warned_of() {
    for (shuffle, expected) in [(true, 1), (false, 0)] {
        let mut trainer = Net::quiet().max_epochs(2).build().unwrap();
        let report = trainer.fit(&mut Net::new(NetHparams::default()), (rows(true), rows(shuffle))).unwrap();
        assert_eq!(about(&report.warnings, "the validation loader shuffles").len(), expected);
    }
}

#[test]
fn a_validation_loader_without_batches_is_an_error() {
    let fit = |builder: TrainerBuilder<Net>, val: Vec<Rows>| {
        builder.max_epochs(1).build().unwrap().fit(&mut Net::new(NetHparams::default()), (batches(&[4], 1), val))
    };
    let error = fit(Net::quiet(), Vec::new()).unwrap_err().to_string();
    assert!(error.contains("the validation loader must have at least one batch, found none"), "{error}");
    fit(Net::quiet().limit_val_batches(0), Vec::new()).unwrap();
    fit(Net::quiet(), batches(&[4], 1)).unwrap();
}

/// A loader that does not know its length may turn out to be empty.
#[test]
fn a_loader_of_unknown_length_is_not_asked() {
    struct Unknown;
    impl Loader<Rows> for Unknown {
        fn len(&self) -> Option<usize> {
            None
        }
        fn batches(&self, _from: EpochOffset) -> Result<Batches<Rows>> {
            Ok(Box::new(batches(&[4], 1).into_iter().map(Ok)))
        }
    }
    let mut trainer = Net::quiet().max_epochs(1).build().unwrap();
    let val = DataLoader::from_loader(Unknown);
    trainer.fit(&mut Net::new(NetHparams::default()), (loader(&[4]), val)).unwrap();
}

#[test]
fn a_run_without_a_limit_says_how_long_it_is() {
    let stopped = || Net::quiet().callback(Timer::new(std::time::Duration::ZERO));
    assert_eq!(about(&fit(stopped()), "trains for 1000 epochs").len(), 1);
    assert_eq!(about(&fit(stopped().max_epochs(1000)), "trains for 1000 epochs").len(), 0);
    assert_eq!(about(&fit(stopped().max_steps(10)), "trains for 1000 epochs").len(), 0);
    assert_eq!(about(&fit(Net::quiet().fast_dev_run(1)), "trains for 1000 epochs").len(), 0);
}

#[test]
fn a_run_resumed_beyond_its_end_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("three.ckpt");
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(3).build().unwrap();
    trainer.fit(&mut model, (loader(&[4; 3]), loader(&[4]))).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    let resumed = |builder: TrainerBuilder<Net>| fit(builder.resume_from(path.clone()));
    let warnings = resumed(Net::quiet().max_epochs(2));
    assert_eq!(about(&warnings, "after 3 epochs, more than `max_epochs(2)`: nothing is trained").len(), 1);
    let warnings = resumed(Net::quiet().max_steps(5));
    assert_eq!(about(&warnings, "after 9 optimizer steps, more than `max_steps(5)`: nothing is trained").len(), 1);
    // A job that is restarted after its end has nothing left to do.
    assert_eq!(about(&resumed(Net::quiet().max_epochs(3)), "nothing is trained").len(), 0);
    assert_eq!(about(&resumed(Net::quiet().max_epochs(4)), "nothing is trained").len(), 0);
}

#[test]
fn early_stopping_that_never_saw_its_metric_says_so() {
    let stopping = |name: &'static str| EarlyStopping::new(metrics::MetricKey::named(name).minimize()).strict(false);
    let warnings = fit(Net::quiet().max_epochs(1).callback(stopping("val_los")));
    assert_eq!(about(&warnings, "the metric `val_los` had no value at any check").len(), 1);
    let warnings = fit(Net::quiet().max_epochs(1).callback(stopping("val_loss")));
    assert_eq!(about(&warnings, "had no value").len(), 0);
}

/// Its schedule has a hundred steps.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 100), interval = epoch)]
struct Long {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Long {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn a_schedule_that_cannot_reach_its_end_is_warned_of() {
    let fit = |builder: TrainerBuilder<Long>| {
        let mut trainer = builder.limit_train_batches(1).build().unwrap();
        trainer.fit(&mut Long::new(LongHparams::default()), loader(&[4; 3])).unwrap().warnings
    };
    let warnings = fit(quiet(Long::trainer()).max_epochs(2));
    assert_eq!(about(&warnings, "has 100 steps and takes one at the end of an epoch, 2 in this run").len(), 1);
    assert_eq!(about(&fit(quiet(Long::trainer()).max_epochs(51)), "does not reach its end").len(), 0);
}

/// It tries out the whole program, which goes on with the weights of the run.
#[test]
fn a_fast_dev_run_goes_through_load_best() {
    let mut trainer = quiet(Net::trainer()).fast_dev_run(1).build().unwrap();
    let mut model = Net::new(NetHparams::default());
    trainer.fit(&mut model, (loader(&[4; 3]), loader(&[4]))).unwrap();
    let weights = model.parameters();
    trainer.load_best(&mut model).unwrap();
    trainer.load_best_by(&mut model, Net::VAL_LOSS).unwrap();
    assert_eq!(model.parameters(), weights);
    let mut trainer = quiet(Net::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, (loader(&[4; 3]), loader(&[4]))).unwrap();
    trainer.load_best(&mut model).unwrap_err();
}
