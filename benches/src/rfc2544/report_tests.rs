use super::*;
use crate::generator::Latency;
use crate::rfc2544::procedure::{Point, Recovery, Seen};
use crate::rfc2544::search::{Found, Trial};

fn found(load: f64, loss_tolerance: f64) -> Found {
    let trials = vec![
        Trial { load: load * 1.2, loss_ratio: 0.1, is_valid: true },
        Trial { load, loss_ratio: loss_tolerance, is_valid: true },
    ];
    Found { load, loss_tolerance, is_bound: false, failed_and_passed: 1, trials, ..Found::default() }
}

fn measured(pdr: f64) -> Measured {
    let latency =
        Latency { frames: 10, min_us: 1.0, p50_us: 2.5, p99_us: 9.0, p999_us: 12.0, ..Latency::default() };
    let point = |share| Point {
        share,
        intended_pps: pdr * share,
        offered_pps: pdr * share,
        loss_ratio: 0.0,
        latency: Some(latency),
    };
    Measured {
        overload_pps: pdr * 1.1,
        pdr: found(pdr, 0.005),
        ndr: vec![found(pdr * 0.9, 1e-4), found(pdr * 0.5, 0.0)],
        curve: vec![point(0.5), point(0.9)],
        bursts: None,
        recoveries: vec![
            Recovery { lasts_ms: 3.0, overload_lost: 5, relief_lost: 1, waited_us: 0.0 },
            // Somebody else had the core: it does not count.
            Recovery { lasts_ms: 100.0, overload_lost: 5, relief_lost: 5000, waited_us: 1200.0 },
        ],
        seen: Seen { trials: 7, checked: 100, ..Seen::default() },
    }
}

fn report() -> Report {
    let row =
        |dut, round, pdr| Row { kind: Kind::Plain, frame_bytes: 64, dut, round, measured: measured(pdr) };
    Report {
        machine: "a machine".to_owned(),
        dpdk: "DPDK 1".to_owned(),
        seat: "virtio".to_owned(),
        has_hugepages: true,
        has_priority: true,
        plan: Plan {
            seconds: 1.0,
            latency_seconds: 1.0,
            repetitions: 2,
            resolution: 0.02,
            tolerances: vec![1e-4, 0.0],
            bursts: 1,
            burst_seconds: 1.0,
            recoveries: 1,
            overload_seconds: 1.0,
            line_gbps: 10.0,
        },
        rows: vec![
            row(Dut::Mexfwd, 0, 4e6),
            row(Dut::Testpmd, 0, 8e6),
            row(Dut::Mexfwd, 1, 6e6),
            row(Dut::Testpmd, 1, 24e6),
            row(Dut::Mexfwd, 2, 5e6),
        ],
        skipped: vec![("vpp".to_owned(), "not installed".to_owned())],
    }
}

#[test]
fn medians_are_over_rounds_and_ratios_within_them() {
    let json = json(&report());
    let plain = &json["scenarios"]["plain"]["64"];
    assert_eq!(plain["mexfwd"]["pdr-mpps"], 5.0);
    assert_eq!(plain["mexfwd"]["ndr-mpps"]["0e0"], 2.5);
    assert_eq!(plain["mexfwd"]["ndr-mpps"]["1e-4"], 4.5);
    assert_eq!(plain["mexfwd"]["latency-at-50-percent"]["p50-us"], 2.5);
    assert_eq!(plain["mexfwd"]["failed-and-passed"], 9);
    assert_eq!(plain["mexfwd"]["checked-frames"], 300);
    assert_eq!(plain["testpmd"]["pdr-mpps"], 16.0);
    // 4/8 and 6/24; the third round has no testpmd.
    assert_eq!(plain["mexfwd/testpmd"]["pdr"], 0.375);
    assert_eq!(json["rounds"].as_array().map(Vec::len), Some(5));
    assert_eq!(json["skipped"]["vpp"], "not installed");
}

#[test]
fn the_page_has_a_row_for_each_device() {
    let page = markdown(&report());
    for line in [
        "| plain | 64 | mexfwd | 5.00 | 4.50 | 2.50 | 5.50 |",
        "| plain | 64 | testpmd | 16.00 | 14.40 | 8.00 | 17.60 |",
        "| plain | 64 | mexfwd | 90 % of PDR | 1.0 | 2.5 | 0.0 | 9.0 | 12.0 | 0.0 |",
        "| plain | 64 | mexfwd | - | - | - | 5 | 3.0 |",
        "| mexfwd | 21 | 9 | 0 | 300 | 0 | 0 | 0 |",
        "vpp was not measured: not installed.",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(
        page.contains(
            "| workload | octets | device | PDR, 0.5 % | NDR, 1e-4 | NDR, no loss | under overload |"
        )
    );
}

#[test]
fn plots_have_a_curve_for_each_device() {
    let report = report();
    let plot = crate::rfc2544::latency_plot(&report, "a subtitle");
    assert_eq!(plot.matches("<polyline").count(), 6, "two devices, three percentiles");
    assert!(plot.contains("mexfwd, 99.9 %") && plot.contains("a subtitle") && !plot.contains("NaN"));
    let plot = crate::rfc2544::loss_plot(&report, "");
    assert_eq!(plot.matches("<polyline").count(), 4);
    assert!(plot.contains(">none<") && !plot.contains("NaN") && !plot.contains("inf"), "{plot}");
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
}
