// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

fn layer(width: usize, device: &Device) -> Result<Linear> {
    Ok(LinearConfig::new(width, 1).init(device))
}

#[lightning_module]
struct Net {
    #[init(layer(width, device)?)]
    layer: Linear,
    #[hparam(default = 4)]
    width: usize,
}

#[lightning_module]
impl Net {
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

fn main() {
    let model: Net = Net::new(NetHparams::default());
    let _ = model;
}
