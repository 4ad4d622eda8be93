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
    #[hparams] misspelt: usize,
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
            `#[hparams]` is no attribute of a field of a module
            = help: did you mean `#[hparam]`?

            `#[precision]` needs a type
            = help: write `#[precision(f32)]`: the field stays in float32 where the run computes in 16 bits

            `#[precision]` takes `f32` and nothing else
            = note: the precision of the run is a setting of the trainer: `precision("bf16-mixed")`
            = help: write `#[precision(f32)]`: the field stays in float32 where the run computes in 16 bits

            `#[precision = …]` is not a form of `#[precision]`
            = help: write `#[precision(…)]`

            `#[precision]` is written twice
            = help: keep one of the two

            `#[hparam]` has no option `defualt`
            = note: its options are `default`
            = help: did you mean `default`?

            `default` needs a value
            = help: write `default = …`

            `skip` takes no value
            = help: write `#[state(skip)]`, or `#[state]` to keep the field in the checkpoint

            unexpected token
            = help: `#[init(…)]` takes one expression, as in `#[init(build(device))]`

            field `both` has two roles
            = note: the first is `#[hparam]`
            = help: keep one of the two

            field `plain` has no role
            = help: write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it

            `#[init]` needs an expression here
            = note: other fields say how they are built, so this one has to as well
            = help: write `#[init(expr)]`, or build all fields in `fn init` in the impl

            `#[buffer]` needs an expression here
            = note: other fields say how they are built, so this one has to as well
            = help: write `#[buffer(expr)]`, or build all fields in `fn init` in the impl

            `#[frozen]` has no meaning on field `cold`
            = note: only a field with `#[init]` has parameters that could be trained
            = help: remove `#[frozen]`

            `#[precision]` has no meaning on field `table`
            = note: a buffer is never cast
            = help: remove `#[precision]`

            `#[precision]` has no meaning on field `size`
            = note: only a field with `#[init]` has parameters that are cast
            = help: remove `#[precision]`

            a hyperparameter cannot be called `device`
            = note: expressions in attributes see another `device`
            = help: choose another name, such as `device_name`

            hyperparameter `nested` cannot be flattened
            = note: an unknown key in a configuration file could not be reported
            = help: remove `flatten`: the field's keys are written under its name"#]],
    );
}

#[test]
fn generic_hparams() {
    check(
        r##"
#[lightning_module] struct Net<T, const N: usize> { layer: T, #[hparam] value: Vec<T>, #[hparam] array: [f64; N] }
"##,
        expect![[r#"
            hyperparameter `value` cannot use the generic `T`
            = note: the hyperparameters are a struct of their own, without generics
            = help: give it a concrete type

            hyperparameter `array` cannot use the generic `N`
            = note: the hyperparameters are a struct of their own, without generics
            = help: give it a concrete type"#]],
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
            `#[batch]` has no option `hots`
            = note: its options are `size` and `host`
            = help: did you mean `host`?

            `#[batch(size)]` is written on two fields
            = help: keep it on the field that carries the batch size

            a batch owns its data, `A` borrows it
            = help: remove `'a` and store owned values

            `#[batch]` on a variant has no meaning
            = help: write it on a field of the variant

            `size` takes no value
            = help: write `#[batch(size)]`

            `#[batch]` has no option `host`
            = note: its options are `crate`"#]],
    );
}
