//! Options and batches that make no curve.

use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::metrics::{Auroc, Metric, MetricInput};

#[track_caller]
fn fails(mut metric: Auroc, input: impl MetricInput<Classification>, expected: &str) {
    let error = metric.update(input).map_err(|error| error.to_string());
    assert!(error.as_ref().is_err_and(|text| text.contains(expected)), "{error:?}");
}

#[test]
fn batches_without_a_curve_are_errors() -> Result<()> {
    let device = Device::default();
    let scores = || Tensor::<2>::from_data([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], &device);
    let labels = |labels: [i32; 2]| Tensor::<1, Int>::from_data(labels, &device);
    fails(Auroc::new(), (labels([0, 1]), labels([0, 1])), "found predicted labels");
    fails(Auroc::new().micro_average(), (scores(), labels([0, 1])), "`micro_average` needs a target per label");
    fails(
        Auroc::new().thresholds(1),
        (scores(), labels([0, 1])),
        "at least two numbers from 0 to 1, found a list of length 1",
    );
    fails(Auroc::new().threshold_list([0.5, 1.5]), (scores(), labels([0, 1])), "from 0 to 1, found 1.5");
    fails(Auroc::new().class_names(["a"]), (scores(), labels([0, 1])), "found 1 names for 3 classes");
    for metric in [Auroc::new(), Auroc::new().thresholds(5)] {
        fails(
            metric.clone(),
            (scores(), labels([0, 3])),
            "targets must be classes from 0 to 2, found 1 outside of this range",
        );
        let each = Tensor::<2, Int>::from_data([[0, 1, 2], [1, 0, 3]], &device);
        fails(metric, (scores(), each), "targets must be classes from 0 to 1, found 2 outside of this range");
    }
    let mut several = Auroc::new();
    several.update((scores(), scores().greater_scalar(0.5)))?;
    fails(several, (scores(), labels([0, 1])), "found a batch of 3 classes after batches of 3 labels");
    Ok(())
}
