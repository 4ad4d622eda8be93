//! Fields of modules and batches.

use expect_test::expect;

use super::check;

#[test]
fn roles() {
    check(
        r##"
#[lightning_module] struct Net {
    #[init(LinearConfig::new(1, 2).init(device))] layer: Linear,
    plain: usize,
    #[init] bare: Linear,
    #[buffer] noise: Tensor<1>,
    #[hparam] #[state] both: usize,
    #[frozen] #[hparam] cold: usize,
    #[hparam] device: String,
    #[hparams] misspelled: usize,
    #[precision(f32)] #[init(norm())] norm: BatchNorm,
    #[precision] #[init(norm())] untyped: BatchNorm,
    #[precision(f16)] #[init(norm())] half: BatchNorm,
    #[precision = f32] #[init(norm())] value: BatchNorm,
    #[precision(f32)] #[precision(f32)] #[init(norm())] twice: BatchNorm,
    #[precision(f32)] #[buffer(zeros())] table: Tensor<2>,
    #[precision(f32)] #[hparam] size: usize,
    #[optimizer(Adam::new(), lr = 1.0)] #[init(x())] critic: Critic,
    #[hparam(defualt = 3)] near: usize,
    #[hparam(default)] empty: usize,
    #[state(skip = true)] skipped: usize,
    #[hparam] #[serde(flatten)] nested: Nested,
    #[init(1 2)] broken: Linear,
}
"##,
        expect![[r#"
            unknown attribute `#[hparams]` on a field of a module
            = help: did you mean `#[hparam]`?
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[precision]` needs a type
            = help: write `#[precision(f32)]` to keep the field in float32 in a 16-bit run
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[precision]` must be `f32`, found `f16`
            = note: the precision of the run is a trainer setting: `precision("bf16-mixed")`
            = help: write `#[precision(f32)]` to keep the field in float32 in a 16-bit run
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[precision]` takes its options in parentheses
            = help: write `#[precision(…)]`
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate attribute `#[precision]`
            = help: remove one of the two
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown option `defualt` of `#[hparam]`
            = note: available options: `default` and `search`
            = help: did you mean `default`?
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `default` needs a value
            = help: write `default = …`
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `skip` takes no value
            = help: write `#[state(skip)]`, or `#[state]` to save the field in each checkpoint
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unexpected token
            = help: write one expression, as in `#[init(build(device))]`

            field `both` must have one role, found two
            = note: the first role is `#[hparam]`
            = help: remove one of the two
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            field `plain` needs a role
            = help: write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[init]` needs an expression
            = note: other fields have one, so this field is not built by `fn init`
            = help: write `#[init(expr)]`, or build all fields in `fn init` of the impl
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[buffer]` needs an expression
            = note: other fields have one, so this field is not built by `fn init`
            = help: write `#[buffer(expr)]`, or build all fields in `fn init` of the impl
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[frozen]` must be on a field with `#[init]`, found on `cold`
            = note: only such a field has trainable parameters
            = help: remove `#[frozen]`
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[precision]` must be on a field with `#[init]`, found on `table`
            = note: a buffer is never cast
            = help: remove `#[precision]`
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[precision]` must be on a field with `#[init]`, found on `size`
            = note: only such a field has parameters to cast
            = help: remove `#[precision]`
            = note: C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            a hyperparameter must not be named `device`
            = note: `device` is a reserved name in the expressions of attributes
            = help: choose another name, such as `device_name`
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            hyperparameter `nested` must not be flattened
            = note: with `flatten` an unknown key in a configuration file could not be reported
            = help: remove `flatten`: the field's keys are written under its name
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn generic_hparams() {
    check(
        r##"
#[lightning_module] struct Net<T, const N: usize> { layer: T, #[hparam] value: Vec<T>, #[hparam] array: [f64; N] }
"##,
        expect![[r#"
            hyperparameter `value` must not use the generic parameter `T`
            = note: the generated struct of hyperparameters has no generic parameters
            = help: write a concrete type
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            hyperparameter `array` must not use the generic parameter `N`
            = note: the generated struct of hyperparameters has no generic parameters
            = help: write a concrete type
            = note: C15 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}

#[test]
fn batches() {
    check(
        r##"
#[derive(Batch)] struct A<'a> { #[batch(size)] a: Tensor<1>, #[batch(size, hots)] b: &'a str }
#[derive(Batch)] enum E { #[batch(size)] X { #[batch(size = 3)] a: u8 } }
#[derive(Batch)] #[batch(host)] struct C {}
"##,
        expect![[r#"
            unknown option `hots` of `#[batch]`
            = note: available options: `size` and `host`
            = help: did you mean `host`?
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate `#[batch(size)]`
            = help: keep it only on the field that defines the batch size
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            a batch must own its data, found the lifetime `'a`
            = help: remove `'a` and store owned values
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[batch]` must be on a field, found on a variant
            = help: write it on a field of the variant
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            option `size` takes no value
            = help: write `#[batch(size)]`
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            unknown option `host` of `#[batch]`
            = note: available options: `crate`
            = note: C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
