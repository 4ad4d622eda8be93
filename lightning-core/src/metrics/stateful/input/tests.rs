//! Shapes that do not fit, and tensors with a graph.

use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::{error::Result, metrics::MetricInput};

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let device = Device::default();
    let classes = Tensor::<1, Int>::zeros([3], &device);
    let error = |result: Result<()>| result.map_err(|error| error.to_string()).unwrap_err();
    let scores = (Tensor::<2>::zeros([4, 2], &device), &classes);
    let text = error(MetricInput::<Classification>::to_input(&scores).map(drop));
    assert!(text.contains("4 predictions and 3 targets"), "{text}");
    let columns = (Tensor::<2>::zeros([3, 1], &device), Tensor::<1>::zeros([3], &device));
    let text = error(MetricInput::<Regression>::to_input(&columns).map(drop));
    assert!(text.contains("[3, 1]") && text.contains("[3]"), "{text}");
    let tokens = (Tensor::<3>::zeros([2, 2, 5], &device), &classes);
    let text = error(MetricInput::<TokenScores>::to_input(&tokens).map(drop));
    assert!(text.contains("4 tokens and 3 targets"), "{text}");
}

#[test]
fn an_input_has_no_graph() -> Result<()> {
    let device = Device::default().autodiff();
    let scores = Tensor::<2>::zeros([2, 3], &device).require_grad() * 2.0;
    let targets = Tensor::<1, Int>::zeros([2], &device);
    let input: Classification = (&scores, &targets).to_input()?;
    let Predictions::Scores(kept) = input.predictions else { panic!("scores are scores") };
    assert!(!kept.is_autodiff() && !input.targets.is_autodiff());
    Ok(())
}
