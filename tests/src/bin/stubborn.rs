//! A training program that is sent signals: its first batch takes very long, or with a second
//! argument, each of its batches takes a moment.

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

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Steady {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Steady {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        println!("a batch");
        let _ = std::io::stdout().flush();
        thread::sleep(Duration::from_millis(20));
        self.layer.forward(batch).mean()
    }
}

/// Trains for a second, and prints why the run ended and how many checkpoints signals have left.
fn steady(root: &str) -> Result<()> {
    let mut model = Steady::new(SteadyHparams::default());
    let mut trainer = Steady::trainer()
        .max_epochs(1)
        .default_root_dir(root)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .no_logger()
        .callback(ModelCheckpoint::latest().every(callbacks::CheckpointInterval::Never))
        .build()?;
    let report = trainer.fit(&mut model, vec![Tensor::<2>::ones([2, 4], &Device::default()); 50])?;
    let files = std::fs::read_dir(format!("{root}/checkpoints")).map_or(0, Iterator::count);
    println!("{:?}, {files} files", report.stop_reason);
    Ok(())
}

fn main() -> Result<()> {
    let root = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    if env::args().nth(2).is_some() {
        return steady(&root);
    }
    let mut model = Stubborn::new(StubbornHparams::default());
    let mut trainer =
        Stubborn::trainer().max_epochs(1).default_root_dir(root).enable_model_summary(false).no_logger().build()?;
    trainer.fit(&mut model, vec![Tensor::<2>::ones([2, 4], &Device::default())])?;
    Ok(())
}
