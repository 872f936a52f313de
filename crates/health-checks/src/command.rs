//! Checks by command, as monitoring plugins are made: exit status 0 is a success, and the
//! first line of the output says why it is not one.
//!
//! # Rules
//! 1. A command gets `CHECK_ADDRESS`, `CHECK_PORT` and `CHECK_ENDPOINT` in its environment,
//!    beside the checker's own environment. It has no input.
//! 2. It runs in a process group of its own. When its time is over, the whole group is
//!    killed, so a command leaves nothing behind that runs for ever. A command that ends by
//!    itself may leave something in the background.
//! 3. At most 1 MiB of the output is read. A command that prints more waits until its time is
//!    over.
//! 4. The group is killed only while its leader has not been waited for. Until then the
//!    number of the group is not given to another one.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use control_plane::CommandCheck;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use plan_store::EndpointName;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use crate::finding::{Trouble, reason};

/// So many bytes of the output are kept.
const MAX_OUTPUT: usize = 512;
/// So many bytes of it are read. A command that prints more waits for a reader until its time
/// is over, so that no command keeps the checks busy with its output.
const MAX_READ: usize = 1 << 20;
/// So many characters of it are in an error.
const MAX_SHOWN: usize = 120;

/// A running command. Its group is killed when this is dropped before the command has ended.
struct Running(Child);

/// Runs the command.
pub(crate) async fn run(
    check: &CommandCheck,
    target: IpAddr,
    port: u16,
    endpoint: &EndpointName,
) -> Result<(), Trouble> {
    let spawned = Command::new(&check.program)
        .args(&check.arguments)
        .env("CHECK_ADDRESS", target.to_string())
        .env("CHECK_PORT", port.to_string())
        .env("CHECK_ENDPOINT", endpoint.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let cannot = |error: &io::Error| {
        let (program, error) = (check.program.display(), reason(error));
        Trouble::checker(format!("cannot run {program}: {error}"))
    };
    let mut command = Running(spawned.map_err(|error| cannot(&error))?);
    let stdout = command.0.stdout.take();
    let (status, output) = end(&mut command.0, stdout)
        .await
        .map_err(|error| cannot(&error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Trouble::target(describe(status, &output)))
    }
}

/// Waits for the end of the command, and keeps the beginning of its output. What the command
/// has left in the background may hold its output open, so the end of that is not waited for.
async fn end(
    command: &mut Child,
    mut stdout: Option<ChildStdout>,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut output = Vec::new();
    let (mut buffer, mut all) = (vec![0; 16 << 10], 0);
    let status = loop {
        let Some(pipe) = stdout.as_mut().filter(|_| all < MAX_READ) else {
            break command.wait().await?;
        };
        tokio::select! {
            read = pipe.read(&mut buffer) => match read? {
                0 => stdout = None,
                length => {
                    keep(&mut output, &buffer[..length]);
                    all += length;
                }
            },
            status = command.wait() => break status?,
        }
    };
    if let Some(pipe) = stdout {
        let length = what_is_there(pipe.into_owned_fd()?, &mut buffer)?;
        keep(&mut output, &buffer[..length]);
    }
    Ok((status, output))
}

/// Reads what is in a pipe, and does not wait for more.
fn what_is_there(pipe: OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    // tokio has made it blocking again.
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    match File::from(pipe).read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

fn keep(output: &mut Vec<u8>, more: &[u8]) {
    let left = MAX_OUTPUT - output.len();
    output.extend_from_slice(&more[..more.len().min(left)]);
}

fn describe(status: ExitStatus, output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output);
    let line = output.lines().next().unwrap_or_default().trim();
    let shown = line.chars().filter(|c| !c.is_control());
    let shown: String = shown.take(MAX_SHOWN).collect();
    if shown.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {shown}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // There is no id once it has been waited for.
        let group = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group {
            // An error means that all of the group have ended.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}
