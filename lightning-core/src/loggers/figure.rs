//! Figures that are logged.

/// A rendered figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Figure<'a> {
    /// The text of an SVG file.
    Svg(&'a str),
    /// The bytes of a PNG file.
    Png(&'a [u8]),
    /// The text of an HTML page.
    Html(&'a str),
}

/// A [`Figure`] with text or bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedFigure {
    /// The text of an SVG file.
    Svg(String),
    /// The bytes of a PNG file.
    Png(Vec<u8>),
    /// The text of an HTML page.
    Html(String),
}

impl OwnedFigure {
    /// Borrows the figure.
    pub fn borrow(&self) -> Figure<'_> {
        match self {
            Self::Svg(text) => Figure::Svg(text),
            Self::Png(bytes) => Figure::Png(bytes),
            Self::Html(text) => Figure::Html(text),
        }
    }
}

impl From<Figure<'_>> for OwnedFigure {
    fn from(figure: Figure<'_>) -> Self {
        match figure {
            Figure::Svg(text) => Self::Svg(text.to_owned()),
            Figure::Png(bytes) => Self::Png(bytes.to_vec()),
            Figure::Html(text) => Self::Html(text.to_owned()),
        }
    }
}

/// Width and height in the header of a PNG file.
#[cfg(any(feature = "tensorboard", feature = "wandb"))]
pub(super) fn png_size(png: &[u8]) -> Option<[usize; 2]> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let (width, height) = header.split_first_chunk::<4>()?;
    let sides = [*width, height.try_into().ok()?].map(u32::from_be_bytes);
    Some(sides.map(|side| side as usize))
}
