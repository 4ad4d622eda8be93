//! The memory of a long run with everything that records one: both loggers, the page, histograms,
//! images, texts and tables, the device's numbers, learning rates, the profiler and the progress
//! bar.
//!
//! `watch_memory --steps 1000000 --mark 100000` prints, at each mark, the step, the bytes that are
//! allocated, the resident memory in MiB, and the time. An epoch has 500 steps.
#![forbid(unsafe_code)]

use std::{alloc::System, error::Error, fs, path::PathBuf, time::Instant};

use burn::{nn::*, optim::AdamConfig, prelude::*};
use cap::Cap;
use clap::Parser;
use lightning_core::{
    callbacks::{DeviceStatsMonitor, HistogramMonitor, LearningRateMonitor},
    loggers::{ImageView, Table, TensorBoardLogger},
    prelude::*,
};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Measures the memory of a long run that is recorded.
#[derive(Parser)]
struct Args {
    /// Optimizer steps.
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
    /// The memory is printed after each so many steps.
    #[arg(long, default_value_t = 100_000)]
    mark: u64,
    /// Steps between histograms, images, texts and tables.
    #[arg(long, default_value_t = 1000)]
    every: u64,
    /// The folder for the logs. Default: a temporary one, which is removed.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Watched {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 1000)]
    every: u64,
}

#[lightning_module]
impl Watched {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Result<Tensor<1>> {
        let step = cx.global_step();
        if step.is_multiple_of(self.every) {
            cx.log_image("image", ImageView::new(8, 8, 1, &[step as u8; 64])?);
            cx.log_text("text", format!("step {step}"));
            cx.log_table("table", Table::new(["step"]).row([step.to_string()])?);
        }
        #[log(minimize, prog_bar, on_step, on_epoch)]
        let train_loss = self.layer.forward(batch).powi_scalar(2).mean();
        Ok(train_loss)
    }
}

/// Prints the memory at the marks.
struct Marks {
    mark: u64,
    started: Instant,
}

impl<M> Callback<M> for Marks {
    // An epoch starts when the loggers have written the one before.
    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() > 0 && cx.batch_step().is_multiple_of(self.mark) {
            let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
            let resident = resident.and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0;
            println!("{} {} {resident:.1} {:.0?}", cx.batch_step(), MEMORY.allocated(), self.started.elapsed());
        }
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let Args { steps, mark, every, folder } = Args::parse();
    seed_everything(1);
    let temporary = tempfile::tempdir()?;
    let logs = folder.unwrap_or_else(|| temporary.path().to_path_buf());
    let mut model = Watched::new(WatchedHparams::default().with_every(every));
    let mut trainer = Watched::trainer()
        // The last mark is at the start of an epoch as well.
        .max_steps(steps + 1)
        .log_every_n_steps(1)
        .default_root_dir(&logs)
        .logger(CsvLogger::new(&logs))
        .logger(TensorBoardLogger::new(&logs))
        .callback(HistogramMonitor::new().every_n_steps(every))
        .callback(DeviceStatsMonitor::new())
        .callback(LearningRateMonitor::new())
        .callback(Marks { mark, started: Instant::now() })
        .enable_checkpointing(false)
        .profiler("simple")
        .build()?;
    let data = vec![Tensor::<2>::ones([2, 4], &Device::default()); 500];
    trainer.fit(&mut model, data)?;
    Ok(())
}
