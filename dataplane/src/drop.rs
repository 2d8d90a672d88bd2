//! Why a packet died: every reason has a name, a clause, a counter and, where the clause says so, an
//! `ICMPv6` error.

use crate::wire::icmpv4;
use crate::wire::icmpv6::{PARAMETER_PROBLEM, TIME_EXCEEDED, TOO_BIG, UNREACHABLE};

/// The `ICMPv6` or ICMP error that a reason asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

macro_rules! drops {
    ($( $(#[$doc:meta])* $variant:ident $name:literal $clause:literal $(=> ($kind:expr, $code:expr))? ; )*) => {
        /// Why a packet died. The names are stable: they are the keys of `show drops` and of the metrics.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Drop {
            $( $(#[$doc])* $variant, )*
        }

        impl Drop {
            /// Every reason, in the order of the path.
            pub const ALL: &'static [Drop] = &[$(Drop::$variant),*];
            /// How many reasons there are.
            pub const COUNT: usize = Drop::ALL.len();

            /// The name in counters, JSON and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Drop::$variant => $name),* }
            }

            /// The clause that asks for the drop.
            pub const fn clause(self) -> &'static str {
                match self { $(Drop::$variant => $clause),* }
            }

            /// The error that goes to the source, where there is one.
            pub const fn reply(self) -> Option<Reply> {
                match self { $(Drop::$variant => reply!($($kind, $code)?)),* }
            }
        }
    };
}

macro_rules! reply {
    () => {
        None
    };
    ($kind:expr, $code:expr) => {
        Some(Reply { kind: $kind, code: $code })
    };
}

drops! {
    /// The device gave the frame in several buffers: longer than one holds.
    MultiSegment "multi-segment" "implementation limit";
    /// The frame is shorter than an Ethernet header.
    EthernetShort "ethernet-short" "IEEE 802.3";
    /// The frame is for another station.
    EthernetDestination "ethernet-destination" "IEEE 802.3";
    /// Nothing here speaks this `EtherType`.
    EthernetType "ethernet-type" "IEEE 802.3";
    /// Not ARP for IPv4 on Ethernet, or not well-formed.
    ArpMalformed "arp-malformed" "RFC 826";
    /// Shorter than an IPv4 header, or than its total length says; or the two contradict each other.
    Ip4Length "ip4-length" "RFC 1812 5.2.2";
    /// The version field is not 4.
    Ip4Version "ip4-version" "RFC 1812 5.2.2";
    /// The checksum of the IPv4 header is wrong.
    Ip4Checksum "ip4-checksum" "RFC 1812 5.2.2";
    /// The port is administratively down.
    PortDown "port-down" "configuration";
    /// Shorter than an IPv6 header, or than its payload length says.
    Ip6Length "ip6-length" "RFC 8200 3";
    /// The version field is not 6.
    Ip6Version "ip6-version" "RFC 8200 3";
    /// The source is a group, the loopback address, (when forwarding) unspecified, or IPv4-mapped; in IPv4 not a unicast one.
    SourceAddress "source-address" "RFC 4291 2.5, 2.7; RFC 1812 5.3.7";
    /// The destination is unspecified, a loopback address, or IPv4-mapped.
    DestinationAddress "destination-address" "RFC 4291 2.5; RFC 1812 5.3.7";
    /// A group that this node is not a member of: multicast is not forwarded.
    Multicast "multicast" "RFC 4291 2.7";
    /// In IPv4: to all stations of a link, by either address. Broadcasts are not forwarded, and nothing here is for all.
    Broadcast "broadcast" "RFC 1812 5.3.4, 5.3.5; RFC 2644";
    /// A link-local destination that is not this node's on the port that received it; in IPv4 such a source, too.
    LinkLocal "link-local" "RFC 4291 2.5.6; RFC 3927 2.7";
    /// A link-local source asks for a destination on another link.
    BeyondScope "beyond-scope" "RFC 4443 3.1, RFC 4007 9" => (UNREACHABLE, 2);
    /// No entry in the table.
    NoRoute "no-route" "RFC 4443 3.1" => (UNREACHABLE, 0);
    /// A reject route.
    Unreachable "unreachable" "RFC 4443 3.1" => (UNREACHABLE, 0);
    /// A discard route.
    Blackhole "blackhole" "RFC 6666";
    /// The `mex` sink route, and no alternative prefix that helps.
    MexRoute "mex-route" "docs/mex.md, Router algorithm" => (UNREACHABLE, 0);
    /// Every next hop of the route is down.
    NextHopDown "next-hop-down" "RFC 4443 3.1" => (UNREACHABLE, 0);
    /// The AP header is longer than the packet, or says more prefixes left than it has.
    MexHeader "mex-header" "docs/mex.md, Router algorithm" => (PARAMETER_PROBLEM, 0);
    /// More packets asked for an exchange than the policer lets through.
    MexPoliced "mex-policed" "docs/mex.md, Security";
    /// The destination or a listed prefix is not the site's own, or Pleft is out of range.
    MexSiteVerify "mex-site-verify" "docs/mex.md, P4";
    /// The buffer has no room for the AP header.
    Headroom "headroom" "implementation limit";
    /// The packet was looked up more often than any sane configuration needs.
    Loop "loop" "implementation limit";
    /// To a SID, or to where SIDs are, from outside the SR domain.
    SrDomain "sr-domain" "RFC 8754 5.1, RFC 9602 5";
    /// The routing header is longer than the packet, or too short for what it says it is.
    SrhLength "srh-length" "RFC 8754 2, RFC 8200 4.4";
    /// A routing header that this node does not process, with segments left.
    RoutingType "routing-type" "RFC 8200 4.4" => (PARAMETER_PROBLEM, 0);
    /// Segments Left does not fit the header, or a last segment is not the last.
    SegmentsLeft "segments-left" "RFC 8986 4.1 S09, 4.4 S02" => (PARAMETER_PROBLEM, 0);
    /// The HMAC is wrong, or of an unknown key.
    Hmac "hmac" "RFC 8754 2.1.2" => (PARAMETER_PROBLEM, 0);
    /// There is no HMAC where one is required.
    HmacMissing "hmac-missing" "RFC 8754 2.1.2";
    /// An upper layer that is not for this SID.
    UpperLayer "upper-layer" "RFC 8986 4.1.1" => (PARAMETER_PROBLEM, 4);
    /// No candidate path of the policy is valid.
    PolicyDown "policy-down" "RFC 9256 2.9" => (UNREACHABLE, 0);
    /// The frame and the header that carries it are longer than the MTU of the link ahead.
    TooBigL2 "too-big-l2" "RFC 8986 5.3";
    /// The hop limit ran out.
    HopLimit "hop-limit" "RFC 8200 3, RFC 4443 3.3; RFC 1812 5.3.1" => (TIME_EXCEEDED, 0);
    /// Longer than the MTU of the link ahead.
    TooBig "too-big" "RFC 8200 5, RFC 4443 3.2; RFC 1191 4" => (TOO_BIG, 0);
    /// More packets are to be cut than control cuts.
    FragmentLimit "fragment-limit" "implementation limit";
    /// The destination must not leave by this port.
    EgressFilter "egress-filter" "configuration";
    /// The neighbor did not answer.
    NeighborUnresolved "neighbor-unresolved" "RFC 4861 7.2.2, RFC 4443 3.1" => (UNREACHABLE, 3);
    /// Too many packets wait for this neighbor already.
    NeighborQueueFull "neighbor-queue-full" "RFC 4861 7.2.2";
    /// To this node: not long enough, or not well-formed, for what it says it is.
    LocalMalformed "local-malformed" "RFC 4443 2.4, RFC 8200 4";
    /// To this node: a fragment; this node does not reassemble.
    LocalFragment "local-fragment" "implementation limit";
    /// To this node: nobody listens on the port.
    LocalPort "local-port" "RFC 4443 3.1" => (UNREACHABLE, 4);
    /// To this node: TCP, which nothing here speaks.
    LocalTcp "local-tcp" "implementation limit";
    /// To this node: a next header that it does not know.
    LocalProtocol "local-protocol" "RFC 8200 4, RFC 4443 3.4" => (PARAMETER_PROBLEM, 1);
    /// Neighbor discovery from beyond the link.
    NeighborDiscoveryHopLimit "nd-hop-limit" "RFC 4861 7.1";
    /// Control is behind: its queue is full.
    ControlQueueFull "control-queue-full" "implementation limit";
    /// The port's transmit queue is full.
    TransmitFull "transmit-full" "implementation limit";
}

impl Drop {
    /// The ICMP error that goes to the source of an IPv4 packet (RFC 792; RFC 1812, 5.2.7); only reasons with an `ICMPv6`
    /// error have one. A reject route is an unreachable host, as in other routers.
    pub const fn reply4(self) -> Option<Reply> {
        use icmpv4::unreachable::{FRAGMENTATION_NEEDED, HOST, NETWORK, PORT, PROTOCOL};
        let (kind, code) = match self {
            Drop::NoRoute | Drop::NextHopDown | Drop::PolicyDown => (icmpv4::UNREACHABLE, NETWORK),
            Drop::Unreachable | Drop::NeighborUnresolved => (icmpv4::UNREACHABLE, HOST),
            Drop::TooBig => (icmpv4::UNREACHABLE, FRAGMENTATION_NEEDED),
            Drop::LocalPort => (icmpv4::UNREACHABLE, PORT),
            Drop::LocalProtocol => (icmpv4::UNREACHABLE, PROTOCOL),
            Drop::HopLimit => (icmpv4::TIME_EXCEEDED, 0),
            _ => return None,
        };
        Some(Reply { kind, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let mut names: Vec<_> = Drop::ALL.iter().map(|d| d.name()).collect();
        assert!(
            names
                .iter()
                .all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Drop::COUNT);
        assert!(Drop::ALL.iter().enumerate().all(|(i, d)| *d as usize == i));
        let is_told = |d: &&Drop| d.reply4().is_some();
        assert!(
            Drop::ALL.iter().filter(is_told).all(|d| d.reply().is_some()),
            "or it never gets to icmp-error"
        );
    }
}
