//! Who may take the lane: what `ethernet-input` and `ip6-input` ask, as one condition without a branch for each part.

use super::Lane;
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

fn mac_word(Mac(mac): Mac) -> u64 {
    u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0])
}

/// True for the high half of an address without special rules: not unspecified, loopback, IPv4-mapped, link-local,
/// site-local or multicast, all of which begin with 64 zero bits or with fe00::/7.
fn is_ordinary(high: u64) -> bool {
    high.wrapping_sub(1) < 0xfe00_0000_0000_0000 - 1
}

/// Admits packets of a block: places and destinations go into the lane. Returns how many, and the octets of all frames.
#[inline]
pub(super) fn admit<B: PacketBuf>(
    port: &Port,
    srv6: &Srv6,
    frames: &[Option<B>],
    lane: &mut Lane,
) -> (usize, u64) {
    let mac = mac_word(port.mac);
    let mut admitted = 0;
    let mut octets = 0;
    for (place, frame) in (0u8..).zip(frames) {
        let Some(frame) = frame else { continue };
        let bytes = frame.bytes();
        octets += bytes.len() as u64;
        let Some(front) = bytes.first_chunk::<FRONT_LEN>() else { continue };
        let payload_len = usize::from(u16::from_be_bytes([front[18], front[19]]));
        let (source, destination) = (word::<22>(front).swap_bytes(), word::<38>(front).swap_bytes());
        let low = word::<46>(front).swap_bytes();
        let destination_address = u128::from(destination) << 64 | u128::from(low);
        let is_guarded =
            !port.is_sr_domain & srv6.guards(u128::from(source) << 64, destination_address);
        let is_usual = (word::<0>(front) & MAC_MASK == mac)
            & (word::<8>(front) & IP6_MASK == IP6)
            & (bytes.len() == FRONT_LEN + payload_len)
            & (front[21] > 1)
            & is_ordinary(source)
            & is_ordinary(destination)
            & !is_guarded;
        // Written in any case, kept if it is: no branch that could be mispredicted.
        if let (Some(at), Some(to)) = (lane.places.get_mut(admitted), lane.destinations.get_mut(admitted)) {
            *at = place;
            *to = destination_address;
        }
        admitted += usize::from(is_usual);
    }
    (admitted, octets)
}
