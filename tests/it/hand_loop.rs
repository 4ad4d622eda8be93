//! The trainer against a loop written by hand with Burn's own optimizers: equal bit by bit after
//! 200 steps.

use burn::{
    module::Module,
    nn::*,
    optim::{AdamConfig, AdamWConfig, GradientsParams, RmsPropConfig, SgdConfig, momentum::MomentumConfig},
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::{functional::cross_entropy, prelude::*};

use crate::support::{Rows, batches, bits, quiet};

macro_rules! networks {
    ($($name:ident, $hparams:ident, $test:ident, $config:expr;)*) => {
        $(
            #[lightning_module]
            #[optimizer($config, lr = 0.01)]
            struct $name {
                #[init(LinearConfig::new(8, 16).init(device))]
                fc1: Linear,
                #[init(BatchNormConfig::new(16).init(device))]
                norm: BatchNorm,
                #[init(LinearConfig::new(16, 3).init(device))]
                fc2: Linear,
            }

            #[lightning_module]
            impl $name {
                fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                    self.fc2.forward(relu(self.norm.forward(self.fc1.forward(x))))
                }

                fn training_step(&self, batch: Rows) -> Tensor<1> {
                    #[log(minimize)]
                    let train_loss = cross_entropy(self.forward(batch.x), batch.y);
                    train_loss
                }
            }

            impl $name {
                fn values(&self) -> Vec<u32> {
                    let mut all = Vec::new();
                    for linear in [&self.fc1, &self.fc2] {
                        all.extend(bits(&linear.weight.val().into_data().try_to_vec::<f32>().unwrap()));
                        all.extend(bits(&linear.bias.as_ref().unwrap().val().into_data().try_to_vec::<f32>().unwrap()));
                    }
                    for running in [&self.norm.running_mean, &self.norm.running_var] {
                        all.extend(bits(&running.value_sync().into_data().try_to_vec::<f32>().unwrap()));
                    }
                    all
                }
            }

            #[test]
            fn $test() {
                seed_everything(5);
                let data = batches(&[16; 40], 9);
                let mut model = $name::new($hparams::default());
                let start = model.values();

                let device = Device::default().autodiff();
                let mut by_hand = model.clone().valid().train().fork(&device);
                let mut optimizer = $config.init();
                for _ in 0..5 {
                    for batch in &data {
                        let x = Batch::to_device(batch.x.clone(), &device);
                        let loss = cross_entropy(by_hand.forward(x), batch.y.clone());
                        let gradients = GradientsParams::from_grads(loss.backward(), &by_hand);
                        by_hand = optimizer.step(0.01, by_hand, gradients);
                    }
                }

                let mut trainer = quiet($name::trainer()).max_epochs(5).build().unwrap();
                let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
                assert_eq!(report.global_step, 200);
                assert_ne!(model.values(), start, "it has learned something");
                assert_eq!(model.values(), by_hand.valid().values());
            }
        )*
    };
}

networks! {
    Sgd, SgdHparams, sgd_is_equal_bit_by_bit, SgdConfig::new();
    Momentum, MomentumHparams, momentum_is_equal_bit_by_bit, SgdConfig::new().with_momentum(Some(MomentumConfig::new()));
    Adam, AdamHparams, adam_is_equal_bit_by_bit, AdamConfig::new();
    AdamW, AdamWHparams, adamw_is_equal_bit_by_bit, AdamWConfig::new().with_weight_decay(0.1);
    RmsProp, RmsPropHparams, rmsprop_is_equal_bit_by_bit, RmsPropConfig::new();
    Clipped, ClippedHparams, clipping_of_the_configuration_is_kept,
        AdamConfig::new().with_grad_clipping(Some(burn::grad_clipping::GradientClippingConfig::Norm(0.05)));
}
