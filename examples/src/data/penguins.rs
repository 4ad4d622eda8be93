//! The Palmer penguins: measurements of 344 birds of three species, with missing values.

use std::path::Path;

use lightning_core::{Result, Rng, data::csv};
use serde::Deserialize;

/// The species, in the order of their class numbers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Species {
    Adelie,
    Chinstrap,
    Gentoo,
}

/// The number of classes: the species.
pub const CLASSES: usize = 3;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Island {
    Biscoe,
    Dream,
    Torgersen,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    Female,
    Male,
}

/// One row of the file.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Penguin {
    pub species: Species,
    pub island: Island,
    pub bill_length_mm: Option<f32>,
    pub bill_depth_mm: Option<f32>,
    pub flipper_length_mm: Option<f32>,
    pub body_mass_g: Option<f32>,
    pub sex: Option<Sex>,
}

/// Reads `penguins.csv`, in which `NA` stands for a missing value.
pub fn penguins(file: &Path) -> Result<Vec<Penguin>> {
    csv::Reader::new(file).missing(["NA"]).rows()
}

/// The features of a penguin: its measurements, and sex and island as numbers 0 and 1.
pub type Features = [Option<f32>; 8];

impl Penguin {
    /// Returns the features: all columns but the species.
    pub fn features(&self) -> Features {
        let yes = |it: bool| Some(f32::from(u8::from(it)));
        [
            self.bill_length_mm,
            self.bill_depth_mm,
            self.flipper_length_mm,
            self.body_mass_g,
            self.sex.map(|sex| f32::from(u8::from(sex == Sex::Male))),
            yes(self.island == Island::Biscoe),
            yes(self.island == Island::Dream),
            yes(self.island == Island::Torgersen),
        ]
    }
}

/// Standardizes features: the mean and standard deviation of each over its known values.
///
/// It must be computed from the training part only, so that no information about the test part
/// leaks into training.
#[derive(Clone, Debug)]
pub struct Scaler<const N: usize>([(f32, f32); N]);

impl<const N: usize> Scaler<N> {
    pub fn of(rows: &[[Option<f32>; N]]) -> Self {
        Self(std::array::from_fn(|column| {
            let known: Vec<f32> = rows.iter().filter_map(|row| row[column]).collect();
            let count = known.len().max(1) as f32;
            let mean = known.iter().sum::<f32>() / count;
            let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
            // A constant feature becomes 0.
            (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
        }))
    }

    /// Returns the features with mean 0 and standard deviation 1. A missing value becomes the mean,
    /// 0.
    pub fn scale(&self, row: &[Option<f32>; N]) -> [f32; N] {
        std::array::from_fn(|column| {
            let (mean, std) = self.0[column];
            row[column].map_or(0.0, |value| (value - mean) / std)
        })
    }

    /// Returns the standard deviation of a feature.
    pub fn std(&self, column: usize) -> f32 {
        self.0[column].1
    }
}

/// Splits rows into `folds` parts with equal class proportions, and returns the training and test
/// rows of each fold.
pub fn stratified_folds<T: Clone>(
    rows: &[T],
    class: impl Fn(&T) -> usize,
    folds: usize,
    seed: u64,
) -> Vec<(Vec<T>, Vec<T>)> {
    let mut order = Rng::new(seed).permutation(rows.len());
    // The sort is stable, so that the order within a class stays random. Every `folds`-th row of a
    // class goes into the same part.
    order.sort_by_key(|row| class(&rows[*row]));
    let pick = |wanted: &dyn Fn(usize) -> bool| {
        order
            .iter()
            .enumerate()
            .filter(|(position, _)| wanted(position % folds))
            .map(|(_, row)| rows[*row].clone())
            .collect()
    };
    (0..folds).map(|fold| (pick(&|part| part != fold), pick(&|part| part == fold))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn rows_with_missing_values() {
        let path = std::env::temp_dir().join(format!("lightning-penguins-{}.csv", std::process::id()));
        let header = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n";
        std::fs::write(
            &path,
            format!("{header}Adelie,Dream,39.1,18.7,181,3750,male,2007\nGentoo,Biscoe,NA,NA,NA,NA,NA,2009\n"),
        )
        .unwrap();
        let rows = penguins(&path).unwrap();
        assert_eq!(rows[0].features().map(Option::unwrap), [39.1, 18.7, 181.0, 3750.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!((rows[1].features()[..5].to_vec(), rows[1].species), (vec![None; 5], Species::Gentoo));
        std::fs::write(&path, format!("{header}Emperor,Dream,39.1,18.7,181,3750,male,2007\n")).unwrap();
        let error = penguins(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, column `species`: unknown variant `Emperor`"), "{error}");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn missing_values_become_the_mean_of_the_known() {
        let scaler = Scaler::of(&[[Some(1.0), Some(5.0)], [None, Some(5.0)], [Some(3.0), Some(5.0)]]);
        assert_eq!(scaler.scale(&[Some(3.0), None]), [1.0, 0.0]);
        assert_eq!(scaler.scale(&[None, Some(6.0)]), [0.0, 1.0]);
        assert_eq!((scaler.std(0), scaler.std(1)), (1.0, 1.0));
    }

    #[test]
    fn folds_have_the_share_of_each_class_and_share_no_row() {
        let rows: Vec<usize> = (0..100).collect();
        let folds = stratified_folds(&rows, |row| usize::from(*row >= 40), 5, 1);
        let mut tested: Vec<usize> = folds.iter().flat_map(|(_, test)| test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, rows);
        for (train, test) in folds {
            assert_eq!(test.iter().filter(|row| **row < 40).count(), 8);
            assert!(train.len() == 80 && !train.iter().any(|row| test.contains(row)));
        }
    }
}
