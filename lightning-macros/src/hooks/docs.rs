//! The tables of the documentation, made from the rows.

use super::{HookDef, Logs, Owner};

/// The table of the hooks that an impl with the attribute may have.
pub(crate) fn doc_table(owner: Owner) -> String {
    let mut table = "| method | runs | logs |\n|---|---|---|\n".to_owned();
    for hook in HookDef::of(owner) {
        let runs = [hook.doc, hook.detail].join(" ");
        let logs = match hook.logs {
            Logs::Never => "no",
            Logs::Step(_) => "step",
            Logs::Batch(_) => "epoch (step)",
            Logs::Epoch(_) => "epoch",
        };
        table += &format!("| `{}` | {} | {logs} |\n", hook.signature(), runs.trim());
    }
    table
}
