//! The results, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::death::{Deaths, MAX_US};
use super::sample::rates;
use super::{Figures, Outcome};
use crate::fib::report::chart::{Anchor, Svg, step};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 44.0;
/// Grid lines.
const PARTS: f64 = 5.0;

/// The three parts of a run, each with its name.
fn parts(outcome: &Outcome) -> [(&'static str, Figures, u64); 3] {
    let figures = |begin, end| Figures::between(&outcome.samples, begin, end);
    let [before, during, after] = outcome.drops;
    [
        ("before", figures(Duration::ZERO, outcome.begin), before),
        ("during", figures(outcome.begin, outcome.end), during),
        ("after", figures(outcome.end, Duration::MAX), after),
    ]
}

/// The rate during the storm as a part of the mean of before and after.
fn ratio(outcome: &Outcome) -> f64 {
    let [(_, before, _), (_, during, _), (_, after, _)] = parts(outcome);
    2.0 * during.mpps / (before.mpps + after.mpps).max(f64::MIN_POSITIVE)
}

/// The page of the results.
pub fn markdown(outcomes: &[Outcome], deaths: Option<&Deaths>, table: &str, machine: &str) -> String {
    let mut text = format!(
        "# Update storms\n\n`scripts/bench storm`: {table}. {machine}.\n\nOne worker forwards from an endless capture to two \
         sinks as fast as it can; another core has control, its clients and DPDK's telemetry, which is looked at every 10 ms. \
         A source of this kind waits for the worker: so a storm shows in the rate, and a packet is lost only if it is dropped.\n\n\
         | storm | changes | a second | slowest, ms | rate before, Mpps | during | after | during / quiet | \
         dropped before, during, after |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for outcome in outcomes {
        let [before, during, after] = parts(outcome).map(|(_, figures, _)| figures.mpps);
        let (blown, [x, y, z]) = (&outcome.blown, outcome.drops);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.1} | {before:.2} | {during:.2} | {after:.2} | {:.3} | {x}, {y}, {z} |",
            outcome.kind.title(),
            blown.changes,
            blown.rate(),
            blown.slowest_ms,
            ratio(outcome),
        );
    }
    let _ = writeln!(
        text,
        "\n\"Slowest\": from a request until all of its changes were in effect on the worker.\n"
    );
    for outcome in outcomes {
        let _ = writeln!(text, "![{}](storm-{}.svg)", outcome.kind.title(), outcome.kind.name());
    }
    if let Some(deaths) = deaths {
        death_page(&mut text, deaths);
    }
    text
}

fn death_page(text: &mut String, deaths: &Deaths) {
    let at = |percent| deaths.percentile_us(percent);
    let _ = writeln!(
        text,
        "\n## A next hop's death\n\n{} routes, each with two next hops; the link of the port toward the first one goes down, {} times. \
         Control and a worker in one process on heap buffers{}. The clock runs from the moment when the thread that watches links hears of it until the first packet leaves by the \
         other port.\n\n| | us |\n|---|---:|\n| median | {:.1} |\n| p99 (target: {MAX_US}) | {:.1} |\n| most | {:.1} |\n",
        deaths.routes,
        deaths.times_us.len(),
        if deaths.has_two_cores {
            ", each on a core of its own"
        } else {
            " **on one core: the times say little**"
        },
        at(50),
        at(99),
        at(100),
    );
    let _ = writeln!(
        text,
        "The kernel gave both threads their cores all the time at {} of the events: median {:.1} us, p99 {:.1} us there.\n\n\
         {} packets took the dead port in bursts after the first one that took the other, at most {} at one event: the neighbors \
         on a port are marked dead one by one, within microseconds. {} packets were dropped in the whole \
         run, in which the port also came back each time. What control then does with the routes takes {:.0} ms.",
        deaths.undisturbed_us.len(),
        deaths.undisturbed_percentile_us(50),
        deaths.undisturbed_percentile_us(99),
        deaths.late,
        deaths.most_late,
        deaths.dropped,
        deaths.control_ms
    );
}

/// For programs.
pub fn json(outcomes: &[Outcome], deaths: Option<&Deaths>, table: &str) -> Value {
    let storm = |outcome: &Outcome| {
        let part = |(name, figures, dropped): (&str, Figures, u64)| {
            let value = json!({
                "mpps": figures.mpps, "least_mpps": figures.least_mpps, "silent_ms": figures.silent_ms, "dropped": dropped
            });
            (name.to_owned(), value)
        };
        let value = json!({
            "changes": outcome.blown.changes,
            "changes_per_second": outcome.blown.rate(),
            "asked_changes_per_second": outcome.blown.asked_rate,
            "seconds": outcome.blown.seconds,
            "slowest_ms": outcome.blown.slowest_ms,
            "parts": parts(outcome).into_iter().map(part).collect::<serde_json::Map<_, _>>(),
            "ratio": ratio(outcome),
        });
        (outcome.kind.name().to_owned(), value)
    };
    let death = deaths.map(|deaths| {
        json!({
            "routes": deaths.routes,
            "events": deaths.times_us.len(),
            "p50_us": deaths.percentile_us(50),
            "p99_us": deaths.percentile_us(99),
            "max_us": deaths.percentile_us(100),
            "undisturbed": {
                "events": deaths.undisturbed_us.len(),
                "p50_us": deaths.undisturbed_percentile_us(50),
                "p99_us": deaths.undisturbed_percentile_us(99),
                "max_us": deaths.undisturbed_percentile_us(100),
            },
            "late_packets": deaths.late,
            "most_late_packets": deaths.most_late,
            "dropped": deaths.dropped,
            "control_ms": deaths.control_ms,
            "has_two_cores": deaths.has_two_cores,
        })
    });
    json!({
        "table": table,
        "storms": outcomes.iter().map(storm).collect::<serde_json::Map<_, _>>(),
        "next_hop_death": death,
    })
}

/// The rate over time; the storm is between the two upright lines.
pub fn plot(outcome: &Outcome, subtitle: &str) -> String {
    let points = rates(&outcome.samples);
    let mut svg = Svg::new(WIDTH, HEIGHT, &format!("Forwarding rate: {}", outcome.kind.title()));
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    let seconds = points.last().map_or(1.0, |(at, _)| *at).max(0.1);
    let most = points.iter().map(|(_, rate)| *rate).fold(1.0, f64::max) * 1.08;
    let x = |at: f64| LEFT + at / seconds * (WIDTH - LEFT - RIGHT);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / most * (HEIGHT - TOP - BOTTOM);
    let (up, right) = (step(most, PARTS), step(seconds, 2.0 * PARTS));
    let mut value = 0.0;
    while value <= most {
        svg.line("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        svg.text(LEFT - 8.0, y(value) + 4.0, Anchor::End, "", value);
        value += up;
    }
    value = 0.0;
    while value <= seconds {
        svg.text(x(value), HEIGHT - BOTTOM + 18.0, Anchor::Middle, "", format_args!("{value:.1}"));
        value += right;
    }
    svg.text_up(18.0, HEIGHT / 2.0, "Mpps");
    svg.text(WIDTH / 2.0, HEIGHT - 8.0, Anchor::Middle, "", "seconds");
    for (at, name) in [(outcome.begin, "storm"), (outcome.end, "quiet")] {
        let at = x(at.as_secs_f64());
        svg.line("axis", (at, TOP), (at, HEIGHT - BOTTOM));
        svg.text(at + 4.0, TOP + 10.0, Anchor::Start, "small", name);
    }
    let points: Vec<_> = points.into_iter().map(|(at, rate)| (x(at), y(rate))).collect();
    // Dashed would have no dots, of which there would be hundreds; each piece is a line of its own.
    for pair in points.windows(2) {
        if let [a, b] = pair {
            svg.segment(1, *a, *b);
        }
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storm::{Blown, Kind, Sample};

    fn outcome() -> Outcome {
        let sample = |n: u64| Sample { at: Duration::from_millis(10 * n), sent: 100_000 * n };
        Outcome {
            kind: Kind::Updates,
            samples: (0..=30).map(sample).collect(),
            begin: Duration::from_millis(100),
            end: Duration::from_millis(200),
            blown: Blown { changes: 10_240, asked_rate: 100_000, seconds: 0.1, slowest_ms: 7.0 },
            drops: [0, 1, 2],
        }
    }

    #[test]
    fn pages_say_what_was_measured() {
        let deaths = Deaths {
            routes: 280_000,
            times_us: (1..=100).map(f64::from).collect(),
            has_two_cores: true,
            ..Deaths::default()
        };
        let page = markdown(&[outcome()], Some(&deaths), "a table", "A machine");
        assert!(
            page.contains("| 10240 | 102400 | 7.0 | 10.00 | 10.00 | 10.00 | 1.000 | 0, 1, 2 |"),
            "{page}"
        );
        assert!(page.contains("| p99 (target: 50) | 99.0 |"), "{page}");
        let value = json(&[outcome()], Some(&deaths), "a table");
        assert_eq!(value["storms"]["updates"]["parts"]["during"]["dropped"], 1);
        assert_eq!(value["next_hop_death"]["p50_us"], 50.0);
    }

    #[test]
    fn a_plot_has_a_piece_for_each_pair_of_rates() {
        let svg = plot(&outcome(), "under it");
        assert_eq!(svg.matches("<line class=\"line s1\"").count(), 29);
        assert!(svg.contains("under it") && svg.trim_end().ends_with("</svg>"));
    }
}
