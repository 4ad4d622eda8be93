//! Tables and numbers as they are printed.

use super::*;
use crate::text::{significant, thousands};

fn row<'a>(name: &'a str, type_name: &'a str, params: u64, trainable: u64) -> SummaryRow<'a> {
    SummaryRow { name, type_name, params, trainable, ..SummaryRow::default() }
}

#[test]
fn a_summary_lists_modules_and_totals() {
    let rows =
        [row("backbone", "ResNet", 11_176_512, 0), row("neck", "Mlp", 2_000, 500), row("head", "Linear", 650, 650)];
    let total = SummaryRow { bytes: 44_716_648, ..row("", "", 11_179_162, 1_150) };
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
    assert_eq!(summary_table_within(&rows, &total, None), expected);
    let totals = summary_table_within(&[], &total, None);
    assert!(totals.starts_with("     1,150  trainable params\n"), "{totals}");
}

#[test]
fn shapes_and_costs_are_columns_when_there_are_any() {
    let costs = |input, output, count| SummaryRow {
        sizes: Some((input, output)),
        multiply_adds: Some(count),
        ..row("head", "Linear", 650, 650)
    };
    let rows = [costs(&[64, 64], &[64, 10], 40_960), costs(&[], &[], 0)];
    let expected = "\
╭───┬──────┬────────┬──────────┬──────────┬────────┬───────────────┬───────╮
│   │ Name │ Type   │ Input    │ Output   │ Params │ Multiply-adds │ Mode  │
╞═══╪══════╪════════╪══════════╪══════════╪════════╪═══════════════╪═══════╡
│ 0 │ head │ Linear │ [64, 64] │ [64, 10] │    650 │        41.0 K │ train │
│ 1 │ head │ Linear │ -        │ -        │    650 │             - │ train │
╰───┴──────┴────────┴──────────┴──────────┴────────┴───────────────┴───────╯
   650  trainable params
     0  non-trainable params
   650  total params
 0.003  MB estimated size of the params
40,960  multiply-adds in a forward pass";
    assert_eq!(summary_table_within(&rows, &SummaryRow { bytes: 2_600, ..rows[0] }, None), expected);
}

#[test]
fn a_table_keeps_to_the_width_it_is_given() {
    let rows = [row("a_rather_long_name.of_a_module", "SomeVeryLongTypeName<Inner>", 1, 1)];
    let text = summary_table_within(&rows, &SummaryRow::default(), Some(50));
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
