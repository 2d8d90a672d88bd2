//! File-driven byte tests: every folder `cases/<group>/<name>` is replayed and what comes out is compared,
//! octet by octet, with the captures that lie there. Adding a case is adding a folder:
//!
//! - `config.toml`, `in.<port>.pcap` (one or more), `out.<port>.pcap` (one for every port, possibly empty;
//!   `out.<a>+<b>.pcap` when the hash chooses between ports);
//! - optionally `script`, `order` (input ports, one a line; by default alphabetical) and `expect.json`, a subset
//!   of the summary that `replay --json` prints.
//!
//! `MEXFWD_CASES=text` runs the folders whose path contains the text. What came out of a failing case stays in
//! the target directory; the message says where.

// Failure messages are put together piece by piece; speed is no concern here.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use support::case::Case;
use support::{compare, replay};

/// Bursts that must give what the default burst gives: one packet at a time, and the largest.
const OTHER_BURSTS: [u32; 2] = [1, 256];

fn folders(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for group in support::entries(root)? {
        found.extend(support::entries(&group)?);
    }
    found.sort();
    Ok(found)
}

/// Replays one folder at the default burst and at the others.
fn run(folder: &Path, keep: &Path) -> Result<(), String> {
    let case = Case::load(folder)?;
    let outcome = replay::run(&case, None, &keep.join("default"))?;
    compare::summary(&case, &outcome)?;
    compare::captures(&case, &outcome)?;
    for burst in OTHER_BURSTS {
        let other = replay::run(&case, Some(burst), &keep.join(format!("burst-{burst}")))?;
        compare::same(&outcome, &other).map_err(|e| format!("with --burst {burst}: {e}"))?;
    }
    Ok(())
}

#[test]
fn every_folder_gives_what_lies_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let keep = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    let filter = std::env::var("MEXFWD_CASES").unwrap_or_default();
    let mut failures = Vec::new();
    let mut count = 0usize;
    for folder in folders(&root).unwrap() {
        let name = folder.strip_prefix(&root).unwrap().display().to_string();
        if !name.contains(&filter) {
            continue;
        }
        count += 1;
        let kept = keep.join(&name);
        if let Err(why) = run(&folder, &kept) {
            failures.push(format!("{name}: {why}\n    what came out: {}\n", kept.display()));
        }
    }
    // Past the harness's capture: the number is wanted when everything passes, too.
    let _ = writeln!(std::io::stderr(), "{count} cases ran, {} failed", failures.len());
    assert!(count > 0, "no case folder matches {filter:?} under {}", root.display());
    assert!(failures.is_empty(), "{} of {count} cases failed:\n{}", failures.len(), failures.join("\n"));
}
