use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use burn::tensor::{Bool, DType, Int, Tensor};

use super::*;

fn floats(rows: usize) -> Tensor<2> {
    Tensor::ones([rows, 3], &Device::default())
}

fn sized<T: Batch>(_: &T) -> bool {
    T::SIZED
}

#[test]
fn the_first_tensor_gives_the_size() {
    let device = Device::default();
    let ints = Tensor::<1, Int>::zeros([5], &device);
    let bools = Tensor::<3, Bool>::empty([6, 1, 1], &device);
    assert_eq!(floats(4).batch_size(), Some(4));
    assert_eq!(ints.batch_size(), Some(5));
    assert_eq!(bools.batch_size(), Some(6));
    assert_eq!((7_usize, String::from("host"), ints.clone(), floats(4)).batch_size(), Some(5));
    assert_eq!((1_u8, true).batch_size(), None);
    assert_eq!(vec![floats(2), floats(9)].batch_size(), Some(2));
    assert_eq!(Vec::<Tensor<2>>::new().batch_size(), None);
    assert_eq!([floats(3), floats(8)].batch_size(), Some(3));
    assert_eq!(Some(floats(3)).batch_size(), Some(3));
    assert_eq!(None::<Tensor<2>>.batch_size(), None);
    assert_eq!(Box::new(floats(3)).batch_size(), Some(3));
    assert_eq!(HashMap::from([("a", floats(6))]).batch_size(), Some(6));
    assert_eq!(BTreeMap::from([(2, None), (3, Some(floats(6)))]).batch_size(), Some(6));
    assert_eq!(first_size([None, Some(3), Some(4)]), Some(3));
    assert_eq!(first_size([]), None);
}

#[test]
fn types_know_whether_they_can_have_a_size() {
    assert!(sized(&(1_usize, None::<Tensor<1>>)));
    assert!(sized(&vec![[floats(1)]]));
    assert!(!sized(&(1_usize, String::new(), vec![PathBuf::new()], ())));
    assert_eq!([<()>::SIZED, usize::SIZED], [false, false]);
}

#[test]
fn only_floats_are_cast() {
    let batch = (floats(2), Tensor::<1, Int>::zeros([2], &Device::default()), 1.5_f64, vec![Some(floats(2))]);
    let int_dtype = batch.1.dtype();
    let (float, int, host, nested) = batch.cast(FloatDType::F16);
    assert_eq!(float.dtype(), DType::F16);
    assert_eq!(int.dtype(), int_dtype);
    assert_eq!(host.to_bits(), 1.5_f64.to_bits());
    assert_eq!(nested[0].as_ref().map(|tensor| tensor.dtype()), Some(DType::F16));
    let maps = (HashMap::from([(1, floats(1))]), BTreeMap::from([(1, Box::new([floats(1)]))]));
    let (hash, tree) = maps.cast(FloatDType::F64).to_device(&Device::default());
    assert_eq!(hash[&1].dtype(), DType::F64);
    assert_eq!(tree[&1][0].dtype(), DType::F64);
}

#[test]
fn a_batch_takes_over_the_autodiff_of_its_device() {
    let device = Device::default();
    let moved = Batch::to_device(floats(1), &device.clone().autodiff());
    assert!(moved.is_autodiff() && !moved.is_require_grad());
    assert!(!Batch::to_device(moved, &device).is_autodiff());
    let moved = Batch::to_device(floats(1), &device.autodiff().gradient_checkpointing());
    assert_eq!(
        moved.device().gradient_checkpointing_strategy(),
        Device::default().autodiff().gradient_checkpointing().gradient_checkpointing_strategy()
    );
}

/// A move to the device where a tracked leaf already is leaves it the same leaf: the gradient
/// still arrives there.
#[test]
fn a_move_to_the_same_device_is_no_operation() {
    let device = Device::default().autodiff();
    let leaf = Tensor::<1>::ones([3], &device).require_grad();
    let moved = Batch::to_device(leaf.clone(), &device);
    assert!(moved.is_require_grad());
    let grads = moved.powi_scalar(2).sum().backward();
    assert!(leaf.grad(&grads).is_some());
}

/// There is one device here, on which nothing has to be staged: what can be tested is that
/// every kind of batch passes through.
#[test]
fn staging_changes_no_value() {
    let device = Device::default();
    let mut hash = HashMap::new();
    hash.insert(1, Box::new(floats(2)));
    let batch = ((floats(3), [Tensor::<1, Int>::ones([3], &device)]), vec![Some(floats(1))], hash, "host");
    let staged = batch.clone().stage(&device.autodiff());
    assert_eq!(staged.0.0.to_data(), batch.0.0.to_data());
    assert_eq!(staged.0.1[0].to_data(), batch.0.1[0].to_data());
    assert_eq!(staged.1[0].as_ref().map(|tensor| tensor.to_data()), batch.1[0].as_ref().map(|tensor| tensor.to_data()));
    assert_eq!((staged.2[&1].to_data(), staged.3), (batch.2[&1].to_data(), "host"));
}

#[test]
fn lengths_for_the_size_attribute() {
    assert_eq!(floats(4).batch_len(), 4);
    assert_eq!(Tensor::<1, Int>::zeros([5], &Device::default()).batch_len(), 5);
    assert_eq!(vec!["a", "b"].batch_len(), 2);
    assert_eq!(7_usize.batch_len(), 7);
}
