use super::*;

fn name(template: &str, names: FieldNames, values: &[(&str, Shown)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    Template::parse(template).unwrap().fill(names, value)
}

/// MC18, the numbers of PyTorch Lightning's own test.
#[test]
fn mc18_names() {
    use Shown::{Integer, Number};
    assert_eq!(name(DEFAULT, FieldNames::Shown, &[("epoch", Integer(3)), ("step", Integer(2))]), "epoch=3-step=2");
    let values = [("epoch", Integer(3)), ("acc", Number(0.03)), ("epoch_test", Integer(3))];
    assert_eq!(name("{epoch:03d}-{acc}", FieldNames::Shown, &values), "epoch=003-acc=0.03");
    assert_eq!(name("{epoch:03d}-{epoch_test:03d}", FieldNames::Shown, &values), "epoch=003-epoch_test=003");
    assert_eq!(versioned("name", 3), "name-v3.ckpt");
    assert_eq!(versioned("name", 0), "name.ckpt");
    let values = [("epoch", Integer(3)), ("val/acc", Number(0.03))];
    assert_eq!(name("epoch={epoch:03d}-val_acc={val/acc}", FieldNames::Hidden, &values), "epoch=003-val_acc=0.03");
    let values = [("val/mAP@0.50", Number(0.2))];
    assert_eq!(name("mAP@0.50={val/mAP@0.50:.4f}", FieldNames::Hidden, &values), "mAP@0.50=0.2000");
}

/// Expected texts: Python's `format`.
#[test]
fn numbers_as_python_formats_them() {
    let cases: [(&str, f64, &str); 9] = [
        ("{x:.2f}", 0.126, "0.13"),
        ("{x:08.3f}", -1.5, "-001.500"),
        ("{x:.1e}", 0.00012345, "1.2e-04"),
        ("{x:e}", 12345.0, "1.234500e+04"),
        ("{x:.1%}", 0.9876, "98.8%"),
        ("{x:6.2f}", 1.0, "  1.00"),
        ("{x}", 0.1, "0.1"),
        ("{x:.3f}", f64::NAN, "NaN"),
        ("{x:03d}", 7.0, "007"),
    ];
    for (template, value, expected) in cases {
        assert_eq!(name(template, FieldNames::Hidden, &[("x", Shown::Number(value))]), expected, "{template}");
    }
    assert_eq!(name("{missing}-{missing:.1f}", FieldNames::Hidden, &[]), "0-0.0");
}

#[test]
fn templates_that_cannot_be_read() {
    for wrong in ["", "{", "a}", "{epoch", "{}", "{epoch:q}", "{a{b}}", "{x:.1d}", "{x:99999d}", "{x:.f}"] {
        assert!(Template::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(name("plain", FieldNames::Shown, &[]), "plain");
}
