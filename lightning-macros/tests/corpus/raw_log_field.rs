#![args()]
#[derive(Batch, Clone, Debug)]
pub struct Tokens {
    #[batch(size)]
    r#log: Tensor<2, Int>,
    mask: Tensor<2>,
}
