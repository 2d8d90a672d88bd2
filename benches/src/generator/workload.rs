//! The frames that are sent, and what has to come back for each.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::packet::{Ipv6, MEX_NEXT_HEADER, SrhFields, ap_header, ethernet, protocol, srh, udp};
use super::probe::{Placement, Probe};

/// Destinations are under so many prefixes, [`destination_prefix`] of each.
pub const ROUTES: u16 = 8;
/// The segments of all paths; the first is the device under test, the others are behind its sink.
pub const SEGMENTS: [u128; 3] = [segment(1, 0x100), segment(2, 0x100), segment(3, 0x100)];
/// The SID of the device under test that decapsulates.
pub const DECAPSULATING_SID: u128 = segment(1, 0xd6);
/// The segment that a headend policy sends packets to.
pub const POLICY_SEGMENT: u128 = SEGMENTS[1];
/// The source of the policy's outer header.
pub const POLICY_SOURCE: u128 = 0x2001_0db8_ffff_0002 << 64 | 1;

const SOURCE_PREFIX: u64 = 0x2001_0db8_f000_0000;
const OUTER_SOURCE: u128 = 0x2001_0db8_f001 << 80 | 1;
const HOP_LIMIT: u8 = 64;
const FIRST_SOURCE_PORT: u16 = 1024;
const SOURCE_PORTS: usize = 60_000;
const DESTINATION_PORT: u16 = 9;
/// The shortest UDP payload: the balance of a probe.
const PAYLOAD_MIN: usize = 2;
/// Octets before and within an IPv6 header.
const ETHERNET_LEN: usize = 14;
const SOURCE_AT: usize = 8;

const fn segment(node: u16, function: u16) -> u128 {
    0xfc00 << 112 | (node as u128) << 80 | (function as u128) << 64
}

/// `2001:db8:<number>:1::/64`.
pub fn destination_prefix(number: u16) -> u64 {
    0x2001_0db8_0000_0001 | u64::from(number) << 16
}

/// A prefix without a route, another one for each flow: numbers from 8000 on.
fn dead_prefix(flow: usize) -> u64 {
    destination_prefix(0x8000 | flow as u16 & 0x7fff)
}

/// What the device under test has to do with the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain IPv6 forwarding.
    Plain,
    /// With an AP header that is not needed.
    MexIdle,
    /// With an AP header whose alternative is needed: the destination has no route.
    MexExchange,
    /// SRv6 End: an SRH of three segments, the next one is made the destination.
    SrEnd,
    /// SRv6 H.Encaps: into an outer header with an SRH of one segment.
    SrEncap,
    /// SRv6 End.DT6: out of an outer header without SRH.
    SrDecap,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Plain, Kind::MexIdle, Kind::MexExchange, Kind::SrEnd, Kind::SrEncap, Kind::SrDecap];

    /// As options, reports and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::MexIdle => "mex-idle",
            Kind::MexExchange => "mex-exchange",
            Kind::SrEnd => "sr-end",
            Kind::SrEncap => "sr-encap",
            Kind::SrDecap => "sr-decap",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!("no workload is called \"{text}\"; there are {}", names.join(", "))
        })
    }
}

/// The station addresses of the two links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stations {
    /// The generator, on the link that it sends to.
    pub source: [u8; 6],
    /// The device under test, on that link.
    pub dut_in: [u8; 6],
    /// The device under test, on the link that packets leave by.
    pub dut_out: [u8; 6],
    /// The generator there: the neighbor of all routes.
    pub sink: [u8; 6],
}

impl Default for Stations {
    /// Those of the configurations in this repository.
    fn default() -> Stations {
        Stations {
            source: [2, 0, 0, 0, 0, 0x01],
            dut_in: [2, 0, 0, 0, 0, 0x0a],
            dut_out: [2, 0, 0, 0, 0, 0x0b],
            sink: [2, 0, 0, 0, 0, 0xb2],
        }
    }
}

/// What the device under test is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Frames come back as a router has to forward them.
    Forwarded,
    /// Frames come back as they were sent: from a device that only moves them.
    Unchanged,
}

/// One frame of a flow, with number and time left open.
#[derive(Clone, Debug)]
pub struct Template {
    /// As it is sent.
    pub sent: Vec<u8>,
    /// As it has to come back.
    pub wanted: Vec<u8>,
}

/// All frames of a trial, sent in turn. They have the same length, and come back with the same length.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What is done with them.
    pub kind: Kind,
    /// One frame for each flow.
    pub templates: Vec<Template>,
    /// Where probes are, in what is sent and in what comes back.
    pub placement: Placement,
    /// Octets of `wanted` that nobody can know.
    open: Vec<Range<usize>>,
}

/// What is wanted of a workload.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the device under test has to do.
    pub kind: Kind,
    /// Octets of an Ethernet frame as it is sent, without the frame check sequence.
    pub frame_bytes: usize,
    /// The destination of each flow; see [`destinations`].
    pub destinations: Vec<u128>,
    /// Station addresses.
    pub stations: Stations,
    /// What comes back.
    pub wanted: Wanted,
}

/// Destinations for so many flows: in turn under each of the [`ROUTES`] prefixes.
pub fn destinations(flows: usize) -> Vec<u128> {
    let prefix = |flow: usize| u128::from(destination_prefix((flow % usize::from(ROUTES)) as u16 + 1)) << 64;
    (0..flows).map(|flow| prefix(flow) | (flow as u128 + 1)).collect()
}

impl Workload {
    /// Makes the frames.
    ///
    /// # Errors
    /// The frame is too short for the headers, or there are no destinations.
    pub fn new(plan: &Plan) -> Result<Workload, String> {
        let least = headers_len(plan.kind) + PAYLOAD_MIN;
        let Some(payload_len) =
            plan.frame_bytes.checked_sub(headers_len(plan.kind)).filter(|len| *len >= PAYLOAD_MIN)
        else {
            return Err(format!(
                "{} octets are too short for {}: it takes {least}",
                plan.frame_bytes, plan.kind
            ));
        };
        let source_from_end = plan.frame_bytes - source_at(plan.kind);
        let placement =
            Placement::new(payload_len, source_from_end).ok_or("no room for number and time of a frame")?;
        let maker = Maker { plan, payload_len, placement };
        let templates: Vec<Template> =
            plan.destinations.iter().enumerate().map(|(flow, to)| maker.template(flow, *to)).collect();
        let Some(first) = templates.first() else { return Err("no destinations".to_owned()) };
        let mut open = placement.ranges(first.wanted.len()).to_vec();
        if plan.kind == Kind::SrEncap && plan.wanted == Wanted::Forwarded {
            // The flow label of the outer header: a hash of the flow.
            open.insert(0, ETHERNET_LEN + 1..ETHERNET_LEN + 4);
        }
        Ok(Workload { kind: plan.kind, templates, placement, open })
    }

    /// The flow of a frame: frames are numbered from 0 in a trial.
    #[inline]
    pub fn flow(&self, index: u64) -> usize {
        (index % self.templates.len() as u64) as usize
    }

    /// Whether a frame that came back is what it has to be, in all octets that can be known.
    pub fn is_right(&self, flow: usize, frame: &[u8]) -> bool {
        let Some(template) = self.templates.get(flow) else { return false };
        let wanted = &template.wanted;
        if frame.len() != wanted.len() {
            return false;
        }
        let mut at = 0;
        for open in &self.open {
            if frame[at..open.start] != wanted[at..open.start] {
                return false;
            }
            at = open.end;
        }
        frame[at..] == wanted[at..]
    }

    /// What a frame that came back begins with: the station addresses.
    pub fn mark(&self) -> [u8; 12] {
        let wanted = self.templates.first().map(|template| template.wanted.as_slice());
        wanted.and_then(|wanted| wanted.first_chunk().copied()).unwrap_or_default()
    }

    /// Octets of frames as they are sent.
    pub fn sent_len(&self) -> usize {
        self.templates.first().map_or(0, |template| template.sent.len())
    }

    /// Octets of frames that come back.
    pub fn wanted_len(&self) -> usize {
        self.templates.first().map_or(0, |template| template.wanted.len())
    }
}

/// Octets before the UDP payload.
pub fn headers_len(kind: Kind) -> usize {
    let plain = ETHERNET_LEN + 40 + 8;
    plain
        + match kind {
            Kind::Plain | Kind::SrEncap => 0,
            Kind::MexIdle | Kind::MexExchange => 16,
            Kind::SrEnd => 40 + 8 + 3 * 16,
            Kind::SrDecap => 40,
        }
}

/// Octets that a frame has more when it comes back, at most.
pub const GROWTH_MAX: usize = 40 + 8 + 16;

/// Where the source address of the innermost packet is in a sent frame.
fn source_at(kind: Kind) -> usize {
    let outer = match kind {
        Kind::SrEnd | Kind::SrDecap => headers_len(kind) - headers_len(Kind::Plain),
        _ => 0,
    };
    ETHERNET_LEN + outer + SOURCE_AT
}

struct Maker<'a> {
    plan: &'a Plan,
    payload_len: usize,
    placement: Placement,
}

impl Maker<'_> {
    fn template(&self, flow: usize, to: u128) -> Template {
        let Stations { source, dut_in, dut_out, sink } = self.plan.stations;
        let sent = frame(dut_in, source, self.packet(flow, to, HOP_LIMIT));
        let wanted = match self.plan.wanted {
            Wanted::Unchanged => sent.clone(),
            Wanted::Forwarded => frame(sink, dut_out, self.forwarded(flow, to)),
        };
        Template { sent: self.probed(sent), wanted: self.probed(wanted) }
    }

    fn probed(&self, mut frame: Vec<u8>) -> Vec<u8> {
        self.placement.write(&mut frame, Probe { number: 0, time: 0 });
        frame
    }

    /// The packet as it is sent.
    fn packet(&self, flow: usize, to: u128, hop_limit: u8) -> Vec<u8> {
        match self.plan.kind {
            Kind::Plain | Kind::SrEncap => self.inner(flow, to, hop_limit),
            Kind::MexIdle => self.with_ap(flow, to, to, dead_prefix(flow), 1, hop_limit),
            Kind::MexExchange => {
                let dead = exchanged(to, dead_prefix(flow));
                self.with_ap(flow, dead, dead, (to >> 64) as u64, 1, hop_limit)
            }
            Kind::SrEnd => self.routed(flow, to, 2, hop_limit),
            Kind::SrDecap => outer(flow, DECAPSULATING_SID, hop_limit, protocol::IPV6)
                .around(&self.inner(flow, to, HOP_LIMIT)),
        }
    }

    /// The packet as it has to come back.
    fn forwarded(&self, flow: usize, to: u128) -> Vec<u8> {
        match self.plan.kind {
            Kind::Plain | Kind::MexIdle => self.packet(flow, to, HOP_LIMIT - 1),
            // The prefixes change places; the checksum is that of the destination as sent.
            Kind::MexExchange => {
                let dead = dead_prefix(flow);
                self.with_ap(flow, exchanged(to, dead), to, dead, 0, HOP_LIMIT - 1)
            }
            Kind::SrEnd => self.routed(flow, to, 1, HOP_LIMIT - 1),
            Kind::SrDecap => self.inner(flow, to, HOP_LIMIT - 1),
            Kind::SrEncap => {
                let mut carried = srh(&SrhFields {
                    next_header: protocol::IPV6,
                    segments_left: 0,
                    path: &[POLICY_SEGMENT],
                });
                carried.extend(self.inner(flow, to, HOP_LIMIT - 1));
                let outer = Ipv6 {
                    source: POLICY_SOURCE,
                    destination: POLICY_SEGMENT,
                    next_header: protocol::ROUTING,
                    hop_limit: HOP_LIMIT,
                    flow_label: 0,
                };
                outer.around(&carried)
            }
        }
    }

    /// Plain IPv6 and UDP.
    fn inner(&self, flow: usize, to: u128, hop_limit: u8) -> Vec<u8> {
        let ip = Ipv6 {
            source: self.source(),
            destination: to,
            next_header: protocol::UDP,
            hop_limit,
            flow_label: label(flow),
        };
        ip.around(&self.udp(flow, to))
    }

    /// The same with an AP header of one alternative. The checksum covers the destination `summed`.
    fn with_ap(
        &self,
        flow: usize,
        summed: u128,
        to: u128,
        alternative: u64,
        left: u8,
        hop_limit: u8,
    ) -> Vec<u8> {
        let mut carried = ap_header(protocol::UDP, left, alternative).to_vec();
        carried.extend(self.udp(flow, summed));
        let ip = Ipv6 {
            source: self.source(),
            destination: to,
            next_header: MEX_NEXT_HEADER,
            hop_limit,
            flow_label: label(flow),
        };
        ip.around(&carried)
    }

    /// In an outer header with an SRH of which `left` segments are left.
    fn routed(&self, flow: usize, to: u128, left: u8, hop_limit: u8) -> Vec<u8> {
        let mut carried =
            srh(&SrhFields { next_header: protocol::IPV6, segments_left: left, path: &SEGMENTS });
        carried.extend(self.inner(flow, to, HOP_LIMIT));
        let active = SEGMENTS[2 - usize::from(left.min(2))];
        outer(flow, active, hop_limit, protocol::ROUTING).around(&carried)
    }

    /// A datagram whose checksum is that of any probe.
    fn udp(&self, flow: usize, to: u128) -> Vec<u8> {
        let source_port = FIRST_SOURCE_PORT + (flow % SOURCE_PORTS) as u16;
        let mut payload: Vec<u8> = (0..self.payload_len).map(|at| at as u8).collect();
        self.placement.clear(&mut payload);
        udp(self.source(), to, (source_port, DESTINATION_PORT), &payload)
    }

    /// Its interface identifier is 0 where it will be the probe's place.
    fn source(&self) -> u128 {
        u128::from(SOURCE_PREFIX) << 64 | u128::from(!self.placement.is_in_address())
    }
}

fn frame(to: [u8; 6], from: [u8; 6], packet: Vec<u8>) -> Vec<u8> {
    let mut frame = ethernet(to, from).to_vec();
    frame.extend(packet);
    frame
}

fn outer(flow: usize, to: u128, hop_limit: u8, next_header: u8) -> Ipv6 {
    Ipv6 { source: OUTER_SOURCE, destination: to, next_header, hop_limit, flow_label: label(flow) }
}

/// 1 to 2^20 - 1.
fn label(flow: usize) -> u32 {
    (flow as u32 + 1) & 0xf_ffff
}

fn exchanged(address: u128, prefix: u64) -> u128 {
    u128::from(prefix) << 64 | u128::from(address as u64)
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
