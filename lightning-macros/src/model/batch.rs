//! `#[derive(Batch)]`: a struct is treated as an enum with one unnamed variant.

use syn::{Attribute, Data, DeriveInput, Fields, Ident, Member, Type, spanned::Spanned};

use super::dims::{Shape, read_field_shape};
use crate::{
    diagnostics::Diagnostics,
    parse::{Arg, crate_path, known_args, parse_args, take_attrs},
    paths::{Paths, plain},
};

/// The type that derives `Batch`.
pub(crate) struct BatchModel {
    /// Where the runtime is.
    pub(crate) paths: Paths,
    /// The type.
    pub(crate) input: DeriveInput,
    /// Its fields, or its variants with theirs.
    pub(crate) variants: Vec<Members>,
    /// Whether it is an enum.
    pub(crate) is_enum: bool,
}

/// The fields of a struct or variant.
pub(crate) struct Members {
    /// The variant; `None` for a struct.
    pub(crate) variant: Option<Ident>,
    /// The fields.
    pub(crate) fields: Vec<BatchField>,
}

/// One field.
pub(crate) struct BatchField {
    /// Its name or number.
    pub(crate) member: Member,
    /// Its type.
    pub(crate) ty: Type,
    /// `#[batch(size)]`, with the key.
    pub(crate) size: Option<Ident>,
    /// `#[batch(host)]`
    pub(crate) host: bool,
    /// `#[dims(…)]`
    pub(crate) shape: Option<Shape>,
}

impl BatchModel {
    /// Reads the item and reports malformed attributes.
    pub(crate) fn new(mut input: DeriveInput, diagnostics: &Diagnostics) -> Self {
        let container = take_attrs(&mut input.attrs, &["batch"]);
        let args = container.iter().flat_map(|attr| parse_args(attr, diagnostics)).collect();
        let paths = Paths::with_override(crate_path(args, "batch", diagnostics));
        let (variants, is_enum) = match &input.data {
            Data::Struct(data) => (vec![read_members(None, &data.fields, diagnostics)], false),
            Data::Enum(data) => {
                let members = |variant: &syn::Variant| {
                    for attr in variant.attrs.iter().filter(|attr| attr.path().is_ident("batch")) {
                        diagnostics
                            .error(attr.path(), "`#[batch]` must be on a field, found on a variant")
                            .help("write it on a field of the variant")
                            .emit();
                    }
                    read_members(Some(variant.ident.clone()), &variant.fields, diagnostics)
                };
                (data.variants.iter().map(members).collect(), true)
            }
            Data::Union(data) => {
                diagnostics
                    .error(
                        data.union_token,
                        format!("`Batch` must be derived for a struct or an enum, found the union `{}`", input.ident),
                    )
                    .help(format!("write `struct {0}` or `enum {0}`", input.ident))
                    .emit();
                (Vec::new(), false)
            }
        };
        Self { paths, input, variants, is_enum }
    }

    /// Every field of every variant.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &BatchField> {
        self.variants.iter().flat_map(|variant| &variant.fields)
    }
}

fn read_members(variant: Option<Ident>, fields: &Fields, diagnostics: &Diagnostics) -> Members {
    let fields = fields.iter().enumerate().map(|(index, field)| {
        let member = match &field.ident {
            Some(ident) if ident == "_" => {
                diagnostics
                    .error(ident, "a field must have a name, found `_`")
                    .help("write a name instead of `_`")
                    .emit();
                Member::Named(ident.clone())
            }
            Some(ident) => Member::Named(ident.clone()),
            None => {
                Member::Unnamed(syn::Index { index: u32::try_from(index).unwrap_or(u32::MAX), span: field.ty.span() })
            }
        };
        let (size, host) = read_options(&field.attrs, diagnostics);
        let shape = read_field_shape(&field.attrs, diagnostics);
        BatchField { member, ty: field.ty.clone(), size, host, shape }
    });
    Members { variant, fields: fields.collect() }
}

fn read_options(attrs: &[Attribute], diagnostics: &Diagnostics) -> (Option<Ident>, bool) {
    let (mut size, mut host) = (None, false);
    let args = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("batch"))
        .flat_map(|attr| parse_args(attr, diagnostics))
        .collect();
    for arg in known_args(args, "batch", &[("size", "size"), ("host", "host")], diagnostics) {
        match arg {
            Arg::Flag(key) if plain(&key) == "size" => size = Some(key),
            Arg::Flag(_) => host = true,
            Arg::Value(key, _) => {
                diagnostics
                    .error(&key, format!("option `{key}` takes no value"))
                    .help(format!("write `#[batch({key})]`"))
                    .emit();
            }
            _ => {}
        }
    }
    (size, host)
}
