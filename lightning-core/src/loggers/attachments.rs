//! Texts, images, histograms and figures as files next to the metrics of a run.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Figure, Histogram, ImageView, LogPosition};
use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// Writes one text to `texts/<name>/<position>.txt`.
pub(super) fn write_text(folder: &Path, name: &str, text: &str, position: LogPosition) -> Result<()> {
    write(&path(folder, "texts", name, position, "txt"), text.as_bytes())
}

/// Writes one image to `images/<name>/<position>.png`.
pub(super) fn write_image(folder: &Path, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
    write(&path(folder, "images", name, position, "png"), &image.to_png()?)
}

/// Writes one histogram to `histograms/<name>/<position>.json`.
pub(super) fn write_histogram(folder: &Path, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
    let Histogram { edges, counts, non_finite, sum, sum_of_squares } = histogram;
    let histogram = json!({
        "edges": edges,
        "counts": counts,
        "non_finite": non_finite,
        "sum": sum,
        "sum_of_squares": sum_of_squares,
    });
    write(&path(folder, "histograms", name, position, "json"), format!("{histogram:#}\n").as_bytes())
}

/// Writes one figure to `figures/<name>/<position>.svg`, `.png` or `.html`.
pub(super) fn write_figure(folder: &Path, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
    let (extension, bytes) = match figure {
        Figure::Svg(text) => ("svg", text.as_bytes()),
        Figure::Png(bytes) => ("png", bytes),
        Figure::Html(text) => ("html", text.as_bytes()),
    };
    write(&path(folder, "figures", name, position, extension), bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
    }
    write_atomic(path, |writer| writer.write_all(bytes))
}

/// Returns the path of an attachment.
///
/// It depends on the position alone, so that a resumed run overwrites the files it writes again.
fn path(folder: &Path, kind: &str, name: &str, position: LogPosition, extension: &str) -> PathBuf {
    let LogPosition { stage, epoch, batch, batch_step, global_step: _ } = position;
    let batch = batch.map(|batch| format!("-batch={batch}")).unwrap_or_default();
    let mut path = folder.join(kind);
    path.extend(name.split(['/', '\\']).map(plain).filter(|part| !part.is_empty()));
    path.push(format!("{}-epoch={epoch}{batch}-step={batch_step}.{extension}", stage.name()));
    path
}

/// Turns a part of a name into the name of a folder that cannot point outside its parent.
fn plain(part: &str) -> String {
    let kept = part.trim().trim_matches('.');
    kept.chars().map(|c| if c.is_alphanumeric() || " ._-=+@".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn a_name_stays_below_its_folder() {
        let at = LogPosition::new(Stage::Validate, 3, None, 40, 20);
        let file = |name| path(Path::new("run"), "texts", name, at, "txt");
        assert_eq!(file("val/sample"), Path::new("run/texts/val/sample/validate-epoch=3-step=40.txt"));
        for name in ["../../etc/x", "/etc/x", "..\\etc\\x", "a:b/x"] {
            let path = file(name);
            assert!(path.starts_with("run/texts") && !path.to_string_lossy().contains(".."), "{}", path.display());
        }
        let batch = path(Path::new("run"), "images", "x", LogPosition { batch: Some(7), ..at }, "png");
        assert_eq!(batch, Path::new("run/images/x/validate-epoch=3-batch=7-step=40.png"));
    }

    #[test]
    fn every_kind_is_a_file_that_can_be_opened() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let at = LogPosition::new(Stage::Fit, 0, Some(1), 2, 2);
        write_text(folder.path(), "t", "two\nlines", at)?;
        write_image(folder.path(), "i", &ImageView::new(1, 1, 1, &[9])?, at)?;
        write_histogram(folder.path(), "h", &Histogram::of([1.0, f64::NAN], 1), at)?;
        write_figure(folder.path(), "f", Figure::Svg("<svg/>"), at)?;
        let read = |path: &str, extension: &str| {
            fs::read(folder.path().join(format!("{path}/fit-epoch=0-batch=1-step=2.{extension}")))
        };
        assert_eq!(read("texts/t", "txt")?, b"two\nlines");
        assert!(read("images/i", "png")?.starts_with(b"\x89PNG"));
        let histogram: serde_json::Value = serde_json::from_slice(&read("histograms/h", "json")?)?;
        assert_eq!((&histogram["counts"], &histogram["non_finite"]), (&json!([1]), &json!(1)));
        assert_eq!(read("figures/f", "svg")?, b"<svg/>");
        Ok(())
    }
}
