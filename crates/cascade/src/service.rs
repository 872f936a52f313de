//! The services, and which depends on which.

use std::fmt;

/// A service of the incident, or the part of one that failed in its own way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// The database's name in the caches of resolvers, and the database behind it.
    DynamoDb,
    /// Copies of tables in other regions.
    GlobalTables,
    /// EC2's `DropletWorkflow` Manager: leases on droplets, which are hosts for instances.
    Droplets,
    /// Launches of EC2 instances.
    Launches,
    /// EC2's Network Manager: network state for new instances.
    NetworkManager,
    /// Network Load Balancer.
    LoadBalancers,
    /// Functions, their event queues, and the pollers that feed them.
    Lambda,
    /// ECS, EKS and Fargate.
    Containers,
    /// The contact centre.
    Connect,
    /// The Security Token Service.
    Tokens,
    /// Console and IAM sign-in.
    SignIn,
    /// Queries of the data warehouse.
    Redshift,
    /// Clusters of the data warehouse that wait for hosts.
    RedshiftClusters,
}

impl Service {
    /// All services. Each comes after the services that it depends on.
    pub const ALL: [Self; 13] = [
        Self::DynamoDb,
        Self::GlobalTables,
        Self::Droplets,
        Self::Launches,
        Self::NetworkManager,
        Self::LoadBalancers,
        Self::Lambda,
        Self::Containers,
        Self::Connect,
        Self::Tokens,
        Self::SignIn,
        Self::Redshift,
        Self::RedshiftClusters,
    ];

    /// A short name for machines.
    pub fn id(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::GlobalTables => "global_tables",
            Self::Droplets => "droplets",
            Self::Launches => "launches",
            Self::NetworkManager => "network_manager",
            Self::LoadBalancers => "load_balancers",
            Self::Lambda => "lambda",
            Self::Containers => "containers",
            Self::Connect => "connect",
            Self::Tokens => "tokens",
            Self::SignIn => "sign_in",
            Self::Redshift => "redshift",
            Self::RedshiftClusters => "redshift_clusters",
        }
    }

    /// The name, for a reader.
    pub fn caption(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::GlobalTables => "Global tables",
            Self::Droplets => "EC2 droplet leases",
            Self::Launches => "EC2 launches",
            Self::NetworkManager => "EC2 Network Manager",
            Self::LoadBalancers => "Network Load Balancer",
            Self::Lambda => "Lambda",
            Self::Containers => "ECS, EKS, Fargate",
            Self::Connect => "Connect",
            Self::Tokens => "STS",
            Self::SignIn => "Console sign-in",
            Self::Redshift => "Redshift queries",
            Self::RedshiftClusters => "Redshift clusters",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.caption())
    }
}

/// One service needs another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dependency {
    /// The service.
    pub service: Service,
    /// The service that it needs.
    pub on: Service,
    /// What it needs the other service for.
    pub how: &'static str,
}

/// Which service needs which in the simulation. There are no cycles, and the order is
/// that of [`Service::ALL`].
pub const DEPENDENCIES: &[Dependency] = {
    use Service::{
        Connect, Containers, Droplets, DynamoDb, GlobalTables, Lambda, Launches, LoadBalancers,
        NetworkManager, Redshift, RedshiftClusters, SignIn, Tokens,
    };
    const fn need(service: Service, on: Service, how: &'static str) -> Dependency {
        Dependency { service, on, how }
    }
    &[
        need(GlobalTables, DynamoDb, "replication writes"),
        need(Droplets, DynamoDb, "state checks of leases"),
        need(Launches, DynamoDb, "state of the launch"),
        need(Launches, Droplets, "a droplet with a lease"),
        need(NetworkManager, Launches, "new instances to connect"),
        need(
            LoadBalancers,
            NetworkManager,
            "network state of new targets",
        ),
        need(Lambda, DynamoDb, "functions and their state"),
        need(Lambda, LoadBalancers, "health of its hosts"),
        need(Lambda, Launches, "hosts in place of lost ones"),
        need(Containers, Launches, "hosts for tasks"),
        need(Connect, DynamoDb, "configuration, kept for a while"),
        need(Connect, Lambda, "events of chats and tasks"),
        need(Connect, LoadBalancers, "its front end"),
        need(Tokens, DynamoDb, "state of sessions"),
        need(Tokens, LoadBalancers, "its front end"),
        need(SignIn, DynamoDb, "state of sign-ins"),
        need(Redshift, DynamoDb, "state of clusters"),
        need(RedshiftClusters, Launches, "hosts in place of lost ones"),
    ]
};
