//! The report as JSON: for each measure a map by engine. The names are those that the programs around the bench use.

use serde_json::{Map, Value, json};

use super::{Part, Report};
use crate::fib::run::{EngineResult, Outcome, UpdateCost};
use crate::fib::sizes::Point;
use crate::fib::table::Family;

/// The report. The IPv6 part's members are at the top, the IPv4 part is the member `ipv4`.
pub fn json(report: &Report) -> Value {
    let mut top = Map::new();
    top.insert("machine".to_owned(), json!(report.machine));
    top.insert("dpdk_hugepages".to_owned(), json!(report.has_hugepages));
    top.insert("batch".to_owned(), json!(report.batch));
    top.insert("rounds".to_owned(), json!(report.rounds));
    for part in &report.parts {
        match part.table.family {
            Family::V6 => top.extend(members(part)),
            Family::V4 => {
                top.insert("ipv4".to_owned(), Value::Object(members(part)));
            }
        }
    }
    if !report.sizes.is_empty() {
        top.insert("sizes".to_owned(), report.sizes.iter().map(size).collect());
    }
    Value::Object(top)
}

fn members(part: &Part) -> Map<String, Value> {
    let outcome = &part.outcome;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("table", json!({ "source": part.table.source, "shape": part.shape }));
    put("traces", json!(outcome.traces));
    put("mlps", by_engine(outcome, |index, _| Some(rates(outcome, index))));
    put("mlps_spread", by_engine(outcome, |index, _| Some(rate_spreads(outcome, index))));
    if let Some(reference) = outcome.reference() {
        put("reference", json!(outcome.engines[reference].kind.name));
        let rivals = part.rivals();
        let of_rivals = |f: &dyn Fn(usize) -> Value| {
            by_engine(outcome, |index, _| rivals.contains(&index).then(|| f(index)))
        };
        put("ratio", of_rivals(&|rival| ratios(outcome, reference, rival)));
        put("geomean_ratio", of_rivals(&|rival| number(outcome.rates.geomean_ratio(reference, rival))));
        put("min_ratio", of_rivals(&|rival| number(outcome.rates.min_ratio(reference, rival))));
    }
    put("checked_addresses", json!(outcome.checked));
    put("mismatches", by_engine(outcome, |_, engine| Some(json!(engine.mismatches))));
    put("memory_bytes", by_engine(outcome, |_, engine| Some(json!(engine.memory_bytes))));
    put("build_ms", by_engine(outcome, |_, engine| Some(number(engine.build_ms.median))));
    put("update_us", by_engine(outcome, |_, engine| engine.flaps.map(cost)));
    put("update_mix_us", by_engine(outcome, |_, engine| engine.mix.map(cost)));
    put(
        "update_errors",
        by_engine(outcome, |_, engine| engine.update_error.as_ref().map(|error| json!(error))),
    );
    let skipped = outcome.skipped.iter().map(|(name, reason)| ((*name).to_owned(), json!(reason)));
    put("skipped", Value::Object(skipped.collect()));
    members
}

fn by_engine(outcome: &Outcome, value: impl Fn(usize, &EngineResult) -> Option<Value>) -> Value {
    let engines = outcome.engines.iter().enumerate();
    let pairs =
        engines.filter_map(|(index, engine)| Some((engine.kind.name.to_owned(), value(index, engine)?)));
    Value::Object(pairs.collect())
}

fn by_trace(outcome: &Outcome, value: impl Fn(usize) -> Value) -> Value {
    let traces = outcome.traces.iter().enumerate();
    Value::Object(traces.map(|(index, name)| (name.clone(), value(index))).collect())
}

fn rates(outcome: &Outcome, engine: usize) -> Value {
    by_trace(outcome, |trace| number(outcome.rates.mlps(engine, trace).median))
}

fn rate_spreads(outcome: &Outcome, engine: usize) -> Value {
    by_trace(outcome, |trace| {
        let spread = outcome.rates.mlps(engine, trace);
        json!({ "p10": number(spread.p10), "p90": number(spread.p90) })
    })
}

fn ratios(outcome: &Outcome, reference: usize, rival: usize) -> Value {
    by_trace(outcome, |trace| {
        let spread = outcome.rates.ratio(reference, rival, trace);
        json!({ "median": number(spread.median), "p10": number(spread.p10), "p90": number(spread.p90) })
    })
}

fn cost(cost: UpdateCost) -> Value {
    json!({ "mean": number(cost.mean_us), "p99": number(cost.p99_us) })
}

fn size(point: &Point) -> Value {
    json!({
        "engine": point.engine,
        "routes": point.routes,
        "hot_ns": number(point.hot_ns),
        "cold_ns": number(point.cold_ns),
        "memory_bytes": point.memory_bytes,
        "build_ms": number(point.build_ms),
        "mismatches": point.mismatches,
    })
}

/// A number with the digits that mean something; null when there is none.
fn number(value: f64) -> Value {
    json!((value * 1e4).round() / 1e4)
}
