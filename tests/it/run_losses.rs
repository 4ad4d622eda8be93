//! Losses and gradients that are not finite.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    FitReport,
    prelude::*,
    readback,
    settings::{ClipAlgorithm, ReadBack},
    trainer::TrainerBuilder,
};

use crate::run_ends::loader;
use crate::support::{Rows, quiet};

/// What is wrong with the third batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Break {
    #[default]
    Nothing,
    Loss(f32),
    LoggedLoss(f32),
    /// Infinite only in the forward pass.
    Shift,
    Gradient(f32),
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Breaking {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    pub at: Break,
}

#[lightning_module]
impl Breaking {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let is_third = cx.batch_step() == 2;
        let logits = self.layer.forward(batch.x);
        let loss = cross_entropy(logits.clone(), batch.y);
        if !is_third {
            return loss;
        }
        match self.at {
            Break::Nothing => loss,
            Break::Loss(factor) => loss * factor,
            Break::LoggedLoss(factor) => {
                #[log]
                let broken = loss * factor;
                broken
            }
            Break::Shift => {
                log("shift", &f64::INFINITY);
                loss + f32::INFINITY
            }
            // The root of 0, whose slope is infinite, for one of the weights.
            Break::Gradient(factor) => {
                let weight = self.layer.weight.val().slice([0..1, 0..1]);
                (weight.clone() - weight.detach()).sum().sqrt() * factor
            }
        }
    }
}

impl Breaking {
    pub fn run(at: Break, trainer: TrainerBuilder<Self>, batches: usize) -> (FitReport<Self>, Vec<f32>) {
        seed_everything(1);
        let mut model = Self::new(BreakingHparams::default());
        model.at = at;
        let report = quiet(trainer).max_epochs(1).build().unwrap().fit(&mut model, loader(batches)).unwrap();
        let weights = model.layer.weight.val().into_data().try_to_vec().unwrap();
        (report, weights)
    }
}

#[test]
fn a_loss_that_is_not_finite_is_named_and_counted() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        for every in [1, 2, 50] {
            let trainer = || Breaking::trainer().log_every_n_steps(every).read_back(when);
            let (report, _) = Breaking::run(Break::Nothing, trainer(), 6);
            assert_eq!((report.non_finite_losses, report.warnings.len()), (0, 0));
            // Not logged: the batches 2 to 5 of the epoch.
            let (report, weights) = Breaking::run(Break::Loss(f32::NAN), trainer(), 6);
            assert!(weights.iter().all(|weight| weight.is_nan()));
            assert_eq!(report.non_finite_losses, 4, "{when:?} {every}");
            let [warning] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
            assert!(warning.starts_with("the loss is NaN, seen in epoch 0 at batch 2"), "{warning}");
            assert!(report.to_string().contains("losses that are not finite: 4"), "{report}");
            let (report, _) = Breaking::run(Break::Loss(f32::INFINITY), trainer(), 6);
            let [warning] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
            assert!(warning.starts_with("the loss is infinite, seen in epoch 0 at batch 2"), "{warning}");
            assert_eq!(report.non_finite_losses, 4);
            // Logged: one warning, for the metric.
            let (report, _) = Breaking::run(Break::LoggedLoss(f32::INFINITY), trainer(), 6);
            assert_eq!(report.warnings, ["`broken` is infinite, seen in epoch 0 at batch 2"]);
            assert_eq!(report.non_finite_losses, 4);
            // A loss that leaves the weights finite is found by what is logged beside it.
            let (report, weights) = Breaking::run(Break::Shift, trainer(), 6);
            assert!(weights.iter().all(|weight| weight.is_finite()));
            assert_eq!(report.warnings, ["`shift` is infinite, seen in epoch 0 at batch 2"]);
            assert_eq!(report.non_finite_losses, 1);
        }
    }
}

#[test]
fn the_losses_are_read_with_the_logged_values() {
    let start = readback::waits();
    let trainer = Breaking::trainer().log_every_n_steps(1).read_back(ReadBack::Deferred);
    Breaking::run(Break::Nothing, trainer, 40);
    // Nothing is logged, so that no step reads; the end of the epoch reads once.
    assert_eq!(readback::waits() - start, 1);
}

#[test]
fn a_norm_that_is_not_finite_skips_the_step() {
    let (clean, _) = Breaking::run(Break::Nothing, Breaking::trainer().gradient_clip_val(1.0), 6);
    assert_eq!((clean.global_step, clean.skipped_steps), (6, 0));
    for (factor, word) in [(1.0, "infinite"), (f32::NAN, "NaN")] {
        let trainer = Breaking::trainer().gradient_clip_val(1.0);
        let (report, weights) = Breaking::run(Break::Gradient(factor), trainer, 6);
        assert!(weights.iter().all(|weight| weight.is_finite()), "{weights:?}");
        assert_eq!((report.global_step, report.skipped_steps), (5, 1), "{report}");
        let warning = &report.warnings[0];
        assert!(warning.contains("norm of the gradients") && warning.contains("at batch 2"), "{warning}");
        assert!(warning.contains(word), "{warning}");
    }
    // A loss that is NaN makes the norm NaN: said, counted and skipped.
    let (report, weights) = Breaking::run(Break::Loss(f32::NAN), Breaking::trainer().gradient_clip_val(1.0), 6);
    assert!(weights.iter().all(|weight| weight.is_finite()));
    assert_eq!((report.global_step, report.skipped_steps, report.non_finite_losses), (5, 1, 1), "{report}");
    // By value an infinite gradient becomes the limit, as in torch.
    let trainer = Breaking::trainer().gradient_clip_val(1.0).gradient_clip_algorithm(ClipAlgorithm::Value);
    let (report, weights) = Breaking::run(Break::Gradient(1.0), trainer, 6);
    assert!(weights.iter().all(|weight| weight.is_finite()));
    assert_eq!((report.global_step, report.skipped_steps, report.warnings.len()), (6, 0, 0));
}
