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
        let report = match (shared, second.field.is_some() && first.field == second.field) {
            (_, true) => diagnostics.error(second.attr.path(), "duplicate `#[optimizer]`"),
            (Shared::All, _)
                if first.field.is_none()
                    && second.field.is_none()
                    && second.fields.is_empty()
                    && first.fields.is_empty() =>
            {
                diagnostics.error(second.attr.path(), "duplicate `#[optimizer]`")
            }
            (Shared::All, _) => diagnostics
                .error(second.attr.path(), format!("optimizer `{}` already trains the same field", first.name())),
            (Shared::Field(field), _) => {
                diagnostics.error(field, format!("optimizer `{}` already trains `{field}`", first.name()))
            }
        };
        let report = report.note("both would step the same parameters");
        let over_all = first.field.is_none() && first.fields.is_empty();
        match shared {
            _ if over_all && second.field.is_some() => {
                report.help("write `fields(…)` in the optimizer of the struct, or remove one of the two").emit();
            }
            Shared::Field(field) if first.field != second.field => {
                report.help(format!("remove `{field}` from one of the two")).emit()
            }
            _ => report.help("remove one of the two").emit(),
        }
    }
}

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
