//! Address Resolution Protocol (RFC 826) for IPv4 on Ethernet: checked when it comes in, whole frames when it goes out.
//!
//! ```text
//!  0              2              4      5      6           8
//!  | hardware = 1 | proto = 0800 | hl=6 | pl=4 | operation |
//!  | sender hardware address (8..14) | sender protocol address (14..18) |
//!  | target hardware address (18..24) | target protocol address (24..28) |
//! ```

use super::ethernet::{self, Mac};

/// Octets of a message.
pub const LEN: usize = 28;
/// Octets of a frame made here.
pub const FRAME_LEN: usize = ethernet::LEN + LEN;
/// `EtherType` of ARP.
pub const ETHER_TYPE: u16 = 0x0806;

/// Hardware Ethernet, protocol IPv4, and the lengths of both's addresses.
const FIXED: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Whose is the target address?
    Request,
    /// It is the sender's.
    Reply,
}

/// A message. In a probe (RFC 5227) the sender's address is 0; in a gratuitous one it is also the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repr {
    /// Request or reply.
    pub operation: Operation,
    /// The sender's MAC address: what is learned.
    pub source_mac: Mac,
    /// The sender's address.
    pub source: u32,
    /// The target's MAC address: anything in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target: u32,
}

/// Why a message is not looked at further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// Shorter than [`LEN`].
    Truncated,
    /// Not IPv4 on Ethernet.
    Kind,
    /// Neither request nor reply.
    Operation,
    /// The sender is a group of stations or nobody.
    SourceMac,
}

fn mac(b: &[u8; LEN], at: usize) -> Mac {
    let mut mac = [0; 6];
    for (to, from) in mac.iter_mut().zip(b.iter().skip(at)) {
        *to = *from;
    }
    Mac(mac)
}

/// Reads a message: what is behind the Ethernet header. Padding behind it is not looked at.
///
/// # Errors
/// What is wrong with it.
pub fn parse(message: &[u8]) -> Result<Repr, Invalid> {
    let b: &[u8; LEN] = message.first_chunk().ok_or(Invalid::Truncated)?;
    if b[..6] != FIXED {
        return Err(Invalid::Kind);
    }
    let operation = match u16::from_be_bytes([b[6], b[7]]) {
        REQUEST => Operation::Request,
        REPLY => Operation::Reply,
        _ => return Err(Invalid::Operation),
    };
    let source_mac = mac(b, 8);
    if source_mac.is_multicast() || source_mac == Mac::default() {
        return Err(Invalid::SourceMac);
    }
    Ok(Repr {
        operation,
        source_mac,
        source: u32::from_be_bytes([b[14], b[15], b[16], b[17]]),
        target_mac: mac(b, 18),
        target: u32::from_be_bytes([b[24], b[25], b[26], b[27]]),
    })
}

impl Repr {
    /// Asks for `target` on behalf of a port with `mac` and `source`; `source` 0 probes (RFC 5227, 2.1.1).
    pub const fn request(mac: Mac, source: u32, target: u32) -> Repr {
        let target_mac = Mac([0; 6]);
        Repr { operation: Operation::Request, source_mac: mac, source, target_mac, target }
    }

    /// The answer to this request from the station `mac`, which has the target address.
    #[must_use]
    pub const fn reply(&self, mac: Mac) -> Repr {
        Repr {
            operation: Operation::Reply,
            source_mac: mac,
            source: self.target,
            target_mac: self.source_mac,
            target: self.source,
        }
    }

    /// The 28 octets of the message.
    pub const fn octets(&self) -> [u8; LEN] {
        let operation = match self.operation {
            Operation::Request => REQUEST,
            Operation::Reply => REPLY,
        };
        let o = operation.to_be_bytes();
        let (sm, tm) = (self.source_mac.0, self.target_mac.0);
        let (s, t) = (self.source.to_be_bytes(), self.target.to_be_bytes());
        [
            FIXED[0], FIXED[1], FIXED[2], FIXED[3], FIXED[4], FIXED[5], o[0], o[1], //
            sm[0], sm[1], sm[2], sm[3], sm[4], sm[5], s[0], s[1], s[2], s[3], //
            tm[0], tm[1], tm[2], tm[3], tm[4], tm[5], t[0], t[1], t[2], t[3],
        ]
    }

    /// The whole frame to the station `to`: [`Mac::BROADCAST`] for a request unless the neighbor is probed.
    pub fn frame(&self, to: Mac) -> [u8; FRAME_LEN] {
        let mut frame = [0; FRAME_LEN];
        let (header, message) = frame.split_at_mut(ethernet::LEN);
        header.copy_from_slice(&ethernet::bytes(to, self.source_mac, ETHER_TYPE));
        message.copy_from_slice(&self.octets());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: Mac = Mac([2, 0, 0, 0, 0, 0x0a]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 0x0b]);
    // By scapy: Ether(dst="ff:..", src=A)/ARP(op=1, hwsrc=A, psrc="192.0.2.1", hwdst=0, pdst="192.0.2.2"), and B's reply.
    const ASKED: &str =
        "ffffffffffff02000000000a0806000108000604000102000000000ac0000201000000000000c0000202";
    const ANSWERED: &str =
        "02000000000a02000000000b0806000108000604000202000000000bc000020202000000000ac0000201";

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn frames_are_scapys() {
        let request = Repr::request(A, 0xc000_0201, 0xc000_0202);
        assert_eq!(request.frame(Mac::BROADCAST)[..], hex(ASKED));
        assert_eq!(request.reply(B).frame(A)[..], hex(ANSWERED));
        assert_eq!(parse(&hex(ASKED)[14..]), Ok(request));
        let mut padded = hex(ANSWERED);
        padded.extend([0; 18]);
        let answer = parse(&padded[14..]).unwrap();
        assert_eq!((answer.operation, answer.source_mac, answer.source), (Operation::Reply, B, 0xc000_0202));
        assert_eq!((answer.target_mac, answer.target), (A, 0xc000_0201));
    }

    #[test]
    fn what_is_not_ipv4_on_ethernet_is_refused() {
        let good = &hex(ASKED)[14..];
        for cut in 0..LEN {
            assert_eq!(parse(&good[..cut]), Err(Invalid::Truncated));
        }
        let with = |at: usize, octet: u8| {
            let mut message = good.to_vec();
            message[at] = octet;
            parse(&message).map(|_| ())
        };
        for (at, octet) in FIXED.into_iter().enumerate() {
            assert_eq!(with(at, octet ^ 1), Err(Invalid::Kind), "octet {at}");
        }
        for operation in [0, 3, 8, 255] {
            assert_eq!(with(7, operation), Err(Invalid::Operation));
        }
        assert_eq!(with(6, 1), Err(Invalid::Operation));
        assert_eq!(with(8, 3), Err(Invalid::SourceMac));
        let mut nobody = good.to_vec();
        nobody[8..14].fill(0);
        assert_eq!(parse(&nobody), Err(Invalid::SourceMac));
        let mut probe = good.to_vec();
        probe[14..18].fill(0);
        assert_eq!(parse(&probe).map(|m| m.source), Ok(0), "a probe has no sender address");
    }

    proptest! {
        #[test]
        fn written_and_read(is_request: bool, from: [u8; 6], to: [u8; 6], source: u32, target: u32) {
            let operation = if is_request { Operation::Request } else { Operation::Reply };
            let message = Repr { operation, source_mac: Mac(from), source, target_mac: Mac(to), target };
            let parsed = parse(&message.octets());
            if from[0] & 1 == 1 || from == [0; 6] {
                prop_assert_eq!(parsed, Err(Invalid::SourceMac));
            } else {
                prop_assert_eq!(parsed, Ok(message));
            }
        }
    }
}
