//! What a router with SIDs and policies may make of a packet: RFC 8986, 8754 and 9800 step by step on copies of the packet,
//! with every choice that tables leave open (which list, which next hop of a group, what MEX exchanges) taken each way.
//! The engine decides first and commits late; here each step is made at once.

use dataplane::id::{PolicyId, PortId, SidId};
use dataplane::table::NextHop;
use dataplane::table::srv6::{Behavior, Flavors, HmacRule, Mode, Sid};

use super::headers::{self, ETHERNET, Found, IPV4, IPV6};
use super::octets::{self, FRAGMENT, ICMPV6};
use super::push::pushed;
use super::sids::{longest_match, ports};
use super::{Plan, advance, model};

/// Lookups that a packet gets, at most: more than any way that the tests build has.
const MAX_STEPS: usize = 80;

/// Octets of which some flow labels are not known, only that they are not 0.
#[derive(Clone, Debug)]
pub struct Octets {
    pub bytes: Vec<u8>,
    /// Where the IPv6 headers with such labels are.
    pub labels: Vec<usize>,
}

impl Octets {
    fn known(bytes: &[u8]) -> Octets {
        Octets { bytes: bytes.to_vec(), labels: Vec::new() }
    }

    /// The octets with the labels of `seen`, where those are some.
    pub fn filled(&self, seen: &[u8]) -> Vec<u8> {
        let mut filled = self.bytes.clone();
        for at in &self.labels {
            let Some(label) = seen.get(at + 1..at + 4).filter(|l| l[0] & 15 | l[1] | l[2] != 0) else {
                continue;
            };
            filled[at + 1] = filled[at + 1] & 0xf0 | label[0] & 15;
            filled[at + 2..at + 4].copy_from_slice(&label[1..]);
        }
        filled
    }

    fn from(&self, at: usize) -> Octets {
        let labels = self.labels.iter().filter_map(|label| label.checked_sub(at)).collect();
        Octets { bytes: self.bytes[at..].to_vec(), labels }
    }
}

/// The Parameter Problem that a packet may meet as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Not said here.
    Any,
    /// This code and pointer, or none.
    Problem(Option<(u8, u32)>),
    /// No error of any kind.
    Nothing,
}

/// A packet as errors and replies about it see it.
#[derive(Clone, Debug)]
pub struct Stage {
    pub packet: Octets,
    pub vrf: u16,
    pub told: Told,
    pub at_sid: bool,
}

/// How a packet may leave.
#[derive(Clone, Debug)]
pub enum Exit {
    /// Just so, by one of these ports.
    Exact(Octets, Vec<PortId>),
    /// As the stage of this index, one hop older, with what MEX may do to it; it was looked up with this result.
    Plain(usize, NextHop),
    /// A frame that was carried.
    Frame(PortId, Vec<u8>),
}

/// A packet on its way.
#[allow(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
#[derive(Clone)]
struct State {
    packet: Octets,
    vrf: u16,
    /// This node's hop is in the hop limit already.
    is_counted: bool,
    is_pushed: bool,
    /// SRv6 has changed it since it was last received.
    is_changed: bool,
    is_made_here: bool,
    /// May go to SIDs.
    is_inside: bool,
    stage: usize,
    steps: usize,
}

/// Everything that may become of one packet.
pub struct Ways<'a> {
    plan: &'a Plan,
    /// What the port asks for that received the packet.
    by_port: HmacRule,
    pub stages: Vec<Stage>,
    pub exits: Vec<Exit>,
}

impl<'a> Ways<'a> {
    /// Of a frame that `port` receives.
    pub fn of_frame(plan: &'a Plan, port: PortId, frame: &[u8]) -> Ways<'a> {
        let by_port = plan.ports.get(port.index()).map_or(HmacRule::Ignore, |port| port.hmac);
        let mut ways = Ways { plan, by_port, stages: Vec::new(), exits: Vec::new() };
        let Some(received) = plan.ports.get(port.index()).filter(|_| frame.len() >= 14) else { return ways };
        if let Some(policy) = received.policy {
            ways.stages.push(Stage {
                packet: Octets::known(frame),
                vrf: 0,
                told: Told::Nothing,
                at_sid: false,
            });
            let state = State { is_counted: true, ..ways.state(Octets::known(frame), 0) };
            ways.push(state, policy, true);
            return ways;
        }
        let Some(packet) = whole(&frame[14..]) else { return ways };
        let (source, to) = (octets::source(packet), octets::destination(packet));
        let is_guarded = plan.srv6.blocks.contains(to) || plan.srv6.edge_filter.contains(source);
        if !received.is_sr_domain && is_guarded {
            return ways;
        }
        let vrf = received.vrf.0;
        let state = State { is_inside: received.is_sr_domain, ..ways.receive(Octets::known(packet), vrf) };
        if !is_special(to) {
            ways.look_up(state);
        }
        ways
    }

    /// Of a packet that this node has made about one that `port` received.
    pub fn of_made(plan: &'a Plan, port: PortId, packet: &[u8], vrf: u16) -> Ways<'a> {
        let by_port = plan.ports[port.index()].hmac;
        let mut ways = Ways { plan, by_port, stages: Vec::new(), exits: Vec::new() };
        let state = ways.receive(Octets::known(packet), vrf);
        ways.look_up(State { is_counted: true, is_made_here: true, is_inside: true, ..state });
        ways
    }

    fn state(&self, packet: Octets, vrf: u16) -> State {
        State {
            packet,
            vrf,
            is_counted: false,
            is_pushed: false,
            is_changed: false,
            is_made_here: false,
            is_inside: true,
            stage: self.stages.len().saturating_sub(1),
            steps: 0,
        }
    }

    fn receive(&mut self, packet: Octets, vrf: u16) -> State {
        self.stages.push(Stage { packet: packet.clone(), vrf, told: Told::Any, at_sid: false });
        self.state(packet, vrf)
    }

    fn look_up(&mut self, state: State) {
        let entry = longest_match(self.plan, state.vrf, octets::destination(&state.packet.bytes));
        self.go(state, entry);
    }

    fn go(&mut self, mut state: State, entry: NextHop) {
        state.steps += 1;
        if state.steps > MAX_STEPS {
            return;
        }
        match entry {
            NextHop::Sid(id) => self.visit(state, id),
            NextHop::Policy(id) => self.push(state, id, false),
            NextHop::Local => {
                if state.is_changed {
                    self.receive(state.packet, state.vrf);
                }
            }
            _ if state.is_changed => {
                let ports = ports(self.plan, entry);
                if let Some(packet) = one_hop_older(state.packet, state.is_counted) {
                    self.exits.push(Exit::Exact(packet, ports));
                }
            }
            _ => {
                self.exits.push(Exit::Plain(state.stage, entry));
                self.exchange(&state, entry);
            }
        }
    }

    /// What MEX may send into a policy: the packet with some alternatives used up.
    fn exchange(&mut self, state: &State, entry: NextHop) {
        if !ports(self.plan, entry).is_empty() && !matches!(entry, NextHop::Adjacency(_) | NextHop::Group(_))
        {
            return;
        }
        let packet = &state.packet.bytes;
        let Some((at, _)) = model::find_ap(packet) else { return };
        let (n, left) = (usize::from(packet[at + 1]), usize::from(packet[at + 2]));
        if left > n || at + 8 + 8 * n > packet.len() {
            return;
        }
        let mut exchanged = state.clone();
        for number in n - left + 1..=n {
            model::exchange(&mut exchanged.packet.bytes, at, number);
            exchanged.packet.bytes[at + 2] -= 1;
            let to = octets::destination(&exchanged.packet.bytes);
            if let NextHop::Policy(id) = longest_match(self.plan, state.vrf, to) {
                self.push(exchanged.clone(), id, false);
            }
        }
    }

    /// RFC 8986, 5.
    fn push(&mut self, mut state: State, id: PolicyId, is_frame: bool) {
        let policy = &self.plan.policies[id.index()];
        if state.is_pushed {
            state = State {
                steps: state.steps,
                is_made_here: state.is_made_here,
                ..self.receive(state.packet, 0)
            };
            state.is_counted = state.is_made_here;
        }
        let Some(packet) = one_hop_older(state.packet.clone(), state.is_counted) else { return };
        let inserts = matches!(policy.mode, Mode::Insert | Mode::InsertRed);
        if inserts && !headers::is_hop_by_hop_whole(&packet.bytes) {
            return;
        }
        for (segments, _) in &policy.lists {
            let packet = pushed(self.plan, policy, segments, &packet, is_frame);
            let packet = packet.unwrap_or_else(|| panic!("a policy of mode {:?} for this", policy.mode));
            let changed =
                State { is_counted: true, is_pushed: true, is_changed: true, vrf: 0, ..state.clone() };
            self.look_up(State { packet, ..changed });
        }
    }

    /// A SID of this node.
    fn visit(&mut self, mut state: State, id: SidId) {
        let sid = self.plan.srv6.sids[id.index()].unwrap();
        let is_inside = state.is_inside || state.is_changed;
        if state.is_changed {
            let (steps, is_made_here) = (state.steps, state.is_made_here);
            state = State { is_made_here, steps, ..self.receive(state.packet, state.vrf) };
        }
        let told = self.serve(&state, &sid, is_inside);
        self.stages[state.stage].told = told;
        self.stages[state.stage].at_sid = true;
    }

    fn serve(&mut self, state: &State, sid: &Sid, is_inside: bool) -> Told {
        let packet = &state.packet.bytes;
        let is_discovery =
            packet[6] == ICMPV6 && packet[7] == 255 && matches!(packet.get(40), Some(133..=137));
        if !is_inside && !is_discovery {
            return Told::Nothing;
        }
        let mut found = headers::walk(packet, 6, 40);
        // RFC 8986, 4.16.2: where used-up headers are, for USP to remove.
        let mut used_up = Vec::new();
        for _ in 0..4 {
            let srh = match found {
                Found::Srh { at, announced_at } => Some((at, announced_at)),
                Found::Upper { .. } => None,
                Found::OtherRouting { at } => return Told::Problem(Some((0, at as u32 + 2))),
                Found::Broken => return Told::Nothing,
            };
            if let Some((at, _)) = srh
                && let Some(told) = self.check_hmac(packet, &packet[at..], at, sid)
            {
                return told;
            }
            match (advance::step(sid, packet, srh), srh) {
                (advance::Step::Next(mut bytes), _) => {
                    if sid.flavors.has(Flavors::USP) {
                        for (at, announced_at) in used_up.into_iter().rev() {
                            bytes = headers::without(&bytes, at, announced_at);
                        }
                    }
                    let packet = Octets { bytes, labels: state.packet.labels.clone() };
                    let changed =
                        State { packet, is_counted: true, is_changed: true, vrf: 0, ..state.clone() };
                    self.onward(changed, sid);
                    return Told::Problem(None);
                }
                (advance::Step::TimeExceeded, _) => return Told::Problem(None),
                (advance::Step::SegmentsLeft(at), _) => return Told::Problem(Some((0, at as u32))),
                (advance::Step::UpperLayer, Some((at, announced_at))) => {
                    used_up.push((at, announced_at));
                    found = headers::walk(packet, at, at + 8 + 8 * usize::from(packet[at + 1]));
                }
                (advance::Step::UpperLayer, None) => return self.upper_layer(state, sid, found),
            }
        }
        Told::Nothing
    }

    fn onward(&mut self, state: State, sid: &Sid) {
        match sid.behavior {
            Behavior::EndX => {
                let entry = self.plan.next_hops[sid.next_hop.index()];
                self.go(state, entry);
            }
            Behavior::EndT => self.look_up(State { vrf: sid.vrf.0, ..state }),
            Behavior::EndB6 => self.push(state, sid.policy, false),
            _ => self.look_up(state),
        }
    }

    /// RFC 8986, 4.1.1, 4.4 to 4.9, 4.16.3.
    fn upper_layer(&mut self, state: &State, sid: &Sid, found: Found) -> Told {
        use Behavior::{End, EndDt4, EndDt6, EndDt46, EndDx2, EndDx4, EndDx6, EndT, EndX};
        let Found::Upper { protocol, at } = found else { return Told::Nothing };
        let usd = sid.flavors.has(Flavors::USD) && matches!(sid.behavior, End | EndX | EndT);
        match (protocol, sid.behavior) {
            (IPV6, EndDx6 | EndDt6 | EndDt46) => self.decapsulate(state, sid, at),
            (IPV6, _) if usd => self.decapsulate(state, sid, at),
            (ETHERNET, EndDx2) => {
                self.exits.push(Exit::Frame(sid.port, state.packet.bytes[at..].to_vec()));
                return Told::Nothing;
            }
            (ICMPV6, _) => return Told::Any,
            (IPV4, EndDx4) => self.decapsulate4(state, sid, at),
            (IPV4, EndX) if usd => self.decapsulate4(state, sid, at),
            // No table of this router has an IPv4 route.
            (FRAGMENT, _) | (IPV4, EndDt4 | EndDt46) => {}
            (IPV4, _) if usd => return Told::Nothing,
            _ => return Told::Problem(Some((4, at as u32))),
        }
        Told::Nothing
    }

    fn decapsulate(&mut self, state: &State, sid: &Sid, at: usize) {
        let mut inner = state.packet.from(at);
        let Some(len) = whole(&inner.bytes).map(<[u8]>::len) else { return };
        inner.bytes.truncate(len);
        let by_next_hop = matches!(sid.behavior, Behavior::EndDx6 | Behavior::EndX);
        let has_table = matches!(sid.behavior, Behavior::EndDt6 | Behavior::EndDt46 | Behavior::EndT);
        let vrf = if has_table { sid.vrf.0 } else { 0 };
        let to = octets::destination(&inner.bytes);
        let exposed = State { steps: state.steps, ..self.receive(inner, vrf) };
        if by_next_hop {
            self.go(exposed, self.plan.next_hops[sid.next_hop.index()]);
        } else if !is_special(to) {
            self.look_up(exposed);
        }
    }

    /// An IPv4 packet leaves by the SID's own next hop, one hop older (RFC 1812, 5.3.1), or in pieces, or not.
    fn decapsulate4(&mut self, state: &State, sid: &Sid, at: usize) {
        let mut packet = state.packet.bytes[at..].to_vec();
        let ports = ports(self.plan, self.plan.next_hops[sid.next_hop.index()]);
        if packet.len() < 20 || packet[8] <= 1 {
            return;
        }
        let len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        if len < 20 || len > packet.len() {
            return;
        }
        packet.truncate(len);
        packet[8] -= 1;
        let was = u32::from(u16::from_be_bytes([packet[10], packet[11]]));
        // RFC 1624: one less in the high octet of a word.
        let sum = was + 0x100;
        packet[10..12].copy_from_slice(&((sum + (sum >> 16)) as u16).to_be_bytes());
        self.exits.push(Exit::Exact(Octets::known(&packet), ports));
    }

    /// RFC 8754, 2.1.2: what is told when the HMAC is not as it has to be.
    fn check_hmac(&self, packet: &[u8], behind: &[u8], at: usize, sid: &Sid) -> Option<Told> {
        let rule = sid.hmac.max(self.by_port);
        if rule == HmacRule::Ignore {
            return None;
        }
        let header = &behind[..8 + 8 * usize::from(behind[1])];
        let tlv = match headers::find_hmac(header) {
            Err(fault) => return Some(Told::Problem(Some((0, (at + fault) as u32)))),
            Ok(None) => return (rule == HmacRule::Require).then_some(Told::Nothing),
            Ok(Some(tlv)) => tlv,
        };
        let key_id = u32::from_be_bytes(header[tlv + 4..tlv + 8].try_into().unwrap());
        let is_right = self.plan.keys.iter().any(|(id, secret)| {
            *id == key_id
                && headers::hash(octets::source(packet), header, *id, secret) == header[tlv + 8..tlv + 40]
        });
        let (left, last) = (usize::from(header[3]), usize::from(header[4]));
        let is_listed = header[tlv + 2] & 0x80 != 0
            || left <= last && headers::segment(header, left) == octets::destination(packet);
        (!is_right || !is_listed).then_some(Told::Problem(Some((0, (at + tlv) as u32))))
    }
}

/// An IPv6 packet without what is behind its end; `None` when it is none.
pub fn whole(packet: &[u8]) -> Option<&[u8]> {
    let len = 40 + usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
    (packet[0] >> 4 == 6).then_some(())?;
    packet.get(..len)
}

/// Neither looked up nor forwarded.
fn is_special(to: u128) -> bool {
    to >> 120 == 0xff || to >> 118 == 0xfe80 >> 6 || to <= 1
}

/// The packet after this node's hop, unless that is in already; `None` when it cannot make one.
fn one_hop_older(mut packet: Octets, is_counted: bool) -> Option<Octets> {
    if !is_counted {
        if packet.bytes[7] <= 1 {
            return None;
        }
        packet.bytes[7] -= 1;
    }
    Some(packet)
}

/// True for modes that carry frames.
pub fn is_l2(mode: Mode) -> bool {
    matches!(mode, Mode::L2Encap | Mode::L2EncapRed)
}
