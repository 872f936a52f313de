//! Runs the program and shares its report.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Every section, with as few seeds as possible.
const WHOLE: [&str; 4] = ["--seeds", "1", "--sensitivity-seeds", "1"];

/// Runs the program, and asserts that it does not panic.
pub(crate) fn run(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_report"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    output
}

/// A report in a file that belongs to the test.
pub(crate) struct Report(PathBuf);

impl Report {
    /// A report with every section. All tests of a program share it, because it takes
    /// time to make.
    pub(crate) fn whole() -> &'static Self {
        static WHOLE_REPORT: OnceLock<Report> = OnceLock::new();
        let test = env::current_exe().unwrap();
        let name = test.file_stem().unwrap().to_str().unwrap();
        WHOLE_REPORT.get_or_init(|| Self::write(name, &WHOLE))
    }

    /// Makes a report with these arguments.
    pub(crate) fn write(name: &str, args: &[&str]) -> Self {
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

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}
