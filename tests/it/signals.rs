//! Ctrl-C and SIGTERM: the batch ends, everything is written, the model comes back.

use lightning_core::{ErrorKind, Stage, StopReason, loggers::MemoryLogger, prelude::*};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::raise,
};

use crate::support::*;

/// Sends the process a signal at one batch of one stage.
struct Signal {
    signal: i32,
    stage: Stage,
    ledger: Ledger,
}

impl<M> Callback<M> for Signal {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.stage == Stage::Fit && cx.batch_step() == 3 {
            raise(self.signal)?;
        }
        Ok(())
    }
    fn on_validation_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if self.stage == Stage::Validate && !cx.is_sanity_checking() && cx.batch_idx() == 1 {
            raise(self.signal)?;
        }
        Ok(())
    }
    fn on_train_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.ledger.add("on_train_end");
        Ok(())
    }
    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.ledger.add("on_exception");
        Ok(())
    }
}

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![8; count], 1)).unwrap()
}

#[test]
fn a_signal_ends_the_run_after_the_batch_with_a_checkpoint() {
    for (signal, stage, steps) in [(SIGINT, Stage::Fit, 4), (SIGTERM, Stage::Validate, 5)] {
        let folder = tempfile::tempdir().unwrap();
        seed_everything(1);
        let (ledger, memory) = (Ledger::default(), MemoryLogger::new());
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::trainer()
            .max_epochs(9)
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .default_root_dir(folder.path())
            .logger(memory.clone())
            .callback(Signal { signal, stage, ledger: ledger.clone() })
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, (loader(5), loader(3))).unwrap();
        assert_eq!((report.stop_reason, report.global_step), (StopReason::Interrupted, steps));
        assert_eq!(ledger.take(), ["on_exception", "on_train_end"]);
        assert_eq!(memory.statuses(), [lightning_core::loggers::RunStatus::Interrupted]);

        let path = folder.path().join(format!("checkpoints/interrupted-epoch=0-step={steps}.ckpt"));
        let saved = Net::load_from_checkpoint(path).unwrap();
        assert_eq!(bits(&saved.parameters()), bits(&model.parameters()));
        assert!(!model.is_training());

        // The next run is not interrupted by the last one's signal.
        let tested = trainer.test(&mut model, loader(2)).unwrap();
        assert_eq!(tested.batches, 2);
    }
}

#[test]
fn an_interrupted_evaluation_is_an_error_that_says_so() {
    let signal = Signal { signal: SIGINT, stage: Stage::Validate, ledger: Ledger::default() };
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().callback(signal).build().unwrap();
    let error = trainer.validate(&mut model, loader(3)).unwrap_err();
    assert_eq!((error.kind(), error.location().batch), (ErrorKind::Interrupted, Some(1)));
}
