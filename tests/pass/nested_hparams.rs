//! A module in a module, whose hyperparameters lie in those of the outer one, and a function for
//! any module at all.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use super::{quick, rows};

mod encoder {
    use super::*;

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.01)]
    pub(crate) struct Encoder {
        #[init(LinearConfig::new(inputs, outputs).init(device))]
        layer: Linear,
        /// What goes in.
        #[hparam]
        inputs: usize,
        #[hparam(default = 3)]
        outputs: usize,
    }

    #[lightning_module]
    impl Encoder {
        pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            relu(self.layer.forward(x))
        }
        fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
            #[log(minimize)]
            let train_loss = self.forward(batch).mean();
            train_loss
        }
    }
}

use encoder::{Encoder, EncoderHparams};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Classifier {
    #[init(Encoder::new_on(encoder_sizes, device))]
    encoder: Encoder,
    #[init(LinearConfig::new(encoder.hparams().outputs, 2).init(device))]
    head: Linear,
    #[hparam]
    encoder_sizes: EncoderHparams,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Classifier {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.head.forward(self.encoder.forward(batch)).mean();
        train_loss
    }
}

fn fit_twice<M>(mut model: M) -> M
where
    M: LightningModule<TrainBatch = Tensor<2>>
        + lightning_core::module::TrainingStep
        + lightning_core::module::ConfigureOptimizers,
{
    for _ in 0..2 {
        let trainer = quick(Trainer::<M>::builder());
        trainer.build().unwrap().fit(&mut model, DataLoader::from_batches(rows()).unwrap()).unwrap();
    }
    model
}

#[test]
fn runs() {
    let hparams = ClassifierHparams::new(EncoderHparams::new(4));
    let model = fit_twice(Classifier::new(hparams.clone()));
    assert_eq!(model.hparams(), hparams);
    fit_twice(Encoder::new(EncoderHparams::new(4).with_outputs(2)));
}
