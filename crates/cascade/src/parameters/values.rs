//! The list of parameters.

/// One parameter: its name, its unit, and its bounds.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// A description for a reader.
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) get: fn(&Values) -> f64,
    pub(crate) slot: fn(&mut Values) -> &mut f64,
}

impl Spec {
    /// Refuses a value out of bounds; the error says what to give.
    pub(crate) fn check(&self, value: f64) -> Result<(), String> {
        // NaN is out of bounds too.
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

/// Declares the sections and their parameters. Because of the bounds, each run is bounded in
/// time and memory.
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
    /// The database's name and its resolvers.
    dns: Dns {
        /// How long resolvers keep addresses.
        positive_ttl: "s" 1.0 86_400.0,
        /// How long resolvers keep an answer without records.
        negative_ttl: "s" 30.0 86_400.0,
        /// The largest share by which a resolver shortens that time.
        negative_spread: "ratio" 0.0 0.5,
        /// Resolvers, each with a cache of its own.
        resolvers: "resolvers" 1.0 1000.0,
    }
    /// Demand of customers.
    demand: Demand {
        /// All demand, relative to a usual day.
        scale: "ratio" 0.0 20.0,
        /// How far demand goes above and below its mean over the day.
        swing: "ratio" 0.0 0.9,
        /// When demand is highest.
        peak_hour: "h UTC" 0.0 24.0,
        /// How far a whole day's demand differs between seeds.
        day_noise: "ratio" 0.0 0.5,
        /// How far the demand of half a minute differs from its mean.
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
        /// How long a lease is valid.
        lease_term: "s" 60.0 172_800.0,
        /// The time after which a lease request is given up and made again.
        time_out: "s" 30.0 3600.0,
        /// The work of a DWFM host for a lease request.
        work: "s" 0.01 600.0,
        /// The mean time until a lease request that failed at once is made again.
        retry: "s" 30.0 3600.0,
        /// Lease requests that the throttle lets in, relative to a host's capacity.
        throttle: "ratio" 0.01 2.0,
        /// From the restart of one host to the next.
        restart_time: "s" 10.0 7200.0,
    }
    /// Launches of instances.
    launches: Launches {
        /// Launches that customers request, on the mean.
        demand: "launches/min" 0.0 100_000.0,
        /// Launches that all droplets have room for, relative to the mean.
        placement: "ratio" 0.0 100.0,
        /// The share of failed launches that is repeated until it succeeds.
        persistence: "ratio" 0.0 1.0,
        /// The time until a failed launch is repeated.
        retry: "min" 0.5 1440.0,
        /// The share of droplets with a lease at which launches are let in again.
        readmit: "ratio" 0.0 1.0,
        /// Launches let in while DWFM is throttled.
        throttle: "launches/min" 0.0 1_000_000.0,
        /// Launches let in while load is shed.
        shed: "launches/min" 0.0 1_000_000.0,
        /// The factor by which the launch throttle is relaxed in each step.
        relax_factor: "ratio" 1.0 100.0,
        /// The time between two such steps.
        relax_interval: "min" 1.0 1440.0,
    }
    /// EC2's Network Manager.
    network: Network {
        /// Partitions, each with a queue of its own.
        partitions: "partitions" 1.0 500.0,
        /// How far a partition's load differs from the mean.
        unevenness: "ratio" 0.0 0.9,
        /// Network changes that Network Manager can deliver.
        capacity: "changes/min" 1.0 1_000_000.0,
        /// Network changes for each launch.
        changes_per_launch: "changes" 0.0 100.0,
        /// Network changes from other causes, on the mean.
        other_changes: "changes/min" 0.0 1_000_000.0,
        /// The time of a network change with empty queues.
        least_delay: "min" 0.0 60.0,
        /// The delay from which a network change counts as late.
        late: "min" 0.5 600.0,
    }
    /// Network Load Balancer.
    balancers: Balancers {
        /// Load balancers, each with a node in three zones.
        count: "load balancers" 1.0 5000.0,
        /// The share of load balancers that grow.
        growing: "ratio" 0.0 1.0,
        /// Targets behind those that grow.
        targets: "targets" 1.0 10_000_000.0,
        /// New targets for each launch.
        targets_per_launch: "targets" 0.0 10.0,
        /// Targets that a check meets.
        probes: "targets" 0.0 1000.0,
        /// The largest share of checks that fails because of missing network state.
        worst: "ratio" 0.0 1.0,
        /// Failed checks in a row that take a node out.
        fall: "checks" 1.0 100.0,
        /// Passed checks in a row that put a node back.
        rise: "checks" 1.0 100.0,
        /// Checks that the checker can do, relative to the usual number.
        checker: "ratio" 0.1 1000.0,
        /// Work for taking a node out or putting it back.
        change_work: "checks" 0.0 1000.0,
        /// The lateness at which half of the checks still count.
        patience: "s" 1.0 3600.0,
        /// The largest delay of the checker.
        most_overdue: "min" 0.0 600.0,
        /// How long clients keep a load balancer's addresses.
        ttl: "s" 1.0 86_400.0,
        /// The share of nodes that may be out if there is a limit.
        velocity_limit: "ratio" 0.0 1.0,
    }
    /// Lambda.
    lambda: Lambda {
        /// Invocations, on the mean.
        demand: "invocations/min" 0.0 10_000_000.0,
        /// The share of invocations that is asynchronous.
        events: "ratio" 0.0 1.0,
        /// The capacity of Lambda's hosts, relative to the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long Lambda continues without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Events that the pollers can fetch, relative to the mean.
        poll_rate: "ratio" 0.0 100.0,
        /// The time until all pollers are started again.
        pollers_start: "min" 0.1 1440.0,
        /// Events let in while they are throttled, relative to the mean.
        throttle: "ratio" 0.0 100.0,
        /// The share of hosts at which the throttle on events ends.
        unthrottle: "ratio" 0.0 1.0,
        /// The wait from which an event counts as late.
        late: "min" 0.5 1440.0,
        /// The share of hosts ended in an hour if all load balancers consider
        /// them dead.
        ended: "1/h" 0.0 60.0,
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0,
    }
    /// Connect.
    connect: Connect {
        /// Contacts, on the mean.
        demand: "contacts/min" 0.0 10_000_000.0,
        /// The capacity of Connect's hosts, relative to the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long Connect continues without the database's name.
        keep: "s" 0.0 86_400.0,
        /// The share of contacts that are chats or tasks.
        chats: "ratio" 0.0 1.0,
        /// How long chats and tasks can wait for their events.
        patience: "min" 0.5 1440.0,
        /// The largest rate of events, relative to the mean.
        poll_rate: "ratio" 1.0 100.0,
        /// The share of hosts ended in an hour if all load balancers consider them
        /// dead.
        ended: "1/h" 0.0 60.0,
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0,
    }
    /// STS.
    tokens: Tokens {
        /// Requests to STS, on the mean.
        demand: "requests/min" 0.0 10_000_000.0,
        /// The capacity of STS, relative to the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long STS continues without the database's name.
        keep: "s" 0.0 86_400.0,
        /// The time until a failed request to STS is repeated.
        retry: "min" 0.5 1440.0,
        /// The share of failed requests to STS that is repeated.
        persistence: "ratio" 0.0 1.0,
        /// The time in which STS's hosts get another way to the database.
        rollout: "min" 0.5 1440.0,
    }
    /// Console and IAM sign-in.
    sign_in: SignIn {
        /// Sign-ins, on the mean.
        demand: "requests/min" 0.0 10_000_000.0,
        /// The capacity of sign-in, relative to the mean.
        capacity: "ratio" 0.0 100.0,
        /// How long sign-in continues without the database's name.
        keep: "s" 0.0 86_400.0,
        /// The time until a failed sign-in is repeated.
        retry: "min" 0.5 1440.0,
        /// The share of failed sign-ins that is repeated.
        persistence: "ratio" 0.0 1.0,
        /// The time in which sign-in's hosts get another way to the database.
        rollout: "min" 0.5 1440.0,
    }
    /// ECS, EKS and Fargate.
    containers: Containers {
        /// Tasks, on the mean.
        demand: "tasks/min" 0.0 1_000_000.0,
        /// Hosts that are ready, in minutes of the mean demand.
        pool: "min" 0.0 1440.0,
        /// How long a task waits for a host.
        patience: "min" 0.5 1440.0,
        /// The largest rate of launched hosts, relative to the mean demand.
        launched: "ratio" 0.0 100.0,
    }
    /// Redshift.
    redshift: Redshift {
        /// Queries, on the mean.
        queries: "queries/min" 0.0 10_000_000.0,
        /// The share of queries that needs the database.
        depend: "ratio" 0.0 1.0,
        /// How long queries continue without the database's name.
        keep: "s" 0.0 86_400.0,
        /// Clusters.
        clusters: "clusters" 1.0 1_000_000.0,
        /// Clusters that lose a host.
        lost: "clusters/h" 0.0 100_000.0,
        /// Clusters whose host can be replaced, if launches succeed.
        workflows: "clusters/h" 0.0 100_000.0,
    }
    /// Global tables.
    tables: Tables {
        /// Writes in other regions, on the mean.
        writes: "writes/min" 0.0 10_000_000.0,
        /// Writes that can be replicated, relative to the mean.
        catch_up: "ratio" 0.0 1000.0,
    }
    /// Other arrangements of the services.
    architecture: Arrangement {
        /// Regions, in an architecture with several regions.
        regions: "regions" 2.0 20.0,
        /// Cells, in an architecture with cells.
        cells: "cells" 2.0 1000.0,
        /// How long services continue without the database, with static stability.
        outlive: "h" 0.0 48.0,
        /// The share of failed requests at which customers leave a region.
        leave: "ratio" 0.0 1.0,
        /// How long requests must fail before customers leave a region.
        notice: "min" 0.0 600.0,
        /// The time in which two thirds of the customers move.
        move_time: "min" 0.5 600.0,
        /// How long a region must work before its customers come back.
        trust: "min" 0.0 1440.0,
    }
}
