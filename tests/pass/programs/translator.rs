//! Sequences: an encoder and a decoder, a scheduled choice by the step's own random numbers, data that stays on the host.
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::log_softmax};
use lightning_core::prelude::*;

use super::quick;

#[derive(Batch, Clone, Debug)]
pub struct Pairs {
    #[batch(size)]
    source: Tensor<2, Int>,
    source_pad: Tensor<2, Bool>,
    target: Tensor<2, Int>,
    #[batch(host)]
    references: Vec<String>,
}

#[lightning_module]
#[optimizer(AdamConfig::new().with_beta_2(0.98).with_epsilon(1e-9), lr = Noam::new(1.0, d, 4000), interval = step)]
pub struct Translator {
    #[init(EmbeddingConfig::new(source_vocab, d).init(device))]
    source_embedding: Embedding,
    #[init(EmbeddingConfig::new(target_vocab, d).init(device))]
    target_embedding: Embedding,
    #[init(transformer::TransformerEncoderConfig::new(d, 2 * d, heads, layers).init(device))]
    encoder: transformer::TransformerEncoder,
    #[init(transformer::TransformerDecoderConfig::new(d, 2 * d, heads, layers).init(device))]
    decoder: transformer::TransformerDecoder,
    #[init(LinearConfig::new(d, target_vocab).init(device))]
    output: Linear,
    #[hparam]
    source_vocab: usize,
    #[hparam]
    target_vocab: usize,
    #[hparam(default = 8)]
    d: usize,
    #[hparam(default = 2)]
    heads: usize,
    #[hparam(default = 1)]
    layers: usize,
}

#[lightning_module]
impl Translator {
    fn training_step(&self, batch: Pairs, cx: &StepContext) -> Tensor<1> {
        let p = (1.0 - cx.current_epoch() as f64 / 20.0).max(0.5);
        let inputs = if cx.rng().random_bool(p) { batch.target.clone() } else { self.greedy_shifted(&batch) };
        #[log(minimize, prog_bar)]
        let train_loss = token_loss(self.decode(&batch, inputs), batch.target.clone());
        train_loss
    }
    fn validation_step(&self, batch: Pairs) {
        let translated = self.translate(&batch);
        let right = translated.iter().zip(&batch.references).filter(|(ours, theirs)| ours == theirs).count();
        #[log(maximize, prog_bar)]
        let val_exact = right as f64 / batch.references.len() as f64;
    }
    fn decode(&self, batch: &Pairs, inputs: Tensor<2, Int>) -> Tensor<3> {
        let source = self.source_embedding.forward(batch.source.clone());
        let source = transformer::TransformerEncoderInput::new(source).mask_pad(batch.source_pad.clone());
        let memory = self.encoder.forward(source);
        let target = self.target_embedding.forward(inputs);
        self.output.forward(self.decoder.forward(transformer::TransformerDecoderInput::new(target, memory)))
    }
    fn greedy_shifted(&self, batch: &Pairs) -> Tensor<2, Int> {
        self.decode(batch, batch.target.clone()).argmax(2).squeeze_dim(2)
    }
    fn translate(&self, batch: &Pairs) -> Vec<String> {
        let [rows, _] = batch.source.dims();
        let tokens = self.greedy_shifted(batch);
        (0..rows).map(|row| tokens.clone().narrow(0, row, 1).to_data().to_string()).collect()
    }
}

fn token_loss(logits: Tensor<3>, target: Tensor<2, Int>) -> Tensor<1> {
    let log_probs: Tensor<2> = log_softmax(logits, 2).gather(2, target.unsqueeze_dim(2)).squeeze_dim(2);
    log_probs.mean().neg()
}

#[test]
fn runs() {
    let device = Device::default();
    let batch = Pairs {
        source: Tensor::from_data([[1, 2, 3], [3, 2, 1]], &device),
        source_pad: Tensor::from_data([[false, false, false], [false, false, true]], &device),
        target: Tensor::from_data([[1, 2, 3, 4], [4, 3, 2, 1]], &device),
        references: vec!["un".to_owned(), "deux".to_owned()],
    };
    let data = DataLoader::from_batches(vec![batch; 2]).unwrap();
    let mut model = Translator::new(TranslatorHparams::new(5, 6));
    let report = quick(Translator::trainer()).build().unwrap().fit(&mut model, (data.clone(), data)).unwrap();
    assert_eq!(report.metrics.get(Translator::VAL_EXACT), Some(0.0));
}
