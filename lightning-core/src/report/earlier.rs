//! What an earlier process has collected of a run that continues.

use std::path::Path;

use serde_json::Value;

use super::{
    collected::{Collected, FILE, FORMAT, Times},
    curves::{self, Curves},
    images::Images,
    page,
    rate_test::RateTest,
};

/// Takes up the report in the folder, as of the checkpoint that the run continues from.
///
/// The curves are read from `metrics.csv` where there is one, which is complete up to the
/// checkpoint; the page may be older than it. Everything else is in the page.
pub(super) fn take_up(collected: &mut Collected, folder: &Path, (batch_step, records): (u64, u64)) {
    if let Some(data) = page::read(&folder.join(FILE)).filter(|data| data["format"] == FORMAT && data["kind"] == "run")
    {
        restore(collected, &data);
    }
    if let Some(read) = logged(folder) {
        collected.curves = read;
    }
    collected.forget_after(batch_step, records);
}

fn restore(collected: &mut Collected, data: &Value) {
    let count = |name: &str| data[name].as_u64().unwrap_or_default();
    collected.curves = Curves::from_json(&data["curves"]);
    collected.rates = Curves::from_json(&data["rates"]);
    if collected.rate_test.is_none() {
        collected.rate_test = RateTest::from_json(&data["rate_test"]);
    }
    let timing = &data["timing"];
    let seconds = |name: &str| timing[name].as_f64().filter(|seconds| seconds.is_finite()).unwrap_or_default();
    collected.epochs = curves::curve_from_json(&timing["epochs"]).map(|(_, curve)| curve).unwrap_or_default();
    collected.times = Times {
        train: seconds("train"),
        validation: seconds("validation"),
        before: seconds("whole"),
        steps: timing["steps"].as_u64().unwrap_or_default(),
    };
    collected.images = Images::from_json(&data["images"], count("images_left_out"));
    let outputs = &mut collected.outputs;
    for (name, latest) in
        [("histograms", &mut outputs.histograms), ("tables", &mut outputs.tables), ("texts", &mut outputs.texts)]
    {
        latest.take_up(&data[name], data[format!("{name}_left_out")] == true);
    }
    collected.warnings_left_out = count("warnings_left_out");
    let warnings = data["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for warning in warnings {
        collected.warn(warning);
    }
}

/// The curves of `metrics.csv`; `None` without such a file, or if it is damaged.
#[cfg(feature = "csv")]
fn logged(folder: &Path) -> Option<Curves> {
    let path = folder.join("metrics.csv");
    let mut curves = Curves::default();
    path.is_file().then(|| super::rows::read(&path, |record| curves.record(&record)).ok())??;
    Some(curves)
}

#[cfg(not(feature = "csv"))]
fn logged(_folder: &Path) -> Option<Curves> {
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        loggers::{ImageView, LogPosition, Record},
        report::curve::Point,
        stage::Stage,
    };

    #[test]
    fn without_rows_the_page_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Collected::default();
        first.folder.replace(folder.path().to_path_buf());
        for step in 1..=6 {
            let position = LogPosition::new(Stage::Fit, step / 4, Some(step), step, step);
            let metrics = vec![("loss".to_owned(), step as f64)];
            first.curves.record(&Record::new(Stage::Fit, step / 4, Some(step), step, step, metrics));
            first.rates.push("adam", Point::new(position, 1, 0.1));
            first.images.image("i", &ImageView::new(1, 1, 1, &[7]).unwrap(), position);
        }
        first.warn("slow");
        first.times = Times { train: 2.0, validation: 0.5, before: 3.0, steps: 6 };
        first.page().unwrap().write().unwrap();

        let mut second = Collected::default();
        take_up(&mut second, folder.path(), (4, 1));
        let steps = |curves: &Curves| curves.to_json(|_| None, 1.0)[0]["b"].clone();
        assert_eq!((steps(&second.curves), steps(&second.rates)), (json!([1, 1, 1, 1]), json!([1, 1, 1, 1])));
        assert_eq!(second.images.to_json().as_array().unwrap().len(), 4);
        assert_eq!((second.warnings, second.times.before, second.times.steps), (vec!["slow".to_owned()], 3.0, 6));

        // A page that is damaged, or of another kind, is none.
        for text in [
            "",
            "<script type=\"application/json\" id=\"data\">{</script>",
            "<script type=\"application/json\" id=\"data\">[1]</script>",
        ] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let mut third = Collected::default();
            take_up(&mut third, folder.path(), (4, 1));
            assert_eq!(third.curves.to_json(|_| None, 1.0), json!([]));
        }
    }
}
