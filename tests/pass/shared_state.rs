//! State that is `Clone`, `Debug` and `Send` though a part of it is not.
#![deny(warnings)]

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, RwLock, atomic::AtomicUsize, atomic::Ordering},
    time::Instant,
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    count: Arc<AtomicUsize>,
    #[state(skip)]
    losses: Arc<Mutex<Vec<f64>>>,
    #[state(skip)]
    table: Option<Arc<RwLock<BTreeMap<String, usize>>>>,
    #[state(skip)]
    scratch: RefCell<VecDeque<f64>>,
    #[state(skip)]
    last: Cell<usize>,
    #[state(skip)]
    activation: Option<fn(Tensor<2>) -> Tensor<2>>,
    #[state(skip)]
    start: Option<Instant>,
    #[state(skip)]
    file: File,
}

/// A type of this crate with the name of another.
#[derive(Clone, Debug, Default)]
struct File {
    lines: Vec<String>,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let x = self.layer.forward(batch);
        match self.activation {
            Some(activation) => activation(x).mean(),
            None => x.mean(),
        }
    }
    fn on_train_batch_end(&mut self, batch_idx: usize) {
        self.losses.lock().unwrap().push(0.5);
        self.scratch.borrow_mut().push_back(0.5);
        self.last.set(batch_idx);
        self.start.get_or_insert_with(Instant::now);
        self.file.lines.push(String::new());
        let _ = &self.table;
    }
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default());
    net.activation = Some(|x| x * 2.0);
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
    assert!(net.count.load(Ordering::Relaxed) >= 2);
    assert_eq!(net.losses.lock().unwrap().len(), 2);
    assert_eq!(net.file.lines.len(), 2);
}
