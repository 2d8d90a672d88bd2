//! Wire formats, one file a protocol.
//!
//! Each file has a lens, `Header<T>`, over exactly the octets of the fixed header: the length is part of
//! the type (`[u8; LEN]`), so that a field access cannot be out of bounds and no accessor can fail or
//! panic. `Header::of(bytes)` is the one place where a length is checked. Where a header is also made
//! here, a `Repr` holds its fields as values and `emit`s them.

pub mod ap;
pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod ext;
pub mod hmac;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod quote;
pub mod srh;
