//! Reads damaged checkpoint files, in every way that a checkpoint is read: `damaged 1000000` does so a million times.
//!
//! None may panic, none may allocate much more than the file has, and each that is refused is refused with an error that names the file.
//! A file whose hash is wrong has to be refused.

use std::{
    alloc::System,
    env, fs, panic,
    sync::atomic::{AtomicU64, Ordering},
};

use cap::Cap;
use lightning_core::{Result, Rng};
use lightning_tests::damaged::{Read, damage, read, sample};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What reading a file of a few kilobytes and one step of training may take at a time; more ends the process.
const ENOUGH: usize = 16 << 20;

static PANICS: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<()> {
    let wanted: u64 = env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let seed: u64 = env::args().nth(2).map_or(Ok(1), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let good = sample(folder.path())?;
    let path = folder.path().join("damaged.ckpt");

    fs::write(&path, &good)?;
    let Read { inspected, loaded, resumed } = read(&path);
    inspected.and(loaded).and(resumed)?;
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    MEMORY.set_limit(MEMORY.allocated() + ENOUGH).map_err(|()| "the limit is below what is in use")?;

    let mut rng = Rng::new(seed);
    let (mut refused, mut unchanged) = (0_u64, 0_u64);
    for count in 0..wanted {
        let (bytes, is_hashed) = damage(&good, &mut rng);
        if bytes == good {
            unchanged += 1;
            continue;
        }
        fs::write(&path, &bytes)?;
        let read = read(&path);
        let keep = |what: &str| -> Result<()> {
            let kept = env::temp_dir().join("damaged.ckpt");
            fs::write(&kept, &bytes)?;
            Err(format!("file {count} of seed {seed}: {what}; it is kept as {}", kept.display()).into())
        };
        if PANICS.load(Ordering::Relaxed) > 0 {
            keep("a panic")?;
        }
        if !is_hashed && read.inspected.is_ok() {
            keep("it was not noticed")?;
        }
        for error in read.errors() {
            if !error.to_string().contains("damaged.ckpt") {
                keep(&format!("the error does not name the file: {error}"))?;
            }
        }
        refused += u64::from(read.errors().next().is_some());
    }
    eprintln!("{wanted} files: {refused} refused by name, {unchanged} unchanged, the rest read as they stand");
    Ok(())
}
