//! The guard: what was counted against what the repository says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Cost, round};

/// How much more than expected may be counted, in percent.
const MAX_MORE_PERCENT: f64 = 3.0;
/// The same under another compiler, which chooses other instructions.
const MAX_MORE_OTHER_COMPILER_PERCENT: f64 = 10.0;
/// From so much less than expected on, in percent, the file should be written anew: else what was gained could be lost again
/// unnoticed.
const MAX_LESS_PERCENT: f64 = 10.0;

/// What is expected: the file in the repository.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The compiler that the counts are those of, as `rustc --version` says.
    pub compiler: String,
    /// Instructions a packet, by workload.
    pub instructions: BTreeMap<String, f64>,
}

impl Expected {
    /// What these counts make of the file.
    pub fn of(compiler: &str, costs: &[Cost]) -> Expected {
        let instructions = costs.iter().map(|cost| (cost.workload.to_owned(), round(cost.total))).collect();
        Expected { compiler: compiler.to_owned(), instructions }
    }
}

/// Something that the operator must know.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The counts are those of another compiler: the tolerance is wider.
    OtherCompiler {
        /// Of the file.
        expected: String,
        /// In use.
        found: String,
    },
    /// A workload costs more than it may.
    More(Change),
    /// A workload costs so much less that the file should say so.
    Less(Change),
    /// The file has nothing about a workload.
    Unexpected(String),
    /// The file has a workload that there is not.
    Missing(String),
}

/// A count that is not what was expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The workload.
    pub workload: String,
    /// Instructions a packet in the file.
    pub expected: f64,
    /// Instructions a packet counted.
    pub found: f64,
}

impl Finding {
    /// True when the check fails.
    pub fn is_failure(&self) -> bool {
        matches!(self, Finding::More(_) | Finding::Unexpected(_) | Finding::Missing(_))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { workload, expected, found } = self;
        let percent = (found / expected - 1.0) * 100.0;
        write!(f, "{workload}: {found:.0} instructions a packet, {percent:+.1} % against {expected:.0}")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::OtherCompiler { expected, found } => write!(
                f,
                "the counts are those of {expected}, this is {found}: up to {MAX_MORE_OTHER_COMPILER_PERCENT} % more are accepted"
            ),
            Finding::More(change) => write!(f, "{change}: too many"),
            Finding::Less(change) => write!(f, "{change}: write the file anew, so that it stays so"),
            Finding::Unexpected(workload) => {
                write!(f, "{workload}: the file does not have it; write it anew")
            }
            Finding::Missing(workload) => {
                write!(f, "{workload}: the file has it, and there is no such workload; write it anew")
            }
        }
    }
}

/// What is to be said about the counts of a compiler.
pub fn compare(expected: &Expected, compiler: &str, costs: &[Cost]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_same = expected.compiler == compiler;
    if !is_same {
        let (expected, found) = (expected.compiler.clone(), compiler.to_owned());
        findings.push(Finding::OtherCompiler { expected, found });
    }
    let max_more = if is_same { MAX_MORE_PERCENT } else { MAX_MORE_OTHER_COMPILER_PERCENT };
    for cost in costs {
        let workload = cost.workload.to_owned();
        let Some(expected) = expected.instructions.get(cost.workload).copied() else {
            findings.push(Finding::Unexpected(workload));
            continue;
        };
        let change = Change { workload, expected, found: cost.total };
        if cost.total > expected * (1.0 + max_more / 100.0) {
            findings.push(Finding::More(change));
        } else if is_same && cost.total < expected * (1.0 - MAX_LESS_PERCENT / 100.0) {
            findings.push(Finding::Less(change));
        }
    }
    let is_known = |name: &&String| costs.iter().any(|cost| cost.workload == *name);
    let missing = expected.instructions.keys().filter(|name| !is_known(name));
    findings.extend(missing.cloned().map(Finding::Missing));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(total: f64) -> Vec<Cost> {
        vec![Cost { workload: "plain", total, parts: BTreeMap::new() }]
    }

    fn said(expected: f64, found: f64, compiler: &str) -> (Vec<String>, bool) {
        let expected = Expected::of("rustc 1", &costs(expected));
        let findings = compare(&expected, compiler, &costs(found));
        (findings.iter().map(Finding::to_string).collect(), findings.iter().any(Finding::is_failure))
    }

    #[test]
    fn three_percent_more_are_accepted_and_no_more() {
        assert_eq!(said(1000.0, 1029.0, "rustc 1"), (vec![], false));
        let (said, failed) = said(1000.0, 1031.0, "rustc 1");
        assert!(failed);
        assert_eq!(said, ["plain: 1031 instructions a packet, +3.1 % against 1000: too many"]);
    }

    #[test]
    fn ten_percent_less_ask_for_a_new_file() {
        assert_eq!(said(1000.0, 905.0, "rustc 1"), (vec![], false));
        let (said, failed) = said(1000.0, 895.0, "rustc 1");
        assert!(!failed && said[0].contains("-10.5 %"), "{said:?}");
    }

    #[test]
    fn another_compiler_is_named_and_widens_the_tolerance() {
        let (words, failed) = said(1000.0, 1095.0, "rustc 2");
        assert!(!failed && words.len() == 1 && words[0].contains("rustc 1, this is rustc 2"), "{words:?}");
        assert!(said(1000.0, 1105.0, "rustc 2").1);
    }

    #[test]
    fn workloads_that_come_or_go_need_a_new_file() {
        let mut expected = Expected::of("c", &costs(1.0));
        expected.instructions = [("other".to_owned(), 1.0)].into();
        let findings = compare(&expected, "c", &costs(1.0));
        assert_eq!(findings, [Finding::Unexpected("plain".to_owned()), Finding::Missing("other".to_owned())]);
        assert!(findings.iter().all(Finding::is_failure));
    }
}
