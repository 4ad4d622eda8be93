//! Hooks that would never run.

use expect_test::expect;

use super::check;

#[test]
fn step_attributes_on_names_with_another_meaning() {
    check(
        r##"
#[lightning_module] impl Net {
    #[training_step(optimizer = a)] fn validation_step(&self, batch: B) {}
    #[training_step(optimizer = b)] fn on_train_epoch_end(&mut self) {}
    #[training_step(optimizer = c)] fn init(hparams: &NetHparams, device: &Device) -> Self { todo!() }
    #[training_step(optimizer = d)] fn train_dataloader(&self) -> DataLoader<B> { todo!() }
    #[training_step(optimizer = e)] fn val_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[training_step(optimizer = f)] fn optimizer_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[training_step(optimizer = g)] fn train_step(&self, batch: B) -> Tensor<1> { todo!() }
    #[training_step(optimizer = h)] fn critic_step(&self, batch: B) -> Tensor<1> { todo!() }
}
"##,
        expect![[r#"
            `#[training_step]` must not be on a hook, found on `validation_step`
            = note: `validation_step` runs for each validation batch
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[training_step]` must not be on a hook, found on `on_train_epoch_end`
            = note: `on_train_epoch_end` runs after each training epoch, including its validation
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[training_step]` must not be on a hook, found on `init`
            = note: `init` runs once, to build the module, instead of `#[init(…)]` on its fields
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[training_step]` must not be on a hook, found on `train_dataloader`
            = note: `train_dataloader` runs when `fit` is given `()`, for the training batches
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[training_step]` must not be on a hook, found on `val_step`
            = note: the name is close to `validation_step`, which runs for each validation batch
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[training_step]` must not be on a hook, found on `optimizer_step`
            = note: `optimizer_step` is a hook of PyTorch Lightning
            = help: rename the step, for example to `critic_step`, or remove `#[training_step]` to write the hook
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn macro_calls() {
    check(
        r##"
#[lightning_module] impl Net { print_hooks!(); own::hooks! { a } fn training_step(&self, batch: B) -> Tensor<1> { todo!() } }
#[data_module] impl Data { loaders!(); }
"##,
        expect![[r#"
            `#[lightning_module]` cannot look into a macro call, found `print_hooks!`
            = note: a hook that the macro writes would never run
            = help: write its hooks out; a call that writes none can be in an `impl` without `#[lightning_module]`
            = note: C19 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[lightning_module]` cannot look into a macro call, found `own::hooks!`
            = note: a hook that the macro writes would never run
            = help: write its hooks out; a call that writes none can be in an `impl` without `#[lightning_module]`
            = note: C19 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[data_module]` cannot look into a macro call, found `loaders!`
            = note: a hook that the macro writes would never run
            = help: write its hooks out; a call that writes none can be in an `impl` without `#[data_module]`
            = note: C19 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn attributes_that_contradict_a_role() {
    check(
        r##"
#[lightning_module] struct A { #[frozen] #[frozen] #[init(a())] a: Linear, #[module(skip)] #[init(b())] b: Linear }
#[lightning_module] struct B { #[module(skip)] a: Linear }
"##,
        expect![[r#"
            duplicate attribute `#[frozen]`
            = help: remove one of the two
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[module]` must not be on a field of a `#[lightning_module]` struct
            = note: the role of a field says whether it is part of the model
            = help: remove it, or write `#[state(skip)]` for a field that is not part of the model
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[module]` must not be on a field of a `#[lightning_module]` struct
            = note: the role of a field says whether it is part of the model
            = help: remove it, or write `#[state(skip)]` for a field that is not part of the model
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
