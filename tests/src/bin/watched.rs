//! A training program to look at: each batch takes 2 ms, and its metrics have names that are hard
//! to show. Its arguments are a folder for its files and the number of epochs. When it has ended,
//! the file `ended` says why.

use std::{env, fs, path::PathBuf, thread, time::Duration};

use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::{log_with, metrics::LogOptions, prelude::*};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 0.1)]
struct Watched {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Watched {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        thread::sleep(Duration::from_millis(2));
        let loss = self.layer.forward(batch).mean();
        let shown = LogOptions::new().prog_bar(true);
        log_with("größe_日本語", &0.25, shown);
        log_with("e\u{301}te\u{301}", &0.5, shown);
        log_with(&"long_name_".repeat(40), &0.125, shown);
        loss
    }

    fn validation_step(&self, batch: Tensor<2>) {
        thread::sleep(Duration::from_millis(2));
        #[log(minimize, prog_bar)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let root = PathBuf::from(args.next().unwrap_or_else(|| ".".to_owned()));
    let epochs = args.next().and_then(|text| text.parse().ok()).unwrap_or(3);
    seed_everything(1);
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer = Watched::trainer().max_epochs(epochs).default_root_dir(&root).no_logger().build()?;
    let batches = |count| vec![Tensor::<2>::ones([2, 4], &Device::default()); count];
    let report = trainer.fit(&mut model, (batches(200), batches(50)))?;
    fs::write(root.join("ended"), format!("{:?}", report.stop_reason))?;
    println!("{report}");
    Ok(())
}
