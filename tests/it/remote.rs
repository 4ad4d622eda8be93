//! Checkpoints in a bucket of a real S3 server: moto, whose Python is in `MOTO_PYTHON`. Without, and
//! without the feature `remote`, the test says that it is skipped. `scripts/remote.sh` installs it.
//!
//! Between the program and the server is a proxy that cuts connections and goes away; the program is
//! killed as well. `LIGHTNING_CUTS` sets how often.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::{checkpoint, prelude::*, random::Rng, remote};

use crate::{
    foreign::python,
    remote_support::{Server, account},
};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Net {
    // With the state of Adam about 12 MB: more than is sent at once.
    #[init(LinearConfig::new(1000, 1000).init(device))]
    first: Linear,
    #[init(LinearConfig::new(1000, 1).init(device))]
    second: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        thread::sleep(Duration::from_millis(20));
        #[log(minimize)]
        let train_loss = self.second.forward(self.first.forward(batch)).powi_scalar(2).mean();
        train_loss
    }
}

fn data() -> DataLoader<Tensor<2>> {
    let rows: Vec<Vec<f32>> =
        (0..32_u32).map(|row| (0..1000).map(|at| ((row * 31 + at) % 17) as f32 / 17.0).collect()).collect();
    let collate = |rows: Vec<Vec<f32>>| {
        let count = rows.len();
        Ok(Tensor::<1>::from_floats(rows.concat().as_slice(), &Device::default()).reshape([count, 1000]))
    };
    DataLoader::builder(rows).batch_size(8).shuffle(true).collate(collate).build().unwrap()
}

const EPOCHS: usize = 5;

/// The program of the test, in a process of its own.
#[test]
fn the_program() {
    let (Some(root), Some(out)) = (std::env::var_os("REMOTE_ROOT"), std::env::var_os("REMOTE_OUT")) else { return };
    seed_everything(3);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .default_root_dir(&root)
        .max_epochs(EPOCHS)
        .log_every_n_steps(1)
        .callback(ModelCheckpoint::new(Net::TRAIN_LOSS).save_top_k(2).save_last(true))
        .resume_from(if std::env::var_os("REMOTE_NEW").is_some() { Resume::Never } else { Resume::LastOrStart })
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .build()
        .unwrap();
    trainer.fit(&mut model, data()).unwrap();
    let bits = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().map(f32::to_bits).collect::<Vec<_>>();
    let bytes: Vec<u8> = [bits(model.first.weight.val()), bits(model.second.weight.val())]
        .concat()
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    // In place at once: the file is there only when the run is whole.
    let new = PathBuf::from(&out).with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, out).unwrap();
}

/// Passes connections on to the server, unless it is away, and cuts one after a number of bytes.
struct Proxy {
    port: u16,
    is_away: Arc<AtomicBool>,
    /// The bytes until the next cut; negative for none.
    left: Arc<AtomicI64>,
}

impl Proxy {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_away, left) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(-1)));
        let proxy = Self { port, is_away: is_away.clone(), left: left.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(upstream) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                if is_away.load(Ordering::SeqCst) {
                    continue;
                }
                for (mut from, mut to) in
                    [(client.try_clone().unwrap(), upstream.try_clone().unwrap()), (upstream, client)]
                {
                    let (is_away, left) = (is_away.clone(), left.clone());
                    thread::spawn(move || {
                        let mut buffer = [0; 16 * 1024];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            let before = left.load(Ordering::SeqCst);
                            let is_cut = before >= 0 && left.fetch_sub(read as i64, Ordering::SeqCst) < read as i64;
                            if is_cut {
                                left.store(-1, Ordering::SeqCst);
                            }
                            if is_cut || is_away.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        proxy
    }
}

/// The keys of the objects whose names start so.
fn keys(server: &Server, prefix: &str) -> Vec<String> {
    let page = server.request("GET", &format!("/bucket?list-type=2&prefix={prefix}"), b"");
    let page = String::from_utf8(page).unwrap();
    let keys = page.split("<Key>").skip(1).filter_map(|part| part.split_once("</Key>"));
    keys.map(|(key, _)| key.replace("&amp;", "&")).collect()
}

/// Fails unless every checkpoint is whole, and the file of the last one names one of them.
fn check(server: &Server, prefix: &str, folder: &Path) -> usize {
    let keys = keys(server, prefix);
    let checkpoints: Vec<_> = keys.iter().filter(|key| key.ends_with(".ckpt")).collect();
    for key in &checkpoints {
        let bytes = server.request("GET", &format!("/bucket/{}", key.replace('=', "%3D")), b"");
        if let Some(target) =
            std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix("lightning-checkpoint: "))
        {
            let target = format!("{}/{}", key.rsplit_once('/').unwrap().0, target.trim());
            assert!(keys.contains(&target), "`{key}` names `{target}`, which is not in {keys:?}");
            continue;
        }
        let file = folder.join("found.ckpt");
        fs::write(&file, bytes).unwrap();
        checkpoint::inspect(&file).unwrap_or_else(|error| panic!("`{key}` is not whole: {error}"));
    }
    checkpoints.len()
}

fn program(root: &str, local: &Path, out: &Path, port: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["remote::the_program", "--exact", "--nocapture"]);
    command.env("REMOTE_ROOT", root).env("REMOTE_OUT", out);
    account(&mut command, port, local);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn cut_at_random_moments_the_bucket_has_whole_checkpoints_and_the_run_has_the_same_bits() {
    let Some(python) = python("MOTO_PYTHON", "moto[server]") else { return };
    let cuts: u64 = std::env::var("LIGHTNING_CUTS").map_or(4, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&python, folder.path());
    server.request("PUT", "/bucket", b"");
    let out = |name: &str| folder.path().join(format!("{name}.bits"));
    let started = Instant::now();
    let whole =
        program("s3://bucket/whole", &folder.path().join("whole"), &out("whole"), server.port()).output().unwrap();
    let took = started.elapsed();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let expected = fs::read(out("whole")).unwrap();
    // Two best, the last if it is another one, and the file that names it.
    assert!((3..=4).contains(&check(&server, "whole", folder.path())), "{:?}", keys(&server, "whole"));
    assert!(keys(&server, "whole").iter().any(|key| key.ends_with("metrics.csv")));

    let mut rng = Rng::new(std::env::var("LIGHTNING_SEED").map_or(7, |text| text.parse().unwrap()));
    let (mut killed, mut resumed) = (0, 0);
    for cut in 0..cuts {
        let (proxy, root) = (Proxy::start(server.port()), format!("s3://bucket/run{cut}"));
        let local = folder.path().join(format!("local{cut}"));
        let out = out(&format!("run{cut}"));
        // Cuts somewhere in an upload; then the server is away for a while; then the program is killed.
        proxy.left.store((rng.uniform() * 40e6) as i64, Ordering::SeqCst);
        let mut child = program(&root, &local, &out, proxy.port).spawn().unwrap();
        let mut moment = |share: f64| took.mul_f64(rng.uniform() * share);
        thread::sleep(moment(0.8));
        proxy.is_away.store(true, Ordering::SeqCst);
        thread::sleep(moment(0.4));
        if cut % 2 == 0 {
            proxy.is_away.store(false, Ordering::SeqCst);
            thread::sleep(moment(0.4));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += u64::from(!out.exists());
        proxy.is_away.store(false, Ordering::SeqCst);
        let found = check(&server, &format!("run{cut}"), folder.path());
        resumed += u64::from(found > 0);
        // Every third time on another machine, which has nothing but the bucket.
        let local = if cut % 3 == 0 { folder.path().join(format!("other{cut}")) } else { local };
        let done = program(&root, &local, &out, proxy.port).output().unwrap();
        assert!(done.status.success(), "{cut}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(fs::read(&out).unwrap() == expected, "run {cut} has other bits");
        check(&server, &format!("run{cut}"), folder.path());
        let _ = (fs::remove_dir_all(&local), fs::remove_file(&out));
    }
    eprintln!(
        "{cuts} cuts: {killed} runs were killed, {resumed} had checkpoints in the bucket, all have the same bits"
    );
    assert!(killed > 0 && remote::is_remote("s3://bucket"));

    // From an address, in this process: the file of the last checkpoint, and the checkpoint.
    let key = keys(&server, "whole").into_iter().find(|key| key.ends_with("last.ckpt")).unwrap();
    let text = format!("s3://bucket/{key}");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["remote::the_reader", "--exact", "--nocapture"]).env("REMOTE_CHECKPOINT", text);
    account(&mut command, server.port(), &folder.path().join("reader"));
    let read = command.output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert!(String::from_utf8_lossy(&read.stdout).contains("read from the bucket"));
}

/// A new run goes on, and says it once; one that resumes cannot know what the storage has.
#[test]
fn a_storage_that_refuses_or_hangs_stops_no_run() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let [refuses, hangs] = [&refusing, &hanging].map(|listener| listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in refusing.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
            let len = body.len();
            let head = format!("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}");
            let _ = (stream.write_all(head.as_bytes()), stream.shutdown(Shutdown::Write));
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for (name, port, expected) in [("refuses", refuses, "may not be used with this account"), ("hangs", hangs, "")] {
        let out = folder.path().join(name);
        let mut command = program("s3://bucket/run", &folder.path().join(format!("local-{name}")), &out, port);
        command.env("LIGHTNING_REMOTE_WAIT", "1").env("REMOTE_NEW", "1");
        let done = command.output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && out.exists(), "{text}");
        assert!(text.contains("not everything is uploaded") && text.contains("are kept in"), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let mut command = program("s3://bucket/run", &folder.path().join("other"), &folder.path().join("out"), refuses);
    let refused = command.env("LIGHTNING_REMOTE_WAIT", "1").output().unwrap();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("may not be used with this account"), "{text}");
    assert!(text.contains("AWS_ACCESS_KEY_ID"), "{text}");
    drop(hanging);
}

#[test]
fn the_reader() {
    let Ok(address) = std::env::var("REMOTE_CHECKPOINT") else { return };
    let model = Net::load_from_checkpoint(&address).unwrap();
    assert_eq!(model.first.weight.val().dims(), [1000, 1000]);
    let error = Net::load_from_checkpoint("s3://bucket/none.ckpt").map(drop).unwrap_err().to_string();
    assert!(error.contains("there is no `s3://bucket/none.ckpt`"), "{error}");
    let error = Net::load_from_checkpoint("s3://no-bucket/none.ckpt").map(drop).unwrap_err().to_string();
    assert!(error.contains("no-bucket"), "{error}");
    println!("read from the bucket");
}
