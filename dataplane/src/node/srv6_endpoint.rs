//! A packet to a SID of this node: RFC 8986, 4, RFC 9800, 4, and the rules of RFC 8754, 5.1, on who may address it.
//!
//! Decides, and makes only the change that cannot wait: decapsulation, after which the packet is another one. The step to
//! the next segment is made by `srv6-rewrite` when the packet is sure to leave, so that an error quotes the packet as it
//! came. A packet whose next segment is here too is changed first, and counts as received again.

use super::srv6::admit::{self, Hmac};
use super::srv6::advance::{Advance, MAX_HEADERS, advance};
use super::srv6::commit;
use super::srv6::expose::{self, Inner};
use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta, Pending};
use crate::graph::NodeId;
use crate::id::{SidId, VrfId};
use crate::limit::TokenBucket;
use crate::table::srv6::{Behavior, Sid};
use crate::table::{NextHop, Tables};
use crate::update::{Rings, Sample};
use crate::wire::ethernet;
use crate::wire::ext::UpperLayer;
use crate::wire::ipv6::{self, protocol};
use crate::wire::srh::{self, Found};

edges! {
    /// To the next segment.
    Lookup => node Lookup,
    /// To the next segment, or what was inside, by the SID's own next hop.
    NextHop => node NextHop,
    /// An IPv6 packet was inside.
    Ip6 => node Ip6Input,
    /// An IPv4 packet was inside.
    Ip4 => node Ip4Input,
    /// An Ethernet frame was inside.
    Frame => node Output,
    /// For this node.
    Local => node Local,
    /// From outside the SR domain.
    Domain => drop SrDomain,
    /// No room for a header that was decided on before.
    Headroom => drop Headroom,
    /// The headers contradict the packet.
    Length => drop SrhLength,
    /// A routing header of another type.
    RoutingType => drop RoutingType,
    /// Segments Left contradicts the header or the behavior.
    SegmentsLeft => drop SegmentsLeft,
    /// The hop limit ran out.
    HopLimit => drop HopLimit,
    /// The HMAC is wrong.
    Hmac => drop Hmac,
    /// The HMAC is missing.
    HmacMissing => drop HmacMissing,
    /// Not for this SID.
    UpperLayer => drop UpperLayer,
    /// This node does not reassemble.
    Fragment => drop LocalFragment,
    /// No candidate path of the policy is valid.
    PolicyDown => drop PolicyDown,
    /// The frame that was inside is no frame.
    FrameShort => drop EthernetShort,
    /// The frame that was inside is longer than the port's MTU.
    FrameTooBig => drop TooBigL2,
    /// The IPv6 packet inside is none.
    Ip6Length => drop Ip6Length,
    /// The IPv4 packet inside is none.
    Ip4Length => drop Ip4Length,
}

/// What the steps of this node share.
struct Endpoint<'a, B> {
    tables: &'a Tables,
    rings: &'a Rings<B>,
    samples: &'a mut TokenBucket,
}

impl<B: PacketBuf> Endpoint<'_, B> {
    fn step(&mut self, buffer: &mut B, meta: &mut Meta) -> Next {
        let NextHop::Sid(id) = self.tables.next_hops.entry(meta.next_hop) else { return Next::Length };
        let Some(sid) = self.tables.srv6.sid(id) else { return Next::Length };
        if !admit::may_address(self.tables, packet(buffer), meta) {
            return Next::Domain;
        }
        if meta.pending != Pending::NONE && !commit::settle(self.tables, &self.rings.counters, buffer, meta) {
            return Next::Headroom;
        }
        let packet = packet(buffer);
        if let Some(volume) = self.rings.counters.sid(id) {
            volume.add(packet.len());
        }
        let Some(header) = ipv6::Header::of(packet) else { return Next::Length };
        let (destination, hop_limit) = (header.destination(), header.hop_limit());
        let mut found = srh::find(packet);
        for passed in 0..MAX_HEADERS {
            let srh = if let Found::Srh(srh) = found { Some(srh) } else { None };
            if let Some(srh) = &srh {
                if passed == 0 && srh.header().has_oam_flag() && self.tables.srv6.sample_rate != 0 {
                    self.sample(packet, meta, id);
                }
                match admit::check_hmac(self.tables, sid, packet, srh, meta) {
                    Hmac::Fine => {}
                    Hmac::Wrong => return Next::Hmac,
                    Hmac::Missing => return Next::HmacMissing,
                }
            } else if let Err(end) = upper_layer(found, meta) {
                return end;
            }
            match (advance(sid, destination, hop_limit, srh.as_ref()), srh) {
                (Advance::To { destination, .. }, _) => {
                    return self.onward(sid, id, buffer, meta, destination);
                }
                (Advance::HopLimit, _) => return Next::HopLimit,
                (Advance::SegmentsLeft, srh) => {
                    meta.parameter = srh.map_or(0, |srh| srh.segments_left_at()) as u32;
                    return Next::SegmentsLeft;
                }
                // Used up: on to the next header (RFC 8754, 4.3.1.1).
                (Advance::Upper, Some(used_up)) => found = srh::find_behind(packet, &used_up),
                (Advance::Upper, None) => {
                    return match upper_layer(found, meta) {
                        Ok(upper) => self.upper(sid, buffer, meta, upper),
                        Err(end) => end,
                    };
                }
            }
        }
        Next::Length
    }

    /// On to the next segment.
    fn onward(&self, sid: &Sid, id: SidId, buffer: &B, meta: &mut Meta, destination: u128) -> Next {
        meta.pending = Pending::ADVANCE;
        meta.sid = id;
        meta.destination = destination;
        meta.source_vrf = std::mem::replace(&mut meta.vrf, VrfId(0));
        match sid.behavior {
            Behavior::EndX => {
                meta.next_hop = sid.next_hop;
                Next::NextHop
            }
            Behavior::EndT => {
                meta.vrf = sid.vrf;
                Next::Lookup
            }
            Behavior::EndB6 => {
                let pushed = commit::steer(self.tables, &self.rings.counters, sid.policy, buffer, meta);
                if pushed { Next::Lookup } else { Next::PolicyDown }
            }
            _ => Next::Lookup,
        }
    }

    /// RFC 8986, 4.1.1 and its modifications: what the packet carries.
    fn upper(&self, sid: &Sid, buffer: &mut B, meta: &mut Meta, upper: UpperLayer) -> Next {
        let offset = usize::from(upper.place.offset);
        if let Some(inner) = expose::inner(sid, upper.protocol) {
            if !expose::expose(buffer, meta, sid, inner, offset) {
                return Next::Length;
            }
            return self.exposed(sid, buffer, meta, inner);
        }
        if self.tables.srv6.upper_layers.allows(upper.protocol) {
            return Next::Local;
        }
        if upper.protocol == protocol::FRAGMENT {
            return Next::Fragment;
        }
        meta.parameter = offset as u32;
        Next::UpperLayer
    }

    /// Where the packet goes that was inside.
    fn exposed(&self, sid: &Sid, buffer: &mut B, meta: &mut Meta, inner: Inner) -> Next {
        match (inner, sid.behavior) {
            (Inner::Ethernet, _) => {
                let Some(payload) = buffer.bytes().len().checked_sub(ethernet::LEN) else {
                    return Next::FrameShort;
                };
                meta.out = sid.port;
                let mtu = self.tables.port(sid.port).map_or(0, |port| usize::from(port.mtu));
                if payload > mtu + ethernet::VLAN_LEN { Next::FrameTooBig } else { Next::Frame }
            }
            (_, Behavior::EndX | Behavior::EndDx6 | Behavior::EndDx4) => {
                if expose::is_sound(buffer, meta) {
                    meta.next_hop = sid.next_hop;
                    Next::NextHop
                } else if inner == Inner::Ipv6 {
                    Next::Ip6Length
                } else {
                    Next::Ip4Length
                }
            }
            (Inner::Ipv6, _) => Next::Ip6,
            (Inner::Ipv4, _) => Next::Ip4,
        }
    }

    /// RFC 9259, 2.1.1: a copy for control, as many as its rate allows and its ring takes.
    fn sample(&mut self, packet: &[u8], meta: &Meta, sid: SidId) {
        if self.samples.take(meta.arrival_ns) {
            let _ = self.rings.samples.push(Sample::new(packet, meta, sid));
        }
    }
}

/// The upper layer that a walk ended at, or the packet's end.
fn upper_layer(found: Found<'_>, meta: &mut Meta) -> Result<UpperLayer, Next> {
    match found {
        Found::Upper(upper) => Ok(upper),
        Found::UnknownRouting { routing_type_at } => {
            meta.parameter = routing_type_at as u32;
            Err(Next::RoutingType)
        }
        Found::Srh(_) | Found::Truncated { .. } | Found::Endless => Err(Next::Length),
    }
}

/// Serves a burst.
pub fn process<B: PacketBuf>(
    tables: &Tables,
    rings: &Rings<B>,
    samples: &mut TokenBucket,
    burst: &mut Burst<B>,
) {
    let mut endpoint = Endpoint { tables, rings, samples };
    burst.sort(NodeId::Srv6Endpoint, |buffer, meta| endpoint.step(buffer, meta));
}
