//! Rows G of PyTorch Lightning's behaviour: what is logged, under which names, when.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{loggers::MemoryLogger, prelude::*};

use crate::support::{Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![1; count], 1)).unwrap()
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Views {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Views {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        #[log]
        let default = loss.clone();
        #[log(on_step)]
        let l_s = 1.0;
        #[log(on_step = false, on_epoch)]
        let l_e = 2.0;
        #[log(on_step, on_epoch)]
        let l_se = 3.0;
        #[log(on_step, prog_bar, logger = false)]
        let p_s = 4.0;
        #[log(on_step = false, on_epoch, prog_bar, logger = false)]
        let p_e = 5.0;
        #[log(on_step, on_epoch, prog_bar, logger = false)]
        let p_se = 6.0;
        loss
    }
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn g1_names_by_view() {
    let memory = MemoryLogger::new();
    let mut model = Views::new(ViewsHparams::default());
    let trainer = quiet(Views::trainer()).max_epochs(1).log_every_n_steps(1);
    let report = trainer.logger(memory.clone()).build().unwrap().fit(&mut model, loader(2)).unwrap();

    let records = memory.records();
    let logged = sorted(records.iter().flat_map(|record| record.metrics.iter().map(|(name, _)| name.as_str())));
    assert_eq!(logged, ["default", "l_e", "l_s", "l_se_epoch", "l_se_step"]);
    let known = sorted(report.metrics.iter().map(|(name, _)| name));
    let union =
        ["default", "l_e", "l_s", "l_se", "l_se_epoch", "l_se_step", "p_e", "p_s", "p_se", "p_se_epoch", "p_se_step"];
    assert_eq!(known, union);
}

macro_rules! reductions {
    ($($name:ident, $hparams:ident, $reduce:ident;)*) => {
        $(
            #[lightning_module]
            #[optimizer(SgdConfig::new(), lr = 0.1)]
            struct $name {
                #[init(LinearConfig::new(8, 3).init(device))]
                layer: Linear,
            }

            #[lightning_module]
            impl $name {
                fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
                    #[log(on_epoch, reduce = $reduce)]
                    let index = batch_idx;
                    cross_entropy(self.layer.forward(batch.x), batch.y)
                }
            }

            impl $name {
                fn after(count: usize) -> f64 {
                    let mut model = Self::new($hparams::default());
                    let mut trainer = quiet(Self::trainer()).max_epochs(1).build().unwrap();
                    trainer.fit(&mut model, loader(count)).unwrap().metrics.get(Self::INDEX).unwrap()
                }
            }
        )*
    };
}

reductions! {
    Least, LeastHparams, min;
    Most, MostHparams, max;
    Average, AverageHparams, mean;
    Total, TotalHparams, sum;
}

#[test]
fn g2_reductions_over_an_epoch() {
    assert_eq!(
        [Least::after(3), Most::after(3), Most::after(11), Average::after(5), Total::after(5)],
        [0.0, 2.0, 10.0, 2.0, 10.0]
    );
}

#[test]
fn g6_steps_that_are_logged() {
    let logged = |count: usize, every: u64| -> Vec<u64> {
        let memory = MemoryLogger::new();
        let mut model = Views::new(ViewsHparams::default());
        let trainer = quiet(Views::trainer()).max_steps(10).log_every_n_steps(every).logger(memory.clone());
        trainer.build().unwrap().fit(&mut model, loader(count)).unwrap();
        let records = memory.records();
        let steps = records.iter().filter(|record| record.value("l_s").is_some());
        steps.map(|record| record.position.global_step).collect()
    };
    // PyTorch Lightning counts from 0 (range(n - 1, 10, n)); a record here says how many steps have
    // been taken.
    assert_eq!(logged(10, 1), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(logged(3, 1), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(logged(3, 5), [5, 10]);
}

#[lightning_module]
struct Guessing {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Guessing {
    fn validation_step(&self, batch: Rows, batch_idx: usize) {
        // Every fourth guess is right.
        let class =
            if batch_idx.is_multiple_of(4) { batch.y.clone() } else { (batch.y.clone() + 1).remainder_scalar(3) };
        let logits = class.one_hot::<2>(3).float();
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
    }
}

#[test]
fn g10_eight_of_thirty_two() {
    let share = |sizes: &[usize]| {
        let mut model = Guessing::new(GuessingHparams::default());
        let data = DataLoader::from_batches(batches(sizes, 1)).unwrap();
        let report = quiet(Guessing::trainer()).build().unwrap().validate(&mut model, data).unwrap();
        report.metrics.get(Guessing::VAL_ACC)
    };
    assert_eq!(share(&[1; 32]), Some(8.0 / 32.0));
    // Of samples, not of batches: 5 + 4 of 5 + 1 + 2 + 3 + 4.
    assert_eq!(share(&[5, 1, 2, 3, 4]), Some(9.0 / 15.0));
}

#[test]
fn g11_what_is_no_number() {
    // `None`, texts, lists and maps are no `LogValue`: they do not compile (`ui/c11_log`). A tensor
    // of several elements has the type.
    let mut model = Several::new(SeveralHparams::default());
    let error = quiet(Several::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(1)).unwrap_err();
    assert!(error.to_string().contains("`several`") && error.to_string().contains("3 elements"), "{error}");
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Several {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Several {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log]
        let several = Tensor::<1>::zeros([3], &Device::default());
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Once {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Once {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_train_start(&mut self) {
        #[log]
        let once = 123.0;
    }
    fn test_step(&self, batch: Rows, dataloader_idx: usize) {
        drop(batch);
        #[log]
        let bar = dataloader_idx as f64 + 1.0;
    }
    fn on_test_epoch_end(&mut self) {
        #[log]
        let foobar = 3.0;
    }
}

#[test]
fn g7_what_is_logged_once_is_one_record() {
    let memory = MemoryLogger::new();
    let mut model = Once::new(OnceHparams::default());
    let trainer = quiet(Once::trainer()).max_epochs(2).log_every_n_steps(1).logger(memory.clone());
    trainer.build().unwrap().fit(&mut model, loader(1)).unwrap();
    let records: Vec<_> = memory.records().into_iter().filter(|record| record.value("once").is_some()).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((records[0].value("once"), records[0].position.epoch), (Some(123.0), 0));
}

#[test]
fn g9_several_loaders_and_the_epoch() {
    let mut model = Once::new(OnceHparams::default());
    let mut trainer = quiet(Once::trainer()).build().unwrap();
    let report = trainer.test(&mut model, [loader(2), loader(1)]).unwrap();
    assert_eq!((report["bar/dataloader_idx_0"], report["bar/dataloader_idx_1"]), (1.0, 2.0));
    assert_eq!(report["foobar"], 3.0);
    // PyTorch Lightning gives a table a loader, each with the epoch's values once more; here there
    // is one table of all.
    assert_eq!(report.metrics.len(), 3, "{}", report.metrics);
}
