//! What mexfwd is to reach, and where each number comes from.

use super::dut::MEXFWD;
use super::rounds::{Row, ratio};

/// What a target bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At least so many times the rate of this program.
    RateOf(&'static str, f64),
    /// At least so many times the rate of this scenario.
    RateIn(&'static str, f64),
    /// At most so many times the cost of this scenario.
    CostIn(&'static str, f64),
    /// At most so many nanoseconds without source and sink.
    CostNs(f64),
    /// At most this part of the cost of this program: 0.4 is 2.5 times cheaper.
    CostOf(&'static str, f64),
}

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The scenario.
    pub scenario: &'static str,
    /// What it bounds.
    pub bound: Bound,
    /// Where the number comes from.
    pub source: &'static str,
}

const fn target(scenario: &'static str, bound: Bound, source: &'static str) -> Target {
    Target { scenario, bound, source }
}

const CLOCKS: &str = "2.5 times below the better of VPP 26.06 and grout 0.17.1 in such seats";
const LOADED: &str = "4 times below VPP 26.06 with 200,000 routes in such seats";

/// All of them. Nanoseconds are clocks of 2.6 GHz, measured on an EPYC of the Zen 5 generation.
pub const TARGETS: [Target; 22] = [
    target("plain", Bound::RateOf("l3fwd-fib", 1.0), "the rate of l3fwd, which decrements no hop limit"),
    target("plain", Bound::CostNs(11.0), "2.5 times below VPP's 71 clocks"),
    target("plain", Bound::CostOf("vpp", 0.4), "2.5 times cheaper"),
    target("plain", Bound::CostOf("grout", 1.0 / 3.0), "3 times cheaper"),
    target("full-table", Bound::RateOf("l3fwd-fib", 1.5), "l3fwd with its limits raised"),
    target("full-table", Bound::RateOf("grout", 4.0), "4 times"),
    target("full-table", Bound::RateOf("vpp", 8.0), "8 times"),
    target("full-table", Bound::RateIn("plain-64k", 0.7), "eight routes, a capture as large"),
    target("plain-ap", Bound::CostIn("plain", 1.01), "packets that do not need MEX pay nothing"),
    target("mex-exchange", Bound::CostIn("plain", 1.5), "an exchange is 1.5 plain packets"),
    target("end", Bound::CostNs(15.1), CLOCKS),
    target("end", Bound::CostOf("vpp", 0.4), "2.5 times cheaper"),
    target("end-psp", Bound::CostNs(17.8), CLOCKS),
    target("un", Bound::CostNs(16.6), CLOCKS),
    target("encaps-1", Bound::CostNs(19.7), CLOCKS),
    target("encaps-1", Bound::CostOf("vpp", 0.4), "2.5 times cheaper"),
    target("encaps-3", Bound::CostNs(19.4), CLOCKS),
    target("dt6", Bound::CostNs(14.8), CLOCKS),
    target("dt6-srh", Bound::CostNs(16.2), CLOCKS),
    target("end-loaded", Bound::CostNs(13.0), LOADED),
    target("encaps-1-loaded", Bound::CostNs(25.9), LOADED),
    target("dt6-loaded", Bound::CostNs(18.8), LOADED),
];

/// A target beside what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the number is of, such as `rate / l3fwd-fib`.
    pub what: String,
    /// The bound.
    pub bound: f64,
    /// What was measured.
    pub measured: f64,
    /// Whether it is on the right side.
    pub holds: bool,
}

/// The verdict, if what it needs was measured.
pub fn verdict(target: &Target, rows: &[Row]) -> Option<Verdict> {
    let row = |name: &str| rows.iter().find(|row| row.name == name);
    let own = row(target.scenario)?;
    let of_program = |name| ratio((own, MEXFWD), (own, name));
    let in_scenario = |name| ratio((own, MEXFWD), (row(name)?, MEXFWD));
    let (what, bound, measured, is_least) = match target.bound {
        Bound::RateOf(name, least) => (format!("rate / {name}"), least, of_program(name)?.rate.median, true),
        Bound::RateIn(name, least) => {
            (format!("rate / in {name}"), least, in_scenario(name)?.rate.median, true)
        }
        Bound::CostOf(name, most) => (format!("cost / {name}"), most, of_program(name)?.cost?.median, false),
        Bound::CostIn(name, most) => {
            (format!("cost / in {name}"), most, in_scenario(name)?.cost?.median, false)
        }
        Bound::CostNs(most) => ("cost, ns".to_owned(), most, own.cost(MEXFWD)?.median, false),
    };
    let holds = if is_least { measured >= bound } else { measured <= bound };
    Some(Verdict { what, bound, measured, holds })
}

#[cfg(test)]
mod tests {
    use super::super::plan::DEFAULT;
    use super::super::rounds::tests::row;
    use super::*;

    #[test]
    fn targets_are_of_scenarios_that_run_by_default() {
        for target in TARGETS {
            assert!(DEFAULT.contains(&target.scenario), "{}", target.scenario);
        }
    }

    #[test]
    fn a_rate_and_a_cost() {
        let rows = [row("plain")];
        let of = |bound| verdict(&Target { scenario: "plain", bound, source: "" }, &rows);
        let rate = of(Bound::RateOf("l3fwd-fib", 1.0)).unwrap();
        assert!(rate.holds && (rate.measured - 1.25).abs() < 1e-9);
        assert!(!of(Bound::RateOf("l3fwd-fib", 1.5)).unwrap().holds);
        assert!(of(Bound::CostNs(11.0)).unwrap().holds && !of(Bound::CostNs(9.0)).unwrap().holds);
        assert!(of(Bound::CostOf("l3fwd-fib", 0.7)).unwrap().holds);
        assert_eq!(of(Bound::CostOf("vpp", 0.4)), None);
        assert_eq!(of(Bound::RateIn("plain-64k", 0.7)), None);
    }
}
