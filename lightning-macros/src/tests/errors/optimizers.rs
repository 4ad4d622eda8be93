//! `#[optimizer(…)]`.

use expect_test::expect;

use super::check;

#[test]
fn optimizers() {
    check(
        r##"
#[lightning_module] #[optimizer(lr = 1e-3)] struct A { x: Linear }
#[lightning_module] #[optimizer(AdamConfig::new())] struct B { x: Linear }
#[lightning_module] #[optimizer] struct C { x: Linear }
#[lightning_module] #[optimizer(Adam::new(), lr = 1)] #[optimizer(Adam::new(), lr = 2)] struct D { x: Linear }
#[lightning_module] #[optimizer(Adam::new(), lr = lr, interval = step, group(backbone, lr = lr * 0.1))] struct E { x: Linear, #[hparam] lr: f64 }
#[data_module] #[optimizer(Adam::new(), lr = lr)] struct F { #[hparam] lr: f64 }
"##,
        expect![[r#"
            `#[optimizer]` needs a configuration
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`
            = note: C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[optimizer]` needs a learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`
            = note: C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[optimizer]` needs a configuration and a learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`
            = note: C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            duplicate `#[optimizer]`
            = note: both would update the same parameters
            = help: remove one of the two
            = note: C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `backbone` must be a field with parameters
            = note: a group selects a field, `params::rank_below(n)`, `params::regex("…")` or a `ParamGroup` of Burn
            = help: fields with parameters: `x`
            = note: C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`

            `#[optimizer]` must be on a module, found on a data module
            = help: write it on the `#[lightning_module]` struct
            = note: C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"#]],
    );
}
