//! A packet to a SID of this node: RFC 8986, 4, RFC 9800, 4, and the rules of RFC 8754, 5.1, on who may address it.
//!
//! Decides, and makes only the change that cannot wait: decapsulation, after which the packet is another one. The step to
//! the next segment is made by `srv6-rewrite` when the packet is sure to leave, so that an error quotes the packet as it
//! came. A packet whose next segment is here too is changed first, and counts as received again.

mod walk;

use super::srv6::admit;
use super::srv6::advance::{Advance, advance};
use super::srv6::commit;
use super::srv6::expose::{self, Inner};
use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta, Pending};
use crate::graph::NodeId;
use crate::id::{SidId, VrfId};
use crate::limit::TokenBucket;
use crate::table::srv6::{Behavior, Flavors, Sid};
use crate::table::{NextHop, Tables};
use crate::update::{Rings, Sample};
use crate::wire::ethernet;
use crate::wire::ext::{Place, UpperLayer};
use crate::wire::ipv6::{self, protocol};
use crate::wire::srh;

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

/// True for what endpoints decapsulate.
const fn is_carried(next_header: u8) -> bool {
    matches!(next_header, protocol::IPV6 | protocol::IPV4 | protocol::ETHERNET)
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
        let next_header = header.next_header();
        // Nearly every packet: an SRH right behind the IPv6 header that leads on, or right there what is carried.
        if let Some(srh) = srh::direct(packet) {
            if !admit::is_watched(self.tables, sid, &srh, meta) {
                let inside = srh.header().next_header();
                match advance(sid, destination, hop_limit, Some(&srh)) {
                    Advance::To { destination, segments_left, pop } => {
                        let step = (destination, segments_left, pop);
                        return self.onward(sid, id, buffer, meta, step, Some(srh::DIRECT));
                    }
                    Advance::Upper if is_carried(inside) => {
                        let place = Place { offset: srh.end() as u16, next_header_at: srh::DIRECT.offset };
                        return self.upper(sid, buffer, meta, UpperLayer { protocol: inside, place });
                    }
                    _ => {}
                }
            }
        } else if is_carried(next_header) {
            match advance(sid, destination, hop_limit, None) {
                Advance::To { destination, segments_left, pop } => {
                    return self.onward(sid, id, buffer, meta, (destination, segments_left, pop), None);
                }
                Advance::Upper => {
                    let upper = UpperLayer { protocol: next_header, place: srh::DIRECT };
                    return self.upper(sid, buffer, meta, upper);
                }
                Advance::HopLimit | Advance::SegmentsLeft => {}
            }
        }
        self.walk(sid, id, buffer, meta)
    }

    /// On to the next segment: destination, Segments Left, and whether the SRH is removed.
    #[inline]
    fn onward(
        &self,
        sid: &Sid,
        id: SidId,
        buffer: &B,
        meta: &mut Meta,
        (destination, segments_left, pop): (u128, u8, bool),
        srh: Option<Place>,
    ) -> Next {
        meta.pending = Pending::ADVANCE;
        meta.sid = id;
        // USP removes other headers besides: that is found out again when the packet leaves.
        if !sid.flavors.has(Flavors::USP) {
            meta.note_advance(srh, segments_left, pop);
        }
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
