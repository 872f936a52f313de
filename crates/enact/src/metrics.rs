//! The metrics: what each of them is, and how a scrape writes them.
//!
//! # To add a metric
//! 1. Add it to the table below: a constant, its type, its name, its labels, and what it says.
//!    A counter's name ends in `_total`. A unit is the end of the name: `_seconds`, `_bytes`, or
//!    `_timestamp_seconds` for a Unix time.
//! 2. Write it at each scrape, with [`Scrape::value`] or [`Scrape::values`], also while there is
//!    nothing to tell yet. So a rule about it never finds it missing.
//! 3. Add its row to `docs/metrics.md`. The tests compare the page with this table, and with
//!    what processes of all roles show.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use control_plane::{Pass, PassError, PlanError, Planned, Status};
use dns_server::{Counts, Outcome, TransferCounts};
use plan_store::Generation;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

/// A metric with so many labels.
pub(crate) struct Metric<const LABELS: usize> {
    kind: MetricType,
    name: &'static str,
    labels: [&'static str; LABELS],
    says: &'static str,
}

/// Makes a constant of each row, and for the tests a list of all rows.
macro_rules! metrics {
    ($($(#[$only:meta])* $row:ident: $kind:ident $name:literal [$($label:literal)*] $says:literal;)*) => {
        $($(#[$only])*
        pub(crate) const $row: Metric<{ <[&str]>::len(&[$($label),*]) }> = Metric {
            kind: MetricType::$kind,
            name: $name,
            labels: [$($label),*],
            says: $says,
        };)*

        /// Type, name, labels, and what it says.
        #[cfg(test)]
        const ALL: &[(MetricType, &str, &[&str], &str)] = &[
            $($(#[$only])* (MetricType::$kind, $name, &[$($label),*], $says),)*
        ];
    };
}

metrics! {
    BUILD: Gauge "enact_build_info" ["version"]
        "1, with the version of the program.";
    START: Gauge "process_start_time_seconds" []
        "When the process started, as a Unix time.";
    READY: Gauge "enact_ready" []
        "1 while all parts of the process do their work, as GET /readyz says it.";
    PART_UP: Gauge "enact_part_up" ["part"]
        "1 while the part does its work; 0 before its first success and after its end.";
    LOG_LINES_LOST: Counter "log_lines_lost_total" ["reason"]
        "Lines that are not in the log: the queue was full, or the write failed.";
    FLEET: Gauge "fleet_info" ["hash"]
        "1, with the hash of the fleet that is in force, to compare processes of the same version.";
    FLEET_REFUSED: Gauge "fleet_refused" []
        "1 if the fleet file was refused when it was last read; the fleet before it is in force.";

    DNS_QUERIES: Counter "dns_queries_total" ["outcome"]
        "Queries by outcome.";
    DNS_PANICS: Counter "dns_panics_total" []
        "Panics while a query was answered. The thread went on.";
    DNS_TCP_FAILURES: Counter "dns_tcp_failures_total" []
        "TCP connections that could not be taken.";
    DNS_ACTIVATIONS_SEEN: Counter "dns_activations_seen_total" []
        "How often an endpoint was first answered from a newer plan, summed over the threads.";
    DNS_ACTIVE: Gauge "dns_active_generation" []
        "The newest generation that this server has seen active; 0 before the first.";
    DNS_SERVED: Gauge "dns_served_generation" []
        "The newest generation that a query was answered from; 0 before the first.";
    DNS_SERVED_AGE: Gauge "dns_served_age_seconds" []
        "How long ago that generation was first answered from; NaN before the first.";

    DNS_SERIAL: Gauge "dns_soa_serial" []
        "The serial number of the SOA records.";
    DNS_TRANSFERABLE: Gauge "dns_transferable_generation" []
        "The plan that secondaries can have; 0 before the first, and without secondaries.";
    DNS_TRANSFERS: Counter "dns_transfers_total" ["kind"]
        "Zone transfers that secondaries have begun, by kind.";
    DNS_NOTIFY_SENT: Counter "dns_notify_sent_total" []
        "NOTIFY messages that were sent to secondaries, repetitions too.";
    DNS_NOTIFY_ACKNOWLEDGED: Counter "dns_notify_acknowledged_total" []
        "NOTIFY messages that secondaries have acknowledged.";
    DNS_NOTIFY_FAILING: Gauge "dns_notify_failing" []
        "Secondaries of zones to which NOTIFY is repeated without success.";

    PLANNER_LEADING: Gauge "planner_leading" []
        "1 while this process leads and plans, 0 while it stands by.";
    PLANNER_TICKS: Counter "planner_ticks_total" ["outcome"]
        "The Planner's ticks by outcome.";
    PLANNER_GENERATION: Gauge "planner_generation" []
        "The newest plan as the Planner's last successful tick left it; 0 before the first.";
    HELD: Gauge "planner_held_changes" []
        "Changes of the fleet file that wait for a confirmation.";
    HELD_SECONDS: Gauge "planner_held_change_seconds" ["id" "endpoint"]
        "For how long the change with this id has been held.";
    FAIL_OPEN: Gauge "planner_fail_open_endpoints" []
        "Endpoints that serve unhealthy targets, because too few are healthy.";
    AWAITED: Gauge "planner_awaited_endpoints" []
        "New endpoints that are in no plan yet, because their targets are not checked.";
    REJECTED: Gauge "planner_rejected_changes" []
        "Held changes that a person has rejected.";
    FROZEN: Gauge "planner_frozen" []
        "1 while a person has frozen the plans.";
    DRAINS: Gauge "planner_drains" []
        "Drains by persons that are in force.";
    WAITING: Gauge "planner_waiting_endpoints" []
        "Endpoints that are to have other records than in the newest plan, because of a freeze or a store that fails.";
    SUSPECTED: Gauge "planner_suspected_targets" []
        "Unhealthy targets that are served, because so many became unhealthy at once.";

    PASSES: Counter "enactor_passes_total" ["outcome"]
        "The Enactors' passes by outcome.";
    ENACTED: Gauge "enactor_generation" []
        "The newest plan that a pass of this process has applied; 0 before the first.";

    CHECKS: Counter "health_checks_total" ["outcome"]
        "Health checks by outcome.";
    CHECKS_RUNNING: Gauge "health_checks_running" []
        "Health checks that run now.";
    CHECK_LAG: Gauge "health_check_lag_seconds" []
        "The largest delay with which a check has begun in the last seconds.";
    TARGETS: Gauge "health_targets" ["state"]
        "Targets by what their checks say.";
    NOT_CHECKED: Gauge "health_targets_not_checked" []
        "Targets whose last check could not be made, for a reason that is not theirs.";
    DAMPED: Gauge "health_targets_damped" []
        "Targets that answer, and are unhealthy because they have fallen so often.";
    CERTIFICATE_EXPIRY: Gauge "health_certificate_expiry_timestamp_seconds" ["target"]
        "When the certificate that the target showed last expires, as a Unix time; the first, if it is checked in several ways.";

    PLANS: Gauge "plans_in_store" []
        "Plans that no sweep has deleted.";
    DISK_WRITABLE: Gauge "disk_store_writable" []
        "1 if the last change of the store was written; 0 while changes are refused.";
    DISK_SIZE: Gauge "disk_store_size_bytes" []
        "How large the store's file is.";

    #[cfg(feature = "etcd")]
    ETCD_CONNECTED: Gauge "etcd_connected" []
        "1 while the cluster answers; in a process with a DNS server or an Enactor, while it is followed.";
    #[cfg(feature = "etcd")]
    ETCD_LAST_CONTACT: Gauge "etcd_last_contact_seconds" []
        "How long ago the cluster last answered; NaN before its first answer.";
    #[cfg(feature = "etcd")]
    ETCD_REVISION: Gauge "etcd_revision" []
        "The cluster's revision that this process serves; 0 before the first.";
    #[cfg(feature = "etcd")]
    ETCD_FROM_DISK: Gauge "etcd_from_disk" []
        "1 while this process serves the plan from its cache file.";
    #[cfg(feature = "etcd")]
    ETCD_LOSSES: Counter "etcd_losses_total" []
        "How often the connection to the cluster was lost.";
    #[cfg(feature = "etcd")]
    ETCD_SIZE: Gauge "etcd_member_size_bytes" ["member"]
        "The size of the member's database; no sample unless this process leads.";
    #[cfg(feature = "etcd")]
    ETCD_IN_USE: Gauge "etcd_member_in_use_bytes" ["member"]
        "How much of the member's database is in use; no sample unless this process leads.";
    #[cfg(feature = "etcd")]
    ETCD_QUOTA: Gauge "etcd_member_quota_bytes" ["member"]
        "The size at which the member accepts no plan any more; no sample unless this process leads.";
    #[cfg(feature = "etcd")]
    ETCD_NO_SPACE: Gauge "etcd_no_space" []
        "1 while etcd accepts no plan because a member is full; no sample unless this process leads.";
    #[cfg(feature = "etcd")]
    ETCD_RESTORES: Counter "etcd_restores_total" []
        "How often this process noticed that the cluster had been restored from a backup.";
    #[cfg(feature = "etcd")]
    ETCD_KEPT: Gauge "etcd_kept_endpoints" []
        "Endpoints that show a newer plan than the cluster has, because it was restored from a backup.";
    #[cfg(feature = "etcd")]
    ETCD_OTHER: Gauge "etcd_other_cluster" []
        "1 while the cluster is not followed because it has another id than the one before.";
    #[cfg(feature = "etcd")]
    ETCD_NEWEST: Gauge "etcd_newest_generation" []
        "The newest plan that this process has seen while it followed the cluster; 0 before the first.";
    #[cfg(feature = "etcd")]
    ETCD_LAG: Gauge "etcd_lag_generations" []
        "How far the endpoint with the oldest answer is behind that plan.";
}

/// The metrics of this process.
pub(crate) struct Metrics(Registry);

/// What writes the metrics at each scrape.
struct Source<F>(F);

/// A scrape that is being written. Writing goes to a string, which does not fail.
pub(crate) struct Scrape<'a>(DescriptorEncoder<'a>);

/// The value of a counter or a gauge.
pub(crate) trait Value: EncodeCounterValue + EncodeGaugeValue {}

impl<V: EncodeCounterValue + EncodeGaugeValue> Value for V {}

impl Metrics {
    /// Metrics that `describe` writes at each scrape.
    pub(crate) fn new(describe: impl Fn(&mut Scrape<'_>) + Send + Sync + 'static) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Source(describe)));
        Self(registry)
    }

    /// All of them as they are now, in Prometheus' text format.
    pub(crate) fn scrape(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_text::encode(&mut text, &self.0);
        text
    }
}

impl<F: Fn(&mut Scrape<'_>) + Send + Sync + 'static> Collector for Source<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Scrape(encoder));
        Ok(())
    }
}

impl<F> fmt::Debug for Source<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Scrape<'_> {
    /// Writes a metric without labels.
    pub(crate) fn value(&mut self, metric: &Metric<0>, value: impl Value) {
        self.values(metric, [([] as [&str; 0], value)]);
    }

    /// Writes a metric with its samples: the values of its labels, in the order of the table,
    /// and the sample's own value. There may be none.
    pub(crate) fn values<const LABELS: usize>(
        &mut self,
        metric: &Metric<LABELS>,
        samples: impl IntoIterator<Item = ([impl AsRef<str>; LABELS], impl Value)>,
    ) {
        let _ = self.write(metric, samples);
    }

    fn write<const LABELS: usize>(
        &mut self,
        metric: &Metric<LABELS>,
        samples: impl IntoIterator<Item = ([impl AsRef<str>; LABELS], impl Value)>,
    ) -> fmt::Result {
        // The encoder adds this end itself.
        let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
        let mut encoder = self
            .0
            .encode_descriptor(name, metric.says, None, metric.kind)?;
        for (labels, value) in samples {
            let values = labels.each_ref().map(AsRef::as_ref);
            let labels: Vec<(&str, &str)> = metric.labels.into_iter().zip(values).collect();
            let mut sample = encoder.encode_family(&labels)?;
            match metric.kind {
                MetricType::Counter => {
                    sample.encode_counter(&value, None::<&Exemplar<Vec<(&str, &str)>, f64>>)
                }
                _ => sample.encode_gauge(&value),
            }?;
        }
        Ok(())
    }
}

/// When the process started.
#[derive(Clone, Copy)]
pub(crate) struct Start(SystemTime);

impl Start {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now())
    }

    pub(crate) fn describe(self, scrape: &mut Scrape<'_>) {
        scrape.values(&BUILD, [([env!("CARGO_PKG_VERSION")], 1_u64)]);
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH);
        scrape.value(&START, since.unwrap_or_default().as_secs_f64());
    }
}

/// How many ticks and passes had which outcome, and the newest plan of each kind.
#[derive(Default)]
pub(crate) struct Tally {
    leads: AtomicBool,
    published: AtomicU64,
    unchanged: AtomicU64,
    waiting: AtomicU64,
    frozen: AtomicU64,
    not_planned: AtomicU64,
    planned: Newest,
    applied: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
    enacted: Newest,
}

/// The newest of the generations that it was told of.
#[derive(Default)]
struct Newest(AtomicU64);

impl Newest {
    fn at_least(&self, generation: Generation) {
        // Relaxed: nothing is concluded from it.
        self.0.fetch_max(generation.get().into(), Ordering::Relaxed);
    }
}

impl Tally {
    /// Whether the Planner of this process plans.
    pub(crate) fn leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    pub(crate) fn planned(&self, planned: &Result<Planned, PlanError>) {
        count(match planned {
            Ok(Planned::Published { .. }) => &self.published,
            Ok(Planned::Unchanged { .. }) => &self.unchanged,
            Ok(Planned::FirstRound { .. }) => &self.waiting,
            Ok(Planned::Frozen { .. }) => &self.frozen,
            Err(_) => &self.not_planned,
        });
        if let Ok(Planned::Published { generation } | Planned::Unchanged { generation }) = planned {
            self.planned.at_least(*generation);
        }
    }

    pub(crate) fn passed(&self, pass: &Result<Pass, PassError>) {
        count(match pass {
            Ok(Pass::Applied { .. }) => &self.applied,
            Ok(Pass::Stale { .. } | Pass::StaleAtStart { .. }) => &self.stale,
            Ok(Pass::NoPlan) => return,
            Err(_) => &self.failed,
        });
        if let Ok(Pass::Applied { plan, .. }) = pass {
            self.enacted.at_least(*plan);
        }
    }

    /// Writes what the Planner of this process does.
    pub(crate) fn describe_planner(&self, scrape: &mut Scrape<'_>) {
        let ticks = [
            (["published"], read(&self.published)),
            (["unchanged"], read(&self.unchanged)),
            (["first_round"], read(&self.waiting)),
            (["frozen"], read(&self.frozen)),
            (["failed"], read(&self.not_planned)),
        ];
        let leads = self.leads.load(Ordering::Relaxed);
        scrape.value(&PLANNER_LEADING, u64::from(leads));
        scrape.values(&PLANNER_TICKS, ticks);
        scrape.value(&PLANNER_GENERATION, read(&self.planned.0));
    }

    /// Writes what the Enactors of this process do.
    pub(crate) fn describe_enactors(&self, scrape: &mut Scrape<'_>) {
        let passes = [
            (["applied"], read(&self.applied)),
            (["stale"], read(&self.stale)),
            (["failed"], read(&self.failed)),
        ];
        scrape.values(&PASSES, passes);
        scrape.value(&ENACTED, read(&self.enacted.0));
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Writes what the DNS server has done, and the newest generation that it has seen active.
pub(crate) fn describe_dns(scrape: &mut Scrape<'_>, counts: &Counts, active: Option<Generation>) {
    let outcomes = Outcome::ALL.map(|outcome| ([outcome.name()], counts.of(outcome)));
    scrape.values(&DNS_QUERIES, outcomes);
    scrape.value(&DNS_PANICS, counts.panics);
    scrape.value(&DNS_TCP_FAILURES, counts.tcp_failures);
    scrape.value(&DNS_ACTIVATIONS_SEEN, counts.activations_seen);
    scrape.value(&DNS_ACTIVE, active.map_or(0, Generation::get));
    scrape.value(&DNS_SERVED, counts.generation.map_or(0, Generation::get));
    let age = counts.age.map_or(f64::NAN, |age| age.as_secs_f64());
    scrape.value(&DNS_SERVED_AGE, age);
}

/// Writes what secondaries can have, and what they have taken.
pub(crate) fn describe_transfers(scrape: &mut Scrape<'_>, serial: u32, counts: &TransferCounts) {
    scrape.value(&DNS_SERIAL, serial);
    let generation = counts.generation.map_or(0, Generation::get);
    scrape.value(&DNS_TRANSFERABLE, generation);
    let kinds = [
        (["whole"], counts.whole),
        (["incremental"], counts.incremental),
        (["up_to_date"], counts.up_to_date),
    ];
    scrape.values(&DNS_TRANSFERS, kinds);
    scrape.value(&DNS_NOTIFY_SENT, counts.notify_sent);
    scrape.value(&DNS_NOTIFY_ACKNOWLEDGED, counts.notify_acknowledged);
    scrape.value(&DNS_NOTIFY_FAILING, counts.notify_failing);
}

/// Writes what the Planner holds back.
pub(crate) fn describe_status(scrape: &mut Scrape<'_>, status: &Status) {
    scrape.value(&HELD, status.held.len());
    let held = status.held.iter().map(|held| {
        let labels = [held.id.to_string(), held.endpoint.to_string()];
        (labels, held.since.elapsed().as_secs())
    });
    scrape.values(&HELD_SECONDS, held);
    scrape.value(&FAIL_OPEN, status.fail_open.len());
    scrape.value(&AWAITED, status.awaited.len());
    scrape.value(&SUSPECTED, status.suspected);
    scrape.value(&REJECTED, status.rejected.len());
    scrape.value(&FROZEN, u64::from(status.orders.freeze.is_some()));
    scrape.value(&DRAINS, status.drains.len());
    scrape.value(&WAITING, status.waiting);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/metrics.md");

    /// The rows of the page's tables of metrics: type, name with labels, and what it says.
    fn page() -> BTreeSet<(String, String, String)> {
        let cells = |line: &str| {
            let cells: Vec<_> = line.trim_matches('|').split('|').collect();
            <[&str; 4]>::try_from(cells)
                .ok()
                .map(|cells| cells.map(|cell| cell.trim().to_owned()))
        };
        let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
        let rows = rows.map(|line| cells(line).unwrap_or_else(|| panic!("not four cells: {line}")));
        rows.map(|[name, kind, _, says]| (kind, name.replace('`', ""), says))
            .collect()
    }

    #[test]
    fn the_page_and_the_table_are_the_same() {
        let table = ALL.iter().map(|(kind, name, labels, says)| {
            let labels = match labels {
                [] => String::new(),
                labels => format!("{{{}}}", labels.join(", ")),
            };
            (
                kind.as_str().into(),
                format!("{name}{labels}"),
                (*says).into(),
            )
        });
        let table: BTreeSet<(String, String, String)> = table.collect();
        let mut page = page();
        if cfg!(not(feature = "etcd")) {
            page.retain(|(_, name, _)| !name.starts_with("etcd_"));
        }
        let only_page: Vec<_> = page.difference(&table).collect();
        let only_table: Vec<_> = table.difference(&page).collect();
        assert!(
            only_page.is_empty(),
            "only docs/metrics.md has {only_page:#?}"
        );
        assert!(
            only_table.is_empty(),
            "docs/metrics.md has no row for {only_table:#?}"
        );
    }

    #[test]
    fn names_follow_the_rules() {
        for (kind, name, labels, says) in ALL {
            assert_eq!(
                *kind == MetricType::Counter,
                name.ends_with("_total"),
                "{name}"
            );
            assert!(says.ends_with('.'), "{name}: {says}");
            let is_info = name.ends_with("_info");
            assert!(
                !is_info || !labels.is_empty(),
                "{name} says nothing without labels"
            );
        }
        let names: BTreeSet<_> = ALL.iter().map(|(_, name, ..)| name).collect();
        assert_eq!(names.len(), ALL.len(), "two rows have the same name");
    }

    #[test]
    fn a_scrape_has_labels_in_order_and_escapes_them() {
        let metrics = Metrics::new(|scrape| {
            scrape.values(&HELD_SECONDS, [(["a\"b", "c\nd"], 3_u64)]);
            scrape.value(&DNS_PANICS, 2_u64);
            scrape.values(&FLEET, [] as [([&str; 1], u64); 0]);
        });
        assert_eq!(
            metrics.scrape(),
            "# HELP planner_held_change_seconds For how long the change with this id has been held.\n\
             # TYPE planner_held_change_seconds gauge\n\
             planner_held_change_seconds{id=\"a\\\"b\",endpoint=\"c\\nd\"} 3\n\
             # HELP dns_panics_total Panics while a query was answered. The thread went on.\n\
             # TYPE dns_panics_total counter\n\
             dns_panics_total 2\n\
             # HELP fleet_info 1, with the hash of the fleet that is in force, to compare processes of the same version.\n\
             # TYPE fleet_info gauge\n"
        );
    }
}
