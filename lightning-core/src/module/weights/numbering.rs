//! The numbers of the layers of a `Sequential`.
//!
//! PyTorch counts the layers that have no parameters, as `net.0`, `net.2`, `net.4`; a `Vec` of
//! Burn's layers has only the others: `net.0`, `net.1`, `net.2`.

use std::collections::{BTreeMap, BTreeSet};

/// The numbers at one place of the names: those of all tensors, and of those that are loaded.
#[derive(Debug, Default)]
struct Numbers {
    all: BTreeSet<usize>,
    left: BTreeSet<usize>,
}

/// The new numbers of the layers, by the names before them.
#[derive(Debug, Default)]
pub(super) struct Renumbering(BTreeMap<String, BTreeMap<usize, usize>>);

impl Renumbering {
    /// Decides on the numbers of the tensors that are `left` of `all`, for the names of a model.
    ///
    /// A layer that is skipped keeps its place if the model has a layer for it, and none if it does
    /// not. Where the model's own numbers have gaps, those of the file are kept.
    pub(super) fn new<'a>(
        all: impl Iterator<Item = &'a str>,
        left: impl Iterator<Item = &'a str>,
        model: &BTreeSet<String>,
    ) -> Self {
        let mut places: BTreeMap<String, Numbers> = BTreeMap::new();
        for name in all {
            for (before, number) in numbers(name) {
                places.entry(before).or_default().all.insert(number);
            }
        }
        for name in left {
            for (before, number) in numbers(name) {
                places.entry(before).or_default().left.insert(number);
            }
        }
        let mut wanted: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (before, number) in model.iter().flat_map(|name| numbers(name)) {
            wanted.entry(before).or_default().insert(number);
        }
        let mut places: Vec<_> = places.into_iter().collect();
        // Outer layers first: the model is asked about inner ones under its own names.
        places.sort_by_key(|(before, _)| before.split('.').count());
        let mut new = Self::default();
        for (before, Numbers { all, left }) in places {
            let kept = match wanted.get(&new.apply(&before)) {
                Some(wanted) if wanted.last().is_some_and(|last| last + 1 > wanted.len()) => continue,
                Some(wanted) if wanted.len() > left.len() => all,
                _ => left,
            };
            new.0.insert(before, kept.into_iter().enumerate().map(|(place, number)| (number, place)).collect());
        }
        new
    }

    /// Returns the name with its new numbers.
    pub(super) fn apply(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('.').collect();
        let renumbered = parts.iter().enumerate().map(|(at, part)| {
            let number = part.parse::<usize>().ok()?;
            let before = parts.get(..at)?.join(".");
            Some(self.0.get(&before)?.get(&number)?.to_string())
        });
        let renumbered = renumbered.zip(&parts).map(|(new, part)| new.unwrap_or_else(|| (*part).to_owned()));
        renumbered.collect::<Vec<_>>().join(".")
    }
}

/// Returns the numbers of a name, each with what stands before it.
fn numbers(name: &str) -> Vec<(String, usize)> {
    let parts: Vec<&str> = name.split('.').collect();
    let number = |(at, part): (usize, &&str)| Some((parts.get(..at)?.join("."), part.parse().ok()?));
    parts.iter().enumerate().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renumbered(all: &[&str], left: &[&str], model: &[&str]) -> Vec<String> {
        let model = model.iter().map(|name| (*name).to_owned()).collect();
        let new = Renumbering::new(all.iter().copied(), left.iter().copied(), &model);
        left.iter().map(|name| new.apply(name)).collect()
    }

    #[test]
    fn gaps_are_closed() {
        let file = ["net.0.w", "net.2.w", "net.4.conv.1.w", "net.4.conv.3.w", "out.w"];
        let model = ["net.0.w", "net.1.w", "net.2.conv.0.w", "net.2.conv.1.w", "out.w"];
        assert_eq!(renumbered(&file, &file, &model), model);
        // Names that the model does not have yet, but will have once they are renamed.
        assert_eq!(renumbered(&file, &file, &[]), model);
    }

    #[test]
    fn a_skipped_layer_keeps_its_place_if_the_model_has_one_for_it() {
        let (file, left) = (["net.0.w", "net.2.w", "net.4.w"], ["net.2.w", "net.4.w"]);
        assert_eq!(renumbered(&file, &left, &["net.0.w", "net.1.w", "net.2.w"]), ["net.1.w", "net.2.w"]);
        assert_eq!(renumbered(&file, &left, &["net.0.w", "net.1.w"]), ["net.0.w", "net.1.w"]);
    }

    #[test]
    fn a_model_with_gaps_of_its_own_keeps_the_numbers() {
        let file = ["net.0.w", "net.2.w"];
        assert_eq!(renumbered(&file, &file, &["net.0.w", "net.2.w"]), file);
        assert_eq!(renumbered(&["0.w", "3.w"], &["0.w", "3.w"], &["0.w", "1.w"]), ["0.w", "1.w"]);
    }
}
