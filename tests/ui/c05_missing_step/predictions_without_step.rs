// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{callbacks::*, prelude::*};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() -> Result<()> {
    let writer = PredictionWriter::<Vec<f32>>::json_lines("predictions.jsonl");
    Net::trainer().callback(writer).build().map(drop)
}
