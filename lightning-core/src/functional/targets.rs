//! Classes as the targets of a loss.

use burn::tensor::{Bool, Int, Tensor};

use crate::tensor::labels::Classes;

/// Checks that there is one class per row of `[rows, classes]`. Targets are outside of any graph and have
/// 32 or 64 bits.
///
/// Returns where targets are not classes, if that is known on the device only.
///
/// # Panics
/// If there is not one target per row (`gather` itself would accept fewer), or if a target is known
/// to be neither a class nor ignored.
pub(super) fn checked(
    function: &'static str,
    [rows, classes]: [usize; 2],
    targets: &Tensor<1, Int>,
    ignored: Option<i64>,
) -> Option<Tensor<1, Bool>> {
    let [len] = targets.dims();
    assert!(rows == len, "`targets` must have one class per row, found {len} targets for {rows} rows");
    match (Classes { function, classes, ignored }).check(targets) {
        Ok(foreign) => foreign,
        Err(error) => panic!("{error}"),
    }
}

/// Returns the value of each row at its target: `[rows, 1]`. It is NaN where the target is foreign.
pub(super) fn at(values: Tensor<2>, targets: Tensor<1, Int>, foreign: Option<Tensor<1, Bool>>) -> Tensor<2> {
    let [len] = targets.dims();
    let Some(foreign) = foreign else { return values.gather(1, targets.reshape([len, 1])) };
    let targets = targets.mask_fill(foreign.clone(), 0);
    values.gather(1, targets.reshape([len, 1])).mask_fill(foreign.reshape([len, 1]), f64::NAN)
}
