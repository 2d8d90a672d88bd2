//! Typed options of EAL.

use std::fs;
use std::path::Path;

use crate::Error;
use crate::log::{LogLevel, Sink};

/// No machine has this device with a driver of DPDK (the slot is the host bridge's): an allow-list of it alone
/// keeps EAL from taking every PCI device that is bound to a user-space driver.
const NO_PCI_DEVICE: &str = "0000:00:00.0";

/// How to start EAL. By default: memory from hugepages as DPDK sees fit, one lcore that may run on any processor
/// of the process, no device but those that are attached or allowed, telemetry off, warnings and worse logged.
///
/// Every setter consumes and returns the options, so that they chain.
#[derive(Clone, Debug)]
#[must_use]
#[allow(clippy::struct_excessive_bools)] // each is a flag of EAL's own
pub struct EalOptions {
    in_memory: bool,
    no_huge: bool,
    no_pci: bool,
    iova_va: bool,
    telemetry: bool,
    single_file_segments: bool,
    memory_mb: Option<u32>,
    lcores: Vec<u32>,
    main_lcore: Option<u32>,
    file_prefix: Option<String>,
    log_level: LogLevel,
    max_simd_bits: Option<u16>,
    allow: Vec<String>,
    vdevs: Vec<String>,
    sink: Option<Sink>,
}

impl Default for EalOptions {
    fn default() -> Self {
        Self {
            in_memory: false,
            no_huge: false,
            no_pci: false,
            iova_va: false,
            telemetry: false,
            single_file_segments: false,
            memory_mb: None,
            lcores: Vec::new(),
            main_lcore: None,
            file_prefix: None,
            log_level: LogLevel::Warning,
            max_simd_bits: None,
            allow: Vec::new(),
            vdevs: Vec::new(),
            sink: None,
        }
    }
}

impl EalOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// `--in-memory`: no files in the runtime directory or in hugetlbfs, so several processes need no prefix each.
    pub fn in_memory(mut self, on: bool) -> Self {
        self.in_memory = on;
        self
    }

    /// `--no-huge`: ordinary pages. DPDK takes 64 MiB unless [`memory_mb`](Self::memory_mb) says otherwise.
    pub fn no_huge(mut self, on: bool) -> Self {
        self.no_huge = on;
        self
    }

    /// `-m`: memory to take at start, in MiB. Without hugepages it is all that there will be.
    pub fn memory_mb(mut self, mb: u32) -> Self {
        self.memory_mb = Some(mb);
        self
    }

    /// `-l`: the processors of EAL's own threads. These carry no packets: workers are the program's threads
    /// (see [`Eal::register_thread`](crate::Eal::register_thread)), so leave room among DPDK's lcore ids, 128 in most builds.
    pub fn lcores(mut self, cpus: &[u32]) -> Self {
        self.lcores = cpus.to_vec();
        self
    }

    /// `--main-lcore`: the processor of EAL's main thread; one of [`lcores`](Self::lcores), if these are given.
    pub fn main_lcore(mut self, cpu: u32) -> Self {
        self.main_lcore = Some(cpu);
        self
    }

    /// `--file-prefix`: separates this process's files from other DPDK processes'.
    pub fn file_prefix(mut self, prefix: &str) -> Self {
        self.file_prefix = Some(prefix.to_owned());
        self
    }

    /// `--log-level`, of all of DPDK.
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.log_level = level;
        self
    }

    /// Where log lines go, one a call and without newline; standard error if this is not called. The function
    /// is called from any thread, and must not call back into this crate.
    pub fn log_to(mut self, sink: fn(LogLevel, &str)) -> Self {
        self.sink = Some(sink);
        self
    }

    /// `--force-max-simd-bitwidth`: the widest vector, in bits, that drivers may use: a power of two from 64 to
    /// 32768, or 0 for no limit. 512 lets drivers use AVX-512.
    pub fn force_max_simd_bitwidth(mut self, bits: u16) -> Self {
        self.max_simd_bits = Some(bits);
        self
    }

    /// `--iova-mode=va`: devices see virtual addresses (an IOMMU, or virtual devices only).
    pub fn iova_va(mut self, on: bool) -> Self {
        self.iova_va = on;
        self
    }

    /// `-a`: a PCI device to probe at start. [`Port::attach`](crate::Port::attach) needs none of this.
    pub fn allow(mut self, device: &str) -> Self {
        self.allow.push(device.to_owned());
        self
    }

    /// `--no-pci`: leaves the PCI bus alone.
    pub fn no_pci(mut self, on: bool) -> Self {
        self.no_pci = on;
        self
    }

    /// `--vdev`: a virtual device to make at start; [`Port::attach`](crate::Port::attach) by its name then takes it.
    pub fn vdev(mut self, devargs: &str) -> Self {
        self.vdevs.push(devargs.to_owned());
        self
    }

    /// DPDK's telemetry socket.
    pub fn telemetry(mut self, on: bool) -> Self {
        self.telemetry = on;
        self
    }

    /// `--single-file-segments`: few memory regions, which `net_virtio_user` needs with many hugepages (vhost
    /// takes at most 8 regions).
    pub fn single_file_segments(mut self, on: bool) -> Self {
        self.single_file_segments = on;
        self
    }

    pub(crate) fn sink(&self) -> Option<Sink> {
        self.sink
    }

    /// The command line of EAL, without the program's name.
    pub(crate) fn arguments(&self) -> Result<Vec<String>, Error> {
        let mut arguments = self.cpu_arguments()?;
        let flags = [
            // EAL calls memory without hugepages legacy, and refuses that in memory; what is left of
            // `--in-memory` without hugetlbfs is this.
            (self.in_memory && !self.no_huge, "--in-memory"),
            (self.in_memory && self.no_huge, "--no-shconf"),
            (self.no_huge, "--no-huge"),
            (self.no_pci, "--no-pci"),
            (self.iova_va, "--iova-mode=va"),
            (!self.telemetry, "--no-telemetry"),
            (self.single_file_segments, "--single-file-segments"),
        ];
        arguments.extend(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
        arguments.push(format!("--log-level={}", self.log_level as u8));
        if let Some(mb) = self.memory_mb {
            if mb == 0 {
                return Err(invalid("memory: at least 1 MiB is needed"));
            }
            arguments.extend(["-m".to_owned(), mb.to_string()]);
        }
        if let Some(bits) = self.max_simd_bits {
            if bits != 0 && !(bits >= 64 && bits.is_power_of_two()) {
                return Err(invalid("SIMD bit width: a power of two from 64 to 32768, or 0"));
            }
            arguments.push(format!("--force-max-simd-bitwidth={bits}"));
        }
        if let Some(prefix) = &self.file_prefix {
            if prefix.is_empty() || prefix.contains(['/', '%']) {
                return Err(invalid("file prefix: one or more characters, neither '/' nor '%'"));
            }
            arguments.push(format!("--file-prefix={prefix}"));
        }
        for device in &self.vdevs {
            arguments.push(format!("--vdev={device}"));
        }
        if !self.no_pci {
            let none = [NO_PCI_DEVICE.to_owned()];
            let allowed = if self.allow.is_empty() { &none[..] } else { &self.allow[..] };
            for device in allowed {
                arguments.extend(["-a".to_owned(), device.clone()]);
            }
        }
        Ok(arguments)
    }

    fn cpu_arguments(&self) -> Result<Vec<String>, Error> {
        if self.lcores.is_empty() {
            // One lcore: by default EAL would start a thread for every processor, and leave no lcore ids.
            let cpus = self.main_lcore.map_or_else(allowed_cpus, |cpu| cpu.to_string());
            return Ok(vec!["--lcores".to_owned(), format!("0@({cpus})")]);
        }
        let list: Vec<String> = self.lcores.iter().map(u32::to_string).collect();
        let mut arguments = vec!["-l".to_owned(), list.join(",")];
        if let Some(main) = self.main_lcore {
            if !self.lcores.contains(&main) {
                return Err(invalid("main lcore: one of the lcores"));
            }
            arguments.extend(["--main-lcore".to_owned(), main.to_string()]);
        }
        Ok(arguments)
    }
}

fn invalid(what: &str) -> Error {
    Error::InvalidOption(what.to_owned())
}

/// The processors that this process may run on, as in "0-3,8".
fn allowed_cpus() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(str::trim).filter(|list| !list.is_empty()).unwrap_or("0").to_owned()
}

/// Free hugepages of all sizes, in MiB. EAL cannot be started a second time, so who wants hugepages only if there
/// are some looks here first. 0 where the kernel has none.
pub fn free_hugepages_mb() -> u64 {
    let Ok(sizes) = fs::read_dir("/sys/kernel/mm/hugepages") else { return 0 };
    sizes.flatten().map(|size| free_kb(&size.path()).unwrap_or(0)).sum::<u64>() / 1024
}

/// The free pages of one size, whose directory is named after it: "hugepages-2048kB".
fn free_kb(directory: &Path) -> Option<u64> {
    let size_kb: u64 =
        directory.file_name()?.to_str()?.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
    let free: u64 = fs::read_to_string(directory.join("free_hugepages")).ok()?.trim().parse().ok()?;
    size_kb.checked_mul(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_the_command_line_of_eal() {
        let options = EalOptions::new()
            .in_memory(true)
            .no_huge(true)
            .memory_mb(128)
            .lcores(&[1, 2])
            .main_lcore(2)
            .log_level(LogLevel::Debug)
            .force_max_simd_bitwidth(512)
            .iova_va(true)
            .telemetry(true)
            .file_prefix("lab")
            .vdev("net_null0,size=64")
            .allow("0000:3b:00.0");
        let line = options.arguments().unwrap().join(" ");
        assert_eq!(
            line,
            "-l 1,2 --main-lcore 2 --no-shconf --no-huge --iova-mode=va --log-level=8 -m 128 \
             --force-max-simd-bitwidth=512 --file-prefix=lab --vdev=net_null0,size=64 -a 0000:3b:00.0"
        );
    }

    #[test]
    fn in_memory_with_hugepages_is_an_option_of_its_own() {
        let arguments = EalOptions::new().in_memory(true).arguments().unwrap();
        assert!(arguments.contains(&"--in-memory".to_owned()), "{arguments:?}");
        assert!(!arguments.contains(&"--no-shconf".to_owned()), "{arguments:?}");
    }

    #[test]
    fn by_default_no_pci_device_is_taken_and_no_thread_is_pinned() {
        let arguments = EalOptions::new().arguments().unwrap();
        assert!(arguments.windows(2).any(|pair| pair == ["-a", NO_PCI_DEVICE]), "{arguments:?}");
        assert_eq!(arguments[..2], ["--lcores".to_owned(), format!("0@({})", allowed_cpus())]);
        assert!(arguments.contains(&"--no-telemetry".to_owned()), "{arguments:?}");
    }

    #[test]
    fn nonsense_is_refused_before_eal_sees_it() {
        for options in [
            EalOptions::new().memory_mb(0),
            EalOptions::new().force_max_simd_bitwidth(100),
            EalOptions::new().force_max_simd_bitwidth(32),
            EalOptions::new().lcores(&[0, 1]).main_lcore(2),
            EalOptions::new().file_prefix("a/b"),
        ] {
            assert!(matches!(options.arguments(), Err(Error::InvalidOption(_))), "{options:?}");
        }
    }
}
