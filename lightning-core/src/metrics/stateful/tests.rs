//! What holds for every metric: integer types, empty batches, NaN and infinity.

use burn::tensor::{DType, Device, Int, Tensor};

use super::*;
use crate::{
    error::Result,
    metrics::{Metric, MetricInput, MetricValue},
};

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

fn labels(labels: &[i64], dtype: DType) -> Tensor<1, Int> {
    Tensor::from_data(labels, (&Device::default(), dtype))
}

fn reals(values: &[f64]) -> Tensor<1> {
    Tensor::from_data(values, (&Device::default(), DType::F64))
}

fn value<X: Metric>(mut metric: X, input: impl MetricInput<X::Input>) -> Result<MetricValue> {
    metric.update(input)?;
    metric.compute()
}

fn scalar<X: Metric>(metric: X, input: impl MetricInput<X::Input>) -> f64 {
    value(metric, input).expect("a value").scalar().expect("one number")
}

/// Of `classes` labels every one is right but the last, which is predicted as the one before.
fn nearly_right(classes: i64, dtype: DType) -> (Tensor<1, Int>, Tensor<1, Int>) {
    let targets: Vec<i64> = (0..classes).collect();
    let mut predicted = targets.clone();
    predicted[classes as usize - 1] -= 1;
    (labels(&predicted, dtype), labels(&targets, dtype))
}

#[test]
fn every_integer_type_counts_the_same() -> Result<()> {
    for dtype in INTEGERS {
        let matrix = value(ConfusionMatrix::new().num_classes(17), nearly_right(17, dtype))?;
        let matrix = matrix.matrix().expect("a matrix");
        assert_eq!((matrix.get(16, 15), matrix.get(1, 15), matrix.get(15, 15)), (Some(1.0), Some(0.0), Some(1.0)));
        // 98 classes of 100 have the score 1; of the last two, one has 2/3 and one 0.
        let f1 = scalar(FBeta::f1().num_classes(100), nearly_right(100, dtype));
        assert!((f1 - (98.0 + 2.0 / 3.0) / 100.0).abs() < 1e-12, "{dtype:?}: {f1}");
        assert_eq!(scalar(Recall::new().num_classes(100), nearly_right(100, dtype)), 0.99);
        assert_eq!(scalar(Precision::new().num_classes(100), nearly_right(100, dtype)), 98.5 / 100.0);
        assert_eq!(scalar(Accuracy::new(), nearly_right(100, dtype)), 0.99);
        assert_eq!(scalar(JaccardIndex::new().num_classes(100), nearly_right(100, dtype)), 98.5 / 100.0);
        let kappa = scalar(CohenKappa::new().num_classes(100), nearly_right(100, dtype));
        assert!((kappa - (0.99 - 0.01) / (1.0 - 0.01)).abs() < 1e-12, "{dtype:?}: {kappa}");
        // Scores, with targets of this type.
        let scores = Tensor::<1, Int>::arange(0..100, &Device::default()).one_hot::<2>(100).float();
        let (_, targets) = nearly_right(100, dtype);
        assert_eq!(scalar(Accuracy::new().top_k(3), (&scores, &targets)), 1.0);
        assert_eq!(scalar(Auroc::new(), (&scores, &targets)), 1.0);
        assert_eq!(scalar(AveragePrecision::new().thresholds(5), (&scores, &targets)), 1.0);
        assert!(scalar(Perplexity::new(), (scores.clone() * 1e3, &targets)) < 1.0 + 1e-6);
        // Yes and no.
        let answers = (reals(&[0.1, 0.9, 0.8]), labels(&[0, 1, 0], dtype));
        assert_eq!(scalar(Precision::new(), answers), 0.5);
        let several = Tensor::<2, Int>::from_data([[0, 1], [1, 1]], (&Device::default(), dtype));
        let scores = Tensor::<2>::from_data([[0.1, 0.9], [0.8, 0.3]], &Device::default());
        assert_eq!(scalar(Accuracy::new(), (scores, several)), 0.75);
    }
    Ok(())
}

/// Two types that each hold all labels, but not all of each other's.
#[test]
fn predictions_and_targets_may_have_different_types() -> Result<()> {
    for other in INTEGERS {
        let (predicted, _) = nearly_right(100, DType::I64);
        let (_, targets) = nearly_right(100, other);
        assert_eq!(scalar(Recall::new().num_classes(100), (predicted, targets)), 0.99);
    }
    // Classes beyond 8 bits, and an index to ignore that 8 bits do not hold.
    let scores = Tensor::<1, Int>::arange(0..300, &Device::default()).one_hot::<2>(300).float();
    let scores = scores.slice([0..100, 0..300]);
    let targets: Vec<i64> = (0..100).collect();
    let targets = labels(&targets, DType::U8);
    assert_eq!(scalar(Accuracy::new().ignore_index(-1), (&scores, &targets)), 1.0);
    assert_eq!(scalar(Accuracy::new().ignore_index(256), (&scores, &targets)), 1.0);
    let targets = labels(&(0..100).collect::<Vec<_>>(), DType::I32);
    assert_eq!(scalar(Accuracy::new().ignore_index(1 << 32), (&scores, &targets)), 1.0);
    Ok(())
}

#[test]
fn a_label_of_any_type_that_is_not_a_class_is_an_error() {
    for dtype in INTEGERS {
        let foreign = (labels(&[0, 1], dtype), labels(&[0, 77], dtype));
        assert!(value(Recall::new().num_classes(17), foreign.clone()).is_err(), "{dtype:?}");
        assert!(value(ConfusionMatrix::new().num_classes(17), foreign.clone()).is_err(), "{dtype:?}");
        assert!(value(Recall::new().num_classes(17), (foreign.1, foreign.0)).is_err(), "{dtype:?}");
    }
}

/// Updates a metric with an empty batch before and after a full one.
#[track_caller]
fn skips_empty<X: Metric>(
    metric: X,
    empty: impl MetricInput<X::Input> + Clone,
    full: impl MetricInput<X::Input> + Clone,
) where
    X::Input: Clone,
{
    let bits = |value: MetricValue| format!("{value:?}");
    let mut only = metric.clone();
    only.update(empty.clone()).expect("an empty batch");
    let _ = only.compute();
    let mut found = metric.clone();
    for batch in [empty.to_input(), full.to_input(), empty.to_input()] {
        found.accumulate(&batch.expect("a batch")).expect("an update");
    }
    let expected = value(metric, full).expect("a value");
    assert_eq!(bits(found.compute().expect("a value")), bits(expected));
}

#[test]
fn an_empty_batch_counts_nothing() {
    let device = Device::default();
    let none = || labels(&[], DType::I64);
    let scores = |rows: usize| Tensor::<2>::from_data([[0.7, 0.2, 0.1]], &device).slice([0..rows, 0..3]);
    let binary = || ((reals(&[]), none()), (reals(&[0.1, 0.7, 0.4]), labels(&[0, 1, 1], DType::I64)));
    let multiclass = || ((scores(0), none()), (scores(1), labels(&[0], DType::I64)));
    let predicted = || ((none(), none()), (labels(&[0, 2, 1], DType::I64), labels(&[0, 2, 2], DType::I64)));
    macro_rules! each {
        ($inputs:expr; $($metric:expr),+) => {$({
            let (empty, full) = $inputs;
            skips_empty($metric, empty, full);
        })+};
    }
    each!(binary(); Accuracy::new(), Precision::new(), Recall::new(), FBeta::f1(), Dice::new(), JaccardIndex::new(),
        MatthewsCorrelation::new(), CohenKappa::new(), ConfusionMatrix::new(), Auroc::new(), AveragePrecision::new(),
        Auroc::new().thresholds(5), AveragePrecision::new().thresholds(5), CalibrationError::new());
    each!(multiclass(); Accuracy::new(), Accuracy::new().top_k(2), Recall::new(), ConfusionMatrix::new(),
        Auroc::new(), AveragePrecision::new(), Auroc::new().thresholds(5), CalibrationError::new(), CohenKappa::new());
    each!(predicted(); Accuracy::new(), Recall::new().num_classes(3), ConfusionMatrix::new().num_classes(3),
        CohenKappa::new().num_classes(3), MatthewsCorrelation::new().num_classes(3));
    let several = || {
        let rows = |rows: usize| Tensor::<2, Int>::from_data([[1, 0, 1]], &device).slice([0..rows, 0..3]);
        ((scores(0), rows(0)), (scores(1), rows(1)))
    };
    each!(several(); Accuracy::new(), FBeta::f1(), ConfusionMatrix::new(), Auroc::new(), AveragePrecision::new());
    let regression = || ((reals(&[]), reals(&[])), (reals(&[1.0, 2.0, 4.0]), reals(&[1.0, 3.0, 3.5])));
    each!(regression(); MeanAbsoluteError::new(), MeanSquaredError::new(), RootMeanSquaredError::new(), R2Score::new(),
        PearsonCorrelation::new(), SpearmanCorrelation::new(), PeakSignalNoiseRatio::new(1.0));
    let outputs = || {
        let rows = |rows: usize| Tensor::<2>::from_data([[1.0, 2.0], [3.0, 5.0]], &device).slice([0..rows, 0..2]);
        ((rows(0), rows(0)), (rows(2), rows(2) + 0.5))
    };
    each!(outputs(); MeanAbsoluteError::new(), R2Score::new(), PearsonCorrelation::new(), SpearmanCorrelation::new());
    let cubes = || {
        let empty = Tensor::<3>::zeros([2, 0, 4], &device);
        ((empty.clone(), empty), (Tensor::<3>::ones([2, 1, 4], &device), Tensor::<3>::zeros([2, 1, 4], &device)))
    };
    each!(cubes(); MeanAbsoluteError::new(), MeanSquaredError::new());
    let images = || {
        let rows = |rows: usize| Tensor::<4>::ones([1, 1, 11, 11], &device).slice([0..rows, 0..1, 0..11, 0..11]);
        ((rows(0), rows(0)), (rows(1), rows(1) * 0.5))
    };
    each!(images(); StructuralSimilarity::new(1.0));
    let tokens = || {
        let empty = Tensor::<3>::zeros([2, 0, 3], &device);
        let full = Tensor::<3>::from_data([[[0.1, 0.2, 0.3]]], &device);
        ((empty, Tensor::<2, Int>::zeros([2, 0], &device)), (full, Tensor::<2, Int>::zeros([1, 1], &device)))
    };
    each!(tokens(); Perplexity::new());
    let documents = || {
        let full = (labels(&[0, 0], DType::I64), reals(&[0.1, 0.2]), labels(&[1, 0], DType::I64));
        ((none(), reals(&[]), none()), full)
    };
    each!(documents(); RetrievalMrr::new(), RetrievalMap::new(), RetrievalNdcg::new());
    let texts = || ((Vec::<&str>::new(), Vec::<&str>::new()), (vec!["a b c d"], vec!["a b c e"]));
    each!(texts(); Bleu::new().n_gram(2), Rouge::n_gram(1), WordErrorRate::new(), CharErrorRate::new());
}

/// Only empty batches: what nothing at all has.
#[test]
fn an_epoch_of_empty_batches_has_the_value_of_nothing() -> Result<()> {
    let empty = || (Tensor::<2>::zeros([0, 3], &Device::default()), labels(&[], DType::I64));
    let confusion = value(ConfusionMatrix::new(), empty())?;
    assert_eq!(confusion.matrix().map(|matrix| (matrix.size(), matrix.get(2, 2))), Some((3, Some(0.0))));
    assert_eq!(scalar(Accuracy::new(), empty()), 0.0);
    assert!(scalar(Auroc::new(), empty()).is_nan());
    assert!(scalar(MeanSquaredError::new(), (reals(&[]), reals(&[]))).is_nan());
    let mut metric = Recall::new();
    metric.update(empty())?;
    let state = metric.state()?;
    metric.load_state(&state, &Device::default())?;
    assert_eq!(metric.compute()?.scalar(), Some(0.0));
    Ok(())
}

#[test]
fn a_nan_is_never_lost_in_a_regression() {
    let nan = f64::NAN;
    for (predictions, targets) in [([nan, 1.0, 2.0], [1.0, 2.0, 4.0]), ([1.0, 2.0, 4.0], [1.0, nan, 3.0])] {
        let input = || (reals(&predictions), reals(&targets));
        assert!(scalar(MeanAbsoluteError::new(), input()).is_nan());
        assert!(scalar(MeanSquaredError::new(), input()).is_nan());
        assert!(scalar(RootMeanSquaredError::new(), input()).is_nan());
        assert!(scalar(R2Score::new(), input()).is_nan());
        assert!(scalar(R2Score::new().multi_output(MultiOutput::VarianceWeighted), input()).is_nan());
        assert!(scalar(PearsonCorrelation::new(), input()).is_nan());
        assert!(scalar(SpearmanCorrelation::new(), input()).is_nan());
        assert!(scalar(PeakSignalNoiseRatio::new(1.0), input()).is_nan());
        // In a batch of its own, before others.
        let mut r2 = R2Score::new();
        r2.update((reals(&[1.0]), reals(&[nan]))).expect("a batch");
        r2.update((reals(&[1.0, 2.0]), reals(&[1.0, 2.0]))).expect("a batch");
        assert!(r2.compute().expect("a value").scalar().is_some_and(f64::is_nan));
    }
}

#[test]
fn infinity_in_a_regression() {
    let inf = f64::INFINITY;
    let both = || (reals(&[inf, 1.0, 2.0]), reals(&[inf, 1.0, 2.0]));
    assert!(scalar(MeanAbsoluteError::new(), both()).is_nan());
    assert!(scalar(R2Score::new(), both()).is_nan());
    assert!(scalar(PearsonCorrelation::new(), both()).is_nan());
    // Infinity has a rank.
    assert_eq!(scalar(SpearmanCorrelation::new(), both()), 1.0);
    let prediction = || (reals(&[inf, 1.0, 2.0]), reals(&[3.0, 1.0, 2.0]));
    assert_eq!(scalar(MeanSquaredError::new(), prediction()), inf);
    assert_eq!(scalar(R2Score::new(), prediction()), -inf);
    let target = || (reals(&[3.0, 1.0, 2.0]), reals(&[inf, 1.0, 2.0]));
    assert!(scalar(R2Score::new(), target()).is_nan());
}

/// The example of the documentation at every scale.
#[test]
fn r2_has_no_scale() {
    for dtype in [DType::F32, DType::F64] {
        for scale in [1e-15, 1e-6, 1e-3, 1.0, 1e6, 1e15] {
            let scaled = |values: [f64; 4]| {
                let values = values.map(|value| value * scale);
                Tensor::<1>::from_data(values, (&Device::default(), dtype))
            };
            let found = scalar(R2Score::new(), (scaled([2.5, 0.0, 2.0, 8.0]), scaled([3.0, -0.5, 2.0, 7.0])));
            assert!((found - 0.948_608_137_044_967_8).abs() < 1e-6, "{scale}: {found}");
            let found =
                scalar(PearsonCorrelation::new(), (scaled([2.5, 0.0, 2.0, 8.0]), scaled([3.0, -0.5, 2.0, 7.0])));
            assert!((found - 0.984_869_618_448_270_3).abs() < 1e-6, "{scale}: {found}");
        }
    }
}

#[test]
fn constant_and_nearly_constant_targets() -> Result<()> {
    let device = Device::default();
    for dtype in [DType::F32, DType::F64] {
        let real = |values: &[f64]| Tensor::<1>::from_data(values, (&device, dtype));
        // The mean of three times 0.1 is not 0.1 in either precision, if it is computed as sum / 3.
        assert_eq!(scalar(R2Score::new(), (real(&[1.0; 3]), real(&[0.1; 3]))), 0.0);
        assert_eq!(scalar(R2Score::new(), (real(&[0.1; 7]), real(&[0.1; 7]))), 1.0);
        let mut batches = R2Score::new();
        batches.update((real(&[0.3; 3]), real(&[0.1; 3])))?;
        batches.update((real(&[0.1; 7]), real(&[0.1; 7])))?;
        assert_eq!(batches.compute()?.scalar(), Some(0.0));
        assert!(
            scalar(PearsonCorrelation::new(), (real(&[0.1; 7]), real(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))).is_nan()
        );
    }
    // 1 − 2.1e−6 / 2e−6, by hand.
    let found = scalar(R2Score::new(), (reals(&[5.0, 5.0, 5.0, 4.9]), reals(&[5.0, 5.001, 5.0, 4.999])));
    assert!((found - (1.0 - (1e-6 + 0.099_f64.powi(2)) / 2e-6)).abs() < 1e-3, "{found}");
    let constant = Tensor::<2>::from_data([[2.0, 2.0], [2.0, 2.0]], &device);
    let predictions = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 2.0]], &device);
    let weighted = R2Score::new().multi_output(MultiOutput::VarianceWeighted);
    assert_eq!(scalar(weighted, (predictions, constant)), 0.5);
    Ok(())
}

/// −1, 0.2, 0.9 are logits, however they are batched.
#[test]
fn one_decision_for_yes_and_no() -> Result<()> {
    let each = [(-1.0, 1), (0.2, 0), (0.9, 1)];
    let batch = |(score, target): (f64, i64)| (reals(&[score]), labels(&[target], DType::I64));
    macro_rules! agree {
        ($metric:expr, $expected:expr) => {{
            let mut apart = $metric;
            each.iter().try_for_each(|one| apart.update(batch(*one)))?;
            let (scores, targets): (Vec<f64>, Vec<i64>) = each.iter().copied().unzip();
            let together = value($metric, (reals(&scores), labels(&targets, DType::I64)))?;
            assert_eq!(apart.compute()?, together);
            assert_eq!(together.scalar(), $expected);
            // Merged in another order.
            let mut merged = $metric;
            for one in each.iter().rev() {
                let mut part = $metric;
                part.update(batch(*one))?;
                merged.merge(&part)?;
            }
            assert_eq!(merged.compute()?, together);
        }};
    }
    // As logits, 0.2 and 0.9 are above 0.5.
    agree!(Accuracy::new(), Some(1.0 / 3.0));
    agree!(Precision::new(), Some(0.5));
    agree!(FBeta::f1(), Some(0.5));
    agree!(MatthewsCorrelation::new(), Some(-0.5));
    agree!(ConfusionMatrix::new(), None);
    // Said, it is not guessed.
    agree!(Accuracy::new().probabilities(), Some(2.0 / 3.0));
    agree!(Accuracy::new().logits(), Some(1.0 / 3.0));
    // What is ignored does not decide.
    let ignored = (reals(&[0.4, 0.3, 5.0]), labels(&[1, 1, -1], DType::I64));
    assert_eq!(scalar(Recall::new().ignore_index(-1), ignored), 0.0);
    Ok(())
}
