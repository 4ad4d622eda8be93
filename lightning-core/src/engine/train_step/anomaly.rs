//! `detect_anomaly`: finds a loss or a gradient that is not finite.

use burn::{
    module::ParamId,
    tensor::{Tensor, kind::BridgeTensor},
};

use crate::{
    engine::{driver::Driver, run::RunState},
    error::{Error, ErrorKind, Result},
    params::{ErasedVisitor, FloatParam},
    tensor::{any_rank::with_rank, readback},
};

/// Looks at the loss and the gradients of an accumulation buffer.
///
/// # Errors
/// If the loss or a gradient is not finite. Names the first such parameter.
pub(super) fn find_anomaly(run: &mut RunState, driver: &dyn Driver, buffer: usize) -> Result<()> {
    struct Path {
        index: usize,
        path: Option<String>,
    }

    impl ErasedVisitor for Path {
        fn float(&mut self, index: usize, _id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
            if index == self.index {
                self.path = Some(path.to_owned());
            }
            Ok(())
        }
    }

    let error = |run: &RunState, what: String| {
        Err(Error::new(ErrorKind::Anomaly, what)
            .help("check the batch, and every division, root and logarithm; `detect_anomaly(false)` trains without this check")
            .at(run.progress.location(Some("backward".to_owned()), true)))
    };
    // sync: every batch with `detect_anomaly`.
    if let Some(loss) = run.progress.loss()
        && !readback::host_scalar(loss).is_finite()
    {
        return error(run, "the loss is not finite".to_owned());
    }
    if run.train.scalers.get(buffer).is_some() {
        // Loss scaling expects gradients that are not finite: they lower the scale.
        return Ok(());
    }
    let broken = run.train.accumulators.get(buffer).and_then(|buffer| {
        buffer.iter().find(|(_, gradient)| !is_finite(gradient.value.clone())).map(|(index, _)| index)
    });
    let Some(index) = broken else { return Ok(()) };
    let mut path = Path { index, path: None };
    driver.visit(&mut path)?;
    let path = path.path.unwrap_or_default();
    error(run, format!("the gradient of `{path}` is not finite; the loss is finite"))
}

fn is_finite(value: BridgeTensor) -> bool {
    with_rank!(value.rank(), D => {
        let value = Tensor::<D>::from_bridge(value);
        let broken = value.clone().is_nan().bool_or(value.is_inf()).int().sum();
        broken.into_data().iter::<i64>().next() == Some(0)
    }, true)
}
