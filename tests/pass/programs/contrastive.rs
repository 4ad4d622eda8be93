//! Contrastive learning: a teacher that follows by moving averages, a queue in a buffer, an output for a hook.
#![deny(warnings)]

use burn::{
    module::{ModuleMapper, Param},
    nn::*,
    optim::AdamWConfig,
    prelude::*,
    tensor::{Distribution, activation::log_softmax},
};
use lightning_core::prelude::*;

use super::quick;

#[derive(Batch, Clone, Debug)]
pub struct TwoViews {
    a: Tensor<2>,
    b: Tensor<2>,
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = lr)]
pub struct Moco {
    #[init(LinearConfig::new(width, 8).init(device))]
    student: Linear,
    #[frozen]
    #[init(copy_of(student))]
    teacher: Linear,
    #[buffer(normalize(Tensor::random([16, 8], Distribution::Normal(0.0, 1.0), device)))]
    queue: Tensor<2>,
    #[state]
    head: usize,
    #[hparam]
    width: usize,
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
    fn on_train_batch_end(&mut self, cx: &mut HookContext) {
        ema_update(&mut self.teacher, &self.student, 0.996);
        if let Some(keys) = cx.outputs::<Tensor<2>>() {
            self.head = enqueue(&mut self.queue, self.head, keys.clone());
        }
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

fn ema_update(teacher: &mut Linear, student: &Linear, decay: f32) {
    struct Follow<'a> {
        student: Vec<Tensor<1>>,
        next: usize,
        decay: &'a f32,
    }
    impl ModuleMapper for Follow<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let student = self.student[self.next].clone();
            self.next += 1;
            let decay = *self.decay;
            param.map(|teacher| {
                let shape = teacher.dims();
                (teacher.detach() * decay + student.reshape(shape) * (1.0 - decay)).detach()
            })
        }
    }
    let flat = |weight: Tensor<2>| weight.detach().flatten(0, 1);
    let mut student_parameters = vec![flat(student.weight.val())];
    student_parameters.extend(student.bias.as_ref().map(|bias| bias.val().detach()));
    let mut follow = Follow { student: student_parameters, next: 0, decay: &decay };
    *teacher = teacher.clone().map(&mut follow);
}

/// Writes the keys over the oldest rows; where the next ones go.
fn enqueue(queue: &mut Tensor<2>, head: usize, keys: Tensor<2>) -> usize {
    let [rows, width] = keys.dims();
    let [size, _] = queue.dims();
    let head = if head + rows > size { 0 } else { head };
    *queue = queue.clone().slice_assign([head..head + rows, 0..width], keys.to_device(&queue.device()));
    head + rows
}

#[test]
fn runs() {
    let device = Device::default();
    let view = || Tensor::random([4, 6], Distribution::Normal(0.0, 1.0), &device);
    let data = vec![TwoViews { a: view(), b: view() }, TwoViews { a: view(), b: view() }];
    let mut model = Moco::new(MocoHparams::new(6));
    let before = (model.queue.to_data(), model.teacher.weight.to_data());
    quick(Moco::trainer()).build().unwrap().fit(&mut model, data).unwrap();
    assert_eq!(model.head, 8);
    assert_ne!(model.queue.to_data(), before.0);
    assert_ne!(model.teacher.weight.to_data(), before.1);
}
