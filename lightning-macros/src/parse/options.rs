//! The arguments that an attribute knows.

use syn::Ident;

use super::args::Arg;
use crate::{
    diagnostics::{Diagnostics, listed, suggested},
    paths::plain,
    text::text_of,
};

/// Keeps the arguments whose key is in `known`, each once; reports the others.
pub(crate) fn known_args(
    args: Vec<Arg>,
    attribute: &str,
    known: &[(&str, &str)],
    diagnostics: &Diagnostics,
) -> Vec<Arg> {
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for arg in args {
        let Some((key, form)) = known_form(&arg, attribute, known, diagnostics) else { continue };
        let name = plain(key);
        if seen.contains(&name) {
            diagnostics
                .error(key, format!("duplicate option `{name}` of `#[{attribute}]`"))
                .help("remove one of the two")
                .emit();
            continue;
        }
        seen.push(name);
        if matches!(arg, Arg::List(..)) || (matches!(arg, Arg::Flag(_)) && form.contains('=')) {
            diagnostics.error(&arg, format!("option `{key}` needs a value")).help(format!("write `{form}`")).emit();
            continue;
        }
        kept.push(arg);
    }
    kept
}

/// The key of an argument and its form; reports an unknown argument and returns `None`.
fn known_form<'a>(
    arg: &'a Arg,
    attribute: &str,
    known: &[(&str, &'a str)],
    diagnostics: &Diagnostics,
) -> Option<(&'a Ident, &'a str)> {
    let names = || known.iter().map(|(name, _)| *name);
    let available = match known {
        [] => format!("`#[{attribute}]` takes no options"),
        _ => format!("available options: {}", listed(names())),
    };
    let Some(key) = arg.key() else {
        diagnostics
            .error(arg, format!("options of `#[{attribute}]` must be named, found `{}`", text_of(arg)))
            .note(available)
            .emit();
        return None;
    };
    let name = plain(key);
    if let Some((_, form)) = known.iter().find(|(known, _)| *known == name) {
        return Some((key, form));
    }
    let report = diagnostics.error(key, format!("unknown option `{name}` of `#[{attribute}]`")).note(available);
    match suggested(&name, names()) {
        Some(near) => report.help(format!("did you mean `{near}`?")).emit(),
        None => report.emit(),
    }
    None
}
