//! The runner of the file-driven cases: its own capture reader and packet dissector, so that nothing of the
//! product judges the product.

pub mod capture;
pub mod case;
pub mod compare;
pub mod fields;
pub mod labels;
pub mod replay;

use std::path::{Path, PathBuf};

/// The paths in a folder, sorted.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let paths: Result<Vec<_>, _> = listed.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(|e| format!("{}: {e}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

/// A whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}
