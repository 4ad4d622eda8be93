//! A child process for the tests of failing file systems: trains until a checkpoint cannot be
//! written, and prints the error.
//!
//! `faults read-only FOLDER` removes the write permission of the checkpoint folder; `faults full
//! FOLDER` lets the state of the model grow until it exceeds the limit on the size of files.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

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

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [mode, folder] = args.as_slice() else { return Err("usage: faults read-only|full FOLDER".into()) };
    // Without a handler, SIGXFSZ ends the process before the write can fail.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
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
