//! Runs models in processes of their own.
//!
//! loom maps a stack for each thread of each execution, and unmaps it afterwards. The
//! kernel lets one thread of a process do that at a time. So two models in one process
//! wait for each other most of the time, and two models in two processes do not.

use std::env;
use std::process::{Command, Stdio};
use std::thread;

/// The environment variable that tells a test that it is in its own process already.
pub(crate) const APART: &str = "MODEL_APART";

/// Runs the model of the calling test in another process, and fails if it fails there. If
/// this is that process already, or the test runner does not start a thread for each test,
/// the model runs here.
#[expect(clippy::expect_used, reason = "no process, no model")]
pub(crate) fn apart(model: impl FnOnce()) {
    let this = thread::current();
    let Some(test) = this.name().filter(|name| name.contains("::")) else {
        return model();
    };
    if env::var_os(APART).is_some() {
        return model();
    }
    let program = env::current_exe().expect("the path of this test program");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]);
    command.env(APART, "").stderr(Stdio::inherit());
    let output = command.output().expect("a process for the model");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test} failed:\n{printed}");
    assert!(
        printed.contains("1 passed"),
        "{test} did not run:\n{printed}"
    );
}
