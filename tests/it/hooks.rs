//! The order of hooks, against literal lists.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use crate::support::{Ledger, Net, NetHparams, Rows, batches, quiet, visit_every_hook};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Told {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    ledger: Ledger,
}

#[lightning_module]
impl Told {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
        self.ledger.add(format!("training_step {batch_idx}"));
        cross_entropy(self.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch_idx: usize, Rows { x, y }: Rows) {
        self.ledger.add(format!("validation_step {batch_idx}"));
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(x), y);
    }
    fn test_step(&self, batch: Rows, cx: &StepContext) {
        self.ledger.add(format!("test_step {}", cx.batch_idx()));
        #[log(minimize)]
        let test_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
    fn prepare_data(&self) {
        self.ledger.add("prepare_data");
    }
    fn setup(&mut self, stage: Stage) {
        self.ledger.add(format!("setup {stage}"));
    }
    fn teardown(&mut self, stage: Stage) {
        self.ledger.add(format!("teardown {stage}"));
    }
    fn on_fit_start(&mut self) {
        self.ledger.add("on_fit_start");
    }
    fn on_fit_end(&mut self) {
        self.ledger.add("on_fit_end");
    }
    fn on_train_start(&mut self) {
        self.ledger.add("on_train_start");
    }
    fn on_train_end(&mut self) {
        self.ledger.add("on_train_end");
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        self.ledger.add(format!("on_train_epoch_start {}", cx.current_epoch()));
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        self.ledger.add(format!("on_train_epoch_end {}", cx.current_epoch()));
        #[log(minimize)]
        let epoch_metric = cx.current_epoch() as f64;
        Ok(())
    }
    fn on_train_batch_start(&mut self, batch_idx: usize) {
        self.ledger.add(format!("on_train_batch_start {batch_idx}"));
    }
    fn on_train_batch_end(&mut self, cx: &mut HookContext, batch_idx: usize) {
        self.ledger.add(format!("on_train_batch_end {batch_idx} after step {}", cx.global_step()));
    }
    fn on_before_zero_grad(&mut self) {
        self.ledger.add("on_before_zero_grad");
    }
    fn on_before_backward(&mut self) {
        self.ledger.add("on_before_backward");
    }
    fn on_after_backward(&mut self) {
        self.ledger.add("on_after_backward");
    }
    fn on_before_optimizer_step(&mut self) {
        self.ledger.add("on_before_optimizer_step");
    }
    fn on_validation_start(&mut self) {
        self.ledger.add("on_validation_start");
    }
    fn on_validation_end(&mut self) {
        self.ledger.add("on_validation_end");
    }
    fn on_validation_epoch_start(&mut self) {
        self.ledger.add("on_validation_epoch_start");
    }
    fn on_validation_epoch_end(&mut self) {
        self.ledger.add("on_validation_epoch_end");
    }
    fn on_validation_batch_start(&mut self, batch_idx: usize) {
        self.ledger.add(format!("on_validation_batch_start {batch_idx}"));
    }
    fn on_validation_batch_end(&mut self, batch_idx: usize) {
        self.ledger.add(format!("on_validation_batch_end {batch_idx}"));
    }
    fn on_test_start(&mut self) {
        self.ledger.add("on_test_start");
    }
    fn on_test_end(&mut self) {
        self.ledger.add("on_test_end");
    }
    fn on_test_epoch_start(&mut self) {
        self.ledger.add("on_test_epoch_start");
    }
    fn on_test_epoch_end(&mut self) {
        self.ledger.add("on_test_epoch_end");
    }
    fn on_test_batch_start(&mut self) {
        self.ledger.add("on_test_batch_start");
    }
    fn on_test_batch_end(&mut self) {
        self.ledger.add("on_test_batch_end");
    }
}

struct Recorder(Ledger);

impl Recorder {
    fn visit(&self, call: &str) -> Result<()> {
        self.0.add(call);
        Ok(())
    }
}

visit_every_hook!(Recorder);

fn validation(batches: usize) -> Vec<String> {
    let mut list = own(&["on_validation_start", "on_validation_epoch_start"]);
    for batch in 0..batches {
        list.push("C.on_validation_batch_start".into());
        list.push(format!("on_validation_batch_start {batch}"));
        list.push(format!("validation_step {batch}"));
        list.push("C.on_validation_batch_end".into());
        list.push(format!("on_validation_batch_end {batch}"));
    }
    list.extend(own(&["on_validation_epoch_end", "on_validation_end"]));
    list
}

/// Hooks that both the callback and the module record, the callback first.
fn own(hooks: &[&str]) -> Vec<String> {
    hooks.iter().flat_map(|hook| [format!("C.{hook}"), (*hook).to_owned()]).collect()
}

fn told() -> (Told, Ledger) {
    let model = Told::new(ToldHparams::default());
    let ledger = model.ledger.clone();
    (model, ledger)
}

#[test]
fn h3_fit_calls_hooks_in_the_recorded_order() {
    let (mut model, ledger) = told();
    let mut trainer = quiet(Told::trainer())
        .max_epochs(1)
        .num_sanity_val_steps(1)
        .callback(Recorder(ledger.clone()))
        .build()
        .unwrap();
    let loader = || DataLoader::from_batches(batches(&[4; 2], 1)).unwrap();
    let report = trainer.fit(&mut model, (loader(), loader())).unwrap();

    let mut expected: Vec<String> = vec!["prepare_data".into(), "C.setup".into(), "setup fit".into()];
    expected.extend(own(&["on_fit_start"]));
    expected.push("C.on_sanity_check_start".into());
    expected.extend(validation(1));
    expected.push("C.on_sanity_check_end".into());
    expected.extend(own(&["on_train_start"]));
    expected.extend(["C.on_train_epoch_start".into(), "on_train_epoch_start 0".into()]);
    for batch in 0..2 {
        expected.extend(["C.on_train_batch_start".into(), format!("on_train_batch_start {batch}")]);
        expected.push(format!("training_step {batch}"));
        expected.extend(own(&[
            "on_before_zero_grad",
            "on_before_backward",
            "on_after_backward",
            "on_before_optimizer_step",
        ]));
        expected
            .extend(["C.on_train_batch_end".into(), format!("on_train_batch_end {batch} after step {}", batch + 1)]);
    }
    expected.extend(validation(2));
    expected.extend(["C.on_train_epoch_end".into(), "on_train_epoch_end 0".into()]);
    expected.extend(own(&["on_train_end", "on_fit_end"]));
    expected.extend(["C.teardown".into(), "teardown fit".into()]);
    assert_eq!(ledger.take(), expected);
    assert_eq!(report.metrics.get(Told::EPOCH_METRIC), Some(0.0));
}

#[test]
fn h6_what_a_checkpoint_has() {
    let folder = tempfile::tempdir().unwrap();
    let (mut model, ledger) = told();
    let mut trainer = quiet(Told::trainer())
        .max_epochs(1)
        .num_sanity_val_steps(1)
        .callback(Recorder(ledger))
        .callback(ModelCheckpoint::latest().dirpath(folder.path()).filename("it"))
        .enable_checkpointing(true)
        .build()
        .unwrap();
    let loader = || DataLoader::from_batches(batches(&[4; 2], 1)).unwrap();
    trainer.fit(&mut model, (loader(), loader())).unwrap();
    let bytes = std::fs::read(folder.path().join("it.ckpt")).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let texts = metadata.metadata().as_ref().unwrap();
    let json: serde_json::Value = serde_json::from_str(&texts["lightning"]).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((&json["epoch"], &json["global_step"], &json["batch_step"]), (&0.into(), &2.into(), &2.into()));
    // Where the program runs in a repository, its commit is there as well.
    let said: Vec<_> = keys(&json).into_iter().filter(|key| key != "git_commit").collect();
    let expected = "batch_step burn epoch format global_step hparams lightning metrics module run seed state user";
    assert_eq!(said.join(" "), expected);
    let expected = "callbacks counters data log_records metrics optimizers place scaler settings stop train_batches trainable windows";
    assert_eq!(keys(&json["run"]).join(" "), expected);
    let optimizers = json["run"]["optimizers"].as_array().unwrap();
    assert_eq!((optimizers.len(), &optimizers[0]["steps"]), (1, &2.into()));
    assert_eq!(metadata.offset_keys(), ["loss", "model.layer.bias", "model.layer.weight"]);
}

#[test]
fn h4_test_calls_hooks_in_the_recorded_order() {
    let (mut model, ledger) = told();
    let mut trainer = quiet(Told::trainer()).callback(Recorder(ledger.clone())).build().unwrap();
    trainer.test(&mut model, DataLoader::from_batches(batches(&[4; 2], 1)).unwrap()).unwrap();

    let mut expected: Vec<String> = vec!["prepare_data".into(), "C.setup".into(), "setup test".into()];
    expected.extend(own(&["on_test_start", "on_test_epoch_start"]));
    for batch in 0..2 {
        expected.extend(own(&["on_test_batch_start"]));
        expected.push(format!("test_step {batch}"));
        expected.extend(own(&["on_test_batch_end"]));
    }
    expected.extend(own(&["on_test_epoch_end", "on_test_end"]));
    expected.extend(["C.teardown".into(), "teardown test".into()]);
    assert_eq!(ledger.take(), expected);
}

/// Counts what it is asked.
#[derive(Clone, Default)]
struct Count(Arc<Mutex<usize>>);

impl<M> Callback<M> for Count {
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        *self.0.lock().unwrap() += 1;
        Ok(())
    }
}

/// Has not written the hook that `Both` hands on to it first.
struct Silent;

impl<M> Callback<M> for Silent {}

/// Hands on to two others, of which the first is where it is itself.
struct Both(Silent, Count);

impl<M> Callback<M> for Both {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        Callback::<M>::on_train_batch_end(&mut self.1, cx, module)?;
        Callback::<M>::on_train_batch_end(&mut self.0, cx, module)
    }
}

#[test]
fn callbacks_within_a_callback_are_called_in_every_batch() {
    let (alone, within) = (Count::default(), Count::default());
    let mut model = Net::new(NetHparams::default());
    let trainer =
        Net::quiet().max_epochs(2).callback(Silent).callback(alone.clone()).callback(Both(Silent, within.clone()));
    let loader = DataLoader::from_batches(batches(&[4; 3], 1)).unwrap();
    trainer.limit_val_batches(0).build().unwrap().fit(&mut model, loader).unwrap();
    assert_eq!((*alone.0.lock().unwrap(), *within.0.lock().unwrap()), (6, 6));
}
