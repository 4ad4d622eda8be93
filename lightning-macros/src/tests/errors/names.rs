//! Names of methods.

use expect_test::expect;

use super::check;

#[test]
fn near_miss_names() {
    check(
        r##"
#[lightning_module] impl Net {
    fn traning_step(&self, batch: B) -> Tensor<1> { #[log] let loss = l(); loss }
    fn val_step(&self, batch: B) {}
    fn on_validation_epoch_finished(&mut self) {}
    fn validation_epoch_end(&mut self) {}
    fn valid_dataloader(&self) -> DataLoader<B> { todo!() }
    fn configure_optimizers(&self) -> Adam { todo!() }
    fn optimizer_step(&mut self) {}
}
"##,
        expect![[r#"
            unknown hook `traning_step`
            = note: `training_step` runs for each training batch
            = help: did you mean `fn training_step(&self, batch: B) -> Tensor<1>`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown hook `val_step`
            = note: `validation_step` runs for each validation batch
            = help: did you mean `fn validation_step(&self, batch: B)`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown hook `on_validation_epoch_finished`
            = note: `on_validation_epoch_end` runs after the validation batches
            = help: did you mean `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown hook `validation_epoch_end`
            = note: `on_validation_epoch_end` runs after the validation batches
            = help: did you mean `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown hook `valid_dataloader`
            = note: `val_dataloader` runs when `fit` or `validate` is given `()`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            hook `optimizer_step` of PyTorch Lightning is not available
            = help: write `on_before_optimizer_step` to inspect gradients, or `#[manual_optimization]` to step optimizers in `training_step`
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn generated_and_repeated_names() {
    check(
        r##"
#[lightning_module] impl Net {
    fn freeze(&mut self) {}
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
}
"##,
        expect![[r#"
            duplicate method `freeze`
            = note: `#[lightning_module]` on the struct generates a method of this name
            = help: rename the method
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate hook `training_step`
            = help: remove one of the two
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn alien_method_attributes() {
    check(
        r##"
#[lightning_module] impl Net {
    #[training_step(optimizer = critic)] fn critic_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[manual_optimization] fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[not_hook] fn train_step(&self) {}
    #[not_a_hook] fn val_step(&self) {}
}
"##,
        expect![[r#"
            unknown attribute `#[not_hook]` on a method of a module
            = note: available attributes: `not_a_hook`, `training_step`, `manual_optimization`, `every`, `once` and `dims`
            = help: did you mean `#[not_a_hook]`?
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `training_step` must take `&mut self`, found `&self`
            = note: expected `fn training_step(&mut self, batch: B, optimizers: &mut Optimizers<Self>) -> Result<()>`
            = help: write `&mut self`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `training_step` cannot be combined with steps that are bound to optimizers
            = note: `training_step` steps all optimizers, so each would be stepped twice
            = help: write `#[training_step(optimizer = …)]` above it, or remove it
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
