//! What can go wrong, in one place.

use std::net::IpAddr;

use thiserror::Error;

use crate::{EndpointName, Family, Generation, Plan, RecordSet};

/// What went wrong, where, and what to do about it.
///
/// Losing a race is not an error: [`Activation::Stale`](crate::Activation::Stale)
/// says so and names the winner.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a DNS name.
    #[error("`{name}` is not a DNS name: {reason}")]
    InvalidName {
        /// The text that was given, cut to 253 characters.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A record set without a single target.
    #[error(
        "endpoint {endpoint} has no targets; give it one at least, or leave it out of the plan to withdraw it"
    )]
    EmptyRecordSet {
        /// The endpoint.
        endpoint: EndpointName,
    },

    /// An address twice in one record set.
    #[error("endpoint {endpoint} has target {address} twice; merge the two into one weight")]
    DuplicateTarget {
        /// The endpoint.
        endpoint: EndpointName,
        /// The address.
        address: IpAddr,
    },

    /// An address that no client can connect to.
    #[error(
        "endpoint {endpoint}: {address} is the unspecified, the broadcast or a multicast address; give a unicast one"
    )]
    UnusableAddress {
        /// The endpoint.
        endpoint: EndpointName,
        /// The address.
        address: IpAddr,
    },

    /// No target of a family could ever be drawn.
    #[error(
        "endpoint {endpoint}: all {family} weights are 0, so no target could be drawn; give one of them 1 at least"
    )]
    AllWeightsZero {
        /// The endpoint.
        endpoint: EndpointName,
        /// The family whose weights are all 0.
        family: Family,
    },

    /// More targets than a record set holds.
    #[error(
        "endpoint {endpoint} has {count} {family} targets, more than {}; split it into several endpoints",
        RecordSet::MAX_TARGETS
    )]
    TooManyTargets {
        /// The endpoint.
        endpoint: EndpointName,
        /// The family.
        family: Family,
        /// How many there are.
        count: usize,
    },

    /// A time to live out of bounds.
    #[error(
        "endpoint {endpoint}: a TTL of {seconds} s is more than {} s (a week)",
        RecordSet::MAX_TTL
    )]
    TtlTooLong {
        /// The endpoint.
        endpoint: EndpointName,
        /// The TTL that was given.
        seconds: u32,
    },

    /// A plan that names no endpoint.
    #[error("the plan names no endpoint, and would withdraw all of them; name one at least")]
    EmptyPlan,

    /// An endpoint twice in one plan.
    #[error("the plan names endpoint {endpoint} twice; merge the two")]
    DuplicateEndpoint {
        /// The endpoint.
        endpoint: EndpointName,
    },

    /// More endpoints than a plan holds.
    #[error("the plan names {count} endpoints, more than {}", Plan::MAX_ENDPOINTS)]
    TooManyEndpoints {
        /// How many there are.
        count: usize,
    },

    /// The last generation is published.
    #[error("generation {} was the last one; start a new store", Generation::MAX)]
    GenerationsExhausted,

    /// There is no such plan: swept, or never published.
    #[error(
        "plan {generation} is not in the store: it was swept, or never published; pick up the latest"
    )]
    NoSuchPlan {
        /// The generation asked for.
        generation: Generation,
    },

    /// A plan can be pinned no more.
    #[error("plan {generation} cannot be pinned again: {}", .held.map_or("its lifetime's pins are used up; publish its content anew".into(), |n| format!("{n} pins are held; drop some")))]
    PinsExhausted {
        /// The plan.
        generation: Generation,
        /// How many pins are held, if that is the bound that was reached.
        held: Option<u64>,
    },

    /// The plan does not name the endpoint that it is to be activated at.
    #[error(
        "plan {generation} does not name endpoint {endpoint}, so it cannot be activated there; withdraw the endpoint if it is to go"
    )]
    NotInPlan {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
    },

    /// The plan names the endpoint that it is to withdraw.
    #[error(
        "plan {generation} names endpoint {endpoint}, so it cannot withdraw it; activate it instead"
    )]
    StillInPlan {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
    },

    /// The pin was taken from another store.
    #[error("the pin on plan {generation} is another store's; pin the plan in this one")]
    ForeignPin {
        /// The plan.
        generation: Generation,
    },

    /// The store behind the trait failed in a way of its own.
    #[error("the store failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}
