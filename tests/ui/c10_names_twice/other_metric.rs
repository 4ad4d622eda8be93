// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::{metrics::{Accuracy, Recall}, prelude::*};

#[derive(Batch, Clone, Debug)]
struct Points {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn validation_step(&self, batch: Points) {
        let logits = self.layer.forward(batch.x.clone());
        if batch.x.dims()[0] > 1 {
            #[log(metric = Accuracy::new())]
            let val_acc = (&logits, &batch.y);
        } else {
            #[log(metric = Recall::new())]
            let val_acc = (&logits, &batch.y);
        }
    }
}

fn main() {}
