//! `#[every(…)]` and `#[once(…)]` on hooks, against literal lists of calls.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{prelude::*, trainer::TrainerBuilder};

use crate::support::{Ledger, Rows, SaveAfterBatch, batches, quiet};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Sparse {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    ledger: Ledger,
}

impl Sparse {
    const OFTEN: u64 = 3;

    fn add(&self, hook: &str, cx: &HookContext) {
        let (epoch, batch, loader) = (cx.current_epoch(), cx.batch_idx(), cx.dataloader_idx());
        self.ledger.add(format!("{hook} {epoch}.{batch}.{loader} steps {}", cx.global_step()));
    }
}

#[lightning_module]
impl Sparse {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        self.forward(batch.x);
    }
    fn test_step(&self, batch: Rows) {
        self.forward(batch.x);
    }
    #[every(Self::OFTEN)]
    fn on_train_batch_start(&mut self, cx: &mut HookContext) {
        self.add("start", cx);
    }
    #[every(3)]
    fn on_train_batch_end(&mut self, cx: &mut HookContext) {
        self.add("end", cx);
    }
    #[every(2)]
    fn on_before_optimizer_step(&mut self, cx: &mut HookContext) {
        self.add("step", cx);
    }
    #[once(5)]
    fn on_after_backward(&mut self, cx: &mut HookContext) {
        self.add("once", cx);
    }
    #[every(2, epochs)]
    fn on_before_backward(&mut self, cx: &mut HookContext) {
        self.add("backward", cx);
    }
    #[every(2)]
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        self.add("epoch", cx);
    }
    #[once(1)]
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        self.add("first epoch", cx);
    }
    #[every(3)]
    fn on_validation_start(&mut self, cx: &mut HookContext) {
        self.add("val start", cx);
    }
    #[every(3)]
    fn on_validation_end(&mut self, cx: &mut HookContext) {
        self.add("val end", cx);
    }
    #[once(1)]
    fn on_validation_batch_end(&mut self, cx: &mut HookContext) {
        self.add("val batch", cx);
    }
    #[every(2)]
    fn on_test_batch_end(&mut self, cx: &mut HookContext) {
        self.add("test batch", cx);
    }
    #[once(2)]
    fn on_test_batch_start(&mut self, cx: &mut HookContext) {
        self.add("test once", cx);
    }
}

fn model() -> Sparse {
    Sparse::new(SparseHparams::default())
}

fn training() -> TrainerBuilder<Sparse> {
    quiet(Sparse::trainer()).limit_val_batches(0)
}

/// Only the calls of these hooks.
fn of(calls: &[String], hooks: &[&str]) -> Vec<String> {
    calls.iter().filter(|call| hooks.iter().any(|hook| call.starts_with(&format!("{hook} ")))).cloned().collect()
}

#[test]
fn the_hooks_of_a_batch_are_called_at_the_same_batches() {
    let mut model = model();
    let mut trainer = training().max_epochs(2).build().unwrap();
    trainer.fit(&mut model, batches(&[4; 4], 1)).unwrap();
    let calls = model.ledger.take();
    let expected = ["start 0.2.0 steps 2", "end 0.2.0 steps 3", "start 1.1.0 steps 5", "end 1.1.0 steps 6"];
    assert_eq!(of(&calls, &["start", "end"]), expected);
    let steps = ["step 0.1.0 steps 1", "step 0.3.0 steps 3", "step 1.1.0 steps 5", "step 1.3.0 steps 7"];
    assert_eq!(of(&calls, &["step"]), steps);
    assert_eq!(of(&calls, &["once"]), ["once 1.0.0 steps 4"]);
    let backward: Vec<String> = (0..4).map(|batch| format!("backward 1.{batch}.0 steps {}", 4 + batch)).collect();
    assert_eq!(of(&calls, &["backward"]), backward);
    assert_eq!(of(&calls, &["epoch"]), ["epoch 1.3.0 steps 8"]);
    assert_eq!(of(&calls, &["first"]), ["first epoch 0.0.0 steps 0"]);
}

#[test]
fn optimizer_steps_are_counted_under_accumulation() {
    let mut model = model();
    let mut trainer = training().max_epochs(1).accumulate_grad_batches(2).build().unwrap();
    trainer.fit(&mut model, batches(&[4; 8], 1)).unwrap();
    let calls = model.ledger.take();
    assert_eq!(of(&calls, &["step"]), ["step 0.3.0 steps 1", "step 0.7.0 steps 3"]);
    assert_eq!(of(&calls, &["end"]), ["end 0.2.0 steps 1", "end 0.5.0 steps 3"]);
}

#[test]
fn validations_are_counted_without_the_sanity_check() {
    let mut model = model();
    let mut trainer = quiet(Sparse::trainer()).max_epochs(3).val_check_interval(2).build().unwrap();
    trainer.fit(&mut model, (batches(&[4; 4], 1), batches(&[4; 3], 2))).unwrap();
    let calls = model.ledger.take();
    let expected = [
        "val batch 0.0.0 steps 2",
        "val start 1.1.0 steps 6",
        "val end 1.2.0 steps 6",
        "val start 2.3.0 steps 12",
        "val end 2.2.0 steps 12",
    ];
    assert_eq!(of(&calls, &["val"]).len(), expected.len(), "{calls:?}");
    for (call, expected) in of(&calls, &["val"]).iter().zip(expected) {
        // The index of the batch is that of an earlier loop at the start and the end.
        let parts =
            |text: &str| (text.split('.').next().unwrap().to_owned(), text.rsplit(' ').next().unwrap().to_owned());
        assert_eq!(parts(call), parts(expected));
    }
}

#[test]
fn batches_of_each_evaluation_loader_are_counted() {
    let mut model = model();
    let mut trainer = training().max_epochs(1).build().unwrap();
    let loader = || DataLoader::from_batches(batches(&[4; 5], 1)).unwrap();
    trainer.test(&mut model, vec![loader(), loader()]).unwrap();
    let calls = model.ledger.take();
    let expected = ["0.1.0", "0.1.0", "0.3.0", "0.1.1", "0.3.1"];
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls.iter().zip(expected).all(|(call, place)| call.contains(place)), "{calls:?}");
    assert!(calls[0].starts_with("test once"));
}

#[test]
fn a_resumed_run_continues_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let data = || batches(&[4; 4], 1);
    let path = dir.path().join("mid.ckpt");
    for (batch, left) in [(2, true), (5, false)] {
        let mut first = model();
        let mut trainer =
            training().max_epochs(2).callback(SaveAfterBatch { batch, path: path.clone() }).build().unwrap();
        trainer.fit(&mut first, data()).unwrap();
        let whole = first.ledger.take();
        let mut second = model();
        let mut trainer = training().max_epochs(2).resume_from(&path).build().unwrap();
        trainer.fit(&mut second, data()).unwrap();
        let rest = second.ledger.take();
        assert_eq!(of(&rest, &["once"]).len(), usize::from(left), "{rest:?}");
        assert_eq!(rest, whole[whole.len() - rest.len()..]);
    }
}
