//! `BackboneFinetuning` and `BaseFinetuning`: the row W5 of the behaviour cases, and the schedules
//! of LIGHTNING.md 3.5.

use std::sync::{Arc, Mutex};

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::{
    callbacks::{BackboneFinetuning, BaseFinetuning, FinetuningContext, FinetuningSchedule, UnfrozenRate},
    prelude::*,
    trainer::TrainerBuilder,
};

use crate::support::{Rows, SaveAfterBatch, batches, bits, quiet};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Transfer {
    #[init(LinearConfig::new(8, 6).init(device))]
    backbone: Linear,
    #[init(BatchNormConfig::new(6).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(6, 3).init(device))]
    head: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
}

#[lightning_module]
impl Transfer {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(relu(self.norm.forward(self.backbone.forward(batch.x)))), batch.y)
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Notes the rates and the backbone's first weight at the start of each epoch, after what was asked
/// for before it.
#[derive(Clone, Default)]
struct Watch {
    rates: Arc<Mutex<Vec<Vec<f64>>>>,
    weights: Arc<Mutex<Vec<Vec<f32>>>>,
}

impl Callback<Transfer> for Watch {
    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut Transfer) -> Result<()> {
        self.rates.lock().unwrap().push(cx.learning_rates().into_iter().map(|(_, lr)| lr).collect());
        self.weights.lock().unwrap().push(floats(module.backbone.weight.val()));
        Ok(())
    }
}

fn fit(trainer: TrainerBuilder<Transfer>, epochs: usize) -> (Transfer, Watch) {
    seed_everything(1);
    let watch = Watch::default();
    let mut model = Transfer::new(TransferHparams::default());
    let mut trainer = quiet(trainer).max_epochs(epochs).callback(watch.clone()).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[4; 3], 1)).unwrap()).unwrap();
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    (model, watch)
}

/// Unfreezes the backbone in an epoch, with a rate.
#[derive(Clone)]
struct At(u64, UnfrozenRate);

impl FinetuningSchedule<Transfer> for At {
    fn freeze_before_training(&mut self, cx: &mut FinetuningContext<'_, '_, Transfer>) -> Result<()> {
        cx.freeze(Transfer::BACKBONE, true)
    }
    fn finetune(&mut self, epoch: u64, cx: &mut FinetuningContext<'_, '_, Transfer>) -> Result<()> {
        if epoch == self.0 {
            cx.unfreeze_and_add_param_group(Transfer::BACKBONE, self.1, true)?;
        }
        Ok(())
    }
}

/// The row W5, and the same with other numbers.
#[test]
fn w5_an_unfrozen_field_has_a_rate_of_its_own() {
    for (rate, expected) in [
        (UnfrozenRate::default(), 0.001),
        (UnfrozenRate::Fixed(100.0), 100.0),
        (UnfrozenRate::Divided(4.0), 0.0025),
        (UnfrozenRate::Fixed(0.0), 0.0),
    ] {
        let (_, watch) = fit(Transfer::trainer().callback(BaseFinetuning::new(At(1, rate))), 2);
        let rates = watch.rates.lock().unwrap().clone();
        assert_eq!(rates[0], [0.01]);
        assert_eq!(rates[1].len(), 2);
        assert!((rates[1][1] - expected).abs() < 1e-12, "{rate:?}: {rates:?}");
    }
}

#[test]
fn the_backbone_is_frozen_until_its_epoch_and_its_rate_grows_to_the_optimizers() {
    let finetuning = BackboneFinetuning::new(Transfer::BACKBONE).unfreeze_backbone_at_epoch(2).lambda_func(|_| 3.0);
    let (model, watch) = fit(Transfer::trainer().callback(finetuning), 7);
    let own: Vec<f64> = watch.rates.lock().unwrap().iter().filter_map(|rates| rates.get(1).copied()).collect();
    let expected = [0.001, 0.003, 0.009, 0.01, 0.01];
    assert_eq!(own.len(), expected.len());
    assert!(own.iter().zip(expected).all(|(own, expected)| (own - expected).abs() < 1e-12), "{own:?}");
    let weights = watch.weights.lock().unwrap().clone();
    assert_eq!(weights[0], weights[2], "frozen in the epochs 0 and 1");
    assert_ne!(weights[2], weights[3], "trained in epoch 2");
    assert_ne!(floats(model.backbone.weight.val()), weights[6]);
}

#[test]
fn the_rate_need_not_align_and_the_factor_depends_on_the_epoch() {
    let finetuning = BackboneFinetuning::new(Transfer::BACKBONE)
        .unfreeze_backbone_at_epoch(1)
        .backbone_initial_lr(0.008)
        .should_align(false)
        .lambda_func(|epoch| epoch as f64);
    let (_, watch) = fit(Transfer::trainer().callback(finetuning), 4);
    let own: Vec<f64> = watch.rates.lock().unwrap().iter().filter_map(|rates| rates.get(1).copied()).collect();
    // Before the epochs 2 and 3, which are the third and the fourth.
    let expected = [0.008, 0.024, 0.096];
    assert!(own.iter().zip(expected).all(|(own, expected)| (own - expected).abs() < 1e-12), "{own:?}");
}

/// A backbone with a norm in it, and an optimizer that does not know it.
#[lightning_module]
pub struct HeadOnly {
    #[init(vec![BatchNormConfig::new(8).init(device)])]
    backbone: Vec<BatchNorm>,
    #[optimizer(AdamConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(8, 3).init(device))]
    head: Linear,
}

#[lightning_module]
impl HeadOnly {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let x = self.backbone.iter().fold(batch.x, |x, norm| norm.forward(x));
        cross_entropy(self.head.forward(x), batch.y)
    }
}

#[test]
fn a_norm_trains_on_in_a_frozen_backbone_unless_told_otherwise() {
    let train = |train_bn: bool| {
        let finetuning = BackboneFinetuning::new(HeadOnly::BACKBONE).unfreeze_backbone_at_epoch(1).train_bn(train_bn);
        let mut model = HeadOnly::new(HeadOnlyHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 3], 1)).unwrap();
        quiet(HeadOnly::trainer()).max_epochs(2).callback(finetuning).build().unwrap().fit(&mut model, data).unwrap();
        let norm = &model.backbone[0];
        (floats(norm.gamma.val()), floats(norm.running_mean.value_sync()))
    };
    let (gamma, mean) = train(true);
    assert!(gamma.iter().any(|gamma| *gamma != 1.0) && mean.iter().any(|mean| *mean != 0.0), "{gamma:?} {mean:?}");
    let (gamma, mean) = train(false);
    assert!(gamma.iter().all(|gamma| *gamma == 1.0) && mean.iter().all(|mean| *mean == 0.0), "{gamma:?} {mean:?}");
}

#[test]
fn a_resumed_run_has_the_groups_without_the_schedule_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("7.ckpt");
    let run = |resume: Resume| {
        let save = SaveAfterBatch { batch: 7, path: path.clone() };
        let finetuning = BaseFinetuning::new(At(1, UnfrozenRate::Fixed(0.02)));
        fit(Transfer::trainer().callback(finetuning).callback(save).resume_from(resume), 4)
    };
    let (whole, rates) = run(Resume::Never);
    // In the middle of epoch 2: epoch 1, which unfreezes, is over.
    let (resumed, rest) = run(Resume::Path(path.clone()));
    assert_eq!(bits(&floats(whole.backbone.weight.val())), bits(&floats(resumed.backbone.weight.val())));
    assert_eq!(bits(&floats(whole.head.weight.val())), bits(&floats(resumed.head.weight.val())));
    assert_eq!(rates.rates.lock().unwrap()[3..], rest.rates.lock().unwrap()[..]);
}

/// Ends the first `fit` after epoch 1.
struct StopOnce(bool);

impl<M> Callback<M> for StopOnce {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.current_epoch() == 1 && !std::mem::replace(&mut self.0, true) {
            cx.stop("enough for now");
        }
        Ok(())
    }
}

#[test]
fn a_second_fit_goes_on_with_what_has_been_unfrozen() {
    let watch = Watch::default();
    let finetuning = BackboneFinetuning::new(Transfer::BACKBONE).unfreeze_backbone_at_epoch(1).should_align(false);
    let mut model = Transfer::new(TransferHparams::default());
    let data = || DataLoader::from_batches(batches(&[4; 3], 1)).unwrap();
    let builder = quiet(Transfer::trainer()).max_epochs(4).callback(finetuning).callback(watch.clone());
    let mut trainer = builder.callback(StopOnce(false)).build().unwrap();
    assert_eq!(trainer.fit(&mut model, data()).unwrap().current_epoch, 2);
    let before = floats(model.backbone.weight.val());
    assert_eq!(trainer.fit(&mut model, data()).unwrap().current_epoch, 4);
    assert_ne!(floats(model.backbone.weight.val()), before, "it is not frozen again");
    let own: Vec<f64> = watch.rates.lock().unwrap().iter().filter_map(|rates| rates.get(1).copied()).collect();
    assert_eq!(own.len(), 3, "in one group: {own:?}");
    assert!(own.iter().zip([0.001, 0.002, 0.004]).all(|(own, expected)| (own - expected).abs() < 1e-12), "{own:?}");
}

#[test]
fn what_cannot_be_done_is_said() {
    struct NoGroup;
    impl FinetuningSchedule<Transfer> for NoGroup {
        fn freeze_before_training(&mut self, _cx: &mut FinetuningContext<'_, '_, Transfer>) -> Result<()> {
            Ok(())
        }
        fn finetune(&mut self, _epoch: u64, cx: &mut FinetuningContext<'_, '_, Transfer>) -> Result<()> {
            cx.set_lr(Transfer::HEAD, 0.1)
        }
    }
    let mut model = Transfer::new(TransferHparams::default());
    let mut trainer = quiet(Transfer::trainer()).max_epochs(1).callback(BaseFinetuning::new(NoGroup)).build().unwrap();
    let data = DataLoader::from_batches(batches(&[4; 3], 1)).unwrap();
    let text = trainer.fit(&mut model, data).unwrap_err().to_string();
    assert!(text.contains("`head` has no separate learning rate"), "{text}");
    let wrong = BackboneFinetuning::new(Transfer::BACKBONE).backbone_initial_lr(f64::NAN);
    assert!(quiet(Transfer::trainer()).callback(wrong).build().is_err());
}
