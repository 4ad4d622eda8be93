//! Types that a `macro_rules!` passes on: batches, results, fields.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

macro_rules! module {
    ($net:ident, $batch:ty, $predicted:ty, $layer:ty, $state:ty, $context:ty) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1)]
        struct $net {
            #[init(LinearConfig::new(4, 1).init(device))]
            layer: $layer,
            #[state]
            seen: $state,
        }

        #[lightning_module]
        impl $net {
            fn training_step(&self, batch: $batch, cx: $context) -> Tensor<1> {
                let _ = cx.batch_idx();
                self.layer.forward(batch).mean()
            }
            fn predict_step(&self, batch: $batch) -> $predicted {
                Ok(self.layer.forward(batch))
            }
            fn on_train_batch_end(&mut self, batch: &$batch) {
                self.seen.push(batch.dims()[0]);
            }
        }
    };
}

module!(Net, Tensor<2>, Result<Tensor<2>>, Linear, Vec<usize>, &StepContext);

#[test]
fn results_are_not_predictions() {
    let mut net = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).build().unwrap();
    trainer.fit(&mut net, rows()).unwrap();
    assert_eq!(net.seen, [4, 4]);
    let predicted: Vec<Tensor<2>> = trainer.predict(&mut net, rows()).unwrap();
    assert_eq!(predicted.len(), 2);
}
