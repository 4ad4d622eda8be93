//! Texts, images, histograms, figures and so on as files next to the metrics of a run.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

#[cfg(any(feature = "csv", feature = "mlflow"))]
use serde_json::json;
use twox_hash::XxHash3_128;

#[cfg(any(feature = "csv", feature = "mlflow"))]
use super::{Audio, Histogram, ImageView, Mesh, Table};
use super::{Figure, LogPosition};
use crate::{
    error::{Error, Result},
    os::files::write_atomic,
};

/// Writes one text to `texts/<name>/<position>.txt`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_text(folder: &Path, name: &str, text: &str, position: LogPosition) -> Result<PathBuf> {
    write(path(folder, "texts", name, position, "txt"), text.as_bytes())
}

/// Writes one image to `images/<name>/<position>.png`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_image(folder: &Path, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<PathBuf> {
    write(path(folder, "images", name, position, "png"), &image.to_png()?)
}

/// Writes one histogram to `histograms/<name>/<position>.json`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_histogram(
    folder: &Path,
    name: &str,
    histogram: &Histogram,
    position: LogPosition,
) -> Result<PathBuf> {
    let Histogram { edges, counts, non_finite, sum, sum_of_squares } = histogram;
    let histogram = json!({
        "edges": edges,
        "counts": counts,
        "non_finite": non_finite,
        "sum": sum,
        "sum_of_squares": sum_of_squares,
    });
    write(path(folder, "histograms", name, position, "json"), format!("{histogram:#}\n").as_bytes())
}

/// Writes one figure to `figures/<name>/<position>.svg`, `.png` or `.html`. Returns the path.
pub(super) fn write_figure(folder: &Path, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<PathBuf> {
    let (extension, bytes) = match figure {
        Figure::Svg(text) => ("svg", text.as_bytes()),
        Figure::Png(bytes) => ("png", bytes),
        Figure::Html(text) => ("html", text.as_bytes()),
    };
    write(path(folder, "figures", name, position, extension), bytes)
}

/// Writes one sound to `audio/<name>/<position>.wav`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_audio(folder: &Path, name: &str, audio: &Audio, position: LogPosition) -> Result<PathBuf> {
    write(path(folder, "audio", name, position, "wav"), &audio.to_wav()?)
}

/// Writes one mesh to `meshes/<name>/<position>.obj`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_mesh(folder: &Path, name: &str, mesh: &Mesh, position: LogPosition) -> Result<PathBuf> {
    write(path(folder, "meshes", name, position, "obj"), mesh.to_obj()?.as_bytes())
}

/// Writes one table to `tables/<name>/<position>.csv`.
#[cfg(any(feature = "csv", feature = "mlflow"))]
pub(super) fn write_table(folder: &Path, name: &str, table: &Table, position: LogPosition) -> Result<PathBuf> {
    write(path(folder, "tables", name, position, "csv"), table.to_csv().as_bytes())
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, error))?;
    }
    write_atomic(&path, |writer| writer.write_all(bytes)).map(|()| path)
}

/// Returns the path of an attachment.
///
/// It depends on the position alone, so that a resumed run overwrites the files it writes again.
fn path(folder: &Path, kind: &str, name: &str, position: LogPosition, extension: &str) -> PathBuf {
    let LogPosition { stage, epoch, batch, batch_step, global_step: _ } = position;
    let batch = batch.map(|batch| format!("-batch={batch}")).unwrap_or_default();
    let mut path = folder.join(kind);
    path.extend(folders(name));
    path.push(format!("{}-epoch={epoch}{batch}-step={batch_step}.{extension}", stage.name()));
    path
}

/// The longest name of a folder, in bytes; common file systems have 255.
const LONGEST_PART: usize = 200;

/// The longest path of a name, in bytes; Linux has 4096 for a whole path.
const LONGEST_NAME: usize = 1000;

/// Returns the folders of a name. Different names have different folders.
fn folders(name: &str) -> Vec<String> {
    let parts: Vec<String> = name.split('/').map(|part| shortened(encoded(part), part, LONGEST_PART)).collect();
    if parts.iter().map(|part| part.len() + 1).sum::<usize>() <= LONGEST_NAME {
        return parts;
    }
    vec![shortened(parts.concat(), name, LONGEST_PART)]
}

/// Encodes a part of a name as the name of a folder that cannot point outside its parent.
///
/// Characters that a file system may reject, and dots and spaces at either end, are written as `%`
/// and two hexadecimal digits for each byte, as in URLs; an empty part is `%`.
fn encoded(part: &str) -> String {
    let is_edge = |c: char| c == '.' || c.is_whitespace();
    let inside = part.len() - part.trim_start_matches(is_edge).len()..part.trim_end_matches(is_edge).len();
    let mut text = String::with_capacity(part.len());
    for (at, c) in part.char_indices() {
        if c.is_alphanumeric() || "_-=+@".contains(c) || (" .".contains(c) && inside.contains(&at)) {
            text.push(c);
        } else {
            text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    if text.is_empty() { "%".to_owned() } else { text }
}

/// Cuts a text that is longer than `longest` bytes, and makes it unique with a hash of `whole`.
fn shortened(text: String, whole: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text;
    }
    // `~` is in no other name: `encoded` replaces it.
    let hash = format!("~{:032x}", XxHash3_128::oneshot(whole.as_bytes()));
    let kept = text.floor_char_boundary(longest - hash.len());
    let start = text.get(..kept).unwrap_or_default();
    // An encoded character is kept whole or left out.
    let start = match start.rfind('%') {
        Some(at) if start.len() - at < 3 => start.get(..at).unwrap_or_default(),
        _ => start,
    };
    format!("{start}{hash}")
}

#[cfg(all(test, feature = "csv"))]
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
        assert_eq!(file("a b.c_d-e=f+g@ü/2"), Path::new("run/texts/a b.c_d-e=f+g@ü/2/validate-epoch=3-step=40.txt"));
        let batch = path(Path::new("run"), "images", "x", LogPosition { batch: Some(7), ..at }, "png");
        assert_eq!(batch, Path::new("run/images/x/validate-epoch=3-batch=7-step=40.png"));
    }

    #[test]
    fn different_names_have_different_folders() {
        let long = "x".repeat(400);
        let longer = format!("{long}y");
        let deep = "deep/".repeat(1000);
        let wide = "ü:".repeat(200);
        let names = [
            "a:b",
            "a_b",
            "a?b",
            "a%b",
            "a%3Ab",
            "a/b",
            "/a/b",
            "a//b",
            "a/b/",
            "a\\b",
            "a b",
            " a b",
            "a b ",
            ".a",
            "a.",
            "a",
            "..",
            ".",
            "",
            "/",
            " ",
            "a\nb",
            "a\tb",
            "a~b",
            "a*b",
            "a\u{301}",
            &long,
            &longer,
            &deep,
            &wide,
            &wide[2..],
        ];
        let paths: std::collections::BTreeSet<_> = names.iter().map(|name| folders(name)).collect();
        assert_eq!(paths.len(), names.len(), "{paths:#?}");
        for parts in paths {
            for part in &parts {
                let is_plain = part.chars().all(|c| c.is_alphanumeric() || " ._-=+@%~".contains(c));
                assert!(is_plain && part.len() <= LONGEST_PART && !part.starts_with('.'), "{part}");
            }
            assert!(parts.join("/").len() <= LONGEST_NAME);
        }
        assert_eq!(folders("a:b"), ["a%3Ab"]);
        assert_eq!(folders("../x"), ["%2E%2E", "x"]);
        assert!(folders(&long)[0].starts_with("xxxx"));
    }

    #[test]
    fn names_that_look_alike_and_long_names_are_written() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let at = LogPosition::new(Stage::Fit, 0, None, 2, 2);
        let long = "n".repeat(400);
        for name in ["a:b", "a_b", &long, &"ü/".repeat(2000)] {
            write_text(folder.path(), name, name, at)?;
        }
        for name in ["a:b", "a_b", &long] {
            assert_eq!(fs::read_to_string(path(folder.path(), "texts", name, at, "txt"))?, name);
        }
        Ok(())
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
