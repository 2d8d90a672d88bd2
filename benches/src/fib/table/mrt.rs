//! Tables as MRT RIB dumps: TABLE_DUMP_V2 (RFC 6396, 4.3; with path identifiers RFC 8050, 4), IPv6 unicast.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use dataplane::fib::Prefix6;

use super::{MAX_ROUTES, Route};

// RFC 6396, 2: MRT common header
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                           Timestamp                           |
//   |             Type              |            Subtype            |
//   |                             Length                            |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const HEADER_LEN: usize = 12;
const TYPE_TABLE_DUMP_V2: u16 = 13;
/// RFC 6396, 4.3.2.
const SUBTYPE_RIB_IPV6_UNICAST: u16 = 4;
/// RFC 8050, 4.
const SUBTYPE_RIB_IPV6_UNICAST_ADDPATH: u16 = 10;
/// Octets of one record, at most: 65,535 paths of some 250 octets.
const MAX_RECORD_BYTES: usize = 16 << 20;

/// RFC 4271, 4.3: the attribute's length takes two octets.
const FLAG_EXTENDED_LENGTH: u8 = 0x10;
/// RFC 4760, 3.
const ATTRIBUTE_MP_REACH_NLRI: u8 = 14;
const ADDRESS_LEN: usize = 16;

/// What is wrong in the record that begins at this octet of the (uncompressed) file.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordError {
    pub offset: u64,
    pub what: String,
}

/// True when a file that begins like this is MRT: text has no zero octets, and MRT types are below 256.
pub fn is_mrt(head: &[u8]) -> bool {
    head.get(..HEADER_LEN).is_some_and(|header| header[4] == 0)
}

/// The IPv6 unicast routes of a dump, in its order. The next-hop id is the number, from 1 and by first appearance, of
/// the next-hop address of the prefix's first path: collectors do not say which path they would choose.
///
/// # Errors
/// The first record that cannot be read.
pub fn routes(reader: &mut dyn BufRead) -> Result<Vec<Route>, RecordError> {
    let mut routes = Vec::new();
    let mut next_hops = HashMap::new();
    let mut body = Vec::new();
    let mut offset = 0;
    loop {
        let error = |what: &str| RecordError { offset, what: what.to_owned() };
        let mut header = [0; HEADER_LEN];
        match filled(reader, &mut header) {
            Ok(0) => return Ok(routes),
            Ok(HEADER_LEN) => {}
            Ok(_) => return Err(error("the file ends within a record's header")),
            Err(e) => return Err(error(&e.to_string())),
        }
        let [_, _, _, _, t0, t1, s0, s1, l0, l1, l2, l3] = header;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if len > MAX_RECORD_BYTES {
            return Err(error(&format!("a record of {len} octets")));
        }
        body.resize(len, 0);
        reader.read_exact(&mut body).map_err(|e| error(&e.to_string()))?;
        let has_path_ids = match (u16::from_be_bytes([t0, t1]), u16::from_be_bytes([s0, s1])) {
            (TYPE_TABLE_DUMP_V2, SUBTYPE_RIB_IPV6_UNICAST) => Some(false),
            (TYPE_TABLE_DUMP_V2, SUBTYPE_RIB_IPV6_UNICAST_ADDPATH) => Some(true),
            // The peers, other families, messages: not routes of this table.
            _ => None,
        };
        if let Some(has_path_ids) = has_path_ids {
            let entry = Octets(&body).rib_entry(has_path_ids);
            let (prefix, next_hop) = entry.ok_or_else(|| error("not a RIB entry with a next hop"))?;
            if routes.len() == MAX_ROUTES {
                return Err(error(&format!("more than {MAX_ROUTES} routes")));
            }
            let fresh = next_hops.len() as u32 + 1;
            routes.push(Route { prefix, next_hop: *next_hops.entry(next_hop).or_insert(fresh) });
        }
        offset += (HEADER_LEN + len) as u64;
    }
}

/// Reads until `buffer` is full or the file ends; how much was read.
fn filled(reader: &mut dyn BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let mut limited = Read::take(reader, buffer.len() as u64);
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..) {
        match limited.read(rest) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

/// What is left of a record. `None` from any of its functions: the record ends too early.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// RFC 6396, 4.3.2: sequence number, prefix, entry count; then 4.3.4, the first of the entries.
    fn rib_entry(mut self, has_path_ids: bool) -> Option<(Prefix6, u128)> {
        self.take(4)?;
        let len = self.octet().filter(|len| *len <= 128)?;
        let prefix = Prefix6::new(address(self.take(usize::from(len.div_ceil(8)))?)?, len);
        if self.number16()? == 0 {
            return None;
        }
        // Peer index, originated time, and the path identifier of RFC 8050.
        self.take(2 + 4 + if has_path_ids { 4 } else { 0 })?;
        let attributes_len = self.number16()?;
        let next_hop = Octets(self.take(usize::from(attributes_len))?).next_hop()?;
        Some((prefix, next_hop))
    }

    /// The next hop in the MP_REACH_NLRI among a path's attributes.
    fn next_hop(mut self) -> Option<u128> {
        loop {
            let flags = self.octet()?;
            let attribute = self.octet()?;
            let len = if flags & FLAG_EXTENDED_LENGTH == 0 { self.octet()?.into() } else { self.number16()? };
            let mut value = Octets(self.take(usize::from(len))?);
            if attribute != ATTRIBUTE_MP_REACH_NLRI {
                continue;
            }
            // RFC 6396, 4.3.4: the next hop's length and the next hop alone; some collectors write the attribute
            // of RFC 4760 as it is on the wire, with AFI (2 octets, the first of them 0) and SAFI in front.
            let mut next_hop_len = value.octet()?;
            if next_hop_len == 0 {
                value.take(2)?;
                next_hop_len = value.octet()?;
            }
            // RFC 2545, 3: a global address, and perhaps a link-local one.
            return address(value.take(usize::from(next_hop_len))?.get(..ADDRESS_LEN)?);
        }
    }
}

/// The address that begins with these octets (at most 16), the rest zero.
fn address(octets: &[u8]) -> Option<u128> {
    let mut address = [0; ADDRESS_LEN];
    address.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(u128::from_be_bytes(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A dump written octet by octet after RFC 6396: the peer index table, two IPv6 routes, one of IPv4.
    const DUMP: &str = "
        66000000 000d 0001 00000019  0a000001 0004 72697665 0001 02 0a000002 0a000003 0000fde8
        66000000 000d 0004 0000003c  00000000 20 20010db8 0001 0000 65ffffff 0029
          40 01 01 00  50 02 0006 0201 0000fde8  80 0e 11 10 20010db8000000000000000000000001  80 04 04 00000000
        66000000 000d 0004 00000048  00000001 2f 20010db80002 0001 0000 65ffffff 0033
          40 01 01 00  80 0e 2c 0002 01 20 20010db8000000000000000000000002 fe800000000000000000000000000001
                       00 30 20010db80002
        66000000 000d 0002 00000014  00000002 08 0a 0001 0000 65ffffff 0004 40 01 01 00
        66000000 000d 000a 0000002b  00000003 00 0001 0000 65ffffff 00000007 0018
          40 01 01 00  80 0e 11 10 20010db8000000000000000000000001
    ";

    fn octets(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn routes_of_a_dump() {
        let bytes = octets(DUMP);
        assert!(is_mrt(&bytes));
        let found = routes(&mut &bytes[..]).unwrap();
        assert_eq!(
            found,
            [
                Route { prefix: Prefix6::new(0x2001_0db8 << 96, 32), next_hop: 1 },
                Route { prefix: Prefix6::new(0x2001_0db8_0002 << 80, 47), next_hop: 2 },
                Route { prefix: Prefix6::new(0, 0), next_hop: 1 },
            ]
        );
    }

    #[test]
    fn text_is_not_mrt() {
        assert!(!is_mrt(b"2001:db8::/32 1\n"));
        assert!(!is_mrt(b""));
    }

    #[test]
    fn a_dump_that_is_cut_short_is_an_error_or_a_shorter_table() {
        let bytes = octets(DUMP);
        let mut whole = 0;
        for end in 0..bytes.len() {
            match routes(&mut &bytes[..end]) {
                Ok(found) => whole += usize::from(found.len() <= 2),
                Err(e) => assert!(e.offset < end as u64 + 1, "{e:?}"),
            }
        }
        // Only between records, of which there are five.
        assert_eq!(whole, 5);
    }

    #[test]
    fn a_record_without_a_next_hop_is_an_error() {
        let bytes =
            octets("66000000 000d 0004 00000016  00000000 20 20010db8 0001 0000 65ffffff 0003 400100");
        let error = routes(&mut &bytes[..]).unwrap_err();
        assert_eq!(error.offset, 0);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(at in 0usize..200, octet: u8, tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = octets(DUMP);
            let at = at % bytes.len();
            bytes[at] = octet;
            bytes.extend(tail);
            let _ = routes(&mut &bytes[..]);
        }
    }
}
