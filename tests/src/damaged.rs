//! Damaged checkpoint files, and everything that reads one: for the program `damaged` and the fuzz
//! target.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::{
    Error, Rng, StateReader, StateWriter,
    checkpoint::{self, Inspection},
    prelude::*,
    trainer::TrainerBuilder,
};
use serde_json::{Map, Value, json};
use twox_hash::XxHash3_128;

const HASH_KEY: &str = "lightning.xxh3_128";

/// A small module.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Small {
    #[init(LinearConfig::new(4, width).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(width).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(width, 1).init(device))]
    fc2: Linear,
    #[buffer(Tensor::from_data([1i32, 2, 3], device))]
    counts: Tensor<1, Int>,
    #[hparam(default = 3)]
    width: usize,
    #[hparam(default = 1e-2)]
    lr: f64,
    #[state]
    seen: Vec<u64>,
}

#[lightning_module]
impl Small {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let train_loss = self.fc2.forward(self.norm.forward(self.fc1.forward(batch))).powi_scalar(2).mean();
        train_loss
    }
    fn on_train_batch_end(&mut self) {
        self.seen.push(1);
        log("extra", &1.5);
    }
    fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()> {
        state.put("words", &["a", "b"])?;
        state.put_tensor("table", &self.counts);
        Ok(())
    }
    fn on_load_checkpoint(&mut self, state: &StateReader) -> Result<()> {
        let mut words: Vec<String> = Vec::new();
        state.get("words", &mut words)?;
        state.get_tensor("table", &mut self.counts)
    }
}

fn trainer(folder: &Path, steps: u64) -> TrainerBuilder<Small> {
    Small::trainer()
        .max_epochs(3)
        .max_steps(steps)
        .accumulate_grad_batches(2)
        .no_logger()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .callback(EarlyStopping::new(Small::TRAIN_LOSS.epoch()).patience(9).strict(false))
        .callback(ModelCheckpoint::<Small>::latest().every(callbacks::Epochs(100)).dirpath(folder.join("own")))
}

fn data() -> Vec<Tensor<2>> {
    vec![Tensor::<2>::ones([2, 4], &Device::default()); 3]
}

struct Save(PathBuf);

impl Callback<Small> for Save {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut Small) -> Result<()> {
        if cx.batch_step() == 4 { cx.save_checkpoint(module, &self.0) } else { Ok(()) }
    }
}

/// A checkpoint with something of everything: taken in an epoch, with half a window of gradients.
///
/// # Errors
/// When it cannot be written.
pub fn sample(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join("sample.ckpt");
    seed_everything(1);
    let mut model = Small::new(SmallHparams::default());
    trainer(folder, 4).callback(Save(path.clone())).build()?.fit(&mut model, data())?;
    Ok(fs::read(path)?)
}

/// What became of a file.
#[derive(Debug)]
pub struct Read {
    /// Looking into it.
    pub inspected: Result<Inspection>,
    /// Building a model from it.
    pub loaded: Result<()>,
    /// Resuming a run from it for one step.
    pub resumed: Result<()>,
}

impl Read {
    /// The errors, all of which have to name the file.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        let errors = [self.inspected.as_ref().err(), self.loaded.as_ref().err(), self.resumed.as_ref().err()];
        errors.into_iter().flatten()
    }
}

/// Reads a file in every way there is.
pub fn read(path: &Path) -> Read {
    let inspected = checkpoint::inspect(path).inspect(|inspection| {
        let _ = inspection.to_string();
    });
    let loaded = Small::load_from_checkpoint(path).map(drop);
    let resumed = if inspected.is_ok() { resume(path) } else { Err("not tried".into()) };
    let resumed = match (&inspected, resumed) {
        (Err(_), _) => Ok(()),
        (Ok(_), resumed) => resumed,
    };
    Read { inspected, loaded, resumed }
}

fn resume(path: &Path) -> Result<()> {
    seed_everything(1);
    let mut model = Small::new(SmallHparams::default());
    let folder = path.parent().unwrap_or(Path::new("."));
    trainer(folder, 5).resume_from(path).build()?.fit(&mut model, data()).map(drop)
}

/// A file with something wrong in it, and whether its hash is right all the same.
pub fn damage(good: &[u8], rng: &mut Rng) -> (Vec<u8>, bool) {
    match rng.random_range(0..8) {
        0 => {
            let mut bytes = good.to_vec();
            for _ in 0..1 + rng.random_range(0..3) {
                let bit = rng.random_range(0..bytes.len() * 8);
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            (bytes, false)
        }
        1 => (good.get(..rng.random_range(0..good.len())).unwrap_or_default().to_vec(), false),
        2 => {
            let mut bytes = good.to_vec();
            let length = [u64::MAX, u64::MAX / 2, 1 << 40, 99_999_999, 0, 1, rng.next_u64() >> rng.random_range(0..64)];
            let at = if rng.random_bool(0.7) { 0 } else { rng.random_range(0..bytes.len() - 8) };
            if let (Some(place), Some(length)) =
                (bytes.get_mut(at..at + 8), length.get(rng.random_range(0..length.len())))
            {
                place.copy_from_slice(&length.to_le_bytes());
            }
            (bytes, false)
        }
        3 => {
            // Two stretches change places, or one comes twice.
            let mut bytes = good.to_vec();
            let (from, to, length) =
                (rng.random_range(0..bytes.len()), rng.random_range(0..bytes.len()), 1 + rng.random_range(0..64));
            let stretch = good.get(from..(from + length).min(good.len())).unwrap_or_default().to_vec();
            if rng.random_bool(0.5) {
                bytes.splice(to..to, stretch);
            } else {
                let end = (to + stretch.len()).min(bytes.len());
                bytes.splice(to..end, stretch);
            }
            (bytes, false)
        }
        4 | 5 => (hostile_header(good, rng).unwrap_or_else(|| good.to_vec()), true),
        _ => (hostile_metadata(good, rng).unwrap_or_else(|| good.to_vec()), true),
    }
}

/// The header as JSON, and the tensors' bytes.
fn parts(good: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let length = u64::from_le_bytes(good.get(..8)?.try_into().ok()?) as usize;
    let header: Value = serde_json::from_slice(good.get(8..8 + length)?).ok()?;
    Some((header.as_object()?.clone(), good.get(8 + length..)?))
}

/// A whole file of a header and tensors, with the right hash.
fn whole(mut header: Map<String, Value>, data: &[u8]) -> Vec<u8> {
    let blank = "0".repeat(32);
    if let Some(entries) = header.get_mut("__metadata__").and_then(Value::as_object_mut) {
        entries.insert(HASH_KEY.to_owned(), Value::String(blank.clone()));
    }
    let text = Value::Object(header).to_string();
    let mut hash = XxHash3_128::new();
    hash.write(text.as_bytes());
    hash.write(data);
    let hash = format!("{:032x}", hash.finish_128());
    let text = text.replacen(&format!("\"{HASH_KEY}\":\"{blank}\""), &format!("\"{HASH_KEY}\":\"{hash}\""), 1);
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

fn hostile_header(good: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let (mut header, data) = parts(good)?;
    let names: Vec<String> = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
    let name = names.get(rng.random_range(0..names.len()))?;
    let tensor = header.get_mut(name)?;
    match rng.random_range(0..6) {
        0 => *tensor.get_mut("shape")? = json!([1_u64 << 62, 1_u64 << 62]),
        1 => *tensor.get_mut("shape")? = json!(vec![1; rng.random_range(0..40)]),
        2 => {
            let shape = tensor.get_mut("shape")?.as_array_mut()?;
            shape.reverse();
            shape.push(json!(1));
        }
        3 => {
            let kinds = ["F64", "I32", "U8", "BOOL", "F16", "F8_E5M2", "C64", "nonsense"];
            *tensor.get_mut("dtype")? = json!(kinds.get(rng.random_range(0..kinds.len()))?);
        }
        4 => {
            let tensor = header.remove(name)?;
            header.insert(format!("{name}.renamed"), tensor);
        }
        _ => return Some(whole(mutated(Value::Object(header), rng).as_object()?.clone(), data)),
    }
    Some(whole(header, data))
}

fn hostile_metadata(good: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let (mut header, data) = parts(good)?;
    let entry = header.get_mut("__metadata__")?.get_mut("lightning")?;
    let text = entry.as_str()?.to_owned();
    *entry = Value::String(match rng.random_range(0..10) {
        0 => "[".repeat(100_000),
        1 => text.replacen(':', ",", 1 + rng.random_range(0..5)),
        2 => text.replace("0", "1e999"),
        _ => buildable(mutated(serde_json::from_str(&text).ok()?, rng)).to_string(),
    });
    Some(whole(header, data))
}

/// A file whose hash is right and whose width is any number is a file of that wide a model: what
/// building it takes, and whether Burn has one of width 0, is up to the module's own `init`.
fn buildable(mut metadata: Value) -> Value {
    const WIDEST: u64 = 10_000;
    if let Some(width) = metadata.pointer_mut("/hparams/width")
        && let Some(number) = width.as_u64()
    {
        *width = json!(number.clamp(1, WIDEST));
    }
    metadata
}

/// A JSON value with one node replaced, removed or called otherwise.
fn mutated(mut value: Value, rng: &mut Rng) -> Value {
    let count = nodes(&value);
    let mut at = rng.random_range(0..count);
    let replacement = match rng.random_range(0..14) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(u64::MAX),
        3 => json!(i64::MIN),
        4 => json!(1e308),
        5 => json!("NaN"),
        6 => json!("../../../etc/passwd"),
        7 => json!([]),
        8 => json!({}),
        9 => json!(true),
        10 => json!("x".repeat(rng.random_range(0..10_000))),
        11 => json!(vec![Value::Null; rng.random_range(0..1000)]),
        12 => json!(rng.next_u64() >> rng.random_range(0..64)),
        _ => json!(rng.normal() * 1e10),
    };
    change(&mut value, &mut at, &replacement, rng);
    value
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

fn change(value: &mut Value, at: &mut usize, replacement: &Value, rng: &mut Rng) {
    if *at == 0 {
        match value {
            Value::Object(fields) if !fields.is_empty() && rng.random_bool(0.5) => {
                let name = fields.keys().nth(rng.random_range(0..fields.len())).cloned().unwrap_or_default();
                if let Some(gone) = fields.remove(&name)
                    && rng.random_bool(0.5)
                {
                    fields.insert(format!("{name}x"), gone);
                }
            }
            Value::Array(items) if !items.is_empty() && rng.random_bool(0.5) => {
                let item = items.get(rng.random_range(0..items.len())).cloned().unwrap_or_default();
                items.push(item);
            }
            _ => *value = replacement.clone(),
        }
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return,
    };
    for child in children {
        if *at == usize::MAX {
            return;
        }
        change(child, at, replacement, rng);
    }
}
