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
            `#[optimizer]` has no configuration
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` has no learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` has no configuration and no learning rate
            = help: write `#[optimizer(AdamConfig::new(), lr = 1e-3)]`

            `#[optimizer]` is written twice
            = note: both would step the same parameters
            = help: keep one of the two

            `backbone` is no field with parameters
            = note: a group takes a field, `params::rank_below(n)`, `params::regex("…")` or Burn's `ParamGroup`
            = help: the fields with parameters are `x`

            `#[optimizer]` belongs to a module, this is a data module
            = help: write it on the `#[lightning_module]` struct"#]],
    );
}
