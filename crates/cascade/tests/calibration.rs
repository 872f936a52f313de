//! The simulated day, compared with the published one.

use cascade::{Architecture, DecidedBy, PUBLISHED, Scenario, Service, Study, study};

fn days(architecture: Architecture, seeds: usize) -> Study {
    let scenario = Scenario {
        architecture,
        ..Scenario::october_2025()
    };
    study(&scenario, seeds, &|_| {})
}

/// The goal for the median of the seeds: each onset within five minutes, and each recovery
/// within a tenth of the time since the record was deleted.
#[test]
fn every_published_time_is_met() {
    let calibration = days(Architecture::ONE_REGION, 31).calibration();
    assert_eq!(calibration.rows.len(), PUBLISHED.len());
    for row in &calibration.rows {
        assert!(row.holds(), "{row:?}");
    }
    assert!(calibration.holds());
    let by_switch = calibration.rows.iter();
    let by_switch: Vec<_> = by_switch
        .filter(|row| row.decided_by == DecidedBy::Switch)
        .map(|row| row.published.service)
        .collect();
    assert_eq!(by_switch, [Service::LoadBalancers]);
}

/// Each architecture protects what it is made to protect.
#[test]
fn architectures_protect_what_they_are_made_to_protect() {
    let one = days(Architecture::ONE_REGION, 5);
    let [announced, regions, cells, stable, both] = [
        Architecture::ANNOUNCED,
        Architecture::REGIONS,
        Architecture::CELLS,
        Architecture::STATIC,
        Architecture::STATIC_CELLS,
    ]
    .map(|architecture| days(architecture, 5));
    assert!(one.blast_radius.low > 0.99);
    // There is no second wave, but the first is as before.
    assert!(announced.launch_minutes.high < one.launch_minutes.low * 0.5);
    assert!(announced.sign_in_minutes.median > one.sign_in_minutes.median * 0.9);
    // Customers leave the failing region within minutes.
    assert!(regions.launch_minutes.high < 10.0 && regions.blast_radius.high < 1.0 / 3.0);
    // As bad as before, but for a tenth of the customers.
    assert!((cells.launch_minutes.median * 10.0 / one.launch_minutes.median - 1.0).abs() < 0.05);
    assert!(cells.blast_radius.high < 0.101);
    // Sign-ins and invocations continue. Launches still meet the rush at 09:25.
    assert!(stable.sign_in_minutes.high < 1.0 && stable.invocation_minutes.high < 1.0);
    assert!(stable.launch_minutes.low > 10.0);
    assert!(both.launch_minutes.high < stable.launch_minutes.low);
}
