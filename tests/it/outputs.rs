//! What steps hand to hooks: outputs, batches, and the word to leave an epoch.

use std::ops::ControlFlow;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{ErrorKind, prelude::*};

use crate::support::{Ledger, Rows, batches, quiet};

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 1)).unwrap()
}

/// Another name for a `Result`.
type Fallible<T> = std::result::Result<T, lightning_core::Error>;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Handing {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    ledger: Ledger,
    #[state(skip)]
    leave_at: Option<usize>,
    #[state(skip)]
    skip_at: Option<usize>,
    #[state(skip)]
    fail_at: Option<usize>,
}

#[lightning_module]
impl Handing {
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Result<Option<Loss<(usize, String)>>> {
        self.ledger.add(format!("step {batch_idx}"));
        if self.skip_at == Some(batch_idx) {
            return Ok(None);
        }
        let rows = batch.y.dims()[0];
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        Ok(Some(Loss::new(loss).output((rows, format!("batch {batch_idx}")))))
    }
    fn on_train_batch_start(&mut self, batch: &Rows, batch_idx: usize) -> ControlFlow<()> {
        self.ledger.add(format!("start {batch_idx} of {} rows", batch.y.dims()[0]));
        match self.leave_at {
            Some(at) if at == batch_idx => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
    fn on_train_batch_end(
        &mut self,
        outputs: &(usize, String),
        cx: &mut HookContext,
        batch: &Rows,
        batch_idx: usize,
    ) -> Result<()> {
        assert_eq!((outputs.0, batch_idx), (batch.y.dims()[0], cx.batch_idx()));
        self.ledger.add(format!("end {batch_idx}: {outputs:?}"));
        Ok(())
    }
    fn validation_step(&self, batch: Rows, dataloader_idx: usize, batch_idx: usize) -> Fallible<(usize, i32)> {
        if self.fail_at == Some(batch_idx) {
            return Err("the step failed".into());
        }
        Ok((dataloader_idx, batch.y.sum().into_scalar()))
    }
    fn on_validation_batch_start(&mut self, batch: &Rows, dataloader_idx: usize) {
        self.ledger.add(format!("val {dataloader_idx}: {} rows", batch.y.dims()[0]));
    }
    fn on_validation_batch_end(&mut self, batch: &Rows) {
        self.ledger.add(format!("val end: {} rows", batch.y.dims()[0]));
    }
    fn on_validation_epoch_end(&mut self, outputs: Vec<(usize, i32)>, cx: &mut HookContext) {
        self.ledger.add(format!("{outputs:?}"));
        #[log(maximize)]
        let val_count = outputs.len();
        assert_eq!(cx.current_epoch(), 0);
    }
    fn on_train_epoch_end(&mut self) {
        self.ledger.add("epoch end");
    }
    fn test_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_test_epoch_end(&mut self, outputs: Vec<Tensor<1>>) {
        #[log(minimize)]
        let test_loss = Tensor::cat(outputs, 0).mean();
    }
    fn predict_step(&self, batch: Rows) -> usize {
        batch.y.dims()[0]
    }
    fn on_predict_batch_end(&mut self, batch: &Rows, batch_idx: usize) {
        self.ledger.add(format!("predicted {batch_idx}: {} rows", batch.y.dims()[0]));
    }
}

fn handing() -> (Handing, Ledger) {
    let model = Handing::new(HandingHparams::default());
    let ledger = model.ledger.clone();
    (model, ledger)
}

#[test]
fn outputs_and_batches_reach_their_hooks() {
    let (mut model, ledger) = handing();
    let mut trainer = quiet(Handing::trainer()).max_epochs(1).num_sanity_val_steps(0).build().unwrap();
    let report = trainer.fit(&mut model, (loader(&[4, 2]), loader(&[3]))).unwrap();
    let [answer] = [batches(&[3], 1).remove(0).y.sum().into_scalar::<i32>()];
    assert_eq!(
        ledger.take(),
        [
            "start 0 of 4 rows".to_owned(),
            "step 0".to_owned(),
            "end 0: (4, \"batch 0\")".to_owned(),
            "start 1 of 2 rows".to_owned(),
            "step 1".to_owned(),
            "end 1: (2, \"batch 1\")".to_owned(),
            "val 0: 3 rows".to_owned(),
            "val end: 3 rows".to_owned(),
            format!("[(0, {answer})]"),
            "epoch end".to_owned(),
        ]
    );
    assert_eq!(report.metrics.get(Handing::VAL_COUNT), Some(1.0));
}

#[test]
fn outputs_of_several_loaders_come_loader_after_loader() {
    let (mut model, ledger) = handing();
    let mut trainer = quiet(Handing::trainer()).build().unwrap();
    trainer.validate(&mut model, [loader(&[1, 2]), loader(&[3])]).unwrap();
    let all = ledger.take();
    let outputs = all.last().unwrap();
    let loaders: Vec<&str> = outputs.matches("(0,").chain(outputs.matches("(1,")).collect();
    assert_eq!(loaders, ["(0,", "(0,", "(1,"]);
    assert!(outputs.find("(1,") > outputs.rfind("(0,"), "{outputs}");
    // Nothing of one run is in the next one.
    trainer.validate(&mut model, loader(&[1])).unwrap();
    assert_eq!(ledger.take().last().unwrap().matches('(').count(), 1);
    let report = trainer.test(&mut model, loader(&[4, 4])).unwrap();
    assert!(report["test_loss"] > 0.0);
    assert_eq!(trainer.predict(&mut model, loader(&[4, 1])).unwrap(), [4, 1]);
    assert_eq!(ledger.take(), ["predicted 0: 4 rows", "predicted 1: 1 rows"]);
}

#[test]
fn a_failure_under_another_name_of_result_is_a_failure() {
    let (mut model, _) = handing();
    model.fail_at = Some(1);
    let error = quiet(Handing::trainer()).build().unwrap().validate(&mut model, loader(&[1, 1])).unwrap_err();
    assert!(error.to_string().starts_with("the step failed"), "{error}");
    assert_eq!((error.location().batch, error.kind() == ErrorKind::Panic), (Some(1), false));
}

#[test]
fn a_skipped_batch_has_no_outputs() {
    let (mut model, ledger) = handing();
    model.skip_at = Some(0);
    let mut trainer = quiet(Handing::trainer()).max_epochs(1).limit_val_batches(0).build().unwrap();
    trainer.fit(&mut model, loader(&[1, 1])).unwrap();
    let ends: Vec<_> = ledger.take().into_iter().filter(|entry| entry.starts_with("end")).collect();
    assert_eq!(ends, ["end 1: (1, \"batch 1\")"]);
}

#[test]
fn a_break_leaves_the_rest_of_the_epoch_out() {
    let (mut model, ledger) = handing();
    model.leave_at = Some(2);
    let mut trainer =
        quiet(Handing::trainer()).max_epochs(2).num_sanity_val_steps(0).accumulate_grad_batches(4).build().unwrap();
    let report = trainer.fit(&mut model, (loader(&[1; 5]), loader(&[1]))).unwrap();
    // As in PyTorch Lightning no step, no batch end and no validation; the window that was begun is
    // stepped, since the epoch is over.
    let epoch = [
        "start 0 of 1 rows",
        "step 0",
        "end 0: (1, \"batch 0\")",
        "start 1 of 1 rows",
        "step 1",
        "end 1: (1, \"batch 1\")",
        "start 2 of 1 rows",
        "epoch end",
    ];
    assert_eq!(ledger.take(), [epoch, epoch].concat());
    assert_eq!((report.current_epoch, report.batch_step, report.global_step), (2, 4, 2));
    assert_eq!(report.validation_runs, 0);

    // In the first batch: an epoch of nothing.
    let (mut model, _) = handing();
    model.leave_at = Some(0);
    let mut trainer = quiet(Handing::trainer()).max_epochs(3).limit_val_batches(0).build().unwrap();
    let report = trainer.fit(&mut model, loader(&[1; 5])).unwrap();
    assert_eq!((report.current_epoch, report.batch_step, report.global_step), (3, 0, 0));
}

/// Unused outputs of any type are dropped.
#[lightning_module]
struct Unread {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Unread {
    fn validation_step(&self, batch: Rows) -> Result<Vec<i32>> {
        drop(self.layer.forward(batch.x));
        Ok(vec![1, 2, 3])
    }
    fn test_step(&self, batch: Rows) -> Tensor<2> {
        self.layer.forward(batch.x)
    }
}

#[test]
fn unused_outputs_are_dropped() {
    let mut model = Unread::new(UnreadHparams::default());
    let mut trainer = quiet(Unread::trainer()).build().unwrap();
    assert_eq!(trainer.validate(&mut model, loader(&[1, 1])).unwrap().batches, 2);
    assert_eq!(trainer.test(&mut model, loader(&[1])).unwrap().batches, 1);
}
