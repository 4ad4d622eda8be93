//! The roles of fields (C14).

use syn::{
    Expr, Ident,
    visit::{self, Visit},
};

use crate::{
    diagnostics::Diagnostics,
    hooks::Owner,
    model::{Field, Role, RoleAttr, StructModel, correct_field_type},
    parse::{name_of, word},
    text::text_of,
};

/// `#[hparam] #[state] x: T`
pub(super) fn check_one_role(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let [first, others @ ..] = field.roles.as_slice() else { continue };
        for other in others {
            diagnostics
                .error(other, format!("field `{}` must have one role, found two", field.ident))
                .note(format!("the first role is `#[{}]`", name_of(&first.attr)))
                .help("remove one of the two")
                .emit();
        }
    }
}

/// `x: T` beside `#[init(…)] y: U`
pub(super) fn check_every_role(model: &StructModel, diagnostics: &Diagnostics) {
    let help = match model.owner {
        Owner::Module => {
            "write `#[init(expr)]`, `#[hparam]`, `#[hparam(default = expr)]`, `#[buffer(expr)]` or `#[state]` before it"
        }
        Owner::Data => "write `#[hparam]`, `#[hparam(default = expr)]`, `#[state]` or `#[state(skip)]` before it",
    };
    let burns = |field: &Field| {
        model.item.fields.iter().any(|written| {
            written.ident.as_ref() == Some(&field.ident) && written.attrs.iter().any(|attr| name_of(attr) == "module")
        })
    };
    for field in model.fields.iter().filter(|field| !field.reported && model.role(field).is_none()) {
        if burns(field) {
            // Its attribute is reported.
            continue;
        }
        diagnostics.error(&field.ident, format!("field `{}` needs a role", field.ident)).help(help).emit();
    }
}

/// `#[init] x: T` beside `#[init(…)] y: U`
pub(super) fn check_expressions(model: &StructModel, diagnostics: &Diagnostics) {
    if !model.is_built_by_attributes() {
        return;
    }
    for role in model.fields.iter().flat_map(|field| field.roles.first()) {
        let name = match &role.role {
            Role::Module(None) => "init",
            Role::Buffer(None) => "buffer",
            _ => continue,
        };
        diagnostics
            .error(role, format!("`#[{name}]` needs an expression"))
            .note("other fields have one, so this field is not built by `fn init`")
            .help(format!("write `#[{name}(expr)]`, or build all fields in `fn init` of the impl"))
            .emit();
    }
}

/// `#[init(LinearConfig::new(self.hidden, 4).init(device))]`: `self` does not exist yet, and the fields
/// below are not built yet.
pub(super) fn check_scope(model: &StructModel, diagnostics: &Diagnostics) {
    for (at, field) in model.fields.iter().enumerate() {
        let Some((expr, name)) = field.roles.first().and_then(expression) else { continue };
        let mut uses = Uses::default();
        uses.visit_expr(expr);
        for (this, member) in uses.of_self {
            let report = diagnostics
                .error(&this, format!("`self` is not available in `#[{name}]`, which builds the field"))
                .note("hyperparameters and the fields above are variables");
            match member {
                Some(member) => report.help(format!("write `{member}`")).emit(),
                None => report.help("write the name of the hyperparameter or field").emit(),
            }
        }
        let below = |name: &Ident| {
            let mut later = model.fields.iter().skip(at + 1);
            later.any(|later| later.ident == *name && later.roles.first().and_then(expression).is_some())
                && !model.fields.iter().take(at).any(|earlier| earlier.ident == *name)
        };
        for used in uses.places.iter().filter(|used| !uses.bound.contains(used) && below(used)) {
            diagnostics
                .error(used, format!("`{used}` is built after `{}`", field.ident))
                .note("fields are built in their order")
                .help(format!("move `{used}` above `{}`", field.ident))
                .emit();
        }
    }
}

fn expression(role: &RoleAttr) -> Option<(&Expr, &'static str)> {
    match &role.role {
        Role::Module(Some(expr)) => Some((expr, "init")),
        Role::Buffer(Some(expr)) => Some((expr, "buffer")),
        _ => None,
    }
}

/// The variables of an expression.
#[derive(Default)]
struct Uses {
    /// Each `self`, with the field or method after it.
    of_self: Vec<(Ident, Option<Ident>)>,
    /// Each `x` of `x.y`, `x.y()` and `&x`: a function is not used like this.
    places: Vec<Ident>,
    /// What its patterns declare.
    bound: Vec<Ident>,
}

impl Uses {
    fn see(&mut self, base: &Expr, member: Option<&Ident>) {
        match word(base) {
            Some(this) if this == "self" => self.of_self.push((this.clone(), member.cloned())),
            Some(place) => self.places.push(place.clone()),
            None => self.visit_expr(base),
        }
    }
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::MethodCall(call) => {
                self.see(&call.receiver, Some(&call.method));
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Field(syn::ExprField { base, member: syn::Member::Named(member), .. }) => {
                self.see(base, Some(member));
            }
            Expr::Reference(reference) => self.see(&reference.expr, None),
            other => match word(other) {
                Some(this) if this == "self" => self.of_self.push((this.clone(), None)),
                _ => visit::visit_expr(self, other),
            },
        }
    }

    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.bound.push(pat.ident.clone());
        visit::visit_pat_ident(self, pat);
    }

    /// Has another `self`.
    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// `#[state(skip)] x: Rc<f64>`
pub(super) fn check_field_types(model: &StructModel, diagnostics: &Diagnostics) {
    if model.owner == Owner::Data {
        return;
    }
    for field in &model.fields {
        if !matches!(model.role(field), Some(Role::State | Role::Skipped)) {
            continue;
        }
        for unfit in correct_field_type(&mut field.ty.clone()) {
            let found = text_of(&unfit.ty);
            diagnostics
                .error(&unfit.ty, format!("a field of a module must be `{}`, found `{found}`", unfit.lacks))
                .note("a module is copied and sent to other threads")
                .help(unfit.help)
                .emit();
        }
    }
}

/// `#[frozen] #[hparam] x: T`
pub(super) fn check_frozen(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(frozen) = &field.frozen else { continue };
        if matches!(model.role(field), Some(Role::Module(_)) | None) {
            continue;
        }
        diagnostics
            .error(frozen.path(), format!("`#[frozen]` must be on a field with `#[init]`, found on `{}`", field.ident))
            .note("only such a field has trainable parameters")
            .help("remove `#[frozen]`")
            .emit();
    }
}

/// `#[precision(f32)] #[buffer(…)] x: T`
pub(super) fn check_precision(model: &StructModel, diagnostics: &Diagnostics) {
    for field in &model.fields {
        let Some(precision) = &field.precision else { continue };
        let note = match model.role(field) {
            Some(Role::Module(_)) | None => continue,
            Some(Role::Buffer(_)) => "a buffer is never cast",
            Some(Role::Hparam(..) | Role::State | Role::Skipped) => "only such a field has parameters to cast",
        };
        diagnostics
            .error(
                precision.path(),
                format!("`#[precision]` must be on a field with `#[init]`, found on `{}`", field.ident),
            )
            .note(note)
            .help("remove `#[precision]`")
            .emit();
    }
}
