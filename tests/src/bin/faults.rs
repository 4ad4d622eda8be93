//! A child process for the tests of failing file systems: trains until a checkpoint or a log cannot
//! be written, and prints the error or the warnings.
//!
//! `faults read-only FOLDER` removes the write permission of the checkpoint folder; `faults full
//! FOLDER` lets the state of the model grow until it exceeds the limit on the size of files.
//! `faults log FOLDER` trains 2,000 steps with the default loggers and a page, and `faults
//! log-required FOLDER` with a logger that is required. `faults hang FOLDER` has a logger that
//! never returns.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    loggers::{Logger, Record},
    prelude::*,
    trainer::TrainerBuilder,
};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Growing {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    history: Vec<String>,
    #[hparam]
    checkpoints: PathBuf,
    #[hparam]
    read_only: bool,
}

#[lightning_module]
impl Growing {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn on_train_batch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        self.history.push("x".repeat(1000));
        // Between the first checkpoint and the second, which is written right after this hook.
        if self.read_only && cx.batch_step() == 3 {
            while !self.checkpoints.join("epoch=0-step=2.ckpt").exists() {
                std::thread::yield_now();
            }
            fs::set_permissions(&self.checkpoints, fs::Permissions::from_mode(0o555))?;
        }
        Ok(())
    }
}

/// Logs a few numbers in each step.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Logging {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Logging {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext) -> Tensor<1> {
        let step = cx.batch_step() as f64;
        for name in ["first", "second", "third"] {
            log(name, &step.sqrt());
        }
        self.layer.forward(batch).mean()
    }
}

/// Never returns.
struct Hanging;

impl Logger for Hanging {
    fn log_metrics(&mut self, _record: &Record) -> Result<()> {
        loop {
            std::thread::park();
        }
    }
    fn name(&self) -> &str {
        "hanging"
    }
}

/// Trains 100 epochs of 20 steps, and prints the warnings of the run.
fn log_of(builder: TrainerBuilder<Logging>, folder: &str) -> Result<()> {
    let mut trainer = builder
        .default_root_dir(folder)
        .max_epochs(100)
        .log_every_n_steps(1)
        .enable_checkpointing(false)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .build()?;
    let data = vec![Tensor::<2>::ones([2, 4], &Device::default()); 20];
    let report = trainer.fit(&mut Logging::new(LoggingHparams::default()), data)?;
    println!("trained {} steps", report.global_step);
    for warning in report.warnings {
        println!("warning: {warning}");
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [mode, folder] = args.as_slice() else {
        return Err("usage: faults read-only|full|log|log-required|hang FOLDER".into());
    };
    // Without a handler, SIGXFSZ ends the process before the write can fail.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    match mode.as_str() {
        "log" => return log_of(Logging::trainer(), folder),
        "log-required" => {
            return log_of(Logging::trainer().logger(CsvLogger::new(folder).required(true)), folder);
        }
        "hang" => return log_of(Logging::trainer().logger(CsvLogger::new(folder)).logger(Hanging), folder),
        _ => {}
    }
    let checkpoints = Path::new(folder).join("checkpoints");
    let mut model = Growing::new(GrowingHparams::new(checkpoints.clone(), mode == "read-only"));
    let mut trainer = Growing::trainer()
        .max_epochs(100)
        .no_logger()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)).dirpath(&checkpoints).verbose(true))
        .build()?;
    let data = vec![Tensor::<2>::ones([2, 4], &Device::default()); 100];
    match trainer.fit(&mut model, data) {
        Ok(report) => Err(format!("the run should have failed: {report}").into()),
        Err(error) => {
            println!("{error}");
            Ok(())
        }
    }
}
