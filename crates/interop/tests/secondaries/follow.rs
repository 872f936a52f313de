//! Plans in a row arrive in order, without a stale overwrite; a secondary that was away catches
//! up by differences; a wrong key gets nothing.

use std::thread;
use std::time::{Duration, Instant};

use crate::primary::{FIRST, LAST, Primary, secret};
use crate::secondary::{PATIENCE, Program, Running, Seen, free_port, wrong_secret};

/// Plans in a row. `PLANS=1000` takes a minute or two for each program.
fn plans() -> u32 {
    let plans = std::env::var("PLANS").ok();
    plans.and_then(|plans| plans.parse().ok()).unwrap_or(60)
}

/// What a client has seen never goes back, and each answer is of the plan of the serial number
/// before it or a later one.
///
/// NSD takes each transfer in a new process, and the old one answers for a moment longer. So a
/// client sees both by turns, and NSD's log is asked instead, once it names the newest plan.
fn never_back(secondary: &Running, seen: &[Seen], newest: u32) {
    if secondary.program == Program::Nsd {
        let taken = secondary.taken_up_to(newest);
        assert!(taken.is_sorted(), "stale overwrite: {taken:?}");
        return;
    }
    for (one, next) in seen.iter().zip(&seen[1..]) {
        assert!(
            one.serial <= next.serial,
            "stale overwrite: {one:?} {next:?}"
        );
        assert!(one.plan <= next.plan, "stale overwrite: {one:?} {next:?}");
        // The serial number was asked for first.
        assert!(one.serial <= one.plan, "{one:?}");
    }
}

fn plans_in_a_row_arrive(program: Program) {
    let plans = plans();
    let address = free_port();
    let mut primary = Primary::start(address);
    primary.serve(1);
    let mut secondary = Running::new(program, address, primary.address(), &secret());
    secondary.start();
    secondary.wait_for(1);
    let mut all = Vec::new();
    let done = thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for plan in 2..=plans {
                primary.serve(plan);
                thread::sleep(Duration::from_millis(20));
            }
        });
        while !publishing.is_finished() {
            all.extend(secondary.sees(FIRST));
            all.extend(secondary.sees(LAST));
        }
        publishing.join()
    });
    done.unwrap();
    all.extend(secondary.wait_for(plans));
    never_back(&secondary, &all, plans);
    let mut arrived: Vec<u32> = all.iter().map(|seen| seen.serial).collect();
    arrived.dedup();
    let counts = primary.server.transfer_counts();
    println!("{program:?}: {} of {plans} seen, {counts:?}", arrived.len());
    assert!(
        arrived.len() > 3,
        "they come one after another: {arrived:?}"
    );
    assert!(counts.incremental > 3, "as differences: {counts:?}");

    // Away, and back.
    secondary.wait_until_kept(plans);
    secondary.stop();
    let whole = primary.server.transfer_counts().whole;
    for plan in plans + 1..=plans + 10 {
        primary.serve(plan);
    }
    secondary.start();
    never_back(&secondary, &secondary.wait_for(plans + 10), plans + 10);
    let after = primary.server.transfer_counts();
    assert_eq!(after.whole, whole, "it caught up by differences: {after:?}");
}

/// It asks, and gets nothing.
fn a_wrong_key_is_refused(program: Program) {
    let address = free_port();
    let mut primary = Primary::start(address);
    primary.serve(1);
    let mut secondary = Running::new(program, address, primary.address(), &wrong_secret());
    secondary.start();
    let refused = || primary.server.counts().of(dns_server::Outcome::NotAuth) > 0;
    let deadline = Instant::now() + PATIENCE;
    while !refused() {
        assert!(
            Instant::now() < deadline,
            "it does not ask: {}",
            secondary.log()
        );
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(secondary.sees(FIRST), None);
    let counts = primary.server.transfer_counts();
    assert_eq!((counts.whole, counts.incremental), (0, 0));
    assert_eq!(counts.notify_acknowledged, 0, "nor does it accept NOTIFY");
}

#[test]
fn nsd_follows() {
    plans_in_a_row_arrive(Program::Nsd);
}

#[test]
fn knot_follows() {
    plans_in_a_row_arrive(Program::Knot);
}

#[test]
fn bind_follows() {
    plans_in_a_row_arrive(Program::Bind);
}

#[test]
fn nsd_with_a_wrong_key_gets_nothing() {
    a_wrong_key_is_refused(Program::Nsd);
}

#[test]
fn knot_with_a_wrong_key_gets_nothing() {
    a_wrong_key_is_refused(Program::Knot);
}

#[test]
fn bind_with_a_wrong_key_gets_nothing() {
    a_wrong_key_is_refused(Program::Bind);
}
