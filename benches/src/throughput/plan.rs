//! Which scenarios a run has.

use std::sync::Arc;

use super::BenchError;
use super::scenario::{MAX_FLOWS, MAX_SEGMENTS, SPREAD_FLOWS, Scenario, Size, Work};
use crate::fib::table::Table;

/// Measured by default, in the order of the report.
pub const DEFAULT: [&str; 20] = [
    "plain",
    "plain-ap",
    "mex-1",
    "mex-10",
    "mex-exchange",
    "plain-64k",
    FULL_TABLE,
    "end",
    "end-psp",
    "un",
    "encaps-1",
    "encaps-3",
    "encaps-red-3",
    "dt6",
    "dt6-srh",
    "dt46",
    "b6",
    "end-loaded",
    "encaps-1-loaded",
    "dt6-loaded",
];
/// Measured by the short form: one of each kind.
pub const SHORT: [&str; 6] = ["plain", "mex-exchange", FULL_TABLE, "end", "encaps-1", "dt6"];
/// Destinations all over the table.
pub const FULL_TABLE: &str = "full-table";
/// The eight routes with as many packets in the capture as the full table's scenario has.
pub const PLAIN_WIDE: &str = "plain-64k";
const LOADED: &str = "-loaded";

/// Sizes of the growth curve, octets.
const SIZES: [Size; 8] = [
    Size::Octets(64),
    Size::Octets(128),
    Size::Octets(256),
    Size::Octets(512),
    Size::Octets(1024),
    Size::Octets(1500),
    Size::Octets(9000),
    Size::Imix,
];
const FLOWS: [u32; 5] = [1, 16, 256, 4096, MAX_FLOWS];
const ROUTES: [usize; 4] = [1, 10_000, 280_000, 1_000_000];

/// One growth curve: what grows, and the scenarios with the place of each on the axis.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What the axis shows.
    pub axis: &'static str,
    /// The name on the axis, and the scenario.
    pub points: Vec<(String, Scenario)>,
}

/// The scenario of this name.
///
/// # Errors
/// There is none.
pub fn scenario(name: &str, table: &Arc<Table>) -> Result<Scenario, BenchError> {
    match name {
        FULL_TABLE => return Ok(Scenario::spread(FULL_TABLE, table)),
        PLAIN_WIDE => {
            let wide = Scenario::new(Work::Plain).with_flows(SPREAD_FLOWS);
            return Ok(Scenario { name: PLAIN_WIDE.to_owned(), ..wide });
        }
        _ => {}
    }
    let (work, is_loaded) = name.strip_suffix(LOADED).map_or((name, false), |work| (work, true));
    let work = Work::parse(work).ok_or_else(|| {
        BenchError(format!(
            "no scenario is called '{name}': there are {}; mex-0 to mex-100, srh-1 to srh-{MAX_SEGMENTS}, encaps-N, \
             encaps-red-N, and each of them with {LOADED}",
            DEFAULT.join(", ")
        ))
    })?;
    let scenario = Scenario::new(work);
    Ok(if is_loaded { scenario.loaded(table) } else { scenario })
}

/// Every scenario with every size, number of flows, and number of workers; an empty list leaves it as it is.
///
/// # Errors
/// A name that is none.
pub fn scenarios(
    names: &[String],
    sizes: &[Size],
    flows: &[u32],
    workers: &[u8],
    table: &Arc<Table>,
) -> Result<Vec<Scenario>, BenchError> {
    let mut all = Vec::new();
    for name in names {
        all.push(scenario(name, table)?);
    }
    let all = crossed(all, sizes, Scenario::with_size);
    let all = crossed(all, flows, Scenario::with_flows);
    Ok(crossed(all, workers, Scenario::with_workers))
}

fn crossed<V: Copy>(all: Vec<Scenario>, values: &[V], with: fn(Scenario, V) -> Scenario) -> Vec<Scenario> {
    if values.is_empty() {
        return all;
    }
    all.into_iter()
        .flat_map(|scenario| values.iter().map(move |value| with(scenario.clone(), *value)))
        .collect()
}

/// The growth curves: routes, segments, size, flows.
pub fn curves() -> Vec<Curve> {
    let plain = || Scenario::new(Work::Plain);
    let routes = ROUTES.into_iter().map(|routes| {
        let table = Arc::new(Table::synthetic(routes));
        (rounded(routes), Scenario::spread(format!("routes-{}", rounded(routes)), &table))
    });
    let segments =
        (1..=MAX_SEGMENTS).map(|segments| (segments.to_string(), Scenario::new(Work::Srh(segments))));
    let sizes = SIZES.into_iter().map(|size| {
        let name = format!("size-{size}");
        (size.to_string(), Scenario { name, ..plain().with_size(size) })
    });
    let flows = FLOWS.into_iter().map(|flows| {
        let name = format!("flows-{}", rounded(flows as usize));
        (rounded(flows as usize), Scenario { name, ..plain().with_flows(flows) })
    });
    vec![
        Curve { axis: "routes", points: routes.collect() },
        Curve { axis: "segments of the SRH, at End", points: segments.collect() },
        Curve { axis: "octets of a frame", points: sizes.collect() },
        Curve { axis: "flows", points: flows.collect() },
    ]
}

/// 10k for 10,000, and so on; 64k for 65,536.
fn rounded(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        65_536 => "64k".to_owned(),
        1000..1_000_000 => format!("{}k", number / 1000),
        _ => format!("{}M", number / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_scenario_is_one_and_keeps_its_name() {
        let table = Arc::new(Table::synthetic(100));
        for name in DEFAULT.into_iter().chain(SHORT) {
            assert_eq!(scenario(name, &table).unwrap().name, name);
        }
        for name in ["", "full", "full-table-loaded", "-loaded", "plain-65k"] {
            let error = scenario(name, &table).unwrap_err().0;
            assert!(error.starts_with(&format!("no scenario is called '{name}'")), "{error}");
        }
    }

    #[test]
    fn options_are_crossed() {
        let table = Arc::new(Table::synthetic(100));
        let names = ["plain".to_owned(), "end".to_owned()];
        let sizes = [Size::Octets(64), Size::Imix];
        let found = scenarios(&names, &sizes, &[1], &[], &table).unwrap();
        let found: Vec<&str> = found.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(found, ["plain/flows=1", "plain/imix/flows=1", "end/flows=1", "end/imix/flows=1"]);
    }

    #[test]
    fn curves_have_the_points_of_the_targets() {
        let names = |index: usize| -> Vec<String> {
            curves().remove(index).points.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(1).len(), 10);
        assert_eq!(names(2).last().map(String::as_str), Some("imix"));
        assert_eq!(names(3), ["1", "16", "256", "4k", "64k"]);
    }
}
