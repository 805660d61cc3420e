//! One metric with its sets of labels. A request pays for a hash of its labels; they are written out when they are first seen.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Different sets of labels of one metric. What comes later is counted under `other`.
pub(super) const MAX_SERIES: usize = 2_000;
/// The same of what is many lines for each.
pub(super) const MAX_HISTOGRAMS: usize = 500;
/// Characters of a label.
const MAX_LABEL: usize = 200;
/// Upper ends in seconds; Kyverno's, with finer ones below.
pub(super) const BUCKETS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// Labels with their values, as they stand between braces.
pub(super) type Labels = String;

/// How long things took.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    pub(super) buckets: [u64; BUCKETS.len()],
    pub(super) sum: f64,
    pub(super) count: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (end, bucket) in BUCKETS.iter().zip(&mut self.buckets) {
            if seconds <= *end {
                *bucket = bucket.saturating_add(1);
            }
        }
        self.sum += seconds;
        self.count = self.count.saturating_add(1);
    }
}

/// A metric.
#[derive(Debug)]
pub(super) struct Family<T> {
    names: &'static [&'static str],
    most: usize,
    // Keyed anew in each process: nobody can choose names that fall together.
    hasher: RandomState,
    series: HashMap<u64, (Labels, T)>,
}

impl<T: Default> Family<T> {
    pub(super) fn new(names: &'static [&'static str], most: usize) -> Self {
        Self { names, most, hasher: RandomState::new(), series: HashMap::new() }
    }

    /// The value of these labels, in the order of their names; that of all others, if there are too many.
    pub(super) fn of(&mut self, values: &[&str]) -> &mut T {
        let mut key = self.hasher.hash_one(values);
        let is_other = self.series.len() >= self.most && !self.series.contains_key(&key);
        if is_other {
            key = 0;
        }
        let names = self.names;
        let write =
            || labels(names.iter().zip(values).map(|(name, value)| (*name, if is_other { "other" } else { *value })));
        &mut self.series.entry(key).or_insert_with(|| (write(), T::default())).1
    }

    /// All of them, in the order of their labels.
    pub(super) fn sorted(&self) -> Vec<&(Labels, T)> {
        let mut all: Vec<&(Labels, T)> = self.series.values().collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

/// Labels, escaped. Source: prometheus.io/docs/instrumenting/exposition_formats.
pub(super) fn labels<'l>(pairs: impl Iterator<Item = (&'l str, &'l str)>) -> Labels {
    let mut into = Labels::new();
    for (name, value) in pairs {
        if !into.is_empty() {
            into.push(',');
        }
        into.push_str(name);
        into.push_str("=\"");
        for letter in value.chars().take(MAX_LABEL) {
            match letter {
                '\\' => into.push_str("\\\\"),
                '"' => into.push_str("\\\""),
                '\n' => into.push_str("\\n"),
                letter if letter.is_control() => into.push(' '),
                letter => into.push(letter),
            }
        }
        into.push('"');
    }
    into
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_counted_apart_escaped_and_bounded() {
        let mut family = Family::<u64>::new(&["a", "b"], MAX_SERIES);
        for (one, two) in [("x", "y"), ("x", "y"), ("xy", ""), ("q\"\n\\", "")] {
            *family.of(&[one, two]) += 1;
        }
        let found: Vec<(&str, u64)> =
            family.sorted().into_iter().map(|(labels, count)| (labels.as_str(), *count)).collect();
        assert_eq!(found, [(r#"a="q\"\n\\",b="""#, 1), (r#"a="x",b="y""#, 2), (r#"a="xy",b="""#, 1)]);
        for number in 0..MAX_SERIES * 2 {
            *family.of(&[&number.to_string(), ""]) += 1;
        }
        assert_eq!(family.sorted().len(), MAX_SERIES + 1);
        assert!(family.sorted().iter().any(|(labels, count)| labels == r#"a="other",b="other""# && *count > 1_000));
        *family.of(&["x", "y"]) += 1;
        assert!(
            family.sorted().iter().any(|(labels, count)| labels == r#"a="x",b="y""# && *count == 3),
            "known ones go on"
        );
    }
}
