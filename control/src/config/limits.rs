//! Limits on what a configuration may hold. Every list has one, so that a mistake in a
//! generated file ends in one line on the terminal and not in a machine without memory.

use std::ops::RangeInclusive;

/// Ports of one router.
pub const MAX_PORTS: usize = 64;
/// VRFs, the default one included.
pub const MAX_VRFS: usize = 256;
/// Addresses of one port.
pub const MAX_ADDRESSES_PER_PORT: usize = 64;
/// `egress-deny` prefixes of one port: the check runs over all of them.
pub const MAX_EGRESS_DENY: usize = 256;
/// Receive queues of one port.
pub const MAX_QUEUES: u64 = 64;
/// Static neighbors.
pub const MAX_NEIGHBORS: usize = 65_536;
/// Static routes.
pub const MAX_ROUTES: usize = 4_194_304;
/// Next hops behind one route.
pub const MAX_GROUP_MEMBERS: usize = 64;
/// Worker cores.
pub const MAX_WORKERS: usize = 64;
/// The highest core number that can be named.
pub const MAX_CORE: u64 = 1023;
/// `[[mex.site]]` sections.
pub const MAX_MEX_SITES: usize = 64;
/// `[[mex.peer]]` sections.
pub const MAX_MEX_PEERS: usize = 1024;
/// Prefixes of one `[[mex.site]]`: the header that lists them must stay small against the 1280
/// octets that every link carries.
pub const MAX_SITE_PREFIXES: usize = 32;
/// Prefixes of one `[[mex.peer]]`: the header lists all but one, and must fit into the 128 octets
/// that a packet buffer has in front of the frame.
pub const MAX_PEER_PREFIXES: usize = 16;
/// Prefixes in `[mex] deny`.
pub const MAX_MEX_DENY: usize = 256;
/// Pairs in `[mex] permit`.
pub const MAX_MEX_PERMIT: usize = 256;
/// `[[srv6.locator]]` sections.
pub const MAX_LOCATORS: usize = 256;
/// SIDs, binding SIDs included.
pub const MAX_SIDS: usize = dataplane::id::MAX_SIDS;
/// `[[srv6.policy]]` sections.
pub const MAX_POLICIES: usize = dataplane::id::MAX_POLICIES;
/// Segment lists of all policies together.
pub const MAX_ALL_SEGMENT_LISTS: usize = dataplane::id::MAX_SEGMENT_LISTS;
/// `[[srv6.hmac-key]]` sections.
pub const MAX_HMAC_KEYS: usize = 256;
/// Octets of an HMAC secret: one block of SHA-256, as in Linux.
pub const MAX_SECRET_BYTES: usize = 64;
/// Candidate paths of one policy.
pub const MAX_CANDIDATE_PATHS: usize = 16;
/// Segment lists of one candidate path.
pub const MAX_SEGMENT_LISTS: usize = 64;
/// Segments of one list. Each takes 16 octets of every packet.
pub const MAX_SEGMENTS: usize = dataplane::table::srv6::MAX_SEGMENTS;
/// Prefixes in `[srv6] edge-filter`.
pub const MAX_EDGE_FILTER: usize = 64;
/// The shortest prefix that a SID or locator can be: an SRv6 block of RFC 9602.
pub const MIN_SID_LENGTH: u8 = 16;
/// The longest prefix of a NEXT-CSID SID: the argument holds an identifier of 16 bits at least.
pub const MAX_NEXT_CSID_SID_LENGTH: u8 = 112;
/// Bits of an identifier of a REPLACE-CSID SID.
pub const CSID_LENGTHS: [u8; 2] = [16, 32];
/// Octets of a port's or a VRF's name.
pub const MAX_NAME_BYTES: usize = 64;
/// Octets of a device string.
pub const MAX_DEVICE_BYTES: usize = 1024;
/// Octets of a configuration file.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// MTU of a port in octets, from the least that IPv6 allows (RFC 8200, section 5) to a jumbo frame.
pub const MTU: RangeInclusive<u64> = 1280..=9600;
/// Weight of a next hop within its group.
pub const WEIGHT: RangeInclusive<u64> = 1..=255;
/// ICMP errors a second, per kind. 0: none.
pub const ICMP_RATE: RangeInclusive<u64> = 0..=10_000_000;
/// ICMP errors that may be sent at once.
pub const ICMP_BURST: RangeInclusive<u64> = 0..=10_000_000;
/// Memory for packet buffers, in bytes.
pub const MEMORY_BYTES: RangeInclusive<u64> = 16 << 20..=1 << 40;
/// Alternatives that one router tries for one packet.
pub const MEX_MAX_PREFIXES: RangeInclusive<u64> = 1..=255;
/// Packets a second that each worker may examine for MEX. 0: no limit.
pub const MEX_RATE: RangeInclusive<u64> = 0..=1_000_000_000;
/// Packets that may be examined at once.
pub const MEX_BURST: RangeInclusive<u64> = 1..=1_000_000_000;
/// Headers that the search for the AP header may pass.
pub const MEX_MAX_HEADERS: RangeInclusive<u64> = 1..=16;
/// Octets that the search for the AP header may pass.
pub const MEX_MAX_OCTETS: RangeInclusive<u64> = 8..=2048;
/// Bits of the block of a NEXT-CSID SID.
pub const BLOCK_BITS: RangeInclusive<u64> = 1..=111;
/// Bits that can be written for an identifier; see [`CSID_LENGTHS`].
pub const CSID_BITS: RangeInclusive<u64> = 1..=128;
/// Preference of a candidate path (RFC 9256, 2.7).
pub const PREFERENCE: RangeInclusive<u64> = 0..=0xffff_ffff;
/// HMAC key id; 0 means none (RFC 8754, 2.1.2).
pub const HMAC_KEY_ID: RangeInclusive<u64> = 1..=0xffff_ffff;
/// Flow label of an outer header: 20 bits, never 0.
pub const FLOW_LABEL: RangeInclusive<u64> = 1..=0xf_ffff;
/// O-flag copies a second.
pub const OAM_RATE: RangeInclusive<u64> = 1..=1_000_000;
/// O-flag copies that may be made at once.
pub const OAM_BURST: RangeInclusive<u64> = 1..=1_000_000;
