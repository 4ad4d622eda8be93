//! Every form of the table of `#[log]` that is allowed.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Result<Tensor<1>> {
        #[log(minimize, prog_bar, on_step, on_epoch)]
        let train_loss = self.layer.forward(batch.clone()).mean();
        #[log]
        let typed: f64 = 0.5;
        #[log(on_epoch)]
        let mut changing = 1_usize;
        changing += 1;
        #[log(maximize)]
        let (left, [right, ..]) = (changing, [2.0, 3.0]);
        for round in 0..2 {
            #[log(reduce = max, name = "rounds/largest")]
            let largest = round;
        }
        if batch.dims()[0] > 2 {
            #[log(logger = false, batch_size = batch.dims()[0])]
            let large = 1.0;
        }
        match changing {
            2 => {
                #[log(reduce = sum)]
                let twos = 1;
            }
            _ => return Ok(train_loss),
        }
        #[log]
        let Some(single) = Some(typed) else { return Ok(train_loss) };
        let _ = (left, right, single);
        Ok(train_loss)
    }
    fn on_train_epoch_end(&mut self) {
        #[log(maximize)]
        let epochs = 1;
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let report = quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    assert_eq!(report.metrics.get(Net::EPOCHS), Some(1.0));
    assert!(report.metrics.get(Net::TRAIN_LOSS.epoch()).is_some());
}
