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
            `traning_step` is no hook of a module
            = note: `training_step`: for each training batch
            = help: did you mean `fn training_step(&self, batch: B) -> Tensor<1>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `val_step` is no hook of a module
            = note: `validation_step`: for each validation batch
            = help: did you mean `fn validation_step(&self, batch: B)`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `on_validation_epoch_finished` looks like a hook, but a module has no such hook
            = help: the nearest is `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`
            = help: or mark the method `#[not_a_hook]` to keep the name

            `validation_epoch_end` is no hook of a module
            = note: `on_validation_epoch_end`: after the validation batches
            = help: did you mean `fn on_validation_epoch_end(&mut self, outputs: Vec<T>, cx: &mut HookContext)`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `valid_dataloader` is no hook of a module
            = note: `val_dataloader`: when `fit` or `validate` is given `()`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `optimizer_step` is not available as a hook of a module
            = help: the trainer steps the optimizer: use `on_before_optimizer_step` to look at the gradients before it does
            = help: or mark the method `#[not_a_hook]` to keep the name"#]],
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
            `freeze` exists already: `#[lightning_module]` writes it
            = help: choose another name

            `training_step` is written twice
            = help: keep one of the two"#]],
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
            `#[not_hook]` is no attribute of a method of a module
            = note: the attributes of a method are `not_a_hook`, `training_step` and `manual_optimization`
            = help: did you mean `#[not_a_hook]`?

            `training_step` takes `&mut self`, found `&self`
            = note: expected `fn training_step(&mut self, batch: B, optimizers: &mut Optimizers<Self>) -> Result<()>`
            = help: write `&mut self`

            `training_step` stands beside steps that are bound to optimizers
            = note: it would train every optimizer a second time
            = help: write `#[training_step(optimizer = …)]` above it, or remove it"#]],
    );
}
