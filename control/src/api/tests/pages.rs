//! The pages for machines: metrics and the description of the API.

use dataplane::drop::Drop;

use super::*;
use crate::api::{metrics, routes};

#[test]
fn the_document_lists_every_path_and_every_topic() {
    let served = Served::start();
    let (status, body) = served.get("/v1/openapi.json");
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&body).unwrap();
    let mut listed: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut served_paths = routes::PATHS.to_vec();
    listed.sort_unstable();
    served_paths.sort_unstable();
    assert_eq!(listed, served_paths);
    let topics = &document["paths"]["/v1/show/{what}"]["get"]["parameters"][0]["schema"]["enum"];
    for topic in TOPICS.iter().chain([&crate::ask::WORKERS]) {
        assert!(topics.as_array().unwrap().contains(&json!(topic)), "{topic}");
    }
    // The examples are commands; so is one of every kind that the document names.
    let change = &document["paths"]["/v1/change"]["post"]["requestBody"]["content"]["application/json"];
    for example in change["examples"].as_object().unwrap().values() {
        let command: Command = serde_json::from_value(example["value"].clone()).unwrap();
        command.check().unwrap();
    }
    let mut named: Vec<String> = Vec::new();
    for shape in document["components"]["schemas"]["Command"]["oneOf"].as_array().unwrap() {
        let names = &shape["properties"]["command"];
        named.extend(names["const"].as_str().map(str::to_owned));
        named.extend(
            names["enum"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()),
        );
    }
    for words in [
        "route add ::/0 dev p",
        "route replace mex ::/0",
        "route del ::/0",
        "neighbor add fe80::1 lladdr 02:00:00:00:00:01 dev p",
        "neighbor replace fe80::1 lladdr 02:00:00:00:00:01 dev p",
        "neighbor del fe80::1 dev p",
        "sid add fc00::1 behavior End",
        "sid replace fc00::1 behavior End",
        "sid del fc00::1",
        "policy add p mode insert segments fc00::1",
        "policy replace p mode insert segments fc00::1",
        "policy del p",
        "port set p up",
        "port set p mtu 1280",
        "mex set enabled on",
        "mex set max-prefixes 3",
    ] {
        let words: Vec<_> = words.split(' ').collect();
        let command = serde_json::to_value(Command::parse(&words).unwrap()).unwrap();
        let name = command["command"].as_str().unwrap();
        assert!(named.iter().any(|n| n == name), "{name} is not in the document");
        named.retain(|n| n != name);
    }
    assert!(named.is_empty(), "the document names commands that do not exist: {named:?}");
}

/// Samples of a page by name and labels, by a reading of the OpenMetrics text of this test's own.
fn samples(page: &str) -> std::collections::BTreeMap<String, u64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let split = lines.map(|line| line.rsplit_once(' ').unwrap());
    split.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn metrics_are_those_of_show() {
    let served = Served::start();
    let response = served.exchange(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        response
            .to_lowercase()
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{response}"
    );
    let (status, page) = split(&response);
    assert_eq!(status, 200);
    assert!(page.ends_with("# EOF\n"), "{page}");
    let samples = samples(&page);
    for reason in Drop::ALL {
        let name = format!("mexfwd_drops_total{{reason=\"{}\"}}", reason.name());
        assert_eq!(samples.get(&name), Some(&0), "{name}");
    }
    assert_eq!(samples.get("mexfwd_port_link_up{port=\"isp-a\"}"), Some(&1));
    assert_eq!(samples.get("mexfwd_port_rx_packets_total{port=\"isp-a\"}"), Some(&0));
    assert_eq!(samples.get("mexfwd_mex_packets_total{event=\"exchanged\"}"), Some(&0));
    assert_eq!(samples.get("mexfwd_packets_waiting"), Some(&0));
}

#[test]
fn metrics_hold_what_was_counted() {
    let counters = json!({
        "ports": { "a\"b\\": { "rx": 5, "tx": 4, "rx-octets": 500, "tx-octets": 400 } },
        "drops": { "no-route": 1 }, "mex": { "exchanged": 3 },
        "icmp-errors": { "too-big": 2 }, "icmp-limited": {},
        "received": 5, "made": 0, "sent": 4, "dropped": 1, "consumed": 0, "waiting": 0,
    });
    let ports = json!([{ "name": "a\"b\\", "admin": "up", "link": "down" }]);
    let page = metrics::page(counters, ports).unwrap();
    let samples = samples(&page);
    for (name, value) in [
        ("mexfwd_port_rx_packets_total{port=\"a\\\"b\\\\\"}", 5),
        ("mexfwd_port_tx_octets_total{port=\"a\\\"b\\\\\"}", 400),
        ("mexfwd_port_admin_up{port=\"a\\\"b\\\\\"}", 1),
        ("mexfwd_port_link_up{port=\"a\\\"b\\\\\"}", 0),
        ("mexfwd_drops_total{reason=\"no-route\"}", 1),
        ("mexfwd_drops_total{reason=\"loop\"}", 0),
        ("mexfwd_mex_packets_total{event=\"exchanged\"}", 3),
        ("mexfwd_icmp_errors_total{kind=\"too-big\"}", 2),
        ("mexfwd_packets_received_total", 5),
        ("mexfwd_packets_dropped_total", 1),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in\n{page}");
    }
}
