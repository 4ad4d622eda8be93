//! Every option of `#[log]`, in steps and in hooks, read back where it went.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

struct Parts {
    first: f64,
    rest: [f64; 2],
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>, batch_idx: usize) -> Tensor<1> {
        let loss = self.shared(batch);
        #[log(on_step = false, on_epoch, reduce = min)]
        let smallest = batch_idx + 1;
        #[log(on_epoch = true, reduce = max, logger = false, name = "train/largest")]
        let largest = smallest;
        #[log(minimize = true, prog_bar = false, batch_size = largest)]
        let Parts { first, rest: [second, ..] } = Parts { first: 1.0, rest: [2.0, 3.0] };
        let nothing: Option<f64> = (first > second).then_some(0.0);
        if let Some(value) = nothing {
            #[log]
            let never = value;
        }
        loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        self.shared(batch);
        let mut round = 0;
        while round < 3 {
            round += 1;
            #[log(reduce = sum, on_step, on_epoch)]
            let val_rounds = round;
        }
    }
    fn shared(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(per_stage, minimize, name = "loss/mean")]
        let loss = self.layer.forward(batch).mean();
        loss
    }
    fn on_validation_epoch_end(&mut self) {
        #[cfg(debug_assertions)]
        #[log(maximize)]
        let val_debug = 1.0;
        #[cfg(not(debug_assertions))]
        #[log(maximize)]
        let val_release = 1_u8;
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).build().unwrap();
    let (train, val) = (DataLoader::from_batches(rows()).unwrap(), DataLoader::from_batches(rows()).unwrap());
    let report = trainer.fit(&mut model, (train, val)).unwrap();
    let metrics = &report.metrics;
    assert_eq!(metrics.get(Net::SMALLEST), Some(1.0));
    assert_eq!(metrics.get(Net::LARGEST.epoch()), Some(2.0));
    assert_eq!((metrics.get(Net::FIRST), metrics.get(Net::SECOND)), (Some(1.0), Some(2.0)));
    assert_eq!(metrics.get(Net::NEVER), None);
    assert_eq!(metrics.get(Net::VAL_ROUNDS.epoch()), Some(12.0));
    assert!(metrics.get(Net::TRAIN_LOSS).is_some() && metrics.get(Net::VAL_LOSS).is_some());
    #[cfg(debug_assertions)]
    assert_eq!(metrics.get(Net::VAL_DEBUG), Some(1.0));
    #[cfg(not(debug_assertions))]
    assert_eq!(metrics.get(Net::VAL_RELEASE), Some(1.0));
    let _ = Net::TEST_LOSS;
}
