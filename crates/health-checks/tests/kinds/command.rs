//! Commands.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::{Checked, at_once, fails, is_not_made, succeeds, watchlist};

/// No command of these tests connects to it.
fn target() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 8443))
}

/// A check by a shell script.
fn sh(script: &str) -> String {
    assert!(!script.contains(['\'', '\n']));
    format!("kind = \"command\", command = [\"/bin/sh\", \"-c\", '{script}']")
}

#[test]
fn an_exit_status_of_0_is_a_success_and_the_target_is_in_the_environment() {
    succeeds(target(), &sh("exit 0"));
    let says = "exit 0";
    let asked = "\"$CHECK_ADDRESS $CHECK_PORT $CHECK_ENDPOINT\"";
    let script = format!("test {asked} = \"192.0.2.7 8443 a.example\" && {says}");
    succeeds(target(), &sh(&script));
}

#[test]
fn another_exit_status_is_a_failure_with_the_first_line_of_the_output() {
    fails(target(), &sh("exit 2"), "exit status: 2");
    let says = "echo CRITICAL: no disk; echo more; exit 2";
    fails(target(), &sh(says), "exit status: 2: CRITICAL: no disk");
    let killed = "signal: 9 (SIGKILL)";
    fails(target(), &sh("kill -KILL $$"), killed);
}

/// A pipe that nobody reads would stop the command.
#[test]
fn a_command_may_say_much() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; i=$((i+1)); done; exit 3";
    let checked = Checked::start([(target(), sh(script).as_str())]);
    checked.until(target(), |status| {
        let error = status.error.as_deref();
        error.is_some_and(|e| e.starts_with("exit status: 3: 0123456789"))
    });
}

/// What is left in the background holds the output open, and does not count.
#[test]
fn a_command_that_ends_is_done_whatever_it_leaves_in_the_background() {
    // It ends with this test: its input is a pipe of which the test has the other end.
    let (path, _remove) = fifo("background");
    let script = format!("read x < \"{}\" & exit 0", path.display());
    succeeds(target(), &sh(&script));
    drop(
        fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap(),
    );
}

/// The command and its child have the same pipe open. The pipe ends when both are dead.
#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let (path, _remove) = fifo("hangs");
    let pipe = path.display();
    let script = format!("exec > \"{pipe}\"; echo begun; sleep 3600 & sleep 3600");
    let check = format!("{}, interval_ms = 2000, timeout_ms = 500", sh(&script));
    let checked = Checked::start([(target(), check.as_str())]);
    let mut pipe = BufReader::new(fs::File::open(&path).unwrap());
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).unwrap();
    let timed_out = |e: &Option<_>| e.as_deref() == Some("timed out");
    checked.until(target(), |status| timed_out(&status.error));
}

/// A command that would take an hour.
#[test]
fn the_end_of_the_checks_ends_their_commands() {
    let (path, _remove) = fifo("end");
    let pipe = path.display();
    let script = format!("exec > \"{pipe}\"; echo begun; sleep 3600 & sleep 3600");
    let check = format!("{}, interval_ms = 600000, timeout_ms = 600000", sh(&script));
    let checked = Checked::of(&at_once(watchlist([(target(), check.as_str())])));
    let mut pipe = BufReader::new(fs::File::open(&path).unwrap());
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    drop(checked.checks);
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).unwrap();
    assert_eq!(line, "begun\n");
}

/// At most 1 MiB is read. A command that prints more waits until its time is over.
#[test]
fn a_command_may_print_much_but_not_without_end() {
    succeeds(target(), &sh("head -c 300000 /dev/zero"));
    fails(target(), &sh("head -c 3000000 /dev/zero"), "timed out");
}

#[test]
fn a_command_that_cannot_be_run_is_the_checkers_fault() {
    let check = "kind = \"command\", command = [\"/no/such/program\"]";
    is_not_made(target(), check, "cannot run /no/such/program: ");
}

struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        // Left behind in the target folder at worst.
        let _ = fs::remove_file(&self.0);
    }
}

/// A named pipe of this test run's own.
fn fifo(name: &str) -> (PathBuf, Remove) {
    let name = format!("{}-{name}.fifo", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    (path.clone(), Remove(path))
}
