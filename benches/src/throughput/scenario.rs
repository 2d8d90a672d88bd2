//! Scenarios: what arrives, what the forwarder does with it, and what its table holds.

use std::fmt;
use std::sync::Arc;

use super::packet::Shape;
use crate::fib::table::Table;

/// Flows of a capture, unless the scenario says otherwise.
pub const DEFAULT_FLOWS: u32 = 256;
/// Flows where destinations are spread over a whole table.
pub const SPREAD_FLOWS: u32 = 65_536;
/// Flows of one capture, at most.
pub const MAX_FLOWS: u32 = 65_536;
/// Frames, in octets without their check sequence: the shortest of Ethernet.
pub const DEFAULT_LEN: u16 = 64;
/// The longest frame, in octets.
pub const MAX_LEN: u16 = 9000;
/// The simple IMIX: so many of 12 frames have this length, in octets. Long ones are spread among the short.
const IMIX: [u16; 12] = [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64];
/// Segments of the longest SRH.
pub const MAX_SEGMENTS: u8 = 10;
/// Workers with a pair of ports each, at most.
pub const MAX_WORKERS: u8 = 16;

/// What a forwarder does with the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// IPv6 forwarding.
    Plain,
    /// IPv6 forwarding of packets that carry an alternative prefix and do not need it.
    PlainAp,
    /// Every packet needs its alternative prefix.
    MexExchange,
    /// So many of 100 packets need it.
    MexShare(u8),
    /// End, SRH of three segments.
    End,
    /// End with PSP, SRH of three segments, the last one next.
    EndPsp,
    /// End with NEXT-CSID, no SRH.
    Un,
    /// H.Encaps with so many segments.
    Encaps(u8),
    /// H.Encaps.Red with so many segments.
    EncapsRed(u8),
    /// End.DT6 without an SRH.
    Dt6,
    /// End.DT6 with a used-up SRH of three segments.
    Dt6Srh,
    /// End.DT46, IPv4 inside.
    Dt46,
    /// End.B6.Encaps, SRH of three segments, a policy of one segment.
    B6,
    /// End, reduced SRH of so many segments, all of them left.
    Srh(u8),
}

/// How long the frames are; what is around the plain packet comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// All alike, in octets with Ethernet and without the check sequence.
    Octets(u16),
    /// Seven of 64, four of 594, one of 1518.
    Imix,
}

/// A route table beside the eight routes, and where packets go.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The table.
    pub table: Arc<Table>,
    /// Destinations are spread over all of it; otherwise they stay behind the eight routes and it is only loaded.
    pub is_spread: bool,
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// As reports name it.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// The frames.
    pub size: Size,
    /// Packets of the capture, each its own flow.
    pub flows: u32,
    /// The table; none: the eight routes alone.
    pub routes: Option<Routes>,
    /// Workers, each with a core and a pair of ports of its own.
    pub workers: u8,
}

impl Work {
    /// Those that are measured by default, in the order of the report.
    pub const DEFAULT: [Work; 17] = [
        Work::Plain,
        Work::PlainAp,
        Work::MexExchange,
        Work::MexShare(0),
        Work::MexShare(1),
        Work::MexShare(10),
        Work::MexShare(100),
        Work::End,
        Work::EndPsp,
        Work::Un,
        Work::Encaps(1),
        Work::Encaps(3),
        Work::EncapsRed(3),
        Work::Dt6,
        Work::Dt6Srh,
        Work::Dt46,
        Work::B6,
    ];

    /// The work of this name, or nothing.
    pub fn parse(name: &str) -> Option<Work> {
        let number = |prefix: &str, range: std::ops::RangeInclusive<u8>| {
            name.strip_prefix(prefix)?.parse().ok().filter(|number| range.contains(number))
        };
        let fixed = [Work::Plain, Work::PlainAp, Work::MexExchange, Work::End, Work::EndPsp, Work::Un];
        let fixed = fixed.into_iter().chain([Work::Dt6, Work::Dt6Srh, Work::Dt46, Work::B6]);
        fixed
            .into_iter()
            .find(|work| work.to_string() == name)
            .or_else(|| number("mex-", 0..=100).map(Work::MexShare))
            .or_else(|| number("srh-", 1..=MAX_SEGMENTS).map(Work::Srh))
            .or_else(|| number("encaps-red-", 1..=MAX_SEGMENTS).map(Work::EncapsRed))
            .or_else(|| number("encaps-", 1..=MAX_SEGMENTS).map(Work::Encaps))
    }

    /// The packets that arrive.
    pub fn shape(self) -> Shape {
        match self {
            Work::Plain | Work::Encaps(_) | Work::EncapsRed(_) => Shape::Plain,
            Work::PlainAp => Shape::Ap { needed_percent: 0 },
            Work::MexExchange => Shape::Ap { needed_percent: 100 },
            Work::MexShare(needed_percent) => Shape::Ap { needed_percent },
            Work::End => Shape::Srh3 { function: 0x100, segments_left: 2 },
            Work::EndPsp => Shape::Srh3 { function: 0x101, segments_left: 1 },
            Work::Un => Shape::MicroSid,
            Work::Dt6 => Shape::Sid(0xd6),
            Work::Dt6Srh => Shape::Srh3 { function: 0xd6, segments_left: 0 },
            Work::Dt46 => Shape::SidIpv4(0xd46),
            Work::B6 => Shape::Srh3 { function: 0xb, segments_left: 2 },
            Work::Srh(segments) => Shape::SrhReduced { segments },
        }
    }

    /// True when the node takes part in segment routing.
    pub fn is_srv6(self) -> bool {
        !matches!(self, Work::Plain | Work::PlainAp | Work::MexExchange | Work::MexShare(_))
    }

    /// How many of 100 packets need another destination prefix; nothing when none carries one.
    pub fn exchanged_percent(self) -> Option<u8> {
        match self.shape() {
            Shape::Ap { needed_percent } => Some(needed_percent),
            _ => None,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Plain => f.write_str("plain"),
            Work::PlainAp => f.write_str("plain-ap"),
            Work::MexExchange => f.write_str("mex-exchange"),
            Work::MexShare(percent) => write!(f, "mex-{percent}"),
            Work::End => f.write_str("end"),
            Work::EndPsp => f.write_str("end-psp"),
            Work::Un => f.write_str("un"),
            Work::Encaps(segments) => write!(f, "encaps-{segments}"),
            Work::EncapsRed(segments) => write!(f, "encaps-red-{segments}"),
            Work::Dt6 => f.write_str("dt6"),
            Work::Dt6Srh => f.write_str("dt6-srh"),
            Work::Dt46 => f.write_str("dt46"),
            Work::B6 => f.write_str("b6"),
            Work::Srh(segments) => write!(f, "srh-{segments}"),
        }
    }
}

impl Size {
    /// The size of this name, or nothing: octets, or `imix`.
    pub fn parse(text: &str) -> Option<Size> {
        if text == "imix" {
            return Some(Size::Imix);
        }
        text.parse().ok().filter(|len| (DEFAULT_LEN..=MAX_LEN).contains(len)).map(Size::Octets)
    }

    /// Of the frame of this flow, in octets.
    pub fn of(self, flow: u32) -> u16 {
        match self {
            Size::Octets(octets) => octets,
            Size::Imix => IMIX[flow as usize % IMIX.len()],
        }
    }

    /// The longest, in octets.
    pub fn max(self) -> u16 {
        (0..IMIX.len() as u32).map(|flow| self.of(flow)).max().unwrap_or_default()
    }

    /// Flows are packets of a capture that is played again and again: whole patterns of them.
    fn whole(self, flows: u32) -> u32 {
        match self {
            Size::Octets(_) => flows,
            Size::Imix => flows.div_ceil(IMIX.len() as u32) * IMIX.len() as u32,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Octets(octets) => write!(f, "{octets}"),
            Size::Imix => f.write_str("imix"),
        }
    }
}

impl Scenario {
    /// This work on 64-octet frames of 256 flows with eight routes, one worker.
    pub fn new(work: Work) -> Scenario {
        // Whole hundreds, so that the share that needs an exchange is exact.
        let flows = if matches!(work, Work::MexShare(1..100)) {
            DEFAULT_FLOWS.next_multiple_of(100)
        } else {
            DEFAULT_FLOWS
        };
        let size = Size::Octets(DEFAULT_LEN);
        Scenario { name: work.to_string(), work, size, flows, routes: None, workers: 1 }
    }

    /// Plain forwarding with destinations spread over all of `table`.
    pub fn spread(name: impl Into<String>, table: &Arc<Table>) -> Scenario {
        let routes = Some(Routes { table: Arc::clone(table), is_spread: true });
        Scenario { name: name.into(), flows: SPREAD_FLOWS, routes, ..Scenario::new(Work::Plain) }
    }

    /// The same with this table loaded beside the eight routes.
    #[must_use]
    pub fn loaded(mut self, table: &Arc<Table>) -> Scenario {
        self.name.push_str("-loaded");
        self.routes = Some(Routes { table: Arc::clone(table), is_spread: false });
        self
    }

    /// The same with frames of another size; the name tells, if it is not the usual one.
    #[must_use]
    pub fn with_size(mut self, size: Size) -> Scenario {
        if size != self.size {
            self.name = format!("{}/{size}", self.name);
        }
        self.flows = size.whole(self.flows);
        self.size = size;
        self
    }

    /// The same with so many flows.
    #[must_use]
    pub fn with_flows(mut self, flows: u32) -> Scenario {
        if flows != self.flows {
            self.name = format!("{}/flows={flows}", self.name);
        }
        self.flows = self.size.whole(flows);
        self
    }

    /// The same with so many workers.
    #[must_use]
    pub fn with_workers(mut self, workers: u8) -> Scenario {
        if workers != self.workers {
            self.name = format!("{}/workers={workers}", self.name);
        }
        self.workers = workers;
        self
    }

    /// The longest frame that arrives or leaves, in octets.
    pub fn longest_frame(&self) -> usize {
        // An outer header and an SRH of the longest list, there and back.
        const GROWTH: usize = 2 * (40 + 8 + 16 * MAX_SEGMENTS as usize);
        usize::from(self.size.max()) + if self.work.is_srv6() { GROWTH } else { 16 }
    }

    /// What is the same for two scenarios whose packets are the same: their captures, and the cost of the seats.
    pub fn capture_key(&self) -> String {
        let Scenario { work, size, flows, workers, .. } = self;
        let spread = self.routes.as_ref().filter(|routes| routes.is_spread);
        let spread = spread.map_or("", |routes| routes.table.source.as_str());
        format!("{:?} {size} {flows} {workers} {spread}", work.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for work in Work::DEFAULT.into_iter().chain([Work::Srh(1), Work::Srh(10), Work::Encaps(10)]) {
            assert_eq!(Work::parse(&work.to_string()), Some(work));
        }
        for name in ["", "mex", "mex-101", "srh-0", "srh-11", "encaps-", "encaps-x", "Plain"] {
            assert_eq!(Work::parse(name), None, "{name}");
        }
    }

    #[test]
    fn sizes_have_limits_and_imix_its_mixture() {
        assert_eq!(Size::parse("64"), Some(Size::Octets(64)));
        assert_eq!(Size::parse("imix"), Some(Size::Imix));
        for text in ["63", "9001", "", "-1", "IMIX"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        let of = |len| (0..12).filter(|flow| Size::Imix.of(*flow) == len).count();
        assert_eq!((of(64), of(594), of(1518)), (7, 4, 1));
        assert_eq!(Size::Imix.max(), 1518);
    }

    #[test]
    fn a_name_tells_what_is_unusual() {
        let scenario = Scenario::new(Work::End).with_size(Size::Octets(64)).with_flows(256);
        assert_eq!(scenario.name, "end");
        let scenario = scenario.with_size(Size::Imix).with_flows(1000).with_workers(2);
        assert_eq!((scenario.name.as_str(), scenario.flows), ("end/imix/flows=1000/workers=2", 1008));
    }

    #[test]
    fn the_same_packets_are_one_capture() {
        let key = |work| Scenario::new(work).capture_key();
        assert_eq!(key(Work::Plain), key(Work::Encaps(3)));
        assert_ne!(key(Work::Plain), key(Work::End));
        let table = Arc::new(Table::synthetic(100));
        assert_eq!(key(Work::End), Scenario::new(Work::End).loaded(&table).capture_key());
        assert_ne!(key(Work::Plain), Scenario::spread("full", &table).capture_key());
    }
}
