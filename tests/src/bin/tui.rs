//! Trains with `renderer("tui")`, slowly, for `scripts/tui.sh`. The argument says how the run ends:
//! `done`, `error`, `panic`, or `long`, which is for keys and signals.

use std::{env, thread::sleep, time::Duration};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.05)]
struct Net {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
    #[hparam(default = "done".to_owned())]
    end: String,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Result<Tensor<1>> {
        sleep(Duration::from_millis(10));
        match self.end.as_str() {
            "error" if cx.global_step() == 150 => return Err(lightning_core::Error::msg("the step has no more data")),
            "panic" if cx.global_step() == 150 => panic!("the step panics"),
            _ => {}
        }
        #[log(minimize, prog_bar)]
        let train_loss = self.layer.forward(batch).powi_scalar(2).mean();
        Ok(train_loss)
    }
    fn validation_step(&self, batch: Tensor<2>) {
        sleep(Duration::from_millis(10));
        #[log(minimize, prog_bar)]
        let val_loss = self.layer.forward(batch).powi_scalar(2).mean();
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.print(format!("epoch {} starts", cx.current_epoch()));
        Ok(())
    }
}

fn main() -> Result<()> {
    let end = env::args().nth(1).unwrap_or_else(|| "done".to_owned());
    let batches = |count: usize| {
        let batch = |number: usize| Tensor::<2>::full([4, 2], number as f32 / count as f32, &Device::default());
        DataLoader::from_batches((0..count).map(batch).collect())
    };
    let epochs = if end == "long" { 1000 } else { 4 };
    let mut trainer =
        Net::trainer().max_epochs(epochs).renderer("tui").no_logger().enable_checkpointing(false).build()?;
    let mut net = Net::new(NetHparams::default().with_end(end));
    let report = trainer.fit(&mut net, (batches(50)?, batches(10)?))?;
    println!("{report}");
    Ok(())
}
