//! Translates English to French: an encoder-decoder transformer, trained on short sentences and
//! compared with a nearest-neighbor baseline.
//!
//! The sentences are from Tatoeba (CC BY 2.0, manythings.org/anki), lines of `English TAB French`,
//! read from `--data-dir`.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{
    nn::{attention::generate_autoregressive_mask, transformer::*, *},
    optim::AdamWConfig,
    prelude::*,
};
use clap::Parser;
use lightning_core::{
    data::{Padded, host, tokenizer::Tokenizer},
    metrics::{Bleu, Metric},
    prelude::*,
};
use lightning_examples::data::translations::{Corpus, Sentence};

/// A sentence and one translation, as token ids.
type Pair = (Vec<u32>, Vec<u32>);

#[derive(Batch, Clone, Debug)]
pub struct Pairs {
    #[batch(size)]
    source: Tensor<2, Int>, // [batch, longest source]
    source_pad: Tensor<2, Bool>, // [batch, longest source]
    target: Tensor<2, Int>,      // [batch, longest target], the decoder's input: all but the last word
    positions: Tensor<1, Int>,   // [words], the positions in the flattened target that are not padding
    next: Tensor<1, Int>,        // [words], the word that follows each
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(1e-2).with_beta_2(0.98).with_epsilon(1e-9),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?)
        .warmup((cx.estimated_optimizer_steps()? / 20).max(1)), interval = step)]
pub struct Translator {
    #[init(EmbeddingConfig::new(source_words, d).with_initializer(embedding(d)).init(device))]
    source_embedding: Embedding,
    #[init(EmbeddingConfig::new(target_words, d).with_initializer(embedding(d)).init(device))]
    target_embedding: Embedding,
    #[init(PositionalEncodingConfig::new(d).init(device))]
    position: PositionalEncoding,
    #[init(DropoutConfig::new(dropout_rate).init())]
    dropout: Dropout,
    #[init(TransformerEncoderConfig::new(d, 4 * d, heads, layers)
        .with_dropout(dropout_rate).with_norm_first(true).with_activation(activation::ActivationConfig::Relu).init(device))]
    encoder: TransformerEncoder,
    #[init(LayerNormConfig::new(d).init(device))]
    encoder_norm: LayerNorm,
    #[init(TransformerDecoderConfig::new(d, 4 * d, heads, layers)
        .with_dropout(dropout_rate).with_norm_first(true).with_activation(activation::ActivationConfig::Relu).init(device))]
    decoder: TransformerDecoder,
    #[init(LayerNormConfig::new(d).init(device))]
    decoder_norm: LayerNorm,
    #[init(LinearConfig::new(d, target_words).init(device))]
    output: Linear,
    #[hparam]
    source_words: usize,
    #[hparam]
    target_words: usize,
    #[hparam(default = 128)]
    d: usize,
    #[hparam(default = 4)]
    heads: usize,
    #[hparam(default = 2)]
    layers: usize,
    #[hparam(default = 0.1)]
    dropout_rate: f64,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Translator {
    /// The cross-entropy of each word given those before it, in nats, as a mean over all words.
    fn loss(&self, batch: Pairs) -> Tensor<1> {
        let memory = self.encode(batch.source, &batch.source_pad);
        let decoded = self.decode(batch.target, memory, batch.source_pad);
        // The product with the vocabulary is the largest of the model, so it leaves padding out.
        let words: Tensor<2> = decoded.flatten(0, 1);
        cross_entropy(self.output.forward(words.select(0, batch.positions)), batch.next)
    }

    fn training_step(&self, batch: Pairs) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = self.loss(batch);
        train_loss
    }

    fn validation_step(&self, batch: Pairs) {
        let words = batch.next.dims()[0];
        #[log(minimize, prog_bar, batch_size = words)]
        let val_loss = self.loss(batch);
    }

    /// Translates greedily: each word is the most likely next one.
    fn predict_step(&self, batch: Pairs) -> Result<Vec<Vec<u32>>> {
        let [sentences, length] = batch.source.dims();
        let device = batch.source.device();
        let memory = self.encode(batch.source, &batch.source_pad);
        let mut translations = vec![vec![Tokenizer::BOS]; sentences];
        let mut target = Tensor::<2, Int>::full([sentences, 1], Tokenizer::BOS, &device);
        // A limit, since a poor model may never end a sentence.
        for _ in 0..2 * length + 5 {
            let decoded = self.decode(target.clone(), memory.clone(), batch.source_pad.clone());
            let [_, positions, d] = decoded.dims();
            let last = decoded.slice([0..sentences, positions - 1..positions]).reshape([sentences, d]);
            let next = self.output.forward(last).argmax(1);
            let words = next.clone().into_data().convert::<u32>().try_to_vec::<u32>()?;
            for (translation, word) in translations.iter_mut().zip(words) {
                translation.push(word);
            }
            if translations.iter().all(|translation| translation.contains(&Tokenizer::EOS)) {
                break;
            }
            target = Tensor::cat(vec![target, next], 1);
        }
        Ok(translations)
    }
}

impl Translator {
    fn encode(&self, source: Tensor<2, Int>, pad: &Tensor<2, Bool>) -> Tensor<3> {
        let x = self.embed(&self.source_embedding, source);
        self.encoder_norm.forward(self.encoder.forward(TransformerEncoderInput::new(x).mask_pad(pad.clone())))
    }

    fn decode(&self, target: Tensor<2, Int>, memory: Tensor<3>, memory_pad: Tensor<2, Bool>) -> Tensor<3> {
        let [batch, length] = target.dims();
        // Padding is at the end, where the causal mask hides it from every word.
        let mask = generate_autoregressive_mask(batch, length, &target.device());
        let x = self.embed(&self.target_embedding, target);
        let input = TransformerDecoderInput::new(x, memory).memory_mask_pad(memory_pad).target_mask_attn(mask);
        self.decoder_norm.forward(self.decoder.forward(input))
    }

    fn embed(&self, embedding: &Embedding, words: Tensor<2, Int>) -> Tensor<3> {
        let scaled = embedding.forward(words) * (self.d as f64).sqrt();
        self.dropout.forward(self.position.forward(scaled))
    }
}

fn embedding(d: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: (d as f64).powf(-0.5) }
}

/// The training pairs, the validation pairs, and the test sentences to translate.
#[data_module]
pub struct TranslationData {
    #[hparam]
    batch_size: usize,
    #[state(skip)]
    train: Vec<Pair>,
    #[state(skip)]
    val: Vec<Pair>,
    #[state(skip)]
    test: Vec<Pair>,
}

#[data_module]
impl TranslationData {
    fn train_dataloader(&self) -> Result<DataLoader<Pairs>> {
        // Batches of sentences of similar length need little padding.
        DataLoader::builder(self.train.clone())
            .length_buckets(self.batch_size, |(source, target): &Pair| source.len() + target.len())
            .num_workers(1)
            .collate(batch)
            .build()
    }

    fn val_dataloader(&self) -> Result<DataLoader<Pairs>> {
        DataLoader::builder(self.val.clone()).batch_size(2 * self.batch_size).collate(batch).build()
    }

    fn predict_dataloader(&self) -> Result<DataLoader<Pairs>> {
        DataLoader::builder(self.test.clone()).batch_size(2 * self.batch_size).collate(batch).build()
    }
}

impl TranslationData {
    fn of(corpus: &Corpus, batch_size: usize) -> Self {
        let pairs = |sentences: &[Sentence]| -> Vec<Pair> {
            let all =
                sentences.iter().flat_map(|sentence| sentence.targets.iter().map(|target| (&sentence.source, target)));
            all.map(|(source, target)| (corpus.english.encode_sentence(source), corpus.french.encode_sentence(target)))
                .collect()
        };
        let mut data = Self::new(TranslationDataHparams::new(batch_size));
        data.train = pairs(&corpus.train);
        data.val = pairs(&corpus.val);
        // Each sentence once; `predict_step` does not use the target.
        let once = |sentence: &Sentence| {
            (corpus.english.encode_sentence(&sentence.source), vec![Tokenizer::BOS, Tokenizer::EOS])
        };
        data.test = corpus.test.iter().map(once).collect();
        data
    }
}

fn batch(pairs: Vec<Pair>) -> Result<Pairs> {
    let sources: Vec<&[u32]> = pairs.iter().map(|(source, _)| &source[..]).collect();
    let targets: Vec<&[u32]> = pairs.iter().map(|(_, target)| &target[..target.len() - 1]).collect();
    let source = Padded::new(&sources, Tokenizer::PAD)?;
    let target = Padded::new(&targets, Tokenizer::PAD)?.values;
    let [_, longest] = target.dims();

    let (mut positions, mut next) = (Vec::new(), Vec::new());
    for (row, (_, words)) in pairs.iter().enumerate() {
        positions.extend((0..words.len() - 1).map(|position| (row * longest + position) as u32));
        next.extend_from_slice(&words[1..]);
    }
    let words = positions.len();
    Ok(Pairs {
        source: source.values,
        source_pad: source.mask_pad,
        target,
        positions: Tensor::from_data(TensorData::new(positions, [words]), &host()),
        next: Tensor::from_data(TensorData::new(next, [words]), &host()),
    })
}

/// Trains a translator of short English sentences and compares it with a nearest-neighbor baseline.
#[derive(Parser)]
struct Args {
    /// Folder of `eng-fra-first20000.tsv` (manythings.org/anki, fra-eng, the first 20,000 lines).
    #[arg(long, default_value = "../shared/data/tatoeba-eng-fra")]
    data_dir: PathBuf,
    /// Maximum number of epochs.
    #[arg(long, default_value_t = 15)]
    epochs: usize,
    /// Sentences in a batch.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// English sentences held out for validation, and as many for testing.
    #[arg(long, default_value_t = 500)]
    held_out: usize,
    /// Learning rate.
    #[arg(long, default_value_t = 1e-3)]
    lr: f64,
    /// Dropout rate.
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(args.seed);
    let corpus = Corpus::read(&args.data_dir.join("eng-fra-first20000.tsv"), args.held_out, args.seed)?;
    let mut data = TranslationData::of(&corpus, args.batch_size);
    let hparams = TranslatorHparams::new(corpus.english.len(), corpus.french.len());
    let mut model = Translator::new(hparams.with_lr(args.lr).with_dropout_rate(args.dropout));

    let mut trainer = Translator::trainer().max_epochs(args.epochs).gradient_clip_val(1.0);
    trainer = if args.fast_dev_run {
        trainer.fast_dev_run(2)
    } else {
        trainer.callback(ModelCheckpoint::new(Translator::VAL_LOSS)).logger(CsvLogger::new("lightning_logs"))
    };
    let mut trainer = trainer.build()?;
    println!("{}", trainer.fit(&mut model, &mut data)?);
    if !args.fast_dev_run {
        trainer.load_best(&mut model)?;
    }

    let translations: Vec<String> = trainer
        .predict(&mut model, &mut data)?
        .iter()
        .flatten()
        .map(|translation: &Vec<u32>| corpus.french.decode(translation))
        .collect();
    let copies = corpus.nearest(&corpus.test[..translations.len()]);
    for ((sentence, translation), copy) in corpus.test.iter().zip(&translations).zip(&copies).take(10) {
        println!("{} => {translation} (nearest: {copy})", sentence.source);
    }
    println!("BLEU of the translator:          {:.2}", percent_bleu(&corpus, &translations)?);
    println!("BLEU of the nearest translation: {:.2}", percent_bleu(&corpus, &copies)?);
    Ok(())
}

/// The BLEU score of translations of the test sentences, in percent. All reference translations of
/// a sentence are used.
fn percent_bleu(corpus: &Corpus, translations: &[impl AsRef<str>]) -> Result<f64> {
    let words = |text: &str| corpus.french.split(text).join(" ");
    let references_of = |sentence: &Sentence| sentence.targets.iter().map(|target| words(target)).collect::<Vec<_>>();
    let (candidates, references): (Vec<_>, Vec<_>) = translations
        .iter()
        .zip(&corpus.test)
        .map(|(text, sentence)| (words(text.as_ref()), references_of(sentence)))
        .unzip();
    let mut bleu = Bleu::new();
    bleu.update((candidates, references))?;
    Ok(100.0 * bleu.compute()?.scalar().unwrap_or_default())
}
