//! Macro calls in steps: of the standard library, and one around a logged value.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

macro_rules! timed {
    ($($body:tt)*) => {{ $($body)* }};
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        assert_eq!(batch.dims(), [4, 4]);
        let both = vec![batch.clone(), batch];
        #[log(minimize)]
        let train_loss = timed! {
            let x = Tensor::cat(both, 0);
            self.layer.forward(x).mean()
        };
        #[log]
        let rows = timed!(2.0 + 2.0);
        train_loss
    }
}

#[test]
fn the_call_is_logged() {
    let mut net = Net::new(NetHparams::default());
    let report = quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
    assert_eq!(report.metrics.get(Net::ROWS), Some(4.0));
    assert!(report.metrics.get(Net::TRAIN_LOSS).is_some());
}
