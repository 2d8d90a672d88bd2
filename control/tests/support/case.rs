//! A case's folder: what is in it, and that nothing is missing or unknown.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// An expected capture: the ports it speaks of (several when the hash chooses) and the file.
pub struct Expected {
    /// Names of ports.
    pub ports: Vec<String>,
    /// The capture.
    pub file: PathBuf,
}

/// One folder.
pub struct Case {
    /// Its configuration.
    pub config: PathBuf,
    /// Every port of the configuration, in its order.
    pub ports: Vec<String>,
    /// Input captures, in the order of the `--in` options.
    pub inputs: Vec<(String, PathBuf)>,
    /// Expected captures.
    pub outputs: Vec<Expected>,
    /// Commands between packets.
    pub script: Option<PathBuf>,
    /// A subset of the summary.
    pub expect: Value,
}

impl Case {
    /// Lists a folder. A file that no rule names, a port without an expected capture, and a capture of a port
    /// that does not exist are errors: a typing error must not become a case that proves less.
    pub fn load(folder: &Path) -> Result<Case, String> {
        let config = folder.join("config.toml");
        let text = String::from_utf8(super::read(&config)?).map_err(|e| format!("config.toml: {e}"))?;
        let mut case = Case {
            config,
            ports: port_names(&text),
            inputs: Vec::new(),
            outputs: Vec::new(),
            script: None,
            expect: Value::Object(serde_json::Map::new()),
        };
        let mut order = None;
        for path in super::entries(folder)? {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let capture = name.strip_suffix(".pcap").and_then(|stem| stem.split_once('.'));
            match (name.as_str(), capture) {
                ("config.toml" | "README", _) => {}
                ("script", _) => case.script = Some(path),
                ("order", _) => order = Some(String::from_utf8_lossy(&super::read(&path)?).into_owned()),
                ("expect.json", _) => {
                    case.expect = serde_json::from_slice(&super::read(&path)?)
                        .map_err(|e| format!("expect.json: {e}"))?;
                }
                (_, Some(("in", port))) => case.inputs.push((port.to_owned(), path)),
                (_, Some(("out", ports))) => {
                    let ports = ports.split('+').map(str::to_owned).collect();
                    case.outputs.push(Expected { ports, file: path });
                }
                _ => return Err(format!("{name}: neither in.<port>.pcap, out.<port>.pcap nor a known name")),
            }
        }
        case.inputs.sort();
        if let Some(order) = order {
            let place = |port: &str| order.lines().position(|line| line.trim() == port).unwrap_or(usize::MAX);
            case.inputs.sort_by_key(|(port, _)| place(port));
        }
        case.complete()
    }

    fn complete(self) -> Result<Case, String> {
        if self.inputs.is_empty() {
            return Err("no in.<port>.pcap".to_owned());
        }
        for port in &self.ports {
            let files = self.outputs.iter().filter(|o| o.ports.contains(port)).count();
            if files != 1 {
                return Err(format!("{files} expected captures for port {port}: there must be one"));
            }
        }
        let named =
            self.outputs.iter().flat_map(|o| &o.ports).chain(self.inputs.iter().map(|(port, _)| port));
        match named.into_iter().find(|port| !self.ports.contains(port)) {
            Some(port) => Err(format!("a capture of port {port}, which config.toml does not have")),
            None => Ok(self),
        }
    }
}

/// The `name` of every `[[port]]` table, read line by line.
fn port_names(config: &str) -> Vec<String> {
    let mut in_port = false;
    let mut names = Vec::new();
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_port = line == "[[port]]";
        } else if let (true, Some(("name", value))) =
            (in_port, line.split_once('=').map(|(k, v)| (k.trim(), v)))
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    names
}
