//! The arguments that an attribute knows.

use syn::ext::IdentExt;

use super::args::Arg;
use crate::diagnostics::{Diagnostics, listed, suggested};

/// Keeps the arguments whose key is among `known`, each once; reports the others.
pub(crate) fn known_args(
    args: Vec<Arg>,
    attribute: &str,
    known: &[(&str, &str)],
    diagnostics: &Diagnostics,
) -> Vec<Arg> {
    let names = || known.iter().map(|(name, _)| *name);
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for arg in args {
        let Some(key) = arg.key() else {
            diagnostics
                .error(&arg, format!("`#[{attribute}]` takes no value without a name here"))
                .note(format!("its options are {}", listed(names())))
                .emit();
            continue;
        };
        let name = key.unraw().to_string();
        let Some((_, form)) = known.iter().find(|(known, _)| *known == name) else {
            let report = diagnostics
                .error(key, format!("`#[{attribute}]` has no option `{name}`"))
                .note(format!("its options are {}", listed(names())));
            match suggested(&name, names()) {
                Some(near) => report.help(format!("did you mean `{near}`?")).emit(),
                None => report.emit(),
            }
            continue;
        };
        if seen.contains(&name) {
            diagnostics
                .error(key, format!("`{name}` is written twice in `#[{attribute}]`"))
                .help("keep one of the two")
                .emit();
            continue;
        }
        seen.push(name);
        if matches!(arg, Arg::List(..)) || (matches!(arg, Arg::Flag(_)) && form.contains('=')) {
            diagnostics.error(&arg, format!("`{key}` needs a value")).help(format!("write `{form}`")).emit();
            continue;
        }
        kept.push(arg);
    }
    kept
}
