//! Who may take the lane: what `ethernet-input` and `ip6-input` ask, as one condition without a branch for each part.

use super::Columns;
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::table::{Port, Srv6};
use crate::wire::ethernet::Mac;

/// True when the lane is open to packets that a port receives: it is up, and sends them neither into a policy nor through
/// a correspondent's edge.
pub(super) fn is_open(port: &Port) -> bool {
    port.is_up && port.policy.is_none() && port.peers.is_empty()
}

/// The octets of a front from `AT` on, in the order of the machine.
fn word<const AT: usize>(front: &[u8; FRONT_LEN]) -> u64 {
    let mut octets = [0; 8];
    octets.copy_from_slice(&front[AT..AT + 8]);
    u64::from_le_bytes(octets)
}

/// `EtherType` of IPv6 and a version of 6, as they stand in the word from octet 8 on.
const IP6_MASK: u64 = u64::from_le_bytes([0, 0, 0, 0, 0xff, 0xff, 0xf0, 0]);
const IP6: u64 = u64::from_le_bytes([0, 0, 0, 0, 0x86, 0xdd, 0x60, 0]);
/// A MAC address in the word from octet 0 on.
const MAC_MASK: u64 = u64::from_le_bytes([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);

/// First octets of addresses with special rules: unspecified, loopback, IPv4-mapped; link-local, site-local; multicast.
/// (And the few ordinary ones in 0000::/8, such as 64:ff9b::/96.)
const SPECIAL: [u8; 3] = [0x00, 0xfe, 0xff];
const SOURCE: u8 = 1;
const DESTINATION: u8 = 2;
/// Not unusual: a destination that may be a SID.
const SEGMENT: u8 = 4;

/// What first octets of addresses call for a closer look: as a source, as a destination.
#[derive(Debug)]
pub(super) struct Gate([u8; 256]);

impl Default for Gate {
    fn default() -> Self {
        Gate([SOURCE | DESTINATION; 256])
    }
}

impl Gate {
    /// True when neither address calls for a closer look.
    #[inline]
    pub(super) fn lets(&self, source: u128, destination: u128) -> bool {
        let (source, destination) = ((source >> 120) as usize, (destination >> 120) as usize);
        (self.0[source & 0xff] & SOURCE) | (self.0[destination & 0xff] & DESTINATION) == 0
    }

    /// True when a destination may be a SID.
    pub(super) fn leads_to_segments(&self, destination: u128) -> bool {
        self.0[(destination >> 120) as usize & 0xff] & SEGMENT != 0
    }

    /// The gate of ports inside the SR domain, or outside, where SIDs and SRv6 sources have to be looked at.
    pub(super) fn new(srv6: &Srv6, is_sr_domain: bool) -> Gate {
        let has = |octets: [u64; 4], octet: usize| octets[octet / 64] >> (octet % 64) & 1 != 0;
        let (sources, destinations) = (srv6.edge_filter.first_octets(), srv6.blocks.first_octets());
        Gate(std::array::from_fn(|octet| {
            let is_special = SPECIAL.contains(&(octet as u8));
            let is_source = is_special || !is_sr_domain && has(sources, octet);
            let may_be_segment = has(destinations, octet);
            let is_destination = is_special || !is_sr_domain && may_be_segment;
            let if_so = |is_so: bool, bit: u8| if is_so { bit } else { 0 };
            if_so(is_source, SOURCE)
                | if_so(is_destination, DESTINATION)
                | if_so(may_be_segment && is_sr_domain, SEGMENT)
        }))
    }
}

/// Admits packets of a block: places and destinations go into the lane. Returns how many, and the octets of all frames;
/// and whether any destination may be a SID.
#[inline(never)]
pub(super) fn admit<B: PacketBuf>(
    Mac(mac): Mac,
    Gate(gate): &Gate,
    frames: &[Option<B>],
    lane: &mut Columns,
) -> (usize, u64, bool) {
    let mac = u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0]);
    let mut admitted = 0;
    let mut octets = 0;
    let mut seen = 0;
    for (place, frame) in (0u8..).zip(frames) {
        let Some(frame) = frame else { continue };
        let bytes = frame.bytes();
        octets += bytes.len() as u64;
        let Some(front) = bytes.first_chunk::<FRONT_LEN>() else { continue };
        let payload_len = usize::from(u16::from_be_bytes([front[18], front[19]]));
        let high = word::<38>(front).swap_bytes();
        let low = word::<46>(front).swap_bytes();
        // Whatever is not 0 here is unusual.
        let destination_gate = gate[usize::from(front[38])];
        seen |= destination_gate;
        let unusual = (word::<0>(front) & MAC_MASK ^ mac)
            | (word::<8>(front) & IP6_MASK ^ IP6)
            | (bytes.len() ^ (FRONT_LEN + payload_len)) as u64
            | u64::from(gate[usize::from(front[22])] & SOURCE)
            | u64::from(destination_gate & DESTINATION);
        // Written in any case, kept if it is usual: no branch that could be mispredicted.
        if let (Some(at), Some(to)) = (lane.places.get_mut(admitted), lane.destinations.get_mut(admitted)) {
            *at = place;
            *to = u128::from(high) << 64 | u128::from(low);
        }
        let has_hops = front[21] > 1;
        #[allow(clippy::needless_bitwise_bool, reason = "no branch that could be mispredicted")]
        let is_usual = (unusual == 0) & has_hops;
        admitted += usize::from(is_usual);
    }
    (admitted, octets, seen & SEGMENT != 0)
}
