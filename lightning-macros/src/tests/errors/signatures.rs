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
            `training_step` must take `&self`, found `&mut self`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: write `&self`, and change fields in a hook such as `on_train_batch_end`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `validation_step` must take `&self`, found no receiver
            = note: expected `fn validation_step(&self, batch: B)`
            = help: write `&self`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_fit_start` must take `&mut self`, found `self`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_fit_end` must take `&mut self`, found `&self`
            = note: expected `fn on_fit_end(&mut self, cx: &mut HookContext)`
            = help: write `&mut self`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `init` must not take `self`, found `&self`
            = note: expected `fn init(hparams: &NetHparams, device: &Device) -> Self`
            = help: remove the receiver, or mark the method `#[not_a_hook]` to keep the name
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            `training_step` must not be `async`
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: remove `async`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_fit_start` must not be `const`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove `const`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_fit_start` must not be `unsafe`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove `unsafe`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_fit_start` must not be `extern`
            = note: expected `fn on_fit_start(&mut self, cx: &mut HookContext)`
            = help: remove `extern`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `test_step` must not be generic
            = note: expected `fn test_step(&self, batch: B)`
            = help: write concrete types, such as `batch: Tensor<2>`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            unknown parameter `batch_index` of `training_step`
            = note: available parameters: the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: did you mean `batch_idx`?
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown parameter `optimizers` of `training_step`
            = note: available parameters: the batch, then any of `batch_idx: usize`, `dataloader_idx: usize`, `cx: &StepContext`
            = help: write `#[manual_optimization]` above it, and `&mut self` and `optimizers: &mut Optimizers<Self>`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown parameter `outputs` of `on_train_epoch_end`
            = note: available parameters, recognized by name: `cx: &mut HookContext`
            = help: remove `outputs`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_train_batch_start` must take `batch` by shared reference, found `B`
            = note: expected `fn on_train_batch_start(&mut self, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&B`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_test_batch_end` must take `batch` by shared reference, found `&mut B`
            = note: expected `fn on_test_batch_end(&mut self, batch: &B, batch_idx: usize, dataloader_idx: usize, cx: &mut HookContext)`
            = help: write `&B`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `on_train_batch_end` must take `outputs` by shared reference, found `T`
            = note: expected `fn on_train_batch_end(&mut self, outputs: &T, batch: &B, batch_idx: usize, cx: &mut HookContext)`
            = help: write `&T`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate parameter `cx` of `on_train_batch_end`
            = help: remove one of the two
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown parameter `(a, b)` of `on_train_batch_end`
            = note: available parameters, recognized by name: `outputs: &T`, `batch: &B`, `batch_idx: usize`, `cx: &mut HookContext`
            = help: remove `(a, b)`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown parameter `stage` of `prepare_data`
            = note: `prepare_data` takes no parameters
            = help: remove `stage`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            missing parameter `device` of `init`
            = note: expected `fn init(hparams: &NetHparams, device: &Device) -> Self`
            = help: add `device: &Device`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            `training_step` must take a batch, found none
            = note: expected `fn training_step(&self, batch: B) -> Tensor<1>`
            = help: add `batch: B`, where `B` is the batch type of the loader
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `validation_step` must take the batch by value, found `&B`
            = help: write `B`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            the batch of `test_step` must have a concrete type, found `impl Batch`
            = help: write the name of a type that implements `Batch`, such as `Tensor<2>`
            = note: C3 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `predict_step` must return a concrete type, found `impl Iterator<Item = f32>`
            = help: write the name of a type, such as `Vec<Tensor<1>>`
            = note: C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
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
            `Tensor` has no backend parameter, found `Tensor<B, 2>`
            = note: Burn 0.22 removed the backend parameter
            = help: write `Tensor<2>`
            = note: C18 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Tensor` has no backend parameter, found `Tensor<B, 3, Int>`
            = note: Burn 0.22 removed the backend parameter
            = help: write `Tensor<3, Int>`
            = note: C18 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Tensor` has no backend parameter, found `Tensor<B, 2>`
            = note: Burn 0.22 removed the backend parameter
            = help: write `Tensor<2>`
            = note: C18 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Tensor` has no backend parameter, found `Tensor<B, 4>`
            = note: Burn 0.22 removed the backend parameter
            = help: write `Tensor<4>`
            = note: C18 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
