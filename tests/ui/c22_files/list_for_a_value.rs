// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{cli::*, prelude::*};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(hidden, 1).init(device))]
    layer: Linear,
    #[hparam]
    hidden: usize,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
}

#[data_module]
struct Points {
    #[hparam(default = 8)]
    batch_size: usize,
}

#[data_module]
impl Points {
    fn train_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([self.batch_size, 4], &Device::default()); 4]
    }
}

fn main() -> Result<()> {
    Cli::<Net, Points>::new().config(include_config!("list_for_a_value.yaml" for Net, Points)).run()
}
