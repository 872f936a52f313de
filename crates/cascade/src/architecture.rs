//! Architectures: arrangements of the same services.

/// An arrangement of the services.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Architecture {
    /// A short name for machines.
    pub id: &'static str,
    /// The name, for a reader.
    pub caption: &'static str,
    /// A description in a sentence.
    pub what: &'static str,
    pub(crate) spread: Spread,
    pub(crate) outlives: bool,
    pub(crate) announced: bool,
}

/// What customers are spread over. Each unit has all services, a database and a DNS name
/// of its own. The outage hits one unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Spread {
    /// One region.
    OneRegion,
    /// Several regions, with routing away from a region that fails.
    Regions,
    /// Cells of a region, without routing between them.
    Cells,
}

impl Architecture {
    /// One region with one database, as in October 2025.
    pub const ONE_REGION: Self = Self {
        id: "one_region",
        caption: "One region, one database",
        what: "all customers in one region, whose services share one database",
        spread: Spread::OneRegion,
        outlives: false,
        announced: false,
    };
    /// The same, with the remedies that were announced afterwards.
    pub const ANNOUNCED: Self = Self {
        id: "announced",
        caption: "One region, remedies announced after",
        what: "the same, with a limit on how fast NLB takes capacity out, and throttling by queue length",
        announced: true,
        ..Self::ONE_REGION
    };
    /// Several regions with routing between them.
    pub const REGIONS: Self = Self {
        id: "regions",
        caption: "Several regions with routing",
        what: "customers spread over regions; health checks lead them away from a failing region",
        spread: Spread::Regions,
        ..Self::ONE_REGION
    };
    /// Fault isolation: cells, each with a database of its own.
    pub const CELLS: Self = Self {
        id: "cells",
        caption: "Cells",
        what: "one region cut into cells, each with a database and a name of its own",
        spread: Spread::Cells,
        ..Self::ONE_REGION
    };
    /// Static stability: services keep working from their last known state while the
    /// database is away.
    pub const STATIC: Self = Self {
        id: "static",
        caption: "Static stability",
        what: "leases outlive the database, and services continue with their last known state",
        outlives: true,
        ..Self::ONE_REGION
    };
    /// Cells and static stability.
    pub const STATIC_CELLS: Self = Self {
        id: "static_cells",
        caption: "Cells with static stability",
        what: "cells with static stability in each",
        spread: Spread::Cells,
        outlives: true,
        ..Self::ONE_REGION
    };

    /// All architectures. That of the incident is first.
    pub const ALL: [Self; 6] = [
        Self::ONE_REGION,
        Self::ANNOUNCED,
        Self::REGIONS,
        Self::CELLS,
        Self::STATIC,
        Self::STATIC_CELLS,
    ];
}
