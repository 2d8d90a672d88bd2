//! The keyed hash of a Segment Routing header (RFC 8754, 2.1.2.1) with SHA-256 (RFC 2104, RFC 6234).
//!
//! What is hashed:
//!
//! ```text
//!  0                16           17      18             22
//!  | Source Address | Last Entry | Flags | HMAC Key ID  | Segment List[0] … Segment List[Last Entry] |
//! ```
//!
//! Neither the destination address nor Segments Left is: they change on the way.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::srh::{HMAC_TLV_LEN, HmacTlv, Srh};

/// Octets of the hash.
pub const LEN: usize = 32;
/// Octets of an HMAC TLV before the hash.
const HEAD_LEN: usize = HMAC_TLV_LEN - LEN;

/// A pre-shared key, ready for use: both blocks of the secret are hashed already.
#[derive(Clone)]
pub struct Key {
    id: u32,
    state: Hmac<Sha256>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is nobody's business.
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    /// The key that packets name `id`, from its secret; `None` when the secret is empty or the id is 0, which says that
    /// there is no hash.
    pub fn new(id: u32, secret: &[u8]) -> Option<Key> {
        if secret.is_empty() || id == 0 {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(|state| Key { id, state })
    }

    /// HMAC Key ID.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The hash under way, everything put in; `None` when Last Entry is beyond the header.
    fn digest(&self, source: u128, srh: &Srh<'_>) -> Option<Hmac<Sha256>> {
        let list = srh.list()?;
        let mut fixed = [0; 22];
        fixed[..16].copy_from_slice(&source.to_be_bytes());
        fixed[16] = srh.header().last_entry();
        fixed[17] = srh.header().flags();
        fixed[18..].copy_from_slice(&self.id.to_be_bytes());
        let mut digest = self.state.clone();
        digest.update(&fixed);
        digest.update(list);
        Some(digest)
    }

    /// The hash of `srh` in a packet from `source`, with this key's id whatever the header's TLV names; `None` when Last
    /// Entry is beyond the header.
    pub fn compute(&self, source: u128, srh: &Srh<'_>) -> Option<[u8; LEN]> {
        self.digest(source, srh).map(|digest| digest.finalize().into_bytes().into())
    }

    /// True when `tlv` of `srh` names this key and holds the right hash. The comparison takes the same time wherever
    /// they differ.
    pub fn verify(&self, source: u128, srh: &Srh<'_>, tlv: &HmacTlv<'_>) -> bool {
        tlv.key_id == self.id
            && self.digest(source, srh).is_some_and(|digest| digest.verify_slice(tlv.value).is_ok())
    }

    /// Writes key id and hash into the HMAC TLV of the header that `octets` begin with, for a packet from `source`.
    /// `None`, and nothing has changed, when it is no whole header or has no HMAC TLV.
    #[must_use]
    pub fn sign(&self, source: u128, octets: &mut [u8]) -> Option<()> {
        let srh = Srh::of(octets)?;
        let at = srh.hmac().ok()??.at;
        let hash = self.compute(source, &srh)?;
        let tlv = octets.get_mut(at..)?.first_chunk_mut::<HMAC_TLV_LEN>()?;
        tlv[4..HEAD_LEN].copy_from_slice(&self.id.to_be_bytes());
        tlv[HEAD_LEN..].copy_from_slice(&hash);
        Some(())
    }
}

/// True when the destination address of a packet with this header and TLV is what the list says: Segment
/// List\[Segments Left\], unless the D bit says that the list need not have it (RFC 8754, 2.1.2).
pub fn is_destination_listed(destination: u128, srh: &Srh<'_>, tlv: &HmacTlv<'_>) -> bool {
    tlv.is_destination_unchecked || srh.segment(srh.header().segments_left()) == Some(destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv6;
    use crate::wire::srh::{DIRECT, FLAGS_AT, LAST_ENTRY_AT, Repr, SEGMENTS_LEFT_AT};

    const KEY_ID: u32 = 0x0001_0203;
    const SECRET: &[u8] = b"kernel-hmac-secret";
    const SOURCE: u128 = 0xfd00_0001_0000_0000_0000_0000_0000_0001;
    const S1: u128 = 0xfd00_0005_0000_0000_0000_0000_0000_0001;
    const S2: u128 = 0xfd00_0006_0000_0000_0000_0000_0000_0001;
    const S3: u128 = 0xfd00_0007_0000_0000_0000_0000_0000_0001;

    /// What Linux 6.18 sends for `encap seg6 mode encap segs fd00:5::1,fd00:6::1,fd00:7::1 hmac 66051`. Flag 0x08 is the
    /// kernel's own: it says that there is an HMAC TLV, as drafts before the RFC did.
    fn kernels() -> Vec<u8> {
        let text = "60025f4100942b40fd000001000000000000000000000001fd000005000000000000000000000001
            290b040202080000fd000007000000000000000000000001fd000006000000000000000000000001
            fd00000500000000000000000000000105260000000102037308790dd51ff8d80b838873c7bcc89d
            afd48270484e7863ba3ec1e906c9c03360025f41000c1140fd000001000000000000000000000001
            fd00000900000000000000000000000103e807d0000cfa2a686d6163";
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    fn key() -> Key {
        Key::new(KEY_ID, SECRET).unwrap()
    }

    fn is_right(packet: &[u8], key: &Key) -> bool {
        let srh = Srh::at(packet, DIRECT).unwrap();
        let tlv = srh.hmac().unwrap().unwrap();
        key.verify(ipv6::Header::of(packet).unwrap().source(), &srh, &tlv)
    }

    #[test]
    fn the_kernels_hash_is_right() {
        let packet = kernels();
        assert!(is_right(&packet, &key()));
        let srh = Srh::at(&packet, DIRECT).unwrap();
        assert_eq!(key().compute(SOURCE, &srh).unwrap(), packet[40 + 64..40 + 96]);
    }

    #[test]
    fn what_is_signed_here_is_the_kernels_octets() {
        let path = [S1, S2, S3];
        let repr = Repr {
            next_header: 41,
            flags: 8,
            tag: 0,
            path: &path,
            is_reduced: false,
            hmac_key_id: Some(KEY_ID),
        };
        let mut octets = [0xaa; 104];
        assert_eq!(repr.emit(&mut octets), Some(96));
        assert_eq!(key().sign(SOURCE, &mut octets), Some(()));
        assert_eq!(octets[..96], kernels()[40..136]);
        assert_eq!(octets[96..], [0xaa; 8]);
    }

    #[test]
    fn vector_of_another_implementation() {
        // Python: hmac.new(b"\x0b" * 100, source + bytes([1, 0x20]) + bytes([0, 0, 0, 9]) + list, "sha256"), where the
        // secret is longer than a block, and the list reduced.
        let path = [S1, S2, S3];
        let repr = Repr {
            next_header: 41,
            flags: 0x20,
            tag: 7,
            path: &path,
            is_reduced: true,
            hmac_key_id: Some(9),
        };
        let mut octets = [0; 80];
        assert_eq!(repr.emit(&mut octets), Some(80));
        assert_eq!(Key::new(9, &[0x0b; 100]).unwrap().sign(SOURCE, &mut octets), Some(()));
        let expected: [u8; LEN] = [
            0x18, 0x1b, 0xce, 0x2c, 0x5b, 0xf2, 0x2f, 0x6c, 0x87, 0x4b, 0xd8, 0x0d, 0x48, 0xda, 0x54, 0xde,
            0xaf, 0xf5, 0xbc, 0xec, 0x38, 0xe2, 0x0f, 0xa9, 0xd3, 0xe2, 0xab, 0x5a, 0x65, 0xd0, 0x2e, 0xdd,
        ];
        assert_eq!(octets[48..], expected);
    }

    #[test]
    fn every_bit_that_is_hashed_counts_and_no_other() {
        let whole = kernels();
        let mut hashed: Vec<usize> = (8..24).collect();
        hashed.extend([40 + LAST_ENTRY_AT, 40 + FLAGS_AT]);
        hashed.extend(48..96);
        hashed.extend(100..136);
        for at in (8..136)
            .filter(|at| !(40..44).contains(at) && *at != 40 + LAST_ENTRY_AT && !(96..98).contains(at))
        {
            for bit in 0..8 {
                let mut packet = whole.clone();
                packet[at] ^= 1 << bit;
                assert_eq!(!is_right(&packet, &key()), hashed.contains(&at), "bit {bit} of octet {at}");
            }
        }
        let mut packet = whole.clone();
        packet[40 + SEGMENTS_LEFT_AT] = 0;
        assert!(is_right(&packet, &key()), "Segments Left changes on the way");
    }

    #[test]
    fn another_key_or_id_is_refused() {
        assert!(!is_right(&kernels(), &Key::new(KEY_ID, b"another secret").unwrap()));
        assert!(!is_right(&kernels(), &Key::new(KEY_ID + 1, SECRET).unwrap()));
        assert!(Key::new(1, b"").is_none() && Key::new(0, SECRET).is_none());
        assert_eq!(format!("{:?}", key()), "Key { id: 66051, .. }");
    }

    #[test]
    fn a_list_beyond_the_header_has_no_hash() {
        let mut octets = kernels()[40..136].to_vec();
        octets[LAST_ENTRY_AT] = 6;
        assert_eq!(key().compute(SOURCE, &Srh::of(&octets).unwrap()), None);
        let before = octets.clone();
        assert_eq!(key().sign(SOURCE, &mut octets), None);
        assert_eq!(octets, before);
    }

    #[test]
    fn the_destination_is_compared_unless_the_list_is_reduced() {
        let packet = kernels();
        let srh = Srh::at(&packet, DIRECT).unwrap();
        let tlv = srh.hmac().unwrap().unwrap();
        assert!(is_destination_listed(S1, &srh, &tlv));
        assert!(!is_destination_listed(S2, &srh, &tlv));
        assert!(is_destination_listed(S2, &srh, &HmacTlv { is_destination_unchecked: true, ..tlv }));
    }
}
