//! The Unix socket of the admin API.
//!
//! # Rules
//! 1. A process that uses a socket holds a lock on `PATH.lock`. So two processes never take a
//!    socket from each other, and the socket of a process that was killed is taken over.
//! 2. The file gets its mode before the process listens. Until then nobody can connect.
//! 3. Only a socket is ever replaced, no other file.
//! 4. If the default place is taken, or there is none, the process goes on without the socket
//!    and says so. A place that the operator names must work.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};
use tracing::warn;

use super::arguments::{AdminArguments, AdminPlace};

/// Connections that wait to be taken.
const BACKLOG: i32 = 128;

/// The place of a socket, until this is dropped.
pub(crate) struct Socket {
    path: PathBuf,
    _lock: File,
}

impl Socket {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The next process with this path replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where a process listens if the operator names no place: in `$RUNTIME_DIRECTORY`, which
/// systemd sets, in the user's `$XDG_RUNTIME_DIR`, or in `/run/enact`.
fn default_for_serve() -> PathBuf {
    let runtime = env::var_os("RUNTIME_DIRECTORY").map(|dir| PathBuf::from(dir).join("enact.sock"));
    runtime.or_else(of_user).unwrap_or_else(of_system)
}

/// Where a command looks: at the user's own process, if there is a socket, or at the system's.
pub(crate) fn default_for_commands() -> PathBuf {
    let user = of_user().filter(|path| path.exists());
    user.unwrap_or_else(of_system)
}

fn of_user() -> Option<PathBuf> {
    let dir = env::var_os("XDG_RUNTIME_DIR")?;
    Some(PathBuf::from(dir).join("enact/enact.sock"))
}

fn of_system() -> PathBuf {
    PathBuf::from("/run/enact/enact.sock")
}

/// Opens the socket that the arguments ask for.
pub(super) fn open(arguments: &AdminArguments) -> io::Result<Option<(Socket, UnixListener)>> {
    let mode = arguments.mode();
    match arguments.place() {
        Some(AdminPlace::Off) => Ok(None),
        Some(AdminPlace::Path(path)) => bind(path, mode).map(Some),
        None => match bind(&default_for_serve(), mode) {
            Ok(opened) => Ok(Some(opened)),
            Err(error) => {
                warn!(%error, "no admin API on a socket; name a place with --admin PATH");
                Ok(None)
            }
        },
    }
}

fn bind(path: &Path, mode: u32) -> io::Result<(Socket, UnixListener)> {
    let named = |error: io::Error| {
        let text = format!("cannot open the admin socket {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    };
    let lock = lock(path).map_err(named)?;
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path).map_err(named)?,
        Ok(_) => {
            let text = "another file has this name; name another place";
            return Err(named(io::Error::new(ErrorKind::AlreadyExists, text)));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(named(error)),
    }
    let listener = listen(path, mode).map_err(named)?;
    let socket = Socket {
        path: path.to_owned(),
        _lock: lock,
    };
    Ok((socket, listener))
}

/// Takes the lock of a place, and makes its folder, for this user alone, if it is missing.
fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let lock = options.write(true).create(true).mode(0o600).open(name)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            ErrorKind::AddrInUse,
            "another process of enact has it; stop that process or name another place",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn listen(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
