//! What it costs to look into a model of ten million parameters: the time and memory of a recording, and
//! how much later the first step of a `fit` starts that prints its summary and logs its graph.
//!
//! `capture_cost [BYTES]` ends with an error if a recording needs more memory at a time, by default a
//! megabyte.
#![forbid(unsafe_code)]

use std::{
    alloc::System,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use burn::{
    nn::{
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
        *,
    },
    optim::AdamConfig,
    prelude::*,
    tensor::Distribution,
};
use cap::Cap;
use lightning_core::prelude::*;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Three layers of width 512: 9.5 million parameters, and the embedding.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
pub struct Encoder {
    #[init(EmbeddingConfig::new(1000, 512).init(device))]
    embedding: Embedding,
    #[init(TransformerEncoderConfig::new(512, 2048, 8, 3).init(device))]
    encoder: TransformerEncoder,
    #[init(LinearConfig::new(512, 10).init(device))]
    head: Linear,
}

#[lightning_module]
impl Encoder {
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        let hidden = self.encoder.forward(TransformerEncoderInput::new(self.embedding.forward(tokens)));
        self.head.forward(hidden.mean_dim(1).squeeze_dim(1))
    }
    fn training_step(&self, tokens: Tensor<2, Int>) -> Tensor<1> {
        self.forward(tokens).mean()
    }
}

/// Notes when the first step starts.
#[derive(Clone)]
struct FirstStep(Arc<Mutex<Option<Instant>>>);

impl<M> Callback<M> for FirstStep {
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        Ok(())
    }
}

/// The time from the call of `fit` to the end of its first step.
fn start_of_fit(shown: bool) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let mut model = Encoder::new(EncoderHparams::default());
    let first = FirstStep(Arc::default());
    let builder = Encoder::trainer()
        .default_root_dir(folder.path())
        .max_steps(1)
        .enable_progress_bar(false)
        .enable_checkpointing(false)
        .enable_model_summary(shown)
        .callback(first.clone());
    let mut trainer = if shown { builder } else { builder.no_logger() }.build()?;
    let start = Instant::now();
    trainer.fit(&mut model, vec![tokens()])?;
    let end = first.0.lock().unwrap_or_else(PoisonError::into_inner).ok_or("no step")?;
    Ok(end - start)
}

fn tokens() -> Tensor<2, Int> {
    Tensor::random([4, 16], Distribution::Uniform(0.0, 1000.0), &Device::default())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<()> {
    seed_everything(1);
    let model = Encoder::new(EncoderHparams::default());
    let (trainer, batch) = (Encoder::trainer().no_logger().build()?, tokens());
    let summary = trainer.summary(&model, &batch)?;
    println!("parameters {}", summary.total.params);
    let limit = std::env::args().nth(1).map_or(Ok(1_000_000), |bytes| bytes.parse::<usize>())?;
    let mut times = Vec::with_capacity(20);
    for _ in 0..20 {
        // A copy of the module on the autodiff device leaves its nodes to the next backward pass.
        MEMORY.set_limit(MEMORY.allocated() + limit).map_err(|()| "the limit is too low")?;
        let start = Instant::now();
        trainer.summary(&model, &batch)?;
        times.push(start.elapsed());
    }
    MEMORY.set_limit(usize::MAX).map_err(|()| "the limit is too low")?;
    println!("recording {:.2} ms, with less than {limit} bytes", median(times).as_secs_f64() * 1e3);
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        shown.push(start_of_fit(true)?);
        hidden.push(start_of_fit(false)?);
    }
    let [shown, hidden] = [median(shown), median(hidden)].map(|time| time.as_secs_f64() * 1e3);
    println!("first step after {shown:.1} ms with summary and graph, {hidden:.1} ms without");
    Ok(())
}
