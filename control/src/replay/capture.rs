//! Captures: pcap and pcapng in, classic pcap with microseconds out.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, TsResolution};
use pcap_parser::pcapng::Block;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, PcapHeader as ReadHeader, create_reader};

/// Octets of one capture file, at most: it is read into memory.
pub const MAX_CAPTURE_BYTES: u64 = 4 << 30;
/// Octets of one frame, at most: more than any link carries.
pub const MAX_FRAME_LEN: usize = 65_535;
const NS_PER_SECOND: u128 = 1_000_000_000;

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Since the epoch, ns.
    pub timestamp_ns: u64,
    /// From the Ethernet header on.
    pub octets: Vec<u8>,
}

/// What is wrong with a capture, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError(String);

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaptureError {}

/// What a block of the file means.
enum Item {
    Frame(Frame),
    Nothing,
}

/// What has been said about the interfaces so far.
#[derive(Default)]
struct Interfaces {
    /// Units a second and offset in seconds, of each pcapng interface; of classic pcap one.
    clocks: Vec<(u64, i64)>,
    /// Reads a number of the pcapng section; `None` in classic pcap.
    read_u32: Option<fn([u8; 4]) -> u32>,
}

/// Octets of the shortest pcapng block: its type, its length, and its length once more.
const MIN_BLOCK_LEN: u32 = 12;
/// The type of a pcapng section header, the same in either order of octets.
const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// True when the block ahead is shorter than a block can be, which the reader does not check for each type. A section
/// header has its own order of octets, and the reader checks its length.
fn is_block_too_short(ahead: &[u8], interfaces: &Interfaces) -> bool {
    let (Some(read_u32), Some([kind @ .., a, b, c, d])) = (interfaces.read_u32, ahead.first_chunk::<8>())
    else {
        return false;
    };
    kind != &SECTION_HEADER && read_u32([*a, *b, *c, *d]) < MIN_BLOCK_LEN
}

/// Reads a whole capture.
///
/// # Errors
/// It cannot be read, is no capture, is not of Ethernet frames, or ends in the middle; a frame was not captured whole.
pub fn read(path: &Path) -> Result<Vec<Frame>, CaptureError> {
    let name = path.display();
    let fail = |what: String| CaptureError(format!("{name}: {what}"));
    let size = std::fs::metadata(path).map_err(|e| fail(format!("cannot be read: {e}")))?.len();
    if size > MAX_CAPTURE_BYTES {
        return Err(fail(format!("is too large; at most {MAX_CAPTURE_BYTES} octets are possible")));
    }
    let octets = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    parse(&octets).map_err(fail)
}

/// Reads a capture from its octets.
///
/// # Errors
/// As [`read`], without the name of the file.
pub fn parse(octets: &[u8]) -> Result<Vec<Frame>, String> {
    // The whole file fits the reader's buffer, so that a block is never too large for it.
    let mut reader = create_reader(octets.len().max(64) + 64, octets).map_err(|e| match e {
        PcapError::Eof | PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
            "is no capture: it ends before its first header does".to_owned()
        }
        _ => "is no capture: neither pcap nor pcapng".to_owned(),
    })?;
    let mut interfaces = Interfaces::default();
    let mut frames = Vec::new();
    let mut is_refilled = false;
    loop {
        if is_block_too_short(reader.data(), &interfaces) {
            return Err(format!("is damaged at packet {}", frames.len() + 1));
        }
        let consumed = match reader.next() {
            Ok((consumed, block)) => {
                is_refilled = false;
                if let Item::Frame(frame) = interpret(&block, &mut interfaces, frames.len() + 1)? {
                    frames.push(frame);
                }
                consumed
            }
            Err(PcapError::Eof) => return Ok(frames),
            Err(PcapError::Incomplete(_)) if !is_refilled => {
                is_refilled = true;
                let _ = reader.refill();
                continue;
            }
            Err(PcapError::Incomplete(_) | PcapError::UnexpectedEof | PcapError::BufferTooSmall) => {
                return Err(format!("is truncated: it ends in the middle of packet {}", frames.len() + 1));
            }
            Err(_) => return Err(format!("is damaged at packet {}", frames.len() + 1)),
        };
        reader.consume(consumed);
    }
}

fn check_link(link: Linktype) -> Result<(), String> {
    if link == Linktype::ETHERNET {
        return Ok(());
    }
    Err(format!("has link type {}; only Ethernet (1) can be replayed", link.0))
}

fn whole(number: usize, captured: u32, original: u32, octets: &[u8]) -> Result<Vec<u8>, String> {
    if captured < original {
        return Err(format!(
            "packet {number} is cut: {captured} of {original} octets were captured; capture with a larger snap length"
        ));
    }
    let octets = octets.get(..captured as usize).unwrap_or(octets);
    if octets.len() > MAX_FRAME_LEN {
        return Err(format!(
            "packet {number} has {} octets; at most {MAX_FRAME_LEN} are possible",
            octets.len()
        ));
    }
    Ok(octets.to_vec())
}

fn interpret(block: &PcapBlockOwned<'_>, interfaces: &mut Interfaces, number: usize) -> Result<Item, String> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            check_link(header.network)?;
            interfaces.clocks = vec![(units_per_second(header), 0)];
            Ok(Item::Nothing)
        }
        PcapBlockOwned::Legacy(packet) => {
            let (units, _) = interfaces.clocks.first().copied().unwrap_or((1_000_000, 0));
            let ticks = u128::from(packet.ts_sec) * u128::from(units) + u128::from(packet.ts_usec);
            let octets = whole(number, packet.caplen, packet.origlen, packet.data)?;
            Ok(Item::Frame(Frame { timestamp_ns: nanoseconds(ticks, units, 0), octets }))
        }
        PcapBlockOwned::NG(Block::SectionHeader(header)) => {
            interfaces.read_u32 =
                Some(if header.big_endian() { u32::from_be_bytes } else { u32::from_le_bytes });
            interfaces.clocks.clear();
            Ok(Item::Nothing)
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
            check_link(description.linktype)?;
            let units = description.ts_resolution().unwrap_or(1_000_000).max(1);
            interfaces.clocks.push((units, description.ts_offset()));
            Ok(Item::Nothing)
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let clock = interfaces.clocks.get(packet.if_id as usize);
            let Some((units, offset_s)) = clock.copied() else {
                return Err(format!(
                    "packet {number} names interface {}, which is not described",
                    packet.if_id
                ));
            };
            let ticks = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
            let octets = whole(number, packet.caplen, packet.origlen, packet.packet_data())?;
            Ok(Item::Frame(Frame { timestamp_ns: nanoseconds(ticks, units, offset_s), octets }))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let octets = packet.packet_data();
            let octets = whole(number, octets.len() as u32, packet.origlen, octets)?;
            Ok(Item::Frame(Frame { timestamp_ns: 0, octets }))
        }
        PcapBlockOwned::NG(_) => Ok(Item::Nothing),
    }
}

fn units_per_second(header: &ReadHeader) -> u64 {
    if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 }
}

fn nanoseconds(ticks: u128, units: u64, offset_s: i64) -> u64 {
    let ns = ticks * NS_PER_SECOND / u128::from(units);
    let offset_ns = u128::from(offset_s.unsigned_abs()) * NS_PER_SECOND;
    let shifted = if offset_s < 0 { ns.saturating_sub(offset_ns) } else { ns + offset_ns };
    u64::try_from(shifted).unwrap_or(u64::MAX)
}

/// A capture being written: there, and valid, from the moment it is made.
#[derive(Debug)]
pub struct Writer {
    name: String,
    pcap: PcapWriter<BufWriter<File>>,
}

impl Writer {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Writer, CaptureError> {
        let name = path.display().to_string();
        let fail = |e: String| CaptureError(format!("{name}: cannot be written: {e}"));
        let file = File::create(path).map_err(|e| fail(e.to_string()))?;
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::MicroSecond,
            snaplen: MAX_FRAME_LEN as u32,
            endianness: pcap_file::Endianness::Little,
            ..PcapHeader::default()
        };
        let pcap = PcapWriter::with_header(BufWriter::new(file), header).map_err(|e| fail(e.to_string()))?;
        Ok(Writer { name: name.clone(), pcap })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, timestamp_ns: u64, octets: &[u8]) -> Result<(), CaptureError> {
        let packet = PcapPacket::new(Duration::from_nanos(timestamp_ns), octets.len() as u32, octets);
        let written = self.pcap.write_packet(&packet);
        written.map(drop).map_err(|e| CaptureError(format!("{}: cannot be written: {e}", self.name)))
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<(), CaptureError> {
        use std::io::Write as _;
        let mut file = self.pcap.into_writer();
        file.flush().map_err(|e| CaptureError(format!("{}: cannot be written: {e}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with scapy 2.5: one UDP packet at 1700000000.123456, by wrpcap (also nano=True, endianness='>'), PcapNgWriter,
    // and by hand after draft-ietf-opsawg-pcapng (if_tsresol 9).
    const FRAME: &str = "02000000000a02000000009986dd60000000000a114020010db800000000000000000000000920010db80000\
                         0000000000000000000a00010002000a42f06162";
    const MICRO: &str = "d4c3b2a1020004000000000000000000ffff00000100000000f1536540e201004000000040000000";
    const NANO: &str = "4d3cb2a1020004000000000000000000ffff00000100000000f1536501ca5b074000000040000000";
    const BIG: &str = "a1b2c3d40002000400000000000000000000ffff000000016553f1000001e2400000004000000040";
    const NG: &str = "0a0d0d0a1c0000004d3c2b1a0100000000000000000000001c00000001000000140000000100000000000400140000\
                      00060000006000000000000000240a0600402220184000000040000000";
    const NG_NS: &str = "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000010000002000000001000000ffff00000900\
                         0100090000000000000020000000060000006000000000000000fe9c971715cd853d4000000040000000";
    const NG_END: &str = "60000000";

    fn hex(parts: &[&str]) -> Vec<u8> {
        let digits: Vec<u8> = parts.concat().into_bytes();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn every_format_gives_the_same_frame() {
        let cases: [(&[&str], u64); 5] = [
            (&[MICRO, FRAME], 1_700_000_000_123_456_000),
            (&[NANO, FRAME], 1_700_000_000_123_456_001),
            (&[BIG, FRAME], 1_700_000_000_123_456_000),
            (&[NG, FRAME, NG_END], 1_700_000_000_123_456_000),
            (&[NG_NS, FRAME, NG_END], 1_700_000_000_123_456_789),
        ];
        for (parts, timestamp_ns) in cases {
            let frames = parse(&hex(parts)).unwrap();
            assert_eq!(frames, [Frame { timestamp_ns, octets: hex(&[FRAME]) }], "{parts:?}");
        }
    }

    #[test]
    fn a_cut_at_every_octet_is_one_clear_error() {
        for parts in [&[MICRO, FRAME][..], &[NG, FRAME, NG_END]] {
            let whole = hex(parts);
            for cut in 0..whole.len() {
                match parse(&whole[..cut]) {
                    // Cut between two blocks: a capture without this packet.
                    Ok(frames) => assert!(frames.is_empty() && [24, 28, 48].contains(&cut), "cut at {cut}"),
                    Err(error) => assert!(
                        error.starts_with("is no capture") || error.contains("packet 1"),
                        "cut at {cut}: {error}"
                    ),
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_replayed_is_refused() {
        let mut raw = hex(&[MICRO, FRAME]);
        raw[20] = 101;
        assert_eq!(parse(&raw).unwrap_err(), "has link type 101; only Ethernet (1) can be replayed");
        let mut snapped = hex(&[MICRO, FRAME]);
        snapped[36] = 0x50;
        assert_eq!(
            parse(&snapped).unwrap_err(),
            "packet 1 is cut: 64 of 80 octets were captured; capture with a larger snap length"
        );
        assert_eq!(parse(b"").unwrap_err(), "is no capture: it ends before its first header does");
        assert_eq!(parse(&[7; 100]).unwrap_err(), "is no capture: neither pcap nor pcapng");
    }

    #[test]
    fn a_block_too_short_to_be_one_is_damage() {
        // Process information (0x80000001), which the reader takes to be as short as 4 octets.
        let little = "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000";
        let big = "0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c";
        for (header, block) in
            [(little, "0100008004000000"), (little, "010000800b000000"), (big, "8000000100000008")]
        {
            let capture = hex(&[header, block, "00000000000000000000000000000000"]);
            assert_eq!(parse(&capture).unwrap_err(), "is damaged at packet 1");
        }
    }

    #[test]
    fn what_is_written_is_classic_pcap() {
        let path = std::env::temp_dir().join(format!("mexfwd-capture-{}.pcap", std::process::id()));
        let mut writer = Writer::create(&path).unwrap();
        writer.write(1_700_000_000_123_456_000, &hex(&[FRAME])).unwrap();
        writer.finish().unwrap();
        let written = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(written, hex(&[MICRO, FRAME]));
    }
}
