//! The published times at which each service was impaired and recovered.

use crate::{Service, Time};

/// A span of time in which a service was impaired, as published.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Published {
    /// The service.
    pub service: Service,
    /// The number of the span, from 1; 0 if the service has only one span.
    pub wave: u8,
    /// When it began, if that was published.
    pub onset: Option<Time>,
    /// When it ended.
    pub recovery: Time,
}

const fn span(service: Service, wave: u8, onset: (u32, u32), recovery: (u32, u32)) -> Published {
    Published {
        service,
        wave,
        onset: Some(Time::of_day(onset.0, onset.1)),
        recovery: Time::of_day(recovery.0, recovery.1),
    }
}

const fn until(service: Service, recovery: (u32, u32)) -> Published {
    Published {
        service,
        wave: 0,
        onset: None,
        recovery: Time::of_day(recovery.0, recovery.1),
    }
}

/// The published times, from the public post-event summary (message 101925).
/// Spans of the same service are in order and do not overlap.
pub const PUBLISHED: &[Published] = &[
    span(Service::DynamoDb, 0, (6, 48), (9, 40)),
    until(Service::GlobalTables, (9, 32)),
    span(Service::Droplets, 0, (6, 48), (12, 28)),
    span(Service::Launches, 0, (6, 48), (20, 50)),
    span(Service::NetworkManager, 0, (13, 21), (17, 36)),
    span(Service::LoadBalancers, 0, (12, 30), (21, 9)),
    span(Service::Lambda, 0, (6, 51), (21, 15)),
    until(Service::Containers, (21, 20)),
    span(Service::Connect, 1, (7, 20), (12, 0)),
    span(Service::Connect, 2, (14, 4), (20, 20)),
    span(Service::Tokens, 1, (6, 51), (8, 19)),
    span(Service::Tokens, 2, (15, 31), (16, 59)),
    span(Service::SignIn, 0, (6, 51), (8, 25)),
    until(Service::Redshift, (9, 21)),
    until(Service::RedshiftClusters, (24 + 11, 5)),
];
