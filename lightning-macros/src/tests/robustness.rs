//! Half-typed code: no panic, no endless loop, and valid Rust for valid Rust.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use proc_macro2::TokenStream;
use syn::Item;

use super::{
    programs,
    streams::{Input, Streams},
};
use crate::entry::{data_module, derive_batch, lightning_module, optimizer};

/// The number of inputs unless `LIGHTNING_FUZZ` is set, to a number or to a range such as
/// `500000..1000000`.
const FEW: u64 = 20_000;

/// Far more than the largest input needs in a debug build on a busy machine.
const ENDLESS: Duration = Duration::from_secs(5);

/// Runs all macros on an input and returns a description of what failed.
fn run(Input { args, item }: &Input) -> Result<(), String> {
    type Macro = fn(TokenStream, TokenStream) -> TokenStream;
    let macros: [(&str, Macro); 4] = [
        ("lightning_module", lightning_module),
        ("data_module", data_module),
        ("Batch", |_, item| derive_batch(item)),
        ("optimizer", optimizer),
    ];
    for (name, expand) in macros {
        let start = Instant::now();
        let output = catch_unwind(AssertUnwindSafe(|| expand(args.clone(), item.clone())))
            .map_err(|_| format!("`{name}` panics"))?;
        if start.elapsed() > ENDLESS {
            return Err(format!("`{name}` takes {:?}", start.elapsed()));
        }
        if output.to_string().contains("__lightning_log !") {
            return Err(format!("`{name}` leaves a placeholder"));
        }
        // rustc reports a syntax error itself, and a derive need not add anything.
        let nothing_to_say = match name {
            "Batch" => !is_rust(item),
            _ => item.is_empty() && args.is_empty(),
        };
        if output.is_empty() && !nothing_to_say && name != "optimizer" {
            return Err(format!("`{name}` gives nothing"));
        }
        // The output of a derive is added to the item; that of an attribute replaces it.
        if is_rust(item)
            && let Err(error) = syn::parse2::<syn::File>(output.clone())
        {
            return Err(format!("`{name}` makes Rust into none: {error}\n{output}"));
        }
    }
    Ok(())
}

/// Whether rustc would pass it to a macro: syn accepts `_` as the name of a generic parameter.
fn is_rust(item: &TokenStream) -> bool {
    let generics = match syn::parse2(item.clone()) {
        Ok(Item::Struct(item)) => item.generics,
        Ok(Item::Enum(item)) => item.generics,
        Ok(Item::Union(item)) => item.generics,
        Ok(Item::Impl(item)) => item.generics,
        parsed => return parsed.is_ok(),
    };
    generics.type_params().all(|param| param.ident != "_") && generics.const_params().all(|param| param.ident != "_")
}

#[test]
fn no_input_makes_a_macro_panic() {
    let wanted = std::env::var("LIGHTNING_FUZZ").ok();
    let number = |text: &str| text.parse().expect("LIGHTNING_FUZZ is a number or a range");
    let rounds = match wanted.as_deref().map(|wanted| wanted.split_once("..").unwrap_or(("0", wanted))) {
        Some((from, to)) => number(from)..number(to),
        None => 0..FEW,
    };
    let streams = Streams::new();
    let start = Instant::now();
    for round in rounds.clone() {
        let input = streams.input(round);
        if let Err(wrong) = run(&input) {
            let Input { args, item } = input;
            panic!("round {round}: {wrong}\nkeep it in tests/corpus:\n#![args({args})]\n{item}");
        }
    }
    println!("{rounds:?}: inputs in {:.1?}", start.elapsed());
}

/// Inputs that once made a macro panic, in `tests/corpus`.
#[test]
fn what_was_wrong_once_is_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a file");
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let args = first.strip_prefix("#![args(").and_then(|args| args.trim_end().strip_suffix(")]"));
        let args = args.unwrap_or_else(|| panic!("{}: the first line is `#![args(…)]`", file.display()));
        let input = Input { args: args.parse().expect("tokens"), item: rest.parse().expect("tokens") };
        if let Err(wrong) = run(&input) {
            panic!("{}: {wrong}", file.display());
        }
        count += 1;
    }
    assert!(count > 0, "the corpus is empty");
}

#[test]
fn no_arguments_make_a_macro_panic() {
    let item: TokenStream = programs::DIGITS_STRUCT.parse().expect("tokens");
    for args in ["crate", "crate = ", "crate = \"x\"", "crate = a, crate = b", "kate = x", "1", ",", "= =", "crate(x)"]
    {
        let args: TokenStream = args.parse().expect("tokens");
        for output in [lightning_module(args.clone(), item.clone()), data_module(args.clone(), item.clone())] {
            assert!(output.to_string().contains("compile_error"), "{args}");
        }
    }
}
