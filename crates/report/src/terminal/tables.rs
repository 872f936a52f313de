//! The tables: answers, calibration, architectures.

use cascade::{Architecture, Band, DecidedBy, DnsTimeline, Row, Service, Study, Time};
use serde_json::{Value, json};

/// The answers for the name.
pub(crate) fn answers(dns: &DnsTimeline) -> String {
    let changes = dns.changes().iter();
    let changes: Vec<_> = changes
        .map(|it| format!("{} {}", it.at, it.answer))
        .collect();
    if changes.is_empty() {
        return "  current all day".into();
    }
    format!("  current until {}", changes.join(", "))
}

/// Simulated times against published ones.
pub(crate) fn calibration(study: &Study) -> Vec<String> {
    let calibration = study.calibration();
    let mut lines = vec![
        String::new(),
        format!(
            "Simulated (medians of {} seeds) against published:",
            study.seeds
        ),
        "                        published        simulated        onset   recovery  seeds".into(),
        "                        onset  recovery  onset  recovery  off     off       met".into(),
    ];
    for (row, band) in calibration.rows.iter().zip(&study.rows) {
        let published = row.published;
        lines.push(format!(
            "{} {:<21} {:<6} {:<9} {:<6} {:<9} {:<7} {:<9} {:>3.0} %{}",
            if row.holds() { "✓" } else { "✗" },
            name(row),
            clock(published.onset),
            clock(Some(published.recovery)),
            clock(row.onset),
            clock(row.recovery),
            row.onset_error()
                .map_or("–".into(), |minutes| format!("{minutes:+.0} min")),
            row.recovery_error()
                .map_or("–".into(), |share| format!("{:+.1} %", share * 100.0)),
            band.holds * 100.0,
            match row.decided_by {
                DecidedBy::Mechanism => "",
                DecidedBy::Switch => " *",
            }
        ));
    }
    lines.push(
        "Met: an onset within 5 minutes; a recovery within 10 % of the time since 06:48.".into(),
    );
    lines.push("* when people switched fail-over on again: an input, not a result.".into());
    lines
}

/// A service, with its wave if it had several.
fn name(row: &Row) -> String {
    let caption = row.published.service.caption();
    match row.published.wave {
        0 => caption.into(),
        wave => format!("{caption} ({wave})"),
    }
}

/// A time to the minute, without the day.
fn clock(time: Option<Time>) -> String {
    let Some(time) = time else {
        return "–".into();
    };
    let minutes = time.seconds() / 60;
    let day = if minutes >= 1440 { "+1d" } else { "" };
    format!("{:02}:{:02}{day}", minutes / 60 % 24, minutes % 60)
}

/// One row for machines.
pub(crate) fn row_json(row: &Row) -> Value {
    json!({
        "service": row.published.service.id(),
        "wave": row.published.wave,
        "onset": row.onset.map(|time| time.to_string()),
        "recovery": row.recovery.map(|time| time.to_string()),
        "onset_error_minutes": row.onset_error(),
        "recovery_error_share": row.recovery_error(),
        "holds": row.holds(),
    })
}

/// The same outage through each architecture.
pub(crate) fn architectures(studies: &[(Architecture, Study)]) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "The same outage through each architecture: median, and 5 % to 95 % of the seeds.".into(),
        "                                     minutes of failed                  customers".into(),
        "                                     launches     invocations  sign-ins     hit".into(),
    ];
    lines.extend(studies.iter().map(|(architecture, study)| {
        format!(
            "{:<36} {:<12} {:<12} {:<12} {:.0} %",
            architecture.caption,
            band(study.launch_minutes),
            band(study.invocation_minutes),
            band(study.sign_in_minutes),
            study.blast_radius.median * 100.0
        )
    }));
    lines
}

fn band(band: Band) -> String {
    format!("{:.0} ({:.0}–{:.0})", band.median, band.low, band.high)
}

/// The services that are impaired if the control plane runs on the repaired store.
pub(crate) fn with_the_fix(fallen: &[Service]) -> String {
    if fallen.is_empty() {
        return "The same schedule on MemoryStore: no empty answer, and no service is impaired."
            .into();
    }
    let names: Vec<_> = fallen.iter().map(|service| service.caption()).collect();
    format!(
        "The same schedule on MemoryStore, but impaired: {}.",
        names.join(", ")
    )
}
