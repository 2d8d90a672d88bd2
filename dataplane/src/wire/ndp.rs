//! Neighbor Discovery messages (RFC 4861): checked when they come in, whole frames when they go out.

use super::checksum;
use super::ethernet::{self, Mac};
use super::ipv6::{self, protocol};

/// Hop limit of every message: nothing off the link can have it (RFC 4861, 3.1).
pub const HOP_LIMIT: u8 = 255;

/// `ICMPv6` types (RFC 4861, 4).
pub mod kind {
    /// Router Solicitation.
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router Advertisement.
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbor Solicitation.
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    /// Neighbor Advertisement.
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    /// Redirect.
    pub const REDIRECT: u8 = 137;
}

/// Option types that are read here (RFC 4861, 4.6.1).
mod option {
    pub const SOURCE_LINK_LAYER: u8 = 1;
    pub const TARGET_LINK_LAYER: u8 = 2;
}

/// Octets of a solicitation or advertisement before its options.
const FIXED_LEN: usize = 24;
/// Octets of a link-layer address option on Ethernet (RFC 2464, 6).
const LINK_LAYER_LEN: usize = 8;
/// Where the `ICMPv6` message begins in a frame made here.
const MESSAGE_AT: usize = ethernet::LEN + ipv6::LEN;
/// Octets of the longest frame made here: with one link-layer address option.
pub const FRAME_LEN_MAX: usize = MESSAGE_AT + FIXED_LEN + LINK_LAYER_LEN;

/// The flags of a Neighbor Advertisement (RFC 4861, 4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// R: the sender is a router.
    pub router: bool,
    /// S: an answer to a solicitation, so that it confirms reachability both ways.
    pub solicited: bool,
    /// O: replaces the link-layer address that the receiver holds.
    pub override_cached: bool,
}

impl Flags {
    const fn from_octet(octet: u8) -> Flags {
        Flags { router: octet & 0x80 != 0, solicited: octet & 0x40 != 0, override_cached: octet & 0x20 != 0 }
    }

    const fn octet(self) -> u8 {
        (self.router as u8) << 7 | (self.solicited as u8) << 6 | (self.override_cached as u8) << 5
    }
}

/// A message that passed the checks of RFC 4861.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// Type 135, checked as in 7.1.1.
    NeighborSolicitation {
        /// Sender, `::` when it detects duplicates (RFC 4862).
        source: u128,
        /// Where it was sent: the target or a group.
        destination: u128,
        /// Whose link-layer address is wanted.
        target: u128,
        /// Source link-layer address option.
        source_mac: Option<Mac>,
    },
    /// Type 136, checked as in 7.1.2.
    NeighborAdvertisement {
        /// Sender.
        source: u128,
        /// Where it was sent: the solicitor or a group.
        destination: u128,
        /// Whose link-layer address is told.
        target: u128,
        /// R, S and O.
        flags: Flags,
        /// Target link-layer address option.
        target_mac: Option<Mac>,
    },
    /// Type 133, checked as in 6.1.1.
    RouterSolicitation {
        /// Sender, `::` when it has no address yet.
        source: u128,
        /// Source link-layer address option.
        source_mac: Option<Mac>,
    },
    /// Type 134, checked as in 6.1.2; its parameters are for hosts.
    RouterAdvertisement {
        /// Sender, link-local.
        source: u128,
        /// Source link-layer address option.
        source_mac: Option<Mac>,
    },
    /// Type 137. A router does not act on redirects (8.2), so nothing after the options' lengths is read.
    Redirect {
        /// Sender, link-local.
        source: u128,
    },
}

/// Why a packet is no valid Neighbor Discovery message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invalid {
    /// Fewer octets than the IPv6 header and its payload length call for.
    Truncated,
    /// Not IPv6.
    Version,
    /// The fixed header is not followed by `ICMPv6` at once. That includes fragments (RFC 6980, 5).
    NotIcmpv6,
    /// `ICMPv6`, but of another type than 133 to 137: no error, only not for this module.
    OtherType,
    /// The hop limit is not 255.
    HopLimit,
    /// The code is not 0.
    Code,
    /// Shorter than its type's fixed part.
    Length,
    /// The checksum is wrong.
    Checksum,
    /// The target is a multicast address.
    MulticastTarget,
    /// An option of length 0, or one that runs past the message.
    OptionLength,
    /// A link-layer address option that holds no Ethernet station's address: another length, or a group.
    LinkLayerAddress,
    /// The source is a multicast address (RFC 4291, 2.7).
    MulticastSource,
    /// A solicitation from `::` to something else than a solicited-node group.
    UnspecifiedToUnicast,
    /// A solicitation from `::` that has a source link-layer address.
    UnspecifiedWithLinkLayerAddress,
    /// An advertisement to a group with the solicited flag set.
    SolicitedToMulticast,
    /// A Router Advertisement or a Redirect from an address that is not link-local.
    NotLinkLocal,
}

/// Reads the message in an IPv6 packet (from its fixed header on; octets after its payload, such as
/// Ethernet's padding, are left alone) and applies the checks of RFC 4861, 6.1 and 7.1.
///
/// # Errors
/// The first check that failed. RFC 4861 asks to discard silently on each of them.
pub fn parse(packet: &[u8]) -> Result<Message, Invalid> {
    let header = ipv6::Header::<&[u8; ipv6::LEN]>::of(packet).ok_or(Invalid::Truncated)?;
    if header.version() != 6 {
        return Err(Invalid::Version);
    }
    if header.next_header() != protocol::ICMPV6 {
        return Err(Invalid::NotIcmpv6);
    }
    let end = ipv6::LEN + usize::from(header.payload_len());
    let message = packet.get(ipv6::LEN..end).ok_or(Invalid::Truncated)?;
    let &[kind, code, ..] = message else { return Err(Invalid::Length) };
    let fixed_len = match kind {
        kind::ROUTER_SOLICITATION => 8,
        kind::ROUTER_ADVERTISEMENT => 16,
        kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT => FIXED_LEN,
        kind::REDIRECT => 40,
        _ => return Err(Invalid::OtherType),
    };
    let (source, destination) = (header.source(), header.destination());
    if header.hop_limit() != HOP_LIMIT {
        return Err(Invalid::HopLimit);
    }
    if code != 0 {
        return Err(Invalid::Code);
    }
    let (fixed, options) = message.split_at_checked(fixed_len).ok_or(Invalid::Length)?;
    if checksum::upper_layer(source, destination, protocol::ICMPV6, message) != 0 {
        return Err(Invalid::Checksum);
    }
    if ipv6::is_multicast(source) {
        return Err(Invalid::MulticastSource);
    }
    let options = Options::read(options)?;
    match kind {
        kind::ROUTER_SOLICITATION => router_solicitation(source, options),
        kind::NEIGHBOR_SOLICITATION => neighbor_solicitation(source, destination, fixed, options),
        kind::NEIGHBOR_ADVERTISEMENT => neighbor_advertisement(source, destination, fixed, options),
        _ if !ipv6::is_link_local(source) => Err(Invalid::NotLinkLocal),
        kind::ROUTER_ADVERTISEMENT => {
            Ok(Message::RouterAdvertisement { source, source_mac: options.source_mac()? })
        }
        _ => Ok(Message::Redirect { source }),
    }
}

fn router_solicitation(source: u128, options: Options) -> Result<Message, Invalid> {
    if source == ipv6::UNSPECIFIED && options.source_link.is_some() {
        return Err(Invalid::UnspecifiedWithLinkLayerAddress);
    }
    Ok(Message::RouterSolicitation { source, source_mac: options.source_mac()? })
}

/// Flags' octet and target of a neighbor message; `fixed` has [`FIXED_LEN`] octets.
fn flags_and_target(fixed: &[u8]) -> Result<(u8, u128), Invalid> {
    let fixed: &[u8; FIXED_LEN] = fixed.first_chunk().ok_or(Invalid::Length)?;
    let (_, target) = fixed.split_last_chunk().ok_or(Invalid::Length)?;
    let target = u128::from_be_bytes(*target);
    if ipv6::is_multicast(target) {
        return Err(Invalid::MulticastTarget);
    }
    Ok((fixed[4], target))
}

fn neighbor_solicitation(
    source: u128,
    destination: u128,
    fixed: &[u8],
    options: Options,
) -> Result<Message, Invalid> {
    let (_, target) = flags_and_target(fixed)?;
    if source == ipv6::UNSPECIFIED {
        if !ipv6::is_solicited_node(destination) {
            return Err(Invalid::UnspecifiedToUnicast);
        }
        if options.source_link.is_some() {
            return Err(Invalid::UnspecifiedWithLinkLayerAddress);
        }
    }
    Ok(Message::NeighborSolicitation { source, destination, target, source_mac: options.source_mac()? })
}

fn neighbor_advertisement(
    source: u128,
    destination: u128,
    fixed: &[u8],
    options: Options,
) -> Result<Message, Invalid> {
    let (flags, target) = flags_and_target(fixed)?;
    let flags = Flags::from_octet(flags);
    if flags.solicited && ipv6::is_multicast(destination) {
        return Err(Invalid::SolicitedToMulticast);
    }
    let target_mac = options.target_mac()?;
    Ok(Message::NeighborAdvertisement { source, destination, target, flags, target_mac })
}

/// The first option of each kind that is read; all others are skipped (RFC 4861, 4.6).
#[derive(Clone, Copy, Default)]
struct Options<'a> {
    source_link: Option<&'a [u8]>,
    target_link: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Walks all options. Each step consumes at least 8 octets, so that the walk ends.
    fn read(mut rest: &'a [u8]) -> Result<Self, Invalid> {
        let mut found = Options::default();
        while !rest.is_empty() {
            let &[kind, units, ..] = rest else { return Err(Invalid::OptionLength) };
            if units == 0 {
                return Err(Invalid::OptionLength);
            }
            let (option, after) =
                rest.split_at_checked(usize::from(units) * 8).ok_or(Invalid::OptionLength)?;
            match kind {
                option::SOURCE_LINK_LAYER => found.source_link = found.source_link.or(Some(option)),
                option::TARGET_LINK_LAYER => found.target_link = found.target_link.or(Some(option)),
                _ => {}
            }
            rest = after;
        }
        Ok(found)
    }

    fn source_mac(self) -> Result<Option<Mac>, Invalid> {
        self.source_link.map(station).transpose()
    }

    fn target_mac(self) -> Result<Option<Mac>, Invalid> {
        self.target_link.map(station).transpose()
    }
}

/// The address in a link-layer address option. A group is refused: whoever believed it would flood a link
/// with what it sends to one neighbor.
fn station(option: &[u8]) -> Result<Mac, Invalid> {
    let (_, address) = option.split_first_chunk::<2>().ok_or(Invalid::LinkLayerAddress)?;
    let mac = address.try_into().map(Mac).map_err(|_| Invalid::LinkLayerAddress)?;
    if mac.is_multicast() { Err(Invalid::LinkLayerAddress) } else { Ok(mac) }
}

/// A Neighbor Solicitation to send (RFC 4861, 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Solicitation {
    /// The sending port's MAC address, also the source link-layer address option.
    pub mac: Mac,
    /// One of the port's addresses; `::` when detecting duplicates, and then there is no option.
    pub source: u128,
    /// Whose link-layer address is wanted.
    pub target: u128,
    /// The neighbor to probe by unicast; `None` sends to the solicited-node group of the target.
    pub probe: Option<Mac>,
}

impl Solicitation {
    /// Writes the whole frame, and gives the octets of it that are used.
    pub fn emit<'a>(&self, frame: &'a mut [u8; FRAME_LEN_MAX]) -> &'a [u8] {
        let group = ipv6::solicited_node(self.target);
        let multicast = (Mac::for_multicast(group), group);
        let (to_mac, destination) = self.probe.map_or(multicast, |mac| (mac, self.target));
        let link = (self.source != ipv6::UNSPECIFIED).then_some((option::SOURCE_LINK_LAYER, self.mac));
        let fixed = (kind::NEIGHBOR_SOLICITATION, 0, self.target);
        emit(frame, (to_mac, self.mac), (self.source, destination), fixed, link)
    }
}

/// A Neighbor Advertisement to send (RFC 4861, 4.4), always with the target link-layer address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advertisement {
    /// The sending port's MAC address, also the target link-layer address option.
    pub mac: Mac,
    /// Where the frame goes.
    pub to_mac: Mac,
    /// One of the port's addresses.
    pub source: u128,
    /// The solicitor, or [`ipv6::ALL_NODES`].
    pub destination: u128,
    /// Whose link-layer address is told.
    pub target: u128,
    /// R, S and O.
    pub flags: Flags,
}

impl Advertisement {
    /// Writes the whole frame, and gives the octets of it that are used.
    pub fn emit<'a>(&self, frame: &'a mut [u8; FRAME_LEN_MAX]) -> &'a [u8] {
        let fixed = (kind::NEIGHBOR_ADVERTISEMENT, self.flags.octet(), self.target);
        let link = Some((option::TARGET_LINK_LAYER, self.mac));
        emit(frame, (self.to_mac, self.mac), (self.source, self.destination), fixed, link)
    }
}

/// Writes Ethernet header, IPv6 header, message and option.
fn emit(
    frame: &mut [u8; FRAME_LEN_MAX],
    (to_mac, from_mac): (Mac, Mac),
    (source, destination): (u128, u128),
    (kind, flags, target): (u8, u8, u128),
    link: Option<(u8, Mac)>,
) -> &[u8] {
    let mut message = [0; FIXED_LEN + LINK_LAYER_LEN];
    message[0] = kind;
    message[4] = flags;
    message[8..FIXED_LEN].copy_from_slice(&target.to_be_bytes());
    let mut len = FIXED_LEN;
    if let Some((option, Mac([a, b, c, d, e, f]))) = link {
        message[FIXED_LEN..].copy_from_slice(&[option, 1, a, b, c, d, e, f]);
        len += LINK_LAYER_LEN;
    }
    let checksum = checksum::upper_layer(source, destination, protocol::ICMPV6, &message[..len]);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());

    let repr = ipv6::Repr {
        payload_len: len as u16,
        next_header: protocol::ICMPV6,
        hop_limit: HOP_LIMIT,
        source,
        destination,
    };
    frame[..ethernet::LEN].copy_from_slice(&ethernet::bytes(to_mac, from_mac, ethernet::TYPE_IPV6));
    if let Some(mut header) = ipv6::Header::<&mut [u8; ipv6::LEN]>::of_mut(&mut frame[ethernet::LEN..]) {
        repr.emit(&mut header);
    }
    frame[MESSAGE_AT..].copy_from_slice(&message);
    &frame[..MESSAGE_AT + len]
}

#[cfg(test)]
#[path = "ndp_tests.rs"]
mod tests;
