//! Two modules made by a `macro_rules!`.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

macro_rules! module {
    ($name:ident, $layer:ident: $ty:ty = $init:expr, $loss:ident) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1)]
        struct $name {
            #[init($init)]
            $layer: $ty,
        }

        #[lightning_module]
        impl $name {
            fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
                #[log(minimize)]
                let $loss = self.$layer.forward(batch).mean();
                $loss
            }
            fn on_train_batch_end(&mut self, batch_idx: usize, cx: &mut HookContext) {
                let _ = (batch_idx, cx);
            }
            fn predict_step(&self, batch: Tensor<2>) -> Result<Tensor<2>> {
                Ok(self.$layer.forward(batch))
            }
        }
    };
}

module!(Narrow, layer: Linear = LinearConfig::new(4, 1).init(&Device::default()), narrow_loss);
module!(Wide, head: Linear = LinearConfig::new(4, 8).init(&Device::default()), wide_loss);

#[test]
fn runs() {
    let mut narrow = Narrow::new(NarrowHparams::default());
    let trainer = quick(Narrow::trainer()).callback(EarlyStopping::new(Narrow::NARROW_LOSS));
    trainer.build().unwrap().fit(&mut narrow, rows()).unwrap();
    let mut wide = Wide::new(WideHparams::default());
    let mut trainer = quick(Wide::trainer()).callback(EarlyStopping::new(Wide::WIDE_LOSS)).build().unwrap();
    trainer.fit(&mut wide, rows()).unwrap();
    assert_eq!(trainer.predict(&mut wide, rows()).unwrap().len(), 2);
}
