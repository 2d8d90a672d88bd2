//! Type-length-value objects behind the segment list (RFC 8754, 2.1).

/// TLVs of one header that are looked at, at most, padding included (RFC 8754, 2.1 allows such a limit).
pub const MAX_TLVS: usize = 64;
/// Octets of an HMAC TLV with a SHA-256 value, all of it.
pub const HMAC_TLV_LEN: usize = 40;

/// Types (RFC 8754, 8.2).
pub(super) mod kind {
    /// One octet of padding (2.1.1.1).
    pub const PAD1: u8 = 0;
    /// Padding of any length (2.1.1.2).
    pub const PADN: u8 = 4;
    /// HMAC (2.1.2).
    pub const HMAC: u8 = 5;
}

/// One object. What is called `octets` is the value: what Length counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tlv<'a> {
    /// One octet of padding, the only type without a length.
    Pad1,
    /// Padding with a length.
    PadN {
        /// Ignored by receivers.
        octets: &'a [u8],
    },
    /// A keyed hash: [`HmacTlv::of`] reads it.
    Hmac {
        /// D, reserved, key and hash.
        octets: &'a [u8],
    },
    /// Any other type: ignored (RFC 8754, 2.1).
    Other {
        /// Its type; the highest bit says that the value may change on the way.
        kind: u8,
        /// What it holds.
        octets: &'a [u8],
    },
}

/// A TLV that runs beyond the header, or is one too many, or an HMAC TLV that is not one with SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Its first octet.
    pub at: usize,
}

/// The TLVs of a header, each with the offset of its first octet; ends after the first that is malformed.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    octets: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Tlvs<'a> {
    /// Over `octets`, the first of which is at offset `at`.
    pub(super) fn new(octets: &'a [u8], at: usize) -> Tlvs<'a> {
        Tlvs { octets, at, left: MAX_TLVS }
    }

    /// The first TLV and how many octets it has; `None` when it runs beyond the header.
    fn first(&self) -> Option<(Tlv<'a>, usize)> {
        let (kind, behind) = self.octets.split_first()?;
        if *kind == kind::PAD1 {
            return Some((Tlv::Pad1, 1));
        }
        let (len, behind) = behind.split_first()?;
        let octets = behind.get(..usize::from(*len))?;
        let tlv = match *kind {
            kind::PADN => Tlv::PadN { octets },
            kind::HMAC => Tlv::Hmac { octets },
            kind => Tlv::Other { kind, octets },
        };
        Some((tlv, 2 + octets.len()))
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<(usize, Tlv<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.octets.is_empty() {
            return None;
        }
        let at = self.at;
        let first = if self.left == 0 { None } else { self.first() };
        let Some((tlv, len)) = first else {
            self.octets = &[];
            return Some(Err(Malformed { at }));
        };
        self.octets = self.octets.get(len..).unwrap_or_default();
        self.at += len;
        self.left -= 1;
        Some(Ok((at, tlv)))
    }
}

/// An HMAC TLV with a value of 32 octets, as SHA-256 makes it.
///
/// ```text
///  0        1        2               4             8          40
///  | Type=5 | Len=38 |D|  Reserved   | HMAC Key ID | HMAC ... |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HmacTlv<'a> {
    /// First octet of the TLV: where an error about it points.
    pub at: usize,
    /// D: the destination address is not to be compared with the list, because the list is reduced.
    pub is_destination_unchecked: bool,
    /// Which key, as both ends agreed.
    pub key_id: u32,
    /// The keyed hash.
    pub value: &'a [u8; 32],
}

impl<'a> HmacTlv<'a> {
    /// Reads the value of a TLV that begins at offset `at`; `None` when it does not have 38 octets.
    pub fn of(octets: &'a [u8], at: usize) -> Option<HmacTlv<'a>> {
        let (head, value) = octets.split_first_chunk::<6>()?;
        let value = value.try_into().ok()?;
        Some(HmacTlv {
            at,
            is_destination_unchecked: head[0] & 0x80 != 0,
            key_id: u32::from_be_bytes([head[2], head[3], head[4], head[5]]),
            value,
        })
    }
}

/// The first 8 octets of an HMAC TLV: everything but the hash.
pub(super) fn hmac_head(is_destination_unchecked: bool, key_id: u32) -> [u8; 8] {
    let k = key_id.to_be_bytes();
    let value_len = HMAC_TLV_LEN as u8 - 2;
    [kind::HMAC, value_len, u8::from(is_destination_unchecked) << 7, 0, k[0], k[1], k[2], k[3]]
}
