//! Options whose values a `macro_rules!` passes on as expressions.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

macro_rules! module {
    ($net:ident, $interval:expr, $frequency:expr, $name:expr, $on_step:expr, $reduce:expr) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 100), interval = $interval, frequency = $frequency)]
        struct $net {
            #[init(LinearConfig::new(4, 1).init(device))]
            layer: Linear,
        }

        #[lightning_module]
        impl $net {
            fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
                #[log(minimize, name = $name, on_step = $on_step, on_epoch, reduce = $reduce)]
                let train_loss = self.layer.forward(batch).mean();
                train_loss
            }
        }
    };
}

module!(Steps, step, 2, "train/loss", false, sum);
module!(Epochs, epoch, 1, "loss", true, mean);

macro_rules! bound {
    ($net:ident, $every:expr, $repeat:expr) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1, name = only)]
        struct $net {
            #[init(LinearConfig::new(4, 1).init(device))]
            layer: Linear,
        }

        #[lightning_module]
        impl $net {
            #[training_step(optimizer = only, every = $every, repeat = $repeat)]
            fn only_step(&self, batch: Tensor<2>) -> Tensor<1> {
                self.layer.forward(batch).mean()
            }
        }
    };
}

bound!(Bound, 1, 2);

#[test]
fn the_values_arrive() {
    let mut steps = Steps::new(StepsHparams::default());
    let report = quick(Steps::trainer()).build().unwrap().fit(&mut steps, rows()).unwrap();
    assert!(report.metrics.value("train/loss").is_some());
    let mut epochs = Epochs::new(EpochsHparams::default());
    let report = quick(Epochs::trainer()).build().unwrap().fit(&mut epochs, rows()).unwrap();
    assert!(report.metrics.get(Epochs::TRAIN_LOSS).is_some());
    let mut bound = Bound::new(BoundHparams::default());
    let report = quick(Bound::trainer()).build().unwrap().fit(&mut bound, rows()).unwrap();
    assert!(report.global_step >= 2);
}
