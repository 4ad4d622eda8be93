//! Translates English to French: an encoder-decoder transformer, trained on short sentences and
//! compared with a nearest-neighbor baseline.
//!
//! The sentences are from Tatoeba (CC BY 2.0, manythings.org/anki), lines of `English TAB French`,
//! read from `--data.data_dir`.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{
    nn::{attention::generate_autoregressive_mask, transformer::*, *},
    optim::AdamWConfig,
    prelude::*,
};
use lightning_core::{
    cli::{Cli, lightning_main},
    data::{Padded, host, tokenizer::Tokenizer},
    metrics::{Bleu, Metric},
    prelude::*,
};
use lightning_examples::data::translations::{Corpus, Sentence};

/// More than occur twice or more often in the training sentences of either language.
const WORDS: usize = 4000;

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
    #[init(EmbeddingConfig::new(words, d).with_initializer(embedding(d)).init(device))]
    source_embedding: Embedding,
    #[init(EmbeddingConfig::new(words, d).with_initializer(embedding(d)).init(device))]
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
    #[init(LinearConfig::new(d, words).init(device))]
    output: Linear,
    /// Words of each language that the model knows, as `--data.words`.
    #[hparam(default = WORDS)]
    words: usize,
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
        let decoded = self.decoded(batch.source, batch.source_pad, batch.target);
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
    /// What the decoder makes of each word of the target: `[batch, longest target, d]`.
    pub fn decoded(&self, source: Tensor<2, Int>, pad: Tensor<2, Bool>, target: Tensor<2, Int>) -> Tensor<3> {
        let memory = self.encode(source, &pad);
        self.decode(target, memory, pad)
    }

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

#[data_module]
pub struct TranslationData {
    /// Folder of `eng-fra-first20000.tsv` (manythings.org/anki, fra-eng, the first 20,000 lines).
    #[hparam]
    data_dir: PathBuf,
    /// Words of each language, the most frequent of the training sentences; others are unknown.
    #[hparam]
    words: usize,
    /// English sentences for validation, and as many for the test.
    #[hparam]
    held_out: usize,
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    #[state(skip)]
    corpus: Option<Corpus>,
}

#[data_module]
impl TranslationData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        if self.corpus.is_none() {
            let file = self.data_dir.join("eng-fra-first20000.tsv");
            self.corpus = Some(Corpus::read(&file, self.held_out, self.words, self.seed)?);
        }
        Ok(())
    }

    fn train_dataloader(&self) -> Result<DataLoader<Pairs>> {
        let corpus = self.corpus()?;
        // Batches of sentences of similar length need little padding.
        DataLoader::builder(pairs(corpus, &corpus.train))
            .length_buckets(self.batch_size, |(source, target): &Pair| source.len() + target.len())
            .num_workers(1)
            .collate(batch)
            .build()
    }

    fn val_dataloader(&self) -> Result<DataLoader<Pairs>> {
        let corpus = self.corpus()?;
        DataLoader::builder(pairs(corpus, &corpus.val)).batch_size(2 * self.batch_size).collate(batch).build()
    }

    /// Each sentence once; `predict_step` does not use the target.
    fn predict_dataloader(&self) -> Result<DataLoader<Pairs>> {
        let corpus = self.corpus()?;
        let source = |sentence: &Sentence| corpus.english.encode_sentence(&sentence.source);
        let target = [Tokenizer::BOS, Tokenizer::EOS];
        let test: Vec<Pair> = corpus.test.iter().map(|sentence| (source(sentence), target.into())).collect();
        DataLoader::builder(test).batch_size(2 * self.batch_size).collate(batch).build()
    }
}

impl TranslationData {
    fn corpus(&self) -> Result<&Corpus> {
        Ok(self.corpus.as_ref().ok_or("`setup` has not run")?)
    }
}

/// Each sentence with each of its translations.
fn pairs(corpus: &Corpus, sentences: &[Sentence]) -> Vec<Pair> {
    let all = sentences.iter().flat_map(|sentence| sentence.targets.iter().map(|target| (&sentence.source, target)));
    all.map(|(source, target)| (corpus.english.encode_sentence(source), corpus.french.encode_sentence(target)))
        .collect()
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

/// Translates the test sentences, beside the translation of the most similar training sentence.
fn compare(trainer: &mut Trainer<Translator>, model: &mut Translator, data: &mut TranslationData) -> Result<()> {
    trainer.load_best(model)?;
    let predictions = trainer.predict(model, &mut *data)?;
    let corpus = data.corpus()?;
    let decode = |translation: &Vec<u32>| corpus.french.decode(translation);
    let translations: Vec<String> = predictions.iter().flatten().map(decode).collect();
    let copies = corpus.nearest(&corpus.test[..translations.len()]);
    for ((sentence, translation), copy) in corpus.test.iter().zip(&translations).zip(&copies).take(10) {
        println!("{} => {translation} (nearest: {copy})", sentence.source);
    }
    println!("BLEU of the translator:          {:.2}", percent_bleu(corpus, &translations)?);
    println!("BLEU of the nearest translation: {:.2}", percent_bleu(corpus, &copies)?);
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

#[lightning_main]
fn main() -> Cli<Translator, TranslationData> {
    Cli::<Translator, TranslationData>::new()
        .about("Trains a translator of short English sentences, and compares it with a nearest-neighbor baseline.")
        .fit_by_default()
        .seed(42)
        .data(TranslationDataHparams::new("../shared/data/tatoeba-eng-fra".into(), WORDS, 500, 64, 42))
        .trainer(|trainer| {
            trainer
                .max_epochs(15)
                .gradient_clip_val(1.0)
                .callback(ModelCheckpoint::new(Translator::VAL_LOSS))
                .logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(compare)
}
