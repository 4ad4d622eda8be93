//! The pages: a template, a style sheet, a script, and the data between them.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{error::Result, os::files::write_atomic};

const TEMPLATE: &str = include_str!("page/template.html");
const STYLE: &str = include_str!("page/report.css");
const BASE: &str = include_str!("page/base.js");
const CHART: &str = include_str!("page/chart.js");
const OUTPUTS: &str = include_str!("page/outputs.js");
const GRAPH: &str = include_str!("page/graph.js");
const RATES: &str = include_str!("page/rates.js");
const RUN: &str = include_str!("page/run.js");
#[cfg(feature = "csv")]
const COMPARE: &str = include_str!("page/compare.js");
const SEARCH: &str = include_str!("page/search.js");

/// What surrounds the data in a page.
const DATA: (&str, &str) = ("<script type=\"application/json\" id=\"data\">", "</script>");

/// Reads the page again after ten seconds. Only in the file of a run that has not ended.
const REFRESH: &str = "<script>setTimeout(() => location.reload(), 10000)</script>\n";

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One run.
    Run,
    /// The trials of a study.
    Search,
    /// All runs of a folder.
    #[cfg(feature = "csv")]
    Compare,
}

/// A page and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    pub(crate) title: String,
    pub(crate) data: Value,
    /// Whether its run has not ended.
    pub(crate) is_running: bool,
}

impl Page {
    /// Writes the page atomically.
    ///
    /// # Errors
    /// If it cannot be written. The error names the path.
    pub(crate) fn write(&self) -> Result<()> {
        let Self { kind, path, title, data, is_running } = self;
        write_atomic(path, |file| render(file, *kind, title, data, *is_running))
    }
}

fn render(out: &mut impl Write, kind: Kind, title: &str, data: &Value, is_running: bool) -> io::Result<()> {
    let mut rest = TEMPLATE;
    // In the order of the template. What is filled in is not searched for placeholders.
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.write_all(before.as_bytes())?;
        match name {
            "title" => out.write_all(escaped(title).as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "data" => out.write_all(embedded(data).as_bytes())?,
            "script" => {
                let own: &[&str] = match kind {
                    Kind::Run => &[OUTPUTS, GRAPH, RATES, RUN],
                    Kind::Search => &[SEARCH],
                    #[cfg(feature = "csv")]
                    Kind::Compare => &[COMPARE],
                };
                [BASE, CHART].iter().chain(own).try_for_each(|script| out.write_all(script.as_bytes()))?;
            }
            "refresh" if is_running => out.write_all(REFRESH.as_bytes())?,
            _ => {}
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// JSON that can stand in a `script` element: a `<` occurs in strings only, and may not start an
/// end tag.
fn embedded(data: &Value) -> String {
    data.to_string().replace('<', "\\u003c")
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the data of a page; `None` without a file, or if it is no such page.
pub(super) fn read(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    let (_, after) = text.split_once(DATA.0)?;
    let (data, _) = after.split_once(DATA.1)?;
    serde_json::from_str(data).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_and_titles_cannot_leave_their_elements() {
        let evil = "</script><script>alert(1)</script><!-- {{style}} & \u{2028} \"'";
        let mut page = Vec::new();
        let data = json!({"name": evil});
        assert!(render(&mut page, Kind::Run, evil, &data, true).is_ok());
        let page = String::from_utf8(page).unwrap_or_default();
        assert!(!page.contains("alert(1)</script>"), "an end tag of the data");
        assert!(page.contains(
            "<title>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- {{style}} &amp; \u{2028} \"'</title>"
        ));
        // The data, the page's script, and the one that reads it again.
        assert_eq!(page.matches("</script>").count(), 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        assert!(read(&path).is_none());
        fs::write(&path, page).unwrap();
        assert_eq!(read(&path), Some(data));
    }

    #[test]
    fn a_page_is_read_again_only_while_its_run_goes() {
        let page = |is_running| {
            let mut page = Vec::new();
            assert!(render(&mut page, Kind::Run, "t", &json!({}), is_running).is_ok());
            String::from_utf8(page).unwrap_or_default()
        };
        assert!(page(true).contains("location.reload()"));
        assert!(!page(false).contains("location.reload()"));
        for page in [page(true), page(false)] {
            let addresses = page.matches("http").count() - page.matches("http-equiv").count();
            // The name of the SVG elements' namespace, which nothing fetches.
            assert_eq!(addresses, page.matches("\"http://www.w3.org/2000/svg\"").count());
        }
    }
}
