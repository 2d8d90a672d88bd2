//! Reads classic captures: microseconds, either byte order.

/// `LINKTYPE_ETHERNET`.
pub const ETHERNET: u32 = 1;
const MAGIC_US: u32 = 0xa1b2_c3d4;
const FILE_HEADER_OCTETS: usize = 24;
const RECORD_HEADER_OCTETS: usize = 16;

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Time since the epoch, microseconds.
    pub time_us: u64,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// What the frames are.
    pub link_type: u32,
    /// The frames, in the order of the file.
    pub records: Vec<Record>,
}

/// Reads a whole file; anything that is not a complete classic microsecond capture is an error.
pub fn parse(octets: &[u8]) -> Result<Capture, String> {
    let magic = word(octets, 0, false).ok_or("shorter than a capture's file header")?;
    let swapped = match magic {
        MAGIC_US => false,
        other if other.swap_bytes() == MAGIC_US => true,
        other => return Err(format!("not a classic microsecond capture: magic {other:#010x}")),
    };
    let field = |at| word(octets, at, swapped).ok_or_else(|| format!("cut at octet {at}"));
    let link_type = field(FILE_HEADER_OCTETS - 4)?;
    let mut records = Vec::new();
    let mut at = FILE_HEADER_OCTETS;
    while at < octets.len() {
        let (seconds, fraction, captured, original) =
            (field(at)?, field(at + 4)?, field(at + 8)? as usize, field(at + 12)? as usize);
        if captured != original {
            return Err(format!("record {}: captured {captured} of {original} octets", records.len() + 1));
        }
        if fraction >= 1_000_000 {
            return Err(format!("record {}: {fraction} microseconds in a second", records.len() + 1));
        }
        at += RECORD_HEADER_OCTETS;
        let frame = octets
            .get(at..at + captured)
            .ok_or_else(|| format!("cut inside record {}", records.len() + 1))?;
        records.push(Record {
            time_us: u64::from(seconds) * 1_000_000 + u64::from(fraction),
            frame: frame.to_vec(),
        });
        at += captured;
    }
    Ok(Capture { link_type, records })
}

fn word(octets: &[u8], at: usize, swapped: bool) -> Option<u32> {
    let value = u32::from_le_bytes(*octets.get(at..)?.first_chunk()?);
    Some(if swapped { value.swap_bytes() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The file header of the pcap file format, and one record of 2 octets at 1.000002 s.
    const FILE: [u8; 42] = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0, //
        1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0xab, 0xcd,
    ];

    #[test]
    fn a_whole_file_is_read_and_a_cut_one_is_not() {
        let read = parse(&FILE).unwrap();
        assert_eq!(read.link_type, ETHERNET);
        assert_eq!(read.records, [Record { time_us: 1_000_002, frame: vec![0xab, 0xcd] }]);
        assert_eq!(parse(&FILE[..24]).unwrap().records, []);
        assert!((0..42).filter(|cut| *cut != 24).all(|cut| parse(&FILE[..cut]).is_err()));
    }
}
