//! The configuration of mexfwd for a workload, over any two devices: what the runs use, and `--print-config` shows.

use std::fmt::Write;
use std::net::Ipv6Addr;

use crate::generator::{
    DECAPSULATING_SID, GROWTH_MAX, Kind, POLICY_SEGMENT, POLICY_SOURCE, ROUTES, SEGMENTS, Stations,
    destination_prefix,
};

/// What a port's MTU is at least.
const MTU_MIN: usize = 1500;
const ETHERNET_LEN: usize = 14;
/// The neighbor of all routes, in the sink's subnet.
const NEIGHBOR: &str = "2001:db8:ffff:2::2";

/// What a configuration depends on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What packets need.
    pub kind: Kind,
    /// Octets of the frames.
    pub frame_bytes: usize,
    /// DPDK's device that packets come from.
    pub source: String,
    /// And the one that they leave by.
    pub sink: String,
    /// Station addresses.
    pub stations: Stations,
    /// The worker's core.
    pub worker: usize,
    /// DPDK's memory, MiB.
    pub memory_mb: u32,
    /// Hugepages, or ordinary ones.
    pub has_hugepages: bool,
    /// Poll on when there is nothing to do; sleep otherwise.
    pub spins: bool,
}

/// Octets of the largest packet that a port has to carry.
pub fn mtu(frame_bytes: usize) -> usize {
    (frame_bytes - ETHERNET_LEN.min(frame_bytes) + GROWTH_MAX).max(MTU_MIN)
}

/// The configuration.
pub fn mexfwd(settings: &Settings) -> String {
    let mut text = String::new();
    dpdk(&mut text, settings);
    ports(&mut text, settings);
    if matches!(settings.kind, Kind::MexIdle | Kind::MexExchange) {
        text.push_str("\n[mex]\nenabled = true\n");
    }
    if matches!(settings.kind, Kind::SrEnd | Kind::SrEncap | Kind::SrDecap) {
        srv6(&mut text);
    }
    for number in 1..=ROUTES {
        let prefix = Ipv6Addr::from_bits(u128::from(destination_prefix(number)) << 64);
        let to = if settings.kind == Kind::SrEncap {
            "policy = \"one\"".to_owned()
        } else {
            format!("via    = [{{ address = \"{NEIGHBOR}\", port = \"sink\" }}]")
        };
        let _ = write!(text, "\n[[route]]\nprefix = \"{prefix}/64\"\n{to}\n");
    }
    text
}

fn dpdk(text: &mut String, settings: &Settings) {
    let (worker, memory) = (settings.worker, settings.memory_mb);
    let hugepages = if settings.has_hugepages { "auto" } else { "off" };
    let idle = if settings.spins { "spin" } else { "adaptive" };
    let _ = write!(
        text,
        "[dpdk]\nworkers   = [{worker}]\nmemory    = \"{memory}M\"\nhugepages = \"{hugepages}\"\nidle      = \"{idle}\"\n"
    );
}

fn ports(text: &mut String, settings: &Settings) {
    let mtu = mtu(settings.frame_bytes);
    let Stations { dut_in, dut_out, sink, .. } = settings.stations;
    for (name, device, mac, subnet) in
        [("source", &settings.source, dut_in, 1), ("sink", &settings.sink, dut_out, 2)]
    {
        let _ = write!(
            text,
            "\n[[port]]\nname    = \"{name}\"\ndevice  = \"{device}\"\nmac     = \"{}\"\nmtu     = {mtu}\n\
             address = [\"2001:db8:ffff:{subnet}::1/64\"]\nsr-domain = true\n",
            text_of(mac)
        );
    }
    let _ = write!(
        text,
        "\n[[neighbor]]\nport    = \"sink\"\naddress = \"{NEIGHBOR}\"\nmac     = \"{}\"\n",
        text_of(sink)
    );
}

fn srv6(text: &mut String) {
    let address = Ipv6Addr::from_bits;
    let (end, decapsulating) = (address(SEGMENTS[0]), address(DECAPSULATING_SID));
    let _ = write!(
        text,
        "\n[[srv6.locator]]\nname   = \"main\"\nprefix = \"fc00:0:1::/48\"\n\
         \n[[srv6.sid]]\nsid      = \"{end}\"\nbehavior = \"End\"\n\
         \n[[srv6.sid]]\nsid      = \"{decapsulating}\"\nbehavior = \"End.DT6\"\nvrf      = \"default\"\n\
         \n[[srv6.policy]]\nname         = \"one\"\nmode         = \"encap\"\nsource       = \"{}\"\n\
         segment-list = [{{ segments = [\"{}\"] }}]\n",
        address(POLICY_SOURCE),
        address(POLICY_SEGMENT)
    );
    for segment in &SEGMENTS[1..] {
        let _ = write!(
            text,
            "\n[[route]]\nprefix = \"{}/48\"\nvia    = [{{ address = \"{NEIGHBOR}\", port = \"sink\" }}]\n",
            address(segment >> 80 << 80)
        );
    }
}

fn text_of(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: Kind, frame_bytes: usize) -> Settings {
        Settings {
            kind,
            frame_bytes,
            source: "net_null0".to_owned(),
            sink: "net_null1".to_owned(),
            stations: Stations::default(),
            worker: 1,
            memory_mb: 512,
            has_hugepages: false,
            spins: true,
        }
    }

    #[test]
    fn ports_carry_the_frames_with_what_is_added() {
        assert_eq!((mtu(64), mtu(1500), mtu(9014)), (1500, 1550, 9064));
        let text = mexfwd(&settings(Kind::Plain, 1514));
        assert_eq!(text.matches("mtu     = 1564").count(), 2, "{text}");
    }

    #[test]
    fn every_workload_has_what_it_needs() {
        let text = mexfwd(&settings(Kind::Plain, 64));
        assert!(
            !text.contains("[mex]") && !text.contains("srv6") && text.contains("2001:db8:8:1::/64"),
            "{text}"
        );
        assert_eq!(text.matches("[[route]]").count(), usize::from(ROUTES));
        assert!(mexfwd(&settings(Kind::MexExchange, 80)).contains("[mex]\nenabled = true"));
        let text = mexfwd(&settings(Kind::SrEncap, 64));
        assert_eq!(text.matches("policy = \"one\"").count(), usize::from(ROUTES));
        assert!(
            text.contains("prefix = \"fc00:0:2::/48\"") && text.contains("prefix = \"fc00:0:3::/48\""),
            "{text}"
        );
    }
}
