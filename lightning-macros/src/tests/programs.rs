//! The programs of the documentation: each must expand without an error.

use super::messages;

/// The README's batch.
pub(crate) const DIGITS_BATCH: &str = r#"
#[derive(Batch, Clone, Debug)]
pub struct DigitBatch {
    images: Tensor<2>,
    targets: Tensor<1, Int>,
}
"#;

/// The README's struct.
pub(crate) const DIGITS_STRUCT: &str = r#"
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Digits {
    #[init(LinearConfig::new(64, hidden).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    fc2: Linear,
    #[hparam(default = 128)] hidden: usize,
    #[hparam(default = 1e-3)] lr: f64,
}
"#;

/// The README's impl.
pub(crate) const DIGITS_IMPL: &str = r#"
#[lightning_module]
impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(images)))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        let logits = self.forward(batch.images);
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(logits, batch.targets);
        train_loss
    }
    fn validation_step(&self, batch: DigitBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }
    fn test_step(&self, batch: DigitBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}
"#;

/// A data module.
pub(crate) const FASHION_DATA: &str = r#"
#[data_module]
pub struct FashionData {
    #[hparam] dir: PathBuf,
    #[hparam(default = 64)] batch_size: usize,
    #[state(skip)] train: Option<Images>,
}
#[data_module]
impl FashionData {
    fn prepare_data(&self) -> Result<()> { data::download(URL, SHA256, &self.dir) }        // once per machine; feature `download`
    fn setup(&mut self, stage: Stage) -> Result<()> { self.train = Some(idx::images(&self.dir, "train")?); Ok(()) }
    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.train.clone().unwrap_or_default()).batch_size(self.batch_size).shuffle(true).num_workers(2)
            .map(|item, rng| item.random_crop(28, 4, rng))                                 // on workers; rng = f(seed, epoch, index)
            .collate(ImageBatch::from_items).build()                                       // Vec<Item> -> Result<Batch>, host tensors
    }
}
"#;

/// Convolutions.
pub(crate) const FASHION: &str = r#"
#[derive(Batch, Clone, Debug)]
pub struct ImageBatch { images: Tensor<4>, targets: Tensor<1, Int> }

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.05),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).warmup(500))]
pub struct FashionCnn {
    #[init(Conv2dConfig::new([1, 32], [3, 3]).init(device))] conv1: conv::Conv2d,
    #[init(BatchNormConfig::new(32).init(device))] norm1: BatchNorm,
    #[init(Conv2dConfig::new([32, 64], [3, 3]).init(device))] conv2: conv::Conv2d,
    #[init(pool::MaxPool2dConfig::new([2, 2]).init())] pool: pool::MaxPool2d,
    #[init(DropoutConfig::new(dropout_rate).init())] dropout: Dropout,
    #[init(LinearConfig::new(64 * 12 * 12, 10).init(device))] head: Linear,
    #[hparam(default = 0.25)] dropout_rate: f64,   // cannot be called `dropout`: the field has that name
    #[hparam(default = 2e-3)] lr: f64,
}
#[lightning_module]
impl FashionCnn {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.norm1.forward(self.conv1.forward(x)));
        let x = self.dropout.forward(self.pool.forward(relu(self.conv2.forward(x))));
        self.head.forward(x.flatten(1, 3))
    }
    fn training_step(&self, batch: ImageBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }
    fn validation_step(&self, batch: ImageBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }
    fn test_step(&self, batch: ImageBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize)]
        let test_acc = accuracy(&logits, &batch.targets);
    }
}
"#;

/// Language.
pub(crate) const GPT: &str = r#"
#[derive(Batch, Clone, Debug)]
pub struct Tokens { #[batch(size)] input: Tensor<2, Int>, target: Tensor<2, Int>, mask: Tensor<2> }

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.1).with_beta_2(0.95).with_epsilon(1e-8),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).warmup(200).floor(lr * 0.1))]
pub struct Gpt {
    #[init(EmbeddingConfig::new(vocab, d).init(device))] token: Embedding,
    #[init(EmbeddingConfig::new(context, d).init(device))] position: Embedding,
    #[init((0..layers).map(|_| Block::new(d, heads, device)).collect())] blocks: Vec<Block>,
    #[init(LayerNormConfig::new(d).init(device))] norm: LayerNorm,
    #[init(LinearConfig::new(d, vocab).with_bias(false).init(device))] head: Linear,
    #[hparam] vocab: usize,                                   // no default: GptHparams::new(vocab)
    #[hparam(default = 64)] context: usize, #[hparam(default = 128)] d: usize,
    #[hparam(default = 4)] layers: usize, #[hparam(default = 4)] heads: usize, #[hparam(default = 1e-3)] lr: f64,
}
#[lightning_module]
impl Gpt {
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> { /* embeddings, blocks, norm, head: ordinary Burn */ self.head.forward(self.body(tokens)) }
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
        cx.log_text("sample", &self.generate("\n", 200, cx.rng())?);
        Ok(())
    }
}
"#;

/// A frozen backbone.
pub(crate) const FINE_TUNE: &str = r#"
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = lr)]
pub struct FineTune {
    #[frozen] #[init(ResNet::resnet18(device))] backbone: ResNet,
    #[init(LinearConfig::new(512, classes).init(device))] head: Linear,
    #[hparam(default = 10)] classes: usize, #[hparam(default = 1e-3)] lr: f64,
}
#[lightning_module]
impl FineTune {
    fn training_step(&self, batch: ImageBatch) -> Tensor<1> { cross_entropy(self.head.forward(self.backbone.forward(batch.images)), batch.targets) }
    fn validation_step(&self, batch: ImageBatch) {
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.head.forward(self.backbone.forward(batch.images)), &batch.targets);
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() == 3 { self.unfreeze(Self::BACKBONE); }
    }
}
"#;

/// Sequences.
pub(crate) const TRANSLATOR: &str = r#"
#[derive(Batch, Clone, Debug)]
pub struct Pairs { #[batch(size)] source: Tensor<2, Int>, source_pad: Tensor<2, Bool>, target: Tensor<2, Int>, #[batch(host)] references: Vec<String> }
#[lightning_module]
#[optimizer(AdamConfig::new().with_beta_2(0.98).with_epsilon(1e-9), lr = Noam::new(d, 4000))]
pub struct Translator {
    #[init(EmbeddingConfig::new(source_vocab, d).init(device))] source_embedding: Embedding,
    #[init(EmbeddingConfig::new(target_vocab, d).init(device))] target_embedding: Embedding,
    #[init(transformer::TransformerEncoderConfig::new(d, 4 * d, heads, layers).init(device))] encoder: transformer::TransformerEncoder,
    #[init(transformer::TransformerDecoderConfig::new(d, 4 * d, heads, layers).init(device))] decoder: transformer::TransformerDecoder,
    #[init(LinearConfig::new(d, target_vocab).init(device))] output: Linear,
    #[hparam] source_vocab: usize, #[hparam] target_vocab: usize,
    #[hparam(default = 128)] d: usize, #[hparam(default = 4)] heads: usize, #[hparam(default = 2)] layers: usize,
}
// loader: DataLoader::builder(pairs).batch_sampler(LengthBuckets::new(64, |p|
// p.source.len())).collate(|items| Pairs::padded(items, PAD)).build()?
#[lightning_module]
impl Translator {
    fn training_step(&self, batch: Pairs, cx: &StepContext) -> Tensor<1> {
        let p = (1.0 - cx.current_epoch() as f64 / 20.0).max(0.5);
        let inputs = if cx.rng().random_bool(p) { batch.target.clone() } else { self.greedy_shifted(&batch) };
        #[log(minimize, prog_bar)] let train_loss = cross_entropy_ignore(self.decode(&batch, inputs), batch.target, PAD);
        train_loss
    }
    fn validation_step(&self, batch: Pairs) -> Vec<(String, String)> {
        self.translate(&batch).into_iter().zip(batch.references).collect()
    }
    fn on_validation_epoch_end(&mut self, cx: &mut HookContext) {
        #[log(maximize, prog_bar)] let val_bleu = bleu(outputs.iter().flatten(), 4);
        cx.log_text("first", &outputs[0][0].0);
    }
}
"#;

/// A small module with `fn init`.
pub(crate) const MLP: &str = r#"
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Mlp { fc1: Linear, fc2: Linear, #[hparam(default = 16)] hidden: usize, #[hparam(default = 1e-3)] lr: f64 }
#[lightning_module]
impl Mlp {
    fn init(hparams: &MlpHparams, device: &Device) -> Self { todo!() }
    fn training_step(&self, batch: PenguinBatch) -> Tensor<1> { self.loss(batch) }
    fn validation_step(&self, batch: PenguinBatch) {
        #[log(maximize)]
        let val_acc = accuracy(&self.forward(batch.features), &batch.species);
    }
}
"#;

/// All programs.
pub(crate) const ALL: &[&str] =
    &[DIGITS_BATCH, DIGITS_STRUCT, DIGITS_IMPL, FASHION_DATA, FASHION, GPT, FINE_TUNE, TRANSLATOR, MLP];

#[test]
fn every_program_expands() {
    for program in ALL {
        assert_eq!(messages(program), Vec::<String>::new(), "{program}");
    }
}
