# What the scripts need from Debian, and how it gets there. Sourced by quickstart and test.
# shellcheck shell=bash

# package            why
PACKAGES_BUILD="
build-essential      linker, C compiler for DPDK's inline functions, C++ for libFuzzer
pkg-config           finds the installed DPDK
libdpdk-dev          DPDK: headers, libraries, drivers
clang                compiles what bindgen writes for DPDK's inline functions
libclang-dev         bindgen reads DPDK's headers with it
"
PACKAGES_LAB="
iproute2             network namespaces, links, routes
ethtool              turns off the offloads that a veth has instead of a NIC
procps               sysctl
iputils-ping         is the path there?
tcpdump              the captures of every node
python3              the lab is written in it
"
PACKAGES_TEST="
python3-scapy        makes and checks the packets of the wire tests
"
PACKAGES_COUNT="
valgrind             callgrind counts instructions
"
PACKAGES_RIVALS="
dpdk-dev             dpdk-testpmd: what the seats of a bench cost by themselves
dpdk-doc             the sources of DPDK's example l3fwd
iproute2             the kernel's seat: network namespaces, links, routes
procps               sysctl
patch                changes of l3fwd that the seats need
"
# as_root COMMAND...: run it with root's rights.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this needs root, and there is no sudo: $*" >&2
        return 1
    fi
}

# install_missing LIST...: install those packages of the lists that are not there yet, and say why each.
install_missing() {
    local package why missing=()
    while read -r package why; do
        [ -n "$package" ] || continue
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            [ ${#missing[@]} -gt 0 ] || echo "Installing with apt-get:"
            printf '  %-18s %s\n' "$package" "$why"
            missing+=("$package")
        fi
    done <<<"$(printf '%s\n' "$@")"
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "there is no apt-get here: install the equal of these packages yourself" >&2
        return 1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# need_cargo: the one thing that is not installed for the user.
need_cargo() {
    # rustup's own place, which a shell without the user's profile does not have in its PATH.
    command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    command -v cargo >/dev/null || {
        echo "no cargo here: install the Rust toolchain first (https://rustup.rs)" >&2
        return 1
    }
}
