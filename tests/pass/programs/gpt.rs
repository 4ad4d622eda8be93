//! Language: a list of modules, a loss weighted by tokens, an undecayed group, accumulation, validation by steps.
#![deny(warnings)]

use burn::{
    nn::*,
    optim::AdamWConfig,
    prelude::*,
    tensor::activation::{gelu, log_softmax},
};
use lightning_core::prelude::*;

use super::quick;

#[derive(Batch, Clone, Debug)]
pub struct Tokens {
    #[batch(size)]
    input: Tensor<2, Int>,
    target: Tensor<2, Int>,
    mask: Tensor<2>,
}

#[derive(Module, Debug)]
pub struct Block {
    norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(d: usize, device: &Device) -> Self {
        Self {
            norm: LayerNormConfig::new(d).init(device),
            up: LinearConfig::new(d, 4 * d).init(device),
            down: LinearConfig::new(4 * d, d).init(device),
        }
    }
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        x.clone() + self.down.forward(gelu(self.up.forward(self.norm.forward(x))))
    }
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.1).with_beta_2(0.95).with_epsilon(1e-8),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).min_lr(lr * 0.1).warmup(1), interval = step,
    group(params::rank_below(2), weight_decay = 0.0))]
pub struct Gpt {
    #[init(EmbeddingConfig::new(vocab, d).init(device))]
    token: Embedding,
    #[init(EmbeddingConfig::new(context, d).init(device))]
    position: Embedding,
    #[init((0..layers).map(|_| Block::new(d, device)).collect())]
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
        drop(train_loss);
        Loss::weighted(sum, n)
    }
    fn validation_step(&self, batch: Tokens) {
        let (sum, n) = masked_cross_entropy_sum(self.forward(batch.input), batch.target, batch.mask);
        #[log(minimize, batch_size = &n)]
        let val_loss = sum / n.clone();
    }
    fn on_validation_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.print("validated");
        Ok(())
    }
}

/// The sum over the tokens that count, and how many those are.
fn masked_cross_entropy_sum(logits: Tensor<3>, target: Tensor<2, Int>, mask: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let log_probs: Tensor<2> = log_softmax(logits, 2).gather(2, target.unsqueeze_dim(2)).squeeze_dim(2);
    ((log_probs * mask.clone()).sum().neg(), mask.sum())
}

#[test]
fn runs() {
    let device = Device::default();
    let tokens = Tensor::<2, Int>::from_data([[1, 2, 3, 4], [4, 3, 2, 1]], &device);
    let mask = Tensor::from_data([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]], &device);
    let batch = Tokens { input: tokens.clone(), target: tokens, mask };
    let train = DataLoader::from_batches(vec![batch.clone(); 4]).unwrap();
    let val = DataLoader::from_batches(vec![batch]).unwrap();
    let mut model = Gpt::new(GptHparams::new(5));
    let trainer = quick(Gpt::trainer()).max_steps(2).accumulate_grad_batches(2).gradient_clip_val(1.0);
    let mut trainer = trainer.limit_train_batches(4).val_check_interval(2).build().unwrap();
    let report = trainer.fit(&mut model, (train, val)).unwrap();
    assert_eq!(report.global_step, 2);
    assert!(report.metrics.get(Gpt::VAL_LOSS).is_some());
}
