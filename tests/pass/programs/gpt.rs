//! Language: a list of modules, a loss weighted by tokens, an undecayed group, accumulation,
//! validation by steps, samples, resuming.
#![deny(warnings)]

use std::{fs, path::Path};

use burn::{
    nn::*,
    optim::AdamWConfig,
    prelude::*,
    tensor::activation::{gelu, log_softmax, softmax},
};
use lightning_core::{Rng, callbacks::TopK, data::host, loggers::MemoryLogger, prelude::*, settings::Steps};

#[derive(Batch, Clone, Debug)]
pub struct Tokens {
    #[batch(size)]
    input: Tensor<2, Int>,
    target: Tensor<2, Int>,
    mask: Tensor<2>,
}

#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attention: attention::MultiHeadAttention,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(d: usize, heads: usize, device: &Device) -> Self {
        Self {
            norm1: LayerNormConfig::new(d).init(device),
            attention: attention::MultiHeadAttentionConfig::new(d, heads).with_dropout(0.0).init(device),
            norm2: LayerNormConfig::new(d).init(device),
            up: LinearConfig::new(d, 4 * d).init(device),
            down: LinearConfig::new(4 * d, d).init(device),
        }
    }
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, _] = x.dims();
        let mask = attention::generate_autoregressive_mask(batch, length, &x.device());
        let seen = attention::MhaInput::self_attn(self.norm1.forward(x.clone())).mask_attn(mask);
        let x = x + self.attention.forward(seen).context;
        x.clone() + self.down.forward(gelu(self.up.forward(self.norm2.forward(x))))
    }
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.1).with_beta_2(0.95).with_epsilon(1e-8),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).min_lr(lr * 0.1).warmup(2), interval = step,
    group(params::rank_below(2), weight_decay = 0.0))]
pub struct Gpt {
    #[init(EmbeddingConfig::new(vocab, d).init(device))]
    token: Embedding,
    #[init(EmbeddingConfig::new(context, d).init(device))]
    position: Embedding,
    #[init((0..layers).map(|_| Block::new(d, heads, device)).collect())]
    blocks: Vec<Block>,
    #[init(LayerNormConfig::new(d).init(device))]
    norm: LayerNorm,
    #[init(LinearConfig::new(d, vocab).with_bias(false).init(device))]
    head: Linear,
    #[hparam]
    vocab: usize, // no default: GptHparams::new(vocab)
    #[hparam(default = 8)]
    context: usize,
    #[hparam(default = 16)]
    d: usize,
    #[hparam(default = 2)]
    layers: usize,
    #[hparam(default = 4)]
    heads: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Gpt {
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = tokens.dims();
        let positions = Tensor::arange(0..length as i64, &tokens.device()).unsqueeze::<2>();
        let x = self.token.forward(tokens) + self.position.forward(positions);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.head.forward(self.norm.forward(x))
    }
    fn training_step(&self, batch: Tokens) -> Loss {
        let (sum, n) = masked_cross_entropy_sum(self.forward(batch.input), batch.target, batch.mask);
        #[log(minimize, prog_bar, batch_size = &n)]
        let train_loss = sum.clone() / n.clone();
        Loss::weighted(sum, n)
    }
    fn validation_step(&self, batch: Tokens) {
        let (sum, n) = masked_cross_entropy_sum(self.forward(batch.input), batch.target, batch.mask);
        #[log(minimize, batch_size = &n)]
        let val_loss = sum / n.clone();
    }
    fn on_validation_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.log_text("sample", &self.generate("\n", 20, cx.rng())?);
        Ok(())
    }
    /// So many characters that follow the prompt.
    fn generate(&self, prompt: &str, length: usize, mut rng: Rng) -> Result<String> {
        let device = self.token.weight.device();
        let mut tokens: Vec<usize> = prompt.chars().filter_map(|c| CHARACTERS.find(c)).collect();
        for _ in 0..length {
            let seen: Vec<i32> = tokens.iter().rev().take(self.context).rev().map(|token| *token as i32).collect();
            let seen = Tensor::from_data(TensorData::new(seen.clone(), [1, seen.len()]), &device);
            let logits: Tensor<2> = self.forward(seen).squeeze_dim(0);
            let last = logits.dims()[0] - 1;
            let chances: Vec<f32> = softmax(logits.narrow(0, last, 1), 1).into_data().try_to_vec()?;
            let mut left = rng.uniform() as f32;
            let drawn = chances.iter().position(|chance| {
                left -= chance;
                left < 0.0
            });
            tokens.push(drawn.unwrap_or(self.vocab - 1));
        }
        Ok(tokens.iter().filter_map(|token| CHARACTERS.chars().nth(*token)).collect())
    }
}

const CHARACTERS: &str = "\nabcd";

/// The sum over the tokens that count, and how many those are.
fn masked_cross_entropy_sum(logits: Tensor<3>, target: Tensor<2, Int>, mask: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let log_probs: Tensor<2> = log_softmax(logits, 2).gather(2, target.unsqueeze_dim(2)).squeeze_dim(2);
    ((log_probs * mask.clone()).sum().neg(), mask.sum())
}

fn tokens() -> Tokens {
    let input = Tensor::<2, Int>::from_data([[1, 2, 3, 4], [4, 3, 2, 1]], &host());
    let mask = Tensor::from_data([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]], &host());
    Tokens { input: input.clone(), target: input, mask }
}

/// Trains from the last checkpoint there is; what was logged.
fn train(folder: &Path) -> Result<MemoryLogger> {
    let train = DataLoader::from_batches(vec![tokens(); 16])?;
    let val = DataLoader::from_batches(vec![tokens()])?;
    let logger = MemoryLogger::new();
    let mut model = Gpt::new(GptHparams::new(CHARACTERS.len()));
    let checkpoints = ModelCheckpoint::new(Gpt::VAL_LOSS).every(Steps(2)).save_last(true);
    let mut trainer = Trainer::builder()
        .max_steps(8)
        .accumulate_grad_batches(2)
        .gradient_clip_val(1.0)
        .val_check_interval(Steps(2))
        .callback(checkpoints.save_top_k(TopK::All).dirpath(folder))
        .resume_from(Resume::LastOrStart)
        .default_root_dir(folder)
        .logger(logger.clone())
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .build()?;
    let report = trainer.fit(&mut model, (train, val))?;
    assert_eq!(report.global_step, 8);
    assert!(report.best_score(Gpt::VAL_LOSS).is_some(), "{report}");
    Ok(logger)
}

#[test]
fn runs() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(42);
    let samples = |logger: MemoryLogger| logger.texts().into_iter().map(|(_, text, _)| text).collect::<Vec<_>>();
    let texts = samples(train(folder.path())?);
    assert_eq!(texts.len(), 4);
    assert!(texts.iter().all(|text| text.starts_with('\n') && text.chars().count() == 21), "{texts:?}");
    assert_ne!(texts[0], texts[1]);

    // As if the process had been killed after the fourth step: the same random numbers are drawn
    // again.
    for lost in ["epoch=0-step=6.ckpt", "epoch=0-step=8.ckpt", "last.ckpt"] {
        fs::remove_file(folder.path().join(lost)).unwrap();
    }
    assert_eq!(samples(train(folder.path())?), texts[2..]);
    Ok(())
}
