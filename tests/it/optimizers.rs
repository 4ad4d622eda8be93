//! Parameter groups, windows, L-BFGS and wrong settings of an optimizer: against torch's numbers
//! and Burn's own.

use burn::{
    module::Module,
    nn::*,
    optim::{AdamConfig, AdamWConfig, GradientsParams, LBFGSConfig, SgdConfig, momentum::MomentumConfig},
    prelude::*,
    tensor::activation::tanh,
};
use lightning_core::{ErrorKind, functional::cross_entropy, prelude::*, trainer::StopReason};

use crate::{
    optimizers_support::{assert_close, doubles, linear, loader, network, reference, values},
    support::{Rows, batches, quiet},
};

network! {
    #[optimizer(
        AdamWConfig::new().with_weight_decay(0.1).with_epsilon(1e-8),
        lr = 0.01,
        group(params::rank_below(2), weight_decay = 0.0),
        group(body, lr = 0.001),
    )]
    Grouped {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            if cx.current_epoch() == 3 {
                self.unfreeze(Self::BODY);
            }
        }
    }
}

#[test]
fn groups_and_unfreezing_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Grouped::new(GroupedHparams::default().with_double(double));
        model = model.freeze(Grouped::BODY);
        let body = doubles(model.body.weight.val());
        let mut trainer = quiet(Grouped::trainer()).max_epochs(3).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(doubles(model.body.weight.val()), body, "frozen until epoch 3");
        let mut model = Grouped::new(GroupedHparams::default().with_double(double));
        model = model.freeze(Grouped::BODY);
        let mut trainer = quiet(Grouped::trainer()).max_epochs(6).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("groups", double, &model.body, &model.head, &reference().adamw_groups);
    }
}

network! {
    #[optimizer(
        AdamWConfig::new().with_weight_decay(0.1).with_epsilon(1e-8).with_beta_1(0.875).with_beta_2(0.9375),
        lr = 0.01,
        group(params::rank_below(2), weight_decay = 0.0),
        group(body, lr = 0.001),
    )]
    GroupedOfShortMemory {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            if cx.current_epoch() == 3 {
                self.unfreeze(Self::BODY);
            }
        }
    }
}

/// With the betas of use, 1 - βᵗ is a small difference, and Burn takes it in float32; with these it
/// is not.
#[test]
fn groups_of_short_memory_give_torchs_numbers() {
    let mut model = GroupedOfShortMemory::new(GroupedOfShortMemoryHparams::default().with_double(true));
    model = model.freeze(GroupedOfShortMemory::BODY);
    let mut trainer = quiet(GroupedOfShortMemory::trainer()).max_epochs(6).build().unwrap();
    trainer.fit(&mut model, loader(true)).unwrap();
    let expected = &reference().adamw_groups_of_short_memory;
    assert_close("short memory", true, &model.body, &model.head, expected);
}

network! {
    #[optimizer(SgdConfig::new().with_momentum(Some(MomentumConfig::torch_defaults())), lr = 0.1)]
    Weighted {
        fn training_step(&self, batch: Rows) -> Loss {
            let n = batch.y.dims()[0];
            let mean = cross_entropy(self.forward(batch.x), batch.y);
            let loss = Loss::weighted(mean * n as f64, n);
            #[log(minimize)]
            let train_loss = &loss;
            let _ = train_loss;
            loss
        }
    }
}

#[test]
fn weighted_windows_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Weighted::new(WeightedHparams::default().with_double(double));
        let mut trainer = quiet(Weighted::trainer()).max_epochs(4).accumulate_grad_batches(3).build().unwrap();
        let report = trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(report.global_step, 12, "three windows an epoch, the last of two batches");
        assert_close("weights", double, &model.body, &model.head, &reference().weighted_accumulation);
    }
}

network! {
    #[optimizer(AdamConfig::torch_defaults(), lr = 0.01)]
    Clipped {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }
    }
}

#[test]
fn clipped_windows_give_torchs_numbers() {
    for double in [false, true] {
        let mut model = Clipped::new(ClippedHparams::default().with_double(double));
        let builder = quiet(Clipped::trainer()).max_epochs(4).accumulate_grad_batches(3).gradient_clip_val(0.05);
        builder.build().unwrap().fit(&mut model, loader(double)).unwrap();
        assert_close("clipping", double, &model.body, &model.head, &reference().clipped_accumulation);
    }
}

network! {
    #[optimizer(LBFGSConfig::new().with_max_iter(5), lr = 1.0)]
    Searched {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            #[log(minimize)]
            let train_loss = cross_entropy(self.forward(batch.x), batch.y);
            train_loss
        }
    }
}

#[test]
fn lbfgs_searches_with_a_closure() {
    let mut model = Searched::new(SearchedHparams::default());
    let device = Device::default().autodiff();
    let data = batches(&[40], 3);
    let batch = data[0].clone();
    // Burn's own, on the same module.
    let by_hand = model.clone().valid().train().fork(&device);
    let mut lbfgs = LBFGSConfig::new().with_max_iter(5).init();
    let (x, y) = (Batch::to_device(batch.x, &device), batch.y);
    let (by_hand, loss) = lbfgs.step(1.0, by_hand, |module: Searched| {
        let loss = cross_entropy(module.forward(x.clone()), y.clone());
        let value = loss.clone().into_scalar::<f64>();
        (value, GradientsParams::from_grads(loss.backward(), &module))
    });
    let mut trainer = quiet(Searched::trainer()).max_steps(1).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!(report.stop_reason, StopReason::MaxSteps);
    let by_hand = by_hand.valid();
    for (ours, theirs) in [(&model.body, &by_hand.body), (&model.head, &by_hand.head)] {
        for (ours, theirs) in values(ours).iter().zip(values(theirs)) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
    assert!(loss < 1.0, "one search takes the loss from 1.2 to {loss}");
}

network! {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    Broken {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            let logits = self.forward(batch.x);
            // The root of zero has no finite derivative; the loss itself is finite.
            let zero = (logits.clone() - logits.clone()).sqrt().sum();
            cross_entropy(logits, batch.y) + zero
        }
    }
}

#[test]
fn an_anomaly_is_named() {
    let mut model = Broken::new(BrokenHparams::default());
    let mut trainer = quiet(Broken::trainer()).max_epochs(1).detect_anomaly(true).build().unwrap();
    let error = trainer.fit(&mut model, loader(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Anomaly);
    assert!(error.to_string().contains("`body.weight`"), "{error}");
    assert_eq!(error.location().batch, Some(0));
}

#[test]
fn wrong_optimizers_are_errors_before_the_first_batch() {
    network! {
        #[optimizer(SgdConfig::new(), lr = 0.1, group(params::regex("nothing.*"), lr = 0.2))]
        Nothing {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Nothing::new(NothingHparams::default());
    let error = quiet(Nothing::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("must match a parameter, found none"), "{error}");
    assert!(error.to_string().contains("`body.weight`, `body.bias`, `head.weight`, `head.bias`"), "{error}");

    network! {
        #[optimizer(SgdConfig::new(), lr = 0.1, group(params::regex("(unclosed"), lr = 0.2))]
        Unclosed {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Unclosed::new(UnclosedHparams::default());
    let error = quiet(Unclosed::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("(unclosed"), "{error}");

    network! {
        #[optimizer(SgdConfig::new(), lr = -0.1)]
        Negative {
            fn training_step(&self, batch: Rows) -> Tensor<1> {
                cross_entropy(self.forward(batch.x), batch.y)
            }
        }
    }
    let mut model = Negative::new(NegativeHparams::default());
    let error = quiet(Negative::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("-0.1"), "{error}");
}
