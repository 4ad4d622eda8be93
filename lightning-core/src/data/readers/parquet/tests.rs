#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs};

use serde::Deserialize;

use super::*;
use crate::data::EpochOffset;

/// A file that pyarrow has written: `tests/reference/parquet_files.py`.
fn written(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Sex {
    Male,
    Female,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Bill {
    length: f32,
    depth: Option<f32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Bird {
    large: u64,
    tiny: i8,
    island: String,
    mass: Option<f64>,
    year: i32,
    sex: Option<Sex>,
    ringed: bool,
    half: f32,
    embedding: [f32; 3],
    visits: Vec<u8>,
    names: BTreeMap<String, String>,
    bill: Bill,
    price: f64,
    day: i32,
    seen: i64,
    raw: Vec<u8>,
}

fn birds() -> [Bird; 3] {
    let names = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    [
        Bird {
            large: u64::MAX,
            tiny: -128,
            island: "Dream".into(),
            mass: Some(3750.5),
            year: 2007,
            sex: Some(Sex::Male),
            ringed: true,
            half: 1.5,
            embedding: [0.25, -1.0, 2.0],
            visits: vec![1, 2, 3],
            names: names(&[("latin", "Adélie")]),
            bill: Bill { length: 39.1, depth: None },
            price: -12.34,
            day: 10,
            seen: 1_000_500,
            raw: vec![0, 255],
        },
        Bird {
            large: 0,
            tiny: 127,
            island: "Biscoe".into(),
            mass: None,
            year: 2008,
            sex: None,
            ringed: false,
            half: -0.25,
            embedding: [0.0, 0.5, 1.0],
            visits: vec![],
            names: names(&[]),
            bill: Bill { length: 40.0, depth: Some(18.5) },
            price: 99_999_999.99,
            day: -1,
            seen: 86_400_000_000,
            raw: vec![],
        },
        Bird {
            large: 1,
            tiny: 0,
            island: "Torgersen".into(),
            mass: Some(4200.0),
            year: 2009,
            sex: Some(Sex::Female),
            ringed: true,
            half: 0.0,
            embedding: [3.0, 4.0, 5.0],
            visits: vec![7],
            names: names(&[("latin", "x"), ("short", "y")]),
            bill: Bill { length: 38.0, depth: Some(17.0) },
            price: 0.0,
            day: 0,
            seen: 0,
            raw: b"abc".to_vec(),
        },
    ]
}

#[test]
fn rows_of_every_compression() {
    for compression in ["none", "snappy", "gzip", "zstd", "lz4"] {
        let read: Vec<Bird> = rows(written(&format!("birds_{compression}.parquet"))).unwrap();
        assert_eq!(read, birds(), "{compression}");
    }
}

#[test]
fn some_columns_in_another_order() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Few {
        #[serde(rename = "year")]
        when: u64,
        island: String,
    }
    let read: Vec<Few> = rows(written("birds_snappy.parquet")).unwrap();
    assert_eq!(read[1], Few { when: 2008, island: "Biscoe".into() });

    #[derive(Debug, Deserialize, PartialEq)]
    struct Number(f32);
    let error = rows::<(f64,)>(written("birds_none.parquet")).unwrap_err().to_string();
    assert!(error.contains("column `island`: invalid type: string \"Dream\", expected f64"), "{error}");
    let error = rows::<(Number,)>(written("not_a_number.parquet")).unwrap_err().to_string();
    assert!(error.contains("row 2, column `x`: found NaN, expected a finite number"), "{error}");
}

#[test]
fn several_files_are_one_table_and_every_process_has_its_share() {
    let pattern = written("birds_{none,gzip}.parquet");
    let reader = Reader::new(pattern).unwrap();
    assert_eq!(reader.row_count().unwrap(), 6);
    let all = [birds(), birds()].concat();
    assert_eq!(reader.rows::<Bird>().unwrap(), all);
    // Of four processes one has the rows 2 and 6, but the others have no second one.
    assert_eq!(reader.clone().split(1, 4).unwrap().rows::<Bird>().unwrap(), all[1..2]);
    assert_eq!(
        reader.clone().split(1, 2).unwrap().rows::<Bird>().unwrap(),
        [&all[1], &all[3], &all[5]].map(Bird::clone)
    );
    let wrong = reader.split(2, 2).unwrap_err().to_string();
    assert!(wrong.contains("the rank must be less than the world size 2, found 2"), "{wrong}");
}

#[test]
fn a_loader_resumes_at_any_row() {
    let loader = || -> DataLoader<Vec<Bird>> {
        Reader::new(written("birds_{none,gzip}.parquet"))
            .unwrap()
            .loader()
            .batch_size(1)
            .collate(|birds: Vec<Bird>| Ok(birds))
            .build()
            .unwrap()
    };
    let all = [birds(), birds()].concat();
    for batch in 0..6_u8 {
        let offset = EpochOffset { batch: batch.into(), ..EpochOffset::default() };
        let rest: Vec<_> = loader().resume(offset).unwrap().collect::<Result<Vec<_>>>().unwrap().concat();
        assert_eq!(rest, all[usize::from(batch)..]);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Misspelled {
        isle: Option<String>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Whole {
        mass: f32,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inside {
        bill: Depth,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Depth {
        depth: f32,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Small {
        year: u8,
    }
    let path = written("birds_zstd.parquet");
    let told = |error: Error| error.to_string().split_once("birds_zstd.parquet").unwrap().1.to_owned();
    assert_eq!(
        told(rows::<Misspelled>(&path).unwrap_err()),
        "`: there is no column `isle`, the file has `island`, `mass`, `year`, `sex`, `ringed`, `half`, `embedding`, \
         `visits`, `names`, `bill`, `price`, `day`, `seen`, `raw`, `tiny`, `large`; help: rename the field, write \
         `#[serde(rename = \"…\")]`, or add the column"
    );
    assert_eq!(
        told(rows::<Whole>(&path).unwrap_err()),
        "`, row 2, column `mass`: the value is missing; help: make the field an `Option`, or leave the row out of the file"
    );
    assert_eq!(
        told(rows::<Inside>(&path).unwrap_err()),
        "`, row 1, column `bill.depth`: the value is missing; help: make the field an `Option`, or leave the row out of the \
         file"
    );
    assert_eq!(
        told(rows::<Small>(&path).unwrap_err()),
        "`, row 1, column `year`: invalid value: integer `2007`, expected u8"
    );
}

/// A file that ends at any byte, or has any byte changed, is an error or has other values: never a panic.
#[test]
fn damaged_files_are_errors() {
    let whole = fs::read(written("birds_snappy.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("birds.parquet");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = rows::<Bird>(&path).unwrap_err();
        assert_eq!(error.location().path.as_deref(), Some(path.as_path()), "{length}: {error}");
    }
    let mut errors = 0;
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged).unwrap();
        errors += usize::from(rows::<Bird>(&path).is_err());
    }
    assert!(errors > 100, "{errors}");
    let missing = rows::<Bird>(folder.path().join("none.parquet")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot open "), "{missing}");
}
