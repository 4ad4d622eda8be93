#![args(crate = a::b)]
pub struct Gpt {
    #[init(EmbeddingConfig::new(vocab, d).init(device))]
    token: Embedding,
    #[hparam]
    vocab: usize,
    #[hparam(default = 4)]
    _: usize,
}
