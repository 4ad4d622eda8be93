//! Perplexity.

use burn::tensor::{Bool, FloatDType, Tensor, activation::log_softmax};
use serde_json::{Value, json};

use super::{TokenScores, accumulate::Sums, exact, stat_scores::no_class};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// The perplexity of a language model: `exp` of the mean negative log likelihood of the target
/// tokens.
///
/// It takes [`TokenScores`]. Without any tokens it is NaN. The number is that of torchmetrics'
/// `Perplexity`. Here the likelihood is computed by a log softmax and not by the logarithm of a
/// softmax, so that a token of tiny probability does not make it infinite.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Metric, Perplexity};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let logits = Tensor::<3>::zeros([1, 3, 8], &device);
/// let tokens = Tensor::<2, Int>::from_data([[0, 5, -100]], &device);
/// let mut perplexity = Perplexity::new().ignore_index(-100);
/// perplexity.update((&logits, &tokens))?;
/// let value = perplexity.compute()?.scalar().expect("one number");
/// assert!((value - 8.0).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Perplexity {
    ignore_index: Option<i64>,
    /// The sum of the negative log likelihoods, the number of tokens, and the number of targets
    /// that are not in the vocabulary.
    sums: Sums,
}

impl Perplexity {
    /// Creates the perplexity of all tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves out tokens with this target, such as padding. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.ignore_index = Some(index);
        self
    }
}

impl Metric for Perplexity {
    type Input = TokenScores;

    fn accumulate(&mut self, input: &TokenScores) -> Result<()> {
        let TokenScores { logits, targets } = input.clone();
        let [tokens, vocabulary] = logits.dims();
        if tokens == 0 {
            return Ok(());
        }
        let foreign = no_class(&targets, vocabulary);
        let (foreign, left_out) = match self.ignore_index {
            None => (foreign.clone(), foreign),
            Some(index) => {
                let ignored = targets.clone().equal_scalar(index);
                (foreign.clone().bool_and(ignored.clone().bool_not()), foreign.bool_or(ignored))
            }
        };
        let dtype = logits.dtype();
        let indices = targets.mask_fill(left_out.clone(), 0).reshape([tokens, 1]);
        let likelihoods = log_softmax(logits, 1).gather(1, indices).reshape([tokens]);
        let nll = likelihoods.mask_fill(left_out.clone(), 0.0).sum().neg();
        let count = |mask: Tensor<1, Bool>| mask.float().cast(FloatDType::from(dtype)).sum();
        self.sums.add(Tensor::cat(vec![nll, count(left_out.bool_not()), count(foreign)], 0))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let (nll, count) = match self.sums.values()? {
            [_, _, foreign] if *foreign > 0.0 => {
                let text = format!("target tokens must be in the vocabulary, found {foreign} outside of it");
                return Err(Error::new(ErrorKind::Metric, text)
                    .help("write `.ignore_index(…)` for a target that must not count, such as padding"));
            }
            [nll, count, _] => (*nll, *count),
            _ => (0.0, 0.0),
        };
        Ok(MetricValue::Scalar((nll / count).exp()))
    }

    fn reset(&mut self) {
        self.sums = Sums::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.sums.merge(&other.sums)
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "sums": self.sums.state()? }))
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        self.sums = Sums::load(exact::numbers_of(state, "sums")?);
        Ok(())
    }
}
