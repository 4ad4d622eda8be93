//! The memory that activations take: trains on a long chain of cheap operations and prints the peak of the process in MiB.
//!
//! `activations kept`, or `activations computed-again` with gradient checkpointing.

use std::{env, fs};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

/// Elements of one activation: 4 MiB.
const ROWS: usize = 1024;
const COLUMNS: usize = 1024;
/// Operations in the chain.
const LENGTH: usize = 60;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Chain {
    #[init(LinearConfig::new(8, COLUMNS).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Chain {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let mut x = self.layer.forward(batch);
        for _ in 0..LENGTH {
            x = x.tanh().mul_scalar(1.1);
        }
        x.mean()
    }
}

/// The most memory that the process ever had.
fn peak_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn main() -> Result<()> {
    let mode = env::args().nth(1).unwrap_or_default();
    let checkpointing = match mode.as_str() {
        "kept" => false,
        "computed-again" => true,
        _ => return Err("say `kept` or `computed-again`".into()),
    };
    let mut model = Chain::new(ChainHparams::default());
    let mut trainer = Chain::trainer()
        .max_epochs(1)
        .gradient_checkpointing(checkpointing)
        .enable_checkpointing(false)
        .enable_model_summary(false)
        .enable_progress_bar(false)
        .no_logger()
        .build()?;
    trainer.fit(&mut model, vec![Tensor::<2>::ones([ROWS, 8], &Device::default()); 2])?;
    println!("{}", peak_mib().ok_or("the kernel does not tell the peak")?);
    Ok(())
}
