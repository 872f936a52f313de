//! A deterministic, seeded, discrete-event simulation of the services that depended on
//! one DNS name in October 2025.
//!
//! The input of a simulation is:
//! - a [`DnsTimeline`]: what the name answered, and when. It comes from a run of the
//!   control plane or from a file.
//! - [`Parameters`]: rates, capacities and time-outs, each with its unit, and each
//!   marked as published or assumed.
//! - [`Switch`]: what people did, and when.
//! - an [`Architecture`]: how the same services are arranged.
//!
//! [`simulate`] simulates a day and a half with one seed. [`study`] simulates many seeds
//! on all cores. An [`Outcome`] has the series of every service, and [`calibration`]
//! compares them with the published times. [`sensitivity`] finds the assumed parameters
//! that the result depends on most.
//!
//! ```
//! use cascade::{Architecture, DnsTimeline, Scenario, Service, simulate};
//!
//! let day = simulate(&Scenario::october_2025(), 1);
//! assert!(!day.service(Service::Droplets).spells.is_empty(), "leases were lost");
//!
//! let calm = Scenario { dns: DnsTimeline::calm(), ..Scenario::october_2025() };
//! assert!(simulate(&calm, 1).service(Service::Droplets).spells.is_empty());
//! ```

mod architecture;
mod calibration;
mod customers;
mod dns;
mod error;
mod outcome;
mod parameters;
mod published;
mod queue;
mod sensitivity;
mod service;
mod simulation;
mod study;
mod switches;
mod text;
mod time;
mod unit;

pub use architecture::Architecture;
pub use calibration::{Calibration, DecidedBy, Row, calibration};
pub use dns::{DnsAnswer, DnsChange, DnsTimeline};
pub use error::Error;
pub use outcome::{Counts, Customers, Outcome, STEP, Series, ServiceOutcome, Spell};
pub use parameters::{Parameter, Parameters, Source, SourceKind};
pub use published::{PUBLISHED, Published};
pub use sensitivity::{
    Influence, Sensitivity, Shift, SpanEnd, VARIED_BY, sensitivity, sensitivity_days,
};
pub use service::{DEPENDENCIES, Dependency, Service};
pub use simulation::{Scenario, simulate};
pub use study::{Band, BandSeries, RowBand, Study, study};
pub use switches::Switch;
pub use time::Time;
