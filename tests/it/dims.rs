//! `#[dims(…)]`: shapes are compared at the first batch of each loader, and in calls outside of a
//! run.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{Error, ErrorKind, prelude::*, trainer::TrainerBuilder};

use crate::support::quiet;

#[derive(Batch, Clone, Debug)]
pub struct Pair {
    #[dims(batch, 4)]
    x: Tensor<2>,
    #[dims(batch)]
    y: Option<Tensor<1, Int>>,
    /// Not compared itself, but its fields are.
    nested: Vec<Part>,
}

#[derive(Batch, Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value of a test")]
pub enum Part {
    Wide(#[dims(batch, 8)] Tensor<2>),
    Any,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Shaped {
    #[init(LinearConfig::new(4, hidden).init(device))]
    layer: Linear,
    #[hparam(default = 3)]
    hidden: usize,
    #[state]
    called: usize,
}

#[lightning_module]
impl Shaped {
    #[dims(-> batch, hidden)]
    pub fn forward(&self, #[dims(batch, 4)] x: Tensor<2>, narrow: bool) -> Tensor<2> {
        if narrow {
            return x;
        }
        self.layer.forward(x)
    }
    /// Takes tensors of any size but at the first call in a run.
    fn total(&self, #[dims(batch, 4)] x: &Tensor<2>) -> Tensor<1> {
        x.clone().sum()
    }
    fn training_step(&self, batch: Pair) -> Tensor<1> {
        self.total(&batch.x) * 0.0 + self.layer.weight.val().sum()
    }
    fn validation_step(&self, batch: Pair) {
        self.total(&batch.x);
    }
    fn test_step(&self, #[dims(batch, hidden)] x: Tensor<2>) {
        let _ = x;
    }
    fn predict_step(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x, true)
    }
    #[once(3)]
    fn on_train_batch_end(&mut self) {
        self.called += 1;
        self.total(&zeros([2, 5]));
    }
}

fn zeros<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::zeros(shape, &Device::default())
}

fn pair(x: [usize; 2], y: usize) -> Pair {
    Pair { x: zeros(x), y: Some(Tensor::zeros([y], &Device::default())), nested: vec![Part::Any] }
}

fn model() -> Shaped {
    Shaped::new(ShapedHparams::default())
}

fn trainer() -> TrainerBuilder<Shaped> {
    quiet(Shaped::trainer()).max_epochs(1)
}

/// The error of `fit` with these batches.
fn fit(train: Vec<Pair>, val: Vec<Pair>) -> Result<()> {
    trainer().build()?.fit(&mut model(), (train, val)).map(|_| ())
}

#[test]
fn a_field_of_another_size_is_named_at_the_first_batch() {
    let error = fit(vec![pair([2, 5], 2)], vec![pair([2, 4], 2)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let text = error.to_string();
    assert!(
        text.starts_with(
            "the field `x` of `Pair` must have the shape [batch, 4], found [2, 5]: axis 1 must be 4, found 5"
        ),
        "{text}"
    );
    assert!(text.contains("train_dataloader") && text.contains("batch 0"), "{text}");
    assert!(text.contains("write `#[dims(batch, 5)]` on the field"), "{text}");
}

#[test]
fn the_first_batch_of_each_loader_is_compared() {
    let error = fit(vec![pair([2, 4], 2)], vec![pair([2, 4], 3)]).unwrap_err().to_string();
    assert!(error.contains("the field `y` of `Pair`") && error.contains("val_dataloader"), "{error}");
    assert!(error.contains("axis 0 must be 2 as `batch` in axis 0 of `x`, found 3"), "{error}");
    let loader = |batch| DataLoader::from_batches(vec![batch]).unwrap();
    let second = vec![loader(zeros([2, 3])), loader(zeros([2, 4]))];
    let error = trainer().build().unwrap().test(&mut model(), second).unwrap_err().to_string();
    assert!(error.contains("the parameter `x` of `Shaped::test_step`"), "{error}");
    assert!(error.contains("axis 1 must be 3 as `hidden` in the hyperparameter `hidden`, found 4"), "{error}");
}

#[test]
fn parts_of_a_batch_are_compared_too() {
    let with = |width| Pair { nested: vec![Part::Any, Part::Wide(zeros([7, width]))], ..pair([2, 4], 2) };
    fit(vec![with(8)], vec![with(8)]).unwrap();
    let error = fit(vec![with(9)], vec![with(8)]).unwrap_err().to_string();
    assert!(error.contains("the field `0` of `Part::Wide` must have the shape [batch, 8], found [7, 9]"), "{error}");
}

#[test]
fn later_batches_are_not_compared() {
    let mut model = model();
    let batches = || vec![pair([4, 4], 4), pair([3, 4], 3), pair([2, 7], 1), pair([1, 4], 1)];
    let mut trainer = quiet(Shaped::trainer()).max_epochs(2).build().unwrap();
    trainer.fit(&mut model, (batches(), batches())).unwrap();
    assert_eq!(model.called, 1);
}

#[test]
fn a_result_is_compared_also_after_an_early_return() {
    let error = trainer().build().unwrap().predict(&mut model(), vec![zeros([2, 4])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    let error = error.to_string();
    assert!(
        error.contains("the result of `Shaped::forward` must have the shape [batch, hidden], found [2, 4]"),
        "{error}"
    );
    assert!(error.contains("write `#[dims(-> batch, 4)]` above `Shaped::forward`"), "{error}");
}

/// The message of a panic.
fn panics<R>(body: impl FnOnce() -> R) -> String {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    *caught.err().expect("no panic").downcast::<String>().unwrap()
}

#[test]
fn a_call_outside_of_a_run_is_always_compared() {
    let model = model();
    for _ in 0..2 {
        assert_eq!(model.forward(zeros([5, 4]), false).dims(), [5, 3]);
        let text = panics(|| model.forward(zeros([5, 6]), false));
        let expected = "the parameter `x` of `Shaped::forward` must have the shape [batch, 4], found [5, 6]: axis 1 must be 4, \
                        found 6\n  help: reshape the tensor before the call, or write `#[dims(batch, 6)]` before `x`";
        assert_eq!(text, expected);
    }
    // Also after a run that failed in a batch.
    fit(vec![pair([2, 4], 2), pair([2, 4], 2)], vec![pair([2, 4], 2), pair([3, 4], 1)]).unwrap();
    let mut own = self::model();
    let batches = |_, _| (0..3).map(|at| if at < 2 { Ok(zeros([2, 3])) } else { Err(Error::msg("the end")) });
    trainer().build().unwrap().test(&mut own, DataLoader::try_from_iter(batches)).unwrap_err();
    panics(|| own.forward(zeros([5, 6]), false));
}
