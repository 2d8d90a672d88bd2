//! mexfwd's configuration for a scenario.

use std::fmt::Write;
use std::net::Ipv6Addr;

use super::{next_hop_ids, table_routes};
use crate::fib::table::Table;
use crate::throughput::packet::{OUR_MAC, ROUTES};
use crate::throughput::scenario::{MAX_SEGMENTS, Scenario, Work};

/// SIDs of this node, and the policy that plain packets are steered into.
pub const END: &str = "fc00:0:1:100::";
/// End with PSP.
pub const END_PSP: &str = "fc00:0:1:101::";
/// End with NEXT-CSID.
pub const MICRO: &str = "fc01:0:1::/48";
/// End.DT6.
pub const DT6: &str = "fc00:0:1:d6::";
/// End.DT46.
pub const DT46: &str = "fc00:0:1:d46::";
/// The binding SID.
pub const BINDING: &str = "fc00:0:1:b::";
/// The policy of the headend scenarios.
pub const STEERED_INTO: &str = "steered";

/// An Ethernet link's usual MTU, octets.
const USUAL_MTU: usize = 1500;
/// Octets of an Ethernet header.
const LINK_BYTES: usize = 14;

/// What the machine gives.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// One for each worker.
    pub cores: &'a [usize],
    /// Memory of DPDK.
    pub memory_mb: u32,
    /// Whether there are hugepages for it.
    pub has_hugepages: bool,
    /// Source and sink of each pair.
    pub devices: &'a [(&'a str, &'a str)],
}

/// The whole file.
pub fn config(scenario: &Scenario, settings: &Settings<'_>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = written(&mut text, scenario, settings);
    text
}

fn written(text: &mut String, scenario: &Scenario, settings: &Settings<'_>) -> std::fmt::Result {
    let Settings { cores, memory_mb, has_hugepages, devices } = settings;
    let hugepages = if *has_hugepages { "auto" } else { "off" };
    writeln!(
        text,
        "[dpdk]\nworkers = {cores:?}\nmemory = \"{memory_mb}M\"\nhugepages = \"{hugepages}\"\nidle = \"spin\"\n"
    )?;
    let mtu = (scenario.longest_frame() - LINK_BYTES).max(USUAL_MTU);
    for (pair, (source, sink)) in devices.iter().enumerate() {
        ports(text, pair, (source, sink), mtu, scenario.work.is_srv6())?;
    }
    if scenario.work.is_srv6() {
        text.push_str(SIDS);
        policies(text, scenario.work)?;
    } else {
        writeln!(text, "[mex]\nenabled = true\n")?;
        writeln!(text, "[[route]]\nprefix = \"2001:db8:8000::/33\"\naction = \"mex\"\n")?;
    }
    for pair in 0..devices.len() {
        for index in 1..=ROUTES as usize {
            let prefix = format!("2001:db8:{:x}::/48", pair * ROUTES as usize + index);
            match scenario.work {
                Work::Encaps(_) | Work::EncapsRed(_) => {
                    writeln!(text, "[[route]]\nprefix = \"{prefix}\"\npolicy = \"{STEERED_INTO}\"\n")?;
                }
                _ => via_sink(text, &prefix, pair)?,
            }
        }
    }
    if let Some(routes) = &scenario.routes {
        table(text, &routes.table)?;
    }
    Ok(())
}

/// Documentation addresses whose group before the last tells pair and side.
fn ports(
    text: &mut String,
    pair: usize,
    devices: (&str, &str),
    mtu: usize,
    is_srv6: bool,
) -> std::fmt::Result {
    let mac = OUR_MAC.map(|octet| format!("{octet:02x}")).join(":");
    let (source, sink) = devices;
    writeln!(
        text,
        "[[port]]\nname = \"source{pair}\"\ndevice = \"{source}\"\nmac = \"{mac}\"\nmtu = {mtu}\n\
         address = [\"2001:db8:ffff:{pair:x}1::1/64\"]\nsr-domain = {is_srv6}\n"
    )?;
    writeln!(
        text,
        "[[port]]\nname = \"sink{pair}\"\ndevice = \"{sink}\"\nmac = \"02:00:00:00:01:{pair:02x}\"\nmtu = {mtu}\n\
         address = [\"2001:db8:ffff:{pair:x}2::1/64\"]\n"
    )?;
    writeln!(
        text,
        "[[neighbor]]\nport = \"sink{pair}\"\naddress = \"2001:db8:ffff:{pair:x}2::2\"\nmac = \"02:00:00:00:02:{pair:02x}\"\n"
    )
}

fn via_sink(text: &mut String, prefix: &str, pair: usize) -> std::fmt::Result {
    writeln!(
        text,
        "[[route]]\nprefix = \"{prefix}\"\nvia = [{{ address = \"2001:db8:ffff:{pair:x}2::2\", port = \"sink{pair}\" }}]\n"
    )
}

const SIDS: &str = r#"[[srv6.locator]]
name = "main"
prefix = "fc00:0:1::/48"

[[srv6.locator]]
name = "micro"
prefix = "fc01:0:1::/48"
format = "usid-f3216"

[[srv6.sid]]
sid = "fc00:0:1:100::"
behavior = "End"

[[srv6.sid]]
sid = "fc00:0:1:101::"
behavior = "End"
flavors = ["PSP"]

[[srv6.sid]]
sid = "fc01:0:1::/48"
behavior = "End"
flavors = ["NEXT-CSID"]

[[srv6.sid]]
sid = "fc00:0:1:d6::"
behavior = "End.DT6"
vrf = "default"

[[srv6.sid]]
sid = "fc00:0:1:d46::"
behavior = "End.DT46"
vrf = "default"

"#;

/// Policies, and the routes of other nodes' SIDs.
fn policies(text: &mut String, work: Work) -> std::fmt::Result {
    let (mode, segments) = match work {
        Work::EncapsRed(segments) => ("encap-red", segments),
        Work::Encaps(segments) => ("encap", segments),
        _ => ("encap", 1),
    };
    let list = |count: u8| {
        let segments = (2..).take(usize::from(count)).map(|node| format!("\"fc00:0:{node:x}:100::\""));
        segments.collect::<Vec<_>>().join(", ")
    };
    let mut policy = |name: &str, mode: &str, segments: u8, more: &str| {
        writeln!(
            text,
            "[[srv6.policy]]\nname = \"{name}\"\nmode = \"{mode}\"\nsource = \"2001:db8:ffff:2::1\"\n\
             segment-list = [{{ segments = [{}] }}]\n{more}",
            list(segments)
        )
    };
    policy(STEERED_INTO, mode, segments, "")?;
    policy("bound", "encap", 1, &format!("binding-sid = \"{BINDING}\"\n"))?;
    for node in 2..=MAX_SEGMENTS + 1 {
        via_sink(text, &format!("fc00:0:{node:x}::/48"), 0)?;
    }
    via_sink(text, "fc01:0:2::/48", 0)?;
    via_sink(text, "198.51.100.0/24", 0)
}

/// The table's routes, each by a neighbor of its next hop's own.
fn table(text: &mut String, table: &Table) -> std::fmt::Result {
    let ids = next_hop_ids(table);
    let mut known: Vec<u32> = ids.values().copied().collect();
    known.sort_unstable();
    known.dedup();
    // The groups of the first sink's own addresses are 1 and 2.
    let address = |id: u32| format!("2001:db8:ffff:2::{:x}", 0x1000 + id);
    for id in known {
        writeln!(
            text,
            "[[neighbor]]\nport = \"sink0\"\naddress = \"{}\"\nmac = \"02:00:00:01:{:02x}:{:02x}\"\n",
            address(id),
            id >> 8,
            id & 0xff
        )?;
    }
    for route in table_routes(table) {
        let prefix = Ipv6Addr::from(route.prefix.address());
        let id = ids.get(&route.next_hop).copied().unwrap_or(1);
        writeln!(
            text,
            "[[route]]\nprefix = \"{prefix}/{}\"\nvia = [{{ address = \"{}\", port = \"sink0\" }}]",
            route.prefix.len(),
            address(id)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn text(scenario: &Scenario, devices: &[(&str, &str)]) -> String {
        config(scenario, &Settings { cores: &[1], memory_mb: 512, has_hugepages: false, devices })
    }

    #[test]
    fn plain_forwarding_has_eight_routes_and_mex() {
        let text = text(&Scenario::new(Work::Plain), &[("net_pcap0,x", "net_null1,y")]);
        assert!(text.starts_with(
            "[dpdk]\nworkers = [1]\nmemory = \"512M\"\nhugepages = \"off\"\nidle = \"spin\"\n\n[[port]]\n\
             name = \"source0\"\ndevice = \"net_pcap0,x\"\nmac = \"02:00:00:00:00:0a\"\nmtu = 1500\n\
             address = [\"2001:db8:ffff:01::1/64\"]\nsr-domain = false\n"
        ));
        assert_eq!(text.matches("via = ").count(), 8);
        assert!(text.contains("[mex]\nenabled = true\n") && text.contains("action = \"mex\""));
        assert!(!text.contains("srv6"));
    }

    #[test]
    fn a_headend_steers_the_eight_routes() {
        let text = text(&Scenario::new(Work::EncapsRed(3)), &[("a", "b")]);
        assert_eq!(text.matches("policy = \"steered\"").count(), 8);
        assert!(text.contains(
            "mode = \"encap-red\"\nsource = \"2001:db8:ffff:2::1\"\n\
             segment-list = [{ segments = [\"fc00:0:2:100::\", \"fc00:0:3:100::\", \"fc00:0:4:100::\"] }]\n"
        ));
        assert!(text.contains("sr-domain = true"));
    }

    #[test]
    fn a_table_has_a_neighbor_for_each_next_hop() {
        let table = Arc::new(Table::synthetic(500));
        let text = text(&Scenario::spread("full", &table), &[("a", "b")]);
        assert_eq!(text.matches("[[route]]").count(), 500 + 8 + 1);
        let hops: std::collections::BTreeSet<_> = table.routes().iter().map(|route| route.next_hop).collect();
        assert_eq!(text.matches("[[neighbor]]").count(), hops.len() + 1);
    }

    #[test]
    fn each_pair_has_routes_of_its_own() {
        let text = text(&Scenario::new(Work::Plain), &[("a", "b"), ("c", "d")]);
        assert!(text.contains(
            "prefix = \"2001:db8:10::/48\"\nvia = [{ address = \"2001:db8:ffff:12::2\", port = \"sink1\" }]"
        ));
        assert_eq!(text.matches("via = ").count(), 16);
    }
}
