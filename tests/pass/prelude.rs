//! What the prelude must not change: `data::Dataset`, whose `get` comes before that of a slice, is not in it.
#![deny(warnings)]

use burn::prelude::*;
use lightning_core::prelude::*;

#[test]
fn a_list_has_its_own_get() {
    let (list, array) = (vec![1, 2], [3, 4]);
    let found: (Option<&i32>, Option<&i32>) = (list.get(1), array.get(2));
    assert_eq!(found, (Some(&2), None));
    let _: Result<Device> = Ok(Device::default());
}
