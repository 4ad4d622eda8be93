#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, process::Command};

use super::*;
use crate::data::EpochOffset;

/// Three shards of 7, 5 and 6 samples, made by the program `tar`; `None` without it.
fn dataset(folder: &Path) -> Option<Shards> {
    let mut sample = 0;
    for (shard, count) in [7, 5, 6].into_iter().enumerate() {
        let source = folder.join(format!("source{shard}"));
        fs::create_dir_all(&source).unwrap();
        for _ in 0..count {
            fs::write(source.join(format!("{sample:03}.cls")), format!("{sample}\n")).unwrap();
            fs::write(source.join(format!("{sample:03}.seg.bin")), vec![sample; 700]).unwrap();
            sample += 1;
        }
        let format = ["gnu", "pax", "ustar"][shard];
        let tar = folder.join(format!("train-{shard:02}.tar"));
        let mut command = Command::new("tar");
        command.args(["--sort=name", &format!("--format={format}"), "-cf"]).arg(&tar).arg("-C").arg(&source).arg(".");
        if !command.status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED shards: there is no `tar` that sorts");
            return None;
        }
    }
    Some(shards(folder.join("train-{00..02}.tar")).unwrap())
}

fn loader(shards: Shards, workers: usize) -> DataLoader<Vec<u32>> {
    let builder = shards.loader().try_map(|sample, _rng| {
        assert_eq!(sample.bytes("seg.bin")?.len(), 700);
        Ok(sample.text("cls")?.parse::<u32>().unwrap())
    });
    builder.num_workers(workers).collate(|items: Vec<u32>| Ok(items)).build().unwrap()
}

fn all(loader: &DataLoader<Vec<u32>>, epoch: u64, batch: u64) -> Vec<u32> {
    let at = EpochOffset { epoch, batch, ..EpochOffset::default() };
    loader.resume(at).unwrap().collect::<Result<Vec<_>>>().unwrap().concat()
}

#[test]
fn samples_are_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shards) = dataset(folder.path()) else { return };
    let samples: Vec<_> = shards.samples(Rng::new(1)).collect::<Result<_>>().unwrap();
    assert_eq!(samples.len(), 18);
    assert_eq!((samples[9].key.as_str(), samples[9].text("cls").unwrap()), ("009", "9"));
    assert_eq!(samples[9].bytes("seg.bin").unwrap(), [9; 700]);
    let error = samples[0].bytes("png").unwrap_err().to_string();
    assert!(error.contains("the sample `000` must have a file `.png`, found `cls`, `seg.bin`"), "{error}");
}

/// The order of an epoch is the same with any number of workers, and a resumed one is its rest.
#[test]
fn a_stream_resumed_at_every_sample_is_the_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shards) = dataset(folder.path()) else { return };
    for buffer in [0, 5] {
        let shards = shards.clone().shuffle_buffer(buffer);
        let mut of_epochs = Vec::new();
        for epoch in 0..2 {
            let whole = all(&loader(shards.clone(), 0), epoch, 0);
            let mut sorted = whole.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..18).collect::<Vec<_>>());
            for workers in [0, 2, 4] {
                let loader = loader(shards.clone(), workers);
                for batch in 0..=18 {
                    assert_eq!(all(&loader, epoch, batch), whole[batch as usize..], "{buffer} {workers} {batch}");
                }
            }
            // Two processes together have the samples of one, each at its turn.
            let halves: Vec<_> = (0..2).map(|rank| shards.clone().split(rank, 2).unwrap()).collect();
            let halves: Vec<_> = halves.into_iter().map(|half| all(&loader(half, 2), epoch, 0)).collect();
            let together: Vec<_> = halves[0].iter().zip(&halves[1]).flat_map(|(a, b)| [*a, *b]).collect();
            assert_eq!(together, whole);
            for batch in 0..=9 {
                let half = shards.clone().split(1, 2).unwrap();
                assert_eq!(all(&loader(half, 4), epoch, batch), halves[1][batch as usize..]);
            }
            of_epochs.push(whole);
        }
        assert_eq!(of_epochs[0] == of_epochs[1], buffer == 0);
    }
}

#[test]
fn what_is_left_over_is_read_by_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shards) = dataset(folder.path()) else { return };
    for rank in 0..4 {
        assert_eq!(all(&loader(shards.clone().split(rank, 4).unwrap(), 0), 0, 0).len(), 4);
    }
    let error = shards.split(2, 2).unwrap_err().to_string();
    assert!(error.contains("must be less than the world size 2, found 2"), "{error}");
}

#[test]
fn a_shard_that_is_cut_or_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shards) = dataset(folder.path()) else { return };
    let path = folder.path().join("train-01.tar");
    let whole = fs::read(&path).unwrap();
    let read = || shards.samples(Rng::new(1)).collect::<Result<Vec<_>>>();
    // A cut in the zeros at the end, and between two files, cannot be told from a shorter archive.
    for cut in [100, 600, 1000, 1100, 1700] {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = read().unwrap_err().to_string();
        assert!(
            error.contains("train-01.tar` is damaged at byte") && error.contains("write it again"),
            "{cut}: {error}"
        );
    }
    let mut changed = whole;
    changed[3] ^= 1;
    fs::write(&path, changed).unwrap();
    assert!(read().unwrap_err().to_string().contains("the checksum of a header is wrong"));
    fs::remove_file(&path).unwrap();
    assert!(read().unwrap_err().to_string().contains("cannot open the shard"));
}

#[test]
fn two_files_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    let tar = folder.path().join("twice.tar");
    for action in ["-cf", "-rf"] {
        let mut command = Command::new("tar");
        command.arg(action).arg(&tar).arg("-C").arg(folder.path()).arg("a.txt");
        if !command.status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED shards: there is no `tar`");
            return;
        }
    }
    let error = shards(&tar).unwrap().samples(Rng::new(1)).collect::<Result<Vec<_>>>().unwrap_err().to_string();
    assert!(error.contains("has two files `a.txt`") && error.contains("a name of its own"), "{error}");
}

#[test]
fn patterns_stand_for_names() {
    assert_eq!(expand("a/{08..10}.tar", "shards").unwrap(), ["a/08.tar", "a/09.tar", "a/10.tar"]);
    assert_eq!(expand("{x,y}{0..1}", "shards").unwrap(), ["x0", "x1", "y0", "y1"]);
    assert_eq!(expand("s3://b/t.tar", "shards").unwrap(), ["s3://b/t.tar"]);
    for (wrong, expected) in
        [("{0..", "has a `{` without `}`"), ("{a..3}", "has `a` for a number"), ("{3..1}", "counts down")]
    {
        assert!(expand(wrong, "shards").unwrap_err().to_string().contains(expected));
    }
}
