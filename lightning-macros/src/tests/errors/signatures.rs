//! Receivers, qualifiers, parameters, batches.

use expect_test::expect;

use super::check;

#[test]
fn wrong_receivers() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&mut self, batch: B) -> Tensor<1> { todo!() }
    fn validation_step(batch: B) {}
    fn on_fit_start(self) {}
    fn on_fit_end(&self) {}
    fn init(&self, hparams: &NetHparams, device: &Device) -> Self { todo!() }
}
"##,
        expect![[r#"
            `training_step` takes `&self`, found `&mut self`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: write `&self`; what changes from batch to batch goes into a hook, such as `on_train_batch_end`

            `validation_step` takes `&self`, found no receiver
            = note: expected `fn validation_step(&self, batch: B)`
            = help: write `&self`

            `on_fit_start` takes `&mut self`, found `self`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`

            `on_fit_end` takes `&mut self`, found `&self`
            = note: expected `fn on_fit_end(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`

            `init` takes no receiver, found `&self`
            = note: expected `fn init(hparams: &…Hparams, device: &Device) -> Self`
            = help: remove it, or mark the method `#[not_a_hook]` to keep the name"#]],
    );
}

#[test]
fn qualifiers() {
    check(
        r##"
#[lightning_module] impl Net {
    async fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    const unsafe extern "C" fn on_fit_start(&mut self) {}
    fn test_step<T: Batch>(&self, batch: T) {}
}
"##,
        expect![[r#"
            `training_step` cannot be `async`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: remove it

            `on_fit_start` cannot be `const`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `on_fit_start` cannot be `unsafe`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `on_fit_start` cannot be `extern`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove it

            `test_step` cannot be generic
            = note: expected `fn test_step(&self, batch: B)`
            = help: write the types themselves, such as `batch: Tensor<2>`"#]],
    );
}

#[test]
fn wrong_parameters() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&self, batch: B, batch_index: usize, optimizers: &mut Optimizers<Self>) -> Tensor<1> { todo!() }
    fn on_train_epoch_end(&mut self, outputs: Vec<f32>) {}
    fn on_train_batch_start(&mut self, batch: B) {}
    fn on_test_batch_end(&mut self, batch: &mut B) {}
    fn on_train_batch_end(&mut self, outputs: T, cx: &mut HookContext, _cx: &mut HookContext, (a, b): (u8, u8)) {}
    fn prepare_data(&self, stage: Stage) {}
    fn init(hparams: &NetHparams) -> Self { todo!() }
}
"##,
        expect![[r#"
            `training_step` has no parameter `batch_index`
            = note: its parameters are the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: did you mean `batch_idx`?

            `training_step` has no parameter `optimizers`
            = note: its parameters are the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: remove it

            `on_train_epoch_end` has no parameter `outputs`
            = note: its parameters, recognised by name, are `cx: &mut HookContext`
            = help: remove it

            `on_train_batch_start` sees its `batch` by reference, found `B`
            = note: expected `fn on_train_batch_start(&mut self, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&B`

            `on_test_batch_end` sees its `batch` by reference, found `&mut B`
            = note: expected `fn on_test_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)`
            = help: write `&B`

            `on_train_batch_end` sees its `outputs` by reference, found `T`
            = note: expected `fn on_train_batch_end(&mut self, outputs: &T, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&T`

            `cx` is asked for twice
            = help: keep one of the two

            `on_train_batch_end` has no parameter `(a, b)`
            = note: its parameters, recognised by name, are `outputs: &T`, `batch: &B`, `batch_idx: usize`, `cx: &mut HookContext`
            = help: remove it

            `prepare_data` has no parameter `stage`
            = note: it takes no parameters
            = help: remove it

            `init` has no parameter `device`
            = note: expected `fn init(hparams: &…Hparams, device: &Device) -> Self`
            = help: add `device: &Device`"#]],
    );
}

#[test]
fn wrong_batches() {
    check(
        r##"
#[lightning_module] impl Net {
    fn training_step(&self) -> Tensor<1> { todo!() }
    fn validation_step(&self, batch: &B) {}
    fn test_step(&self, batch: impl Batch) {}
    fn predict_step(&self, batch: B) -> impl Iterator<Item = f32> { todo!() }
}
"##,
        expect![[r#"
            `training_step` takes a batch, found none
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: add `batch: B`, where `B` is the type that the loader gives

            `validation_step` takes its batch by value, found a reference
            = help: write `B`: the step owns the batch

            the batch of `test_step` needs a named type
            = help: write the type that derives `Batch`

            name the prediction's type
            = help: write the type that the step returns"#]],
    );
}

#[test]
fn old_tensors() {
    check(
        r##"
#[lightning_module] struct Net { layer: Linear, #[buffer] noise: Vec<Tensor<B, 2>> }
#[lightning_module] impl Net {
    fn forward(&self, x: Tensor<B, 3, Int>) -> Tensor<B, 2> { todo!() }
}
#[derive(Batch)] struct Images { images: Tensor<B, 4> }
"##,
        expect![[r#"
            `Tensor<B, 2>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<2>`

            `Tensor<B, 3, Int>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<3, Int>`

            `Tensor<B, 2>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<2>`

            `Tensor<B, 4>` is the tensor of an older Burn
            = help: Burn 0.22 has no backend parameter: write `Tensor<4>`"#]],
    );
}
