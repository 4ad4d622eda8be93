//! What a file is written to besides a file: devices, FIFOs, sockets, folders and links. After
//! every writer of the library, each is what it was.
#![cfg(unix)]

use std::{
    fs::{self, FileType},
    io::Read as _,
    os::unix::{
        fs::{FileTypeExt as _, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use lightning_core::{
    FitReport, Stage,
    callbacks::{OnExceptionCheckpoint, PredictionWriter, SpikeDetection, WriteInterval},
    checkpoint::inspect,
    data::tokenizer::{Tokenizer, Unit},
    loggers::{CsvLogger, Logger, Record, RunStatus},
    prelude::*,
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 7)).unwrap()
}

fn net() -> Net {
    seed_everything(3);
    Net::new(NetHparams::default())
}

/// Writes a file to a path.
type Writer = fn(&Path) -> Result<()>;

/// Writes a file with each writer that takes a path.
fn writers() -> Vec<(&'static str, Writer)> {
    fn predictions(path: &Path, interval: WriteInterval) -> Result<()> {
        let writer = PredictionWriter::<Vec<i32>>::json_lines(path).write_interval(interval);
        Net::quiet().callback(writer).build()?.predict(&mut net(), loader(&[2, 3])).map(drop)
    }

    vec![
        ("weights", |path| net().save_weights(path)),
        ("checkpoint", |path| Net::quiet().build()?.save_checkpoint(&net(), path)),
        ("predictions of batches", |path| predictions(path, WriteInterval::Batch)),
        ("predictions of an epoch", |path| predictions(path, WriteInterval::Epoch)),
        ("table of predictions", |path| {
            let writer = PredictionWriter::<Vec<i32>>::csv(path);
            Net::quiet().callback(writer).build()?.predict(&mut net(), loader(&[2, 3])).map(drop)
        }),
        ("tokenizer", |path| Tokenizer::builder(Unit::Word).build(["a b"]).save(path)),
    ]
}

fn kind(path: &Path) -> FileType {
    fs::symlink_metadata(path).unwrap().file_type()
}

/// A device like `/dev/null`, or `None` without the rights to make one: no test writes to a device
/// of the machine.
fn null_device(folder: &Path) -> Option<PathBuf> {
    let device = folder.join("null-device");
    let made = Command::new("mknod").arg(&device).args(["c", "1", "3"]).output().unwrap();
    let is_usable = made.status.success() && fs::OpenOptions::new().write(true).open(&device).is_ok();
    if !is_usable {
        eprintln!("SKIPPED: there are no rights to make a device");
    }
    is_usable.then_some(device)
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn devices_are_written_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let Some(device) = null_device(folder.path()) else { return };
    let link = folder.path().join("link");
    symlink(&device, &link).unwrap();
    for (name, write) in writers() {
        for path in [&device, &link] {
            write(path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(kind(&device).is_char_device() && kind(&link).is_symlink(), "{name}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file was left behind");
}

#[test]
fn links_stay_and_their_targets_are_replaced() {
    for (name, write) in writers() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("plain")).unwrap();
        let expected = fs::read(at("plain")).unwrap();
        fs::create_dir(at("below")).unwrap();
        fs::write(at("below/old"), "old").unwrap();
        symlink("below/old", at("first")).unwrap();
        symlink(at("first"), at("second")).unwrap();
        symlink("below/new", at("dangling")).unwrap();
        for (link, target) in [("second", "below/old"), ("dangling", "below/new")] {
            write(&at(link)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(fs::read(at(target)).unwrap(), expected, "{name} {link}");
        }
        for link in ["first", "second", "dangling"] {
            assert!(kind(&at(link)).is_symlink(), "{name} {link}");
        }
        assert!(kind(&at("below/old")).is_file() && kind(&at("below/new")).is_file(), "{name}");
    }
}

#[test]
fn a_fifo_gets_what_a_file_would() {
    for (name, write) in writers() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, path) = (folder.path().join("plain"), folder.path().join("fifo"));
        write(&plain).unwrap();
        let expected = fs::read(&plain).unwrap();
        fifo(&path);
        let error = write(&path).unwrap_err().to_string();
        assert!(error.contains("fifo") && error.contains("found a FIFO without a reader"), "{name}: {error}");

        let read = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut read = Vec::new();
                fs::File::open(&path).unwrap().read_to_end(&mut read).unwrap();
                read
            });
            // The reader opens the FIFO in its own time.
            let mut tries = 0;
            while let Err(error) = write(&path) {
                tries += 1;
                assert!(tries < 500, "{name}: {error}");
                thread::sleep(Duration::from_millis(10));
            }
            reader.join().unwrap()
        });
        assert_eq!(read, expected, "{name}");
        assert!(kind(&path).is_fifo(), "{name}");
    }
}

#[test]
fn folders_and_sockets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (below, socket) = (folder.path().join("below"), folder.path().join("socket"));
    fs::create_dir(&below).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for (name, write) in writers() {
        for (path, found) in [(&below, "found a folder"), (&socket, "found a socket")] {
            let error = write(path).unwrap_err();
            assert_eq!(error.location().path.as_deref(), Some(&**path), "{name}");
            assert!(error.to_string().contains(found), "{name}: {error}");
        }
        assert!(kind(&below).is_dir() && kind(&socket).is_socket(), "{name}");
    }
}

/// The report of `SpikeDetection` is written through a link, which stays.
#[test]
fn a_report_follows_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("skip.json"), folder.path().join("target"));
    symlink("target", &link).unwrap();
    let spikes = SpikeDetection::new().rtol(0.0).exclude_batches_path(&link);
    let mut trainer = Net::quiet().callback(spikes).max_epochs(20).build().unwrap();
    let error = trainer.fit(&mut net(), (loader(&[2; 8]), loader(&[2]))).unwrap_err().to_string();
    assert!(error.contains("too far from"), "{error}");
    assert!(kind(&link).is_symlink() && fs::read_to_string(&target).unwrap().starts_with('['));
}

/// A callback that removes its checkpoint after a success, or an older one, removes files only.
#[test]
fn what_is_no_file_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let fit = |callback: OnExceptionCheckpoint| {
        let builder = quiet(Net::trainer()).default_root_dir(folder.path().join("run"));
        let builder = builder.enable_checkpointing(true).callback(callback).max_epochs(1);
        builder.build()?.fit(&mut net(), (loader(&[2]), loader(&[2]))).map(drop)
    };
    fifo(&at("pipe.ckpt"));
    fs::write(at("precious"), "precious").unwrap();
    symlink("precious", at("link.ckpt")).unwrap();
    for name in ["pipe", "link"] {
        let callback = OnExceptionCheckpoint::new(folder.path()).filename(name);
        fit(callback).unwrap();
    }
    assert!(kind(&at("pipe.ckpt")).is_fifo());
    assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
}

fn checkpoints(folder: &Path, epochs: usize, resume: Resume) -> Result<FitReport<Net>> {
    let checkpoint = ModelCheckpoint::latest().dirpath(folder).save_last(true).enable_version_counter(false);
    let builder = quiet(Net::trainer()).enable_checkpointing(true).callback(checkpoint);
    builder.max_epochs(epochs).resume_from(resume).build()?.fit(&mut net(), (loader(&[2, 2]), loader(&[2])))
}

/// As PyTorch Lightning's `save_last="link"` leaves it: the pointer must not be written into the
/// checkpoint that the link leads to.
#[test]
fn a_last_checkpoint_that_is_a_link_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    checkpoints(folder.path(), 1, Resume::Never).unwrap();
    fs::copy(at("epoch=0-step=2.ckpt"), at("mine.ckpt")).unwrap();
    let mine = fs::read(at("mine.ckpt")).unwrap();
    fs::remove_file(at("last.ckpt")).unwrap();
    symlink("mine.ckpt", at("last.ckpt")).unwrap();

    // The link points as a pointer does.
    let report = checkpoints(folder.path(), 2, Resume::Last).unwrap();
    assert_eq!(report.resumed_from, Some(at("mine.ckpt")));
    assert_eq!(fs::read(at("mine.ckpt")).unwrap(), mine);
    assert_eq!(fs::read_link(at("last.ckpt")).unwrap(), Path::new("epoch=1-step=4.ckpt"));
    assert_eq!(inspect(at("last.ckpt")).unwrap().metadata.epoch, 1);

    let report = checkpoints(folder.path(), 3, Resume::Path(at("last.ckpt"))).unwrap();
    assert_eq!(report.resumed_from, Some(at("epoch=1-step=4.ckpt")));
    assert_eq!(inspect(at("last.ckpt")).unwrap().metadata.epoch, 2);

    // A link to a checkpoint that was removed since.
    fs::remove_file(at("last.ckpt")).unwrap();
    symlink("removed.ckpt", at("last.ckpt")).unwrap();
    checkpoints(folder.path(), 4, Resume::Last).unwrap();
    assert!(!at("removed.ckpt").exists());
    assert_eq!(inspect(at("last.ckpt")).unwrap().metadata.epoch, 3);
}

/// A link to another folder is followed: the pointer is written there, and read through the link.
#[test]
fn a_pointer_is_written_through_a_link() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (link, target) = (folder.path().join("last.ckpt"), other.path().join("pointer"));
    symlink(&target, &link).unwrap();
    for epochs in 1..3 {
        checkpoints(folder.path(), epochs, Resume::LastOrStart).unwrap();
        assert!(kind(&link).is_symlink() && kind(&target).is_file());
        assert!(fs::metadata(&target).unwrap().len() < 64);
        assert_eq!(inspect(&link).unwrap().metadata.epoch, epochs as u64 - 1);
    }
}

/// A checkpoint whose path is a link, and one that is replaced: the links' targets are not touched
/// beyond what is written.
#[test]
fn checkpoints_are_written_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("disk")).unwrap();
    fs::create_dir(at("run")).unwrap();
    symlink("../disk/a", at("run/epoch=0-step=2.ckpt")).unwrap();
    checkpoints(&at("run"), 1, Resume::Never).unwrap();
    assert!(kind(&at("run/epoch=0-step=2.ckpt")).is_symlink());
    assert_eq!(inspect(at("disk/a")).unwrap().metadata.epoch, 0);
    checkpoints(&at("run"), 2, Resume::Last).unwrap();
    // The link is the old checkpoint, and is removed; the file that it led to stays.
    assert!(fs::symlink_metadata(at("run/epoch=0-step=2.ckpt")).is_err());
    assert_eq!(inspect(at("disk/a")).unwrap().metadata.epoch, 0);
}

fn row(logger: &mut CsvLogger, step: u64, metric: &str) -> Result<()> {
    logger.log_metrics(&Record::new(Stage::Fit, 0, Some(step), step, step, vec![(metric.to_owned(), 0.5)]))
}

/// A new metric rewrites the file, a given version moves it, and resuming cuts it.
#[test]
fn a_linked_metrics_file_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("mine");
    fs::create_dir(&run).unwrap();
    let (link, target) = (run.join("metrics.csv"), folder.path().join("elsewhere.csv"));
    symlink("../elsewhere.csv", &link).unwrap();
    let logger = || CsvLogger::new(folder.path()).version("mine").flush_every_n_steps(1);
    for expected in ["epoch,stage,batch,batch_step,global_step,a,b\n0,fit,1,1,1,0.5,\n0,fit,2,2,2,,0.5\n"; 2] {
        let mut logger = logger();
        logger.start().unwrap();
        row(&mut logger, 1, "a").unwrap();
        row(&mut logger, 2, "b").unwrap();
        logger.finalize(RunStatus::Success).unwrap();
        assert!(kind(&link).is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), expected);
    }
    // The rows of the first run were moved.
    assert!(fs::read_to_string(run.join("metrics.0.csv")).unwrap().ends_with("2,2,2,,0.5\n"));
    // An empty file, as after a kill, is started again.
    fs::write(&target, "").unwrap();
    let mut resumed = logger();
    resumed.resume("mine", 1).unwrap();
    row(&mut resumed, 1, "a").unwrap();
    resumed.finalize(RunStatus::Success).unwrap();
    assert!(kind(&link).is_symlink() && fs::read_to_string(&target).unwrap().ends_with("0,fit,1,1,1,0.5\n"));
}

#[test]
fn a_device_as_metrics_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let Some(device) = null_device(folder.path()) else { return };
    let run = folder.path().join("mine");
    fs::create_dir(&run).unwrap();
    let path = run.join("metrics.csv");
    fs::rename(&device, &path).unwrap();
    for is_resumed in [false, true] {
        let mut logger = CsvLogger::new(folder.path()).version("mine").flush_every_n_steps(1);
        if is_resumed {
            logger.resume("mine", 1).unwrap();
        }
        logger.start().unwrap();
        row(&mut logger, 1, "a").unwrap();
        row(&mut logger, 2, "b").unwrap();
        logger.finalize(RunStatus::Success).unwrap();
        assert!(kind(&path).is_char_device());
    }
}
