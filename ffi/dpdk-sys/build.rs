//! Finds the installed libdpdk, compiles the shim and generates the bindings against its headers.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The oldest release whose interface the shim is written for.
const OLDEST_DPDK: &str = "22.11";

/// The libraries that hold what is bound here. `rte_log` is part of `rte_eal` before release 23.11, so
/// only those that the installed release has are linked; drivers are plugins that EAL loads at start.
const LIBRARIES: [&str; 6] = ["rte_ethdev", "rte_mbuf", "rte_mempool", "rte_ring", "rte_eal", "rte_log"];

/// The libraries of the lookup tables, with the feature `lpm`; `rte_fib` needs `rte_rib`. A program that does not use
/// the tables does not need them at run time: rustc has the linker drop libraries without references.
const LPM_LIBRARIES: [&str; 3] = ["rte_fib", "rte_rib", "rte_lpm"];

/// What the bindings contain, besides the shim.
const FUNCTIONS: [&str; 22] = [
    "dpdk_shim_.*",
    "rte_eal_init",
    "rte_eal_cleanup",
    "rte_strerror",
    "rte_version",
    "rte_dev_probe",
    "rte_thread_register",
    "rte_thread_unregister",
    "rte_pktmbuf_pool_create_by_ops",
    "rte_mempool_free",
    "rte_mempool_avail_count",
    "rte_mempool_in_use_count",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_set_link_up",
    "rte_eth_dev_set_link_down",
    "rte_eth_promiscuous_.*",
    "rte_eth_allmulticast_.*",
    "rte_eth_stats_reset",
    "rte_eth_dev_socket_id",
];

fn main() {
    for file in ["shim.h", "shim.c", "lpm.h", "lpm.c"] {
        println!("cargo::rerun-if-changed=shim/{file}");
    }
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");

    let library = pkg_config::Config::new()
        .atleast_version(OLDEST_DPDK)
        .cargo_metadata(false)
        .probe("libdpdk")
        .unwrap_or_else(|error| {
            panic!("libdpdk {OLDEST_DPDK} or newer is needed (Debian: libdpdk-dev): {error}")
        });
    for path in &library.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    let flags = compiler_flags();
    let lpm = env::var_os("CARGO_FEATURE_LPM").is_some();
    build_shim("dpdk_shim", "shim/shim.c", &flags);
    if lpm {
        build_shim("dpdk_shim_lpm", "shim/lpm.c", &flags);
    }
    let lpm_libraries = if lpm { LPM_LIBRARIES.as_slice() } else { &[] };
    for name in lpm_libraries.iter().chain(&LIBRARIES) {
        if library.libs.iter().any(|installed| installed == name) {
            println!("cargo::rustc-link-lib=dylib={name}");
        }
    }
    generate_bindings(&flags, lpm);
}

/// All of pkg-config's compiler flags: the headers need `-include rte_config.h`, and the inline functions
/// the `-march` that libdpdk was built for, neither of which the pkg-config crate reports.
fn compiler_flags() -> Vec<String> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output = Command::new(&program)
        .args(["--cflags", "libdpdk"])
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} --cflags libdpdk failed");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

fn build_shim(name: &str, source: &str, flags: &[String]) {
    let mut build = cc::Build::new();
    build.file(source).include("shim").std("gnu11").opt_level(3).warnings(true).extra_warnings(true);
    for flag in flags {
        // DPDK's own headers are not ours to warn about.
        match flag.strip_prefix("-I") {
            Some(directory) => build.flag("-isystem").flag(directory),
            None => build.flag(flag),
        };
    }
    build.compile(name);
}

fn generate_bindings(flags: &[String], lpm: bool) {
    let mut builder = bindgen::Builder::default()
        .header("shim/shim.h")
        .clang_args(flags)
        .allowlist_recursively(true)
        .allowlist_type("dpdk_shim_.*")
        .opaque_type("rte_.*")
        .constified_enum("dpdk_shim_.*")
        .prepend_enum_name(false)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Unsigned)
        .layout_tests(false)
        .generate_comments(false)
        .derive_default(true)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()));
    if lpm {
        builder = builder.header("shim/lpm.h");
    }
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    // Only ever behind a pointer, and the release's own business: the offsets above reach what we need.
    for name in ["rte_mbuf", "rte_mbuf__.*", "rte_mempool", "rte_mempool__.*"] {
        builder = builder.blocklist_type(name);
    }
    let bindings = builder.generate().unwrap_or_else(|error| panic!("bindgen: {error}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bindings.rs");
    bindings.write_to_file(&out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}
