//! Wrong programs and the full text of their messages: one error for each mistake.

mod fields;
mod imports;
mod items;
mod log_options;
mod logs;
mod names;
mod never_runs;
mod optimizers;
mod signatures;

use expect_test::Expect;

use super::messages;

fn check(source: &str, expected: Expect) {
    expected.assert_eq(&messages(source).join("\n\n"));
    for message in messages(source) {
        let headline = message.lines().next().unwrap_or_default();
        assert!(headline.chars().count() <= 90, "too long: {headline}");
        assert!(!headline.ends_with('.'), "full stop: {headline}");
    }
}
