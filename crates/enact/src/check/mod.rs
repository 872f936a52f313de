//! `enact check`: finds all mistakes in fleet files, zone files and files of parameters, without
//! starting anything.
//!
//! A fleet file is good if `enact serve` takes it: both load it in the same way.

mod kind;
mod zone;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cascade::Parameters;
use clap::Args;
use control_plane::{FleetError, FleetMistake, chain};
use serde::Serialize;

use self::kind::Kind;
use crate::cli;
use crate::text::counted;

/// Find all mistakes in fleet files, zone files and files of parameters, without starting
/// anything
#[derive(Args)]
#[command(after_help = "\
A file whose name ends in `.zone`, or that begins with `$` or `;`, is a zone
file. It is checked by itself here: its zone is that of its `$ORIGIN`, or of its
name. A check of the fleet file that names it also finds what the two have
against each other. A file that begins with a section of the simulation's
parameters is a file of those. All others are fleet files.

Output: one line for each mistake, `FILE:LINE:COLUMN: MISTAKE; WHAT TO DO`, in
the order of the file, and one line for each file without a mistake. At most
1,000 mistakes of a file are listed. The parser of zone files stops at a mistake
in the syntax.

JSON, with --json: one object.
  files               a list, one object for each FILE
    file              the path, as it was given, or that of a zone file that
                      it names and that has the mistakes
    kind              \"fleet\", \"zone\" or \"parameters\"
    ok                true if the file has no mistake
    endpoints         how many endpoints a fleet file has; null if it is not ok
    targets           how many targets they have; null if it is not ok
    names             how many names of a zone file have records; null if it is
                      not ok
    mistakes          a list, in the order of the file
      line, column    from 1; null if the file cannot be read
      field           such as \"endpoint.target.capacity\"; null if the
                      mistake is in no field
      message         what is wrong, and what to do
    more_mistakes     how many mistakes are not listed

Exit status: 0 if all files are good, 2 if not.")]
pub(crate) struct CheckArguments {
    /// The files
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
    kind: &'static str,
    ok: bool,
    endpoints: Option<usize>,
    targets: Option<usize>,
    names: Option<usize>,
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
        let kind = Kind::of(file);
        let good = Self::good(file, kind);
        let found = match kind {
            Kind::Fleet => cli::load(file).map(|fleet| Self {
                endpoints: Some(fleet.endpoints().len()),
                targets: Some(fleet.targets().count()),
                ..good
            }),
            Kind::Zone => zone::read(file).map(|names| Self {
                names: Some(names),
                ..good
            }),
            Kind::Parameters => return Self::of_parameters(good),
        };
        found.unwrap_or_else(|error| Self::good(file, kind).but(error))
    }

    fn of_parameters(good: Self) -> Self {
        let mistakes = match Parameters::load_text(&good.file) {
            Ok(text) => Parameters::mistakes(&text, &good.file),
            Err(error) => vec![error],
        };
        Self {
            ok: mistakes.is_empty(),
            mistakes: mistakes.iter().map(Mistake::from).collect(),
            ..good
        }
    }

    fn good(file: &'a Path, kind: Kind) -> Self {
        Self {
            file: file.into(),
            kind: kind.name(),
            ok: true,
            endpoints: None,
            targets: None,
            names: None,
            mistakes: Vec::new(),
            more_mistakes: 0,
        }
    }

    /// The same with what is wrong.
    fn but(self, error: FleetError) -> Self {
        match error {
            FleetError::Mistakes {
                file,
                mistakes,
                more,
            } => Self {
                file: file.into(),
                ok: false,
                mistakes: mistakes.into_iter().map(Mistake::from).collect(),
                more_mistakes: more,
                ..self
            },
            error => Self {
                ok: false,
                mistakes: vec![Mistake::of_file(chain(&error))],
                ..self
            },
        }
    }

    fn text(&self) -> String {
        let (file, mut text) = (self.file.display(), String::new());
        if self.ok {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{file}: good; {}", self.content());
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

    /// What is in a good file.
    fn content(&self) -> String {
        match (self.endpoints, self.targets, self.names) {
            (Some(endpoints), Some(targets), _) => format!(
                "{}, {}",
                counted(endpoints, "endpoint"),
                counted(targets, "target")
            ),
            (_, _, Some(names)) => format!("{} with records", counted(names, "name")),
            _ => "parameters of the simulation".into(),
        }
    }
}

impl Mistake {
    /// One that has no place.
    fn of_file(message: String) -> Self {
        Self {
            line: None,
            column: None,
            field: None,
            message,
        }
    }
}

impl From<&cascade::Error> for Mistake {
    fn from(error: &cascade::Error) -> Self {
        match error {
            cascade::Error::Bad {
                line,
                column,
                fault,
                ..
            } => Self {
                line: Some(*line),
                column: Some(*column),
                ..Self::of_file(fault.clone())
            },
            error => Self::of_file(chain(error)),
        }
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
