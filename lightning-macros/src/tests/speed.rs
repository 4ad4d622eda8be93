//! The time of an expansion, which is part of each `cargo check`.

use std::time::{Duration, Instant};

use proc_macro2::TokenStream;

use super::messages;
use crate::{
    entry::lightning_module,
    hooks::{HookDef, Kind, Logs, Owner},
};

const METHODS: usize = 30;
const LOGS: usize = 60;

/// The time limit for an optimized build. Users never run a debug build, whose limit only prevents
/// growth.
const BUDGET: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 5 });

/// An impl of thirty methods, each with two or three logged values.
fn large_impl() -> String {
    let logging = |hook: &&HookDef| hook.logs != Logs::Never && matches!(hook.kind, Kind::Hook | Kind::Step(_));
    let hooks: Vec<&HookDef> = HookDef::of(Owner::Module).filter(logging).take(METHODS).collect();
    let mut methods: Vec<String> =
        hooks.iter().map(|hook| hook.signature().replace("-> Tensor<1>", "-> Result<Tensor<1>>")).collect();
    methods.extend((methods.len()..METHODS).map(|at| format!("fn helper_{at}(&self, x: Tensor<2>)")));
    let mut source = "impl Large {\n".to_owned();
    for (at, method) in methods.iter().enumerate() {
        let stage = if method.contains("fn helper") { ", per_stage" } else { "" };
        source += &format!("{method} {{\n let mut total = self.layer.forward(x.clone()).powi_scalar(2);\n");
        for value in (at * LOGS / METHODS)..((at + 1) * LOGS / METHODS) {
            source += &format!(
                "if total.dims()[0] > {value} {{\n #[log(maximize, prog_bar, name = \"group/value_{value}\"{stage})]\n \
                 let value_{value} = total.clone().mean() * {value};\n total = total + value_{value}.unsqueeze();\n }}\n"
            );
        }
        source += "todo!()\n }\n";
    }
    source + "}"
}

#[test]
fn a_large_module_expands_in_milliseconds() {
    let source = large_impl();
    assert_eq!(source.matches("#[log").count(), LOGS);
    assert_eq!(source.matches("fn ").count(), METHODS);
    assert_eq!(messages(&format!("#[lightning_module]\n{source}")), Vec::<String>::new());
    let item: TokenStream = source.parse().expect("tokens");
    // The fastest of many rounds is the time of the macro; the others were interrupted.
    let round = || {
        let item = item.clone();
        let start = Instant::now();
        let output = lightning_module(TokenStream::new(), item);
        (start.elapsed(), output.is_empty())
    };
    let rounds: Vec<(Duration, bool)> = (0..50).map(|_| round()).collect();
    let fastest = rounds.iter().map(|(time, _)| *time).min().expect("rounds");
    println!("{METHODS} methods with {LOGS} `#[log]`s expand in {fastest:.2?}");
    assert!(rounds.iter().all(|(_, empty)| !empty));
    assert!(fastest < BUDGET, "{fastest:?}");
}
