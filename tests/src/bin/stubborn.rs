//! A training program whose first batch takes very long, for the test of the second SIGINT.

use std::{env, io::Write as _, thread, time::Duration};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Stubborn {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Stubborn {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        println!("in a batch that does not end");
        let _ = std::io::stdout().flush();
        thread::sleep(Duration::from_secs(60));
        self.layer.forward(batch).mean()
    }
}

fn main() -> Result<()> {
    let root = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut model = Stubborn::new(StubbornHparams::default());
    let mut trainer =
        Stubborn::trainer().max_epochs(1).default_root_dir(root).enable_model_summary(false).no_logger().build()?;
    trainer.fit(&mut model, vec![Tensor::<2>::ones([2, 4], &Device::default())])?;
    Ok(())
}
