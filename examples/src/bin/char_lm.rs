//! A small GPT that generates text in the style of Shakespeare, character by character: a
//! transformer with a causal mask and pre-normalization.
//!
//! The text is tiny-shakespeare (1.1 million characters, public domain), `input.txt` of
//! karpathy/char-rnn, read from `--data.data_dir`.
#![deny(warnings)]

use std::{path::PathBuf, time::Duration};

use burn::{
    nn::*,
    optim::AdamWConfig,
    prelude::*,
    tensor::activation::{relu, softmax},
};
use lightning_core::{
    Rng,
    cli::{Cli, lightning_main},
    data::text::{CharVocabulary, CharWindows, Window},
    prelude::*,
};

#[derive(Batch, Clone, Debug)]
pub struct Tokens {
    input: Tensor<2, Int>,  // [batch, context]
    target: Tensor<2, Int>, // [batch, context], one character later
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.1).with_beta_2(0.99).with_epsilon(1e-8),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).min_lr(0.1 * lr)
        .warmup((cx.estimated_optimizer_steps()? / 40).max(1)), interval = step)]
pub struct Gpt {
    #[init(EmbeddingConfig::new(vocabulary, d).with_initializer(small()).init(device))]
    token: Embedding,
    #[init(EmbeddingConfig::new(context, d).with_initializer(small()).init(device))]
    position: Embedding,
    #[init((0..layers).map(|_| Block::new(d, heads, device)).collect())]
    blocks: Vec<Block>,
    #[init(LayerNormConfig::new(d).init(device))]
    norm: LayerNorm,
    #[init(LinearConfig::new(d, vocabulary).with_bias(false).init(device))]
    head: Linear,
    /// Characters that the model knows; tiny-shakespeare has 65.
    #[hparam(default = 65)]
    vocabulary: usize,
    #[hparam(default = 64)]
    context: usize,
    #[hparam(default = 128)]
    d: usize,
    #[hparam(default = 4)]
    layers: usize,
    #[hparam(default = 4)]
    heads: usize,
    #[hparam(default = 2e-3)]
    lr: f64,
}

#[lightning_module]
impl Gpt {
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = tokens.dims();
        let device = tokens.device();
        let positions = Tensor::<1, Int>::arange(0..length as i64, &device).unsqueeze();
        let mut x = self.token.forward(tokens) + self.position.forward(positions);
        let mask = Tensor::<2>::full([length, length], f32::NEG_INFINITY, &device).triu(1).unsqueeze();
        for block in &self.blocks {
            x = block.forward(x, &mask);
        }
        self.head.forward(self.norm.forward(x)) // [batch, context, vocabulary]
    }

    /// The cross-entropy in nats, as a mean over all characters.
    fn loss(&self, batch: Tokens) -> Tensor<1> {
        cross_entropy(self.forward(batch.input).flatten(0, 1), batch.target.flatten(0, 1))
    }

    fn training_step(&self, batch: Tokens) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = self.loss(batch);
        train_loss
    }

    fn validation_step(&self, batch: Tokens) {
        #[log(minimize, prog_bar)]
        let val_loss = self.loss(batch);
    }
}

impl Gpt {
    /// Generates `length` characters that follow `prompt`. A `temperature` below 1 makes likely
    /// characters more likely.
    fn generate(&self, vocabulary: &CharVocabulary, prompt: &str, length: usize, temperature: f64) -> Result<String> {
        let device = self.token.weight.device();
        let mut rng = Rng::new(42);
        let mut tokens = vocabulary.encode(prompt)?;
        for _ in 0..length {
            let seen = &tokens[tokens.len().saturating_sub(self.context)..];
            let seen = Tensor::<2, Int>::from_data(TensorData::new(seen.to_vec(), [1, seen.len()]), &device);
            let logits = self.forward(seen);
            let [_, length, classes] = logits.dims();
            let last = logits.slice([0..1, length - 1..length]).reshape([classes]);
            let probabilities: Vec<f32> = softmax(last / temperature, 0).into_data().try_to_vec()?;
            let mut left = rng.uniform() as f32;
            let drawn = probabilities.iter().position(|probability| {
                left -= probability;
                left < 0.0
            });
            tokens.push(drawn.unwrap_or(classes - 1) as u32);
        }
        Ok(vocabulary.decode(&tokens))
    }
}

/// One layer: attention to the preceding characters, then a feed-forward network for each position.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    projection: Linear,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
    heads: usize,
}

impl Block {
    fn new(d: usize, heads: usize, device: &Device) -> Self {
        Self {
            norm1: LayerNormConfig::new(d).init(device),
            query: LinearConfig::new(d, d).with_bias(false).init(device),
            key: LinearConfig::new(d, d).with_bias(false).init(device),
            value: LinearConfig::new(d, d).with_bias(false).init(device),
            projection: LinearConfig::new(d, d).init(device),
            norm2: LayerNormConfig::new(d).init(device),
            up: LinearConfig::new(d, 4 * d).init(device),
            down: LinearConfig::new(4 * d, d).init(device),
            heads,
        }
    }

    fn forward(&self, x: Tensor<3>, mask: &Tensor<4>) -> Tensor<3> {
        let x = x.clone() + self.attention(self.norm1.forward(x), mask);
        // ReLU, because the error function of GELU costs more than it gains on a CPU.
        x.clone() + self.down.forward(relu(self.up.forward(self.norm2.forward(x))))
    }

    fn attention(&self, x: Tensor<3>, mask: &Tensor<4>) -> Tensor<3> {
        let [batch, length, d] = x.dims();
        let width = d / self.heads;
        // [batch, heads, length, width]
        let by_head =
            |part: &Linear| part.forward(x.clone()).reshape([batch, length, self.heads, width]).swap_dims(1, 2);
        let query = by_head(&self.query) / (width as f64).sqrt();
        let scores = query.matmul(by_head(&self.key).transpose()) + mask.clone();
        let value = by_head(&self.value);
        let seen = softmax(scores, 3).matmul(value);
        self.projection.forward(seen.swap_dims(1, 2).reshape([batch, length, d]))
    }
}

fn small() -> Initializer {
    Initializer::Normal { mean: 0.0, std: 0.02 }
}

#[data_module]
pub struct Shakespeare {
    /// Folder of `input.txt` (github.com/karpathy/char-rnn, data/tinyshakespeare).
    #[hparam]
    data_dir: PathBuf,
    #[hparam]
    context: usize,
    #[hparam]
    batch_size: usize,
    #[state(skip)]
    text: Option<CharWindows>,
}

#[data_module]
impl Shakespeare {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.text()?;
        Ok(())
    }

    /// Windows that overlap by half, from the first 90 % of the text.
    fn train_dataloader(&mut self) -> Result<DataLoader<Tokens>> {
        let (train, _) = self.text()?.split(0.9)?;
        let train = train.with_stride(self.context.div_ceil(2))?;
        DataLoader::builder(train).batch_size(self.batch_size).shuffle(true).drop_last(true).collate(batch).build()
    }

    /// Windows without overlap, from the last 10 % of the text.
    fn val_dataloader(&mut self) -> Result<DataLoader<Tokens>> {
        let (_, val) = self.text()?.split(0.9)?;
        DataLoader::builder(val).batch_size(4 * self.batch_size).collate(batch).build()
    }
}

impl Shakespeare {
    fn text(&mut self) -> Result<&CharWindows> {
        if self.text.is_none() {
            self.text = Some(CharWindows::read(self.data_dir.join("input.txt"), self.context, self.context)?);
        }
        Ok(self.text.as_ref().ok_or("the text was read")?)
    }
}

fn batch(windows: Vec<Window>) -> Result<Tokens> {
    let context = windows.first().map_or(0, |window| window.input().len());
    let tensor = |tokens: fn(&Window) -> &[u32]| {
        let all: Vec<u32> = windows.iter().flat_map(tokens).copied().collect();
        Tensor::from_data(TensorData::new(all, [windows.len(), context]), &data::host())
    };
    Ok(Tokens { input: tensor(Window::input), target: tensor(Window::target) })
}

#[lightning_main]
fn main() -> Cli<Gpt, Shakespeare> {
    Cli::<Gpt, Shakespeare>::new()
        .about("Trains a small GPT on the characters of tiny-shakespeare and prints generated text.")
        .fit_by_default()
        .seed(42)
        .data(ShakespeareHparams::new("../shared/data/tiny-shakespeare".into(), 64, 16))
        .trainer(|trainer| {
            trainer
                .max_epochs(2)
                .max_time(Duration::from_secs(15 * 60))
                .gradient_clip_val(1.0)
                .val_check_interval(0.5)
                .callback(ModelCheckpoint::new(Gpt::VAL_LOSS))
                .logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, data| {
            trainer.load_best(model)?;
            println!("{}", trainer.validate(model, &mut *data)?);
            let vocabulary = data.text()?.vocabulary().clone();
            println!("{}", model.generate(&vocabulary, "\nROMEO:", 500, 0.8)?);
            Ok(())
        })
}
