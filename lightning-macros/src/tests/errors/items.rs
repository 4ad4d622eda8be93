//! The attributes on wrong items, and their arguments.

use expect_test::expect;

use super::check;

#[test]
fn impls_of_traits() {
    check(
        r##"
#[lightning_module] impl Model for Net { fn training_step(&self) {} }
"##,
        expect![[r#"
            `#[lightning_module]` must be on an inherent impl, found a trait impl
            = note: hooks are methods of the type itself
            = help: move the attribute to `impl Net`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn wrong_items() {
    check(
        r##"
#[lightning_module] fn main() {}
#[lightning_module] enum Net { A }
#[data_module] trait Data {}
#[lightning_module] struct Unit;
#[lightning_module] struct Tuple(#[init(x())] Linear);
#[derive(Batch)] union U { a: u8 }
"##,
        expect![[r#"
            `#[lightning_module]` must be on a struct or its impl
            = help: write it on a struct with named fields, and on the struct's `impl`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[lightning_module]` must be on a struct or its impl
            = help: write it on a struct with named fields, and on the struct's `impl`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[data_module]` must be on a struct or its impl
            = help: write it on a struct with named fields, and on the struct's `impl`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Unit` must have named fields, found a unit struct
            = help: write `struct Unit {}`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Tuple` must have named fields, found a tuple struct
            = help: write `struct Tuple { layer: Linear }`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `Batch` must be derived for a struct or an enum, found the union `U`
            = help: write `struct U` or `enum U`
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn macro_arguments() {
    check(
        r##"
#[lightning_module(krate = x)] struct Net { layer: Linear }
#[data_module(crate = "x")] impl Data {}
#[lightning_module(crate)] impl Net {}
"##,
        expect![[r#"
            unknown option `krate` of `#[lightning_module]`
            = note: available options: `crate`
            = help: did you mean `crate`?
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `crate` must be a path, found `"x"`
            = help: write `crate = path::to::lightning_core`, without quotes
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `crate` needs a value
            = help: write `crate = path::to::lightning_core`
            = note: C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn data_modules() {
    check(
        r##"
#[data_module] struct Data { #[hparam] dir: PathBuf, plain: usize, #[init(x)] module: Linear }
#[data_module] impl Data {
    fn setup(&self, stage: Stage) -> Result<()> { Ok(()) }
    fn train_dataloader(&self) -> impl Loader<B> { todo!() }
    fn valid_dataloader(&self) -> DataLoader<B> { todo!() }
    fn test_dataloader(&self) {}
    fn training_step(&self, batch: B) -> Tensor<1> { todo!() }
    fn new() -> Self { todo!() }
}
"##,
        expect![[r#"
            unknown attribute `#[init]` on a field of a data module
            = note: available attributes: `hparam` and `state`
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            field `plain` needs a role
            = help: write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown hook `valid_dataloader`
            = note: `val_dataloader` runs at the start of `fit` and `validate`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `training_step` must be in a module, found in a data module
            = help: move it to the `#[lightning_module]` impl
            = help: mark the method `#[not_a_hook]` to keep the name
            = note: C1 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `setup` must take `&mut self`, found `&self`
            = note: expected `fn setup(&mut self, stage: Stage) -> Result<()>`
            = help: write `&mut self`
            = note: C2 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `train_dataloader` must return a concrete type, found `impl Loader<B>`
            = help: write `DataLoader<B>` or `Result<DataLoader<B>>`
            = note: C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `test_dataloader` must return a loader, found no return type
            = note: expected `fn test_dataloader(&self) -> Result<DataLoader<B>>`
            = help: write `DataLoader<B>` or `Result<DataLoader<B>>`
            = note: C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate method `new`
            = note: `#[data_module]` on the struct generates a method of this name
            = help: rename the method
            = note: C10 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
