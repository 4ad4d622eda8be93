//! True and false positives of each class: what accuracy, precision, recall and F-beta are made of.

use burn::tensor::{Bool, DType, IndexingUpdateOp, Int, IntDType, Tensor, activation::sigmoid};
use serde_json::{Value, json};

use super::{
    accumulate::Counts,
    average::{Average, Stats, average},
    exact,
    input::{Classification, Predictions},
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// What a score is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ScoreKind {
    /// Logits where a value of the batch is outside of [0, 1], else probabilities.
    #[default]
    Guessed,
    Logits,
    Probabilities,
}

impl ScoreKind {
    /// The scores as probabilities; `activate` makes them of logits.
    pub(crate) fn probabilities<const D: usize>(
        self,
        scores: Tensor<D>,
        activate: impl FnOnce(Tensor<D>) -> Tensor<D>,
    ) -> Tensor<D> {
        match self {
            Self::Logits => activate(scores),
            Self::Probabilities => scores,
            Self::Guessed => {
                let outside = scores.clone().lower_scalar(0.0).bool_or(scores.clone().greater_scalar(1.0)).any();
                // Decided on the device, which is not to be waited for.
                let logits = outside.reshape([1; D]).expand(scores.dims());
                scores.clone().mask_where(logits, activate(scores))
            }
        }
    }
}

/// Settings and counts of a metric of true and false positives.
#[derive(Clone, Debug)]
pub(crate) struct StatScores {
    pub(crate) average: Average,
    pub(crate) top_k: usize,
    pub(crate) threshold: f64,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) classes: Option<usize>,
    pub(crate) names: Vec<String>,
    pub(crate) kind: ScoreKind,
    /// Labels 0 and 1 are no and yes.
    pub(crate) binary: bool,
    task: Option<Task>,
    /// Three groups, of right predictions, of predictions and of targets; a fourth one of everything where each label is yes or no. Each
    /// has a place for every class, one for what is ignored, and one for what is no class.
    counts: Counts,
}

impl StatScores {
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
            task: None,
            counts: Counts::default(),
        }
    }

    pub(crate) fn reset(&mut self) {
        self.task = None;
        self.counts = Counts::default();
    }

    /// Adds one batch.
    pub(crate) fn update(&mut self, input: &Classification) -> Result<()> {
        let task = self.task_of(input)?;
        let len = input.len();
        if len == 0 {
            return Ok(());
        }
        let (predicted, targets) = self.labels(input, task);
        let counts = match task {
            Task::Labels => self.count_hits(predicted, targets),
            Task::Multilabel(labels) => self.count_labels(&predicted, &targets, labels),
            _ => self.count_classes(predicted, targets, task.classes()),
        };
        self.counts.add(counts, len)?;
        self.task = Some(task);
        self.check_counts()
    }

    /// # Errors
    /// When the settings make no sense, or the batch has another number of classes than the ones before.
    fn task_of(&self, input: &Classification) -> Result<Task> {
        let wrong = |what: String, help: &str| Err(Error::new(ErrorKind::Metric, what).help(help));
        let task = match &input.predictions {
            Predictions::Binary(_) => Task::Binary,
            Predictions::Scores(scores) => Task::Multiclass(scores.dims()[1]),
            Predictions::Multilabel(scores) => Task::Multilabel(scores.dims()[1]),
            Predictions::Labels(_) if self.binary => Task::Binary,
            Predictions::Labels(_) => match self.classes {
                Some(classes) => Task::Multiclass(classes),
                None if self.average == Average::Micro => Task::Labels,
                None => {
                    return wrong(
                        "labels do not say how many classes there are".to_owned(),
                        "write `.num_classes(…)`, or `.average(Average::Micro)`",
                    );
                }
            },
        };
        if let Some(known) = self.task.filter(|known| *known != task) {
            return wrong(
                format!("a batch of {} follows batches of {}", task.describe(), known.describe()),
                "give every batch in the same form",
            );
        }
        match (task, self.classes) {
            (Task::Multiclass(found) | Task::Multilabel(found), Some(said)) if found != said => {
                return wrong(
                    format!("the scores are of {found} classes, and `num_classes` says {said}"),
                    "leave `num_classes` out",
                );
            }
            _ => {}
        }
        let classes = task.classes();
        if task != Task::Labels && !self.names.is_empty() && self.names.len() != classes {
            return wrong(
                format!("there are {classes} classes and {} class names", self.names.len()),
                "give one name a class",
            );
        }
        if self.top_k == 0 || (self.top_k > 1 && self.top_k > classes) {
            return wrong(
                format!("`top_k({})` of {classes} classes", self.top_k),
                "use a number from 1 to that of the classes",
            );
        }
        if self.top_k > 1 && !matches!(input.predictions, Predictions::Scores(_)) {
            return wrong(
                format!("`top_k({})` needs the scores of all classes", self.top_k),
                "give scores of `[samples, classes]`",
            );
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return wrong(format!("`threshold({})` is no probability", self.threshold), "use a number from 0 to 1");
        }
        Ok(task)
    }

    /// The predicted and the wanted class of each sample, in one type of number.
    fn labels(&self, input: &Classification, task: Task) -> (Tensor<1, Int>, Tensor<1, Int>) {
        let len = input.len();
        let targets = input.targets.clone();
        match &input.predictions {
            Predictions::Labels(labels) => (labels.clone(), as_int(targets, labels.dtype())),
            Predictions::Binary(scores) => {
                let yes = self.kind.probabilities(scores.clone(), sigmoid).greater_scalar(self.threshold).int();
                let targets = as_int(targets, yes.dtype());
                (yes, targets)
            }
            Predictions::Multilabel(scores) => {
                let yes = self.kind.probabilities(scores.clone(), sigmoid).greater_scalar(self.threshold).int();
                let targets = as_int(targets, yes.dtype());
                (yes.reshape([len]), targets)
            }
            Predictions::Scores(scores) => {
                let best = scores.clone().argmax(1).reshape([len]);
                let targets = as_int(targets, best.dtype());
                if self.top_k == 1 {
                    return (best, targets);
                }
                let hit = among_best(scores, &targets, task.classes(), self.top_k);
                (best.mask_where(hit, targets.clone()), targets)
            }
        }
    }

    /// The predicted and the wanted class of each sample, and what the classes are.
    ///
    /// # Errors
    /// When the settings make no sense, or labels do not say how many classes there are.
    pub(crate) fn classified(&self, input: &Classification) -> Result<(Tensor<1, Int>, Tensor<1, Int>, Task)> {
        let task = self.task_of(input)?;
        let (predicted, targets) = self.labels(input, task);
        Ok((predicted, targets, task))
    }

    pub(crate) fn ignored(&self, targets: &Tensor<1, Int>) -> Option<Tensor<1, Bool>> {
        self.ignore_index.map(|index| targets.clone().equal_scalar(index))
    }

    /// Right and wrong, where the classes are not known: as if there were one class.
    fn count_hits(&self, predicted: Tensor<1, Int>, targets: Tensor<1, Int>) -> Tensor<1, Int> {
        let ignored = self.ignored(&targets);
        let hits = predicted.equal(targets).int();
        let (hits, counted) = match ignored {
            Some(ignored) => (hits.mask_fill(ignored.clone(), 0), ignored.bool_not().int().sum()),
            None => (hits.clone(), hits.ones_like().sum()),
        };
        let none = counted.zeros_like();
        let group = |count: Tensor<1, Int>| [count, none.clone(), none.clone()];
        Tensor::cat([group(hits.sum()), group(counted.clone()), group(counted)].into_iter().flatten().collect(), 0)
    }

    fn count_classes(&self, predicted: Tensor<1, Int>, targets: Tensor<1, Int>, classes: usize) -> Tensor<1, Int> {
        let (ignored_place, foreign_place) = (classes as i64, classes as i64 + 1);
        let group = classes as i64 + 2;
        let ignored = self.ignored(&targets);
        let place = |labels: Tensor<1, Int>| {
            let labels = labels.clone().mask_fill(no_class(&labels, classes), foreign_place);
            match &ignored {
                Some(ignored) => labels.mask_fill(ignored.clone(), ignored_place),
                None => labels,
            }
        };
        let (predicted, targets) = (place(predicted), place(targets));
        // A wrong prediction is no hit of any class; what has no class has been found out by the targets.
        let hits = predicted.clone().mask_fill(predicted.clone().not_equal(targets.clone()), ignored_place);
        let places = Tensor::cat(vec![hits, predicted + group, targets + 2 * group], 0);
        count_places(places, 3 * group as usize)
    }

    /// As for classes, with each label on its own.
    fn count_labels(&self, predicted: &Tensor<1, Int>, targets: &Tensor<1, Int>, labels: usize) -> Tensor<1, Int> {
        let (ignored_place, foreign_place) = (labels as i64, labels as i64 + 1);
        let group = labels as i64 + 2;
        let (label, ignored, foreign) = (column_of(targets, labels), self.ignored(targets), no_class(targets, 2));
        let (no, unwanted) = (predicted.clone().equal_scalar(0), targets.clone().equal_scalar(0));
        let without = |left_out: &Tensor<1, Bool>| label.clone().mask_fill(left_out.clone(), ignored_place);
        let groups = [without(&no.clone().bool_or(unwanted.clone())), without(&no), without(&unwanted), label.clone()];
        let places = groups.into_iter().enumerate().map(|(number, places)| {
            let places = places.mask_fill(foreign.clone(), foreign_place);
            let places = match &ignored {
                Some(ignored) => places.mask_fill(ignored.clone(), ignored_place),
                None => places,
            };
            places + number as i64 * group
        });
        count_places(Tensor::cat(places.collect(), 0), 4 * group as usize)
    }

    /// # Errors
    /// When a target or label is no class. On a device other than the host this is known at the end only, and not asked before.
    fn check_counts(&mut self) -> Result<()> {
        let task = self.task;
        let Some(task) = task.filter(|task| *task != Task::Labels && self.counts.is_known()) else { return Ok(()) };
        let classes = task.classes();
        let counts = self.counts.values()?;
        let foreign = |group: usize| counts.get((group + 1) * (classes + 2) - 1).copied().unwrap_or(0);
        for (what, count) in [("targets", foreign(2)), ("predicted labels", foreign(1))] {
            if count > 0 {
                return Err(Error::new(
                    ErrorKind::Metric,
                    format!("{count} {what} are none of the classes 0 to {}", task.targets() - 1),
                )
                .help("write `.ignore_index(…)` where a target marks what does not count"));
            }
        }
        Ok(())
    }

    /// The statistics of every class.
    ///
    /// # Errors
    /// When the device fails, or a target was no class.
    fn stats(&mut self) -> Result<Vec<Stats>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        self.counts.values()?;
        self.check_counts()?;
        let group = task.classes() + 2;
        let counts = self.counts.values()?;
        let at = |index: usize| counts.get(index).copied().unwrap_or(0) as f64;
        let classes = (0..task.classes()).map(|class| {
            let (tp, predicted, support) = (at(class), at(group + class), at(2 * group + class));
            let tn = match task {
                Task::Multilabel(_) => at(3 * group + class) - predicted - support + tp,
                _ => 0.0,
            };
            Stats { tp, fp: predicted - tp, fn_: support - tp, tn }
        });
        Ok(classes.collect())
    }

    /// The share of samples that are right.
    pub(crate) fn share_of_hits(&mut self) -> Result<f64> {
        let classes = self.stats()?;
        let (hits, samples) =
            classes.iter().fold((0.0, 0.0), |(hits, samples), stats| (hits + stats.tp, samples + stats.tp + stats.fn_));
        Ok(super::average::ratio(hits, samples, 0.0))
    }

    /// The score of the positive class in a yes-or-no task, the average over the classes in any other.
    pub(crate) fn score(
        &mut self,
        score: impl Fn(Stats) -> f64,
        absent: impl Fn(Stats) -> bool,
    ) -> Result<MetricValue> {
        let classes = self.stats()?;
        if let (Some(Task::Binary), [_, positive]) = (self.task, classes.as_slice()) {
            return Ok(MetricValue::Scalar(score(*positive)));
        }
        // Each label has an answer of its own, also where it is always no.
        let absent = |stats| !self.is_multilabel() && absent(stats);
        Ok(average(self.average, &classes, || self.class_names(classes.len()), absent, score))
    }

    /// Whether a class is left out of a macro average: neither predicted nor wanted. With `top_k` only the targets count, since what is
    /// predicted depends on them.
    pub(crate) fn is_absent(&self) -> impl Fn(Stats) -> bool + use<> {
        let top_k = self.top_k;
        move |Stats { tp, fp, fn_, .. }| if top_k == 1 { tp + fp + fn_ == 0.0 } else { tp + fn_ == 0.0 }
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.task == Some(Task::Binary)
    }

    pub(crate) fn is_multilabel(&self) -> bool {
        matches!(self.task, Some(Task::Multilabel(_)))
    }

    pub(crate) fn class_names(&self, classes: usize) -> Vec<String> {
        if self.names.is_empty() { (0..classes).map(|class| class.to_string()).collect() } else { self.names.clone() }
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        match (self.task, other.task) {
            (_, None) => return Ok(()),
            (Some(own), Some(theirs)) if own != theirs => {
                return Err(Error::new(
                    ErrorKind::Metric,
                    format!("counts of {} cannot be added to those of {}", theirs.describe(), own.describe()),
                ));
            }
            (_, task) => self.task = task,
        }
        self.counts.merge(&other.counts)
    }

    pub(crate) fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        Ok(json!({ "task": task.name(), "classes": task.classes(), "counts": self.counts.state()? }))
    }

    pub(crate) fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let counts = exact::counts_of(state, "counts")?;
        let groups = if matches!(task, Task::Multilabel(_)) { 4 } else { 3 };
        if Some(counts.len()) != task.classes().checked_add(2).and_then(|group| group.checked_mul(groups)) {
            return Err(exact::foreign("counts"));
        }
        (self.task, self.counts) = (Some(task), Counts::load(counts));
        Ok(())
    }
}

/// Which labels are none of the classes.
pub(crate) fn no_class(labels: &Tensor<1, Int>, classes: usize) -> Tensor<1, Bool> {
    labels.clone().lower_scalar(0).bool_or(labels.clone().greater_equal_scalar(classes as i64))
}

/// The label of each target, where those of all labels follow one another.
pub(crate) fn column_of(targets: &Tensor<1, Int>, labels: usize) -> Tensor<1, Int> {
    let [len] = targets.dims();
    let columns = Tensor::<1, Int>::arange(0..labels as i64, (&targets.device(), targets.dtype()));
    columns.reshape([1, labels]).expand([len / labels.max(1), labels]).reshape([len])
}

/// How often each place occurs.
pub(crate) fn count_places(places: Tensor<1, Int>, len: usize) -> Tensor<1, Int> {
    let none = Tensor::zeros([len], (&places.device(), places.dtype()));
    let ones = places.ones_like();
    none.scatter(0, places, ones, IndexingUpdateOp::Add)
}

/// Numbers of one type, as operations on two tensors need them.
pub(crate) fn as_int(labels: Tensor<1, Int>, dtype: DType) -> Tensor<1, Int> {
    if labels.dtype() == dtype { labels } else { labels.cast(IntDType::from(dtype)) }
}

/// Whether the target is among the `top_k` classes of the largest scores. Of equal scores the lower class counts as the larger, as it does
/// for `argmax`. A target that is no class, or has a NaN for a score, is not among them.
fn among_best(scores: &Tensor<2>, targets: &Tensor<1, Int>, classes: usize, top_k: usize) -> Tensor<1, Bool> {
    let [samples, _] = scores.dims();
    let none = no_class(targets, classes);
    let column = targets.clone().mask_fill(none.clone(), 0).reshape([samples, 1]);
    let shape = [samples, classes];
    let own = scores.clone().gather(1, column.clone()).expand(shape);
    let index = Tensor::<1, Int>::arange(0..classes as i64, (&scores.device(), targets.dtype())).reshape([1, classes]);
    let earlier = index.expand(shape).lower(column.expand(shape));
    let larger = scores.clone().greater(own.clone());
    let ahead = larger.bool_or(scores.clone().equal(own.clone()).bool_and(earlier));
    let rank = ahead.int().sum_dim(1).reshape([samples]);
    let known = own.clone().equal(own).all_dim(1).reshape([samples]);
    rank.lower_scalar(top_k as i64).bool_and(known).bool_and(none.bool_not())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::metrics::{Accuracy, ConfusionMatrix, Metric, Recall};

    fn labels(labels: &[i32]) -> Tensor<1, Int> {
        Tensor::from_data(labels, &Device::default())
    }

    fn scores<const N: usize>(rows: [[f32; N]; 2]) -> Tensor<2> {
        Tensor::from_data(rows, &Device::default())
    }

    #[track_caller]
    fn fails<X: Metric<Input = Classification>>(
        metric: X,
        input: impl crate::metrics::MetricInput<Classification>,
        expected: &str,
    ) {
        let mut metric = metric;
        let error = metric.update(input).map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|text| text.contains(expected)), "{error:?}");
    }

    #[test]
    fn among_equal_scores_the_lower_class_comes_first() -> Result<()> {
        let tied = scores([[1.0, 2.0, 2.0, 0.0]; 2]);
        let hits = |k, targets: [i32; 2]| {
            let mut accuracy = Accuracy::new().top_k(k);
            accuracy.update((&tied, labels(&targets)))?;
            accuracy.compute()
        };
        assert_eq!(hits(1, [1, 2])?.scalar(), Some(0.5));
        assert_eq!(hits(2, [1, 2])?.scalar(), Some(1.0));
        assert_eq!(hits(3, [0, 3])?.scalar(), Some(0.5));
        assert_eq!(hits(4, [0, 3])?.scalar(), Some(1.0));
        Ok(())
    }

    #[test]
    fn a_nan_is_no_hit() -> Result<()> {
        let mut accuracy = Accuracy::new().top_k(2);
        accuracy.update((scores([[f32::NAN; 3]; 2]), labels(&[1, 2])))?;
        assert_eq!(accuracy.compute()?.scalar(), Some(0.0));
        Ok(())
    }

    #[test]
    fn nothing_at_all_has_the_value_of_torchmetrics() -> Result<()> {
        assert_eq!(Accuracy::new().compute()?.scalar(), Some(0.0));
        assert_eq!(Recall::new().compute()?.scalar(), Some(0.0));
        let mut empty = Accuracy::new();
        empty.update((Tensor::<2>::zeros([0, 3], &Device::default()), labels(&[])))?;
        assert_eq!(empty.compute()?.scalar(), Some(0.0));
        let mut ignored = Accuracy::new().ignore_index(1);
        ignored.update((scores([[0.1, 0.9]; 2]), labels(&[1, 1])))?;
        assert_eq!(ignored.compute()?.scalar(), Some(0.0));
        assert!(ConfusionMatrix::new().compute().is_err_and(|error| error.to_string().contains("num_classes")));
        Ok(())
    }

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let rows = || (scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 1]));
        fails(Accuracy::new().top_k(0), rows(), "`top_k(0)` of 3 classes");
        fails(Accuracy::new().top_k(4), rows(), "`top_k(4)` of 3 classes");
        fails(Accuracy::new().threshold(1.5), rows(), "no probability");
        fails(Recall::new().num_classes(4), rows(), "of 3 classes, and `num_classes` says 4");
        fails(Recall::new().class_names(["a"]), rows(), "3 classes and 1 class names");
        fails(Recall::new(), (labels(&[0, 1]), labels(&[0, 1])), "labels do not say");
        fails(Accuracy::new().top_k(2).num_classes(3), (labels(&[0, 1]), labels(&[0, 1])), "needs the scores");
        fails(Recall::new().num_classes(2), (labels(&[0, 5]), labels(&[0, 1])), "1 predicted labels are none of");
        fails(Recall::new(), (scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, -1])), "1 targets are none of");
    }

    #[test]
    fn a_target_that_is_no_class_is_found_at_the_end_where_the_device_is_not_waited_for() {
        crate::tensor::readback::deferring(true, || {
            let mut recall = Recall::new();
            assert!(recall.update((scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 3]))).is_ok());
            assert!(recall.compute().is_err_and(|error| error.to_string().contains("1 targets are none of")));
        });
    }

    #[test]
    fn labels_that_are_each_yes_or_no_are_known_by_the_shape_of_the_targets() -> Result<()> {
        let device = Device::default();
        let rows = || scores([[0.9, 0.2, 0.6], [0.1, 0.8, 0.4]]);
        let targets = Tensor::<2, Int>::from_data([[1, 0, 0], [0, 1, 1]], &device);
        let mut accuracy = Accuracy::new();
        accuracy.update((rows(), &targets))?;
        assert_eq!(accuracy.compute()?.scalar(), Some(4.0 / 6.0));
        let mut recall = Recall::new().average(Average::PerClass).class_names(["a", "b", "c"]);
        recall.update((rows(), targets.clone().equal_scalar(1)))?;
        let value = recall.compute()?;
        assert_eq!((value.part("b"), value.part("c")), (Some(1.0), Some(0.0)));
        let mut confusion = ConfusionMatrix::new();
        confusion.update((rows(), &targets))?;
        let MetricValue::Matrices(matrices) = confusion.compute()? else { panic!("a matrix for each label") };
        assert_eq!(matrices.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
        // The third label was said to hold where it did not, and the other way round.
        let third: Vec<f64> = matrices[2].1.rows().flatten().copied().collect();
        assert_eq!(third, [0.0, 1.0, 1.0, 0.0]);
        fails(Accuracy::new(), (rows(), targets.clone() + 1), "none of the classes 0 to 1");
        fails(Accuracy::new().top_k(2), (rows(), &targets), "needs the scores");
        fails(Recall::new().num_classes(4), (rows(), &targets), "of 3 classes, and `num_classes` says 4");
        fails(recall, (rows(), labels(&[0, 1])), "a batch of 3 classes follows batches of 3 labels, each yes or no");
        Ok(())
    }

    #[test]
    fn batches_and_metrics_of_other_classes_do_not_mix() -> Result<()> {
        let mut three = Recall::new();
        three.update((scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 1])))?;
        let two = (scores([[0.1, 0.9]; 2]), labels(&[0, 1]));
        fails(three.clone(), (two.0.clone(), two.1.clone()), "a batch of 2 classes follows batches of 3 classes");
        let mut other = Recall::new();
        other.update(two)?;
        assert!(three.merge(&other).is_err_and(|error| error.to_string().contains("2 classes")));
        assert!(three.load_state(&json!({ "task": "multiclass", "classes": 3, "counts": [1, 2] })).is_err());
        assert!(three.load_state(&json!({ "task": "binary", "classes": 3, "counts": vec![0; 15] })).is_err());
        Ok(())
    }
}
