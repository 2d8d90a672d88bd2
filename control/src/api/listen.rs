//! The socket file: made with its mode from the start, taken over when stale, gone at the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::{ApiError, SOCKET_MODE};

/// A socket that listens. Dropping it removes the file.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: UnixListener,
    /// Removes the file when it is dropped.
    pub(super) file: SocketFile,
}

/// The file of a socket, told from another one at the same path by device and inode.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Not the file of a daemon that has taken the path over since.
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.identity);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A directory for the socket while it is being made.
struct Nursery(PathBuf);

impl Drop for Nursery {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Listener {
    /// Listens at `path` with mode [`SOCKET_MODE`]. A socket file that nobody answers behind is replaced.
    ///
    /// # Errors
    /// A daemon answers there, the path is something else than a socket, or the operating system refuses.
    pub fn bind(path: &Path) -> Result<Listener, ApiError> {
        refuse_unless_free(path)?;
        let failed = |what| move |error| ApiError::Io { path: path.to_owned(), what, error };
        // Born in a directory that only this user can enter, so that nobody connects before the mode is right.
        // Renaming replaces a stale file in one step.
        let directory =
            path.parent().unwrap_or(Path::new("")).join(format!(".mexfwd-{}", std::process::id()));
        let cannot_listen = "cannot listen";
        DirBuilder::new().mode(0o700).create(&directory).map_err(failed(cannot_listen))?;
        let nursery = Nursery(directory);
        let newborn = nursery.0.join("s");
        let socket = UnixListener::bind(&newborn).map_err(failed(cannot_listen))?;
        socket.set_nonblocking(true).map_err(failed(cannot_listen))?;
        fs::set_permissions(&newborn, Permissions::from_mode(SOCKET_MODE))
            .map_err(failed("cannot set the mode"))?;
        let metadata = fs::symlink_metadata(&newborn).map_err(failed(cannot_listen))?;
        fs::rename(&newborn, path).map_err(failed(cannot_listen))?;
        let file = SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
        Ok(Listener { socket, file })
    }
}

fn refuse_unless_free(path: &Path) -> Result<(), ApiError> {
    let failed = |error| ApiError::Io { path: path.to_owned(), what: "cannot listen", error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(ApiError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ApiError::InUse(path.to_owned())),
        // Nobody listens any more: what an end by SIGKILL leaves.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
