//! The values that a search tries (C15).

use syn::{Expr, ExprRange, Type};

use crate::{
    diagnostics::Diagnostics,
    model::{Field, Number, Search, SearchKind, StructModel, number},
    text::text_of,
};

const FLOATS: &[&str] = &["f32", "f64"];
const INTEGERS: &[&str] = &["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];

/// `#[hparam(search = log(0.0..1.0))]`: ranges that no search can use, and defaults outside of them.
pub(super) fn check_search(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(search) = field.search() else { continue };
        if !fits_type(field, search, diagnostics) {
            continue;
        }
        let valid = match &search.kind {
            SearchKind::Float { range, log } => is_range_valid(range, *log, diagnostics),
            SearchKind::Int { range, log, step } => {
                is_step_valid(step.as_ref(), diagnostics) && is_range_valid(range, *log, diagnostics)
            }
            SearchKind::Choice(values) => are_choices_valid(values, diagnostics),
            SearchKind::Boolean => true,
        };
        if let (true, Some(Some(default))) = (valid, field.hparam()) {
            report_default(field, search, default, diagnostics);
        }
    }
}

/// Whether the kind goes with the type of the field, as far as its name tells.
fn fits_type(field: &Field, search: &Search, diagnostics: &Diagnostics) -> bool {
    let Type::Path(path) = &field.ty else { return true };
    let Some(ty) = path.path.get_ident().map(ToString::to_string) else { return true };
    let (is_float, is_int) = (FLOATS.contains(&ty.as_str()), INTEGERS.contains(&ty.as_str()));
    let (is_bool, is_text) = (ty == "bool", ty == "String");
    let name = text_of(&search.name);
    let help = match &search.kind {
        SearchKind::Float { range, .. } if is_int => {
            format!("write `int({}..={})`", whole(&range.start), whole(&range.end))
        }
        SearchKind::Int { range, .. } if is_float => {
            format!("write `uniform({}..{})`", point(&range.start), point(&range.end))
        }
        SearchKind::Float { .. } | SearchKind::Int { .. } if is_bool => "write `search = boolean`".to_owned(),
        SearchKind::Boolean if !is_bool && (is_float || is_int || is_text) => {
            "write `choice(…)` with the values to try".to_owned()
        }
        SearchKind::Choice(values) if (is_float || is_int || is_bool) && values.iter().any(is_string) => {
            format!("write values of the type `{ty}`")
        }
        SearchKind::Choice(values) if is_text && values.iter().any(|value| number(value).is_some()) => {
            "write texts: `choice(\"a\", \"b\")`".to_owned()
        }
        SearchKind::Float { .. } | SearchKind::Int { .. } if is_text => "write `choice(\"a\", \"b\")`".to_owned(),
        _ => return true,
    };
    diagnostics
        .error(search.name.clone(), format!("hyperparameter `{}` is `{ty}`, which `{name}` does not give", field.ident))
        .help(help)
        .emit();
    false
}

fn is_string(value: &Expr) -> bool {
    matches!(value, Expr::Lit(literal) if matches!(literal.lit, syn::Lit::Str(_)))
}

/// An end of a range as an integer.
fn whole(end: &Option<Box<Expr>>) -> String {
    match end.as_deref().and_then(number) {
        Some(Number::Float(value)) => format!("{value:.0}"),
        _ => text_of(end),
    }
}

/// An end of a range as a float.
fn point(end: &Option<Box<Expr>>) -> String {
    match end.as_deref().and_then(number) {
        Some(Number::Int(value)) => format!("{value}.0"),
        _ => text_of(end),
    }
}

fn is_range_valid(range: &ExprRange, log: bool, diagnostics: &Diagnostics) -> bool {
    let [Some(from), Some(to)] = [&range.start, &range.end].map(|end| end.as_deref()) else { return true };
    let (low, high) = (number(from).map(Number::value), number(to).map(Number::value));
    if let Some(low) = low.filter(|low| log && *low <= 0.0) {
        let start = if low == 0.0 { "1e-5" } else { "1e-3" };
        diagnostics
            .error(from, format!("a range on a log scale must start above 0, found `{}`", text_of(from)))
            .help(format!("write a positive number, such as `{start}`, or another scale"))
            .emit();
        return false;
    }
    if let (Some(low), Some(high)) = (low, high)
        && low >= high
    {
        diagnostics
            .error(range, format!("a range must end above its start, found `{}`", text_of(range)))
            .help("exchange its ends, or remove `search`")
            .emit();
        return false;
    }
    true
}

fn is_step_valid(step: Option<&Expr>, diagnostics: &Diagnostics) -> bool {
    let Some(Number::Int(value)) = step.and_then(number).filter(|step| step.value() < 1.0) else { return true };
    diagnostics
        .error(step, format!("`step` must be at least 1, found `{value}`"))
        .help("write the distance of two values, such as `step = 8`")
        .emit();
    false
}

fn are_choices_valid(values: &[Expr], diagnostics: &Diagnostics) -> bool {
    let texts: Vec<String> = values.iter().map(text_of).collect();
    for (place, value) in values.iter().enumerate() {
        if texts.iter().take(place).any(|earlier| Some(earlier) == texts.get(place)) {
            diagnostics
                .error(value, format!("`choice` must have different values, found `{}` twice", text_of(value)))
                .help("remove one of the two")
                .emit();
            return false;
        }
    }
    true
}

/// A default that the search would never try.
fn report_default(field: &Field, search: &Search, default: &Expr, diagnostics: &Diagnostics) {
    let found = number(default).map(Number::value);
    let outside = match &search.kind {
        SearchKind::Float { range, .. } | SearchKind::Int { range, .. } => {
            let ends = [&range.start, &range.end].map(|end| end.as_deref().and_then(number).map(Number::value));
            let [low, high] = ends;
            found
                .filter(|found| low.is_some_and(|low| *found < low) || high.is_some_and(|high| *found > high))
                .map(|_| (text_of(range), "write a range that contains the default, or another default"))
        }
        SearchKind::Choice(values) => {
            let literals: Option<Vec<f64>> = values.iter().map(|value| number(value).map(Number::value)).collect();
            let text = matches!(default, Expr::Lit(_)).then(|| text_of(default));
            let missing = match (found, literals) {
                (Some(found), Some(values)) => !values.contains(&found),
                _ => text.is_some_and(|text| {
                    values.iter().all(|value| matches!(value, Expr::Lit(_)) && text_of(value) != text)
                }),
            };
            let shown = values.iter().map(text_of).collect::<Vec<_>>().join(", ");
            missing.then_some((shown, "add the default to the choices, or write another default"))
        }
        SearchKind::Boolean => None,
    };
    if let Some((shown, help)) = outside {
        diagnostics
            .error(
                default,
                format!(
                    "the default of `{}` must be one of the values of its search, found `{}`",
                    field.ident,
                    text_of(default)
                ),
            )
            .note(format!("the search tries `{shown}`"))
            .help(help)
            .emit();
    }
}
