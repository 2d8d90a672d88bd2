//! The update storm, in short: whatever the machine, no packet is lost or goes wrong. Times are not looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::time::Duration;

use benches::churn::{self, Plan};
use benches::fib::table::Table;

#[test]
fn no_packet_is_lost_or_goes_wrong_while_routes_change() {
    let plan = Plan { table: Table::synthetic(20_000), rate: 100_000, duration: Duration::from_secs(2) };
    let outcome = churn::run(&plan).unwrap();
    let packets = &outcome.packets;
    assert!(packets.is_right(), "{:?}", packets.first_error);
    assert_eq!(packets.received, packets.right + packets.dropped);
    // It was a storm: changes were made, packets met them, and some found no route.
    assert!(outcome.changes.changes > 1000, "{} changes", outcome.changes.changes);
    assert!(outcome.changes.grace.count() > 0);
    assert!(packets.unchanged > 0 && packets.right > packets.unchanged && packets.dropped > 0, "{packets:?}");
    assert!(packets.during_change > 0, "{packets:?}");
    assert_eq!(churn::json(&outcome)["packets"]["lost"], 0);
}
