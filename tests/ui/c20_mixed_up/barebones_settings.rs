// mistakes: 11
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() -> Result<()> {
    let trainer = || Trainer::<Net>::barebones().max_epochs(1);
    let _ = trainer().enable_checkpointing(true).build()?;
    let _ = trainer().logger(CsvLogger::new("logs")).build()?;
    let _ = trainer().no_logger().build()?;
    let _ = trainer().enable_progress_bar(true).build()?;
    let _ = trainer().log_every_n_steps(5).build()?;
    let _ = trainer().enable_model_summary(true).build()?;
    let _ = trainer().num_sanity_val_steps(2).build()?;
    let _ = trainer().fast_dev_run(1).build()?;
    let _ = trainer().detect_anomaly(true).build()?;
    let _ = trainer().profiler("simple").build()?;
    let _ = trainer().on_anomaly(lightning_core::settings::Anomaly::Save).build()?;
    Ok(())
}
