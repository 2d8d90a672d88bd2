//! The counters as OpenMetrics. Names and label values are those of `show --json`.

use std::fmt;

use dataplane::drop::Drop;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde_json::Value;

/// The page that a scraper gets, from the answers to `show counters` and `show ports`.
///
/// # Errors
/// None that a string can give.
pub(super) fn page(counters: Value, ports: Value) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("mexfwd");
    registry.register_collector(Box::new(Snapshot { counters, ports }));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Snapshot {
    counters: Value,
    ports: Value,
}

/// Counters of a port: key in JSON, name here, help.
const PORT_COUNTERS: [(&str, &str, &str); 4] = [
    ("rx", "port_rx_packets", "Frames received"),
    ("tx", "port_tx_packets", "Frames sent"),
    ("rx-octets", "port_rx_octets", "Octets of frames received"),
    ("tx-octets", "port_tx_octets", "Octets of frames sent"),
];

/// Families with one label: key in JSON, name here, label, help.
const FAMILIES: [(&str, &str, &str, &str); 3] = [
    ("mex", "mex_packets", "event", "Packets by what MEX did with them"),
    ("icmp-errors", "icmp_errors", "kind", "ICMPv6 errors made"),
    ("icmp-limited", "icmp_limited", "kind", "ICMPv6 errors that the rate limit kept back"),
];

/// Families of packets and octets with one label: key in JSON, names here, label, what they are of.
const VOLUMES: [(&str, [&str; 2], &str, &str); 2] = [
    ("sids", ["sid_packets", "sid_octets"], "sid", "that arrived at a SID"),
    ("policies", ["policy_packets", "policy_octets"], "policy", "that were steered into an SRv6 policy"),
];

/// Totals: key in JSON, name here, help. received + made = sent + dropped + consumed + waiting.
const TOTALS: [(&str, &str, &str); 5] = [
    ("received", "packets_received", "Packets received on all ports"),
    ("made", "packets_made", "Packets made by this node: ICMPv6, neighbor discovery"),
    ("sent", "packets_sent", "Packets sent on all ports"),
    ("dropped", "packets_dropped", "Packets dropped for any reason"),
    ("consumed", "packets_consumed", "Packets that ended at this node as intended"),
];

/// Label values and counts of one family.
type Samples<'s> = Vec<(&'s str, u64)>;

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ports = self.counters.get("ports").and_then(Value::as_object);
        for (key, name, help) in PORT_COUNTERS {
            let samples =
                ports.into_iter().flatten().map(|(port, counts)| (port.as_str(), number(counts, key)));
            family(&mut encoder, name, help, "port", &samples.collect(), MetricType::Counter)?;
        }
        for (name, key, help) in [
            ("port_admin_up", "admin", "1: the port is administratively up"),
            ("port_link_up", "link", "1: the port has a link"),
        ] {
            let ports = self.ports.as_array().into_iter().flatten();
            let state = |port: &Value| u64::from(port.get(key).and_then(Value::as_str) == Some("up"));
            let samples = ports.filter_map(|port| Some((port.get("name")?.as_str()?, state(port))));
            family(&mut encoder, name, help, "port", &samples.collect(), MetricType::Gauge)?;
        }
        // Every reason, also those that no packet has met: a rate over a series that appears late misses its start.
        let drops = self.counters.get("drops").unwrap_or(&Value::Null);
        let samples = Drop::ALL.iter().map(|reason| (reason.name(), number(drops, reason.name())));
        family(&mut encoder, "drops", "Packets dropped", "reason", &samples.collect(), MetricType::Counter)?;
        let octets = self.counters.get("drop-octets").unwrap_or(&Value::Null);
        let samples = Drop::ALL.iter().map(|reason| (reason.name(), number(octets, reason.name())));
        let help = "Octets of the frames dropped";
        family(&mut encoder, "drop_octets", help, "reason", &samples.collect(), MetricType::Counter)?;
        for (key, name, label, help) in FAMILIES {
            let counts = self.counters.get(key).and_then(Value::as_object).into_iter().flatten();
            let samples = counts.map(|(kind, count)| (kind.as_str(), count.as_u64().unwrap_or(0)));
            family(&mut encoder, name, help, label, &samples.collect(), MetricType::Counter)?;
        }
        for (key, names, label, what) in VOLUMES {
            let counts = || self.counters.get(key).and_then(Value::as_object).into_iter().flatten();
            for (name, (unit, title)) in names.into_iter().zip([("packets", "Packets"), ("octets", "Octets")])
            {
                let samples = counts().map(|(of, count)| (of.as_str(), number(count, unit)));
                let help = format!("{title} {what}");
                family(&mut encoder, name, &help, label, &samples.collect(), MetricType::Counter)?;
            }
        }
        for (key, name, help) in TOTALS {
            let total = ConstCounter::new(number(&self.counters, key));
            total.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let waiting = ConstGauge::new(number(&self.counters, "waiting"));
        let help = "Packets that wait for a neighbor";
        waiting.encode(encoder.encode_descriptor("packets_waiting", help, None, MetricType::Gauge)?)
    }
}

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    samples: &Samples<'_>,
    kind: MetricType,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (value, count) in samples {
        let labels = [(label, *value)];
        let sample = metric.encode_family(&labels)?;
        match kind {
            MetricType::Counter => ConstCounter::new(*count).encode(sample)?,
            _ => ConstGauge::new(*count).encode(sample)?,
        }
    }
    Ok(())
}
