//! Reads damaged checkpoint files in every way in which a checkpoint is read; `damaged 1000000`
//! reads a million of them.
//!
//! Reading must not panic and must not allocate much more than the size of the file. Every error
//! must name the file, and a file with a wrong hash must be rejected.

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

/// The memory that reading a file of a few kilobytes and one training step may use at a time. A
/// larger allocation ends the process.
const MEMORY_LIMIT: usize = 16 << 20;

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
    MEMORY.set_limit(MEMORY.allocated() + MEMORY_LIMIT).map_err(|()| "the memory limit is below the current usage")?;

    let mut rng = Rng::new(seed);
    let (mut rejected, mut unchanged) = (0_u64, 0_u64);
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
            Err(format!("file {count} of seed {seed}: {what}; saved as {}", kept.display()).into())
        };
        if PANICS.load(Ordering::Relaxed) > 0 {
            keep("a panic")?;
        }
        if !is_hashed && read.inspected.is_ok() {
            keep("the wrong hash was not detected")?;
        }
        for error in read.errors() {
            if !error.to_string().contains("damaged.ckpt") {
                keep(&format!("the error does not name the file: {error}"))?;
            }
        }
        rejected += u64::from(read.errors().next().is_some());
    }
    eprintln!(
        "{wanted} files: {rejected} rejected with an error that names the file, {unchanged} unchanged, the rest read without an error"
    );
    Ok(())
}
