//! Kills a training program with SIGKILL at random moments, restarts it until it has finished, and
//! compares its weights, log and checkpoints byte for byte with those of an uninterrupted run.
//!
//! `crash 200` kills 200 times; half of the kills wait for a checkpoint that is being written.
//! `crash 200 7` uses another random seed, and `crash 200 7 800` a wider network, whose checkpoints
//! of several megabytes are written with direct I/O.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{Rng, callbacks::TopK, data::Dataset, prelude::*};

const CHILD: &str = "--train";
/// The width of the network, large enough that a checkpoint can be interrupted.
const WIDTH: usize = 256;

#[derive(Batch, Clone, Debug)]
struct Rows {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = 3e-3)]
struct Net {
    #[init(LinearConfig::new(8, width).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(width).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(width, width).init(device))]
    fc2: Linear,
    #[init(DropoutConfig::new(0.2).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(width, 3).init(device))]
    fc3: Linear,
    #[state]
    batches: u64,
    #[hparam(default = WIDTH)]
    width: usize,
}

#[lightning_module]
impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norm.forward(self.fc1.forward(x)));
        self.fc3.forward(self.dropout.forward(relu(self.fc2.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.forward(batch.x);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
    fn on_train_batch_end(&mut self) {
        self.batches += 1;
    }
}

/// Random points whose class is the largest of the first three inputs.
struct Points(Vec<([f32; 8], i32)>);

impl Points {
    fn new(count: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let point = |_| {
            let x: [f32; 8] = std::array::from_fn(|_| rng.normal() as f32);
            let largest = (0..3).max_by(|a: &usize, b| x[*a].total_cmp(&x[*b])).unwrap_or(0);
            (x, largest as i32)
        };
        Self((0..count).map(point).collect())
    }

    fn loader(self, batch_size: usize, shuffle: bool) -> Result<DataLoader<Rows>> {
        DataLoader::builder(self).batch_size(batch_size).shuffle(shuffle).collate(rows).build()
    }
}

impl Dataset for Points {
    type Item = ([f32; 8], i32);

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Result<Self::Item> {
        self.0.as_slice().get(index).copied().ok_or_else(|| "no such point".into())
    }
}

fn rows(items: Vec<([f32; 8], i32)>) -> Result<Rows> {
    let (device, count) = (Device::default(), items.len());
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// The training program that is killed.
fn train(folder: &Path, width: usize) -> Result<()> {
    seed_everything(42);
    let mut model = Net::new(NetHparams::default().with_width(width));
    let mut trainer = Net::trainer()
        .max_epochs(6)
        .accumulate_grad_batches(3)
        .val_check_interval(7)
        .log_every_n_steps(1)
        .default_root_dir(folder)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(EarlyStopping::new(Net::VAL_LOSS).patience(100))
        .callback(ModelCheckpoint::new(Net::VAL_LOSS).save_top_k(2).save_last(true).filename("best-{epoch}-{step}"))
        .callback(ModelCheckpoint::latest().every_n_train_steps(4).save_top_k(TopK::Best(1)))
        .callback(ModelCheckpoint::new(Net::VAL_ACC).save_top_k(TopK::All).filename("all-{epoch}-{step}"))
        .callback(ModelCheckpoint::latest().every_n_train_steps(4).save_weights_only(true).filename("weights-{step}"))
        .resume_from(Resume::LastOrStart)
        .build()?;
    let data = (Points::new(300, 1).loader(16, true)?, Points::new(60, 2).loader(16, false)?);
    trainer.fit(&mut model, data)?;
    model.save_weights(folder.join("final.safetensors"))
}

/// Returns the folder of the last run. A run that was killed before its first checkpoint leaves a
/// separate folder.
fn last_version(folder: &Path) -> PathBuf {
    let logs = folder.join("lightning_logs");
    let version = |number: u64| logs.join(format!("version_{number}"));
    let last = (0..).take_while(|number| version(*number).is_dir()).last().unwrap_or(0);
    version(last)
}

/// Returns the files that must be equal, by relative path: those of the last run and the weights.
///
/// # Errors
/// If a file cannot be read, or an earlier run has a checkpoint from which none was resumed.
fn results(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let last = last_version(folder);
    let mut found = files(&last)?;
    found.insert("final.safetensors".into(), fs::read(folder.join("final.safetensors"))?);
    for version in fs::read_dir(folder.join("lightning_logs"))? {
        let version = version?.path();
        let is_checkpoint = |name: &PathBuf| name.extension().is_some_and(|extension| extension == "ckpt");
        if version != last && files(&version)?.keys().any(is_checkpoint) {
            return Err(io::Error::other(format!("{} has a checkpoint and was not resumed", version.display())));
        }
    }
    Ok(found)
}

/// Returns the files below a folder, by relative path.
fn files(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            // A killed save leaves a temporary file, which the next save in the folder removes.
            let is_leftover = path.extension().is_some_and(|extension| extension == "tmp");
            if path.is_dir() {
                folders.push(path);
            } else if !is_leftover {
                let name = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn start(folder: &Path, width: &str) -> io::Result<Child> {
    Command::new(env::current_exe()?).args([CHILD, width]).arg(folder).stdout(Stdio::null()).spawn()
}

/// Returns whether a checkpoint is being written.
fn is_writing(folder: &Path) -> bool {
    let temporary = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|ext| ext == "tmp"))
    };
    fs::read_dir(last_version(folder).join("checkpoints")).is_ok_and(|mut entries| entries.any(temporary))
}

/// The number of kills.
#[derive(Default)]
struct Kills {
    all: u64,
    while_writing: u64,
}

/// Kills the child at a random moment and returns whether it had finished before.
fn kill(child: &mut Child, folder: &Path, rng: &mut Rng, longest: Duration, kills: &mut Kills) -> io::Result<bool> {
    let waits_for_file = rng.random_bool(0.5);
    let moment = longest.mul_f64(rng.uniform());
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() {
                Ok(true)
            } else {
                Err(io::Error::other(format!("the program failed: {status}")))
            };
        }
        let is_due = begun.elapsed() >= moment;
        let writing = waits_for_file && is_due && is_writing(folder);
        if writing || (is_due && !waits_for_file) || begun.elapsed() > longest * 4 {
            child.kill()?;
            child.wait()?;
            kills.all += 1;
            kills.while_writing += u64::from(writing);
            return Ok(false);
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mode, width, folder] = args.as_slice()
        && mode == CHILD
    {
        return train(Path::new(folder), width.parse()?);
    }
    let number = |at: usize, default: u64| args.get(at).map_or(Ok(default), |text| text.parse());
    let (wanted, seed, width) = (number(0, 200)?, number(1, 1)?, number(2, WIDTH as u64)?.to_string());

    let uninterrupted = tempfile::tempdir()?;
    let begun = Instant::now();
    let status = start(uninterrupted.path(), &width)?.wait()?;
    if !status.success() {
        return Err("the uninterrupted run failed".into());
    }
    let life = begun.elapsed();
    let expected = results(uninterrupted.path())?;
    println!("an uninterrupted run takes {life:.2?} and leaves {} files", expected.len());

    let mut rng = Rng::new(seed);
    let (mut kills, mut rounds) = (Kills::default(), 0);
    while kills.all < wanted {
        let folder = tempfile::tempdir()?;
        let mut starts = 0;
        loop {
            starts += 1;
            let mut child = start(folder.path(), &width)?;
            if kill(&mut child, folder.path(), &mut rng, life / 2, &mut kills)? {
                break;
            }
        }
        rounds += 1;
        let found = results(folder.path())?;
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| {
            files.keys().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let (left, right) = (names(&found), names(&expected));
        if left != right {
            return Err(format!("round {rounds}: the files must be {right:?}, found {left:?}").into());
        }
        for (name, bytes) in &expected {
            if found.get(name) != Some(bytes) {
                let kept = folder.keep();
                return Err(format!("round {rounds}: `{}` differs in {}", name.display(), kept.display()).into());
            }
        }
        println!("round {rounds}: {starts} starts, {} kills so far", kills.all);
    }
    let Kills { all, while_writing } = kills;
    println!(
        "{all} kills, {while_writing} of them while a checkpoint was being written, {rounds} runs finished: nothing lost"
    );
    Ok(())
}
