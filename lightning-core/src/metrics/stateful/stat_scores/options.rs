//! The options of a classification metric, and the task that they make of a batch.

use burn::tensor::{Bool, Int, Tensor};

use super::{
    super::{
        average::Average,
        input::{Classification, Predictions},
        task::Task,
    },
    ScoreKind,
};
use crate::error::{Error, ErrorKind, Result};

/// The options of a metric that compares predicted classes with targets.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) average: Average,
    pub(crate) top_k: usize,
    pub(crate) threshold: f64,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) classes: Option<usize>,
    pub(crate) names: Vec<String>,
    pub(crate) kind: ScoreKind,
    /// Whether labels 0 and 1 are negative and positive.
    pub(crate) binary: bool,
}

impl Options {
    pub(crate) fn new(average: Average) -> Self {
        Self {
            average,
            top_k: 1,
            threshold: 0.5,
            ignore_index: None,
            classes: None,
            names: Vec::new(),
            kind: ScoreKind::Guessed,
            binary: false,
        }
    }

    /// Returns the task of a batch; `known` is that of the batches before.
    ///
    /// # Errors
    /// If the options contradict each other or the batch, or the batch has another task than those
    /// before.
    pub(crate) fn task_of(&self, input: &Classification, known: Option<Task>) -> Result<Task> {
        let task = match &input.predictions {
            Predictions::Binary(_) => Task::Binary,
            Predictions::Scores(scores) => Task::Multiclass(scores.dims()[1]),
            Predictions::Multilabel(scores) => Task::Multilabel(scores.dims()[1]),
            Predictions::Labels(_) if self.binary => Task::Binary,
            Predictions::Labels(_) => self.task_of_labels()?,
        };
        task.check_same(known)?;
        self.check_classes(task)?;
        if task != Task::Labels {
            task.check_names(&self.names)?;
        }
        self.check_top_k(task, &input.predictions)?;
        if !(0.0..=1.0).contains(&self.threshold) {
            let text = format!("`threshold` must be from 0 to 1, found {}", self.threshold);
            return Err(Error::new(ErrorKind::Metric, text).help("write `.threshold(0.5)`"));
        }
        Ok(task)
    }

    /// The task of predicted labels, which do not tell the number of classes.
    fn task_of_labels(&self) -> Result<Task> {
        match self.classes {
            Some(classes) => Ok(Task::Multiclass(classes)),
            None if self.average == Average::Micro => Ok(Task::Labels),
            None => Err(Error::new(
                ErrorKind::Metric,
                "predicted labels need the number of classes, found no `num_classes`",
            )
            .help("write `.num_classes(…)`, or `.average(Average::Micro)`")),
        }
    }

    fn check_classes(&self, task: Task) -> Result<()> {
        let (Task::Multiclass(found) | Task::Multilabel(found), Some(set)) = (task, self.classes) else {
            return Ok(());
        };
        if found == set {
            return Ok(());
        }
        let text = format!("`num_classes` must be the {found} classes of the scores, found {set}");
        Err(Error::new(ErrorKind::Metric, text).help("remove `.num_classes(…)`"))
    }

    fn check_top_k(&self, task: Task, predictions: &Predictions) -> Result<()> {
        let (k, classes) = (self.top_k, task.classes());
        if k == 0 || (k > 1 && k > classes) {
            let text = format!("`top_k` must be from 1 to the number of classes, found {k} for {classes} classes");
            let help = format!("write `.top_k(…)` with a number from 1 to {classes}");
            return Err(Error::new(ErrorKind::Metric, text).help(help));
        }
        if k > 1 && !matches!(predictions, Predictions::Scores(_)) {
            let text = format!("`top_k({k})` needs the scores of all classes, found other predictions");
            return Err(Error::new(ErrorKind::Metric, text)
                .help("pass scores of shape [samples, classes] and one target class per sample"));
        }
        Ok(())
    }

    /// Returns which targets mark ignored samples; `None` without an index to ignore.
    pub(crate) fn ignored(&self, targets: &Tensor<1, Int>) -> Option<Tensor<1, Bool>> {
        self.ignore_index.map(|index| targets.clone().equal_scalar(index))
    }

    /// Returns the names of the classes, which are their numbers by default.
    pub(crate) fn class_names(&self, classes: usize) -> Vec<String> {
        if self.names.is_empty() {
            return (0..classes).map(|class| class.to_string()).collect();
        }
        self.names.clone()
    }
}
