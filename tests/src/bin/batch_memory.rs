//! Trains with a batch size, and prints the largest memory of the process; or finds the batch size for a
//! limit. `batch_memory fits SIZE`, `batch_memory find LIMIT`, in samples and bytes.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    prelude::*,
    trainer::{BatchSizeMode, BatchSizeSearch},
};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 1e-3)]
struct Net {
    #[init(LinearConfig::new(1, 4096).init(device))]
    wide: Linear,
    #[init(LinearConfig::new(4096, 1).init(device))]
    last: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
        self.last.forward(burn::tensor::activation::relu(self.wide.forward(x))).square().mean()
    }
}

#[data_module]
struct Points {
    #[hparam(default = 2)]
    batch_size: usize,
}

#[data_module]
impl Points {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::builder(vec![[0.5_f32; 1]; 1 << 17]).batch_size(self.batch_size).build()
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let number: usize = args.get(2).ok_or("a number is missing")?.parse()?;
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let builder = Net::trainer().max_steps(3).no_logger().enable_checkpointing(false).enable_progress_bar(false);
    let mut trainer = builder.enable_model_summary(false).audit(false).build()?;
    if args.get(1).is_some_and(|mode| mode == "fits") {
        let mut data = Points::new(PointsHparams::default().with_batch_size(number));
        trainer.fit(&mut model, &mut data)?;
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no `VmHWM`")?;
        println!("{}", 1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>()?);
        return Ok(());
    }
    let data = Points::new(PointsHparams::default());
    let search = BatchSizeSearch::new().mode(BatchSizeMode::BinarySearch).memory_limit(number as u64);
    println!("{}", trainer.find_batch_size_by(&model, &data, search)?.suggestion());
    Ok(())
}
