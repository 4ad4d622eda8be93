//! Metric keys of another module, where the compiler does not see them; and warnings in the report of their own run.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    ErrorKind,
    callbacks::LambdaCallback,
    log,
    optim::{Interval, OptimizerSetup, Schedule},
    prelude::*,
    testing::capture,
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

/// A module that logs under the names of [`Net`].
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Other {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    /// Where it looks up a key of `Net`.
    #[hparam(default = false)]
    looks: bool,
}

#[lightning_module]
impl Other {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, _batch: Rows) {
        #[log(minimize)]
        let val_loss = f64::NAN;
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        assert!(cx.metrics()?.get(Self::TRAIN_LOSS).is_some());
        if self.looks {
            let metrics = cx.metrics()?;
            assert_eq!(metrics.get(Net::TRAIN_LOSS), None, "never the value of another metric");
        }
        Ok(())
    }
}

fn loader() -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&[4; 2], 1)).unwrap()
}

fn check(error: &lightning_core::Error, place: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Metric, "{text}");
    for part in ["must be of the running module `Other`", "found `train_loss` of `Net`", place] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn a_hook_that_looks_up_a_key_of_another_module_fails() {
    let mut model = Other::new(OtherHparams::default().with_looks(true));
    let error = quiet(Other::trainer())
        .limit_val_batches(0)
        .max_epochs(1)
        .build()
        .unwrap()
        .fit(&mut model, loader())
        .unwrap_err();
    check(&error, "Other::on_train_epoch_end");
}

#[test]
fn a_callback_that_looks_up_a_key_of_another_module_fails() {
    let lookup = LambdaCallback::new().on_train_batch_end(|cx, _| {
        assert!(cx.metrics()?.get(Other::TRAIN_LOSS).is_some());
        assert_eq!(cx.metrics()?.get(Net::TRAIN_LOSS), None);
        Ok(())
    });
    let mut model = Other::new(OtherHparams::default());
    let error = quiet(Other::trainer())
        .limit_val_batches(0)
        .callback(lookup)
        .build()
        .unwrap()
        .fit(&mut model, loader())
        .unwrap_err();
    check(&error, "on_train_batch_end");
}

/// A module whose schedule monitors a metric of [`Other`], which logs under the same name.
#[lightning_module]
struct Watching {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Watching {
    fn configure_optimizers(&self) -> Result<OptimizerSetup> {
        let schedule = Schedule::new(schedulers::ReduceLROnPlateau::new(0.1), Interval::Epoch)?;
        Ok(OptimizerSetup::scheduled("sgd", SgdConfig::new(), schedule.monitor(Other::TRAIN_LOSS)))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
}

#[test]
fn a_schedule_that_monitors_a_metric_of_another_module_is_refused() {
    let mut model = Watching::new(WatchingHparams::default());
    let error = quiet(Watching::trainer()).build().unwrap().fit(&mut model, loader()).unwrap_err().to_string();
    let expected = "the schedule of `sgd` must monitor a metric of `Watching`, found `train_loss` of `Other`";
    assert!(error.contains(expected), "{error}");
}

/// Outside of a run a key finds what its own module has logged.
#[test]
fn captured_values_belong_to_the_modules_that_logged_them() {
    let (net, other) = (Net::new(NetHparams::default()), Other::new(OtherHparams::default()));
    let batch = batches(&[4], 1).remove(0);
    let number = |loss: Tensor<1>| f64::from(loss.into_data().try_to_vec::<f32>().unwrap()[0]);
    let (loss, logged) = capture(|| net.training_step(batch.clone()));
    let loss = number(loss);
    assert_eq!((logged.get(Net::TRAIN_LOSS), logged.value("train_loss")), (Some(loss), Some(loss)));
    assert_eq!(logged.get(Other::TRAIN_LOSS), None);
    // The last value has the name, and each module its own.
    let (second, logged) = capture(|| {
        net.training_step(batch.clone());
        other.training_step(batch.clone())
    });
    let second = number(second);
    assert_eq!((logged.get(Net::TRAIN_LOSS), logged.get(Other::TRAIN_LOSS)), (Some(loss), Some(second)));
    assert_eq!(logged.value("train_loss"), Some(second));
    let ((), logged) = capture(|| log("extra", &0.5));
    assert_eq!(logged.get(lightning_core::MetricKey::<Net>::named("extra")), Some(0.5));
}

/// Generic callbacks have keys of their module.
struct Watch<M, D, S>(lightning_core::MetricKey<M, D, S>, Vec<f64>);

impl<M: LightningModule, D: 'static, S: 'static> Callback<M> for Watch<M, D, S> {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        self.1.extend(cx.metrics()?.get(self.0));
        assert_eq!(self.1.len() as u64, cx.batch_step());
        Ok(())
    }
}

#[test]
fn a_generic_callback_finds_the_values_of_its_module() {
    seed_everything(1);
    let mut net = Net::new(NetHparams::default());
    let trainer = Net::quiet().limit_val_batches(0).max_epochs(1).callback(Watch(Net::TRAIN_LOSS, Vec::new()));
    trainer.build().unwrap().fit(&mut net, loader()).unwrap();
    let mut other = Other::new(OtherHparams::default());
    let trainer = quiet(Other::trainer())
        .limit_val_batches(0)
        .max_epochs(1)
        .callback(Watch(Other::TRAIN_LOSS.step(), Vec::new()));
    trainer.build().unwrap().fit(&mut other, loader()).unwrap();
}

#[test]
fn a_resumed_run_knows_its_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.ckpt");
    let mut model = Other::new(OtherHparams::default());
    let mut trainer = quiet(Other::trainer()).limit_val_batches(0).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, loader()).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    let mut model = Other::new(OtherHparams::default().with_looks(true));
    let mut trainer = quiet(Other::trainer()).limit_val_batches(0).max_epochs(2).resume_from(path).build().unwrap();
    check(&trainer.fit(&mut model, loader()).unwrap_err(), "Other::on_train_epoch_end");
}

#[test]
fn warnings_are_in_the_report_of_their_own_run() {
    let mut model = Other::new(OtherHparams::default());
    let mut trainer = quiet(Other::trainer()).max_epochs(1).limit_val_batches(1).build().unwrap();
    let evaluation = trainer.validate(&mut model, loader()).unwrap();
    let is_nan = |warning: &String| warning.contains("`val_loss` is NaN");
    assert!(evaluation.warnings.iter().any(is_nan), "{:?}", evaluation.warnings);
    assert!(evaluation.to_string().contains("\nwarning: `val_loss` is NaN"), "{evaluation}");
    // A run that fails has no report, and its warnings are in no other.
    model.looks = true;
    trainer.fit(&mut model, (loader(), loader())).unwrap_err();
    model.looks = false;
    let report = trainer.fit(&mut model, (loader(), loader())).unwrap();
    let count = report.warnings.iter().filter(|warning| is_nan(warning)).count();
    assert_eq!(count, 1, "{:?}", report.warnings);
}
