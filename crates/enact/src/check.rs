//! `enact check`: finds all mistakes in fleet files, without starting anything.
//!
//! A file is good if `enact serve` takes it: both load it in the same way.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use control_plane::{Fleet, FleetError, FleetMistake, chain};
use serde::Serialize;

use crate::cli;
use crate::text::counted;

/// Find all mistakes in fleet files, without starting anything
#[derive(Args)]
#[command(after_help = "\
Output: one line for each mistake, `FILE:LINE:COLUMN: MISTAKE; WHAT TO DO`, in
the order of the file, and one line for each file without a mistake. At most
1,000 mistakes of a file are listed.

JSON, with --json: one object.
  files               a list, one object for each FILE
    file              the path, as it was given, or that of a zone file that
                      it names and that has the mistakes
    ok                true if `enact serve` takes the file
    endpoints         how many endpoints the file has; null if it is not ok
    targets           how many targets they have; null if it is not ok
    mistakes          a list, in the order of the file
      line, column    from 1; null if the file cannot be read
      field           such as \"endpoint.target.capacity\"; null if the
                      mistake is in no field
      message         what is wrong, and what to do
    more_mistakes     how many mistakes are not listed

Exit status: 0 if all files are good, 2 if not.")]
pub(crate) struct CheckArguments {
    /// The fleet files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What was found in all files.
#[derive(Serialize)]
struct Report<'a> {
    files: Vec<FileReport<'a>>,
}

/// What was found in a file.
#[derive(Serialize)]
struct FileReport<'a> {
    file: Cow<'a, Path>,
    ok: bool,
    endpoints: Option<usize>,
    targets: Option<usize>,
    mistakes: Vec<Mistake>,
    more_mistakes: usize,
}

#[derive(Serialize)]
struct Mistake {
    line: Option<usize>,
    column: Option<usize>,
    field: Option<String>,
    message: String,
}

/// Checks the files. Returns the text to print, and whether all files are good.
pub(crate) fn check(arguments: &CheckArguments) -> (String, bool) {
    let files = arguments.files.iter();
    let files: Vec<_> = files.map(|file| FileReport::of(file)).collect();
    let is_good = files.iter().all(|file| file.ok);
    let text = if arguments.json {
        // No value of a report is refused.
        serde_json::to_string_pretty(&Report { files }).unwrap_or_default() + "\n"
    } else {
        files.iter().map(FileReport::text).collect()
    };
    (text, is_good)
}

impl<'a> FileReport<'a> {
    fn of(file: &'a Path) -> Self {
        match cli::load(file) {
            Ok(fleet) => Self::of_fleet(file, &fleet),
            Err(FleetError::Mistakes {
                file: found_in,
                mistakes,
                more,
            }) => {
                let mistakes = mistakes.into_iter().map(Mistake::from);
                Self::bad(found_in.into(), mistakes.collect(), more)
            }
            Err(error) => {
                let mistake = Mistake {
                    line: None,
                    column: None,
                    field: None,
                    message: chain(&error),
                };
                Self::bad(file.into(), vec![mistake], 0)
            }
        }
    }

    fn of_fleet(file: &'a Path, fleet: &Fleet) -> Self {
        Self {
            file: file.into(),
            ok: true,
            endpoints: Some(fleet.endpoints().len()),
            targets: Some(fleet.targets().count()),
            mistakes: Vec::new(),
            more_mistakes: 0,
        }
    }

    fn bad(file: Cow<'a, Path>, mistakes: Vec<Mistake>, more_mistakes: usize) -> Self {
        Self {
            file,
            ok: false,
            endpoints: None,
            targets: None,
            mistakes,
            more_mistakes,
        }
    }

    fn text(&self) -> String {
        let (file, mut text) = (self.file.display(), String::new());
        if let (Some(endpoints), Some(targets)) = (self.endpoints, self.targets) {
            let (endpoints, targets) = (counted(endpoints, "endpoint"), counted(targets, "target"));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{file}: good; {endpoints}, {targets}");
        }
        for mistake in &self.mistakes {
            let message = &mistake.message;
            let _ = match (mistake.line, mistake.column) {
                (Some(line), Some(column)) => writeln!(text, "{file}:{line}:{column}: {message}"),
                _ => writeln!(text, "{message}"),
            };
        }
        if self.more_mistakes > 0 {
            let more = self.more_mistakes;
            let _ = writeln!(text, "{file}: {more} more mistakes; correct these first");
        }
        text
    }
}

impl From<FleetMistake> for Mistake {
    fn from(mistake: FleetMistake) -> Self {
        Self {
            line: Some(mistake.line),
            column: Some(mistake.column),
            field: mistake.field,
            message: mistake.message,
        }
    }
}
