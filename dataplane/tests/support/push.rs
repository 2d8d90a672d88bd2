//! A headend's header, written out (RFC 8986, 5; draft-filsfils-spring-srv6-net-pgm-insertion, 4).

use dataplane::table::srv6::{Field, Mode};

use super::Plan;
use super::headers::{self, ETHERNET, IPV6};
use super::octets::{self, ROUTING};
use super::sids::PolicySpec;
use super::srv6::{Octets, is_l2};

/// The packet, or frame, with the policy's header; `None` when the policy is not for that.
pub fn pushed(
    plan: &Plan,
    policy: &PolicySpec,
    segments: &[u128],
    inner: &Octets,
    is_frame: bool,
) -> Option<Octets> {
    if is_l2(policy.mode) != is_frame {
        return None;
    }
    match policy.mode {
        Mode::Insert | Mode::InsertRed => Some(inserted(plan, policy, segments, inner)),
        _ => Some(encapsulated(plan, policy, segments, inner)),
    }
}

/// The header of a path: `path` in order, of which the first is left out when the list is reduced.
fn header(plan: &Plan, policy: &PolicySpec, path: &[u128], source: u128) -> Vec<u8> {
    let is_reduced =
        matches!(policy.mode, Mode::EncapRed | Mode::L2EncapRed | Mode::InsertRed) && path.len() > 1;
    let mut list: Vec<u128> = path[usize::from(is_reduced)..].to_vec();
    list.reverse();
    let key = policy.key.map(|at| &plan.keys[at]);
    let tlvs = key.map_or(Vec::new(), |(id, _)| headers::hmac_tlv(is_reduced, *id));
    let mut header = headers::srh(path.len() as u8 - 1, list.len() as u8 - 1, &list, &tlvs);
    if let Some((id, secret)) = key {
        headers::sign(source, &mut header, *id, secret);
    }
    header
}

fn inserted(plan: &Plan, policy: &PolicySpec, segments: &[u128], packet: &Octets) -> Octets {
    let path = [segments, &[octets::destination(&packet.bytes)]].concat();
    let header = header(plan, policy, &path, octets::source(&packet.bytes));
    let (at, len) =
        (if packet.bytes[6] == 0 { 48 + 8 * usize::from(packet.bytes[41]) } else { 40 }, header.len());
    let mut bytes = headers::with(&packet.bytes, header);
    headers::set_destination(&mut bytes, segments[0]);
    let labels = packet.labels.iter().map(|label| if *label < at { *label } else { label + len }).collect();
    Octets { bytes, labels }
}

fn encapsulated(plan: &Plan, policy: &PolicySpec, segments: &[u128], inner: &Octets) -> Octets {
    let is_frame = is_l2(policy.mode);
    let (kind, class, hops, label) = if is_frame {
        (ETHERNET, 0, 64, 0)
    } else {
        let b = &inner.bytes;
        (IPV6, b[0] << 4 | b[1] >> 4, b[7], u32::from_be_bytes([0, b[1] & 15, b[2], b[3]]))
    };
    let pick = |field: Field<u8>, copied| if let Field::Fixed(value) = field { value } else { copied };
    let label = match policy.flow_label {
        Field::Fixed(label) => Some(label),
        Field::Copy if label != 0 && !inner.labels.contains(&0) => Some(label),
        _ => None,
    };
    let is_bare = policy.mode != Mode::Encap && policy.mode != Mode::L2Encap && segments.len() == 1;
    let mut payload = if is_bare && policy.key.is_none() {
        Vec::new()
    } else {
        header(plan, policy, segments, policy.source)
    };
    let next_header = if payload.is_empty() { kind } else { ROUTING };
    if let Some(first) = payload.first_mut() {
        *first = kind;
    }
    let len = 40 + payload.len();
    payload.extend(&inner.bytes);
    let hop_limit = pick(policy.hop_limit, hops);
    let mut bytes = octets::ip6(policy.source, segments[0], hop_limit, next_header, &payload);
    let word = 6 << 28 | u32::from(pick(policy.traffic_class, class)) << 20 | label.unwrap_or(0);
    bytes[..4].copy_from_slice(&word.to_be_bytes());
    let mut labels: Vec<usize> = inner.labels.iter().map(|label| label + len).collect();
    labels.extend(label.is_none().then_some(0));
    Octets { bytes, labels }
}
