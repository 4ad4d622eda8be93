//! What a step or hook logs besides numbers, on its way to the loggers.

use std::path::{Path, PathBuf};

use super::{
    Audio, Figure, Graph, Histogram, LogPosition, Logger, Mesh, OwnedFigure, OwnedImage, Table, ToHistogram, ToImage,
    thread::call,
};
use crate::error::{Error, Result};

/// A text, image, histogram, figure and so on, on its way to the loggers.
#[derive(Debug)]
pub(crate) struct Output {
    name: String,
    /// A value that could not be converted is an error of the step that logged it.
    content: Result<Content>,
    /// Whether it belongs to the current batch, rather than to the epoch.
    pub(crate) in_batch: bool,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Image(OwnedImage),
    Histogram(Histogram),
    Figure(OwnedFigure),
    Audio(Audio),
    Mesh(Mesh),
    Table(Table),
    Graph(Graph),
    Artifact(PathBuf),
}

impl Output {
    pub(crate) fn text(name: &str, text: &str, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Text(text.to_owned())), in_batch }
    }

    pub(crate) fn image(name: &str, image: &impl ToImage, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: image.to_image().map(Content::Image), in_batch }
    }

    pub(crate) fn histogram(name: &str, values: &impl ToHistogram, in_batch: bool) -> Self {
        let content = values.to_histogram().map(Content::Histogram);
        Self { name: name.to_owned(), content, in_batch }
    }

    pub(crate) fn figure(name: &str, figure: Figure<'_>, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Figure(figure.into())), in_batch }
    }

    pub(crate) fn audio(name: &str, audio: Audio, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Audio(audio)), in_batch }
    }

    pub(crate) fn mesh(name: &str, mesh: Mesh, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: mesh.check().map(|()| Content::Mesh(mesh)), in_batch }
    }

    pub(crate) fn table(name: &str, table: Table, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Table(table)), in_batch }
    }

    pub(crate) fn artifact(name: &str, path: &Path, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Artifact(path.to_path_buf())), in_batch }
    }

    pub(crate) fn graph(graph: Graph) -> Self {
        Self { name: "graph".to_owned(), content: Ok(Content::Graph(graph)), in_batch: false }
    }

    /// Returns what the loggers receive.
    ///
    /// # Errors
    /// If the value could not be converted.
    pub(super) fn into_content(self) -> Result<Named> {
        let Self { name, content, in_batch: _ } = self;
        match content {
            Ok(content) => Ok(Named { name, content }),
            Err(error) => Err(Error::data(format!("`{name}` cannot be logged")).caused_by(error)),
        }
    }
}

/// A text, image, histogram or figure and its name.
#[derive(Debug)]
pub(super) struct Named {
    name: String,
    content: Content,
}

impl Named {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        match &self.content {
            Content::Text(text) => text.len(),
            Content::Image(image) => image.pixels.len(),
            Content::Histogram(histogram) => histogram.edges.len() * size_of::<[f64; 2]>(),
            Content::Figure(figure) => match figure {
                OwnedFigure::Svg(text) | OwnedFigure::Html(text) => text.len(),
                OwnedFigure::Png(bytes) => bytes.len(),
            },
            Content::Audio(audio) => size_of_val(&*audio.samples),
            Content::Mesh(mesh) => {
                size_of_val(&*mesh.vertices) + size_of_val(&*mesh.faces) + size_of_val(&*mesh.colors)
            }
            Content::Graph(graph) => size_of_val(&*graph.nodes),
            Content::Artifact(path) => path.as_os_str().len(),
            Content::Table(table) => table.rows.iter().flatten().map(String::len).sum(),
        }
    }

    /// Passes it to a logger.
    pub(super) fn show(&self, logger: &mut dyn Logger, position: LogPosition) -> Result<()> {
        let Self { name, content } = self;
        match content {
            Content::Text(text) => call("log_text", || logger.log_text(name, text, position)),
            Content::Image(image) => call("log_image", || logger.log_image(name, &image.borrow(), position)),
            Content::Histogram(histogram) => call("log_histogram", || logger.log_histogram(name, histogram, position)),
            Content::Figure(figure) => call("log_figure", || logger.log_figure(name, figure.borrow(), position)),
            Content::Audio(audio) => call("log_audio", || logger.log_audio(name, audio, position)),
            Content::Mesh(mesh) => call("log_mesh", || logger.log_mesh(name, mesh, position)),
            Content::Graph(graph) => call("log_graph", || logger.log_graph(graph, position)),
            Content::Artifact(path) => call("log_artifact", || logger.log_artifact(name, path, position)),
            Content::Table(table) => call("log_table", || logger.log_table(name, table, position)),
        }
    }
}
