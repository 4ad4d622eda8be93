//! A checkpoint of every released format version is kept in `tests/data` and must always load.

use std::path::Path;

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use crate::support::{Rows, batches};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
struct Archived {
    #[init(LinearConfig::new(8, width).init(device))]
    encoder: Linear,
    #[init(BatchNormConfig::new(width).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(width, 3).init(device))]
    head: Linear,
    #[buffer(Tensor::from_data([1i32, 2, 3], device))]
    counts: Tensor<1, Int>,
    #[hparam(default = 4)]
    width: usize,
    #[hparam(default = 1e-2)]
    lr: f64,
    #[state]
    batches: u64,
}

#[lightning_module]
impl Archived {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.head.forward(relu(self.norm.forward(self.encoder.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn on_train_batch_end(&mut self) {
        self.batches += 1;
    }
}

/// What the model answered when the file of version 1 was written.
const ANSWERS: [f32; 6] = [-0.48924926, -0.20915806, -0.44472393, -0.44137007, 0.31340474, 0.15108508];
const RUNNING_MEAN: [f32; 5] = [0.048732042, -0.2093763, 0.022872478, -0.14278373, 0.104718596];

#[test]
fn version_1_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/checkpoint-v1.ckpt");
    let model = Archived::load_from_checkpoint(&path).unwrap();
    assert_eq!((model.width, model.lr, model.batches), (5, 1e-2, 8));
    assert_eq!(model.norm.running_mean.value_sync().into_data().try_to_vec::<f32>().unwrap(), RUNNING_MEAN);
    assert_eq!(model.counts.clone().into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [1, 2, 3]);
    let answers = model.forward(batches(&[2], 5).remove(0).x).into_data().try_to_vec::<f32>().unwrap();
    // Another processor may add up in another order.
    assert!(answers.iter().zip(ANSWERS).all(|(a, b)| (a - b).abs() < 1e-5), "{answers:?}");
}
