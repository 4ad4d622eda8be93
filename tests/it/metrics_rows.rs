//! The rows G of the behaviour table: what is logged, where and how often. The numbers are PyTorch
//! Lightning's.

use std::collections::BTreeSet;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{Stage, loggers::MemoryLogger, metrics::Accuracy, prelude::*};

use crate::support::{Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![1; count], 1)).unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Options {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Options {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        #[log]
        let default = &loss;
        #[log(on_step, on_epoch = false)]
        let l_s = &loss;
        #[log(on_step = false, on_epoch)]
        let l_e = &loss;
        #[log(on_step, on_epoch)]
        let l_se = &loss;
        #[log(prog_bar, logger = false, on_step, on_epoch = false)]
        let p_s = &loss;
        #[log(prog_bar, logger = false, on_step = false, on_epoch)]
        let p_e = &loss;
        #[log(prog_bar, logger = false, on_step, on_epoch)]
        let p_se = &loss;
        loss
    }
}

/// The bar's own names are seen in a test of the store, `g1_what_the_bar_shows`.
#[test]
fn g1_where_each_option_sends_a_value() {
    let memory = MemoryLogger::new();
    let mut model = Options::new(OptionsHparams::default());
    let trainer = quiet(Options::trainer()).max_epochs(2).limit_train_batches(2).log_every_n_steps(1);
    let report = trainer.logger(memory.clone()).build().unwrap().fit(&mut model, loader(4)).unwrap();
    let logged = memory.records().into_iter().flat_map(|record| record.metrics).map(|(name, _)| name).collect();
    assert_eq!(names(&["default", "l_s", "l_e", "l_se_step", "l_se_epoch"]), logged);
    let callback: BTreeSet<String> = report.metrics.iter().map(|(name, _)| name.to_owned()).collect();
    let bar = ["p_e", "p_s", "p_se_step", "p_se_epoch"];
    let union = names(&[&["default", "l_e", "l_s", "l_se_step", "l_se_epoch", "l_se", "p_se"][..], &bar].concat());
    assert_eq!(callback, union);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Indices {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Indices {
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
        #[log(on_step = false, on_epoch, reduce = min)]
        let smallest = batch_idx;
        #[log(on_step = false, on_epoch, reduce = max)]
        let largest = batch_idx;
        #[log(on_step = false, on_epoch)]
        let mean = batch_idx;
        #[log(on_step = false, on_epoch, reduce = sum)]
        let sum = batch_idx;
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn g2_reductions() {
    let run = |batches: usize| {
        let mut model = Indices::new(IndicesHparams::default());
        quiet(Indices::trainer()).max_epochs(2).build().unwrap().fit(&mut model, loader(batches)).unwrap().metrics
    };
    assert_eq!(run(3).get(Indices::SMALLEST), Some(0.0));
    assert_eq!(run(3).get(Indices::LARGEST), Some(2.0));
    assert_eq!(run(11).get(Indices::LARGEST), Some(10.0));
    assert_eq!(run(5).get(Indices::MEAN), Some(2.0));
    assert_eq!(run(5).get(Indices::SUM), Some(10.0));
    assert_eq!(run(7).get(Indices::SUM), Some(21.0));
}

#[test]
fn g6_log_every_n_steps() {
    let logged = |batches: usize, max_steps: u64, every: u64| -> Vec<u64> {
        let memory = MemoryLogger::new();
        let trainer = quiet(Options::trainer()).max_steps(max_steps).log_every_n_steps(every).logger(memory.clone());
        let mut model = Options::new(OptionsHparams::default());
        trainer.build().unwrap().fit(&mut model, loader(batches)).unwrap();
        let records = memory.records();
        let steps = records.iter().filter(|record| record.position.batch.is_some());
        // Lightning counts from 0; our position is the number of steps taken.
        steps.map(|record| record.position.global_step - 1).collect()
    };
    assert_eq!(logged(10, 10, 1), (0..10).collect::<Vec<_>>());
    assert_eq!(logged(3, 10, 1), (0..10).collect::<Vec<_>>());
    assert_eq!(logged(3, 10, 5), [4, 9]);
    assert_eq!(logged(4, 13, 3), [2, 5, 8, 11]);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct AtStart {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl AtStart {
    fn on_train_start(&mut self) {
        #[log]
        let count = 123;
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn g7_logged_before_the_first_epoch() {
    let memory = MemoryLogger::new();
    let mut model = AtStart::new(AtStartHparams::default());
    let trainer = quiet(AtStart::trainer()).max_epochs(2).log_every_n_steps(1).logger(memory.clone());
    trainer.build().unwrap().fit(&mut model, loader(1)).unwrap();
    let records = memory.records();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.metrics, [("count".to_owned(), 123.0)]);
    assert_eq!((record.position.stage, record.position.epoch), (Stage::Fit, 0));
}

#[lightning_module]
struct TwoLoaders {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl TwoLoaders {
    fn test_step(&self, _batch: Rows, dataloader_idx: usize) {
        #[log]
        let count = dataloader_idx + 1;
    }
    fn on_test_epoch_end(&mut self) {
        #[log]
        let total = 3;
    }
}

#[test]
fn g9_several_loaders() {
    let mut model = TwoLoaders::new(TwoLoadersHparams::default());
    let report = quiet(TwoLoaders::trainer()).build().unwrap().test(&mut model, vec![loader(2), loader(2)]).unwrap();
    let mut values: Vec<_> = report.metrics.iter().collect();
    values.sort_by(|a, b| a.0.cmp(b.0));
    // One report in place of a list of them: the names say which loader it was.
    assert_eq!(values, [("count/dataloader_idx_0", 1.0), ("count/dataloader_idx_1", 2.0), ("total", 3.0)]);
    assert_eq!(report.get(TwoLoaders::COUNT.loader(1)), Some(2.0));
    assert_eq!(report.get(TwoLoaders::TOTAL), Some(3.0));
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Right {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Right {
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
        let predicted = batch.y.clone() + i32::from(batch_idx >= 8);
        #[log(metric = Accuracy::new())]
        let acc = (&predicted, &batch.y);
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn g10_eight_of_thirty_two() {
    let mut model = Right::new(RightHparams::default());
    let report = quiet(Right::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(32)).unwrap();
    assert_eq!(report.metrics.get(Right::ACC), Some(8.0 / 32.0));
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct ThreeNumbers {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl ThreeNumbers {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log]
        let three = Tensor::<1>::from_data([1.0, 2.0, 3.0], &batch.x.device());
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

/// `None`, a text, a list and a nested dictionary do not compile: `tests/ui/c11_log`. How many
/// elements a tensor has is known at run time.
#[test]
fn g11_several_numbers_are_an_error() {
    let mut model = ThreeNumbers::new(ThreeNumbersHparams::default());
    let error = quiet(ThreeNumbers::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(1)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`three`") && text.contains("3 elements") && text.contains("batch 0"), "{text}");
}
