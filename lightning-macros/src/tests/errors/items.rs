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
            `#[lightning_module]` stands on an impl of a trait
            = note: hooks are methods of the type itself
            = help: move the attribute to `impl Net`"#]],
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
            `#[lightning_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[lightning_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[data_module]` stands on an item that is neither struct nor impl
            = help: write it on a struct with named fields, and on the struct's `impl`

            `#[lightning_module]` needs named fields, `Unit` is a unit struct
            = help: write `struct Unit {}`

            `#[lightning_module]` needs named fields, `Tuple` is a tuple struct
            = help: write `struct Tuple { layer: Linear }`

            `Batch` cannot be derived for the union `U`
            = help: write a struct or an enum"#]],
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
            `#[lightning_module]` has no option `krate`
            = note: its options are `crate`
            = help: did you mean `crate`?

            `crate` takes a path
            = help: write `crate = path::to::lightning_core`, without quotes

            `crate` needs a value
            = help: write `crate = path::to::lightning_core`"#]],
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
            `#[init]` is no attribute of a field of a data module
            = note: the attributes of a field are `hparam` and `state`

            field `plain` has no role
            = help: write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it

            `valid_dataloader` is no hook of a data module
            = note: `val_dataloader`: at the start of `fit` and `validate`, for the validation batches
            = help: did you mean `fn val_dataloader(&self) -> Result<DataLoader<B>>`?
            = help: or mark the method `#[not_a_hook]` to keep the name

            `training_step` is a hook of a module, this is a data module
            = help: move it to the `#[lightning_module]` impl
            = help: or mark the method `#[not_a_hook]` to keep the name

            `setup` takes `&mut self`, found `&self`
            = note: expected `fn setup(&mut self, stage: Stage) -> Result<()>`
            = help: write `&mut self`

            name the loader's type
            = help: write `DataLoader<B>`, or `Result<DataLoader<B>>`

            `test_dataloader` returns nothing
            = note: expected `fn test_dataloader(&self) -> Result<DataLoader<B>>`
            = help: write `DataLoader<B>`, or `Result<DataLoader<B>>`

            `new` exists already: `#[data_module]` writes it
            = help: choose another name"#]],
    );
}
