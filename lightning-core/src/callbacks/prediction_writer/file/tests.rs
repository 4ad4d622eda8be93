use super::*;

fn rows(predictions: Value, per_sample: bool) -> Result<Vec<Row>> {
    let mut file = PredictionFile::json_lines(PathBuf::new());
    file.per_sample = per_sample;
    file.rows(&predictions, &PredictedBatch { dataloader_idx: 1, batch_idx: 3, samples: 6..8 })
}

fn written(format: Format, rows: &[Row]) -> io::Result<String> {
    let mut open = Open::new(Vec::new(), format);
    open.write(rows)?;
    open.out.flush()?;
    Ok(String::from_utf8_lossy(open.out.get_ref()).into_owned())
}

#[test]
fn a_row_for_each_batch_or_sample() {
    let batch = rows(json!([7, 9]), false).expect("fits");
    let samples = rows(json!([7, 9]), true).expect("fits");
    assert_eq!(
        written(Format::JsonLines, &batch).expect("written"),
        "{\"dataloader_idx\":1,\"batch_idx\":3,\"samples\":[6,7],\"prediction\":[7,9]}\n"
    );
    assert_eq!(
        written(Format::JsonLines, &samples).expect("written"),
        "{\"dataloader_idx\":1,\"batch_idx\":3,\"sample\":6,\"prediction\":7}\n\
         {\"dataloader_idx\":1,\"batch_idx\":3,\"sample\":7,\"prediction\":9}\n"
    );
}

#[cfg(feature = "csv")]
#[test]
fn a_csv_row_for_each_batch_or_sample() {
    let batch = rows(json!([7, 9]), false).expect("fits");
    let samples = rows(json!([7, 9]), true).expect("fits");
    assert_eq!(
        written(Format::Csv, &samples).expect("written"),
        "dataloader_idx,batch_idx,sample,prediction\n1,3,6,7\n1,3,7,9\n"
    );
    assert_eq!(
        written(Format::Csv, &batch).expect("written"),
        "dataloader_idx,batch_idx,samples,prediction\n1,3,\"[6,7]\",\"[7,9]\"\n"
    );
}

#[cfg(feature = "csv")]
#[test]
fn fields_become_columns() {
    let rows = rows(json!([{ "class": 2, "name": "a \"b\"" }, { "class": null, "name": "c,d" }]), true).expect("fits");
    assert_eq!(
        written(Format::Csv, &rows).expect("written"),
        "dataloader_idx,batch_idx,sample,class,name\n1,3,6,2,\"a \"\"b\"\"\"\n1,3,7,,\"c,d\"\n"
    );
}

#[cfg(feature = "csv")]
#[test]
fn other_fields_halfway_are_an_error() {
    let rows = rows(json!([{ "class": 2 }, { "score": 1.0 }]), true).expect("fits");
    let error = at(Path::new("p.csv"), written(Format::Csv, &rows).expect_err("columns are fixed"));
    assert!(error.to_string().contains("json_lines"), "{error}");
    assert!(error.to_string().contains("p.csv"), "{error}");
}

#[test]
fn a_prediction_that_is_not_one_for_each_sample_is_an_error() {
    for (prediction, found) in [(json!([1, 2, 3]), "found a list of 3"), (json!({ "all": 1 }), "found a map")] {
        let error = rows(prediction, true).expect_err("two samples");
        assert!(error.to_string().contains(found), "{error}");
    }
}
