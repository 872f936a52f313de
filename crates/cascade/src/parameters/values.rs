//! The list of parameters.

/// One parameter: its name, its unit, and its bounds.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// What it is, for a reader.
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) get: fn(&Values) -> f64,
    pub(crate) slot: fn(&mut Values) -> &mut f64,
}

impl Spec {
    /// What is wrong with this value, if anything.
    pub(crate) fn check(&self, value: f64) -> Result<(), String> {
        // Also refuses what is not a number.
        if (self.least..=self.most).contains(&value) {
            return Ok(());
        }
        let (least, most, unit) = (self.least, self.most, self.unit);
        Err(format!(
            "{value} is out of bounds; give {least} to {most} {unit}"
        ))
    }
}

/// The parameter of this name.
pub(crate) fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// Declares the sections and their parameters; the bounds keep each run bounded
/// in time and memory, whatever the values.
macro_rules! parameters {
    ($(
        $(#[$about:meta])*
        $section:ident: $Section:ident {
            $( $(#[doc = $about_key:literal])* $key:ident:
                $unit:literal $least:literal $most:literal, )*
        }
    )*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, PartialEq, Default, Debug)]
            pub(crate) struct $Section { $( $(#[doc = $about_key])* pub(crate) $key: f64, )* }
        )*

        /// All parameters.
        #[derive(Clone, Copy, PartialEq, Default, Debug)]
        pub(crate) struct Values { $( $(#[$about])* pub(crate) $section: $Section, )* }

        /// All parameters, in the order of the file.
        pub(crate) static SPECS: &[Spec] = &[ $( $( Spec {
            name: concat!(stringify!($section), ".", stringify!($key)),
            about: concat!($($about_key),*),
            unit: $unit,
            least: $least,
            most: $most,
            get: |values| values.$section.$key,
            slot: |values| &mut values.$section.$key,
        }, )* )* ];
    };
}

parameters! {
    /// The name, and who resolves it.
    dns: Dns {
        /// How long addresses are kept.
        positive_ttl: "s" 1.0 86_400.0,
        /// How long it is kept that there are none.
        negative_ttl: "s" 30.0 86_400.0,
        /// By how much some resolvers keep that shorter.
        negative_spread: "ratio" 0.0 0.5,
        /// Resolvers, each with a cache of its own.
        resolvers: "resolvers" 1.0 1000.0,
    }
    /// What customers ask for.
    demand: Demand {
        /// All demand, against what is usual.
        scale: "ratio" 0.0 20.0,
        /// How far the day's peak of demand is above its mean, and its low below.
        swing: "ratio" 0.0 0.9,
        /// When demand is highest.
        peak_hour: "h UTC" 0.0 24.0,
        /// How far demand on a day is off, from seed to seed.
        day_noise: "ratio" 0.0 0.5,
        /// How far demand in half a minute is off.
        noise: "ratio" 0.0 0.5,
    }
    /// EC2's DWFM.
    droplets: Droplets {
        /// Droplets.
        count: "droplets" 1.0 2000.0,
        /// Hosts of DWFM.
        hosts: "hosts" 1.0 500.0,
        /// From one renewal of a lease to the next.
        renewal_interval: "s" 60.0 86_400.0,
        /// How long a lease holds.
        lease_term: "s" 60.0 172_800.0,
        /// After which a lease request is given up, and made again.
        time_out: "s" 30.0 3600.0,
        /// Work of a DWFM host on a lease request.
        work: "s" 0.01 600.0,
        /// Until a lease request that failed at once is made again, on the mean.
        retry: "s" 30.0 3600.0,
        /// Lease requests that the throttle lets in, against what a host can do.
        throttle: "ratio" 0.01 2.0,
        /// From the restart of one host to the next.
        restart_time: "s" 10.0 7200.0,
    }
    /// Launches of instances.
    launches: Launches {
        /// Launches that customers want, on the mean.
        demand: "launches/min" 0.0 100_000.0,
        /// Launches that all droplets have room for, against the mean.
        placement: "ratio" 0.0 100.0,
        /// The share of failed launches that is asked for until it succeeds.
        persistence: "ratio" 0.0 1.0,
        /// Until a failed launch is asked for again.
        retry: "min" 0.5 1440.0,
        /// The share of leases from which on launches are let in again.
        readmit: "ratio" 0.0 1.0,
        /// Launches let in while DWFM is throttled.
        throttle: "launches/min" 0.0 1_000_000.0,
        /// Launches let in while load is shed.
        shed: "launches/min" 0.0 1_000_000.0,
        /// By how much the launch throttle is relaxed at a time.
        relax_factor: "ratio" 1.0 100.0,
        /// From one such time to the next.
        relax_interval: "min" 1.0 1440.0,
    }
    /// EC2's Network Manager.
    network: Network {
        /// Partitions, each with a queue of its own.
        partitions: "partitions" 1.0 500.0,
        /// How far a partition's load is off the mean.
        unevenness: "ratio" 0.0 0.9,
        /// Network changes that can be spread.
        capacity: "changes/min" 1.0 1_000_000.0,
        /// Network changes that a launch makes.
        changes_per_launch: "changes" 0.0 100.0,
        /// Network changes that all else makes, on the mean.
        other_changes: "changes/min" 0.0 1_000_000.0,
        /// What a network change takes with empty queues.
        least_delay: "min" 0.0 60.0,
        /// From which delay on a network change is late.
        late: "min" 0.5 600.0,
    }
    /// Network Load Balancer.
    balancers: Balancers {
        /// Load balancers, each with a node in three zones.
        count: "load balancers" 1.0 5000.0,
        /// The share of them that grow.
        growing: "ratio" 0.0 1.0,
        /// Targets behind those that grow.
        targets: "targets" 1.0 10_000_000.0,
        /// New targets for each launch.
        targets_per_launch: "targets" 0.0 10.0,
        /// Targets that a check meets.
        probes: "targets" 0.0 1000.0,
        /// The share of checks that fails at most for want of network state.
        worst: "ratio" 0.0 1.0,
        /// Failed checks in a row that take a node out.
        fall: "checks" 1.0 100.0,
        /// Passed checks in a row that put it back.
        rise: "checks" 1.0 100.0,
        /// Checks that the checker can do, against what is usual.
        checker: "ratio" 0.1 1000.0,
        /// Work that taking out or putting back makes.
        change_work: "checks" 0.0 1000.0,
        /// By how much a check may be late, so that half of them still count.
        patience: "s" 1.0 3600.0,
        /// How far behind the checker can be.
        most_overdue: "min" 0.0 600.0,
        /// How long clients keep a load balancer's addresses.
        ttl: "s" 1.0 86_400.0,
        /// The share of nodes that may be out, once there is a limit.
        velocity_limit: "ratio" 0.0 1.0,
    }
    /// Lambda.
    lambda: Lambda {
        /// Invocations, on the mean.
        demand: "invocations/min" 0.0 10_000_000.0,
        /// The share of invocations that is asynchronous.
        events: "ratio" 0.0 1.0,
        /// What Lambda's hosts can do, against the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long Lambda goes on without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Events that the pollers fetch, against the mean.
        poll_rate: "ratio" 0.0 100.0,
        /// Until the pollers are all started again.
        pollers_start: "min" 0.1 1440.0,
        /// Events let through while they are throttled, against the mean.
        throttle: "ratio" 0.0 100.0,
        /// The share of hosts from which on they are throttled no more.
        unthrottle: "ratio" 0.0 1.0,
        /// From which wait on an event is late.
        late: "min" 0.5 1440.0,
        /// The share of hosts ended in an hour if all load balancers hold them
        /// for dead.
        ended: "1/h" 0.0 60.0,
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0,
    }
    /// Connect.
    connect: Connect {
        /// Contacts, on the mean.
        demand: "contacts/min" 0.0 10_000_000.0,
        /// What Connect's hosts can do, against the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long Connect goes on without the database's name.
        keep: "s" 0.0 86_400.0,
        /// The share of contacts that are chats or tasks.
        chats: "ratio" 0.0 1.0,
        /// For how long these bear that their events wait.
        patience: "min" 0.5 1440.0,
        /// Events that are worked off at most, against the mean.
        poll_rate: "ratio" 1.0 100.0,
        /// The share of hosts ended in an hour if all load balancers hold them for
        /// dead.
        ended: "1/h" 0.0 60.0,
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0,
    }
    /// STS.
    tokens: Tokens {
        /// Requests to STS, on the mean.
        demand: "requests/min" 0.0 10_000_000.0,
        /// What STS can do, against the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long STS goes on without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Until a request to STS that failed is made again.
        retry: "min" 0.5 1440.0,
        /// The share of failed requests to STS that is made again.
        persistence: "ratio" 0.0 1.0,
        /// In which its hosts are led to the database by other means.
        rollout: "min" 0.5 1440.0,
    }
    /// Console and IAM sign-in.
    sign_in: SignIn {
        /// Sign-ins, on the mean.
        demand: "requests/min" 0.0 10_000_000.0,
        /// Sign-ins that can be done, against the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long sign-in goes on without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Until a sign-in that failed is tried again.
        retry: "min" 0.5 1440.0,
        /// The share of failed sign-ins that is tried again.
        persistence: "ratio" 0.0 1.0,
        /// In which its hosts are led to the database by other means.
        rollout: "min" 0.5 1440.0,
    }
    /// ECS, EKS and Fargate.
    containers: Containers {
        /// Tasks, on the mean.
        demand: "tasks/min" 0.0 1_000_000.0,
        /// Hosts that stand ready, in minutes of the mean demand.
        pool: "min" 0.0 1440.0,
        /// For how long a task waits for a host.
        patience: "min" 0.5 1440.0,
        /// Hosts that are launched at most, against the mean demand.
        launched: "ratio" 0.0 100.0,
    }
    /// Redshift.
    redshift: Redshift {
        /// Queries, on the mean.
        queries: "queries/min" 0.0 10_000_000.0,
        /// The share of them that needs the database.
        depend: "ratio" 0.0 1.0,
        /// How long queries go on without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Clusters.
        clusters: "clusters" 1.0 1_000_000.0,
        /// Clusters that lose a host.
        lost: "clusters/h" 0.0 100_000.0,
        /// Clusters whose host is replaced, if launches succeed.
        workflows: "clusters/h" 0.0 100_000.0,
    }
    /// Global tables.
    tables: Tables {
        /// Writes in other regions, on the mean.
        writes: "writes/min" 0.0 10_000_000.0,
        /// Writes that can be replicated, against that.
        catch_up: "ratio" 0.0 1000.0,
    }
    /// Other arrangements of the services.
    architecture: Arrangement {
        /// Regions, where there are several.
        regions: "regions" 2.0 20.0,
        /// Cells, where there are any.
        cells: "cells" 2.0 1000.0,
        /// For how long what is known holds without the database, where it does.
        outlive: "h" 0.0 48.0,
        /// The share of requests that fail from which on a region is left.
        leave: "ratio" 0.0 1.0,
        /// For how long it must be so.
        notice: "min" 0.0 600.0,
        /// In which two thirds of the customers have moved.
        move_time: "min" 0.5 600.0,
        /// For how long a region must be well before they come back.
        trust: "min" 0.0 1440.0,
    }
}
