//! Ctrl-C and SIGTERM: the batch ends, everything is written, the model comes back.

use lightning_core::{ErrorKind, Stage, loggers::MemoryLogger, prelude::*, trainer::StopReason};
use signal_hook::{consts::SIGTERM, low_level::raise};

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
    for (signal, stage, steps) in [(sigint(), Stage::Fit, 4), (SIGTERM, Stage::Validate, 5)] {
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
        assert_eq!(memory.statuses(), [loggers::RunStatus::Interrupted]);

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
    let signal = Signal { signal: sigint(), stage: Stage::Validate, ledger: Ledger::default() };
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().callback(signal).build().unwrap();
    let error = trainer.validate(&mut model, loader(3)).unwrap_err();
    assert_eq!((error.kind(), error.location().batch), (ErrorKind::Interrupted, Some(1)));
}

/// A cluster asks for a checkpoint before it takes the machine away, or not: the run goes on.
#[test]
fn sigusr1_saves_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let ledger = Ledger::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .max_epochs(2)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder.path())
        .no_logger()
        .callback(Signal { signal: signal_hook::consts::SIGUSR1, stage: Stage::Fit, ledger: ledger.clone() })
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, (loader(5), loader(1))).unwrap();
    assert_eq!((report.stop_reason, report.global_step), (StopReason::MaxEpochs, 10));
    assert_eq!(ledger.take(), ["on_train_end"]);
    let path = folder.path().join("checkpoints/requested-epoch=0-step=4.ckpt");
    assert_eq!(lightning_core::checkpoint::inspect(path).unwrap().metadata.global_step, 4);
}

/// The checkpoint of a run that was interrupted is where it goes on, also when the signal came in a
/// validation.
#[test]
fn an_interrupted_run_goes_on_as_if_nothing_had_happened() {
    for stage in [Stage::Fit, Stage::Validate] {
        let run = |folder: &std::path::Path, interrupted: bool, resume: Resume| {
            seed_everything(1);
            let mut model = Net::new(NetHparams::default());
            let mut builder = Net::trainer()
                .max_epochs(3)
                .enable_progress_bar(false)
                .enable_model_summary(false)
                .default_root_dir(folder)
                .val_check_interval(2)
                .callback(EarlyStopping::new(Net::VAL_LOSS).patience(20))
                .resume_from(resume);
            if interrupted {
                builder = builder.callback(Signal { signal: SIGTERM, stage, ledger: Ledger::default() });
            }
            let mut trainer = builder.build().unwrap();
            let report = trainer.fit(&mut model, (loader(5), loader(3))).unwrap();
            let path = folder.join("final.ckpt");
            trainer.save_checkpoint(&model, &path).unwrap();
            (report, std::fs::read(path).unwrap())
        };
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_, expected) = run(whole.path(), false, Resume::Never);
        let (report, _) = run(parts.path(), true, Resume::Never);
        assert_eq!(report.stop_reason, StopReason::Interrupted);
        let (report, found) = run(parts.path(), false, Resume::Last);
        let name = report.resumed_from.unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("interrupted-epoch=0-step="), "{name}");
        assert!(found == expected, "{stage}");
    }
}

/// Whoever asks twice does not want to wait.
#[test]
fn the_second_sigint_ends_the_process() {
    use std::{
        io::{BufRead as _, BufReader},
        os::unix::process::ExitStatusExt as _,
        process::{Command, Stdio},
    };
    let folder = tempfile::tempdir().unwrap();
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_stubborn")).arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "in a batch that does not end");
    let signal = sigint();
    let send = || Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(send().success());
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(send().success());
    let status = child.wait().unwrap();
    assert!(status.code() == Some(128 + signal) || status.signal() == Some(signal), "{status}");
}

/// Where a run sends itself a signal when nothing is left to train.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Late {
    EpochEnd,
    TrainEnd,
    FitEnd,
    LastCheckpoint,
    Teardown,
    Finalize,
    TestEnd,
}

/// A callback that sends a signal at a late moment, and saves a last checkpoint.
struct SendAt {
    at: Late,
    folder: std::path::PathBuf,
    ended: bool,
    ledger: Ledger,
}

impl SendAt {
    fn send(&self, moment: Late) -> Result<()> {
        if self.at == moment {
            raise(SIGTERM)?;
        }
        Ok(())
    }
}

impl<M: LightningModule> Callback<M> for SendAt {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.current_epoch() == 1 { self.send(Late::EpochEnd) } else { Ok(()) }
    }
    fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.ended = true;
        cx.save_checkpoint(module, self.folder.join("last-of-all.ckpt"))?;
        self.send(Late::TrainEnd)
    }
    fn on_fit_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.send(Late::FitEnd)
    }
    fn save_state(&self, _state: &mut params::StateWriter) -> Result<()> {
        if self.ended { self.send(Late::LastCheckpoint) } else { Ok(()) }
    }
    fn on_test_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.send(Late::TestEnd)
    }
    fn teardown(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.ledger.add("teardown");
        self.send(Late::Teardown)
    }
    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.ledger.add("on_exception");
        Ok(())
    }
}

/// A logger that sends a signal when it is closed.
struct SendAtFinalize(bool);

impl loggers::Logger for SendAtFinalize {
    fn log_metrics(&mut self, _record: &loggers::Record) -> Result<()> {
        Ok(())
    }
    fn name(&self) -> &str {
        "sender"
    }
    fn finalize(&mut self, _status: loggers::RunStatus) -> Result<()> {
        if self.0 {
            raise(SIGTERM)?;
        }
        Ok(())
    }
}

/// Returns the trainer of a run that sends itself a signal.
fn sending(at: Late, folder: &std::path::Path, ledger: &Ledger) -> Trainer<Net> {
    Net::trainer()
        .max_epochs(2)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .callback(SendAt { at, folder: folder.to_path_buf(), ended: false, ledger: ledger.clone() })
        .logger(SendAtFinalize(at == Late::Finalize))
        .build()
        .unwrap()
}

/// A program that goes on after `fit` must learn that it was asked to end.
#[test]
fn a_signal_after_the_last_batch_is_not_lost() {
    for (at, hooks) in [
        (Late::EpochEnd, &["on_exception", "teardown"][..]),
        (Late::TrainEnd, &["on_exception", "teardown"]),
        (Late::FitEnd, &["on_exception", "teardown"]),
        (Late::LastCheckpoint, &["on_exception", "teardown"]),
        // What comes after the end hooks cannot be an exception of the run any more.
        (Late::Teardown, &["teardown"]),
        (Late::Finalize, &["teardown"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        seed_everything(1);
        let ledger = Ledger::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = sending(at, folder.path(), &ledger);
        let report = trainer.fit(&mut model, (loader(5), loader(1))).unwrap();
        assert_eq!((report.stop_reason, report.global_step), (StopReason::Interrupted, 10), "{at:?}");
        assert_eq!(ledger.take(), hooks, "{at:?}");
        // The last checkpoint is complete.
        let last = Net::load_from_checkpoint(folder.path().join("last-of-all.ckpt")).unwrap();
        assert_eq!(bits(&last.parameters()), bits(&model.parameters()), "{at:?}");
        assert!(!model.is_training());
        // The signal was for that run alone.
        let mut other = sending(Late::TestEnd, folder.path(), &ledger);
        let report = other.fit(&mut model, (loader(5), loader(1))).unwrap();
        assert_eq!(report.stop_reason, StopReason::MaxEpochs);
    }
}

#[test]
fn a_signal_at_the_end_of_an_evaluation_is_not_lost() {
    for at in [Late::TestEnd, Late::Teardown, Late::Finalize] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = sending(at, folder.path(), &Ledger::default());
        let error = trainer.test(&mut model, loader(3)).unwrap_err();
        assert_eq!((error.kind(), error.location().stage), (ErrorKind::Interrupted, Some(Stage::Test)), "{at:?}");
        assert!(!model.is_training());
    }
}

/// SIGUSR1 while the end hooks run.
#[test]
fn a_checkpoint_requested_at_the_end_is_written() {
    struct Request;
    impl<M> Callback<M> for Request {
        fn on_fit_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            raise(signal_hook::consts::SIGUSR1)?;
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .max_epochs(2)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder.path())
        .no_logger()
        .callback(Request)
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, (loader(5), loader(1))).unwrap();
    assert_eq!(report.stop_reason, StopReason::MaxEpochs);
    let path = folder.path().join("checkpoints/requested-epoch=1-step=10.ckpt");
    assert_eq!(lightning_core::checkpoint::inspect(path).unwrap().metadata.global_step, 10);
}

/// What the `stubborn` program prints in a process that ignores some signals and is sent one.
fn ignoring(ignored: &str, sent: &str) -> (Vec<String>, std::process::ExitStatus) {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };
    let folder = tempfile::tempdir().unwrap();
    let script = format!("trap '' {ignored}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_stubborn")])
        .arg(folder.path())
        .arg("batches")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "a batch");
    assert!(Command::new("kill").args([&format!("-{sent}"), &child.id().to_string()]).status().unwrap().success());
    let rest = lines.map(|line| line.unwrap()).collect();
    (rest, child.wait().unwrap())
}

/// `nohup`, and a background job of a script: the parent has decided that the run goes on.
#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    for sent in ["INT", "TERM", "HUP", "USR1"] {
        let (lines, status) = ignoring("INT TERM HUP USR1", sent);
        assert!(status.success(), "{sent}: {status}");
        assert_eq!(lines.last().unwrap(), "MaxEpochs, 0 files", "{sent}");
    }
    // The others are caught.
    let (lines, status) = ignoring("HUP INT", "TERM");
    assert!(status.success(), "{status}");
    assert_eq!(lines.last().unwrap(), "Interrupted, 1 files");
    let (lines, status) = ignoring("INT TERM", "USR1");
    assert!(status.success(), "{status}");
    assert_eq!(lines.last().unwrap(), "MaxEpochs, 1 files");
}
