//! The plots: rates and costs as bars, growth curves as lines.

#![expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "small numbers, none negative")]

use super::plan::Curve;
use super::rounds::Row;
use crate::fib::report::chart::{Anchor, Svg, step};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Room for the title and the line below it.
const TOP: f64 = 64.0;
const PANEL_HEIGHT: f64 = 260.0;
/// Room for names below a panel.
const BELOW: f64 = 52.0;
const LEGEND_ROW: f64 = 22.0;
const LEGEND_COLUMN: f64 = 170.0;
/// Room above the highest value.
const ABOVE: f64 = 1.08;
const PARTS: f64 = 5.0;
/// A bar is wide enough for its number.
const NUMBERED_WIDTH: f64 = 20.0;
/// Groups of bars in one row.
const GROUPS: usize = 10;

/// What the bars show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Millions of packets a second.
    Rate,
    /// Nanoseconds a packet without source and sink.
    Cost,
}

impl Measure {
    fn of(self, row: &Row, dut: &str) -> Option<f64> {
        match self {
            Measure::Rate => row.mpps(dut).map(|spread| spread.median),
            Measure::Cost => row.cost(dut).map(|spread| spread.median.max(0.0)),
        }
    }
}

/// A group of bars for each scenario, a bar for each program; quartiles are in the tables.
pub fn bars(rows: &[Row], measure: Measure, title: &str, subtitle: &str) -> String {
    let names = programs(rows, |row, name| measure.of(row, name).is_some());
    let panels = rows.chunks(GROUPS).count() as f64;
    let legend_rows = names.len().div_ceil(columns()) as f64;
    let height = TOP + panels * (PANEL_HEIGHT + BELOW) + legend_rows * LEGEND_ROW + 8.0;
    let mut svg = Svg::new(WIDTH, height, title);
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    let unit = if measure == Measure::Rate { "Mpps" } else { "ns a packet" };
    let values = rows.iter().flat_map(|row| names.iter().filter_map(|name| measure.of(row, name)));
    let most = values.fold(1.0, f64::max) * ABOVE;
    for (panel, rows) in rows.chunks(GROUPS).enumerate() {
        let bottom = TOP + PANEL_HEIGHT + panel as f64 * (PANEL_HEIGHT + BELOW);
        let y = |value: f64| bottom - value / most * PANEL_HEIGHT;
        y_axis(&mut svg, most, y, unit);
        let group = (WIDTH - LEFT - RIGHT) / rows.len().max(1) as f64;
        for (index, row) in rows.iter().enumerate() {
            let there: Vec<usize> =
                (0..names.len()).filter(|name| measure.of(row, names[*name]).is_some()).collect();
            let bar = (group * 0.86 / there.len().max(1) as f64).min(60.0);
            let start = LEFT + group * (index as f64 + 0.5) - bar * there.len() as f64 / 2.0;
            for (place, name) in there.into_iter().enumerate() {
                let (x, value) =
                    (start + bar * place as f64, measure.of(row, names[name]).unwrap_or_default());
                svg.bar(name, x, y(value), bar * 0.9, bottom - y(value));
                if bar > NUMBERED_WIDTH {
                    svg.text(
                        x + bar * 0.45,
                        y(value) - 4.0,
                        Anchor::Middle,
                        "small",
                        format_args!("{value:.0}"),
                    );
                }
            }
            // Long names of neighbours would touch.
            let lower = if index % 2 == 1 && rows.len() > 5 { 14.0 } else { 0.0 };
            svg.text(
                LEFT + group * (index as f64 + 0.5),
                bottom + 16.0 + lower,
                Anchor::Middle,
                "small",
                &row.name,
            );
        }
        svg.line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
    }
    legend(&mut svg, TOP + panels * (PANEL_HEIGHT + BELOW), &names);
    svg.finish()
}

/// A panel for each curve: the cost of a packet without source and sink.
pub fn curves(curves: &[Curve], rows: &[Row], subtitle: &str) -> String {
    let names = programs(rows, |row, name| row.cost(name).is_some());
    let legend_rows = names.len().div_ceil(columns()) as f64;
    let height = TOP + curves.len() as f64 * (PANEL_HEIGHT + BELOW) + legend_rows * LEGEND_ROW + 8.0;
    let mut svg = Svg::new(WIDTH, height, "How the cost of a packet grows");
    svg.text(20.0, 47.0, Anchor::Start, "small", subtitle);
    for (panel, curve) in curves.iter().enumerate() {
        let bottom = TOP + PANEL_HEIGHT + panel as f64 * (PANEL_HEIGHT + BELOW);
        let points: Vec<Option<&Row>> = curve
            .points
            .iter()
            .map(|(_, scenario)| rows.iter().find(|row| row.name == scenario.name))
            .collect();
        let cost = |row: &Row, name: &str| row.cost(name).map(|spread| spread.median.max(0.0));
        let values = points.iter().flatten().flat_map(|row| names.iter().filter_map(|name| cost(row, name)));
        let most = values.fold(1.0, f64::max) * ABOVE;
        let y = |value: f64| bottom - value / most * PANEL_HEIGHT;
        y_axis(&mut svg, most, y, "ns a packet");
        let width = (WIDTH - LEFT - RIGHT) / points.len().max(1) as f64;
        let x = |index: usize| LEFT + width * (index as f64 + 0.5);
        svg.line("axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
        for (index, (name, _)) in curve.points.iter().enumerate() {
            svg.text(x(index), bottom + 16.0, Anchor::Middle, "small", name);
        }
        svg.text(WIDTH - RIGHT, bottom + 32.0, Anchor::End, "small", curve.axis);
        for (series, name) in names.iter().enumerate() {
            let line = points
                .iter()
                .enumerate()
                .filter_map(|(index, row)| Some((x(index), y(cost((*row)?, name)?))));
            let line: Vec<(f64, f64)> = line.collect();
            if !line.is_empty() {
                svg.curve(series, false, &line);
            }
        }
    }
    legend(&mut svg, TOP + curves.len() as f64 * (PANEL_HEIGHT + BELOW), &names);
    svg.finish()
}

/// Names of programs that a picture has something of, each once.
fn programs(rows: &[Row], is_shown: impl Fn(&Row, &str) -> bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in rows {
        for (name, _) in &row.samples {
            if !names.contains(name) && is_shown(row, name) {
                names.push(*name);
            }
        }
    }
    names
}

fn columns() -> usize {
    ((WIDTH - LEFT - RIGHT) / LEGEND_COLUMN) as usize
}

fn legend(svg: &mut Svg, top: f64, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        let x = LEFT + (index % columns()) as f64 * LEGEND_COLUMN;
        let y = top + (index / columns()) as f64 * LEGEND_ROW;
        svg.bar(index, x, y - 10.0, 12.0, 12.0);
        svg.text(x + 18.0, y, Anchor::Start, "", name);
    }
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

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::super::rounds::tests::row;
    use super::*;

    #[test]
    fn a_bar_for_each_program_and_a_name_for_each_scenario() {
        let rows: Vec<Row> = (0..12).map(|number| row(&format!("scenario-{number}"))).collect();
        let rate = bars(&rows, Measure::Rate, "rates", "");
        // Three programs in twelve scenarios, and three in the legend.
        assert_eq!(rate.matches("<rect").count(), 12 * 3 + 3);
        assert!(rate.contains(">scenario-11</text>") && rate.ends_with("</svg>\n"));
        // The seats alone have no cost.
        assert_eq!(bars(&rows, Measure::Cost, "costs", "").matches("<rect").count(), 12 * 2 + 2);
    }

    #[test]
    fn a_line_for_each_program_of_a_curve() {
        let all = plan::curves();
        let rows: Vec<Row> = all[3].points.iter().map(|(_, scenario)| row(&scenario.name)).collect();
        let picture = curves(&all, &rows, "");
        assert_eq!(picture.matches("<polyline").count(), 2);
        assert_eq!(picture.matches("<circle").count(), 2 * 5);
        assert!(picture.contains(">segments of the SRH, at End</text>"));
    }
}
