//! Two optimizers over one field (C12).

use syn::Ident;

use crate::{
    diagnostics::Diagnostics,
    model::{Optimizer, StructModel},
};

/// Two optimizers over one field (C12)
pub(super) fn check_overlaps(model: &StructModel, diagnostics: &Diagnostics) {
    for (at, second) in model.optimizers.iter().enumerate() {
        let earlier = model.optimizers.iter().take(at);
        let Some((first, shared)) = earlier.into_iter().find_map(|first| Some((first, shared(first, second)?))) else {
            continue;
        };
        let over_all = |optimizer: &Optimizer| optimizer.trained().is_empty();
        let same_field = second.field.is_some() && first.field == second.field;
        let path = second.attr.path();
        let by = described(first);
        let report = match (shared, &second.field) {
            _ if same_field || (over_all(first) && over_all(second)) => {
                diagnostics.error(path, "duplicate `#[optimizer]`")
            }
            (Shared::Field(field), _) => diagnostics.error(field, format!("{by} already trains `{field}`")),
            (Shared::All, Some(field)) => diagnostics.error(path, format!("{by} already trains `{field}`")),
            (Shared::All, None) if over_all(first) => {
                diagnostics.error(path, format!("{by} already trains all fields"))
            }
            (Shared::All, None) => diagnostics.error(path, format!("{by} already trains some of the fields")),
        };
        let report = report.note("both would update the same parameters");
        match shared {
            _ if over_all(first) && second.field.is_some() => {
                report.help("write `fields(…)` in the optimizer of the struct, or remove one of the two").emit();
            }
            Shared::Field(field) if first.field != second.field => {
                report.help(format!("remove `{field}` from one of the two")).emit()
            }
            _ => report.help("remove one of the two").emit(),
        }
    }
}

fn described(optimizer: &Optimizer) -> String {
    match optimizer.name {
        None if optimizer.trained().is_empty() => "the optimizer on the struct".to_owned(),
        _ => format!("optimizer `{}`", optimizer.name()),
    }
}

/// What two optimizers both train.
#[derive(Clone, Copy)]
enum Shared<'a> {
    All,
    Field(&'a Ident),
}

fn shared<'a>(first: &Optimizer, second: &'a Optimizer) -> Option<Shared<'a>> {
    let (ones, others) = (first.trained(), second.trained());
    if ones.is_empty() || others.is_empty() {
        return Some(Shared::All);
    }
    let field = others.into_iter().find(|field| ones.contains(field))?;
    Some(if second.field.is_some() { Shared::All } else { Shared::Field(field) })
}
