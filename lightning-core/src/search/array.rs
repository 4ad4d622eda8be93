//! The tasks of a SLURM array: workers that the scheduler starts.

use std::env;

/// A task of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The job that all tasks of the array have in common.
    job: String,
    /// The number of this one.
    number: String,
}

impl Task {
    /// The task that this process belongs to, if SLURM has started it as one.
    pub(super) fn current() -> Option<Self> {
        Self::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let known = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Some(Self { job: known("SLURM_ARRAY_JOB_ID")?, number: known("SLURM_ARRAY_TASK_ID")? })
    }

    /// The attribute of the study with the number of trials at which a search of the array ends: the
    /// task that comes first sets it for all, and for those that SLURM starts again.
    pub(super) fn budget(&self, search: u64) -> String {
        format!("lightning:array:{}:{search}", self.job)
    }

    /// The attribute of the study that says that a task has enqueued the hyperparameters of a call of
    /// `enqueue`, counted from 0.
    pub(super) fn enqueued(&self, call: u64) -> String {
        format!("lightning:array:{}:enqueued:{call}", self.job)
    }

    /// The task as `squeue` writes it.
    pub(super) fn name(&self) -> String {
        format!("{}_{}", self.job, self.number)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn task(variables: &[(&str, &str)]) -> Option<Task> {
        Task::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn only_a_task_of_an_array_is_one() {
        let of_array = [("SLURM_JOB_ID", "37"), ("SLURM_ARRAY_JOB_ID", "36"), ("SLURM_ARRAY_TASK_ID", "1")];
        let found = task(&of_array).unwrap();
        assert_eq!((found.name().as_str(), found.budget(2).as_str()), ("36_1", "lightning:array:36:2"));
        assert_eq!(task(&of_array[..1]), None, "a job without tasks");
        assert_eq!(task(&[("SLURM_ARRAY_JOB_ID", "36"), ("SLURM_ARRAY_TASK_ID", " ")]), None);
    }
}
