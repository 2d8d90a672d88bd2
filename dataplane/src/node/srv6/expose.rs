//! Decapsulation: the outer headers go, what they carried is the packet (RFC 8986, 4.4 to 4.9, 4.16.3).

use crate::buffer::{PacketBuf, front};
use crate::burst::{Flags, Meta, Pending};
use crate::id::VrfId;
use crate::table::srv6::{Behavior, Sid};
use crate::wire::ipv6::protocol;
use crate::wire::{ethernet, ipv4, ipv6};

/// What is inside, by the protocol number that announces it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inner {
    /// IPv6, 41.
    Ipv6,
    /// IPv4, 4.
    Ipv4,
    /// Ethernet, 143.
    Ethernet,
}

/// What a SID decapsulates when it finds this upper layer; `None`: nothing.
pub fn inner(sid: &Sid, upper: u8) -> Option<Inner> {
    use crate::table::srv6::Flavors;
    let usd = sid.flavors.has(Flavors::USD);
    match (upper, sid.behavior) {
        (protocol::IPV6, Behavior::EndDx6 | Behavior::EndDt6 | Behavior::EndDt46) => Some(Inner::Ipv6),
        (protocol::IPV4, Behavior::EndDx4 | Behavior::EndDt4 | Behavior::EndDt46) => Some(Inner::Ipv4),
        (protocol::ETHERNET, Behavior::EndDx2) => Some(Inner::Ethernet),
        (protocol::IPV6, Behavior::End | Behavior::EndX | Behavior::EndT) if usd => Some(Inner::Ipv6),
        (protocol::IPV4, Behavior::End | Behavior::EndX | Behavior::EndT) if usd => Some(Inner::Ipv4),
        _ => None,
    }
}

/// Removes the outer headers: `offset` octets of them from the outer IPv6 header on. The packet keeps its Ethernet
/// addresses, or becomes the frame that was inside. False, and nothing has changed, when nothing is left.
#[must_use]
pub fn expose<B: PacketBuf>(buffer: &mut B, meta: &mut Meta, sid: &Sid, inner: Inner, offset: usize) -> bool {
    let Some(mut header) = buffer.bytes().first_chunk::<{ ethernet::LEN }>().copied() else { return false };
    let octets = match inner {
        Inner::Ethernet => offset + ethernet::LEN,
        Inner::Ipv6 | Inner::Ipv4 => offset,
    };
    if !buffer.trim_front(octets) {
        return false;
    }
    meta.pending = Pending::NONE;
    if inner == Inner::Ethernet {
        meta.flags = Flags::ETHERNET.and(Flags::DECAPSULATED);
        return true;
    }
    let (ether_type, flags) = match inner {
        Inner::Ipv4 => (ethernet::TYPE_IPV4, Flags::IPV4.and(Flags::DECAPSULATED)),
        _ => (ethernet::TYPE_IPV6, Flags::DECAPSULATED),
    };
    header[12..].copy_from_slice(&ether_type.to_be_bytes());
    if let Some(front) = buffer.bytes_mut().first_chunk_mut() {
        *front = header;
    }
    meta.flags = flags;
    meta.vrf = match sid.behavior {
        Behavior::EndDt6 | Behavior::EndDt4 | Behavior::EndDt46 | Behavior::EndT => sid.vrf,
        _ => VrfId(0),
    };
    true
}

/// An exposed packet that goes on without a lookup of its own has to be one: version and length. Octets behind its end
/// are cut. False when it is none.
#[must_use]
pub fn is_sound<B: PacketBuf>(buffer: &mut B, meta: &mut Meta) -> bool {
    let frame_len = buffer.bytes().len();
    let len = if meta.flags.has(Flags::IPV4) {
        let packet = crate::buffer::packet(buffer);
        let Some(header) = ipv4::Header::of(packet).filter(|header| header.version() == 4) else {
            return false;
        };
        meta.destination = ipv4::mapped(header.destination());
        let total_len = usize::from(header.total_len());
        if total_len < ipv4::LEN || header.header_len() > total_len {
            return false;
        }
        ethernet::LEN + total_len
    } else {
        let Some(header) = front(buffer).filter(|header| header.version() == 6) else { return false };
        meta.destination = header.destination();
        ethernet::LEN + ipv6::LEN + usize::from(header.payload_len())
    };
    if frame_len < len {
        return false;
    }
    buffer.truncate(len);
    true
}
