//! `include_config!` and `include_hparams!`: files that are checked when the program is compiled.
//!
//! A macro knows neither the fields of the module nor the settings of the trainer. It writes the file
//! as a constant, and calls a constant function of `lightning-core` that compares it with them.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use lightning_config::{Content, Node, Place, Problem, Problems, Source, parse, read_text};
use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    LitStr, Token, Type,
    parse::{ParseStream, Parser as _},
    punctuated::Punctuated,
};

use crate::{diagnostics::Diagnostics, paths::Paths};

/// `$crate, "digits.yaml" for Digits, DigitsData`.
struct Input {
    paths: Paths,
    file: LitStr,
    targets: Vec<Type>,
}

impl Input {
    fn parse(paths: &Paths, input: ParseStream<'_>, form: &'static str) -> syn::Result<Self> {
        let wrong = |error: syn::Error| syn::Error::new(error.span(), format!("expected `{form}`"));
        let file = input.parse::<LitStr>().map_err(wrong)?;
        input.parse::<Token![for]>().map_err(wrong)?;
        let targets = Punctuated::<Type, Token![,]>::parse_terminated(input).map_err(wrong)?;
        Ok(Self { paths: paths.clone(), file, targets: targets.into_iter().collect() })
    }
}

/// ```text
/// {
///     const _: () = P::config::check_config(
///         &NODE, <Digits as P::LightningStruct>::FIELDS, <Digits as P::LightningModule>::METRICS,
///         <DigitsData as P::DataStruct>::FIELDS,
///     );
///     P::config::ConfigFile::new("digits.yaml", include_str!("digits.yaml"))
/// }
/// ```
pub(crate) fn include_config(input: TokenStream) -> TokenStream {
    const FORM: &str = "include_config!(\"digits.yaml\" for Digits, DigitsData)";
    expand(input, FORM, |input, node| {
        let [model, data] = input.targets.as_slice() else { return None };
        let (p, file) = (input.paths.outer(), &input.file);
        let Some(node) = node else { return Some(quote!(#p::config::ConfigFile::new("", ""))) };
        Some(quote_spanned! {file.span()=>
            {
                const _: () = #p::config::check_config(
                    &#node,
                    <#model as #p::LightningStruct>::FIELDS,
                    <#model as #p::LightningImpl>::METRICS,
                    <#data as #p::DataStruct>::FIELDS,
                );
                #p::config::ConfigFile::new(#file, ::core::include_str!(#file))
            }
        })
    })
}

/// ```text
/// {
///     use P::config::DataTarget as _;
///     const _: () = P::config::check_hparams(&NODE, P::config::Target::<Digits>::FIELDS);
///     P::config::Target::<Digits>::hparams(P::config::ConfigFile::new("digits.yaml", include_str!("digits.yaml")))
/// }
/// ```
pub(crate) fn include_hparams(input: TokenStream) -> TokenStream {
    const FORM: &str = "include_hparams!(\"digits.yaml\" for Digits)";
    expand(input, FORM, |input, node| {
        let [target] = input.targets.as_slice() else { return None };
        let (p, file) = (input.paths.outer(), &input.file);
        let Some(node) = node else {
            let read = quote!(#p::config::Target::<#target>::hparams(#p::config::ConfigFile::new("", "")));
            return Some(quote!({ #[allow(unused_imports)] use #p::config::DataTarget as _; #read }));
        };
        Some(quote_spanned! {file.span()=>
            {
                #[allow(unused_imports)]
                use #p::config::DataTarget as _;
                const _: () = {
                    #[allow(unused_imports)]
                    use #p::config::DataTarget as _;
                    #p::config::check_hparams(&#node, #p::config::Target::<#target>::FIELDS)
                };
                #p::config::Target::<#target>::hparams(
                    #p::config::ConfigFile::new(#file, ::core::include_str!(#file)),
                )
            }
        })
    })
}

/// Reads the input and its file. A mistake in either is all that is reported: `output` then gets no
/// file.
fn expand(
    input: TokenStream,
    form: &'static str,
    output: impl FnOnce(&Input, Option<TokenStream>) -> Option<TokenStream>,
) -> TokenStream {
    let diagnostics = Diagnostics::default();
    let parse = |input: ParseStream<'_>| {
        let paths = Paths::with_override(Some(input.call(syn::Path::parse_mod_style)?));
        input.parse::<Token![,]>()?;
        Input::parse(&paths, input, form)
    };
    let mut expanded = None;
    match parse.parse2(input) {
        Err(error) => diagnostics.syntax(error),
        Ok(input) => {
            let node = read(&input, &diagnostics);
            expanded = output(&input, node);
            if expanded.is_none() && diagnostics.is_empty() {
                let count = input.targets.len();
                let found = if count == 1 { "one type".to_owned() } else { format!("{count} types") };
                diagnostics.error(&input.file, format!("expected `{form}`, found {found}")).emit();
            }
        }
    }
    let errors = diagnostics.finish();
    // Without the types, the type of the macro is not known.
    let expanded = expanded.unwrap_or_else(|| quote!(::core::unreachable!()));
    match errors {
        Some(errors) => quote!({ #errors #expanded }),
        None => expanded,
    }
}

/// The file as a constant expression.
fn read(input: &Input, diagnostics: &Diagnostics) -> Option<TokenStream> {
    let path = resolve(&input.file);
    let text = match read_text(&path) {
        Ok(text) => text,
        Err((message, help)) => {
            let help = elsewhere(&input.file, &path).unwrap_or_else(|| help.to_owned());
            diagnostics.error(&input.file, message).help(help).emit();
            return None;
        }
    };
    let extension = path.extension().and_then(|name| name.to_str()).map(str::to_owned);
    let source = Rc::new(Source { name: path.display().to_string(), text, is_file: true });
    let mut problems = Problems::default();
    let node = parse(&source, extension.as_deref(), &mut problems);
    for Problem { message, place, help } in &problems.0 {
        let place = place.as_ref().map(Place::excerpt).unwrap_or_default();
        let report = diagnostics.error(&input.file, format!("{message}{place}"));
        match help {
            Some(help) => report.help(help).emit(),
            None => report.emit(),
        }
    }
    Some(node_tokens(input, &node.filter(|_| problems.is_empty())?))
}

/// The path of a file, which is relative to the source file, as that of `include_str!`.
fn resolve(file: &LitStr) -> PathBuf {
    let source = file.span().unwrap().local_file().unwrap_or_default();
    source.parent().unwrap_or(Path::new("")).join(file.value())
}

/// What to write if the path is relative to the package.
fn elsewhere(file: &LitStr, path: &Path) -> Option<String> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    if !package.join(file.value()).is_file() {
        return None;
    }
    let folder = std::path::absolute(path).ok()?;
    let folder = folder.strip_prefix(&package).ok()?.parent()?;
    let folder = folder.strip_prefix(Path::new(&file.value()).parent()?).unwrap_or(folder);
    let up = "../".repeat(folder.components().count());
    Some(format!("the path is relative to the source file: write `\"{up}{}\"`", file.value()))
}

/// `P::config::Node { content: P::config::Content::Int(3), place: " --> …", found: "3" }`.
fn node_tokens(input: &Input, node: &Node) -> TokenStream {
    let (p, span) = (input.paths.outer(), input.file.span());
    let content = match &node.content {
        Content::Null => quote_spanned!(span=> Null),
        Content::Bool(value) => quote_spanned!(span=> Bool(#value)),
        Content::Int(value) => {
            let value = Literal::i128_suffixed(*value);
            quote_spanned!(span=> Int(#value))
        }
        Content::Float(value) => {
            // Also for what has no literal.
            let bits = value.to_bits();
            quote_spanned!(span=> Float(f64::from_bits(#bits)))
        }
        Content::Text(text) | Content::Raw(text) => quote_spanned!(span=> Text(#text)),
        Content::List(items) | Content::Append(items) => {
            let items = items.iter().map(|item| node_tokens(input, item));
            quote_spanned!(span=> List(&[#(#items),*]))
        }
        Content::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let (name, place, value) = (&key.name, key.place.excerpt(), node_tokens(input, value));
                quote_spanned!(span=> #p::config::Entry { key: #name, place: #place, value: #value })
            });
            quote_spanned!(span=> Map(&[#(#entries),*]))
        }
    };
    let (place, found) = (node.place.excerpt(), node.found());
    quote_spanned!(span=> #p::config::Node { content: #p::config::Content::#content, place: #place, found: #found })
}
