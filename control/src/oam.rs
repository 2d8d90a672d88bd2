//! Copies of packets with the O-flag (RFC 9259, 2.1.1): from the workers' rings to a capture file or a UDP sink.
//!
//! Workers keep to the configured rate. What cannot be written or sent is lost, and said once: a full disk or a sink that is
//! gone must not hold anything up.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use dataplane::update::Sample;

use crate::config::srv6::{Oam, OamTarget};

/// Where copies go.
#[derive(Debug)]
enum Target {
    /// A classic pcap file, link type RAW: each packet begins with its IPv6 header.
    Capture(BufWriter<File>),
    /// A datagram a copy: the packet from its IPv6 header on.
    Sink(UdpSocket),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Copies {
    target: Option<Target>,
    /// What is configured, so that a reload with the same changes nothing.
    configured: Option<Oam>,
    has_failed: bool,
}

impl Copies {
    /// Opens what `oam` names; nothing without it. With `sends` off a sink gets nothing: for a replay.
    ///
    /// # Errors
    /// One line: the file cannot be created, or there is no socket to be had.
    pub fn open(oam: Option<&Oam>, sends: bool) -> Result<Copies, String> {
        let target = match oam.map(|oam| &oam.target) {
            None => None,
            Some(OamTarget::Capture(path)) => {
                let failed = |error: std::io::Error| format!("[srv6.oam] capture {path}: {error}");
                Some(Target::Capture(create(Path::new(path)).map_err(failed)?))
            }
            Some(OamTarget::Sink(_)) if !sends => None,
            Some(OamTarget::Sink(sink)) => {
                let failed = |error: std::io::Error| format!("[srv6.oam] sink {sink}: {error}");
                Some(Target::Sink(connect(*sink).map_err(failed)?))
            }
        };
        Ok(Copies { target, configured: oam.cloned(), has_failed: false })
    }

    /// Opens anew when something else is configured now.
    ///
    /// # Errors
    /// As [`Copies::open`]; copies go nowhere then.
    pub fn reopen(&mut self, oam: Option<&Oam>) -> Result<(), String> {
        if self.configured.as_ref() == oam {
            return Ok(());
        }
        self.flush();
        *self = Copies { configured: oam.cloned(), ..Copies::default() };
        *self = Copies::open(oam, true)?;
        Ok(())
    }

    /// Takes one copy; `timestamp` since 1970. An error is returned the first time only.
    ///
    /// # Errors
    /// It is lost.
    pub fn take(&mut self, sample: &Sample, timestamp: Duration) -> Result<(), String> {
        let taken = match &mut self.target {
            None => return Ok(()),
            Some(Target::Capture(file)) => write(file, sample, timestamp),
            Some(Target::Sink(socket)) => socket.send(sample.octets()).map(drop),
        };
        match taken {
            Err(error) if !std::mem::replace(&mut self.has_failed, true) => {
                Err(format!("copies of packets with the O-flag are lost: {error}"))
            }
            _ => Ok(()),
        }
    }

    /// Writes what is still in memory.
    pub fn flush(&mut self) {
        if let Some(Target::Capture(file)) = &mut self.target {
            // What cannot be written is lost, as the packets of a full disk are.
            let _ = file.flush();
        }
    }
}

/// The header of a classic pcap file: little-endian, microseconds, version 2.4, link type RAW.
const PCAP_HEADER: [u8; 24] =
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];

/// A capture that is valid from the start, even if empty.
fn create(path: &Path) -> std::io::Result<BufWriter<File>> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&PCAP_HEADER)?;
    file.flush()?;
    Ok(file)
}

fn write(file: &mut impl std::io::Write, sample: &Sample, timestamp: Duration) -> std::io::Result<()> {
    let octets = sample.octets();
    let numbers = [timestamp.as_secs() as u32, timestamp.subsec_micros(), octets.len() as u32, sample.len];
    file.write_all(&numbers.map(u32::to_le_bytes).concat())?;
    file.write_all(octets)
}

/// A socket that never waits.
fn connect(sink: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match sink {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(sink)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use dataplane::burst::Meta;
    use dataplane::id::{PortId, SidId};

    use super::*;

    fn sample(octets: &[u8]) -> Sample {
        Sample::new(octets, &Meta::received(PortId(0), 0), SidId(0))
    }

    #[test]
    fn a_capture_holds_raw_packets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oam.pcap");
        let oam = Oam { rate: 1, burst: 1, target: OamTarget::Capture(path.display().to_string()) };
        let mut copies = Copies::open(Some(&oam), false).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 24, "a header, at once");
        copies.take(&sample(&[0x60, 1, 2]), Duration::new(5, 7_000)).unwrap();
        copies.flush();
        let written = std::fs::read(&path).unwrap();
        assert_eq!(written[20..24], [101, 0, 0, 0], "LINKTYPE_RAW");
        assert_eq!(written[24..], [5, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0x60, 1, 2]);
        let nowhere = Oam { target: OamTarget::Capture("/nowhere/at/all".to_owned()), ..oam };
        let refused = Copies::open(Some(&nowhere), false).unwrap_err();
        assert!(refused.starts_with("[srv6.oam] capture /nowhere/at/all: "), "{refused}");
    }

    #[test]
    fn a_sink_gets_a_datagram_a_copy() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let target = OamTarget::Sink(receiver.local_addr().unwrap());
        let mut copies = Copies::open(Some(&Oam { rate: 1, burst: 1, target }), true).unwrap();
        copies.take(&sample(&[0x60, 1, 2]), Duration::ZERO).unwrap();
        let mut octets = [0; 10];
        assert_eq!(receiver.recv(&mut octets).unwrap(), 3);
        assert_eq!(octets[..3], [0x60, 1, 2]);
    }
}
