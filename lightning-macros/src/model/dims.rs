//! `#[dims(batch, 1, 28, 28)]`: the shape of a tensor.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, FnArg, GenericArgument, Ident, Lit, Meta, Pat, PathArguments, ReturnType, Token, Type,
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use crate::{
    diagnostics::Diagnostics,
    parse::{take_attrs, word},
    paths::plain,
    text::text_of,
};

/// The shape in one `#[dims(…)]`.
pub(crate) struct Shape {
    /// The attribute's name, to underline.
    pub(crate) path: syn::Path,
    /// The sizes as written, to underline.
    pub(crate) written: TokenStream,
    /// The sizes.
    pub(crate) sizes: Vec<Size>,
}

/// One size.
pub(crate) enum Size {
    /// `_`
    Any,
    /// A number or a constant.
    Is(Expr),
    /// A name that is bound where it stands first.
    Named(Ident),
}

/// The shapes of a method.
#[derive(Default)]
pub(crate) struct MethodShapes {
    /// Of parameters, by their names.
    pub(crate) params: Vec<(Ident, Type, Shape)>,
    /// Of the result.
    pub(crate) result: Option<(Type, Shape)>,
}

impl MethodShapes {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.params.is_empty() && self.result.is_none()
    }

    /// Each type with its shape.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Type, &Shape)> {
        let params = self.params.iter().map(|(_, ty, shape)| (ty, shape));
        params.chain(self.result.iter().map(|(ty, shape)| (ty, shape)))
    }
}

impl Shape {
    /// The shape as a reader writes it: `[batch, 1, 28, 28]`.
    pub(crate) fn text(&self) -> String {
        let sizes: Vec<String> = self.sizes.iter().map(Size::text).collect();
        format!("[{}]", sizes.join(", "))
    }
}

impl Size {
    /// The size as source text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Any => "_".to_owned(),
            Self::Is(size) => text_of(size),
            Self::Named(name) => plain(name),
        }
    }
}

/// Where a shape stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Field,
    Param,
    Result,
}

impl Place {
    fn usage(self) -> &'static str {
        if self == Self::Result { "`#[dims(-> batch, 10)]`" } else { "`#[dims(batch, 10)]`" }
    }
}

/// Reads `#[dims(…)]` of a field of a batch.
pub(super) fn read_field_shape(attrs: &[Attribute], diagnostics: &Diagnostics) -> Option<Shape> {
    let ours: Vec<&Attribute> = attrs.iter().filter(|attr| attr.path().is_ident("dims")).collect();
    read_one(&ours, Place::Field, diagnostics)
}

/// Removes `#[dims(…)]` from a method and its parameters, and reads the shapes.
pub(super) fn read_method_shapes(function: &mut syn::ImplItemFn, diagnostics: &Diagnostics) -> MethodShapes {
    let mut shapes = MethodShapes::default();
    for input in &mut function.sig.inputs {
        let (attrs, typed) = match input {
            FnArg::Receiver(receiver) => (take_attrs(&mut receiver.attrs, &["dims"]), None),
            FnArg::Typed(typed) => (take_attrs(&mut typed.attrs, &["dims"]), Some(typed)),
        };
        let Some(first) = attrs.first() else { continue };
        let Some(typed) = typed else {
            diagnostics
                .error(first.path(), "`#[dims]` must be on a tensor, found `self`")
                .help("write it before a parameter with a tensor")
                .emit();
            continue;
        };
        let Some(shape) = read_one(&attrs.iter().collect::<Vec<_>>(), Place::Param, diagnostics) else { continue };
        match &*typed.pat {
            Pat::Ident(name) if name.subpat.is_none() => {
                shapes.params.push((name.ident.clone(), (*typed.ty).clone(), shape));
            }
            pattern => diagnostics
                .error(pattern, format!("a parameter with `#[dims]` must be a name, found `{}`", text_of(pattern)))
                .help("write a name and take it apart in the body, or write `#[dims]` on the fields of the batch")
                .emit(),
        }
    }
    let attrs = take_attrs(&mut function.attrs, &["dims"]);
    if let Some(shape) = read_one(&attrs.iter().collect::<Vec<_>>(), Place::Result, diagnostics) {
        match &function.sig.output {
            ReturnType::Type(_, ty) => shapes.result = Some(((**ty).clone(), shape)),
            ReturnType::Default => diagnostics
                .error(
                    &shape.path,
                    format!("`#[dims(-> …)]` must be on a method with a result, found `{}`", function.sig.ident),
                )
                .help("write the return type, such as `-> Tensor<2>`, or remove the attribute")
                .emit(),
        }
    }
    shapes
}

fn read_one(attrs: &[&Attribute], place: Place, diagnostics: &Diagnostics) -> Option<Shape> {
    let (first, others) = attrs.split_first()?;
    for other in others {
        diagnostics.error(other.path(), "duplicate attribute `#[dims]`").help("remove one of the two").emit();
    }
    read_shape(first, place, diagnostics)
}

fn read_shape(attr: &Attribute, place: Place, diagnostics: &Diagnostics) -> Option<Shape> {
    let usage = place.usage();
    let Meta::List(list) = &attr.meta else {
        diagnostics
            .error(&attr.meta, "`#[dims]` takes the sizes of a tensor in parentheses")
            .help(format!("write {usage}"))
            .emit();
        return None;
    };
    let parser = |input: ParseStream<'_>| {
        let arrow: Option<Token![->]> = input.parse()?;
        let mut sizes = Vec::new();
        let written: TokenStream = input.fork().parse()?;
        while !input.is_empty() {
            sizes.push(parse_size(input)?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok((arrow, sizes, written))
    };
    let (arrow, sizes, written) = match parser.parse2(list.tokens.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let text = format!("{error}\n= help: write {usage}: numbers, names and `_`, with commas between them");
            diagnostics.syntax(syn::Error::new(error.span(), text));
            return None;
        }
    };
    match (arrow, place) {
        (None, Place::Result) => {
            diagnostics
                .error(attr.path(), "`#[dims]` on a method must begin with `->`")
                .note("there it is the shape of the result; that of a parameter is written before the parameter")
                .help(format!("write `#[dims(-> {})]`", text_of(&written)))
                .emit();
            return None;
        }
        (Some(arrow), Place::Field | Place::Param) => {
            diagnostics
                .error(arrow, "`->` must be in `#[dims]` of a method, found it before a tensor")
                .help(format!("write `#[dims({})]`", text_of(&written)))
                .emit();
            return None;
        }
        _ => {}
    }
    if sizes.is_empty() {
        diagnostics.error(attr.path(), "`#[dims]` needs the sizes, found none").help(format!("write {usage}")).emit();
        return None;
    }
    let before = diagnostics.len();
    let sizes = sizes.into_iter().filter_map(|size| check_size(size, place, diagnostics)).collect();
    (diagnostics.len() == before).then(|| Shape { path: attr.path().clone(), written, sizes })
}

fn parse_size(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(Token![_]) {
        input.parse::<Token![_]>()?;
        return Ok(None);
    }
    input.parse().map(Some)
}

fn check_size(size: Option<Expr>, place: Place, diagnostics: &Diagnostics) -> Option<Size> {
    let Some(size) = size else { return Some(Size::Any) };
    let size = match size {
        Expr::Group(group) => *group.expr,
        size => size,
    };
    let must = "a size in `#[dims]` must be a number, a name, a constant or `_`";
    match &size {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.base10_digits() != "0" => {
            return Some(Size::Is(size));
        }
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => {
            diagnostics
                .error(&size, "a size in `#[dims]` must be at least 1, found 0")
                .help("write `_` for a size that may be anything")
                .emit();
            return None;
        }
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            diagnostics
                .error(&size, format!("{must}, found `{}`", text_of(&size)))
                .help(format!("write `{}` without quotes", text.value()))
                .emit();
            return None;
        }
        Expr::Infer(_) => return Some(Size::Any),
        Expr::Path(_) => match word(&size) {
            Some(name) if name == "self" || name == "Self" => {}
            // A constant is written in capitals, as rustc's lint wants it.
            Some(name) if plain(name).chars().any(char::is_lowercase) => return Some(Size::Named(name.clone())),
            _ => return Some(Size::Is(size)),
        },
        Expr::Field(field) if matches!(word(&field.base), Some(base) if base == "self") => {
            let name = text_of(&field.member);
            let report = diagnostics.error(&size, format!("{must}, found `{}`", text_of(&size)));
            match place {
                Place::Field => report
                    .note("a batch has no hyperparameters")
                    .help(format!("write `{name}`, a name for a size that fields share, or a number")),
                Place::Param | Place::Result => {
                    report.help(format!("write `{name}`: the name of a hyperparameter is its value"))
                }
            }
            .emit();
            return None;
        }
        _ => {}
    }
    diagnostics
        .error(&size, format!("{must}, found `{}`", text_of(&size)))
        .help("write the number, or declare a constant of type `usize` and write its name")
        .emit();
    None
}

/// The rank that the type's tokens tell: 4 of `Tensor<4>`, `&Tensor<4, Int>` and
/// `Option<Tensor<4>>`.
pub(crate) fn written_rank(ty: &Type) -> Option<usize> {
    let path = match ty {
        Type::Reference(reference) => return written_rank(&reference.elem),
        Type::Paren(paren) => return written_rank(&paren.elem),
        Type::Group(group) => return written_rank(&group.elem),
        Type::Array(array) => return written_rank(&array.elem),
        Type::Path(path) => path,
        _ => return None,
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match (last.ident.to_string().as_str(), arguments.args.first()?) {
        ("Tensor", GenericArgument::Const(Expr::Lit(ExprLit { lit: Lit::Int(rank), .. }))) => rank.base10_parse().ok(),
        ("Option" | "Vec" | "Box" | "Result", GenericArgument::Type(inner)) => written_rank(inner),
        _ => None,
    }
}

impl ToTokens for Shape {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.written.to_tokens(tokens);
    }
}

impl Shape {
    /// Where rustc reports a rank that only types show.
    pub(crate) fn span(&self) -> proc_macro2::Span {
        self.path.span()
    }
}
