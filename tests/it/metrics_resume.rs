//! Stateful metrics in checkpoints: an epoch that is resumed in its middle comes to the values of
//! one that never stopped.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Rng,
    metrics::{
        self, Accuracy, Auroc, Average, AveragePrecision, ConfusionMatrix, FBeta, MeanAbsoluteError, Perplexity,
        R2Score,
    },
    prelude::*,
};

use crate::{
    resume_exact::{Case, MOMENTS, Program, program, try_case},
    support::Rows,
};

/// Each form of state, each way of logging, in training and in validation.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.2)]
pub struct Measured {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Measured {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let logits = self.layer.forward(batch.x.clone());
        #[log(maximize, on_step, on_epoch, metric = Accuracy::new())]
        let train_acc = (&logits, &batch.y);
        #[log(metric = metrics::Precision::new().average(Average::PerClass))]
        let train_precision = (&logits, &batch.y);
        #[log(metric = Auroc::new())]
        let train_auroc = (&logits, &batch.y);
        #[log(on_step, on_epoch = false, metric = Perplexity::new())]
        let train_perplexity = (&logits, &batch.y);
        #[log(metric = R2Score::new())]
        let train_r2 = (&logits, &batch.x.clone().narrow(1, 0, 3));
        self.shared(&logits, &batch);
        cross_entropy(logits, batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.layer.forward(batch.x.clone());
        #[log(maximize, on_step, on_epoch, metric = FBeta::f1())]
        let val_f1 = (&logits, &batch.y);
        #[log(metric = AveragePrecision::new().thresholds(7))]
        let val_precision = (&logits, &batch.y);
        self.shared(&logits, &batch);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn shared(&self, logits: &Tensor<2>, batch: &Rows) {
        #[log(per_stage, metric = ConfusionMatrix::new())]
        let confusion = (logits, &batch.y);
        #[log(per_stage, metric = ConfusionMatrix::new().normalize(metrics::Normalize::Targets))]
        let labels = (logits, logits.clone().greater_scalar(0.0));
    }
    fn on_train_epoch_end(&mut self) {
        #[log(metric = MeanAbsoluteError::new())]
        let size = (self.layer.weight.val(), self.layer.weight.val().zeros_like());
    }
}

program!(Measured, MeasuredHparams);

#[test]
fn every_moment_of_one_run_with_stateful_metrics() {
    let case = Case {
        items: 22,
        batch_size: 4,
        shuffle: true,
        epochs: 2,
        steps: None,
        min_epochs: 0,
        accumulate: 1,
        val_interval: Some(2),
        val_every: 1,
        clip: None,
        limit_train: None,
        patience: None,
        log_every: 1,
    };
    let moments = (0..13).flat_map(|step| MOMENTS.map(|moment| (moment, step))).collect();
    assert_eq!(try_case::<Measured>(&case, moments), 12 * 3 + 6 * 2 + 2 * 2 + 1);
}

#[test]
fn any_run_with_stateful_metrics_resumed_anywhere() {
    let mut resumed = 0;
    for seed in 0..6 {
        let mut rng = Rng::new(2000 + seed);
        let case = Case::random(&mut rng);
        let last = case.epochs * case.items.div_ceil(case.batch_size);
        let moments =
            (0..12).map(|_| (MOMENTS[rng.random_range(0..8)], rng.random_range(0..last + 1) as u64)).collect();
        resumed += try_case::<Measured>(&case, moments);
    }
    assert!(resumed > 6, "{resumed} checkpoints were tried");
}
