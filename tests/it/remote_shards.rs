//! `data::shards` in a bucket of a real S3 server: moto, whose Python is in `MOTO_PYTHON`. Without, and
//! without the feature `remote`, the tests say that they are skipped. `scripts/remote.sh` installs it.
//!
//! What reads is a process of its own, because the account is in its environment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lightning_core::{
    Rng,
    data::{EpochOffset, Sample, Shards, shards},
    prelude::*,
};

use crate::{
    foreign::python,
    remote_support::{Server, account},
};

/// Writes shards of 7, 5 and 6 samples: the second one is larger than what is downloaded at once.
const WRITER: &str = r#"
import io, sys, tarfile
number = 0
for shard, count in enumerate([7, 5, 6]):
    with tarfile.open(f"{sys.argv[1]}/train-{shard:02}.tar", "w") as tar:
        for _ in range(count):
            size = 17_000_000 if number == 8 else 700
            for end, content in [("cls", str(number).encode()), ("seg.bin", bytes([number]) * size)]:
                info = tarfile.TarInfo(f"{number:03}.{end}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            number += 1
"#;

const SAMPLES: u64 = 18;

fn loader(shards: Shards, workers: usize) -> DataLoader<Vec<Sample>> {
    shards.loader().num_workers(workers).collate(|samples: Vec<Sample>| Ok(samples)).build().unwrap()
}

fn read(loader: &DataLoader<Vec<Sample>>, epoch: u64, batch: u64) -> Result<Vec<Sample>> {
    let at = EpochOffset { epoch, batch, ..EpochOffset::default() };
    Ok(loader.resume(at)?.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn keys(samples: &[Sample]) -> Vec<&str> {
    samples.iter().map(|sample| sample.key.as_str()).collect()
}

/// What a process reads: `SHARDS` in a bucket, and `SHARDS_HERE`, the same on this machine.
fn pattern(variable: &str) -> Option<Shards> {
    std::env::var_os(variable).map(|pattern| shards(pattern).unwrap())
}

fn rank() -> usize {
    std::env::var("SHARDS_RANK").map_or(0, |text| text.parse().unwrap())
}

/// The first shard is read while the second one is downloaded, and no other.
#[test]
fn the_next_shard_is_downloaded_while_one_is_read() {
    let (Some(remote), Some(folder)) = (pattern("SHARDS_AHEAD"), std::env::var_os("LIGHTNING_REMOTE_DIR")) else {
        return;
    };
    let here = |shard: u64| Path::new(&folder).join(format!("s3/shards/train-{shard:02}.tar"));
    let mut samples = remote.samples(Rng::new(1));
    assert_eq!(samples.next().unwrap().unwrap().key, "000");
    let until = Instant::now() + Duration::from_secs(60);
    while !here(1).exists() {
        assert!(Instant::now() < until, "the second shard is not downloaded");
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(500));
    assert!(here(0).exists() && !here(2).exists());
    assert_eq!(samples.count(), 17);
    assert!(here(2).exists());
    println!("read ahead");
}

/// Each rank has its share, from every batch on.
#[test]
fn the_reader_of_a_rank() {
    let (Some(remote), Some(here)) = (pattern("SHARDS"), pattern("SHARDS_HERE")) else { return };
    let (rank, mut passes) = (rank(), 0);
    for (buffer, epoch) in [(0, 0), (5, 0), (5, 1)] {
        let of = |shards: &Shards| shards.clone().shuffle_buffer(buffer).split(rank, 2).unwrap();
        let expected = read(&loader(of(&here), 0), epoch, 0).unwrap();
        assert_eq!(expected.len() as u64, SAMPLES / 2);
        assert_eq!(keys(&expected).is_sorted(), buffer == 0);
        for workers in [0, 4] {
            let loader = loader(of(&remote), workers);
            for batch in 0..=SAMPLES / 2 {
                let found = read(&loader, epoch, batch).unwrap();
                let rest = &expected[batch as usize..];
                assert!(found == rest, "{buffer} {epoch} {workers} {batch}: {:?}, not {:?}", keys(&found), keys(rest));
                passes += 1;
            }
        }
    }
    println!("rank {rank}: {passes} passes");
}

/// Prints the error of each of the patterns.
#[test]
fn the_reader_of_what_is_wrong() {
    let Ok(patterns) = std::env::var("SHARDS_WRONG") else { return };
    for pattern in patterns.split_whitespace() {
        for workers in [0, 2] {
            let error = read(&loader(shards(pattern).unwrap(), workers), 0, 0).unwrap_err();
            // Not in the line of the test.
            println!("\n{pattern}: {error}");
        }
    }
}

fn process(test: &str, port: u16, local: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("remote_shards::{test}"), "--exact", "--nocapture"]);
    account(&mut command, port, local);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn printed(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes the shards, and returns their pattern on this machine.
fn write(python: &Path, folder: &Path) -> PathBuf {
    let written = Command::new(python).args(["-c", WRITER]).arg(folder).status().unwrap();
    assert!(written.success());
    folder.join("train-{00..02}.tar")
}

#[test]
fn shards_of_a_bucket_are_those_of_a_folder() {
    let Some(python) = python("MOTO_PYTHON", "moto[server]") else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = write(&python, folder.path());
    let server = Server::start(&python, folder.path());
    server.request("PUT", "/shards", b"");
    for shard in 0..3 {
        let name = format!("train-{shard:02}.tar");
        server.request("PUT", &format!("/shards/{name}"), &fs::read(folder.path().join(name)).unwrap());
    }
    let there = "s3://shards/train-{00..02}.tar";
    let mut ahead = process("the_next_shard_is_downloaded_while_one_is_read", server.port(), &folder.path().join("a"));
    let text = printed(ahead.env("SHARDS_AHEAD", there).spawn().unwrap());
    assert!(text.contains("read ahead"), "{text}");
    // Two processes of one machine, which download to one folder at the same time.
    let ranks = ["0", "1"].map(|rank| {
        let mut command = process("the_reader_of_a_rank", server.port(), &folder.path().join("b"));
        command.env("SHARDS", there).env("SHARDS_HERE", &here).env("SHARDS_RANK", rank).spawn().unwrap()
    });
    for (rank, child) in ranks.into_iter().enumerate() {
        let text = printed(child);
        assert!(text.contains(&format!("rank {rank}: 60 passes")), "{text}");
    }
}

#[test]
fn a_shard_that_cannot_be_read_is_named() {
    let Some(python) = python("MOTO_PYTHON", "moto[server]") else { return };
    let folder = tempfile::tempdir().unwrap();
    write(&python, folder.path());
    let whole = fs::read(folder.path().join("train-00.tar")).unwrap();
    let server = Server::start(&python, folder.path());
    server.request("PUT", "/shards", b"");
    server.request("PUT", "/shards/part/train-00.tar", &whole);
    server.request("PUT", "/shards/cut.tar", &whole[..1700]);
    let errors = |server: &Server, local: &str, patterns: &str| -> Vec<String> {
        let mut command = process("the_reader_of_what_is_wrong", server.port(), &folder.path().join(local));
        let text = printed(command.env("SHARDS_WRONG", patterns).spawn().unwrap());
        text.lines().filter(|line| line.starts_with("s3://")).map(str::to_owned).collect()
    };
    let patterns = "s3://shards/part/train-{00..01}.tar s3://shards/cut.tar s3://none/train-00.tar";
    let found = errors(&server, "a", patterns);
    let cannot = "cannot be downloaded: there is no";
    let expected = [
        format!("the shard `s3://shards/part/train-01.tar` {cannot} `s3://shards/part/train-01.tar`"),
        "the shard `s3://shards/cut.tar` is damaged at byte ".to_owned(),
        "the shard `s3://none/train-00.tar` cannot be downloaded: ".to_owned(),
    ];
    let remedies = ["check the bucket and the path", "write it again, or leave it out", "check the bucket"];
    assert_eq!(found.len(), 6, "{found:?}");
    for (lines, (expected, remedy)) in found.chunks(2).zip(expected.iter().zip(remedies)) {
        for line in lines {
            assert!(line.contains(expected) && line.contains(remedy), "{line}");
        }
    }

    let refusing = Server::refusing_after(&python, folder.path(), 2);
    refusing.request("PUT", "/closed", b"");
    refusing.request("PUT", "/closed/train-00.tar", &whole);
    for line in errors(&refusing, "b", "s3://closed/train-00.tar") {
        let expected = "the shard `s3://closed/train-00.tar` cannot be downloaded: ";
        assert!(line.contains(expected) && line.contains("may not be used with this account"), "{line}");
        assert!(line.contains("set `AWS_ACCESS_KEY_ID`"), "{line}");
    }
}
