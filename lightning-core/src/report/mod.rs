//! Reports: pages about runs, each one file that a browser opens without a server or network.
//!
//! A trainer writes `report.html` to the folder of its run, beside `metrics.csv`: curves with the
//! value under the pointer, best and last values, learning rates, where the time went, the machine,
//! checkpoints, warnings, the last images, histograms, tables and texts, and the learning rates that
//! `LearningRateFinder` has tried. While the run goes, the
//! page is written at most every ten seconds and reads itself again; at the end it has the status
//! of the run, and after an error the text of it.
//! [`TrainerBuilder::report`](crate::trainer::TrainerBuilder::report) turns it off.
//!
//! `compare` (feature `csv`, on by default) writes one page about all runs of a folder.
//!
//! A page is of bounded size, usually below 500 kB, however long the run is: a curve has at most
//! about 1,000 points, the extremes of each stretch among them, and the first 100 metrics have
//! curves.

mod collected;
#[cfg(feature = "csv")]
mod compare;
mod curve;
mod curves;
mod earlier;
mod files;
mod graph;
mod images;
mod logger;
mod observer;
mod outputs;
mod page;
mod rate_test;
#[cfg(feature = "csv")]
mod rows;

#[cfg(feature = "csv")]
pub use self::compare::compare;
pub(crate) use self::{
    collected::About,
    observer::{Facts, Report},
    page::{Kind, Page},
    rate_test::RateTest,
};
