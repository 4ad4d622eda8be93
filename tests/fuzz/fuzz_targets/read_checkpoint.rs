//! Any bytes as a checkpoint: `cargo +nightly fuzz run read_checkpoint` in `tests/fuzz`.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("fuzzed.ckpt");
    (folder, path)
});

fuzz_target!(|bytes: &[u8]| {
    let (_, path) = &*FILE;
    fs::write(path, bytes).expect("a temporary file");
    for error in lightning_tests::damaged::read(path).errors() {
        assert!(error.to_string().contains("fuzzed.ckpt"), "{error}");
    }
});
