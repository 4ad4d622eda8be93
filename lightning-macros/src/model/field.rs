//! A field and its attributes.

use syn::{Attribute, Expr, Ident, Type, punctuated::Punctuated};

use super::{
    role::{Role, RoleAttr, read_precision, read_role},
    search::Search,
};
use crate::{
    diagnostics::{Diagnostics, listed},
    hooks::Owner,
    parse::{
        copy_attrs, correct_attrs, doc_text, in_cfg_attr, known_args, name_of, parse_args, peel_types, take_attrs,
    },
    paths::plain,
    text::text_of,
};

/// The attributes of a field of a module.
const MODULE_ATTRS: &[&str] = &["init", "hparam", "buffer", "state", "frozen", "precision"];
/// The same, with `#[optimizer]`.
const FIELD_ATTRS: &[&str] = &["init", "hparam", "buffer", "state", "frozen", "precision", "optimizer"];
/// The attributes of a data module's field.
const DATA_ATTRS: &[&str] = &["hparam", "state"];
/// Our attributes on the wrong item: reported, and not passed on to rustc.
const FOREIGN_ATTRS: &[&str] = &["batch", "log", "not_a_hook"];

/// Attributes with names of other frameworks, and what to write instead.
const OTHER_ATTRS: &[(&[&str], &str)] = &[
    (&["register_buffer", "buffers", "constant"], "write `#[buffer(expr)]` for a tensor that is not trained"),
    (&["freeze", "no_grad", "requires_grad", "untrained"], "write `#[frozen]` above `#[init(expr)]`"),
    (
        &["hyperparameter", "hyperparam", "hyper", "hp", "config", "setting"],
        "write `#[hparam]`, or `#[hparam(default = expr)]`",
    ),
    (
        &["parameter", "param", "layer", "submodule", "net", "trainable", "learnable", "new", "build"],
        "write `#[init(expr)]` for a layer, or `#[hparam]` for a hyperparameter",
    ),
    (&["skip", "ignore", "transient", "no_save", "runtime"], "write `#[state(skip)]` for data that is not saved"),
    (&["persistent", "save", "saved", "checkpoint"], "write `#[state]` for data that is saved in the checkpoint"),
    (&["default"], "write `#[hparam(default = expr)]`"),
];

/// One field.
pub(crate) struct Field {
    /// Its name.
    pub(crate) ident: Ident,
    /// Its type.
    pub(crate) ty: Type,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its doc comment.
    pub(crate) docs: Vec<Attribute>,
    /// Its `#[serde(…)]`s, which are moved to the hyperparameter.
    pub(crate) serde: Vec<Attribute>,
    /// Its roles; more than one is an error.
    pub(crate) roles: Vec<RoleAttr>,
    /// `#[frozen]`.
    pub(crate) frozen: Option<Attribute>,
    /// `#[precision(f32)]`.
    pub(crate) precision: Option<Attribute>,
    /// Whether one of its attributes is already reported: a missing role may be a consequence.
    pub(crate) reported: bool,
}

impl Field {
    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        plain(&self.ident)
    }

    /// The type as text.
    pub(crate) fn type_text(&self) -> String {
        text_of(&self.ty)
    }

    /// The doc comment as text.
    pub(crate) fn doc_text(&self) -> String {
        doc_text(&self.docs)
    }

    /// The default of the hyperparameter: `None` for another role, `Some(None)` without a default.
    pub(crate) fn hparam(&self) -> Option<Option<&Expr>> {
        match &self.roles.first()?.role {
            Role::Hparam(default, _) => Some(default.as_ref()),
            _ => None,
        }
    }

    /// The values that a search of the hyperparameter tries.
    pub(crate) fn search(&self) -> Option<&Search> {
        match &self.roles.first()?.role {
            Role::Hparam(_, search) => search.as_ref(),
            _ => None,
        }
    }

    /// The name of the hyperparameter in its JSON form: that of `#[serde(rename = "…")]`, or its own.
    pub(crate) fn key(&self) -> String {
        let mut renamed = None;
        for attr in &self.serde {
            let _ = attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    renamed = Some(meta.value()?.parse::<syn::LitStr>()?.value());
                }
                Ok(())
            });
        }
        renamed.unwrap_or_else(|| self.name())
    }

    /// Whether an attribute of serde, such as `with = "…"`, gives files another form than that of the type.
    pub(crate) fn has_custom_form(&self) -> bool {
        self.serde.iter().any(|attr| {
            let Ok(list) = attr.meta.require_list() else { return true };
            list.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated).map_or(true, |options| {
                options
                    .iter()
                    .any(|option| !["rename", "default", "alias"].iter().any(|name| option.path().is_ident(name)))
            })
        })
    }
}

/// Removes our attributes from the field and reads them.
pub(super) fn read_field(owner: Owner, field: &mut syn::Field, diagnostics: &Diagnostics) -> Option<Field> {
    let ident = field.ident.clone()?;
    let known = if owner == Owner::Module { MODULE_ATTRS } else { DATA_ATTRS };
    let mut reported = report_others(owner, &mut field.attrs, known, diagnostics);
    correct_attrs(&mut field.attrs, known, &format!("a field of {}", owner.noun()), diagnostics);
    let mut ours = Vec::new();
    peel_types(&mut field.ty);
    field.attrs.retain(|attr| {
        let name = name_of(attr);
        if known.contains(&name.as_str()) {
            ours.push(attr.clone());
            return false;
        }
        let alien = report_foreign(owner, attr, &name, diagnostics);
        reported |= alien;
        !alien
    });

    let (frozen, ours): (Vec<_>, Vec<_>) = ours.into_iter().partition(|attr| name_of(attr) == "frozen");
    let (precision, roles): (Vec<_>, Vec<_>) = ours.into_iter().partition(|attr| name_of(attr) == "precision");
    let roles: Vec<RoleAttr> = roles.into_iter().filter_map(|attr| read_role(attr, diagnostics)).collect();
    if let Some(attr) = frozen.first() {
        known_args(parse_args(attr, diagnostics), "frozen", &[], diagnostics);
    }
    for attr in frozen.iter().skip(1) {
        diagnostics.error(attr.path(), "duplicate attribute `#[frozen]`").help("remove one of the two").emit();
    }
    read_precision(&precision, diagnostics);
    // The user's struct has no serde derive that could read the attribute.
    let hparam = roles.first().is_some_and(|role| matches!(role.role, Role::Hparam(..)));
    let serde = if hparam { take_attrs(&mut field.attrs, &["serde"]) } else { Vec::new() };
    Some(Field {
        ident,
        ty: field.ty.clone(),
        cfgs: copy_attrs(&field.attrs, "cfg"),
        docs: copy_attrs(&field.attrs, "doc"),
        serde,
        roles,
        frozen: frozen.into_iter().next(),
        precision: precision.into_iter().next(),
        reported,
    })
}

/// Reports and removes attributes with names of other frameworks, and ours in `#[cfg_attr(…)]`.
fn report_others(owner: Owner, attrs: &mut Vec<Attribute>, known: &[&str], diagnostics: &Diagnostics) -> bool {
    let before = attrs.len();
    attrs.retain(|attr| {
        let name = name_of(attr);
        if let Some(hidden) = in_cfg_attr(attr, FIELD_ATTRS) {
            diagnostics
                .error(&hidden, format!("`#[{hidden}]` must not be in `#[cfg_attr]`"))
                .note("the macro reads its attributes before rustc resolves `#[cfg_attr]`")
                .help("write the field twice, each under its `#[cfg(…)]`")
                .emit();
            return false;
        }
        let Some((_, instead)) = OTHER_ATTRS.iter().find(|(names, _)| names.contains(&name.as_str())) else {
            return true;
        };
        let report =
            diagnostics.error(attr.path(), format!("unknown attribute `#[{name}]` on a field of {}", owner.noun()));
        match owner {
            Owner::Module => report.help(*instead).emit(),
            Owner::Data => {
                report.note(format!("available attributes: {}", listed(known.iter().copied()))).emit();
            }
        }
        false
    });
    attrs.len() < before
}

/// Reports one of our attributes that belongs on another item.
fn report_foreign(owner: Owner, attr: &Attribute, name: &str, diagnostics: &Diagnostics) -> bool {
    if !FOREIGN_ATTRS.contains(&name) && !MODULE_ATTRS.contains(&name) {
        return false;
    }
    let known = if owner == Owner::Module { FIELD_ATTRS } else { DATA_ATTRS };
    diagnostics
        .error(attr.path(), format!("unknown attribute `#[{name}]` on a field of {}", owner.noun()))
        .note(format!("available attributes: {}", listed(known.iter().copied())))
        .emit();
    true
}
