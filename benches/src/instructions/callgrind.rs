//! Runs a program under callgrind and reads the profile that it writes.
//!
//! The format: <https://valgrind.org/docs/manual/cl-format.html>. Of it only what callgrind writes when it compresses neither
//! names nor positions: `fl=`, `fi=` and `fe=` name the source file of what follows; a line of two numbers is a line in it and
//! the cost there; behind a line `calls=…` that cost is the whole cost of the call.
//!
//! The compiler puts nodes into the loop of the graph, so that no function of theirs is left. But each instruction knows the
//! file that it was compiled from.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The functions whose instructions are counted, with all that they call: the express lane, and the graph.
const COUNTED: [&str; 2] = ["dataplane::express::run*", "dataplane::graph::run*"];
/// Source files of the dataplane: what follows is its module, or for nodes the folder of them.
const SOURCES: &str = "/dataplane/src/";
const NODES: &str = "node/";
/// Where the rest is: the standard library's functions that are compiled into all of these, and the C library.
const LIBRARIES: &str = "libraries";

/// Instructions of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// In the graph.
    pub total: u64,
    /// By node or other module of the dataplane; the sum is the total.
    pub parts: BTreeMap<String, u64>,
}

/// Instructions that `program WORKLOAD TURNS` spends in the graph.
///
/// # Errors
/// There is no valgrind, the program fails, or nothing was counted.
pub fn count(program: &Path, workload: &str, turns: u32) -> Result<Profile, String> {
    let scratch = std::env::temp_dir().join(format!("mexfwd-instructions-{}", std::process::id()));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", scratch.display()))
        .arg("--collect-atstart=no")
        .args(COUNTED.map(|function| format!("--toggle-collect={function}")))
        .args(["--dump-instr=no", "--compress-strings=no", "--compress-pos=no"])
        .arg(program)
        .args([workload, &turns.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}: `apt-get install valgrind`"))?;
    if !output.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let written =
        std::fs::read_to_string(&scratch).map_err(|error| format!("{}: {error}", scratch.display()));
    // Whether or not it could be read; the system removes what is left.
    let _ = std::fs::remove_file(&scratch);
    let profile = read(&written?);
    if profile.total == 0 {
        return Err(format!(
            "{workload}: callgrind met neither of {COUNTED:?}: are they called otherwise now?"
        ));
    }
    Ok(profile)
}

fn read(text: &str) -> Profile {
    let mut profile = Profile::default();
    let mut part = part_of("");
    let mut is_call = false;
    for line in text.lines() {
        if let Some(file) = ["fl=", "fi=", "fe="].iter().find_map(|key| line.strip_prefix(key)) {
            part = part_of(file);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
            // A call's cost is that of the functions called, which have lines of their own.
            if !std::mem::take(&mut is_call) && cost > 0 {
                profile.total += cost;
                *profile.parts.entry(part.clone()).or_default() += cost;
            }
        }
    }
    profile
}

/// The node that a source file belongs to, as the graph names it; else the module, in brackets.
fn part_of(file: &str) -> String {
    let Some((_, path)) = file.split_once(SOURCES) else { return format!("({LIBRARIES})") };
    let name = |path: &str| {
        let first = path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first).replace('_', "-")
    };
    match path.strip_prefix(NODES) {
        Some("mod.rs") | None => format!("({})", name(path)),
        Some(node) => name(node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instruction_counts_once_where_it_was_written() {
        let text = "\
events: Ir

fl=/home/me/dataplane/src/graph.rs
fn=dataplane::graph::run::h0123456789abcdef
10 5
fi=/home/me/dataplane/src/node/ip6_input.rs
20 7
fi=/rustc/core/src/cmp.rs
20 2
fe=/home/me/dataplane/src/graph.rs
cfi=/home/me/dataplane/src/node/mex/seek.rs
cfn=dataplane::node::mex::seek::next
calls=3 30
11 100

fl=/home/me/dataplane/src/node/mex/seek.rs
fn=dataplane::node::mex::seek::next
30 60
cfi=string.c
cfn=memcpy
calls=1 1
31 40

fl=string.c
fn=memcpy
1 40
totals: 114
";
        let parts = [("(graph)", 5), ("(libraries)", 42), ("ip6-input", 7), ("mex", 60)]
            .map(|(p, n)| (p.to_owned(), n));
        assert_eq!(read(text), Profile { total: 114, parts: parts.into() });
    }

    #[test]
    fn files_of_nodes_are_told_from_others() {
        for (file, part) in [
            ("/a/dataplane/src/node/rewrite.rs", "rewrite"),
            ("/a/dataplane/src/node/srv6_endpoint/steps.rs", "srv6-endpoint"),
            ("/a/dataplane/src/node/srv6/commit.rs", "srv6"),
            ("/a/dataplane/src/node/mod.rs", "(node)"),
            ("/a/dataplane/src/fib/simd/avx2.rs", "(fib)"),
            ("/a/dataplane/src/burst.rs", "(burst)"),
            ("/rustc/library/core/src/option.rs", "(libraries)"),
            ("???", "(libraries)"),
        ] {
            assert_eq!(part_of(file), part, "{file}");
        }
    }
}
