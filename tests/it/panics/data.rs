//! Batches, and the loaders and the data module that they come from.

use burn::{prelude::*, tensor::FloatDType};
use lightning_core::{
    Batch,
    data::{Batches, Dataset, EpochOffset, Loader, SampleContext, Sampler},
    prelude::*,
};

use super::fault::{DataHparam, DataState, Payload, visit};

/// A part of a batch.
#[derive(Debug)]
pub struct Part(#[expect(dead_code, reason = "its destructor panics")] Payload);

impl Clone for Part {
    fn clone(&self) -> Self {
        Self(Payload("drop of a batch"))
    }
}

impl Batch for Part {
    const SIZED: bool = false;

    fn batch_size(&self) -> Option<usize> {
        None
    }
    fn to_device(self, _device: &Device) -> Self {
        visit("`Batch::to_device`");
        self
    }
    fn cast(self, _dtype: FloatDType) -> Self {
        self
    }
}

#[derive(Batch, Clone, Debug)]
pub struct Frames {
    #[batch(size)]
    pub x: Tensor<2>,
    pub y: Tensor<1, Int>,
    part: Part,
}

pub fn frames(items: Vec<f32>) -> Result<Frames> {
    visit("`collate`");
    let (device, count) = (Device::default(), items.len());
    let classes: Vec<i32> = items.iter().map(|item| *item as i32 % 3).collect();
    let rows: Vec<f32> = items.iter().flat_map(|item| [item / 16.0; 8]).collect();
    Ok(Frames {
        x: Tensor::from_data(TensorData::new(rows, [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(classes, [count]), &device),
        part: Part(Payload("drop of a batch")),
    })
}

/// Where the batches come from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Source {
    #[default]
    Items,
    Workers,
    Stream,
    Iterator,
    Own,
}

/// Sixteen items.
struct Items(#[allow(dead_code, reason = "its destructor is a call")] Payload);

impl Dataset for Items {
    type Item = f32;

    fn len(&self) -> usize {
        visit("`Dataset::len`");
        16
    }
    fn get(&self, index: usize) -> Result<f32> {
        visit("`Dataset::get`");
        Ok(index as f32)
    }
}

/// The order of the items.
struct Order;

impl Sampler for Order {
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        visit("`Sampler::indices`");
        Ok((0..cx.items()).collect())
    }
}

/// A loader of four batches.
struct OwnLoader(#[allow(dead_code, reason = "its destructor is a call")] Payload);

impl Loader<Frames> for OwnLoader {
    fn len(&self) -> Option<usize> {
        visit("`Loader::len`");
        Some(4)
    }
    fn batches(&self, from: EpochOffset) -> Result<Batches<Frames>> {
        visit("`Loader::batches`");
        let payload = Payload("drop of the batches of a loader");
        Ok(Box::new((from.batch..4).map(move |_| {
            let _ = &payload;
            visit("`Iterator::next` of a loader");
            frames(vec![0.0, 1.0, 2.0, 3.0])
        })))
    }
    fn batches_in_order(&self, from: EpochOffset, _device: &Device) -> Result<Batches<Frames>> {
        visit("`Loader::batches_in_order`");
        self.batches(from)
    }
}

impl Source {
    pub fn open(self) -> Result<DataLoader<Frames>> {
        let items = || Items(Payload("drop of a data set"));
        let map = |item: f32, _: &mut lightning_core::Rng| {
            visit("`map`");
            item
        };
        match self {
            Self::Items => DataLoader::builder(items()).batch_size(4).sampler(Order).map(map).collate(frames).build(),
            Self::Workers => DataLoader::builder(items())
                .batch_size(4)
                .num_workers(1)
                .worker_init(|_| {
                    visit("`worker_init`");
                    Ok(())
                })
                .map(move |item: f32, rng: &mut lightning_core::Rng| {
                    visit("`map` in a worker");
                    map(item, rng)
                })
                .collate(frames)
                .build(),
            Self::Stream => DataLoader::iterable(|_, _| {
                visit("the function of `iterable`");
                (0..16).map(|item| {
                    visit("`Iterator::next` of `iterable`");
                    item as f32
                })
            })
            .batch_size(4)
            .collate(frames)
            .build(),
            Self::Iterator => Ok(DataLoader::from_iter(|_, _| {
                visit("the function of `from_iter`");
                (0..4).map(|_| {
                    visit("`Iterator::next` of `from_iter`");
                    frames(vec![0.0, 1.0, 2.0, 3.0]).unwrap()
                })
            })),
            Self::Own => Ok(DataLoader::from_loader(OwnLoader(Payload("drop of a loader")))),
        }
    }
}

#[data_module]
pub struct Data {
    #[state(skip)]
    pub source: Source,
    #[state]
    state: DataState,
    #[hparam(default = DataHparam::default())]
    data_label: DataHparam,
}

#[data_module]
impl Data {
    fn prepare_data(&self) {
        visit("`prepare_data` of data");
    }
    fn setup(&mut self) {
        visit("`setup` of data");
    }
    fn teardown(&mut self) {
        visit("`teardown` of data");
    }
    fn train_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`train_dataloader`");
        self.source.open()
    }
    fn val_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`val_dataloader`");
        DataLoader::from_batches(vec![frames(vec![0.0, 1.0])?, frames(vec![2.0])?])
    }
    fn test_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`test_dataloader`");
        self.val_dataloader()
    }
    fn predict_dataloader(&self) -> Result<DataLoader<Frames>> {
        visit("`predict_dataloader`");
        self.val_dataloader()
    }
}
