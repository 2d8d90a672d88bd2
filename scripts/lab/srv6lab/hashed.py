"""The HMAC TLV (RFC 8754, 2.1.2) on both sides."""

from dataclasses import replace

from lib import UDP_NH, udp

from .packets import (
    DRAFT_HMAC_FLAG, HMAC_TLV_OCTETS, IPV6, PARAMETER_PROBLEM, Sr, encaps, end, forwarded, hop6, insert, padding, udp6,
)  # fmt: skip
from .endpoints import error
from .headend import copied, listed, parsed, via
from .world import ENCAP_SOURCE, SOURCE, Group, policy, sid

KEYS = [(1, "secret"), (0x01020304, "a key of exactly 64 octets, as long as a block of SHA-256 is: ok")]
assert len(KEYS[1][1]) == 64
COUNTS = (1, 2, 3, 10)
REQUIRE = "net.ipv6.conf.up.seg6_require_hmac"


def signing():
    """Headends that add the TLV."""
    group = Group("hmac-made", hmac_keys=KEYS)
    for which, (number, secret) in enumerate(KEYS):
        for index, count in enumerate(COUNTS):
            for at, (mode, ours) in enumerate((("encap", "encap"), ("encap.red", "encap-red"), ("inline", "insert"))):
                if ours == "encap-red" and count == 1:
                    continue  # no SRH, hence no TLV
                subnet, name = f"2001:db8:2:6{which}{index}{at}", f"{ours}-{number}-{count}"
                keys = {} if ours == "insert" else {"hop_limit": "copy", "flow_label": "copy"}
                group.steer(
                    f"{subnet}::/64",
                    f"mode {mode} segs {listed(count)} hmac {number}",
                    policy(name, ours, via(count), hmac_key=number, **keys),
                    name,
                )
                octets = udp6(SOURCE, f"{subnet}::20", fl=0x777)
                if ours == "insert":
                    ours_made = forwarded(insert(parsed(octets), via(count)))
                    theirs = ours_made
                else:
                    make = {"reduced": ours == "encap-red", **copied(octets)}
                    ours_made = encaps(hop6(octets), IPV6, ENCAP_SOURCE, via(count), **make)
                    theirs = encaps(octets, IPV6, ENCAP_SOURCE, via(count), **make)
                out = ours_made.with_hmac(number, secret.encode())
                kernel = replace(theirs, flags=DRAFT_HMAC_FLAG).with_hmac(number, secret.encode(), d_bit=False)
                why = (
                    ["hmac-flag"] + ["inner-hop-limit"] * (ours != "insert") + ["hmac-reduced"] * (ours == "encap-red")
                )
                group.packet(
                    f"{mode} of {count}, key {number}",
                    octets,
                    [("dn", out.octets())],
                    kernel=[("dn", kernel.octets())],
                    why=why,
                )
    return group


def spoilt(packet, at):
    """One bit of the TLV's last octets wrong."""
    tlvs = bytearray(packet.tlvs)
    tlvs[at] ^= 1
    return replace(packet, tlvs=bytes(tlvs))


def checking():
    """End that verifies: the kernel where there is flag and TLV, mexfwd where there is a TLV; then: required."""
    group = Group("hmac-checked", hmac_keys=KEYS)
    here, strict = "fc00:1::1", "fc00:1::2"
    group.behavior(here, "End", sid(here, "End", hmac="verify"))
    group.behavior(strict, "End", sid(strict, "End", hmac="require"))
    for number, secret in KEYS:
        for count in COUNTS:
            for flag in (DRAFT_HMAC_FLAG, 0):
                check(group, here, number, secret.encode(), count, flag)
    plain = plain_packet(here, 2)
    group.packet("no TLV", plain.octets(), [("dn", end(plain).octets())])
    unknown = replace(plain, flags=DRAFT_HMAC_FLAG).with_hmac(99, b"whatever")
    group.packet("unknown key", unknown.octets(), [hmac_error(unknown)], kernel=[], why="hmac-error")
    reduced = replace(plain_packet(here, 1), flags=DRAFT_HMAC_FLAG).with_hmac(1, KEYS[0][1].encode(), d_bit=False)
    group.packet(
        "a reduced list without the D bit",
        reduced.octets(),
        [hmac_error(reduced)],
        kernel=[("dn", end(reduced).octets())],
        why="hmac-reduced",
    )
    # From here on the kernel requires one at the port, mexfwd at the SID.
    plain = plain_packet(strict, 2)
    group.packet("required and missing", plain.octets(), [], before=[f"{REQUIRE}=1"])
    number, secret = KEYS[0]
    good = replace(plain, flags=DRAFT_HMAC_FLAG).with_hmac(number, secret.encode())
    group.packet("required and right", good.octets(), [("dn", end(good).octets())])
    unflagged = plain.with_hmac(number, secret.encode())
    group.packet(
        "required and right, no flag", unflagged.octets(), [("dn", end(unflagged).octets())], kernel=[], why="hmac-flag"
    )
    bad = spoilt(good, -1)
    group.packet("required and wrong", bad.octets(), [hmac_error(bad)], kernel=[], why="hmac-error")
    return group


def plain_packet(here, count):
    segments = [f"fc00:2::{index + 1:x}" for index in range(count)]
    left = max(count - 1, 1)
    if left < count:
        segments[left] = here
    return Sr(SOURCE, here, UDP_NH, udp(SOURCE, segments[0], b"payload"), tuple(segments), left)


def hmac_error(packet):
    """(4,0), the pointer at the TLV, which is the last one."""
    return error("up", packet, PARAMETER_PROBLEM, 0, 40 + len(packet.srh()) - HMAC_TLV_OCTETS)


def check(group, here, number, secret, count, flag):
    flagged = "flag 0x08" if flag else "no flag"
    for tlvs in (b"", padding(8)):
        what = f"key {number}, {count} segments, {flagged}{', PadN before' if tlvs else ''}"
        good = replace(plain_packet(here, count), flags=flag, tlvs=tlvs).with_hmac(number, secret)
        group.packet(f"right, {what}", good.octets(), [("dn", end(good).octets())])
        for part, bad in (
            ("HMAC", spoilt(good, -1)),
            (
                "segment",
                replace(good, segments=(*good.segments[:-1], "fc00:2::bad"))
                if count != 1
                else replace(good, segments=("fc00:2::bad",)),
            ),
            ("source", replace(good, src="2001:db8:1::11")),
            ("key id", spoilt(good, -33)),
        ):
            kernel = [] if flag else [("dn", end(bad).octets())]
            group.packet(
                f"wrong {part}, {what}",
                bad.octets(),
                [hmac_error(bad)],
                kernel=kernel,
                why="hmac-error" if flag else "hmac-flag",
            )


GROUPS = [signing, checking]
