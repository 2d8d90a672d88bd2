//! What the documents say is so: their configurations pass `mexfwd check`, their links lead somewhere, and the limits that
//! they name have the constants and places that they give.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// README.md and every page under docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&repository().join("docs"), "md");
    pages.push(repository().join("README.md"));
    pages
}

/// The blocks of a page that are fenced as this language, each with the line that it begins at.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(fence)) => open = Some((number + 1, fence.trim() == language, String::new())),
            (Some(_), Some(_)) => {
                if let Some((start, true, block)) = open.take() {
                    found.push((start, block));
                }
            }
            (Some((_, _, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

/// What `mexfwd check` says against a configuration; `None` when it accepts it without a word.
fn refusal(config: &Path) -> Option<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mexfwd")).args(["check", "-c"]).arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success() || !said.is_empty()).then_some(format!("{}: {said}", output.status))
}

#[test]
fn every_example_passes_check() {
    let examples = files(&repository().join("docs/examples"), "toml");
    assert!(examples.len() >= 3, "{examples:?}");
    let refused: Vec<_> =
        examples.iter().filter_map(|path| Some((path, refusal(path)?))).map(|r| format!("{r:?}")).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn every_configuration_in_the_pages_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = Vec::new();
    let mut count = 0;
    for page in pages() {
        for (line, block) in blocks(&fs::read_to_string(&page).unwrap(), "toml") {
            let config = folder.path().join(format!("{count}.toml"));
            fs::write(&config, block).unwrap();
            count += 1;
            refused.extend(refusal(&config).map(|why| format!("{}, line {line}: {why}", page.display())));
        }
    }
    assert!(count > 0, "no page has a configuration");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn the_readme_explains_the_example_that_it_links_to() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let explained = blocks(&read("README.md"), "toml");
    let [(_, explained)] = explained.as_slice() else { panic!("one configuration, not {}", explained.len()) };
    // What is said is the same; comments and spaces are not.
    let said = |text: &str| {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said(explained), said(&read("docs/examples/isp.toml")));
}

/// Targets of the links of a page, without those in code.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let targets = line.split("](").skip(1).filter(|_| !in_code);
        found.extend(targets.filter_map(|rest| rest.split(')').next()).map(str::to_owned));
    }
    found
}

/// The anchor that a heading has on the page: lower case, words joined, punctuation left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_anchor = |text: String| {
                text.lines()
                    .filter(|l| l.starts_with('#'))
                    .any(|l| anchor(l.trim_start_matches('#')) == fragment)
            };
            let leads =
                target.exists() && (fragment.is_empty() || fs::read_to_string(&target).is_ok_and(has_anchor));
            if !leads {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// The parts of a table's cell that stand in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_limit_is_a_constant_where_the_page_says() {
    let text = fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let section = text.split("\n## Limits\n").nth(1).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in section.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, _, _, constants, places, _] = cells[..] else { panic!("not four cells: {row}") };
        let sources: String = quoted(places)
            .into_iter()
            .map(|p| fs::read_to_string(repository().join(p)).unwrap_or_default())
            .collect();
        for name in quoted(constants) {
            count += 1;
            if ![format!("const {name}:"), format!("struct {name} ")]
                .iter()
                .any(|found| sources.contains(found))
            {
                wrong.push(format!("{name} is not in {places}"));
            }
        }
    }
    assert!(count > 20, "{count} limits");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_are_read_as_they_are_written() {
    let page = "a\n```toml\nx = 1\n```\n```sh\n[b](c)\n```\n[d](e#f) and [g](h)\n";
    assert_eq!(blocks(page, "toml"), [(3, "x = 1\n".to_owned())]);
    assert_eq!(links(page), ["e#f", "h"]);
    assert_eq!(anchor(" Next hops that are down: two ways"), "next-hops-that-are-down-two-ways");
    assert_eq!(quoted("`A`, `B`"), ["A", "B"]);
}
