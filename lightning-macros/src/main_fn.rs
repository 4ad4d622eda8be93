//! `#[lightning_main]`, on the function `main` of a program with a command line.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ItemFn, ReturnType, spanned::Spanned};

use crate::{diagnostics::Diagnostics, parse::parse_macro_args};

/// ```text
/// fn main() -> ::std::process::ExitCode {
///     fn program() -> Cli<Digits, DigitsData> { … }
///     P::exit_code(program())
/// }
/// ```
pub(crate) fn lightning_main(args: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::default();
    let paths = parse_macro_args(args, "lightning_main", &diagnostics);
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            diagnostics
                .error(&item, "`#[lightning_main]` must be on `fn main`")
                .help("write `fn main() -> Cli<Net, Data> { Cli::new() }` below it")
                .emit();
            let errors = diagnostics.finish();
            return quote!(#errors #item);
        }
    };
    let signature = &function.sig;
    if signature.ident != "main" || !signature.inputs.is_empty() || signature.asyncness.is_some() {
        diagnostics
            .error(signature, "`#[lightning_main]` must be on a `fn main` without parameters")
            .help("write `fn main() -> Cli<Net, Data>`")
            .emit();
    }
    if matches!(signature.output, ReturnType::Default) {
        diagnostics
            .error(&signature.ident, "`main` must return the command line of the program")
            .help("write `fn main() -> Cli<Net, Data> { Cli::new() }`, with `lightning_core::cli::Cli`")
            .emit();
    }
    let is_wrong = !diagnostics.is_empty();
    let errors = diagnostics.finish();
    if is_wrong {
        // With its name, so that a program is not told of a missing `main` too.
        let ident = &signature.ident;
        return quote!(#errors fn #ident() {});
    }
    let (attrs, output, block) = (&function.attrs, &signature.output, &function.block);
    let p = paths.outer();
    // At the type, where rustc reports one that is not a command line.
    let span = output.span();
    let call = quote_spanned!(span=> #p::exit_code(program()));
    quote! {
        #(#attrs)*
        fn main() -> ::std::process::ExitCode {
            fn program() #output #block
            #call
        }
    }
}
