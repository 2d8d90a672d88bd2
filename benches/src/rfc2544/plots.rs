//! The plots: latency percentiles against load, and loss against load.

use super::report::Report;
use crate::fib::report::chart::{Anchor, Svg, step};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 64.0;
const HEIGHT: f64 = 320.0;
const BOTTOM: f64 = TOP + HEIGHT;
const AXIS_ROW: f64 = 40.0;
const LEGEND_ROW: f64 = 22.0;
const LEGEND_COLUMN: f64 = 290.0;
const PARTS: f64 = 8.0;
const PPS_PER_MPPS: f64 = 1e6;
/// Below this loss everything is drawn as none.
const LOSS_MIN: f64 = 1e-7;

/// A curve and its name.
struct Series {
    name: String,
    is_dashed: bool,
    points: Vec<(f64, f64)>,
}

/// Latency at the median, 99 % and 99.9 % against the offered load: the first scenario, the first round of each device.
pub fn latency_plot(report: &Report, subtitle: &str) -> String {
    let mut all = Vec::new();
    for (name, measured) in firsts(report) {
        for (label, value) in [
            ("50 %", (|of: crate::generator::Latency| of.p50_us) as fn(_) -> f64),
            ("99 %", |of| of.p99_us),
            ("99.9 %", |of| of.p999_us),
        ] {
            let points = measured
                .curve
                .iter()
                .filter_map(|point| Some((point.offered_pps / PPS_PER_MPPS, value(point.latency?).max(0.1))));
            all.push(Series { name: format!("{name}, {label}"), is_dashed: false, points: points.collect() });
        }
    }
    draw("Latency against load", subtitle, "us", &all, |us| format!("{us}"))
}

/// Loss ratio of every trial of the searches against its load.
pub fn loss_plot(report: &Report, subtitle: &str) -> String {
    let mut all = Vec::new();
    for (name, measured) in firsts(report) {
        let points = measured
            .curve
            .iter()
            .map(|point| (point.offered_pps / PPS_PER_MPPS, point.loss_ratio.max(LOSS_MIN)));
        all.push(Series { name: name.clone(), is_dashed: false, points: points.collect() });
        let searches = std::iter::once(&measured.pdr).chain(&measured.ndr);
        let trials = searches.flat_map(|found| &found.trials).filter(|trial| trial.is_valid);
        let mut points: Vec<_> =
            trials.map(|trial| (trial.load / PPS_PER_MPPS, trial.loss_ratio.max(LOSS_MIN))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        all.push(Series { name: format!("{name}, trials of the searches"), is_dashed: true, points });
    }
    draw("Loss against load", subtitle, "lost of those offered", &all, |loss| {
        if loss <= LOSS_MIN { "none".to_owned() } else { format!("{loss:e}") }
    })
}

/// The first round of each device in the first scenario.
fn firsts(report: &Report) -> Vec<(String, &super::Measured)> {
    let Some(scenario) = report.scenarios().first().copied() else { return Vec::new() };
    let first = |dut| report.of(scenario, dut).first().copied();
    report.duts().into_iter().filter_map(|dut| Some((dut.name().to_owned(), first(dut)?))).collect()
}

/// Curves over a linear axis of Mpps and a logarithmic one.
#[expect(clippy::cast_precision_loss, reason = "numbers of curves")]
fn draw(title: &str, subtitle: &str, unit: &str, all: &[Series], label: impl Fn(f64) -> String) -> String {
    let columns = ((WIDTH - LEFT - RIGHT) / LEGEND_COLUMN).floor();
    let rows = (all.len() as f64 / columns).ceil();
    let mut svg = Svg::new(WIDTH, BOTTOM + AXIS_ROW + (rows + 1.0) * LEGEND_ROW, title);
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    let points = || all.iter().flat_map(|series| &series.points);
    let most_x = points().map(|point| point.0).fold(0.001, f64::max) * 1.05;
    let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min).min(1.0).log10().floor();
    let high = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max).log10().ceil().max(low + 1.0);
    let x = |mpps: f64| LEFT + mpps / most_x * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| BOTTOM - (value.log10() - low) / (high - low) * HEIGHT;
    let mut decade = low;
    while decade <= high {
        let value = 10f64.powf(decade);
        svg.line("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        svg.text(LEFT - 8.0, y(value) + 4.0, Anchor::End, "small", label(value));
        decade += 1.0;
    }
    svg.text_up(18.0, f64::midpoint(TOP, BOTTOM), unit);
    let step = step(most_x, PARTS);
    let mut mpps = 0.0;
    while mpps <= most_x {
        let digits = usize::from(step < 1.0) + usize::from(step < 0.1);
        svg.text(x(mpps), BOTTOM + 18.0, Anchor::Middle, "small", format_args!("{mpps:.digits$}"));
        mpps += step;
    }
    svg.text(f64::midpoint(LEFT, WIDTH - RIGHT), BOTTOM + 36.0, Anchor::Middle, "", "offered load, Mpps");
    svg.line("axis", (LEFT, BOTTOM), (WIDTH - RIGHT, BOTTOM));
    for (index, series) in all.iter().enumerate() {
        let points: Vec<_> = series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
        svg.curve(index, series.is_dashed, &points);
        let (left, row) = (LEFT + (index as f64 % columns) * LEGEND_COLUMN, (index as f64 / columns).floor());
        let top = BOTTOM + AXIS_ROW + (row + 1.0) * LEGEND_ROW;
        svg.bar(index, left, top - 10.0, 12.0, 12.0);
        svg.text(left + 18.0, top, Anchor::Start, "", &series.name);
    }
    svg.finish()
}
