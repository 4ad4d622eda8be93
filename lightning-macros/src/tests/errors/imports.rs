//! The imports that are kept for an item with mistakes.

use crate::tests::expand;

/// The paths of `use … as _;` in an expansion with errors.
fn kept_imports(source: &str) -> Vec<String> {
    let text = expand(source).to_string().replace(' ', "");
    assert!(text.contains("compile_error!"), "{text}");
    text.split(';').filter_map(|item| item.rsplit_once("use")?.1.strip_suffix("as_").map(str::to_owned)).collect()
}

#[test]
fn imports_of_what_is_not_emitted_are_used() {
    let source = "
#[lightning_module]
#[optimizer(optim::AdamConfig::new().with_beta_1(Beta::<f32>::first()), lr = Cosine::new(lr, 10))]
struct Net<E, const N: usize> {
    #[init(LinearConfig::new(4, f32::DIGITS).init(device))] layer: Linear,
    #[init(E::new(N::X, <E as Encode>::Config::new()))] encoder: E,
    #[init({ use somewhere::Other; Other::new() })] other: Other,
    #[init(Self::layer())] own: Linear,
    #[hparam(defaul = PathBuf::from(\"a\"))] path: PathBuf,
}
";
    let kept = kept_imports(source);
    assert_eq!(kept, ["optim::AdamConfig", "Beta", "Cosine", "LinearConfig", "PathBuf"]);
    // An item under a false `#[cfg]` may have no import.
    let conditional = source.replace("#[init(Self", "#[cfg(unix)] #[init(Self");
    assert!(kept_imports(&conditional).is_empty());
}
