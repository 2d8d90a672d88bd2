//! Packets to a SID whose headers stand in another order than nearly always, or are watched: header by header.

use super::{Endpoint, Next};
use crate::buffer::{PacketBuf, packet};
use crate::burst::Meta;
use crate::id::SidId;
use crate::node::srv6::admit::{self, Hmac};
use crate::node::srv6::advance::{Advance, MAX_HEADERS, advance};
use crate::table::srv6::Sid;
use crate::wire::ext::UpperLayer;
use crate::wire::ipv6;
use crate::wire::srh::{self, Found};

impl<B: PacketBuf> Endpoint<'_, B> {
    /// A packet with headers in any order, step by step.
    #[inline(never)]
    pub(super) fn walk(&mut self, sid: &Sid, id: SidId, buffer: &mut B, meta: &mut Meta) -> Next {
        let packet = packet(buffer);
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
                (Advance::To { destination, segments_left, pop }, srh) => {
                    let place = srh.map(|srh| srh.place());
                    return self.onward(sid, id, buffer, meta, (destination, segments_left, pop), place);
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
