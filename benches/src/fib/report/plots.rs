//! The plots: lookup rates as bars, and cost and memory against the size of the table as lines.

#![expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "small numbers, none negative")]

use super::Part;
use super::chart::{Anchor, Svg, step};
use crate::fib::sizes::Point;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Room for the title and the line below it.
const TOP: f64 = 64.0;
/// Room for names of the x axis, and one row of the legend.
const BOTTOM: f64 = 46.0;
const LEGEND_ROW: f64 = 22.0;
const LEGEND_COLUMN: f64 = 220.0;
const PANEL_HEIGHT: f64 = 300.0;
/// Parts of the vertical axis.
const PARTS: f64 = 6.0;

fn legend_rows(count: usize) -> f64 {
    count.div_ceil(legend_columns()) as f64
}

fn legend_columns() -> usize {
    ((WIDTH - LEFT - RIGHT) / LEGEND_COLUMN) as usize
}

fn legend(svg: &mut Svg, y: f64, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        let x = LEFT + (index % legend_columns()) as f64 * LEGEND_COLUMN;
        let y = y + (index / legend_columns()) as f64 * LEGEND_ROW;
        svg.bar(index, x, y - 10.0, 12.0, 12.0);
        svg.text(x + 18.0, y, Anchor::Start, "", name);
    }
}

/// Bars: a group for each trace, a bar for each engine.
pub fn lookup_plot(part: &Part, subtitle: &str) -> String {
    let outcome = &part.outcome;
    let names: Vec<&str> = outcome.engines.iter().map(|engine| engine.kind.name).collect();
    let bottom = TOP + PANEL_HEIGHT;
    let height = bottom + BOTTOM + legend_rows(names.len()) * LEGEND_ROW;
    let mut svg = Svg::new(WIDTH, height, "Longest-prefix match: millions of lookups a second, one core");
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    let rate = |engine: usize, trace: usize| outcome.rates.mlps(engine, trace).median;
    let traces = outcome.traces.len();
    let most = (0..names.len()).flat_map(|engine| (0..traces).map(move |trace| (engine, trace)));
    let most = most.map(|(engine, trace)| rate(engine, trace)).fold(1.0, f64::max) * 1.08;
    let y = |value: f64| bottom - value / most * PANEL_HEIGHT;
    y_axis(&mut svg, most, y, "M lookups/s");
    let group = (WIDTH - LEFT - RIGHT) / traces.max(1) as f64;
    let bar = group * 0.86 / names.len().max(1) as f64;
    for (trace, name) in outcome.traces.iter().enumerate() {
        let start = LEFT + group * (trace as f64 + 0.07);
        for engine in 0..names.len() {
            let (x, value) = (start + bar * engine as f64, rate(engine, trace));
            svg.bar(engine, x, y(value), bar * 0.9, bottom - y(value));
            if bar > 16.0 {
                svg.text(x + bar * 0.45, y(value) - 4.0, Anchor::Middle, "small", format_args!("{value:.0}"));
            }
        }
        svg.text(start + group * 0.43, bottom + 18.0, Anchor::Middle, "", name);
    }
    svg.line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
    legend(&mut svg, bottom + BOTTOM, &names);
    svg.finish()
}

fn y_axis(svg: &mut Svg, most: f64, y: impl Fn(f64) -> f64, unit: &str) {
    let step = step(most, PARTS);
    let mut value = 0.0;
    while value <= most {
        svg.line("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        let digits = usize::from(step < 1.0);
        svg.text(LEFT - 8.0, y(value) + 4.0, Anchor::End, "small", format_args!("{value:.digits$}"));
        value += step;
    }
    svg.text_up(18.0, f64::midpoint(y(0.0), y(most)), unit);
}

/// Two panels over the number of routes: nanoseconds a lookup (cold solid, hot dashed), and memory.
pub fn sizes_plot(points: &[Point], subtitle: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for point in points {
        if !names.contains(&point.engine) {
            names.push(point.engine);
        }
    }
    let gap = 54.0;
    let (first, second) = (TOP + PANEL_HEIGHT, TOP + 2.0 * PANEL_HEIGHT + gap);
    let height = second + BOTTOM + legend_rows(names.len()) * LEGEND_ROW;
    let mut svg = Svg::new(WIDTH, height, "Cost of a lookup, and memory, against the number of routes");
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    let most_routes = points.iter().map(|point| point.routes).max().unwrap_or(1).max(10) as f64;
    let x = |routes: f64| LEFT + 14.0 + routes.log10() / most_routes.log10() * (WIDTH - LEFT - RIGHT - 28.0);
    let most_ns = points.iter().map(|point| point.cold_ns.max(point.hot_ns)).fold(1.0, f64::max) * 1.08;
    let ns = |value: f64| first - value / most_ns * PANEL_HEIGHT;
    y_axis(&mut svg, most_ns, ns, "ns a lookup (dashed: 64k addresses)");
    let (least_mb, most_mb) = (0.001f64, points.iter().map(megabytes).fold(1.0, f64::max) * 1.5);
    let mb = |value: f64| {
        let part = (value.max(least_mb) / least_mb).log10() / (most_mb / least_mb).log10();
        second - part * PANEL_HEIGHT
    };
    memory_axis(&mut svg, most_mb, &mb);
    routes_axis(&mut svg, points, &x, &[first, second]);
    for (index, name) in names.iter().enumerate() {
        let of_engine = || points.iter().filter(|point| point.engine == *name);
        let curve = |value: &dyn Fn(&Point) -> f64| {
            of_engine().map(|point| (x(point.routes as f64), value(point))).collect::<Vec<_>>()
        };
        svg.curve(index, false, &curve(&|point| ns(point.cold_ns)));
        svg.curve(index, true, &curve(&|point| ns(point.hot_ns)));
        svg.curve(index, false, &curve(&|point| mb(megabytes(point))));
    }
    legend(&mut svg, second + BOTTOM, &names);
    svg.finish()
}

fn megabytes(point: &Point) -> f64 {
    point.memory_bytes as f64 / 1e6
}

/// Powers of ten from a kilobyte.
fn memory_axis(svg: &mut Svg, most_mb: f64, y: &impl Fn(f64) -> f64) {
    let marks = [
        (0.001, "1 kB"),
        (0.01, "10 kB"),
        (0.1, "100 kB"),
        (1.0, "1 MB"),
        (10.0, "10 MB"),
        (100.0, "100 MB"),
        (1000.0, "1 GB"),
        (10_000.0, "10 GB"),
    ];
    for (value, name) in marks.into_iter().filter(|(value, _)| *value <= most_mb) {
        svg.line("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        svg.text(LEFT - 8.0, y(value) + 4.0, Anchor::End, "small", name);
    }
    svg.text_up(18.0, f64::midpoint(y(0.001), y(most_mb)), "memory");
}

/// A mark at every size that was measured, below each panel.
fn routes_axis(svg: &mut Svg, points: &[Point], x: &impl Fn(f64) -> f64, bottoms: &[f64]) {
    let mut sizes: Vec<usize> = points.iter().map(|point| point.routes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for bottom in bottoms {
        svg.line("axis", (LEFT, *bottom), (WIDTH - RIGHT, *bottom));
        for routes in &sizes {
            let at = x(*routes as f64);
            svg.line("axis", (at, *bottom), (at, bottom + 5.0));
            let name = match routes {
                0..1_000 => routes.to_string(),
                1_000..1_000_000 => format!("{}k", routes / 1_000),
                _ => format!("{}M", routes / 1_000_000),
            };
            svg.text(at, bottom + 19.0, Anchor::Middle, "small", name);
        }
        svg.text(WIDTH - RIGHT, bottom + 33.0, Anchor::End, "small", "routes");
    }
}
