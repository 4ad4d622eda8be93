#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
enum Sex {
    #[serde(rename = "male")]
    Male,
    #[serde(rename = "female")]
    Female,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Bird {
    island: String,
    mass: Option<f64>,
    year: u16,
    sex: Option<Sex>,
    ringed: bool,
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn csv(&self, text: impl AsRef<[u8]>) -> Reader {
        let path = self.0.path().join("birds.csv");
        std::fs::write(&path, text).unwrap();
        Reader::new(path)
    }
}

/// The message for a file of birds, from the file's name on, and the help.
fn told(text: impl AsRef<[u8]>) -> (String, String) {
    let folder = Folder::new();
    let error = folder.csv(text).missing(["NA", ""]).rows::<Bird>().unwrap_err();
    assert!(error.location().path.is_some());
    let text = error.to_string();
    let (message, help) = text.split_once("; help: ").unwrap_or((&text, ""));
    (message.split_once("birds.csv").unwrap().1.to_owned(), help.to_owned())
}

const HEADER: &str = "year,island,mass,sex,ringed,note\n";

#[test]
fn rows_of_a_struct() {
    let folder = Folder::new();
    let text = format!("\u{feff}{HEADER}2007,Dream,3750.5,male,true,\n\n2008,\"Bis,coe\", NA,NA,0,\"two\nlines\"\n");
    let rows: Vec<Bird> = folder.csv(&text).missing(["NA"]).rows().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0],
        Bird { island: "Dream".into(), mass: Some(3750.5), year: 2007, sex: Some(Sex::Male), ringed: true }
    );
    assert_eq!((rows[1].island.as_str(), rows[1].mass, &rows[1].sex, rows[1].ringed), ("Bis,coe", None, &None, false));
    assert!(folder.csv(HEADER).rows::<Bird>().unwrap().is_empty());
}

#[test]
fn rows_by_position() {
    let folder = Folder::new();
    let numbers = folder.csv("1;2;3\r\n4;5;6").header(false).delimiter(b';');
    assert_eq!(numbers.rows::<[f32; 3]>().unwrap(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(numbers.rows::<Vec<u8>>().unwrap(), [[1, 2, 3], [4, 5, 6]]);
    assert_eq!(numbers.rows::<(i64, String, Option<f64>)>().unwrap()[1], (4, "5".into(), Some(6.0)));
    let few = numbers.rows::<(i64, i64)>().unwrap_err().to_string();
    assert!(few.contains("line 1: the row has 3 cells, expected the 2 of its type"), "{few}");
    let many = numbers.rows::<[i64; 4]>().unwrap_err().to_string();
    assert!(many.contains("birds.csv`, line 1: "), "{many}");
}

#[test]
fn rows_of_any_columns() {
    let folder = Folder::new();
    let rows: Vec<BTreeMap<String, Option<f32>>> = folder.csv("a,b\n1,\n").rows().unwrap();
    assert_eq!(rows[0], BTreeMap::from([("a".to_owned(), Some(1.0)), ("b".to_owned(), None)]));
}

#[test]
fn a_bad_number_is_named_by_line_and_column() {
    let good = format!("{HEADER}2007,Dream,1,male,true,\n");
    assert_eq!(
        told(format!("{good}2007,Dream,3 kg,male,true,\n")).0,
        "`, line 3, column `mass`: `3 kg`, expected a number"
    );
    assert_eq!(
        told(format!("{good}70000,Dream,3,male,true,\n")).0,
        "`, line 3, column `year`: `70000`, expected an integer from 0 to 65535"
    );
    assert_eq!(
        told(format!("{good}2007,Dream,inf,male,true,\n")).0,
        "`, line 3, column `mass`: `inf`, expected a finite number"
    );
    assert_eq!(
        told(format!("{good}2007,Dream,3,male,yes,\n")).0,
        "`, line 3, column `ringed`: `yes`, expected `true` or `false`"
    );
    assert_eq!(
        told(format!("{good}2007,Dream,3,unknown,true,\n")).0,
        "`, line 3, column `sex`: unknown variant `unknown`, expected `male` or `female`"
    );
}

/// Blank lines, line ends of two characters, and quoted line ends before the row in error.
#[test]
fn lines_are_those_of_an_editor() {
    let rows = "2007,Dream,1,male,true,\n\n\n2007,\"D\nr\",1,male,true,\n\nx,Dream,1,male,true,\n";
    let (message, _) = told(format!("{HEADER}{rows}"));
    assert_eq!(message, "`, line 8, column `year`: `x`, expected an integer from 0 to 65535");
    let (message, _) = told(format!("{HEADER}{rows}").replace('\n', "\r\n"));
    assert_eq!(message, "`, line 8, column `year`: `x`, expected an integer from 0 to 65535");
    let (message, _) = told(format!("{HEADER}\n\n1,2\n"));
    assert_eq!(message, "`, line 4: 2 cells, expected 6, as many as the header has");
}

#[test]
fn a_missing_value_needs_an_option() {
    let (message, help) = told(format!("{HEADER}NA,Dream,1,male,true,\n"));
    assert_eq!(message, "`, line 2, column `year`: the value is missing, expected an integer from 0 to 65535");
    assert_eq!(help, "make the field an `Option`, or remove the row from the file");
    assert_eq!(
        told(format!("{HEADER}2007,,1,male,true,\n")).0,
        "`, line 2, column `island`: the value is missing, expected a text"
    );
}

#[test]
fn a_column_that_is_not_there() {
    let (message, help) = told("year,island,weight,sex,ringed\n2007,Dream,1,male,true\n");
    assert_eq!(
        message,
        "`, line 1: there is no column `mass`, the header has `year`, `island`, `weight`, `sex`, `ringed`"
    );
    assert_eq!(help, "rename the field, write `#[serde(rename = \"…\")]`, or add the column");
    assert_eq!(told("a,b,a\n1,2,3\n").0, "`, line 1, column 3: the header names `a` twice");
}

#[test]
fn files_that_are_no_csv() {
    assert_eq!(told("").0, "`: the file is empty, expected a header");
    assert_eq!(told(format!("{HEADER}1,2\n")).0, "`, line 2: 2 cells, expected 6, as many as the header has");
    let latin1 = [HEADER.as_bytes(), b"2007,Dr\xe9am,1,male,true,\n"].concat();
    assert_eq!(told(latin1).0, "`, line 2, column `island`: the text is not UTF-8");
    let error = rows::<Bird>("/nonexistent/birds.csv").unwrap_err();
    assert_eq!(error.message(), "cannot open `/nonexistent/birds.csv`");
}
