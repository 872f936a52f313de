//! The day, drawn in text: a line for each service, a column for each twenty minutes.

use cascade::{Band, BandSeries, PUBLISHED, Service, Study, Time};

/// Columns from 06:00 to midnight.
const COLUMNS: usize = 54;
const MINUTES: f64 = 20.0;
const LABEL: usize = 22;

/// Draws the medians of the study, with the published spans below.
pub(crate) fn draw(study: &Study) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "The day in UTC: how impaired each service is, and the published times.".into(),
        format!("{:LABEL$}{}", "", hours()),
    ];
    for series in &study.impairments {
        lines.push(format!(
            "{:LABEL$}{}",
            series.service.caption(),
            bar(series)
        ));
        let published = published(series.service);
        if !published.trim().is_empty() {
            lines.push(format!(
                "{:>width$} {published}",
                "published",
                width = LABEL - 1
            ));
        }
    }
    lines.push("░ from 2 %, ▒ from a quarter, ▓ from half, █ from three quarters impaired.".into());
    lines
}

/// The hours, every third.
fn hours() -> String {
    let hours = (6..24).step_by(3).map(|hour| format!("{hour:02}:00"));
    hours.collect::<Vec<_>>().join("    ")
}

/// When a column begins, in minutes since midnight.
fn minute(column: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "there are few columns")]
    let column = column as f64;
    Time::BEGIN.minutes() + column * MINUTES
}

fn bar(series: &BandSeries) -> String {
    let worst = |column: usize| {
        let within = |time: Time| {
            let since = time.minutes() - minute(column);
            (0.0..MINUTES).contains(&since)
        };
        let points = series.points.iter().filter(|(time, _)| within(*time));
        points
            .map(|(_, band): &(Time, Band)| band.median)
            .fold(0.0, f64::max)
    };
    (0..COLUMNS).map(|column| shade(worst(column))).collect()
}

fn shade(impairment: f64) -> char {
    match impairment {
        0.75.. => '█',
        0.5.. => '▓',
        0.25.. => '▒',
        0.02.. => '░',
        _ => '·',
    }
}

/// The published spans of a service. An unknown onset is left open.
fn published(service: Service) -> String {
    let mut line = vec![' '; COLUMNS];
    for span in PUBLISHED.iter().filter(|span| span.service == service) {
        let begin = span.onset.map_or(Time::DELETED, |onset| onset).minutes();
        let end = span.recovery.minutes();
        for (column, place) in line.iter_mut().enumerate() {
            let (from, to) = (minute(column), minute(column + 1));
            let begins = (from..to).contains(&begin) && span.onset.is_some();
            let ends = (from..to).contains(&end);
            *place = match (begins, ends) {
                (true, _) => '├',
                (_, true) => '┤',
                _ if begin < to && end >= to => '─',
                _ => *place,
            };
        }
        if end >= minute(COLUMNS) {
            line[COLUMNS - 1] = '►';
        }
    }
    line.into_iter().collect::<String>().trim_end().into()
}
