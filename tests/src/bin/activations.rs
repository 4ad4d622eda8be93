//! The memory of activations: trains layers with cheap operations between them and prints the peak
//! memory of the process in MiB.
//!
//! `activations kept` keeps all activations; `activations computed-again` uses gradient
//! checkpointing.

use std::{env, fs};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

/// The shape of an activation, which takes 4 MiB.
const ROWS: usize = 8192;
const COLUMNS: usize = 128;
/// The number of layers, whose outputs are kept in both modes.
const LAYERS: usize = 8;
/// The number of cheap operations after each layer, whose inputs are kept or recomputed.
const OPERATIONS: usize = 8;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Chain {
    #[init((0..LAYERS).map(|_| LinearConfig::new(COLUMNS, COLUMNS).init(device)).collect())]
    layers: Vec<Linear>,
}

#[lightning_module]
impl Chain {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let mut x = batch;
        for layer in &self.layers {
            x = layer.forward(x);
            for _ in 0..OPERATIONS {
                x = x.sin();
            }
        }
        x.mean()
    }
}

/// Returns the peak memory of the process in MiB.
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
        _ => return Err("the mode must be `kept` or `computed-again`".into()),
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
    trainer.fit(&mut model, vec![Tensor::<2>::ones([ROWS, COLUMNS], &Device::default()); 2])?;
    println!("{}", peak_mib().ok_or("the kernel does not report the peak memory")?);
    Ok(())
}
