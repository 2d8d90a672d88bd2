//! Who may address a SID: RFC 8754, 5.1 and 2.1.2.

use crate::burst::{Flags, Meta, Pending};
use crate::table::Tables;
use crate::table::srv6::{HmacRule, Sid};
use crate::wire::ipv6::{self, protocol};
use crate::wire::{icmpv6, srh};

/// RFC 8754, 5.1: who comes from outside the SR domain may not. What this node made or exposed itself is inside, and so is
/// neighbor discovery for a SID that is a port's address, too.
pub fn may_address(tables: &Tables, packet: &[u8], meta: &Meta) -> bool {
    if meta.flags.has(Flags::DECAPSULATED.and(Flags::ORIGINATED)) || meta.pending.has(Pending::SRV6) {
        return true;
    }
    let is_inside = tables.port(meta.port).is_some_and(|port| port.is_sr_domain);
    is_inside || is_neighbor_discovery(packet)
}

/// The ICMPv6 of RFC 4861, from the link itself.
pub fn is_neighbor_discovery(packet: &[u8]) -> bool {
    let Some(header) = ipv6::Header::of(packet) else { return false };
    header.next_header() == protocol::ICMPV6
        && header.hop_limit() == icmpv6::NEIGHBOR_DISCOVERY_HOP_LIMIT
        && packet.get(ipv6::LEN).is_some_and(|kind| icmpv6::NEIGHBOR_DISCOVERY.contains(kind))
}

/// What there is to say about the HMAC of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hmac {
    /// As SID and port ask.
    Fine,
    /// Wrong, malformed, or by a key that is not known; the place is noted.
    Wrong,
    /// Not there.
    Missing,
}

/// What SID and port together ask of an HMAC.
#[inline]
fn hmac_rule(tables: &Tables, sid: &Sid, meta: &Meta) -> HmacRule {
    let by_port = tables.port(meta.port).map_or(HmacRule::Ignore, |port| port.hmac);
    // In the order of the rules: what either requires is required.
    sid.hmac.max(by_port)
}

/// True when an SRH needs a look besides that for the next segment: its HMAC, or its O-flag.
#[inline]
pub fn is_watched(tables: &Tables, sid: &Sid, srh: &srh::Srh<'_>, meta: &Meta) -> bool {
    hmac_rule(tables, sid, meta) != HmacRule::Ignore
        || tables.srv6.sample_rate != 0 && srh.header().has_oam_flag()
}

/// RFC 8754, 2.1.2.1: whether the HMAC is as the SID and the port ask.
pub fn check_hmac(tables: &Tables, sid: &Sid, packet: &[u8], srh: &srh::Srh<'_>, meta: &mut Meta) -> Hmac {
    let rule = hmac_rule(tables, sid, meta);
    if rule == HmacRule::Ignore {
        return Hmac::Fine;
    }
    let Some(header) = ipv6::Header::of(packet) else { return Hmac::Wrong };
    let (source, destination) = (header.source(), header.destination());
    match srh.hmac() {
        Ok(Some(tlv)) if tables.srv6.is_authentic(source, destination, srh, &tlv) => Hmac::Fine,
        Ok(None) if rule == HmacRule::Require => Hmac::Missing,
        Ok(None) => Hmac::Fine,
        Ok(Some(tlv)) => {
            meta.parameter = tlv.at as u32;
            Hmac::Wrong
        }
        Err(malformed) => {
            meta.parameter = malformed.at as u32;
            Hmac::Wrong
        }
    }
}
