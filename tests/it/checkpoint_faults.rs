//! A full disk, a folder that cannot be written, a folder that is gone: an error with the path and
//! the step, and the checkpoint before is whole.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use lightning_core::{ErrorKind, checkpoint::inspect, loggers::MemoryLogger, prelude::*};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![8; count], 1)).unwrap()
}

/// Does something to the file system after a number of batches.
struct After<F> {
    batch: u64,
    act: F,
}

impl<M, F: FnMut() + Send> Callback<M> for After<F> {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() == self.batch {
            (self.act)();
        }
        Ok(())
    }
}

/// Trains with a checkpoint every two steps.
fn train(folder: &Path, after: impl FnMut() + Send + 'static) -> (lightning_core::Error, MemoryLogger) {
    let memory = MemoryLogger::new();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quiet(Net::trainer())
        .enable_checkpointing(true)
        .max_epochs(5)
        .limit_val_batches(0)
        .logger(memory.clone())
        .callback(After { batch: 3, act: after })
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(2)).dirpath(folder))
        .build()
        .unwrap();
    (trainer.fit(&mut model, loader(4)).unwrap_err(), memory)
}

#[test]
fn a_folder_that_vanishes_is_an_error_and_does_not_come_back_empty() {
    let root = tempfile::tempdir().unwrap();
    let (folder, moved) = (root.path().join("checkpoints"), root.path().join("moved"));
    let (from, to) = (folder.clone(), moved.clone());
    let (error, memory) = train(&folder, move || {
        // The checkpoint of the second step is written meanwhile.
        while !from.join("epoch=0-step=2.ckpt").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(300));
        fs::rename(&from, &to).unwrap();
    });
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(text.contains("epoch=0-step=4.ckpt") && text.contains("global step 4"), "{text}");
    assert_eq!(memory.statuses(), [loggers::RunStatus::Failed], "the loggers are closed");
    assert!(!folder.exists());
    assert_eq!(inspect(moved.join("epoch=0-step=2.ckpt")).unwrap().metadata.global_step, 2);
}

/// Something stands where the folder should be.
#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "in the way").unwrap();
    let (error, _) = train(&root.path().join("file/checkpoints"), || {});
    let text = error.to_string();
    assert!(text.contains("file/checkpoints") && text.contains("global step 2"), "{text}");
}

/// Runs the child of these tests: as itself, or without root's rights, to which permissions mean
/// nothing.
fn child(mode: &str, folder: &Path, limited: Option<&str>) -> Option<(bool, String)> {
    let program = env!("CARGO_BIN_EXE_faults");
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = match limited {
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("ulimit -f {limit}; exec \"$0\" \"$@\"")).arg(program);
            shell
        }
        None if is_root => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", program]);
            command
        }
        None => Command::new(program),
    };
    let output = command.arg(mode).arg(folder).output().ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

fn newest(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "ckpt")).collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn a_read_only_folder_is_an_error_and_the_checkpoint_before_stays() {
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let Some((ended_well, text)) = child("read-only", root.path(), None) else {
        eprintln!("SKIPPED a_read_only_folder…: `setpriv`, to act as another user, is not on this machine");
        return;
    };
    assert!(ended_well, "{text}");
    assert!(text.contains("epoch=0-step=4.ckpt") && text.contains("global step 4"), "{text}");
    assert!(text.contains("Permission denied"), "{text}");
    // What is printed has happened.
    let saved =
        |step: u64| text.contains(&format!("saved {}/checkpoints/epoch=0-step={step}.ckpt", root.path().display()));
    assert!(saved(2) && !saved(4), "{text}");
    assert_eq!(inspect(newest(&root.path().join("checkpoints"))).unwrap().metadata.global_step, 2);
}

/// A limit on the size of files stands for a full disk: the state of the model grows until its
/// checkpoint is too large.
#[test]
fn a_full_disk_is_an_error_and_the_checkpoint_before_stays() {
    let root = tempfile::tempdir().unwrap();
    // 32 KiB, in units of 512 bytes.
    let Some((ended_well, text)) = child("full", root.path(), Some("64")) else { panic!("there is no `sh`") };
    assert!(ended_well, "{text}");
    let kept = newest(&root.path().join("checkpoints"));
    let inspected = inspect(&kept).unwrap();
    let failed = inspected.metadata.global_step + 2;
    assert!(text.contains(&format!("step={failed}.ckpt")) && text.contains(&format!("global step {failed}")), "{text}");
    assert!(text.contains("File too large"), "{text}");
    let left: Vec<_> = fs::read_dir(kept.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 1, "no half-written file stays: {left:?}");
}
