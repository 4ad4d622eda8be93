//! Tables for people: the model summary, the results of an evaluation, and how numbers are written in them.

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, Table, presets};

use crate::stage::Stage;

/// One module of a model summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SummaryRow {
    /// Its path, as in `net.conv1`.
    pub(crate) name: String,
    /// What it is, as in `Linear`.
    pub(crate) type_name: String,
    /// The shapes of its parameters; the column is left out when no row has one.
    pub(crate) shape: String,
    /// All parameters.
    pub(crate) params: u64,
    /// Those that the optimizer changes.
    pub(crate) trainable: u64,
    /// `train`, `eval` or `frozen`.
    pub(crate) mode: &'static str,
}

/// What stands below the rows of a model summary. Rows may be nested in each other, so it is not their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SummaryTotals {
    /// Parameters that the optimizer changes.
    pub(crate) trainable: u64,
    /// Parameters that it does not.
    pub(crate) frozen: u64,
    /// What all of them take in memory.
    pub(crate) bytes: u64,
}

/// The summary of a model, as wide as the terminal at most.
pub(crate) fn summary_table(rows: &[SummaryRow], totals: SummaryTotals) -> String {
    summary_table_within(rows, totals, terminal_width())
}

fn summary_table_within(rows: &[SummaryRow], totals: SummaryTotals, width: Option<u16>) -> String {
    let shapes = rows.iter().any(|row| !row.shape.is_empty());
    let cells = |row: [Cell; 6]| {
        let [number, name, type_name, shape, params, mode] = row;
        let mut cells = vec![number, name, type_name];
        cells.extend(shapes.then_some(shape));
        cells.extend([params.set_alignment(CellAlignment::Right), mode]);
        cells
    };
    let mut table = table(width);
    table.set_header(cells(["", "Name", "Type", "Shape", "Params", "Mode"].map(Cell::new)));
    for (number, row) in rows.iter().enumerate() {
        let SummaryRow { name, type_name, shape, params, trainable, mode } = row;
        let count = match *trainable {
            0 => count_text(*params),
            trainable if trainable == *params => count_text(*params),
            trainable => format!("{} ({} trainable)", count_text(*params), count_text(trainable)),
        };
        table.add_row(cells([
            Cell::new(number),
            Cell::new(name),
            Cell::new(type_name),
            Cell::new(shape),
            Cell::new(count),
            Cell::new(mode),
        ]));
    }
    let SummaryTotals { trainable, frozen, bytes } = totals;
    let lines = [
        (thousands(trainable), "trainable params"),
        (thousands(frozen), "non-trainable params"),
        (thousands(trainable.saturating_add(frozen)), "total params"),
        (format!("{:.3}", bytes as f64 / 1e6), "MB estimated size of the params"),
    ];
    let widest = lines.iter().map(|(number, _)| number.len()).max().unwrap_or(0);
    let mut text = table.to_string();
    for (number, what) in lines {
        text.push_str(&format!("\n{number:>widest$}  {what}"));
    }
    text
}

/// The results of `validate`, `test` or any other stage, as wide as the terminal at most. A value that is no number is marked.
pub(crate) fn results_table(stage: Stage, rows: &[(String, f64)], footnote: Option<&str>) -> String {
    results_table_within(stage, rows, footnote, terminal_width())
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
        Some(footnote) => format!("{table}\n{footnote}"),
        None => table.to_string(),
    }
}

/// Names with figures, which stand at the right, as wide as the terminal at most.
pub(crate) fn figures_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = table(terminal_width());
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

/// Names in a sentence; the rest of many are counted.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        text.push(format!("{} more", names.len() - SHOWN));
    }
    if text.is_empty() { "none".to_owned() } else { text.join(", ") }
}

/// A metric for a narrow place: at least three digits that mean something, three decimals from 0.1 on, an exponent for what is very
/// small or large.
pub(crate) fn format_metric(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || (0.1..1e6).contains(&size) => format!("{value:.3}"),
        _ => significant(value, 3),
    }
}

/// So many significant digits, without the zeros at the end of a fraction.
fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0".to_owned() } else { format!("{value:?}") };
    }
    let digits = digits.max(1);
    // The exponent comes from the rounded number: 0.9999996 is 1.00000.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    format!("{}e{exponent}", without_zeros(mantissa))
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A count in at most four characters and a letter, as PyTorch Lightning writes it: 999, 1.2 K, 12.3 K, 123 K, 1.2 M.
pub(crate) fn count_text(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["", " K", " M", " B"] {
        // Rounding may carry over: 999,999 is 1.0 M, not 1000 K.
        let rounded = if unit.is_empty() || value >= 99.95 { value.round() } else { (value * 10.0).round() / 10.0 };
        if rounded < 1000.0 {
            let decimals = usize::from(!unit.is_empty() && rounded < 100.0);
            return format!("{rounded:.decimals$}{unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} T")
}

/// A count with a comma between groups of three digits.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    let line = ContentLineStyle::new('│', '│', '│');
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners().header_lines(line).content_lines(line));
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// How wide the terminal is; `None`, and so no limit, in a file or pipe.
fn terminal_width() -> Option<u16> {
    let terminal = console::Term::stderr();
    if !terminal.is_term() {
        return None;
    }
    terminal.size_checked().map(|(_, columns)| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, type_name: &str, params: u64, trainable: u64, mode: &'static str) -> SummaryRow {
        SummaryRow {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            shape: String::new(),
            params,
            trainable,
            mode,
        }
    }

    #[test]
    fn a_summary_lists_modules_and_totals() {
        let rows = [
            row("backbone", "ResNet", 11_176_512, 0, "frozen"),
            row("neck", "Mlp", 2_000, 500, "train"),
            row("head", "Linear", 650, 650, "train"),
        ];
        let totals = SummaryTotals { trainable: 1_150, frozen: 11_178_012, bytes: 44_716_648 };
        let expected = "\
╭───┬──────────┬────────┬───────────────────────┬────────╮
│   │ Name     │ Type   │                Params │ Mode   │
╞═══╪══════════╪════════╪═══════════════════════╪════════╡
│ 0 │ backbone │ ResNet │                11.2 M │ frozen │
│ 1 │ neck     │ Mlp    │ 2.0 K (500 trainable) │ train  │
│ 2 │ head     │ Linear │                   650 │ train  │
╰───┴──────────┴────────┴───────────────────────┴────────╯
     1,150  trainable params
11,178,012  non-trainable params
11,179,162  total params
    44.717  MB estimated size of the params";
        assert_eq!(summary_table_within(&rows, totals, None), expected);
    }

    #[test]
    fn shapes_are_a_column_when_there_are_any() {
        let mut linear = row("head", "Linear", 650, 650, "train");
        linear.shape = "[64, 10], [10]".to_owned();
        let text = summary_table_within(&[linear], SummaryTotals::default(), None);
        assert!(text.contains("Shape") && text.contains("│ [64, 10], [10] │    650 │"), "{text}");
    }

    #[test]
    fn a_table_keeps_to_the_width_it_is_given() {
        let rows = [row("a_rather_long_name.of_a_module", "SomeVeryLongTypeName<Inner>", 1, 1, "train")];
        let text = summary_table_within(&rows, SummaryTotals::default(), Some(50));
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
    }

    #[test]
    fn results_show_what_is_not_a_number() {
        let rows = [
            ("test_acc".to_owned(), 0.981_234_56),
            ("test_loss".to_owned(), f64::NAN),
            ("test_ppl".to_owned(), f64::INFINITY),
        ];
        let expected = "\
╭─────────────┬──────────────────────╮
│ Test metric │ Value                │
╞═════════════╪══════════════════════╡
│ test_acc    │ 0.981235             │
│ test_loss   │ NaN  <- not a number │
│ test_ppl    │ inf  <- not finite   │
╰─────────────┴──────────────────────╯
weights: last of fit";
        assert_eq!(results_table_within(Stage::Test, &rows, Some("weights: last of fit"), None), expected);
        assert!(results_table(Stage::Validate, &[], None).contains("nothing was logged"));
    }

    #[test]
    fn metrics_are_short_and_say_something() {
        let cases = [
            (0.123_456, "0.123"),
            (12.3, "12.300"),
            (1234.5678, "1234.568"),
            (0.981, "0.981"),
            (1.0, "1.000"),
            (-0.5, "-0.500"),
            (0.0, "0.000"),
            (0.0512, "0.0512"),
            (0.001, "0.001"),
            (1.2e-5, "1.2e-5"),
            (-1.234_5e-8, "-1.23e-8"),
            (1e9, "1000000000"),
            (1.5e20, "1.5e20"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(format_metric(value), text);
        }
    }

    #[test]
    fn significant_digits_are_counted_after_rounding() {
        assert_eq!(significant(0.999_999_6, 6), "1");
        assert_eq!(significant(123_456.7, 6), "123457");
        assert_eq!(significant(1e-4, 6), "0.0001");
        assert_eq!(significant(5e-324, 6), "4.94066e-324");
        assert_eq!(significant(f64::MAX, 6), "1.79769e308");
        assert_eq!(significant(0.0, 6), "0");
    }

    #[test]
    fn counts_are_written_as_in_pytorch_lightning() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.0 K"),
            (1234, "1.2 K"),
            (12_345, "12.3 K"),
            (123_456, "123 K"),
            (999_999, "1.0 M"),
            (99_990, "100 K"),
            (7_000_000_000, "7.0 B"),
            (1_800_000_000_000, "1.8 T"),
        ];
        for (count, text) in cases {
            assert_eq!(count_text(count), text);
        }
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
