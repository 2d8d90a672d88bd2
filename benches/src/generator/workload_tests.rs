use super::*;

fn workload(kind: Kind, frame_bytes: usize, flows: usize) -> Workload {
    let plan = Plan {
        kind,
        frame_bytes,
        destinations: destinations(flows),
        stations: Stations::default(),
        wanted: Wanted::Forwarded,
    };
    Workload::new(&plan).unwrap()
}

/// Octets from hexadecimal digits.
fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn probed(workload: &Workload, template: &[u8]) -> Vec<u8> {
    let mut frame = template.to_vec();
    assert!(workload.placement.write(&mut frame, Probe { number: 0x0a0b_0c0d, time: 0x0102_0304 }));
    frame
}

// The literals below were made by scapy 2.5 (`scripts/pktgen/oracle` prints them).
include!("workload_scapy.rs");

#[test]
fn frames_are_octet_for_octet_those_that_scapy_makes() {
    for &(kind, frame_bytes, sent, wanted) in SCAPY {
        let workload = workload(kind, frame_bytes, 4);
        // The third flow, so that nothing is there by accident.
        let template = &workload.templates[2];
        assert_eq!(probed(&workload, &template.sent), octets(sent), "{kind}, as sent");
        assert_eq!(probed(&workload, &template.wanted), octets(wanted), "{kind}, as forwarded");
        assert_eq!(template.sent.len(), frame_bytes);
    }
}

#[test]
fn what_comes_back_is_checked_octet_by_octet() {
    for kind in Kind::ALL {
        let workload = workload(kind, 200, 8);
        let frame = probed(&workload, &workload.templates[5].wanted);
        assert!(workload.is_right(5, &frame), "{kind}");
        assert!(!workload.is_right(4, &frame), "{kind}: another flow's");
        assert!(!workload.is_right(8, &frame), "{kind}: no such flow");
        assert!(!workload.is_right(5, &frame[1..]), "{kind}: too short");
        let mut open = 0;
        for at in 0..frame.len() {
            let mut broken = frame.clone();
            broken[at] ^= 0x40;
            open += usize::from(workload.is_right(5, &broken));
        }
        // Number, time, balance; the flow label of an outer header is a hash.
        assert_eq!(open, if kind == Kind::SrEncap { 13 } else { 10 }, "{kind}");
    }
}

#[test]
fn a_device_that_only_moves_frames_returns_what_was_sent() {
    let plan = Plan {
        kind: Kind::MexExchange,
        frame_bytes: 80,
        destinations: destinations(3),
        stations: Stations::default(),
        wanted: Wanted::Unchanged,
    };
    let workload = Workload::new(&plan).unwrap();
    assert!(workload.templates.iter().all(|template| template.sent == template.wanted));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let plan = |kind, frame_bytes, flows| Plan {
        kind,
        frame_bytes,
        destinations: destinations(flows),
        stations: Stations::default(),
        wanted: Wanted::Forwarded,
    };
    for kind in Kind::ALL {
        let least = headers_len(kind) + 2;
        assert!(Workload::new(&plan(kind, least, 1)).is_ok(), "{kind}");
        let error = Workload::new(&plan(kind, least - 1, 1)).unwrap_err();
        assert!(error.contains(&least.to_string()), "{error}");
    }
    assert!(Workload::new(&plan(Kind::Plain, 64, 0)).is_err());
    assert!("plane".parse::<Kind>().unwrap_err().contains("mex-exchange"));
}

#[test]
fn flows_differ_and_take_turns() {
    let workload = workload(Kind::Plain, 64, 300);
    let heads: std::collections::HashSet<_> =
        workload.templates.iter().map(|template| &template.sent).collect();
    assert_eq!(heads.len(), 300);
    assert_eq!((workload.flow(0), workload.flow(299), workload.flow(300)), (0, 299, 0));
}
