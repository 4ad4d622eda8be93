//! The printed tables: the model summary, the results of an evaluation, and the profile.

#[cfg(test)]
mod tests;

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, Table, presets};

use super::wrap::{Stream, wrapped};
use crate::stage::Stage;
pub(crate) use crate::text::{count_text, format_metric, listed};
use crate::text::{significant, thousands};

/// One module of a model summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SummaryRow<'a> {
    /// The path, such as `net.conv1`.
    pub(crate) name: &'a str,
    /// The type, such as `Linear`.
    pub(crate) type_name: &'a str,
    /// The shapes of what it takes and returns; the columns are left out if no row has any.
    pub(crate) sizes: Option<(&'a [usize], &'a [usize])>,
    /// The number of parameters.
    pub(crate) params: u64,
    /// The number of parameters that the optimizer updates.
    pub(crate) trainable: u64,
    /// The memory that all of them take, in bytes.
    pub(crate) bytes: u64,
    /// The multiply-adds of a forward pass; the column is left out with the shapes.
    pub(crate) multiply_adds: Option<u64>,
}

/// Returns the summary of a model, at most as wide as the terminal. The total is not the sum of the
/// rows, which may be nested.
pub(crate) fn summary_table(rows: &[SummaryRow<'_>], total: &SummaryRow<'_>) -> String {
    summary_table_within(rows, total, width_of(Stream::Err))
}

fn summary_table_within(rows: &[SummaryRow<'_>], total: &SummaryRow<'_>, width: Option<u16>) -> String {
    if rows.is_empty() {
        return totals_text(total).trim_start_matches('\n').to_owned();
    }
    let has_sizes = rows.iter().any(|row| row.sizes.is_some());
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let mut table = table(width);
    let header = ["", "Name", "Type", "Input", "Output", "Params", "Multiply-adds", "Mode"];
    let is_shown = |name: &&str| has_sizes || !["Input", "Output", "Multiply-adds"].contains(name);
    table.set_header(header.into_iter().filter(is_shown).map(|name| match name {
        "Params" | "Multiply-adds" => right(name.to_owned()),
        _ => Cell::new(name),
    }));
    for (number, row) in rows.iter().enumerate() {
        let SummaryRow { name, type_name, sizes, params, trainable, multiply_adds, .. } = *row;
        let mut cells = vec![Cell::new(number), Cell::new(name), Cell::new(type_name)];
        if has_sizes {
            let (input, output) = sizes.unwrap_or_default();
            cells.extend([input, output].map(|shape| Cell::new(shape_text(shape))));
        }
        cells.push(right(params_text(params, trainable)));
        if has_sizes {
            let count = multiply_adds.filter(|count| *count > 0);
            cells.push(right(count.map_or_else(|| "-".to_owned(), count_text)));
        }
        cells.push(Cell::new(if trainable > 0 { "train" } else { "frozen" }));
        table.add_row(cells);
    }
    format!("{table}{}", totals_text(total))
}

fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() { "-".to_owned() } else { format!("{shape:?}") }
}

/// Formats a number of parameters, with those that are trained if that is a part of them.
fn params_text(params: u64, trainable: u64) -> String {
    let all = count_text(params);
    if trainable == 0 || trainable == params {
        return all;
    }
    format!("{all} ({} trainable)", count_text(trainable))
}

/// Returns the lines below a model summary.
fn totals_text(total: &SummaryRow<'_>) -> String {
    let SummaryRow { params, trainable, bytes, multiply_adds, .. } = *total;
    let mut lines = vec![
        (thousands(trainable), "trainable params"),
        (thousands(params.saturating_sub(trainable)), "non-trainable params"),
        (thousands(params), "total params"),
        (format!("{:.3}", bytes as f64 / 1e6), "MB estimated size of the params"),
    ];
    lines.extend(multiply_adds.map(|count| (thousands(count), "multiply-adds in a forward pass")));
    let widest = lines.iter().map(|(number, _)| number.len()).max().unwrap_or(0);
    lines.iter().map(|(number, what)| format!("\n{number:>widest$}  {what}")).collect()
}

/// Returns the results of a stage, at most as wide as the terminal of standard output. Values that
/// are not finite are marked.
pub(crate) fn results_table(stage: Stage, rows: &[(String, f64)], footnote: Option<&str>) -> String {
    results_table_within(stage, rows, footnote, width_of(Stream::Out))
}

fn results_table_within(stage: Stage, rows: &[(String, f64)], footnote: Option<&str>, width: Option<u16>) -> String {
    let mut table = table(width);
    let metric = match stage {
        Stage::Fit => "Training metric",
        Stage::Validate => "Validation metric",
        Stage::Test => "Test metric",
        Stage::Predict => "Prediction metric",
    };
    table.set_header([metric, "Value"]);
    for (name, value) in rows {
        let note = match value {
            value if value.is_nan() => "  <- not a number",
            value if value.is_infinite() => "  <- not finite",
            _ => "",
        };
        table.add_row([Cell::new(name), Cell::new(format!("{}{note}", significant(*value, 6)))]);
    }
    if rows.is_empty() {
        table.add_row(["(nothing was logged)", ""]);
    }
    match footnote {
        Some(footnote) => format!("{table}\n{}", wrapped(footnote, width.map(usize::from))),
        None => table.to_string(),
    }
}

/// Returns a table of names and right-aligned numbers, at most as wide as the terminal.
pub(crate) fn figures_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = table(width_of(Stream::Err));
    let cells = |row: [&str; N]| -> Vec<Cell> {
        let cell = |(column, text)| match column {
            0 => Cell::new(text),
            _ => Cell::new(text).set_alignment(CellAlignment::Right),
        };
        row.into_iter().enumerate().map(cell).collect()
    };
    table.set_header(cells(header));
    for row in rows {
        table.add_row(cells(row.each_ref().map(String::as_str)));
    }
    table.to_string()
}

/// Returns an empty table in the style of all tables.
fn table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    let line = ContentLineStyle::new('│', '│', '│');
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners().header_lines(line).content_lines(line));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// Returns the width of the terminal in columns; `None`, for any width, in a file or pipe.
fn width_of(stream: Stream) -> Option<u16> {
    stream.width().map(|columns| u16::try_from(columns).unwrap_or(u16::MAX))
}
