//! The report as `examples/report` makes it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Few seeds: what the pictures show is not these tests' concern.
const QUICK: [&str; 4] = ["--seeds", "1", "--sensitivity-seeds", "0"];
/// Everything, once.
const WHOLE: [&str; 4] = ["--seeds", "1", "--sensitivity-seeds", "1"];

/// Runs the example, which must not panic.
pub fn run(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_report"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    output
}

/// A report in a file of the test's own.
pub struct Report(PathBuf);

impl Report {
    /// One with every section, which all tests of a program share, for it takes time.
    pub fn whole() -> &'static Self {
        static WHOLE_REPORT: OnceLock<Report> = OnceLock::new();
        let test = env::current_exe().unwrap();
        let name = test.file_stem().unwrap().to_str().unwrap();
        WHOLE_REPORT.get_or_init(|| Self::write(name, &WHOLE))
    }

    /// Makes one without the sensitivity, with these arguments.
    #[allow(dead_code, reason = "the browser's tests do not need it")]
    pub fn make(name: &str, args: &[&str]) -> Self {
        Self::write(name, &[&QUICK, args].concat())
    }

    fn write(name: &str, args: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("report-{name}.html"));
        let report = Self(file);
        let out = ["--out", report.path().to_str().unwrap()];
        let output = run(&[args, &out].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        report
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}
