//! Sequences: an encoder and a decoder, a scheduled choice by the step's own random numbers, data
//! that stays on the host, batches of nearly one length, what validation steps return.
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::log_softmax};
use lightning_core::{
    data::{LengthBuckets, Padded},
    loggers::MemoryLogger,
    metrics::bleu,
    prelude::*,
    schedulers::Noam,
};

/// Fills sequences up.
const PAD: i32 = 0;

#[derive(Batch, Clone, Debug)]
pub struct Pairs {
    #[batch(size)]
    source: Tensor<2, Int>,
    source_pad: Tensor<2, Bool>,
    target: Tensor<2, Int>,
    #[batch(host)]
    references: Vec<String>,
}

/// A sentence and its translation, each word a number.
#[derive(Clone)]
pub struct Pair {
    source: Vec<i32>,
    target: Vec<i32>,
}

impl Pairs {
    fn padded(pairs: Vec<Pair>, pad: i32) -> Result<Self> {
        let sources: Vec<&[i32]> = pairs.iter().map(|pair| &pair.source[..]).collect();
        let targets: Vec<&[i32]> = pairs.iter().map(|pair| &pair.target[..]).collect();
        let source = Padded::new(&sources, pad)?;
        Ok(Self {
            source: source.values,
            source_pad: source.mask_pad,
            target: Padded::new(&targets, pad)?.values,
            references: targets.into_iter().map(sentence).collect(),
        })
    }
}

/// The words as a text, without what fills up.
fn sentence(words: &[i32]) -> String {
    words.iter().filter(|word| **word != PAD).map(i32::to_string).collect::<Vec<_>>().join(" ")
}

#[lightning_module]
#[optimizer(AdamConfig::new().with_beta_2(0.98).with_epsilon(1e-9), lr = Noam::new(d, 4000), interval = step)]
pub struct Translator {
    #[init(EmbeddingConfig::new(source_vocab, d).init(device))]
    source_embedding: Embedding,
    #[init(EmbeddingConfig::new(target_vocab, d).init(device))]
    target_embedding: Embedding,
    #[init(transformer::TransformerEncoderConfig::new(d, 4 * d, heads, layers).init(device))]
    encoder: transformer::TransformerEncoder,
    #[init(transformer::TransformerDecoderConfig::new(d, 4 * d, heads, layers).init(device))]
    decoder: transformer::TransformerDecoder,
    #[init(LinearConfig::new(d, target_vocab).init(device))]
    output: Linear,
    #[hparam]
    source_vocab: usize,
    #[hparam]
    target_vocab: usize,
    #[hparam(default = 8)]
    d: usize,
    #[hparam(default = 4)]
    heads: usize,
    #[hparam(default = 2)]
    layers: usize,
}

#[lightning_module]
impl Translator {
    fn training_step(&self, batch: Pairs, cx: &StepContext) -> Tensor<1> {
        let p = (1.0 - cx.current_epoch() as f64 / 20.0).max(0.5);
        let inputs = if cx.rng().random_bool(p) { batch.target.clone() } else { self.greedy_shifted(&batch) };
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy_ignore(self.decode(&batch, inputs), batch.target, PAD);
        train_loss
    }
    fn validation_step(&self, batch: Pairs) -> Vec<(String, String)> {
        self.translate(&batch).into_iter().zip(batch.references).collect()
    }
    fn on_validation_epoch_end(&mut self, outputs: Vec<Vec<(String, String)>>, cx: &mut HookContext) {
        #[log(maximize, prog_bar)]
        let val_bleu = bleu(outputs.iter().flatten(), 4);
        cx.log_text("first", &outputs[0][0].0);
    }
}

impl Translator {
    fn decode(&self, batch: &Pairs, inputs: Tensor<2, Int>) -> Tensor<3> {
        let source = self.source_embedding.forward(batch.source.clone());
        let source = transformer::TransformerEncoderInput::new(source).mask_pad(batch.source_pad.clone());
        let memory = self.encoder.forward(source);
        let target = self.target_embedding.forward(inputs);
        let input = transformer::TransformerDecoderInput::new(target, memory);
        self.output.forward(self.decoder.forward(input.memory_mask_pad(batch.source_pad.clone())))
    }
    fn greedy_shifted(&self, batch: &Pairs) -> Tensor<2, Int> {
        self.decode(batch, batch.target.clone()).argmax(2).squeeze_dim(2)
    }
    fn translate(&self, batch: &Pairs) -> Vec<String> {
        let [_, longest] = batch.target.dims();
        let words: Vec<i32> = self.greedy_shifted(batch).into_data().iter().collect();
        words.chunks(longest).map(sentence).collect()
    }
}

/// The mean loss of the words that are not `ignore`.
fn cross_entropy_ignore(logits: Tensor<3>, target: Tensor<2, Int>, ignore: i32) -> Tensor<1> {
    let counts = target.clone().not_equal_scalar(ignore).float();
    let log_probs: Tensor<2> = log_softmax(logits, 2).gather(2, target.unsqueeze_dim(2)).squeeze_dim(2);
    (log_probs * counts.clone()).sum().neg() / counts.sum()
}

fn loader(pairs: Vec<Pair>) -> Result<DataLoader<Pairs>> {
    DataLoader::builder(pairs)
        .batch_sampler(LengthBuckets::new(4, |p: &Pair| p.source.len()))
        .collate(|items| Pairs::padded(items, PAD))
        .build()
}

#[test]
fn runs() -> Result<()> {
    let pair = |length: i32| Pair { source: (1..=length).collect(), target: (1..=length).rev().collect() };
    let pairs: Vec<Pair> = (4..10).map(pair).collect();
    let (logger, mut model) = (MemoryLogger::new(), Translator::new(TranslatorHparams::new(12, 12)));
    let trainer = Translator::trainer().max_epochs(2).enable_checkpointing(false).enable_progress_bar(false);
    let mut trainer = trainer.enable_model_summary(false).logger(logger.clone()).build()?;
    let report = trainer.fit(&mut model, (loader(pairs.clone())?, loader(pairs)?))?;
    assert!(report.metrics.get(Translator::VAL_BLEU).is_some_and(|bleu| (0.0..=1.0).contains(&bleu)), "{report}");
    assert_eq!(logger.texts().len(), 2);
    Ok(())
}
