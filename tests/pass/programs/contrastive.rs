//! Contrastive learning: a teacher that follows by moving averages, a queue in a buffer, an output
//! for a hook.
#![deny(warnings)]

use burn::{
    module::{ModuleMapper, ModuleVisitor, Param},
    nn::*,
    optim::AdamWConfig,
    prelude::*,
    tensor::{
        Distribution,
        activation::{log_softmax, relu},
    },
};
use lightning_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::quick;

#[derive(Batch, Clone, Debug)]
pub struct TwoViews {
    a: Tensor<2>,
    b: Tensor<2>,
}

/// A plain Burn module, and its sizes as hyperparameters of whoever has one.
#[derive(Module, Debug)]
pub struct Encoder {
    hidden: Linear,
    output: Linear,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderHparams {
    width: usize,
    hidden: usize,
}

impl Encoder {
    fn new(hparams: EncoderHparams, device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(hparams.width, hparams.hidden).init(device),
            output: LinearConfig::new(hparams.hidden, 128).init(device),
        }
    }
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = lr)]
pub struct Moco {
    #[init(Encoder::new(encoder, device))]
    student: Encoder,
    #[frozen]
    #[init(copy_of(student))]
    teacher: Encoder,
    #[buffer(normalize(Tensor::random([16, 128], Distribution::Normal(0.0, 1.0), device)))]
    queue: Tensor<2>,
    #[state]
    head: usize,
    #[hparam]
    encoder: EncoderHparams,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Moco {
    fn training_step(&self, batch: TwoViews) -> Loss<Tensor<2>> {
        let (q, k) = (normalize(self.student.forward(batch.a)), normalize(self.teacher.forward(batch.b)).detach());
        #[log(minimize, prog_bar)]
        let train_loss = info_nce(q, k.clone(), self.queue.clone(), 0.2);
        Loss::new(train_loss).output(k)
    }
    fn on_train_batch_end(&mut self, outputs: &Tensor<2>) {
        ema_update(&mut self.teacher, &self.student, 0.996);
        self.head = enqueue(&mut self.queue, self.head, outputs);
    }
}

fn normalize(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
    x / length
}

/// The cross-entropy of finding each key among itself and the queue.
fn info_nce(q: Tensor<2>, k: Tensor<2>, queue: Tensor<2>, temperature: f32) -> Tensor<1> {
    let positive = (q.clone() * k).sum_dim(1);
    let negative = q.matmul(queue.transpose());
    let logits = Tensor::cat(vec![positive, negative], 1) / temperature;
    log_softmax(logits, 1).narrow(1, 0, 1).mean().neg()
}

/// Moves every weight of the teacher by its share towards the student's.
fn ema_update(teacher: &mut Encoder, student: &Encoder, decay: f32) {
    struct Read(Vec<Tensor<1>>);
    impl ModuleVisitor for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count = param.val().shape().num_elements();
            self.0.push(param.val().detach().reshape([count]));
        }
    }
    struct Follow {
        student: std::vec::IntoIter<Tensor<1>>,
        decay: f32,
    }
    impl ModuleMapper for Follow {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (decay, student) = (self.decay, self.student.next());
            param.map(|teacher| match student {
                Some(student) => {
                    let shape = teacher.dims();
                    (teacher.detach() * decay + student.reshape(shape) * (1.0 - decay)).detach()
                }
                None => teacher,
            })
        }
    }
    let mut read = Read(Vec::new());
    student.visit(&mut read);
    *teacher = teacher.clone().map(&mut Follow { student: read.0.into_iter(), decay });
}

/// Writes the keys over the oldest rows; where the next ones go.
fn enqueue(queue: &mut Tensor<2>, head: usize, keys: &Tensor<2>) -> usize {
    let [rows, width] = keys.dims();
    let [size, _] = queue.dims();
    let head = if head + rows > size { 0 } else { head };
    *queue = queue.clone().slice_assign([head..head + rows, 0..width], keys.clone().to_device(&queue.device()));
    head + rows
}

#[test]
fn runs() {
    let device = Device::default();
    let view = || Tensor::random([4, 6], Distribution::Normal(0.0, 1.0), &device);
    let data = vec![TwoViews { a: view(), b: view() }, TwoViews { a: view(), b: view() }];
    let mut model = Moco::new(MocoHparams::new(EncoderHparams { width: 6, hidden: 8 }));
    assert_eq!(model.student.hidden.weight.to_data(), model.teacher.hidden.weight.to_data());
    let before = (model.queue.to_data(), model.teacher.hidden.weight.to_data());
    quick(Moco::trainer()).build().unwrap().fit(&mut model, data).unwrap();
    assert_eq!(model.head, 8);
    assert_ne!(model.queue.to_data(), before.0);
    assert_ne!(model.teacher.hidden.weight.to_data(), before.1);
    assert_ne!(model.student.hidden.weight.to_data(), model.teacher.hidden.weight.to_data());
}
